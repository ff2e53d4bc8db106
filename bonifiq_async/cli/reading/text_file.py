"""CSV as programs and spreadsheets write it: its encoding, its delimiter, its rows."""

import codecs
import contextlib
import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from attrs import define, field, frozen

from bonifiq_async._model.errors import ConfigurationError
from bonifiq_async.cli.columns import Columns
from bonifiq_async.cli.files.unfit import not_csv
from bonifiq_async.cli.language.phrase import phrase
from bonifiq_async.cli.reading.dialect import DELIMITERS, Fact, FormOptions
from bonifiq_async.cli.reading.headers import LOOKED_AT, SAID, header_of, likely_header, missing

MOST_IN_LINE = 1 << 20
"""Bytes without the end of a line: each row of a spreadsheet or a program ends long before."""
HEAD = 1 << 16
"""Bytes of a file from which its delimiter is guessed."""

UTF_8_FORM = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
UNUSUAL = (b'"', b"$", b"(", b"-,", b"BRL", b"\xc2\xa0", b"\xe2\x88\x92")
"""What stands in a file whose columns are separated by commas where an amount is not digits with a point."""
_SEP = re.compile(r"sep=(.)(?:\r\n|\r|\n)", re.IGNORECASE)
CODECS = {"utf-8": "utf-8-sig", "utf-16": "utf-16", "windows-1252": "cp1252"}


@define
class Survey:
    """Reads the bytes of a file as it is copied: is it UTF-8, and may an amount not have the plain form?

    A text with an `endless` line is not read, since a line stands in memory as a whole.
    """

    head: bytes = b""
    utf_8: bool = True
    unusual: bool = False
    multibyte: bool = False
    endless: bool = False
    _decoder: codecs.IncrementalDecoder = field(factory=lambda: codecs.getincrementaldecoder("utf-8")())

    def put(self, some: bytes) -> None:
        """Take note of the next bytes; none at the end."""
        self.endless = self.endless or (len(some) >= MOST_IN_LINE and not re.search(rb"[\r\n]", some))
        if len(self.head) < HEAD:
            self.head += some[: HEAD - len(self.head)]
        self.unusual = self.unusual or any(sign in some for sign in UNUSUAL)
        if some.isascii() and some and not self._decoder.getstate()[0]:
            return
        if self.utf_8:
            try:
                self._decoder.decode(some, not some)
            except UnicodeDecodeError:
                self.utf_8 = False
        if not self.multibyte:
            self.multibyte = UTF_8_FORM.search(some) is not None


def encoding_of(survey: Survey, form: FormOptions) -> Fact | None:
    """Return the encoding of a text; None where it cannot be form."""
    if form.encoding is not None:
        return Fact(form.encoding, SAID)
    if survey.head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return Fact("utf-16", phrase("it begins with the mark of UTF-16"))
    if survey.utf_8:
        bom = survey.head.startswith(codecs.BOM_UTF8)
        return Fact(
            "utf-8", phrase("it begins with the mark of UTF-8") if bom else phrase("all of it is UTF-8")
        )
    if survey.multibyte or b"\0" in survey.head:
        return None  # some of it is UTF-8, or it is no text
    return Fact("windows-1252", phrase("it is not UTF-8, and Excel writes this one in Brazil"))


@frozen
class CsvText:
    """The text of a CSV file: where it is, what it is called, how it is encoded and separated.

    `skipped` says that its first line is `sep=;`, which a spreadsheet does not show. Its header is in
    the line that was said in `form`, else in the first one; `head` is its beginning.
    """

    path: Path
    name: str
    encoding: Fact
    delimiter: Fact
    skipped: bool
    form: FormOptions
    columns: Columns
    head: str = field(repr=False)

    def likely_row(self) -> int | None:
        """Return the line that is most likely the header; None where it is the first one, or none."""
        said = self.form.delimiter
        tried = [said] if said is not None else [self.delimiter.value] if self.skipped else DELIMITERS
        found = [
            likely_header(_first_rows(self.head, each), self.columns, self.form.columns) for each in tried
        ]
        return max(found, key=lambda each: each[0])[1]

    def rows(self) -> Iterator[tuple[int, int, list[str]]]:
        """Yield first line, last line and cells of each row, the header first.

        Raises `ConfigurationError`.
        """
        codec = CODECS.get(self.encoding.value, self.encoding.value)
        line = 1
        with self.path.open(encoding=codec, newline="") as text:
            try:
                if self.skipped:
                    next(text, None)
                reader = csv.reader(text, delimiter=self.delimiter.value, strict=True)
                for cells in reader:
                    if line >= (self.form.header_row or 1):
                        yield line, reader.line_num, cells
                    line = reader.line_num + 1
            except csv.Error as error:
                raise ConfigurationError(not_csv(self.name, line, error)) from None
            except UnicodeError:
                raise ConfigurationError(
                    phrase(
                        "{file}, line {line} or soon after: not {encoding}. Say what it is with --encoding. "
                        "Nothing was sent.",
                        file=self.name,
                        line=line,
                        encoding=self.encoding.value,
                    )
                ) from None


def text_of(path: Path, name: str, survey: Survey, form: FormOptions, columns: Columns) -> CsvText | None:
    """Return how a CSV file is to be read; None where its encoding cannot be form."""
    encoding = encoding_of(survey, form)
    if encoding is None:
        return None
    codec = CODECS.get(encoding.value, encoding.value)
    head = codecs.getincrementaldecoder(codec)("replace").decode(survey.head)
    first = _SEP.match(head)
    if form.delimiter is not None:
        delimiter = Fact(form.delimiter, SAID)
    elif first is not None:
        delimiter = Fact(first[1], phrase("its first line says so"))
    else:
        delimiter = _delimiter_of(head, form, columns)
    head = head if first is None else head[first.end() :]
    return CsvText(path, name, encoding, delimiter, first is not None, form, columns, head)


def _delimiter_of(head: str, form: FormOptions, columns: Columns) -> Fact:
    """Return what separates the cells: that by which the header has the columns that are needed."""
    fits = []
    for delimiter in DELIMITERS:
        cells = _row(head, delimiter, form.header_row or 1)
        header = header_of(cells, columns, form.columns)
        if not isinstance(header, str) and not missing(header, columns):
            fits.append(delimiter)
    if len(fits) == 1:
        return Fact(fits[0], phrase("by it, the header has the columns that are needed"))
    widest = max(DELIMITERS, key=lambda each: len(_row(head, each, form.header_row or 1)))
    return Fact(widest, phrase("it separates most in the header"))


def _first_rows(head: str, delimiter: str, most: int = LOOKED_AT) -> Iterator[tuple[int, Sequence[str]]]:
    """Yield the rows that begin within so many lines, each with that line."""
    line, reader = 1, csv.reader(io.StringIO(head, newline=""), delimiter=delimiter)
    with contextlib.suppress(csv.Error):
        for cells in reader:
            if line > most:
                return
            yield line, cells
            line = reader.line_num + 1


def _row(head: str, delimiter: str, line: int) -> Sequence[str]:
    return next((cells for at, cells in _first_rows(head, delimiter, line) if at == line), [])
