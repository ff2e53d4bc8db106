"""A batch: lazy, bounded, in order per customer, undisturbed by a row that fails, and stoppable."""

import asyncio
import random
import tracemalloc
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import aclosing
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from types import SimpleNamespace

import pytest
from conftest import Clock, change, client_for, fast

from bonifiq_async import (
    Attempt,
    AuthenticationError,
    BasicCredentials,
    BatchSummary,
    CashbackBatch,
    CashbackChange,
    ChangeKeyConflict,
    ConfigurationError,
    CustomerNotFound,
    Earn,
    Effect,
    FlowControl,
    Member,
    Outcome,
    OutcomeUnknownError,
    RefusedError,
    Runtime,
    Verdict,
)
from bonifiq_async._delivery.terms import Terms
from bonifiq_async._limits.shared import SharedLimit
from bonifiq_async.batch.run import READ_AHEAD
from bonifiq_async.sandbox import FaultScript

Ends = Callable[[CashbackChange], Outcome[None]]


def applied(body: CashbackChange) -> Outcome[None]:
    """Return the outcome of an applied change."""
    return Outcome(body, Effect.APPLIED, None, ())


class Provider:
    """A client without a network. `started` and `ended` are the keys in that order."""

    def __init__(
        self,
        ends: Ends = applied,
        wait: Callable[[], object] | None = None,
        runtime: Runtime | None = None,
    ) -> None:
        self.limit = SharedLimit(runtime or Runtime())
        self.started: list[str] = []
        self.ended: list[str] = []
        self.running: set[str] = set()
        self.widest = 0
        self._ends, self._wait = ends, wait

    async def outcome_on(self, body: CashbackChange, terms: Terms) -> Outcome[None]:
        """End a change after a while."""
        assert body.customer_id not in self.running, "two changes of one customer at once"
        self.running.add(body.customer_id)
        self.widest = max(self.widest, len(self.running))
        self.started.append(body.change_key)
        try:
            await (self._wait() if self._wait is not None else asyncio.sleep(0))
            return self._ends(body)
        finally:
            self.running.discard(body.customer_id)
            self.ended.append(body.change_key)


class Source:
    """Changes that count how many were read; `fault` is raised in place of the one after the last."""

    def __init__(self, changes: Iterable[CashbackChange], fault: Exception | None = None) -> None:
        self._changes, self._fault = changes, fault
        self.read = 0

    def __iter__(self) -> Iterator[CashbackChange]:
        for each in self._changes:
            self.read += 1
            yield each
        if self._fault is not None:
            raise self._fault


class AsyncSource(Source):
    """The same, asynchronous alone."""

    __iter__ = None

    async def __aiter__(self) -> AsyncIterator[CashbackChange]:
        for each in Source.__iter__(self):
            await asyncio.sleep(0)
            yield each


sources = pytest.mark.parametrize("source", [Source, AsyncSource], ids=["iterable", "async iterable"])


def many(count: int, customers: int = 1_000_000) -> Iterator[CashbackChange]:
    """Yield changes with keys 0, 1, 2..."""
    return (change(str(number), customer=f"c{number % customers}") for number in range(count))


def wide(width: int, **more: object) -> FlowControl:
    """Return the control of a run that has `width` changes in flight from the start."""
    return FlowControl(max_in_flight=width, initial=width, **more)


async def all_of(batch: CashbackBatch, changes: object) -> list[Outcome]:
    """Run to the end."""
    return [outcome async for outcome in batch.run(changes)]


@sources
@pytest.mark.parametrize("width", [1, 3, 16])
async def test_the_source_is_read_lazily(source: type[Source], width: int, clock: Clock) -> None:
    reads, provider = source(many(500)), Provider(wait=lambda: clock.sleep(1.0))
    batch, seen = CashbackBatch(provider, flow=wide(width)), 0
    async for _ in batch.run(reads):
        seen += 1
        assert (
            reads.read <= seen + (READ_AHEAD + 1) * width + 2
        )  # in lanes or in flight, and ended but not taken
    assert seen == reads.read == 500
    assert provider.widest == width


@sources
async def test_a_caller_that_takes_nothing_stops_the_reading(source: type[Source]) -> None:
    reads, provider = source(many(10_000)), Provider()
    async with aclosing(CashbackBatch(provider, flow=wide(4)).run(reads)) as outcomes:
        await anext(outcomes)
        for _ in range(2_000):
            await asyncio.sleep(0)
        assert len(provider.started) <= reads.read <= 1 + (READ_AHEAD + 2) * 4


