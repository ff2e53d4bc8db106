"""The SQLite file: its format, how it is opened, and what is refused."""

import os
import sqlite3
from functools import partial
from pathlib import Path

from bonifiq_async.account import another
from bonifiq_async.errors import ConfigurationError, LedgerError
from bonifiq_async.intent import FREE
from bonifiq_async.ledger.entry import TABLE, Damaged, every
from bonifiq_async.printable import printable

APPLICATION = 0x426F6E69
"""`Boni`: marks the file as a ledger (SQLite's application_id)."""
VERSION = 1

NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "fuse.sshfs"})
"""File systems whose locks SQLite cannot trust (its documentation, "How To Corrupt", section 2.1)."""

TABLES = {
    "account": "CREATE TABLE account (provider TEXT NOT NULL, fingerprint TEXT NOT NULL)",
    "change": TABLE,
}

_GO_ON = (
    "keep the file for what it holds, and go on with an earlier copy or a new ledger: the same keys go out "
    "again, which does no harm only where the provider de-duplicates them, and as long as it remembers them."
)

# What is no text any more is read all the same: the seal says that it is not what was written.
_read_text = partial(str, encoding="utf-8", errors="replace")


def opened(path: Path) -> sqlite3.Connection:
    """Return a connection to the ledger at `path`, made with mode 0600 if there is none.

    Raises `ConfigurationError` with what is wrong: another kind of file, another version, damaged,
    read-only, or on a network file system. All pages are checked: half a second for a million changes.
    """
    _refuse_network(path)
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise ConfigurationError(
            f"The ledger {path} cannot be opened: {error.strerror}. Nothing was sent."
        ) from None
    _refuse_headless(path)
    try:
        place = path.absolute()  # SQLite gives names such as :memory: a meaning of their own
        connection = sqlite3.connect(place, isolation_level=None, timeout=30, check_same_thread=False)
    except sqlite3.Error as error:
        raise ConfigurationError(f"The ledger {path} cannot be opened: {error}. Nothing was sent.") from None
    try:
        for setting in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000", "cache_size=-16000"):
            connection.execute(f"PRAGMA {setting}").fetchall()
        connection.text_factory = _read_text
        connection.execute("BEGIN IMMEDIATE")
        _prepare(connection, path)
        connection.execute("COMMIT")
        if connection.execute("PRAGMA quick_check(1)").fetchall() != [("ok",)]:
            raise Damaged("its pages do not fit together")
        return connection
    except ConfigurationError:
        connection.close()
        raise
    except (sqlite3.Error, UnicodeDecodeError) as error:
        connection.close()
        raise unusable(path, error) from None


def fault_of(path: Path, error: Exception) -> LedgerError:
    """Return what is raised when a ledger that was opened cannot be read or written any more."""
    if is_damage(error):
        return LedgerError(f"The ledger {path} is damaged: {_said(error)}. Whatever was sent, {_GO_ON}")
    return LedgerError(
        f"The ledger {path} cannot be written: {str(error) or type(error).__name__}. Make room or rights "
        "there, then run again."
    )


def too_late(path: Path) -> LedgerError:
    """Return what is raised when a ledger has taken nothing for as long as a call has time."""
    return LedgerError(
        f"The ledger {path} has not taken the change in the time of the call, which sent nothing: another "
        "program may have locked the file. Let go of it there, then run again."
    )


def is_damage(error: Exception) -> bool:
    """Say whether the file holds what makes no sense: other faults of SQLite have classes of their own."""
    return isinstance(error, Damaged | UnicodeDecodeError) or type(error) is sqlite3.DatabaseError


def _said(error: Exception) -> str:
    """SQLite quotes what it has read, which is anything at all where the file is damaged."""
    text = "its tables cannot be read" if isinstance(error, UnicodeDecodeError) else str(error)
    return printable(text)


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = dict(connection.execute("SELECT name, sql FROM sqlite_master").fetchall())
    if not tables and application == 0:
        for statement in TABLES.values():
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
    elif application != APPLICATION:
        raise ConfigurationError(
            f"{path} is a database, but not a ledger. Nothing was sent; name another file."
        )
    elif version != VERSION:
        raise ConfigurationError(
            f"The ledger {path} has format {version}; this program knows format {VERSION}. Nothing was sent."
        )
    elif not TABLES.items() <= tables.items():
        raise Damaged(f"its tables are not those of format {VERSION}")


def _refuse_headless(path: Path) -> None:
    """SQLite deletes the log of an empty file, and with it the outcomes that stand only there."""
    file = path.resolve()
    log = file.with_name(f"{file.name}-wal")
    if file.stat().st_size == 0 and log.exists() and log.stat().st_size > 0:
        raise ConfigurationError(
            f"The ledger {path} is empty, but its log {log.name} is not. Nothing was sent; put the file "
            "back, or move the log away to begin anew under the same keys."
        )


def bound(connection: sqlite3.Connection, path: Path, account: tuple[str, str]) -> bool:
    """Say whether the ledger is bound to `account`, its provider and fingerprint; False if it may be.

    That is when it is bound to none yet, or to one under which nothing has changed.
    Raises `ConfigurationError` when it is bound to another one, and `Damaged`.
    """
    row: tuple[str, str] | None = connection.execute("SELECT provider, fingerprint FROM account").fetchone()
    if row is None or row == account:
        return row is not None
    # A row of another provider would not be understood, whatever its state.
    if any(row[0] != account[0] or entry.row.state not in FREE for entry in every(connection)):
        raise ConfigurationError(another(f"The ledger {path}", row, account))
    return False


def bind(connection: sqlite3.Connection, account: tuple[str, str]) -> None:
    """Say whose changes the ledger holds from now on."""
    connection.execute("DELETE FROM account")
    connection.execute("INSERT INTO account VALUES (?, ?)", account)


def provider_in(connection: sqlite3.Connection) -> str | None:
    """Return the provider that the ledger is bound to, None when to none yet."""
    row = connection.execute("SELECT provider FROM account").fetchone()
    return None if row is None else str(row[0])


def unusable(path: Path, error: Exception) -> ConfigurationError:
    """Return what is said of a ledger that cannot be read, before anything was sent."""
    return ConfigurationError(
        f"The ledger {path} cannot be used: {_said(error)}. Nothing was sent; "
        + (_GO_ON if is_damage(error) else "keep the file, it may hold outcomes.")
    )


def _refuse_network(path: Path) -> None:
    """Linux says of each mount what it is; elsewhere nobody is asked."""
    mounts = Path("/proc/mounts")
    if not mounts.exists():
        return
    folder = str(path.resolve().parent)
    best, kind = "", ""
    for line in mounts.read_text("utf-8", "surrogateescape").splitlines():
        point, name = line.split()[1:3]
        under = folder == point or folder.startswith(point.rstrip("/") + "/")
        if under and len(point) >= len(best):
            best, kind = point, name
    if kind in NETWORK:
        raise ConfigurationError(
            f"The ledger {path} lies on a network file system ({kind}), whose locks cannot be trusted. "
            "Nothing was sent; put it on a local disk."
        )
