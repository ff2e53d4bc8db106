"""How much a run asks for: ceilings that fall and rise, failures for load and others, and both at work."""

import math
import random
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from limits import Bucket, Queue, Seats, failing
from one_test import one_test
from simulated import Model, Simulation

from bonifiq_async._concurrency.limiter import Sample
from bonifiq_async._limits.adaptive_limit import LONGEST_REST, SOONEST, AdaptiveLimit
from bonifiq_async._limits.admission import Admission
from bonifiq_async._limits.failure_rate import LEARNING, MOST, TRIAL, Back, FailureCounts, FailureRate, Fall
from bonifiq_async._limits.inference.ceiling import DOUBLING, PROBE, RECOVERY, Ceiling
from bonifiq_async._limits.pacer import Pacer
from bonifiq_async._model.outcome import Verdict

INFINITE = float("inf")
YES = Sample(Verdict.ACCEPTED, 200, 0.05)
BUSY = Sample(Verdict.BROKEN, 503, 0.05)


# Ceilings


numbers = st.floats(0.0, 10_000.0)
moves = st.one_of(
    st.tuples(st.just("fall"), numbers, st.none() | numbers, st.floats(SOONEST, RECOVERY)),
    st.tuples(st.just("rise"), st.floats(0.0, 1.0)),
    st.tuples(st.just("back_to"), st.floats(1.0, 10_000.0)),
    st.tuples(st.just("restart"), st.floats(1.0, 300.0)),
)


@given(st.floats(1.0, 256.0), st.lists(moves, max_size=40))
def test_a_ceiling_stays_between_its_bounds(value: float, steps: list[tuple]) -> None:
    """Whatever happens to it; and nothing but a fall and a beginning anew lowers it."""
    ceiling = Ceiling(value, 1.0, 256.0)
    for name, *args in steps:
        before = ceiling.value
        getattr(ceiling, name)(*args)
        assert 1.0 <= ceiling.value <= 256.0
        assert ceiling.value >= before or name != "rise"


def test_a_ceiling_that_never_fell_doubles() -> None:
    """In steps of any size."""
    ceiling = Ceiling(8.0, 1.0, 256.0)
    for _ in range(30):
        ceiling.rise(DOUBLING / 10)
    assert ceiling.value == pytest.approx(64.0)


@one_test
@pytest.mark.parametrize("step", [0.001, 0.1, 0.5], ids=str)
@pytest.mark.parametrize("left", [0.5, 0.9], ids=str)
@pytest.mark.parametrize("recovery", [SOONEST, RECOVERY], ids=str)
def test_a_ceiling_is_back_at_the_wall_in_time(recovery: float, step: float, left: float) -> None:
    """Not earlier, by leaps at first, and then beyond it."""
    ceiling = Ceiling(100.0, 1.0, 256.0)
    ceiling.fall(100.0 * left, 100.0, recovery)
    heights = []
    for _ in range(round((recovery + 2.0) / step)):
        ceiling.rise(step)
        heights.append(ceiling.value)
    gap = 100.0 * (1 - left)
    for seconds in (1.0, recovery):
        expected = 100 - gap * (1 - seconds / recovery) ** 3
        assert heights[round(seconds / step) - 1] == pytest.approx(expected)
    assert heights[round((recovery + 1) / step) - 1] == pytest.approx(100 * PROBE + 1)
    assert heights == sorted(heights)


@pytest.mark.parametrize(("seconds", "least"), [(6, 2), (10, 8), (15, 19), (20, 43), (30, 256)], ids=str)
def test_no_ceiling_sticks_at_one(seconds: int, least: int) -> None:
    """However often it fell there: after so many seconds of good answers it is here again."""
    ceiling = Ceiling(1.0, 1.0, 256.0)
    for _ in range(50):
        ceiling.fall(0.0, 1.0)
    for _ in range(seconds * 10):
        ceiling.rise(0.1)
    assert ceiling.value >= least


