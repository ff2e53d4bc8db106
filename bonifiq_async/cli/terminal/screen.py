"""The screen: the one way to standard output and standard error, and what is done when they take no more.

What an operator reads is shown in the operator's language and goes through `printable`, each line by itself
(`tables` does it for each cell); what is meant for programs is UTF-8 as it is, whatever the terminal is.
"""

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import TextIO

import typer

from bonifiq_async._model.printable import printable
from bonifiq_async.cli.language.phrase import phrase, shown


class Lost(Exception):
    """Standard output takes no more; its text says why. `by_reader` says that its reader had enough."""

    def __init__(self, error: OSError) -> None:
        super().__init__(error.strerror or type(error).__name__)
        self.by_reader = isinstance(error, BrokenPipeError)


def prepare() -> None:
    """Make the standard streams fit for every command, whatever the shell has made of them.

    From now on standard output raises `Lost` where it takes nothing, and standard error lets go of it. A
    closed one gets a file that fails: without it, the next file that is opened would get its number, and with
    it whatever is printed. What an encoding lacks is printed as an escape.
    """
    for name, mode, wrong in (
        ("stdin", "r", os.O_WRONLY),
        ("stdout", "w", os.O_RDONLY),
        ("stderr", "w", os.O_RDONLY),
    ):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, wrong), mode, encoding="utf-8"))
    for name, kind in (("stdout", _Output), ("stderr", _Errors)):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
            setattr(sys, name, kind(stream))


def say(*lines: str) -> None:
    """Tell a person something on standard error; where its reader has gone, that ends nothing."""
    print(*[printable(shown(line), None) for line in lines], sep="\n", file=sys.stderr, flush=True)


def show(*lines: str) -> None:
    """Print results for a reader to standard output. Raises `Lost`."""
    print(*[printable(shown(line), None) for line in lines], sep="\n", flush=True)


def give(data: bytes) -> None:
    """Print whole lines for programs to standard output: exactly, but escaped on a terminal.

    Raises `Lost`.
    """
    if sys.stdout.isatty():
        show(*data.decode().removesuffix("\n").split("\n"))
        return
    sys.stdout.flush()  # what was printed before comes first
    with _taken(sys.stdout):
        sys.stdout.buffer.write(data)
    sys.stdout.flush()


_ANSWERS = {
    **dict.fromkeys(("y", "yes", "s", "sim"), True),
    **dict.fromkeys(("", "n", "no", "não", "nao"), False),
}


def agreed(question: str) -> bool | None:
    """Ask a person yes or no, in the words of either language; None where no person can be asked."""
    while (answer := typed(phrase("{question} [y/N]", question=question))) is not None:
        said = _ANSWERS.get(answer.strip().casefold())
        if said is not None:
            return said
        say(phrase("Type y or n."))
    return None


def typed(question: str) -> str | None:
    """Ask a person for a text; None where no person can be asked."""
    if not sys.stdin.isatty():
        return None
    text: str = typer.prompt(printable(shown(question), None), default="", show_default=False, err=True)
    return text


@contextlib.contextmanager
def whatever_is_read(*, to_the_end: bool = True) -> Iterator[None]:
    """Let what is over keep its exit code, though what is printed of it is not taken.

    A reading process that ends early is an error too, unless a part of the lines may be enough.
    """
    try:
        yield
    except Lost as lost:
        if to_the_end or not lost.by_reader:
            say(
                phrase(
                    "What came of it could not be printed ({lost}); the exit code says how it ended.",
                    lost=lost,
                )
            )


@contextlib.contextmanager
def _taken(stream: TextIO) -> Iterator[None]:
    """Raise `Lost` for what a stream does not take, and take the rest of it for taken.

    Else that would be tried again at the very end, and fail the process.
    """
    try:
        yield
    except OSError as error:
        with contextlib.suppress(OSError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
        raise Lost(error) from None


class _Output:
    """A text stream that raises `Lost` where the one below fails; the rest is as it is there."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        if text != "":  # typer writes nothing to learn what kind of stream it is, and hides what that raises
            with _taken(self._stream):
                self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with _taken(self._stream):
            self._stream.flush()


class _Errors(_Output):
    """A text stream that takes everything, if need be to nowhere."""

    def write(self, text: str) -> int:
        with contextlib.suppress(Lost):
            super().write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(Lost):
            super().flush()
