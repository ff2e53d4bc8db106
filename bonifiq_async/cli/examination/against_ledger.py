"""What a ledger knows of the rows of a file: what is applied, with which words, and under another amount."""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import cast

from bonifiq_async._model.errors import PayloadError
from bonifiq_async.cli.adapter import FileAdapter, FileChange
from bonifiq_async.cli.examination.kinds import ProblemKind
from bonifiq_async.cli.files.rows import Problem
from bonifiq_async.cli.language.phrase import Phrase, joined, phrase
from bonifiq_async.ledger.protocol import DONE
from bonifiq_async.ledger.sqlite.comparison import AppliedChanges, LedgerFile
from bonifiq_async.ledger.sqlite.reader import Recorded


@contextlib.contextmanager
def applied_under(ledger: Path, adapter: FileAdapter) -> Iterator[Callable[[str], Recorded | None]]:
    """Give what returns the change that a ledger has as applied under a key. Raises `ConfigurationError`."""
    operations = tuple(adapter.repeat_classes)
    database = sqlite3.connect("", isolation_level=None, uri=True)
    with contextlib.closing(database), LedgerFile(ledger).beside(database) as applied:
        yield lambda key: next((each for each in applied.under(key, operations) if each.state in DONE), None)


def second_amounts(
    known: AppliedChanges, adapter: FileAdapter, to_send: Callable[[int], bool]
) -> Iterator[Problem]:
    """Yield the rows to send for whose customer and reference the ledger has another change."""

    def purpose(key: str, customer: str, value: str, body: bytes) -> str | None:
        try:
            return adapter.purpose(key, customer, Decimal(value), body)
        except (ArithmeticError, PayloadError, ValueError):  # no amount or request of this version
            return None

    for found in known.of_one_purpose("seen", ("line", "value"), purpose):
        some = cast("Sequence[tuple[Recorded, tuple[int, str]]]", found)
        for kept, (line, value) in some:
            if to_send(line):
                change = kept.customer_id, Decimal(value)
                yield paid_twice(line, adapter, change, (kept.value, _place(kept)))


def _place(kept: Recorded) -> Phrase:
    if kept.run is None or kept.line is None:
        return phrase("the ledger")
    return phrase("line {line} of run {run} in the ledger", line=kept.line, run=kept.run)


def paid_twice(
    line: int, adapter: FileAdapter, change: tuple[str, Decimal], other: tuple[Decimal, Phrase]
) -> Problem:
    """Return what is said of a row of a customer and an amount, where there is another amount elsewhere."""
    customer, value = change
    message = phrase(
        "{customer} gets {amount} here, and {other} by {where} for the same reference",
        customer=customer,
        amount=adapter.money(value),
        other=adapter.money(other[0]),
        where=other[1],
    )
    column = (*adapter.columns.amounts, "value")[0]
    return Problem(line, column, message, ProblemKind.SECOND_AMOUNT, cell=value)


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
    if type(former) is not type(row):
        return None
    if former.value != row.value:
        differ.append(("value", adapter.money(former.value), adapter.money(row.value)))
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
