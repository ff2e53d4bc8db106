"""What the answers say of a limit: its kind, the cause of refusals, and what follows for the pace."""

import random
from collections.abc import Callable

import pytest
from limits import Bucket, Window, stretches_of
from one_test import one_test

from bonifiq_async._limits.inference.cause import CERTAIN, RefusalCause
from bonifiq_async._limits.inference.ceiling import Ceiling
from bonifiq_async._limits.inference.kind import (
    FITS,
    FoundLimit,
    LimitKind,
    changed,
    fitted,
)
from bonifiq_async._limits.inference.rate_search import (
    FIRST_WALL,
    LONGEST_PAUSE,
    PAUSE,
    SPENT,
    RateSearch,
)
from bonifiq_async._limits.inference.refusals import Refusals
from bonifiq_async._limits.inference.said import LONGEST as LONGEST_SAID
from bonifiq_async._limits.inference.said import SaidLimit
from bonifiq_async._limits.inference.trace import COARSE, LONGEST, Trace
from bonifiq_async._policy.rate_limit.allowance import Allowance

LIMITS: dict[str, tuple[Callable[[], Bucket | Window], tuple[float, ...], LimitKind, float]] = {
    "10/s, no burst": (lambda: Bucket(10, 0.0), (400, 10.4, 10.4), LimitKind.EVEN, 10),
    "100/s, no burst": (lambda: Bucket(100, 0.0), (400, 104, 102), LimitKind.EVEN, 100),
    "100/s, a tenth of a second": (lambda: Bucket(100, 0.1), (400, 160, 130), LimitKind.BURST, 100),
    "100/s, a second": (lambda: Bucket(100, 1.0), (900, 300, 160), LimitKind.BURST, 100),
    "500/s, half a second": (lambda: Bucket(500, 0.5), (3000, 900, 700), LimitKind.BURST, 500),
    "100 each second": (lambda: Window(100), (900, 160, 104), LimitKind.WINDOW, 100),
}


@one_test
@pytest.mark.parametrize(("limit", "paces", "kind", "rate"), LIMITS.values(), ids=LIMITS)
def test_three_refusals_tell_the_kind_and_the_rate(limit, paces, kind, rate) -> None:
    """The rate to a twentieth."""
    found = fitted(stretches_of(limit(), paces))
    assert found.kind is kind
    assert found.rate == pytest.approx(rate, rel=0.06)
    assert found.misfit <= FITS


def test_a_limit_that_has_changed_is_not_explained_by_one() -> None:
    """A third of it from the third refusal on: what was taken before is too much for it."""
    before = stretches_of(Bucket(90, 0.2), (400, 150))
    after = stretches_of(Bucket(30, 0.2, full=False), (87, 86), began=before[-1].refused + 1.001)
    assert fitted(before).misfit <= FITS < fitted([*before, *after]).misfit


def test_a_bucket_that_saves_up_for_as_long_tells_its_new_rate_in_one_stretch() -> None:
    """Up or down, at whatever pace it is refused; what was no bucket tells nothing."""
    before = FoundLimit(LimitKind.BURST, 90.0, 18.0, 0.0)
    for rate, pace in ((30, 87), (30, 40), (270, 900)):
        (stretch,) = stretches_of(Bucket(rate, 0.2), (pace,))
        found = changed(stretch, before)
        assert found is not None
        assert found.rate == pytest.approx(rate, rel=0.1)
        assert found.burst == pytest.approx(0.2 * found.rate)
        assert changed(stretch, FoundLimit(LimitKind.WINDOW, 90.0, 0.0, 0.0)) is None


def test_what_was_found_stays_where_it_explains_as_well() -> None:
    """Refusals that are all alike tell less than the first ones did."""
    stretches = stretches_of(Bucket(30, 0.1), (400, 60, 38, 38, 38, 38, 38))
    found = fitted(stretches[:3])
    again = fitted(stretches[3:], found)
    assert (again.kind, again.rate) == (LimitKind.BURST, found.rate)


# The cause


def test_what_happens_beside_a_refusal_tells_its_cause() -> None:
    """Nearly all taken: chance. Half refused: a limit."""
    by_chance, limit = RefusalCause(), RefusalCause()
    by_chance.beside(19, 1)
    limit.beside(10, 10)
    assert (by_chance.is_chance, limit.is_chance) == (True, False)
    assert limit.weight < -CERTAIN
    by_chance.beside(10, 10)
    assert not by_chance.is_chance


def test_a_large_share_that_chance_refuses_is_known_after_some() -> None:
    """A quarter is not taken for half of them."""
    cause = RefusalCause()
    cause.beside(30, 2)
    for _ in range(10):
        cause.beside(250, 60)
        assert cause.is_chance
    for _ in range(3):
        cause.beside(235, 78)
        assert cause.is_chance
    cause.beside(100, 120)
    assert not cause.is_chance


@pytest.mark.parametrize("seed", range(5))
def test_refusals_below_the_limit_that_was_known_show_chance(seed: int) -> None:
    """One in twenty is refused, at any pace: after some refusals that is clear."""
    chance, cause, last, refusals = random.Random(seed), RefusalCause(), 20.0, 0
    while not cause.is_chance:
        taken = next(count for count in range(10_000) if chance.random() < 0.05)
        cause.below(taken, last, 0.05)
        last, refusals = taken, refusals + 1
    assert refusals <= 30


def test_long_stretches_and_looks_that_fail_show_a_limit() -> None:
    """Refusals after thousands of requests, and beyond the limit."""
    cause = RefusalCause()
    for _ in range(20):
        cause.below(4_000.0, 5_000.0, 0.001)
    assert cause.weight <= 0.5
    cause.beyond()
    cause.beyond()
    assert cause.weight < 0


