"""Connections, answers and the queue before them: what the transport must not do unseen by a call."""

import asyncio
import gzip
import random
import socket
import threading
import tracemalloc
import zlib
from collections.abc import Callable
from decimal import Decimal

import aiohttp
import pytest
from aiohttp import web
from aiohttp.client_proto import ResponseHandler
from alive import alive
from conftest import (
    CHANGED,
    POINTS,
    Clock,
    change,
    claims_of,
    client_for,
    delivery_of,
    fast,
    http,
    read_request,
    until,
)

from bonifiq_async import (
    BasicCredentials,
    BonifiQClient,
    ConfigurationError,
    Effect,
    NotAppliedError,
    OutcomeUnknownError,
    PayloadError,
    PoolLimits,
    Timeouts,
    Verdict,
)
from bonifiq_async._concurrency.limiter import Limiter
from bonifiq_async._delivery.calls import Calls
from bonifiq_async._policy.request import prepare
from bonifiq_async._transport.public_path import ANSWER_LIMIT, ERROR_LIMIT
from bonifiq_async.bonifiq import answers, operations
from bonifiq_async.bonifiq.answers import AnswerReader
from bonifiq_async.sandbox import FaultScript

pytestmark = pytest.mark.usefixtures("way")
"""Everything here holds directly and by aiohttp's session."""

CHANGE = change()
KEY = CHANGE.change_key
SECRET = BasicCredentials("token", "secret")
ONCE = fast(max_attempts=1)
TWICE = fast(max_attempts=2)
LIMITS = Timeouts(connect=2.0, attempt=5.0, call=20.0)


def to(url: str, **settings: object) -> BonifiQClient:
    """Return a client of a bare server."""
    settings = {"retry": fast(), "timeouts": LIMITS} | settings
    return BonifiQClient(SECRET, base_url=url, **settings)


async def attempts_of_a_read(client: BonifiQClient) -> tuple:
    """Read a balance; return the attempts also where it fails."""
    url, delivery = client.customers.prepared(CHANGE).base_url, delivery_of(client)
    request = prepare(operations.POINTS, url, {"id": "ANA"})
    calls = Calls(delivery, claims_of(), LIMITS)
    try:
        _, attempts = await calls.value(operations.POINTS, request, AnswerReader().read)
    except (NotAppliedError, PayloadError) as error:
        return error.attempts
    return attempts


# --- one loop, one life ---


def test_another_event_loop_is_refused_before_anything_is_sent(sandbox) -> None:
    server = sandbox()
    first, second = asyncio.new_event_loop(), asyncio.new_event_loop()
    client = client_for(server)
    try:
        first.run_until_complete(client.customers.points("ANA"))
        for call in (
            lambda: client.customers.points("ANA"),
            lambda: client.customers.change_cashback(CHANGE),
        ):
            with pytest.raises(ConfigurationError, match="another event loop") as caught:
                second.run_until_complete(call())
            assert caught.value.effect is Effect.NOT_APPLIED
        assert server.books.requests == 1
        assert client.in_doubt() == ()
        first.run_until_complete(client.customers.points("ANA"))  # the first loop is not disturbed
        assert server.books.requests == 2
    finally:
        first.run_until_complete(client.aclose())
        first.close()
        second.close()


@pytest.mark.parametrize("used", [False, True], ids=["never used", "used"])
async def test_a_closed_client_sends_nothing(used: bool, sandbox) -> None:
    server = sandbox()
    client = client_for(server)
    if used:
        await client.customers.points("ANA")
    await client.aclose()
    await client.aclose()
    for call in (client.customers.points("ANA"), client.customers.change_cashback(CHANGE)):
        with pytest.raises(ConfigurationError, match="closed"):
            await call
    assert server.books.requests == int(used)


async def test_a_borrowed_session_is_used_and_never_closed(sandbox) -> None:
    server = sandbox()
    async with aiohttp.ClientSession(headers={"X-Own": "1"}) as session:
        for number in range(2):
            async with client_for(server, session=session) as client:
                outcome = await client.customers.change_cashback(change(str(number)))
                assert outcome.effect is Effect.APPLIED
            assert not session.closed
            with pytest.raises(ConfigurationError, match="closed"):
                await client.customers.points("ANA")
    assert server.books.balance("ANA") == 20


