"""A ledger whose files were damaged says so, or shows fewer changes; it never shows what was not written."""

import asyncio
import random
import re
import shutil
import sqlite3
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from attrs import frozen
from conftest import change, client_for

from bonifiq_async import (
    BonifiQClient,
    BonifiQError,
    CashbackChange,
    ConfigurationError,
    Effect,
    LedgerError,
    Outcome,
    SqliteLedger,
)
from bonifiq_async.bonifiq.customers import request_digest
from bonifiq_async.ledger.protocol import Intent, State
from bonifiq_async.ledger.reader import recorded, standing
from bonifiq_async.ledger.settling import PersonsWord
from bonifiq_async.ledger.sqlite.connection import opened
from bonifiq_async.ledger.sqlite.reader import SqliteReader
from bonifiq_async.ledger.sqlite.row import Entry, StoredCells, add, cells_of, close, every, find, put
from bonifiq_async.sandbox import FaultScript, Sandbox

CHANGES = [change(f"key-{n}", f"{n % 90 + 10}.25", f"customer-{n % 40}") for n in range(300)]
FAULTS = ["", "", "400", "", "html-after", "", "html-before", ""] * 33
SUCCESS = (Effect.APPLIED, Effect.ALREADY_APPLIED)


@frozen
class Written:
    """A ledger in the middle of a run: all that was ever put into it, and copies of its files on the way.

    In `young` all is in the log still; in `old` most has come into the file itself; in `closed` all has.
    """

    server: Sandbox
    history: dict[str, list[Entry]]
    young: Path
    old: Path
    closed: Path


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Iterator[Written]:
    """Three hundred changes: applied, refused, in doubt, and some that were claimed and never sent."""
    with Sandbox(duplicates="error-400", faults=FaultScript(FAULTS)) as server:
        yield asyncio.run(_write(server, tmp_path_factory.mktemp("written")))


async def _write(server: Sandbox, folder: Path) -> Written:
    history: defaultdict[str, list[Entry]] = defaultdict(list)

    def noted(database: sqlite3.Connection, cells: StoredCells) -> None:
        entry = find(database, cells[0], cells[1])
        history[cells[1]].append(entry)

    def remembering(write: Callable[..., object]) -> Callable[..., object]:
        def remember(database: sqlite3.Connection, what: StoredCells | Entry, *more: object) -> object:
            done = write(database, what, *more)
            noted(database, cells_of(what) if isinstance(what, Entry) else what)
            return done

        return remember

    path = folder / "ledger"
    with pytest.MonkeyPatch.context() as patch:
        for write in (add, put, close):
            patch.setattr(f"bonifiq_async.ledger.sqlite.store.{write.__name__}", remembering(write))
        async with SqliteLedger(path) as ledger, client_for(server, ledger=ledger) as client:
            for begin in range(0, len(CHANGES), 10):
                *sent, unsent = CHANGES[begin : begin + 10]
                await asyncio.gather(*(client.outcome_of(one) for one in sent))
                await ledger.claim(_intent(client, unsent), lease=0, repeatable=True)
                if begin == 100:
                    young = _copy(path, folder / "young")
                if begin == 260:
                    with closing(sqlite3.connect(path)) as other:
                        assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
            old = _copy(path, folder / "old")
    return Written(server, history, young, old, _copy(path, folder / "closed"))


def _intent(client: BonifiQClient, one: CashbackChange) -> Intent:
    request = client.customers.prepared(one)
    name = "bonifiq.customer.change_cashback"
    return Intent(
        name,
        one.change_key,
        request_digest(one),
        one.customer_id,
        one.value,
        request.path,
        request.body,
        client.account,
    )


def _copy(path: Path, folder: Path) -> Path:
    folder.mkdir()
    for file in (path, path.with_name("ledger-wal")):  # opening it makes the log's index (-shm) anew
        if file.exists():
            shutil.copy(file, folder)
    return folder


def cut(content: bytes, chance: random.Random) -> bytes:
    """Cut the end off, as a copy that broke off, or a file system that lost it."""
    return content[: chance.randrange(len(content))]


def flip(content: bytes, chance: random.Random) -> bytes:
    """Change up to eight bytes anywhere, as a failing disk does."""
    turned = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 8))):
        turned[chance.randrange(len(turned))] ^= chance.randrange(1, 256)
    return bytes(turned)


def flip_early(content: bytes, chance: random.Random) -> bytes:
    """Change bytes where the tables are described."""
    return flip(content[:4096], chance) + content[4096:]


def places_of(wanted: bytes, content: bytes) -> list[int]:
    """Return the offset of a text."""
    return [found.start() for found in re.finditer(re.escape(wanted), content)]


def entries(path: Path) -> list[Entry]:
    """Return all that a ledger holds, in its order."""
    with closing(opened(path)) as database:
        return list(every(database))