@pytest.mark.parametrize("highest", [256.0, INFINITE], ids=["limit", "pace"])
def test_a_ceiling_rises_for_days(highest: float) -> None:
    """Its height is a power of the time, which no float holds after an hour."""
    ceiling = Ceiling(200.0, 1.0, highest)
    ceiling.fall(100.0, 200.0)
    for _ in range(200_000):
        ceiling.rise(1.0)
    assert 256.0 <= ceiling.value < 1e40


# What fails for load


def reading(
    failed: int, seen: int = 100, at: float = 100.0, *, lowest: float = 1.0, met: bool = True
) -> FailureCounts:
    """Return what was seen under a ceiling, of which what did not fail was carried."""
    return FailureCounts(failed, seen, at, at * (1 - failed / seen), lowest, met)


MORE = {
    "none of none": (0, 0, 0.0, False),
    "two are chance": (2, 10, 0.0, False),
    "three are not": (3, 10, 0.0, True),
    "as usual": (30, 1000, 0.03, False),
    "within three sigma": (48, 1000, 0.03, False),
    "beyond": (49, 1000, 0.03, True),
    "all of few, where half is usual": (20, 20, 0.5, False),
    "all of more": (30, 30, 0.5, True),
}


@pytest.mark.parametrize(("failed", "seen", "share", "more"), MORE.values(), ids=MORE)
def test_chance_is_no_sign(failed: int, seen: int, share: float, more: bool) -> None:
    """Up to three standard deviations, and two to spare."""
    assert FailureCounts(failed, seen, 1.0, 1.0, 1.0, True).is_more_than(share) is more


DEPTHS = {4: 0.95, 10: 0.9, 20: 0.8, 40: 0.6, 50: 0.5, 75: 0.5, 100: 0.5}


@pytest.mark.parametrize(("failed", "left"), DEPTHS.items(), ids=str)
def test_a_first_fall_is_as_deep_as_the_share_of_failures(failed: int, left: float) -> None:
    """A twentieth at least, a half at most."""
    assert FailureRate().judge(reading(failed)) == Fall(pytest.approx(left))


def test_a_fall_that_helped_is_all() -> None:
    """What comes after it, at the same place, begins anew."""
    share = FailureRate()
    for _ in range(5):
        assert share.judge(reading(20)) == Fall(0.8)
        assert share.judge(reading(0, at=80.0)) is None
    assert (share.trial, share.background) == (None, 0.0)


@pytest.mark.parametrize("failed", [3, 10, 30, 50], ids=str)
def test_falls_for_nothing_are_undone(failed: int) -> None:
    """When as many fail at any height: first a fall, then a trial, then back, and no sign any more."""
    share = FailureRate()
    assert isinstance(share.judge(reading(failed)), Fall)
    assert share.judge(reading(failed, at=90.0)) == Fall(TRIAL, trial=True)
    found = [share.judge(reading(failed, at=54.0)) for _ in range(3)]
    assert Back(100.0) in found
    assert share.background == pytest.approx(failed / 100)
    assert share.judge(reading(failed)) is None
    assert share.judge(reading(min(100, failed + 40))) is not None


@pytest.mark.parametrize("places", [80, 60, 50, 30, 20], ids=str)
def test_a_trial_that_helps_shows_load(places: int) -> None:
    """No height that a smaller provider cannot carry is ever gone back to."""
    share, at = FailureRate(), 100.0
    for _ in range(30):
        seen = 400
        failed = round(seen * max(0.0, 1 - places / at))
        found = share.judge(reading(failed, seen, at))
        assert not isinstance(found, Back)
        if isinstance(found, Fall):
            at *= found.left
    assert at <= places
    assert share.background < 0.01


def test_a_step_in_the_middle_of_an_epoch_is_not_taken_for_chance() -> None:
    """Few failed in the epoch that saw it begin, all in the next: that is worse, not the same."""
    share = FailureRate()
    assert isinstance(share.judge(reading(3, at=64.0)), Fall)
    assert isinstance(share.judge(reading(12, at=58.0)), Fall)
    assert share.judge(reading(85, at=35.0)) == Fall(0.5)
    assert share.background == 0.0