async def test_a_borrowed_session_that_its_owner_closed(sandbox) -> None:
    session = aiohttp.ClientSession()
    client = client_for(sandbox(), session=session)
    await session.close()
    with pytest.raises(ConfigurationError, match="closed"):
        await client.customers.change_cashback(CHANGE)


async def test_no_request_queues_in_a_smaller_borrowed_pool(sandbox) -> None:
    server = sandbox(faults=FaultScript(["slow"] * 6))
    connector = aiohttp.TCPConnector(limit=2)
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        client_for(server, session=session) as client,
    ):
        assert delivery_of(client).limiter.limit == 2
        await asyncio.gather(*(client.customers.points("ANA") for _ in range(6)))


# --- what an HTTP client does on its own ---


@pytest.fixture
async def other_origin(raw_server) -> tuple[str, list[bytes]]:
    """A server that no request may reach, and what it received."""
    received: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head, body = await read_request(reader)
        received.append(head + body)
        writer.write(http(CHANGED))

    return await raw_server(listen), received


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status: int, raw_server, other_origin) -> None:
    elsewhere, received = other_origin
    requests = []

    async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            requests.append(await read_request(reader))
            writer.write(http(b"", f"Location: {elsewhere}/v1", status=f"{status} Elsewhere"))

    async with to(await raw_server(redirect)) as client:
        with pytest.raises(OutcomeUnknownError) as caught:
            await client.customers.change_cashback(CHANGE)
        assert (caught.value.status, caught.value.attempts[0].verdict) == (status, Verdict.UNREADABLE)
        assert client.in_doubt() == (KEY,)
        with pytest.raises(PayloadError):
            await client.customers.points("ANA")
        with pytest.raises(OutcomeUnknownError):
            await client.checkout.remove_cashback("ANA", "CART")
    assert len(requests) == 3
    assert received == []


async def test_cookies_are_not_kept(raw_server) -> None:
    heads = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            heads.append((await read_request(reader))[0].lower())
            writer.write(http(POINTS, "Set-Cookie: session=1; Path=/"))

    url = (await raw_server(answer)).replace(
        "127.0.0.1", "localhost"
    )  # no jar takes cookies of an IP address
    async with to(url) as client:
        for _ in range(3):
            await client.customers.points("ANA")
    assert len(heads) == 3
    assert not any(b"cookie" in head for head in heads)


@pytest.mark.parametrize("trusted", [False, True], ids=["by default", "with trust_env"])
async def test_a_proxy_of_the_environment(trusted: bool, other_origin, sandbox, monkeypatch) -> None:
    proxy, received = other_origin
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server = sandbox()
    async with client_for(server, trust_env=trusted) as client:
        await client.customers.change_cashback(CHANGE)
    assert (len(received), server.books.requests) == ((1, 0) if trusted else (0, 1))


