"""The moments that one worker was given of a pace which it shares with others.

Pure: time is an argument. See docs/explanation/shared-pace.md.
"""

from collections import deque

from attrs import define, field

SLICE = 0.05
"""Seconds of the pace that are taken at once."""
LATE = 0.02
"""Seconds after a moment in which it may still be used; then it is lost, and nothing is made up for."""
FRESH = 0.4
"""Seconds after the last answer of the database in which what it said of a wait counts."""


@define
class GrantedMoments:
    """Moments at which one request each may leave, `step` seconds apart; last asked for at `answered`."""

    step: float
    answered: float = float("-inf")
    times: deque[float] = field(factory=deque)

    def wants(self, now: float, waiting: int) -> int | None:
        """Return how many moments to ask for where so many requests wait; None when nothing need be asked.

        It is asked for none where there are enough, and what was last said of a wait is too old.
        """
        few = max(1, round(SLICE / self.step))
        missing = min(few, waiting - len(self.times))
        if waiting and missing > 0 and len(self.times) <= few // 2:
            return missing
        return 0 if waiting and now - self.answered > FRESH / 2 else None

    def granted(self, now: float, starts: float, many: int) -> None:
        """Take in `many` moments, the first of them in `starts` seconds from `now`."""
        self.answered = now
        self.times.extend(now + starts + number * self.step for number in range(many))

    def wait(self, now: float) -> float | None:
        """Return the seconds until the next moment; None where the database must be asked first."""
        while self.times and self.times[0] < now - LATE:
            self.times.popleft()
        if not self.times or now - self.answered > FRESH:
            return None
        return max(0.0, self.times[0] - now)

    def took(self) -> None:
        """Use the next moment."""
        self.times.popleft()
