"""One thread that owns the SQLite connection and commits many pieces of work at once."""

import asyncio
import contextlib
import copy
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar, cast

from attrs import define, field

from bonifiq_async._concurrency.runtime import running_loop
from bonifiq_async._model.errors import BonifiQError
from bonifiq_async.ledger.handover import OF_A_CHANGE, Handover, Job
from bonifiq_async.ledger.sqlite.connection import PATIENCE, LedgerConnection, fault_of, is_busy

T = TypeVar("T")

Failed = Callable[[sqlite3.Connection, T | None, BonifiQError], None]
"""Is given what the work answered, None if it came to nothing, and the error that will be raised."""


@define(eq=False)
class _Work(Job[T]):
    work: Callable[[LedgerConnection], T] = field(kw_only=True)
    failed: "Failed[T] | None" = field(kw_only=True)

    def fail(self, error: BonifiQError, connection: sqlite3.Connection | None = None) -> None:
        """See `Job.fail`; `connection` is given where it can be asked what is on disk."""
        if self.failed is not None and connection is not None:
            with contextlib.suppress(Exception):  # it was asked only for what can be said of the error
                self.failed(connection, getattr(self, "answer", None), error)
        super().fail(error)


class Writer:
    """Runs work in transactions of its own thread. `connect` is called there, once.

    `begun` is called in each transaction before the work, and `committed` after it. `rest` says after how
    many seconds without work a transaction is due all the same, None for never.
    """

    def __init__(
        self,
        path: Path,
        connect: Callable[[Callable[[], bool]], LedgerConnection],
        *,
        begun: Callable[[LedgerConnection], None] = lambda connection: connection.begun(),
        committed: Callable[[LedgerConnection], None] = lambda connection: connection.committed(),
        rest: Callable[[], float | None] = lambda: None,
    ) -> None:
        self._path = path
        self._connect = connect
        self._begun, self._committed, self._rest = begun, committed, rest
        self._woken: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._handover: Handover[_Work[object]] = Handover(lambda: self._woken.put(True))
        self._opened = threading.Event()
        self._stopping = False
        self._over = False
        self._fault: BonifiQError | None = None
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)
        self.commits = 0

    def start(self) -> None:
        """Start the thread, which opens the file. If it cannot, callers that submit work get the error.

        Raises `LedgerError` where the machine has no thread left.
        """
        try:
            self._thread.start()
        except RuntimeError as error:
            raise fault_of(self._path, error) from None

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
        work: Callable[[LedgerConnection], T],
        unheard: Callable[[T], None] | None = None,
        failed: Failed[T] | None = None,
        *,
        kept: bool = False,
        what: str = OF_A_CHANGE,
    ) -> "asyncio.Future[T]":
        """Have `work` done in the next commit; the future is done when it is on disk.

        The work is done also when the future is cancelled; then `unheard` gets what came of it. When it
        does not get there, `failed` is called in the thread. While another program holds the file, work
        that is `kept` waits on, whatever its caller does; other work is given up with its caller, or after
        a while. `what` says what is lost then: see `Job`.
        """
        loop = running_loop()
        job = cast(
            "_Work[object]", _Work(loop, loop.create_future(), unheard, kept, what, work=work, failed=failed)
        )
        self._handover.put(job)
        if self._over:
            self._handover.refuse(job, self._path)
        return cast("asyncio.Future[T]", job.done)

    def hurry(self) -> None:
        """Call the thread now: the loop of a caller that does not wait may end before its next turn."""
        self._handover.hurry()

    def stop(self) -> None:
        """Block until what is left is committed, the file closed and the thread ended.

        A file that another program holds is waited for no longer than by any other call.
        """
        self._stopping = True
        self._woken.put(False)
        self._thread.join()

    def _run(self) -> None:
        connection = self._open()
        try:
            goes_on = True
            while goes_on or not (self.failed or self._handover.is_answered()):
                goes_on = goes_on and self._called(connection)
                self._do_all(connection)
            self._over = True
            self._do_all(connection)
        finally:
            if connection is not None:
                connection.close()

    def _called(self, connection: LedgerConnection | None) -> bool:
        """Wait for a call, or for what is due without one; False when it was the last."""
        while True:
            try:
                return self._woken.get(timeout=None if connection is None else self._rest())
            except queue.Empty:
                self._do(connection, [])

    def _do_all(self, connection: LedgerConnection | None) -> None:
        while jobs := self._handover.next_group():
            self._do(connection, jobs)

    def _do(self, connection: LedgerConnection | None, jobs: list[_Work[object]]) -> None:
        """Do the jobs and tell what came of them, whatever happens: their callers wait for nothing else."""
        try:
            if connection is not None and self._fault is None:
                self._commit(connection, jobs)
            else:
                self._fail(jobs)
            self._tell(jobs)
        except Exception as error:  # noqa: BLE001 - the thread has no caller
            self._fault = fault_of(self._path, error)
            self._fail(jobs)
            self._tell(jobs)

    def _tell(self, jobs: list[_Work[object]]) -> None:
        unheard = self._handover.tell(jobs)
        if unheard:
            with contextlib.suppress(OSError):  # no descriptor is left: a claim ends with its time
                asyncio.run(_given_back(unheard))  # what is given back is work of a loop

    def _fail(self, jobs: list[_Work[object]]) -> None:
        for job in jobs:
            job.error = copy.copy(self._fault)  # each caller adds its key

    def _open(self) -> LedgerConnection | None:
        try:
            return self._connect(lambda: self._stopping and not self._handover.jobs)
        except Exception as error:  # noqa: BLE001 - raised where the ledger is used
            self._fault = error if isinstance(error, BonifiQError) else fault_of(self._path, error)
            return None
        finally:
            self._opened.set()

    def _begin(self, connection: LedgerConnection, jobs: list[_Work[object]]) -> None:
        """Begin a transaction. While another program holds the file, drop jobs that no caller waits for."""
        latest = time.monotonic() + PATIENCE
        while True:
            try:
                connection.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if not is_busy(error) or time.monotonic() >= latest:
                    raise
                jobs[:] = [job for job in (*jobs, *self._handover.next_group()) if job.wanted]

    def _commit(self, connection: LedgerConnection, jobs: list[_Work[object]]) -> None:
        same = False
        try:
            connection.watch()
            same = True
            self._begin(connection, jobs)
            self._begun(connection)
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
            same = False
            connection.watch()
            self._committed(connection)
            self.commits += 1
        except Exception as error:  # noqa: BLE001 - SQLite's want of memory is a MemoryError
            with contextlib.suppress(Exception):
                connection.execute("ROLLBACK")
            if is_busy(error) and not self._stopping:
                self._put_back(jobs)
            for job in jobs:
                job.fail(fault_of(self._path, error), connection if same else None)

    def _put_back(self, jobs: list[_Work[object]]) -> None:
        """Keep what must be written down for when the file is free, before what came later."""
        self._handover.put_back([job for job in jobs if job.kept])
        jobs[:] = [job for job in jobs if not job.kept]


async def _given_back(jobs: Sequence[_Work[object]]) -> None:
    for job in jobs:
        job.give_back()
