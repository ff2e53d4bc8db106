"""What is wrong with a file, or with a row as a whole, in words: the same whichever reader found it."""

import csv
from collections.abc import Iterable, Sequence

from bonifiq_async._model.printable import printable
from bonifiq_async.cli.language.phrase import Phrase, joined, phrase


def lines(first: int, last: int) -> Phrase:
    """Return which lines those from `first` to `last` are."""
    if first == last:
        return phrase("line {line}", line=first)
    return phrase("lines {first} to {last}", first=first, last=last)


def not_csv(file: str, line: int, error: csv.Error) -> Phrase:
    """Say from which line on a file is not CSV."""
    return phrase("{file}, line {line}: not CSV ({why}). Nothing was sent.", file=file, line=line, why=error)


def too_wide(cells: int, width: int) -> Phrase:
    """Say that a row has more cells than the header."""
    return phrase("{cells} cells, but the header has {width}", cells=cells, width=width)


def broken(name: str) -> Phrase:
    """Say that the cell under a name has a line break."""
    return phrase(
        "the cell under {name} has a line break, which has no place there: take it out, or the quotes that "
        "make one cell of several lines",
        name=printable(name),
    )


def broken_header(file: str, first: int, last: int) -> Phrase:
    """Say that a cell of the header has a line break."""
    return phrase(
        "{file}, {lines}: the header has a line break in a cell. Nothing was sent; take it out, or the "
        "quotes that make one cell of several lines.",
        file=file,
        lines=lines(first, last),
    )


def empty(file: str) -> Phrase:
    """Say that a file is empty."""
    return phrase("{file} is empty. Nothing was sent.", file=file)


def no_such_row(file: str, row: int) -> Phrase:
    """Say that no row begins in the line that was said to be the header."""
    return phrase(
        "{file}: nothing begins in line {row}, which --header-row says is the header. Nothing was sent.",
        file=file,
        row=row,
    )


def blank_above(file: str, header: int | None) -> Phrase:
    """Say that a file has an empty line where its header should be, and where that may be."""
    if header is not None:
        return phrase(
            "{file} begins with an empty line, and line {row} looks like the header: say --header-row {row}. "
            "Nothing was sent.",
            file=file,
            row=header,
        )
    return phrase("{file} begins with an empty line: take it out. Nothing was sent.", file=file)


def alternatives(names: Sequence[str]) -> Phrase:
    """Return columns of which one is enough."""
    said = joined(names[:1])
    for name in names[1:]:
        said = phrase("{one} or {other}", one=said, other=name)
    return said


def every(names: Sequence[str]) -> Phrase:
    """Return columns that are meant all together."""
    said = joined(names[:1])
    for name in names[1:]:
        said = phrase("{first} and {second}", first=said, second=name)
    return said


def twice(names: Iterable[str]) -> Phrase:
    """Say that a header has columns twice."""
    return phrase("the header has {names} twice", names=joined(sorted(names)))
