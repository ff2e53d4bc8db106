"""The one row of a ledger about all others: their account, and whether a log belongs to the file.

A log (`-wal`) holds what was written last until SQLite brings it into the file and deletes it, when the last
connection is closed. A file that is moved or copied without its log looks like a whole one that is older. So
the row says `logged` from the opening on, in the file itself, and no more when the file is closed: what says
so and has no log has lost it. Another program that closes the file after a crash leaves the same picture.
"""

import sqlite3
import zlib
from pathlib import Path

import msgspec

from bonifiq_async._model.errors import ConfigurationError
from bonifiq_async._model.values import fixed
from bonifiq_async.ledger.account import another
from bonifiq_async.ledger.protocol import FREE, Account
from bonifiq_async.ledger.sqlite.row import Damaged, every

TABLE = (
    "CREATE TABLE book (id INTEGER PRIMARY KEY CHECK (id = 1), provider TEXT, fingerprint TEXT,"
    " logged INTEGER NOT NULL, seal INTEGER NOT NULL)"
)

_encode = msgspec.msgpack.Encoder().encode


@fixed
class Book:
    """The account of a ledger, None if it was never bound, and whether a log belongs to its file."""

    account: Account | None = None
    logged: bool = False


def read(connection: sqlite3.Connection) -> Book:
    """Return what stands in the row. Raises `Damaged`."""
    found = connection.execute("SELECT provider, fingerprint, logged, seal FROM book").fetchone()
    if found is None or found[3] != _seal(found[:3]):
        raise Damaged("what it says of its account is not what was written")
    provider, fingerprint, logged, _ = found
    return Book(None if provider is None else (provider, fingerprint), bool(logged))


def write(connection: sqlite3.Connection, book: Book) -> None:
    """Write the row down."""
    cells = (*(book.account or (None, None)), int(book.logged))
    connection.execute("INSERT OR REPLACE INTO book VALUES (1, ?, ?, ?, ?)", (*cells, _seal(cells)))


def bound(connection: sqlite3.Connection, path: Path, account: Account) -> bool:
    """Say whether the ledger is bound to `account`, its provider and fingerprint; False if it may be.

    That is when it is bound to none yet, or to one under which nothing has changed.
    Raises `ConfigurationError` when it is bound to another one, and `Damaged`.
    """
    held = read(connection).account
    if held is None or held == account:
        return held is not None
    # A row of another provider would not be understood, whatever its state.
    if any(held[0] != account[0] or entry.row.state not in FREE for entry in every(connection)):
        raise ConfigurationError(another(f"The ledger {path}", held, account))
    return False


def bind(connection: sqlite3.Connection, account: Account) -> None:
    """Say to which account the ledger belongs from now on."""
    write(connection, Book(account, read(connection).logged))


def provider_in(connection: sqlite3.Connection) -> str | None:
    """Return the provider that the ledger is bound to, None when to none yet. Raises `Damaged`."""
    account = read(connection).account
    return None if account is None else account[0]


def _seal(cells: tuple[object, ...]) -> int:
    return zlib.crc32(_encode(cells))
