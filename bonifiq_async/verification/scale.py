"""How much is tried: sizes by name."""

from collections.abc import Mapping

from attrs import frozen


@frozen
class Scale:
    """Sizes of the experiments.

    `changes` in `files`, of which `at_once` are applied at once, with so many `kills` in all; `others`
    and `other_kills` are the same of each other provider. `doubtful` changes end in every
    way; `holds` are Retry-Afters met, and half as many rounds are made of waits that are honoured early;
    `hasty` calls have a deadline that they cannot keep; `keys` are used many times at once; memory is
    compared between `few` and `many` changes.
    """

    changes: int
    files: int
    at_once: int
    kills: int
    others: int
    other_kills: int
    doubtful: int
    holds: int
    hasty: int
    keys: int
    few: int
    many: int


SCALES: Mapping[str, Scale] = {
    "tiny": Scale(120, 1, 1, 2, 300, 2, 150, 2, 40, 20, 100, 700),
    "small": Scale(1_600, 4, 4, 6, 800, 3, 800, 3, 200, 100, 500, 2_500),
    "medium": Scale(20_000, 10, 5, 40, 10_000, 20, 5_000, 12, 500, 500, 1_000, 20_000),
    "large": Scale(100_000, 20, 8, 100, 50_000, 50, 20_000, 30, 2_000, 2_000, 5_000, 100_000),
}
"""The sizes of `bonifiq prove --scale`."""

FAULT_RATE = 0.3
"""The share of requests that fail where everything may fail."""
