"""How an outcome file in CSV is written: its first bytes, delimiter and decimal mark."""

import codecs
import csv
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import cast

from attrs import frozen

from bonifiq_async._model.printable import printable
from bonifiq_async.cli.files.formulas import guarded
from bonifiq_async.cli.reading.amounts import COMMA, POINT
from bonifiq_async.cli.reading.dialect import DELIMITERS, Dialect


@frozen
class CsvForm:
    """A form of CSV: `bom` says whether it begins with the mark by which Excel knows UTF-8."""

    delimiter: str = ","
    decimal: str = POINT
    bom: bool = False

    def head(self, columns: Iterable[str]) -> bytes:
        """Return how a file begins."""
        return (codecs.BOM_UTF8 if self.bom else b"") + self.line(columns)

    def line(self, cells: Iterable[object]) -> bytes:
        """Return a line. No text in it starts a formula, and amounts keep every digit."""
        return _writer(self.delimiter)(map(self._cell, cells)).encode()

    def _cell(self, value: object) -> object:
        if value is None or value.__class__ is int:
            return value
        if isinstance(value, str):
            return guarded(printable(value, None))
        if isinstance(value, Decimal):
            return f"{value:f}".replace(POINT, self.decimal)
        return str(value).lower() if isinstance(value, bool) else value

    def cells(self, line: bytes) -> list[str]:
        """Return the cells of a whole line without its end. Raises `csv.Error` and `UnicodeDecodeError`."""
        text = line.removeprefix(codecs.BOM_UTF8).decode().rstrip("\r\n")
        return next(csv.reader([text], delimiter=self.delimiter, strict=True), [])


class _Echo:
    """What a writer of CSV writes to: it returns the line, as the writer then does."""

    def write(self, line: str) -> str:
        return line


@lru_cache
def _writer(delimiter: str) -> Callable[[Iterable[object]], str]:
    """Return what makes a line of cells; to make a writer for each takes as long as its line."""
    writer = csv.writer(_Echo(), delimiter=delimiter, lineterminator="\n")
    return cast("Callable[[Iterable[object]], str]", writer.writerow)


PLAIN = CsvForm()
"""What a program reads without a word more."""

NAMED: Mapping[str, CsvForm] = {
    "plain": PLAIN,
    "comma": CsvForm(";", COMMA, bom=True),
    "point": CsvForm(bom=True),
}
"""Forms by name: that of a program, and those of a spreadsheet by its decimal mark."""


def form_like(dialect: Dialect | None) -> CsvForm:
    """Return the form of the file that is applied; the plain one for JSON lines and for the plain form.

    A spreadsheet has none: by a decimal comma that was read, or said, it is that of such a country.
    """
    if dialect is None or (dialect.plain and not dialect.bom):
        return PLAIN
    comma = any(mark.value == COMMA for mark in dialect.decimal.values())
    if dialect.delimiter is None:
        return NAMED["comma" if comma else "point"]
    return CsvForm(dialect.delimiter.value, COMMA if comma else POINT, bom=True)


def form_of(head: bytes, columns: Sequence[str], needed: Iterable[str]) -> tuple[CsvForm, list[str]] | None:
    """Return the form and the columns of a file whose first line is `head`; None where it is of no such file.

    That has some of the `columns`, each once, with all that are `needed`. Its decimal mark is not known yet.
    """
    for delimiter in DELIMITERS:
        form = CsvForm(delimiter, bom=head.startswith(codecs.BOM_UTF8))
        try:
            names = form.cells(head)
        except (csv.Error, UnicodeDecodeError):
            continue
        if set(needed) <= set(names) <= set(columns) and len(set(names)) == len(names):
            return form, names
    return None


def mark_in(cells: Iterable[str]) -> str | None:
    """Return the decimal mark that the numbers of a row have; None where none has one."""
    found = [each[1] for each in map(_NUMBER.fullmatch, cells) if each is not None]
    return COMMA if COMMA in found else found[0] if found else None


_NUMBER = re.compile(r"-?[0-9]+([.,])[0-9]+", re.ASCII)
