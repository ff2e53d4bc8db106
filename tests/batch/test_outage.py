"""An outage, in virtual time: probes, giving up, going on, and no row lost or reported twice."""

import asyncio
import re
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import aclosing
from itertools import pairwise

import pytest
from attrs import evolve
from batches import batch_over
from conftest import change
from virtual import (
    DOWN,
    GOOD,
    SILENT,
    Client,
    Provider,
    all_of,
    many,
    now,
    runtime,
    status,
    virtual,
    wide,
)

from bonifiq_async import (
    CashbackBatch,
    CashbackChange,
    Effect,
    FlowControl,
    LedgerError,
    MemoryLedger,
    NotAppliedError,
    Outcome,
    RetryPolicy,
    StopReason,
)
from bonifiq_async._concurrency.limiter import Sample
from bonifiq_async._limits.shared import LOOK, SharedLimit
from bonifiq_async._model.evidence import Evidence
from bonifiq_async._model.outcome import Verdict
from bonifiq_async.batch.gate import ROUNDS, Gate
from bonifiq_async.batch.outage import A_WHILE, CHANGES, FIRST_PROBE, LAST_PROBE, OUTAGE, OutageState
from bonifiq_async.batch.run import READ_AHEAD
from bonifiq_async.ledger.protocol import Intent, Ruling

DONE = {Effect.APPLIED, Effect.ALREADY_APPLIED}
NO = Sample(Verdict.NOT_SENT, None, 0.0)
FOR_EVER = 1_000_000.0


def out(answer: Evidence, since: float, until: float, **settings: float) -> Provider:
    """Return a provider that gives `answer` from `since` to `until`, in seconds from now."""
    began = now()
    return Provider(lambda *_: answer if since < now() - began < until else GOOD, **settings)


def assert_whole(outcomes: list[Outcome], provider: Provider, count: int) -> None:
    """Each of `count` changes was reported once, has one effect, and its attempts are those on the wire."""
    assert sorted(outcome.position for outcome in outcomes) == list(range(count))
    assert {outcome.effect for outcome in outcomes} <= DONE
    assert provider.applied == {str(number): 1 for number in range(count)}
    tried = Counter(key for _, key in provider.tried)
    for outcome in outcomes:
        numbers = [attempt.number for attempt in outcome.attempts]
        assert numbers == list(range(1, tried[outcome.change.change_key] + 1))


# When there is one


def failed(outage: OutageState, changes: int, times: int, at: float) -> None:
    """Fail so many requests of so many changes."""
    for number in range(times):
        outage.failed(number % changes, at, probe=False)


BEGINS = {
    "enough of enough": (CHANGES, OUTAGE, 1, 0.0, True),
    "too few": (CHANGES, OUTAGE - 1, 1, 0.0, False),
    "of few changes alone": (CHANGES - 1, 1_000, 1, 1_000.0, False),
    "fewer than two rounds of what is in flight": (20, 2 * 20 - 1, 20, 0.0, False),
    "two rounds": (20, 2 * 20, 20, 0.0, True),
    "one round, and nothing for a while": (20, 20, 20, A_WHILE, True),
    "too few, and nothing for a while": (9, 9, 20, 1_000.0, False),
}


@pytest.mark.parametrize(("changes", "times", "in_flight", "after", "begins"), BEGINS.values(), ids=BEGINS)
def test_what_is_an_outage(changes: int, times: int, in_flight: int, after: float, begins: bool) -> None:
    """Failures in a row, of enough changes, and of more than what is in flight or for a while."""
    outage = OutageState(100.0)
    outage.sent(in_flight)
    failed(outage, changes, times, 100.0 + after)
    assert (outage.probe_at is not None) is begins


def test_a_success_ends_it_and_restarts_the_count() -> None:
    """Whatever it is."""
    outage = OutageState(0.0)
    for _ in range(3):
        failed(outage, CHANGES, OUTAGE - 1, 10.0)
        assert outage.succeeded(10.0, 1) is False
    failed(outage, CHANGES, OUTAGE, 20.0)
    assert outage.lasts(25.0) == 5.0
    assert outage.succeeded(30.0, 1) is True
    assert (outage.probe_at, outage.lasts(40.0), outage.good_at) == (None, 0.0, 30.0)


def test_it_is_counted_from_the_start_of_the_first_failed_request() -> None:
    """But not from before the last success, and not from a time without requests."""
    outage = OutageState(100.0)
    assert outage.lasts(500.0) == 0.0
    outage.failed("a", 520.0, probe=False, elapsed=20.0)
    outage.failed("b", 530.0, probe=False, elapsed=90.0)
    assert outage.lasts(560.0) == 60.0
    outage.succeeded(600.0, 1)
    outage.failed("a", 610.0, probe=False, elapsed=20.0)
    assert outage.lasts(615.0) == 15.0


def test_the_time_from_probe_to_probe_doubles() -> None:
    """From the failure of one, up to half a minute; what left before the outage changes nothing."""
    outage, at, waits = OutageState(0.0), 100.0, []
    failed(outage, CHANGES, OUTAGE, at)
    for _ in range(9):
        waits.append(outage.probe_at - at)
        at = outage.probe_at + 3.0
        outage.failed(7, at, probe=False)
        outage.failed(8, at, probe=True)
    assert waits == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert (waits[0], waits[-1]) == (FIRST_PROBE, LAST_PROBE)


