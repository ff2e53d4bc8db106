"""What is asked of a ledger in PostgreSQL afterwards, against a ledger in a file that has the same."""

import asyncio
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from decimal import Decimal
from itertools import count
from pathlib import Path

import asyncpg
import pytest
from attrs import evolve
from mirrored import mirror
from on_this_machine import skip_without
from postgres import SERVER, a_schema, by_sql
from postgres_cluster import PGBOUNCER, a_cluster, behind_pgbouncer, installed
from recorded import NOON

from bonifiq_async import ConfigurationError, SqliteLedger
from bonifiq_async.cli.examination.look_alikes import plain
from bonifiq_async.ledger.comparison import OTHER
from bonifiq_async.ledger.postgres.database import Database
from bonifiq_async.ledger.postgres.migration import migrate
from bonifiq_async.ledger.postgres.reading.reader import PostgresReader
from bonifiq_async.ledger.postgres.reading.session import Session
from bonifiq_async.ledger.protocol import Ending, Granted, Intent, State
from bonifiq_async.ledger.reader import LedgerReader, standing
from bonifiq_async.ledger.recorded import ChangeFilter, Recorded
from bonifiq_async.ledger.runs import RunOrigin, RunState
from bonifiq_async.ledger.settling import PersonsWord
from bonifiq_async.ledger.sqlite.reader import SqliteReader

ACCOUNT = ("p", "a")
INTENT = Intent("p.earn", "key", b"digest", "ana", Decimal("10.50"), "/path", b'{"Reason": "r"}', ACCOUNT)
MARCH = RunOrigin("apply", "ana", "shop", "/files/march.csv", "12ab")
ENDINGS = [state for state in State if state is not State.CLAIMED]


async def _fill(path: Path) -> None:
    """Leave a change of each state, the first ones in a run; what is claimed stays so."""
    ticks = count(NOON, 0.25)  # whole microseconds, which is what a database keeps
    async with SqliteLedger(path, clock=lambda: next(ticks)) as ledger:
        await ledger.bind(*ACCOUNT)
        await ledger.begin_run(MARCH)
        for number, state in enumerate(ENDINGS):
            if number == len(ENDINGS) // 2:
                await ledger.end_run({"applied": number})
            intent = evolve(INTENT, key=state.value, customer_id=f"c{number % 2}", line=number + 2)
            granted = await ledger.claim(intent, lease=60, repeatable=True)
            assert isinstance(granted, Granted)
            answer = "status=200 message=Sent%20%C3%A9" if number % 2 else None
            assert await ledger.end(
                intent, granted.fence, Ending(state, number, answer, "why" * (number % 3))
            )
        await ledger.claim(evolve(INTENT, key="claimed"), lease=600, repeatable=True)


@pytest.fixture
def both(tmp_path: Path) -> Iterator[tuple[SqliteReader, PostgresReader]]:
    """The same in a file and in a database."""
    asyncio.run(_fill(tmp_path / "l"))
    with a_schema() as database:
        mirror(tmp_path / "l", database)
        yield SqliteReader(tmp_path / "l"), reader_of(database)


def reader_of(database: Database) -> PostgresReader:
    return PostgresReader.at(f"{SERVER}?schema={database.schema}")


def silenced(database: Database) -> None:
    """Let the owners of a ledger be silent for longer than is waited for them."""
    by_sql(database, "UPDATE owner SET beat = clock_timestamp() - interval '21 seconds'")


FILTERS = {
    "all": ChangeFilter(),
    "states": ChangeFilter({State.UNKNOWN, State.APPLIED}),
    "a customer": ChangeFilter(customer_id="c1"),
    "a key": ChangeFilter(key="refused"),
    "a run": ChangeFilter(run=1),
    "no run": ChangeFilter(run=7),
    "none": ChangeFilter(frozenset()),
}


@pytest.mark.parametrize("wanted", FILTERS.values(), ids=FILTERS)
def test_the_same_changes_are_read(both: tuple[SqliteReader, PostgresReader], wanted: ChangeFilter) -> None:
    """To the last digit and microsecond, in the same order."""
    file, database = both
    assert list(database.changes(wanted)) == list(file.changes(wanted))


