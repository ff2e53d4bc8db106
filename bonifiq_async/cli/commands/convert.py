"""`bonifiq convert`: a file of whatever form becomes one of the plain form. Nothing is sent."""

import contextlib
import csv
import os
import tempfile
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import typer

from bonifiq_async._model.errors import ConfigurationError
from bonifiq_async.cli.adapter import FileAdapter
from bonifiq_async.cli.commands.check import asked, examined
from bonifiq_async.cli.files.outcome_file import json_line
from bonifiq_async.cli.files.private_files import private
from bonifiq_async.cli.files.rows import Source, every
from bonifiq_async.cli.language.phrase import phrase
from bonifiq_async.cli.reading.dialect import FormOptions
from bonifiq_async.cli.reading.opening import opened
from bonifiq_async.cli.terminal.dialogue import changes, interruptible, rows
from bonifiq_async.cli.terminal.screen import say
from bonifiq_async.cli.terminal.understood import say_understood


def convert(file: str, format: str | None, adapter: FileAdapter, form: FormOptions, to: Path) -> int:
    """Write a file in the plain form, and return the exit code. An existing file is never touched."""
    if to.suffix.lower() != ".csv":
        raise typer.BadParameter(
            phrase("{to} must end in .csv, which the plain form is", to=to), param_hint="--to"
        )
    with interruptible(), opened(file, format, adapter, form, asked) as source:
        say_understood(source)
        found = examined(source)
        found.refuse_invalid()
        written = _write(source, to)
    say(
        phrase(
            "{to} has {rows} in the plain form: {changes}. Nothing was sent.",
            to=to,
            rows=rows(written),
            changes=changes(found.plan.changes),
        )
    )
    return 0


def _filled(cells: object) -> Sequence[int]:
    return [at for at, cell in enumerate(cells) if cell is not None] if isinstance(cells, tuple) else ()


def _text(cell: object) -> str:
    if cell is None or isinstance(cell, str):
        return cell or ""
    return f"{cell:f}" if isinstance(cell, Decimal) else json_line({"": cell}).decode()[4:-2]


def _write(source: Source, to: Path) -> int:
    """Write the rows of a source in which all are valid; return how many."""
    names = source.adapter.columns.names
    used = sorted({at for _, _, cells in source.cells(every) for at in _filled(cells)})
    written = 0
    try:
        os.close(private(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
        # Whole before it has the name: the last row of a killed process may have half a reference.
        part, name = tempfile.mkstemp(dir=to.parent, prefix=to.name, suffix=".part")
        try:
            with os.fdopen(part, "w", encoding="utf-8", newline="") as text:
                put = csv.writer(text, lineterminator="\n").writerow
                put([names[at] for at in used])
                for _, _, cells in source.cells(every):
                    if isinstance(cells, tuple):
                        put([_text(cells[at]) for at in used])
                        written += 1
            os.replace(name, to)
        except BaseException:
            for each in (to, Path(name)):
                with contextlib.suppress(OSError):
                    each.unlink()
            raise
    except FileExistsError:
        raise ConfigurationError(
            phrase("{to} exists already and stays as it is: name another file.", to=to)
        ) from None
    except OSError as error:
        raise ConfigurationError(
            phrase("{to} cannot be written: {why}.", to=to, why=error.strerror)
        ) from None
    return written
