"""A connection to the SQLite file: how it is opened and closed, and what is said where it cannot be used."""

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from errno import EEXIST, ENOENT
from functools import partial
from pathlib import Path

from attrs import evolve

from bonifiq_async._model.errors import ConfigurationError, LedgerError
from bonifiq_async._model.printable import printable
from bonifiq_async.ledger.protocol import Account
from bonifiq_async.ledger.sqlite import header
from bonifiq_async.ledger.sqlite.header import Book
from bonifiq_async.ledger.sqlite.location import FileLocation, Identity, beside
from bonifiq_async.ledger.sqlite.row import Damaged
from bonifiq_async.ledger.sqlite.schema import is_current, prepare

PATIENCE = 30.0
"""Seconds for which another program may hold the file before it is said that it does."""
SLICE = 0.25
"""Seconds after which a wait for the file looks whether it is still wanted."""

_GO_ON = (
    "keep the file for what it holds, and go on with an earlier copy or a new ledger: the same keys go out "
    "again, which does no harm only where the provider de-duplicates them, and as long as it remembers them."
)

# Bytes that are not text any more are read, too: the seal shows that they are not what was written.
_read_text = partial(str, encoding="utf-8", errors="replace")


class LedgerConnection(sqlite3.Connection):
    """A connection to a ledger. `book` is what stood there when the transaction began (see `begun`).

    `farewell` is called in the transaction with which a connection that has written is closed.
    """

    header = Book()
    farewell: Callable[[sqlite3.Connection], None] | None = None
    _location: FileLocation | None = None
    _files: Identity = ()
    _brings_in = False

    def trust(self, location: FileLocation) -> None:
        """Take note that file and log, which are open now, belong together."""
        self._location, self._files = location, location.identity()

    def watch(self) -> None:
        """Raise `OSError` when file, log or index is not what was opened: no later run would find these."""
        if self._location is not None and (found := self._location.identity()) != self._files:
            if None in found:
                raise FileNotFoundError(ENOENT, "No such file: its file, its log or the index of that")
            raise FileExistsError(EEXIST, "its file or log was replaced by another one")

    def begun(self) -> None:
        """Take note, in a transaction that writes, of the ledger's account, and say that it has a log.

        Another process that has closed the file has said that it has none. Raises `Damaged`.
        """
        self.book = header.read(self)
        if not self.book.logged:
            header.write(self, evolve(self.book, logged=True))
            self._brings_in = True

    def bind(self, account: Account) -> None:
        """Say in a transaction to which account it belongs from now on."""
        header.bind(self, account)
        self.book = header.read(self)

    def committed(self) -> None:
        """Bring what `begun` has said into the file itself, where it is to be read without the log."""
        if self._brings_in:
            with contextlib.suppress(sqlite3.Error):  # it is tried again: what was committed stays so
                self.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
                self._brings_in = False

    def close(self) -> None:
        """Say that no log belongs to the file, and close it; the last one deletes the log. Idempotent."""
        if self._is_whole():
            for _ in range(2):
                with contextlib.suppress(sqlite3.Error):
                    self._sign_off()
                    break
                with contextlib.suppress(sqlite3.Error):  # a disk that is full may have space in the log then
                    self.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        self._location = None
        super().close()

    def _is_whole(self) -> bool:
        """Say whether the note about file and log is true: this process may have a log whose name is gone."""
        try:
            found = () if self._location is None else self._location.identity()
        except OSError:
            return False
        return bool(found) and found in (self._files, (self._files[0], None, self._files[2]))

    def _sign_off(self) -> None:
        if self.in_transaction:
            self.execute("ROLLBACK")
        if not header.read(self).logged:
            return
        self.execute("PRAGMA synchronous = NORMAL")  # what is written now may be lost: it only says less
        self.execute("BEGIN IMMEDIATE")
        try:
            if self.farewell is not None:
                self.farewell(self)
            header.write(self, evolve(header.read(self), logged=False))
            self.execute("COMMIT")
        finally:
            if self.in_transaction:
                self.execute("ROLLBACK")


def _never() -> bool:
    return False


