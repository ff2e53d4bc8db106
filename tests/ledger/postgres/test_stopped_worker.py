"""A process that is stopped (SIGSTOP) for a while, and goes on: another has its work meanwhile."""

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest
from console import Console, process, rows, until
from postgres import SERVER, a_schema, by_sql

from bonifiq_async import PostgresLedger, SharedPace
from bonifiq_async.cli.exit_codes import Exit
from bonifiq_async.sandbox import FaultScript, Sandbox

SHORT = (
    "from bonifiq_async.ledger.postgres import owner; "
    "owner.SILENCE, owner.BEAT, owner.MARGIN = 2.0, 0.25, 0.25"
)
"""A worker whose shard and claims are free after two seconds."""
IMPATIENT = (
    "from bonifiq_async.ledger.postgres import group, owner; "
    "from bonifiq_async.ledger.postgres.shards import lease; owner.SILENCE = 2.0"
)
"""One that knows that of others; what it has itself is its own for as long as ever."""
COUNT = 40


@pytest.mark.slow
def test_a_worker_that_was_stopped_sends_nothing_of_what_another_has_taken_over(console: Console) -> None:
    """It is stopped while it waits to repeat its third change, and goes on amid the other's work."""
    console.write("changes.csv", *rows(COUNT))
    faults = FaultScript(["", "", "429-seconds"], seconds=2)
    with a_schema() as database, Sandbox(faults=faults) as sandbox, ExitStack() as afterwards:
        apply = ("apply", "changes.csv", "--yes", "--ledger", f"{SERVER}?schema={database.schema}")
        apply = (*apply, "--shard", "0/1", "--max-in-flight", "1")
        stopped = process(sandbox, console.folder, *apply, prelude=SHORT)
        afterwards.callback(stopped.kill)
        until(lambda: faults.met["429-seconds"], 30)
        os.kill(stopped.pid, signal.SIGSTOP)
        other = process(sandbox, console.folder, *apply, "--max-rate", "25", prelude=IMPATIENT)
        afterwards.callback(other.kill)
        until(lambda: sandbox.books.requests > 5, 30)
        mine = "SELECT count(*) FROM change WHERE run = 1"
        claimed = by_sql(database, mine)
        os.kill(stopped.pid, signal.SIGCONT)
        _, said = stopped.communicate(timeout=30)
        assert stopped.returncode == Exit.STOPPED, said
        assert "another one has taken over its shard" in said or "is lost to another worker" in said
        _, said = other.communicate(timeout=30)
        assert other.returncode == 0, said
        assert by_sql(database, mine) == claimed, "it has claimed nothing since"
        keys = Counter(entry.key for entry in sandbox.journal.last())
        assert sorted(keys.values()) == [1] * (COUNT - 1) + [2], "the one that it was to repeat, by the other"
        assert Counter(change.key for change in sandbox.booked()) == dict.fromkeys(keys, 1)


STOPS = """
import asyncio, os, signal, sys
from asyncpg.transaction import Transaction
from bonifiq_async import PostgresLedger, SharedPace
from bonifiq_async.ledger.postgres import connection

connection.BOUNDED = "SET LOCAL idle_in_transaction_session_timeout = '1s'"
ended = Transaction.__aexit__

async def stopped_once(*arguments):
    Transaction.__aexit__ = ended
    os.kill(os.getpid(), signal.SIGSTOP)
    return await ended(*arguments)

async def main():
    async with PostgresLedger(sys.argv[1], schema=sys.argv[2]) as ledger:
        Transaction.__aexit__ = stopped_once
        await SharedPace(ledger, 100.0).take("stopped", 5, 0.0)

asyncio.run(main())
"""
"""Takes a part of a shared pace, and is stopped when it has the lock and has not committed."""


@pytest.mark.slow
async def test_a_process_that_is_stopped_in_a_transaction_stops_no_other() -> None:
    """The server ends its transaction; when it goes on, what it did is done again."""
    with a_schema() as database:
        command = [sys.executable, "-W", "error", "-c", STOPS, database.dsn, database.schema]
        process = subprocess.Popen(command)
        try:
            state = Path(f"/proc/{process.pid}/stat")
            await asyncio.to_thread(until, lambda: state.read_text().rpartition(")")[2].split()[0] == "T", 30)
            async with PostgresLedger(database.dsn, schema=database.schema) as ledger:
                async with asyncio.timeout(20.0):
                    await SharedPace(ledger, 100.0).take("other", 5, 0.0)
                process.send_signal(signal.SIGCONT)
                assert await asyncio.to_thread(process.wait, 30) == 0
                given = await SharedPace(ledger, 100.0).take("other", 0, 0.0)
            assert given.workers == 2
        finally:
            process.kill()
            process.wait()
