"""A connection to the database: how it is opened, and what is said where it cannot be used."""

import asyncio
import contextlib
import importlib
import importlib.util
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, TypeVar

from bonifiq_async._log import files
from bonifiq_async._model.errors import BonifiQError, ConfigurationError, LedgerError
from bonifiq_async._model.printable import printable
from bonifiq_async.ledger.postgres.database import Database

if TYPE_CHECKING:
    import asyncpg
    from asyncpg.transaction import Transaction

    Connection = asyncpg.Connection[asyncpg.Record]

T = TypeVar("T")

PATIENCE = 30.0
"""Seconds for which a ledger that is closed waits for a database that takes nothing."""
SHARD_LOST = "BQ001"
"""What `under_its_fence` of the migrations raises."""
CONNECT = 10.0
"""Seconds in which a connection is open, or is not: for so long it is tried again."""
SOONEST, LATEST = 0.05, 1.0
"""Seconds between two attempts to connect, which double from the one to the other."""
STATEMENT = 30.0
"""Seconds for which a statement is waited for; then the connection is given up, and what came of it asked."""

IDLE = 5.0
"""Seconds after which the server ends a transaction whose program says nothing more: that may be stopped, or
its machine gone, and other programs wait for what it has locked. Their own claims are trusted for longer."""
BOUNDED = f"SET LOCAL idle_in_transaction_session_timeout = '{IDLE:g}s'"
"""Says so to the server, for one transaction: PgBouncer keeps no settings of a session."""


async def in_time(database: Database, attempt: Callable[[], Awaitable[T]]) -> T:
    """Return what an `attempt` to connect returns, made again for `CONNECT` seconds: a server may restart.

    Raises what the last one raised, at once where the same would not go well later.
    """
    loop, pause = asyncio.get_running_loop(), SOONEST
    until = loop.time() + CONNECT
    while True:
        try:
            async with asyncio.timeout_at(until):
                return await attempt()
        except BonifiQError:
            raise
        except Exception as error:
            wait = pause * random.uniform(0.5, 1.0)
            if not is_passing(error) or loop.time() + wait > until:
                raise
            if pause == SOONEST:  # a command says nothing else meanwhile
                files.warning(
                    "ledger: %s takes no connection now, and is tried again for %.0f s: %s",
                    database,
                    until - loop.time(),
                    said(error),
                )
        await asyncio.sleep(wait)
        pause = min(2 * pause, LATEST)


async def connect(database: Database) -> "Connection":
    """Return a connection. Password and TLS come from the environment, as for PostgreSQL's own programs.

    It is tried once. Raises `ConfigurationError` where asyncpg is missing, and what asyncpg raises.
    """
    if importlib.util.find_spec("asyncpg") is None:
        raise ConfigurationError(
            "A ledger in PostgreSQL needs asyncpg. Nothing was sent; install it: pip install "
            "'bonifiq-async[postgres]'."
        )
    import asyncpg
    from asyncpg.connect_utils import SessionAttribute

    return await asyncpg.connect(
        database.dsn,
        timeout=CONNECT,
        command_timeout=STATEMENT,
        # PgBouncer gives each transaction another connection of the server: what was prepared is not there.
        statement_cache_size=0 if database.pgbouncer else 100,
        target_session_attrs=SessionAttribute.primary,  # a standby writes nothing
    )


@contextlib.asynccontextmanager
async def connected(database: Database) -> "AsyncIterator[Connection]":
    """Give a connection for a while; whatever fails becomes an error of this library."""
    with failing(database):
        connection = await in_time(database, lambda: connect(database))
        try:
            yield connection
        finally:
            await connection.close(timeout=CONNECT)


def transaction(connection: "Connection", *, readonly: bool = False) -> "Transaction":
    """Return a transaction in which each statement sees what others have committed by then.

    What is read after a lock was waited for is what its former holder left, whatever isolation a role or a
    database has by default (PostgreSQL's documentation, "Transaction Isolation").
    """
    return connection.transaction(isolation="read_committed", readonly=readonly)


@contextlib.asynccontextmanager
async def writing(connection: "Connection") -> AsyncIterator[None]:
    """Do what is within in one transaction, which the server ends where this program stops in it."""
    async with transaction(connection):
        await connection.execute(BOUNDED)
        yield


@contextlib.contextmanager
def failing(database: Database) -> Iterator[None]:
    """Let what fails within be a `ConfigurationError`, unless it is an error of this library."""
    try:
        yield
    except BonifiQError:
        raise
    except Exception as error:  # noqa: BLE001 - each kind has its sentence
        raise unusable(database, error) from None


def is_passing(error: BaseException) -> bool:
    """Say whether the same may go well later: no connection, a restart, a deadlock, too many connections.

    A ValueError is of a setting, such as a certificate that is not to be trusted.
    """
    import asyncpg

    return not isinstance(error, ValueError) and isinstance(
        error,
        OSError  # a TimeoutError, too
        | EOFError
        | asyncpg.PostgresConnectionError
        | asyncpg.OperatorInterventionError
        | asyncpg.InsufficientResourcesError
        | asyncpg.TransactionRollbackError
        | asyncpg.IdleInTransactionSessionTimeoutError
        | asyncpg.LockNotAvailableError
        | asyncpg.ReadOnlySQLTransactionError
        | asyncpg.InternalClientError
        | asyncpg.InterfaceError,
    )


def unusable(database: Database, error: Exception) -> ConfigurationError:
    """Return the error of a database that cannot be used, before anything was sent."""
    return ConfigurationError(f"The ledger {database} cannot be used: {said(error)}. Nothing was sent.")


def fault_of(database: Database, error: Exception) -> LedgerError:
    """Return what is raised where what was to be kept cannot be written."""
    if getattr(error, "sqlstate", None) == SHARD_LOST:
        return LedgerError(
            f"The ledger {database} takes no more from this worker: another one has taken over its shard. "
            "What was in flight is accounted for; nothing else was sent."
        )
    return LedgerError(
        f"The ledger {database} cannot be written: {said(error)}. Correct that at the server, then run again."
    )


def too_late(database: Database, error: Exception | None) -> LedgerError:
    """Return what is raised when a ledger has taken nothing for as long as a call has time."""
    why = "it may be locked, or too busy" if error is None else said(error)
    return LedgerError(
        f"The ledger {database} has not taken the change in the time of the call, which sent nothing: {why}. "
        "See to the server, then run again."
    )


def said(error: Exception) -> str:
    """Return what an error of the database says, on one line."""
    return printable(str(error) or type(error).__name__).rstrip(".")
