"""What was not written is refused, however it is read; and no reader makes the log grow."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest
from attrs import evolve
from conftest import change, client_for
from console import process, rows

from bonifiq_async import ConfigurationError, Effect, LedgerError, SqliteLedger
from bonifiq_async.cli.exit_codes import Exit
from bonifiq_async.ledger.protocol import Ending, Intent, State
from bonifiq_async.ledger.reader import recorded, standing
from bonifiq_async.ledger.settling import PersonsWord
from bonifiq_async.ledger.sqlite.connection import opened
from bonifiq_async.ledger.sqlite.reader import SqliteReader
from bonifiq_async.ledger.sqlite.row import TOGETHER
from bonifiq_async.sandbox import FaultScript

INTENT = Intent("operation", "key", b"digest", "ana", Decimal(10), "/path", b"{}", ("p", "a"))
COMMAND = ("apply", "changes.csv", "--yes")


def altered(path: Path, statement: str) -> None:
    """Change a ledger by hand."""
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute(statement)


BY_HAND = {
    "a state, to applied": "UPDATE change SET state = 'applied'",
    "a state, to refused": "UPDATE change SET state = 'refused'",
    "an amount": "UPDATE change SET value = '9'",
    "a customer": "UPDATE change SET customer_id = 'bia'",
    "a body": "UPDATE change SET body = x'7b7d'",
    "a moment": "UPDATE change SET first_sent = 0",
    "an answer": "UPDATE change SET answer = 'cashback_balance=9'",
}


@pytest.mark.parametrize("statement", BY_HAND.values(), ids=BY_HAND)
def test_what_was_changed_by_hand_is_neither_shown_nor_sent(statement, console, sandbox):
    """A row that was applied, or in doubt, and has another content now: each command reports damage."""
    server = sandbox(
        duplicates="error-409", faults=FaultScript(["html-before"] * (" 'applied'" in statement))
    )
    console.write("changes.csv", *rows(1))
    console(*COMMAND, sandbox=server)
    altered(console.folder / "changes.csv.ledger", statement)
    sent = server.books.requests
    for command in (
        COMMAND,
        ("status", "changes.csv.ledger"),
        ("export", "changes.csv.ledger", "--effect", "applied"),
        ("settle", "changes.csv.ledger", "--key", "ADD-c0-1-o0", "--as", "applied", "--note", "x"),
    ):
        ended = console(*command, sandbox=server)
        assert ended.code in (Exit.USAGE, Exit.STOPPED)
        assert "what stands under the key 'ADD-c0-1-o0' is not what was written" in ended.err
    assert server.books.requests == sent


READS: dict[str, Callable[[Path], object]] = {
    "a sum": lambda path: standing(SqliteReader(path)),
    "a list": lambda path: list(recorded(SqliteReader(path), set(State))),
    "a list of others": lambda path: list(recorded(SqliteReader(path), {State.REFUSED})),
    "a settlement": lambda path: SqliteReader(path).settle("key", PersonsWord(State.APPLIED, "seen")),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
async def test_every_read_checks_the_seal(read, tmp_path):
    async with SqliteLedger(tmp_path / "l") as ledger:
        granted = await ledger.claim(INTENT, lease=60, repeatable=True)
        await ledger.end(INTENT, granted.fence, Ending(State.UNKNOWN, 1))
    altered(tmp_path / "l", "UPDATE change SET attempts = 7")
    with pytest.raises(LedgerError, match="is not what was written"):
        read(tmp_path / "l")


async def test_a_claim_that_was_changed_while_it_was_sent_is_reported_when_it_is_read(tmp_path):
    """Its end is written from what was claimed, without a read: another changed column stays."""
    async with SqliteLedger(tmp_path / "l") as ledger:
        granted = await ledger.claim(INTENT, lease=60, repeatable=True)
        altered(tmp_path / "l", "UPDATE change SET value = '99'")
        assert await ledger.end(INTENT, granted.fence, Ending(State.APPLIED, 1))
        with pytest.raises(LedgerError, match="is not what was written"):
            await ledger.claim(INTENT, lease=60, repeatable=True)
    with pytest.raises(LedgerError, match="is not what was written"):
        standing(SqliteReader(tmp_path / "l"))


ACCOUNTS = {
    "it is another's": "UPDATE book SET fingerprint = 'another'",
    "it has no owner": "UPDATE book SET provider = NULL, fingerprint = NULL",
    "it has gone": "DELETE FROM book",
    "it has no log": "UPDATE book SET logged = 1 - logged",
}


@pytest.mark.parametrize("statement", ACCOUNTS.values(), ids=ACCOUNTS)
async def test_the_account_of_a_ledger_has_a_seal_too(statement, tmp_path):
    """Else one edit would give the changes of one account to another; an open ledger reports it as well."""
    path = tmp_path / "l"
    async with SqliteLedger(path) as ledger:
        await ledger.claim(INTENT, lease=60, repeatable=True)
        altered(path, statement)
        with pytest.raises(LedgerError, match="its account is not what was written"):
            await ledger.claim(evolve(INTENT, key="other"), lease=60, repeatable=True)
    for ask in (opened, lambda path: SqliteReader(path).provider()):
        with pytest.raises(ConfigurationError, match="its account is not what was written"):
            ask(path)


def test_a_damaged_row_is_reported_before_anything_is_sent(console, sandbox):
    """One of many that are applied: the run is refused as a whole, with the row's key."""
    server = sandbox()
    console.write("changes.csv", *rows(250))
    console(*COMMAND, sandbox=server)
    altered(console.folder / "changes.csv.ledger", "UPDATE change SET value = '2' WHERE id = 123")
    console.write("changes.csv", *rows(300))
    ended = console(*COMMAND, sandbox=server)
    assert ended.code == Exit.USAGE and "is not what was written. Nothing was sent" in ended.err
    assert server.books.requests == 250


