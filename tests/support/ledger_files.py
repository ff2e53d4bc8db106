"""What may become of a ledger's files while it is open, or after its process was killed."""

import signal
import sqlite3
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
    """Write so many changes in a process that is killed then; return the ledger, whose log is not empty."""
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
    """Do in the file what another program does: on a connection of its own, in one transaction."""
    with closing(sqlite3.connect(path, timeout=10)) as database, database:
        return database.execute(statement, values).fetchall()