# Probes


@pytest.mark.slow
@virtual
async def test_one_probe_at_a_time_at_growing_intervals() -> None:
    """And nothing else is sent until the first success."""
    began = now()
    provider = out(DOWN, 1.0, 200.0)
    outcomes = await all_of(batch_over(provider, wide(64)), many(4_000))
    assert_whole(outcomes, provider, 4_000)
    failures = [at - began for at, _ in provider.tried if 1.0 < at - began < 200.0]
    probes = failures[-9:]
    gaps = [later - earlier for earlier, later in pairwise(probes)]
    assert gaps == [pytest.approx(wait, abs=0.01) for wait in (4, 8, 16, 30, 30, 30, 30, 30)]
    assert len(failures) <= 2 * 64 + 1 + 11
    back = min(at - began for at, _ in provider.arrivals if at - began > 2.0)
    assert back == pytest.approx(probes[-1] + LAST_PROBE, abs=0.01)


@pytest.mark.slow
@virtual
async def test_a_probe_without_an_answer_delays_the_next_until_it_ends() -> None:
    """Each gets no answer for twenty seconds: still one at a time."""
    began, widest = now(), 0

    def answers(at: Provider, _: str) -> Evidence:
        nonlocal widest
        if 1.0 < now() - began < 300.0:
            if now() - began > 30.0:
                widest = max(widest, at.at_once)
            return SILENT
        return GOOD

    provider = Provider(answers)
    outcomes = await all_of(batch_over(provider, wide(64)), many(4_000))
    assert_whole(outcomes, provider, 4_000)
    assert widest == 1
    assert sum(30.0 < at - began < 300.0 for at, _ in provider.tried) <= 12


GOOD_ANSWERS = {"a yes": GOOD, "a refusal": status(404), "a wrong credential": status(401)}


@pytest.mark.parametrize("answer", GOOD_ANSWERS.values(), ids=GOOD_ANSWERS)
@virtual
async def test_whatever_shows_a_provider_at_work_ends_the_outage(answer: Evidence) -> None:
    """A refusal is an answer, too; refused credentials stop a run by themselves, not as an outage."""
    began = now()
    provider = Provider(lambda *_: DOWN if now() - began < 10.0 else answer)
    batch = batch_over(provider, wide(8, give_up_after=60.0))
    outcomes = await all_of(batch, many(30))
    assert now() - began < 20.0
    expected = Effect.APPLIED if answer is GOOD else Effect.REFUSED
    assert {outcome.effect for outcome in outcomes} == {expected}
    assert (batch.stopped_by is not None) == (answer.status == 401)


@virtual
async def test_a_probe_that_sends_nothing_is_followed_by_the_next() -> None:
    """Its place is given back without an answer, as when the change turns out to be applied already."""
    gate = Gate(FlowControl(64, initial=64), SharedLimit(runtime()))
    passages = [await gate.start() for _ in range(CHANGES)]
    for number in range(2 * OUTAGE):
        gate.saw(NO, passages[number % CHANGES])
    for passage in passages:
        passage.release()
    paused, probes = now(), []
    for _ in range(3):
        probe = await gate.start()
        probes.append(now() - paused)
        other = asyncio.create_task(gate.start())
        await asyncio.sleep(50.0)  # it hangs
        assert not other.done()
        other.cancel()
        await asyncio.wait([other])
        probe.release()
    assert probes == [pytest.approx(0.5), pytest.approx(50.5), pytest.approx(100.5)]
    cancelled = asyncio.create_task(gate.start())
    cancelled.cancel()
    await asyncio.wait([cancelled])
    async with asyncio.timeout(0.001):
        probe = await gate.start()
    probe.saw(NO)
    probe.release()
    began = now()
    await gate.start()
    assert now() - began == pytest.approx(1.0)


@virtual
async def test_what_left_before_the_outage_is_no_probe() -> None:
    """Its end does not start a second probe."""
    gate = Gate(FlowControl(64, initial=64), SharedLimit(runtime()))
    old, *failing = [await gate.start() for _ in range(CHANGES + 1)]
    for number in range(20):
        gate.saw(NO, failing[number % CHANGES])
    await gate.start()
    second = asyncio.create_task(gate.start())
    old.saw(NO)
    old.release()
    for passage in failing:
        passage.release()
    await asyncio.sleep(10.0)
    assert not second.done()
    second.cancel()
    await asyncio.wait([second])
    await gate.close()


@virtual
async def test_a_late_good_answer_ends_the_outage_and_forgets_the_probe() -> None:
    """The probe that is still out is an ordinary request then; in the next outage it is no probe."""
    gate = Gate(FlowControl(64, initial=64), SharedLimit(runtime()))
    old, *failing = [await gate.start() for _ in range(CHANGES + 1)]
    for number in range(20):
        gate.saw(NO, failing[number % CHANGES])
    former = await gate.start()
    old.saw(Sample(Verdict.ACCEPTED, 200, 30.0))
    assert gate.state.paused is None
    for number in range(40):
        gate.saw(NO, failing[number % CHANGES])
    assert gate.state.paused is not None
    await gate.start()
    third = asyncio.create_task(gate.start())
    former.release()
    await asyncio.sleep(10.0)
    assert not third.done()
    third.cancel()
    await asyncio.wait([third])
    await gate.close()


