"""Deliveries over real sockets, by both handlers: each event handled once, and answered with its status."""

import asyncio
import gzip
import inspect
import logging
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from contracts import CONTRACTS
from one_test import one_test
from tracebacks import rendered
from webhook_servers import HANDLERS, SECRET, SIGNED, VERIFIER, by_aiohttp, by_asgi, event, post

from bonifiq_async import ConfigurationError, LedgerError, MemoryLedger, PayloadError, Runtime, SqliteLedger
from bonifiq_async.bonifiq.webhooks import receiver
from bonifiq_async.webhooks import WebhookEvent, WebhookReceiver, asgi_app, parse

Handle = Callable[[WebhookEvent], Awaitable[None]]
Deliver = Callable[..., Awaitable[int]]


class Handled:
    """Keeps the Uuids of the events that it was given; does to each what `then` does."""

    def __init__(self, then: Handle | None = None) -> None:
        self.uuids: list[str] = []
        self._then = then

    async def __call__(self, given: WebhookEvent) -> None:
        self.uuids.append(given.uuid)
        if self._then is not None:
            await self._then(given)


@pytest.fixture(params=HANDLERS)
async def serve(request) -> AsyncIterator[Callable[..., Awaitable[Deliver]]]:
    """Serve a receiver by one of the handlers; returns a function that delivers to it."""
    async with AsyncExitStack() as stack:

        async def start(handle: Handle, **settings: object) -> Deliver:
            made = WebhookReceiver(handle, VERIFIER, **settings)
            url = await stack.enter_async_context(HANDLERS[request.param](made))
            return lambda body, *fields, **more: post(url, body, *fields or (SIGNED,), **more)

        yield start


async def test_an_event_is_handled_once(serve) -> None:
    handled = Handled()
    deliver = await serve(handled)
    assert [await deliver(event(uuid)) for uuid in ("a", "a", "b", "a")] == [200] * 4
    assert handled.uuids == ["a", "b"]


async def test_the_handler_gets_the_event(serve) -> None:
    got = []

    async def keep(given: WebhookEvent) -> None:
        got.append(given)

    deliver = await serve(keep)
    assert await deliver(event()) == 200
    assert got == [parse(event())]


async def test_a_request_without_the_header_is_refused_unread(serve, caplog) -> None:
    handled = Handled()
    deliver = await serve(handled)
    assert [await deliver(event(), field) for field in ("x-other: a", f"{SIGNED}0", "X-SHOP-SECRET: ")] == [
        401
    ] * 3
    assert await deliver(b"no JSON", "x-other: a") == 401
    assert handled.uuids == []
    assert SECRET not in caplog.text and "x-shop-secret" in caplog.text


async def test_another_method_is_refused(serve) -> None:
    handled = Handled()
    deliver = await serve(handled)
    assert [await deliver(event(), method=method) for method in ("GET", "PUT")] == [405, 405]
    assert handled.uuids == []


HOSTILE = {
    "empty": b"",
    "no JSON": b"<xml/>",
    "deep": b"[" * 100_000,
    "twice": b'{"Uuid":"a","Uuid":"b","Topic":9}',
    "wrong type": event(payload='{"EarnedPoints":"7"}'),
    "UTF-16": event().decode().encode("utf-16"),
    "huge": b'{"Uuid":"a","Topic":9,"Payload":{"A":"' + b"a" * 2_000_000 + b'"}}',
}


async def test_a_hostile_body_is_a_400_and_one_line_of_the_log(serve, caplog) -> None:
    """Never a traceback; and the next event is handled."""
    handled = Handled()
    deliver = await serve(handled)
    assert {name: await deliver(body) for name, body in HOSTILE.items()} == dict.fromkeys(HOSTILE, 400)
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * len(HOSTILE)
    assert [record for record in caplog.records if record.exc_info or "\n" in record.getMessage()] == []
    assert (await deliver(event()), handled.uuids) == (200, ["u-1"])


async def test_an_event_that_failed_is_handled_at_its_next_delivery(serve, caplog) -> None:
    """The server logs the error and answers as for any handler, whatever its kind."""
    failures = [RuntimeError("out of order"), TimeoutError("the database's"), PayloadError("p", path="p")]
    failures += [ConnectionResetError("the database's"), LedgerError("the client's")]

    async def fail(_: WebhookEvent) -> None:
        if failures:
            raise failures.pop(0)

    handled = Handled(fail)
    deliver = await serve(handled)
    answered = [await deliver(event()) for _ in range(7)]
    assert [status >= 500 for status in answered[:5]] == [True] * 5  # of a TimeoutError aiohttp says 504
    assert answered[5:] == [200] * 2
    assert "not handled" not in caplog.text
    assert handled.uuids == ["u-1"] * 6


async def test_an_event_that_takes_too_long_is_cancelled_and_handled_at_its_next_delivery(
    serve, caplog
) -> None:
    ended = []

    async def hang(_: WebhookEvent) -> None:
        if not ended:
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(True)

    handled = Handled(hang)
    deliver = await serve(handled, within=0.05)
    assert [await deliver(event()) for _ in range(3)] == [503, 200, 200]
    assert (handled.uuids, ended) == (["u-1"] * 2, [True])
    assert "webhook u-1 not handled: 0.05 s were not enough" in caplog.text


