"""Opens a file of changes: it is copied, and its form is found.

Where that is not the plain form, the file becomes a table.
"""

import codecs
import contextlib
import os
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import IO

from attrs import evolve, field, frozen

from bonifiq_async._model.errors import ConfigurationError
from bonifiq_async._model.printable import printable
from bonifiq_async.cli.adapter import FileAdapter
from bonifiq_async.cli.columns import Columns
from bonifiq_async.cli.files.private_files import scratch
from bonifiq_async.cli.files.rows import FORMATS, Source, every, undecodable_line
from bonifiq_async.cli.files.spoilt import numbers_of_their_own
from bonifiq_async.cli.files.unfit import blank_above, broken_header, empty, lines, no_such_row
from bonifiq_async.cli.language.phrase import joined, phrase
from bonifiq_async.cli.reading.amounts import COMMA, POINT, MarkEvidence, readings, unclear
from bonifiq_async.cli.reading.dialect import (
    PLAIN_FORM,
    Dialect,
    Fact,
    FormOptions,
    Unclear,
    mark_of,
    said_row,
)
from bonifiq_async.cli.reading.headers import (
    SAID,
    Header,
    header_of,
    read_header,
    refuse_unknown,
)
from bonifiq_async.cli.reading.sheets.cells import NotRead
from bonifiq_async.cli.reading.sheets.office_parts import opened_archive, sheet_kind
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
    form = form or FormOptions()
    refuse_unknown(form.columns, adapter.columns)
    with contextlib.ExitStack() as stack:
        opening = _copied(file, adapter, form, ask, stack)
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
    names, place = _header_cells(file, text)
    plain = text.encoding.value == "utf-8" and text.delimiter.value == "," and not text.skipped
    plain = plain and file.form.header_row is None
    header = header_of(names, columns, file.form.columns)
    plain = plain and isinstance(header, Header) and header.plain
    if not isinstance(header, Header) or not plain or not header.columns:
        header = read_header(names, columns, file.form.columns, place, text.likely_row)
    customers = _customers(islice(text.rows(), 1, SAMPLE), header, columns)
    documents = not numbers_of_their_own(customers)
    notes = tuple(_not_needed(header))
    bom = file.survey.head.startswith(codecs.BOM_UTF8)
    facts = Dialect(
        "csv",
        header.columns,
        {},
        text.encoding,
        text.delimiter,
        header=said_row(file.form),
        notes=notes,
        plain=plain,
        bom=bom,
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


def _header_cells(file: _File, text: CsvText) -> tuple[Sequence[str], tuple[int, str]]:
    """Return the cells of the header, its line, and where that stands.

    Raises `ConfigurationError` where it is none.
    """
    row = file.form.header_row
    first, last, names = next(text.rows(), (0, 0, []))
    if row is not None and (first != row or not names):
        raise ConfigurationError(no_such_row(file.name, row))
    if not names:
        blank = file.survey.head.strip()
        raise ConfigurationError(blank_above(file.name, text.likely_row()) if blank else empty(file.name))
    if last > first:
        raise ConfigurationError(broken_header(file.name, first, last))
    return names, (first, joined((file.name, lines(first, first))))


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
    from bonifiq_async.cli.reading.sheets import choice, ods, xls, xlsx  # most files need none of them

    room, _ = stack.enter_context(scratch())
    if kind == "xlsx":
        book: choice.Workbook = xlsx.opened(stack.enter_context(opened_archive(file.copy)), room)
    elif kind == "ods":
        book = ods.opened(stack.enter_context(opened_archive(file.copy)))
    else:
        book = xls.opened(file.copy, room)
    sheet = choice.sheet_of(book, file.name, form, columns)
    rows = choice.rows_from(book, sheet.value, form.header_row)
    line, first = next(rows)
    if form.header_row is not None and not first:
        raise ConfigurationError(no_such_row(file.name, form.header_row))
    place = phrase("sheet {name}", name=printable(sheet.value))
    where = joined((file.name, place, lines(line, line)))

    def likely() -> int | None:
        return choice.likely_row(book, sheet.value, form, columns)[1]

    header = read_header(choice.texts(first), columns, form.columns, (line, where), likely)
    numbered: Iterator[RawRow] = ((line, line, cells) for line, cells in rows)
    table, evidence = _tabulated(file, stack, header, numbered, grid=True)
    notes = (*choice.other_sheets(book, sheet), *book.notes, *_not_needed(header))
    facts = Dialect(kind, header.columns, {}, sheet=sheet, header=said_row(form), notes=notes)
    names = columns.names
    sample = islice(table.rows(every), SAMPLE)
    customers = [
        str(cells[names.index(name)] or "")
        for _, _, cells in sample
        if isinstance(cells, tuple)
        for name in columns.documents
    ]
    return _finished(file, facts, evidence, table, documents=not numbers_of_their_own(customers))


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
    marks, here = {}, {column.name for column in facts.columns}
    for column, each in evidence.items():
        found = mark_of(column, each, file.form.decimal, plain=facts.plain)
        marks[column] = _asked(file, found, here) if isinstance(found, Unclear) else found
    columns = file.adapter.columns
    priced = {each.name: each.header for each in facts.columns if columns.is_of_money(each.name, each.header)}
    table = evolve(table, marks={column: found.value for column, found in marks.items()}, priced=priced)
    dialect = evolve(facts, decimal=marks, plain=False)
    return Source(
        file.path, file.name, "csv", file.adapter, reader=table.rows, documents=documents, dialect=dialect
    )


def _asked(file: _File, found: Unclear, here: Collection[str]) -> Fact:
    """Return what a person says of a mark that no row proves. Raises `ConfigurationError` where none can."""
    text, columns = found.example.text, file.adapter.columns
    shown = file.adapter.shown_as(found.column, here)
    what = phrase(
        "{file}, line {line}: {name} {readings}, and no row proves which it is.",
        file=file.name,
        line=found.example.line,
        name=found.column,
        readings=unclear(text, readings(text, columns.currency_of(found.column)), shown),
    )
    answer = file.ask(phrase("{what} Is the decimal mark a comma?", what=what))
    if answer is None:
        raise ConfigurationError(
            phrase("{what} Nothing was sent; say it with --decimal , or --decimal .", what=what)
        )
    return Fact(COMMA if answer else POINT, SAID)
