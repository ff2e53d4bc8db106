"""Time for tests: hours of waiting pass at once, and in the same order as they would."""

import asyncio
import heapq
import threading
from collections.abc import Callable

from attrs import define, field

from bonifiq_async._concurrency.runtime import Runtime, running_loop
from bonifiq_async._model import validation

EPOCH = 1_900_000_000.0
"""What a virtual wall clock shows, in seconds since the epoch, when its monotonic time is 0."""
QUIET = 40
"""Loop iterations without a new sleeper after which every task is taken to wait for the clock."""


@define
class _Sleepers:
    """The waits of one event loop, the earliest first, and for how many iterations none was added."""

    waiting: list[tuple[float, int, asyncio.Future[None]]] = field(factory=list)
    quiet: int = 0
    counting: bool = False

    def fail(self, error: Exception) -> None:
        """End each wait with an error."""
        for _, _, awake in self.waiting:
            if not awake.done():
                awake.set_exception(error)
        self.waiting.clear()
        self.counting = False


class VirtualClock:
    """Time that passes only while every task waits for it: the next sleeper wakes when the loop is quiet.

    `now` is its time in seconds, `slept` are the waits asked for, in order. `on_sleep` is called with
    their number, counted from 1. Time stands still while `busy` says so (a server is answering); what it
    raises, each sleep raises. A loop counts as quiet only after `patience` more seconds of real time. It sees
    neither a request that is on its way nor any task that waits by other means: what they take costs no
    virtual time, and may meet it moved on. Each event loop wakes its own sleepers.
    """

    def __init__(
        self,
        on_sleep: Callable[[int], None] | None = None,
        *,
        busy: Callable[[], bool] = lambda: False,
        patience: float = 0.0,
    ) -> None:
        if on_sleep is not None:
            validation.function(on_sleep, "on_sleep", 1)
        validation.function(busy, "busy")
        self.now = 1_000.0
        self.slept: list[float] = []
        self._on_sleep = on_sleep
        self._busy = busy
        self._patience = validation.seconds(patience, "patience")
        self._lock = threading.Lock()
        self._loops: dict[asyncio.AbstractEventLoop, _Sleepers] = {}

    def runtime(self, random: Callable[[], float] = lambda: 0.5) -> Runtime:
        """Return this clock as what a client takes from its surroundings; chance is what `random` says."""
        return Runtime(lambda: self.now, lambda: EPOCH + self.now, self.sleep, random)

    async def sleep(self, seconds: float) -> None:
        """Wait until the virtual time has passed."""
        self.slept.append(seconds)
        if self._on_sleep is not None:
            self._on_sleep(len(self.slept))
        loop = running_loop()
        sleepers = self._loops.setdefault(loop, _Sleepers())
        awake = loop.create_future()
        heapq.heappush(sleepers.waiting, (self.now + seconds, len(self.slept), awake))
        sleepers.quiet = 0
        if not sleepers.counting:
            sleepers.counting = True
            loop.call_soon(self._tick, loop, sleepers)
        await awake

    def _tick(self, loop: asyncio.AbstractEventLoop, sleepers: _Sleepers) -> None:
        """Count an iteration; once they are enough, and nothing came of a last wait, wake the next."""
        try:
            busy = self._busy() is True
        except Exception as error:  # noqa: BLE001 - each that sleeps would wait for ever
            sleepers.fail(error)
            return
        sleepers.quiet = 0 if busy else sleepers.quiet + 1
        if sleepers.quiet > QUIET:
            moment, _, awake = heapq.heappop(sleepers.waiting)
            if not awake.done():
                with self._lock:  # loops in other threads move the time, too
                    self.now = max(self.now, moment)
                awake.set_result(None)
            sleepers.quiet = 0
        sleepers.counting = bool(sleepers.waiting)
        if not sleepers.counting:
            return
        if busy or sleepers.quiet == QUIET:
            loop.call_later(self._patience, self._tick, loop, sleepers)
        else:
            loop.call_soon(self._tick, loop, sleepers)