async def test_changes_of_one_busy_customer_do_not_stop_the_reading_of_others() -> None:
    width = 4
    busy = [change(f"busy-{number}", customer="busy") for number in range(width * READ_AHEAD - 1)]
    provider = Provider()
    await all_of(CashbackBatch(provider, flow=wide(width)), [*busy, change("late", customer="b")])
    assert provider.started[:2] == ["busy-0", "late"]


@pytest.mark.parametrize("width", [1, 5, 50])
async def test_order_per_customer_under_random_latencies_and_failures(width: int, clock: Clock) -> None:
    chance = random.Random(width)
    changes = [change(str(number), customer=f"c{chance.randrange(12)}") for number in range(600)]
    failures = {str(number) for number in chance.sample(range(600), 200)}

    def ends(body: CashbackChange) -> Outcome[None]:
        if body.change_key in failures:
            return Outcome(body, Effect.REFUSED, None, (), RefusedError("no"))
        return applied(body)

    provider = Provider(ends, lambda: clock.sleep(chance.random()))
    batch = CashbackBatch(provider, flow=wide(width))
    outcomes = await all_of(batch, changes)

    lanes: dict[str, list[str]] = defaultdict(list)
    for each in changes:
        lanes[each.customer_id].append(each.change_key)
    for order in (provider.started, provider.ended, [outcome.change.change_key for outcome in outcomes]):
        met: dict[str, list[str]] = defaultdict(list)
        for key in order:
            met[changes[int(key)].customer_id].append(key)
        assert met == lanes
    assert all(str(outcome.position) == outcome.change.change_key for outcome in outcomes)
    assert provider.widest == min(width, 12)
    assert failures == {o.change.change_key for o in outcomes if o.error is not None}


async def test_order_per_customer_on_the_wire(sandbox) -> None:
    server = sandbox(faults=FaultScript(rate=0.3, seed=5), duplicates="error-409")
    changes = list(many(400, customers=7))
    async with client_for(server, retry=fast(max_attempts=20, quota=100_000)) as client:
        await all_of(CashbackBatch(client, flow=wide(20)), changes)
    effects = [effect.key for effect in server.books.history()]
    for lane in range(7):
        assert [int(key) for key in effects if int(key) % 7 == lane] == list(range(lane, 400, 7))


async def test_a_row_that_fails_disturbs_no_other(sandbox) -> None:
    known = {f"c{number}" for number in range(20)} - {"c3"}
    server = sandbox(customers=known, faults=FaultScript(["html-before"]))
    changes = [*many(20), change("0", "99", "c0"), change("0", "5", "c7")]
    async with client_for(server) as client:
        batch = CashbackBatch(client, flow=wide(1))
        outcomes = await all_of(batch, changes)
    failed = {outcome.position: outcome for outcome in outcomes if outcome.error is not None}
    assert {position: type(outcome.error) for position, outcome in failed.items()} == {
        0: OutcomeUnknownError,
        3: CustomerNotFound,
        20: ChangeKeyConflict,
        21: ChangeKeyConflict,
    }
    assert batch.stopped_by is None
    assert server.books.balances() == {name: Decimal(10 if name != "c0" else 0) for name in known}
    assert server.books.requests == 20
    assert (batch.summary.seen, batch.summary.applied, batch.summary.not_applied) == (22, 18, 2)


@sources
@pytest.mark.parametrize("before", [0, 1, 30])
async def test_a_fault_of_the_source_is_raised_after_what_is_in_flight(
    source: type[Source], before: int, clock: Clock
) -> None:
    provider = Provider(wait=lambda: clock.sleep(1.0))
    batch, keys = CashbackBatch(provider, flow=wide(8)), []

    async def take() -> None:
        async for outcome in batch.run(source(many(before, customers=5), ZeroDivisionError("row"))):
            keys.append(int(outcome.change.change_key))

    with pytest.raises(ZeroDivisionError, match="row"):
        await take()
    assert sorted(keys) == list(range(before))
    assert batch.summary.applied == before


