"""The outcome file: one line an outcome, JSON lines or CSV by ending, appended and never overwritten."""

import csv
import io
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Self

import msgspec

from bonifiq_async.cli.providers import FileChange, Side
from bonifiq_async.cli.rows import FORMATS, Format
from bonifiq_async.conclusion import said_beside
from bonifiq_async.errors import ConfigurationError
from bonifiq_async.outcome import Outcome
from bonifiq_async.printable import printable

Record = Mapping[str, object]

_encode = msgspec.json.Encoder(decimal_format="number").encode


def columns(side: Side) -> tuple[str, ...]:
    """Return what is said of an outcome."""
    known = (_USED,) if side.keyed else ()
    return ("line", *side.about, "change_key", "effect", *known, *_COMMON, *side.answered, "notice", "error")


_COMMON = ("attempts", "status", "code", "code_name")
_USED = "used_elsewhere"
"""See `Outcome`; where nobody de-duplicates, there is no such thing."""


def record(side: Side, change: FileChange, outcome: Outcome[object]) -> Record:
    """Return the outcome of `change` as plain values under `columns`."""
    error, told, about = outcome.error, side.told(change, outcome.result), len(side.about)
    notice = outcome.notice
    said = notice if error is None else error
    values = (
        change.line,
        *told[:about],
        change.change_key,
        outcome.effect.name.lower(),
        *((outcome.used_elsewhere,) if side.keyed else ()),
        len(outcome.attempts),
        outcome.attempts[-1].status if outcome.attempts else None,
        said.code if said is not None else None,
        said.code_name if said is not None else None,
        *told[about:],
        said_beside(notice) if notice is not None else None,
        str(error) if error is not None else None,
    )
    return dict(zip(columns(side), values, strict=True))


def json_line(values: Record) -> bytes:
    """Return a record as a line of JSON with exact decimals, which a terminal may show, too."""
    line = _encode(values).decode()
    if not line.isprintable():  # in a text then, where an escape says the same (RFC 8259, section 7)
        line = "".join([char if char.isprintable() else json.dumps(char)[1:-1] for char in line])
    return line.encode() + b"\n"


def kind_of(path: Path) -> Format:
    """Return what an outcome file is to hold, by its ending. Raises `ConfigurationError` for another one."""
    kind = FORMATS.get(path.suffix.lower())
    if kind is None:
        raise ConfigurationError(f"The outcome file {path} must end in .jsonl or .csv. Nothing was sent.")
    return kind


class OutcomeFile:
    """Writes whole lines: a write that fails, as on a full disk, leaves the file as it was before it.

    A run that goes on appends to the file of the run before, which has the same `columns`. Opening raises
    `ConfigurationError`.
    """

    def __init__(self, path: Path, columns: tuple[str, ...]) -> None:
        kind = kind_of(path)
        try:
            self._file = os.fdopen(_for_its_owner(path), "ab", buffering=0)
            self._size = path.stat().st_size
            self._csv = kind == "csv"
            head = _csv_line(columns) if self._csv else b""
            if self._size == 0:
                self._append(head)
            elif not _begins_with(path, head):
                self.close()
                raise ConfigurationError(
                    f"The outcome file {path} does not have the columns {','.join(columns)}; name another. "
                    "Nothing was sent."
                )
            elif not _ends_line(path):
                self._append(b"\n")
        except OSError as error:
            raise ConfigurationError(
                f"The outcome file {path} cannot be written: {error.strerror}. Nothing was sent."
            ) from None

    def write(self, *records: Record) -> None:
        """Append outcomes, all or none of them. Raises `OSError` when the disk does not take them."""
        lines = (_csv_line(each.values()) if self._csv else json_line(each) for each in records)
        self._append(b"".join(lines))

    def _append(self, line: bytes) -> None:
        view = memoryview(line)
        try:
            while view:
                view = view[self._file.write(view) :]
        except OSError:
            os.ftruncate(self._file.fileno(), self._size)
            raise
        self._size += len(line)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _for_its_owner(path: Path) -> int:
    """Open a file to append to, which nobody else may read if it is made here: it holds customer data."""
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def _ends_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _begins_with(path: Path, line: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(line)) == line


def _cell(value: object) -> object:
    if isinstance(value, str):
        return printable(value, None)
    return str(value).lower() if isinstance(value, bool) else value


def _csv_line(cells: Iterable[object]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(map(_cell, cells))
    return text.getvalue().encode()
