"""One change as it lies in the file: written whole under a seal, and read only as it was written.

SQLite has checksums for its log alone (its documentation, "Checksum VFS"): without a seal, a bit that the
disk has changed in an amount or a state would be read as if it had been written like that.
"""

import contextlib
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from decimal import Decimal

import msgspec

from bonifiq_async._model.values import fixed
from bonifiq_async.ledger.protocol import DOUBTFUL, Ending, Intent, Row, State
from bonifiq_async.ledger.recorded import Recorded

COLUMNS = {
    "operation": "TEXT NOT NULL",
    "key": "TEXT NOT NULL",
    "digest": "BLOB NOT NULL",
    "state": "TEXT NOT NULL",
    "in_doubt": "INTEGER NOT NULL",
    "fence": "INTEGER NOT NULL",
    "owner": "TEXT NOT NULL",
    "lease_until": "REAL NOT NULL",
    "first_sent": "REAL NOT NULL",
    "customer_id": "TEXT NOT NULL",
    "value": "TEXT NOT NULL",
    "path": "TEXT NOT NULL",
    "body": "BLOB NOT NULL",
    "last_sent": "REAL NOT NULL",
    "attempts": "INTEGER NOT NULL",
    "answer": "TEXT",
    "error": "TEXT",
    "run": "INTEGER NOT NULL DEFAULT 0",
    "line": "INTEGER NOT NULL DEFAULT 0",
    "last_run": "INTEGER",
    "seal": "INTEGER NOT NULL",
}
ADDED = [f"{name} {COLUMNS[name]}" for name in ("run", "line", "last_run")]
"""What a format later than the first two has: it stands last in the file, where SQLite adds a column."""
_KEPT = [f"{name} {kind}" for name, kind in COLUMNS.items() if f"{name} {kind}" not in ADDED]
# In the order in which they come: kept in the order of the keys, each would touch a page of its own.
_TABLE = "CREATE TABLE change (id INTEGER PRIMARY KEY, {}, UNIQUE (key, operation))"
FORMER_TABLE = _TABLE.format(", ".join(_KEPT))
TABLE = _TABLE.format(", ".join([*_KEPT, *ADDED]))

_ALL = ", ".join(COLUMNS)
_AT_FIRST = [name for name in COLUMNS if name not in ("answer", "error", "last_run")]
"""All columns but those that are empty in a fresh claim."""
_NEW = (
    f"INSERT INTO change ({', '.join(_AT_FIRST)}) VALUES ({', '.join('?' * len(_AT_FIRST))})"
    " ON CONFLICT (key, operation) DO NOTHING"
)
_PUT = (
    f"INSERT INTO change ({_ALL}) VALUES ({', '.join('?' * len(COLUMNS))})"
    " ON CONFLICT (key, operation) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in COLUMNS if name not in ("operation", "key"))
)
_ORDER = "temp.reading"
TOGETHER = 500
"""Changes that are read by one statement."""
_SOME = (
    f"SELECT {', '.join(f'change.{name}' for name in COLUMNS)} FROM {_ORDER} AS reading"
    " CROSS JOIN change ON change.id = reading.id WHERE reading.rowid > ? AND reading.rowid <= ?"
    " ORDER BY reading.rowid"
)
_CLOSE = (
    "UPDATE change SET state = ?, in_doubt = ?, last_sent = ?, attempts = ?, answer = ?, error = ?, seal = ?"
    " WHERE id = ? AND key = ? AND operation = ? AND fence = ? AND state = 'claimed'"
)

_SEAL = len(COLUMNS) - 1
_RUN = _SEAL - len(ADDED)
_OF_NO_RUN = (0, 0, None)
_CELLS = {state: (state.value, int(state in DOUBTFUL)) for state in State}
"""How an end lies in the file: its state, and whether that is in doubt."""
_encode = msgspec.msgpack.Encoder().encode


StoredCells = tuple[
    str,
    str,
    bytes,
    str,
    int,
    int,
    str,
    float,
    float,
    str,
    str,
    str,
    bytes,
    float,
    int,
    str | None,
    str | None,
    int,
    int,
    int | None,
]
"""A change as it lies in the file: the types of `COLUMNS`, without the seal that vouches for them."""


class Damaged(sqlite3.DatabaseError):
    """What is read is not what was written."""


@fixed
class Entry:
    """A change: what `rule` asks for (`row`), its request, and how the sendings of it ended.

    `run` is the run that claimed it first and `line` the line of that run's file, 0 where there is none.
    `last_run` is the run that claimed it last, None where that is the first one.
    """

    operation: str
    key: str
    row: Row
    path: str
    body: bytes
    last_sent: float
    attempts: int = 0
    answer: str | None = None
    error: str | None = None
    run: int = 0
    line: int = 0
    last_run: int | None = None

    def recorded(self, state: State) -> Recorded:
        """Return the change, which stands in a state."""
        row = self.row
        return Recorded(
            self.key,
            state,
            row.customer_id,
            self.body,
            self.error,
            self.operation,
            row.value,
            row.first_sent,
            self.last_sent,
            self.attempts,
            self.answer,
            self.run or None,
            self.line or None,
            (self.run if self.last_run is None else self.last_run) or None,
            self.path,
        )


def find(database: sqlite3.Connection, operation: str, key: str) -> Entry | None:
    """Return what stands under an operation and key, if anything. Raises `Damaged`."""
    place = (operation, key)
    found = database.execute(f"SELECT {_ALL} FROM change WHERE operation = ? AND key = ?", place).fetchone()
    return None if found is None else entry_of(found)