# Rows outlive it


OUTAGES = {
    "connection refused": (DOWN, 0.02),
    "silence": (SILENT, 0.02),
    "500": (status(500), 0.02),
    "503": (status(503), 0.02),
    "429": (status(429), 0.02),
    "slow 504": (status(504), 5.0),
}


@pytest.mark.slow
@pytest.mark.parametrize("call", [25.0, 60.0], ids="{:.0f} s a call".format)
@pytest.mark.parametrize(("answer", "takes"), OUTAGES.values(), ids=OUTAGES)
@virtual
async def test_no_row_is_lost_to_an_outage(answer: Evidence, takes: float, call: float) -> None:
    """However long it lasts: longer than the deadline of what was in flight when it began."""
    began = now()

    def answers(at: Provider, _: str) -> Evidence:
        sick = 1.0 < now() - began < 200.0
        at.takes = takes if sick else 0.02
        return answer if sick else GOOD

    provider = Provider(answers)
    batch = batch_over(provider, wide(32), call=call)
    outcomes = await all_of(batch, many(2_500))
    assert_whole(outcomes, provider, 2_500)
    assert batch.stopped_by is None
    assert batch.summary.attempts == len(provider.tried)


@pytest.mark.slow
@virtual
async def test_an_outage_at_the_end_of_a_run_counts_as_one() -> None:
    """When few are left of the many that were in flight."""
    provider = Provider(lambda at, _: DOWN if len(at.applied) >= 1_580 and now() < over else GOOD)
    over = now() + 200.0
    outcomes = await all_of(batch_over(provider, wide(256)), many(1_600))
    assert_whole(outcomes, provider, 1_600)
    assert now() > over


@virtual
async def test_what_took_effect_in_the_outage_is_found_applied() -> None:
    """Answers are lost after the effect: the repeats, rounds later, report that."""
    began = now()

    def answers(at: Provider, key: str) -> Evidence:
        if 1.0 < now() - began < 150.0:
            at.applied[key] = 1
            return SILENT
        return GOOD

    provider = Provider(answers)
    outcomes = await all_of(batch_over(provider, wide(16), call=30.0), many(1_200))
    assert_whole(outcomes, provider, 1_200)
    again = [outcome for outcome in outcomes if outcome.effect is Effect.ALREADY_APPLIED]
    assert len(again) >= 16
    assert max(len(outcome.attempts) for outcome in again) >= 2


@pytest.mark.slow
@virtual
async def test_order_per_customer_is_kept_over_rounds() -> None:
    """A customer's next change waits until the one before is done, outages or not."""
    began = now()
    provider = Provider(lambda *_: DOWN if 1.0 < (now() - began) % 100.0 < 35.0 else GOOD, takes=2.0)
    batch = batch_over(provider, wide(16), call=20.0, policy=RetryPolicy(max_attempts=12))
    outcomes = await all_of(batch, many(2_000, customers=40))
    assert_whole(outcomes, provider, 2_000)
    assert now() - began > 200.0
    lanes = defaultdict(list)
    for _, key in provider.arrivals:
        lanes[int(key) % 40].append(int(key))
    for lane in lanes.values():
        assert lane == sorted(lane)


@virtual
async def test_rows_are_not_lost_to_one_outage_after_another() -> None:
    """A provider with one outage after another, each longer than a call may take."""
    began = now()
    provider = Provider(lambda *_: GOOD if (now() - began) % 60.0 < 2.0 else DOWN)
    outcomes = await all_of(batch_over(provider, wide(8), call=20.0), many(300))
    lost = [outcome for outcome in outcomes if outcome.effect not in DONE]
    assert len(lost) <= 300 // 50  # a row overtaken so often is reported as such, as `ROUNDS` says
    assert len(provider.applied) == 300 - len(lost)
    assert all(len(outcome.attempts) >= ROUNDS for outcome in lost)


@virtual
async def test_memory_does_not_grow_in_an_outage() -> None:
    """No more is read from the source than without one."""
    read = 0

    async def source() -> AsyncIterator[CashbackChange]:
        nonlocal read
        for each in many(100_000):
            read += 1
            yield each

    provider = out(DOWN, 0.0, FOR_EVER)
    batch = batch_over(provider, wide(8, give_up_after=1_000.0), call=10.0)
    outcomes = [outcome async for outcome in batch.run(source())]
    assert read <= 8 * (READ_AHEAD + 2)
    assert len(outcomes) <= read
    assert len(provider.tried) <= 100
    assert batch.stopped_by is not None


# A row that fails by itself


