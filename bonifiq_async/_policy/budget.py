"""What all calls of a client share (the retry quota and the hold) and what one call may use.

The quota is a token bucket, as in the "standard" retry mode of the AWS SDKs. See docs/explanation/retry.md.
"""

from attrs import define

from bonifiq_async._model.values import fixed

EARLIEST = 0.001
"""Seconds added to a hold, so that a rounded clock never sends before it is over."""
BELIEVED = 3_600.0
"""Seconds that one answer can hold all calls for, whatever they would wait: rate limits count in windows of
seconds to an hour. What asks for longer (a day, a typing error, thirty years) is kept by the call that it was
said to, which ends; the others ask again when `SOONEST`, or what one of them would wait, is over."""
SOONEST = 60.0
"""Seconds after which a provider that asks for longer than is believed is asked again, at the soonest."""
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

    def spend(self, cost: int) -> None:
        """Take `cost` tokens, for a repeat that was decided on."""
        self.left = max(0, self.left - cost)

    def refund(self, tokens: int) -> None:
        """Give tokens back after a success."""
        self.left = min(self.capacity, self.left + tokens)


def held_for(asked: float, patience: float) -> float:
    """Return the seconds for which all calls are held when an answer asks for `asked` seconds.

    `patience` are the seconds that a call waits at the most.
    """
    if asked <= max(BELIEVED, patience):
        return asked
    return max(SOONEST, patience)


@define
class Hold:
    """The moment, on a monotonic clock, before which no request leaves: one Retry-After holds every call.

    `asked` are the seconds that the provider asked for when it was set, and `ends` when those are over,
    which is later where they are not believed.
    """

    until: float = float("-inf")
    asked: float = 0.0
    ends: float = float("-inf")

    def extend(self, now: float, asked: float, seconds: float) -> None:
        """Hold for `seconds` because the provider asked for `asked`; never shortens a hold."""
        if now + seconds > self.until:
            self.until, self.asked, self.ends = now + seconds, asked, now + asked

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
