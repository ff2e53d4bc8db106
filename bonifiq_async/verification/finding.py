"""The words of the laboratory: a claim, what was found of it, and an experiment that bears several."""

import random
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from attrs import evolve, field, frozen

from bonifiq_async.verification.scale import Scale

R = TypeVar("R")

SHOWN = 5
"""Examples that are shown of what is wrong."""


@frozen
class Lab:
    """What an experiment is given: a folder of its own, its size, a seed, and how it reports progress."""

    folder: Path
    scale: Scale
    seed: int
    tell: Callable[[str], None]

    def chance(self, purpose: str) -> random.Random:
        """Return a random source that the seed and the purpose repeat."""
        return random.Random(f"{self.seed} {purpose}")


@frozen
class Figures:
    """What was counted; None where the claim has no such figure.

    `faults` failed on purpose. `doubled` took effect twice; `lost` were reported as applied and are not in
    the books; `unknown` were reported so; `wrong` is how often the claim was broken.
    """

    changes: int | None = None
    requests: int | None = None
    faults: int | None = None
    kills: int | None = None
    doubled: int | None = None
    lost: int | None = None
    unknown: int | None = None
    wrong: int = 0


@frozen
class Finding:
    """What was found of a claim: it holds where `problems` are none. `note` is a figure in words."""

    figures: Figures
    problems: tuple[str, ...] = ()
    note: str = ""


@frozen
class Timeline:
    """What arrived when: `requests` and `faults` in bins of `seconds`, and when a process was killed."""

    name: str
    seconds: float
    requests: tuple[int, ...]
    faults: tuple[int, ...]
    kills: tuple[float, ...]
    kinds: Mapping[str, int]


@frozen
class Proof:
    """A claim, what was found, and by which experiment."""

    name: str
    says: str
    provider: str
    finding: Finding

    @property
    def holds(self) -> bool:
        """Whether nothing was found against it."""
        return not self.finding.problems


@frozen
class Conducted:
    """What came of an experiment."""

    proofs: tuple[Proof, ...]
    timeline: Timeline | None = None
    seconds: float = 0.0


@frozen
class Experiment:
    """Something that is done once and bears several claims, by name."""

    name: str
    claims: tuple[str, ...]
    conduct: Callable[[Lab], Awaitable[Conducted]] = field(repr=False)


Claims = Mapping[str, tuple[str, Callable[[R], Finding]]]
"""Claims by name: what each says, and the function that holds a record against it."""


def experiment(
    name: str,
    provider: str,
    run: Callable[[Lab], Awaitable[R]],
    claims: Claims[R],
    timeline: Callable[[R], Timeline] | None = None,
) -> Experiment:
    """Return the experiment that `run` makes a record of, which is held against each of `claims`."""

    async def conduct(lab: Lab) -> Conducted:
        record = await run(lab)
        proofs = tuple(Proof(claim, says, provider, judge(record)) for claim, (says, judge) in claims.items())
        return Conducted(proofs, None if timeline is None else timeline(record))

    return Experiment(name, tuple(claims), conduct)


def found(
    figures: Figures, problems: Iterable[str], *, met: Collection[object] | int, note: str = ""
) -> Finding:
    """Return a finding; a claim that nothing in the run was about (`met` is none) does not hold either."""
    wrong = list(problems)
    counted = evolve(figures, wrong=len(wrong))
    if not wrong and not met:
        wrong = ["nothing happened that this is about: the run proves nothing"]
    return Finding(counted, tuple(wrong[:SHOWN]), note)
