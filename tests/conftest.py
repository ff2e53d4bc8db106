"""What the tests on the wire share: sandboxes, their clients, a virtual clock, a check for leftover tasks."""

import asyncio
import contextlib
import gc
import inspect
import os
import socket
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path

import aiohttp
import pytest
import trustme
from console import Console
from hypothesis import HealthCheck, settings

from bonifiq_async import BonifiQClient, CashbackChange, Raba7niClient, RetryPolicy, Timeouts
from bonifiq_async._delivery.delivery import Delivery
from bonifiq_async._delivery.single_flight import SingleFlight
from bonifiq_async._policy.history import Delivered
from bonifiq_async._policy.request import PreparedRequest, digest_of_kept
from bonifiq_async._provider import registry
from bonifiq_async._transport import aiohttp_parts
from bonifiq_async.ledger.memory import MemoryLedger
from bonifiq_async.ledger.protocol import BY_EFFECT, Ending, Intent
from bonifiq_async.sandbox import Raba7niSandbox, Sandbox
from bonifiq_async.sandbox.server import Server
from bonifiq_async.testing.virtual_time import VirtualClock as Clock

registry.PROVIDERS["miles"] = "third_provider"
"""The provider that is made up for the tests: wherever a test asks the registry, it takes part."""

settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""No property test fails because the machine is busy."""
settings.load_profile("any machine")
settings.register_profile("few", settings.get_profile("any machine"), max_examples=20)
"""Enough where each example need only be one of its kind: for the count of branches, and for fast tests."""


def pytest_configure(config: pytest.Config) -> None:
    """Try fewer examples of each property in the fast tests; the whole run tries all.

    The command speaks English, whatever the machine's locale. Compiled modules are kept, whatever the machine
    says: the tests start hundreds of processes, and each would compile the package anew.
    """
    os.environ["BONIFIQ_LANGUAGE"] = "en"
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    if config.option.markexpr == "not slow" and not config.getoption("hypothesis_profile", None):
        settings.load_profile("few")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests whose runs go on in the background, and take the longest."""
    items.sort(key=lambda item: item.path.name != "test_prove.py")


def pytest_collection_finish() -> None:
    """Exclude from garbage collection what lives as long as the session: all tests and their tables."""
    gc.freeze()


def fast(**settings: object) -> RetryPolicy:
    """Return a policy whose waits cost a test nothing."""
    return RetryPolicy(**{"base": 0.001, "cap": 0.01, **settings})


def client_for(sandbox: Sandbox, **settings: object) -> BonifiQClient:
    """Return a client of `sandbox` that retries fast; `settings` are those of the class."""
    return BonifiQClient(sandbox.credentials, **quick(sandbox) | settings)


def raba7ni_client_for(sandbox: Raba7niSandbox, **settings: object) -> Raba7niClient:
    """Return a client of `sandbox` that retries fast; `settings` are those of the class."""
    return Raba7niClient(sandbox.credentials, **quick(sandbox) | settings)


def quick(sandbox: Server) -> dict[str, object]:
    """Return the settings with which a test does not wait."""
    limits = Timeouts(connect=2.0, attempt=5.0, call=20.0)
    return {"base_url": sandbox.url, "retry": fast(), "timeouts": limits}


def delivery_of(client: BonifiQClient | Raba7niClient) -> Delivery:
    """Return the delivery whose permits, quota and hold the calls of `client` share."""
    return client._delivery


def change(key: str = "ADD-ANA-10-1", value: str = "10", customer: str = "ANA") -> CashbackChange:
    """Return a change; `value` is signed."""
    return CashbackChange(customer, Decimal(value), "Loyalty", key)


def claims_of(capacity: int = 1000) -> SingleFlight:
    """Return the keys of a client that remembers in memory."""
    return SingleFlight(MemoryLedger(capacity=capacity), "provider", "account", asyncio.sleep, shown=capacity)


async def once(
    claims: SingleFlight, request: PreparedRequest, deliver: object, *, seconds: float
) -> Delivered:
    """Claim and deliver `request` as a keyed change."""
    intent = Intent(
        "operation",
        request.key,
        digest_of_kept(request.method, request.path, request.kept),
        "ANA",
        Decimal(10),
        request.path,
        request.body or b"",
        claims.account,
    )
    claim = await claims.claim(intent, seconds=seconds, repeatable=True)
    if isinstance(claim, Delivered):
        return claim
    try:
        delivered = claim.ended or await deliver(claim.history, claim.seconds)
        return await claim.settle(delivered, Ending(BY_EFFECT[delivered.effect]))
    except BaseException:
        claim.abandon()
        raise


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for a condition that another thread or task makes true."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.001)


