"""The screen: the one way to standard output and standard error, and what is done when they take no more.

What is meant for people goes through `printable`, each line by itself (`tables` does it for each cell); what
is meant for programs is UTF-8 as it is, whatever the terminal is.
"""

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import TextIO

import typer

from bonifiq_async.printable import printable


class Lost(Exception):
    """Standard output takes no more; its text says why. `by_reader` says that its reader had enough."""

    def __init__(self, error: OSError) -> None:
        super().__init__(error.strerror or type(error).__name__)
        self.by_reader = isinstance(error, BrokenPipeError)


def prepare() -> None:
    """Make the standard streams usable, whatever they are: closed, or of an encoding that lacks a character.

    A closed one gets a file that fails, so that it is told as any other that takes nothing. Without it, the
    next file that is opened would get its number, and with it whatever the interpreter prints.
    """
    for name, mode, wrong in (
        ("stdin", "r", os.O_WRONLY),
        ("stdout", "w", os.O_RDONLY),
        ("stderr", "w", os.O_RDONLY),
    ):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, wrong), mode, encoding="utf-8"))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def say(*lines: str) -> None:
    """Tell a person something on standard error; where its reader has gone, that ends nothing."""
    with to_stderr():
        print(*[printable(line, None) for line in lines], sep="\n", file=sys.stderr)


def show(*lines: str) -> None:
    """Print results for people to standard output. Raises `Lost`."""
    with to_stdout():
        print(*[printable(line, None) for line in lines], sep="\n")


def give(data: bytes) -> None:
    """Print whole lines for programs to standard output: exactly, but on a terminal as people may see them.

    Raises `Lost`.
    """
    if sys.stdout.isatty():
        show(*data.decode().removesuffix("\n").split("\n"))
        return
    with to_stdout():
        sys.stdout.flush()  # what was printed before comes first
        sys.stdout.buffer.write(data)


def agreed(question: str) -> bool | None:
    """Ask a person yes or no; None where no person can be asked."""
    if not sys.stdin.isatty():
        return None
    try:
        return typer.confirm(printable(question, None), err=True)
    except OSError:  # standard error takes nothing
        return None


@contextlib.contextmanager
def whatever_is_read() -> Iterator[None]:
    """Let what is over keep its exit code, though what is printed of it is not taken."""
    try:
        yield
    except Lost as lost:
        say(f"What came of it could not be printed ({lost}); the exit code says how it ended.")


@contextlib.contextmanager
def to_stdout() -> Iterator[None]:
    """Raise `Lost` for what standard output does not take."""
    try:
        yield
        sys.stdout.flush()
    except OSError as error:
        _drop(sys.stdout)
        raise Lost(error) from None


@contextlib.contextmanager
def to_stderr() -> Iterator[None]:
    """Let go of what standard error does not take."""
    try:
        yield
        sys.stderr.flush()
    except OSError:
        _drop(sys.stderr)


def _drop(stream: TextIO) -> None:
    """Send elsewhere what a stream still holds: tried again at the very end, it would fail the process."""
    with contextlib.suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
