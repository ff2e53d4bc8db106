"""The outcome file: one line an outcome, JSON lines or CSV by ending; a run that goes on appends to it."""

import contextlib
import csv
import itertools
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from errno import ENOENT
from pathlib import Path
from typing import Self

import msgspec
from attrs import evolve

from bonifiq_async._model.errors import ConfigurationError, PayloadError
from bonifiq_async._model.json_codec import decode
from bonifiq_async._model.outcome import Attempt, Outcome
from bonifiq_async._model.printable import printable
from bonifiq_async._policy.failures import said_beside
from bonifiq_async.cli.adapter import TOLD, FileAdapter, FileChange
from bonifiq_async.cli.files.csv_form import PLAIN, CsvForm, form_of, mark_in
from bonifiq_async.cli.files.private_files import locked, private
from bonifiq_async.cli.files.rows import FORMATS, Format
from bonifiq_async.cli.files.written_lines import (
    WrittenLine,
    WrittenLines,
    csv_lines,
    json_lines,
    room,
    written_line,
)
from bonifiq_async.cli.language.phrase import joined, phrase
from bonifiq_async.ledger.recorded import Recorded
from bonifiq_async.ledger.sqlite.location import make_private

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
        "repeats",
    )


_COMMON = ("attempts", "status", "code", "code_name")
_USED = "used_elsewhere"
"""See `Outcome`; a provider that does not de-duplicate has no column for it."""


