"""How far a comparison is, in a file beside the ledger: what was found of each customer so far.

It is there for as long as a comparison is not at its end. What was found counts only while the ledger says
the same of the customer: `digest` tells.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from bonifiq_async._model.errors import ConfigurationError
from bonifiq_async.cli.files.private_files import private
from bonifiq_async.cli.language.phrase import phrase
from bonifiq_async.ledger.sqlite.location import make_private

FoundRow = tuple[object, ...]

_TABLES = (
    "CREATE TABLE IF NOT EXISTS question (asked TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS found (customer TEXT PRIMARY KEY, digest BLOB NOT NULL, lines TEXT NOT NULL)",
    # What of the ledger is compared now: in a file of SQLite's own, which goes with the connection.
    "CREATE TEMP TABLE change (customer TEXT NOT NULL, cells BLOB NOT NULL, wanted INTEGER NOT NULL)",
)


class ProgressFile:
    """The open file. It is for one process at a time."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self.database = database

    def put(self, customer: str, cells: bytes, *, wanted: bool) -> None:
        """Take in a change of a customer."""
        self.database.execute("INSERT INTO temp.change VALUES (?, ?, ?)", (customer, cells, wanted))

    def index(self) -> int:
        """Make what was taken in quick to find; return how many customers have a change that is wanted."""
        self.database.execute("CREATE INDEX temp.by_customer ON change (customer)")
        asked = "SELECT count(DISTINCT customer) FROM temp.change WHERE wanted"
        [number] = self.database.execute(asked).fetchone()
        self.database.execute(
            "DELETE FROM found WHERE customer NOT IN (SELECT customer FROM temp.change WHERE wanted)"
        )
        self.database.commit()
        return int(number)

    def customers(self) -> Iterator[tuple[str, Sequence[tuple[bytes, bool]]]]:
        """Yield the customers with a change that is wanted, each with all its changes."""
        after = ""
        following = "SELECT min(customer) FROM temp.change WHERE wanted AND customer > ?"
        while (after := self.database.execute(following, (after,)).fetchone()[0]) is not None:
            cells = "SELECT cells, wanted FROM temp.change WHERE customer = ? ORDER BY rowid"
            yield after, [(each, bool(wanted)) for each, wanted in self.database.execute(cells, (after,))]

    def is_found(self, customer: str, digest: bytes) -> bool:
        """Say whether a customer was compared while the ledger said the same of it."""
        return (
            self.database.execute(
                "SELECT 1 FROM found WHERE customer = ? AND digest = ?", (customer, digest)
            ).fetchone()
            is not None
        )

    def found(self, customer: str, digest: bytes, lines: Sequence[FoundRow]) -> None:
        """Write down, durably, what was found of a customer."""
        text = msgspec.json.encode(lines).decode()
        self.database.execute("INSERT OR REPLACE INTO found VALUES (?, ?, ?)", (customer, digest, text))
        self.database.commit()

    def lines(self) -> Iterator[FoundRow]:
        """Yield all that was found, by customer."""
        for (text,) in self.database.execute("SELECT lines FROM found ORDER BY customer"):
            yield from msgspec.json.decode(text, type=list[tuple[object, ...]])


@contextlib.contextmanager
def progress_file(path: Path, question: str) -> Iterator[ProgressFile]:
    """Open the file of a question, begun anew where another one was asked. Raises `ConfigurationError`."""
    try:
        os.close(private(path, os.O_WRONLY | os.O_CREAT))
        make_private(path)
        with contextlib.closing(sqlite3.connect(path.resolve().as_uri(), uri=True, timeout=0)) as database:
            database.execute("PRAGMA main.locking_mode = EXCLUSIVE")
            for table in _TABLES:
                database.execute(table)
            if database.execute("SELECT asked FROM question").fetchone() != (question,):
                for statement in ("DELETE FROM found", "DELETE FROM question"):
                    database.execute(statement)
                database.execute("INSERT INTO question VALUES (?)", (question,))
            database.commit()
            yield ProgressFile(database)
    except sqlite3.OperationalError as error:
        if "locked" not in str(error):
            raise ConfigurationError(_unusable(path, error)) from None
        raise ConfigurationError(
            phrase("Another process compares with this ledger: it has {file}.", file=path)
        ) from None
    except (sqlite3.DatabaseError, OSError) as error:
        raise ConfigurationError(_unusable(path, error)) from None


def _unusable(path: Path, error: Exception) -> str:
    return phrase(
        "{file}, which has how far the comparison is, cannot be used: {why}. Delete it to begin anew.",
        file=path,
        why=error,
    )
