"""A limit that others use, too: what is a sign of it, and that those that share come to equal parts."""

from statistics import median

import pytest
from limits import Kind, all_kinds

from bonifiq_async._limits.admission import UNKNOWN, Admission
from bonifiq_async._limits.inference.ceiling import Ceiling
from bonifiq_async._limits.inference.contention import Contention
from bonifiq_async._limits.inference.kind import FoundLimit, LimitKind
from bonifiq_async._limits.inference.rate_search import RateSearch
from bonifiq_async._limits.inference.refusals import Refusals

BUCKET, WINDOW = (FoundLimit(kind, 100.0, 20.0, 0.0) for kind in (LimitKind.BURST, LimitKind.WINDOW))


@pytest.mark.parametrize(
    ("found", "held", "signs", "certain"),
    [
        (BUCKET, 1.0, "bb", False),
        (BUCKET, 1.0, "bbb", True),
        (BUCKET, 1.0, "bbxb", False),
        (BUCKET, 1.0, "xxbbb", True),
        (WINDOW, 1.0, "b", False),
        (WINDOW, 1.0, "bb", True),
        (BUCKET, 0.2, "bbbbbb", False),
    ],
)
def test_refusals_below_the_limit_are_doubts(
    found: FoundLimit, held: float, signs: str, certain: bool
) -> None:
    """`b` is one below the limit, `x` one beyond it."""
    others = Contention()
    for sign in signs:
        if sign == "b":
            others.refused_below(found, held)
        else:
            others.refused_beyond()
    assert others.is_certain is certain


@pytest.mark.parametrize("limit", [10.0, 100.0, 1_000.0])
@pytest.mark.parametrize("part", [0.02, 0.1, 0.3])
def test_two_that_are_refused_together_come_to_equal_parts(part: float, limit: float) -> None:
    """From any beginning, and whatever the limit is; the pace swings less and less."""
    both = [(Contention(), Ceiling(limit * each, 0.01, float("inf"))) for each in (part, 1 - part)]
    swings = []
    for _ in range(8):
        for others, pace in both:
            others.fall(pace, 1.0)
        swings.append(limit - sum(pace.value for _, pace in both))
        while sum(pace.value for _, pace in both) < limit:
            for others, pace in both:
                others.rise(pace, 0.01)
    paces = [pace.value for _, pace in both]
    assert min(paces) / sum(paces) > 1 / 3
    assert swings[0] > 0.39 * limit and swings[-1] < 0.07 * limit


def refused(search: RateSearch, at: float, taken: int, pace: float | None = None) -> None:
    """Have `taken` requests taken within a second, and the next one refused, at `pace`, for a second."""
    if pace is not None:
        search.pace.value = pace
    search.opened(at)
    for number in range(taken):
        search.took(at + number / taken)
    search.go_on(Refusals(at + 1, at + 1, 429, True, True, at + 1), at + 2)


def test_a_search_that_finds_nothing_left_shares_until_one_limit_explains_all() -> None:
    """It begins with no request taken; at last the others have ended."""
    search = RateSearch()
    refused(search, 10.0, 0)
    assert search.kind is None
    refused(search, 12.0, 9, 10.0)
    assert (search.kind, search.since, search.is_even) == (LimitKind.SHARED, 14.0, True)
    before = search.pace.value
    search.rise(4.0)
    assert search.pace.value == pytest.approx(before + 0.5 * 4 + 0.05 * 64)
    for number in range(4):
        refused(search, 20.0 + 10 * number, 50, 51.0)
    assert search.found is not None
    assert (search.kind, search.since) == (search.found.kind, 52.0)


def test_refusals_by_chance_are_no_sign_of_others() -> None:
    """Also where others were taken to be the cause first: then there is no pace any more."""
    search = RateSearch()
    refused(search, 10.0, 0)
    refused(search, 12.0, 40, 50.0)
    assert search.kind is LimitKind.SHARED
    search.cause.weigh(20.0)
    refused(search, 20.0, 40, 50.0)
    assert (search.kind, search.pace.value) == (LimitKind.CHANCE, float("inf"))
    search.cause.weigh(-20.0)
    assert search.kind is None


def test_the_pace_rises_as_much_slower_as_a_refusal_is_dearer() -> None:
    """By the wait, in seconds; one of less than a second makes it no faster."""
    risen = []
    for held, seconds in ((1.0, 4.0), (5.0, 20.0), (0.5, 4.0)):
        others, pace = Contention(), Ceiling(100.0, 0.5, float("inf"))
        others.fall(pace, held)
        others.rise(pace, seconds)
        risen.append(pace.value)
    assert risen == pytest.approx([risen[0]] * 3)


def test_a_pace_that_means_none_is_not_shared() -> None:
    """Single calls have one after their first refusal; what was taken shows how little there is."""
    search = RateSearch()
    refused(search, 10.0, 0)
    refused(search, 12.0, 10, UNKNOWN)
    assert search.kind is LimitKind.SHARED
    assert search.pace.value <= 4 * 10


@pytest.mark.parametrize(("batch", "kind"), [(False, LimitKind.SHARED), (True, None)])
def test_a_batch_begins_anew_after_a_single_call_that_was_refused(
    batch: bool, kind: LimitKind | None
) -> None:
    """One refusal tells nothing of others: the call may have had a limit of its own."""
    admission = Admission.of(8, 64)
    search = admission.adaptation.search
    refused(search, 10.0, 0)
    if batch:
        admission.widen(8, 64)
    refused(search, 12.0, 30, 50.0)
    assert search.kind is kind


@pytest.mark.slow
@pytest.mark.parametrize("kind", [each for each in all_kinds() if each.runs == 2], ids=lambda each: each.name)
def test_two_runs_have_parts_that_are_alike(kind: Kind) -> None:
    """In a minute, in the median of nine seeds; without AIMD the slower one has a fifth of a window."""
    parts, used = [], []
    for seed in range(1, 10):
        both = kind.simulation(seed)
        counts = [sum(run.taken[second] for second in range(1, 61)) for run in both.batches]
        parts.append(min(counts) / sum(counts))
        used.append(both.used(1, 61))
        assert both.broken == 0
    assert median(parts) >= 0.3, parts
    assert median(used) >= 0.82, used
