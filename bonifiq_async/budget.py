"""Decisions: what all calls of a client share (the retry quota and the hold) and what one call may use."""

from attrs import define

from bonifiq_async.fixed import fixed

EARLIEST = 0.001
"""Seconds added to a hold, so that a rounded clock never sends before it is over."""
RETRY_COST = 5
TIMEOUT_COST = 10
FIRST_TRY_REFUND = 1
"""The prices of the retry quota: those that botocore's standard mode measured out for AWS."""


@define
class Quota:
    """Tokens that retries cost, so that a sick provider is not sent a multiple of its load.

    A retry costs 5, one after a timeout 10. A success on the first try gives 1 back; a success on a
    retry gives back what that retry cost. Never above `capacity`.
    """

    capacity: int
    left: int

    @classmethod
    def full(cls, capacity: int) -> "Quota":
        """Return a quota with all its tokens."""
        return cls(capacity, capacity)

    def spend(self, cost: int) -> bool:
        """Take `cost` tokens if there are as many, and say whether there were."""
        if cost > self.left:
            return False
        self.left -= cost
        return True

    def refund(self, tokens: int) -> None:
        """Give tokens back after a success."""
        self.left = min(self.capacity, self.left + tokens)


@define
class Hold:
    """The moment, on a monotonic clock, before which nobody sends: one Retry-After holds every call."""

    until: float = float("-inf")
    asked: float = 0.0

    def extend(self, until: float, asked: float) -> None:
        """Hold until `until` because the provider asked for `asked` seconds; never shortens a hold."""
        if until > self.until:
            self.until, self.asked = until, asked

    def remaining(self, now: float) -> float:
        """Return the seconds that the hold still lasts, 0 when there is none."""
        return max(0.0, self.until - now)

    def spread(self) -> float:
        """Return over how many seconds the release is spread: a tenth of the hold, 0.05 to 5 s."""
        return min(5.0, max(0.05, self.asked / 10))


@fixed
class Deadline:
    """The one moment, on a monotonic clock, by which a call has ended."""

    at: float

    def remaining(self, now: float) -> float:
        """Return the seconds left, 0 when it has passed."""
        return max(0.0, self.at - now)

    def allows(self, wait: float, now: float) -> bool:
        """Say whether something can still start after `wait` seconds."""
        return now + wait < self.at
