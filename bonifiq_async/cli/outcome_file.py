"""The outcome file: one line an outcome, JSON lines or CSV by ending, appended and never overwritten."""

import csv
import io
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Self

import msgspec

from bonifiq_async.bonifiq.payloads import CustomerPoints
from bonifiq_async.cli.rows import FORMATS, FileChange
from bonifiq_async.errors import ConfigurationError
from bonifiq_async.outcome import Outcome

Record = Mapping[str, object]

COLUMNS = (
    "line",
    "customer_id",
    "value",
    "change_key",
    "effect",
    "attempts",
    "status",
    "code",
    "code_name",
    "cashback_balance",
    "points_balance",
    "error",
)

_encode = msgspec.json.Encoder(decimal_format="number").encode


def record(outcome: Outcome[CustomerPoints]) -> Record:
    """Return one outcome as plain values under `COLUMNS`."""
    change, result, error = outcome.change, outcome.result, outcome.error
    return {
        "line": change.line if isinstance(change, FileChange) else None,
        "customer_id": change.customer_id,
        "value": change.value,
        "change_key": change.change_key,
        "effect": outcome.effect.name.lower(),
        "attempts": len(outcome.attempts),
        "status": outcome.attempts[-1].status if outcome.attempts else None,
        "code": error.code if error is not None else None,
        "code_name": error.code_name if error is not None else None,
        "cashback_balance": result.cashback_balance if result is not None else None,
        "points_balance": result.points_balance if result is not None else None,
        "error": str(error) if error is not None else None,
    }


def json_line(values: Record) -> bytes:
    """Return a record as a line of JSON with exact decimals."""
    return _encode(values) + b"\n"


class OutcomeFile:
    """Writes whole lines: a write that fails, as on a full disk, leaves the file as it was before it.

    A run that goes on appends to the file of the run before. Opening raises `ConfigurationError`.
    """

    def __init__(self, path: Path) -> None:
        kind = FORMATS.get(path.suffix.lower())
        if kind is None:
            raise ConfigurationError(f"The outcome file {path} must end in .jsonl or .csv.")
        try:
            self._file = path.open("ab", buffering=0)
            self._size = path.stat().st_size
            self._csv = kind == "csv"
            if self._size > 0 and not _ends_line(path):
                self._append(b"\n")
            if self._csv and self._size == 0:
                self._append(_csv_line(COLUMNS))
        except OSError as error:
            raise ConfigurationError(
                f"The outcome file {path} cannot be written: {error.strerror}."
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


def _ends_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _csv_line(cells: Iterable[object]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode()
