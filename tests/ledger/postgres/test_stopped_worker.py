"""A worker process that is stopped (SIGSTOP) for longer than its lease, and goes on: another has its work."""

import os
import signal
import time
from collections import Counter
from contextlib import ExitStack

import pytest
from console import Console, process, rows
from postgres import SERVER, a_schema, by_sql

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


def until(condition: object) -> None:
    """Wait until something holds that other processes do."""
    latest = time.monotonic() + 30
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < latest
        time.sleep(0.01)


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
        until(lambda: faults.met["429-seconds"])
        os.kill(stopped.pid, signal.SIGSTOP)
        other = process(sandbox, console.folder, *apply, "--max-rate", "25", prelude=IMPATIENT)
        afterwards.callback(other.kill)
        until(lambda: sandbox.books.requests > 5)
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
