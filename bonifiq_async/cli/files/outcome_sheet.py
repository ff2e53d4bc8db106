"""Changes as a spreadsheet. That of an outcome file is made of the JSON lines of all runs beside it.

No line can be added to a spreadsheet, and a run that is killed must lose none. So outcomes are written as
JSON lines, and the spreadsheet is made when a run ends, under a name that is free.
"""

import contextlib
import importlib.util
import os
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import IO, Protocol, cast

from attrs import frozen

from bonifiq_async._model.errors import ConfigurationError
from bonifiq_async._model.json_codec import decode
from bonifiq_async._model.printable import printable
from bonifiq_async.cli.files.private_files import numbered, private
from bonifiq_async.cli.files.written_lines import WrittenLines, json_lines, room
from bonifiq_async.cli.language.phrase import READER, phrase, shown

ENDING = ".xlsx"
MOST_ROWS = 1_000_000
"""Rows of one sheet; Excel has 1,048,576 (Microsoft Support, "Excel specifications and limits")."""
MOST_BYTES = 1 << 30
"""Bytes of one sheet, as text: from 2 GiB on, Excel complains of the archive."""
LONGEST = 32_000
"""Characters of a cell; Excel has 32,767."""
SURE_DIGITS = 15
"""Digits of a number that a spreadsheet keeps. An amount of more is written as a text."""
TIMES = ("first_sent", "ended")
"""Columns of times: dates of the local zone, in the form of the reader's language."""
WIDEST = 60
"""Characters of a column's width, however long its texts."""


@frozen
class SheetForm:
    """What a sheet has: its `columns`, of which those named in `amounts` are money, and their `heads`."""

    columns: Sequence[str]
    amounts: Collection[str]
    heads: Sequence[str]
    title: str = "outcomes"


class _Format(Protocol): ...


class _Sheet(Protocol):
    def write_string(self, row: int, column: int, text: str, format: _Format) -> int: ...
    def write_number(
        self, row: int, column: int, number: int | Decimal, format: _Format | None = None
    ) -> int: ...
    def write_datetime(self, row: int, column: int, moment: datetime, format: _Format) -> int: ...
    def write_boolean(self, row: int, column: int, value: bool) -> int: ...
    def freeze_panes(self, row: int, column: int) -> None: ...
    def autofilter(self, row: int, column: int, last_row: int, last_column: int) -> None: ...
    def set_column(self, first: int, last: int, width: float) -> int: ...


class _Book(Protocol):
    def add_format(self, properties: Mapping[str, object]) -> _Format: ...
    def add_worksheet(self, name: str) -> _Sheet: ...
    def close(self) -> None: ...


class _BookClass(Protocol):
    def __call__(self, file: IO[bytes], options: Mapping[str, object]) -> _Book: ...


def lines_of(out: Path) -> Path:
    """Return the file that outcomes are written to as they come; beside a spreadsheet, it is another one.

    Raises `ConfigurationError` where no spreadsheet can be written here.
    """
    if out.suffix.lower() != ENDING:
        return out
    if importlib.util.find_spec("xlsxwriter") is None:
        raise ConfigurationError(
            phrase("{file} needs XlsxWriter: pip install 'bonifiq-async[cli]'. Nothing was sent.", file=out)
        )
    return out.with_name(f"{out.name}.jsonl")


def write_sheet(lines: Path, out: Path, columns: Sequence[str], amounts: Collection[str]) -> Path:
    """Write the outcomes that count in `lines` to a new file, and return its name: `out`, or `out-2`.

    Its `columns` named in `amounts` are money. Raises `OSError`, and then leaves nothing behind.
    """

    def records() -> Iterator[Mapping[str, object]]:
        with room(), lines.open("rb") as source, contextlib.closing(WrittenLines()) as written:
            written.read(json_lines(source))
            for at in written.in_order():
                source.seek(at)
                yield cast(Mapping[str, object], decode(source.readline()))

    return write_records(out, SheetForm(columns, amounts, columns), records())


def write_records(out: Path, form: SheetForm, records: Iterator[Mapping[str, object]]) -> Path:
    """Write records to a new spreadsheet, and return its name: `out`, or `out-2`. Raises `OSError`."""
    folder = out.with_name(f".{out.name}.part")  # what a killed run left there is in the JSON lines
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(0o700)
    try:
        made = folder / "book"
        with open(made, "x+b", opener=private) as file:
            _write(file, folder, form, records)
            file.flush()
            os.fsync(file.fileno())
        for name in numbered(out):
            if not name.exists():
                made.rename(name)
                return name
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    raise AssertionError("there are no more names")


