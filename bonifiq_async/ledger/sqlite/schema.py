"""The format of the file: its tables, its version, and how one of a former version becomes one of this."""

import sqlite3
from collections.abc import Mapping

from bonifiq_async._model.errors import ConfigurationError
from bonifiq_async.ledger.sqlite import header, owner, row, run
from bonifiq_async.ledger.sqlite.header import Book
from bonifiq_async.ledger.sqlite.location import FileLocation, beside
from bonifiq_async.ledger.sqlite.row import Damaged

APPLICATION = 0x426F6E69
"""`Boni`: marks the file as a ledger (SQLite's application_id)."""
VERSION = 3
TABLES: Mapping[str, str] = {
    "book": header.TABLE,
    "change": row.TABLE,
    "owner": owner.TABLE,
    "run": run.TABLE,
}
_FORMER: Mapping[str, str] = {"book": header.TABLE, "change": row.FORMER_TABLE, "owner": owner.TABLE}
FORMATS: Mapping[int, Mapping[str, str]] = {
    1: {
        "account": "CREATE TABLE account (provider TEXT NOT NULL, fingerprint TEXT NOT NULL)",
        "change": row.FORMER_TABLE,
    },
    2: _FORMER,
    VERSION: TABLES,
}
"""The tables of each version. The first knew neither beats nor whether a log belongs to the file, the second
no runs."""


def is_current(connection: sqlite3.Connection, location: FileLocation) -> bool:
    """Say whether it is a ledger of this version; False for what `prepare` makes into one.

    Raises `ConfigurationError` for what is no ledger or one of another version, and `Damaged`.
    """
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = _tables(connection)
    if not tables and application == 0:
        _refuse_remains(location)
        return False
    if application != APPLICATION:
        raise ConfigurationError(
            f"{location.path} is a database, but not a ledger.{beside(location.path)} Nothing was sent; name "
            "another file."
        )
    if version not in FORMATS:
        raise ConfigurationError(
            f"The ledger {location.path} has format {version}; this program knows format {VERSION}. Nothing "
            "was sent."
        )
    if not FORMATS[version].items() <= tables.items():
        raise Damaged(f"its tables are not those of format {version}")
    return bool(version == VERSION)


def prepare(connection: sqlite3.Connection, location: FileLocation) -> None:
    """Make, in a transaction, a ledger of what has nothing in it or is of a former version.

    Raises as `is_current`: another process may have changed it since that was asked.
    """
    if not is_current(connection, location):
        (_renew if _tables(connection) else _make)(connection)


def _refuse_remains(location: FileLocation) -> None:
    """The tables of a ledger lie in its file before it has a log; those of the former version lay there."""
    if not location.is_empty():
        raise ConfigurationError(
            f"The ledger {location.path} has only the head of a database in it: if a ledger was written "
            f"there, it was all in the log {location.log.name}, which is missing. Nothing was sent; put the "
            "log back beside it, or delete the file if nothing was ever sent with it."
        )


def _make(connection: sqlite3.Connection) -> None:
    for statement in TABLES.values():
        connection.execute(statement)
    header.write(connection, Book())
    connection.execute(f"PRAGMA application_id = {APPLICATION}")
    connection.execute(f"PRAGMA user_version = {VERSION}")


def _renew(connection: sqlite3.Connection) -> None:
    """Make of a former ledger one of today: what is claimed in it stays claimed, as it was."""
    if connection.execute("PRAGMA user_version").fetchone() == (1,):
        account = connection.execute("SELECT provider, fingerprint FROM account").fetchone()
        if account is None and connection.execute("SELECT 1 FROM change").fetchone() is not None:
            raise Damaged("it does not say to which account it belongs")
        connection.execute("DROP TABLE account")
        for name in _FORMER.keys() - FORMATS[1].keys():
            connection.execute(_FORMER[name])
        header.write(connection, Book(account))
    for column in row.ADDED:  # no row is rewritten: a million changes take no longer than one
        connection.execute(f"ALTER TABLE change ADD COLUMN {column}")
    connection.execute(run.TABLE)
    connection.execute(f"PRAGMA user_version = {VERSION}")


def _tables(connection: sqlite3.Connection) -> Mapping[str, str]:
    return dict(connection.execute("SELECT name, sql FROM sqlite_master").fetchall())
