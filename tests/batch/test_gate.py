"""The gate of a batch, in virtual time: turns, limits, waits and holds; outages are in test_outage.py."""

import asyncio
import random
import tracemalloc

import pytest
from cancelling import ends_of
from conftest import change
from hypothesis import given, settings
from hypothesis import strategies as st
from one_test import one_test
from virtual import DOWN, GOOD, Client, Provider, all_of, many, now, runtime, status, virtual, wide

from bonifiq_async import CashbackBatch, Effect, FlowControl, MemoryLedger, RetryPolicy, StopReason
from bonifiq_async._concurrency.limiter import Sample
from bonifiq_async._delivery.claim import LEASE_MARGIN
from bonifiq_async._delivery.single_flight import POLL
from bonifiq_async._limits.shared import LOOK, SharedLimit
from bonifiq_async._model.evidence import Evidence
from bonifiq_async._model.outcome import Verdict
from bonifiq_async._policy.rate_limit.allowance import Allowance
from bonifiq_async.batch.gate import Gate, Passage
from bonifiq_async.ledger.protocol import Held, Intent, Ruling

YES = Sample(Verdict.ACCEPTED, 200, 0.01)
BUSY = Sample(Verdict.BROKEN, 503, 0.05)
FOR_EVER = 1_000_000.0


def gate_of(width: int, **more: object) -> Gate:
    """Return a gate that lets `width` in from the start."""
    return Gate(wide(width, **more), SharedLimit(runtime()))


async def turns(count: int = 20) -> None:
    """Let every task run as far as it can without time passing."""
    for _ in range(count):
        await asyncio.sleep(0)


async def begun(gate: Gate) -> Passage:
    """Return the place of a change that begins now."""
    passage = await gate.start()
    assert passage is not None
    return passage


# Turns


@virtual
async def test_each_begins_in_turn_and_repeats_go_first() -> None:
    """Two queues, both first in, first out."""
    gate, order = gate_of(3), []
    first = [await begun(gate) for _ in range(3)]
    for passage in first[:2]:
        passage.release()
    holders = [first[2], await begun(gate), await begun(gate)]

    async def begin(name: str) -> None:
        order.append((name, await begun(gate)))

    async def repeat(name: str, passage: Passage) -> None:
        assert await passage.acquire(FOR_EVER) is None
        order.append((name, passage))

    waiting = [asyncio.create_task(begin(f"beginning {number}")) for number in range(3)]
    await turns()
    waiting += [asyncio.create_task(repeat(f"repeat {at}", first[at])) for at in (0, 1)]
    await turns()
    assert (order, gate.state.in_flight) == ([], 3)
    while len(order) < 5:
        holders.pop(0).release()
        await turns()
        holders.append(order[-1][1])
    expected = ["repeat 0", "repeat 1", "beginning 0", "beginning 1", "beginning 2"]
    assert [name for name, _ in order] == expected
    await asyncio.gather(*waiting)


@virtual
async def test_a_place_is_released_once_and_acquired_once() -> None:
    """However often either is called."""
    gate = gate_of(2)
    passage = await begun(gate)
    for _ in range(3):
        assert await passage.acquire(1.0) is None
        assert gate.state.in_flight == 1
    for _ in range(3):
        passage.release()
        assert gate.state.in_flight == 0


@pytest.mark.parametrize("order", ["place, time", "time, place"])
@virtual
async def test_a_place_granted_just_as_the_time_ends_is_not_lost(order: str) -> None:
    """Whether the place or the end of the time comes first: it is held, or it is free."""
    gate, loop = gate_of(1), asyncio.get_running_loop()
    holder, late = await begun(gate), Passage(gate)
    at = loop.time() + 1.0
    if order == "place, time":
        loop.call_at(at, holder.release)
    waiting = asyncio.create_task(late.acquire(1.0))
    await turns()
    if order == "time, place":
        loop.call_at(at, holder.release)
    assert await waiting is StopReason.DEADLINE
    assert (late.held, gate.state.in_flight) == (False, 0)
    async with asyncio.timeout(1.0):
        await begun(gate)


