"""Sheets of an .xlsx file, row by row: memory does not grow with the sheet, nor with its texts.

python-calamine, which reads .xls, holds a whole sheet, reserves memory for every cell
between the first and the last, and has an error's cell as empty. The form
is that of ECMA-376, part 1, chapter 18. Nothing in a file makes memory grow without end.
"""

import re
import zipfile
from array import array
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import PurePosixPath
from typing import IO

import msgspec
from attrs import define, field, frozen

from bonifiq_async.cli.language.phrase import joined, phrase
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
from bonifiq_async.cli.reading.sheets.office_parts import elements_of, open_part, parse_names

PAGE = 64
"""Shared texts that are read together: most sheets ask for them in their order."""
PAGES = 1024
MOST_CACHED = 64 << 20
"""Bytes of shared texts that are held in memory, as many pages as that are."""
MOST_IN_ROW = 1 << 24
"""Characters that all cells of a row may have."""
MOST_PIECES = 1_000
"""Pieces of text, of up to 64 KB each, that one cell may have; Excel's have 32,767 characters."""
SHOWN_MERGED = 3
SHOWN_COLUMNS = 20
MOST_ROWS, MOST_COLUMNS = 1_048_576, 18_278
_DATES = {*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)}
"""Built-in number formats that show dates and times (18.8.30)."""
_PERCENT = {9, 10}
_NO_CODE = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?![hms]+\])[^\]]*\]', re.IGNORECASE)
_KINDS = {"b": "true or false", "e": "an error", "d": "a date"}

WITHOUT_VALUE = "a formula without a value: open and save the file in a spreadsheet"
NOT_CALCULATED = "a formula that was not calculated: open and save the file in a spreadsheet"

_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
"""A character that XML cannot have (22.9.2.19)."""
_HALF = re.compile("[\ud800-\udfff]")


