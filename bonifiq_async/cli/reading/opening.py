"""Opens a file of changes: it is copied, and its form is found.

Where that is not the plain form, the file becomes a table.
"""

import codecs
import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, Protocol

from attrs import evolve, field, frozen

from bonifiq_async._model.errors import ConfigurationError
from bonifiq_async._model.printable import printable
from bonifiq_async.cli.adapter import Columns, FileAdapter
from bonifiq_async.cli.files.private_files import scratch
from bonifiq_async.cli.files.rows import FORMATS, Source, every, undecodable_line
from bonifiq_async.cli.files.spoilt import numbers_of_their_own
from bonifiq_async.cli.files.unfit import blank_above, broken_header, empty, lines
from bonifiq_async.cli.language.phrase import joined, phrase
from bonifiq_async.cli.reading.amounts import COMMA, POINT, MarkEvidence, readings, text_of_number, unclear
from bonifiq_async.cli.reading.cells import Bad, Cell, NotRead, Sheet, SheetRow
from bonifiq_async.cli.reading.dialect import PLAIN_FORM, Dialect, Fact, FormOptions, Unclear, mark_of
from bonifiq_async.cli.reading.headers import SAID, Header, header_of, missing, read_header
from bonifiq_async.cli.reading.office_parts import opened_archive, sheet_kind
from bonifiq_async.cli.reading.table import RawRow, TableFile, TableWriter
from bonifiq_async.cli.reading.text_file import CsvText, Survey, text_of

SHEETS = (".xlsx", ".xlsm", ".xls", ".ods")
TEXTS = (".csv", ".txt", ".tsv", ".tab")
CHUNK = 1 << 20
MOST_NAMES = 20
"""Columns that are not needed and are form."""
SAMPLE = 1_000
"""Rows by which it is form whether short numbers are customers' own."""

Ask = Callable[[str], bool | None]
"""Asks a person yes or no; None where no person can be asked."""


class _Workbook(Protocol):
    @property
    def sheets(self) -> tuple[Sheet, ...]: ...

    @property
    def notes(self) -> Sequence[str]: ...

    def rows(self, sheet: str) -> Iterator[SheetRow]: ...


def no_person(_: str) -> None:
    """Answer that no person can be asked."""


@frozen
class _File:
    """A file that is read: its copy, what the user calls it, its adapter, and what was said of it."""

    copy: IO[bytes]
    path: Path
    file: str
    adapter: FileAdapter
    form: FormOptions
    ask: Ask
    survey: Survey = field(factory=Survey)

    @property
    def name(self) -> str:
        return _name_of(self.file)


@contextlib.contextmanager
def opened(
    file: str, format: str | None, adapter: FileAdapter, form: FormOptions | None = None, ask: Ask = no_person
) -> Iterator[Source]:
    """Give a copy of `file` as a source of changes of `adapter`; `-` is standard input.

    What is sent is what was checked, whatever happens to the file meanwhile. `form` is what was said of its
    form; `ask` asks a person what no row proves. Raises `ConfigurationError` when the form cannot be form, or
    the file cannot be read.
    """
    known = {**dict.fromkeys(SHEETS, "sheet"), **dict.fromkeys(TEXTS, "csv"), **FORMATS}
    kind = format or known.get(Path(file).suffix.lower())
    if file != "-" and not Path(file).is_file():
        raise ConfigurationError(
            phrase("{file} is not a file that can be read. Nothing was sent.", file=file)
        )
    with contextlib.ExitStack() as stack:
        opening = _copied(file, adapter, form or FormOptions(), ask, stack)
        try:
            source = _source(opening, kind, stack)
        except NotRead as error:
            raise ConfigurationError(
                phrase(
                    "{file} is no spreadsheet that can be read: {why}. Nothing was sent.",
                    file=opening.name,
                    why=error.args[0],
                )
            ) from None
        except OSError as error:
            raise _unreadable(opening.name, error) from None
        yield source


def _name_of(file: str) -> str:
    return phrase("standard input") if file == "-" else file


def _unreadable(name: str, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        phrase("{file} cannot be read and copied: {why}. Nothing was sent.", file=name, why=error.strerror)
    )


def _copied(
    file: str, adapter: FileAdapter, form: FormOptions, ask: Ask, stack: contextlib.ExitStack
) -> _File:
    try:
        copy, path = stack.enter_context(scratch())
        opening = _File(copy, path, file, adapter, form, ask)
        with sys.stdin.buffer if file == "-" else open(file, "rb") as original:
            before = None if file == "-" else _stamp(original)
            while some := original.read(CHUNK):
                opening.survey.put(some)
                copy.write(some)
            opening.survey.put(b"")
            if before is not None and _stamp(original) != before:
                raise ConfigurationError(
                    phrase("{file} changed while it was read. Nothing was sent; try again.", file=file)
                )
        copy.flush()
    except OSError as error:
        with contextlib.suppress(OSError):  # a full disk is form twice: by the copy, and by its end
            stack.close()
        raise _unreadable(_name_of(file), error) from None
    return opening


