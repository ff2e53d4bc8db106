"""What a cell of a spreadsheet is, whatever kind of file it stands in."""

from typing import TypeAlias

from attrs import frozen


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