# The pace


def search_at(rate: float, burst: float, held: float) -> RateSearch:
    """Return a search that has met a bucket twice, and was held for so long each time."""
    search, limit, began = RateSearch(), Bucket(rate, burst), 100.0
    search.opened(began)
    for pace in (4 * rate, 1.6 * rate):
        at = began
        if search.pace.value < float("inf"):
            search.pace.value = pace
        while limit.answer(at, 0, 1.0)[0] == 200:
            search.took(at)
            at += 1 / pace
        began = at + held
        search.go_on(Refusals(at, at, 429, True, True, at), began)
    return search


def test_the_pace_stays_just_below_what_was_found() -> None:
    """Within a twentieth."""
    search = search_at(200, 0.2, 1.0)
    assert search.found is not None
    assert search.pace.value == pytest.approx(0.97 * 200, rel=0.05)


def test_what_two_refusals_show_is_not_used_up_until_there_is_a_third() -> None:
    """It may be too much by a little; a short wait is no matter."""
    search = search_at(200, 0.2, 1.0)
    assert search.found is not None
    assert search.pace.wall == search.found.rate
    search = search_at(200, 0.2, 2.0)
    assert search.found is not None
    assert search.pace.wall == pytest.approx(FIRST_WALL * search.found.rate)
    search.pace.value, at = 400.0, 300.0
    for number in range(100):
        search.took(at + number / 400)
    search.go_on(Refusals(at + 0.25, at + 0.25, 429, True, True, at + 0.25), at + 1.25)
    assert search.pace.wall == search.found.rate


@pytest.mark.parametrize(
    ("burst", "held", "lost"), [(0.2, 1.0, 0.8), (0.2, 10.0, 9.8), (1.0, 1.0, 0.0)], ids=str
)
def test_a_look_is_as_seldom_as_it_is_dear(burst: float, held: float, lost: float) -> None:
    """What a wait costs, less what is saved up meanwhile, is a few per cent of the time between looks."""
    search = search_at(200, burst, held)
    assert search.pace.recovery == pytest.approx(max(1.5, lost / SPENT), rel=0.2)


def test_a_refusal_that_asks_for_nothing_is_followed_by_a_pause_of_its_own() -> None:
    """One that grows while nothing is taken; where refusals come by chance there is none."""
    search = search_at(100, 0.2, 0.2)
    assert (search.pause(0.0, 0.02), search.pause(1.0, 0.02)) == (PAUSE, 0.0)
    pauses = []
    for number in range(8):
        at = 200.0 + number
        search.go_on(Refusals(at, at, 429, True, False, at), at + 0.2)
        pauses.append(search.pause(1.0, 0.02))
    assert pauses[:3] == [2.0, 4.0, 8.0]
    assert pauses[-1] == LONGEST_PAUSE
    search.took(300.0)
    assert search.pause(1.0, 0.02) == 0.0
    search.cause.weigh(20.0)
    assert search.pause(0.0, 0.02) == 0.0


def test_a_rate_without_burst_is_kept_evenly() -> None:
    """A moment that was missed is not made up for: two requests close together are one too many."""
    assert not RateSearch().is_even
    assert not search_at(200, 0.2, 1.0).is_even
    assert search_at(200, 0.0, 1.0).is_even


def test_a_ceiling_says_when_it_is_beyond() -> None:
    """It is at, or above, what it fell from."""
    ceiling = Ceiling(100.0, 1.0, 256.0)
    assert not ceiling.beyond
    ceiling.fall(90.0, 100.0, 2.0)
    assert not ceiling.beyond
    ceiling.rise(2.5)
    assert ceiling.beyond


# What the provider says


def test_no_more_leave_than_are_left_by_the_answer_to_the_latest_request() -> None:
    """What was sent since is taken off; an answer that is overtaken says nothing more."""
    said = SaidLimit()
    assert (said.wait(9.0), said.is_known(9.0)) == (0.0, False)
    said.believe((Allowance(10, 7.0, 2.0, 5.0),), 9.9, 10.0)
    for number in range(6):
        said.took(10.0 + number / 100)
    assert (said.wait(10.1), said.is_known(10.1)) == (0.0, True)
    said.believe((Allowance(10, 5.0, 1.9, 5.0),), 10.015, 10.1)  # to the second of the six
    assert said.budget == 1.0
    said.believe((Allowance(10, 7.0, 1.9, 5.0),), 9.95, 10.11)
    said.took(10.12)
    assert said.wait(10.2) == pytest.approx(1.8)
    assert said.wait(12.1) == 0.0
    assert said.budget == 10


def test_a_reset_far_ahead_is_not_waited_for() -> None:
    """The number may be in another unit; a limit that says no state says nothing of what is left."""
    said = SaidLimit()
    said.believe((Allowance(10), Allowance(5, 0.0, 3_600_000.0)), 1.0, 1.0)
    assert said.wait(1.0) == LONGEST_SAID


# The trace


def test_the_trace_keeps_the_order_and_a_bound() -> None:
    """Answers come out of order; counts are coarse, but for the last second."""
    trace = Trace()
    for number in range(2 * LONGEST):
        trace.note(100 + (number ^ 1) / 1_000)
    until = 100 + 2 * LONGEST / 1_000
    counts = trace.counts(until - 3.0, until)
    assert sum(many for _, many in counts) == pytest.approx(3_000, abs=3)
    assert counts == sorted(counts)
    assert len([at for at, _ in counts if at < until - 1.0]) <= 2.0 / COARSE + 2
    assert trace.total == 2 * LONGEST
    assert trace.rate(until, 2.0) == pytest.approx(1_000, rel=0.01)
