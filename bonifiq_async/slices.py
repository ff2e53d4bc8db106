"""Input/output: long work beside the event loop, a slice for each turn of it.

A thread alone would not do: whenever the loop lets go of the interpreter to read or write, a busy thread
takes it, and keeps it for 5 ms (`sys.getswitchinterval`).
"""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from bonifiq_async.converters import pausing

P = ParamSpec("P")
T = TypeVar("T")

SLICE = 0.001
"""Seconds of work after which the loop has its turn."""
LONGEST_TURN = 1.0
"""Seconds after which the work goes on, whatever the loop does: it may have ended."""


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

    def pause(self) -> None:
        """Wait for the next turn of the loop, if this slice is over."""
        if time.perf_counter() - self._began < SLICE:
            return
        self._granted.clear()
        try:
            self._loop.call_soon_threadsafe(self._granted.set)
        except RuntimeError:
            return  # the loop is closed: nobody is held up
        self._granted.wait(LONGEST_TURN)
        self._began = time.perf_counter()