def record(
    adapter: FileAdapter,
    change: FileChange,
    outcome: Outcome[object],
    run: int | None = None,
    before: Recorded | None = None,
) -> OutcomeRecord:
    """Return the outcome of `change` as plain values under `columns`; `run` is the number of the run.

    What was sent `before` this run has the run and the times that the ledger has of it.
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
        *(_told(outcome.attempts, run) if before is None else told_of(before)),
        None,
    )
    return dict(zip(columns(adapter), values, strict=True))


def repetition(first: OutcomeRecord, line: int) -> OutcomeRecord:
    """Return the outcome of a line that repeats the `first`: the same, which this one did nothing for."""
    effect = "already_applied" if first["effect"] == "applied" else first["effect"]
    return {**first, "line": line, "effect": effect, "attempts": 0, "repeats": first["line"]}


def told_of(change: Recorded) -> tuple[object, object, object]:
    """Return the values under `TOLD` of a recorded change: the run that claimed it last, and its times."""
    ended = None if change.ended is None else local_time(change.ended)
    return change.last_run, local_time(change.first_sent), ended


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
        raise ConfigurationError(
            phrase("The outcome file {path} must end in .xlsx, .csv or .jsonl. Nothing was sent.", path=path)
        )
    return kind


def lines_in(path: Path, columns: tuple[str, ...]) -> Iterator[WrittenLine]:
    """Yield the lines of an outcome file; none of what is no such file, or is not there."""
    with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
        if kind_of(path) != "csv":
            yield from json_lines(file)
        elif found := form_of(file.readline(_LONGEST_LINE), columns, _NEEDED):
            file.seek(0)
            yield from csv_lines(file, found[1], found[0])


class OutcomeFile:
    """Writes whole lines: a write that fails, as on a full disk, leaves the file as it was before it.

    A run that goes on appends to the file of the run before, under its columns and, in CSV, in its form; what
    stands there already is not written again. Where it ends in half a line, as a crash leaves one, the half
    is taken out, and `repaired` says so with what it was; the same command tells of that change again.
    Opening raises `ConfigurationError`.
    """

    repaired: str | None = None

    def __init__(self, path: Path, columns: tuple[str, ...], form: CsvForm = PLAIN) -> None:
        self._path, self._columns = path, columns
        self._form = form if kind_of(path) == "csv" else None
        self._written: WrittenLines | None = None
        self._whole = True
        try:
            found = private(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            self._file = os.fdopen(found, "ab", buffering=0)
            with contextlib.ExitStack() as unusable:
                unusable.callback(self.close)
                if not locked(self._file.fileno()):  # each would add what the other has written already
                    raise ConfigurationError(
                        phrase(
                            "Another run is writing to the outcome file {path}: wait for its end, or name "
                            "another. Nothing was sent.",
                            path=path,
                        )
                    )
                self._size = path.stat().st_size
                if self._size == 0:
                    make_private(path)
                    self._append(self._head())
                else:
                    self._go_on()
                unusable.pop_all()
        except OSError as error:
            raise ConfigurationError(
                phrase(
                    "The outcome file {path} cannot be written: {why}. Nothing was sent.",
                    path=path,
                    why=error.strerror,
                )
            ) from None

    def _head(self) -> bytes:
        return b"" if self._form is None else self._form.head(self._columns)

    def _go_on(self) -> None:
        """Make the file end with a line that is whole, and read what stands there."""
        path, last, head = self._path, _last_line(self._path), self._head()
        begun = self._size == len(last) < len(head) and head.startswith(last)
        if self._form is not None and not begun:
            self._take_form(self._form)
        if self._form is None and self._size > len(last):
            self._refuse_other_lines()
        whole = not begun and self._is_whole(last)  # an editor leaves one without its end
        foreign = len(last) == _LONGEST_LINE or (self._form is None and not _is_of_an_outcome(last))
        if last and not whole and foreign:
            raise ConfigurationError(
                phrase(
                    "The outcome file {path} ends in half a line, which is of no outcome; name another. "
                    "Nothing was sent.",
                    path=path,
                )
            )
        make_private(path)  # it holds customer data; another file, named by mistake, is left as it is
        if whole:
            self._append(b"\n")
        elif last:
            self._size -= len(last)
            os.ftruncate(self._file.fileno(), self._size)
            if self._size == 0:
                self._append(head)
            half = printable(last.decode(errors="backslashreplace"))
            self.repaired = phrase(
                "The outcome file {path} ended in half a line, as after a crash; taken out: {half}",
                path=path,
                half=half,
            )
        self._read_written()

    def _refuse_other_lines(self) -> None:
        """Refuse lines of JSON of which the first is of no outcome, such as a file of changes."""
        with self._path.open("rb") as file:
            if not file.read(len(_BEGINNING)) == _BEGINNING:
                raise ConfigurationError(
                    phrase(
                        "The outcome file {path} has lines of no outcome; name another. Nothing was sent.",
                        path=self._path,
                    )
                )

    def _take_form(self, form: CsvForm) -> None:
        """Go on in the form that the file has, and under its columns; an earlier version has fewer."""
        with self._path.open("rb") as file:
            found = form_of(file.readline(_LONGEST_LINE), self._columns, _NEEDED)
            if found is None:
                raise ConfigurationError(
                    phrase(
                        "The outcome file {path} does not have the columns {names}; name another. Nothing "
                        "was sent.",
                        path=self._path,
                        names=joined(self._columns, ","),
                    )
                )
            self._form, self._columns = evolve(found[0], decimal=form.decimal), tuple(found[1])
            rows = (
                self._form.cells(line) for line in itertools.islice(file, _LOOKED_AT) if self._is_whole(line)
            )
            mark = next(filter(None, map(mark_in, rows)), form.decimal)
        self._form = evolve(self._form, decimal=mark)

    def _read_written(self) -> None:
        with room(), self._path.open("rb") as file:
            self._written = WrittenLines()
            self._written.read(csv_lines(file, self._columns, self._form) if self._form else json_lines(file))

    def _is_whole(self, line: bytes) -> bool:
        """Say whether a line lacks nothing but its end."""
        try:
            if self._form is None:
                return line.startswith(_BEGINNING) and isinstance(decode(line), dict)
            return len(self._form.cells(line)) == len(self._columns)
        except (PayloadError, UnicodeDecodeError, csv.Error):
            return False

    def write(self, *records: OutcomeRecord) -> None:
        """Append outcomes, all or none of them, but for those that stand there already.

        Raises `OSError` when the disk or the temporary folder does not take them, or the file was deleted:
        nothing finds them there.
        """
        lines, size = [], self._size
        self._whole = False
        with room():
            for each in records:
                if each.get("repeats") and "repeats" not in self._columns:
                    continue  # in a file of an earlier version, it would be a second line of the change
                if self._written is None or self._written.put(written_line(each, size)):
                    lines.append(self._line(each))
                    size += len(lines[-1])
        self._append(b"".join(lines))
        if os.fstat(self._file.fileno()).st_nlink == 0:
            raise FileNotFoundError(ENOENT, "it was deleted")
        self._whole = True

    def _line(self, values: OutcomeRecord) -> bytes:
        return json_line(values) if self._form is None else self._form.line(map(values.get, self._columns))

    def _append(self, line: bytes) -> None:
        view = memoryview(line)
        try:
            while view:
                view = view[self._file.write(view) :]
        except OSError:
            os.ftruncate(self._file.fileno(), self._size)
            raise
        self._size += len(line)

    def finish(self) -> None:
        """Take out of CSV the lines that later ones replace, at the end of a run: each change has one then.

        Until then, and where the disk does not take it, the last line of a change counts. JSON lines keep
        all: a program may be reading them.
        """
        if self._form is None or self._written is None or not (self._whole and self._written.replaced):
            return
        path = self._path.resolve()
        ours = os.fstat(self._file.fileno())
        if ours.st_size != self._size or not path.exists() or not os.path.samestat(path.stat(), ours):
            return  # another run appends to it, or it was moved and another may stand there
        made = path.with_name(f".{path.name}.new")
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            stack.callback(made.unlink, missing_ok=True)
            out = stack.enter_context(open(made, "wb", opener=private))
            at, replaced = 0, iter(sorted(self._written.replaced))
            left_out = next(replaced, None)
            for line in stack.enter_context(path.open("rb")):
                if at == left_out:
                    left_out = next(replaced, None)
                else:
                    out.write(line)
                at += len(line)
            out.flush()
            os.fsync(out.fileno())
            made.replace(path)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        if self._written is not None:
            self._written.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_BEGINNING = b'{"line":'
"""How each line of JSON begins."""
_LONGEST_LINE = 1_048_576
"""Bytes of a line at the most, of which each outcome needs far fewer."""
_LOOKED_AT = 1_000
"""Lines by which it is known which decimal mark a file has."""
_NEEDED = ("line", "change_key", "effect")
"""Columns without which a file is of no outcomes."""


def _last_line(path: Path) -> bytes:
    """Return what stands after the last line that has an end; of something very long, its end."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _LONGEST_LINE))
        return file.read().rpartition(b"\n")[2]


def _is_of_an_outcome(half: bytes) -> bool:
    """Say whether half a line of JSON can be of an outcome; a lost page of the file is made of zeros."""
    begun = half.rstrip(b"\0")
    return begun.startswith(_BEGINNING) or _BEGINNING.startswith(begun)
