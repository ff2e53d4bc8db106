"""A rate without burst: refusals that are accidents, and those that show that it has changed."""

import pytest
from attrs import evolve
from limits import Bucket, stretches_of

from bonifiq_async._concurrency.limiter import Sample
from bonifiq_async._limits.adaptive_limit import AdaptiveLimit
from bonifiq_async._limits.inference.even import EvenRate
from bonifiq_async._limits.inference.kind import EVENLY, LimitKind, Stretch, explained
from bonifiq_async._limits.inference.rate_search import CHEAPLY, PAUSE, REFUSED, RateSearch
from bonifiq_async._limits.inference.refusals import Refusals
from bonifiq_async._model.outcome import Verdict


def stretch_of(taken: int, pace: float, held: float = 1.0, began: float = 0.0) -> Stretch:
    """Return what is taken at an even pace before one is refused."""
    counts = [(began + number / pace, 1.0) for number in range(taken)]
    return Stretch(counts, taken, began, began + taken / pace, held, pace)


def test_a_rate_without_burst_is_not_lowered_by_seldom_accidents() -> None:
    """Where they cost what they may it stays; more often it falls, and no further than is likely."""
    seldom, often = EvenRate(100.0), EvenRate(100.0)
    for _ in range(20):
        seldom.refused(stretch_of(1_600, 96.0), beyond=False)
        often.refused(stretch_of(96, 96.0), beyond=False)
    assert seldom.rate == pytest.approx(100.0, rel=0.02)
    assert seldom.is_likely
    assert often.rate < 75
    assert not often.is_likely


def accidents() -> list[Stretch]:
    """Return what is taken of 100/s without burst until six accidents that follow each other."""
    found, began = [], 3.0
    for taken, usual, pace in (
        (611, 93.4, 104.7),
        (109, 96.5, 101.5),
        (12, 92.0, 101.5),
        (134, 90.5, 99.9),
        (21, 91.0, 97.3),
        (56, 87.5, 92.7),
    ):
        found.append(evolve(stretch_of(taken, usual, 0.05, began), pace=pace))
        began = found[-1].refused + 0.05
    return found


def test_accidents_that_follow_each_other_are_no_burst() -> None:
    """They look like one that is used up, for a moment."""
    (first,) = stretches_of(Bucket(100, 0.0), (400,))
    ramp = evolve(stretch_of(54, 48.0, 0.2, 0.3), pace=105.3)
    all_of_them, rate = [first, ramp, *accidents()], EvenRate(100.0)
    assert explained(all_of_them[-6:]) is not None
    for many in range(4, 9):
        assert rate.other(all_of_them[max(0, many - 6) : many]) is None


def test_a_burst_that_was_not_seen_at_first_is_found() -> None:
    """It explains three refusals in a row; where a wait is dear, one is enough."""
    stretches = stretches_of(Bucket(100, 0.2), (400, 130, 110, 108, 107, 106))
    cheap, rate = [evolve(each, held=0.2) for each in stretches], EvenRate(110.0)
    found = EvenRate(110.0).other(stretches[:4])
    assert found is not None
    assert found.rate == pytest.approx(100, rel=0.06)
    assert [rate.other(cheap[:many]) is None for many in (4, 5, 3, 4, 5, 6)] == [True] * 5 + [False]


def test_a_refusal_at_once_shows_that_a_rate_was_overestimated_and_one_in_a_look_does_not() -> None:
    """The pace between the last that was taken and the one that was refused counts, as far as it was kept."""
    rate = EvenRate(100.0)
    rate.refused(stretch_of(900, 104.0), beyond=True)
    assert rate.rate == 100.0
    rate.refused(stretch_of(900, 130.0), beyond=True)
    assert rate.rate == pytest.approx(0.95 * 130)
    rate.refused(stretch_of(3, 90.0), beyond=False)
    assert rate.rate == pytest.approx(EVENLY * 90)
    slow = Stretch([(0.0, 1.0), (0.1, 1.0)], 2, 0.0, 0.2, 1.0, 15.0)
    assert slow.kept == pytest.approx(10.0, rel=0.02)


