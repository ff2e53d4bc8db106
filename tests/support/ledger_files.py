"""What may happen to a ledger's files while it is open, or after its process was killed."""

import signal
import sqlite3
import struct
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

KILLED = """
import asyncio, os, sys
from decimal import Decimal
from bonifiq_async import SqliteLedger
from bonifiq_async.ledger.protocol import Ending, Intent, State

async def main():
    async with SqliteLedger(sys.argv[1]) as ledger:
        for n in range(int(sys.argv[2])):
            intent = Intent("operation", f"key-{n}", b"d", "ana", Decimal(1), "/path", b"{}", ("p", "a"))
            granted = await ledger.claim(intent, lease=60, repeatable=False)
            await ledger.end(intent, granted.fence, Ending(State.APPLIED, 1))
        os.kill(os.getpid(), 9)

asyncio.run(main())
"""


def killed(path: Path, count: int) -> Path:
    """Write `count` changes in a process that is then killed; return the ledger, whose log is not empty."""
    ended = subprocess.run([sys.executable, "-c", KILLED, str(path), str(count)], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert path.with_name(f"{path.name}-wal").stat().st_size > 0
    return path


AWAY: dict[str, tuple[Callable[[Path], object], str]] = {
    "the log is deleted": (lambda path: path.with_name("l-wal").unlink(), "No such file"),
    "the index is deleted": (lambda path: path.with_name("l-shm").unlink(), "No such file"),
    "the log is another one": (
        lambda path: (path.with_name("l-wal").rename(path.with_name("x")), path.with_name("l-wal").touch()),
        "its file or log was replaced",
    ),
    "the index is another one": (
        lambda path: (path.with_name("l-shm").rename(path.with_name("x")), path.with_name("l-shm").touch()),
        "its file or log was replaced",
    ),
}


def by_hand(path: Path, statement: str, *values: object) -> list[tuple[object, ...]]:
    """Change the file as another program does: on a connection of its own, in one transaction."""
    with closing(sqlite3.connect(path, timeout=10)) as database, database:
        return database.execute(statement, values).fetchall()


def commits(path: Path) -> int:
    """Return how many transactions the log of an open ledger holds, by the format of the log.

    A frame that ends one says how many pages the file has then; others say 0 (sqlite.org/walformat.html). A
    ledger begins its log anew after its first commit.
    """
    log = path.with_name(f"{path.name}-wal").read_bytes()
    if not log:
        return 0
    (page,), salts = struct.unpack_from(">8xI", log), log[16:24]
    frames = (log[at : at + 16] for at in range(32, len(log), 24 + page))
    return sum(frame[8:] == salts and frame[4:8] != bytes(4) for frame in frames)
