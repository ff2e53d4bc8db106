"""Sheets of an .xlsx file, row by row: memory does not grow with the sheet, nor with its texts.

python-calamine, which reads the other spreadsheets, holds a whole sheet, reserves memory for every cell
between the first and the last, and has an error's cell as empty. The form
is that of ECMA-376, part 1, chapter 18.
"""

import contextlib
import re
import zipfile
from array import array
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import PurePosixPath
from typing import IO
from xml.parsers import expat

import msgspec
from attrs import define, field, frozen

from bonifiq_async.cli.reading.cells import Bad, Cell, NotRead, Sheet, SheetRow

CHUNK = 1 << 16
PAGE = 64
"""Shared texts that are read together: most sheets ask for them in their order."""
PAGES = 1024
MOST_BYTES = 8 << 30
"""Of one part of a file, unpacked. A sheet of a million rows has about 300 MB."""
MOST_NAMES = 1_000

_DATES = {*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)}
"""Built-in number formats that show dates and times (18.8.30)."""
_PERCENT = {9, 10}
_NO_CODE = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?![hms]+\])[^\]]*\]', re.IGNORECASE)
_KINDS = {"b": "true or false", "e": "an error", "d": "a date"}

_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
"""A character that XML cannot have (22.9.2.19)."""

Start = Callable[[str, Mapping[str, str]], None]
End = Callable[[str], None]
OnText = Callable[[str], object]


def _parse(part: IO[bytes], start: Start, end: End, text: OnText) -> Iterator[None]:
    """Read XML, stopping after each piece. Names come without the namespace that each of them has."""
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    local = _Local()

    def doctype(*_: object) -> None:
        raise NotRead("it has a document type, which no spreadsheet has")

    parser.StartDoctypeDeclHandler = doctype
    parser.StartElementHandler = lambda name, attributes: start(local[name], attributes)
    parser.EndElementHandler = lambda name: end(local[name])
    parser.CharacterDataHandler = text
    read = 0
    try:
        while piece := part.read(CHUNK):
            read += len(piece)
            if read > MOST_BYTES:
                raise NotRead("a part of it is larger than any spreadsheet's")
            parser.Parse(piece)
            yield
        parser.Parse(b"", True)
        yield
    except expat.ExpatError as error:
        raise NotRead(f"a part of it is damaged ({error})") from None


class _Local(dict[str, str]):
    """Names without their namespaces, each found once."""

    def __missing__(self, name: str) -> str:
        found = name.rpartition(" ")[2]
        if len(self) < MOST_NAMES:
            self[name] = found
        return found


def _nothing(*_: object) -> None:
    """Take no note."""


@define
class SharedTexts:
    """The texts that cells name by number, on disk, in pages."""

    _file: IO[bytes]
    _offsets: "array[int]" = field(factory=lambda: array("Q"))
    _cached: Callable[[int], list[str]] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._cached = lru_cache(PAGES)(self._page)

    def read(self, part: IO[bytes]) -> None:
        """Take the texts of a part. What stands there for a reader of Japanese (`rPh`) is not of the text."""
        page: list[str] = []
        pieces: list[str] = []
        inside = phonetic = False

        def start(name: str, _: Mapping[str, str]) -> None:
            nonlocal inside, phonetic
            if name == "t":
                inside = not phonetic
            elif name == "si":
                pieces.clear()
            elif name == "rPh":
                phonetic = True

        def end(name: str) -> None:
            nonlocal inside, phonetic
            if name == "t":
                inside = False
            elif name == "si":
                page.append("".join(pieces))
                if len(page) == PAGE:
                    self._put(page)
            elif name == "rPh":
                phonetic = False

        def text(data: str) -> None:
            if inside:
                pieces.append(data)

        for _ in _parse(part, start, end, text):
            pass
        self._put(page)

    def _put(self, page: list[str]) -> None:
        self._offsets.append(self._file.tell())
        self._file.write(msgspec.json.encode(page))
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
            raise NotRead("a cell names a text that is not there") from None


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
    notes: list[str] = field(factory=list)

    def rows(self, sheet: str) -> Iterator[SheetRow]:
        """Yield the rows of a sheet that have cells, each with its number. Raises `NotRead`."""
        with _part(self.archive, self._parts[sheet]) as part:
            reader = _SheetReader(self._styles, self._texts)
            for _ in _parse(part, reader.start, reader.end, reader.pieces.append):
                yield from reader.rows
                reader.rows.clear()
            self.notes[:] = reader.notes()


