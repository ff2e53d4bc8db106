"""A connection for a caller that is no coroutine: a loop in a thread of its own serves it."""

import asyncio
import contextlib
import threading
from collections.abc import Coroutine, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

from attrs import frozen

from bonifiq_async.ledger.postgres.connection import (
    BOUNDED,
    CONNECT,
    connect,
    failing,
    in_time,
    transaction,
)
from bonifiq_async.ledger.postgres.database import Database
from bonifiq_async.ledger.postgres.migration import check_version

if TYPE_CHECKING:
    import asyncpg

    from bonifiq_async.ledger.postgres.connection import Connection

TOGETHER = 500
"""Rows that are fetched at once: no table is held in memory."""
LONGEST = 3600.0
"""Seconds that a statement over all changes may take."""

T = TypeVar("T")


@frozen
class Session:
    """An open connection to `database`, whose tables are those of this program. `loop` runs in a thread."""

    database: Database
    loop: asyncio.AbstractEventLoop
    connection: "Connection"

    @property
    def is_free(self) -> bool:
        """Whether it can be asked something else now: it is open, and in no transaction."""
        return not (self.connection.is_closed() or self.connection.is_in_transaction())

    def fetch(self, statement: str, *values: object) -> "Sequence[asyncpg.Record]":
        """Return the rows of a statement in which `{schema}` stands for the ledger's schema."""
        return self.run(self.connection.fetch(self._of_schema(statement), *values, timeout=LONGEST))

    def each(self, statement: str, *values: object) -> "Iterator[Sequence[asyncpg.Record]]":
        """Yield the rows of a statement some at a time, from a cursor of the server; within `transaction`."""
        cursor = self.run(self._opened(self._of_schema(statement), values))
        while some := self.run(cursor.fetch(TOGETHER, timeout=LONGEST)):
            yield some

    @contextlib.contextmanager
    def transaction(self, *, writes: bool = False) -> Iterator[None]:
        """Do what is within in one transaction; what it `writes` is durable when it has ended."""
        begun = transaction(self.connection, readonly=not writes)
        self.run(begun.start())
        try:
            if writes:
                self.fetch(BOUNDED)
                self.fetch("SET LOCAL synchronous_commit = on")
            yield
        except BaseException:
            if not self.connection.is_closed():  # as when what it yields is dropped later than the session
                self.run(begun.rollback())
            raise
        self.run(begun.commit())

    def run(self, work: Coroutine[object, object, T]) -> T:
        """Return what comes of `work` on the connection; an interrupt ends it, too."""
        return _waited(self.database, self.loop, work)

    async def _opened(
        self, statement: str, values: Sequence[object]
    ) -> "asyncpg.cursor.Cursor[asyncpg.Record]":
        return await self.connection.cursor(statement, *values, timeout=LONGEST)

    def _of_schema(self, statement: str) -> str:
        return statement.replace("{schema}", f'"{self.database.schema}"')


@contextlib.contextmanager
def session(database: Database) -> Iterator[Session]:
    """Give a connection for a while. Raises `ConfigurationError` for whatever fails, and other tables."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="database", daemon=True)
    thread.start()
    try:
        made = Session(database, loop, _waited(database, loop, in_time(database, lambda: _checked(database))))
        try:
            yield made
        finally:
            made.run(made.connection.close(timeout=CONNECT))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _checked(database: Database) -> "Connection":
    connection = await connect(database)
    try:
        await check_version(connection, database)
    except BaseException:
        connection.terminate()
        raise
    return connection


def _waited(database: Database, loop: asyncio.AbstractEventLoop, work: Coroutine[object, object, T]) -> T:
    waiting = asyncio.run_coroutine_threadsafe(work, loop)
    try:
        with failing(database):
            return waiting.result()
    finally:
        waiting.cancel()  # it has ended, unless this was interrupted
