"""The processes of one command: what goes wrong with one of them leaves no other at work unattended."""

import contextlib
import os
import signal
from collections.abc import Iterator

import pytest
from console import Console, process, rows, until
from postgres import SERVER, a_schema, by_sql, workers

from bonifiq_async.cli.exit_codes import Exit
from bonifiq_async.ledger.postgres.database import Database
from bonifiq_async.sandbox import Sandbox

APPLY = ("apply", "changes.csv", "--yes", "--ledger")

FAILS = """
import asyncio, os
start = asyncio.create_subprocess_exec
async def start_or_fail(*command, **options):
    if "2/3" in command:
        while not os.path.exists("fail"):
            await asyncio.sleep(0.02)
        raise {error}
    return await start(*command, **options)
asyncio.create_subprocess_exec = start_or_fail
"""
"""Has the start of the third of three workers fail, as soon as there is a file with the name `fail`."""

TALKS = """
import asyncio
start = asyncio.create_subprocess_exec
TALK = '''
import runpy, sys
sys.stderr.write("begins " + "x" * 3_000_000 + " goes on\\\\n")
runpy.run_module("bonifiq_async", run_name="__main__")
'''
async def start_talking(program, *command, **options):
    return await start(program, "-c", TALK, *command[2:], **options)
asyncio.create_subprocess_exec = start_talking
"""
"""Has every worker begin with a line of three million characters."""


@pytest.fixture
def database() -> Iterator[Database]:
    with a_schema() as made:
        yield made


def alive(numbers: set[int]) -> set[int]:
    """Return which of these processes run, and end them."""
    found = set()
    for number in numbers:
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)
            found.add(number)
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (
            "BlockingIOError(11, 'Resource temporarily unavailable')",
            Exit.STOPPED,
            "The worker of shard 2 could not be started (Resource temporarily unavailable). The other",
        ),
        ("RuntimeError('it is a bug')", Exit.BUG, "RuntimeError: it is a bug"),
    ],
    ids=["refused by the system", "bug"],
)
def test_a_worker_that_cannot_be_started_ends_the_others_as_an_interrupt_does(
    console: Console, database: Database, error: str, code: Exit, words: str
) -> None:
    console.write("changes.csv", *rows(600))
    with Sandbox() as sandbox:
        options = (f"{SERVER}?schema={database.schema}", "--shards", "3", "--max-rate", "30")
        prelude = FAILS.format(error=error)
        run = process(sandbox, console.folder, *APPLY, *options, prelude=prelude)
        until(lambda: sandbox.books.requests > 5 and len(workers(database)) == 2)
        others = set(workers(database).values())
        console.write("fail")
        _, err = run.communicate(timeout=60)
        assert alive(others) == set(), err
        assert (run.returncode, set(workers(database).values())) == (code, set()), err
        assert words in err and err.count("Stopping: what is in flight") == 2
        assert ("\nTo go on, run the same command again" in err) == (code is Exit.STOPPED)
        sent = sandbox.books.requests
        assert by_sql(database, "SELECT count(*) FROM change WHERE state = 'applied'") == [(sent,)]


@pytest.mark.slow
def test_a_worker_may_say_a_very_long_line(console: Console, database: Database) -> None:
    """Its beginning is shown, and what it says after it."""
    console.write("changes.csv", *rows(20))
    with Sandbox() as sandbox:
        options = (f"{SERVER}?schema={database.schema}", "--shards", "2")
        run = process(sandbox, console.folder, *APPLY, *options, prelude=TALKS)
        _, err = run.communicate(timeout=60)
        assert run.returncode == 0, err[-1000:]
        assert sandbox.books.requests == 20
    assert err.count("begins x") == 2 and "x ends" not in err
    assert "changes.csv is done, in all its 2 shards" in err