@pytest.mark.parametrize("width", [1, 2, 8])
@pytest.mark.parametrize("poison", [(5,), (5, 6), (0, 1, 2)], ids=str)
@virtual
async def test_a_row_that_always_fails_ends_and_delays_no_other(poison: tuple[int, ...], width: int) -> None:
    """The others are applied, and it is reported as unknown, within minutes."""
    began, bad = now(), {str(number) for number in poison}
    provider = Provider(lambda _, key: status(500) if key in bad else GOOD)
    policy = RetryPolicy(max_attempts=12, cap=15.0)
    batch = batch_over(provider, wide(width), policy=policy, call=180.0)
    outcomes = await all_of(batch, many(30))
    assert batch.stopped_by is None
    effects = {outcome.change.change_key: outcome.effect for outcome in outcomes}
    assert {key for key, effect in effects.items() if effect is Effect.UNKNOWN} == bad
    assert len(effects) == len(outcomes) == 30
    assert now() - began < 600.0


@virtual
async def test_one_change_that_fails_alone_pauses_no_other() -> None:
    """With one in flight it is put behind the others, once, and then reported."""
    provider = Provider(lambda _, key: status(500) if key == "5" else GOOD)
    batch = batch_over(provider, wide(1), policy=RetryPolicy(max_attempts=12))
    order = [outcome.change.change_key async for outcome in batch.run(many(12))]
    assert sum(key == "5" for _, key in provider.tried) == 24
    assert order.index("6") < order.index("5")


@virtual
async def test_the_last_rows_are_not_tried_for_ever() -> None:
    """When all others are done and three fail, an outage cannot be recognised: they end."""
    began = now()
    provider = Provider(lambda _, key: status(500) if int(key) >= 17 else GOOD)
    batch = batch_over(provider, wide(4))
    outcomes = await all_of(batch, many(20))
    assert Counter(outcome.effect for outcome in outcomes) == {Effect.APPLIED: 17, Effect.UNKNOWN: 3}
    assert now() - began < 120.0
    assert batch.stopped_by is None


@virtual
async def test_as_long_as_nothing_has_succeeded_the_run_goes_on_until_it_gives_up() -> None:
    """Also when there is one row alone."""
    provider = Provider(lambda *_: status(500))
    batch = batch_over(provider, FlowControl(give_up_after=300.0))
    (outcome,) = await all_of(batch, many(1))
    assert outcome.effect is Effect.UNKNOWN
    assert 300.0 <= batch.summary.elapsed <= 330.0
    assert isinstance(batch.stopped_by, NotAppliedError)


NEVER = {
    "connection refused": DOWN,
    "503": status(503),
    "a redirect": status(301),
    "a page": Evidence(sent=True, requests=1, status=200, body=b"<html>"),
    "404 of every address": status(404),
    "silence": SILENT,
}


@pytest.mark.parametrize("count", [1, 600])
@pytest.mark.parametrize("answer", NEVER.values(), ids=NEVER)
@virtual
async def test_where_nothing_ever_succeeds_a_run_stops_soon(answer: Evidence, count: int) -> None:
    """With little sent: most rows are not tried, and none for a quarter of an hour."""
    provider = Provider(lambda *_: answer)
    batch = batch_over(provider, FlowControl(give_up_at_start=30.0), policy=PATIENT, call=180.0)
    outcomes = await all_of(batch, many(count))
    judged = count == 1 and answer.status is not None and answer.status < 500
    assert (batch.stopped_by is None) == judged  # one row that got its answer
    if not judged:
        assert 30.0 <= batch.summary.elapsed <= 70.0
        assert batch.stopped_by.status == answer.status
    assert len(provider.tried) <= 60
    assert {outcome.change.change_key for outcome in outcomes} >= {key for _, key in provider.tried}
    assert provider.applied == {}


STILL_WAITS = {
    "something succeeded": (lambda at, key: GOOD if key == "0" else DOWN, 30.0),
    "two ways": (lambda at, key: DOWN if len(at.tried) % 2 else status(503), 30.0),
    "asked to wait": (lambda at, key: status(503, 5.0), 30.0),
    "not wanted": (lambda at, key: DOWN, None),
}


@pytest.mark.parametrize(("answers", "at_start"), STILL_WAITS.values(), ids=STILL_WAITS)
@virtual
async def test_the_rule_of_the_start_is_for_the_start_alone(answers, at_start: float | None) -> None:
    """A provider that has worked, or is at work, is waited for."""
    flow = FlowControl(give_up_after=200.0, give_up_at_start=at_start)
    batch = batch_over(Provider(answers), flow, policy=PATIENT, call=180.0)
    await all_of(batch, many(50))
    assert batch.summary.elapsed >= 200.0


@virtual
async def test_an_address_that_is_found_is_no_failure_of_the_run() -> None:
    """After the first success, and where a 404 has the provider's own text, each row is refused by itself."""
    own = evolve(status(404), body=b'{"message":"no such customer"}')
    for first, answer in ((GOOD, status(404)), (own, own)):
        provider = Provider(lambda _, key, first=first, answer=answer: first if key == "0" else answer)
        batch = batch_over(provider, FlowControl(1, give_up_at_start=30.0))
        outcomes = await all_of(batch, many(50))
        assert (len(outcomes), batch.stopped_by) == (50, None)
        assert batch.summary.elapsed < 10.0


