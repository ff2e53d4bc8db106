"""How a batch learns what the provider takes: pure decisions on samples, with time as an argument."""

import random

import pytest

from bonifiq_async.admission import Sample
from bonifiq_async.batch.limit import (
    EPOCH,
    EPOCH_SECONDS,
    LOAD_FALL,
    RECOVERY,
    WORST_FALL,
    Adaptation,
    Ceiling,
    Share,
)
from bonifiq_async.outcome import Verdict

INITIAL, MOST = 8, 256
QUICK = 0.01
GOOD = Sample(Verdict.ACCEPTED, 200, QUICK)
OVERLOAD = Sample(Verdict.BROKEN, 503, QUICK)
RATE = Sample(Verdict.THROTTLED, 429, QUICK)


class Run:
    """A run whose answers come one after the other, `gap` seconds apart."""

    def __init__(self) -> None:
        self.state, self.now = Adaptation.of(INITIAL, MOST), 100.0

    def see(self, *samples: Sample, times: int = 1, gap: float = 0.01, full: bool = True) -> None:
        """Take in `samples`, `times` times over."""
        for _ in range(times):
            for sample in samples:
                self.now += gap
                self.state.saw(sample, self.now, full=full, paced=full)

    @property
    def limit(self) -> float:
        """Requests in flight, at the most."""
        return self.state.limit.value

    @property
    def pace(self) -> float:
        """Requests a second, at the most."""
        return self.state.pace.value


def test_a_limit_that_is_in_use_doubles_until_it_is_reached() -> None:
    """And no further than allowed; where nobody waits for it, it stays."""
    run = Run()
    run.see(GOOD, times=30, full=False)
    assert run.limit == INITIAL
    run.see(GOOD, times=30)
    assert INITIAL < run.limit < MOST
    run.see(GOOD, times=300)
    assert run.limit == MOST


@pytest.mark.parametrize(("status", "falls"), [(429, "pace"), (503, "limit")])
def test_one_retry_after_is_enough(status: int, falls: str) -> None:
    """A 429 speaks of the rate, a 503 of the load."""
    run = Run()
    run.see(GOOD, times=30)
    before = run.limit
    run.see(Sample(Verdict.THROTTLED, status, QUICK, asked=1.0))
    assert (run.pace < float("inf")) is (falls == "pace")
    assert run.limit == (before * LOAD_FALL if falls == "limit" else before)


def test_rising_latency_is_a_sign_of_load() -> None:
    """Twice as slow as ever, and a tenth of a second: the limit gives way."""
    run = Run()
    run.see(GOOD, times=100)
    before = run.limit
    run.see(Sample(Verdict.ACCEPTED, 200, 0.5), times=MOST * 2, full=False)
    assert run.limit < before


def test_an_epoch_without_a_good_answer_says_nothing_of_latency() -> None:
    """Lost answers are no sign of load by themselves."""
    run = Run()
    run.see(Sample(Verdict.LOST, None, 5.0), times=EPOCH * 10, gap=EPOCH_SECONDS)
    assert (run.limit, run.pace) == (INITIAL, float("inf"))


def test_overload_that_goes_with_the_load_is_obeyed() -> None:
    """The limit falls at the sign, by no more than half, and further while falling helps."""
    run = Run()
    run.see(GOOD, times=200)
    before = run.limit
    run.see(*[OVERLOAD] * 9, GOOD)
    run.see(OVERLOAD)
    assert before * WORST_FALL <= run.limit < before
    chance = random.Random(1)
    for _ in range(1_000):  # what is above two hundred in flight is turned away
        run.see(GOOD if chance.random() < 200 / run.limit else OVERLOAD, full=False)
    assert run.limit < 210


def test_failures_that_have_nothing_to_do_with_load_are_learnt() -> None:
    """Where falling does not help, the limit goes back to where it was, and falls no more for them."""
    run = Run()
    run.see(GOOD, times=200)
    run.see(OVERLOAD, GOOD, GOOD, times=600, full=False)
    assert run.limit == MOST
    run.see(OVERLOAD, GOOD, GOOD, times=600, full=False)
    assert run.limit == MOST


def test_throttling_that_is_always_there_is_learnt_too() -> None:
    """The pace goes back where its falls were for nothing."""
    run = Run()
    run.see(GOOD, times=200)
    run.see(RATE, GOOD, GOOD, times=2_000, full=False)
    assert run.state._throttling.background == pytest.approx(1 / 3, abs=0.1)


def test_after_an_outage_it_begins_anew() -> None:
    """With few in flight, as if nothing were known; what was sent before says nothing any more."""
    run = Run()
    run.see(GOOD, times=300)
    run.state.restart(run.now)
    assert (run.limit, run.state.limit.wall) == (INITIAL, None)
    run.see(Sample(Verdict.THROTTLED, 503, elapsed=10.0, asked=1.0))
    assert run.limit == INITIAL


@pytest.mark.parametrize("status", [429, 503])
def test_a_quick_no_rests_its_place_as_long_as_an_answer_takes(status: int) -> None:
    """Used again at once, it would meet many noes; where the provider names a time, that counts."""
    run = Run()
    run.see(Sample(Verdict.ACCEPTED, 200, 0.4), times=200)
    no = Sample(Verdict.BROKEN, status, 0.1)
    assert run.state.rest(no) == pytest.approx(0.3, abs=0.01)
    assert run.state.rest(Sample(Verdict.THROTTLED, status, 0.1, asked=1.0)) == 0
    assert run.state.rest(GOOD) == 0


def test_a_ceiling_comes_back_to_its_wall_and_probes_beyond() -> None:
    """Fast, then slow, then faster again: what was found once need not be true for ever."""
    ceiling = Ceiling(100.0, 1.0, 1_000.0)
    ceiling.fall(50.0, 100.0)
    assert ceiling.below_the_wall
    values = []
    for _ in range(14):
        ceiling.rise(RECOVERY / 7)
        values.append(ceiling.value)
    assert values == sorted(values)
    assert values[6] == pytest.approx(100.0)
    assert values[0] - 50 > values[6] - values[5]
    assert values[13] > 200
    assert not ceiling.below_the_wall


def test_a_trial_that_helps_goes_on() -> None:
    """Half of the failures that load would explain are gone: it is load."""
    share = Share()
    assert share.falls_for_nothing(0.5, 100.0) is None
    assert share.falls_for_nothing(0.5, 90.0) is None  # too early to say
    assert share.falls_for_nothing(0.1, 50.0) is None
    assert share.trial == (0.1, 50.0)
    assert share.background == 0
    assert share.falls_for_nothing(0.1, 30.0) == 50.0
    assert (share.background, share.trial) == (0.1, None)
