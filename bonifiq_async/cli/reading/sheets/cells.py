"""What a cell of a spreadsheet is, whatever kind of file it stands in."""

from collections.abc import Sequence
from typing import TypeAlias

from attrs import define, field, frozen

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

SHOWN_STRETCHES = 5
"""Stretches of hidden rows that are named."""

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


@define
class HiddenRows:
    """The rows of a sheet that are hidden, counted, with the first stretches of them."""

    count: int = 0
    _stretches: list[tuple[int, int]] = field(factory=list)

    def put(self, line: int, times: int = 1) -> None:
        """Take so many rows, the first of which is `line`; they come in their order."""
        self.count += times
        before = self._stretches[-1] if self._stretches else (0, -1)
        if before[1] == line - 1:
            self._stretches[-1] = (before[0], line + times - 1)
        elif len(self._stretches) <= SHOWN_STRETCHES:
            self._stretches.append((line, line + times - 1))

    def said(self) -> Phrase:
        """Say which rows are hidden, and what that means for them."""
        shown = ["–".join(dict.fromkeys(map(str, each))) for each in self._stretches[:SHOWN_STRETCHES]]
        return phrase(
            "{count:,} hidden row ({lines}), as by a filter, which is applied like the others",
            "{count:,} hidden rows ({lines}), as by a filter, which are applied like the others",
            count=self.count,
            lines=joined([*shown, *["…"][: len(self._stretches) > SHOWN_STRETCHES]]),
        )


def hidden_columns(names: Sequence[str]) -> Phrase:
    """Say the same of columns."""
    return phrase("columns that are hidden, and are read like the others: {columns}", columns=joined(names))
