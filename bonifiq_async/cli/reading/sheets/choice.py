"""Which sheet of a spreadsheet is read, from which row on, and what a person should know of the others."""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Protocol

from bonifiq_async._model.errors import ConfigurationError
from bonifiq_async._model.printable import printable
from bonifiq_async.cli.columns import Columns
from bonifiq_async.cli.language.phrase import joined, phrase
from bonifiq_async.cli.reading.amounts import text_of_number
from bonifiq_async.cli.reading.dialect import Fact, FormOptions
from bonifiq_async.cli.reading.headers import SAID, Header, header_of, missing
from bonifiq_async.cli.reading.sheets.cells import Bad, Cell, Sheet, SheetRow


class Workbook(Protocol):
    """A spreadsheet that is open; its `notes` are known once the rows of a sheet are read."""

    @property
    def sheets(self) -> tuple[Sheet, ...]: ...

    @property
    def notes(self) -> Sequence[str]: ...

    def rows(self, sheet: str) -> Iterator[SheetRow]:
        """Yield the rows of a sheet that have cells, each with its number. Raises `NotRead`."""
        ...


def rows_from(book: Workbook, sheet: str, header: int | None) -> Iterator[SheetRow]:
    """Yield the rows of a sheet from its header on, which is the first one if no other was said.

    Where the row that was said has nothing in it, the first one is empty.
    """
    rows = book.rows(sheet)
    first = next((row for row in rows if header is None or row[0] >= header), None)
    if first is None or (header is not None and first[0] != header):
        return iter([(header or 1, [])])
    return chain([first], rows)


def texts(cells: Sequence[Cell]) -> list[str]:
    """Return the cells of a header as texts."""
    return [
        cell if isinstance(cell, str) else "" if isinstance(cell, Bad) else text_of_number(cell) or ""
        for cell in cells
    ]


def sheet_of(book: Workbook, file: str, form: FormOptions, columns: Columns) -> Fact:
    """Return the sheet to read: the one that was said, or the only one that may be meant.

    Raises `ConfigurationError`, which names the `file`.
    """
    names = [sheet.name for sheet in book.sheets]
    listed = joined(map(printable, names))
    if form.sheet is not None:
        if form.sheet in names:
            return Fact(form.sheet, SAID)
        if form.sheet.isascii() and form.sheet.isdigit() and 0 < int(form.sheet) <= len(names):
            return Fact(names[int(form.sheet) - 1], SAID)
        raise ConfigurationError(
            phrase(
                "{file} has no sheet {name}; there are {names}.",
                file=file,
                name=printable(form.sheet),
                names=listed,
            )
        )
    seen = [sheet.name for sheet in book.sheets if not sheet.hidden]
    if len(seen) == 1:
        hidden = len(names) > 1
        return Fact(
            seen[0], phrase("the only sheet that is not hidden") if hidden else phrase("the only sheet")
        )
    fits = []
    for name in seen:
        _, first = next(rows_from(book, name, form.header_row))
        header = header_of(texts(first), columns, form.columns)
        if isinstance(header, Header) and not missing(header, columns):
            fits.append(name)
    if len(fits) == 1:
        return Fact(fits[0], phrase("the only sheet with the columns that are needed"))
    how_many = phrase("several sheets") if fits else phrase("no sheet")
    raise ConfigurationError(
        phrase(
            "{file} has {sheets} with the columns that are needed. Say which sheet to read with --sheet: "
            "{names}. Nothing was sent.",
            file=file,
            sheets=how_many,
            names=listed,
        )
    )


def other_sheets(book: Workbook, sheet: Fact) -> Iterator[str]:
    """Yield what a person should know of the sheets that are not read, and of the one that is."""
    for hidden in (False, True):
        names = [each.name for each in book.sheets if each.hidden is hidden and each.name != sheet.value]
        listed = joined(map(printable, names))
        if names and hidden:
            yield phrase("hidden sheets that are not read: {names}", names=listed)
        elif names:
            yield phrase("sheets that are not read: {names}", names=listed)
    if any(each.hidden for each in book.sheets if each.name == sheet.value):
        yield phrase("the sheet that is read is hidden")
