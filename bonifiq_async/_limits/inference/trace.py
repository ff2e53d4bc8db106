"""When the requests left that the provider took. See docs/explanation/adaptive-limit.md."""

from bisect import bisect_left, insort

LONGEST = 4_000
"""Requests that are remembered."""
DISORDER = 300
"""Places that an answer can be out of order at the most."""
EXACT, COARSE, FINE = 1.0, 0.1, 0.005
"""Seconds before a refusal in which counts are as `FINE` as this; before that they are `COARSE`."""


class Trace:
    """The times, in order, at which the requests left that were taken; the latest `LONGEST` of them."""

    def __init__(self) -> None:
        self.total = 0
        self._times: list[float] = []

    def note(self, left: float) -> None:
        """Note that a request was taken that left at `left`."""
        times = self._times
        self.total += 1
        if times and left < times[-1]:
            insort(times, left, lo=max(0, len(times) - DISORDER))
        else:
            times.append(left)
        if len(times) > LONGEST:
            del times[: LONGEST // 4]

    def rate(self, now: float, seconds: float) -> float:
        """Return how many left in a second, over the last so many."""
        return (len(self._times) - bisect_left(self._times, now - seconds)) / seconds

    def counts(self, began: float, refused: float) -> list[tuple[float, float]]:
        """Return how many left since `began`, each count with the time of its last."""
        counts: list[tuple[float, float]] = []
        start = began
        for at in self._times[bisect_left(self._times, began) :]:
            if counts and at - start < (COARSE if at < refused - EXACT else FINE):
                counts[-1] = (at, counts[-1][1] + 1)
            else:
                counts.append((at, 1))
                start = at
        return counts