@pytest.fixture
def clock() -> Clock:
    """A virtual clock."""
    return Clock()


@pytest.fixture
def console(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Console:
    """A console in an empty folder, without settings."""
    for name in ("BONIFIQ_BASE_URL", "BONIFIQ_API_TOKEN", "BONIFIQ_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    return Console(monkeypatch, capsys, tmp_path)


@pytest.fixture
def served() -> Iterator[Callable[..., Server]]:
    """Start sandboxes of a given class; afterwards they are stopped and their threads have ended."""
    started: list[Server] = []

    def start(kind: type[Server], **settings: object) -> Server:
        started.append(kind(**settings).start())
        return started[-1]

    yield start
    for each in started:
        each.stop()
    assert [thread.name for thread in threading.enumerate() if thread.name == "sandbox"] == []


@pytest.fixture
def sandbox(served: Callable[..., Server]) -> Callable[..., Sandbox]:
    """Start sandboxes of BonifiQ with given settings."""
    return partial(served, Sandbox)


@pytest.fixture
def raba7ni(served: Callable[..., Server]) -> Callable[..., Raba7niSandbox]:
    """The same of the other provider."""
    return partial(served, Raba7niSandbox)


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """An authority of certificates, which a client may trust."""
    return trustme.CA()


@pytest.fixture(params=["directly", "by session"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways of a request, in turn: over a pooled connection, and by aiohttp's session."""
    if request.param == "directly":
        assert aiohttp.__version__ in aiohttp_parts.TRIED, "compare its session with what is done here"
    else:
        monkeypatch.setattr(aiohttp_parts, "TRIED", ())
    return request.param


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
async def raw_server() -> AsyncIterator[Callable[[Handler], Awaitable[str]]]:
    """Serve connections with a bare function; returns the base URL."""
    servers: list[asyncio.Server] = []
    talks: set[asyncio.Task[None]] = set()

    async def serve(handler: Handler) -> str:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            talks.add(asyncio.current_task())
            try:
                await handler(reader, writer)
            except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                pass  # the client closed, or the test has ended
            finally:
                writer.close()

        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        servers.append(server)
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    yield serve
    for server in servers:
        server.close()
    for talk in talks:
        talk.cancel()
    await asyncio.gather(*talks, return_exceptions=True)


@pytest.fixture
def deaf_url() -> Iterator[str]:
    """A loopback address where connecting neither succeeds nor fails: the listener's queue is full."""
    with socket.socket() as listener, contextlib.ExitStack() as full:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            caller = full.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


async def read_request(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Read one HTTP request; return its head and its body."""
    head = await reader.readuntil(b"\r\n\r\n")
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
    return head, await reader.readexactly(int(fields.get(b"content-length", b"0")))


def http(body: bytes, *fields: str, status: str = "200 OK") -> bytes:
    """Return an HTTP answer with a JSON body."""
    head = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body)}", *fields]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


CHANGED = b'{"HasError":false,"Severity":0,"Result":{"CustomerExists":true,"CashbackBalance":10}}'
"""A provider's success of a change, and a balance."""
POINTS = b'{"CustomerExists":true,"CashbackBalance":10}'


@pytest.fixture
async def _no_task_left() -> AsyncIterator[None]:
    yield
    left = asyncio.all_tasks() - {asyncio.current_task()}
    assert not left, f"tasks left over: {left}"


WATCHED = frozenset({"test_cancellation", "test_single_flight", "test_fast_path", "test_ledger"})
"""Where tasks are cancelled, threads call a loop and transports are used, the loop is in debug mode.

It finds a call from a wrong thread, and names a callback that blocks the loop. Everywhere, it would cost
about a third more.
"""


@pytest.fixture
async def _watched_loop() -> None:
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    loop.slow_callback_duration = 0.5  # in the log of a failing test; a busy machine fails no test


@pytest.fixture(autouse=True)
def _clean(request: pytest.FixtureRequest) -> None:
    """After each async test, no task but the current one is left."""
    if inspect.iscoroutinefunction(request.function):
        request.getfixturevalue("_no_task_left")
        if request.module.__name__ in WATCHED:
            request.getfixturevalue("_watched_loop")
