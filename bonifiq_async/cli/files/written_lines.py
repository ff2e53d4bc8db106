"""What stands in an outcome file: the line that counts for each change, and the lines that it replaces."""

import contextlib
import csv
import sqlite3
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from errno import ENOSPC
from typing import NamedTuple

import msgspec
from attrs import define, field

from bonifiq_async._model.printable import printable
from bonifiq_async.cli.files.csv_form import CsvForm
from bonifiq_async.cli.files.formulas import unguarded
from bonifiq_async.cli.files.private_files import temporary_database

_DONE = ("applied", "already_applied")
MOST_VALUES = 100
"""Lines that one statement takes: seven values each (SQLite before 3.32 takes 999, its "Limits", 9)."""


class WrittenLine(NamedTuple):
    """What a line of an outcome file says, and of which change: its key and, if it has one, its operation.

    `at` is where it begins in the file, `line` that of the file of changes; `repeats` is `line` again where
    that only repeats an earlier one, else 0.
    """

    key: str
    operation: str
    repeats: int
    at: int
    line: int
    effect: str
    elsewhere: bool


class Following(Enum):
    """What becomes of a line that follows another of its change: it stands beside it, in its place or not."""

    ADDS = "adds"
    REPLACES = "replaces"
    REPEATS = "repeats"


def following(before: tuple[str, bool] | None, now: tuple[str, bool]) -> Following:
    """Return what becomes of a line, by effect and `used_elsewhere` of it and of the line that counts so far.

    That something done is done says nothing new. A line `applied` is never replaced: money moved by it.
    """
    if before is None:
        return Following.ADDS
    (was, was_elsewhere), (effect, elsewhere) = before, now
    if was in _DONE and effect == "already_applied" and elsewhere is was_elsewhere:
        return Following.REPEATS
    return Following.ADDS if was == "applied" else Following.REPLACES


@contextlib.contextmanager
def room() -> Iterator[None]:
    """Raise `OSError` where the temporary folder does not take what is known of a file's lines."""
    try:
        yield
    except sqlite3.Error as error:
        raise OSError(ENOSPC, f"the temporary folder does not take what it has: {error}") from None


def _empty() -> sqlite3.Connection:
    return temporary_database(
        "written (key TEXT, operation TEXT, repeats INTEGER, at INTEGER PRIMARY KEY,"
        " line INTEGER, effect TEXT, elsewhere INTEGER)"
    )


@define
class WrittenLines:
    """The lines of one outcome file, in a temporary database: memory does not grow with the file.

    `replaced` has where each line begins that counts no longer, in the order in which that was found.
    """

    replaced: "array[int]" = field(factory=lambda: array("Q"))
    _database: sqlite3.Connection = field(factory=_empty)

    def read(self, lines: Iterable[WrittenLine]) -> None:
        """Take all lines of a file, once and before any other is put."""
        some: list[object] = []
        for line in lines:
            some.extend(line)
            if len(some) == MOST_VALUES * len(line):
                self._insert(some)
                some = []
        if some:
            self._insert(some)
        # Sorted at the end, which takes a fraction of the time of sorting line by line.
        self._database.execute("CREATE INDEX by_change ON written (key, operation, repeats, at)")
        found = self._database.execute(
            "SELECT written.* FROM (SELECT key, operation, repeats FROM written"
            " GROUP BY key, operation, repeats HAVING count(*) > 1) AS twice"
            " CROSS JOIN written USING (key, operation, repeats)"
            " ORDER BY key, operation, repeats, at"
        )
        last: WrittenLine | None = None
        for row in found:
            line = WrittenLine(*row)
            before = last if last is not None and last[:3] == line[:3] else None
            what = following(None if before is None else _said(before), _said(line))
            if what is Following.REPEATS:
                self.replaced.append(line.at)
                continue
            if what is Following.REPLACES and before is not None:
                self.replaced.append(before.at)
            last = line
        self._take_out(self.replaced)

    def _insert(self, values: list[object]) -> None:
        rows = ", ".join(["(?, ?, ?, ?, ?, ?, ?)"] * (len(values) // 7))
        self._database.execute(f"INSERT INTO written VALUES {rows}", values)

    def _take_out(self, places: Iterable[int]) -> None:
        self._database.executemany("DELETE FROM written WHERE at = ?", ((at,) for at in places))

    def put(self, line: WrittenLine) -> bool:
        """Take a line that is about to be written, and say whether it is to be."""
        found = self._database.execute(
            "SELECT at, effect, elsewhere FROM written WHERE key = ? AND operation = ? AND repeats = ?"
            " ORDER BY at DESC LIMIT 1",
            line[:3],
        ).fetchone()
        what = following(None if found is None else (found[1], bool(found[2])), _said(line))
        if what is Following.REPEATS:
            return False
        if what is Following.REPLACES:
            self.replaced.append(found[0])
            self._take_out([found[0]])
        self._insert(list(line))
        return True

    def in_order(self) -> Iterator[int]:
        """Yield where each line begins that counts, in the order of the file of changes."""
        for (at,) in self._database.execute("SELECT at FROM written ORDER BY line, at"):
            yield at

    def close(self) -> None:
        """Let the database go."""
        self._database.close()


def _said(line: WrittenLine) -> tuple[str, bool]:
    return line.effect, bool(line.elsewhere)


class _Members(msgspec.Struct):
    """What is read of a line of JSON."""

    change_key: str
    effect: str
    line: int = 0
    operation: str | None = None
    used_elsewhere: bool | None = None
    repeats: int | None = None


def written_line(values: Mapping[str, object], at: int) -> WrittenLine:
    """Return what an outcome says as the line that begins at `at`."""
    line = values["line"]
    assert isinstance(line, int)
    return WrittenLine(
        printable(str(values["change_key"]), None),
        str(values.get("operation") or ""),
        line if values.get("repeats") else 0,
        at,
        line,
        str(values["effect"]),
        values.get("used_elsewhere") is True,
    )


def json_lines(file: Iterable[bytes]) -> Iterator[WrittenLine]:
    """Yield what each line of a file of JSON lines says; what is of no outcome says nothing."""
    read, at = msgspec.json.Decoder(_Members).decode, 0
    for raw in file:
        try:
            each = read(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            pass
        else:
            key, operation = printable(each.change_key, None), each.operation or ""
            repeats = each.line if each.repeats else 0
            yield WrittenLine(
                key, operation, repeats, at, each.line, each.effect, each.used_elsewhere is True
            )
        at += len(raw)


def csv_lines(file: Iterable[bytes], columns: Sequence[str], form: CsvForm) -> Iterator[WrittenLine]:
    """Yield what each line of a CSV file says that has these columns, in this form."""
    at = 0
    for number, raw in enumerate(file):
        try:
            cells = form.cells(raw) if number else []
        except (csv.Error, UnicodeDecodeError):
            cells = []
        if len(cells) == len(columns):
            said = dict(zip(columns, cells, strict=True))
            if said["line"].isdecimal():
                elsewhere = said.get("used_elsewhere", "").lower() == "true"
                values = {**said, "line": int(said["line"]), "used_elsewhere": elsewhere}
                yield written_line({**values, "change_key": unguarded(said["change_key"])}, at)
        at += len(raw)