@virtual
async def test_a_row_without_an_attempt_is_not_begun_again() -> None:
    """It has no time left for one: that is no outage, and the row would never end."""
    provider = Provider(takes=10.0, capacity=1)
    client = Client(provider, call=5.0)
    other = asyncio.create_task(client.outcome_of(change("other")))
    await asyncio.sleep(0)
    batch = CashbackBatch(client, flow=wide(2), runtime=runtime())
    outcomes = await all_of(batch, many(2))
    assert {outcome.reason for outcome in outcomes} == {StopReason.DEADLINE}
    assert all(outcome.attempts == () for outcome in outcomes)
    await other


SPARED = {
    # reason, attempts, overtaken, paused, late, again in round 1, again in the last
    "attempts spent, nothing has got through since": ("ATTEMPTS_SPENT", 1, False, False, False, True, False),
    "attempts spent, others got through": ("ATTEMPTS_SPENT", 1, True, False, False, False, False),
    "attempts spent in an outage": ("ATTEMPTS_SPENT", 1, False, True, False, True, True),
    "attempts spent in another outage": ("ATTEMPTS_SPENT", 1, True, True, False, True, False),
    "no time, others got through": ("DEADLINE", 1, True, False, False, False, False),
    "no time, it waited too long for its turn": ("DEADLINE", 1, True, False, True, True, False),
    "no time, nothing tried": ("DEADLINE", 0, False, False, False, False, False),
    "no time, nothing tried, in an outage": ("DEADLINE", 0, False, True, False, True, True),
    "quota spent in an outage": ("QUOTA_SPENT", 1, True, True, False, True, False),
    "asked to wait longer than allowed": ("RETRY_AFTER_TOO_LONG", 1, True, False, False, True, True),
    "answered": ("ANSWERED", 1, False, True, True, False, False),
    "unreadable": ("UNREADABLE", 1, False, True, True, False, False),
    "no safe repeat": ("NO_SAFE_REPEAT", 1, False, True, True, False, False),
    "closed": ("CLOSED", 1, False, True, True, False, False),
    "held by another process": ("HELD", 0, False, True, True, False, False),
}


@pytest.mark.parametrize(
    ("reason", "attempts", "overtaken", "paused", "late", "first", "last"), SPARED.values(), ids=SPARED
)
@virtual
async def test_what_is_begun_again(reason, attempts, overtaken, paused, late, first, last) -> None:
    """What failed because of the provider's condition; a few times only where that is uncertain."""
    gate = Gate(FlowControl(64, initial=64), SharedLimit(runtime()))
    *failing, passage = [await gate.start() for _ in range(CHANGES + 1)]
    gate.saw(Sample(Verdict.ACCEPTED, 200, 0.01), failing[0])
    if not overtaken:
        passage.began = now()
    else:
        passage.began = now() - 1.0
    if paused:
        for number in range(100):
            gate.saw(NO, failing[number % CHANGES])
    passage.late = late
    outcome = Outcome(change(), Effect.UNKNOWN, None, ("attempt",) * attempts, None, 0, StopReason[reason])
    found = []
    for passage.rounds in (1, ROUNDS):
        found.append(gate.outlived(passage, outcome))
    assert found == [first, last]
    gate.stop()
    assert gate.outlived(passage, outcome) is False
    await gate.close()


# Giving up


@pytest.mark.slow
@virtual
async def test_the_run_gives_up_in_time_and_reports_every_change() -> None:
    """Changes in flight are reported, others are not; the same run later applies the rest."""
    began = now()
    provider = out(DOWN, 1.0, 500.0)
    client = Client(provider, call=60.0)
    flow = wide(16, give_up_after=120.0)
    batch = CashbackBatch(client, flow=flow, runtime=runtime())
    first = await all_of(batch, many(2_000))
    assert 120.0 <= now() - began <= 130.0
    assert isinstance(batch.stopped_by, NotAppliedError)
    assert "Nothing has succeeded for 12" in str(batch.stopped_by)
    keys = [outcome.change.change_key for outcome in first]
    assert len(keys) == len(set(keys))
    applied = {outcome.change.change_key for outcome in first if outcome.effect in DONE}
    assert applied == set(provider.applied)
    given_up = {outcome.reason for outcome in first if outcome.effect not in DONE}
    assert given_up <= {StopReason.OUTAGE, StopReason.DEADLINE}
    assert {outcome.effect for outcome in first} == {Effect.APPLIED, Effect.NOT_APPLIED}
    assert (batch.unheard, batch.cut_off) == ((), ())
    assert batch.summary.attempts == len(provider.tried)

    await asyncio.sleep(400.0)
    second = await all_of(CashbackBatch(client, flow=flow, runtime=runtime()), many(2_000))
    assert {outcome.effect for outcome in second} == DONE
    assert provider.applied == {str(number): 1 for number in range(2_000)}


@pytest.mark.parametrize("answer", [SILENT, DOWN], ids=["silence", "connection refused"])
@virtual
async def test_what_is_in_doubt_stays_in_doubt_when_the_run_gives_up(answer: Evidence) -> None:
    """A request that was sent and never answered is unknown, in whatever round that was."""
    began = now()
    provider = Provider(lambda *_: SILENT if now() - began < 30.0 else answer)
    client = Client(provider, call=50.0)
    batch = CashbackBatch(client, flow=wide(4, give_up_after=200.0), runtime=runtime())
    outcomes = await all_of(batch, many(100))
    sent = {key for _, key in provider.arrivals}
    unknown = {outcome.change.change_key for outcome in outcomes if outcome.effect is Effect.UNKNOWN}
    assert unknown == sent == set(client.claims.in_doubt())
    assert len(unknown) >= 4


