"""Which sheet of a spreadsheet is read, from which row on, and what a person should know of the others."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Protocol

from bonifiq_async._model.errors import ConfigurationError
from bonifiq_async._model.printable import printable
from bonifiq_async.cli.columns import Columns
from bonifiq_async.cli.language.phrase import joined, phrase
from bonifiq_async.cli.reading.amounts import text_of_number
from bonifiq_async.cli.reading.dialect import Fact, FormOptions
from bonifiq_async.cli.reading.headers import LOOKED_AT, SAID, Header, header_of, likely_header, missing
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


def likely_row(book: Workbook, sheet: str, form: FormOptions, columns: Columns) -> tuple[int, int | None]:
    """Return what `likely_header` does of the rows of a sheet."""
    looked_at = islice(book.rows(sheet), LOOKED_AT)
    return likely_header([(line, texts(cells)) for line, cells in looked_at], columns, form.columns)


def sheet_of(book: Workbook, file: str, form: FormOptions, columns: Columns) -> Fact:
    """Return the sheet to read: the one that was said, or the only one that may be meant.

    Where none has the columns that are needed, it is the one that comes nearest, of which is reported what
    it lacks.
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
    nearest = _nearest({name: likely_row(book, name, form, columns)[0] for name in seen})
    if not fits and nearest is not None:
        return Fact(nearest, phrase("the nearest sheet"))
    problem = phrase("{file} has no sheet with the columns that are needed", file=file)
    if fits:
        problem = phrase("{file} has several sheets with the columns that are needed", file=file)
    raise ConfigurationError(
        phrase(
            "{problem}. Say which sheet to read with --sheet: {names}. Nothing was sent.",
            problem=problem,
            names=listed,
        )
    )


def _nearest(known: Mapping[str, int]) -> str | None:
    """Return the sheet with the most columns that are known; None where two have as many, or none has any."""
    most = max(known.values(), default=0)
    best = [name for name, count in known.items() if count == most > 0]
    return best[0] if len(best) == 1 else None


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
