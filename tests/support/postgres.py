"""A PostgreSQL server for tests: each test has a schema of its own, made by the migrations and dropped."""

import asyncio
import contextlib
import itertools
import os
import socket
from collections.abc import Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from on_this_machine import skip_without

from bonifiq_async.ledger.postgres.connection import connect
from bonifiq_async.ledger.postgres.database import Database
from bonifiq_async.ledger.postgres.migration import migrate

SERVER = os.environ.get("BONIFIQ_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/test")
_numbers = itertools.count()


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


def aside(work: Coroutine[object, object, None]) -> None:
    """Run it in a thread of its own: the loop of a test may be running here."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, work).result()
