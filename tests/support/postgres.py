"""A PostgreSQL server for tests: each test has a schema of its own, made by the migrations and dropped."""

import asyncio
import contextlib
import itertools
import os
import re
import socket
from collections.abc import Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar
from urllib.parse import urlsplit

from attrs import evolve
from on_this_machine import skip_without

from bonifiq_async.ledger.postgres.connection import connect
from bonifiq_async.ledger.postgres.database import Database
from bonifiq_async.ledger.postgres.migration import migrate

SERVER = os.environ.get("BONIFIQ_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/test")
BEGINS = 2_208_988_800.0
"""When the clock of `with_a_clock` begins: in 2040."""
_numbers = itertools.count()
T = TypeVar("T")


def reachable(url: str = SERVER) -> bool:
    """Say whether a server listens there."""
    place = urlsplit(url)
    try:
        socket.create_connection((place.hostname or "127.0.0.1", place.port or 5432), 2).close()
    except OSError:
        return False
    return True


def needs_postgres() -> None:
    """Skip the running test where there is no server."""
    skip_without(reachable(), f"no PostgreSQL answers at {SERVER} (.ci/services starts one)")


async def asked(database: Database, statement: str, *values: object) -> Sequence[tuple[object, ...]]:
    """Execute a statement on a connection of its own, with the ledger's schema first in the search path."""
    connection = await connect(database)
    try:
        await connection.execute(f'SET search_path = "{database.schema}"')
        return [tuple(row) for row in await connection.fetch(statement, *values)]
    finally:
        await connection.close()


def by_sql(database: Database, statement: str, *values: object) -> Sequence[tuple[object, ...]]:
    """Do the same where no loop runs."""
    return asyncio.run(asked(database, statement, *values))


def workers(database: Database) -> dict[object, int]:
    """Return the process numbers of the workers that are at work, by shard."""
    found = by_sql(database, "SELECT number, owner FROM shard WHERE owner IS NOT NULL AND done IS NULL")
    return {number: int(re.findall(r"\d+", str(owner))[0]) for number, owner in found}


@contextlib.contextmanager
def a_schema(url: str = SERVER, *, made: bool = True) -> Iterator[Database]:
    """Give a schema that no other test has, with the ledger's tables where it is to be `made`."""
    needs_postgres()
    database = Database.of(url, f"test_{os.getpid()}_{next(_numbers)}")

    async def drop() -> None:
        await asked(database, f'DROP SCHEMA IF EXISTS "{database.schema}" CASCADE')

    async def begin() -> None:
        await drop()
        if made:
            await migrate(database)

    aside(begin())
    try:
        yield database
    finally:
        aside(drop())


def aside(work: Coroutine[object, object, T]) -> T:
    """Run it in a thread of its own, and wait for it: the loop of a test may be running here."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


def with_a_clock(database: Database) -> Database:
    """Let the ledger of a schema read a clock of its own, in its table `moment`, and not the server's.

    What is called without its schema is looked for along the search path, which the URL sets.
    """
    aside(
        _executed(
            database,
            f"""CREATE TABLE "{database.schema}".moment AS SELECT 0.0::float8 AS at;
            CREATE FUNCTION "{database.schema}".clock_timestamp() RETURNS timestamptz LANGUAGE sql
            RETURN to_timestamp({BEGINS}) + (SELECT at FROM "{database.schema}".moment)
            * interval '1 second';
            CREATE FUNCTION "{database.schema}".now() RETURNS timestamptz LANGUAGE sql
            RETURN "{database.schema}".clock_timestamp()""",
        )
    )
    return evolve(database, dsn=f"{database.dsn}?search_path={database.schema},pg_catalog")


def with_a_start(database: Database) -> Database:
    """Let the ledger of a schema read when its server was started in its table `started`: long ago, at first.

    See `with_a_clock`.
    """
    aside(
        _executed(
            database,
            f"""CREATE TABLE "{database.schema}".started AS SELECT '-infinity'::timestamptz AS at;
            CREATE FUNCTION "{database.schema}".pg_postmaster_start_time() RETURNS timestamptz LANGUAGE sql
            RETURN (SELECT at FROM "{database.schema}".started)""",
        )
    )
    return evolve(database, dsn=f"{database.dsn}?search_path={database.schema},pg_catalog")


def with_slow_locks(database: Database) -> Database:
    """Let a ledger of a schema take two milliseconds for each row that it inserts and each lock of a key.

    Transactions that take the same ones at the same time then overlap. See `with_a_clock`.
    """
    aside(
        _executed(
            database,
            f"""CREATE FUNCTION "{database.schema}".hashtextextended(text, bigint) RETURNS bigint
            LANGUAGE plpgsql AS $$ BEGIN
                PERFORM pg_sleep(0.002);
                RETURN pg_catalog.hashtextextended($1, $2);
            END $$;
            CREATE FUNCTION "{database.schema}".late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                PERFORM pg_sleep(0.002);
                RETURN NEW;
            END $$;
            CREATE TRIGGER late BEFORE INSERT ON "{database.schema}".change
            FOR EACH ROW EXECUTE FUNCTION "{database.schema}".late()""",
        )
    )
    return evolve(database, dsn=f"{database.dsn}?search_path={database.schema},pg_catalog")


async def _executed(database: Database, statements: str) -> None:
    connection = await connect(database)
    try:
        await connection.execute(statements)
    finally:
        await connection.close()


async def set_clock(database: Database, seconds: float) -> None:
    """Set the clock of `with_a_clock`."""
    await asked(database, "UPDATE moment SET at = $1", seconds)
