"""One thread that owns the SQLite connection and commits many pieces of work at once.

While one commit waits for the disk, the next pieces gather: the slower the disk, the larger the groups.
"""

import asyncio
import contextlib
import copy
import os
import queue
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar, cast

from attrs import define, field

from bonifiq_async.errors import BonifiQError
from bonifiq_async.ledger.schema import fault_of
from bonifiq_async.runtime import no_loop

T = TypeVar("T")

Failed = Callable[[sqlite3.Connection, T | None, BonifiQError], None]
"""Is given what the work answered, None if it came to nothing, and the error that will be raised."""

LARGEST_GROUP = 1024
TURNS = 2
"""Turns of the loop after which the thread is called. What a busy loop brings meanwhile shares the commit; an
idle one turns at once."""


@define
class _Job(Generic[T]):
    work: Callable[[sqlite3.Connection], T]
    loop: asyncio.AbstractEventLoop
    done: "asyncio.Future[T]"
    unheard: Callable[[T], None] | None
    failed: "Failed[T] | None"
    error: BonifiQError | None = None
    answer: T = field(init=False)

    def fail(self, error: BonifiQError, connection: sqlite3.Connection | None = None) -> None:
        """Take note that nothing of it is on disk; `connection` is given where that can be asked."""
        self.error = error
        if self.failed is not None and connection is not None:
            with contextlib.suppress(Exception):  # it was asked only for what can be said of the error
                self.failed(connection, getattr(self, "answer", None), error)

    def tell(self) -> None:
        """Hand over what came of it, in its own loop."""
        if self.done.done():
            if self.error is None and self.unheard is not None:
                self.unheard(self.answer)
        elif self.error is None:
            self.done.set_result(self.answer)
        else:
            self.done.set_exception(self.error)


class Writer:
    """Runs work in transactions of its own thread. `connect` is called there, once."""

    def __init__(self, path: Path, connect: Callable[[], sqlite3.Connection]) -> None:
        self._path = path
        self._file = (0, 0)
        self._connect = connect
        self._jobs: deque[_Job[object]] = deque()
        self._woken: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._waking: set[asyncio.AbstractEventLoop] = set()
        self._opened = threading.Event()
        self._fault: BonifiQError | None = None
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)
        self.commits = 0

    def start(self) -> None:
        """Start the thread, which opens the file. Whoever has work done is told when it cannot."""
        self._thread.start()

    def wait(self) -> None:
        """Block until the file is open; raise what opening it raised."""
        self._opened.wait()
        if self._fault is not None:
            raise self._fault

    @property
    def failed(self) -> bool:
        """Whether the file could not be opened or its thread went wrong: nothing more will be done."""
        return self._fault is not None

    def submit(
        self,
        work: Callable[[sqlite3.Connection], T],
        unheard: Callable[[T], None] | None = None,
        failed: Failed[T] | None = None,
    ) -> "asyncio.Future[T]":
        """Have `work` done in the next commit; the future is done when it is on disk.

        The work is done also when the future is cancelled; then `unheard` gets what came of it. When it
        does not get there, `failed` is called in the thread.
        """
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise no_loop() from None
        job = _Job(work, loop, loop.create_future(), unheard, failed)
        self._jobs.append(cast("_Job[object]", job))
        if loop not in self._waking:  # one call of the thread for all that a few turns of the loop bring
            for each in tuple(self._waking):
                if each.is_closed():
                    self._waking.discard(each)
            self._waking.add(loop)
            loop.call_soon(self._wake, loop, TURNS)
        return job.done

    def hurry(self) -> None:
        """Call the thread now: the loop of who does not wait for it may end before its next turn."""
        self._woken.put(True)

    def _wake(self, loop: asyncio.AbstractEventLoop, turns: int) -> None:
        if turns:
            loop.call_soon(self._wake, loop, turns - 1)
            return
        self._waking.discard(loop)
        self._woken.put(True)

    def stop(self) -> None:
        """Block until what is left is committed, the file closed and the thread ended."""
        self._woken.put(False)
        self._thread.join()

    def _run(self) -> None:
        connection = self._open()
        try:
            goes_on = True
            while goes_on:
                goes_on = self._woken.get()
                while jobs := self._next_group():
                    self._do(connection, jobs)
        finally:
            if connection is not None:
                connection.close()

    def _do(self, connection: sqlite3.Connection | None, jobs: list[_Job[object]]) -> None:
        """Do the jobs and tell what came of them, whatever happens: their callers wait for nothing else."""
        try:
            if connection is not None and self._fault is None:
                self._commit(connection, jobs)
            else:
                self._fail(jobs)
            _tell(jobs)
        except Exception as error:  # noqa: BLE001 - the thread has no caller
            self._fault = fault_of(self._path, error)
            self._fail(jobs)
            _tell(jobs)

    def _fail(self, jobs: list[_Job[object]]) -> None:
        for job in jobs:
            job.error = copy.copy(self._fault)  # each caller adds its key

    def _open(self) -> sqlite3.Connection | None:
        try:
            connection = self._connect()
            self._file = self._identity()
            return connection
        except Exception as error:  # noqa: BLE001 - raised where the ledger is used
            self._fault = error if isinstance(error, BonifiQError) else fault_of(self._path, error)
            return None
        finally:
            self._opened.set()

    def _identity(self) -> tuple[int, int]:
        status = os.stat(self._path)
        return status.st_dev, status.st_ino

    def _next_group(self) -> list[_Job[object]]:
        """Return what is to be done, the eldest first."""
        return [self._jobs.popleft() for _ in range(min(len(self._jobs), LARGEST_GROUP))]

    def _commit(self, connection: sqlite3.Connection, jobs: list[_Job[object]]) -> None:
        same = False
        try:
            if self._identity() != self._file:
                raise sqlite3.OperationalError("the file was replaced by another one")
            same = True
            connection.execute("BEGIN IMMEDIATE")
            for job in jobs:
                try:
                    job.answer = job.work(connection)
                except BonifiQError as error:
                    job.error = error
                except (sqlite3.OperationalError, OSError):
                    raise
                except Exception as error:
                    if type(error) is sqlite3.DatabaseError or not connection.in_transaction:
                        raise  # pages that make no sense, or SQLite has rolled back all that was done
                    job.fail(fault_of(self._path, error), connection)
            connection.execute("COMMIT")
            self.commits += 1
        except Exception as error:  # noqa: BLE001 - SQLite's want of memory is a MemoryError
            with contextlib.suppress(Exception):
                connection.execute("ROLLBACK")
            for job in jobs:
                job.fail(fault_of(self._path, error), connection if same else None)


def _tell(jobs: list[_Job[object]]) -> None:
    """Hand the answers to the loops that asked, with one wake-up each."""
    for loop in {job.loop for job in jobs}:
        with contextlib.suppress(RuntimeError):  # that loop is closed: nobody is left to tell
            loop.call_soon_threadsafe(_resolve, [job for job in jobs if job.loop is loop])


def _resolve(jobs: list[_Job[object]]) -> None:
    for job in jobs:
        job.tell()