def test_a_period_begins_with_its_first_moment_and_ends_before_its_last(
    both: tuple[SqliteReader, PostgresReader],
) -> None:
    times = [change.last_sent for change in both[0].changes()]
    for wanted in (ChangeFilter(since=times[3]), ChangeFilter(until=times[3])):
        found, expected = ([each.key for each in reader.changes(wanted)] for reader in both)
        assert found == expected and 0 < len(found) < len(times)


def test_a_ledger_comes_to_the_same_sums_and_runs(both: tuple[SqliteReader, PostgresReader]) -> None:
    file, database = both
    assert standing(database) == standing(file)
    assert database.runs() == file.runs() and [run.state for run in file.runs()] == [RunState.ENDED]
    assert (database.provider(), database.exists(), database.file, database.others()) == ("p", True, None, ())


def state_of(reader: LedgerReader, key: str) -> State:
    [change] = reader.changes(ChangeFilter(key=key))
    return change.state


def test_a_claim_holds_while_its_owner_beats_and_its_lease_lasts(
    both: tuple[SqliteReader, PostgresReader],
) -> None:
    """By the clock of the database alone; so does the run of the owner."""
    reader = both[1]
    by_sql(reader.database, "UPDATE run SET ended = NULL, owner = (SELECT name FROM owner)")
    assert (state_of(reader, "claimed"), reader.runs()[0].state) == (State.CLAIMED, RunState.UNDER_WAY)
    silenced(reader.database)
    assert (state_of(reader, "claimed"), reader.runs()[0].state) == (State.IN_DOUBT, RunState.NOT_ENDED)
    by_sql(reader.database, "UPDATE owner SET beat = clock_timestamp()")
    by_sql(reader.database, "UPDATE change SET lease_until = clock_timestamp() WHERE key = 'claimed'")
    assert state_of(reader, "claimed") is State.IN_DOUBT
    with pytest.raises(ConfigurationError, match="may still be under way"):
        reader.settle("claimed", PersonsWord(State.APPLIED, "seen"))
    silenced(reader.database)
    assert (state_of(reader, "claimed"), reader.runs()[0].state) == (State.IN_DOUBT, RunState.NOT_ENDED)
    reader.settle("claimed", PersonsWord(State.APPLIED, "seen"))
    by_sql(reader.database, "DELETE FROM owner")
    assert (state_of(reader, "claimed"), reader.runs()[0].state) == (State.APPLIED, RunState.NOT_ENDED)


