"""No request is sent within a hold: over real sockets, by the time at which each first byte arrived."""

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from attrs import define, field
from conftest import delivery_of, fast, http, until
from sides import Client, Side, side_of, sides
from witness import HeadSent, Witness, at, certificate, delaying, good, serving, trusting

from bonifiq_async import CashbackBatch, Effect, FlowControl, Outcome, RetryAfterTooLong, Timeouts
from bonifiq_async._transport import session
from bonifiq_async._transport.connector import KeptConnector

BONIFIQ = side_of("bonifiq")
ASKED = 1
HOLD = http(b"{}", f"Retry-After: {ASKED}", status="429 Too Many Requests")
every_side = pytest.mark.parametrize("side", sides(), ids=lambda side: side.name)
kinds = pytest.mark.parametrize("kind", ["change", "read", "batch"])


async def calls(side: Side, client: Client, kind: str, count: int) -> list[object]:
    """Make `count` calls at once; return outcomes, answers and errors."""
    if kind == "batch":
        flow = FlowControl(max_in_flight=count, initial=count)
        rows = [side.change(f"order-{number}", customer=number + 1) for number in range(count)]
        return [outcome async for outcome in CashbackBatch(client, flow=flow).run(rows)]
    made = [
        side.read(client)
        if kind == "read"
        else side.make(client, side.change(f"order-{number}", customer=number + 1))
        for number in range(count)
    ]
    return await asyncio.gather(*made, return_exceptions=True)


def is_held(client: Client) -> bool:
    """Say whether the provider has asked the client to wait."""
    return delivery_of(client).hold.until > float("-inf")


def none_within_the_hold(witness: Witness, received: HeadSent) -> None:
    """Check that none of the requests after the first arrived before the hold was over."""
    early = [arrival - received.at for arrival in witness.arrivals[1:] if arrival < received.at + ASKED]
    assert not early, f"{len(early)} of {len(witness.arrivals)} came {early} s after the head of the answer"


def all_went_well(side: Side, results: list[object], *, asked: int) -> None:
    """Check that each call took one request; the one asked to wait is unknown, or took two."""
    outcomes = [result for result in results if isinstance(result, Outcome)]
    assert not [result for result in results if isinstance(result, BaseException)]
    effects = [outcome.effect for outcome in outcomes]
    unknown = asked if outcomes and not side.repeats else 0
    assert effects.count(Effect.APPLIED) == len(effects) - unknown
    attempts = sorted(len(outcome.attempts) for outcome in outcomes)
    assert attempts == sorted([1] * (len(outcomes) - asked) + [1 + side.repeats] * (asked if outcomes else 0))


@pytest.mark.slow
@pytest.mark.usefixtures("way")
@every_side
@kinds
async def test_a_hold_begins_with_the_head_of_the_answer(side: Side, kind: str) -> None:
    """The body comes slowly; calls that begin meanwhile wait."""
    received, over = HeadSent(), asyncio.Event()

    async def answer(number: int, head: bytes) -> AsyncIterator[bytes]:
        if number:
            yield good(head)
            return
        received.now()
        yield HOLD[:-2]
        await over.wait()
        yield HOLD[-2:]

    witness = Witness(answer)
    async with (
        serving(witness.talk) as port,
        side.client(at(f"http://127.0.0.1:{port}", side)) as client,
    ):
        first = asyncio.create_task(calls(side, client, "read", 1))
        await until(functools.partial(is_held, client), 2.0)
        others = asyncio.create_task(calls(side, client, kind, 40))
        await asyncio.sleep(ASKED / 4)
        over.set()
        results = [*await first, *await others]
    all_went_well(side, results, asked=0)
    assert len(witness.arrivals) == 42
    none_within_the_hold(witness, received)


@pytest.mark.slow
@pytest.mark.usefixtures("way")
@every_side
async def test_one_wait_holds_two_batches_and_single_calls(side: Side) -> None:
    """It is asked of one of them while all are at work."""
    received = HeadSent()

    async def answer(number: int, head: bytes) -> AsyncIterator[bytes]:
        if number == 30:
            received.now()
            yield HOLD
        else:
            await asyncio.sleep(0.01)
            yield good(head)

    witness = Witness(answer)
    async with (
        serving(witness.talk) as port,
        side.client(at(f"http://127.0.0.1:{port}", side)) as client,
    ):
        both = [asyncio.create_task(batch_of(side, client, first, 200)) for first in (1, 1_001)]
        singles = [asyncio.create_task(calls(side, client, "read", 20))]
        results = await asyncio.gather(*both, *singles)
    late = [arrival - received.at for arrival in witness.arrivals if arrival > received.at]
    assert sum(seconds < ASKED for seconds in late) <= 1 + 16 + 20  # of what was under way
    assert min(seconds for seconds in late if seconds >= ASKED / 2) >= ASKED
    assert [len(result) for result in results] == [200, 200, 20]


async def batch_of(side: Side, client: Client, first: int, count: int) -> list[Outcome]:
    """Make so many changes of customers from `first` on, eight at once."""
    rows = [side.change(f"order-{number}", customer=number) for number in range(first, first + count)]
    flow = FlowControl(max_in_flight=8, initial=8)
    return [outcome async for outcome in CashbackBatch(client, flow=flow).run(rows)]


