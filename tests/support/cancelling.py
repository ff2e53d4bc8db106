"""Tasks that are cancelled: one at a given await point, many at random moments."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any

LIVES, KILLED = 120, 0.3
"""How many run at once in `ends_of`, and which part of them is cancelled."""


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


async def ends_of(
    live: Callable[[], Coroutine[Any, Any, None]], chance: random.Random
) -> list[BaseException | None]:
    """Run `live` many times at once, cancel some within five seconds, and return how each ended."""

    async def kill(life: "asyncio.Task[None]") -> None:
        await asyncio.sleep(chance.random() * 5)
        life.cancel()

    lives = [asyncio.create_task(live()) for _ in range(LIVES)]
    kills = [asyncio.create_task(kill(life)) for life in lives if chance.random() < KILLED]
    ends = await asyncio.gather(*lives, return_exceptions=True)
    await asyncio.gather(*kills)
    assert all(end is None or isinstance(end, asyncio.CancelledError) for end in ends)
    return ends
