"""The pace of single requests, kept as by the GCRA (ITU-T I.371). See docs/explanation/adaptive-limit.md."""

DOWN, UP = 0.5, 0.01
"""Shares by which the least time from a moment to its request's write follows a shorter and a longer one."""


class Pacer:
    """Gives every request its own moment, and never lets more than the rate through in a second.

    A moment that was missed, because the machine was busy, is made up for within `SLACK`.
    """

    SLACK = 0.02
    """Seconds."""

    def __init__(self, max_rate: float | None = None) -> None:
        self._own = float("inf") if max_rate is None else max_rate
        self._next = float("-inf")
        self._took = self._apart = self._least = 0.0

    def wait(self, now: float) -> float:
        """Return the seconds until the next request may leave."""
        return self._next - now if self._next > now else 0.0

    def took(self, now: float, pace: float = float("inf"), *, even: bool = False) -> None:
        """Note that a request leaves now, while the provider takes `pace` in a second, evenly or not."""
        since, gap = self._next, 1 / (pace if pace < self._own else self._own)
        if even or now - since > self.SLACK:
            since = now
        self._took, self._next, self._apart = now, since + gap, gap if even else 0.0

    def written(self, now: float) -> None:
        """Note that the request is written now: what is later than usual does not shorten an even gap."""
        if self._apart:
            later = min(now - self._took - self._least, self._apart)
            self._least += later * (DOWN if later < 0 else UP)
            self._next = max(self._next, now + self._apart - self._least)