BRIEF = 0.1


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("status", [302, 403, 408, 409, 413, 425, 500, 502, 504], ids=str)
async def test_a_wait_is_kept_by_all_whatever_the_status(status: int) -> None:
    """Both paths of a request read it from the head."""
    received = HeadSent()

    async def answer(number: int, head: bytes) -> AsyncIterator[bytes]:
        if number == 0:
            received.now()
            yield http(b"{}", f"Retry-After: {BRIEF}", "retry-after-ms: 10", status=f"{status} No")
        else:
            yield good(head)

    witness = Witness(answer)
    async with (
        serving(witness.talk) as port,
        BONIFIQ.client(at(f"http://127.0.0.1:{port}", BONIFIQ)) as client,
    ):
        first = asyncio.create_task(calls(BONIFIQ, client, "read", 1))
        await until(functools.partial(is_held, client), 2.0)
        await asyncio.gather(first, calls(BONIFIQ, client, "change", 5))
    assert len(witness.arrivals) in (6, 7)
    assert min(witness.arrivals[1:]) >= received.at + BRIEF


@define
class Handshakes:
    """TLS handshakes: the first ends when `count` have begun, the others when it was answered."""

    count: int
    begun: int = 0
    all_begun: asyncio.Event = field(factory=asyncio.Event)
    asked: asyncio.Event = field(factory=asyncio.Event)

    async def lets(self, number: int) -> None:
        """Return when the handshake of a connection may go on."""
        self.begun += 1
        if self.begun == self.count:
            self.all_begun.set()
        if number < self.count:
            await (self.asked if number else self.all_begun).wait()


@contextlib.asynccontextmanager
async def slow(
    handshakes: Handshakes, folder: Path, received: HeadSent
) -> AsyncIterator[tuple[str, Witness]]:
    """Serve TLS with such handshakes; the first request is asked to wait."""

    async def answer(number: int, head: bytes) -> AsyncIterator[bytes]:
        if number == 0:
            received.now()
        yield good(head) if number else HOLD

    witness = Witness(answer)
    async with serving(witness.talk, certificate(folder)) as port, delaying(port, handshakes.lets) as front:
        yield f"https://localhost:{front}", witness


def trust(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have clients trust the certificate in `folder`."""

    class Trusting(KeptConnector):
        def __init__(self, **settings: float) -> None:
            super().__init__(**settings)
            self._ssl = trusting(folder)

    monkeypatch.setattr(session, "KeptConnector", Trusting)


@pytest.mark.slow
@pytest.mark.usefixtures("way")
@every_side
@kinds
async def test_nothing_is_written_when_a_hold_came_during_the_handshake(
    side: Side, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight calls connect; one is asked to wait before the others are ready: they wait, and lose nothing."""
    received, handshakes = HeadSent(), Handshakes(8)
    async with slow(handshakes, tmp_path, received) as (url, witness):
        trust(tmp_path, monkeypatch)
        async with side.client(at(url, side)) as client:
            made = asyncio.create_task(calls(side, client, kind, 8))
            await until(functools.partial(is_held, client))
            handshakes.asked.set()
            results = await made
    all_went_well(side, results, asked=1)
    assert len(witness.arrivals) == 8 + (side.repeats or kind == "read")
    none_within_the_hold(witness, received)
    assert witness.connections == 8  # none was closed for it


@pytest.mark.slow
@every_side
@kinds
async def test_a_borrowed_session_writes_nothing_within_a_hold(side: Side, kind: str, tmp_path: Path) -> None:
    """It gets its connections back."""
    received, handshakes = HeadSent(), Handshakes(8)
    async with slow(handshakes, tmp_path, received) as (url, witness):
        connector = aiohttp.TCPConnector(ssl=trusting(tmp_path))
        async with (
            aiohttp.ClientSession(connector=connector) as borrowed,
            side.client(at(url, side), session=borrowed) as client,
        ):
            made = asyncio.create_task(calls(side, client, kind, 8))
            await until(functools.partial(is_held, client))
            handshakes.asked.set()
            results = await made
    all_went_well(side, results, asked=1)
    assert len(witness.arrivals) == 8 + (side.repeats or kind == "read")
    none_within_the_hold(witness, received)
    assert witness.connections == 8


@pytest.mark.slow
@pytest.mark.usefixtures("way")
@every_side
async def test_a_hold_that_the_deadline_does_not_allow_ends_what_is_connecting(
    side: Side, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was sent, and no attempt is reported."""
    received, handshakes = HeadSent(), Handshakes(6)
    async with slow(handshakes, tmp_path, received) as (url, witness):
        trust(tmp_path, monkeypatch)
        limits = Timeouts(connect=5.0, attempt=5.0, call=5.0)
        async with side.client(at(url, side), timeouts=limits, retry=fast(max_retry_after=0.5)) as client:
            first = asyncio.create_task(calls(side, client, "read", 1))
            await until(lambda: handshakes.begun == 1)
            made = asyncio.create_task(calls(side, client, "change", 5))
            await until(functools.partial(is_held, client))
            handshakes.asked.set()
            results = [*await first, *await made]
    assert len(witness.arrivals) == 1
    assert isinstance(results[0], RetryAfterTooLong)
    for outcome in results[1:]:
        assert isinstance(outcome, Outcome)
        assert (outcome.effect, outcome.attempts) == (Effect.NOT_APPLIED, ())
        assert isinstance(outcome.error, RetryAfterTooLong)
