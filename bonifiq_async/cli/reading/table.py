"""A file of whatever form as a table of the columns that are needed, on disk, with the rows' own numbers.

What is read from it later, twice, is read at the rate of plain CSV.
"""

import csv
import io
import string
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import IO

from attrs import define, field, frozen

from bonifiq_async._model.printable import printable
from bonifiq_async.cli.columns import Columns
from bonifiq_async.cli.examination.kinds import ProblemKind
from bonifiq_async.cli.files.formulas import has_guards, unguarded
from bonifiq_async.cli.files.rows import NumberedRow, Problem, Wanted
from bonifiq_async.cli.files.spoilt import Spoilt, exact_text, lost_zeros
from bonifiq_async.cli.files.unfit import broken, too_wide
from bonifiq_async.cli.language.packing import packed, unpacked
from bonifiq_async.cli.language.phrase import Phrase, joined, phrase
from bonifiq_async.cli.reading.amounts import MarkEvidence, read_amount, readings, text_of_number
from bonifiq_async.cli.reading.headers import Header
from bonifiq_async.cli.reading.sheets.cells import Bad, Cell, letters

RawRow = tuple[int, int, Sequence[Cell]]
"""First line, last line and cells of a row of a file."""

LONGEST = 100_000
"""Characters of a cell; Excel's have 32,767 at the most, and csv takes 131,072."""
_LETTERS = string.ascii_letters
"""By the place of a column: a row has the letters of those whose cells are numbers."""


_WHAT = {
    str(what): what
    for what in (
        phrase("true or false"),
        phrase("an error"),
        phrase("a date"),
        phrase("a date or a time"),
        phrase("a percentage"),
        phrase("a number that is shown as another text"),
        phrase("a formula without a value: open and save the file in a spreadsheet"),
        phrase("a formula that was not calculated: open and save the file in a spreadsheet"),
        phrase("a text with half a character"),
        phrase("no number"),
        phrase("of no known kind"),
    )
}
"""What a cell is of which no use is made here: each `Bad.what`."""


@define
class TableWriter:
    """Writes the rows of a file with a `header`, and notes what their amounts say of the decimal mark.

    In a `grid` the cells are surely those of their columns. In text, a stray quote swallows rows.
    """

    _out: IO[bytes]
    _columns: Columns
    _header: Header
    _grid: bool
    evidence: dict[str, MarkEvidence] = field(init=False)

    def __attrs_post_init__(self) -> None:
        used = {column.name for column in self._header.columns}
        amounts = [name for name in self._columns.amounts if name in used]
        self.evidence = {name: MarkEvidence(self._columns.currency_of(name)) for name in amounts}

    def write(self, rows: Iterator[RawRow]) -> None:
        """Write the rows that have anything in them."""
        text = io.TextIOWrapper(self._out, encoding="utf-8", newline="")
        try:
            put = csv.writer(text).writerow
            names = self._columns.names
            used = [(each.at, names.index(each.name), each.name) for each in self._header.columns]
            amounts = [(names.index(name), each) for name, each in self.evidence.items()]
            for line, last, cells in rows:
                if not self._grid:
                    if not any(isinstance(cell, str) and cell.strip() for cell in cells):
                        continue
                    if (problem := self._torn(cells, spans=last > line)) is not None:
                        put((line, last, problem[0], packed(problem[1]), problem[2]))
                        continue
                read = self._texts(line, cells, used)
                if len(read) == 3:
                    put((line, last, read[0], packed(read[1]), read[2]))
                    continue
                kinds, row = read
                if not kinds and self._grid and not any(row):
                    continue
                for at, evidence in amounts:
                    if row[at] and _LETTERS[at] not in kinds:
                        evidence.put(line, row[at])
                put((line, last, "", kinds, *row))
        finally:
            text.detach()

    def _texts(
        self, line: int, cells: Sequence[Cell], used: Sequence[tuple[int, int, str]]
    ) -> tuple[str, list[str]] | Spoilt:
        """Return which cells of a row are numbers, by letters, and its texts; or what is wrong with one.

        `used` are the columns that are needed: their places in the file and among `names`, and their names.
        """
        numbers, row, width = "", [""] * len(self._columns.names), len(cells)
        guards = not self._grid and has_guards(self._header.names)
        for place, at, name in used:
            cell = cells[place] if place < width else ""
            if isinstance(cell, str):
                cell = unguarded(cell) if guards else cell
                text = cell.strip()
                if self._grid and ("\n" in text or "\r" in text) and name not in self._columns.multiline:
                    return name, broken(name), ProblemKind.LINE_BREAK
                if len(cell) > LONGEST:
                    said = phrase(
                        "{name} has {count:,} characters, more than a cell of a spreadsheet",
                        name=name,
                        count=len(cell),
                    )
                    return name, said, ProblemKind.INVALID
                row[at] = cell if text and name in self._columns.keys else text
            else:
                read = (
                    self._bad(name, cell, f"{letters(place + 1)}{line}")
                    if isinstance(cell, Bad)
                    else self._number(name, cell)
                )
                if isinstance(read, tuple):
                    return read
                numbers += _LETTERS[at]
                row[at] = read
        return numbers, row

    def _torn(self, cells: Sequence[Cell], *, spans: bool) -> Spoilt | None:
        """Return what is wrong with a row of text as a whole: a line break in a cell, or too many cells."""
        names = self._header.names
        for at, cell in enumerate(cells) if spans else ():
            if isinstance(cell, str) and ("\n" in cell or "\r" in cell):
                name = (names[at] if at < len(names) else "") or phrase("column {number}", number=at + 1)
                if name not in self._columns.multiline:
                    return name, broken(name), ProblemKind.LINE_BREAK
        if any(cells[len(names) :]):
            return "row", too_wide(len(cells), len(names)), ProblemKind.BROKEN_ROW
        return None

    def _bad(self, name: str, cell: Bad, place: str) -> Spoilt:
        """Return the column of a cell of no use, what is wrong with it, and where that stands."""
        what = joined([_WHAT.get(cell.what, cell.what), *([f"{cell.text!r:.40}"] if cell.text else [])])
        form = phrase("a text")
        if name in self.evidence:
            whole = name in self._columns.counts
            form = phrase("a whole number") if whole else phrase("an amount, such as 12.50,")
        said = phrase(
            "{name} is {what}; write {form} in cell {cell}, under {header}",
            name=name,
            what=what,
            form=form,
            cell=place,
            header=next(printable(each.header) for each in self._header.columns if each.name == name),
        )
        return name, said, ProblemKind.NO_TEXT

    def _number(self, name: str, cell: float) -> str | Spoilt:
        """Return a number as a text; or its column, and what is wrong with it."""
        text = text_of_number(cell)
        if text is None:
            said = phrase(
                "{name} is a number of which a spreadsheet keeps the first 15 digits alone; make its column "
                "one of text",
                name=name,
            )
            return name, said, ProblemKind.SPOILT
        if name in self._columns.documents and (lost := lost_zeros(name, text, number=True)) is not None:
            return name, lost, ProblemKind.LOST_ZEROS
        return text


