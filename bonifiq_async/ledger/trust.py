"""For how long an owner of claims may take it that no other process takes them over."""

from collections.abc import Callable

from attrs import define, evolve, field

from bonifiq_async.ledger.protocol import FIRST, Granted


@define
class Trust:
    """A stretch in which an owner shows without a gap that it runs: none of its claims is taken over.

    It ends at `until`, a time of `clock`, unless there is a beat before. What it grants holds for as long as
    it lasts; a key counts for `retention` seconds.
    """

    clock: Callable[[], float]
    retention: float
    until: float = float("-inf")
    _once: Granted = field(init=False)
    _repeatable: Granted = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._once = evolve(FIRST, held=self.holds)
        self._repeatable = evolve(self._once, seconds=self.retention)

    def first(self, *, repeatable: bool) -> Granted:
        """Return the grant of a change that was never seen; `repeatable` says that its key counts."""
        return self._repeatable if repeatable else self._once

    def holds(self) -> bool:
        """Say whether it lasts."""
        return self.clock() < self.until