@define
class SharedTexts:
    """The texts that cells name by number, on disk, in pages."""

    _file: IO[bytes]
    _offsets: "array[int]" = field(factory=lambda: array("Q"))
    _widest: int = 1
    _cached: Callable[[int], list[str]] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._cached = self._page

    def read(self, part: IO[bytes]) -> None:
        """Take the texts of a part. What stands there for a reader of Japanese (`rPh`) is not of the text."""
        page: list[str] = []
        pieces: list[str] = []
        item = t = shown = ""
        phonetic = False

        def start(name: str, _: Mapping[str, str]) -> None:
            nonlocal item, t, phonetic
            if name == t:
                pieces.clear()
            elif name != item:
                phonetic = phonetic or name.endswith("rPh")
                if not t:
                    space = name[: name.rfind(" ") + 1]
                    item, t = f"{space}si", f"{space}t"

        def end(name: str) -> None:
            nonlocal shown, phonetic
            if name == t:
                if not phonetic:
                    shown += "".join(pieces)
            elif name == item:
                page.append(shown)
                shown = ""
                if len(page) == PAGE:
                    self._put(page)
            elif phonetic:
                phonetic = not name.endswith("rPh")

        for _ in parse_names(part, start, end, pieces.append):
            if len(pieces) > MOST_PIECES or len(shown) > MOST_PIECES * 100:
                raise NotRead(phrase("a text in it is longer than any cell's"))
        self._put(page)
        self._cached = lru_cache(min(PAGES, MOST_CACHED // self._widest))(self._page)

    def _put(self, page: list[str]) -> None:
        self._offsets.append(self._file.tell())
        self._widest = max(self._widest, self._file.write(msgspec.json.encode(page)))
        page.clear()

    def _page(self, number: int) -> list[str]:
        ends = self._offsets[number + 1] if number + 1 < len(self._offsets) else None
        self._file.seek(self._offsets[number])
        data = self._file.read(-1 if ends is None else ends - self._offsets[number])
        return msgspec.json.decode(data, type=list[str])

    def __getitem__(self, number: int) -> str:
        page, at = divmod(number, PAGE)
        try:
            return self._cached(page)[at]
        except (IndexError, OverflowError):
            raise NotRead(phrase("a cell names a text that is not there")) from None


def _kind_of_format(code: str) -> str | None:
    """Return what a number format makes of a number: None for a number."""
    shown = _NO_CODE.sub("", code.split(";")[0] + " ").lower()
    if "%" in shown:
        return "a percentage"
    if shown and "general" not in shown and not re.search(r"[0#?@dmyhs]", shown):
        return "a number that is shown as another text"
    return "a date" if re.search(r"[dmyhs]", shown.replace("general", "")) else None


@frozen
class XlsxWorkbook:
    """An .xlsx file that is open: its sheets by name, in their order, and the parts that they stand in."""

    archive: zipfile.ZipFile
    sheets: tuple[Sheet, ...]
    _parts: Mapping[str, str]
    _styles: tuple[str | None, ...]
    _texts: SharedTexts
    _stale: bool
    notes: list[str] = field(factory=list)

    def rows(self, sheet: str) -> Iterator[SheetRow]:
        """Yield the rows of a sheet that have cells, each with its number. Raises `NotRead`."""
        with open_part(self.archive, self._parts[sheet]) as part:
            reader = _SheetReader(self._styles, self._texts, self._stale)
            for _ in parse_names(part, reader.start, reader.end, reader.pieces.append):
                if len(reader.pieces) > MOST_PIECES:
                    raise NotRead(phrase("a text in it is longer than any cell's"))
                yield from reader.rows
                reader.rows.clear()
            self.notes[:] = reader.notes()


@define
class _SheetReader:
    """Makes rows of a sheet's elements; those that are whole stand in `rows`."""

    _styles: tuple[str | None, ...]
    _texts: SharedTexts
    _stale: bool
    rows: list[SheetRow] = field(factory=list)
    pieces: list[str] = field(factory=list)
    _row: list[Cell] = field(factory=list)
    _line: int = 0
    _at: int = -1
    _size: int = 0
    _cell: Mapping[str, str] = field(factory=dict)
    _text: str | None = None
    _formula: bool = False
    _phonetic: bool = False
    _hides: bool = False
    _hidden: HiddenRows = field(factory=HiddenRows)
    _merged: list[str] = field(factory=list)
    _columns: list[str] = field(factory=list)
    _known: dict[str, str | None] = field(factory=dict)
    _c: str = ""
    _v: str = ""
    _t: str = ""
    _inline: str = ""

    def notes(self) -> list[str]:
        """Return what a person should know of the rows, once they are read."""
        found = list[str]()
        if self._hidden.count:
            found.append(self._hidden.said())
        if self._columns:
            found.append(hidden_columns(self._columns))
        if self._merged:
            found.append(
                phrase(
                    "merged cells, of which the first alone has a value: {cells}", cells=joined(self._merged)
                )
            )
        return found

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        """Take the start of an element; the first one says which namespace all of them have."""
        if name == self._c:
            self._cell, self._text, self._formula = attributes, None, False
        elif name == self._v or name == self._t:
            self.pieces.clear()
        elif name != self._inline:
            self._start_other(name.rpartition(" ")[2], attributes)
            if not self._c:
                space = name[: name.rfind(" ") + 1]
                self._c, self._v, self._t, self._inline = (f"{space}{name}" for name in ("c", "v", "t", "is"))

    def _start_other(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "f":
            self._formula = True
        elif name == "rPh":
            self._phonetic = True
        elif name == "row":
            given = attributes.get("r", "")
            line = int(given) if given.isascii() and given.isdigit() and len(given) < 9 else self._line + 1
            if not self._line < line <= MOST_ROWS:
                raise NotRead(phrase("its row {line} stands behind row {other}", line=line, other=self._line))
            self.pieces.clear()
            self._line, self._at, self._size, self._row = line, -1, 0, []
            self._hides = attributes.get("hidden") in ("1", "true")
        elif name == "col" and attributes.get("hidden") in ("1", "true"):
            if len(self._columns) < SHOWN_COLUMNS:
                self._columns.append(_columns(attributes.get("min", ""), attributes.get("max", "")))
        elif name == "mergeCell" and len(self._merged) < SHOWN_MERGED:
            self._merged.append(attributes.get("ref", "")[:40])

    def end(self, name: str) -> None:
        """Take the end of an element."""
        if name == self._c:
            self._put()
        elif name == self._v:
            self._text = "".join(self.pieces)
        elif name == self._t:
            if not self._phonetic:
                self._text = (self._text or "") + "".join(self.pieces)
        elif name != self._inline:
            self._end_other(name.rpartition(" ")[2])

    def _end_other(self, name: str) -> None:
        if name == "row":
            if self._row:
                if self._hides:
                    self._hidden.put(self._line)
                self.rows.append((self._line, self._row))
        elif name == "rPh":
            self._phonetic = False

    def _put(self) -> None:
        """Put a cell that is whole into its row."""
        letters = self._cell.get("r", "").rstrip("0123456789")
        self._at = at = _number(letters) if letters else self._at + 1
        if at > MOST_COLUMNS:
            raise NotRead(phrase("its row {line} has more cells than a sheet has columns", line=self._line))
        if (cell := self._value()) != "":
            row = self._row
            if len(row) != at:
                if len(row) > at:
                    raise NotRead(
                        phrase(
                            "a cell of its row {line} stands behind another one of its column",
                            line=self._line,
                        )
                    )
                row.extend([""] * (at - len(row)))
            row.append(cell)
            self._size += len(cell) if isinstance(cell, str) else 0
            if self._size > MOST_IN_ROW:
                raise NotRead(
                    phrase("its row {line} has more text than any row of a spreadsheet", line=self._line)
                )

    def _value(self) -> Cell:
        text, kind = self._text, self._cell.get("t", "n")
        if self._formula and (self._stale or (not text and (text is None or kind != "str"))):
            return Bad(NOT_CALCULATED if self._stale else WITHOUT_VALUE)
        if not text:
            return ""
        if kind == "n":
            style = self._cell.get("s")
            bad = None if style is None else self._style(style)
            try:
                return float(text) if bad is None else Bad(bad)
            except ValueError:
                raise NotRead(phrase("a number in its row {line} is none", line=self._line)) from None
        if kind == "s":
            text = self._texts[_whole(text)]
        elif kind not in ("inlineStr", "str"):
            return Bad(_KINDS.get(kind, "of no known kind"), text if kind == "e" else "")
        return _unescaped(text) if "_x" in text else text

    def _style(self, number: str) -> str | None:
        if number not in self._known:
            if (at := _whole(number)) >= len(self._styles):
                return None
            self._known[number] = self._styles[at]
        return self._known[number]


@lru_cache(1024)
def _number(letters: str) -> int:
    """Return the place of a column, counted from 0: A is 0."""
    if len(letters) > 3 or not (letters.isascii() and letters.isupper()):
        raise NotRead(phrase("a cell has no place"))
    at = 0
    for letter in letters:
        at = at * 26 + ord(letter) - 64
    return at - 1


def _columns(first: str, last: str) -> str:
    """Return the letters of hidden columns: `C`, or `C:F` for several."""
    names = [letters(min(_whole(each), MOST_COLUMNS)) for each in (first, last)]
    return ":".join(dict.fromkeys(names))


def _unescaped(text: str) -> Cell:
    shown = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
    return Bad("a text with half a character") if _HALF.search(shown) else shown


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise NotRead(phrase("a cell names a text or a style by no number"))
    return int(text)


def opened(archive: zipfile.ZipFile, scratch: IO[bytes]) -> XlsxWorkbook:
    """Return the workbook in an archive; its texts are kept in `scratch`. Raises `NotRead`."""
    main = next(
        (
            _path("", each.get("Target", ""))
            for _, each in elements_of(archive, "_rels/.rels")
            if each.get("Type", "").endswith("/officeDocument")
        ),
        "xl/workbook.xml",
    )
    folder = str(PurePosixPath(main).parent)
    related = [
        each
        for name, each in elements_of(archive, f"{folder}/_rels/{PurePosixPath(main).name}.rels")
        if name == "Relationship"
    ]
    targets = {each.get("Id", ""): _path(folder, each.get("Target", "")) for each in related}
    by_type = {each.get("Type", "").rpartition("/")[2]: targets[each.get("Id", "")] for each in related}
    sheets, parts, stale = [], {}, False
    for name, each in elements_of(archive, main):
        # A program that calculates nothing leaves a zero in its formulas, and says so here (18.2.2).
        stale = stale or (name == "calcPr" and each.get("fullCalcOnLoad") in ("1", "true"))
        if name == "sheet":
            given = next((value for key, value in each.items() if key.endswith(" id")), "")
            part = targets.get(given, "")
            if "chartsheet" not in part and "dialogsheet" not in part:
                parts[each.get("name", "")] = part
                sheets.append(Sheet(each.get("name", ""), each.get("state", "visible") != "visible"))
    styles = _styles(archive, by_type["styles"]) if "styles" in by_type else ()
    texts = SharedTexts(scratch)
    if "sharedStrings" in by_type:
        with open_part(archive, by_type["sharedStrings"]) as shared:
            texts.read(shared)
    return XlsxWorkbook(archive, tuple(sheets), parts, styles, texts, stale)


def _path(folder: str, target: str) -> str:
    return target[1:] if target.startswith("/") else str(PurePosixPath(folder) / target)


def _styles(archive: zipfile.ZipFile, name: str) -> tuple[str | None, ...]:
    """Return what each cell style makes of a number."""
    own: dict[str, str] = {}
    styles: list[str | None] = []
    cells = False
    for element, each in elements_of(archive, name):
        if element == "numFmt":
            own[each.get("numFmtId", "")] = each.get("formatCode", "")
        elif element in ("cellXfs", "cellStyles", "dxfs"):
            cells = element == "cellXfs"
        elif element == "xf" and cells:
            styles.append(_kind_of(each.get("numFmtId", "0"), own))
    return tuple(styles)


def _kind_of(number: str, own: Mapping[str, str]) -> str | None:
    if number in own:
        return _kind_of_format(own[number])
    known = int(number) if number.isascii() and number.isdigit() else 0
    return "a date" if known in _DATES else "a percentage" if known in _PERCENT else None
