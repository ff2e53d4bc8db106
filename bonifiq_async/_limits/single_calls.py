"""The turns of calls that are no part of a batch: first come, first served, and never after the deadline."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from bonifiq_async._concurrency.limiter import Sample
from bonifiq_async._limits.admission import Admission
from bonifiq_async._limits.shared import SharedLimit
from bonifiq_async._model.outcome import StopReason


class SingleCalls:
    """The caller that all single calls of a client are together."""

    most = 0

    def __init__(self, limit: SharedLimit) -> None:
        self.limit = limit
        self._waiting: OrderedDict[SingleCall, asyncio.Future[None]] = OrderedDict()
        limit.add(self)

    @property
    def waits(self) -> bool:
        """See `TakesTurns.waits`."""
        while self._waiting and next(iter(self._waiting.values())).done():
            self._waiting.popitem(last=False)
        return bool(self._waiting)

    @property
    def _ahead(self) -> int:
        """How many wait for their turn: one that has just given up is still in the queue.

        It looks at each, and is asked only where a call would be refused.
        """
        return sum(not waiter.done() for waiter in self._waiting.values())

    def wait(self, now: float) -> float | None:
        """See `TakesTurns.wait`."""
        return self.limit.known().wait(now, single=True) if self.waits else None

    def enter(self, now: float) -> None:
        """See `TakesTurns.enter`."""
        call, waiter = self._waiting.popitem(last=False)
        waiter.set_result(None)
        call.take(self.limit.known(), now)

    def told_to_wait(self, seconds: float, *, shared: bool = False) -> None:
        """See `TakesTurns.told_to_wait`: each call waits by itself, or ends where that is too long for it."""
        while self.waits:
            self._waiting.popitem(last=False)[1].set_result(None)

    async def turn(self, call: "SingleCall", timeout: float) -> StopReason | None:
        """Wait up to `timeout` seconds for the turn of `call`; return why there is none in time, if so.

        It ends without a turn, too, when the provider asks all calls to wait.
        """
        now, known = self.limit.runtime.monotonic(), self.limit.known()
        if not (self.waits or self.limit.others_wait(self)) and known.wait(now, single=True) == 0:
            call.take(known, now)
            return None
        if known.at_least(now, len(self._waiting)) > timeout and known.at_least(now, self._ahead) > timeout:
            return StopReason.LIMITED
        waiter = self._waiting[call] = asyncio.get_running_loop().create_future()
        self.limit.let_in()
        try:
            async with asyncio.timeout(timeout):
                await waiter
        except TimeoutError:
            self._withdraw(call)
            return StopReason.LIMITED
        except asyncio.CancelledError:
            self._withdraw(call)
            raise
        return None

    def _withdraw(self, call: "SingleCall") -> None:
        self._waiting.pop(call, None)
        call.release()  # the turn may have come in the very moment of giving up
        self.limit.let_in()


class SingleCall:
    """The turn of one call that is no part of a batch: see `Permit`."""

    def __init__(self, calls: SingleCalls) -> None:
        self._calls = calls
        self._admission: Admission | None = None

    @property
    def held(self) -> bool:
        """See `Permit.held`."""
        return self._admission is not None

    def take(self, admission: Admission, now: float) -> None:
        """Take its turn."""
        self._admission = admission
        admission.took(now, single=True)

    async def acquire(self, timeout: float) -> StopReason | None:
        """See `Permit.acquire`: where it comes after the deadline, that is said at once."""
        return None if self.held else await self._calls.turn(self, timeout)

    async def rest(self, seconds: float, sleep: Callable[[float], Awaitable[None]]) -> StopReason | None:
        """See `Permit.rest`."""
        await sleep(seconds)
        return None

    def release(self) -> None:
        """See `Permit.release`."""
        if self._admission is not None:
            self._admission.left(single=True)
            self._admission = None
            self._calls.limit.let_in()

    def saw(self, sample: Sample) -> None:
        """See `Permit.saw`."""
        self._calls.limit.saw(sample)
