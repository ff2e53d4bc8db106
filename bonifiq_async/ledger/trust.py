"""For how long an owner of claims may take it that no other process takes them over."""

from collections.abc import Callable

from attrs import define


@define
class Trust:
    """A stretch in which an owner shows without a gap that it runs: none of its claims is taken over.

    It ends at `until`, a time of `clock`, unless there is a beat before.
    """

    clock: Callable[[], float]
    until: float = float("-inf")

    def holds(self) -> bool:
        """Say whether it lasts."""
        return self.clock() < self.until