def refused_after(search: RateSearch, at: float, taken: int, held: float) -> float:
    """Have so many taken at the pace and one refused, and return when the wait is over."""
    pace = search.pace.value
    for number in range(taken):
        search.took(at + number / pace)
    end = at + taken / pace
    search.go_on(Refusals(end, end, 429, True, False, end), end + held)
    return end + held


def even_search(rate: float, held: float) -> tuple[RateSearch, float]:
    """Return a search that has found a rate without burst, was held for so long each time, and the time."""
    search = RateSearch()
    search.opened(100.0)
    search.took(100.0)
    search.go_on(Refusals(100.001, 100.001, 429, True, False, 100.001, refused=7), 100.0 + held)
    search.pace.value = 1.04 * rate
    at = refused_after(search, 100.0 + held, 60, held)
    assert search.kind is LimitKind.EVEN
    return search, at


def test_without_burst_a_pause_is_as_long_as_an_answer_and_a_gap() -> None:
    """What is in flight is answered until then, and the next request has its own moment."""
    search, _ = even_search(100, 0.2)
    search.pace.value = 50.0
    assert (search.pause(0.0, 0.03), search.pause(0.0, 3.0)) == (pytest.approx(0.05), PAUSE)


def test_a_refusal_that_is_slower_than_answers_is_waited_for() -> None:
    """Others of its kind are under way: they belong to the same refusals."""
    adaptation, (search, at) = AdaptiveLimit.of(8, 64), even_search(100, 0.2)
    adaptation.search = search
    adaptation.saw(Sample(Verdict.THROTTLED, 429, 0.1), at + 1.0, full=True, paced=True)
    assert adaptation.paused == pytest.approx(at + 1.0 + 0.1 + 1 / search.pace.value)


@pytest.mark.parametrize(("held", "times"), [(0.02, 2), (1.0, 1)], ids=["cheap", "dear"])
def test_a_rate_without_burst_has_fallen_far_when_nearly_nothing_is_taken(held: float, times: int) -> None:
    """Twice where a wait is cheap: it may be an accident. It is looked for from a quarter on."""
    search, at = even_search(100, held)
    at = refused_after(search, at, 60, held)
    at = refused_after(search, at, 19, held)
    for _ in range(times):
        assert search.kind is LimitKind.EVEN
        pace = search.pace.value
        at = refused_after(search, at, 1, held)
    assert search.kind is None
    assert search.pace.value <= pace / 4


def test_looks_and_accidents_are_no_sign_of_chance() -> None:
    """More is turned away in looks where they cost requests alone."""
    search, at = even_search(100, 0.02)
    search.cause.weight = 0.0
    for taken in (60, 30, 60, 30, 60, 30):
        at = refused_after(search, at, taken, 0.02)
    assert search.cause.weight == 0.0


def test_what_chance_refuses_is_no_fall() -> None:
    """Where it is the likelier cause already."""
    search, at = even_search(100, 1.0)
    at = refused_after(search, at, 60, 1.0)
    search.cause.weight = 3.0
    refused_after(search, at, 2, 1.0)
    assert search.kind is LimitKind.EVEN


def test_a_look_costs_requests_alone_where_nothing_is_waited_for() -> None:
    """Without burst these may be 2 %; elsewhere 1 %."""
    looks = {}
    for held in (0.02, 0.2):
        search, at = even_search(10, held)
        for _ in range(8):
            search.rise(search.pace.recovery)
            at = refused_after(search, at, 600, held)
        looks[held] = search.pace.recovery
    assert looks[0.02] == pytest.approx(1 / (CHEAPLY * 10), rel=0.1)
    assert looks[0.2] == pytest.approx(1 / (REFUSED * 10), rel=0.1)