def test_a_trial_in_which_more_fails_is_over() -> None:
    """What fails more below than above has nothing to do with what was tried; it is a new sign."""
    share = FailureRate()
    share.judge(reading(12))
    assert share.judge(reading(12, at=88.0)) == Fall(TRIAL, trial=True)
    assert share.judge(reading(40, at=53.0)) == Fall(0.6)
    assert (share.trial, share.background) == (None, 0.0)


def test_what_fails_more_at_the_old_height_was_for_load_after_all() -> None:
    """A step between two epochs looked like chance: going back shows that it was none."""
    share = FailureRate()
    share.judge(reading(20))
    share.judge(reading(20, at=80.0))
    assert share.judge(reading(20, at=48.0)) == Back(100.0)
    assert share.judge(reading(55)) == Fall(0.5)
    assert share.background == 0.0


def test_of_a_provider_that_fails_most_less_is_asked() -> None:
    """Without a trial, until nothing is left to give."""
    share, at = FailureRate(), 256.0
    while at > 1:
        assert share.judge(reading(80, at=at)) == Fall(0.5)
        at = max(1.0, at / 2)
    assert share.judge(reading(80, at=1.0)) is None
    assert share.background == MOST


def test_with_one_in_flight_nothing_fails_for_load() -> None:
    """It is learnt as what is always there."""
    share = FailureRate()
    for _ in range(20):
        assert share.judge(reading(30, at=1.0)) is None
    assert share.background == pytest.approx(0.3)
    assert share.judge(reading(30, at=2.0)) is None


