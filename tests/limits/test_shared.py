"""What a client learns of the provider's limit is for all of its calls: batches and single ones, in turn."""

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import Iterator

import pytest
from cancelling import ends_of
from conftest import change
from hypothesis import given, settings
from hypothesis import strategies as st
from limits import Bucket, Seats
from simulated import Model
from virtual import GOOD, Client, Provider, now, runtime, status, virtual, wide

from bonifiq_async import CashbackBatch, CashbackChange, Effect, FlowControl, Outcome, StopReason
from bonifiq_async._concurrency.limiter import Sample
from bonifiq_async._limits.shared import REMEMBERED, SharedLimit
from bonifiq_async._limits.single_calls import SingleCall, SingleCalls
from bonifiq_async._model.evidence import Evidence
from bonifiq_async._model.outcome import Verdict
from bonifiq_async.batch.gate import Gate, Passage


def over(model: Model, **more: object) -> Provider:
    """Return a provider that has this limit."""

    def answers(provider: Provider, key: str) -> Evidence:
        code, asked, _ = model.answer(now(), provider.at_once, 1.0)
        return GOOD if code == 200 else status(code, asked)

    return Provider(answers, **more)


def changes(name: str, count: int | None = None) -> Iterator[CashbackChange]:
    """Yield changes of customers of their own, without end or so many."""
    numbers = itertools.count() if count is None else range(count)
    return (change(f"{name} {number}", customer=f"{name} {number}") for number in numbers)


async def applied(client: Client, name: str, seconds: float, flow: FlowControl | None = None) -> None:
    """Run a batch for so long, and see that all is applied."""
    batch = CashbackBatch(client, flow=flow or wide(64), runtime=client.limit.runtime)
    asyncio.get_running_loop().call_later(seconds, batch.stop)
    async for outcome in batch.run(changes(name)):
        assert outcome.effect in (Effect.APPLIED, Effect.NOT_APPLIED)


async def single_calls(client: Client, name: str, seconds: float, every: float) -> list[float]:
    """Make a call every so often, and return how long each took."""
    took: list[float] = []

    async def make(body: CashbackChange) -> None:
        began = now()
        assert (await client.outcome_of(body)).effect is Effect.APPLIED
        took.append(now() - began)

    calls, began, bodies = [], now(), changes(name)
    while now() < began + seconds:
        calls.append(asyncio.create_task(make(next(bodies))))
        await asyncio.sleep(every)
    await asyncio.gather(*calls)
    return took


def sent(provider: Provider, since: float, until: float = float("inf")) -> Counter[str]:
    """Return how many requests of each caller arrived in that time."""
    return Counter(key.split()[0] for at, key in provider.arrivals if since <= at < until)


# One hold, one rate, one number in flight


@pytest.mark.parametrize("asked_of", ["a batch", "a single call"])
@virtual
async def test_one_wait_holds_every_batch_and_every_single_call(asked_of: str) -> None:
    heard: list[float] = []

    def answers(provider: Provider, key: str) -> Evidence:
        asked = key.startswith("x" if asked_of == "a batch" else "single") and now() > began + 3.0
        if asked and not heard:
            heard.append(now() + 0.03)
            return status(429, 10.0)
        return GOOD

    provider, began = Provider(answers), now()
    client, few = Client(provider, call=200.0), wide(4)
    await asyncio.gather(
        applied(client, "x", 20.0, few),
        applied(client, "y", 20.0, few),
        single_calls(client, "single", 20.0, 0.1),
    )
    assert not sent(provider, heard[0], heard[0] - 0.03 + 10.0)
    assert min(sent(provider, heard[0] + 9.0).values()) > 1


