"""What the file has as applied, attached to the database that has the table it is compared with."""

import contextlib
import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

from attrs import frozen

from bonifiq_async.ledger.comparison import OTHER
from bonifiq_async.ledger.protocol import DONE, FREE, Account, State
from bonifiq_async.ledger.recorded import Recorded
from bonifiq_async.ledger.sqlite.connection import opened, unusable
from bonifiq_async.ledger.sqlite.header import bound
from bonifiq_async.ledger.sqlite.location import FileLocation
from bonifiq_async.ledger.sqlite.row import COLUMNS, TOGETHER, entry_of, under, vouch

_APPLIED = "applied"
"""The view of what is or may be applied, as it lies in the file: is it `done`, and used `elsewhere`?"""


@frozen
class AppliedInFile:
    """What a file has as applied, attached to `database`: see `AppliedChanges`, whose methods these are."""

    database: sqlite3.Connection

    @property
    def provider(self) -> str | None:
        """See `AppliedChanges.provider`."""
        found: str | None = self.database.execute("SELECT provider FROM ledger.book").fetchone()[0]
        return found

    def among(
        self, table: str, columns: Sequence[str], operations: Collection[str]
    ) -> Iterator[Sequence[tuple[object, ...]]]:
        """See `AppliedChanges.among`."""
        found = self.database.execute(
            f"SELECT {', '.join(f'{_APPLIED}.{name}' for name in COLUMNS)},"
            f" {', '.join(f'wanted.{name}' for name in columns)},"
            f" CASE WHEN {_APPLIED}.digest = wanted.digest THEN elsewhere ELSE {OTHER} END"
            f" FROM {table} AS wanted INDEXED BY by_key CROSS JOIN {_APPLIED}"
            f" ON {_APPLIED}.operation IN ({', '.join('?' * len(operations))})"
            f" AND {_APPLIED}.key = wanted.key"
            f" AND (done AND {_APPLIED}.digest = wanted.digest OR {_APPLIED}.digest <> wanted.digest)",
            tuple(operations),
        )
        while some := found.fetchmany(TOGETHER):
            vouch(some)
            yield [row[len(COLUMNS) :] for row in some]

    def under(self, keys: Sequence[str], operations: Collection[str]) -> Sequence[Recorded]:
        """See `AppliedChanges.under`."""
        every = (each for key in keys for each in under(self.database, key))
        found = [each for each in every if each.operation in operations]
        return [each.recorded(each.row.state) for each in found if each.row.state not in FREE]

    def alike(
        self, table: str, likeness: Callable[[str, str, str, bytes], str | None], apart_from: str = ""
    ) -> Iterator[Sequence[tuple[Recorded, int]]]:
        """See `AppliedChanges.alike`."""
        self.database.create_function("likeness_of", 4, likeness, deterministic=True)
        found = self.database.execute(
            f"SELECT {', '.join(f'{_APPLIED}.{name}' for name in COLUMNS)}, wanted.line"
            f" FROM {_APPLIED} CROSS JOIN {table} AS wanted INDEXED BY by_likeness"
            f" ON wanted.key <> {_APPLIED}.key AND wanted.likeness ="
            f" likeness_of({_APPLIED}.key, {_APPLIED}.customer_id, {_APPLIED}.value, {_APPLIED}.body)"
            f" WHERE {_APPLIED}.run NOT IN (SELECT id FROM ledger.run WHERE digest = nullif(?, ''))",
            (apart_from,),
        )
        while some := found.fetchmany(TOGETHER):
            entries = [entry_of(row[: len(COLUMNS)]) for row in some]
            yield [
                (entry.recorded(entry.row.state), row[len(COLUMNS)])
                for entry, row in zip(entries, some, strict=True)
            ]

    def left_behind(self, table: str, file: str) -> Iterator[Sequence[str]]:
        """See `AppliedChanges.left_behind`."""
        found = self.database.execute(
            f"SELECT {', '.join(COLUMNS)} FROM {_APPLIED} WHERE run IN"
            " (SELECT id FROM ledger.run WHERE file = ?) AND NOT EXISTS"
            f" (SELECT 1 FROM {table} AS wanted INDEXED BY by_key WHERE wanted.key = {_APPLIED}.key)",
            (file,),
        )
        while some := found.fetchmany(TOGETHER):
            yield [entry_of(row).key for row in some]


@contextlib.contextmanager
def beside(path: Path, account: Account | None, database: sqlite3.Connection) -> Iterator[AppliedInFile]:
    """See `LedgerReader.beside`: the ledger at `path`, which is to be that of `account`, if one is given."""
    done, free = (", ".join(f"'{state.value}'" for state in states) for states in (DONE, FREE))
    with contextlib.closing(opened(path)) as connection:
        try:
            if account is not None:
                bound(connection, path, account)
            database.execute("ATTACH ? AS ledger", (f"{FileLocation.of(path).file.as_uri()}?mode=ro",))
            database.execute(
                f"CREATE TEMP VIEW {_APPLIED} AS SELECT {', '.join(COLUMNS)},"
                f" state = '{State.USED_ELSEWHERE.value}' AS elsewhere, state IN ({done}) AS done"
                f" FROM ledger.change WHERE state NOT IN ({free})"
            )
            yield AppliedInFile(database)
        except sqlite3.Error as error:
            raise unusable(path, error) from None
        finally:  # another ledger may be next, whatever is wrong with this one
            with contextlib.suppress(sqlite3.Error):
                database.execute(f"DROP VIEW IF EXISTS {_APPLIED}")
                database.execute("DETACH ledger")
