"""A ledger beside a table of changes, such as the rows of a file: which of them it knows."""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Protocol

from bonifiq_async.ledger.recorded import Recorded

OTHER = 2
"""See `AppliedChanges.among`."""


class AppliedChanges(Protocol):
    """What a ledger has as applied, or may have, to be compared with the tables of a database.

    All raise when what is read is not what was written.
    """

    @property
    def provider(self) -> str | None:
        """The provider of the ledger, None when nothing was sent yet."""

    def among(
        self, table: str, columns: Sequence[str], operations: Collection[str]
    ) -> Iterator[Sequence[tuple[object, ...]]]:
        """Yield rows of `table` whose change is applied, some at a time, each as its `columns` and a number.

        The number is 1 where the key was used elsewhere, `OTHER` where another change may have been applied
        under the key, else 0. The table has the columns `key` and `digest`, and an index `by_key` that begins
        with them: in its order the ledger is read from front to end.
        """

    def under(self, keys: Sequence[str], operations: Collection[str]) -> Sequence[Recorded]:
        """Return what may have been applied under some keys, by operations."""

    def alike(
        self, table: str, likeness: Callable[[str, str, str, bytes], str | None], apart_from: str = ""
    ) -> Iterator[Sequence[tuple[Recorded, int]]]:
        """Yield what may have been applied that is like a row of `table` and has another key.

        Some at a time, each with the `line` of the row. The table has the columns `line`, `key`, `customer`
        and `likeness`, and an index `by_likeness` on that. `likeness` gets key, customer, value and body of a
        change, and does not raise. A change whose customer is in ASCII is like rows of this `customer` alone,
        in lower case, and a number without zeros before it. What came from a file of the SHA-256
        `apart_from` is left out.
        """

    def left_behind(self, table: str, file: str) -> Iterator[Sequence[str]]:
        """Yield keys of what may have been applied from `file` in earlier runs and is not in `table`.

        Some at a time; the table is that of `among`.
        """
