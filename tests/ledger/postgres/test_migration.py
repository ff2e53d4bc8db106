"""The tables of a ledger in PostgreSQL: made once, in order, and compared when it is used."""

import asyncio
from collections.abc import Iterator

import pytest
from console import Console
from one_test import one_test
from postgres import SERVER, a_schema, asked, by_sql

from bonifiq_async import ConfigurationError
from bonifiq_async.ledger.postgres import connection, migration
from bonifiq_async.ledger.postgres.connection import connected
from bonifiq_async.ledger.postgres.database import Database
from bonifiq_async.ledger.postgres.migration import Migration, check_version, migrate, migrations, script
from bonifiq_async.ledger.sqlite.row import COLUMNS


@pytest.fixture
def empty() -> Iterator[Database]:
    """A schema that is not there yet."""
    with a_schema(made=False) as database:
        yield database


async def test_the_tables_are_made_once_by_several_at_a_time(empty: Database) -> None:
    """Machines that start together migrate together: one does it, the others find nothing to do."""
    names = [each.name for each in migrations()]
    done = await asyncio.gather(*(migrate(empty) for _ in range(4)))
    assert sorted(done) == [[], [], [], names]
    assert await asked(empty, "SELECT name FROM migration ORDER BY number") == [(name,) for name in names]
    async with connected(empty) as connection:
        await check_version(connection, empty)