async def test_a_body_that_does_not_come_is_not_waited_for(caplog) -> None:
    handled = Handled()
    async with by_aiohttp(WebhookReceiver(handled, VERIFIER, within=0.05)) as url:
        assert await post(url, b"", SIGNED, "Transfer-Encoding: chunked") in (400, 408)
    waiting = WebhookReceiver(handled, VERIFIER, within=0.05)

    async def never() -> bytes:
        await asyncio.Event().wait()
        raise AssertionError

    assert await waiting.answer(never) == 408
    assert handled.uuids == []


async def test_a_body_without_an_end_is_read_as_far_as_it_may_be(caplog) -> None:
    pieces = [b"a" * 65_536] * 6

    async def endless() -> bytes:
        return pieces.pop()

    assert await WebhookReceiver(Handled(), VERIFIER).answer(endless) == 400
    assert len(pieces) == 1


async def test_a_body_that_is_cut_is_a_400(caplog) -> None:
    """A connection that ends in it, and a compression that is cut or damaged: no traceback, either."""
    handled = Handled()
    packed = gzip.compress(event())
    cut, damaged = packed[:-20], packed[:20] + b"\xff" * 30 + packed[50:]
    async with by_aiohttp(WebhookReceiver(handled, VERIFIER)) as url:
        host, _, port = url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"POST / HTTP/1.1\r\nHost: shop\r\n{SIGNED}\r\nContent-Length: 500\r\n\r\n{{".encode())
        writer.write_eof()
        await reader.read()
        writer.close()
        bodies = (cut, damaged, packed)
        answered = [await post(url, body, SIGNED, "Content-Encoding: gzip") for body in bodies]
    assert (answered, handled.uuids) == ([400, 400, 200], ["u-1"])
    traced = [record.getMessage() for record in caplog.records if record.exc_info]
    assert traced in ([], ["Unhandled exception"])  # aiohttp's own: it reads on after the answer


async def test_a_sender_that_leaves_is_no_error() -> None:
    """While the body is read, and when the answer is due: ASGI servers may raise OSError then."""
    handled, sent = Handled(), []

    async def gone(message: dict[str, object]) -> None:
        sent.append(message.get("status"))
        raise OSError("gone")

    app = asgi_app(WebhookReceiver(handled, VERIFIER))
    pair = (b"x-shop-secret", SECRET.encode())
    scope = {"type": "http", "method": "POST", "headers": [pair]}
    for message in ({"type": "http.disconnect"}, {"type": "http.request", "body": event()}):

        async def receive(message: dict[str, object] = message) -> dict[str, object]:
            return message

        await app(scope, receive, gone)
    assert (handled.uuids, sent) == (["u-1"], [400, 200])


def test_a_framework_takes_the_application_for_one() -> None:
    """Starlette's `Route` calls a function with a request; a server asks whether `__call__` is awaited."""
    app = asgi_app(WebhookReceiver(Handled(), VERIFIER))
    assert not inspect.isroutine(app) and inspect.iscoroutinefunction(app.__call__)


@pytest.mark.parametrize("kind", ["lifespan", "websocket"])
async def test_other_scopes_are_refused(kind: str) -> None:
    app = asgi_app(WebhookReceiver(Handled(), VERIFIER))
    with pytest.raises(ValueError, match=kind):
        await app({"type": kind}, None, None)


async def test_a_failing_handler_shows_no_secret() -> None:
    """In a traceback with locals, in any frame of the library."""

    async def fail(_: WebhookEvent) -> None:
        raise RuntimeError("here")

    app = asgi_app(WebhookReceiver(fail, VERIFIER))

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": event()}

    def scope() -> dict[str, object]:
        return {"type": "http", "method": "POST", "headers": [(b"x-shop-secret", SECRET.encode())]}

    with pytest.raises(RuntimeError) as caught:
        await app(scope(), receive, None)
    text = rendered(caught.value)
    assert "on_asgi.py" in text and SECRET not in text


LEDGERS = {"memory": lambda _: MemoryLedger(), "a file": lambda folder: SqliteLedger(folder / "l")}


@pytest.mark.parametrize("ledger", LEDGERS.values(), ids=LEDGERS)
async def test_two_deliveries_at_once_are_one_event(serve, ledger, tmp_path) -> None:
    """The second waits for the first, and is acknowledged with it."""
    gate, waits = asyncio.Event(), []

    async def until_open(_: WebhookEvent) -> None:
        await gate.wait()

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        gate.set()
        await asyncio.sleep(0)

    handled = Handled(until_open)
    async with ledger(tmp_path) as kept:
        deliver = await serve(handled, ledger=kept, runtime=Runtime(sleep=sleep))
        assert await asyncio.gather(*(deliver(event()) for _ in range(3))) == [200] * 3
    assert handled.uuids == ["u-1"] and waits


