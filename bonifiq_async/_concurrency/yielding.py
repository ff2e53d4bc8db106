"""Long work beside the event loop, a slice for each turn of it.

A thread alone would not do: whenever the loop lets go of the interpreter to read or write, a busy thread
takes it, and keeps it for 5 ms (`sys.getswitchinterval`).
"""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from bonifiq_async._model.json_codec import pausing

P = ParamSpec("P")
T = TypeVar("T")

SLICE = 0.001
"""Seconds of work after which the loop has its turn."""
PATIENCE = 3.0
"""Seconds that it waits for the loop in all. The loop may have ended, or be busy for long with others."""


async def in_slices(work: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
    """Return what `work` returns, done in a thread that stops for a turn of the loop where it may pause."""
    slices = _Slices(asyncio.get_running_loop())

    def run() -> T:
        pausing.set(slices.pause)  # in a context of the thread's own
        return work(*args, **named)

    return await asyncio.to_thread(run)


class _Slices:
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._granted = threading.Event()
        self._began = time.perf_counter()
        self._patience = PATIENCE

    def pause(self) -> None:
        """Wait for the next turn of the loop, if this slice is over."""
        asked = time.perf_counter()
        if asked - self._began < SLICE or self._patience <= 0:
            return
        self._granted.clear()
        try:
            self._loop.call_soon_threadsafe(self._granted.set)
        except RuntimeError:
            return  # the loop is closed: no other task waits for it
        self._granted.wait(self._patience)
        self._began = time.perf_counter()
        self._patience -= self._began - asked