@pytest.mark.parametrize("pause", range(5), ids=lambda pause: f"the caller takes {pause} turns")
async def test_the_fault_of_a_source_is_raised_in_any_order_of_events(pause: int) -> None:
    async def turns(count: int) -> None:
        for _ in range(count):
            await asyncio.sleep(0)

    async def source(count: int, before_the_fault: int) -> AsyncIterator[CashbackChange]:
        for each in many(count):
            yield each
        await turns(before_the_fault)
        raise ZeroDivisionError("row")

    async def delivered(count: int, takes: int, before_the_fault: int) -> list[str]:
        batch = CashbackBatch(Provider(wait=lambda: turns(takes)), flow=wide(2))
        got = []
        try:
            async for outcome in batch.run(source(count, before_the_fault)):
                got.append(outcome.change.change_key)
                await turns(pause)
        except ZeroDivisionError as fault:
            got.append(str(fault))
        return got

    async with asyncio.timeout(10):
        for count in range(4):
            for takes in range(6):
                for before_the_fault in range(10):
                    got = await delivered(count, takes, before_the_fault)
                    assert sorted(got) == [*map(str, range(count)), "row"], (count, takes, before_the_fault)
                    assert got[-1] == "row"


async def test_a_client_that_cannot_send_is_raised_and_nothing_else_begins(sandbox) -> None:
    server = sandbox()
    client = client_for(server)
    await client.aclose()
    reads = Source(many(1_000))
    batch = CashbackBatch(client, flow=wide(4))
    async with asyncio.timeout(10):
        with pytest.raises(ConfigurationError, match="closed"):
            await all_of(batch, reads)
    assert reads.read <= 5 * READ_AHEAD
    assert server.books.requests == 0


async def test_an_empty_source_ends_at_once() -> None:
    batch = CashbackBatch(Provider())
    assert await all_of(batch, []) == []
    assert (batch.summary.seen, batch.in_flight) == (0, 0)


async def test_a_second_run_at_once_is_refused() -> None:
    batch = CashbackBatch(Provider())
    async with aclosing(batch.run(many(5))) as outcomes:
        await anext(outcomes)
        with pytest.raises(ConfigurationError, match="running"):
            await all_of(batch, many(5))
        assert len([outcome async for outcome in outcomes]) == 4


@pytest.mark.parametrize("taken", [1, 7, 50])
async def test_stop_lets_what_is_in_flight_end(taken: int, clock: Clock) -> None:
    provider = Provider(wait=lambda: clock.sleep(1.0))
    reads = Source(many(10_000, customers=6))
    batch, keys = CashbackBatch(provider, flow=wide(8)), []
    async with asyncio.timeout(10):
        async for outcome in batch.run(reads):
            keys.append(outcome.change.change_key)
            if len(keys) == taken:
                begun = len(provider.started)
                batch.stop()
                batch.stop()
    assert sorted(keys) == sorted(provider.started)  # every change that began is reported
    assert len(provider.started) <= begun + 8
    assert batch.summary.seen == len(keys) < 100


@sources
async def test_stop_before_the_run_begins(source: type[Source]) -> None:
    provider, reads = Provider(), source(many(10))
    batch = CashbackBatch(provider)
    batch.stop()
    assert await all_of(batch, reads) == []
    assert (reads.read, provider.started) == (0, [])


async def test_stop_in_the_moment_in_which_the_run_begins() -> None:
    batch = CashbackBatch(Provider())

    async def stop() -> None:
        batch.stop()

    async with asyncio.timeout(2):
        outcomes, _ = await asyncio.gather(all_of(batch, many(10)), stop())
    assert outcomes == []


async def test_stop_while_the_source_waits_for_its_next_row() -> None:
    async def endless() -> AsyncIterator[CashbackChange]:
        yield change("only")
        await asyncio.Event().wait()

    batch, keys = CashbackBatch(Provider()), []
    async with asyncio.timeout(2):
        async for outcome in batch.run(endless()):
            keys.append(outcome.change.change_key)
            batch.stop()
    assert keys == ["only"]


async def test_stop_after_the_source_has_ended_unnoticed() -> None:
    over = asyncio.Event()

    async def slow() -> AsyncIterator[CashbackChange]:
        for each in many(3):
            yield each
        await over.wait()

    provider = Provider()
    batch, keys = CashbackBatch(provider, flow=wide(1)), []
    async with asyncio.timeout(2), aclosing(batch.run(slow())) as outcomes:
        async for outcome in outcomes:
            keys.append(outcome.change.change_key)
            if len(keys) == 1:
                while len(provider.ended) < 3:
                    await asyncio.sleep(0)
                over.set()
                for _ in range(20):  # the source ends while two outcomes wait to be taken
                    await asyncio.sleep(0)
                batch.stop()
    assert keys == ["0", "1", "2"]


