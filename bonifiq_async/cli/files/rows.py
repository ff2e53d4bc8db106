"""Files of changes: CSV with a header or JSON lines, read row by row, each with its line number."""

import contextlib
import csv
import itertools
import json
import os
import re
import shlex
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from attrs import field, frozen

from bonifiq_async._model.errors import ConfigurationError, PayloadError
from bonifiq_async._model.json_codec import decode
from bonifiq_async._model.printable import printable
from bonifiq_async.cli.adapter import TOLD, FileAdapter, FileChange, adapter_for
from bonifiq_async.cli.examination.kinds import ProblemKind, kind_of
from bonifiq_async.cli.files.formulas import has_guards, unguarded
from bonifiq_async.cli.files.spoilt import Naming, first_empty, first_spoilt, too_exact
from bonifiq_async.cli.files.unfit import (
    alternatives,
    broken,
    broken_header,
    empty,
    lines,
    not_csv,
    too_wide,
    twice,
)
from bonifiq_async.cli.language.library_errors import said
from bonifiq_async.cli.language.phrase import Phrase, joined, phrase
from bonifiq_async.ledger.shards import Shard

if TYPE_CHECKING:
    from bonifiq_async.cli.reading.dialect import Dialect

T = TypeVar("T")

Format = Literal["csv", "jsonl"]

FORMATS: Mapping[str, Format] = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}

_AMOUNT = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?", re.ASCII)


Wanted = Callable[[int], object]
"""Says of a line whether to read it on."""

TOGETHER = 100
"""Rows that take each step together: all the steps are more code than a processor keeps at hand.

So many are held in memory. `keys` takes 199 at the most.
"""


@frozen
class Problem:
    """What is said of one row, which begins at `line`; `last` is its last line where it spans several.

    `cell` is what stands under `field`, where that is known.
    """

    line: int
    field: str
    message: str
    kind: ProblemKind
    last: int | None = None
    cell: object = None

    def __str__(self) -> str:
        return self.said()

    @property
    def place(self) -> Phrase:
        """Where it stands."""
        return lines(self.line, self.last or self.line)

    @property
    def text(self) -> str | None:
        """The cell as a text, None where none is known."""
        return None if self.cell is None else str(self.cell)

    def said(self) -> Phrase:
        """Return where it stands, and what it is."""
        return phrase("{where}: {problem}", where=self.place, problem=self.message)


def _ignored(line: int, names: Sequence[str]) -> None:
    """Take no note."""


