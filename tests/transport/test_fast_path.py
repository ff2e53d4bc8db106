"""The fast path of a request writes and does the same as aiohttp's session."""

import asyncio
import os
import socket
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest
from aiohttp.client_proto import ResponseHandler
from alive import alive
from conftest import CHANGED, client_for, http, read_request
from witness import certificate

from bonifiq_async import PoolLimits, Timeouts
from bonifiq_async._model.evidence import Evidence, Failure, HandOver
from bonifiq_async._model.secret import Secret
from bonifiq_async._policy.request import PreparedRequest
from bonifiq_async._transport import aiohttp_parts
from bonifiq_async._transport.session import SessionManager

HEADERS = {"Authorization": "Basic dG9rZW4=", "X-App-Id": "app-é", "User-Agent": "bonifiq"}


def manager() -> SessionManager:
    """Return a session that the client owns."""
    headers = {name: Secret.kept(value) for name, value in HEADERS.items()}
    return SessionManager(headers, timeouts=Timeouts(connect=2.0), pool=PoolLimits(connections=2))


def write(url: str, body: bytes | None = b"{}", *headers: tuple[str, Secret]) -> PreparedRequest:
    """Return a request to `url`."""
    return PreparedRequest("GET" if body is None else "POST", url, "/a%2Fb?c=d%20e", body, headers=headers)


async def attempt(session: SessionManager, request: PreparedRequest, seconds: float = 5.0) -> Evidence:
    """Make one attempt of `request`."""
    return await session.attempt(request, seconds, HandOver())


@pytest.fixture
async def passes(monkeypatch) -> Callable[[float], None]:
    """Stop the clock of the loop; only the given seconds pass."""
    loop, now = asyncio.get_running_loop(), [asyncio.get_running_loop().time()]
    monkeypatch.setattr(loop, "time", lambda: now[0])
    return lambda seconds: now.__setitem__(0, now[0] + seconds)


