"""What a ledger knows of the rows of a file: what is applied, with which words, and under another amount."""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import cast

from attrs import field, frozen

from bonifiq_async._model.errors import ConfigurationError, LedgerError, PayloadError
from bonifiq_async.cli.adapter import FileAdapter, FileChange
from bonifiq_async.cli.examination.kinds import ProblemKind
from bonifiq_async.cli.examination.look_alikes import difference, likeness, plain
from bonifiq_async.cli.examination.marks import Marks
from bonifiq_async.cli.files.rows import Problem, Source
from bonifiq_async.cli.language.phrase import Phrase, joined, phrase
from bonifiq_async.ledger.comparison import AppliedChanges
from bonifiq_async.ledger.protocol import DONE
from bonifiq_async.ledger.reader import LedgerReader
from bonifiq_async.ledger.recorded import Recorded

_LIKELY = (
    "CREATE TABLE likely AS SELECT likeness(customer, purpose, key) AS likeness, line, key,"
    " plain(customer) AS customer FROM seen"
)


@frozen
class EarlierChanges:
    """The changes that a ledger has as applied, looked up by their keys: many at once cost little more."""

    applied: AppliedChanges
    operations: Sequence[str]
    _known: dict[str, Recorded | None] = field(factory=dict)

    def look_up(self, keys: Sequence[str]) -> None:
        """Look up the keys that are asked for next, in place of those before."""
        self._known.clear()
        self._known.update(dict.fromkeys(keys))
        found = self.applied.under(keys, self.operations)
        self._known.update({each.key: each for each in found if each.state in DONE})

    def under(self, key: str) -> Recorded | None:
        """Return the change that is applied under a key, if there is one."""
        if key not in self._known:
            self.look_up([key])
        return self._known[key]


@contextlib.contextmanager
def earlier_changes(ledger: LedgerReader, adapter: FileAdapter) -> Iterator[EarlierChanges]:
    """Give the changes that a ledger has as applied. Raises `ConfigurationError`."""
    database = sqlite3.connect("", isolation_level=None, uri=True)
    with contextlib.closing(database), ledger.beside(database) as applied:
        yield EarlierChanges(applied, tuple(adapter.repeat_classes))


@frozen
class LeftBehind:
    """Changes that a ledger has of a file, which no longer has them: how many, and the key of the `first`."""

    changes: int = 0
    first: str = ""


def left_behind(known: AppliedChanges, file: str) -> LeftBehind:
    """Return what earlier runs may have applied from a file, by the name that a ledger has of it."""
    count, first = 0, ""
    for keys in known.left_behind("seen", file):
        count, first = count + len(keys), first or keys[0]
    return LeftBehind(count, first)


@frozen
class ElsewhereLedger:
    """A ledger in the folder of a new one, and how many `rows` of the file it has, or probably has.

    None where it could not be compared: it is another account's, or cannot be read.
    """

    ledger: LedgerReader
    rows: int | None


def in_other_ledgers(
    database: sqlite3.Connection, new: LedgerReader, adapter: FileAdapter
) -> Sequence[ElsewhereLedger]:
    """Return the ledgers beside a new one, that with the most rows of the file first."""
    found = []
    for other in new.others():
        try:
            with other.beside(database) as known:
                rows = _rows_in(database, known, adapter) if known.provider == adapter.name else 0
        except (ConfigurationError, LedgerError):
            rows = None
        found.append(ElsewhereLedger(other, rows))
    return sorted(found, key=lambda each: -(each.rows or 0))


def _rows_in(database: sqlite3.Connection, known: AppliedChanges, adapter: FileAdapter) -> int:
    paid = Marks()
    for some in known.among("seen", ("line",), tuple(adapter.repeat_classes)):
        paid.put([cast(int, line) for line, _ in some], 1)
    for alike in _alike(database, known, adapter):
        paid.put([line for _, line in alike], 1)
    return paid.count(1)


def paid_before(
    database: sqlite3.Connection,
    known: AppliedChanges,
    source: Source,
    to_send: Callable[[int], bool],
) -> Iterator[Problem]:
    """Yield the rows to send for whose customer and reference the ledger has another change.

    These may be written in another way there, unless the file itself has both: that is shown of its rows. Of
    a file in shards, all that its workers have applied would be read, by each of them.
    """
    adapter = source.adapter
    for some in _alike(database, known, adapter, "" if source.shard is None else source.shard.digest):
        for kept, line in some:
            if not to_send(line):
                continue
            key, customer, value, unit, purpose = database.execute(
                "SELECT key, customer, value, unit, purpose FROM seen WHERE line = ?", (line,)
            ).fetchone()
            change = customer, Decimal(value), unit
            if (customer, purpose) == (kept.customer_id, _purpose(adapter, *_cells(kept))) and purpose:
                yield paid_twice(line, adapter, change, (kept.value, _place(kept)))
            elif not database.execute("SELECT 1 FROM seen WHERE key = ?", (kept.key,)).fetchone():
                yield _written_otherwise(line, adapter, (key, purpose, *change), kept)