@virtual
async def test_a_wait_longer_than_the_allowed_one_stops_the_run_at_once() -> None:
    """What was in flight ends with its own outcome; nothing else begins."""
    began = now()
    asks = status(429, 901.0)
    provider = Provider(lambda *_: asks if 1.0 < now() - began < 1.01 else GOOD)
    batch = batch_over(provider, wide(16))
    outcomes = await all_of(batch, many(5_000))
    assert now() - began < 1.2
    assert "901 s" in str(batch.stopped_by)
    keys = Counter(outcome.change.change_key for outcome in outcomes)
    assert set(keys) == {key for _, key in provider.arrivals}
    assert set(keys.values()) == {1}
    assert {outcome.effect for outcome in outcomes} == {Effect.APPLIED, Effect.NOT_APPLIED}


@virtual
async def test_a_run_gives_up_after_many_waits_without_a_success() -> None:
    """Each is short enough, all together are not."""
    provider = Provider(lambda *_: status(503, 200.0))
    batch = batch_over(provider, wide(3, give_up_after=500.0))
    outcomes = await all_of(batch, many(10))
    assert 500.0 <= batch.summary.elapsed <= 720.0
    assert batch.stopped_by is not None
    assert {outcome.effect for outcome in outcomes} == {Effect.UNKNOWN}


@virtual
async def test_outages_are_not_added_up() -> None:
    """Each is shorter than what the run gives up after, all together are longer."""
    began = now()
    provider = Provider(lambda *_: DOWN if (now() - began) % 600.0 > 50.0 else GOOD, takes=1.0)
    policy = RetryPolicy(max_attempts=12)
    batch = batch_over(provider, wide(8, give_up_after=700.0, max_rate=5.0), policy=policy, call=20.0)
    outcomes = await all_of(batch, many(600))
    assert batch.stopped_by is None
    assert len(outcomes) == 600
    assert now() - began > 1_200.0


@virtual
async def test_time_without_requests_is_no_outage() -> None:
    """An hour without work, and then a minute of failures: the run goes on."""
    began = now()

    async def source() -> AsyncIterator[CashbackChange]:
        for each in many(100):
            if each.change_key == "50":
                await asyncio.sleep(3_600.0)
            yield each

    provider = out(DOWN, 3_000.0, 3_660.0)
    batch = batch_over(provider, wide(8))
    outcomes = [outcome async for outcome in batch.run(source())]
    assert_whole(outcomes, provider, 100)
    assert batch.stopped_by is None
    assert now() - began > 3_660.0


PATIENT = RetryPolicy(max_attempts=12, cap=15.0)
"""As that of the command."""


@pytest.mark.parametrize("good", [0, 3], ids="after {} that succeeded".format)
@pytest.mark.parametrize("count", [1, 2, 3, 4, 30])
@pytest.mark.parametrize("answer", [DOWN, status(500), SILENT], ids=["connection refused", "500", "silence"])
@virtual
async def test_with_few_rows_too_the_run_gives_up_in_time(answer: Evidence, count: int, good: int) -> None:
    """Counted from the last success or the beginning; a request that is in flight then ends first."""

    async def source() -> AsyncIterator[CashbackChange]:
        for each in many(good + count):
            yield each
            if each.change_key == str(good - 1):
                await asyncio.sleep(1.0)

    provider = Provider(lambda _, key: GOOD if int(key) < good else answer)
    batch = batch_over(provider, FlowControl(give_up_after=25.0), policy=PATIENT, call=180.0)
    outcomes = [outcome async for outcome in batch.run(source())]
    assert 25.0 <= batch.summary.elapsed <= (46.0 if answer is SILENT else 29.0)
    said = int(re.match(r"Nothing has succeeded for (\d+) s( \(.*\))?, so", str(batch.stopped_by))[1])
    assert said == pytest.approx(batch.summary.elapsed, abs=2.5)
    tried = {key for _, key in provider.tried}
    assert {outcome.change.change_key for outcome in outcomes} == tried
    failed_ones = [outcome for outcome in outcomes if outcome.change.change_key not in provider.applied]
    assert {outcome.effect for outcome in failed_ones} == {
        Effect.NOT_APPLIED if answer is DOWN else Effect.UNKNOWN
    }
    assert len(outcomes) == good + count or count == 30


@pytest.mark.parametrize("width", [1, 2, 3])
@virtual
async def test_one_change_without_time_left_ends_no_run_before_others_were_tried(width: int) -> None:
    """It fails for longer than the run waits, while it keeps the only place: the others are applied."""
    bad = {"0", "7", "8"}
    provider = Provider(lambda _, key: status(500) if key in bad else GOOD)
    batch = batch_over(provider, wide(width, give_up_after=5.0), policy=PATIENT, call=180.0)
    outcomes = await all_of(batch, many(300))
    assert set(provider.applied) == {str(number) for number in range(300)} - bad
    assert {outcome.change.change_key for outcome in outcomes} == {str(number) for number in range(300)}
    assert batch.summary.elapsed < 60.0


