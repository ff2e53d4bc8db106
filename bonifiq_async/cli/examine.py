"""The first reading of a file: every row is checked before anything is sent."""

import hashlib
import sqlite3
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator
from decimal import Decimal

from attrs import frozen

from bonifiq_async.change_key import canonical_amount
from bonifiq_async.cli.rows import FileChange, Problem, Source
from bonifiq_async.errors import ConfigurationError
from bonifiq_async.money import Sums

_BATCH = 10_000


@frozen
class Plan:
    """What a file asks for. `left_out` are the lines not to be sent: conflicts, and repeats of a row."""

    source: Source
    changes: int
    customers: int
    added: Decimal
    removed: Decimal
    repeats: int
    problems: int
    left_out: "array[int]"

    def read(self) -> Iterator[FileChange]:
        """Yield the changes to send, in the file's order."""
        for row in self.source.rows():
            if isinstance(row, FileChange) and not self._is_left_out(row.line):
                yield row

    def _is_left_out(self, line: int) -> bool:
        place = bisect_left(self.left_out, line)
        return place < len(self.left_out) and self.left_out[place] == line


def examine(source: Source, on_problem: Callable[[Problem], None]) -> Plan:
    """Read `source` once, tell `on_problem` of each row that is not valid, and return what it asks for.

    Rows with the same key and the same change count once; rows with the same key and another change
    are all problems. Raises `ConfigurationError` for what concerns the whole file.
    """
    sums, keys = Sums(), _Keys()
    problems = repeats = 0
    try:
        for row in source.rows():
            if isinstance(row, Problem):
                problems += 1
                on_problem(row)
            else:
                sums.put(row.value)
                keys.note(row)
        left_out: array[int] = array("Q")
        for line, value, other in keys.conflicts():
            problems += 1
            on_problem(Problem(line, "change_key", f"its key stands for another change in line {other}"))
            sums.take_back(value)
            left_out.append(line)
        for line, value in keys.repeats():
            repeats += 1
            sums.take_back(value)
            left_out.append(line)
        changes, customers = keys.kept()
    except sqlite3.OperationalError as error:
        raise ConfigurationError(
            f"{source.name} cannot be checked: the temporary folder does not take it ({error}). "
            "Nothing was sent; make room there."
        ) from None
    finally:
        keys.close()
    lines = array("Q", sorted(left_out))
    return Plan(source, changes, customers, sums.added, sums.removed, repeats, problems, lines)


class _Keys:
    """The keys of a file, compared in a temporary database so that memory does not grow with the file."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("")  # unnamed: on disk when large, and gone when closed
        self._database.execute(
            "CREATE TABLE seen (line INTEGER PRIMARY KEY, key BLOB, change BLOB, customer BLOB, value TEXT)"
        )
        self._pending: list[tuple[int, bytes, bytes, bytes, str]] = []

    def note(self, row: FileChange) -> None:
        sign = "+" if row.value > 0 else "-"
        change = (row.customer_id, sign + canonical_amount(row.value), row.reason, row.customer_reason)
        prints = _hash(row.change_key), _hash(repr(change)), _hash(row.customer_id)
        self._pending.append((row.line, *prints, str(row.value)))
        if len(self._pending) == _BATCH:
            self._flush()

    def _flush(self) -> None:
        self._database.executemany("INSERT INTO seen VALUES (?, ?, ?, ?, ?)", self._pending)
        self._pending.clear()

    def conflicts(self) -> Iterator[tuple[int, Decimal, int]]:
        """Yield line, value and the first other line of each row whose key stands for two changes."""
        self._flush()
        self._database.execute("CREATE INDEX by_key ON seen (key, change, line)")
        self._database.execute(
            "CREATE TEMP TABLE torn AS SELECT key FROM seen GROUP BY key HAVING count(DISTINCT change) > 1"
        )
        rows = self._database.execute(
            "SELECT line, value, (SELECT min(other.line) FROM seen other"
            " WHERE other.key = seen.key AND other.change <> seen.change)"
            " FROM seen WHERE key IN torn ORDER BY line"
        )
        return ((line, Decimal(value), other) for line, value, other in rows)

    def repeats(self) -> Iterator[tuple[int, Decimal]]:
        """Yield line and value of each row that an earlier row has said already."""
        self._database.execute("DELETE FROM seen WHERE key IN torn")
        self._database.execute(
            "CREATE TEMP TABLE again AS SELECT line, value FROM seen WHERE EXISTS (SELECT 1 FROM seen first"
            " WHERE first.key = seen.key AND first.line < seen.line)"
        )
        self._database.execute("DELETE FROM seen WHERE line IN (SELECT line FROM again)")
        rows = self._database.execute("SELECT line, value FROM again ORDER BY line")
        return ((line, Decimal(value)) for line, value in rows)

    def kept(self) -> tuple[int, int]:
        """Return how many changes are left, and for how many customers."""
        changes, customers = self._database.execute(
            "SELECT count(*), count(DISTINCT customer) FROM seen"
        ).fetchone()
        return changes, customers

    def close(self) -> None:
        self._database.close()


def _hash(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
