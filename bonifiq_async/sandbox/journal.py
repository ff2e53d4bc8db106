"""The last requests that a sandbox saw, and what came of each: to find out what happened."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from attrs import define

from bonifiq_async.sandbox.faults import FAULTS, Fault

REMEMBERED = 50
"""How many requests a journal keeps."""
_NAMES = {fault: name for name, fault in FAULTS.items()}


def name_of(fault: Fault) -> str:
    """Return the name of a fault, or what it does if it has none."""
    return _NAMES.get(fault, fault.act.value)


@define
class JournalEntry:
    """One request. `came` says what it met: a status, a fault by name, or that no answer has left yet."""

    number: int
    method: str
    path: str
    key: str | None = None
    came: str = "not answered yet"


class Journal:
    """The last requests, without headers, query and body. Safe to read from any thread."""

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._lock = threading.Lock()
        self._last: deque[JournalEntry] = deque(maxlen=remembered)
        self._count = 0
        self._open = 0

    @property
    def busy(self) -> bool:
        """Say whether a request is being answered now; one that is met with silence is not."""
        return self._open > 0

    def last(self) -> tuple[JournalEntry, ...]:
        """Return the last requests, oldest first."""
        with self._lock:
            return tuple(self._last)

    @contextmanager
    def request(self, method: str, path: str) -> Iterator[JournalEntry]:
        """Write a request down; it is being answered until the context ends."""
        line = self.add(method, path)
        with self._lock:
            self._open += 1
        try:
            yield line
        finally:
            with self._lock:
                self._open -= 1

    def add(self, method: str, path: str) -> JournalEntry:
        """Write a request down."""
        with self._lock:
            self._count += 1
            line = JournalEntry(self._count, method, path)
            self._last.append(line)
            return line
