"""How the command is run: what ends it becomes one sentence and an exit code."""

import logging
import os
import sys
from typing import cast

import typer
from typer.core import TyperGroup

from bonifiq_async.cli.app import ABOUT, EXIT_CODES, app
from bonifiq_async.cli.language.choice import chosen, option_first
from bonifiq_async.cli.language.help_pages import UsageError, translate, usage_lines
from bonifiq_async.cli.language.phrase import READER, phrase
from bonifiq_async.cli.terminal.screen import Lost, prepare, say


class _Shown(logging.Handler):
    """Says what is logged of files and ledgers: neither the outcome file nor the closing table does."""

    def emit(self, record: logging.LogRecord) -> None:
        say(record.getMessage())


def run() -> None:
    """Run the command, and end with its exit code; what is a bug ends with its traceback and 1."""
    # The outcome file and the closing table say what a library can only log.
    logging.getLogger("bonifiq_async").addHandler(logging.NullHandler())
    prepare()
    arguments = option_first(sys.argv[1:])
    language = chosen(arguments, os.environ)
    reader = READER.set(language)
    command = cast(TyperGroup, typer.main.get_command(app))
    translate(command, language, ABOUT, EXIT_CODES)
    files, shown = logging.getLogger("bonifiq_async.files"), _Shown()
    files.addHandler(shown)
    try:
        code = command(arguments, standalone_mode=False) or 0
        sys.stdout.flush()
    except Exception as error:
        ended = _told(error)
        if ended is None:
            raise
        code = ended
    finally:
        files.removeHandler(shown)
        READER.reset(reader)
    sys.exit(code)


def _told(error: Exception) -> int | None:
    """Say what ended the command and return its exit code; None for a bug."""
    from bonifiq_async._model.errors import BonifiQError
    from bonifiq_async.cli.exit_codes import Exit, of_error
    from bonifiq_async.cli.language.library_errors import said

    if isinstance(error, BonifiQError):
        say(said(error))
        return of_error(error)
    if isinstance(error, Lost):
        if error.by_reader:
            return Exit.DONE
        say(phrase("Standard output takes no more ({why}). Run the same command again.", why=error))
        return Exit.STOPPED
    if isinstance(error, typer.Abort):
        say(phrase("Interrupted."))
        return Exit.INTERRUPTED
    if isinstance(error, UsageError):
        say(*usage_lines(error, READER.get()))  # what was typed makes no line
        return error.exit_code
    return None
