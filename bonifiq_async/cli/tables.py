"""Tables and what changes in place, as a person's terminal shows them; the one place that uses rich."""

import contextlib
import sys
from typing import TextIO, cast

from rich.console import Console, RenderableType
from rich.style import StyleType
from rich.table import Table as RichTable
from rich.text import Text

from bonifiq_async.cli.screen import to_stderr, to_stdout
from bonifiq_async.printable import printable


class Table(RichTable):
    """A table whose cells hold foreign text: no markup, nothing that a terminal obeys, nothing endless."""

    def add_row(
        self, *renderables: RenderableType | None, style: StyleType | None = None, end_section: bool = False
    ) -> None:
        """Add a row of cells."""
        cells = [Text(printable(each)) if isinstance(each, str) else each for each in renderables]
        super().add_row(*cells, style=style, end_section=end_section)


def show_table(table: Table) -> None:
    """Print a table to standard output. Raises `Lost`."""
    with to_stdout():
        _Console(markup=False, highlight=False, emoji=False).print(table)


def say_table(table: Table) -> None:
    """Print a table to standard error."""
    with to_stderr():
        _Console(stderr=True, markup=False, highlight=False, emoji=False).print(table)


def live() -> Console:
    """Return a console on standard error for what changes in place; its reader may go at any time."""
    return Console(file=cast(TextIO, _Forgiving(sys.stderr)))


class _Console(Console):
    def on_broken_pipe(self) -> None:
        raise  # it is told as `Lost`; rich would end the process with 1


class _Forgiving:
    """A stream that takes everything, if need be to nowhere."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.encoding, self.isatty, self.fileno = stream.encoding, stream.isatty, stream.fileno

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.flush()