@virtual
async def test_one_known_rate_paces_all_together() -> None:
    """Two batches and single calls of one client: no more than one of them alone would send."""
    provider = over(Bucket(100.0, 0.1))
    client, began = Client(provider, call=200.0), now()
    _, _, took = await asyncio.gather(
        applied(client, "x", 60.0), applied(client, "y", 60.0), single_calls(client, "single", 60.0, 0.1)
    )
    counts = sent(provider, began + 20.0, began + 60.0)
    tried, taken = counts.total(), len(provider.applied)
    assert 0.85 * 100 * 40 <= tried <= 1.03 * 100 * 40
    assert len(provider.arrivals) - taken < 0.03 * len(provider.arrivals)
    assert counts["x"] == pytest.approx(counts["y"], rel=0.1)  # each gets its turns
    assert sorted(took)[len(took) // 2] < 0.2


@virtual
async def test_single_calls_alone_are_paced_once_the_rate_is_known() -> None:
    """After two refusals: one shows no rate."""
    provider = over(Bucket(20.0, 0.5))
    client, began = Client(provider, call=600.0), now()
    await single_calls(client, "single", 60.0, 0.02)  # fifty a second are asked for
    late = [key for at, key in provider.arrivals if began + 15.0 <= at < began + 60.0]
    refused = len(late) - len(set(late))
    assert len(late) > 0.85 * 20 * 45
    assert refused < 0.03 * len(late)


@virtual
async def test_places_found_by_one_batch_bound_the_sum() -> None:
    """A provider with 16 places: a second batch and single calls take none beyond."""
    provider = over(Seats(16), takes=0.1)
    client = Client(provider, call=200.0)
    await applied(client, "first", 20.0)
    began, most = now(), 0

    async def watch() -> None:
        nonlocal most
        while now() < began + 19.0:
            most = max(most, provider.at_once)
            await asyncio.sleep(0.01)

    before = len(provider.arrivals) - len(provider.applied)
    await asyncio.gather(
        applied(client, "x", 20.0),
        applied(client, "y", 20.0),
        single_calls(client, "single", 20.0, 0.05),
        watch(),
    )
    assert most <= 16 * 1.6  # it looks for more now and then
    away = len(provider.arrivals) - len(provider.applied) - before
    assert away < 0.06 * len(provider.arrivals)


# What is learned goes on


@pytest.mark.parametrize(("pause", "knows"), [(5.0, True), (REMEMBERED + 1, False)], ids=["soon", "late"])
@virtual
async def test_a_second_batch_begins_with_what_the_first_one_learned(pause: float, knows: bool) -> None:
    provider = over(Bucket(50.0, 0.1))
    client = Client(provider, call=200.0)
    await applied(client, "first", 20.0)
    await asyncio.sleep(pause)
    began, before = now(), len(provider.applied)
    await applied(client, "second", 5.0)
    tried = sent(provider, began, began + 5.0)["second"]
    refused = tried - len(provider.applied) + before
    assert (refused <= 1) == knows
    assert tried > 100


@virtual
async def test_an_answer_to_a_single_call_teaches_a_batch() -> None:
    """What its head says of the limit, as well."""
    said = (("X-RateLimit-Limit", "5"), ("X-RateLimit-Remaining", "0"), ("X-RateLimit-Reset", "4"))

    def answers(provider: Provider, key: str) -> Evidence:
        return GOOD if key.startswith("x") else Evidence(True, 1, 200, said, GOOD.body)

    provider = Provider(answers)
    client, began = Client(provider), now()
    assert (await client.outcome_of(change("single 1"))).effect is Effect.APPLIED
    batch = CashbackBatch(client, flow=wide(8), runtime=client.limit.runtime)
    async for _ in batch.run(changes("x", 5)):
        assert batch.flow_state is not None
        assert batch.flow_state.kind == "what the provider says"
    assert min(at for at, key in provider.arrivals if key.startswith("x")) >= began + 4.0


@virtual
async def test_clients_share_nothing() -> None:
    """Each has an account of its own."""
    first, second = (Client(Provider(lambda *_: status(429, 30.0))), Client(Provider()))
    call = asyncio.create_task(first.outcome_of(change("1")))
    await asyncio.sleep(1.0)
    began = now()
    assert (await second.outcome_of(change("2"))).effect is Effect.APPLIED
    assert now() < began + 1.0
    call.cancel()
    await asyncio.wait([call])


# Turns


@virtual
async def test_turns_go_round_between_a_batch_and_single_calls() -> None:
    """A batch that has much to do leaves single calls half of the turns, and they leave the batch half."""
    limit = SharedLimit(runtime())
    gate, calls = Gate(wide(64), limit), SingleCalls(limit)
    limit.known().adaptation.pace.fall(9.7, 10.0)
    order: list[str] = []

    async def turn(name: str) -> None:
        if name == "batch":
            passage = await gate.start()
            assert passage is not None
            order.append(name)
            passage.release()
        else:
            call = SingleCall(calls)
            assert await call.acquire(1_000.0) is None
            order.append(name)
            call.release()

    await asyncio.gather(*(turn("batch") for _ in range(64)), *(turn("single") for _ in range(30)))
    assert 29 <= Counter(order[:60])["single"] <= 31
    assert all(one != other for one, other in itertools.pairwise(order[2:60]))
    await gate.close()


# Deadlines of single calls


@virtual
async def test_a_turn_after_the_deadline_is_refused_at_once() -> None:
    """One a second, and twenty calls that have five seconds each: fifteen are not sent, and say so."""
    provider = Provider()
    client, began = Client(provider), now()
    client.limit.known().adaptation.pace.fall(1.0, 1.0)
    ended: list[tuple[Outcome, float]] = []

    async def make(body: CashbackChange) -> None:
        ended.append((await client.outcome_of(body, deadline=5.0), now() - began))

    await asyncio.gather(*(make(body) for body in changes("single", 20)))
    late = [(outcome, at) for outcome, at in ended if outcome.effect is not Effect.APPLIED]
    assert 13 <= len(late) <= 15
    for outcome, at in late:
        assert (outcome.effect, outcome.reason, outcome.attempts) == (
            Effect.NOT_APPLIED,
            StopReason.LIMITED,
            (),
        )
        assert "turn comes after the deadline" in str(outcome.error)
        assert at <= 5.0
    assert sum(at == 0.0 for _, at in late) >= 13
    assert len(provider.arrivals) == 20 - len(late)


@virtual
async def test_no_call_waits_beyond_its_deadline_for_a_place() -> None:
    """All places are taken, and no answer comes."""
    limit = SharedLimit(runtime())
    calls, began = SingleCalls(limit), now()
    limit.known().adaptation.limit.fall(1.0, 1.0)
    holder, late = SingleCall(calls), SingleCall(calls)
    assert await holder.acquire(1.0) is None
    assert await late.acquire(7.0) is StopReason.LIMITED
    assert (now(), late.held) == (began + 7.0, False)
    holder.release()
    assert await late.acquire(1.0) is None
    late.release()


@virtual
async def test_a_batch_begins_nothing_in_a_wait_that_was_asked_of_another_call() -> None:
    """It takes no turn that it would have to give back."""
    limit, began = SharedLimit(runtime()), now()
    gate = Gate(wide(4), limit)
    limit.told_to_wait(began, 5.0, 120.0)
    assert gate.state.held == pytest.approx(5.0, abs=0.02)
    passage = await gate.start()
    assert now() >= began + 5.0
    assert passage is not None
    passage.release()
    await gate.close()


@virtual
async def test_a_known_number_in_flight_is_that_of_batches_and_single_calls_together() -> None:
    limit = SharedLimit(runtime())
    gate, calls = Gate(wide(8), limit), SingleCalls(limit)
    limit.known().adaptation.limit.fall(3.0, 3.0)
    singles = [SingleCall(calls) for _ in range(2)]
    assert [await single.acquire(1.0) for single in singles] == [None, None]
    first, second = await gate.start(), asyncio.create_task(gate.start())
    await asyncio.sleep(1.0)
    assert not second.done()
    singles[0].release()
    last = await second
    for permit in (first, last, singles[1]):
        assert permit is not None
        permit.release()
    assert (limit.known().active, limit.known().singles) == (0, 0)
    await gate.close()


# Whatever is cancelled


@pytest.mark.parametrize("ends", ["its time", "a cancellation"])
@virtual
async def test_a_turn_that_comes_just_as_its_call_ends_is_not_lost(ends: str) -> None:
    limit, loop = SharedLimit(runtime()), asyncio.get_running_loop()
    calls = SingleCalls(limit)
    limit.known().adaptation.limit.fall(1.0, 1.0)
    holder, late, following = SingleCall(calls), SingleCall(calls), SingleCall(calls)
    assert await holder.acquire(1.0) is None
    loop.call_at(now() + 1.0, holder.release)
    waiting = asyncio.create_task(late.acquire(1.0 if ends == "its time" else 10.0))
    if ends == "a cancellation":
        loop.call_at(now() + 1.0, waiting.cancel)
    await asyncio.wait([waiting])
    assert not late.held
    assert await following.acquire(1.0) is None
    following.release()


@virtual
async def test_calls_that_have_just_given_up_are_not_waited_for() -> None:
    """They are cancelled in the same turn of the loop, and stand in the queue still."""
    limit = SharedLimit(runtime())
    calls, loop = SingleCalls(limit), asyncio.get_running_loop()
    limit.known().adaptation.pace.fall(1.0, 1.0)
    first, second, late = (SingleCall(calls) for _ in range(3))
    assert await first.acquire(1.0) is None
    waiting = loop.create_task(second.acquire(60.0))
    crowd = [loop.create_task(SingleCall(calls).acquire(40.0)) for _ in range(25)]
    await asyncio.sleep(0.5)
    turn = loop.create_task(late.acquire(5.0))
    for each in crowd:
        each.cancel()
    assert await turn is None
    await asyncio.wait([waiting, *crowd])
    for call in (first, second, late):
        call.release()


@virtual
async def test_a_call_that_comes_just_as_the_last_one_gives_up_gets_its_turn() -> None:
    """The look at what waits is cancelled then, and has not ended yet: it is not left to wake that call."""
    limit = SharedLimit(runtime())
    calls = SingleCalls(limit)
    limit.known().adaptation.pace.fall(0.1, 0.1)
    first, late, following = SingleCall(calls), SingleCall(calls), SingleCall(calls)
    assert await first.acquire(1.0) is None
    first.release()
    waiting = asyncio.create_task(late.acquire(20.0))
    await asyncio.sleep(0.5)
    waiting.cancel()
    turn = asyncio.create_task(following.acquire(20.0))
    await asyncio.wait([waiting])
    assert await turn is None
    following.release()


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(st.integers(0, 100_000))
def test_under_random_ends_no_turn_is_lost_and_nothing_leaves_within_a_hold(seed: int) -> None:
    """Two batches and single calls that fail, run out of time and are cancelled, at any moment."""
    chance = random.Random(seed)
    samples = (
        *(Sample(Verdict.ACCEPTED, 200, 0.01),) * 4,
        Sample(Verdict.BROKEN, 503, 0.05),
        Sample(Verdict.THROTTLED, 429, 0.01, 0.2),
        Sample(Verdict.THROTTLED, 429, 0.01),
    )

    @virtual
    async def scene() -> None:
        limit = SharedLimit(runtime(seed))
        calls = SingleCalls(limit)
        gates = [Gate(FlowControl(8, initial=4), limit) for _ in range(2)]
        if chance.random() < 0.5:
            limit.known().adaptation.limit.fall(5.0, 5.0)
        inside: set[object] = set()

        async def attempt(permit: Passage | SingleCall) -> None:
            assert permit.held
            assert not isinstance(permit, Passage) or limit.hold.until <= now()
            inside.add(permit)
            try:
                await asyncio.sleep(chance.random() * 0.1)
                sample = chance.choice(samples)
                if sample.asked:
                    limit.told_to_wait(now(), sample.asked, 120.0)
                permit.saw(sample)
            finally:
                inside.discard(permit)
                permit.release()

        async def live() -> None:
            await asyncio.sleep(chance.random() * 3)
            gate = chance.choice([*gates, None])
            permit = SingleCall(calls) if gate is None else await gate.start()
            assert permit is not None
            try:
                for _ in range(chance.randrange(4)):
                    if await permit.acquire(chance.choice([0.0, 0.05, 1_000.0])) is None and permit.held:
                        await attempt(permit)
                    await asyncio.sleep(chance.random() * 0.2)
            finally:
                permit.release()

        await ends_of(live, chance)
        known = limit.known()
        assert (known.active, known.singles, inside) == (0, 0, set())
        async with asyncio.timeout(20.0):
            for gate in gates:
                passage = await gate.start()
                assert passage is not None
                passage.release()
            last = SingleCall(calls)
            while not last.held:
                assert await last.acquire(20.0) is None
            last.release()
        for gate in gates:
            await gate.close()

    scene()
