"""Tables and what changes in place, as a person's terminal shows them; the one place that uses rich."""

import contextlib
from collections.abc import Iterator, Sequence

from rich.console import Console, RenderableType
from rich.live import Live
from rich.style import StyleType
from rich.table import Table as RichTable
from rich.text import Text

from bonifiq_async._model.printable import printable
from bonifiq_async.cli.language.phrase import shown


class Table(RichTable):
    """A table whose cells hold foreign text: no markup, nothing that a terminal obeys, nothing endless."""

    def add_row(
        self,
        *renderables: RenderableType | tuple[str, ...] | None,
        style: StyleType | None = None,
        end_section: bool = False,
    ) -> None:
        """Add a row of cells; a tuple is a cell of several lines."""
        texts = [(each,) if isinstance(each, str) else each for each in renderables]
        cells = [_lines(each) if isinstance(each, tuple) else each for each in texts]
        super().add_row(*cells, style=style, end_section=end_section)


def _lines(texts: tuple[str, ...]) -> Text:
    return Text("\n".join([printable(shown(each)) for each in texts]))


def show_table(table: Table) -> None:
    """Print a table to standard output. Raises `Lost`."""
    _print(table, stderr=False)


def say_table(table: Table) -> None:
    """Print a table to standard error."""
    _print(table, stderr=True)


def _print(table: Table, *, stderr: bool) -> None:
    if isinstance(table.title, str):
        table.title = shown(table.title)
    for column in table.columns:
        if isinstance(column.header, str):
            column.header = shown(column.header)
    _console(stderr=stderr).print(table)


def width() -> int:
    """Return how many characters fit on a line of standard output."""
    return _console(stderr=False).width


class InPlace:
    """Lines on standard error that change in place."""

    def __init__(self, live: Live) -> None:
        self._live = live

    @property
    def width(self) -> int:
        """How many characters fit on a line now."""
        return self._live.console.width

    def show(self, lines: Sequence[str]) -> None:
        """Show these lines instead of the last ones."""
        shown = "\n".join([printable(line, None) for line in lines])
        self._live.update(Text(shown, no_wrap=True, overflow="crop"))


@contextlib.contextmanager
def in_place() -> Iterator[InPlace]:
    """Give lines that change in place, drawn five times a second; the last ones stay."""
    with Live(console=_console(stderr=True), refresh_per_second=5) as live:
        yield InPlace(live)


def _console(*, stderr: bool) -> Console:
    return Console(stderr=stderr, markup=False, highlight=False, emoji=False)
