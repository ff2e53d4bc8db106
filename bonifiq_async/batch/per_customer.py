"""Order per customer: a customer's next change starts when the one before has ended."""

from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Lanes(Generic[T]):
    """One lane a customer; an empty lane takes no memory."""

    def __init__(self) -> None:
        self._lanes: dict[str, deque[T]] = {}

    def enter(self, customer: str, item: T) -> bool:
        """Take `item` into its customer's lane; return True when it is first and may start now."""
        lane = self._lanes.get(customer)
        if lane is None:
            self._lanes[customer] = deque()
            return True
        lane.append(item)
        return False

    def leave(self, customer: str) -> T | None:
        """Say that the customer's running item has ended; return the next, which may start now."""
        lane = self._lanes[customer]
        if lane:
            return lane.popleft()
        del self._lanes[customer]
        return None
