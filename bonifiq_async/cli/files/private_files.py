"""Files that no other user can open, since customers may be in them: every file that a command writes."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from bonifiq_async.ledger.sqlite.location import PRIVATE


def private(path: str | Path, flags: int) -> int:
    """Open a file, made with mode 0600 where it is not there: an `opener` of `open`. Raises `OSError`."""
    return os.open(path, flags, PRIVATE)


@contextlib.contextmanager
def scratch() -> Iterator[tuple[IO[bytes], Path]]:
    """Give a file to write while the command runs, and the path by which to read it.

    No other user can open it, and a killed process removes nothing: on Linux it has no name from the start
    (proc(5), /proc/pid/fd); elsewhere it loses it at the end.
    """
    with tempfile.TemporaryFile() as nameless:
        path = Path(f"/proc/self/fd/{nameless.fileno()}")
        if path.exists():
            yield nameless, path
            return
    with tempfile.NamedTemporaryFile(prefix="bonifiq-") as named:
        yield named, Path(named.name)
