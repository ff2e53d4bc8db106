"""An answer without a request: a proxy doubled it, or a server closes its connection."""

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable

import aiohttp
import pytest
import uvloop
from aiohttp.client_proto import ResponseHandler
from alive import alive
from conftest import CHANGED, POINTS, change, fast, http, until
from talking_server import TalkingServer, answers, speaking, trust

from bonifiq_async import BasicCredentials, BonifiQClient, Effect, PoolLimits, Timeouts, Verdict
from bonifiq_async._model.evidence import Failure, HandOver
from bonifiq_async._policy.request import PreparedRequest
from bonifiq_async._transport.session import SessionManager

pytestmark = pytest.mark.usefixtures("way")
"""Everything here holds directly and by aiohttp's session."""

NO = b'{"HasError":true,"ErrorMessage":"no budget","Severity":2,"Result":null}'
LESS = POINTS.replace(b"10", b"77")
YES, DOUBLED = http(CHANGED), {True: http(CHANGED), False: http(POINTS)}
LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(params=["plain", "tls"])
def context(request, authority, monkeypatch) -> ssl.SSLContext | None:
    """The server's TLS context, or none; with TLS the client trusts its certificate."""
    if request.param == "plain":
        return None
    trust(authority, monkeypatch)
    return speaking(authority.issue_cert("localhost"))


Run = Callable[[TalkingServer, Callable[[], Awaitable[None]]], None]


@pytest.fixture(params=LOOPS)
def run(request) -> Run:
    """Run a coroutine function in each kind of event loop, until a server has seen all connections close."""

    def run(server: TalkingServer, main: Callable[[], Awaitable[None]]) -> None:
        async def until_closed() -> None:
            await main()
            await until(lambda: server.open_lines == 0)
            await asyncio.sleep(0.01)  # TLS receives it, too

        with asyncio.Runner(loop_factory=LOOPS[request.param]) as runner:
            runner.run(until_closed())

    return run


def client_of(server: TalkingServer, session: aiohttp.ClientSession | None = None) -> BonifiQClient:
    """Return a client of `server`."""
    limits = Timeouts(connect=5.0, attempt=5.0, call=20.0)
    return BonifiQClient(
        BasicCredentials("token", "secret-key"),
        base_url=server.url,
        retry=fast(),
        timeouts=limits,
        session=session,
    )


def replies(writes: bool) -> Callable[[bytes], bytes]:
    """Return answers: a good one to the first request, and another to each that follows."""
    asked = []

    def reply(body: bytes) -> bytes:
        asked.append(body)
        if len(asked) == 1:
            return DOUBLED[writes]
        return http(NO, status="400 Bad Request") if writes else http(LESS)

    return reply


@pytest.mark.parametrize("borrowed", [False, True], ids=["own session", "borrowed session"])
@pytest.mark.parametrize("writes", [True, False], ids=["POST", "GET"])
def test_a_doubled_answer_that_the_loop_has_not_read(writes, borrowed, context, run, caplog) -> None:
    """It is in the socket of a kept connection when the next request is written."""
    caplog.set_level(logging.WARNING, "bonifiq_async")

    async def main() -> None:
        session = aiohttp.ClientSession() if borrowed else None
        async with client_of(server, session) as client:
            if writes:
                assert (await client.outcome_of(change("K1"))).effect is Effect.APPLIED
                server.push(DOUBLED[True])
                outcome = await client.outcome_of(change("K2", customer="BIA"))
                assert (outcome.effect, len(outcome.attempts)) == (Effect.REFUSED, 1)
            else:
                assert (await client.customers.points("ANA")).cashback_balance == 10
                server.push(DOUBLED[False])
                assert (await client.customers.points("BIA")).cashback_balance == 77
        if session is not None:
            await session.close()

    with TalkingServer(replies(writes), context=context) as server:
        run(server, main)
        assert [line for line, _ in server.reached] == [0, 1]
    (said,) = caplog.messages
    assert "no request asked for" in said and "status 200" in said
    assert "secret" not in caplog.text and "Cashback" not in said


def test_the_end_of_a_kept_connection_that_the_loop_has_not_read_is_no_loss(context, run, caplog) -> None:
    """Nothing is written to a closed connection, and no answer is missed."""

    async def main() -> None:
        async with client_of(server) as client:
            assert (await client.outcome_of(change("K1"))).effect is Effect.APPLIED
            server.hang_up()
            outcome = await client.outcome_of(change("K2"))
            assert [attempt.verdict for attempt in outcome.attempts] == [Verdict.ACCEPTED]

    with TalkingServer(answers(CHANGED), context=context) as server:
        run(server, main)
    assert caplog.messages == []