def test_what_is_always_there_is_learnt_where_there_is_little_load() -> None:
    """Below what was carried when the ceiling fell, never near it."""
    share = FailureRate()
    share.judge(reading(20))
    for _ in range(LEARNING // 50):
        share.judge(reading(2, at=75.0))
    assert share.background == pytest.approx(0.02)
    before = share.background
    for _ in range(20):
        share.judge(reading(5, at=99.0))
    assert share.background == before


def test_while_a_ceiling_doubles_few_failures_are_no_sign() -> None:
    """One chance failure must not end it: it meets its limit with a bang."""
    assert FailureRate().judge(reading(8, met=False)) is None
    assert FailureRate().judge(reading(8, met=True)) is not None
    assert FailureRate().judge(reading(50, met=False)) == Fall(0.5)


def test_what_fails_while_a_ceiling_doubles_is_not_learnt() -> None:
    """It may be the limit itself, which would then be passed for ever."""
    share = FailureRate()
    assert share.judge(reading(7, 50, 14.0, met=False)) is None
    assert share.background == 0.0


@pytest.mark.parametrize(("failed", "wonders"), [(0, False), (1, True), (2, True), (3, False)], ids=str)
def test_doubt_asks_for_more_answers(failed: int, wonders: bool) -> None:
    """More than usual, but not enough for a sign."""
    assert FailureRate().wonders(reading(failed, 10)) is wonders


@given(
    st.lists(
        st.builds(
            lambda share, seen, at, met: reading(round(seen * share), seen, at, met=met),
            st.floats(0, 1),
            st.integers(10, 500),
            st.floats(1.0, 256.0),
            st.booleans(),
        ),
        max_size=60,
    )
)
def test_no_sign_halves_more_than_once_and_nothing_is_learnt_beyond_reason(
    readings: list[FailureCounts],
) -> None:
    """Whatever is seen."""
    share = FailureRate()
    for each in readings:
        found = share.judge(each)
        assert not isinstance(found, Fall) or 0.5 <= found.left <= 0.95
        assert not isinstance(found, Back) or 1.0 <= found.to <= 256.0
        assert 0.0 <= share.background <= MOST


# Both ceilings


def seen(
    adaptation: AdaptiveLimit,
    sample: Sample,
    times: int,
    now: float = 0.0,
    *,
    every: float = 0.01,
    full: bool = True,
    paced: bool = False,
) -> float:
    """Show so many samples, and return the time of the last."""
    for _ in range(times):
        now += every
        adaptation.saw(sample, now, full=full, paced=paced)
    return now


def waited(adaptation: AdaptiveLimit, now: float, seconds: float = 1.0) -> float:
    """Let a hold go by, and return the time after it."""
    adaptation.resumed(now + seconds)
    return now + seconds


def grown(limit: float = 64.0) -> tuple[AdaptiveLimit, float]:
    """Return an adaptation that has found its limit, and the time."""
    adaptation = AdaptiveLimit.of(8, 256)
    now = seen(adaptation, YES, 100, full=False)
    adaptation.limit.value = limit
    return adaptation, now


@pytest.mark.parametrize("full", [True, False], ids=["used", "not used"])
def test_the_limit_grows_only_while_it_is_used(full: bool) -> None:
    """From the initial to the highest, or not at all."""
    adaptation = AdaptiveLimit.of(8, 256)
    seen(adaptation, YES, 300, full=full)
    assert adaptation.limit.value == (256 if full else 8)
    assert adaptation.pace.value == INFINITE


@pytest.mark.parametrize("paced", [True, False], ids=["used", "not used"])
def test_the_pace_grows_only_while_it_is_used(paced: bool) -> None:
    """Once there is one."""
    adaptation, now = grown()
    now = waited(adaptation, seen(adaptation, Sample(Verdict.THROTTLED, 429, 0.05, 1.0), 1, now))
    fell_to = adaptation.pace.value
    seen(adaptation, YES, 1_000, now, paced=paced, full=False)
    assert (adaptation.pace.value > fell_to) is paced


def test_a_slow_provider_is_given_time() -> None:
    """The limit doubles once in the time that an answer takes, not four times before one is there."""
    slow = Sample(Verdict.ACCEPTED, 200, 1.0)
    adaptation = AdaptiveLimit.of(8, 256)
    seen(adaptation, slow, 11, every=0.1)
    assert adaptation.limit.value == pytest.approx(16.0)


SIGNS = {
    "429 with Retry-After": (Sample(Verdict.THROTTLED, 429, 0.05, 1.0), 1, "pace"),
    "503 with Retry-After": (Sample(Verdict.THROTTLED, 503, 0.05, 1.0), 1, "limit"),
    "429": (Sample(Verdict.THROTTLED, 429, 0.05), 100, "pace"),
    "503": (BUSY, 100, "limit"),
    "timeouts": (Sample(Verdict.LOST, None, 0.05, timed_out=True), 100, "limit"),
    "latency": (Sample(Verdict.ACCEPTED, 200, 0.4), 100, "limit"),
    "connections that open slowly": (Sample(Verdict.ACCEPTED, 200, 0.05, opening=0.35), 100, "limit"),
    "500": (Sample(Verdict.BROKEN, 500, 0.05), 100, None),
    "no connection": (Sample(Verdict.NOT_SENT, None, 0.05), 100, None),
    "a refusal": (Sample(Verdict.REFUSED, 422, 0.05), 100, None),
    "a little more latency": (Sample(Verdict.ACCEPTED, 200, 0.14), 100, None),
}


@one_test
@pytest.mark.parametrize(("sample", "times", "falls"), SIGNS.values(), ids=SIGNS)
def test_what_is_a_sign_and_of_what(sample: Sample, times: int, falls: str | None) -> None:
    """A 429 lowers the pace, what speaks of load the limit, anything else nothing."""
    adaptation, now = grown()
    waited(adaptation, seen(adaptation, sample, times, now, full=False))
    fell = {"limit": adaptation.limit.value < 64, "pace": adaptation.pace.value < INFINITE}
    assert {name for name, value in fell.items() if value} == ({falls} if falls else set())


def test_a_429_that_refuses_the_change_is_no_request_taken() -> None:
    """Such as one whose body denies the change: it is counted neither for the rate nor as a wait."""
    adaptation, now = grown()
    taken = adaptation.search.trace.total
    seen(adaptation, Sample(Verdict.REFUSED, 429, 0.05), 5, now, full=False)
    assert (adaptation.search.trace.total, adaptation.refusals) == (taken, None)


@pytest.mark.parametrize(("beside", "falls"), [(0, True), (10, False)], ids=["alone", "others got through"])
def test_a_wait_for_load_lowers_nothing_where_the_others_get_through(beside: int, falls: bool) -> None:
    """Beyond a limit they would have been refused, too."""
    adaptation, now = grown()
    no = Sample(Verdict.THROTTLED, 503, 0.05, 1.0)
    now = seen(adaptation, no, 1, now, full=False)
    now = seen(adaptation, YES, beside, now + 0.05, every=0.001, full=False)
    waited(adaptation, now)
    assert (adaptation.limit.value < 64) is falls


def test_a_refusal_by_chance_is_judged_when_ten_answers_are_there() -> None:
    """It holds nothing, so the answers beside it go on coming."""
    adaptation, now = grown()
    adaptation.search.cause.weigh(10.0)
    now = seen(adaptation, Sample(Verdict.THROTTLED, 429, 0.05), 1, now, full=False)
    assert adaptation.refusals is not None and not adaptation.refusals.holds
    now = seen(adaptation, YES, 1, now, every=1.0, full=False)
    assert adaptation.refusals is not None
    now = seen(adaptation, YES, 20, now, every=0.001, full=False)
    seen(adaptation, YES, 3, now, every=1.0, full=False)
    assert adaptation.refusals is None and adaptation.by_chance
    assert adaptation.pace.value == INFINITE


def test_what_left_in_a_trial_and_is_refused_after_it_says_nothing() -> None:
    """It left at full speed, and not at the pace that is in force again."""
    adaptation = AdaptiveLimit.of(8, 64)
    adaptation.search.trial_ended = 10.0
    late = Sample(Verdict.THROTTLED, 429, 2.0)
    adaptation.saw(late, 11.0, full=True, paced=False)
    assert adaptation.refusals is None
    adaptation.saw(late, 13.0, full=True, paced=False)
    assert adaptation.refusals is not None


@pytest.mark.parametrize("status", [429, 503], ids=str)
@pytest.mark.parametrize("asked", [None, 1.0], ids=["", "with Retry-After"])
def test_what_was_sent_before_a_fall_does_not_count(status: int, asked: float | None) -> None:
    """A hundred refusals of what was in flight are one sign."""
    adaptation, now = grown()
    no = Sample(Verdict.THROTTLED if asked or status == 429 else Verdict.BROKEN, status, 0.05, asked)
    for _ in range(200):
        if adaptation.limit.value != 64 or adaptation.pace.value != INFINITE:
            break
        now = seen(adaptation, no, 1, now, full=False)
        adaptation.resumed(now)
    after = (adaptation.limit.value, adaptation.pace.value)
    seen(adaptation, no, 100, now, every=0.0001, full=False)
    assert (adaptation.limit.value, adaptation.pace.value) == after


@pytest.mark.parametrize(("every", "recovery"), [(0.001, 1.5), (0.005, 2.25), (0.1, 5.0)], ids=str)
def test_the_limit_is_tried_sooner_where_answers_are_many(every: float, recovery: float) -> None:
    """A few of them are turned away each time, whatever their number."""
    adaptation, now = grown()
    now = seen(adaptation, YES, 3_000, now, every=every, full=False)
    waited(adaptation, seen(adaptation, Sample(Verdict.THROTTLED, 503, 0.0, 1.0), 1, now, full=False), 0.0)
    assert adaptation.limit.recovery == pytest.approx(recovery, rel=0.05)


def test_a_first_429_before_anything_was_taken_is_no_measure() -> None:
    """The pace begins low and doubles: what was never measured is not remembered as a wall."""
    adaptation = AdaptiveLimit.of(8, 256)
    now = waited(adaptation, seen(adaptation, Sample(Verdict.THROTTLED, 429, 0.05, 1.0), 8, every=0.001))
    assert adaptation.pace.value < 10
    seen(adaptation, YES, 60, now, every=0.1, paced=True)
    assert adaptation.pace.value > 200


RESTS = {
    "a quick 503": (BUSY, 0.0),
    "a quicker one": (Sample(Verdict.BROKEN, 503, 0.01), 0.04),
    "a quick 429": (Sample(Verdict.THROTTLED, 429, 0.02), 0.03),
    "one that asks to wait": (Sample(Verdict.THROTTLED, 429, 0.0, 1.0), 0.0),
    "another failure": (Sample(Verdict.BROKEN, 500, 0.0), 0.0),
    "a slow one": (Sample(Verdict.BROKEN, 503, 3.0), 0.0),
}


@pytest.mark.parametrize(("sample", "rest"), RESTS.values(), ids=RESTS)
def test_the_place_of_a_quick_no_rests(sample: Sample, rest: float) -> None:
    """For as long as a yes would have taken, so that a no does not come faster than a yes."""
    adaptation, _ = grown()
    assert max(0.0, adaptation.rest(sample)) == pytest.approx(rest)


def test_no_place_rests_long() -> None:
    """However slow the provider is."""
    adaptation = AdaptiveLimit.of(8, 256)
    seen(adaptation, Sample(Verdict.ACCEPTED, 200, 60.0), 100)
    assert adaptation.rest(Sample(Verdict.BROKEN, 503, 0.0)) == LONGEST_REST


def test_after_an_outage_all_begins_anew() -> None:
    """Few in flight, which double; and what failed in the outage is not taken for what always does."""
    adaptation, now = grown()
    now = seen(adaptation, BUSY, 2_000, now)
    assert adaptation.limit.value == 1
    adaptation.limit.value = 100.0
    adaptation.restart(now)
    assert adaptation.limit.value == 8
    now = seen(adaptation, YES, 100, now + 1.0)
    assert adaptation.limit.value > 100
    before = adaptation.limit.value
    for _ in range(100):
        now = seen(adaptation, YES, 2, now, every=0.002, full=False)
        now = seen(adaptation, BUSY, 1, now, every=0.002, full=False)
    assert adaptation.limit.value < before


def test_quick_refusals_before_any_acceptance_can_have_come_are_no_sign() -> None:
    """A refusal takes a moment, an acceptance a second: before that, all answers are refusals."""
    adaptation = AdaptiveLimit.of(8, 256)
    now = seen(adaptation, Sample(Verdict.ACCEPTED, 200, 1.0), 50, every=0.1, full=False)
    now = waited(adaptation, seen(adaptation, Sample(Verdict.THROTTLED, 503, 0.05, 1.0), 1, now, full=False))
    adaptation.limit.value = 64.0
    no = Sample(Verdict.BROKEN, 503, 0.001)
    now = seen(adaptation, no, 100, now, every=0.005, full=False)
    assert adaptation.limit.value == 64
    seen(adaptation, no, 100, now, every=0.01, full=False)
    assert adaptation.limit.value < 64


numbers_of_samples = st.lists(
    st.tuples(
        st.sampled_from([YES, BUSY, *(sample for sample, _, _ in SIGNS.values())]),
        st.floats(0.0001, 3.0),
        st.booleans(),
        st.booleans(),
    ),
    max_size=300,
)


@given(st.integers(1, 64), st.integers(1, 256), numbers_of_samples)
def test_whatever_is_seen_the_limits_stay_within_their_bounds(initial: int, most: int, samples) -> None:
    """At least one in flight, at most what was set, and some pace."""
    adaptation, now = AdaptiveLimit.of(initial, most), 0.0
    for sample, after, full, paced in samples:
        now += after
        adaptation.saw(sample, now, full=full, paced=paced)
        assert 1.0 <= adaptation.limit.value <= most
        assert adaptation.pace.value >= 0.5
        assert adaptation.rest(sample) <= LONGEST_REST
        assert not math.isnan(adaptation.pace.value)


# The pacer


@pytest.mark.parametrize("late", [0.0, 0.01, 0.5], ids=["on time", "a little late", "late"])
def test_the_pacer_makes_up_for_a_little_and_never_bursts(late: float) -> None:
    """A hundred a second, asked for in rounds that come late."""
    pacer, now, moments = Pacer(100.0), 50.0, []
    while now < 60.0:
        while pacer.wait(now) == 0:
            pacer.took(now, INFINITE)
            moments.append(now)
        now += pacer.wait(now) + late
    for start in moments:
        assert sum(start <= moment < start + 1.0 for moment in moments) <= 100 * 1.02 + 1
    assert len(moments) >= (990 if late < 0.1 else 10)


def test_an_even_gap_counts_from_when_a_request_was_written() -> None:
    """One in ten is written 3 ms later than usual, as when Python tidies up: the next is no nearer to it."""
    pacer, chance, now, written = Pacer(), random.Random(1), 50.0, []
    for number in range(400):
        now += pacer.wait(now)
        pacer.took(now, 200.0, even=True)
        written.append(now + 0.001 + 0.0001 * chance.random() + 0.003 * (number % 10 == 0))
        pacer.written(written[-1])
    gaps = [after - before for before, after in pairwise(written[20:])]
    assert min(gaps) >= 0.97 / 200
    assert sum(gaps) / len(gaps) <= (0.005 + 0.0003) * 1.03


# At work


WORK: dict[str, tuple[Callable[[], Model], float, float]] = {
    "200/s, 429 beyond": (lambda: Bucket(200, 1.0), 0.9, 0.02),
    "200/s, 429 beyond, empty at first": (lambda: Bucket(200, 1.0, full=False), 0.8, 0.02),
    "200/s, 429 beyond, no burst": (lambda: Bucket(200, 0.1), 0.75, 0.02),
    "200/s, 429 without Retry-After": (lambda: Bucket(200, 1.0, asks=None), 0.9, 0.03),
    "32 at once, 503 beyond": (lambda: Seats(32), 0.9, 0.02),
    "ten at once, 503 beyond": (lambda: Seats(10), 0.9, 0.02),
    "four at once, 503 beyond": (lambda: Seats(4), 0.9, 0.02),
    "one at once, 503 beyond": (lambda: Seats(1), 0.9, 0.06),
    "32 at once, a second each": (lambda: Seats(32, 1.0), 0.9, 0.05),
    "latency rises beyond 32": (lambda: Queue(32), 0.9, 0.0),
}


@pytest.mark.slow
@pytest.mark.parametrize(("model", "used", "away"), WORK.values(), ids=WORK)
def test_the_limit_of_a_provider_is_found(model: Callable[[], Model], used: float, away: float) -> None:
    """After three seconds nearly all is used that it takes, and hardly anything is turned away."""
    simulation = Simulation(model()).run(30)
    assert simulation.used(3, 30) >= used
    assert simulation.turned_away(3, 30) <= away


STEPS: dict[str, Callable[[], Model]] = {
    "503": lambda: Seats(32),
    "429": lambda: Bucket(200, 1.0),
    "latency": lambda: Queue(32),
}


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3], ids=str)
@pytest.mark.parametrize("model", STEPS.values(), ids=STEPS)
def test_a_step_is_followed(model: Callable[[], Model], seed: int) -> None:
    """Half the capacity goes and comes back: ten seconds later the rate is within 20 % of it."""
    steps = ((0.0, 1.0), (16.0, 0.5), (32.0, 1.0))
    simulation = Simulation(model(), steps=steps, seed=seed, transit=0.0015).run(48)
    assert simulation.used(3, 48) >= 0.9
    assert simulation.turned_away(3, 48) <= 0.02
    assert simulation.used(26, 32) == pytest.approx(1.0, abs=0.2)
    assert simulation.used(42, 48) == pytest.approx(1.0, abs=0.2)