def _write(file: IO[bytes], folder: Path, form: SheetForm, records: Iterator[Mapping[str, object]]) -> None:
    import xlsxwriter  # type: ignore[import-untyped]
    from xlsxwriter.exceptions import XlsxWriterException  # type: ignore[import-untyped]

    book = cast(_BookClass, xlsxwriter.Workbook)(file, {"constant_memory": True, "tmpdir": str(folder)})
    try:
        writer = _SheetWriter(book, form)
        for each in records:
            writer.put(each)
        writer.end()
        book.close()
    except XlsxWriterException as error:
        raise OSError(None, str(error)) from None


def _digits(amount: Decimal) -> str:
    return f"{abs(amount):f}".replace(".", "").strip("0")


def _moment(value: object) -> datetime | None:
    """Return a time of the local zone without its offset, which no sheet has; None for what is none."""
    with contextlib.suppress(ValueError):
        return datetime.fromisoformat(str(value)).astimezone().replace(tzinfo=None)
    return None


def _form_of_times() -> str:
    """Return the form of times in the language of the reader, as a spreadsheet has it."""
    shown_as = shown(phrase("{at:%Y-%m-%d %H:%M:%S}", at=datetime(2001, 2, 3, 4, 5, 6)))
    for digits, letters in (("2001", "yyyy"), ("02", "mm"), ("03", "dd"), ("04:05:06", "hh:mm:ss")):
        shown_as = shown_as.replace(digits, letters)
    return shown_as


class _SheetWriter:
    """Writes rows to the sheets of a book."""

    def __init__(self, book: _Book, form: SheetForm) -> None:
        self._book, self._form = book, form
        self._columns, self._amounts = form.columns, form.amounts
        self._text = book.add_format({"num_format": "@"})  # a text stays one when its cell is edited
        self._time = book.add_format({"num_format": _form_of_times()})
        self._head = book.add_format({"bold": True, "bottom": 1})
        self._money: dict[int, _Format] = {}
        self._sheets = 0
        self._begin()

    def _begin(self) -> None:
        self._sheets += 1
        self._sheet = self._book.add_worksheet(
            f"{self._form.title} {self._sheets}" if self._sheets > 1 else self._form.title
        )
        self._sheet.freeze_panes(1, 0)
        self._row = self._bytes = 0
        self._widths = [len(name) + 3 for name in self._form.heads]  # beside the button of the filter
        for at, name in enumerate(self._form.heads):
            self._sheet.write_string(0, at, name, self._head)

    def put(self, record: Mapping[str, object]) -> None:
        """Write the next row."""
        if self._row == MOST_ROWS or self._bytes > MOST_BYTES:
            self.end()
            self._begin()
        self._row += 1
        repeats = record.get("repeats") is not None
        for at, name in enumerate(self._columns):
            value = record.get(name)
            if repeats and name in self._amounts and isinstance(value, int | Decimal):
                # A text, which no sum counts: its money is in the first line.
                value = f"{Decimal(value):f}".translate(READER.get().marks)
            if value is not None:
                width = self._cell(at, name, value)
                self._bytes += width * 2 + 60
                if width > self._widths[at]:
                    self._widths[at] = min(width, WIDEST)

    def _cell(self, at: int, name: str, value: object) -> int:
        """Write a cell, and return how many characters it has."""
        if isinstance(value, bool):
            self._sheet.write_boolean(self._row, at, value)
            return 5
        if name in TIMES and (moment := _moment(value)) is not None:
            self._sheet.write_datetime(self._row, at, moment, self._time)
            return 20
        if isinstance(value, int) and name not in self._amounts and not name.endswith("_id"):
            if abs(value) < 10**SURE_DIGITS:
                self._sheet.write_number(self._row, at, value)
                return len(str(value))
        elif isinstance(value, Decimal) or (isinstance(value, int) and name in self._amounts):
            amount = Decimal(value)
            exponent = amount.as_tuple().exponent
            if isinstance(exponent, int) and len(_digits(amount)) <= SURE_DIGITS:
                decimals = max(2, -exponent)
                if decimals not in self._money:
                    self._money[decimals] = self._book.add_format({"num_format": f"#,##0.{'0' * decimals}"})
                # A float would be written with 16 digits, of which the last may be wrong: 8.859999999999999.
                self._sheet.write_number(self._row, at, amount, self._money[decimals])
                return len(f"{amount:,.{decimals}f}")
            value = f"{amount:f}"
        text = printable(value if isinstance(value, str) else str(value), LONGEST)
        self._sheet.write_string(self._row, at, text, self._text)
        return len(text)

    def end(self) -> None:
        """Set how wide the columns are."""
        self._sheet.autofilter(0, 0, max(self._row, 1), len(self._columns) - 1)
        for at, width in enumerate(self._widths):
            self._sheet.set_column(at, at, width)
