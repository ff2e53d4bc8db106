"""One thread that owns the SQLite connection and commits many pieces of work at once.

While one commit waits for the disk, the next pieces gather: the slower the disk, the larger the groups.
"""

import asyncio
import contextlib
import os
import queue
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar, cast

from attrs import frozen

from bonifiq_async.errors import BonifiQError, LedgerError

T = TypeVar("T")

LARGEST_GROUP = 1024


@frozen
class _Job(Generic[T]):
    work: Callable[[sqlite3.Connection], T]
    loop: asyncio.AbstractEventLoop
    done: "asyncio.Future[T]"


_Answer = tuple[_Job[object], object, BonifiQError | None]


class Writer:
    """Runs work in transactions of its own thread. `connect` is called there, once."""

    def __init__(self, path: Path, connect: Callable[[], sqlite3.Connection]) -> None:
        self._path = path
        self._file = (0, 0)
        self._connect = connect
        self._jobs: queue.SimpleQueue[_Job[object] | None] = queue.SimpleQueue()
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
        """Whether the file could not be opened: nothing will be done."""
        return self._fault is not None

    def submit(self, work: Callable[[sqlite3.Connection], T]) -> "asyncio.Future[T]":
        """Have `work` done in the next commit; the future is done when it is on disk."""
        loop = asyncio.get_running_loop()
        job = _Job(work, loop, loop.create_future())
        self._jobs.put(cast("_Job[object]", job))
        return job.done

    def stop(self) -> None:
        """Block until what is left is committed, the file closed and the thread ended."""
        self._jobs.put(None)
        self._thread.join()

    def _run(self) -> None:
        connection = self._open()
        try:
            while (jobs := self._next_group()) is not None:
                if connection is None:
                    _tell([(job, None, self._fault) for job in jobs])
                else:
                    _tell(self._commit(connection, jobs))
        finally:
            if connection is not None:
                connection.close()

    def _open(self) -> sqlite3.Connection | None:
        try:
            connection = self._connect()
            self._file = self._identity()
            return connection
        except Exception as error:  # noqa: BLE001 - raised where the ledger is used
            self._fault = error if isinstance(error, BonifiQError) else self._fault_of(error)
            return None
        finally:
            self._opened.set()

    def _identity(self) -> tuple[int, int]:
        status = os.stat(self._path)
        return status.st_dev, status.st_ino

    def _next_group(self) -> list[_Job[object]] | None:
        """Return what is to be done, waiting for the first; None when all is done and it is time to stop."""
        first = self._jobs.get()
        if first is None:
            return None
        group = [first]
        while len(group) < LARGEST_GROUP:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is None:
                self._jobs.put(None)
                break
            group.append(job)
        return group

    def _commit(self, connection: sqlite3.Connection, jobs: list[_Job[object]]) -> list[_Answer]:
        answers: list[_Answer] = []
        try:
            if self._identity() != self._file:
                raise sqlite3.OperationalError("the file was replaced by another one")
            connection.execute("BEGIN IMMEDIATE")
            for job in jobs:
                try:
                    answers.append((job, job.work(connection), None))
                except BonifiQError as error:
                    answers.append((job, None, error))
                except (sqlite3.OperationalError, OSError):
                    raise
                except Exception as error:  # noqa: BLE001 - one bad job must not end the others, nor the thread
                    answers.append((job, None, self._fault_of(error)))
            connection.execute("COMMIT")
            self.commits += 1
            return answers
        except (sqlite3.Error, OSError) as error:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            fault = self._fault_of(error)
            return [(job, None, fault) for job in jobs]

    def _fault_of(self, error: Exception) -> LedgerError:
        return LedgerError(
            f"The ledger {self._path} cannot be written: {error}. Make room or rights there, then run again."
        )


def _tell(answers: list[_Answer]) -> None:
    """Hand the answers to the loops that asked, with one wake-up each."""
    by_loop: defaultdict[asyncio.AbstractEventLoop, list[_Answer]] = defaultdict(list)
    for answer in answers:
        by_loop[answer[0].loop].append(answer)
    for loop, group in by_loop.items():
        with contextlib.suppress(RuntimeError):  # that loop is closed: nobody is left to tell
            loop.call_soon_threadsafe(_resolve, group)


def _resolve(answers: list[_Answer]) -> None:
    for job, value, error in answers:
        if job.done.done():
            continue
        if error is None:
            job.done.set_result(value)
        else:
            job.done.set_exception(error)
