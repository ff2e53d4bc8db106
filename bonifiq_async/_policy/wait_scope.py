"""Whether a wait is asked of all calls of a client, or of one request alone.

A Retry-After does not say which limit was met. If the account met its limit, the first request after the wait
gets through, whichever it is: the provider said so. A request whose own limit it is (of a customer that the
provider locks, of a firewall's rule) is refused once more, also as the first, while others get through.
So a request that was asked to wait goes first after the wait. If it is refused again, twice, it goes after
the others. When these get through, and it does not, the wait is its own and holds no other call.

The source is section 10.2.3 of RFC 9110, which leaves this open. See docs/explanation/retry.md.
"""

import enum

from attrs import define, field

FIRSTS = 2
"""How often a request is refused though it was the first to leave after the wait, until it goes last."""
MOST = 64
"""Requests that are remembered: where more are asked to wait, the limit is not one request's own."""


class Turn(enum.Enum):
    """When a request that was asked to wait leaves: before all others, among them, or after them."""

    FIRST = enum.auto()
    ANY = enum.auto()
    LAST = enum.auto()


@define
class _Told:
    """A request that was asked to wait, last at `at`: `firsts` times though it was the first to leave."""

    at: float
    firsts: int = 0
    alone: bool = False


@define
class WaitScope:
    """Which requests were asked to wait and have not got through since: `told`, by their names.

    A wait is asked of all calls until the opposite is shown. It is so again when a new request is asked to
    wait, or when one that was asked gets through: the limit of an account looks like both.
    """

    told: dict[str, _Told] = field(factory=dict)
    _latest: str | None = None
    _passed: float = float("-inf")

    def tell(self, name: str, now: float, *, first: bool) -> bool:
        """Take in that the request `name` is asked to wait, and say whether that is for itself alone.

        `first` says that no other had left since the wait was over that was asked for before.
        """
        self._latest = name
        known = self.told.get(name)
        if known is None:
            self._doubt()
            if len(self.told) >= MOST:
                del self.told[next(iter(self.told))]
            self.told[name] = _Told(now)
            return False
        if first:
            known.firsts += 1
        elif known.firsts >= FIRSTS and self._passed > known.at:
            known.alone = True
        known.at = now
        return known.alone

    def passed(self, name: str, left: float) -> None:
        """Take in that the request `name`, which left at `left`, was answered and not asked to wait."""
        if self.told.pop(name, None) is None:
            self._passed = max(self._passed, left)
        else:
            self._doubt()

    def turn(self, name: str) -> Turn:
        """Say when the request `name`, which has to wait, leaves."""
        known = self.told.get(name)
        if known is not None and known.firsts >= FIRSTS:
            return Turn.LAST
        return Turn.FIRST if name == self._latest else Turn.ANY

    def _doubt(self) -> None:
        """Begin to count anew."""
        for each in self.told.values():
            each.firsts, each.alone = 0, False
