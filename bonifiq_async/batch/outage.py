"""Whether the provider is out, and when to try it again.

Pure: time comes with each answer. A few changes that fail alone are no outage, however often they fail:
the provider may work, and fail for these changes alone. Where nothing has ever succeeded and every try fails
in one way, a setting is wrong rather than the provider out, and the run need not wait for long.

The rule is that of a circuit breaker (Nygard, "Release It!", 2007). See docs/explanation/outage.md.
"""

from collections.abc import Iterable
from http import HTTPStatus

from attrs import define, field, frozen

OUTAGE, CHANGES, A_WHILE = 10, 4, 5.0
"""Failures in a row, changes among them, and seconds without a success: after these only probes go out.
The time does not count when the failures are twice as many as were in flight."""
FIRST_PROBE, LAST_PROBE = 0.5, 30.0
"""Seconds from a failed probe to the next; each wait is twice the one before."""
ALIKE = 3
"""Tries that failed in one way, from which on a setting may be wrong."""


@frozen
class FailureCause:
    """Why a try failed: in `words`, with the `status` of the answer if there was one.

    `asks` says that the answer asked to come back later, as a provider at work does.
    """

    status: int | None = None
    words: str = ""
    asks: bool = False

    def __str__(self) -> str:
        return self.words if self.status is None else f"{self.status}: {self.words}"


NO_CAUSE = FailureCause()


def cause_of(status: int | None, detail: str, *, asks: bool = False) -> FailureCause:
    """Return the cause of a failure: its `detail` if there is one, else what its status is called."""
    if detail or status is None:
        return FailureCause(None, detail, asks)
    if status < 300:
        return FailureCause(status, "the answer does not fit the contract", asks)
    known = status in HTTPStatus.__members__.values()
    return FailureCause(status, HTTPStatus(status).phrase if known else "a status without a name", asks)


@define
class OutageState:
    """Failures in a row since `good_at`. `probe_at` is when the next probe may leave; None: no outage.

    `since` is when the first of them was begun, None when nothing has failed, and `cause` why the last one
    failed. `alike` says that all of them failed in that way. `never` says that nothing has succeeded yet;
    `good_at` is the beginning then.
    """

    good_at: float
    never: bool = True
    probe_at: float | None = None
    since: float | None = None
    cause: FailureCause = NO_CAUSE
    alike: bool = True
    _failures: int = 0
    _failed: list[object] = field(factory=list)
    _most: int = 0
    _interval: float = FIRST_PROBE

    def lasts(self, now: float) -> float:
        """Return the seconds for which nothing has succeeded though it was tried; 0 while something does."""
        return 0.0 if self.since is None else now - self.since

    def gives_up(self, now: float, after: float, at_start: float | None) -> bool:
        """Say whether nothing has succeeded for too long: `after` seconds, or `at_start`.

        The latter count where nothing ever has, and every try failed in one way.
        """
        lasts = self.lasts(now)
        return lasts >= after or (at_start is not None and lasts >= at_start and self.never_alike)

    @property
    def never_alike(self) -> bool:
        """Whether nothing has ever succeeded, and each of some tries failed as the others did."""
        return self.never and self.alike and self._failures >= ALIKE

    def in_words(self, now: float) -> str:
        """Say for how long nothing has succeeded, and why."""
        cause, lasts = f"{self.cause}", f"{self.lasts(now):,.0f} s"
        return f"Nothing has succeeded for {lasts}{f' ({cause})' if cause else ''}"

    def next_try(self, now: float, held: float, due: Iterable[float]) -> float | None:
        """Return the seconds until something is sent again; None where not time alone decides.

        All are held for `held` seconds; `due` are the times of those that wait to be sent again.
        """
        at = min(due, default=None) if self.probe_at is None else self.probe_at
        return held or None if at is None else max(0.0, held, at - now)

    def sent(self, in_flight: int) -> None:
        """Note that so many requests are in flight."""
        if in_flight > self._most:
            self._most = in_flight

    def succeeded(self, now: float, in_flight: int) -> bool:
        """Take in a good answer, and say whether it ends an outage."""
        over = self.probe_at is not None
        self.probe_at, self.since, self.good_at, self.never = None, None, now, False
        self._failures, self._most, self._interval = 0, in_flight, FIRST_PROBE
        self._failed.clear()
        self.cause, self.alike = NO_CAUSE, True
        return over

    def failed(
        self,
        change: object,
        now: float,
        *,
        probe: bool,
        elapsed: float = 0.0,
        cause: FailureCause = NO_CAUSE,
    ) -> None:
        """Take in a failure of `change` after `elapsed` seconds, which was the `probe` or not."""
        self.alike = self.alike and not cause.asks and (not self._failures or cause == self.cause)
        self._failures += 1
        self.cause = cause
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
        """Say whether `change`, or enough others, failed since the last success: it need not be tried.

        A change that is delivered once more, as an event is, is the same one.
        """
        return len(self._failed) >= CHANGES or change in self._failed

    def _is_one(self, now: float) -> bool:
        if len(self._failed) < CHANGES or self._failures < OUTAGE:
            return False
        return self._failures >= 2 * self._most or now - self.good_at >= A_WHILE