@pytest.mark.slow
@pytest.mark.parametrize("status", [503, 429], ids=str)
@pytest.mark.parametrize(("share", "used"), [(0.005, 0.95), (0.03, 0.92), (0.2, 0.3)], ids="{:.1%}".format)
def test_what_always_fails_brings_no_run_to_a_standstill(status: int, share: float, used: float) -> None:
    """A provider that takes anything and fails some of it by chance is asked for all the same."""
    for seed in range(3):
        simulation = Simulation(Seats(1_000), noise=failing(status, share), most=64, seed=seed).run(40)
        assert simulation.used(20, 40) * 1_000 / 64 >= used * (1 - share)


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.0, 0.03], ids="{:.0%}".format)
def test_a_fall_of_capacity_is_not_taken_for_chance(share: float) -> None:
    """From 64 at once to 8 and back, with failures by chance or without."""
    for seed in range(2):
        simulation = Simulation(
            Seats(64), steps=((0, 1.0), (8, 0.125), (18, 1.0)), noise=failing(503, share), seed=seed
        ).run(40)
        assert simulation.turned_away(9, 18) <= 0.10 + share
        assert simulation.used(9, 18) >= 0.85
        assert simulation.limits[170] <= 12
        assert max(simulation.limits[180:]) >= 50  # and up again


