"""The ledger's thread alone: which jobs share a commit, and how a fault in one affects the others."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from ledger_files import by_hand, commits

from bonifiq_async import LedgerError
from bonifiq_async.ledger.handover import TURNS
from bonifiq_async.ledger.sqlite.connection import LedgerConnection, opened
from bonifiq_async.ledger.sqlite.writer import Writer

SOON = 8.0
WRITES = "INSERT INTO owner VALUES ('x', 0, 0, 0)"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger"


@pytest.fixture
async def writer(path: Path) -> AsyncIterator[Writer]:
    """A thread that has its file open."""
    writer = Writer(path, lambda give_up: opened(path, give_up=give_up))
    writer.start()
    await asyncio.to_thread(writer.wait)
    yield writer
    await asyncio.to_thread(writer.stop)


def writes(database: LedgerConnection) -> None:
    database.execute(WRITES)


async def test_jobs_of_a_few_turns_of_the_loop_share_a_commit(writer, path) -> None:
    """The loop is blocked while the test checks whether the thread was woken."""
    begun, before = threading.Event(), commits(path)
    first = writer.submit(lambda database: (writes(database), begun.set()))
    for _ in range(TURNS):
        await asyncio.sleep(0)
    assert not begun.wait(0.05), "the thread is not woken yet"
    second = writer.submit(lambda database: database.execute("DELETE FROM owner"))
    await asyncio.sleep(0)
    assert begun.wait(SOON), "the thread was woken"
    await asyncio.gather(first, second)
    assert commits(path) == before + 1


FAULTS = [KeyError("x"), RuntimeError("x"), OverflowError("x"), sqlite3.IntegrityError("x")]


@pytest.mark.parametrize("fault", FAULTS, ids=repr)
async def test_a_fault_in_a_job_ends_neither_the_thread_nor_its_neighbours(fault, writer, path) -> None:
    """Whatever the fault, each caller gets that of its own job."""

    def fails(_: LedgerConnection) -> None:
        raise fault

    bad, good = writer.submit(fails), writer.submit(writes)
    with pytest.raises(LedgerError):
        await bad
    await good
    assert by_hand(path, "SELECT count(*) FROM owner") == [(1,)]


UNDONE = {
    "pages that make no sense": ("SELECT 1", sqlite3.DatabaseError("disk image is malformed"), "is damaged"),
    "lack of space": ("ROLLBACK", sqlite3.IntegrityError("x"), "cannot be written"),
    "lack of memory": ("ROLLBACK", MemoryError(), "MemoryError"),
}


@pytest.mark.parametrize(("does", "error", "why"), UNDONE.values(), ids=UNDONE)
async def test_a_group_that_is_undone_is_not_half_written(does, error, why, writer, path) -> None:
    """SQLite itself rolls back for lack of memory or space: every job fails, and nothing is kept."""

    def fails(database: LedgerConnection) -> None:
        database.execute(does)
        raise error

    for job in [writer.submit(work) for work in (writes, fails, writes)]:
        with pytest.raises(LedgerError, match=why):
            await job
    await writer.submit(lambda _: None)  # the thread goes on
    assert by_hand(path, "SELECT count(*) FROM owner") == [(0,)]


async def test_a_job_given_to_a_closed_writer_fails_at_once(writer) -> None:
    """A thread may close the ledger between two steps of another: the other gets an error without a wait."""
    await asyncio.to_thread(writer.stop)
    with pytest.raises(LedgerError, match="was closed while it was asked"):
        await asyncio.wait_for(writer.submit(lambda _: None), SOON)


async def test_what_is_raised_by_one_answer_keeps_no_other_caller_waiting(writer: Writer) -> None:
    """Both come back with one wake-up of the loop, which reports the error."""
    reported: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: reported.append(context["exception"]))

    def raises(_: int) -> None:
        raise RuntimeError("the caller of the first has gone")

    gone = writer.submit(lambda _: 1, raises)
    waits = writer.submit(lambda _: 2)
    gone.cancel()
    async with asyncio.timeout(SOON):
        assert await waits == 2
    assert [str(error) for error in reported] == ["the caller of the first has gone"]