@frozen
class TableFile:
    """A table that was written, and the decimal mark of each of its columns of amounts.

    `priced` are those whose header says that they have money, each with it.
    """

    path: Path
    columns: Columns
    marks: Mapping[str, str]
    priced: Mapping[str, str] = field(factory=dict)

    def rows(self, wanted: Wanted) -> Iterator[NumberedRow]:
        """Yield the rows of the lines `wanted`, amounts with a point."""
        names = self.columns.names
        known = self.columns.currency_of
        amounts = [(names.index(name), name, mark, known(name)) for name, mark in self.marks.items()]
        with self.path.open(encoding="utf-8", newline="") as text:
            for first, last, column, kinds, *cells in csv.reader(text):
                line = int(first)
                if not wanted(line):
                    continue
                end = int(last)
                problem: Problem | None = None
                if column:
                    problem = Problem(line, column, unpacked(kinds), ProblemKind(cells[0]), end)
                row: list[str | None] = [cell or None for cell in cells]
                counted = None if problem else self.columns.counted_by(row)
                for at, name, mark, currency in amounts if problem is None else ():
                    cell = row[at]
                    if cell is not None and counted is not None and name in self.priced:
                        wrong = _no_money(name, f"{cell!r:.40} ({self.priced[name]})", counted)
                        problem = Problem(line, name, wrong, ProblemKind.NO_AMOUNT, end, cell)
                    elif cell is not None and _LETTERS[at] not in kinds:
                        read = read_amount(cell, mark, currency)
                        if isinstance(read, tuple):
                            problem = Problem(line, name, joined((name, read[0]), " "), read[1], end, cell)
                        elif counted is not None and currency and not readings(cell):
                            wrong = _no_money(name, f"{cell!r:.40}", counted)
                            problem = Problem(line, name, wrong, ProblemKind.NO_AMOUNT, end, cell)
                        elif (said := self._too_exact(name, cell, mark, read)) is not None:
                            problem = Problem(line, name, said, ProblemKind.DECIMALS, end, cell)
                        else:
                            row[at] = f"{read:f}"
                yield line, end, problem if problem is not None else tuple(row)

    def _too_exact(self, name: str, cell: str, mark: str, amount: Decimal) -> Phrase | None:
        """Say of a cell as it is written that it has too many decimals, and what it is by the other mark."""
        exponent, decimals = amount.as_tuple().exponent, self.columns.decimals_of(name)
        if decimals is None or not isinstance(exponent, int) or -exponent <= decimals:
            return None
        read = readings(cell, self.columns.currency_of(name))
        others = [(f"{read[each]:f}", each) for each in read if each != mark]
        return exact_text(name, cell, decimals, others[0] if others else None)


def _no_money(name: str, cell: str, counted: str) -> Phrase:
    """Say of a cell with a currency that its row is of no money."""
    return phrase(
        "{name} is {cell}, with a currency, and its row is of {kind}, which are no money: one of the two is "
        "a mistake",
        name=name,
        cell=cell,
        kind=f"{counted!r:.40}",
    )
