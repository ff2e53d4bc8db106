"""One change as it lies in the file: written whole under a seal, and read only as it was written.

SQLite has checksums for its log alone (its documentation, "Checksum VFS"): without a seal, a bit that the
disk has turned in an amount or a state would be read as if somebody had written it.
"""

import sqlite3
import zlib
from collections.abc import Iterator
from decimal import Decimal

import msgspec
from attrs import frozen

from bonifiq_async.intent import Row, State

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
    "seal": "INTEGER NOT NULL",
}
TABLE = (
    f"CREATE TABLE change ({', '.join(f'{name} {kind}' for name, kind in COLUMNS.items())}, "
    "PRIMARY KEY (operation, key)) WITHOUT ROWID"
)

_PUT = (
    f"INSERT INTO change VALUES ({', '.join('?' * len(COLUMNS))})"
    " ON CONFLICT (operation, key) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in COLUMNS if name not in ("operation", "key"))
)

_encode = msgspec.msgpack.Encoder().encode


class Damaged(sqlite3.DatabaseError):
    """What is read is not what was written."""


@frozen
class Entry:
    """A change: what `rule` asks for (`row`), its request, and how the sendings of it ended."""

    operation: str
    key: str
    row: Row
    path: str
    body: bytes
    last_sent: float
    attempts: int = 0
    answer: str | None = None
    error: str | None = None


def find(database: sqlite3.Connection, operation: str, key: str) -> Entry | None:
    """Return what stands under an operation and key, if anything. Raises `Damaged`."""
    place = (operation, key)
    found = database.execute("SELECT * FROM change WHERE operation = ? AND key = ?", place).fetchone()
    return None if found is None else _entry(found)


def every(database: sqlite3.Connection) -> Iterator[Entry]:
    """Yield all changes, the first sent first. Raises `Damaged`."""
    return map(_entry, database.execute("SELECT * FROM change ORDER BY first_sent, key"))


def under(database: sqlite3.Connection, key: str) -> list[Entry]:
    """Return the changes of every operation under a key. Raises `Damaged`."""
    return list(map(_entry, database.execute("SELECT * FROM change WHERE key = ?", (key,))))


def put(database: sqlite3.Connection, entry: Entry) -> None:
    """Write a change down, over what stood under its operation and key."""
    row = entry.row
    cells = (
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
    )
    database.execute(_PUT, (*cells, _seal(cells)))


_Found = tuple[
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
]
"""The types of `COLUMNS`, for which the seal vouches."""


def _entry(found: _Found) -> Entry:
    if _seal(found[:-1]) != found[-1]:
        raise Damaged(f"what stands under the key {found[1]!r:.60} is not what was written")
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
    return Entry(found[0], found[1], row, *found[11:17])


def is_sealed(*found: object) -> bool:
    """Say whether the cells of a change, in the order of `COLUMNS`, are what was written."""
    return _seal(found[:-1]) == found[-1]


def _seal(cells: tuple[object, ...]) -> int:
    """CRC-32 finds every burst of up to 32 bits, and all but one in 4 thousand million of other damages."""
    return zlib.crc32(_encode(cells))