async def turns() -> None:
    """Let the loop run what is due."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_request_that_has_ended_leaves_no_time_limit(passes, raw_server) -> None:
    """Its connection is kept, and the next request uses it."""
    received: list[list[bytes]] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append([])
        while True:
            received[-1].append(await read_request(reader))
            writer.write(http(CHANGED))

    session = SessionManager({}, timeouts=Timeouts(), pool=PoolLimits(keepalive=60.0))
    request = write(await raw_server(listen))
    for _ in range(2):
        assert (await attempt(session, request, 5.0)).status == 200
        passes(6.0)
        await turns()
    await session.aclose()
    assert [len(each) for each in received] == [2]


@pytest.mark.parametrize("seconds", [4.999, 5.0], ids=str)
async def test_a_request_has_the_time_it_was_given_and_no_more(seconds: float, passes, raw_server) -> None:
    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        passes(seconds)
        await turns()
        writer.write(http(CHANGED))

    session = manager()
    evidence = await attempt(session, write(await raw_server(listen)), 5.0)
    await session.aclose()
    assert (evidence.status, evidence.failure) == ((200, None) if seconds < 5 else (None, Failure.TIMEOUT))


@pytest.mark.parametrize("prefix", ["", "/prefix", "/pre%20fix/x"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"])
async def test_both_paths_write_the_same(prefix: str, host: str, monkeypatch) -> None:
    """Request line, headers and body, to any base URL and with any text that validation accepts."""
    received: list[tuple[bytes, list[bytes], bytes]] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head, body = await read_request(reader)
        line, *fields = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
        received.append((line, sorted(fields), body))
        writer.write(http(CHANGED, "Connection: close"))
        writer.close()

    family = socket.AF_INET6 if host == "[::1]" else socket.AF_INET
    if family is socket.AF_INET6 and not _speaks_ipv6():
        pytest.skip("this machine has no ::1")
    server = await asyncio.start_server(listen, host.strip("[]"), 0, family=family)
    url = f"http://{host}:{server.sockets[0].getsockname()[1]}{prefix}"
    requests = [
        write(url),
        write(url, None),
        write(url, "é".encode() * 5_000, ("X-Member-Token", Secret("ação \N{PILE OF POO}"))),
    ]
    for tried in (aiohttp_parts.TRIED, ()):
        monkeypatch.setattr(aiohttp_parts, "TRIED", tried)
        session = manager()
        for request in requests:
            evidence = await attempt(session, request)
            assert (evidence.status, evidence.body, evidence.requests) == (200, CHANGED, 1)
        await session.aclose()
    server.close()
    await server.wait_closed()
    assert received[:3] == received[3:]
    assert received[0][0] == f"POST {prefix}/a%2Fb?c=d%20e HTTP/1.1".encode()


def _speaks_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("text", ["a\r\nX-Evil: 1", "a\nb", "a\rb", "a\0b", "a\x1bb", "a\x7fb"], ids=repr)
async def test_a_value_that_would_make_two_headers_is_not_sent(text: str, raw_server) -> None:
    """What validation does not see, as a secret made by other means, does not reach the wire."""
    received: list[object] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await read_request(reader))
        writer.write(http(CHANGED))

    session, secret = manager(), Secret.kept(text)
    evidence = await attempt(session, write(await raw_server(listen), b"{}", ("X-Member-Token", secret)))
    await session.aclose()
    assert (evidence.sent, evidence.requests, evidence.failure) == (False, 0, Failure.LOCAL)
    assert not received
    assert text not in repr(evidence)


@pytest.mark.usefixtures("way")
@pytest.mark.filterwarnings("ignore:Sending a large body")
@pytest.mark.parametrize("status", [200, 413])
async def test_an_answer_to_half_a_request_proves_nothing(status: int, raw_server) -> None:
    """The server cannot have read the change, and the next bytes on the connection would be its rest."""
    over = asyncio.Event()

    async def hasty(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(http(CHANGED, status=f"{status} Early"))
        await over.wait()

    session, before = manager(), set(map(id, alive(ResponseHandler)))
    evidence = await attempt(session, write(await raw_server(hasty), b" " * 30_000_000))
    assert {id(line) for line in alive(ResponseHandler) if line.is_connected()} <= before
    over.set()
    await session.aclose()
    assert (evidence.sent, evidence.status, evidence.failure) == (True, None, Failure.DISCONNECTED)


async def test_a_trace_of_the_session_sees_the_request(sandbox, monkeypatch) -> None:
    """Instrumentation adds its trace to every new session: it is not bypassed."""
    seen: list[str] = []
    trace = aiohttp.TraceConfig()

    async def started(_: object, __: object, params: aiohttp.TraceRequestStartParams) -> None:
        seen.append(params.method)

    trace.on_request_start.append(started)
    made = aiohttp.ClientSession.__init__

    def traced(self: aiohttp.ClientSession, *args: object, **named: object) -> None:
        made(self, *args, trace_configs=[trace], **named)

    monkeypatch.setattr(aiohttp.ClientSession, "__init__", traced)
    async with client_for(sandbox()) as client:
        await client.customers.points("ANA")
    assert seen == ["GET"]


@pytest.mark.usefixtures("way")
async def test_a_session_closed_while_it_connects_has_sent_nothing(deaf_url: str) -> None:
    """There was no connection: nothing was sent, and no task waits for it."""
    session = manager()
    attempted = asyncio.create_task(attempt(session, write(deaf_url)))
    await asyncio.sleep(0.02)
    async with asyncio.timeout(1):
        await session.aclose()
        evidence = await attempted
    assert (evidence.sent, evidence.status) == (False, None)


@pytest.mark.usefixtures("way")
async def test_a_session_closed_in_the_middle_of_an_answer(raw_server) -> None:
    """What arrived is no whole answer."""
    begun = asyncio.Event()

    async def halts(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(http(CHANGED)[:-5])
        begun.set()
        await reader.read()

    session = manager()
    attempted = asyncio.create_task(attempt(session, write(await raw_server(halts))))
    await begun.wait()
    await asyncio.sleep(0.02)
    async with asyncio.timeout(1):
        await session.aclose()
        evidence = await attempted
    assert (evidence.sent, evidence.failure) == (True, Failure.DISCONNECTED)


class Yielding(HandOver):
    """Allows a send as often as it was given."""

    def __init__(self, *may: bool) -> None:
        self._may = iter(may)

    def may_send(self) -> bool:
        may = next(self._may)
        self.withheld = self.withheld or not may
        return may


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("body", [None, b"{}"], ids=["a read", "a write"])
async def test_a_request_that_may_not_be_sent_gives_its_connection_back(
    body: bytes | None, raw_server
) -> None:
    """A new connection and a kept one: nothing is written, and the next request uses it."""
    received: list[object] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            received.append((id(writer), (await read_request(reader))[1]))
            writer.write(http(CHANGED))

    session, url = manager(), await raw_server(listen)
    for count in (0, 1):
        evidence = await session.attempt(write(url, body), 5.0, Yielding(False))
        assert (evidence.sent, evidence.requests, evidence.status) == (False, 0, None)
        assert len(received) == count
        assert (await attempt(session, write(url, body))).status == 200
    await session.aclose()
    assert len({connection for connection, _ in received}) == 1


async def test_a_read_that_aiohttp_may_not_repeat_is_sent_once(raw_server, monkeypatch) -> None:
    """Its kept connection breaks, and a hold has begun meanwhile."""
    monkeypatch.setattr(aiohttp_parts, "TRIED", ())
    received: list[object] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await read_request(reader))
        writer.write(http(CHANGED))
        received.append(await read_request(reader))
        writer.close()

    session, url = manager(), await raw_server(listen)
    assert (await attempt(session, write(url, None))).status == 200
    evidence = await session.attempt(write(url, None), 5.0, Yielding(True, False))
    await session.aclose()
    assert (evidence.sent, evidence.requests, evidence.failure) == (True, 1, Failure.DISCONNECTED)
    assert len(received) == 2


TLS_TALK = """
import asyncio, ssl, sys
from bonifiq_async import PoolLimits, Timeouts
from bonifiq_async._transport import aiohttp_parts
from bonifiq_async._model.evidence import HandOver
from bonifiq_async._policy.request import PreparedRequest
from bonifiq_async._transport.session import SessionManager

