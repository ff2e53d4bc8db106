"""Trials at full speed: whether refusals come from what is sent, and what is known afterwards."""

from statistics import median

import pytest
from limits import AT_ONCE, Flaky
from simulated import STALLS, Simulation

from bonifiq_async._limits.admission import Admission
from bonifiq_async._limits.inference.kind import LimitKind
from bonifiq_async._limits.inference.rate_search import (
    BELOW,
    EARLY,
    LONGEST_TRIAL,
    TRIAL,
    RateSearch,
)
from bonifiq_async._limits.inference.refusals import Refusals

INFINITE = float("inf")


def refused(
    search: RateSearch,
    at: float,
    taken: int,
    *,
    held: float = 0.4,
    beside: tuple[int, int] = (0, 0),
    places: int = 8,
) -> float:
    """Have requests taken at the pace, or in 0.1 s, and one refused; return when the wait is over."""
    pace = min(search.pace.value, 10 * max(taken, 1))
    search.opened(at)
    for number in range(taken):
        search.took(at + number / pace)
    end = at + taken / pace
    good, many = beside
    search.go_on(Refusals(end, end, 429, True, True, end, places=places, good=good, refused=many), end + held)
    return end + held


def until_tried(
    search: RateSearch, *, first: tuple[int, int], taken: int = 20, places: int = 8
) -> tuple[int, float]:
    """Return how many refusals at a pace it takes until there is a trial, up to 20, and the time."""
    return counted(search, refused(search, 10.0, 20, beside=first, places=places), taken, most=20)


def counted(search: RateSearch, at: float, taken: int, *, most: int) -> tuple[int, float]:
    """Return how many refusals it takes from now on, up to `most`, and the time."""
    for number in range(1, most + 1):
        at = refused(search, at, taken + number)  # later each time, as by a limit
        if search.trying:
            return number, at
    return most, at


def trying() -> tuple[RateSearch, float]:
    """Return a search that has found a limit, and tries whether it is one, and the time."""
    search = RateSearch()
    number, at = until_tried(search, first=(0, 5))
    assert number == TRIAL
    assert search.found is not None
    assert search.pace.value == INFINITE
    return search, at


def test_a_trial_is_made_when_lower_paces_do_not_help() -> None:
    """Sooner where nothing beside the first refusal spoke of a limit; never where few are refused."""
    assert until_tried(RateSearch(), first=(0, 0))[0] == EARLY
    assert until_tried(RateSearch(), first=(0, 0), taken=80)[0] == EARLY
    assert until_tried(RateSearch(), first=(0, 5))[0] == TRIAL
    assert until_tried(RateSearch(), first=(0, 5), taken=100)[0] == 20
    assert until_tried(RateSearch(), first=(0, 0), taken=200)[0] == 20


def test_a_trial_that_shows_a_limit_costs_a_wait_alone() -> None:
    """The pace is just below the limit again, which is still known, and the next trial comes later."""
    search, at = trying()
    found = search.found
    at = refused(search, at, 4, beside=(0, 20))
    assert (search.trying, search.found, search.kind) == (False, found, found.kind if found else None)
    assert found is not None
    assert search.pace.value < found.rate
    assert search.pace.value >= 0.85 * BELOW * found.rate
    assert search.pace.wall is not None
    assert search.trial_ended == at
    assert counted(search, at, 10, most=3 * TRIAL)[0] == 2 * TRIAL


def test_a_trial_in_which_nearly_all_beside_are_taken_shows_chance() -> None:
    """Then there is no pace, and no limit is known."""
    search, at = trying()
    refused(search, at, 40, beside=(30, 1))
    assert (search.kind, search.trying, search.found) == (LimitKind.CHANCE, False, None)
    assert search.pace.value == INFINITE


def test_a_trial_goes_on_while_more_is_taken_than_the_limit_allows() -> None:
    """Also where nothing was sent beside the refused request; without either it is over."""
    search, at = trying()
    at = refused(search, at, 400)
    assert search.trying
    refused(search, at, 400)
    assert search.kind is LimitKind.CHANCE
    search, at = trying()
    refused(search, at, 4)
    assert not search.trying
    assert search.pace.value < INFINITE


