"""Progress on standard error: a bar on a terminal, elsewhere a line every few seconds."""

import contextlib
import sys
import time
from collections import deque
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Protocol

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bonifiq_async._model.printable import printable
from bonifiq_async.batch import BatchSummary, FlowState
from bonifiq_async.cli.terminal.screen import say
from bonifiq_async.cli.terminal.tables import live

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


class _Bar:
    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._task = progress.add_task("applying", total=total, rate="", retries=0, flow="")
        self._rate = _Rate()

    def show(self, done: BatchSummary, flow: FlowState | None) -> None:
        self._progress.update(
            self._task,
            completed=done.seen,
            rate=f"{self._rate.now(done.seen):,.0f}/s",
            retries=f"{done.repeats:,}",
            flow=printable(flow_text(flow) + _used(done)),
        )


class _Lines:
    def __init__(self, total: int) -> None:
        self._total = total
        self._last = time.monotonic()
        self._rate = _Rate()

    def show(self, done: BatchSummary, flow: FlowState | None) -> None:
        rate = self._rate.now(done.seen)
        if time.monotonic() - self._last < EVERY:
            return
        self._last = time.monotonic()
        left = f", {(self._total - done.seen) / rate:,.0f} s left" if rate else ""
        say(
            f"{done.seen:,} of {self._total:,} changes, {rate:,.0f}/s{left}, "
            f"{done.repeats:,} retries, {flow_text(flow)}{_used(done)}"
        )


def _used(done: BatchSummary) -> str:
    return f", {done.used_elsewhere:,} used before" if done.used_elsewhere else ""


def flow_text(flow: FlowState | None) -> str:
    """Return in words what is let through, and why no more: `12 of 64 in flight, at most 180/s`."""
    if flow is None:
        return "0 in flight"
    words = [f"{flow.in_flight} of {flow.limit} in flight"]
    if flow.in_flight > flow.limit:  # what was sent before the limit fell is not called back
        words = [f"{flow.in_flight} in flight, which falls to {flow.limit}"]
    if flow.waiting:
        words.append(f"{flow.waiting:,} to be sent again")
    if flow.rate is not None:
        words.append(f"at most {flow.rate:,.0f}/s" if flow.rate >= 10 else f"at most {flow.rate:.2g}/s")
    if flow.held > 0:
        words.append(f"held until {_clock(flow.held)}")
    if flow.paused is not None:
        words.append(f"paused: nothing has succeeded since {_clock(-flow.paused)}, probing")
    elif flow.failing is not None:
        words.append(f"nothing has succeeded since {_clock(-flow.failing)}")
    if flow.cause is not None:
        words.append(f"the last failed: {flow.cause}")
    return ", ".join(words)


def _clock(seconds: float) -> str:
    """Return the time of day so many seconds from now."""
    return (datetime.now() + timedelta(seconds=seconds)).strftime("%H:%M:%S")


@contextlib.contextmanager
def display(total: int) -> Iterator[Display]:
    """Give a display for `total` changes."""
    if not sys.stderr.isatty():
        yield _Lines(total)
        return
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}", markup=False),
        TimeRemainingColumn(),
        TextColumn("retries {task.fields[retries]}", markup=False),
        TextColumn("{task.fields[flow]}", markup=False),
    )
    with Progress(*columns, console=live(), refresh_per_second=5) as progress:
        yield _Bar(progress, total)
