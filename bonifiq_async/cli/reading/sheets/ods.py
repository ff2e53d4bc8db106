"""Sheets of an .ods file, row by row, from the XML in which they are: memory does not grow with the sheet.

Other readers have an error as an empty cell and a percentage as its number, and leave out the tabs in a text.
The form is that of OpenDocument 1.3, part 3, chapters 6 and 9. An error is marked by LibreOffice alone; of
other programs, a formula whose text looks like one is taken for it.
"""

import math
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence

from attrs import define, field, frozen

from bonifiq_async.cli.language.phrase import phrase
from bonifiq_async.cli.reading.sheets.cells import (
    Bad,
    Cell,
    HiddenRows,
    NotRead,
    Sheet,
    SheetRow,
    hidden_columns,
    letters,
)
from bonifiq_async.cli.reading.sheets.office_parts import nothing, open_part, parse_names
from bonifiq_async.cli.reading.sheets.xlsx import (
    MOST_COLUMNS,
    MOST_IN_ROW,
    MOST_PIECES,
    MOST_ROWS,
    SHOWN_COLUMNS,
)

PART = "content.xml"
_NAMES = "urn:oasis:names:tc:opendocument:xmlns:{}:1.0 "
OFFICE, TABLE, TEXT, STYLE = (_NAMES.format(each) for each in ("office", "table", "text", "style"))
LIBRE_OFFICE = "urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0 "
_CELLS = (f"{TABLE}table-cell", f"{TABLE}covered-table-cell")
_HIDDEN = ("collapse", "filter")
_SPACES = {f"{TEXT}tab": "\t", f"{TEXT}line-break": "\n"}
_BLANKS = re.compile(r"[ \t\r\n]+")
_ERROR = re.compile(r"#[A-Z/0!?]+|Err:[0-9]+")
_BAD = {
    "percentage": "a percentage",
    "date": "a date or a time",
    "time": "a date or a time",
    "boolean": "true or false",
}


def _count(attributes: Mapping[str, str], name: str, most: int) -> int:
    """Return how often an element counts."""
    given = attributes.get(f"{TABLE}{name}", "1")
    if not (given.isascii() and given.isdigit() and len(given) < 9):
        raise NotRead(phrase("a part of it is damaged ({why})", why=f"{name} {given!r:.20}"))
    return min(int(given), most)


@frozen
class OdsWorkbook:
    """An .ods file that is open: its sheets, in their order."""

    archive: zipfile.ZipFile
    sheets: tuple[Sheet, ...]
    notes: list[str] = field(factory=list)

    def rows(self, sheet: str) -> Iterator[SheetRow]:
        """Yield the rows of a sheet that have cells, each with its number. Raises `NotRead`."""
        reader = _OdsReader(sheet)
        with open_part(self.archive, PART) as part:
            for _ in parse_names(part, reader.start, reader.end, reader.put_text):
                if len(reader.pieces) > MOST_PIECES:
                    raise NotRead(phrase("a text in it is longer than any cell's"))
                for line, times, row in reader.rows:
                    yield from ((line + each, row) for each in range(times))
                reader.rows.clear()
            self.notes[:] = reader.notes()