@pytest.mark.slow
def test_a_claim_is_as_it_stood_when_the_reading_began(
    both: tuple[SqliteReader, PostgresReader], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long table is read for longer than an owner may be silent: its beats go on meanwhile, unseen."""
    reader = both[1]
    monkeypatch.setattr("bonifiq_async.ledger.postgres.reading.session.TOGETHER", 1)
    by_sql(reader.database, "UPDATE owner SET beat = clock_timestamp() - interval '15 seconds'")
    found = reader.changes()
    next(found)
    by_sql(reader.database, "SELECT pg_sleep(6)")
    assert [change.state for change in found][-1] is State.CLAIMED


WORDS = [
    PersonsWord(State.APPLIED, "seen\x1b[31m"),
    PersonsWord(State.NOT_APPLIED, "no movement", RunOrigin("settle", "bia", "office")),
]


@pytest.mark.parametrize("word", WORDS, ids=lambda word: word.state.value)
def test_a_word_is_taken_or_refused_alike(
    both: tuple[SqliteReader, PostgresReader], word: PersonsWord
) -> None:
    ends = [[_settled(reader, state, word) for state in ENDINGS] for reader in both]
    assert ends[0] == ends[1]


def _settled(reader: LedgerReader, state: State, word: PersonsWord) -> object:
    """Return what a word makes of a change, and its runs; or why it is not taken."""
    try:
        reader.settle(state.value, word)
    except ConfigurationError as error:
        return str(error).replace(str(reader), "LEDGER")
    [change] = reader.changes(ChangeFilter(key=state.value))
    assert change.last_sent >= change.first_sent
    return evolve(change, last_sent=0.0), [
        (run.id, run.origin, run.state, run.counts) for run in reader.runs()
    ]


def test_a_key_of_two_operations_asks_for_one(both: tuple[SqliteReader, PostgresReader]) -> None:
    reader = both[1]
    by_sql(
        reader.database,
        "UPDATE change SET key = 'k', operation = 'p.' || state WHERE state IN ('unknown', 'in doubt')",
    )
    with pytest.raises(ConfigurationError, match=r"2 changes are in doubt .* --operation"):
        reader.settle("k", PersonsWord(State.APPLIED, "seen"))
    reader.settle("k", PersonsWord(State.APPLIED, "seen"), "unknown")
    assert {change.operation: change.state for change in reader.changes(ChangeFilter(key="k"))} == {
        "p.unknown": State.APPLIED,
        "p.in doubt": State.IN_DOUBT,
    }


def test_a_ledger_may_be_said_to_be_of_the_same_account(both: tuple[SqliteReader, PostgresReader]) -> None:
    """Never of another provider's, whose changes would not be understood."""
    reader, held = both[1], "SELECT provider, fingerprint FROM book"
    for reading in both:
        reading.rebind(("p", "a=renewed"))
        with pytest.raises(ConfigurationError, match="is of another account"):
            reading.rebind(("q", "a"))
    assert by_sql(reader.database, held) == [("p", "a=renewed")]
    by_sql(reader.database, "DELETE FROM change")
    reader.rebind(("q", "a"))
    assert by_sql(reader.database, held) == [("q", "a")]


# --- beside a file of changes ---

ROWS = [
    ("applied", b"digest"),
    ("used elsewhere", b"digest"),
    ("already applied", b"other"),
    ("refused", b"x"),
]
ROWS += [("unknown", b"digest"), ("in doubt", b"other"), ("new", b"digest")]


@pytest.fixture
def tables() -> Iterator[sqlite3.Connection]:
    """The tables of a file's rows, as `examine` makes them."""
    with closing(sqlite3.connect("", isolation_level=None, uri=True)) as database:
        database.execute("CREATE TABLE seen (line INTEGER PRIMARY KEY, key TEXT, digest BLOB)")
        database.executemany("INSERT INTO seen (key, digest) VALUES (?, ?)", ROWS)
        database.execute("CREATE INDEX by_key ON seen (key, digest)")
        database.execute("CREATE TABLE likely (likeness TEXT, line INTEGER, key TEXT, customer TEXT)")
        database.execute("INSERT INTO likely SELECT 'c' || line % 2, line, key, 'c' || line % 2 FROM seen")
        database.execute("CREATE INDEX by_likeness ON likely (likeness, line, key)")
        yield database


def _compared(reader: LedgerReader, tables: sqlite3.Connection) -> object:
    """Return all that is asked of what is applied."""

    def likeness(key: str, customer: str, value: str, body: bytes) -> str:
        assert (value, body) == ("10.50", INTENT.body)
        return customer

    def sure(change: Recorded) -> Recorded:
        return evolve(change, state=State.APPLIED)

    with reader.beside(tables) as applied:
        operations = [INTENT.operation, "p.other"]
        return (
            applied.provider,
            sorted(row for some in applied.among("seen", ("line", "key"), operations) for row in some),
            [row for some in applied.among("seen", ("line",), ["p.other"]) for row in some],
            {key: list(applied.under([key], operations)) for key, _ in ROWS},
            sorted(each.key for each in applied.under([key for key, _ in ROWS], operations)),
            sorted((line, change.key) for some in applied.alike("likely", likeness) for change, line in some),
            sorted(
                change.key for some in applied.alike("likely", likeness, MARCH.digest) for change, _ in some
            ),
            sorted(key for some in applied.left_behind("seen", MARCH.file) for key in some),
            [*applied.left_behind("seen", "/files/april.csv")],
        )


def test_the_rows_of_a_file_are_known_alike(
    both: tuple[SqliteReader, PostgresReader], tables: sqlite3.Connection
) -> None:
    found = [_compared(reader.of(ACCOUNT), tables) for reader in both]
    assert found[0] == found[1]
    among = {key: kind for _, key, kind in found[1][1]}  # type: ignore[index]
    assert among == {"applied": 0, "used elsewhere": 1, "already applied": OTHER, "in doubt": OTHER}


IDS = [
    "Ana@x.com",
    "ana@x.com",
    "ANA@X.COM",
    "a\u200bna@x.com",
    "\uff21na@x.com",
    "ana@x.comx",
    "iI",
    "\u0130i",
    "II",
]
IDS += [
    "\u0131i",
    "\u212a1",
    "k1",
    "K1",
    "\u017f",
    "s",
    "7",
    "007",
    "\uff17",
    "\u096d",
    "0",
    "000",
    "07a",
    "7a",
    "7\n",
]


@pytest.mark.parametrize("most", [100, 1], ids=["by customer", "all"])
def test_every_id_that_may_be_a_customer_of_the_file_is_found(
    both: tuple[SqliteReader, PostgresReader],
    tables: sqlite3.Connection,
    most: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Though the database gives no other ones in ASCII: as many would be read for one as for a million."""
    monkeypatch.setattr("bonifiq_async.ledger.postgres.reading.comparison.CUSTOMERS", most)
    reader = both[1]
    by_sql(
        reader.database,
        "INSERT INTO change SELECT fence, lease_until, first_sent, last_sent, run, last_run, line, attempts,"
        " in_doubt, id, operation, state, owner, digest, id, value, path, body, answer, error"
        " FROM change, unnest($1::text[]) AS id WHERE key = 'applied'",
        IDS,
    )
    given = []

    def likeness(key: str, customer: str, value: str, body: bytes) -> str:
        given.append(customer)
        return plain(customer)

    for wanted in map(plain, IDS):
        tables.execute("DELETE FROM likely")
        tables.execute("INSERT INTO likely VALUES (?, 1, 'new', ?)", (wanted, wanted))
        given.clear()
        with reader.beside(tables) as applied:
            found = {change.customer_id for some in applied.alike("likely", likeness) for change, _ in some}
        assert found == {each for each in IDS if plain(each) == wanted}
        others = [each for each in given if each.isascii() and plain(each) != wanted]
        assert bool(others) == (most == 1)


def test_more_keys_than_are_asked_for_at_once_are_all_found(
    both: tuple[SqliteReader, PostgresReader], tables: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = _compared(both[0], tables)
    monkeypatch.setattr("bonifiq_async.ledger.postgres.reading.comparison.KEYS", 2)
    monkeypatch.setattr("bonifiq_async.ledger.postgres.reading.session.TOGETHER", 2)
    assert _compared(both[1], tables) == expected


def test_a_ledger_of_another_account_is_not_compared(
    both: tuple[SqliteReader, PostgresReader], tables: sqlite3.Connection
) -> None:
    """As long as anything has changed under its own."""
    for reader in both:
        with (
            pytest.raises(ConfigurationError, match="is of another account"),
            reader.of(("p", "b")).beside(tables),
        ):
            pass
    by_sql(both[1].database, "DELETE FROM change WHERE state NOT IN ('refused', 'not applied')")
    with both[1].of(("p", "b")).beside(tables) as applied:
        assert applied.provider == "p"


# --- what goes wrong ---


def test_a_ledger_without_tables_says_how_they_are_made() -> None:
    with a_schema(made=False) as database:
        for ask in (lambda reader: list(reader.changes()), lambda reader: reader.runs()):
            with pytest.raises(ConfigurationError, match=r"no tables yet.*bonifiq ledger migrate URL"):
                ask(reader_of(database))


def test_a_database_that_does_not_answer_is_named_without_its_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bonifiq_async.ledger.postgres.connection.CONNECT", 0.1)
    reader = PostgresReader.at("postgresql://ana@127.0.0.1:9/shop")
    with pytest.raises(
        ConfigurationError, match=r"ledger shop at 127.0.0.1:9, schema bonifiq cannot be used"
    ) as caught:
        reader.provider()
    assert "ana" not in str(caught.value)


def test_an_error_of_the_caller_stays_what_it_is(both: tuple[SqliteReader, PostgresReader]) -> None:
    """Only what the database says is an error of the ledger."""
    found = both[1].changes()
    next(found)
    with pytest.raises(KeyError):
        found.throw(KeyError("a fault"))
    assert len(list(both[1].changes())) == len(State)


def test_questions_share_a_connection_unless_one_is_being_answered(
    both: tuple[SqliteReader, PostgresReader], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, connect = [], asyncpg.connect
    monkeypatch.setattr(asyncpg, "connect", lambda *args, **named: made.append(1) or connect(*args, **named))
    with both[1].connected() as asked:
        assert asked.provider() == ACCOUNT[0] and len(asked.of(ACCOUNT).runs()) == len(made) == 1
        found = asked.changes()
        next(found)
        assert asked.provider() == ACCOUNT[0] and len(made) == 2
        found.close()
        late = asked.changes()
        next(late)
        assert len(made) == 2
    late.close()  # it is dropped after its connection is closed
    assert asked.provider() == ACCOUNT[0] and len(made) == 3


@pytest.mark.slow
def test_what_a_file_has_left_behind_is_read_without_the_rest(
    both: tuple[SqliteReader, PostgresReader], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the runs that were of the file, of whose changes the database knows where they lie."""
    reader, questions = both[1], []
    by_sql(
        reader.database,
        "INSERT INTO change SELECT fence, lease_until, first_sent, last_sent, 7 + number / 1000, last_run,"
        " line, attempts, in_doubt, key || number, operation, state, owner, digest, customer_id, value, path,"
        " body, answer, error FROM change, generate_series(1, 20000) AS number WHERE key = 'applied'",
    )
    for statement in ("VACUUM change", "ANALYZE change"):
        by_sql(reader.database, statement)
    each = Session.each
    monkeypatch.setattr(Session, "each", lambda *args: questions.append(args[1:]) or each(*args))
    with closing(sqlite3.connect("", isolation_level=None, uri=True)) as database:
        database.execute("CREATE TABLE seen (key, digest)")
        database.execute("CREATE INDEX by_key ON seen (key, digest)")
        with reader.beside(database) as applied:
            assert list(applied.left_behind("seen", MARCH.file))
    [(statement, *values)] = questions
    asked = statement.replace("{schema}.", "")
    plan = by_sql(reader.database, f"EXPLAIN {asked}", *values)
    assert any("on change_run" in line for (line,) in plan)


def test_a_ledger_is_read_while_a_loop_runs(both: tuple[SqliteReader, PostgresReader]) -> None:
    """The command line asks what was applied before, in the middle of a run."""

    async def ask() -> int:
        return len(list(both[1].changes()))

    assert asyncio.run(ask()) == len(State)


@pytest.mark.slow
def test_a_ledger_is_read_and_settled_through_pgbouncer() -> None:
    """Few connections of the server for many readers: no cursor or statement of one is met by another."""
    skip_without(installed() and Path(PGBOUNCER).exists(), "PostgreSQL and PgBouncer are not installed here")
    with a_cluster() as cluster, behind_pgbouncer(cluster) as url:
        database = Database.of(cluster.url)
        asyncio.run(migrate(database))
        by_sql(
            database,
            "INSERT INTO change (fence, lease_until, first_sent, last_sent, in_doubt, key, operation, state,"
            " owner, digest, customer_id, value, path, body) SELECT 1, now(), now(), now(), true, n::text,"
            " 'p.earn', 'in doubt', 'o', 'd', 'c', 1, '/p', '{}' FROM generate_series(1, 1500) AS n",
        )

        def read_and_settle(key: int) -> int:
            reader = PostgresReader.at(f"{url}?pgbouncer=yes")
            reader.settle(str(key), PersonsWord(State.APPLIED, "seen"))
            return len(list(reader.changes())) + len(reader.runs()) + len(reader.shards())

        with ThreadPoolExecutor(8) as threads:
            assert set(threads.map(read_and_settle, range(1, 41))) == {1500}
        assert by_sql(database, "SELECT count(*) FROM change WHERE state = 'applied'") == [(40,)]