def _alike(
    database: sqlite3.Connection, known: AppliedChanges, adapter: FileAdapter, apart_from: str = ""
) -> Iterator[Sequence[tuple[Recorded, int]]]:
    """Yield what a ledger may have applied that is probably for customer and reference of a line."""

    def of_recorded(key: str, customer: str, value: str, body: bytes) -> str:
        return likeness(customer, _purpose(adapter, key, customer, value, body), key)

    database.create_function("likeness", 3, likeness, deterministic=True)
    database.create_function("plain", 1, plain, deterministic=True)
    # Made for a ledger that is there alone, and once: an index needs no function then.
    if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'likely'").fetchone():
        database.execute(_LIKELY)
        database.execute("CREATE INDEX by_likeness ON likely (likeness, line, key)")
    return known.alike("likely", of_recorded, apart_from)


def _cells(kept: Recorded) -> tuple[str, str, str, bytes]:
    return kept.key, kept.customer_id, str(kept.value), kept.body


def _purpose(adapter: FileAdapter, key: str, customer: str, value: str, body: bytes) -> str | None:
    try:
        return adapter.purpose(key, customer, Decimal(value), body)
    except (ArithmeticError, PayloadError, ValueError):  # no amount or request of this version
        return None


def _reference(purpose: str | None, key: str) -> str:
    return key if purpose is None else purpose.partition("-")[2]


def _written_otherwise(
    line: int, adapter: FileAdapter, row: tuple[str, str | None, str, Decimal, str], kept: Recorded
) -> Problem:
    key, purpose, customer, value, unit = row
    which, one, other = phrase("the customer"), customer, kept.customer_id
    if one == other:
        kept_for = _purpose(adapter, *_cells(kept))
        which, one, other = phrase("the reference"), _reference(purpose, key), _reference(kept_for, kept.key)
    message = phrase(
        "{key} ({amount}) is probably {other} ({paid}), by {where}: {which} differs in {what}",
        key=ascii(key),
        amount=adapter.amount(value, unit),
        other=ascii(kept.key),
        paid=adapter.amount(kept.value, adapter.unit_of(kept)),
        where=_place(kept),
        which=which,
        what=difference(one, other),
    )
    return Problem(line, adapter.columns.keys[0], message, ProblemKind.PAID_ALIKE, cell=key)


def _place(kept: Recorded) -> Phrase:
    if kept.run is None or kept.line is None:
        return phrase("the ledger")
    return phrase("line {line} of run {run} in the ledger", line=kept.line, run=kept.run)


def paid_twice(
    line: int, adapter: FileAdapter, change: tuple[str, Decimal, str], other: tuple[Decimal, Phrase]
) -> Problem:
    """Return what is said of a row of a customer and an amount, where there is another amount elsewhere.

    Both are in the unit that stands behind the amount.
    """
    customer, value, unit = change
    apart, is_more = adapter.amount(abs(value - other[0]), unit), abs(value) > abs(other[0])
    more = phrase("{amount} more", amount=apart) if is_more else phrase("{amount} less", amount=apart)
    message = phrase(
        "{customer} gets {amount} here, and {other} by {where} for the same reference: {difference}",
        customer=customer,
        amount=adapter.amount(value, unit),
        other=adapter.amount(other[0], unit),
        where=other[1],
        difference=more,
    )
    return Problem(line, adapter.column_of(unit), message, ProblemKind.SECOND_AMOUNT, cell=value)


def compared(row: FileChange, kept: Recorded, adapter: FileAdapter) -> Problem | None:
    """Return in what a row differs from the change that a ledger has under its key.

    Where that is applied, and other words are all, it is no conflict. None where it is of another operation,
    for which the key may count by itself, or was sent by a version that took others: the claim decides.
    """
    cells = dict(zip(adapter.export_columns, adapter.export_cells(kept), strict=True))
    words = {name: getattr(row, name) for name in adapter.columns.words if hasattr(row, name)}
    names, differ = adapter.columns.names, list[tuple[str, object, object]]()
    try:
        former = adapter.read_row(0, tuple(map(cells.get, names)))
        said = adapter.read_row(0, tuple(map({**cells, **words}.get, names)))
    except PayloadError:
        return None
    units = adapter.unit_of(former), adapter.unit_of(row)
    if type(former) is not type(row) and adapter.changes[kept.operation].own_keys:
        return None
    if (former.value, units[0]) != (row.value, units[1]):
        was_paid, now_paid = map(adapter.amount, (former.value, row.value), units)
        differ.append((adapter.column_of(units[1]), was_paid, now_paid))
    if kept.customer_id != row.customer_id:
        differ.append(("customer", kept.customer_id, row.customer_id))
    differ += [(name, was, now) for name, now in words.items() if (was := getattr(former, name, None)) != now]
    shown = joined(
        phrase('{name}: "{former}", now "{now}"', name=name, former=was or "", now=now or "")
        for name, was, now in differ
    )
    if differ and kept.state in DONE and adapter.digest(said) == adapter.digest(row):
        return Problem(row.line, differ[0][0], shown, ProblemKind.OTHER_WORDS, cell=differ[0][2])
    message = phrase("its key stands for another change, by {where}", where=_place(kept))
    if differ:
        message = phrase("{what}: {differences}", what=message, differences=shown)
    return Problem(row.line, "change_key", message, ProblemKind.CONFLICT, cell=row.change_key)