@frozen
class Source:
    """A file of changes of `adapter` that can be read twice. `name` is what the user calls it.

    `unknown` gets the names in it that mean nothing here, columns or members, with their line.
    What is `kept` in a ledger was sent as it is: the rules for new files do not apply to it.
    Of a `shard`, the changes of its customers alone count. `documents` says that short numbers of
    customers may be CPFs and CNPJs that lost their zeros. Where the
    file does not have the plain form, `reader` yields its rows; `dialect` says how it is understood.
    """

    path: Path
    name: str
    format: Format
    adapter: FileAdapter = field(factory=adapter_for)
    unknown: Callable[[int, Sequence[str]], None] = field(default=_ignored, eq=False, repr=False)
    kept: bool = False
    documents: bool = True
    shard: Shard | None = None
    reader: "Callable[[Wanted], Iterator[NumberedRow]] | None" = field(default=None, eq=False, repr=False)
    dialect: "Dialect | None" = None

    def rows(self, wanted: Wanted | None = None) -> Iterator[FileChange | Problem]:
        """Yield the rows of `parts`, each read when it is asked for: in between, others have their turn."""
        return itertools.chain.from_iterable(self.parts(wanted, together=1))

    def parts(
        self, wanted: Wanted | None = None, together: int = TOGETHER
    ) -> Iterator[Sequence[FileChange | Problem]]:
        """Yield so many rows `together` at the most, each as a change or as what is wrong with it.

        They are those of the lines `wanted` alone, if given. Raises `ConfigurationError` for what concerns
        the whole file: it cannot be read, is empty, is not UTF-8, lacks a column, or is not CSV.
        """
        row = self._row()
        try:
            empty = True
            for some in _gathered(self.cells(wanted or every), together):
                empty = False
                yield [
                    cells if isinstance(cells, Problem) else row(line, last, cells)
                    for line, last, cells in some
                ]
        except UnicodeDecodeError:
            raise ConfigurationError(
                phrase(
                    "{file}, line {line}: not UTF-8. Save the file as UTF-8. Nothing was sent.",
                    file=self.name,
                    line=undecodable_line(self.path),
                )
            ) from None
        except OSError as error:
            meaning = phrase("Nothing was sent.")
            if wanted is not None:
                meaning = phrase("What was sent before is accounted for.")
            raise ConfigurationError(
                phrase(
                    "{file} cannot be read: {why}. {meaning}",
                    file=self.name,
                    why=error.strerror,
                    meaning=meaning,
                )
            ) from None
        if empty and wanted is None:
            raise ConfigurationError(phrase("{file} has no changes in it. Nothing was sent.", file=self.name))

    def cells(self, wanted: Wanted) -> "Iterator[NumberedRow]":
        """Yield the rows of the lines `wanted` as cells, or as what is wrong with them."""
        if self.reader is not None:
            return self.reader(wanted)
        return (_csv_rows if self.format == "csv" else _json_rows)(self, wanted)

    def _row(self) -> Callable[[int, int, "Cells"], FileChange | Problem]:
        """Return what reads the cells of a row, of which the first and the last line are given."""
        row, columns = self.adapter.read_row, self.adapter.columns
        names = columns.names
        named = () if self.kept else (*columns.customers, *columns.keys)
        documents = columns.documents if self.documents else ()
        naming = [
            Naming(columns.names.index(name), name, name in columns.customers, name in documents)
            for name in named
        ]
        exact = [(name, columns.decimals_of(name)) for name in (() if self.kept else columns.amounts)]
        amounts = [(names.index(name), name, most) for name, most in exact if most is not None]
        here = () if self.dialect is None else {column.name for column in self.dialect.columns}
        filled = [(names.index(name), name) for name in columns.filled_in(here)]
        plain = self.reader is None

        def read(line: int, last: int, cells: Cells) -> FileChange | Problem:
            spoilt = first_spoilt(naming, cells) or too_exact(amounts, cells, plain)
            spoilt = spoilt or (first_empty(filled, cells) if filled else None)
            try:
                if spoilt is None:
                    return row(line, cells)
                name, message, kind = spoilt
                cell = cells[names.index(name)]
            except PayloadError as error:
                name, message, kind, cell = error.path, said(error), ProblemKind.INVALID, None
                if name in names:
                    cell = cells[names.index(name)]
                    kind = kind_of(cell, amount=name in columns.amounts)
            return Problem(line, name, message, kind, last if last > line else None, cell)

        return read


Cells = tuple[object, ...]
"""The values of a row under its adapter's columns; None for a missing one, as an empty cell of CSV is."""

NumberedRow = tuple[int, int, Cells | Problem]
"""The first and the last line of a row, and its cells, or what is wrong with it."""


def every(line: int) -> bool:
    """Want every line."""
    return True


def _gathered(rows: Iterator[T], together: int) -> Iterator[list[T]]:
    """Yield so many rows `together`; what stands before a fault of the file is yielded first."""
    some: list[T] = []
    try:
        for row in rows:
            some.append(row)
            if len(some) == together:
                yield some
                some = []
    except (ConfigurationError, UnicodeDecodeError, OSError):
        yield some
        raise
    if some:
        yield some


def _csv_rows(source: Source, wanted: Wanted) -> Iterator[NumberedRow]:
    with source.path.open(encoding="utf-8-sig", newline="") as text:
        reader = csv.reader(text, strict=True)
        line, columns = 1, source.adapter.columns
        names = columns.names
        as_it_stands = [names.index(name) for name in columns.keys]
        try:
            header = _header(source, next(reader, []), reader.line_num)
            width = len(header)
            pick = itemgetter(*(header.index(name) if name in header else width for name in names))
            guards = has_guards(header)
            line = reader.line_num + 1
            for cells in reader:
                last = reader.line_num
                name = _broken(cells, header, columns.multiline) if last > line else None
                if name is not None:
                    if wanted(line):
                        yield line, last, Problem(line, name, broken(name), ProblemKind.LINE_BREAK, last)
                elif len(cells) > width and any(cells[width:]):
                    message = too_wide(len(cells), width)
                    yield line, last, Problem(line, "row", message, ProblemKind.BROKEN_ROW, last)
                elif any(cells) and wanted(line):
                    while len(cells) <= width:  # what a short row lacks, and an absent column
                        cells.append("")
                    if len(cells) > width + 1:
                        cells[width:] = [""]
                    given = tuple(map(unguarded, pick(cells))) if guards else pick(cells)
                    row = [cell.strip() or None for cell in given]
                    for at in as_it_stands:
                        if row[at] is not None:
                            row[at] = given[at]
                    yield line, last, tuple(row)
                line = last + 1
        except csv.Error as error:
            raise ConfigurationError(not_csv(source.name, line, error)) from None


