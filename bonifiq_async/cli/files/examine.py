"""The first reading of a file: every row is checked before anything is sent.

The rows are compared in a temporary database, so that memory does not grow with the file.
"""

import contextlib
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from itertools import chain
from typing import cast

from attrs import define, field, frozen

from bonifiq_async._model.errors import ConfigurationError
from bonifiq_async._model.money import SumsByUnit
from bonifiq_async.cli.adapter import FileAdapter, FileChange
from bonifiq_async.cli.examination.kinds import ProblemKind
from bonifiq_async.cli.examination.repeats import Repeats
from bonifiq_async.cli.files.rows import Problem, Source
from bonifiq_async.cli.language.phrase import phrase
from bonifiq_async.ledger.sqlite.reader import AppliedChanges, LedgerFile

TO_SEND, LEFT_OUT, SETTLED, USED_ELSEWHERE = range(4)


@define
class Marks:
    """What becomes of each line of a file, in a byte a line; what was never marked is to send."""

    _marks: bytearray = field(factory=bytearray)

    def put(self, lines: Sequence[int], mark: int) -> None:
        """Mark some lines, at least one."""
        missing = max(lines) + 1 - len(self._marks)
        if missing > 0:
            self._marks.extend(bytes(missing))
        for line in lines:
            self._marks[line] = mark

    def stands(self, mark: int) -> Callable[[int], bool]:
        """Return what says of a line whether it has `mark`."""
        marks, end = self._marks, len(self._marks)
        return lambda line: marks[line] == mark if line < end else mark == TO_SEND


@define
class CountedSums:
    """Changes that stand alike in a ledger: how many, and what they come to."""

    changes: int = 0
    sums: SumsByUnit = field(factory=SumsByUnit)


@frozen
class Plan:
    """What a file asks for: every change counts once, also those that a ledger has as applied.

    Of these, `used_elsewhere` are so by the provider's word alone, and `settled` are all others. Neither are
    sent, nor the rows left out: conflicts, and rows that repeat another, which are `repeated`.
    """

    source: Source
    changes: int
    customers: int
    sums: SumsByUnit
    repeats: int
    problems: int
    settled: CountedSums
    used_elsewhere: CountedSums
    marks: Marks = field(repr=False)
    repeated: Repeats = field(factory=Repeats, repr=False)

    @property
    def to_send(self) -> int:
        """How many changes are to be sent."""
        return self.changes - self.settled.changes - self.used_elsewhere.changes

    def read(self) -> Iterator[FileChange]:
        """Yield the changes to send, in the file's order."""
        return self._marked(TO_SEND, self.to_send)

    def read_settled(self) -> Iterator[FileChange]:
        """Yield the changes that are `settled`, in the file's order."""
        return self._marked(SETTLED, self.settled.changes)

    def read_used_elsewhere(self) -> Iterator[FileChange]:
        """Yield the changes that are `used_elsewhere`, in the file's order."""
        return self._marked(USED_ELSEWHERE, self.used_elsewhere.changes)

    def _marked(self, mark: int, count: int) -> Iterator[FileChange]:
        if not count:
            return iter(())  # the file need not be read again to know it
        rows = self.source.rows(self.marks.stands(mark))
        return (row for row in rows if not isinstance(row, Problem))


def examine(source: Source, on_problem: Callable[[Problem], None], ledger: LedgerFile | None = None) -> Plan:
    """Read `source` once, tell `on_problem` of each row that is not valid, and return what it asks for.

    Rows with the same key and the same change count once; rows with the same key and another change
    are all problems. A change that stands in `ledger` as applied is not sent; where another one stands under
    its key, the claim will say so. Raises `ConfigurationError` for what concerns the whole file
    or the ledger; a ledger that is not there yet has nothing in it.
    """
    with contextlib.ExitStack() as stack:
        database = stack.enter_context(contextlib.closing(_empty_database()))
        applied = None
        if ledger is not None and ledger.path.exists():
            applied = stack.enter_context(ledger.beside(database))
        marks = Marks()
        with _room_for(source):
            problems = _read(source, database, on_problem)
            problems += _leave_out_conflicts(database, on_problem, marks)
            repeated = _leave_out_repeats(database, marks)
            changes, sums, customers = _totals(database)
        settled, elsewhere = CountedSums(), CountedSums()
        if applied is not None:
            settled, elsewhere = _settled(applied, source.adapter, marks)
        return Plan(
            source, changes, customers, sums, len(repeated), problems, settled, elsewhere, marks, repeated
        )


def _empty_database() -> sqlite3.Connection:
    """Return a database for the rows; it is set up before a ledger is beside it, which no setting reaches."""
    # Unnamed: on disk when large, and gone when closed.
    database = sqlite3.connect("", isolation_level=None, uri=True)
    database.execute("PRAGMA journal_mode = OFF")
    database.execute(
        "CREATE TABLE seen"
        " (line INTEGER PRIMARY KEY, key TEXT, digest BLOB, unit TEXT, value TEXT, customer TEXT)"
    )
    return database


