"""What the tasks of a run wait for: something to do.

asyncio's own queue would do; it makes several calls where this makes one or none.
"""

import asyncio
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class FifoQueue(Generic[T]):
    """What waits to be taken, in the order in which it came. The task that asked first gets it first."""

    def __init__(self) -> None:
        self._items: deque[T] = deque()
        self._takers: deque[asyncio.Future[None]] = deque()

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T, *, first: bool = False) -> None:
        """Add it at the end, or as the first, and wake a task that waits."""
        (self._items.appendleft if first else self._items.append)(item)
        self._wake()

    def first(self) -> T:
        """Take the first, which there must be."""
        return self._items.popleft()

    async def take(self) -> T:
        """Take the first when there is one."""
        while not self._items:
            taker = asyncio.get_running_loop().create_future()
            self._takers.append(taker)
            try:
                await taker
            except asyncio.CancelledError:
                if self._items:
                    self._wake()  # it may have been this task that the last put woke
                raise
        return self._items.popleft()

    def _wake(self) -> None:
        while self._takers:
            taker = self._takers.popleft()
            if not taker.done():
                taker.set_result(None)
                return
