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
from bonifiq_async.cli.examination.against_ledger import (
    ElsewhereLedger,
    LeftBehind,
    compared,
    in_other_ledgers,
    left_behind,
    paid_before,
    paid_twice,
)
from bonifiq_async.cli.examination.kinds import ProblemKind
from bonifiq_async.cli.examination.look_alikes import look_alikes
from bonifiq_async.cli.examination.marks import (
    LEFT_OUT,
    OTHER_CHANGE,
    SETTLED,
    TO_SEND,
    USED_ELSEWHERE,
    Marks,
)
from bonifiq_async.cli.examination.repeats import Repeats
from bonifiq_async.cli.files.private_files import temporary_database
from bonifiq_async.cli.files.rows import Problem, Source
from bonifiq_async.cli.language.phrase import phrase
from bonifiq_async.cli.origin import name_of
from bonifiq_async.ledger.comparison import OTHER, AppliedChanges
from bonifiq_async.ledger.protocol import State
from bonifiq_async.ledger.reader import LedgerReader

SEEN = """seen (
    line INTEGER PRIMARY KEY, key TEXT, digest BLOB, unit TEXT, value TEXT, customer TEXT, purpose TEXT
)"""
"""The table of a file's rows."""


@define
class CountedSums:
    """Changes that stand alike in a ledger: how many, and what they come to."""

    changes: int = 0
    sums: SumsByUnit = field(factory=SumsByUnit)