def _stamp(original: IO[bytes]) -> tuple[int, int]:
    """Return what tells an open file from what it was: its size and the time of its last change."""
    now = os.fstat(original.fileno())
    return now.st_size, now.st_mtime_ns


def _source(file: _File, kind: str | None, stack: contextlib.ExitStack) -> Source:
    sheets = sheet_kind(file.survey.head, file.copy)
    if sheets is not None:
        return _of_workbook(file, sheets, stack)
    if kind == "sheet":
        raise NotRead(phrase("it is named as one, but it is a text; name it .csv, or save it as .xlsx"))
    if kind is None:
        raise ConfigurationError(
            phrase("Say what {file} holds: --format csv or --format jsonl.", file=repr(file.file))
        )
    if file.survey.endless:
        raise ConfigurationError(
            phrase("{file} has a line longer than any row. Nothing was sent.", file=file.name)
        )
    if kind == "jsonl":
        if options := file.form.options():
            raise ConfigurationError(
                phrase(
                    "{file} is JSON lines, which need no {options}: leave it out.",
                    file=file.name,
                    options=options,
                )
            )
        return Source(file.path, file.name, "jsonl", file.adapter, documents=False)
    if file.form.sheet is not None:
        raise ConfigurationError(phrase("{file} has no sheets: leave out --sheet.", file=file.name))
    return _of_text(file, stack)


# CsvText.


def _of_text(file: _File, stack: contextlib.ExitStack) -> Source:
    columns = file.adapter.columns
    text = text_of(file.path, file.name, file.survey, file.form, columns)
    if text is None:
        raise ConfigurationError(
            phrase(
                "{file}, line {line}: not UTF-8, as other lines are. Save it as UTF-8, or say how it is "
                "encoded with --encoding. Nothing was sent.",
                file=file.name,
                line=undecodable_line(file.path),
            )
        )
    first, last, names = next(text.rows(), (1, 1, []))
    if not names:
        raise ConfigurationError((blank_above if file.survey.head.strip() else empty)(file.name))
    where = joined((file.name, lines(first, first)))
    if last > first:
        raise ConfigurationError(broken_header(file.name, first, last))
    plain = text.encoding.value == "utf-8" and text.delimiter.value == "," and not text.skipped
    header = header_of(names, columns, file.form.columns)
    plain = plain and isinstance(header, Header) and header.plain
    if not isinstance(header, Header) or not plain:
        header = read_header(names, columns, file.form.columns, where)
    customers = _customers(islice(text.rows(), 1, SAMPLE), header, columns)
    documents = not numbers_of_their_own(customers)
    notes = tuple(_not_needed(header))
    bom = file.survey.head.startswith(codecs.BOM_UTF8)
    facts = Dialect(
        "csv", header.columns, {}, text.encoding, text.delimiter, notes=notes, plain=plain, bom=bom
    )
    if plain and file.form.decimal != COMMA and _amounts_are_plain(file, text, header):
        proof = PLAIN_FORM if file.form.decimal is None else SAID
        marks = {
            column.name: Fact(POINT, proof) for column in header.columns if column.name in columns.amounts
        }
        return Source(
            file.path,
            file.name,
            "csv",
            file.adapter,
            documents=documents,
            dialect=evolve(facts, decimal=marks),
        )
    table, evidence = _tabulated(file, stack, header, islice(text.rows(), 1, None), grid=False)
    return _finished(file, facts, evidence, table, documents)


def _amounts_are_plain(file: _File, text: CsvText, header: Header) -> bool:
    """Return whether every amount has the plain form, or none at all; most files need no look to know it."""
    amounts = [column.at for column in header.columns if column.name in file.adapter.columns.amounts]
    evidence = MarkEvidence(file.adapter.columns.currency)
    if file.survey.unusual:
        for line, _, cells in islice(text.rows(), 1, None):
            for at in amounts:
                if at < len(cells):
                    evidence.put(line, cells[at])
    return evidence.plain


def _customers(
    rows: Iterator[tuple[int, int, Sequence[object]]], header: Header, columns: Columns
) -> Iterator[str]:
    places = [column.at for column in header.columns if column.name in columns.documents]
    for _, _, cells in rows:
        yield from (str(cells[at]).strip() for at in places if at < len(cells))


# Sheets.