def _read(source: Source, database: sqlite3.Connection, on_problem: Callable[[Problem], None]) -> int:
    """Write the key of every row down, and the digest that a ledger would keep; return how many problems."""
    problems, adapter = 0, source.adapter
    for some in source.parts():
        rows = [row for row in some if not isinstance(row, Problem)]
        digests = [adapter.digest(row) for row in rows]
        cells = [
            (row.line, row.change_key, digest, adapter.unit_of(row), str(row.value), row.customer_id)
            for row, digest in zip(rows, digests, strict=True)
        ]
        if cells:  # one statement of many rows takes two thirds of the time of many statements
            # Of 166 at the most: SQLite before 3.32 takes 999 values (its "Limits", 9).
            places = ", ".join(["(?, ?, ?, ?, ?, ?)"] * len(cells))
            database.execute(f"INSERT INTO seen VALUES {places}", list(chain.from_iterable(cells)))
        for row in some:
            if isinstance(row, Problem):
                problems += 1
                on_problem(row)
    return problems


def _leave_out_conflicts(
    database: sqlite3.Connection, on_problem: Callable[[Problem], None], marks: Marks
) -> int:
    """Tell of each row whose key stands for two changes; return how many there are."""
    database.execute("CREATE INDEX by_key ON seen (key, digest, line, value)")
    # Of each key that comes twice: its first line, that one's digest (a bare column is that of the row
    # with the minimum: SQLite's documentation of SELECT, section 2.5), and the first line of another.
    database.execute(
        "CREATE TEMP TABLE shared AS SELECT key, digest, first, (SELECT min(line) FROM seen"
        " WHERE seen.key = early.key AND seen.digest <> early.digest) AS other"
        " FROM (SELECT key, digest, min(line) AS first FROM seen GROUP BY key HAVING count(*) > 1) early"
    )
    found = database.execute(
        "SELECT line, CASE seen.digest WHEN shared.digest THEN other ELSE first END"
        " FROM shared CROSS JOIN seen ON seen.key = shared.key WHERE other IS NOT NULL ORDER BY line"
    )
    conflicts = 0
    for line, other in found:
        conflicts += 1
        message = phrase("its key stands for another change in line {line}", line=other)
        on_problem(Problem(line, "change_key", message, ProblemKind.CONFLICT))
        marks.put([line], LEFT_OUT)
    database.execute("DELETE FROM seen WHERE key IN (SELECT key FROM shared WHERE other IS NOT NULL)")
    return conflicts


def _leave_out_repeats(database: sqlite3.Connection, marks: Marks) -> Repeats:
    """Leave out each row that repeats an earlier one; return which."""
    database.execute(
        "CREATE TEMP TABLE again AS SELECT first, line FROM shared CROSS JOIN seen"
        " ON seen.key = shared.key WHERE line > first"
    )
    database.execute("DELETE FROM seen WHERE line IN (SELECT line FROM again)")
    repeated = Repeats()
    for first, line in database.execute("SELECT first, line FROM again ORDER BY first, line"):
        repeated.put(first, line)
        marks.put([line], LEFT_OUT)
    return repeated


def _totals(database: sqlite3.Connection) -> tuple[int, SumsByUnit, int]:
    """Return how many changes are left, what they come to, and for how many customers they are."""
    changes, sums = 0, SumsByUnit()
    for unit, value, times in database.execute("SELECT unit, value, count(*) FROM seen GROUP BY unit, value"):
        changes += times
        sums.put(unit, Decimal(value), times)
    # Grouped, they are sorted; count(DISTINCT) takes five times as long for a million.
    grouped = "SELECT count(*) FROM (SELECT 1 FROM seen GROUP BY customer)"
    customers: int = database.execute(grouped).fetchone()[0]
    return changes, sums, customers


def _settled(applied: AppliedChanges, adapter: FileAdapter, marks: Marks) -> tuple[CountedSums, CountedSums]:
    """Mark what a ledger has as applied; return what is settled, and what was used elsewhere."""
    kinds = CountedSums(), CountedSums()
    for found in applied.among("seen", ("line", "unit", "value"), tuple(adapter.repeat_classes)):
        some = cast("Sequence[tuple[int, str, str, int]]", found)
        for elsewhere, mark in enumerate((SETTLED, USED_ELSEWHERE)):
            if lines := [row[0] for row in some if row[3] == elsewhere]:
                marks.put(lines, mark)
                kinds[elsewhere].changes += len(lines)
        for (unit, value, elsewhere), times in Counter(row[1:] for row in some).items():
            kinds[elsewhere].sums.put(unit, Decimal(value), times)
    return kinds


@contextlib.contextmanager
def _room_for(source: Source) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise ConfigurationError(
            phrase(
                "{file} cannot be checked: the temporary folder does not take it ({why}). Nothing was sent; "
                "free disk space there.",
                file=source.name,
                why=error,
            )
        ) from None
