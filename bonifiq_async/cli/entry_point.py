"""How the command is run: what ends it becomes one sentence and an exit code."""

import io
import logging
import sys
from typing import IO, Protocol, runtime_checkable

import typer

from bonifiq_async.cli.app import app
from bonifiq_async.cli.terminal.screen import Lost, prepare, say


@runtime_checkable
class _Usage(Protocol):
    """What the command line's library raises of what was typed; releases disagree on where the class is."""

    exit_code: int

    def show(self, file: IO[str]) -> None: ...


class _Shown(logging.Handler):
    """Says what is logged of the files themselves: neither the outcome file nor the closing table does."""

    def emit(self, record: logging.LogRecord) -> None:
        say(record.getMessage())


def run() -> None:
    """Run the command, and end with its exit code; what is a bug ends with its traceback and 1."""
    # The outcome file and the closing table say what a library can only log.
    logging.getLogger("bonifiq_async").addHandler(logging.NullHandler())
    prepare()
    files, shown = logging.getLogger("bonifiq_async.files"), _Shown()
    files.addHandler(shown)
    try:
        code = app(standalone_mode=False) or 0
        sys.stdout.flush()
    except Exception as error:
        ended = _told(error)
        if ended is None:
            raise
        code = ended
    finally:
        files.removeHandler(shown)
    sys.exit(code)


def _told(error: Exception) -> int | None:
    """Say what ended the command and return its exit code; None for a bug."""
    from bonifiq_async._model.errors import BonifiQError
    from bonifiq_async.cli.exit_codes import Exit, of_error

    if isinstance(error, BonifiQError):
        say(str(error))
        return of_error(error)
    if isinstance(error, Lost):
        if error.by_reader:
            return Exit.DONE
        say(f"Standard output takes no more ({error}). Run the same command again.")
        return Exit.STOPPED
    if isinstance(error, typer.Abort):
        say("Interrupted.")
        return Exit.INTERRUPTED
    if isinstance(error, _Usage):
        text = io.StringIO()
        error.show(text)
        usage, mark, message = text.getvalue().rstrip("\n").partition("\nError: ")
        say(*usage.split("\n"), *([f"Error: {message}"] if mark else []))  # what was typed makes no line
        return error.exit_code
    return None
