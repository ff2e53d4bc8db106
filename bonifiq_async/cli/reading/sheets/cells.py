"""What a cell of a spreadsheet is, whatever kind of file it stands in."""

from collections.abc import Sequence
from typing import TypeAlias

from attrs import frozen

from bonifiq_async.cli.language.phrase import Phrase, joined, phrase


class NotRead(Exception):
    """A file is not what it should be; its text says why, as the end of a sentence about the file."""


@frozen
class Bad:
    """A cell that has no use here: `what` it is, and the text that it shows."""

    what: str
    text: str = ""


Cell: TypeAlias = str | float | Bad
"""A text, empty where there is nothing; a number; or what is neither."""

SheetRow: TypeAlias = tuple[int, list[Cell]]
"""The number of a row, counted from 1, and its cells from the first column on."""


@frozen
class Sheet:
    """A sheet of a spreadsheet."""

    name: str
    hidden: bool = False


def letters(number: int) -> str:
    """Return how a column is called, counted from 1: 28 is AB."""
    name = ""
    while number > 0:
        number, rest = divmod(number - 1, 26)
        name = chr(65 + rest) + name
    return name


def hidden_rows(count: int) -> Phrase:
    """Say that rows are hidden, and what that means for them."""
    return phrase(
        "rows that are hidden, as by a filter, and are applied like the others: {count:,}", count=count
    )


def hidden_columns(names: Sequence[str]) -> Phrase:
    """Say the same of columns."""
    return phrase("columns that are hidden, and are read like the others: {columns}", columns=joined(names))
