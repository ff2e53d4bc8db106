"""One task that owns the connection, in a thread and a loop of its own.

Callers hand over work and wait for futures: a caller that is cancelled never touches the connection, several
loops share it, and a loop that is busy delays no heartbeat. Where the connection is lost, the work is kept,
and given again to the next one.
"""

import asyncio
import contextlib
import copy
import random
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TypeVar, cast

from attrs import define, field

from bonifiq_async._concurrency.runtime import running_loop
from bonifiq_async._log import logger
from bonifiq_async._model.errors import BonifiQError, ConfigurationError
from bonifiq_async.ledger.handover import Handover, Job
from bonifiq_async.ledger.postgres import owner
from bonifiq_async.ledger.postgres.connection import (
    LATEST,
    SOONEST,
    connect,
    fault_of,
    in_time,
    is_passing,
    said,
    unusable,
    writing,
)
from bonifiq_async.ledger.postgres.database import Database
from bonifiq_async.ledger.postgres.group import GroupCommit
from bonifiq_async.ledger.postgres.job import ClaimJob, EndJob
from bonifiq_async.ledger.postgres.migration import check_version

if TYPE_CHECKING:
    from bonifiq_async.ledger.postgres.connection import Connection

T = TypeVar("T")

LARGEST_GROUP = 256
"""Jobs of one transaction: a claim of a key that counts for several operations takes a lock of the server."""
TICK: float | None = owner.BEAT
"""Seconds without work after which a beat is written, while there are claims or a run."""


@define(eq=False)
class WorkJob(Job[T]):
    """Work in a transaction of its own, which does no harm when it is done twice."""

    work: "Callable[[Connection], Awaitable[T]]" = field(kw_only=True)
    what: str = "how a run, or a shard of it, ended"


