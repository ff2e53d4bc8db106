"""A ledger beside a table of changes, such as the rows of a file: which of them it knows."""

import contextlib
import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

from attrs import frozen

from bonifiq_async.ledger.protocol import DONE, FREE, Account, State
from bonifiq_async.ledger.sqlite.connection import opened, unusable
from bonifiq_async.ledger.sqlite.header import bound
from bonifiq_async.ledger.sqlite.location import FileLocation
from bonifiq_async.ledger.sqlite.reader import Recorded, recorded_of
from bonifiq_async.ledger.sqlite.row import COLUMNS, TOGETHER, entry_of, under, vouch

_APPLIED = "applied"
"""The view of what is or may be applied, as it lies in the file: is it `done`, and used `elsewhere`?"""
OTHER = 2
"""See `AppliedChanges.among`."""


@frozen
class AppliedChanges:
    """What a ledger has as applied, to be compared with a table of `database` (see `LedgerFile.beside`)."""

    database: sqlite3.Connection

    @property
    def provider(self) -> str | None:
        """The provider of the ledger, None when nothing was sent yet."""
        found: str | None = self.database.execute("SELECT provider FROM ledger.book").fetchone()[0]
        return found

    def among(
        self, table: str, columns: Sequence[str], operations: Collection[str]
    ) -> Iterator[Sequence[tuple[object, ...]]]:
        """Yield rows of `table` whose change is applied, some at a time, each as its `columns` and a number.

        The number is 1 where the key was used elsewhere, `OTHER` where another change may have been applied
        under the key, else 0. The table has the columns `key` and `digest`, and an index `by_key` that begins
        with them: in its order the ledger is read from front to end. Raises when what is read is not what was
        written.
        """
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

    def under(self, key: str, operations: Collection[str]) -> Sequence[Recorded]:
        """Return what may have been applied under a key, by operations. Raises as `among`."""
        found = [each for each in under(self.database, key) if each.operation in operations]
        return [recorded_of(each, each.row.state) for each in found if each.row.state not in FREE]

    def alike(
        self, table: str, likeness: Callable[[str, str, str, bytes], str | None]
    ) -> Iterator[Sequence[tuple[Recorded, int]]]:
        """Yield what may have been applied that is like a row of `table` and has another key.

        Some at a time, each with the `line` of the row. The table has the columns `line`, `key` and
        `likeness`, and an index `by_likeness` on that. `likeness` gets key, customer, value and body of a
        change, and does not raise. Raises as `among`.
        """
        self.database.create_function("likeness_of", 4, likeness, deterministic=True)
        found = self.database.execute(
            f"SELECT {', '.join(f'{_APPLIED}.{name}' for name in COLUMNS)}, wanted.line"
            f" FROM {_APPLIED} CROSS JOIN {table} AS wanted INDEXED BY by_likeness"
            f" ON wanted.key <> {_APPLIED}.key AND wanted.likeness ="
            f" likeness_of({_APPLIED}.key, {_APPLIED}.customer_id, {_APPLIED}.value, {_APPLIED}.body)"
        )
        while some := found.fetchmany(TOGETHER):
            entries = [entry_of(row[: len(COLUMNS)]) for row in some]
            yield [
                (recorded_of(entry, entry.row.state), row[len(COLUMNS)])
                for entry, row in zip(entries, some, strict=True)
            ]

    def left_behind(self, table: str, file: str) -> Iterator[Sequence[str]]:
        """Yield keys of what may have been applied from `file` in earlier runs and is not in `table`.

        Some at a time; the table is that of `among`. Raises as `among`.
        """
        found = self.database.execute(
            f"SELECT {', '.join(COLUMNS)} FROM {_APPLIED} WHERE run IN"
            " (SELECT id FROM ledger.run WHERE file = ?) AND NOT EXISTS"
            f" (SELECT 1 FROM {table} AS wanted INDEXED BY by_key WHERE wanted.key = {_APPLIED}.key)",
            (file,),
        )
        while some := found.fetchmany(TOGETHER):
            yield [entry_of(row).key for row in some]


@frozen
class LedgerFile:
    """The ledger at `path`, which is to be that of `account`: a provider and a fingerprint.

    Without one, any account's will do: nothing is sent.
    """

    path: Path
    account: Account | None = None

    def others(self) -> Sequence["LedgerFile"]:
        """Return the ledgers that stand in the same folder by their ending, the latest written first."""
        found = (each for each in self.path.parent.glob("*.ledger") if each.is_file())
        latest = sorted(found, key=lambda each: each.stat().st_mtime, reverse=True)
        return [LedgerFile(each, self.account) for each in latest if each != self.path]

    @contextlib.contextmanager
    def beside(self, database: sqlite3.Connection) -> Iterator[AppliedChanges]:
        """Give what is applied, to `database`: a connection opened with `uri`, in no transaction.

        It sees what stands there when it looks, while others write, and writes nothing there itself. Raises
        `ConfigurationError` for what is no ledger that can be used, is another account's, or turns out to be
        damaged within.
        """
        done, free = (", ".join(f"'{state.value}'" for state in states) for states in (DONE, FREE))
        with contextlib.closing(opened(self.path)) as connection:
            try:
                if self.account is not None:
                    bound(connection, self.path, self.account)
                database.execute(
                    "ATTACH ? AS ledger", (f"{FileLocation.of(self.path).file.as_uri()}?mode=ro",)
                )
                database.execute(
                    f"CREATE TEMP VIEW {_APPLIED} AS SELECT {', '.join(COLUMNS)},"
                    f" state = '{State.USED_ELSEWHERE.value}' AS elsewhere, state IN ({done}) AS done"
                    f" FROM ledger.change WHERE state NOT IN ({free})"
                )
                yield AppliedChanges(database)
            except sqlite3.Error as error:
                raise unusable(self.path, error) from None
            finally:  # another ledger may be next, whatever is wrong with this one
                with contextlib.suppress(sqlite3.Error):
                    database.execute(f"DROP VIEW IF EXISTS {_APPLIED}")
                    database.execute("DETACH ledger")
