"""Mocks and instruments of aiohttp: no request bypasses them to the network."""

import asyncio
import contextlib
import logging
import warnings
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from unittest import mock

import aiohttp
import pook
import pytest
import vcr
import wrapt
from aiohttp import web
from aiohttp.helpers import TimerNoop
from aioresponses import aioresponses
from alive import parts
from attrs import frozen
from conftest import CHANGED, POINTS, change, fast
from multidict import CIMultiDict, CIMultiDictProxy
from talking_server import TalkingServer, answers

from bonifiq_async import (
    BasicCredentials,
    BonifiQClient,
    BonifiQError,
    Effect,
    NotAppliedError,
    PoolLimits,
    Timeouts,
)
from bonifiq_async._model.evidence import HandOver
from bonifiq_async._policy.request import PreparedRequest
from bonifiq_async._transport.fast_path import FastPath
from bonifiq_async._transport.session import SessionManager

SESSION, REQUEST, RESPONSE = aiohttp.ClientSession, aiohttp.ClientRequest, aiohttp.ClientResponse
CONNECTOR, BASE_CONNECTOR = aiohttp.TCPConnector, aiohttp.BaseConnector


@frozen
class Call:
    """A call of the client, and the verb of its request."""

    verb: str
    make: Callable[[BonifiQClient], Awaitable[object]]
    answer: bytes


async def write(client: BonifiQClient) -> object:
    """Make a new change."""
    write.made += 1
    return await client.customers.change_cashback(change(str(write.made)))


write.made = 0


CALLS = [
    Call("post", write, CHANGED),
    Call("get", lambda client: client.customers.points("ANA"), POINTS),
]
calls = pytest.mark.parametrize("call", CALLS, ids=lambda call: call.verb)


class Barred(Exception):
    """The error that a guard raises."""


async def barred(*_: object, **__: object) -> None:
    """Replace a method of aiohttp by one that raises."""
    raise Barred


def guard(wrapped: object, instance: object, args: tuple, kwargs: dict) -> None:
    """Wrap a method of aiohttp with wrapt: the wrapper looks like what it wraps."""
    raise Barred


@contextlib.contextmanager
def wrapped(owner: type, name: str, wrapper: Callable[..., object]) -> Iterator[None]:
    """Wrap a method of aiohttp as instruments do."""
    original = vars(owner)[name]
    setattr(owner, name, wrapt.FunctionWrapper(original, wrapper))
    try:
        yield
    finally:
        setattr(owner, name, original)


def in_its_place(_client: BonifiQClient, _call: Call) -> contextlib.AbstractContextManager:
    """Put a class that sends nothing in the place of aiohttp's session."""
    with warnings.catch_warnings(action="ignore"):  # aiohttp discourages it

        class Offline(aiohttp.ClientSession):
            async def _request(self, *_: object, **__: object) -> aiohttp.ClientResponse:
                raise Barred

    return mock.patch("aiohttp.ClientSession", Offline)


Tool = Callable[[BonifiQClient, Call], contextlib.AbstractContextManager]
"""Starts a mock; the client may have made its session already."""


def method(owner: type, name: str, **settings: object) -> Tool:
    """Replace one method of a class, where it is defined or where it is inherited."""
    return lambda _client, _call: mock.patch.object(owner, name, **settings)


def session_of(client: BonifiQClient) -> aiohttp.ClientSession:
    """Return the session of a client, which makes one if it has none."""
    [manager] = [part for part in parts(client) if isinstance(part, SessionManager)]
    return manager.ready()


def on_the_session(name: str) -> Tool:
    """Replace one method of the session of the client alone."""
    return lambda client, _: mock.patch.object(session_of(client), name, side_effect=Barred)


def pooked(_client: BonifiQClient, call: Call) -> contextlib.AbstractContextManager:
    """Mock the call by pook."""
    return pook.use()


TOOLS: dict[str, Tool] = {
    "mock.patch of request": method(SESSION, "request"),
    "mock.patch of the verb": lambda _, call: mock.patch.object(SESSION, call.verb),
    "mock.patch of the verb, autospec": lambda _, call: mock.patch.object(SESSION, call.verb, autospec=True),
    "mock.patch of _request": method(SESSION, "_request"),
    "mock.patch of _request that raises": method(SESSION, "_request", side_effect=barred),
    "mock.patch of _request with a function": method(SESSION, "_request", new=barred),
    "mock.patch of the session's request": on_the_session("request"),
    "mock.patch of the session's _request": on_the_session("_request"),
    "mock.patch of the session's verb": lambda client, call: on_the_session(call.verb)(client, call),
    "mock.patch of the connector's connect": lambda client, _: mock.patch.object(
        session_of(client).connector, "connect", side_effect=barred
    ),
    "mock.patch of TCPConnector.connect": method(CONNECTOR, "connect", new=barred),
    "mock.patch of BaseConnector.connect": method(BASE_CONNECTOR, "connect", new=barred),
    "mock.patch of ClientRequest.send": method(REQUEST, "send", new=barred),
    "mock.patch of ClientSession": lambda *_: mock.patch(
        "aiohttp.ClientSession", return_value=mock.MagicMock(close=mock.AsyncMock())
    ),
    "a class in the place of ClientSession": in_its_place,
    "mock.patch of ClientRequest.__init__": method(REQUEST, "__init__", side_effect=Barred),
    "wrapt around _request": lambda *_: wrapped(SESSION, "_request", guard),
    "wrapt around the verb": lambda _, call: wrapped(SESSION, call.verb, guard),
    "wrapt around connect": lambda *_: wrapped(BASE_CONNECTOR, "connect", guard),
    "aioresponses": lambda *_: aioresponses(),
    "vcrpy": lambda *_: vcr.use_cassette("nothing.yaml", record_mode="none"),
    "pook": pooked,
}
"""Each is a way to keep a test from the network."""


