"""Progress on standard error: lines in place on a terminal, elsewhere a line every few seconds."""

import contextlib
import sys
import time
from collections import deque
from collections.abc import Iterator
from typing import Protocol

from bonifiq_async._model.money import SumsByUnit
from bonifiq_async.batch import BatchSummary, FlowState
from bonifiq_async.cli.files.examine import Plan
from bonifiq_async.cli.terminal.progress_text import Progress, log_line, screen_lines
from bonifiq_async.cli.terminal.screen import say
from bonifiq_async.cli.terminal.tables import InPlace, in_place

EVERY = 5.0
"""Seconds between two lines where there is no terminal."""
RECENT = 5.0
"""Seconds over which the rate is measured."""


class Display(Protocol):
    """Shows how far a run is."""

    def show(self, done: BatchSummary, flow: FlowState | None) -> None:
        """Show the state now: what has ended, and what is let through."""


class _Rate:
    """Changes ended in a second, over the last few."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque([(time.monotonic(), 0)])

    def now(self, seen: int) -> float:
        moment = time.monotonic()
        self._seen.append((moment, seen))
        while len(self._seen) > 2 and self._seen[0][0] < moment - RECENT:
            self._seen.popleft()
        since, before = self._seen[0]
        return (seen - before) / (moment - since) if moment > since else 0.0


class _Screen:
    def __init__(self, place: InPlace, plan: Plan, again: SumsByUnit) -> None:
        self._place, self._plan, self._again, self._rate = place, plan, again, _Rate()

    def show(self, done: BatchSummary, flow: FlowState | None) -> None:
        now = Progress(self._plan, done, flow, self._rate.now(done.seen), self._again)
        self._place.show(screen_lines(now, self._place.width))


class _Lines:
    def __init__(self, plan: Plan, again: SumsByUnit) -> None:
        self._plan, self._again, self._rate, self._last = plan, again, _Rate(), time.monotonic()

    def show(self, done: BatchSummary, flow: FlowState | None) -> None:
        rate = self._rate.now(done.seen)
        if time.monotonic() - self._last < EVERY:
            return
        self._last = time.monotonic()
        say(log_line(Progress(self._plan, done, flow, rate, self._again)))


@contextlib.contextmanager
def display(plan: Plan, again: SumsByUnit) -> Iterator[Display]:
    """Give a display for what a plan asks for; `again` is as `Progress` has it, and grows."""
    if not sys.stderr.isatty():
        yield _Lines(plan, again)
        return
    with in_place() as place:
        yield _Screen(place, plan, again)
