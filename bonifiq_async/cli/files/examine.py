"""The first reading of a file: every row is checked before anything is sent."""

import contextlib
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal

from attrs import define, field, frozen

from bonifiq_async._model.errors import ConfigurationError
from bonifiq_async._model.money import Sums
from bonifiq_async.cli.adapter import FileChange
from bonifiq_async.cli.files.keys import Keys
from bonifiq_async.cli.files.rows import Problem, Source
from bonifiq_async.ledger.sqlite.reader import LedgerFile

TO_SEND, LEFT_OUT, SETTLED, USED_ELSEWHERE = range(4)


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


@frozen
class Settled:
    """Changes that stand alike in a ledger: how many, and what they come to."""

    changes: int = 0
    sums: Sums = field(factory=Sums)


@frozen
class Plan:
    """What a file asks for: every change counts once, also those that a ledger has as applied.

    Of these, `used_elsewhere` are so by the provider's word alone, and `settled` are all others. Neither are
    sent, nor the rows left out: conflicts, and repeats of a row.
    """

    source: Source
    changes: int
    customers: int
    added: Decimal
    removed: Decimal
    repeats: int
    problems: int
    settled: Settled
    used_elsewhere: Settled
    marks: Marks = field(repr=False)

    @property
    def to_send(self) -> int:
        """How many changes are to be sent."""
        return self.changes - self.settled.changes - self.used_elsewhere.changes

    def read(self) -> Iterator[FileChange]:
        """Yield the changes to send, in the file's order."""
        return self._marked(TO_SEND, self.to_send)

    def read_settled(self) -> Iterator[FileChange]:
        """Yield the changes that are `settled`, in the file's order."""
        return self._marked(SETTLED, self.settled.changes)

    def read_used_elsewhere(self) -> Iterator[FileChange]:
        """Yield the changes that are `used_elsewhere`, in the file's order."""
        return self._marked(USED_ELSEWHERE, self.used_elsewhere.changes)

    def _marked(self, mark: int, count: int) -> Iterator[FileChange]:
        if not count:
            return iter(())  # the file need not be read again to know it
        rows = self.source.rows(self.marks.stands(mark))
        return (row for row in rows if not isinstance(row, Problem))


def examine(source: Source, on_problem: Callable[[Problem], None], ledger: LedgerFile | None = None) -> Plan:
    """Read `source` once, tell `on_problem` of each row that is not valid, and return what it asks for.

    Rows with the same key and the same change count once; rows with the same key and another change
    are all problems. A change that stands in `ledger` as applied is not sent; where another one stands under
    its key, the claim will say so. Raises `ConfigurationError` for what concerns the whole file
    or the ledger; a ledger that is not there yet has nothing in it.
    """
    with contextlib.ExitStack() as stack:
        keys = stack.enter_context(contextlib.closing(Keys(source.adapter)))
        marks, settled, elsewhere = Marks(), Settled(), Settled()
        looks = ledger is not None and ledger.path.exists()
        if ledger is not None and looks:
            stack.enter_context(ledger.beside(keys.database))
        with _room_for(source):
            repeats, problems = _compare(source, on_problem, keys, marks)
            changes, sums, customers = keys.kept()
        if looks:
            settled, elsewhere = _settled(keys, marks)
        added, removed = sums.added, sums.removed
        return Plan(source, changes, customers, added, removed, repeats, problems, settled, elsewhere, marks)


def _compare(
    source: Source, on_problem: Callable[[Problem], None], keys: Keys, marks: Marks
) -> tuple[int, int]:
    """Read every row; return how many are repeats, and how many problems."""
    repeats, problems = 0, 0
    for some in source.parts():
        keys.note([row for row in some if not isinstance(row, Problem)])
        for row in some:
            if isinstance(row, Problem):
                problems += 1
                on_problem(row)
    for line, other in keys.conflicts():
        problems += 1
        on_problem(Problem(line, "change_key", f"its key stands for another change in line {other}"))
        marks.put([line], LEFT_OUT)
    for line in keys.repeats():
        repeats += 1
        marks.put([line], LEFT_OUT)
    return repeats, problems


def _settled(keys: Keys, marks: Marks) -> tuple[Settled, Settled]:
    """Mark what a ledger has as applied; return what is settled, and what was used elsewhere."""
    counts, sums = [0, 0], (Sums(), Sums())
    for some in keys.settled():
        for elsewhere, mark in enumerate((SETTLED, USED_ELSEWHERE)):
            if lines := [line for line, _, kind in some if kind == elsewhere]:
                marks.put(lines, mark)
                counts[elsewhere] += len(lines)
        for (value, elsewhere), times in Counter([(value, kind) for _, value, kind in some]).items():
            sums[elsewhere].put(Decimal(value), times)
    return Settled(counts[0], sums[0]), Settled(counts[1], sums[1])


@contextlib.contextmanager
def _room_for(source: Source) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise ConfigurationError(
            f"{source.name} cannot be checked: the temporary folder does not take it ({error}). "
            "Nothing was sent; make room there."
        ) from None