@pytest.mark.parametrize("what", ["begins", "repeats"])
@virtual
async def test_a_place_granted_just_as_its_task_is_cancelled_is_not_lost(what: str) -> None:
    """Another task gets it."""
    gate = gate_of(1)
    holder, cancelled = await begun(gate), Passage(gate)
    waiting = asyncio.create_task(gate.start() if what == "begins" else cancelled.acquire(FOR_EVER))
    await turns()
    next_one = asyncio.create_task(gate.start())
    await turns()
    holder.release()
    waiting.cancel()
    await asyncio.wait([waiting])
    assert waiting.cancelled()
    async with asyncio.timeout(1.0):
        assert (await next_one).held
    assert gate.state.in_flight == 1


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_under_random_ends_no_task_is_lost(seed: int) -> None:
    """Hundreds begin, repeat, fail, run out of time and are cancelled; the limit goes up and down."""
    chance = random.Random(seed)
    samples = (YES, YES, YES, BUSY, Sample(Verdict.THROTTLED, 429, 0.01, 0.1))

    @virtual
    async def scene() -> None:
        flow = FlowControl(16, initial=4, max_rate=chance.choice([None, 300.0]))
        gate = Gate(flow, SharedLimit(runtime(seed)))
        inside: set[Passage] = set()
        done, late = 0, 0

        async def attempt(passage: Passage) -> None:
            assert passage.held
            inside.add(passage)
            assert len(inside) <= gate.state.in_flight <= 16
            try:
                await asyncio.sleep(chance.random() * 0.1)
                passage.saw(chance.choice(samples))
            finally:
                inside.discard(passage)
                passage.release()

        async def live() -> None:
            nonlocal done, late
            await asyncio.sleep(chance.random() * 3)
            passage = await begun(gate)
            try:
                await attempt(passage)
                for _ in range(chance.randrange(3)):
                    await asyncio.sleep(chance.random() * 0.2)
                    if await passage.acquire(chance.choice([0.0, 0.05, FOR_EVER])) is None:
                        await attempt(passage)
                    else:
                        late += 1
                done += 1
            finally:
                passage.release()

        ends = await ends_of(live, chance)
        assert done == sum(end is None for end in ends) >= 60
        assert (gate.state.in_flight, inside) == (0, set())
        async with asyncio.timeout(10.0):
            (await begun(gate)).release()
        await gate.close()

    scene()


@virtual
async def test_a_thousand_wait_for_few_places_and_some_time_out() -> None:
    """The limit is kept, and each task that did not time out has had its turn."""
    gate, chance, widest, served = gate_of(7), random.Random(3), 0, 0

    async def live() -> None:
        nonlocal widest, served
        passage = await begun(gate)
        try:
            widest = max(widest, gate.state.in_flight)
            await asyncio.sleep(chance.random())
            served += 1
        finally:
            passage.release()

    lives = [asyncio.create_task(live()) for _ in range(1_000)]
    loop, cancelled = asyncio.get_running_loop(), chance.sample(lives, 400)
    for life in cancelled:
        loop.call_later(chance.random() * 100, life.cancel)
    ends = await asyncio.gather(*lives, return_exceptions=True)
    assert (widest, gate.state.in_flight) == (7, 0)
    assert served == sum(end is None for end in ends) >= 600


@virtual
async def test_a_task_that_times_out_leaves_nothing_behind() -> None:
    """A hold of minutes in which many wait for a second each, again and again."""
    gate = gate_of(4)
    passage = await begun(gate)
    gate.hold(300.0)
    passage.release()
    passages = [Passage(gate) for _ in range(50)]

    async def wait_often() -> None:
        for _ in range(5):
            ends = await asyncio.gather(*(each.acquire(1.0) for each in passages))
            assert set(ends) == {StopReason.DEADLINE}

    await wait_often()
    tracemalloc.start(1)
    try:
        for _ in range(10):
            await wait_often()
        assert tracemalloc.get_traced_memory()[0] < 100_000
    finally:
        tracemalloc.stop()
    await gate.close()