async def test_tables_are_made_for_longer_than_a_statement_takes(
    empty: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An index of a hundred million changes does; another program that asks meanwhile waits for as long."""
    slow = Migration(1, "0001_slow", "SELECT pg_sleep(0.5);")
    monkeypatch.setattr(connection, "STATEMENT", 0.2)
    monkeypatch.setattr(migration, "migrations", lambda: [slow])
    assert sorted(await asyncio.gather(migrate(empty), migrate(empty))) == [[], [slow.name]]


async def test_a_change_has_the_columns_of_the_other_durable_ledger(empty: Database) -> None:
    """But for the seal: PostgreSQL has checksums of its own for its pages (`initdb --data-checksums`)."""
    await migrate(empty)
    found = await asked(
        empty,
        "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass('change') AND attnum > 0",
    )
    assert {name for (name,) in found} == COLUMNS.keys() - {"seal"}


async def test_an_update_of_an_end_leaves_the_indexes_alone(empty: Database) -> None:
    """PostgreSQL's heap-only tuples: no index has a column that an end writes."""
    await migrate(empty)
    found = await asked(
        empty,
        "SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid"
        " AND a.attnum = ANY (i.indkey) WHERE i.indrelid = to_regclass('change')",
    )
    written = {
        "state",
        "in_doubt",
        "fence",
        "owner",
        "lease_until",
        "last_sent",
        "attempts",
        "answer",
        "error",
    }
    assert {name for (name,) in found} & written == set()


async def test_another_version_is_one_sentence(empty: Database) -> None:
    """A ledger without tables, an older and a newer one are refused; the newer one is not migrated either."""
    async with connected(empty) as connection:
        with pytest.raises(
            ConfigurationError, match=r"has no tables yet\. Nothing was sent; .*ledger migrate"
        ):
            await check_version(connection, empty)
    await migrate(empty)
    last = migrations()[-1].number
    await asked(empty, "UPDATE migration SET number = 999 WHERE number = $1", last)
    async with connected(empty) as connection:
        with pytest.raises(ConfigurationError, match=r"has version 999, and this program knows no more than"):
            await check_version(connection, empty)
    with pytest.raises(ConfigurationError, match="has version 999"):
        await migrate(empty)
    if last > 1:
        await asked(empty, "DELETE FROM migration WHERE number = 999")
        async with connected(empty) as connection:
            with pytest.raises(
                ConfigurationError, match=f"has version {last - 1}, and this program needs {last}"
            ):
                await check_version(connection, empty)


async def test_the_schema_may_be_made_by_another_role(empty: Database) -> None:
    """Then the role that migrates needs no right to the database itself."""
    await asked(empty, f'CREATE SCHEMA "{empty.schema}"')
    assert await migrate(empty) == [each.name for each in migrations()]


def test_the_wheel_has_numbered_files() -> None:
    """Numbers follow each other from 1: a gap would be a file that was forgotten."""
    assert [each.number for each in migrations()] == list(range(1, len(migrations()) + 1))


REFUSED = {
    "a password": ("postgresql://ana:s3cret@host/db", "has a password in it"),
    "a password behind": ("postgresql://ana@host/db?password=s3cret", "has a password in it"),
    "a password of a key": ("postgresql://ana@host/db?sslpassword=s3cret", "has a password in it"),
    "an empty password": ("postgresql://ana:@host/db", "has a password in it"),
    "two schemes": ("postgresql://postgresql://ana:s3cret@host/db", "no URL that can be read"),
    "another scheme": ("mysql://host/s3cret", "dsn must be a URL"),
    "a conninfo": ("host=127.0.0.1 password=s3cret", "dsn must be a URL"),
    "no text": (None, "dsn must be a URL"),
    "a schema with a quote": ('postgresql://host/db?schema=a"b', "schema must be a name"),
    "a schema of the system": ("postgresql://host/db?schema=pg_x", "schema must be a name"),
    "an empty schema": ("postgresql://host/db?schema=", "schema must be a name"),
    "a broken host": ("postgresql://[s3cret/db", "no URL that can be read"),
}


@one_test
@pytest.mark.parametrize(("url", "why"), REFUSED.values(), ids=REFUSED)
def test_a_url_with_a_secret_or_without_sense_is_refused(url: object, why: str) -> None:
    """And no error repeats it."""
    with pytest.raises(ConfigurationError, match=why) as caught:
        Database.of(url)
    assert "s3cret" not in str(caught.value) and "Nothing was sent" in str(caught.value)


def test_a_url_names_a_schema() -> None:
    database = Database.of("postgresql://ana@host:5433/shop?sslmode=require&schema=ledger_2")
    assert (database.dsn, database.schema) == ("postgresql://ana@host:5433/shop?sslmode=require", "ledger_2")
    assert str(database) == "shop at host:5433, schema ledger_2"
    assert database.identity == Database.of("postgres://bia@host:5433/shop", "ledger_2").identity
    assert database.identity != Database.of("postgresql://ana@host:5433/shop").identity


def test_the_command_makes_the_tables(empty: Database, console: Console) -> None:
    url = f"{SERVER}?schema={empty.schema}&pgbouncer=yes"  # as the other commands have it
    made = console("ledger", "migrate", url)
    assert made.code == 0 and "made: 0001_ledger" in made.err
    assert "Nothing was missing" in console("ledger", "migrate", url).err
    assert by_sql(empty, "SELECT id, provider FROM book") == [(1, None)]


def test_the_command_prints_sql_that_makes_the_same(empty: Database, console: Console) -> None:
    """A person with the right to create tables runs it by other means; it connects to nothing."""
    url = f"postgresql://ana@127.0.0.1:1/x?schema={empty.schema}"
    printed = console("ledger", "migrate", url, "--print").out
    assert printed == script(empty.schema) and "{schema}" not in printed
    asyncio.run(_executed(empty, printed))
    assert asyncio.run(migrate(empty)) == []


async def _executed(database: Database, sql: str) -> None:
    async with connected(database) as connection, connection.transaction():
        await connection.execute(sql)


async def test_without_its_driver_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match=r"Nothing was sent; install it: .*async\[postgres\]"):
        await migrate(Database.of("postgresql://ana@127.0.0.1:1/shop"))


async def test_a_server_that_is_not_there_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bonifiq_async.ledger.postgres.connection.CONNECT", 0.1)
    nowhere = Database.of("postgresql://ana@127.0.0.1:1/shop")
    with pytest.raises(
        ConfigurationError, match=r"shop at 127\.0\.0\.1:1, schema bonifiq cannot be used: .*Nothing"
    ):
        await migrate(nowhere)
