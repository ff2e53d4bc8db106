"""Files for what is read once and kept for as long as the command runs."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO


@contextlib.contextmanager
def scratch() -> Iterator[tuple[IO[bytes], Path]]:
    """Give a file to write, and the path by which to read it, that no other user can open.

    Customers are in it, and a killed process removes nothing: on Linux it has no name from the start
    (proc(5), /proc/pid/fd); elsewhere it loses it at the end.
    """
    with tempfile.TemporaryFile() as nameless:
        path = Path(f"/proc/self/fd/{nameless.fileno()}")
        if path.exists():
            yield nameless, path
            return
    with tempfile.NamedTemporaryFile(prefix="bonifiq-") as named:
        yield named, Path(named.name)