async def test_an_event_in_a_file_is_known_after_a_restart(tmp_path) -> None:
    """Also to the other handler; and a cancelled one is free at once."""
    handled, began = Handled(), asyncio.Event()

    async def hang(_: WebhookEvent) -> None:
        began.set()
        await asyncio.Event().wait()

    async with (
        SqliteLedger(tmp_path / "l") as ledger,
        by_aiohttp(WebhookReceiver(handled, VERIFIER, ledger=ledger)) as url,
    ):
        assert await post(url, event("a"), SIGNED) == 200
        stopped = asyncio.create_task(WebhookReceiver(hang, VERIFIER, ledger=ledger).answer(once(event("b"))))
        await began.wait()
        stopped.cancel()
        await asyncio.wait([stopped])
        assert stopped.cancelled()
    async with (
        SqliteLedger(tmp_path / "l") as ledger,
        by_asgi(WebhookReceiver(handled, VERIFIER, ledger=ledger)) as url,
    ):
        assert [await post(url, event(uuid), SIGNED) for uuid in ("a", "b", "b")] == [200] * 3
    assert handled.uuids == ["a", "b"]
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert SECRET.encode() not in kept and b"EarnedPoints" not in kept


def once(body: bytes) -> Callable[[], Awaitable[bytes]]:
    """Return what reads a body in one piece."""
    pieces = [body, b""]

    async def read() -> bytes:
        return pieces.pop(0)

    return read


class Unwilling(MemoryLedger):
    """A ledger that fails at one of its questions."""

    def __init__(self, at: str, error: Exception | None = None) -> None:
        super().__init__()
        self._at = at
        self._error = error

    async def claim(self, *given: object, **named: object) -> object:
        if self._at == "claim":
            raise self._error
        return await super().claim(*given, **named)

    async def end(self, *given: object) -> bool:
        if self._at == "end" and self._error is None:
            await asyncio.Event().wait()
        if self._at == "end":
            raise self._error
        return await super().end(*given) and self._at != "fence"


async def test_an_event_that_cannot_be_claimed_is_not_handled(caplog, tmp_path) -> None:
    """Neither where the ledger is damaged nor where it is that of a client, which has money in it."""
    handled = Handled()
    async with SqliteLedger(tmp_path / "l") as of_a_client:
        await of_a_client.bind("bonifiq", "account=1")
        for ledger in (Unwilling("claim", LedgerError("it is full")), of_a_client):
            assert await WebhookReceiver(handled, VERIFIER, ledger=ledger).answer(once(event())) == 503
    assert handled.uuids == []
    assert (
        "u-1 not handled" in caplog.text
        and "it is full" in caplog.text
        and "of another account" in caplog.text
    )


@pytest.mark.parametrize(
    ("ledger", "why"),
    [
        (Unwilling("end", LedgerError("the disk is full")), "the disk is full"),
        (Unwilling("end"), "has not taken it"),
        (Unwilling("fence"), "another call has claimed it"),
    ],
    ids=["full", "slow", "overtaken"],
)
async def test_what_was_handled_is_acknowledged_though_it_cannot_be_noted(
    ledger, why, caplog, monkeypatch
) -> None:
    monkeypatch.setattr(receiver, "PATIENCE", 0.05)
    assert await WebhookReceiver(Handled(), VERIFIER, ledger=ledger).answer(once(event())) == 200
    assert "u-1 was handled" in caplog.text and why in caplog.text


async def async_none(_: object) -> None: ...


WRONG = {
    "a plain function": lambda: WebhookReceiver(print, VERIFIER),
    "a function of nothing": lambda: WebhookReceiver(asyncio.sleep, VERIFIER, within=-1),
    "a path": lambda: WebhookReceiver(async_none, VERIFIER, ledger="l"),
    "no time": lambda: WebhookReceiver(async_none, VERIFIER, within=0),
    "a text": lambda: WebhookReceiver(async_none, VERIFIER, within="5"),
    "longer than the provider waits": lambda: WebhookReceiver(async_none, VERIFIER, within=29),
    "for ever": lambda: WebhookReceiver(async_none, VERIFIER, within=float("inf")),
}


@one_test
@pytest.mark.parametrize("make", WRONG.values(), ids=WRONG)
def test_what_cannot_be_meant_is_refused(make: Callable[[], object]) -> None:
    with pytest.raises(ConfigurationError):
        make()


def test_the_default_leaves_time_before_the_provider_gives_up() -> None:
    facts = str(CONTRACTS["bonifiq"]["x-webhooks-facts"]["expected-answer"])
    assert f"within {receiver.DOCUMENTED:.0f} s" in facts
    assert receiver.WITHIN + receiver.PATIENCE < receiver.DOCUMENTED


def test_asgi_needs_no_aiohttp() -> None:
    """A program that serves by ASGI imports neither its server nor its client."""
    code = "import sys; from bonifiq_async.webhooks import asgi_app, parse, WebhookReceiver, Verifier; "
    shown = subprocess.check_output(
        [sys.executable, "-c", code + "print('aiohttp' in sys.modules)"], text=True
    )
    assert shown == "False\n"
