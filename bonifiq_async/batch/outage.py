"""Whether the provider is out, and when to try it again.

Pure: time comes with each answer. A few changes that fail alone are no outage, however often they fail:
the provider may work, and fail for these changes alone.

The rule is that of a circuit breaker (Nygard, "Release It!", 2007). See docs/outage.md.
"""

from attrs import define, field

OUTAGE, CHANGES, A_WHILE = 10, 4, 5.0
"""Failures in a row, changes among them, and seconds without a success: after these only probes go out.
The time does not count when the failures are twice as many as were in flight."""
FIRST_PROBE, LAST_PROBE = 0.5, 30.0
"""Seconds from a failed probe to the next; each wait is twice the one before."""


@define
class OutageState:
    """Failures in a row since `good_at`. `probe_at` is when the next probe may leave; None: no outage.

    `since` is when the first of them was begun, None when nothing has failed, and `cause` says in words why
    the last one that had no answer had none. `never` says that nothing has succeeded yet; `good_at` is the
    beginning then.
    """

    good_at: float
    never: bool = True
    probe_at: float | None = None
    since: float | None = None
    cause: str = ""
    _failures: int = 0
    _failed: list[object] = field(factory=list)
    _most: int = 0
    _interval: float = FIRST_PROBE

    def lasts(self, now: float) -> float:
        """Return the seconds for which nothing has succeeded though it was tried; 0 while something does."""
        return 0.0 if self.since is None else now - self.since

    def sent(self, in_flight: int) -> None:
        """Note that so many requests are in flight."""
        self._most = max(self._most, in_flight)

    def succeeded(self, now: float, in_flight: int) -> bool:
        """Take in a good answer, and say whether it ends an outage."""
        over = self.probe_at is not None
        self.probe_at, self.since, self.good_at, self.never = None, None, now, False
        self._failures, self._most, self._interval = 0, in_flight, FIRST_PROBE
        self._failed.clear()
        self.cause = ""
        return over

    def failed(
        self, change: object, now: float, *, probe: bool, elapsed: float = 0.0, cause: str = ""
    ) -> None:
        """Take in a failure of `change` after `elapsed` seconds, which was the `probe` or not."""
        self._failures += 1
        self.cause = cause or self.cause
        self.held_up(change, now - elapsed)
        if self.probe_at is None:
            if not self._is_one(now):
                return
        elif not probe:
            return  # it left before, and says nothing of now
        self.probe_at = now + self._interval
        self._interval = min(LAST_PROBE, self._interval * 2)

    def held_up(self, change: object, since: float) -> None:
        """Take in that `change`, which began at `since`, did not succeed."""
        if self.since is None:
            self.since = max(self.good_at, since)
        if not self.is_known_to(change):
            self._failed.append(change)

    def is_known_to(self, change: object) -> bool:
        """Say whether `change`, or enough others, failed since the last success: it need not be tried."""
        return len(self._failed) >= CHANGES or any(change is each for each in self._failed)

    def _is_one(self, now: float) -> bool:
        if len(self._failed) < CHANGES or self._failures < OUTAGE:
            return False
        return self._failures >= 2 * self._most or now - self.good_at >= A_WHILE
