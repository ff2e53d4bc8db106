"""What the tasks of a run wait for: something to do, and room for more.

asyncio's own queue and semaphore would do; they make several calls where these make one or none.
"""

import asyncio
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Line(Generic[T]):
    """What waits to be taken, in the order in which it came; who comes first for it is served first."""

    def __init__(self) -> None:
        self._items: deque[T] = deque()
        self._takers: deque[asyncio.Future[None]] = deque()

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T) -> None:
        """Add it at the end, and wake one who waits."""
        self._items.append(item)
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
                    self._wake()  # it may have been this one whom the last put woke
                raise
        return self._items.popleft()

    def _wake(self) -> None:
        while self._takers:
            taker = self._takers.popleft()
            if not taker.done():
                taker.set_result(None)
                return


class Room:
    """So many places, for which one waits at the most."""

    def __init__(self, places: int) -> None:
        self._left = places
        self._waiter: asyncio.Future[None] | None = None

    def take(self) -> bool:
        """Take a place that is free now, and say whether there was one."""
        if self._left == 0:
            return False
        self._left -= 1
        return True

    async def acquire(self) -> None:
        """Take a place when there is one."""
        while not self.take():
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter

    def release(self) -> None:
        """Give a place back."""
        self._left += 1
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