def _broken(cells: Sequence[str], header: Sequence[str], multiline: Sequence[str]) -> str | None:
    """Return the name of the first column whose cell has a line break that it may not have."""
    for at, cell in enumerate(cells):
        if "\n" in cell or "\r" in cell:
            name = header[at] if at < len(header) else ""
            if name not in multiline:
                return name or phrase("column {number}", number=at + 1)
    return None


def _header(source: Source, cells: Sequence[str], last: int) -> list[str]:
    if not cells:
        raise ConfigurationError(empty(source.name))
    if last > 1:
        raise ConfigurationError(broken_header(source.name, 1, last))
    names, columns = [cell.strip() for cell in cells], source.adapter.columns
    missing = [column for column in columns.required if column not in names]
    missing += [alternatives(group) for group in columns.either if not set(group) & set(names)]
    unknown = [name for name in names if name and name not in (*columns.names, *TOLD)]
    if unknown:
        source.unknown(1, unknown)
    if missing:
        raise ConfigurationError(
            phrase(
                "{file}, line 1: the header lacks {names}; it has {others}. Nothing was sent.",
                file=source.name,
                names=joined(missing),
                others=printable(", ".join(names)),
            )
        )
    again = {name for name in names if names.count(name) > 1 and name in columns.names}
    if again:
        raise ConfigurationError(
            phrase(
                "{where}: {problem}. Nothing was sent.",
                where=joined((source.name, lines(1, 1))),
                problem=twice(again),
            )
        )
    return names


def _json_rows(source: Source, wanted: Wanted) -> Iterator[NumberedRow]:
    names = source.adapter.columns.names
    known, quoted = frozenset((*names, *TOLD)), tuple([f'"{name}"'.encode() for name in names])
    with source.path.open("rb") as lines:
        for line, raw in enumerate(lines, 1):
            text = raw.removeprefix(b"\xef\xbb\xbf").strip() if line == 1 else raw.strip()
            if not text or not wanted(line):
                continue
            text.decode()
            try:
                row = decode(text)
                if isinstance(row, dict) and text.count(b":") != len(row):
                    decode(text, decisive=quoted)  # with a colon for each, there is none too many
            except PayloadError:
                row = None
            if not isinstance(row, dict):
                yield line, line, Problem(line, *_no_object(text, names))
                continue
            if not row.keys() <= known:
                source.unknown(line, [name for name in row if name not in known])
            yield line, line, tuple(map(row.get, names))


def _no_object(text: bytes, names: Sequence[str]) -> tuple[str, str, ProblemKind]:
    """Return which field of a line is wrong that is no JSON object with each name once, and what is."""
    twice: list[str] = []

    def note(members: list[tuple[str, object]]) -> None:
        given = Counter(name for name, _ in members)
        twice.extend(name for name in names if given[name] > 1)

    with contextlib.suppress(ValueError, RecursionError):
        json.loads(text, object_pairs_hook=note)
    if twice:
        message = phrase(
            "{names} stands there twice, and which of the two counts is not known", names=joined(twice)
        )
        return twice[0], message, ProblemKind.TWICE
    return "row", phrase("not a JSON object"), ProblemKind.BROKEN_ROW


def amount(cell: object, field: str) -> Decimal:
    """Return a number or a string of digits as an exact amount; raises `PayloadError` naming `field`."""
    if isinstance(cell, str):
        if _AMOUNT.fullmatch(cell):
            return Decimal(cell)
    elif isinstance(cell, Decimal | int) and not isinstance(cell, bool):
        return Decimal(cell)
    shown = phrase("empty") if cell is None else repr(cell)[:40]
    raise PayloadError(
        phrase(
            "{field} is {shown}; write digits with a point and nothing else, such as 10.50",
            field=field,
            shown=shown,
        ),
        path=field,
    )


def undecodable_line(path: Path) -> int:
    """Return the first line of a file that is not UTF-8, 1 where all of it is."""
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return number
    return 1


def command_line() -> str:
    """Return the command that was typed, to be typed again."""
    program = os.path.basename(sys.argv[0])
    name = "python -m bonifiq_async" if program == "__main__.py" else program
    return " ".join([name, *map(shell_quoted, sys.argv[1:])])


def shell_quoted(argument: str) -> str:
    """Return an argument as a shell reads it; what cannot be printed, in octal (POSIX.1-2024, XCU 2.2.4)."""
    if argument.isprintable():
        return shlex.quote(argument)
    spelt = [
        chr(byte) if 32 <= byte < 127 and byte not in b"\\'" else f"\\{byte:03o}"
        for byte in os.fsencode(argument)
    ]
    return f"$'{''.join(spelt)}'"