def test_a_limit_of_one_is_left_again() -> None:
    """A provider that took one at once for a while takes 64 again."""
    simulation = Simulation(Seats(64), steps=((0, 1 / 64), (10, 1.0))).run(35)
    assert simulation.limits[95] < 4
    assert max(simulation.limits) >= 60


def test_a_rate_that_was_set_is_kept_and_does_not_hide_the_other() -> None:
    """After a minute at a rate below what the provider takes, it takes less: that is noticed at once."""
    steps = ((0, 4.0), (30, 0.5))
    simulation = Simulation(Bucket(200, 1.0, full=False), steps=steps, max_rate=150).run(45)
    assert max(simulation.taken[second] for second in range(45)) <= 150 * 1.02 + 1
    assert simulation.turned_away(33, 45) <= 0.03


def test_a_pace_does_not_rise_while_the_release_of_a_hold_is_what_keeps_requests() -> None:
    """After a minute's hold a few leave in a second, for some seconds; that tells nothing of the pace."""
    admission = Admission.of(8, 64)
    admission.widen(8, 64)
    pace = admission.adaptation.pace
    pace.fall(20.0, None)
    admission.hold(0.0, 60.0)
    for at, rises in ((60.5, False), (62.0, False), (66.0, True)):
        before = pace.value
        admission.took(at)
        assert admission.wait(at + 0.01) is not None
        admission.left()
        admission.saw(Sample(Verdict.ACCEPTED, 200, 0.02), at + 0.02)
        assert (pace.value > before) is rises


def test_a_wait_that_is_asked_for_after_a_refusal_by_chance_holds() -> None:
    """What leaves during the wait tells nothing of what is refused by chance."""
    adaptation = AdaptiveLimit.of(8, 64)
    adaptation.search.cause.beside(2_000, 100)
    assert adaptation.by_chance
    adaptation.saw(Sample(Verdict.THROTTLED, 429, 0.02), 1.0, full=True, paced=False)
    assert adaptation.refusals is not None and not adaptation.refusals.holds
    adaptation.saw(Sample(Verdict.THROTTLED, 429, 0.02, asked=1.0), 1.01, full=True, paced=False)
    assert adaptation.refusals.holds and adaptation.refusals.until == INFINITE