@define
class _SheetReader:
    """Makes rows of a sheet's elements; those that are whole stand in `rows`."""

    _styles: tuple[str | None, ...]
    _texts: SharedTexts
    rows: list[SheetRow] = field(factory=list)
    pieces: list[str] = field(factory=list)
    _row: list[Cell] = field(factory=list)
    _line: int = 0
    _at: int = -1
    _cell: Mapping[str, str] = field(factory=dict)
    _text: str | None = None
    _formula: bool = False
    _phonetic: bool = False
    _hides: bool = False
    _hidden: int = 0
    _merged: list[str] = field(factory=list)

    def notes(self) -> list[str]:
        """Return what a person should know of the rows, once they are read."""
        found = []
        if self._hidden:
            found.append(f"rows that are hidden, as by a filter, and are read nevertheless: {self._hidden:,}")
        if self._merged:
            found.append(f"merged cells, of which the first alone has a value: {', '.join(self._merged[:3])}")
        return found

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        """Take the start of an element."""
        if name == "c":
            self._cell, self._text, self._formula = attributes, None, False
        elif name == "v" or name == "t":
            self.pieces.clear()
        elif name == "f":
            self._formula = True
        elif name == "rPh":
            self._phonetic = True
        elif name == "row":
            given = attributes.get("r", "")
            line = int(given) if given.isascii() and given.isdigit() and len(given) < 9 else self._line + 1
            if line <= self._line:
                raise NotRead(f"its row {line} stands behind row {self._line}")
            self._line, self._at, self._row = line, -1, []
            self._hides = attributes.get("hidden") in ("1", "true")
        elif name == "mergeCell":
            self._merged.append(attributes.get("ref", "")[:40])

    def end(self, name: str) -> None:
        """Take the end of an element."""
        if name == "v":
            self._text = "".join(self.pieces)
        elif name == "c":
            self._put()
        elif name == "t":
            if not self._phonetic:
                self._text = (self._text or "") + "".join(self.pieces)
        elif name == "row":
            if self._row:
                self._hidden += self._hides
                self.rows.append((self._line, self._row))
        elif name == "rPh":
            self._phonetic = False

    def _put(self) -> None:
        """Put a cell that is whole into its row."""
        letters = self._cell.get("r", "").rstrip("0123456789")
        self._at = at = _number(letters) if letters else self._at + 1
        if (cell := self._value()) != "":
            row = self._row
            if len(row) != at:
                if len(row) > at:
                    raise NotRead(f"a cell of its row {self._line} stands behind another one of its column")
                row.extend([""] * (at - len(row)))
            row.append(cell)

    def _value(self) -> Cell:
        text, kind = self._text, self._cell.get("t", "n")
        if text == "" and self._formula:
            text = None
        if text is None:
            return (
                Bad("a formula without a value: open and save the file in a spreadsheet")
                if self._formula
                else ""
            )
        if kind == "n":
            style = self._cell.get("s")
            if style is not None and (at := _whole(style)) < len(self._styles) and (bad := self._styles[at]):
                return Bad(bad)
            try:
                return float(text)
            except ValueError:
                raise NotRead(f"a number in its row {self._line} is none") from None
        if kind == "s":
            text = self._texts[_whole(text)]
        elif kind not in ("inlineStr", "str"):
            return Bad(_KINDS.get(kind, "of no known kind"), text if kind == "e" else "")
        return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text) if "_x" in text else text


@lru_cache(1024)
def _number(letters: str) -> int:
    """Return the place of a column, counted from 0: A is 0."""
    if len(letters) > 3 or not (letters.isascii() and letters.isupper()):
        raise NotRead("a cell has no place")
    at = 0
    for letter in letters:
        at = at * 26 + ord(letter) - 64
    return at - 1


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise NotRead("a cell names a text or a style by no number")
    return int(text)


@contextlib.contextmanager
def _part(archive: zipfile.ZipFile, name: str) -> Iterator[IO[bytes]]:
    try:
        with archive.open(name) as part:
            yield part
    except KeyError:
        raise NotRead(f"its part {name} is missing") from None
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, zipfile.zlib.error) as error:  # type: ignore[attr-defined]
        raise NotRead(f"its part {name} is damaged or locked ({error})") from None


def _elements(archive: zipfile.ZipFile, name: str) -> list[tuple[str, Mapping[str, str]]]:
    """Return the elements of a small part: names and attributes."""
    found: list[tuple[str, Mapping[str, str]]] = []
    with _part(archive, name) as part:
        for _ in _parse(part, lambda name, attributes: found.append((name, attributes)), _nothing, _nothing):
            if len(found) > 1_000_000:
                raise NotRead(f"its part {name} has no end")
    return found


def opened(archive: zipfile.ZipFile, scratch: IO[bytes]) -> XlsxWorkbook:
    """Return the workbook in an archive; its texts are kept in `scratch`. Raises `NotRead`."""
    main = next(
        (
            _path("", each["Target"])
            for _, each in _elements(archive, "_rels/.rels")
            if each.get("Type", "").endswith("/officeDocument")
        ),
        "xl/workbook.xml",
    )
    folder = str(PurePosixPath(main).parent)
    related = [
        each
        for name, each in _elements(archive, f"{folder}/_rels/{PurePosixPath(main).name}.rels")
        if name == "Relationship"
    ]
    targets = {each.get("Id", ""): _path(folder, each.get("Target", "")) for each in related}
    by_type = {each.get("Type", "").rpartition("/")[2]: targets[each.get("Id", "")] for each in related}
    sheets, parts = [], {}
    for name, each in _elements(archive, main):
        if name == "sheet":
            given = next((value for key, value in each.items() if key.endswith(" id")), "")
            part = targets.get(given, "")
            if "chartsheet" not in part and "dialogsheet" not in part:
                parts[each.get("name", "")] = part
                sheets.append(Sheet(each.get("name", ""), each.get("state", "visible") != "visible"))
    styles = _styles(archive, by_type["styles"]) if "styles" in by_type else ()
    texts = SharedTexts(scratch)
    if "sharedStrings" in by_type:
        with _part(archive, by_type["sharedStrings"]) as shared:
            texts.read(shared)
    return XlsxWorkbook(archive, tuple(sheets), parts, styles, texts)


def _path(folder: str, target: str) -> str:
    return target[1:] if target.startswith("/") else str(PurePosixPath(folder) / target)


def _styles(archive: zipfile.ZipFile, name: str) -> tuple[str | None, ...]:
    """Return what each cell style makes of a number."""
    own: dict[str, str] = {}
    styles: list[str | None] = []
    cells = False
    for element, each in _elements(archive, name):
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
