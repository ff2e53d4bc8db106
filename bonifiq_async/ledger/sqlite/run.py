"""One run as it lies in the file, under a seal: written when it begins, and again when it ends."""

import sqlite3
import zlib
from collections.abc import Iterator, Mapping

import msgspec

from bonifiq_async.ledger.runs import Begun, Run, RunOrigin, RunState
from bonifiq_async.ledger.sqlite.owner import Sight, heard
from bonifiq_async.ledger.sqlite.row import Damaged

TABLE = (
    "CREATE TABLE run (id INTEGER PRIMARY KEY, command TEXT NOT NULL, user TEXT NOT NULL, host TEXT NOT NULL,"
    " file TEXT NOT NULL, digest TEXT NOT NULL, owner TEXT NOT NULL, begun REAL NOT NULL, ended REAL,"
    " counts TEXT NOT NULL, seal INTEGER NOT NULL)"
)

_encode = msgspec.msgpack.Encoder().encode
_ALL = "id, command, user, host, file, digest, owner, begun, ended, counts, seal"

RunCells = tuple[int, str, str, str, str, str, str, float, float | None, str]
"""A run as it lies in the file, without its seal."""


def begin(database: sqlite3.Connection, origin: RunOrigin, owner: str, now: float, sight: Sight) -> Begun:
    """Write down that `owner` begins a run, and return it. Raises `Damaged`."""
    before = None
    if origin.digest:
        found = database.execute(
            f"SELECT {_ALL} FROM run WHERE digest = ? ORDER BY id DESC LIMIT 1", (origin.digest,)
        ).fetchone()
        before = None if found is None else _run(database, sight, found)
    [number] = database.execute("SELECT coalesce(max(id), 0) + 1 FROM run").fetchone()
    _put(database, (number, *_cells(origin), owner, float(now), None, "{}"))
    return Begun(number, before)


def end(database: sqlite3.Connection, number: int, now: float, counts: Mapping[str, int]) -> None:
    """Write down that a run has ended. Raises `Damaged`."""
    found = database.execute(f"SELECT {_ALL} FROM run WHERE id = ?", (number,)).fetchone()
    if found is None:
        raise Damaged(f"run {number} is not there any more")
    _vouch(found)
    _put(database, (*found[:8], float(now), msgspec.json.encode(counts).decode()))


def every(database: sqlite3.Connection, sight: Sight) -> Iterator[Run]:
    """Yield all runs, the latest first. Raises `Damaged`."""
    for found in database.execute(f"SELECT {_ALL} FROM run ORDER BY id DESC"):
        yield _run(database, sight, found)


def _cells(origin: RunOrigin) -> tuple[str, str, str, str, str]:
    return origin.command, origin.user, origin.host, origin.file, origin.digest


def _put(database: sqlite3.Connection, cells: RunCells) -> None:
    places = ", ".join("?" * (len(cells) + 1))
    database.execute(f"INSERT OR REPLACE INTO run ({_ALL}) VALUES ({places})", (*cells, _seal(cells)))


def _run(database: sqlite3.Connection, sight: Sight, found: tuple[*RunCells, int]) -> Run:
    _vouch(found)
    number, command, user, host, file, digest, owner, begun, ended, counts, _ = found
    return Run(
        number,
        RunOrigin(command, user, host, file, digest),
        begun,
        ended,
        RunState.ENDED if ended is not None else _state(database, sight, owner),
        msgspec.json.decode(counts, type=dict[str, int]),
    )


def _state(database: sqlite3.Connection, sight: Sight, owner: str) -> RunState:
    beat = heard(database, owner)
    over = beat is None or sight.is_over(owner, beat)
    return RunState.NOT_ENDED if over else RunState.UNDER_WAY


def _vouch(found: tuple[*RunCells, int]) -> None:
    if _seal(found[:-1]) != found[-1]:
        raise Damaged(f"what stands of run {found[0]} is not what was written")


def _seal(cells: tuple[object, ...]) -> int:
    return zlib.crc32(_encode(cells))