@define
class _OdsReader:
    """Makes rows of a sheet's elements; those that are whole stand in `rows`, with how often each counts."""

    _sheet: str
    rows: list[tuple[int, int, list[Cell]]] = field(factory=list)
    pieces: list[str] = field(factory=list)
    _inside: bool = False
    _line: int = 1
    _row: list[Cell] = field(factory=list)
    _at: int = 0
    _size: int = 0
    _told: Mapping[str, str] = field(factory=dict)
    _cell: Mapping[str, str] | None = None
    _passed_by: int = 0
    _paragraphs: int = 0
    _hidden: HiddenRows = field(factory=HiddenRows)
    _column: int = 1
    _columns: list[str] = field(factory=list)

    def notes(self) -> Sequence[str]:
        """Return what a person should know of the rows, once they are read."""
        found = [self._hidden.said()] if self._hidden.count else []
        return found + ([hidden_columns(self._columns)] if self._columns else [])

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        """Take the start of an element."""
        if self._cell is not None:
            self._start_in_cell(name, attributes)
        elif name == f"{TABLE}table":
            self._inside = attributes.get(f"{TABLE}name") == self._sheet
        elif not self._inside:
            return
        elif name in _CELLS:
            self._cell, self._paragraphs = attributes, 0
            self.pieces.clear()
        elif name == f"{TABLE}table-row":
            self._told, self._row, self._at, self._size = attributes, [], 0, 0
        elif name == f"{TABLE}table-column":
            self._put_column(attributes)

    def _start_in_cell(self, name: str, attributes: Mapping[str, str]) -> None:
        # A comment or a picture has texts of its own, which are not the cell's.
        if self._passed_by or not name.startswith(TEXT) or name == f"{TEXT}ruby-text":
            self._passed_by += 1
        elif name == f"{TEXT}p":
            self._paragraphs += 1
            if self._paragraphs > 1:
                self.pieces.append("\n")
        elif name == f"{TEXT}s":
            given = attributes.get(f"{TEXT}c", "1")
            self.pieces.append(
                " " * (int(given) if given.isascii() and given.isdigit() and len(given) < 6 else 1)
            )
        elif name in _SPACES:
            self.pieces.append(_SPACES[name])

    def put_text(self, text: str) -> None:
        """Take a piece of text: white space in it is one blank (6.1.2)."""
        if self._cell is not None and self._paragraphs and not self._passed_by:
            self.pieces.append(_BLANKS.sub(" ", text))

    def end(self, name: str) -> None:
        """Take the end of an element."""
        if self._passed_by:
            self._passed_by -= 1
        elif name in _CELLS and self._cell is not None:
            self._put(self._cell)
            self._cell = None
        elif self._cell is None and self._inside:
            if name == f"{TABLE}table-row":
                self._end_row()
            elif name == f"{TABLE}table":
                self._inside = False

    def _end_row(self) -> None:
        times = _count(self._told, "number-rows-repeated", MOST_ROWS)
        if self._row:
            if self._line + times - 1 > MOST_ROWS:
                raise NotRead(phrase("a part of it is larger than any spreadsheet's"))
            self.rows.append((self._line, times, self._row))
            if self._told.get(f"{TABLE}visibility") in _HIDDEN:
                self._hidden.put(self._line, times)
        self._line += times

    def _put_column(self, attributes: Mapping[str, str]) -> None:
        times, first = _count(attributes, "number-columns-repeated", MOST_COLUMNS), self._column
        self._column += times
        if attributes.get(f"{TABLE}visibility") in _HIDDEN and len(self._columns) < SHOWN_COLUMNS:
            last = min(self._column - 1, MOST_COLUMNS)
            self._columns.append(":".join(dict.fromkeys((letters(first), letters(last)))))

    def _put(self, attributes: Mapping[str, str]) -> None:
        """Put a cell that is whole into its row."""
        times, cell = _count(attributes, "number-columns-repeated", MOST_COLUMNS), self._value(attributes)
        if cell != "":
            self._size += times * len(cell) if isinstance(cell, str) else 0
            if self._at + times > MOST_COLUMNS or self._size > MOST_IN_ROW:
                raise NotRead(
                    phrase("its row {line} has more text than any row of a spreadsheet", line=self._line)
                )
            self._row.extend([""] * (self._at - len(self._row)))
            self._row.extend([cell] * times)
        self._at += times

    def _value(self, attributes: Mapping[str, str]) -> Cell:
        shown, kind = "".join(self.pieces), attributes.get(f"{OFFICE}value-type", "")
        is_error = f"{TABLE}formula" in attributes and _ERROR.fullmatch(shown)
        if attributes.get(f"{LIBRE_OFFICE}value-type") == "error" or is_error:
            return Bad("an error", shown)
        if kind in _BAD:
            return Bad(_BAD[kind], shown)
        if kind in ("float", "currency"):
            return self._number(attributes.get(f"{OFFICE}value", ""))
        if kind in ("", "string", "void"):
            return shown or attributes.get(f"{OFFICE}string-value", "")
        return Bad("of no known kind", shown)

    def _number(self, value: str) -> Cell:
        try:
            number = float(value)
        except ValueError:
            raise NotRead(phrase("a number in its row {line} is none", line=self._line)) from None
        return number if math.isfinite(number) else Bad("no number")


def opened(archive: zipfile.ZipFile) -> OdsWorkbook:
    """Return the workbook in an archive. Raises `NotRead`."""
    sheets: list[Sheet] = []
    hidden: set[str] = set()
    style = ""

    def start(name: str, attributes: Mapping[str, str]) -> None:
        nonlocal style
        if name == f"{STYLE}style":
            style = attributes.get(f"{STYLE}name", "")
        elif name == f"{STYLE}table-properties" and attributes.get(f"{TABLE}display") == "false":
            hidden.add(style)
        elif name == f"{TABLE}table":
            own = attributes.get(f"{TABLE}style-name")
            sheets.append(Sheet(attributes.get(f"{TABLE}name", ""), own in hidden))

    with open_part(archive, PART) as part:
        for _ in parse_names(part, start, nothing, nothing):
            pass
    return OdsWorkbook(archive, tuple(sheets))