@pytest.mark.parametrize("status", ["401", "403"])
async def test_a_refused_credential_stops_the_run_within_what_is_in_flight(status: str, sandbox) -> None:
    server = sandbox(faults=FaultScript(rate=1.0, among=[status]))
    reads, width = Source(many(5_000)), 16
    async with client_for(server) as client:
        batch = CashbackBatch(client, flow=wide(width))
        async with asyncio.timeout(10):
            outcomes = await all_of(batch, reads)
    assert isinstance(batch.stopped_by, AuthenticationError)
    assert len(outcomes) == server.books.requests <= 3 * width
    assert reads.read <= (READ_AHEAD + 3) * width
    assert {outcome.effect for outcome in outcomes} == {Effect.REFUSED}


async def test_a_wrong_credential_changes_no_balance(sandbox) -> None:
    server = sandbox(credentials=BasicCredentials("token", "right"))
    server.credentials = BasicCredentials("token", "wrong")
    async with client_for(server) as client:
        batch = CashbackBatch(client)
        outcomes = await all_of(batch, many(3))
    assert {type(outcome.error) for outcome in outcomes} == {AuthenticationError}
    assert server.books.balances() == {}


async def test_left_early_leaves_no_task_and_no_running_change() -> None:
    provider = Provider(
        wait=lambda: asyncio.Event().wait() if len(provider.started) > 3 else asyncio.sleep(0)
    )
    batch = CashbackBatch(provider, flow=wide(8))
    async with aclosing(batch.run(many(100))) as outcomes:
        for _ in range(3):
            await anext(outcomes)
        assert batch.in_flight > 0
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert (batch.in_flight, provider.running) == (0, set())


@pytest.mark.parametrize("times", [1, 2, 3, 8])
async def test_cancelled_again_while_it_ends_it_still_says_what_was_in_flight(times: int) -> None:
    """However often: the tasks end, nothing is forgotten, the cancellation is raised, it may run again."""
    batch = CashbackBatch(Provider(wait=asyncio.Event().wait), flow=wide(8))
    running = asyncio.create_task(all_of(batch, many(100)))
    while batch.in_flight < 8:
        await asyncio.sleep(0)
    for _ in range(times):
        running.cancel()
        await asyncio.sleep(0)
    await asyncio.wait([running])
    assert running.cancelled()
    assert len(batch.cut_off) == 8
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert (batch.in_flight, batch.flow_state) == (0, None)
    assert await all_of(batch, []) == []


async def test_a_client_that_turns_its_cancellation_into_a_fault_blocks_nothing() -> None:
    """As when the ledger is lost in that moment."""

    class Strange(Provider):
        async def outcome_on(self, body, terms):
            try:
                return await super().outcome_on(body, terms)
            except asyncio.CancelledError:
                raise ConfigurationError("lost") from None

    batch = CashbackBatch(Strange(wait=asyncio.Event().wait), flow=wide(2))
    running = asyncio.create_task(all_of(batch, many(10)))
    while batch.in_flight < 2:
        await asyncio.sleep(0)
    running.cancel()
    async with asyncio.timeout(2):
        await asyncio.wait([running])
    assert len(batch.cut_off) == 2


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0.5, 10.0, 250.0])
@pytest.mark.parametrize("takes", [0.0, 3.0], ids=["quick", "slow"])
async def test_the_rate_is_kept(rate: float, takes: float, clock: Clock) -> None:
    moments: list[float] = []

    async def wait() -> None:
        moments.append(clock.now)
        await clock.sleep(takes)

    flow = wide(1_000, max_rate=rate)
    await all_of(CashbackBatch(Provider(wait=wait, runtime=clock.runtime()), flow=flow), many(60))
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    assert min(gaps) == pytest.approx(1 / rate)
    assert max(gaps) == pytest.approx(1 / rate)


async def test_unused_time_is_not_made_up_by_a_burst(clock: Clock) -> None:
    moments: list[float] = []

    async def wait() -> None:
        moments.append(clock.now)

    async def source() -> AsyncIterator[CashbackChange]:
        for number in range(20):
            if number == 10:
                await clock.sleep(100.0)
            yield change(str(number), customer=f"c{number}")

    flow = wide(50, max_rate=10.0)
    await all_of(CashbackBatch(Provider(wait=wait, runtime=clock.runtime()), flow=flow), source())
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    assert min(gaps) == pytest.approx(0.1)
    assert max(gaps) > 90


