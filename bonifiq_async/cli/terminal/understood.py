"""How a file is understood, shown before anything is sent."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from itertools import islice
from typing import TYPE_CHECKING

from bonifiq_async._model.printable import printable
from bonifiq_async.cli.files.rows import every
from bonifiq_async.cli.language.phrase import phrase
from bonifiq_async.cli.terminal.screen import say
from bonifiq_async.cli.terminal.tables import Table, say_table

if TYPE_CHECKING:
    from bonifiq_async.cli.files.rows import Source
    from bonifiq_async.cli.reading.dialect import Dialect

ROWS = 3
"""Rows that are shown as they were understood."""

_SIGNS = {"\t": phrase("tab")}


def say_understood(source: "Source") -> None:
    """Say how a file is understood, unless it has the plain form, of which nothing is guessed."""
    dialect = source.dialect
    if dialect is None or dialect.plain:
        return
    say(phrase("{file} is read as {kind}:", file=source.name, kind=dialect.kind))
    facts = Table(show_header=False)
    for name, found in dialect.facts().items():
        facts.add_row(name, _SIGNS.get(found.value, found.value), found.proof)
    for column in dialect.columns:
        facts.add_row(phrase("column {name}", name=printable(column.header)), column.name, column.proof)
    say_table(facts)
    if dialect.notes:
        say(*dialect.notes)
    say_table(_rows(source, dialect))


def _rows(source: "Source", dialect: "Dialect") -> Table:
    names = source.adapter.columns.names
    used = [names.index(column.name) for column in dialect.columns]
    columns, here = source.adapter.columns, {column.name for column in dialect.columns}
    amounts = {names.index(name): source.adapter.shown_as(name, here) for name in columns.amounts}
    table = Table(title=phrase("The first rows, as they were understood"), title_justify="left")
    for name in (phrase("line"), *(names[at] for at in used)):
        table.add_column(name, overflow="fold")
    good = (row for row in source.cells(every) if isinstance(row[2], tuple))
    for line, _, cells in islice(good, ROWS):
        table.add_row(f"{line}", *_texts(cells, used, amounts))
    return table


def _texts(
    cells: object, used: Sequence[int], amounts: Mapping[int, Callable[[Decimal], str]]
) -> Sequence[str]:
    if not isinstance(cells, tuple):
        return ()
    return [_amount(cells[at], amounts[at]) if at in amounts else str(cells[at] or "") for at in used]


def _amount(cell: object, money: Callable[[Decimal], str]) -> str:
    """Return an amount as the reader writes it: what the file has for a decimal mark is seen above."""
    try:
        return "" if cell is None else money(Decimal(str(cell)))
    except InvalidOperation:
        return str(cell)
