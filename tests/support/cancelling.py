"""A task that is cancelled at a given await point."""

import asyncio
from collections.abc import Awaitable, Generator
from typing import Any


class CancelledAt:
    """Awaits `work`, and cancels the awaiting task at its `at`-th await point, counted from 0.

    With `late` the cancellation comes just as the task would continue from that point.
    `reached` says whether there was such a point.
    """

    def __init__(self, work: Awaitable[Any], at: int, *, late: bool) -> None:
        self._work, self._at, self._late = work, at, late
        self.reached = False

    def __await__(self) -> Generator[Any, Any, Any]:
        task, points = asyncio.current_task(), 0
        inner, thrown = self._work.__await__(), None
        while True:
            try:
                waiting = inner.send(None) if thrown is None else inner.throw(thrown)
            except StopIteration as end:
                return end.value
            if points == self._at:
                self.reached = True
                if self._late and asyncio.isfuture(waiting):
                    waiting.add_done_callback(lambda _: task.cancel())
                else:
                    asyncio.get_running_loop().call_soon(task.cancel)
            points += 1
            try:
                thrown = None
                yield waiting
            except BaseException as error:  # noqa: BLE001 - raised in the awaited work
                thrown = error