def look_at(path: Path, before: list[Entry], history: dict[str, list[Entry]]) -> str:
    """Read all that a damaged ledger shows, hold it against what was written, and name what is seen."""
    told = {(one.key, one.row.customer_id, one.body, one.error) for each in history.values() for one in each}
    shown, refusals = 0, []
    try:
        for one in recorded(SqliteReader(path), set(State)):
            assert (one.key, one.customer_id, one.body, one.error) in told
            shown += 1
    except BonifiQError as error:
        refusals.append(str(error))
    try:
        assert sum(standing(SqliteReader(path)).counts.values()) == shown
    except BonifiQError as error:
        refusals.append(str(error))
    if refusals:
        assert len(refusals) == 2
        for said in refusals:
            assert said.isprintable() and str(path) in said and "Free disk space" not in said, said
        return "refused"
    found = entries(path)
    assert all(entry in history[entry.key] for entry in found)
    return "the same" if found == before else "less"


DAMAGES = {
    "the file is cut": (cut, "closed", "ledger", 50, "refused"),
    "the file is cut, and some is in the log": (cut, "old", "ledger", 50, "refused"),
    "the file is cut, and all changes are in the log": (cut, "young", "ledger", 50, "refused"),
    "the log is cut": (cut, "old", "ledger-wal", 50, "less"),
    "the log is cut, and all is in it": (cut, "young", "ledger-wal", 50, "less"),
    "bytes of the file are changed": (flip, "closed", "ledger", 50, "refused"),
    "bytes of its first page are changed": (flip_early, "closed", "ledger", 50, "refused"),
    "bytes of the file are changed, and some is in the log": (flip, "old", "ledger", 50, "refused"),
    "bytes of the log are changed": (flip, "old", "ledger-wal", 25, "less"),
    "bytes of the log are changed, and all is in it": (flip, "young", "ledger-wal", 25, "less"),
}


@pytest.mark.slow
@pytest.mark.parametrize(("damage", "state", "file", "times", "seen"), DAMAGES.values(), ids=DAMAGES)
def test_what_a_damaged_ledger_still_says_was_written(damage, state, file, times, seen, written, tmp_path):
    """It is refused in one sentence, or lacks the latest rows; each row that it shows was written once."""
    chance, found = random.Random(f"{damage.__name__} {state} {file}"), Counter[str]()
    original = getattr(written, state)
    before = entries(_copy(original / "ledger", tmp_path / "whole") / "ledger")
    for number in range(times):
        folder = _copy(original / "ledger", tmp_path / str(number))
        (folder / file).write_bytes(damage((original / file).read_bytes(), chance))
        found[look_at(folder / "ledger", before, written.history)] += 1
        shutil.rmtree(folder)
    assert seen in found and set(found) <= {seen, "the same"}, found