def opened(
    path: Path,
    *,
    give_up: Callable[[], bool] = _never,
    farewell: Callable[[sqlite3.Connection], None] | None = None,
    without_log: bool = False,
) -> LedgerConnection:
    """Return a connection to the ledger at `path`, made with mode 0600 if there is none.

    `give_up` is asked, in all waits, whether it is wanted no more; `farewell` is called in the transaction
    with which it is closed. `without_log` is a person's word that nothing is missing though the log is.
    Raises `ConfigurationError` with what is wrong: another kind of file, another version, damaged, read-only,
    without its log, with a second name, or on a file system that cannot be trusted. All pages are checked,
    and that every change is found by its key: one to three seconds for a million changes.
    """
    location = FileLocation.of(path)
    location.make_ready()
    try:
        connection = sqlite3.connect(
            location.file,
            isolation_level=None,
            timeout=SLICE,
            check_same_thread=False,
            factory=LedgerConnection,
        )
    except sqlite3.Error as error:
        raise ConfigurationError(f"The ledger {path} cannot be opened: {error}. Nothing was sent.") from None
    try:
        connection.farewell = farewell
        connection.set_progress_handler(give_up, 100_000)  # a check of all pages is not waited for
        _open(connection, location, give_up, without_log)
        connection.set_progress_handler(None, 0)
        return connection
    except ConfigurationError:
        connection.close()
        raise
    except (sqlite3.Error, UnicodeDecodeError, OSError) as error:
        connection.close()
        raise unusable(path, error) from None


def _open(
    connection: LedgerConnection, location: FileLocation, give_up: Callable[[], bool], without_log: bool
) -> None:
    for setting in ("synchronous=FULL", "cache_size=-16000"):
        connection.execute(f"PRAGMA {setting}").fetchall()
    connection.text_factory = _read_text
    connection.execute("BEGIN")
    patiently(connection, "SELECT count(*) FROM sqlite_master", give_up)  # what follows reads the same
    current = is_current(connection, location)
    connection.execute("COMMIT")
    location.make_private()  # not before it is known to be a ledger, or to become one
    if not current:
        patiently(connection, "BEGIN IMMEDIATE", give_up)
        prepare(connection, location)
        connection.execute("COMMIT")
    # From here on what is written goes to the log first; what makes it a ledger lies in the file already.
    if patiently(connection, "PRAGMA journal_mode=WAL", give_up) != [("wal",)]:
        raise sqlite3.OperationalError("its file system has no shared memory, which a log needs")
    if connection.execute("PRAGMA integrity_check(1)").fetchall() != [("ok",)]:
        raise Damaged("its pages do not fit together")
    # It is open: no other process deletes the log now, and one that says that there is one has written to it.
    if header.read(connection).logged and not location.has_log() and not without_log:
        raise ConfigurationError(
            f"The ledger {location.path} was in use when its log {location.log.name} was last seen, and "
            "the log is missing: what was written last may have stood only there. Nothing was sent; put the "
            "log back beside it. Only if you know that nothing is missing, as when another program has "
            f"closed the file after a crash, say so: `settle {location.path} --without-log` goes on with it "
            "as it is."
        )
    connection.trust(location)


@contextlib.contextmanager
def writing(connection: LedgerConnection) -> Iterator[None]:
    """Do what is within in one transaction, as soon as no other program holds the file.

    Raises `OSError` when file or log were deleted or replaced meanwhile: nothing finds what was written.
    """
    patiently(connection, "BEGIN IMMEDIATE")
    try:
        connection.begun()
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    connection.watch()
    connection.committed()


def patiently(
    connection: sqlite3.Connection, statement: str, give_up: Callable[[], bool] = _never
) -> list[tuple[object, ...]]:
    """Execute a statement for which another program may have to let go of the file; return its rows."""
    latest = time.monotonic() + PATIENCE
    while True:
        try:
            return connection.execute(statement).fetchall()
        except sqlite3.OperationalError as error:
            if not is_busy(error) or give_up() or time.monotonic() >= latest:
                raise


def is_busy(error: Exception) -> bool:
    """Say whether another program holds the file."""
    return (
        isinstance(error, sqlite3.OperationalError)
        and getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
    )


def fault_of(path: Path, error: Exception) -> LedgerError:
    """Return what is raised when a ledger that was opened cannot be read or written any more."""
    if is_damage(error):
        return LedgerError(f"The ledger {path} is damaged: {_said(error)}. Whatever was sent, {_GO_ON}")
    return LedgerError(
        f"The ledger {path} cannot be written: {str(error) or type(error).__name__}. Free disk space or give "
        "rights there, then run again."
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


def unusable(path: Path, error: Exception) -> ConfigurationError:
    """Return the error for a ledger that cannot be read, before anything was sent."""
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_NOTADB:
        return ConfigurationError(
            f"{path} is no ledger: it does not begin as one does.{beside(path)} Nothing was sent. Name the "
            f"ledger; if {path.name} was one, it is damaged: {_GO_ON}"
        )
    return ConfigurationError(
        f"The ledger {path} cannot be used: {_said(error)}. Nothing was sent; "
        + (_GO_ON if is_damage(error) else "keep the file, it may hold outcomes.")
    )


def _said(error: Exception) -> str:
    """SQLite quotes what it has read, which is anything at all where the file is damaged."""
    text = "its tables cannot be read" if isinstance(error, UnicodeDecodeError) else str(error)
    return printable(text)