@pytest.mark.parametrize("width", [1, 3])
@virtual
async def test_in_an_outage_one_trial_of_a_few_others_is_enough(width: int) -> None:
    """When the time of the first is over."""
    provider = out(DOWN, -1.0, FOR_EVER)
    batch = batch_over(provider, wide(width, give_up_after=20.0), policy=PATIENT, call=180.0)
    outcomes = await all_of(batch, many(300))
    assert 20.0 <= batch.summary.elapsed <= 24.0
    assert CHANGES == len({key for _, key in provider.tried}) == len(outcomes)
    assert batch.stopped_by is not None


@virtual
async def test_one_change_that_failed_while_others_succeeded_ends_alone_when_its_time_is_over() -> None:
    """It stops no run, and later changes of the same customer are still applied."""
    provider = Provider(lambda _, key: status(500) if key == "0" else GOOD)
    batch = batch_over(provider, wide(2, give_up_after=10.0), policy=PATIENT, call=180.0)
    outcomes = await all_of(batch, many(20, customers=10))
    (bad,) = [outcome for outcome in outcomes if outcome.effect is not Effect.APPLIED]
    assert (bad.change.change_key, bad.effect, bad.reason) == ("0", Effect.UNKNOWN, StopReason.OUTAGE)
    assert (len(outcomes), batch.stopped_by) == (20, None)
    assert 10.0 <= batch.summary.elapsed <= 11.5


@virtual
async def test_time_between_rows_that_failed_is_no_outage() -> None:
    """A row ends by itself; an hour later the next one fails, for a moment."""
    began = now()

    async def source() -> AsyncIterator[CashbackChange]:
        for each in many(4):
            yield each
            await asyncio.sleep(3_600.0)

    def answers(_: Provider, key: str) -> Evidence:
        passing = key == "2" and now() - began < 2 * 3_600.0 + 30.0
        return status(500) if key == "1" or passing else GOOD

    batch = batch_over(Provider(answers), wide(8), policy=PATIENT, call=180.0)
    outcomes = [outcome async for outcome in batch.run(source())]
    assert [outcome.effect for outcome in outcomes] == [
        Effect.APPLIED,
        Effect.UNKNOWN,
        Effect.APPLIED,
        Effect.APPLIED,
    ]
    assert batch.stopped_by is None


@virtual
async def test_what_is_known_as_applied_counts_as_a_success() -> None:
    """A resumed run may meet many of these first, and sends nothing meanwhile."""
    gate = Gate(FlowControl(give_up_after=100.0), SharedLimit(runtime()))
    bad = await gate.start()
    for _ in range(5):
        bad.saw(NO)
        await asyncio.sleep(50.0)
        assert gate.bars(bad) is None
        remembered = Outcome(change(), Effect.ALREADY_APPLIED, None, (), None, 0, StopReason.REMEMBERED)
        assert gate.outlived(await gate.start(), remembered) is False
    bad.saw(NO)
    await asyncio.sleep(100.0)
    assert gate.bars(bad) is StopReason.OUTAGE


# Stopping, and leaving the iteration


@pytest.mark.parametrize("after", [0.5, 12.0, 100.0], ids="{:.0f} s".format)
@pytest.mark.parametrize("count", [1, 3])
@virtual
async def test_a_stopped_run_sends_no_change_that_was_never_sent(count: int, after: float) -> None:
    """The connection is refused: the change is reported as soon as its wait, which is cut short, ends."""
    began = now()
    provider = out(DOWN, -1.0, FOR_EVER)
    batch = batch_over(provider, FlowControl(), policy=PATIENT, call=180.0)
    asyncio.get_running_loop().call_later(after, batch.stop)
    outcomes = await all_of(batch, many(count))
    assert now() - began <= after + LOOK
    assert max(at for at, _ in provider.tried) <= began + after
    assert [(outcome.effect, outcome.reason) for outcome in outcomes] == [
        (Effect.NOT_APPLIED, StopReason.STOPPED)
    ] * count
    assert all("the run was stopped" in str(outcome.error) for outcome in outcomes)
    assert batch.stopped_by is None


@pytest.mark.parametrize(("after", "ends"), [(0.5, A_WHILE), (12.0, 12.0), (100.0, 100.0)], ids=str)
@virtual
async def test_a_stopped_run_waits_for_what_was_sent_only_while_others_succeed(
    after: float, ends: float
) -> None:
    """It has a few seconds from the last success on; after that it is in doubt."""
    began = now()
    provider = Provider(lambda _, key: status(500))
    batch = batch_over(provider, FlowControl(), policy=PATIENT, call=180.0)
    asyncio.get_running_loop().call_later(after, batch.stop)
    outcomes = await all_of(batch, many(3))
    assert ends <= now() - began <= ends + LOOK
    assert max(at for at, _ in provider.tried) <= began + ends
    assert [(outcome.effect, outcome.reason) for outcome in outcomes] == [
        (Effect.UNKNOWN, StopReason.STOPPED)
    ] * 3


