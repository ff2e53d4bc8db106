"""Files that no other user can open, since customers may be in them: every file that a command writes."""

import contextlib
import itertools
import os
import sqlite3
import sys
import tempfile
from codecs import BOM_UTF8
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from bonifiq_async._model.errors import ConfigurationError
from bonifiq_async.cli.language.phrase import phrase
from bonifiq_async.ledger.sqlite.location import PRIVATE, make_private

if sys.platform != "win32":
    import fcntl


def private(path: str | Path, flags: int) -> int:
    """Open a file, made with mode 0600 where it is not there: an `opener` of `open`. Raises `OSError`."""
    return os.open(path, flags, PRIVATE)


def own(path: Path, *heads: bytes) -> IO[bytes]:
    """Open a file to be written anew: it is new or empty, or begins with one of `heads`, as its kind does.

    Raises `ConfigurationError` for another file, which stays as it is, and `OSError`.
    """
    with contextlib.ExitStack() as unusable:
        file = unusable.enter_context(os.fdopen(private(path, os.O_RDWR | os.O_CREAT), "r+b"))
        begins = file.read(len(BOM_UTF8) + max(map(len, heads)))
        if begins and not begins.removeprefix(BOM_UTF8).startswith(heads):
            raise ConfigurationError(
                phrase(
                    "{file} holds something else and stays as it is: name another file. Nothing was sent.",
                    file=path,
                )
            )
        make_private(path)
        file.seek(0)
        unusable.pop_all()
    return file


def locked(number: int) -> bool:
    """Lock an open file until it is closed, and say whether no other process has locked it.

    Where there are no locks, as on Windows and some file systems, none has.
    """
    if sys.platform != "win32":
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            pass
    return True


def numbered(path: Path) -> Iterator[Path]:
    """Yield names for what stands beside an earlier one: `path`, `path-2` and so on."""
    yield path
    yield from (path.with_stem(f"{path.stem}-{number}") for number in itertools.count(2))


@contextlib.contextmanager
def scratch() -> Iterator[tuple[IO[bytes], Path]]:
    """Give a file to write while the command runs, and the path by which to read it.

    No other user can open it, and a killed process removes nothing: on Linux it has no name from the start
    (proc(5), /proc/pid/fd); elsewhere it loses it at the end.
    """
    with tempfile.TemporaryFile() as nameless:
        path = Path(f"/proc/self/fd/{nameless.fileno()}")
        if path.exists():
            yield nameless, path
            return
    with tempfile.NamedTemporaryFile(prefix="bonifiq-") as named:
        yield named, Path(named.name)


def temporary_database(table: str) -> sqlite3.Connection:
    """Return a database with one `table`, as `CREATE TABLE` takes it: on disk when large, gone when closed.

    It is set up before another is attached (`uri`), which no setting here reaches.
    """
    database = sqlite3.connect("", isolation_level=None, uri=True)
    database.execute("PRAGMA journal_mode = OFF")
    database.execute(f"CREATE TABLE {table}")
    return database
