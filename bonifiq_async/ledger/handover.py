"""Work handed over by event loops to the one thread that commits it, and what came of it handed back.

While one commit waits for the disk, the next work gathers: the slower the disk, the larger the groups.
"""

import asyncio
import contextlib
import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from attrs import define, field

from bonifiq_async._concurrency.runtime import running_loop
from bonifiq_async._concurrency.timers import Timers
from bonifiq_async._log import files
from bonifiq_async._model.errors import BonifiQError, ConfigurationError, LedgerError

T = TypeVar("T")

LARGEST_GROUP = 1024
TURNS = 2
"""Turns of the loop after which the thread is called. What a busy loop brings meanwhile shares the commit; an
idle one turns at once."""

OF_A_CHANGE = "what came of a change"
TAKEN_IN = 1.0
"""Seconds for which a thread that ends waits for each loop to take in its last answers."""


@define(eq=False)
class Job(Generic[T]):
    """Work for a caller: `done` is its future, in its `loop`.

    `unheard` gets the answer where the caller has gone before it; `kept` work is done also then. `what` says
    of that what is lost where it cannot be done.
    """

    loop: asyncio.AbstractEventLoop
    done: "asyncio.Future[T]"
    unheard: Callable[[T], None] | None = None
    kept: bool = False
    what: str = OF_A_CHANGE
    error: BonifiQError | None = None
    answer: T = field(init=False)

    @property
    def wanted(self) -> bool:
        """Whether there is a caller, or something to write down, that still waits for it."""
        return self.kept or not self.done.done()

    @property
    def answered(self) -> bool:
        """Whether it has come to something: an answer or an error."""
        return self.error is not None or hasattr(self, "answer")

    def fail(self, error: BonifiQError) -> None:
        """Take note that nothing of it was written; what no caller gets any more is logged."""
        self.error = error
        if self.kept and self.done.done():
            files.warning("lost: %s was not written down: %s", self.what, error)

    def tell(self) -> None:
        """Hand over what came of it, in its own loop."""
        if self.done.done():
            self.give_back()
        elif self.error is None:
            self.done.set_result(self.answer)
        else:
            self.done.set_exception(self.error)

    def give_back(self) -> None:
        """Take back what came of it: its caller has gone."""
        if self.error is None and self.unheard is not None:
            self.unheard(self.answer)


J = TypeVar("J", bound=Job[object])


class Handover(Generic[J]):
    """The jobs that wait for the thread, which is called by `call`: the eldest first."""

    def __init__(self, call: Callable[[], object]) -> None:
        self._call = call
        self.jobs: deque[J] = deque()
        self._waking: set[asyncio.AbstractEventLoop] = set()
        self._told: set[asyncio.AbstractEventLoop] = set()

    def put(self, job: J) -> None:
        """Add a job of the loop that runs; one call of the thread for all that a few turns of it bring."""
        self.jobs.append(job)
        loop = job.loop
        if loop not in self._waking:
            self._waking -= _closed(self._waking)
            self._waking.add(loop)
            loop.call_soon(self._wake, loop, TURNS)

    def hurry(self) -> None:
        """Call the thread now: the loop of a caller that does not wait may end before its next turn."""
        self._call()

    def _wake(self, loop: asyncio.AbstractEventLoop, turns: int) -> None:
        if turns:
            loop.call_soon(self._wake, loop, turns - 1)
            return
        self._waking.discard(loop)
        self._call()

    def put_back(self, jobs: Sequence[J]) -> None:
        """Have jobs done before all that came later, in their order."""
        self.jobs.extendleft(reversed(jobs))

    def refuse(self, job: J, ledger: object) -> None:
        """End a job that came when the thread had ended, unless that has seen it in its last turn."""
        with contextlib.suppress(ValueError):
            self.jobs.remove(job)
            job.done.set_exception(
                LedgerError(f"The ledger {ledger} was closed while it was asked. Open it again.")
            )

    def next_group(self, most: int = LARGEST_GROUP) -> list[J]:
        """Return what is to be done, the eldest first."""
        return [self.jobs.popleft() for _ in range(min(len(self.jobs), most))]

    def tell(self, jobs: Sequence[J]) -> Sequence[J]:
        """Hand the answers to the loops that asked, with one wake-up each.

        Return those whose loop is closed: they are to be given back.
        """
        unheard: list[J] = []
        for loop in {job.loop for job in jobs}:
            if loop not in self._told:
                self._told -= _closed(self._told)
                self._told.add(loop)
            answered = [job for job in jobs if job.loop is loop]
            try:
                loop.call_soon_threadsafe(_resolve, answered)
            except RuntimeError:
                unheard += answered
        return unheard

    def is_answered(self) -> bool:
        """Wait until all loops have taken in their answers; say whether nothing is to be done after that.

        An answer whose caller has gone is given back by its loop: that is a job again.
        """
        with contextlib.suppress(RuntimeError):
            self._told.discard(asyncio.get_running_loop())  # that of the thread itself waits for nothing
        while self._told:
            taken_in = threading.Event()
            with contextlib.suppress(RuntimeError):
                self._told.pop().call_soon_threadsafe(taken_in.set)
                taken_in.wait(TAKEN_IN)
        return not self.jobs


def _closed(loops: set[asyncio.AbstractEventLoop]) -> set[asyncio.AbstractEventLoop]:
    return {loop for loop in tuple(loops) if loop.is_closed()}  # other threads add theirs meanwhile


def _resolve(jobs: Sequence[Job[object]]) -> None:
    """Hand each its answer, whatever comes of another: its caller waits for nothing else."""
    fault: Exception | None = None
    for job in jobs:
        try:
            job.tell()
        except Exception as error:  # noqa: BLE001 - raised to the loop after the others
            fault = error
    if fault is not None:
        raise fault


def check_process(pid: int) -> None:
    """Raise `ConfigurationError` in another process than that of the thread: a fork has no threads."""
    if pid != os.getpid():
        raise ConfigurationError(
            "The ledger was opened before this process was forked. Nothing was sent; open one in each."
        )


class Alarms(Generic[T]):
    """Ends the waits for futures whose time is over, with the error that `late` returns, in any loop."""

    def __init__(self, late: Callable[[], BonifiQError]) -> None:
        self._late = late
        self._timers: dict[asyncio.AbstractEventLoop, Timers[asyncio.Future[T]]] = {}

    async def answer(
        self,
        waiting: "asyncio.Future[T]",
        within: float,
        hurry: Callable[[], None],
        unheard: Callable[[T], None],
    ) -> T:
        """Return what a future comes to `within` so many seconds.

        A caller that is cancelled meanwhile has the thread `hurry`; an answer that is there already is
        `unheard`.
        """
        timers = self._here()
        timers.set(waiting, waiting.get_loop().time() + within)
        try:
            return await waiting
        except asyncio.CancelledError:
            hurry()
            if not waiting.cancelled() and waiting.exception() is None:
                unheard(waiting.result())  # cancelled when the answer was there already
            raise
        finally:
            timers.put_off(waiting)

    def _here(self) -> "Timers[asyncio.Future[T]]":
        """Return the timers of the loop that runs."""
        loop = running_loop()
        found = self._timers.get(loop)
        if found is None:
            for each in tuple(self._timers):
                if each.is_closed():  # what waits there reaches its loop, which would never be collected
                    self._timers.pop(each, None)
            found = self._timers[loop] = Timers(self._ring)
        return found

    def _ring(self, waiting: "asyncio.Future[T]") -> None:
        if not waiting.done():
            waiting.set_exception(self._late())