def holders(database: sqlite3.Connection, key: str) -> set[str]:
    """Return the operations under which something stands for a key; for most keys, none."""
    found = database.execute("SELECT operation FROM change WHERE key = ?", (key,)).fetchall()
    return {str(operation) for (operation,) in found} if found else set()


def every(database: sqlite3.Connection) -> Iterator[Entry]:
    """Yield all changes that are there now, the first sent first, each as it stands when it is read.

    They are read some at a time: as long as one statement reads, SQLite cannot bring the log into the file,
    and a caller may pause for hours (its documentation, "Write-Ahead Logging", section 6). For one caller
    at a time. Raises `Damaged`.
    """
    database.execute(f"DROP TABLE IF EXISTS {_ORDER}")
    database.execute(f"CREATE TEMP TABLE {_ORDER} AS SELECT id FROM change ORDER BY first_sent, key")
    try:
        read = 0
        while some := database.execute(_SOME, (read, read + TOGETHER)).fetchall():
            read += TOGETHER
            yield from map(entry_of, some)
    finally:
        with contextlib.suppress(sqlite3.ProgrammingError):  # it was closed, and the table with it
            database.execute(f"DROP TABLE IF EXISTS {_ORDER}")


def under(database: sqlite3.Connection, key: str) -> list[Entry]:
    """Return the changes of every operation under a key. Raises `Damaged`."""
    return list(map(entry_of, database.execute(f"SELECT {_ALL} FROM change WHERE key = ?", (key,))))


def fresh(intent: Intent, fence: int, owner: str, lease_until: float, now: float, run: int) -> StoredCells:
    """Return the cells of a change that is claimed for the first time."""
    return (
        intent.operation,
        intent.key,
        intent.digest,
        "claimed",
        0,
        fence,
        owner,
        float(lease_until),
        float(now),
        intent.customer_id,
        str(intent.value),
        intent.path,
        intent.body,
        float(now),
        0,
        None,
        None,
        run,
        intent.line,
        None,
    )


def add(database: sqlite3.Connection, cells: StoredCells) -> int | None:
    """Write a `fresh` change down, and return its row's id.

    None when something stands under its operation and key.
    """
    run, line = cells[_RUN], cells[_RUN + 1]
    # Of what is empty, the module would ask at length whether it can be adapted.
    cursor = database.execute(_NEW, (*cells[:15], run, line, _seal(cells)))
    return cursor.lastrowid if cursor.rowcount == 1 else None


def put(database: sqlite3.Connection, entry: Entry) -> tuple[int, StoredCells]:
    """Write a change down, over what stood under its operation and key; return its row's id and its cells."""
    cells = cells_of(entry)
    database.execute(_PUT, (*cells, _seal(cells)))
    place = (entry.operation, entry.key)
    [row] = database.execute("SELECT id FROM change WHERE operation = ? AND key = ?", place).fetchone()
    return row, cells


def close(database: sqlite3.Connection, cells: StoredCells, ending: Ending, now: float, row: int) -> bool:
    """Write down how the claim in `cells`, the row of that id, ended.

    False when it stands no more: another has claimed it.
    """
    attempts = cells[14] + ending.attempts
    ended = (float(now), attempts, ending.answer, ending.error)
    state = _CELLS[ending.state]
    seal = _seal((*cells[:3], *state, *cells[5:13], *ended, *cells[_RUN:]))
    return database.execute(_CLOSE, (*state, *ended, seal, row, cells[1], cells[0], cells[5])).rowcount == 1


def cells_of(entry: Entry) -> StoredCells:
    """Return a change as it lies in the file, without its seal."""
    row = entry.row
    return (
        entry.operation,
        entry.key,
        row.digest,
        row.state.value,
        int(row.in_doubt),
        row.fence,
        row.owner,
        float(row.lease_until),
        float(row.first_sent),
        row.customer_id,
        str(row.value),
        entry.path,
        entry.body,
        float(entry.last_sent),
        entry.attempts,
        entry.answer,
        entry.error,
        entry.run,
        entry.line,
        entry.last_run,
    )


def vouch(found: Iterable[tuple[*StoredCells, int, *tuple[object, ...]]]) -> None:
    """Raise `Damaged` for changes of which a cell is not that for which the seal, after the last, was made.

    What stands after the seal does not count.
    """
    for each in found:
        if _seal(each[:_SEAL]) != each[_SEAL]:
            raise Damaged(f"what stands under the key {each[1]!r:.60} is not what was written")


def entry_of(found: tuple[*StoredCells, int]) -> Entry:
    """Return a change of its cells and its seal. Raises `Damaged`."""
    vouch((found,))
    row = Row(
        digest=found[2],
        state=State(found[3]),
        in_doubt=bool(found[4]),
        fence=found[5],
        owner=found[6],
        lease_until=found[7],
        first_sent=found[8],
        customer_id=found[9],
        value=Decimal(found[10]),
    )
    return Entry(found[0], found[1], row, *found[11:20])


def _seal(cells: tuple[object, ...]) -> int:
    """CRC-32 finds every burst of up to 32 bits, and all but one in 4 thousand million of other damages.

    A change of no run has the seal that it had before there were runs: a former ledger need not be rewritten.
    """
    return zlib.crc32(_encode(cells[:_RUN] if cells[_RUN:] == _OF_NO_RUN else cells))