async def test_a_netrc_of_the_environment_changes_no_credential(sandbox, monkeypatch, tmp_path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login user password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    server = sandbox()
    async with client_for(server) as client:
        assert (await client.customers.change_cashback(CHANGE)).effect is Effect.APPLIED


# --- answers that are too large, or no answers ---


async def _serve(app_handler: Callable, fixture_stack) -> str:
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", app_handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    fixture_stack.append(runner)
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    return f"http://127.0.0.1:{runner.addresses[0][1]}"


@pytest.fixture
async def app_server():
    """Serve one aiohttp handler; returns the base URL."""
    runners: list[web.AppRunner] = []

    async def serve(handler: Callable) -> str:
        return await _serve(handler, runners)

    yield serve
    for runner in runners:
        await runner.cleanup()


def _bomb(size: int) -> bytes:
    """Return `size` spaces, and JSON after them, deflated to a thousandth."""
    packer = zlib.compressobj(9, wbits=31)
    block = b" " * 1_048_576
    parts = [packer.compress(block) for _ in range(size // len(block))]
    return b"".join([*parts, packer.compress(CHANGED), packer.flush()])


BOMB = _bomb(64 * 1_048_576)
LARGE = {
    "by its length": (b" " * ANSWER_LIMIT + CHANGED, {}),
    "as a gzip bomb": (BOMB, {"Content-Encoding": "gzip"}),
}


@pytest.mark.parametrize(("body", "headers"), LARGE.values(), ids=LARGE.keys())
async def test_an_answer_that_is_too_large_is_refused_in_bounded_memory(body, headers, app_server) -> None:
    asked = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(await request.read())
        return web.Response(body=body, headers=headers, content_type="application/json")

    async with to(await app_server(answer)) as client:
        tracemalloc.start(1)
        try:
            with pytest.raises(OutcomeUnknownError) as caught:
                await client.customers.change_cashback(CHANGE)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert client.in_doubt() == (KEY,)
        assert len(caught.value.answer) <= 2_048
        with pytest.raises(PayloadError):
            await client.customers.points("ANA")
        assert delivery_of(client).limiter.active == 0
    assert len(asked) == 2  # not repeated: the next answer would be as large
    assert peak < 4 * ANSWER_LIMIT


async def test_an_answer_just_within_the_limit_is_read(app_server) -> None:
    async def answer(_: web.Request) -> web.Response:
        packed = gzip.compress(b" " * (ANSWER_LIMIT - len(CHANGED)) + CHANGED)
        return web.Response(
            body=packed, headers={"Content-Encoding": "gzip"}, content_type="application/json"
        )

    async with to(await app_server(answer)) as client:
        outcome = await client.customers.change_cashback(CHANGE)
    assert outcome.result.cashback_balance == Decimal(10)


async def test_a_large_history_is_read_beside_the_loop(app_server, monkeypatch) -> None:
    """The reading thread waits for a turn of the loop: within the loop it would wait for ever."""
    loop, came_round = asyncio.get_running_loop(), []
    line = {"Id": 1, "Amount": 10, "DateReceived": "2026-01-01T00:00:00Z", "BranchName": "Rua 1"}
    points = {"CustomerExists": True, "PointHistory": [line | {"Id": number} for number in range(10_000)]}

    def structure(*args: object, **named: object) -> object:
        turned = threading.Event()
        loop.call_soon_threadsafe(turned.set)
        came_round.append(turned.wait(5))
        return structured(*args, **named)

    structured = answers.structure
    monkeypatch.setattr(answers, "structure", structure)

    async def answer(_: web.Request) -> web.Response:
        return web.json_response(points)

    async with to(await app_server(answer)) as client:
        read = await client.customers.points("ANA")
    assert [line.id for line in read.point_history] == list(range(10_000))
    assert came_round
    assert all(came_round)


@pytest.mark.parametrize(
    ("size", "connections"), [(10, 1), (60_000, 1), (ERROR_LIMIT, 1), (500_000, 30)], ids=str
)
async def test_error_bodies_are_read_so_that_connections_are_kept(
    size: int, connections: int, raw_server
) -> None:
    opened, requests = [], []

    async def fail(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.append(writer)
        while True:
            requests.append(await read_request(reader))
            answer = http(b"x" * size, status="500 Internal Server Error")
            writer.write(answer[:-5])
            for _ in range(5):  # the rest comes when the first part has been read
                await asyncio.sleep(0)
            writer.write(answer[-5:])

    policy = fast(max_attempts=30, quota=1_000)
    async with to(await raw_server(fail), retry=policy) as client:
        with pytest.raises(OutcomeUnknownError) as caught:
            await client.customers.change_cashback(CHANGE)
    assert len(requests) == sum(attempt.requests for attempt in caught.value.attempts) == 30
    assert len(opened) == connections


@pytest.mark.parametrize("close", ["politely", "by reset"])
async def test_the_hidden_second_request_of_a_read_is_counted(close: str, way: str, raw_server) -> None:
    requests = []

    async def one_a_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await read_request(reader))
        writer.write(http(POINTS))
        requests.append(await read_request(reader))
        if close == "by reset":
            writer.transport.abort()

    async with to(await raw_server(one_a_connection)) as client:
        attempts = [attempt for _ in range(8) for attempt in await attempts_of_a_read(client)]
    assert len(requests) == sum(attempt.requests for attempt in attempts) == 15
    if way == "by session":
        assert {attempt.verdict for attempt in attempts} == {Verdict.ACCEPTED}
        assert [attempt.requests for attempt in attempts] == [1] + [2] * 7
    else:
        ends = [Verdict.ACCEPTED] + [Verdict.LOST, Verdict.ACCEPTED] * 7
        assert [attempt.verdict for attempt in attempts] == ends


async def test_a_change_on_a_stale_connection_is_sent_again_unchanged(raw_server) -> None:
    bodies, opened, effects = [], [], set()

    async def hangs_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.append(writer)
        bodies.append(await read_request(reader))
        effects.add(bodies[-1][1])
        writer.write(http(CHANGED))
        bodies.append(await read_request(reader))  # and closes without an answer

    async with to(await raw_server(hangs_up)) as client:
        await client.customers.change_cashback(change("first"))
        outcome = await client.customers.change_cashback(change("second"))
    assert [attempt.verdict for attempt in outcome.attempts] == [Verdict.LOST, Verdict.ACCEPTED]
    assert len(opened) == 2
    assert len(bodies) == 3
    assert bodies[1] == bodies[2]  # head and body, byte by byte
    assert len([body for body in effects if b'"second"' in body]) == 1


async def test_a_connection_that_broke_while_idle_is_no_loss(raw_server) -> None:
    requests, closed = [], asyncio.Event()

    async def hangs_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await read_request(reader))
        writer.write(http(CHANGED))
        await writer.drain()
        writer.close()
        closed.set()

    async with to(await raw_server(hangs_up)) as client:
        for number in range(5):
            closed.clear()
            outcome = await client.customers.change_cashback(change(str(number)))
            assert outcome.effect is Effect.APPLIED
            await closed.wait()
    assert {attempt.requests for attempt in outcome.attempts} == {1}
    assert len(requests) >= 5


# --- never sent, or lost ---


@pytest.fixture
def free_port() -> int:
    """A port without a listener."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class NoSuchHost(aiohttp.abc.AbstractResolver):
    """A resolver that finds nothing."""

    async def resolve(self, host: str, port: int = 0, family: int = socket.AF_INET) -> list:
        raise OSError(-2, "Name or service not known")

    async def close(self) -> None:
        """Nothing is open."""


async def _never_sent(client: BonifiQClient) -> None:
    with pytest.raises(NotAppliedError) as caught:
        await client.customers.change_cashback(CHANGE)
    assert caught.value.effect is Effect.NOT_APPLIED
    assert client.in_doubt() == ()
    for attempts in (caught.value.attempts, await attempts_of_a_read(client)):
        seen = [(attempt.verdict, attempt.sent, attempt.requests) for attempt in attempts]
        assert seen == [(Verdict.NOT_SENT, False, 0)] * 2
    with pytest.raises(NotAppliedError):
        await client.checkout.remove_cashback("ANA", "CART")
    assert delivery_of(client).limiter.active == 0


async def test_connection_refused_is_not_sent(free_port: int) -> None:
    async with to(f"http://127.0.0.1:{free_port}", retry=TWICE) as client:
        await _never_sent(client)


async def test_a_name_that_is_not_found_is_not_sent() -> None:
    connector = aiohttp.TCPConnector(resolver=NoSuchHost())
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        to("https://api.example.invalid", session=session, retry=TWICE) as client,
    ):
        await _never_sent(client)


async def test_tls_to_a_plain_port_is_not_sent(raw_server) -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    url = (await raw_server(plain)).replace("http:", "https:")
    async with to(url, retry=TWICE) as client:
        await _never_sent(client)


async def test_a_closed_tls_handshake_is_not_sent(raw_server) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)

    url = (await raw_server(silent)).replace("http:", "https:")
    async with to(url, retry=TWICE) as client:
        await _never_sent(client)


CONNECT_TIMES = {
    "the connect timeout ends it": Timeouts(connect=0.02, attempt=5.0),
    "the attempt timeout ends it": Timeouts(connect=5.0, attempt=0.02),
}


@pytest.mark.parametrize("timeouts", CONNECT_TIMES.values(), ids=CONNECT_TIMES.keys())
async def test_a_connection_that_hangs_is_not_sent(timeouts: Timeouts, deaf_url: str) -> None:
    async with to(deaf_url, retry=TWICE, timeouts=timeouts) as client:
        await _never_sent(client)


GARBAGE = {
    "no status line": b"220 mail ESMTP ready\r\n\r\n",
    "a status that is no number": b"HTTP/1.1 OK OK\r\n\r\n",
    "a header without a name": b"HTTP/1.1 200 OK\r\n: nothing\r\n\r\n",
    "a length that is no number": b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
    "a chunk that is no chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "a body that is not gzip": http(b"no gzip", "Content-Encoding: gzip"),
    "a header without an end": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000,
}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE.keys())
async def test_an_answer_that_is_not_http_is_lost(garbage: bytes, raw_server) -> None:
    requests = []

    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await read_request(reader))
        writer.write(garbage)
        await writer.drain()

    async with to(await raw_server(babble), retry=TWICE) as client:
        with pytest.raises(OutcomeUnknownError) as caught:
            await client.customers.change_cashback(CHANGE)
        assert [attempt.verdict for attempt in caught.value.attempts] == [Verdict.LOST] * 2
        assert [body for _, body in requests] == [requests[0][1]] * 2
        requests.clear()
        attempts = await attempts_of_a_read(client)
        assert sum(attempt.requests for attempt in attempts) == len(requests)
        assert {attempt.verdict for attempt in attempts} == {Verdict.LOST}


# --- the queue in front of the connections ---


async def test_the_queue_is_first_in_first_out() -> None:
    limiter, order = Limiter(3), []

    async def hold(number: int) -> None:
        assert await limiter.acquire(60)
        order.append(number)
        await asyncio.sleep(0)
        limiter.release()

    await asyncio.gather(*(hold(number) for number in range(50)))
    assert order == list(range(50))
    assert (limiter.active, limiter.waiting) == (0, 0)


@pytest.mark.parametrize("seed", range(3))
async def test_a_thousand_waiters_with_cancellations(seed: int) -> None:
    limiter, chance = Limiter(7), random.Random(seed)
    inside, widest, served, gave_up = 0, 0, 0, 0

    async def hold() -> None:
        nonlocal inside, widest, served, gave_up
        for _ in range(chance.randrange(3)):
            await asyncio.sleep(0)
        if not await limiter.acquire(chance.choice((60, 60, 60, 0.001, 0))):
            gave_up += 1
            return
        try:
            inside += 1
            widest = max(widest, inside)
            for _ in range(chance.randrange(3)):
                await asyncio.sleep(0)
            served += 1
        finally:
            inside -= 1
            limiter.release()

    tasks = [asyncio.create_task(hold()) for _ in range(1_000)]
    while not all(task.done() for task in tasks):
        chance.choice(tasks).cancel()
        await asyncio.sleep(0)
    cancelled = sum(task.cancelled() for task in tasks)
    assert widest == 7
    assert served + gave_up + cancelled >= 1_000
    assert cancelled > 0
    assert all(task.cancelled() or task.exception() is None for task in tasks)
    assert (limiter.active, limiter.waiting, inside) == (0, 0, 0)
    assert await limiter.acquire(0)  # no permit was lost: all seven are free
    assert all([await limiter.acquire(0) for _ in range(6)])
    assert not await limiter.acquire(0)


async def test_a_wave_of_cancelled_waiters_is_forgotten() -> None:
    limiter = Limiter(1)
    assert await limiter.acquire(1)
    first = asyncio.create_task(limiter.acquire(60))
    await asyncio.sleep(0)
    crowd = [asyncio.create_task(limiter.acquire(60)) for _ in range(500)]
    await asyncio.sleep(0)
    for waiter in crowd:
        waiter.cancel()
    await asyncio.wait(crowd)
    last = asyncio.create_task(limiter.acquire(60))
    await asyncio.sleep(0)
    assert limiter.waiting == 2
    limiter.release()
    assert await first
    limiter.release()
    assert await last
    limiter.release()
    assert (limiter.active, limiter.waiting) == (0, 0)


async def test_waiting_for_a_connection_is_no_network_timeout(app_server) -> None:
    async def slow(_: web.Request) -> web.Response:
        await asyncio.sleep(0.1)
        return web.Response(body=POINTS, content_type="application/json")

    url, limits = await app_server(slow), Timeouts(attempt=0.4, call=20.0)
    async with to(url, pool=PoolLimits(connections=2), timeouts=limits) as client:
        attempts = await asyncio.gather(*(attempts_of_a_read(client) for _ in range(12)))
    assert [[attempt.verdict for attempt in each] for each in attempts] == [[Verdict.ACCEPTED]] * 12
    waited = sorted(each[0].waited for each in attempts)
    assert waited[-1] > 0.4  # longer than an attempt may take, and distinguished from it
    assert max(each[0].elapsed for each in attempts) < 0.4


@pytest.mark.parametrize("deadline", [0.05, 1e-9], ids=["waits", "no time at all"])
async def test_a_queue_longer_than_the_deadline_is_reported_and_nothing_is_sent(
    deadline: float, sandbox
) -> None:
    server = sandbox(faults=FaultScript(["silence-before"]))
    async with client_for(server, pool=PoolLimits(connections=1)) as client:
        first = asyncio.create_task(client.customers.points("ANA"))
        await until(lambda: server.books.requests == 1)
        async with asyncio.timeout(2):
            with pytest.raises(NotAppliedError, match="deadline") as caught:
                await client.customers.change_cashback(CHANGE, deadline=deadline)
        assert (caught.value.effect, caught.value.attempts) == (Effect.NOT_APPLIED, ())
        assert client.in_doubt() == ()
        first.cancel()
        await asyncio.wait([first])
    assert server.books.requests == 1


async def test_a_call_without_any_time_sends_nothing_through_a_free_permit(sandbox) -> None:
    server = sandbox()
    async with client_for(server) as client:
        with pytest.raises(NotAppliedError, match="deadline"):
            await client.customers.change_cashback(CHANGE, deadline=1e-9)
        assert client.in_doubt() == ()
    assert server.books.requests == 0


async def test_a_deadline_covers_attempts_and_waits_together(sandbox) -> None:
    server = sandbox(faults=FaultScript(rate=1.0, among=["500-before"]))
    clock = Clock()
    policy = fast(base=1.0, cap=1.0, max_attempts=100)
    async with client_for(
        server, retry=policy, runtime=clock.runtime(), timeouts=Timeouts(call=10)
    ) as client:
        begun = clock.now
        with pytest.raises(OutcomeUnknownError, match="deadline") as caught:
            await client.customers.change_cashback(CHANGE, deadline=3.2)
        assert len(caught.value.attempts) == 7  # half a second apart
        assert clock.now <= begun + 3.2
        with pytest.raises(NotAppliedError, match="deadline") as caught:
            await client.customers.points("ANA")
        assert len(caught.value.attempts) == 20


async def test_an_attempt_is_cut_short_by_the_deadline(sandbox) -> None:
    server = sandbox(faults=FaultScript(["silence-after"]))
    async with client_for(server, timeouts=Timeouts(attempt=30.0, call=30.0)) as client:
        async with asyncio.timeout(5):
            with pytest.raises(OutcomeUnknownError) as caught:
                await client.customers.change_cashback(CHANGE, deadline=0.1)
        assert [attempt.verdict for attempt in caught.value.attempts] == [Verdict.LOST]
        assert client.in_doubt() == (KEY,)


@pytest.mark.parametrize("borrowed", [False, True], ids=["own session", "borrowed session"])
async def test_an_answer_without_a_request_is_no_answer(borrowed: bool, raw_server) -> None:
    """A proxy doubles an answer: the second stays on the connection and must not answer the next change."""
    reached: list[bytes] = []
    taken = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            _, body = await read_request(reader)
            reached.append(body)
            if len(reached) == 1:
                writer.write(http(CHANGED))
                await taken.wait()
                writer.write(http(CHANGED))
            else:
                no = b'{"HasError":true,"ErrorMessage":"no budget","Severity":2,"Result":null}'
                writer.write(http(no, status="400 Bad Request"))
            await writer.drain()

    url = await raw_server(handle)
    session = aiohttp.ClientSession() if borrowed else None
    async with BonifiQClient(BasicCredentials("t", "k"), base_url=url, session=session) as client:
        first = await client.outcome_of(change("K1", customer="bob"))
        lines = alive(ResponseHandler)
        taken.set()
        await until(lambda: any(line.should_close and line.is_connected() for line in lines))
        second = await client.outcome_of(change("K2", customer="ana"))
    if session is not None:
        await session.close()
    assert (first.effect, second.effect) == (Effect.APPLIED, Effect.REFUSED)
    assert len(reached) == 2
