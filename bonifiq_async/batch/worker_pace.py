"""What one batch may send of a pace that it shares with the batches of other processes.

One task asks the database for moments before they are needed. See docs/explanation/shared-pace.md.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable

from bonifiq_async._limits.moments import FRESH, GrantedMoments
from bonifiq_async._limits.shared import LOOK, SharedLimit
from bonifiq_async._log import logger
from bonifiq_async._model.errors import BonifiQError, ConfigurationError
from bonifiq_async.ledger.postgres.pace import SharedPace

AGAIN = 1.0
"""Seconds after which a database that takes nothing is asked again."""
OFFSETS = 50
"""Answers of which the fastest says how the database's clock and the worker's differ."""
GOODBYE = 1.0
"""Seconds for which the end of a batch waits for the database."""


class WorkerPace:
    """The part of one batch in `pace`, which `workers` share; `give_up` ends it, and takes why."""

    def __init__(self, pace: SharedPace, limit: SharedLimit, give_up: Callable[[str], None]) -> None:
        self._pace = pace
        self._give_up = give_up
        self._limit = limit
        self._name = pace.new_worker()
        self._moments = GrantedMoments(1 / pace.per_second)
        self._waiting = 0
        self._offsets: deque[float] = deque(maxlen=OFFSETS)
        self._asked = 0.0
        self._wanted = False
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self.workers = 1

    @property
    def rate(self) -> float:
        """The requests a second that are this batch's part, as long as all workers have enough to do."""
        return self._pace.per_second / self.workers

    def most(self, most: int) -> int:
        """Return how many of `most` requests the batch may have in flight."""
        shared = self._pace.in_flight
        return most if shared is None else min(most, max(1, shared // self.workers))

    def wait(self, now: float, waiting: int) -> float:
        """Return the seconds until one of so many requests may leave, or until that is to be looked at again.

        Where the database is asked, its answer comes before; where none comes, the run may be over meanwhile.
        """
        self._waiting = waiting
        wait = self._moments.wait(now)
        if self._moments.wants(now, waiting) is not None:
            self._ask()
        return LOOK if wait is None else min(wait, FRESH / 4)

    def took(self) -> None:
        """Note that a request leaves."""
        self._moments.took()

    def told_to_wait(self, seconds: float) -> None:
        """Take in that the provider asks to wait so long, and write it down for the other workers."""
        self._asked = max(self._asked, seconds)
        self._ask()

    async def close(self) -> None:
        """Take part no longer."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        with contextlib.suppress(BonifiQError, TimeoutError):  # else its silence says it
            async with asyncio.timeout(GOODBYE):
                await self._pace.leave(self._name)

    def _ask(self) -> None:
        self._wanted = True
        if (self._task is None or self._task.done()) and not self._closed:
            self._task = asyncio.create_task(self._take())

    async def _take(self) -> None:
        """Ask the database once; again where it takes nothing, or there is a new wait to be written down.

        Also where its answer came too late for what waits, which would wait for ever for another one.
        """
        clock = self._limit.runtime.monotonic
        while True:
            asked, self._asked = self._asked, 0.0
            began = clock()
            many = self._moments.wants(began, self._waiting) or 0
            try:
                given = await self._pace.take(self._name, many, asked)
            except ConfigurationError as error:
                return self._give_up(f"The shared pace cannot be used: {error}".rstrip("."))
            except BonifiQError as error:
                self._asked = max(self._asked, asked)
                logger.warning("the shared pace is not known, so nothing is sent: %s", error)
                await self._limit.runtime.sleep(AGAIN)
                continue
            if self._offsets and min(self._offsets) < began - given.clock:
                self._offsets.clear()  # the database's clock was set back: it was asked after `began`
            self._offsets.append(clock() - given.clock)
            at = given.clock + min(self._offsets)  # as of the answer that came fastest
            self._moments.granted(at, given.starts, 0 if given.held > 0 else many)
            self.workers = max(1, given.workers)
            if given.held > 0 and not asked:
                self._hold(given.held)
            self._wanted = False
            self._limit.let_in()
            if not (self._wanted or self._asked):
                return

    def _hold(self, seconds: float) -> None:
        """Hold all calls of this client for what another worker was asked to wait."""
        self._limit.told_to_wait(self._limit.runtime.monotonic(), seconds, 0.0, shared=True)