def _of_workbook(file: _File, kind: str, stack: contextlib.ExitStack) -> Source:
    form, columns = file.form, file.adapter.columns
    if form.delimiter is not None or form.encoding is not None:
        raise ConfigurationError(
            phrase(
                "{file} is a spreadsheet, which needs neither --delimiter nor --encoding: leave them out.",
                file=file.name,
            )
        )
    from bonifiq_async.cli.reading import xls_ods, xlsx  # most files need neither

    room, _ = stack.enter_context(scratch())
    if kind == "xlsx":
        book: _Workbook = xlsx.opened(stack.enter_context(opened_archive(file.copy)), room)
    else:
        book = xls_ods.opened(file.copy, room)
    sheet = _sheet_of(file, book)
    rows = book.rows(sheet.value)
    line, first = next(rows, (1, []))
    place = phrase("sheet {name}", name=printable(sheet.value))
    where = joined((file.name, place, lines(line, line)))
    header = read_header(_texts(first), columns, form.columns, where)
    numbered: Iterator[RawRow] = ((line, line, cells) for line, cells in rows)
    table, evidence = _tabulated(file, stack, header, numbered, grid=True)
    notes = (*_other_sheets(book, sheet), *book.notes, *_not_needed(header))
    facts = Dialect(kind, header.columns, {}, sheet=sheet, notes=notes)
    names = columns.names
    sample = islice(table.rows(every), SAMPLE)
    customers = [
        str(cells[names.index(name)] or "")
        for _, _, cells in sample
        if isinstance(cells, tuple)
        for name in columns.documents
    ]
    return _finished(file, facts, evidence, table, documents=not numbers_of_their_own(customers))


def _texts(cells: Sequence[Cell]) -> list[str]:
    return [
        cell if isinstance(cell, str) else "" if isinstance(cell, Bad) else text_of_number(cell) or ""
        for cell in cells
    ]


def _sheet_of(file: _File, book: _Workbook) -> Fact:
    """Return the sheet to read: the one that was said, or the only one that may be meant."""
    form, columns, names = file.form, file.adapter.columns, [sheet.name for sheet in book.sheets]
    listed = joined(map(printable, names))
    if form.sheet is not None:
        if form.sheet in names:
            return Fact(form.sheet, SAID)
        if form.sheet.isascii() and form.sheet.isdigit() and 0 < int(form.sheet) <= len(names):
            return Fact(names[int(form.sheet) - 1], SAID)
        raise ConfigurationError(
            phrase(
                "{file} has no sheet {name}; there are {names}.",
                file=file.name,
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
        _, first = next(book.rows(name), (1, []))
        header = header_of(_texts(first), columns, form.columns)
        if isinstance(header, Header) and not missing(header, columns):
            fits.append(name)
    if len(fits) == 1:
        return Fact(fits[0], phrase("the only sheet with the columns that are needed"))
    how_many = phrase("several sheets") if fits else phrase("no sheet")
    raise ConfigurationError(
        phrase(
            "{file} has {sheets} with the columns that are needed. Say which sheet to read with --sheet: "
            "{names}. Nothing was sent.",
            file=file.name,
            sheets=how_many,
            names=listed,
        )
    )


def _other_sheets(book: _Workbook, sheet: Fact) -> Iterator[str]:
    for hidden in (False, True):
        names = [each.name for each in book.sheets if each.hidden is hidden and each.name != sheet.value]
        listed = joined(map(printable, names))
        if names and hidden:
            yield phrase("hidden sheets that are not read: {names}", names=listed)
        elif names:
            yield phrase("sheets that are not read: {names}", names=listed)
    if any(each.hidden for each in book.sheets if each.name == sheet.value):
        yield phrase("the sheet that is read is hidden")


# Both.


def _not_needed(header: Header) -> Iterator[str]:
    if names := header.unknown:
        yield phrase("columns that are not needed: {names}", names=joined(map(printable, names[:MOST_NAMES])))


def _tabulated(
    file: _File, stack: contextlib.ExitStack, header: Header, rows: Iterator[RawRow], *, grid: bool
) -> tuple[TableFile, Mapping[str, MarkEvidence]]:
    out, path = stack.enter_context(scratch())
    writer = TableWriter(out, file.adapter.columns, header, grid)
    writer.write(rows)
    out.flush()
    return TableFile(path, file.adapter.columns, {}), writer.evidence


def _finished(
    file: _File, facts: Dialect, evidence: Mapping[str, MarkEvidence], table: TableFile, documents: bool
) -> Source:
    """Return the source of a table, once the decimal mark of each column of amounts is known."""
    marks = {}
    for column, each in evidence.items():
        found = mark_of(column, each, file.form.decimal, plain=facts.plain)
        marks[column] = _asked(file, found) if isinstance(found, Unclear) else found
    table = evolve(table, marks={column: found.value for column, found in marks.items()})
    dialect = evolve(facts, decimal=marks, plain=False)
    return Source(
        file.path, file.name, "csv", file.adapter, reader=table.rows, documents=documents, dialect=dialect
    )


def _asked(file: _File, found: Unclear) -> Fact:
    """Return what a person says of a mark that no row proves. Raises `ConfigurationError` where none can."""
    text = found.example.text
    what = phrase(
        "{file}, line {line}: {name} {readings}, and no row proves which it is.",
        file=file.name,
        line=found.example.line,
        name=found.column,
        readings=unclear(text, readings(text, file.adapter.columns.currency), file.adapter.money),
    )
    answer = file.ask(phrase("{what} Is the decimal mark a comma?", what=what))
    if answer is None:
        raise ConfigurationError(
            phrase("{what} Nothing was sent; say it with --decimal , or --decimal .", what=what)
        )
    return Fact(COMMA if answer else POINT, SAID)
