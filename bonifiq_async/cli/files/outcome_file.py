"""The outcome file: one line an outcome, JSON lines or CSV by ending, appended and never overwritten."""

import contextlib
import csv
import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from errno import ENOENT
from pathlib import Path
from typing import Self

import msgspec

from bonifiq_async._model.errors import ConfigurationError, PayloadError
from bonifiq_async._model.json_codec import decode
from bonifiq_async._model.outcome import Attempt, Outcome
from bonifiq_async._model.printable import printable
from bonifiq_async._policy.failures import said_beside
from bonifiq_async.cli.adapter import TOLD, FileAdapter, FileChange
from bonifiq_async.cli.files.rows import FORMATS, Format
from bonifiq_async.ledger.sqlite.location import PRIVATE, make_private

OutcomeRecord = Mapping[str, object]


def _plain(value: object) -> str:
    """Return a phrase as the English that it is; of other objects, JSON has none."""
    if isinstance(value, str):
        return str.__str__(value)
    raise TypeError(f"{type(value).__name__} has no JSON")


_encode = msgspec.json.Encoder(decimal_format="number", enc_hook=_plain).encode


def columns(adapter: FileAdapter) -> tuple[str, ...]:
    """Return what is said of an outcome."""
    known = (_USED,) if adapter.has_keys else ()
    return (
        "line",
        *adapter.change_columns,
        "change_key",
        "effect",
        *known,
        *_COMMON,
        *adapter.answer_columns,
        "notice",
        "error",
        "reason",
        "reference",
        *TOLD,
    )


_COMMON = ("attempts", "status", "code", "code_name")
_USED = "used_elsewhere"
"""See `Outcome`; a provider that does not de-duplicate has no column for it."""


def record(
    adapter: FileAdapter, change: FileChange, outcome: Outcome[object], run: int | None = None
) -> OutcomeRecord:
    """Return the outcome of `change` as plain values under `columns`; `run` is the number of the run.

    What was not sent in this run has no times here, and no run: `bonifiq history` has them.
    """
    error, notice, grounds = outcome.error, outcome.notice, adapter.grounds(change)
    said = notice if error is None else error
    values = (
        change.line,
        *adapter.change_cells(change),
        change.change_key,
        outcome.effect.name.lower(),
        *((outcome.used_elsewhere,) if adapter.has_keys else ()),
        len(outcome.attempts),
        outcome.attempts[-1].status if outcome.attempts else None,
        said.code if said is not None else None,
        said.code_name if said is not None else None,
        *adapter.answer_cells(outcome.result),
        said_beside(notice) if notice is not None else None,
        str(error) if error is not None else None,
        grounds.reason,
        grounds.reference,
        *_told(outcome.attempts, run),
    )
    return dict(zip(columns(adapter), values, strict=True))


def _told(attempts: Sequence[Attempt], run: int | None) -> tuple[object, object, object]:
    """Return the values under `TOLD`: of this run, and of no other."""
    if not attempts:
        return None, None, None
    last = attempts[-1]
    return (
        run,
        local_time(attempts[0].started_at),
        local_time(last.started_at + timedelta(seconds=last.elapsed)),
    )


def local_time(at: datetime | float, timespec: str = "milliseconds") -> str:
    """Return a time, or seconds since the epoch, in the local zone with its offset (ISO 8601)."""
    if not isinstance(at, datetime):
        at = datetime.fromtimestamp(at, UTC)
    return at.astimezone().isoformat(timespec=timespec)


def json_line(values: OutcomeRecord) -> bytes:
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

    A run that goes on appends to the file of the run before, which has the same `columns`. Where that ends in
    half a line, as a crash leaves one, the half is taken out, and `repaired` says so with what it was; the
    same command tells of that change again. Opening raises `ConfigurationError`.
    """

    repaired: str | None = None

    def __init__(self, path: Path, columns: tuple[str, ...]) -> None:
        kind = kind_of(path)
        self._csv = kind == "csv"
        try:
            found = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, PRIVATE)
            self._file = os.fdopen(found, "ab", buffering=0)
            with contextlib.ExitStack() as unusable:
                unusable.callback(self._file.close)
                self._size = path.stat().st_size
                if self._size == 0:
                    make_private(path)
                    self._append(_head(columns, kind))
                else:
                    self._go_on(path, columns, kind)
                unusable.pop_all()
        except OSError as error:
            raise ConfigurationError(
                f"The outcome file {path} cannot be written: {error.strerror}. Nothing was sent."
            ) from None

    def _go_on(self, path: Path, columns: tuple[str, ...], kind: Format) -> None:
        """Make the file end with a line that is whole."""
        head, last = _head(columns, kind), _last_line(path)
        begun = self._size < len(head) and head.startswith(last)
        if not begun and not _begins_with(path, head):
            raise ConfigurationError(
                f"The outcome file {path} does not have the columns {','.join(columns)}; name another. "
                "Nothing was sent."
            )
        whole = not begun and _is_whole(last, columns, kind)  # an editor leaves one without its end
        foreign = len(last) == _LONGEST_LINE or (kind == "jsonl" and not _is_of_an_outcome(last))
        if last and not whole and foreign:
            raise ConfigurationError(
                f"The outcome file {path} ends in half a line, which is of no outcome; name another. Nothing "
                "was sent."
            )
        make_private(path)  # it holds customer data; another file, named by mistake, is left as it is
        if not last:
            return
        if whole:
            self._append(b"\n")
            return
        self._size -= len(last)
        os.ftruncate(self._file.fileno(), self._size)
        if self._size == 0:
            self._append(head)
        half = printable(last.decode(errors="backslashreplace"))
        self.repaired = f"The outcome file {path} ended in half a line, as after a crash; taken out: {half}"

    def write(self, *records: OutcomeRecord) -> None:
        """Append outcomes, all or none of them.

        Raises `OSError` when the disk does not take them, or the file was deleted: nothing finds them there.
        """
        lines = (_csv_line(each.values()) if self._csv else json_line(each) for each in records)
        self._append(b"".join(lines))
        if os.fstat(self._file.fileno()).st_nlink == 0:
            raise FileNotFoundError(ENOENT, "it was deleted")

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


_BEGINNING = b'{"line":'
"""How each line of JSON begins."""
_LONGEST_LINE = 1_048_576
"""Bytes of a line at the most, of which each outcome needs far fewer."""


def _head(columns: tuple[str, ...], kind: Format) -> bytes:
    return _csv_line(columns) if kind == "csv" else b""


def _last_line(path: Path) -> bytes:
    """Return what stands after the last line that has an end; of something very long, its end."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _LONGEST_LINE))
        return file.read().rpartition(b"\n")[2]


def _is_of_an_outcome(half: bytes) -> bool:
    """Say whether half a line of JSON can be of an outcome; a lost page of the file is made of zeros."""
    begun = half.rstrip(b"\0")
    return begun.startswith(_BEGINNING) or _BEGINNING.startswith(begun)


def _is_whole(line: bytes, columns: tuple[str, ...], kind: Format) -> bool:
    """Say whether a line lacks nothing but its end."""
    try:
        if kind == "jsonl":
            return isinstance(decode(line), dict)
        return [len(cells) for cells in csv.reader([line.decode()], strict=True)] == [len(columns)]
    except (PayloadError, UnicodeDecodeError, csv.Error):
        return False


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
