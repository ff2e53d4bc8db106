"""A limit that others use, too: additive increase and multiplicative decrease lead to equal parts.

All that share fall by the same part of their pace and rise by the same number of requests a second, so that
their paces come closer with each refusal (AIMD: Chiu and Jain, 1989). How far a pace has risen depends on the
time since the last refusal alone, as in H-TCP (Leith and Shorten, "H-TCP: TCP for high-speed and
long-distance networks", 2004). Each fall and rise is smaller than the one before it. See
docs/explanation/adaptive-limit.md.
"""

from attrs import define

from bonifiq_async._limits.inference.ceiling import Ceiling
from bonifiq_async._limits.inference.kind import FoundLimit, LimitKind

CERTAIN, OF_WINDOW = 3.0, 1.5
"""Refusals below the limit that was found after which others are taken to use it; and for how many of them
one counts where that is a window. A bucket shows in one stretch that its rate has changed."""
COSTLY = 0.5
"""Seconds of a wait below which the search soon finds out by itself what has changed."""
FALL, SMALLER, LEAST_FALL = 0.4, 0.65, 0.06
"""Share by which the pace falls first, what is left of it from one fall to the next, and the least."""
SLOWER, LEAST_RISE = 0.5, 0.02
"""What is left of the rise from one fall to the next, and the least part of the first one."""
LINEAR, CUBIC = 0.5, 0.05
"""Requests a second by which the pace has risen first after t seconds: `LINEAR` t + `CUBIC` t^3."""


@define
class Contention:
    """Whether others use the limit: `doubts` are signs of it; `falls` were since it is certain."""

    doubts: float = 0.0
    falls: int = 0
    _floor: float = 0.0  # which may be below the lowest pace that is kept
    _held: float = 1.0

    @property
    def is_certain(self) -> bool:
        """Whether others use the limit."""
        return self.falls > 0 or self.doubts >= CERTAIN

    def began_with_none(self) -> None:
        """Take in that nothing was taken from the beginning: others had used it up."""
        self.doubts = CERTAIN

    def refused_below(self, found: FoundLimit | None, held: float) -> None:
        """Take in a refusal below the limit that was `found`; nothing was sent then for `held` seconds."""
        if held >= COSTLY:
            window = found is not None and found.kind is LimitKind.WINDOW
            self.doubts += OF_WINDOW if window else 1.0

    def limit_fell(self) -> None:
        """Take in that the limit has fallen far, which explains the refusals below the one that was found."""
        self.doubts = 0.0

    def refused_beyond(self) -> None:
        """Take in a refusal where it was expected."""
        self.doubts = max(0.0, self.doubts - 1.0)

    def expects(self, pace: Ceiling) -> bool:
        """Say whether a refusal is expected: while shared, when half of the last fall is made up for."""
        if self.falls and pace.wall is not None:
            return pace.value >= (pace.wall + self._floor) / 2
        return pace.beyond

    def fall(self, pace: Ceiling, held: float) -> None:
        """Lower `pace` after a refusal, after which nothing was sent for `held` seconds.

        The longer that is, the slower the pace rises: each refusal costs as much.
        """
        self._floor = pace.value * (1 - max(LEAST_FALL, FALL * SMALLER**self.falls))
        pace.fall(self._floor, pace.value)
        self.falls, self._held = self.falls + 1, max(1.0, held)

    def rise(self, pace: Ceiling, seconds: float) -> None:
        """Raise `pace` by what so many more seconds in use allow."""
        pace.risen += seconds / self._held
        gain = max(LEAST_RISE, SLOWER ** (self.falls - 1))
        pace.value = max(pace.value, self._floor + gain * (LINEAR * pace.risen + CUBIC * pace.risen**3))
