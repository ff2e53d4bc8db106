"""What can be asked of a ledger afterwards, of whichever kind, and a person's word on what is in doubt."""

import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from attrs import field, frozen

from bonifiq_async._model.money import SumsByUnit
from bonifiq_async.ledger.comparison import AppliedChanges
from bonifiq_async.ledger.protocol import Account, Ledger, State
from bonifiq_async.ledger.recorded import EVERY_CHANGE, ChangeFilter, Recorded
from bonifiq_async.ledger.runs import Run, RunLedger
from bonifiq_async.ledger.settling import SETTLEABLE, PersonsWord
from bonifiq_async.ledger.shards import ShardedFile


class WritableLedger(Ledger, RunLedger, Protocol):
    """A ledger that a command sends with: it keeps changes and runs."""


class LedgerReader(Protocol):
    """A ledger as it stands, opened anew for each question. As a text, it is where it stands.

    Everything but `exists`, `of`, `others` and `writer` raises `ConfigurationError` when there is no ledger
    there or it cannot be used, and `LedgerError` when what is read is not what was written; `connected` only
    where it has to connect.
    """

    @property
    def name(self) -> str:
        """What it is called, without the place where it stands."""

    @property
    def file(self) -> Path | None:
        """Its file; None where it is no file."""

    def exists(self) -> bool:
        """Say whether anything can have been recorded there; a new one is made by its first change."""

    def of(self, account: Account | None) -> "LedgerReader":
        """Return the same ledger, which is to be that of `account`; None: any account's will do."""

    def others(self) -> Sequence["LedgerReader"]:
        """Return the ledgers that stand beside it, the latest written first."""

    def connected(self) -> AbstractContextManager["LedgerReader"]:
        """Give the same ledger; what is asked of it within goes over one connection, if it needs any."""

    def writer(self) -> WritableLedger:
        """Return the ledger to send with."""

    def provider(self) -> str | None:
        """Return the provider of its changes, None when nothing was sent yet."""

    def changes(self, wanted: ChangeFilter = EVERY_CHANGE) -> Iterator[Recorded]:
        """Yield the changes that are `wanted`, the first sent first, each as it stands when it is read.

        A claim whose owner has gone is in doubt. Others may write meanwhile.
        """

    def runs(self) -> Sequence[Run]:
        """Return its runs, the latest first: the command line makes one for each of its commands."""

    def shards(self) -> Sequence[ShardedFile]:
        """Return the files that are applied in shards, the one begun last first; a file's ledger has none."""

    def rebind(self, account: Account) -> None:
        """Take a person's word that it is of `account`, whose credential or place has changed.

        Raises `ConfigurationError` when it is another provider's.
        """

    def settle(self, key: str, word: PersonsWord, operation: str | None = None) -> None:
        """Write down a person's word on the change in doubt under `key`.

        So, too, on one whose key was used elsewhere: that it is applied makes it `ALREADY_APPLIED`.
        `operation`, such as `earn`, tells which where several share the key. Raises `ConfigurationError` when
        not exactly one takes a word, or its sender may still be at it: nothing is overwritten. Raises
        `PayloadError` for what is no key.
        """

    def beside(self, database: sqlite3.Connection) -> AbstractContextManager[AppliedChanges]:
        """Give what is applied, to `database`: a connection opened with `uri`, in no transaction.

        It sees what stands there when it looks, while others write, and writes nothing there itself. Raises
        `ConfigurationError` for what is no ledger that can be used, is another account's than `of` says, or
        turns out to be damaged within.
        """


def recorded(ledger: LedgerReader, states: Collection[State]) -> Iterator[Recorded]:
    """Yield the changes of a ledger that stand in one of `states`, as `LedgerReader.changes` does."""
    return ledger.changes(ChangeFilter(states))


@frozen
class Standing:
    """Changes and sums by state. `oldest` is the key longest in doubt, and since when (epoch seconds).

    A person's word settled `by_hand`. `without_amount` counts those whose value is zero: how much they move,
    the provider decides.
    """

    counts: Mapping[State, int]
    sums: Mapping[State, SumsByUnit]
    oldest: tuple[str, float] | None = field(default=None)
    by_hand: int = 0
    without_amount: int = 0


def _one_unit(change: Recorded) -> str:
    return ""


def _unseen(change: Recorded) -> None:
    """Do nothing."""


def standing(
    ledger: LedgerReader,
    *,
    unit_of: Callable[[Recorded], str] = _one_unit,
    seen: Callable[[Recorded], None] = _unseen,
) -> Standing:
    """Return what a ledger knows.

    `unit_of` says in which unit the value of a change is: sums of different units are kept apart. `seen` is
    called with each change. Raises as `LedgerReader.changes`.
    """
    counts, sums = dict.fromkeys(State, 0), {state: SumsByUnit() for state in State}
    oldest: tuple[str, float] | None = None
    by_hand = 0
    without_amount = 0
    for change in ledger.changes():
        counts[change.state] += 1
        sums[change.state].put(unit_of(change), change.value)
        by_hand += change.settled_by_hand
        without_amount += not change.value
        seen(change)
        if change.state in SETTLEABLE and oldest is None:
            oldest = (change.key, change.first_sent)
    return Standing(counts, sums, oldest, by_hand, without_amount)