def test_a_cut_log_shows_older_rows_and_fewer(written, tmp_path):
    """The shorter the log, the less is known, down to what the file has; without a log, it is refused."""
    folder = _copy(written.old / "ledger", tmp_path / "cut")
    log = (folder / "ledger-wal").read_bytes()
    known = []
    for share in (100, 75, 50, 25, 1):
        shutil.copy(written.old / "ledger", folder)
        (folder / "ledger-wal").write_bytes(log[: len(log) * share // 100])
        known.append(len(entries(folder / "ledger")))
    assert known[0] == len(CHANGES) and known[-1] == 270 and known == sorted(known, reverse=True)
    shutil.copy(written.old / "ledger", folder)
    (folder / "ledger-wal").write_bytes(b"")
    with pytest.raises(ConfigurationError, match="its log ledger-wal was last seen, and the log is missing"):
        entries(folder / "ledger")


def _when_leases_are_over() -> float:
    return time.monotonic() + 3600


@pytest.mark.slow
@pytest.mark.parametrize("state", ["young", "old"])
@pytest.mark.parametrize(("damage", "file"), [(cut, "ledger-wal"), (flip, "ledger-wal"), (flip, "ledger")])
async def test_a_run_on_a_damaged_ledger_applies_nothing_twice(damage, file, state, written, tmp_path):
    """A lost row is sent under its old key, which the provider knows; a damaged one is not sent."""
    chance, books = random.Random(f"{damage.__name__} {state} {file}"), written.server.books
    for number in range(3):
        folder = _copy(getattr(written, state) / "ledger", tmp_path / str(number))
        (folder / file).write_bytes(damage((folder / file).read_bytes(), chance))
        try:
            async with (
                SqliteLedger(folder / "ledger", monotonic=_when_leases_are_over) as ledger,
                client_for(written.server, ledger=ledger) as client,
            ):
                ends = await asyncio.gather(*map(client.outcome_of, CHANGES), return_exceptions=True)
            assert {type(end) for end in ends} <= {Outcome, LedgerError}
        except ConfigurationError:
            ends = []
        told = {end.change.change_key for end in ends if isinstance(end, Outcome) and end.effect in SUCCESS}
        assert all(len(books.effects(key)) == 1 for key in told)
        assert all(len(books.effects(one.change_key)) <= 1 for one in CHANGES)
        assert len(told) == len(CHANGES) or file == "ledger"


@pytest.fixture
async def damaged(tmp_path) -> AsyncIterator[tuple[Sandbox, Path]]:
    """A ledger of two changes in doubt, in whose file the amount of one has become another."""
    path = tmp_path / "ledger"
    with Sandbox(faults=FaultScript(["html-before"] * 2)) as server:
        async with SqliteLedger(path) as ledger, client_for(server, ledger=ledger) as client:
            for one in (change("good", "10.25"), change("bad", "70.25")):
                await client.outcome_of(one)
        content = path.read_bytes()
        at = content.index(b"ANA70.25") + len(b"ANA")
        path.write_bytes(content[:at] + b"9" + content[at + 1 :])
        yield server, path


async def test_a_damaged_amount_is_neither_shown_nor_sent(damaged):
    """The other change goes on; this one stops before the send, and stays in doubt for later calls."""
    server, path = damaged
    for ask in (standing, lambda ledger: list(ledger.changes())):
        with pytest.raises(LedgerError, match="under the key 'bad' is not what was written"):
            ask(SqliteReader(path))
    with pytest.raises(LedgerError, match="is damaged"):
        SqliteReader(path).settle("bad", PersonsWord(State.NOT_APPLIED, "a guess"))
    async with SqliteLedger(path) as ledger, client_for(server, ledger=ledger) as client:
        assert (await client.outcome_of(change("good", "10.25"))).effect is Effect.APPLIED
        with pytest.raises(
            LedgerError, match=r"'bad' is not what was written.*an earlier copy or a new ledger"
        ):
            await client.outcome_of(change("bad", "70.25"))
        assert client.in_doubt() == ("bad",)
    assert server.books.effects("bad") == ()


def test_changes_that_vanish_from_a_page_are_noticed(written, tmp_path):
    """One byte, the count of a page, hides a change or a hundred; all that is left is as it was written."""
    content, path, pages = (written.closed / "ledger").read_bytes(), tmp_path / "ledger", 0
    for start in range(4096, len(content), 4096):
        kind, count = content[start], int.from_bytes(content[start + 3 : start + 5])
        if kind in (2, 5, 10, 13) and count > 0:  # a page of a table or an index (SQLite's file format, 1.6)
            fewer = (count - 1).to_bytes(2)
            path.write_bytes(content[: start + 3] + fewer + content[start + 5 :])
            with pytest.raises(ConfigurationError, match="its pages do not fit together"):
                opened(path)
            pages += 1
    assert pages > 20


def test_a_key_that_is_spoilt_in_the_index_alone_is_noticed(written, tmp_path):
    """A change is found by the index: it would count as never seen, and be sent again."""
    content, path, spoilt = (written.closed / "ledger").read_bytes(), tmp_path / "ledger", 0
    for number in range(0, len(CHANGES), 25):
        key = f"key-{number}".encode()
        for at in places_of(key + b"bonifiq.customer.change_cashback", content):
            path.write_bytes(content[:at] + b"K" + content[at + 1 :])
            with pytest.raises(ConfigurationError, match="its pages do not fit together"):
                opened(path)
            spoilt += 1
    assert spoilt >= len(CHANGES) / 25


async def test_pages_spoilt_under_an_open_ledger_are_reported_as_damage(damaged):
    """Not as a full disk; and no job of that commit counts as written."""
    server, path = damaged
    async with SqliteLedger(path) as ledger, client_for(server, ledger=ledger) as client:
        await client.outcome_of(change("good", "10.25"))
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("UPDATE change SET fence = fence + 1")  # its cache is stale
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        content = path.read_bytes()
        path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
        ends = await asyncio.gather(
            *(client.outcome_of(change(f"new-{n}")) for n in range(3)), return_exceptions=True
        )
        assert all(isinstance(end, LedgerError) and "is damaged: database disk" in str(end) for end in ends)
    assert server.books.requests == 3


def test_an_emptied_file_is_refused_while_its_log_is_there(written, tmp_path):
    """SQLite would treat it as a new one, and delete the log."""
    folder = _copy(written.young / "ledger", tmp_path / "emptied")
    for empty in (lambda: (folder / "ledger").write_bytes(b""), (folder / "ledger").unlink):
        empty()
        with pytest.raises(ConfigurationError, match="empty, but its log ledger-wal is not"):
            opened(folder / "ledger")
    assert (folder / "ledger-wal").read_bytes() == (written.young / "ledger-wal").read_bytes()
    (folder / "ledger-wal").unlink()
    assert entries(folder / "ledger") == []


def test_tables_that_are_not_those_of_the_format_are_refused(tmp_path):
    """A column of another type would change amounts as they are written."""
    opened(tmp_path / "ledger").close()
    content = (tmp_path / "ledger").read_bytes()
    (tmp_path / "ledger").write_bytes(content.replace(b"value TEXT", b"value REAL"))
    with pytest.raises(ConfigurationError, match="its tables are not those of format 3"):
        opened(tmp_path / "ledger")