# The state of the gate


@virtual
async def test_the_state_has_the_kind_of_limit_and_since_when() -> None:
    """As the provider says, with an answer."""
    gate = gate_of(4)
    passage = await begun(gate)
    assert (gate.state.kind, gate.state.known_for) == (None, None)
    passage.saw(Sample(Verdict.ACCEPTED, 200, 0.01, allowances=(Allowance(10, 3.0, 2.0),)))
    passage.release()
    assert gate.state.known_for == 0.0
    await asyncio.sleep(7.0)
    assert (gate.state.kind, gate.state.known_for) == ("what the provider says", pytest.approx(7.0))
    await asyncio.sleep(60.0)
    assert gate.state.kind is None


@virtual
async def test_the_state_is_reported() -> None:
    """In flight, limit, rate, hold and pause."""
    gate = Gate(FlowControl(64, initial=4, max_rate=50.0), SharedLimit(runtime()))
    passage = await begun(gate)
    state = gate.state
    assert (state.in_flight, state.limit, state.rate, state.held, state.paused) == (1, 4, 50.0, 0.0, None)
    gate.hold(7.0)
    passage.saw(Sample(Verdict.THROTTLED, 429, 0.01, 7.0))
    passage.release()
    await asyncio.sleep(2.0)
    state = gate.state
    assert (state.in_flight, state.held) == (0, pytest.approx(5.0, abs=0.01))
    await asyncio.sleep(5.1)
    (await begun(gate)).release()
    assert gate.state.rate < 50.0


RATES = {
    "none": (None, float("inf"), None),
    "the one set": (50.0, float("inf"), 50.0),
    "the one found": (None, 7.0, 7.0),
    "the lower": (50.0, 20.0, 20.0),
    "the lower, set": (20.0, 50.0, 20.0),
}


@one_test
@pytest.mark.parametrize(("own", "pace", "rate"), RATES.values(), ids=RATES)
@virtual
async def test_the_lower_rate_is_in_force(own, pace, rate) -> None:
    """The one that was set, or the one that was found: both are kept."""
    limit = SharedLimit(runtime())
    gate = Gate(wide(64, max_rate=own), limit)
    limit.known().adaptation.pace.value = pace
    assert gate.state.rate == rate
    times = []
    for _ in range(15):
        (await begun(gate)).release()
        times.append(now())
    assert times[-1] - times[0] == pytest.approx(14 / (rate or float("inf")), abs=0.02)
    await gate.close()


# Places are given back


def only_one(most: int = 2) -> FlowControl:
    """Return the control of a run that begins with one in flight, and may have two changes at once."""
    return FlowControl(most, initial=1)


@virtual
async def test_a_place_is_given_back_for_the_back_off() -> None:
    """While one waits for its repeat, the other is done."""
    provider = Provider(lambda at, key: status(500) if len(at.arrivals) == 0 else GOOD)
    policy = RetryPolicy(base=10.0, cap=10.0)
    batch = CashbackBatch(Client(provider, policy=policy), flow=only_one(), runtime=runtime())
    outcomes = await all_of(batch, many(2))
    assert [outcome.change.change_key for outcome in outcomes] == ["1", "0"]
    assert {outcome.effect for outcome in outcomes} == {Effect.APPLIED}