async def write(ledger: SqliteLedger, count: int, begin: int = 0) -> None:
    for number in range(begin, begin + count):
        intent = evolve(INTENT, key=f"k{number}", body=b"x" * 2000)
        granted = await ledger.claim(intent, lease=60, repeatable=True)
        await ledger.end(intent, granted.fence, Ending(State.APPLIED, 1))


@pytest.mark.slow
async def test_an_unfinished_read_does_not_make_the_log_grow(tmp_path):
    """As `export | less` that stays open: it reads some at a time, between the writes of others."""
    async with SqliteLedger(tmp_path / "l") as ledger:
        await write(ledger, 20)
        found = recorded(SqliteReader(tmp_path / "l"), set(State))
        assert next(found).key == "k0"
        sizes = []
        for part in range(1, 4):
            await write(ledger, 400, 1000 * part)
            sizes.append((tmp_path / "l-wal").stat().st_size)
        assert max(sizes) < 8 * 2**20
        assert sizes[2] <= sizes[1], "the log is begun anew once it is in the file"
        assert [one.key for one in found] == [f"k{number}" for number in range(1, 20)]


async def test_a_read_gives_the_rows_of_its_start_in_order_each_as_it_is_now(tmp_path):
    """A change sent meanwhile is not in it; one that ends meanwhile has its end."""
    async with SqliteLedger(tmp_path / "l") as ledger:
        count = TOGETHER + 10
        for number in range(count):
            await ledger.claim(evolve(INTENT, key=f"k{number:04}"), lease=60, repeatable=True)
        found = recorded(SqliteReader(tmp_path / "l"), set(State))
        first = next(found)
        await ledger.claim(evolve(INTENT, key="later"), lease=60, repeatable=True)
        last = evolve(INTENT, key=f"k{count - 1:04}")
        await ledger.end(last, 1, Ending(State.APPLIED, 1))
        others = list(found)
    assert [one.key for one in (first, *others)] == [f"k{number:04}" for number in range(count)]
    assert {one.state for one in (first, *others[:-1])} == {State.CLAIMED}
    assert others[-1].state is State.APPLIED


@pytest.mark.slow
def test_an_export_whose_reader_waits_lets_others_write(sandbox, tmp_path):
    """A real one, into a pipe that is full: the log that is written meanwhile stays small."""
    server = sandbox()
    (tmp_path / "changes.csv").write_text("\n".join(rows(3000)))
    first = process(server, tmp_path, *COMMAND, "--ledger", "l")
    assert first.communicate(timeout=120) and first.returncode == 0
    command = [sys.executable, "-m", "bonifiq_async", "export", "l", "--effect", "applied"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE) as reader:
        assert reader.stdout.readline().startswith(b"customer_id")
        (tmp_path / "more.csv").write_text("\n".join(rows(3000)).replace(",o", ",p"))
        second = process(server, tmp_path, "apply", "more.csv", "--yes", "--ledger", "l")
        assert second.communicate(timeout=120) and second.returncode == 0
        assert reader.poll() is None, "it waits for its reader"
        assert (tmp_path / "l-wal").stat().st_size < 12 * 2**20
        assert len(reader.stdout.readlines()) == 3000
    assert reader.returncode == 0
    assert standing(SqliteReader(tmp_path / "l")).counts[State.APPLIED] == 6000


async def test_a_reader_leaves_a_ledger_as_it_was(tmp_path, sandbox):
    """It writes nothing where nothing is to be said: neither file nor log changes."""
    server = sandbox()
    async with SqliteLedger(tmp_path / "l") as ledger, client_for(server, ledger=ledger) as client:
        assert (await client.outcome_of(change())).effect is Effect.APPLIED
    before = (tmp_path / "l").read_bytes(), os.stat(tmp_path / "l").st_mtime_ns
    standing(SqliteReader(tmp_path / "l"))
    list(recorded(SqliteReader(tmp_path / "l"), set(State)))
    assert ((tmp_path / "l").read_bytes(), os.stat(tmp_path / "l").st_mtime_ns) == before
    assert [path.name for path in tmp_path.iterdir()] == ["l"]
