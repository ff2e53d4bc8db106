"""A limit that others use, too: additive increase and multiplicative decrease lead to equal parts.

All that share fall by the same part of their pace and rise by the same number of requests a second, so that
their paces come closer with each refusal (AIMD: Chiu and Jain, 1989). How far a pace has risen depends on the
time since the last refusal alone, as in H-TCP (Leith and Shorten, "H-TCP: TCP for high-speed and
long-distance networks", 2004). Each fall and rise is smaller than the one before it. See
docs/explanation/adaptive-limit.md.
"""

from attrs import define

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
    _before: float = 0.0
    _floor: float = 0.0
    _since: float = 0.0
    _held: float = 1.0

    @property
    def is_certain(self) -> bool:
        """Whether others use the limit."""
        return self.doubts >= CERTAIN

    def began_with_none(self) -> None:
        """Take in that nothing was taken from the beginning: others had used it up."""
        self.doubts = CERTAIN

    def refused_below(self, found: FoundLimit | None, held: float) -> None:
        """Take in a refusal below the limit that was `found`; nothing was sent then for `held` seconds."""
        if held >= COSTLY:
            window = found is not None and found.kind is LimitKind.WINDOW
            self.doubts += OF_WINDOW if window else 1.0

    def refused_beyond(self) -> None:
        """Take in a refusal where it was expected."""
        self.doubts = max(0.0, self.doubts - 1.0)

    def has_risen(self, pace: float) -> bool:
        """Say whether half of the last fall is made up for: a refusal is expected from then on."""
        return pace >= (self._before + self._floor) / 2

    def fall(self, pace: float, held: float) -> float:
        """Return the pace after a refusal at `pace`, after which nothing was sent for `held` seconds.

        The longer that is, the slower the pace rises: each refusal costs as much.
        """
        self._held = max(1.0, held)
        self._before, self._floor = pace, pace * (1 - max(LEAST_FALL, FALL * SMALLER**self.falls))
        self.falls, self._since = self.falls + 1, 0.0
        return self._floor

    def rise(self, seconds: float) -> float:
        """Return the pace when so many more seconds have passed in use."""
        self._since += seconds / self._held
        gain = max(LEAST_RISE, SLOWER ** (self.falls - 1))
        return self._floor + gain * (LINEAR * self._since + CUBIC * self._since**3)
