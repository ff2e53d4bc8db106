"""A ledger that takes nothing more, for good: what a command waits for at its end, and for how long."""

import asyncio
import contextlib
import signal
import sqlite3
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from console import process, rows
from postgres import a_schema, asked
from postgres_wire import Wire, a_wire

from bonifiq_async import Effect, PostgresLedger
from bonifiq_async.batch import CashbackBatch
from bonifiq_async.cli.adapter import adapter_for
from bonifiq_async.cli.exit_codes import Exit
from bonifiq_async.cli.terminal.report import RunEnding
from bonifiq_async.cli.workers import shard
from bonifiq_async.cli.workers.shard import ShardWork, taken
from bonifiq_async.ledger.postgres.database import Database
from bonifiq_async.ledger.shards import Shard, ShardCounts
from bonifiq_async.sandbox import Sandbox

SOON = """
import bonifiq_async.ledger.postgres.store as in_database, bonifiq_async.ledger.sqlite.writer as in_file
in_database.PATIENCE = in_file.PATIENCE = 0.5
"""
"""Has the closing of a ledger wait for half a second."""


@contextlib.asynccontextmanager
async def a_run(sandbox: Sandbox, folder: Path, *options: str) -> "AsyncIterator[subprocess.Popen[str]]":
    """Give a run in the middle of its file."""
    (folder / "changes.csv").write_text("\n".join(rows(3000)))
    command = ("apply", "changes.csv", "--yes", "--max-rate", "100", *options)
    run = process(sandbox, folder, *command, prelude=SOON)
    try:
        while sandbox.books.requests < 20:
            assert run.poll() is None, run.communicate()
            await asyncio.sleep(0.01)
        yield run
    finally:
        run.kill()


def interrupted_twice(run: "subprocess.Popen[str]") -> str:
    """Interrupt a run, and again when it says that it stops; return what it says after that."""
    run.send_signal(signal.SIGINT)
    assert run.stderr is not None
    while "Stopping" not in run.stderr.readline():
        assert run.poll() is None
    run.send_signal(signal.SIGINT)
    _, said = run.communicate(timeout=30)
    return said


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--shard", "0/1")], ids=["alone", "worker"])
async def test_two_interrupts_end_a_command_whose_database_is_gone(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    with a_schema() as made, Sandbox() as sandbox:
        async with a_wire(made) as (wire, database):
            url = f"{database.dsn}?schema={made.schema}"
            async with a_run(sandbox, tmp_path, "--ledger", url, *options) as run:
                wire.sever()
                said = await asyncio.to_thread(interrupted_twice, run)
        assert run.returncode == Exit.INTERRUPTED, said
        assert "To go on, run the same command again" in said
        assert "lost: how a run, or a shard of it, ended was not written down" in said


@pytest.mark.slow
async def test_two_interrupts_end_a_command_whose_file_another_program_holds(tmp_path: Path) -> None:
    with Sandbox() as sandbox:
        async with a_run(sandbox, tmp_path, "--ledger", "a.ledger") as run:
            with contextlib.closing(sqlite3.connect(tmp_path / "a.ledger", isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                said = await asyncio.to_thread(interrupted_twice, run)
        assert run.returncode == Exit.INTERRUPTED, said
        assert "lost: how a run ended was not written down" in said


# --- a shard ---


@contextlib.asynccontextmanager
async def a_worker(made: Database) -> AsyncIterator[tuple[ShardWork, Wire]]:
    """Give a worker whose database is gone; it is back before the worker's ledger is closed."""
    async with contextlib.AsyncExitStack() as stack:
        wire, database = await stack.enter_async_context(a_wire(made))
        ledger = await stack.enter_async_context(PostgresLedger(database.dsn, schema=made.schema))
        work = await taken(ledger, Shard("march.csv", "12ab", 0, 1), ShardCounts(3))
        wire.sever()
        try:
            yield work, wire
        finally:
            wire.down = False


@pytest.mark.parametrize("interrupted", [True, False], ids=["left", "done"])
async def test_a_worker_waits_for_a_while_and_its_closing_writes_what_became_of_the_shard(
    monkeypatch: pytest.MonkeyPatch, interrupted: bool
) -> None:
    monkeypatch.setattr(shard, "GOODBYE", 0.3)
    monkeypatch.setattr(shard, "LEASE", 0.3)
    ending = RunEnding(adapter_for("bonifiq"), planned=3, interrupted=interrupted)
    ending.counts[Effect.APPLIED] = 3
    with a_schema() as made:
        async with a_worker(made) as (work, wire), asyncio.timeout(10):
            await work.end(None, ending, CashbackBatch(None))  # type: ignore[arg-type]
            assert wire.down
        [(owner, done)] = await asked(made, "SELECT owner, done FROM shard")
    if interrupted:
        assert (owner, done, ending.stopped) == (None, None, None)
    else:
        assert done is not None and "did not take in 0 s that the shard is done" in str(ending.stopped)