@frozen
class Plan:
    """What a file asks for: every change counts once, also those that a ledger has as applied.

    Of these, `used_elsewhere` are so by the provider's word alone, and `settled` are all others: `reworded`
    of them with other words than the file has. Neither are sent, nor the rows left out: conflicts, and rows
    that repeat another, which are `repeated`. `second_amounts` rows to send pay what is, or may be, paid
    under another amount or in another spelling, too. `left_behind` is applied and not in the file any more;
    `beside` are the ledgers beside a new one, with how many rows of the file each has.
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
    reworded: int = 0
    second_amounts: int = 0
    left_behind: LeftBehind = field(factory=LeftBehind)
    beside: Sequence[ElsewhereLedger] = ()

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


def _silent(problem: Problem) -> None:
    """Take no note."""


def examine(
    source: Source,
    on_problem: Callable[[Problem], None],
    ledger: LedgerReader | None = None,
    on_notice: Callable[[Problem], None] = _silent,
) -> Plan:
    """Read `source`, tell `on_problem` of each row that is not valid, and return what it asks for.

    Rows with the same key and the same change count once; rows with the same key and another change
    are all problems. A change that stands in `ledger` as applied is not sent; where another one stands under
    its key, that is a problem, too, unless it differs in words alone: then it is applied. `on_notice` gets
    what else is to be known of rows: repeats, other words, second amounts, ids that look alike.
    Raises `ConfigurationError` for what concerns the whole file or the ledger; a ledger that is not there yet
    has nothing in it.
    """
    with contextlib.ExitStack() as stack:
        database = stack.enter_context(contextlib.closing(temporary_database(SEEN)))
        applied, marks = None, Marks()
        if ledger is not None and ledger.exists():
            applied = stack.enter_context(ledger.beside(database))
        with _room_for(source):
            problems = _read(source, database, on_problem, marks)
            problems += _leave_out_conflicts(database, source.adapter, on_problem, marks)
            repeated = _leave_out_repeats(database, on_notice, marks)
        settled, elsewhere, reworded, seconds = CountedSums(), CountedSums(), 0, 0
        if applied is not None and _settled(applied, source.adapter, marks, (settled, elsewhere)):
            compare = _Comparison(applied, source, database, marks, (settled, elsewhere))
            reworded, conflicts = compare.run(on_problem, on_notice)
            problems += conflicts
        with _room_for(source):
            changes, sums, customers = _totals(database)
            for problem in () if source.kept else look_alikes(database, "customer"):
                on_notice(problem)
            known = applied if changes > settled.changes + elsewhere.changes else None
            for problem in _second_amounts(database, known, source, marks.stands(TO_SEND)):
                seconds += 1
                on_notice(problem)
            beside: Sequence[ElsewhereLedger] = ()
            if ledger is not None and applied is None:
                beside = in_other_ledgers(database, ledger, source.adapter)
            # Of a row that is not valid, the key is not known; nor is it of a row of another shard.
            whole = None if problems or source.shard is not None else applied
            behind = None if whole is None else left_behind(whole, name_of(source.name))
        return Plan(
            source,
            changes,
            customers,
            sums,
            len(repeated),
            problems,
            settled,
            elsewhere,
            marks,
            repeated,
            reworded,
            seconds,
            behind or LeftBehind(),
            beside,
        )


def _read(
    source: Source, database: sqlite3.Connection, on_problem: Callable[[Problem], None], marks: Marks
) -> int:
    """Write the key of every row down, and the digest that a ledger would keep; return how many problems."""
    problems, adapter = 0, source.adapter
    for some in source.parts():
        rows = [row for row in some if not isinstance(row, Problem)]
        if source.shard is not None:
            if others := [row.line for row in rows if not source.shard.has(row.customer_id)]:
                marks.put(others, LEFT_OUT)
            rows = [row for row in rows if source.shard.has(row.customer_id)]
        digests = [adapter.digest(row) for row in rows]
        cells = [
            (
                row.line,
                row.change_key,
                digest,
                adapter.unit_of(row),
                str(row.value),
                row.customer_id,
                adapter.row_purpose(row),
            )
            for row, digest in zip(rows, digests, strict=True)
        ]
        if cells:  # one statement of many rows takes two thirds of the time of many statements
            # Of 142 at the most: SQLite before 3.32 takes 999 values (its "Limits", 9).
            places = ", ".join(["(?, ?, ?, ?, ?, ?, ?)"] * len(cells))
            database.execute(f"INSERT INTO seen VALUES {places}", list(chain.from_iterable(cells)))
        for row in some:
            if isinstance(row, Problem):
                problems += 1
                on_problem(row)
    return problems


def _leave_out_conflicts(
    database: sqlite3.Connection, adapter: FileAdapter, on_problem: Callable[[Problem], None], marks: Marks
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
        "SELECT odd.*, seen.value, seen.unit FROM (SELECT line,"
        " CASE seen.digest WHEN shared.digest THEN other ELSE first END AS elsewhere, value, unit"
        " FROM shared CROSS JOIN seen ON seen.key = shared.key WHERE other IS NOT NULL) AS odd"
        " CROSS JOIN seen ON seen.line = elsewhere ORDER BY odd.line"
    )
    conflicts = 0
    for line, other, value, unit, there, unit_there in found:
        conflicts += 1
        message = phrase("its key stands for another change in line {line}", line=other)
        if (Decimal(value), unit) != (Decimal(there), unit_there):
            message = phrase(
                "{what}: {amount} here, and {other} there",
                what=message,
                amount=adapter.amount(Decimal(value), unit),
                other=adapter.amount(Decimal(there), unit_there),
            )
        on_problem(Problem(line, "change_key", message, ProblemKind.CONFLICT))
        marks.put([line], LEFT_OUT)
    database.execute("DELETE FROM seen WHERE key IN (SELECT key FROM shared WHERE other IS NOT NULL)")
    return conflicts


def _leave_out_repeats(
    database: sqlite3.Connection, on_notice: Callable[[Problem], None], marks: Marks
) -> Repeats:
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
        message = phrase("repeats line {first}, and is left out", first=first)
        on_notice(Problem(line, "row", message, ProblemKind.REPEAT))
    return repeated


def _totals(database: sqlite3.Connection) -> tuple[int, SumsByUnit, int]:
    """Return how many changes are left, what they come to, and for how many customers they are."""
    changes, sums = 0, SumsByUnit()
    for unit, value, times in database.execute("SELECT unit, value, count(*) FROM seen GROUP BY unit, value"):
        changes += times
        sums.put(unit, Decimal(value), times)
    database.execute("CREATE INDEX by_customer ON seen (customer, purpose)")
    # Grouped, they are sorted; count(DISTINCT) takes five times as long for a million.
    grouped = "SELECT count(*) FROM (SELECT 1 FROM seen GROUP BY customer)"
    customers: int = database.execute(grouped).fetchone()[0]
    return changes, sums, customers


def _settled(
    applied: AppliedChanges, adapter: FileAdapter, marks: Marks, kinds: Sequence[CountedSums]
) -> int:
    """Mark and count what a ledger has as applied: what is settled, and what was used elsewhere.

    Returns how many rows there are for whose key it may have another change, which are marked, too.
    """
    others = 0
    for found in applied.among("seen", ("line", "unit", "value"), tuple(adapter.repeat_classes)):
        some = cast("Sequence[tuple[int, str, str, int]]", found)
        for kind, mark in enumerate((SETTLED, USED_ELSEWHERE, OTHER_CHANGE)):
            if lines := [row[0] for row in some if row[3] == kind]:
                marks.put(lines, mark)
                others += len(lines) if kind == OTHER else 0
        for (unit, value, kind), times in Counter(row[1:] for row in some if row[3] != OTHER).items():
            kinds[kind].changes += times
            kinds[kind].sums.put(unit, Decimal(value), times)
    return others


@frozen
class _Comparison:
    """Rows for whose keys a ledger may have another change, compared one by one."""

    applied: AppliedChanges
    source: Source
    database: sqlite3.Connection
    marks: Marks
    kinds: Sequence[CountedSums]

    def run(
        self, on_problem: Callable[[Problem], None], on_notice: Callable[[Problem], None]
    ) -> tuple[int, int]:
        """Tell in what each row differs; return how many do in words alone, and how many are conflicts.

        The former are settled, the latter are left out: a claim of theirs would be refused.
        """
        adapter, counts = self.source.adapter, Counter[ProblemKind]()
        for row in self.source.rows(self.marks.stands(OTHER_CHANGE)):
            if isinstance(row, Problem):
                continue
            kept = self.applied.under([row.change_key], tuple(adapter.repeat_classes))
            self.marks.put([row.line], TO_SEND)
            both = ((each, compared(row, each, adapter)) for each in kept)
            change, problem = next((found for found in both if found[1] is not None), (None, None))
            if change is None or problem is None:
                continue
            counts[problem.kind] += 1
            if problem.kind is ProblemKind.CONFLICT:
                on_problem(problem)
                self.marks.put([row.line], LEFT_OUT)
                self.database.execute("DELETE FROM seen WHERE line = ?", (row.line,))
                continue
            on_notice(problem)
            elsewhere = change.state is State.USED_ELSEWHERE
            self.marks.put([row.line], USED_ELSEWHERE if elsewhere else SETTLED)
            self.kinds[elsewhere].changes += 1
            self.kinds[elsewhere].sums.put(adapter.unit_of(row), row.value)
        return counts[ProblemKind.OTHER_WORDS], counts[ProblemKind.CONFLICT]


def _second_amounts(
    database: sqlite3.Connection,
    known: AppliedChanges | None,
    source: Source,
    to_send: Callable[[int], bool],
) -> Iterator[Problem]:
    """Yield each row for whose customer and reference an earlier one, or a ledger, has another change."""
    found = database.execute(
        "SELECT seen.customer, seen.line, seen.value, seen.unit, early.line, early.value"
        " FROM (SELECT customer, purpose, min(line) AS first FROM seen WHERE purpose IS NOT NULL"
        " GROUP BY customer, purpose HAVING count(*) > 1) AS twice CROSS JOIN seen INDEXED BY by_customer"
        " ON seen.customer = twice.customer AND seen.purpose = twice.purpose AND seen.line > first"
        " CROSS JOIN seen AS early ON early.line = first"
    )
    for customer, line, value, unit, first, other in found:
        if to_send(line) or to_send(first):
            where = phrase("line {line}", line=first)
            yield paid_twice(line, source.adapter, (customer, Decimal(value), unit), (Decimal(other), where))
    if known is not None:
        yield from paid_before(database, known, source, to_send)


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
