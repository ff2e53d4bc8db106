"""The pace of single requests, kept as by the GCRA (ITU-T I.371). See docs/explanation/adaptive-limit.md."""


class Pacer:
    """Gives every request its own moment, and never lets more than the rate through in a second.

    A moment that was missed, because the machine was busy, is made up for within `SLACK`.
    """

    SLACK = 0.02
    """Seconds."""

    def __init__(self, max_rate: float | None = None) -> None:
        self._own = float("inf") if max_rate is None else max_rate
        self._next = float("-inf")

    def wait(self, now: float) -> float:
        """Return the seconds until the next request may leave."""
        return self._next - now if self._next > now else 0.0

    def took(self, now: float, pace: float = float("inf"), *, even: bool = False) -> None:
        """Note that a request leaves now, while the provider takes `pace` in a second, evenly or not."""
        since = self._next if not even and now - self._next <= self.SLACK else now
        self._next = since + 1 / (pace if pace < self._own else self._own)
