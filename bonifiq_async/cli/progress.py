"""Progress on standard error: a bar on a terminal, elsewhere a line every few seconds."""

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


def say(text: str) -> None:
    """Tell a person something, on standard error; a reader who has gone does not end a run."""
    with contextlib.suppress(OSError):
        print(text, file=sys.stderr, flush=True)


EVERY = 5.0
"""Seconds between two lines where there is no terminal."""


class Display(Protocol):
    """Shows how far a run is."""

    def show(self, *, done: int, retries: int, in_flight: int) -> None:
        """Show the state now: changes ended, requests repeated, changes in flight."""


class _Bar:
    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._task = progress.add_task("applying", total=total, rate="", retries=0, in_flight=0)
        self._began = time.monotonic()

    def show(self, *, done: int, retries: int, in_flight: int) -> None:
        elapsed = time.monotonic() - self._began
        rate = f"{done / elapsed:,.0f}/s" if elapsed > 0.5 else ""
        self._progress.update(
            self._task, completed=done, rate=rate, retries=f"{retries:,}", in_flight=in_flight
        )


class _Lines:
    def __init__(self, total: int) -> None:
        self._total = total
        self._began = self._last = time.monotonic()

    def show(self, *, done: int, retries: int, in_flight: int) -> None:
        now = time.monotonic()
        if now - self._last < EVERY:
            return
        self._last = now
        rate = done / (now - self._began)
        left = f", {(self._total - done) / rate:,.0f} s left" if rate else ""
        say(
            f"{done:,} of {self._total:,} changes, {rate:,.0f}/s{left}, "
            f"{retries:,} retries, {in_flight} in flight"
        )


@contextlib.contextmanager
def display(total: int) -> Iterator[Display]:
    """Give a display for `total` changes."""
    if not sys.stderr.isatty():
        yield _Lines(total)
        return
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("retries {task.fields[retries]}"),
        TextColumn("in flight {task.fields[in_flight]}"),
    )
    with Progress(*columns, console=Console(stderr=True), refresh_per_second=5) as progress:
        yield _Bar(progress, total)