def client_of(server: TalkingServer, session: aiohttp.ClientSession | None = None) -> BonifiQClient:
    """Return a client that tries twice."""
    credentials = BasicCredentials("token", "key")
    return BonifiQClient(credentials, base_url=server.url, retry=fast(max_attempts=2), session=session)


@calls
@pytest.mark.parametrize("begun", [True, False], ids=["a kept connection", "a new client"])
@pytest.mark.parametrize("tool", TOOLS.values(), ids=TOOLS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning:unittest.mock")  # a mock's coroutine is not awaited
async def test_no_request_bypasses_a_mock(tool: Tool, begun: bool, call: Call, caplog, monkeypatch) -> None:
    """Applied before the client's first request or between two; afterwards requests are sent again."""
    straight, exchange = [], FastPath.exchange

    async def noted(self: FastPath, *given: object) -> None:
        straight.append(given)
        await exchange(self, *given)

    monkeypatch.setattr(FastPath, "exchange", noted)
    caplog.set_level(logging.INFO, "bonifiq_async")
    with TalkingServer(answers(call.answer)) as server:
        async with client_of(server) as client:
            if begun:
                await call.make(client)
            reached = len(server.reached)
            with tool(client, call), pytest.raises((BonifiQError, Barred)):
                await call.make(client)
            assert len(server.reached) == reached
            if begun:
                await call.make(client)
                assert len(server.reached) == reached + 1
                assert len(straight) == 2, "the first and the last"
    said = [text for text in caplog.messages if "fast path" in text]
    assert len(said) == len(set(said)) <= 2


INSTRUMENTED = {
    "_request, as ddtrace, newrelic and elastic-apm wrap it": (SESSION, "_request"),
    "connect, as ddtrace wraps it": (CONNECTOR, "connect"),
    "send": (REQUEST, "send"),
    "start of the response": (RESPONSE, "start"),
}


@calls
@pytest.mark.parametrize(("owner", "name"), INSTRUMENTED.values(), ids=INSTRUMENTED)
async def test_an_instrument_sees_every_request(owner: type, name: str, call: Call, monkeypatch) -> None:
    """Also of a session that existed before the instrument."""
    seen = []

    def instrument(wrapped: Callable, instance: object, args: tuple, kwargs: dict) -> object:
        seen.append(instance)
        return wrapped(*args, **kwargs)

    with TalkingServer(answers(call.answer)) as server:
        async with client_of(server) as client:
            await call.make(client)
            monkeypatch.setattr(owner, name, wrapt.FunctionWrapper(getattr(owner, name), instrument))
            for _ in range(3):
                await call.make(client)
        assert [line for line, _ in server.reached] == [0] * 4
    assert len(seen) == 3


@calls
async def test_a_trace_that_is_added_to_a_session_sees_every_request(call: Call) -> None:
    """OpenTelemetry and Sentry add theirs where a session is made; a program may do so later."""
    seen = []
    trace = aiohttp.TraceConfig()

    async def started(_: object, __: object, params: aiohttp.TraceRequestStartParams) -> None:
        seen.append(params.method)

    trace.on_request_start.append(started)
    with TalkingServer(answers(call.answer)) as server:
        async with client_of(server) as client:
            await call.make(client)
            trace.freeze()
            session_of(client).trace_configs.append(trace)
            await call.make(client)
    assert seen == [call.verb.upper()]


@calls
async def test_a_mock_nearer_to_the_wire_answers(call: Call, monkeypatch) -> None:
    """As pook does, which adds a middleware after all others (its own answers are none for aiohttp 3.14)."""
    real = aiohttp.ClientSession._request

    async def answering(request: aiohttp.ClientRequest, _: object) -> aiohttp.ClientResponse:
        loop, quiet = asyncio.get_running_loop(), mock.Mock(_reading_paused=False, output_size=0)
        response = aiohttp.ClientResponse(
            request.method,
            request.url,
            writer=None,
            continue100=None,
            timer=TimerNoop(),
            request_info=mock.Mock(),
            traces=[],
            loop=loop,
            session=mock.Mock(),
            stream_writer=quiet,
        )
        response.status, response._headers = 200, CIMultiDictProxy(CIMultiDict())
        response.content = aiohttp.StreamReader(quiet, 2**16, loop=loop)
        response.content.feed_data(call.answer)
        response.content.feed_eof()
        return response

    def request(self: aiohttp.ClientSession, *args: object, **named: object) -> Awaitable[object]:
        return real(self, *args, **{**named, "middlewares": (*named["middlewares"], answering)})

    monkeypatch.setattr(aiohttp.ClientSession, "_request", request)
    with TalkingServer(answers(call.answer)) as server:
        async with client_of(server) as client:
            assert await call.make(client)
        assert server.reached == []


@calls
async def test_a_cassette_of_vcrpy_is_recorded_and_played(call: Call, tmp_path: Path) -> None:
    """Recording reaches the server once, replaying does not. It has no credentials, as vcrpy advises."""
    cassette = tmp_path / "cassette.yaml"
    with TalkingServer(answers(call.answer)) as server:
        for mode in ("once", "none"):
            write.made = 0  # the same change
            async with client_of(server) as client:
                tape = vcr.use_cassette(str(cassette), record_mode=mode, filter_headers=["authorization"])
                with tape:
                    await call.make(client)
        assert len(server.reached) == 1
    assert "Basic" not in cassette.read_text("utf-8")


# --- sessions of the user's own ---

Middleware = Callable[[aiohttp.ClientRequest, aiohttp.ClientHandlerType], Awaitable[aiohttp.ClientResponse]]


async def forbidding(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> None:
    raise Barred


async def repeating(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    (await handler(request)).close()
    return await handler(request)


async def changing(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    await request.update_body(b"{}")
    return await handler(request)


async def naming(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    request.headers["X-Trace"] = "1"
    return await handler(request)


MIDDLEWARES = {
    "that forbids a write": (forbidding, "post", (0, False, None)),
    "that forbids a read": (forbidding, "get", (0, False, None)),
    "that changes a write": (changing, "post", (0, False, None)),
    "that names a write": (naming, "post", (1, True, 200)),
    "that names a read": (naming, "get", (1, True, 200)),
    "that repeats a write": (repeating, "post", (1, True, None)),
    "that repeats a read": (repeating, "get", (2, True, 200)),
}


@pytest.mark.parametrize(("middleware", "verb", "expected"), MIDDLEWARES.values(), ids=MIDDLEWARES)
async def test_a_middleware_of_a_borrowed_session_is_used(
    middleware: Middleware, verb: str, expected: tuple[int, bool, int | None]
) -> None:
    """It may be a mock, and must not be bypassed. It can neither repeat nor change a write."""
    with TalkingServer(answers(CHANGED)) as server:
        async with aiohttp.ClientSession(middlewares=(middleware,)) as session:
            manager = SessionManager({}, timeouts=Timeouts(), pool=PoolLimits(), borrowed=session)
            request = PreparedRequest(verb.upper(), server.url, "/", b"{ }" if verb == "post" else None)
            evidence = await manager.attempt(request, 5.0, HandOver())
        assert (evidence.requests, evidence.sent, evidence.status) == expected
        assert len(server.reached) == evidence.requests


class Refusing(aiohttp.TCPConnector):
    """A connector that makes no connection."""

    async def connect(self, *_: object, **__: object) -> aiohttp.connector.Connection:
        raise aiohttp.ClientConnectionError("no network in tests")


@calls
async def test_a_connector_of_the_users_own_is_used(call: Call) -> None:
    with TalkingServer(answers(call.answer)) as server:
        async with (
            aiohttp.ClientSession(connector=Refusing()) as session,
            client_of(server, session) as client,
        ):
            with pytest.raises(NotAppliedError):
                await call.make(client)
        assert server.reached == []


@calls
async def test_a_connector_that_replaces_aiohttps_is_used(call: Call, monkeypatch) -> None:
    """Under the name of aiohttp's, as `mock.patch("aiohttp.TCPConnector", ...)` does."""
    monkeypatch.setattr(aiohttp, "TCPConnector", Refusing)
    with TalkingServer(answers(call.answer)) as server:
        async with client_of(server) as client:
            with pytest.raises(NotAppliedError):
                await call.make(client)
        assert server.reached == []


async def test_the_client_of_pytest_aiohttp(aiohttp_client) -> None:
    """Its session may be borrowed: a server of the user's own replaces the provider."""

    async def reply(request: web.Request) -> web.Response:
        return web.Response(body=CHANGED, content_type="application/json")

    app = web.Application()
    app.router.add_post("/v1/pvt/Customer/ANA/cashback", reply)
    made = await aiohttp_client(app)
    url = str(made.make_url("")).rstrip("/")
    async with BonifiQClient(BasicCredentials("t", "k"), base_url=url, session=made.session) as client:
        assert (await client.outcome_of(change())).effect is Effect.APPLIED
