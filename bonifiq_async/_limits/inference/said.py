"""What is left of a limit, as the provider says, less what was sent since.

See docs/explanation/adaptive-limit.md.
"""

from collections import deque
from typing import TYPE_CHECKING

from attrs import define, field

if TYPE_CHECKING:
    from bonifiq_async._policy.rate_limit.allowance import Allowance

LONGEST = 60.0
"""Seconds for which nothing is sent at the most, since a number may be in another unit."""
RECENTLY = 60.0
"""Seconds for which it counts as known."""


@define
class SaidLimit:
    """How many requests may leave until `resets`, a time on the monotonic clock; any number at first."""

    budget: float = float("inf")
    resets: float = float("-inf")
    _limit: float = float("inf")
    _answered: float = float("-inf")
    _newest: float = float("-inf")
    _sent: deque[float] = field(factory=deque)

    def is_known(self, now: float) -> bool:
        """Say whether an answer named a limit in the last minute."""
        return now - self._answered < RECENTLY

    def wait(self, now: float) -> float:
        """Return the seconds until the next request may leave."""
        if self.budget >= 1.0:
            return 0.0
        if now < self.resets:
            return self.resets - now
        self.budget = self._limit  # as many as ever, until an answer says more
        return 0.0

    def took(self, now: float) -> None:
        """Take in that a request leaves now."""
        if self._answered > float("-inf"):
            self._sent.append(now)
            self.budget -= 1.0

    def believe(self, allowances: "tuple[Allowance, ...]", left: float, now: float) -> None:
        """Take in what the answer to a request that left at `left` says: the limit that binds soonest counts.

        An answer that is overtaken by one to a later request says nothing more.
        """
        if left < self._newest:
            return
        for each in allowances:
            if each.remaining is not None and each.reset is not None:
                self._answered, self._newest = now, left
                while self._sent and self._sent[0] <= left:
                    self._sent.popleft()
                self.budget = each.remaining - len(self._sent)
                self.resets = now + min(each.reset, LONGEST)
                self._limit = max(1.0, each.limit or 1.0)
                return
