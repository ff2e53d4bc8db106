"""How often something happened over time, in at most so many steps, however long that was."""

from collections import Counter
from collections.abc import Sequence

from attrs import define, field

MINUTE, HOUR, DAY = 60, 3_600, 86_400
WIDTHS = (
    *(1, 2, 10, 30, MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 4 * HOUR),
    *(DAY, 7 * DAY, 28 * DAY, 336 * DAY, 33_600 * DAY),
)
"""Seconds of a step: each divides the next, so that steps become longer without their events at hand.

So many of the longest are all the years that a date can have.
"""
STEPS = 120
"""Steps at the most."""


@define
class Histogram:
    """Counts of kinds by steps of time; a step becomes longer when there would be too many.

    Times are seconds of a clock on the wall: days begin where they do there.
    """

    width: int = WIDTHS[0]
    _steps: dict[int, Counter[str]] = field(factory=dict)

    def put(self, at: float, *kinds: str) -> None:
        """Count an event of some kinds."""
        self._steps.setdefault(int(at // self.width), Counter()).update(kinds)
        while self.length > STEPS:
            self._widen()

    @property
    def begin(self) -> int:
        """When the first step begins; 0 where nothing was counted."""
        return min(self._steps, default=0) * self.width

    @property
    def length(self) -> int:
        """How many steps there are from the first to the last, empty ones included."""
        return max(self._steps) - min(self._steps) + 1 if self._steps else 0

    def counts(self, kind: str) -> Sequence[int]:
        """Return how often a kind was counted in each step."""
        first = min(self._steps, default=0)
        return [self._steps.get(first + at, Counter())[kind] for at in range(self.length)]

    def _widen(self) -> None:
        wider = WIDTHS[WIDTHS.index(self.width) + 1]
        steps: dict[int, Counter[str]] = {}
        for step, counts in self._steps.items():
            steps.setdefault(step * self.width // wider, Counter()).update(counts)
        self.width, self._steps = wider, steps
