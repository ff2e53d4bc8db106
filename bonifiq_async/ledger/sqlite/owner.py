"""Which process holds a claim, and whether it still does.

An owner is a process that uses a ledger. It holds its claims as long as it lives, and each for as long as its
lease allows. Where process numbers mean the same as here, this process can see whether an owner lives.
Elsewhere, as in another container, its heartbeat tells: an owner with claims writes one every few seconds.
Times are on the monotonic clock of the machine, which all its processes and containers share and no
correction moves (clock_gettime(2)). See docs/explanation/ledger.md.
"""

import os
import platform
import sqlite3
import uuid
import zlib
from collections.abc import Callable
from pathlib import Path

import msgspec
from attrs import field, frozen

from bonifiq_async._concurrency.runtime import Runtime
from bonifiq_async._model.values import fixed
from bonifiq_async.ledger.protocol import CLOCK_TOLERANCE
from bonifiq_async.ledger.sqlite.row import Damaged

BEAT = 5.0
"""Seconds between two beats of an owner that holds claims."""
SILENCE = 20.0
"""Seconds without a beat after which an owner that cannot be seen holds nothing: three beats may be late."""
MARGIN = 5.0
"""Seconds before that in which an owner that has not written a beat sends nothing: its file may be locked."""
AGAIN = 1.0
"""Seconds after which to look again at an owner that runs, though the time of its claim is over."""
TABLE = (
    "CREATE TABLE owner (name TEXT PRIMARY KEY, beat REAL NOT NULL, wall REAL NOT NULL,"
    " seal INTEGER NOT NULL) WITHOUT ROWID"
)

_encode = msgspec.msgpack.Encoder().encode


@fixed
class World:
    """What this process shares with others: the boot of the kernel, process numbers, monotonic clock.

    A part is `-` where the system does not tell it.
    """

    boot: str
    processes: str
    clock: str


@fixed
class Owner:
    """What the name of an owner says. `world` has no clock in names that a former version made."""

    process: int
    world: World
    started: str


@fixed
class Beat:
    """The last heartbeat of an owner: on its monotonic clock, and in seconds since the epoch."""

    at: float
    wall: float


@fixed
class Lease:
    """A claim as it stands: its owner, its end on the owner's clock, and when it was made (epoch seconds)."""

    owner: str
    lease_until: float
    written: float


@frozen
class Sight:
    """What can be seen of owners from `world`, that of this process; `proc` and `kill` ask the system."""

    world: World
    runtime: Runtime = field(factory=Runtime)
    proc: Path = Path("/proc")
    kill: Callable[[int, int], object] = os.kill

    @classmethod
    def here(cls, runtime: Runtime, proc: Path = Path("/proc")) -> "Sight":
        """Return what this process sees."""
        return cls(_world(proc), runtime, proc)

    def me(self) -> str:
        """Return the name of a new owner: this process, and a part that tells its ledgers apart."""
        pid, world = os.getpid(), self.world
        marks = f"{world.boot}/{world.processes}/{world.clock} {self._started(pid) or '-'}"
        return f"process {pid} on {platform.node()} [{marks} {uuid.uuid4().hex[:8]}]"

    def runs(self, name: str) -> bool | None:
        """Say whether an owner surely runs, or surely does not; None where that cannot be seen from here.

        A process that was stopped may go on, and one of which only its number is seen may be another.
        """
        owner = _parsed(name)
        if owner is None or "-" in (owner.world.boot, owner.world.processes, owner.started):
            return None
        if (owner.world.boot, owner.world.processes) != (self.world.boot, self.world.processes):
            return None
        try:
            fields = (self.proc / str(owner.process) / "stat").read_bytes().rpartition(b")")[2].split()
        except OSError:
            return None if self._exists(owner.process) else False
        if fields[0] in (b"Z", b"X") or fields[19].decode() != owner.started:
            return False
        return None if fields[0] in (b"T", b"t") else True

    def left(self, claim: Lease, beat: Beat | None) -> float:
        """Return for how many seconds more a claim is trusted to hold, 0 if it holds no more."""
        runs, wall, owner = self.runs(claim.owner), self.runtime.wall(), _parsed(claim.owner)
        if runs is False:
            return 0.0
        if owner is None or owner.world.clock == "-":
            return self._left_by_the_wall(claim, beat, wall, runs)
        if self._shares_clock(owner):
            now = self.runtime.monotonic()
            silent = 0.0 if beat is None else beat.at + SILENCE - now
            return max(0.0, min(claim.lease_until - now, float("inf") if runs else silent))
        # Another boot, in all likelihood: its monotonic clock has stopped.
        return 0.0 if beat is None else _heard(beat, wall)

    def is_over(self, name: str, beat: Beat) -> bool:
        """Say whether an owner has surely ended, whatever it holds."""
        owner, runs = _parsed(name), self.runs(name)
        if runs is not None:
            return not runs
        if owner is not None and owner.world.clock != "-" and self._shares_clock(owner):
            return beat.at + SILENCE <= self.runtime.monotonic()
        return _heard(beat, self.runtime.wall()) == 0

    def now(self) -> float:
        """Return the time on the clock by which leases of this process are counted."""
        return self.runtime.wall() if self.world.clock == "-" else self.runtime.monotonic()

    def _shares_clock(self, owner: Owner) -> bool:
        return (owner.world.boot, owner.world.clock) == (self.world.boot, self.world.clock)

    @staticmethod
    def _left_by_the_wall(claim: Lease, beat: Beat | None, wall: float, runs: bool | None) -> float:
        """Return the same where there is only the wall clock.

        A claim from the future was made while that clock was wrong: its age is not known.
        """
        left = claim.lease_until - wall if claim.written <= wall + CLOCK_TOLERANCE else 0.0
        if runs:
            return max(left, AGAIN)
        return max(0.0, left if beat is None else min(left, _heard(beat, wall)))

    def _exists(self, process: int) -> bool:
        """Say whether there is a process of that number, also where /proc hides it (proc(5), hidepid)."""
        try:
            self.kill(process, 0)
        except ProcessLookupError:
            return False
        except OSError:
            return True  # it is another user's
        return True

    def _started(self, process: int) -> str | None:
        """Return when a process started, in ticks since the boot (proc(5), stat); None if not to be seen."""
        try:
            return (self.proc / str(process) / "stat").read_bytes().rpartition(b")")[2].split()[19].decode()
        except OSError:
            return None


