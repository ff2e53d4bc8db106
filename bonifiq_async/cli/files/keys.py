"""The keys of a file, compared in a temporary database so that memory does not grow with the file."""

import sqlite3
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import chain

from bonifiq_async._model.money import Sums
from bonifiq_async.cli.adapter import FileAdapter, FileChange
from bonifiq_async.cli.files.rows import TOGETHER
from bonifiq_async.ledger.sqlite.reader import APPLIED
from bonifiq_async.ledger.sqlite.row import COLUMNS, vouch


class Keys:
    """What each row of a file stands for: its key, and the digest that a ledger would keep of it.

    When all rows are noted, each method is called once, in their order: it goes on from what the one before
    has left. Raises what sqlite3 raises.
    """

    def __init__(self, adapter: FileAdapter) -> None:
        self._digest, self._operations = adapter.digest, tuple(adapter.repeat_classes)
        # Unnamed: on disk when large, and gone when closed.
        self.database = sqlite3.connect("", isolation_level=None, uri=True)
        self.database.execute("PRAGMA journal_mode = OFF")
        self.database.execute(
            "CREATE TABLE seen (line INTEGER PRIMARY KEY, key TEXT, digest BLOB, value TEXT, customer TEXT)"
        )

    def note(self, rows: Sequence[FileChange]) -> None:
        """Take in some rows, 199 at the most: SQLite before 3.32 takes 999 values (its "Limits", 9)."""
        digests = [self._digest(row) for row in rows]
        seen = [
            (row.line, row.change_key, digest, str(row.value), row.customer_id)
            for row, digest in zip(rows, digests, strict=True)
        ]
        if seen:  # one statement of many rows takes two thirds of the time of many statements
            places = ", ".join(["(?, ?, ?, ?, ?)"] * len(seen))
            self.database.execute(f"INSERT INTO seen VALUES {places}", list(chain.from_iterable(seen)))

    def conflicts(self) -> Iterator[tuple[int, int]]:
        """Yield the line, and the first other line, of each row whose key stands for two changes."""
        self.database.execute("CREATE INDEX by_key ON seen (key, digest, line, value)")
        # Of each key that comes twice: its first line, that one's digest (a bare column is that of the row
        # with the minimum: SQLite's documentation of SELECT, section 2.5), and the first line of another.
        self.database.execute(
            "CREATE TEMP TABLE shared AS SELECT key, digest, first, (SELECT min(line) FROM seen"
            " WHERE seen.key = early.key AND seen.digest <> early.digest) AS other"
            " FROM (SELECT key, digest, min(line) AS first FROM seen GROUP BY key HAVING count(*) > 1) early"
        )
        return self.database.execute(
            "SELECT line, CASE seen.digest WHEN shared.digest THEN other ELSE first END"
            " FROM shared CROSS JOIN seen ON seen.key = shared.key WHERE other IS NOT NULL ORDER BY line"
        )

    def repeats(self) -> Iterator[int]:
        """Yield the line of each row that an earlier row has said already."""
        self.database.execute(
            "DELETE FROM seen WHERE key IN (SELECT key FROM shared WHERE other IS NOT NULL)"
        )
        self.database.execute(
            "CREATE TEMP TABLE again AS SELECT line FROM shared CROSS JOIN seen"
            " ON seen.key = shared.key WHERE line > first"
        )
        self.database.execute("DELETE FROM seen WHERE line IN (SELECT line FROM again)")
        return (line for (line,) in self.database.execute("SELECT line FROM again"))

    def kept(self) -> tuple[int, Sums, int]:
        """Return how many changes are left, what they come to, and for how many customers they are."""
        changes, sums = 0, Sums()
        for value, times in self.database.execute("SELECT value, count(*) FROM seen GROUP BY value"):
            changes += times
            sums.put(Decimal(value), times)
        # Grouped, they are sorted; told apart one by one, a million would take five times as long.
        grouped = "SELECT count(*) FROM (SELECT 1 FROM seen GROUP BY customer)"
        customers: int = self.database.execute(grouped).fetchone()[0]
        return changes, sums, customers

    def settled(self) -> Iterator[Sequence[tuple[int, str, int]]]:
        """Yield some changes left that are applied, says the ledger beside (see `look`).

        Each is its line, its value, and 1 where its key was used elsewhere, else 0. Raises when what the
        ledger says of one is not what was written there.
        """
        found = self.database.execute(
            # In the order of the keys, so that the ledger, ordered by them too, is read from front to end.
            f"SELECT {', '.join(f'applied.{name}' for name in COLUMNS)}, line, seen.value, elsewhere"
            f" FROM seen INDEXED BY by_key CROSS JOIN {APPLIED} AS applied"
            f" ON applied.operation IN ({', '.join('?' * len(self._operations))})"
            " AND applied.key = seen.key AND applied.digest = seen.digest",
            self._operations,
        )
        while some := found.fetchmany(TOGETHER):
            vouch(some)
            yield [row[-3:] for row in some]

    def close(self) -> None:
        """Forget everything."""
        self.database.close()