class Busy(MemoryLedger):
    """A ledger in which another process is sending the change 0 for five seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.until = now() + 5.0

    async def claim(self, intent: Intent, **more: float) -> Ruling:
        if intent.key == "0" and now() < self.until:
            return Held("another process", self.until - now())
        return await super().claim(intent, **more)


@virtual
async def test_a_place_is_given_back_while_another_process_sends_the_change() -> None:
    """The others go on with the only place."""
    provider = Provider()
    batch = CashbackBatch(Client(provider, ledger=Busy()), flow=only_one(), runtime=runtime())
    began = now()
    outcomes = await all_of(batch, many(50))
    assert {outcome.effect for outcome in outcomes} == {Effect.APPLIED}
    times = {key: at - began for at, key in provider.arrivals}
    assert 5.0 <= times.pop("0") <= 5.0 + POLL
    assert max(times.values()) < 3.0


@virtual
async def test_a_place_is_given_back_while_another_call_sends_the_change() -> None:
    """The call that joined needs no place to get the outcome."""
    slow = Provider(takes=10.0)
    client = Client(slow)
    other = asyncio.create_task(client.outcome_of(change("0", customer="c0")))
    await turns()
    slow.takes, began = 0.02, now()
    batch = CashbackBatch(client, flow=only_one(), runtime=runtime())
    outcomes = await all_of(batch, many(20))
    times = {key: at - began for at, key in slow.arrivals}
    assert max(times.values()) < 2.0
    assert {outcome.effect for outcome in [*outcomes, await other]} == {Effect.APPLIED}
    assert len(slow.arrivals) == 20


@virtual
async def test_nothing_is_claimed_while_it_waits_to_begin() -> None:
    """A lease begins when the change does, and outlives its deadline: the wait at the gate is in neither."""
    leases: list[tuple[float, float]] = []

    class Watched(MemoryLedger):
        async def claim(self, intent: Intent, **more: float) -> Ruling:
            leases.append((now(), more["lease"]))
            return await super().claim(intent, **more)

    provider = Provider(lambda at, key: status(503, 100.0) if len(at.arrivals) == 2 else GOOD)
    client = Client(provider, ledger=Watched(), call=60.0)
    batch = CashbackBatch(client, flow=wide(3), runtime=runtime())
    began = now()
    outcomes = await all_of(batch, many(30))
    assert {outcome.effect for outcome in outcomes} == {Effect.APPLIED}
    assert not [at for at, _ in leases if 1.0 < at - began < 100.0]
    assert {round(lease, 6) for _, lease in leases} == {60.0 + LEASE_MARGIN}


# Holds


@pytest.mark.slow
@pytest.mark.parametrize("code", [429, 503], ids=str)
@pytest.mark.parametrize("asked", [1.0, 30.0, 90.0, 200.0], ids="{:.0f} s".format)
@virtual
async def test_no_request_is_sent_before_a_hold_is_over(code: int, asked: float) -> None:
    """Also when that is longer than the deadline of a call, or than the longest wait allowed."""
    began = now()
    no = status(code, asked)
    provider = Provider(lambda at, key: no if 1.0 < now() - began < 1.02 else GOOD, takes=0.1)
    batch = CashbackBatch(Client(provider, call=60.0), flow=wide(64), runtime=runtime())
    outcomes = await all_of(batch, many(1_500))
    assert {outcome.effect for outcome in outcomes} == {Effect.APPLIED}
    assert (len(outcomes), len(provider.applied)) == (1_500, 1_500)
    until = min(at for at, _ in provider.tried if at > began + 1.02 + 0.15)
    assert until >= began + 1.0 + asked
    assert until <= began + 1.1 + asked * 1.1 + 1.0


@pytest.mark.slow
@virtual
async def test_the_release_after_a_hold_is_spread() -> None:
    """Fewer are sent at once than were in flight before; this holds for changes that begin only now, too."""
    began = now()
    no = status(503, 20.0)
    provider = Provider(lambda at, key: no if 1.0 < now() - began < 1.02 else GOOD, takes=0.1)
    batch = CashbackBatch(Client(provider), flow=wide(64), runtime=runtime())
    await all_of(batch, many(1_500))
    over = min(at for at, _ in provider.tried if at > began + 2.0)
    assert over >= began + 21.0
    for since in (0.0, 0.5, 1.0, 1.5):
        left = [at for at, _ in provider.tried if over + since <= at < over + since + 0.1]
        assert 1 <= len(left) <= 4  # two seconds for what may be in flight: 64, less the fall


@virtual
async def test_a_hold_asked_for_in_another_call_is_waited_out() -> None:
    """The client knows of the hold, the gate does not: no change is begun repeatedly meanwhile."""
    provider = Provider()
    client = Client(provider, call=60.0)
    client.delivery.hold.extend(now(), 200.0, 200.0)
    batch, began = CashbackBatch(client, flow=wide(4), runtime=runtime()), now()
    outcomes = await all_of(batch, many(20))
    assert {outcome.effect for outcome in outcomes} == {Effect.APPLIED}
    assert min(at for at, _ in provider.tried) >= began + 200.0
    assert now() < began + 225.0


@virtual
async def test_a_row_whose_time_runs_out_at_the_gate_is_begun_again() -> None:
    """One place a minute, and two seconds for each row: the wait for a place is no failure."""
    provider = Provider(lambda at, key: status(500) if len(at.arrivals) in (0, 2, 4) else GOOD)
    client = Client(provider, call=2.0)
    batch = CashbackBatch(client, flow=wide(4, max_rate=1 / 60), runtime=runtime())
    outcomes = await all_of(batch, many(6))
    assert {outcome.effect for outcome in outcomes} <= {Effect.APPLIED, Effect.ALREADY_APPLIED}
    assert sum(len(outcome.attempts) for outcome in outcomes) == len(provider.arrivals) == 9


# The pacer


@pytest.mark.parametrize("rate", [0.5, 3.0, 50.0, 400.0], ids=str)
@virtual
async def test_no_second_has_more_than_the_rate(rate: float) -> None:
    """Repeats and probes included, whatever else is going on: failures, a hold, an outage."""
    began, chance = now(), random.Random(5)
    length = 200 / rate

    def answers(_: Provider, key: str) -> object:
        at = now() - began
        if 0.3 * length < at < 0.4 * length:
            return DOWN
        if 0.5 * length < at < 0.5 * length + 0.1:
            return status(503, 2.0)
        return status(500) if chance.random() < 0.2 else GOOD

    policy = RetryPolicy(max_attempts=30)
    provider = Provider(answers)
    batch = CashbackBatch(
        Client(provider, policy=policy, call=FOR_EVER), flow=wide(64, max_rate=rate), runtime=runtime()
    )
    outcomes = await all_of(batch, many(200))
    assert {outcome.effect for outcome in outcomes} <= {Effect.APPLIED, Effect.ALREADY_APPLIED}
    times = [at for at, _ in provider.tried]
    for start in times:
        assert sum(start <= at < start + 1.0 for at in times) <= rate * 1.02 + 1
    quiet = [at for at in times if at < began + 0.3 * length]
    assert len(quiet) >= rate * 0.3 * length * 0.95  # and it is used


@virtual
async def test_the_next_is_admitted_when_its_time_has_come_and_not_later() -> None:
    """A waker that sleeps for one reason is woken for another."""
    gate = Gate(FlowControl(2, initial=2, max_rate=10.0), SharedLimit(runtime()))
    for _ in range(40):
        passage = await begun(gate)
        passage.saw(Sample(Verdict.ACCEPTED, 200, 0.9))
        passage.release()
    first, second = await begun(gate), await begun(gate)
    await asyncio.sleep(1.0)
    waiting = [asyncio.create_task(gate.start()) for _ in range(2)]
    first.saw(Sample(Verdict.BROKEN, 503, 0.0))  # its place rests for 0.9 s
    first.release()
    await turns()
    second.release()
    async with asyncio.timeout(0.01):
        third = await waiting[0]
    third.release()
    async with asyncio.timeout(0.11):
        await waiting[1]


# Stopping


@pytest.mark.parametrize("asked", [20.0, 100.0], ids="{:.0f} s".format)
@virtual
async def test_after_a_stop_in_a_hold_no_change_begins(asked: float) -> None:
    """What was in flight ends when the hold does, within its deadline; nothing else is sent."""
    began = now()
    provider = Provider(lambda at, key: status(503, asked) if 1.0 < now() - began < 1.005 else GOOD)
    batch = CashbackBatch(Client(provider, call=180.0), flow=wide(8), runtime=runtime())
    asyncio.get_running_loop().call_later(5.0, batch.stop)
    outcomes = await all_of(batch, many(10_000))
    assert {outcome.effect for outcome in outcomes} == {Effect.APPLIED}
    assert len(outcomes) == len(provider.applied)
    assert sum(at > began + 1.1 for at, _ in provider.tried) <= 8
    assert now() < began + 1.0 + asked * 1.2 + 1.0


@virtual
async def test_changes_that_wait_for_their_next_attempt_keep_no_others_from_leaving() -> None:
    """One in ten is refused at first, and waits for seconds: the waits pass beside each other."""
    refused: set[str] = set()

    def answers(_: Provider, key: str) -> Evidence:
        if int(key) % 10 or key in refused:
            return GOOD
        refused.add(key)
        return status(429)

    policy, provider, began = RetryPolicy(base=16.0, cap=16.0), Provider(answers), now()
    batch = CashbackBatch(Client(provider, policy=policy), flow=wide(5), runtime=runtime())
    outcomes = await all_of(batch, many(100))
    assert {outcome.effect for outcome in outcomes} == {Effect.APPLIED}
    assert [at for at, key in provider.tried if int(key) % 10][-1] < began + 8.0
    assert now() < began + 20.0


@virtual
async def test_stop_in_a_hold_with_nothing_in_flight_ends_at_once() -> None:
    """No change begins in it."""
    client = Client(Provider(), call=60.0)
    client.delivery.hold.extend(now(), 100.0, 100.0)
    batch, began = CashbackBatch(client, flow=wide(8), runtime=runtime()), now()
    asyncio.get_running_loop().call_later(5.0, batch.stop)
    outcomes = await all_of(batch, many(100))
    assert now() < began + 5.1
    assert outcomes == []


@virtual
async def test_after_a_stop_in_a_hold_what_was_sent_is_tried_once_more() -> None:
    """Though nothing has succeeded before: the provider itself named the time."""
    began = now()
    provider = Provider(lambda *_: status(503, 20.0) if now() - began < 10.0 else GOOD)
    batch = CashbackBatch(Client(provider, call=180.0), flow=wide(8), runtime=runtime())
    asyncio.get_running_loop().call_later(8.0, batch.stop)
    outcomes = await all_of(batch, many(3))
    assert {outcome.effect for outcome in outcomes} == {Effect.APPLIED}
    assert 20.0 <= now() - began <= 25.0


class Slow(MemoryLedger):
    """A ledger that takes two seconds for a claim."""

    async def claim(self, intent: Intent, **more: float) -> Ruling:
        await asyncio.sleep(2.0)
        return await super().claim(intent, **more)


@virtual
async def test_stop_while_a_hold_keeps_all_from_being_sent_ends_soon() -> None:
    """Another call of the client is asked to wait when these have begun: they are not sent afterwards."""
    provider = Provider()
    client = Client(provider, call=180.0, ledger=Slow())
    batch, began = CashbackBatch(client, flow=wide(8), runtime=runtime()), now()
    asyncio.get_running_loop().call_later(1.0, client.limit.told_to_wait, now() + 1.0, 100.0, 120.0)
    asyncio.get_running_loop().call_later(5.0, batch.stop)
    outcomes = await all_of(batch, many(100))
    assert now() <= began + 5.0 + LOOK
    assert [(outcome.effect, outcome.reason) for outcome in outcomes] == [
        (Effect.NOT_APPLIED, StopReason.STOPPED)
    ] * 8
    assert provider.tried == []
