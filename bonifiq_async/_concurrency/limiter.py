"""The queue in front of the connections, first in, first out.

Waiting here is not waiting on the network: it is bounded by the call's deadline and proves that
nothing was sent. aiohttp's own pool never has to queue, because no more are admitted than it holds.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol

from bonifiq_async._model.outcome import StopReason, Verdict
from bonifiq_async._model.values import fixed

if TYPE_CHECKING:
    from bonifiq_async._policy.rate_limit import Allowance


class Limiter:
    """At most `limit` holders at once; the longest waiting is next. A cancelled waiter leaves no trace."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.active = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        """How many wait for a permit now."""
        return sum(not waiter.done() for waiter in self._waiting)

    def take(self) -> bool:
        """Take a permit that is free now, and say whether there was one."""
        if self.active < self.limit and not self._waiting:
            self.active += 1
            return True
        return False

    async def acquire(self, timeout: float | None) -> bool:
        """Take a permit, waiting up to `timeout` seconds (None: for ever); False when the time is over."""
        if self.take():
            return True
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            async with asyncio.timeout(timeout):
                await waiter
        except TimeoutError:
            self._withdraw(waiter)
            return False
        except asyncio.CancelledError:
            self._withdraw(waiter)
            raise
        return True

    def release(self) -> None:
        """Give a permit back: to the call that waits longest, if one waits."""
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        self.active -= 1

    def _withdraw(self, waiter: "asyncio.Future[None]") -> None:
        if waiter.done() and not waiter.cancelled():
            self.release()  # the permit came in the very moment of giving up
            return
        while self._waiting and self._waiting[0].done():
            self._waiting.popleft()


@fixed
class Sample:
    """What one attempt shows about how much the provider takes.

    `elapsed` are the seconds from the write to the answer, `opening` those before the write in which its
    connection opened; `asked` those that all requests are still asked to wait. `alone` says that it was asked
    to wait, and no other. `cause` says in words why there was no whole answer; `untrusted` that it was the
    other side's certificate, which no repeat makes better; `nowhere` that the server does not have the
    address, and knows no more of it. `allowances` are what its head says of limits, in the order in which
    they bind; a good answer has them, too. `single` says that the request was no part of a batch.
    """

    verdict: Verdict
    status: int | None
    elapsed: float
    asked: float | None = None
    timed_out: bool = False
    alone: bool = False
    cause: str = ""
    untrusted: bool = False
    nowhere: bool = False
    allowances: "tuple[Allowance, ...]" = ()
    single: bool = False
    opening: float = 0.0

    @property
    def since_began(self) -> float:
        """The seconds from the start of the attempt to the answer."""
        return self.opening + self.elapsed


class Permit(Protocol):
    """A turn of a request within the provider's limit, taken for each attempt, given back for every wait."""

    @property
    def held(self) -> bool:
        """Whether it is taken now."""

    async def acquire(self, timeout: float) -> StopReason | None:
        """Take the place again, waiting up to `timeout` seconds; return why that cannot be, if so."""

    async def rest(self, seconds: float, sleep: Callable[[float], Awaitable[None]]) -> StopReason | None:
        """Wait so long before the next attempt; return why there is none, as soon as that is known."""

    def release(self) -> None:
        """Give it back. Idempotent."""

    def saw(self, sample: Sample) -> None:
        """Tell how an attempt ended."""
