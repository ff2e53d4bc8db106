"""The SQLite file: its format, how it is opened, and what is refused."""

import os
import sqlite3
from pathlib import Path

from bonifiq_async.errors import ConfigurationError

APPLICATION = 0x426F6E69
"""`Boni`: marks the file as a ledger (SQLite's application_id)."""
VERSION = 1

NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "fuse.sshfs"})
"""File systems whose locks SQLite cannot trust (its documentation, "How To Corrupt", section 2.1)."""

TABLES = """
CREATE TABLE account (provider TEXT NOT NULL, fingerprint TEXT NOT NULL);
CREATE TABLE change (
    operation TEXT NOT NULL, key TEXT NOT NULL, digest BLOB NOT NULL,
    state TEXT NOT NULL, in_doubt INTEGER NOT NULL, fence INTEGER NOT NULL,
    owner TEXT NOT NULL, lease_until REAL NOT NULL, first_sent REAL NOT NULL, last_sent REAL NOT NULL,
    attempts INTEGER NOT NULL, answer TEXT, error TEXT,
    customer_id TEXT NOT NULL, value TEXT NOT NULL, path TEXT NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (operation, key)
) WITHOUT ROWID;
"""


def opened(path: Path) -> sqlite3.Connection:
    """Return a connection to the ledger at `path`, made with mode 0600 if there is none.

    Raises `ConfigurationError` with one sentence: another kind of file, another version, damaged,
    read-only, or on a network file system.
    """
    _refuse_network(path)
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise ConfigurationError(
            f"The ledger {path} cannot be opened: {error.strerror}. Nothing was sent."
        ) from None
    try:
        place = path.absolute()  # SQLite gives names such as :memory: a meaning of their own
        connection = sqlite3.connect(place, isolation_level=None, timeout=30, check_same_thread=False)
    except sqlite3.Error as error:
        raise ConfigurationError(f"The ledger {path} cannot be opened: {error}. Nothing was sent.") from None
    try:
        for setting in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000", "cache_size=-16000"):
            connection.execute(f"PRAGMA {setting}").fetchall()
        connection.execute("BEGIN IMMEDIATE")
        _prepare(connection, path)
        connection.execute("COMMIT")
        return connection
    except ConfigurationError:
        connection.close()
        raise
    except sqlite3.Error as error:
        connection.close()
        raise unusable(path, error) from None


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    empty = not connection.execute("SELECT 1 FROM sqlite_master").fetchone()
    if empty and application == 0:
        for statement in filter(str.strip, TABLES.split(";")):
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


def bound(connection: sqlite3.Connection, path: Path, account: tuple[str, str]) -> bool:
    """Say whether the ledger is bound to `account`, its provider and fingerprint; False when to none yet.

    Raises `ConfigurationError` when it is bound to another one.
    """
    row = connection.execute("SELECT provider, fingerprint FROM account").fetchone()
    if row not in (None, account):
        raise ConfigurationError(
            f"The ledger {path} holds the changes of another account (provider {row[0]}). "
            "Nothing was sent; name another ledger."
        )
    return row is not None


def unusable(path: Path, error: sqlite3.Error) -> ConfigurationError:
    """Return what is said of a ledger that cannot be read, before anything was sent."""
    return ConfigurationError(
        f"The ledger {path} cannot be used: {error}. Nothing was sent; keep the file, it may hold outcomes."
    )


def _refuse_network(path: Path) -> None:
    """Linux says of each mount what it is; elsewhere nobody is asked."""
    mounts = Path("/proc/mounts")
    if not mounts.exists():
        return
    folder = str(path.resolve().parent)
    best, kind = "", ""
    for line in mounts.read_text(errors="replace").splitlines():
        point, name = line.split()[1:3]
        under = folder == point or folder.startswith(point.rstrip("/") + "/")
        if under and len(point) >= len(best):
            best, kind = point, name
    if kind in NETWORK:
        raise ConfigurationError(
            f"The ledger {path} lies on a network file system ({kind}), whose locks cannot be trusted. "
            "Nothing was sent; put it on a local disk."
        )