async def listen(reader, writer):
    for _ in range(2):
        await reader.readuntil(b"\\r\\n\\r\\n{}")
        writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\n{}")
    writer.close()

async def main():
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain("server.pem")
    server = await asyncio.start_server(listen, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    for tried in (aiohttp_parts.TRIED, ()):
        aiohttp_parts.TRIED = tried
        session = SessionManager({}, timeouts=Timeouts(connect=2.0), pool=PoolLimits())
        for host in ("localhost", "localhost", "127.0.0.1"):
            request = PreparedRequest("POST", f"https://{host}:{port}", "/", b"{}")
            evidence = await session.attempt(request, 5.0, HandOver())
            print(host, evidence.sent, evidence.status, evidence.failure and evidence.failure.name)
        await session.aclose()
    server.close()

asyncio.run(main())
"""


@pytest.mark.slow
def test_a_certificate_is_checked_before_anything_is_sent(tmp_path: Path) -> None:
    """One for `localhost` is valid for `localhost`, on a kept connection, and for no other name."""
    certificate(tmp_path)
    said = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(TLS_TALK)],
        cwd=tmp_path,
        env={**os.environ, "SSL_CERT_FILE": str(tmp_path / "authority.pem")},
        check=True,
        capture_output=True,
        text=True,
        timeout=30,
    )
    once = ["localhost True 200 None", "localhost True 200 None", "127.0.0.1 False None UNTRUSTED"]
    assert said.stdout.splitlines() == once * 2
    assert "Traceback" not in said.stderr or "SSL" in said.stderr
