"""What becomes of each line of a file, in a byte a line: memory for a million lines is a megabyte."""

from collections.abc import Callable, Sequence

from attrs import define, field

TO_SEND, LEFT_OUT, SETTLED, USED_ELSEWHERE, OTHER_CHANGE = range(5)


@define
class Marks:
    """What becomes of each line of a file, in a byte a line; what was never marked is to send."""

    _marks: bytearray = field(factory=bytearray)

    def put(self, lines: Sequence[int], mark: int) -> None:
        """Mark some lines, at least one."""
        missing = max(lines) + 1 - len(self._marks)
        if missing > 0:
            self._marks.extend(bytes(missing))
        for line in lines:
            self._marks[line] = mark

    def stands(self, mark: int) -> Callable[[int], bool]:
        """Return what says of a line whether it has `mark`."""
        marks, end = self._marks, len(self._marks)
        return lambda line: marks[line] == mark if line < end else mark == TO_SEND

    def count(self, mark: int) -> int:
        """Return how many lines have a `mark` that is not that of lines never marked."""
        return self._marks.count(mark)