async def test_summary(clock: Clock) -> None:
    effects = [Effect.APPLIED] * 5 + [Effect.ALREADY_APPLIED] * 4 + [Effect.REFUSED] * 3
    effects += [Effect.NOT_APPLIED] * 2 + [Effect.UNKNOWN]
    values = ["0.10", "-0.30", "12345678901234567890.12", "7", "-1"] + ["1000"] * 10
    changes = [change(str(number), value, f"c{number}") for number, value in enumerate(values)]

    def ends(body: CashbackChange) -> Outcome[None]:
        effect = effects[int(body.change_key)]
        error = None if "APPLIED" in effect.name and effect is not Effect.NOT_APPLIED else RefusedError("no")
        tried = Attempt(1, Verdict.BROKEN, 500, True, datetime(2026, 1, 1, tzinfo=UTC), 0.0, 0.0)
        return Outcome(body, effect, None, (tried,) * 2, error)

    provider = Provider(ends, lambda: clock.sleep(2.0))
    batch = CashbackBatch(provider, flow=wide(1), runtime=clock.runtime())
    assert batch.summary == BatchSummary()
    seen = 0
    async for _ in batch.run(changes):
        seen += 1
        assert (batch.summary.seen, batch.summary.attempts) == (seen, 2 * seen)
    clock.now += 50  # after the end the time stands still
    assert batch.summary == BatchSummary(
        seen=15,
        applied=5,
        already_applied=4,
        refused=3,
        not_applied=2,
        unknown=1,
        value_added=Decimal("12345678901234567897.22"),
        value_removed=Decimal("1.30"),
        attempts=30,
        elapsed=30.0,
        by_unit={"BRL": (Decimal("12345678901234567897.22"), Decimal("1.30"))},
    )


async def test_a_summary_adds_no_two_units_together() -> None:
    """Two cards may have a currency each; the changes of one have one sum."""
    changes = [
        Earn(
            card_id=card,
            member=Member.by_id(7),
            purchase_amount=Decimal(amount),
            reference=f"{card} {amount}",
        )
        for card, amount in ((10, 5), (20, 7), (10, 1))
    ]
    batch: CashbackBatch = CashbackBatch(AtOnce())
    async for _ in batch.run(changes[:1]):
        pass
    assert (batch.summary.value_added, batch.summary.value_removed) == (Decimal(5), Decimal(0))
    async for _ in batch.run(changes[1:]):
        pass
    assert (batch.summary.value_added, batch.summary.value_removed) == (None, None)
    assert batch.summary.by_unit == {"card 10": (Decimal(6), Decimal(0)), "card 20": (Decimal(7), Decimal(0))}


class Light:
    """A stand-in for a change that is cheap to create."""

    __slots__ = ("change_key", "customer_id")
    value, unit = Decimal(1), ""

    def __init__(self, number: int) -> None:
        self.customer_id = self.change_key = str(number)


class AtOnce:
    """A client that ends a change without a wait."""

    def __init__(self) -> None:
        self.limit = SharedLimit(Runtime())

    async def outcome_on(self, body: Light, terms: Terms) -> Outcome[None]:
        return Outcome(body, Effect.APPLIED, None, ())


async def _peak(count: int) -> int:
    batch = CashbackBatch(AtOnce(), flow=wide(32))
    tracemalloc.start(1)
    try:
        async for _ in batch.run(map(Light, range(count))):
            pass
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.slow
async def test_memory_does_not_grow_with_the_number_of_changes() -> None:
    await _peak(200)  # what is made once
    small, large = await _peak(2_000), await _peak(40_000)
    assert large < small + 20_000  # half a byte a change


@pytest.mark.parametrize("item", [{"customer_id": "2"}, SimpleNamespace(customer_id="2")], ids=repr)
async def test_an_item_that_is_no_change_is_raised_and_blocks_nothing(item: object) -> None:
    provider = Provider()
    batch = CashbackBatch(provider)
    async with asyncio.timeout(2):
        with pytest.raises(AttributeError):
            await all_of(batch, [change("1"), item])
    assert batch.summary.applied == 1


async def test_a_client_that_cancels_itself_blocks_nothing() -> None:
    class Strange(Provider):
        async def outcome_on(self, body, terms):
            raise asyncio.CancelledError

    async with asyncio.timeout(2):
        with pytest.raises(asyncio.CancelledError):
            await all_of(CashbackBatch(Strange(), flow=wide(2)), many(10))


async def test_a_source_that_cancels_itself_is_a_fault() -> None:
    async def source():
        yield change("1")
        raise asyncio.CancelledError

    async with asyncio.timeout(2):
        with pytest.raises(RuntimeError, match="the source of changes was cancelled"):
            await all_of(CashbackBatch(Provider()), source())