def test_a_trial_is_bounded() -> None:
    """Evidence may stay open for long."""
    search, at = trying()
    for number in range(1, LONGEST_TRIAL + 1):
        assert search.trying
        search.cause.weight = 0.0
        at = refused(search, at, 10 * number, beside=(4, 1))
    assert not search.trying
    assert search.pace.value < INFINITE


def test_stretches_of_a_trial_that_are_alike_show_a_limit() -> None:
    """Also where one is taken beside each that is refused: a few are in flight."""
    search, at = trying()
    for _ in range(4):
        at = refused(search, at, 4, beside=(1, 0))
    assert not search.trying
    assert search.kind is not LimitKind.CHANCE


def test_another_limit_is_looked_for_when_a_trial_shows_more() -> None:
    """What is known is forgotten; the pace begins at what the trial took."""
    search, at = trying()
    refused(search, at, 400, beside=(0, 20))
    assert (search.trying, search.found) == (False, None)
    assert search.pace.value > 100


def test_no_early_trial_is_made_where_all_speaks_for_a_limit() -> None:
    """Few in flight say nothing: none of them are beside the one that is refused."""
    assert until_tried(RateSearch(), first=(0, 0), places=2)[0] == TRIAL
    search = RateSearch()
    at = refused(search, 10.0, 20, held=0.2, places=2)
    assert search.pace.value < INFINITE
    search = RateSearch()
    at = refused(search, 10.0, 20)
    for number in range(1, EARLY + 1):
        search.cause.weight = -4.0
        at = refused(search, at, 80 + number)
    assert not search.trying


def test_the_trial_after_an_early_one_takes_as_many_refusals_as_any() -> None:
    """Twice as many as the one before it would be fewer."""
    search = RateSearch()
    _, at = until_tried(search, first=(0, 0))
    at = refused(search, at, 4, beside=(0, 20))
    assert not search.trying
    assert counted(search, at, 10, most=3 * TRIAL)[0] == TRIAL


def test_a_wait_that_goes_on_is_no_further_refusal() -> None:
    """A window that is closed for long refuses often, and says it once."""
    search = RateSearch()
    at = refused(search, 10.0, 20, beside=(0, 5))
    for number in range(2 * TRIAL):
        at = refused(search, at, 20 * (number == 0))
        assert not search.trying


def test_a_window_that_is_still_closed_is_no_sign_of_chance() -> None:
    """A hundred a second, and a pause of 0.2 s: the pace comes from what the window took, and pauses grow."""
    search = RateSearch()
    at = refused(search, 10.0, 100, held=0.2)
    assert search.pace.value == INFINITE
    refused(search, at, 0, held=0.2)
    assert search.pace.value == pytest.approx(100 / 1.1)
    assert search.kind is None
    assert search.pause(0.2, 0.02) == 1.0


def test_a_batch_that_begins_after_a_trial_knows_what_was_known_before_it() -> None:
    """The trial of a batch that has ended is over."""
    search, _ = trying()
    admission = Admission.of(8, 64)
    admission.adaptation.search, found = search, search.found
    admission.rest_from_batches()
    assert (admission.adaptation.search.found, search.trying) == (found, False)
    assert admission.rate is not None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("share", "asks", "least"),
    [(0.01, 0.05, 0.9), (0.02, 0.2, 0.9), (0.02, 1.0, 0.8), (0.1, 0.2, 0.8), (0.2, 0.05, 0.6)],
    ids=str,
)
def test_a_gateway_that_refuses_by_chance_at_once_is_not_taken_for_a_limit(
    share: float, asks: float, least: float
) -> None:
    """The median of some seeds; without trials and a second try these were 0.09 to 0.6."""
    used = []
    for seed in range(1, 8):
        model = Flaky(share, 429, asks, refuses=AT_ONCE)
        run = Simulation(
            model, noise=model.noise, most=64, transit=0.0002, late=0.001, stalls=STALLS, seed=seed
        ).run(41)
        assert run.broken == 0
        used.append(run.used(1, 41))
    assert median(used) >= least, used