@virtual
async def test_a_stopped_run_settles_what_is_in_doubt_while_something_succeeds() -> None:
    """The answer of one change was lost: its repeat says that it is applied."""

    def answers(at: Provider, key: str) -> Evidence:
        if key != "5" or at.applied[key]:
            return GOOD
        at.applied[key] = 1
        return status(500)

    provider = Provider(answers)
    policy = RetryPolicy(base=4.0, cap=4.0)
    batch = batch_over(provider, wide(8), policy=policy)
    asyncio.get_running_loop().call_later(0.1, batch.stop)
    outcomes = await all_of(batch, many(1_000))
    (settled,) = [outcome for outcome in outcomes if outcome.change.change_key == "5"]
    assert settled.effect is Effect.ALREADY_APPLIED
    assert {outcome.effect for outcome in outcomes} == {Effect.APPLIED, Effect.ALREADY_APPLIED}


@pytest.mark.parametrize("back_off", [0.01, 8.0], ids="back-off of {:.2f} s".format)
@virtual
async def test_stop_in_an_outage_ends_soon(back_off: float) -> None:
    """A change that waits for the provider ends, and is not tried again after its back-off."""
    began = now()
    provider = out(DOWN, 1.0, FOR_EVER)
    policy = RetryPolicy(max_attempts=1_000, base=back_off, cap=back_off)
    batch = batch_over(provider, wide(8), call=180.0, policy=policy)
    asyncio.get_running_loop().call_later(30.0, batch.stop)
    outcomes = await all_of(batch, many(5_000))
    assert 30.0 <= now() - began <= 30.0 + back_off
    assert max(at - began for at, _ in provider.tried) <= 30.0
    keys = [outcome.change.change_key for outcome in outcomes]
    assert len(keys) == len(set(keys))
    failed_ones = [outcome for outcome in outcomes if outcome.effect not in DONE]
    assert {outcome.effect for outcome in failed_ones} == {Effect.NOT_APPLIED}
    assert len(failed_ones) == 8
    assert batch.stopped_by is None


@virtual
async def test_an_outage_that_begins_after_a_stop_ends_what_is_left() -> None:
    """No change waits for the end of an outage after the run was asked to stop."""
    began = now()
    provider = out(status(500), 4.0, FOR_EVER)
    policy = RetryPolicy(max_attempts=1_000, base=0.5, cap=0.5)
    batch = batch_over(provider, wide(8, max_rate=20.0), call=180.0, policy=policy)
    asyncio.get_running_loop().call_later(4.4, batch.stop)
    outcomes = await all_of(batch, many(5_000))
    failures = [at for at, _ in provider.tried if at > began + 4.0]
    assert OUTAGE <= len(failures) <= 2 * 8 + 2
    assert now() - began <= 10.0
    assert {outcome.effect for outcome in outcomes} == {Effect.APPLIED, Effect.UNKNOWN}


@pytest.mark.parametrize("after", [1.2, 10.0, 100.0, 170.0], ids="{:.0f} s".format)
@virtual
async def test_leaving_in_an_outage_leaves_nothing_behind(after: float) -> None:
    """No task and no place is left; every row that began is reported, those in flight as cut off."""
    provider = out(SILENT, 1.0, FOR_EVER)
    client = Client(provider, call=60.0)
    batch = CashbackBatch(client, flow=wide(8), runtime=runtime())
    reported = []

    async def take() -> None:
        async with aclosing(batch.run(many(5_000))) as outcomes:
            async for outcome in outcomes:
                reported.append(outcome)

    taking = asyncio.create_task(take())
    await asyncio.sleep(after)
    taking.cancel()
    await asyncio.wait([taking])
    keys = [outcome.change.change_key for outcome in (*reported, *batch.unheard)]
    keys += [each.change_key for each in batch.cut_off]
    assert len(keys) == len(set(keys))
    sent = {key for _, key in provider.arrivals}
    assert sent <= set(keys)
    doubtful = {outcome.change.change_key for outcome in batch.unheard if outcome.effect is Effect.UNKNOWN}
    assert doubtful | {each.change_key for each in batch.cut_off} >= sent - set(provider.applied)
    assert bool(batch.unheard) == (after >= 100.0)
    assert provider.at_once == 0


@virtual
async def test_a_fault_in_a_later_round_does_not_report_a_row_twice() -> None:
    """The ledger is lost in an outage: rows that had ended a round are reported once, as cut off."""

    class Failing(MemoryLedger):
        async def claim(self, intent: Intent, **more: float) -> Ruling:
            if now() > broken:
                raise LedgerError("The ledger cannot be written.")
            return await super().claim(intent, **more)

    broken = now() + 65.0
    provider = out(SILENT, -1.0, FOR_EVER)
    client = Client(provider, call=30.0, ledger=Failing())
    batch = CashbackBatch(client, flow=wide(8), runtime=runtime())
    reported = []

    async def take() -> None:
        async for outcome in batch.run(many(8)):
            reported.append(outcome)

    with pytest.raises(LedgerError):
        await take()
    keys = [outcome.change.change_key for outcome in (*reported, *batch.unheard)]
    keys += [each.change_key for each in batch.cut_off]
    assert len(keys) == len(set(keys))
    assert {key for _, key in provider.arrivals} <= set(keys)
    assert batch.cut_off
