"""Rows that repeat an earlier one of the same file: their lines, and that of the one that counts."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator

from attrs import define, field


@define
class Repeats:
    """The lines that repeat another, by that one, in eight bytes each."""

    _firsts: "array[int]" = field(factory=lambda: array("I"))
    _lines: "array[int]" = field(factory=lambda: array("I"))

    def put(self, first: int, line: int) -> None:
        """Take a line that repeats the `first`; they come in the order of these."""
        self._firsts.append(first)
        self._lines.append(line)

    def __len__(self) -> int:
        return len(self._lines)

    def of(self, first: int) -> Iterator[int]:
        """Yield the lines that repeat the `first`."""
        firsts = self._firsts
        yield from self._lines[bisect_left(firsts, first) : bisect_right(firsts, first)]