UNASKED = {
    "an empty line": (b"\r\n", [0, 0], False),
    "a 408 to an idle connection": (
        http(b"", "Connection: close", status="408 Request Timeout"),
        [0, 1],
        False,
    ),
    "half an answer": (YES[:-5], [0, 1], True),
    "no HTTP": (b"\x00\x01\x02", [0, 1], True),
    "a line of its own": (b"hello?\r\n", [0, 1], True),
}


@pytest.mark.parametrize("writes", [True, False], ids=["POST", "GET"])
@pytest.mark.parametrize(("data", "lines", "logged"), UNASKED.values(), ids=UNASKED)
def test_what_comes_unasked(data, lines, logged, writes, context, run, caplog) -> None:
    """Empty lines mean nothing (RFC 9112, 9.2); a 408 says that the connection ends; the rest is logged."""

    async def main() -> None:
        async with client_of(server) as client:
            for number in (1, 2):
                if writes:
                    outcome = await client.outcome_of(change(str(number)))
                    assert [attempt.verdict for attempt in outcome.attempts] == [Verdict.ACCEPTED]
                else:
                    await client.customers.points("ANA")
                if number == 1:
                    server.push(data)

    with TalkingServer(answers(CHANGED if writes else POINTS), context=context) as server:
        run(server, main)
        assert [line for line, _ in server.reached] == lines
    assert len(caplog.messages) == logged


def test_an_answer_that_is_doubled_at_once(context, run, caplog) -> None:
    """The first on a new connection can only be the request's; its connection is not used again."""

    async def main() -> None:
        async with client_of(server) as client:
            for number in range(3):
                outcome = await client.outcome_of(change(str(number)))
                assert (outcome.effect, len(outcome.attempts)) == (Effect.APPLIED, 1)

    with TalkingServer(lambda _: YES + YES, context=context) as server:
        run(server, main)
        assert [line for line, _ in server.reached] == [0, 1, 2]
    assert len(caplog.messages) == 3


def test_two_answers_to_one_request_prove_nothing_on_a_connection_that_was_used(context, run, caplog) -> None:
    """The first of them may be an earlier change's; the key is sent again, on another connection."""

    def reply(body: bytes) -> bytes:
        asked.append(body)
        return {1: YES, 2: YES + refusal}.get(len(asked), refusal)

    async def main() -> None:
        async with client_of(server) as client:
            assert (await client.outcome_of(change("K1"))).effect is Effect.APPLIED
            outcome = await client.outcome_of(change("K2"))
            assert [attempt.verdict for attempt in outcome.attempts] == [Verdict.LOST, Verdict.REFUSED]
            assert outcome.effect is Effect.UNKNOWN

    asked, refusal = [], http(NO, status="400 Bad Request")
    with TalkingServer(reply, context=context) as server:
        run(server, main)
        assert [line for line, _ in server.reached] == [0, 0, 1]
    assert len([said for said in caplog.messages if "no request asked for" in said]) == 1


def test_an_answer_to_a_request_that_has_not_arrived(run, caplog) -> None:
    """It is in this machine's kernel, since the window of the other side is full: it was not read."""
    body = b" " * 30_000

    async def main() -> None:
        manager = SessionManager({}, timeouts=Timeouts(), pool=PoolLimits())
        first, second = (
            PreparedRequest("POST", server.url, "/", b"first"),
            PreparedRequest("POST", server.url, "/", body),
        )
        assert (await manager.attempt(first, 5.0, HandOver())).status == 200
        late = asyncio.create_task(manager.attempt(second, 5.0, HandOver()))
        await asyncio.sleep(0.05)
        server.push(YES)
        evidence = await late
        await manager.aclose()
        server.stop()
        assert (evidence.sent, evidence.status, evidence.failure) == (True, None, Failure.DISCONNECTED)

    with TalkingServer(answers(CHANGED), reads=1) as server:
        run(server, main)
    assert len(caplog.messages) == 1


def test_a_server_that_sends_first_is_not_tried_for_ever(run) -> None:
    """Each attempt takes one connection, whether its greeting arrives before the request or not."""

    async def main() -> None:
        async with client_of(server) as client:
            outcome = await client.outcome_of(change("K1"))
            assert {attempt.verdict for attempt in outcome.attempts} <= {Verdict.NOT_SENT, Verdict.LOST}

    with TalkingServer(answers(CHANGED), greeting=b"220 mail\r\n") as server:
        run(server, main)
        assert len(server.lines) == fast().max_attempts


async def test_a_call_cancelled_during_the_check_leaves_no_connection() -> None:
    """Neither in use nor kept."""
    before = {id(line) for line in alive(ResponseHandler)}
    with TalkingServer(answers(CHANGED)) as server:
        async with client_of(server) as client:
            await client.outcome_of(change("K1"))
            server.push(YES)
            call = asyncio.create_task(client.outcome_of(change("K2")))
            await asyncio.sleep(0)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            await until(lambda: {id(line) for line in alive(ResponseHandler)} <= before)
            assert len(server.reached) == 1
