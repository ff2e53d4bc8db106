"""The keys of a file, compared in a temporary database so that memory does not grow with the file."""

import sqlite3
from collections.abc import Iterator, Sequence
from decimal import Decimal

from bonifiq_async.cli.providers import FileChange, Side
from bonifiq_async.ledger.look import APPLIED
from bonifiq_async.money import EXACT, Sums


class Keys:
    """What each row of a file stands for: its key, and the digest that a ledger would keep of it.

    What is asked of it is asked once, in the order of the methods. Raises what sqlite3 raises.
    """

    def __init__(self, side: Side) -> None:
        self._digest, self._operations = side.digest, tuple(side.repeat)
        # Unnamed: on disk when large, and gone when closed.
        self.database = sqlite3.connect("", isolation_level=None, uri=True)
        self.database.execute("PRAGMA journal_mode = OFF")
        self.database.execute(
            "CREATE TABLE seen (line INTEGER PRIMARY KEY, key TEXT, digest BLOB, value TEXT, customer TEXT)"
        )

    def note(self, rows: Sequence[FileChange]) -> None:
        """Take in some rows."""
        digests = [self._digest(row) for row in rows]
        seen = [
            (row.line, row.change_key, digest, str(row.value), row.customer_id)
            for row, digest in zip(rows, digests, strict=True)
        ]
        self.database.execute("BEGIN")
        self.database.executemany("INSERT INTO seen VALUES (?, ?, ?, ?, ?)", seen)
        self.database.execute("COMMIT")

    def conflicts(self) -> Iterator[tuple[int, int]]:
        """Yield the line, and the first other line, of each row whose key stands for two changes."""
        self.database.execute("CREATE INDEX by_key ON seen (key, digest, line, value)")
        self.database.execute(
            "CREATE TEMP TABLE shared AS SELECT key, count(DISTINCT digest) > 1 AS torn FROM seen"
            " GROUP BY key HAVING count(*) > 1"
        )
        return self.database.execute(
            "SELECT line, (SELECT min(other.line) FROM seen other"
            " WHERE other.key = seen.key AND other.digest <> seen.digest)"
            " FROM seen WHERE key IN (SELECT key FROM shared WHERE torn) ORDER BY line"
        )

    def repeats(self) -> Iterator[int]:
        """Yield the line of each row that an earlier row has said already."""
        self.database.execute("DELETE FROM seen WHERE key IN (SELECT key FROM shared WHERE torn)")
        self.database.execute(
            "CREATE TEMP TABLE again AS SELECT line FROM seen WHERE key IN (SELECT key FROM shared)"
            " AND EXISTS (SELECT 1 FROM seen first WHERE first.key = seen.key AND first.line < seen.line)"
        )
        self.database.execute("DELETE FROM seen WHERE line IN (SELECT line FROM again)")
        return (line for (line,) in self.database.execute("SELECT line FROM again"))

    def kept(self) -> tuple[int, Sums, int]:
        """Return how many changes are left, what they come to, and for how many customers they are."""
        changes, sums = 0, Sums()
        for value, times in self.database.execute("SELECT value, count(*) FROM seen GROUP BY value"):
            changes += times
            sums.put(EXACT.multiply(Decimal(value), times))
        # Grouped, they are sorted; told apart one by one, a million would take five times as long.
        grouped = "SELECT count(*) FROM (SELECT 1 FROM seen GROUP BY customer)"
        customers: int = self.database.execute(grouped).fetchone()[0]
        return changes, sums, customers

    def settled(self) -> Iterator[tuple[int, Decimal]]:
        """Yield line and value of each change left that is applied, says the ledger beside (see `look`)."""
        rows = self.database.execute(
            # In the order of the keys, so that the ledger, ordered by them too, is read from front to end.
            f"SELECT line, value FROM seen INDEXED BY by_key CROSS JOIN {APPLIED} AS applied"
            f" ON applied.operation IN ({', '.join('?' * len(self._operations))})"
            " AND applied.key = seen.key AND applied.digest = seen.digest",
            self._operations,
        )
        return ((line, Decimal(value)) for line, value in rows)

    def close(self) -> None:
        """Forget everything."""
        self.database.close()
