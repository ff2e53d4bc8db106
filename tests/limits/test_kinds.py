"""All kinds of limits in virtual time, with seeds: how much is used, and how much is turned away."""

from statistics import mean

import pytest
from limits import Bucket, Kind, all_kinds
from simulated import STALLS, Simulation

from bonifiq_async._limits.inference.kind import LimitKind

KINDS = {each.name: each for each in all_kinds()}

SHORT: dict[str, tuple[float, float]] = {
    "10 each second, asks 1 s": (0.88, 0.02),
    "250/s, burst 0.0 s, asks 1 s": (0.68, 0.03),
    "500/s, burst 0.0 s, asks 1 s": (0.56, 0.03),
    "10/s, burst 0.2 s, asks 2 s": (0.83, 0.02),
    "10 each second, asks 2 s": (0.82, 0.02),
    "30/s, burst 0.1 s, asks 2 s": (0.87, 0.02),
    "30 each second, asks 2 s": (0.88, 0.02),
    "100/s, burst 0.0 s, asks 2 s": (0.73, 0.03),
    "250/s, burst 0.0 s, asks 2 s": (0.59, 0.03),
    "500/s, burst 0.0 s, asks 2 s": (0.38, 0.03),
    "500/s, burst 0.2 s, asks 2 s": (0.87, 0.02),
    "500/s, burst 1.0 s, asks 2 s": (0.87, 0.02),
    "500 each second, asks 2 s": (0.87, 0.02),
    "500/s, burst 0.0 s, asks 0.2 s": (0.66, 0.03),
    "500/s, burst 0.0 s, asks none": (0.71, 0.03),
    "60/s, burst 0.0 s, by three each 20 s, asks 1.0": (0.72, 0.03),
    "240/s, burst 0.0 s, by three each 20 s, asks 1.0": (0.61, 0.03),
    "240/s, burst 0.0 s, by three each 20 s, asks None": (0.79, 0.03),
    "10% 429 by chance, 5 in flight": (0.62, 1.0),
    "500 each second, said, asks 2 s": (0.84, 0.01),
}
"""What does not reach its goal yet, and what it reaches: the share that is used, and that is turned away."""

QUICK = (
    "10/s, burst 1.0 s, asks 1 s",
    "100/s, burst 0.2 s, asks 1 s",
    "100/s, burst 0.0 s, asks 1 s",
    "100 each second, asks 1 s",
    "100/s, burst 0.1 s, asks none",
    "600 each minute, asks 1.0",
    "60/s, burst 1.0 s, by three each 20 s, asks 1.0",
    "2% 429 by chance, asks 1.0",
    "2% 503 by chance, asks 1.0",
    "100 each second, said, asks 1 s",
)
"""One of each kind."""


def reached(kind: Kind) -> tuple[float, float]:
    """Return what is used and turned away; no request leaves inside a hold."""
    simulation = kind.simulation(1)
    until = kind.seconds + kind.since
    assert simulation.broken == 0
    return simulation.used(kind.since, until), simulation.turned_away(kind.since, until)


def assert_reached(kind: Kind) -> None:
    """Assert that it reaches its goal, or what is known of it."""
    used, away = reached(kind)
    least, most = SHORT.get(kind.name, (kind.used, kind.away))
    assert used >= least, f"{kind.name}: {used:.3f}"
    assert away <= most, f"{kind.name}: {away:.4f}"


@pytest.mark.parametrize("name", QUICK)
def test_a_limit_is_found(name: str) -> None:
    """One of each kind."""
    assert_reached(KINDS[name])


@pytest.mark.slow
@pytest.mark.parametrize("part", range(6))
def test_every_kind_of_limit_is_found(part: int) -> None:
    """A sixth of the table, in each part."""
    for name in [*KINDS][part::6]:
        assert_reached(KINDS[name])


def stepping(first: float, seed: int) -> Simulation:
    """Return a run against a bucket that falls to a third after `first` seconds, for 20 s of each 40."""
    steps = [(0.0, 1.0)]
    while steps[-1][0] < 120:
        steps.append((first + 20.0 * (len(steps) - 1), 1 / 3 if len(steps) % 2 else 1.0))
    model = Bucket(60, 0.2)
    return Simulation(model, tuple(steps), most=64, transit=0.0002, late=0.001, stalls=STALLS, seed=seed)


@pytest.mark.slow
@pytest.mark.parametrize(("rate", "least"), [(100, 0.88), (250, 0.8)], ids=str)
def test_accidents_cost_little_where_nothing_is_waited_for(rate: int, least: float) -> None:
    """Without burst: 0.2 s after each left 0.87 and 0.78, and where one looked like a burst 0.71."""
    kind = KINDS[f"{rate}/s, burst 0.0 s, asks none"]
    used = [kind.simulation(seed).used(1, 61) for seed in range(1, 9)]
    assert min(used) >= least, used


@pytest.mark.slow
def test_steps_are_followed_whenever_they_come() -> None:
    """From 2.5 s to 21 s after the beginning; the least is 0.67 where a fall is taken for others' use."""
    used = [stepping(1.25 * number, number).run(121).used(1, 121) for number in range(2, 18)]
    assert min(used) >= 0.75, used
    assert mean(used) >= 0.82, used


@pytest.mark.parametrize("first", [6.5, 9.0, 15.9])
def test_a_limit_that_steps_is_not_taken_for_one_that_others_use(first: float) -> None:
    """Each fall shows two refusals or three below what was found, and looks take back as many."""
    run = stepping(first, 11)
    search, kinds = run.batches[0].admission.adaptation.search, set()
    for seconds in range(10, 121, 5):
        run.run(seconds)
        kinds.add(search.kind)
    assert LimitKind.SHARED not in kinds


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_limit_that_rises_far_is_found_in_seconds(seed: int) -> None:
    """Ten times as much: when more was taken than what was found explains, the pace doubles."""
    model, steps = Bucket(300, 0.2, None), ((0.0, 0.1), (30.0, 1.0))
    run = Simulation(model, steps, most=64, transit=0.0002, late=0.001, stalls=STALLS, seed=seed).run(36)
    assert run.taken[34] >= 0.8 * 300


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 6))
def test_a_burst_whose_beginning_is_not_understood_is_not_taken_for_none(seed: int) -> None:
    """Connections open slowly, and each further lesson costs a minute.

    Two ramps that are refused at the same pace look like a rate without burst, at that pace.
    """
    simulation = Simulation(
        Bucket(100, 0.2, 60.0), most=64, transit=0.0002, connecting=0.05, late=0.001, stalls=STALLS, seed=seed
    ).run(901)
    assert simulation.used(1, 901) >= 0.8


def test_what_falls_short_is_named_and_does() -> None:
    """A goal that is reached needs no defence."""
    assert SHORT.keys() <= KINDS.keys()
    assert [
        name for name, (used, away) in SHORT.items() if used >= KINDS[name].used and away <= KINDS[name].away
    ] == []
