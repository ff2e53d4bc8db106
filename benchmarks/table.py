"""What a benchmark prints: tables that read well in a terminal and in Markdown alike, or JSON."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from attrs import frozen


@frozen
class Table:
    """A title, the names of the columns, and rows of text; what follows it are sentences."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()

    def text(self) -> str:
        """Return it as it is printed: the first column to the left, figures to the right."""
        widths = [max(len(row[at]) for row in (self.columns, *self.rows)) for at in range(len(self.columns))]

        def line(cells: Sequence[str]) -> str:
            first, *others = zip(cells, widths, strict=True)
            return f"| {first[0]:<{first[1]}} |" + "".join(f" {cell:>{width}} |" for cell, width in others)

        rule = f"|{'-' * (widths[0] + 2)}|" + "".join(f"{'-' * (width + 1)}:|" for width in widths[1:])
        lines = [self.title, "", line(self.columns), rule, *(line(row) for row in self.rows)]
        return "\n".join(lines) + "".join(f"\n\n{note}" for note in self.notes)


def arguments(description: str | None) -> argparse.ArgumentParser:
    """Return a parser of what all benchmarks take."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="draw a chart there")
    return parser


def show(options: argparse.Namespace, data: object, tables: Sequence[Table], chart: str) -> None:
    """Print what was measured, and draw it where that is asked for."""
    if options.svg is not None:
        options.svg.write_text(chart, "utf-8")
    if options.json:
        print(json.dumps(data))
    else:
        print("\n\n".join(table.text() for table in tables))