def beat(database: sqlite3.Connection, name: str, at: Beat) -> None:
    """Write a heartbeat down."""
    cells = (name, float(at.at), float(at.wall))
    database.execute("INSERT OR REPLACE INTO owner VALUES (?, ?, ?, ?)", (*cells, _seal(cells)))


def heard(database: sqlite3.Connection, name: str) -> Beat | None:
    """Return the last heartbeat of an owner, None for one that left or never was. Raises `Damaged`."""
    found = database.execute("SELECT * FROM owner WHERE name = ?", (name,)).fetchone()
    return None if found is None else _beat(found)


def bury(database: sqlite3.Connection, sight: Sight) -> None:
    """Forget the owners that have ended: their claims are free. Raises `Damaged`."""
    for found in database.execute("SELECT * FROM owner").fetchall():
        if sight.is_over(found[0], _beat(found)):
            leave(database, found[0])


def leave(database: sqlite3.Connection, name: str) -> None:
    """Write down that an owner holds nothing more."""
    database.execute("DELETE FROM owner WHERE name = ?", (name,))


def _beat(found: tuple[str, float, float, int]) -> Beat:
    if found[3] != _seal(found[:3]):
        raise Damaged(f"what stands of {found[0]!r:.60} is not what was written")
    return Beat(found[1], found[2])


def _heard(beat: Beat, wall: float) -> float:
    """Return for how many seconds more a beat counts, by the wall clock."""
    age = wall - beat.wall
    return max(0.0, SILENCE - age) if age >= -CLOCK_TOLERANCE else 0.0


def _parsed(name: str) -> Owner | None:
    """Return what a name says, None for a name that no process made."""
    words, marks = name.partition(" [")[0].split(), name.partition(" [")[2].rstrip("]").split()
    if len(words) < 4 or len(marks) != 3 or not words[1].isdigit():
        return None
    parts = [*marks[0].split("/"), "-", "-"]
    return Owner(int(words[1]), World(*parts[:3]), marks[1])


def _world(proc: Path) -> World:
    """Return what this process shares; a monotonic clock is one boot's, in one time namespace of it."""
    try:
        boot = (proc / "sys/kernel/random/boot_id").read_text("ascii")[:8]
        processes = os.readlink(proc / "self/ns/pid").strip("pid:[]")
    except OSError:
        return World("-", "-", "-")
    try:
        clock = os.readlink(proc / "self/ns/time").strip("time:[]")
    except OSError:
        clock = "0"  # before Linux 5.6 there was one
    return World(boot, processes, clock)


def _seal(cells: tuple[object, ...]) -> int:
    return zlib.crc32(_encode(cells))