class WriterTask:
    """Does the work of `group`. A closing waits `give_up` seconds for a database that takes nothing."""

    def __init__(self, database: Database, group: GroupCommit, *, give_up: float) -> None:
        self._database = database
        self._group = group
        self._give_up = give_up
        self._handover: Handover[Job[object]] = Handover(self._call)
        self._connection: Connection | None = None
        self._beat = float("-inf")
        self._pause = SOONEST
        self._ready = threading.Event()
        self._stopping: float | None = None
        self._over = False
        self._fault: OSError | None = None
        self.trouble: Exception | None = None
        """Why the database takes nothing now."""
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)

    def start(self) -> None:
        """Start the thread. Raises `ConfigurationError` where the machine has none left, or no descriptor."""
        try:
            self._thread.start()
            self._ready.wait()
            if self._fault is not None:
                raise self._fault
        except (RuntimeError, OSError) as error:
            raise unusable(self._database, error) from None

    @property
    def has_ended(self) -> bool:
        """Whether its thread is over, and writes nothing more."""
        return not self._thread.is_alive()

    async def open(self) -> None:
        """Connect now. Raises `ConfigurationError` where that cannot be in time."""
        opened = asyncio.run_coroutine_threadsafe(self._open(), self._loop)
        await asyncio.wrap_future(opened)

    async def _open(self) -> None:
        async with self._turn:
            try:
                await in_time(self._database, self._connected)
            except BonifiQError:
                raise
            except Exception as error:  # noqa: BLE001 - each kind has its sentence
                raise unusable(self._database, error) from None

    def submit(self, job: Job[T]) -> "asyncio.Future[T]":
        """Have a job of the loop that runs done; its future is done when what came of it is on disk."""
        self._handover.put(cast("Job[object]", job))
        if self._over:
            self._handover.refuse(cast("Job[object]", job), self._database)
        return job.done

    async def transact(self, work: "Callable[[Connection], Awaitable[T]]", *, kept: bool = False) -> T:
        """Return what `work` returns, done in a transaction: twice, where the answer to that was lost."""
        loop = running_loop()
        return await self.submit(WorkJob(loop, loop.create_future(), kept=kept, work=work))

    def hurry(self) -> None:
        """Call the thread now: the loop of a caller that does not wait may end before its next turn."""
        self._handover.hurry()

    def stop(self) -> None:
        """Block until what is left is written or given up, the connection closed and the thread ended."""
        self._stopping = time.monotonic()
        self._call()
        self._thread.join()

    def _call(self) -> None:
        with contextlib.suppress(RuntimeError):  # the thread has ended
            self._loop.call_soon_threadsafe(self._called.set)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except OSError as error:
            if self._ready.is_set():
                raise
            self._fault = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop, self._called = asyncio.get_running_loop(), asyncio.Event()
        self._turn = asyncio.Lock()
        self._ready.set()
        while True:
            jobs = self._handover.next_group(LARGEST_GROUP)
            if jobs:
                await self._do(jobs)
            elif self._stopping is not None and self._handover.is_answered():
                break
            elif self._stopping is None and not await self._called_in_time():
                await self._do([])  # a beat is due
        self._over = True
        while jobs := self._handover.next_group(LARGEST_GROUP):
            await self._do(jobs)
        await self._close()

    async def _called_in_time(self) -> bool:
        """Wait for a call; False where a beat is due before."""
        busy = bool(self._group.live or self._group.run)
        try:
            async with asyncio.timeout(TICK if busy else None):
                await self._called.wait()
        except TimeoutError:
            return False
        self._called.clear()
        return True

    async def _do(self, jobs: list[Job[object]]) -> None:
        """Do jobs, whatever happens: their callers wait for nothing else."""
        try:
            async with self._turn:
                connection = await self._connected()
            await self._write(connection, jobs)
            self.trouble, self._pause = None, SOONEST
        except Exception as error:  # noqa: BLE001 - the thread has no caller
            self._tell([job for job in jobs if job.answered])
            await self._failed([job for job in jobs if not job.answered], error)
        else:
            # What another program has just claimed is looked at again.
            self._handover.put_back([job for job in jobs if not job.answered])
            self._tell([job for job in jobs if job.answered])

    def _tell(self, jobs: Sequence[Job[object]]) -> None:
        for job in self._handover.tell(jobs):
            job.give_back()

    async def _write(self, connection: "Connection", jobs: Sequence[Job[object]]) -> None:
        began = self._group.monotonic()
        beats = began - self._beat >= owner.BEAT
        claims = [job for job in jobs if isinstance(job, ClaimJob)]
        ends = [job for job in jobs if isinstance(job, EndJob)]
        if claims or ends or beats:
            await self._group.write(connection, claims, ends, beats=beats)
        if beats:
            self._beat = began
        for job in jobs:
            if isinstance(job, WorkJob):
                try:
                    async with writing(connection):
                        answer = await job.work(connection)
                    job.answer = answer
                except BonifiQError as error:
                    job.error = error

    async def _failed(self, jobs: list[Job[object]], error: Exception) -> None:
        """Keep jobs for the next connection; those of an error that stays are tried alone, then given up."""
        if is_passing(error):
            if self.trouble is None:
                logger.warning("ledger: %s takes nothing now: %s", self._database, said(error))
            self.trouble = error
            self._drop()
            if self._stopping is not None and time.monotonic() - self._stopping > self._give_up:
                self._fail(jobs, fault_of(self._database, error))
                return
            self._handover.put_back([job for job in jobs if job.wanted])
            await asyncio.sleep(self._pause * random.uniform(0.5, 1.0))
            self._pause = min(2 * self._pause, LATEST)
        elif isinstance(error, ConfigurationError) or len(jobs) < 2:
            self._fail(jobs, error if isinstance(error, BonifiQError) else fault_of(self._database, error))
        else:
            for job in jobs:
                await self._do([job])

    def _fail(self, jobs: Sequence[Job[object]], error: BonifiQError) -> None:
        for job in jobs:
            job.fail(copy.copy(error))  # each caller adds its key
        self._tell(jobs)

    async def _connected(self) -> "Connection":
        """Return the connection, opened anew where it is lost. Raises `ConfigurationError`."""
        if self._connection is not None and not self._connection.is_closed():
            return self._connection
        self._drop()
        connection = await connect(self._database)
        try:
            await check_version(connection, self._database)
            await owner.bury(connection, self._database.schema)
        except BaseException:
            connection.terminate()
            raise
        self._connection, self._beat = connection, float("-inf")
        return connection

    def _drop(self) -> None:
        """Leave a connection of which it is not known what the server still does."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    async def _close(self) -> None:
        """Say that this owner holds nothing any more, unless it does."""
        connection = self._connection
        if connection is None:
            return
        with contextlib.suppress(Exception):  # what is not said is seen in a while: it has no beat
            if not self._group.live:
                await owner.leave(connection, self._database.schema, self._group.owner)
            await connection.close(timeout=self._give_up)
        self._drop()
