"""A number that falls on a sign, and is probed upwards again.

The doubling start is that of TCP (RFC 5681), the cubic way back that of CUBIC (RFC 9438). See
docs/explanation/adaptive-limit.md.
"""

from attrs import define

DOUBLING = 0.25
"""Seconds in which a ceiling that has never fallen doubles. When answers take longer, this and the two below
take longer in proportion: the effect of a rise shows only in the answers."""
RECOVERY = 5.0
"""Seconds from a fall until the ceiling is back where it fell from: fast, then slow (RFC 9438)."""
PROBE = 1.5
"""Factor by which it rises in each second after that: what was measured once need not stay true."""
FARTHEST = 150.0
"""Seconds of such a rise after which it is above any possible load."""


@define
class Ceiling:
    """A number between `lowest` and `highest` that is probed upwards and falls on a sign."""

    value: float
    lowest: float
    highest: float
    wall: float | None = None
    floor: float = 0.0
    risen: float = 0.0
    recovery: float = RECOVERY

    def fall(self, to: float, wall: float | None, recovery: float = RECOVERY) -> None:
        """Fall to `to`, to be back at `wall` in so many seconds; None when it is not known where that is."""
        self.value = self.floor = min(self.highest, max(self.lowest, to))
        self.wall, self.risen = None if wall is None else max(wall, self.value), 0.0
        self.recovery = recovery

    def rise(self, seconds: float) -> None:
        """Rise by what `seconds` in use allow."""
        if self.wall is None:
            risen = self.value * 2 ** (seconds / DOUBLING)
        else:
            self.risen += seconds
            risen = self._path(self.wall)
        self.value = min(self.highest, max(self.value, risen))

    def back_to(self, value: float) -> None:
        """Go back to `value`, and probe on from there: the falls since did not help."""
        self.value = self.floor = self.wall = min(self.highest, value)
        self.risen = self.recovery

    def restart(self, at: float) -> None:
        """Begin anew, as if nothing were known, from `at` at the most."""
        self.value, self.wall = min(self.value, at), None

    @property
    def beyond(self) -> bool:
        """Whether it is above what it fell from, to look for more."""
        return self.wall is not None and self.value >= self.wall

    def _path(self, wall: float) -> float:
        over = min(self.risen - self.recovery, FARTHEST)
        if over < 0:
            return wall + (wall - self.floor) * float((over / self.recovery) ** 3)
        return wall * float(PROBE**over) + over
