"""A look into a ledger file: what stands in it; and a person's word on what is in doubt."""

import contextlib
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from urllib.parse import unquote

from attrs import evolve, field, frozen

from bonifiq_async._concurrency.runtime import Runtime
from bonifiq_async._model import validation
from bonifiq_async._model.errors import ConfigurationError
from bonifiq_async._model.money import SumsByUnit
from bonifiq_async._model.printable import printable
from bonifiq_async.ledger.protocol import Account, State
from bonifiq_async.ledger.runs import Run, RunOrigin
from bonifiq_async.ledger.sqlite import run
from bonifiq_async.ledger.sqlite.connection import LedgerConnection, fault_of, opened, writing
from bonifiq_async.ledger.sqlite.header import bound, provider_in
from bonifiq_async.ledger.sqlite.owner import Lease, Sight, heard
from bonifiq_async.ledger.sqlite.row import Entry, every, put, under

SETTLEABLE = frozenset({State.IN_DOUBT, State.UNKNOWN})
"""States in doubt, which a person may settle."""

SAID = ("status", "code", "code_name", "message")

_SAME = {State.APPLIED: State.APPLIED, State.NOT_APPLIED: State.NOT_APPLIED}
BY_HAND = "settled by hand: "
"""Begins what is kept of a person's word."""
WORDS: Mapping[State, Mapping[State, State]] = {
    State.IN_DOUBT: _SAME,
    State.UNKNOWN: _SAME,
    State.USED_ELSEWHERE: {State.APPLIED: State.ALREADY_APPLIED, State.NOT_APPLIED: State.NOT_APPLIED},
}
"""What a change becomes by a person's word, by where it stands: no other state takes one."""


@frozen
class Recorded:
    """One change as it stands: its request's body, and what is known of its end.

    `first_sent` and `last_sent` are seconds since the epoch: from when to when it may have been acted on, or
    when a person's word on it was taken. `attempts` counts the requests, `answer` is what the ledger keeps of
    the provider's answer. `run` is the run that first claimed it, `line` the line of that run's file, and
    `last_run` the run that claimed or settled it last, by which it ended where it has; None where there is
    none, as of changes that a web service makes.
    """

    key: str
    state: State
    customer_id: str
    body: bytes
    error: str | None
    operation: str
    value: Decimal
    first_sent: float
    last_sent: float
    attempts: int
    answer: str | None
    run: int | None
    line: int | None
    last_run: int | None

    @property
    def said(self) -> Mapping[str, str]:
        """What `answer` says of the provider's answer: `status`, `code`, `code_name`, `message`, if known."""
        parts = (part.partition("=") for part in (self.answer or "").partition(" notice=")[0].split(" "))
        return {name: unquote(text) for name, _, text in parts if name in SAID}

    @property
    def settled_by_hand(self) -> bool:
        """Whether it stands as it does by a person's word."""
        return self.error is not None and self.error.startswith(BY_HAND)

    @property
    def ended(self) -> float | None:
        """When it ended; None where that is still to come."""
        return None if self.state in (State.CLAIMED, State.IN_DOUBT) else self.last_sent


@frozen
class ChangeFilter:
    """Which changes are asked for: those in one of `states` to which all else applies that is not None.

    Times are seconds since the epoch. A change counts at the time of its latest event (`last_sent`), so that
    it is in one period of several: `since` is the first moment of a period, `until` the first after it.
    `run` is one that first claimed the change, or claimed it last.
    """

    states: Collection[State] = frozenset(State)
    customer_id: str | None = None
    key: str | None = None
    since: float | None = None
    until: float | None = None
    run: int | None = None

    def takes(self, entry: Entry) -> bool:
        """Say whether it asks for a change, whatever state that is in."""
        return self._takes(entry, entry.row.customer_id)

    def asks_for(self, change: Recorded) -> bool:
        """Say whether it asks for a change."""
        return change.state in self.states and self._takes(change, change.customer_id)

    def _takes(self, change: Entry | Recorded, customer_id: str) -> bool:
        return (
            self.customer_id in (None, customer_id)
            and self.key in (None, change.key)
            and (self.since is None or change.last_sent >= self.since)
            and (self.until is None or change.last_sent < self.until)
            and (self.run is None or self.run in (change.run, change.last_run))
        )


def changes(
    path: Path, wanted: ChangeFilter = ChangeFilter(), *, runtime: Runtime = Runtime()
) -> Iterator[Recorded]:
    """Yield the changes of a ledger that are `wanted`, the first sent first, each as it stands when read.

    Every change is read and its seal asked, also of those that are not wanted: what is damaged cannot be
    left out unseen. Others may write meanwhile. Raises as `standing`.
    """
    with _existing(path) as connection:
        sight = Sight.here(runtime)
        for entry in every(connection):
            if wanted.takes(entry) and (state := _state(connection, sight, entry)) in wanted.states:
                yield recorded_of(entry, state)


def runs(path: Path, *, runtime: Runtime = Runtime()) -> Sequence[Run]:
    """Return the runs of a ledger, the latest first: the command line makes one for each of its commands.

    Raises as `standing`.
    """
    with _existing(path) as connection:
        return list(run.every(connection, Sight.here(runtime)))


def recorded(path: Path, states: Collection[State], *, runtime: Runtime = Runtime()) -> Iterator[Recorded]:
    """Yield the changes of a ledger that stand in one of `states`, each as it stands when it is asked for.

    Others may write meanwhile. Raises as `standing`.
    """
    return changes(path, ChangeFilter(states), runtime=runtime)


def recorded_of(entry: Entry, state: State) -> Recorded:
    """Return a change that stands in a state."""
    row = entry.row
    return Recorded(
        entry.key,
        state,
        row.customer_id,
        entry.body,
        entry.error,
        entry.operation,
        row.value,
        row.first_sent,
        entry.last_sent,
        entry.attempts,
        entry.answer,
        entry.run or None,
        entry.line or None,
        (entry.run if entry.last_run is None else entry.last_run) or None,
    )


@frozen
class Standing:
    """Changes and sums by state. `oldest` is the key longest in doubt, and since when (epoch seconds).

    `provider` is that of the changes, None when nothing was sent yet. A person's word settled `by_hand`.
    `without_amount` counts those whose value is zero: how much they move, the provider decides.
    """

    counts: Mapping[State, int]
    sums: Mapping[State, SumsByUnit]
    oldest: tuple[str, float] | None = field(default=None)
    provider: str | None = None
    by_hand: int = 0
    without_amount: int = 0


def _one_unit(change: Recorded) -> str:
    return ""


def _unseen(change: Recorded) -> None:
    """Do nothing."""


def standing(
    path: Path,
    *,
    unit_of: Callable[[Recorded], str] = _one_unit,
    seen: Callable[[Recorded], None] = _unseen,
    runtime: Runtime = Runtime(),
) -> Standing:
    """Return what the ledger at `path` knows. A claim whose owner has gone is in doubt.

    `unit_of` says in which unit the value of a change is: sums of different units are kept apart. `seen` is
    called with each change. Raises `ConfigurationError` when there is no ledger there or it cannot be used,
    and `LedgerError` when any change in it is not what was written.
    """
    counts, sums = dict.fromkeys(State, 0), {state: SumsByUnit() for state in State}
    oldest: tuple[str, float] | None = None
    by_hand = 0
    without_amount = 0
    with _existing(path) as connection:
        provider, sight = provider_in(connection), Sight.here(runtime)
        for entry in every(connection):
            state = _state(connection, sight, entry)
            counts[state] += 1
            change = recorded_of(entry, state)
            sums[state].put(unit_of(change), entry.row.value)
            by_hand += change.settled_by_hand
            without_amount += not change.value
            seen(change)
            if state in SETTLEABLE and oldest is None:
                oldest = (entry.key, entry.row.first_sent)
    return Standing(counts, sums, oldest, provider, by_hand, without_amount)


def rebind(path: Path, account: Account) -> None:
    """Take a person's word that a ledger is of `account`, whose credential or place has changed.

    Raises `ConfigurationError` when it is another provider's, and what `standing` raises.
    """
    with _existing(path) as connection, writing(connection):
        if provider_in(connection) not in (None, account[0]):
            bound(connection, path, account)
        connection.bind(account)


def provider_of(path: Path) -> str | None:
    """Return the provider of a ledger's changes, None when nothing was sent yet. Raises as `standing`."""
    with _existing(path) as connection:
        return provider_in(connection)


@frozen
class PersonsWord:
    """A person's word on a change in doubt, `APPLIED` or `NOT_APPLIED`; `note` says how it is known.

    `by` is the run in which it is given, and says whose word it is.
    """

    state: State
    note: str
    by: RunOrigin | None = None


def settle(
    path: Path, key: str, word: PersonsWord, operation: str | None = None, *, runtime: Runtime = Runtime()
) -> None:
    """Write down a person's word on the change in doubt under `key`.

    So, too, on one whose key was used elsewhere: that it is applied makes it `ALREADY_APPLIED`. `operation`,
    such as `earn`, tells which where several share the key. Raises `ConfigurationError` when not exactly one
    takes a word, or its sender may still be at it: nothing is overwritten. Raises `PayloadError` for what
    is no key.
    """
    validation.text(key, "key")
    if word.state not in _SAME:
        raise ConfigurationError(f"A change in doubt cannot be settled as {word.state.value}.")
    with _existing(path) as connection, writing(connection):
        sight = Sight.here(runtime)
        meant = [each for each in under(connection, key) if operation in (None, short(each.operation))]
        doubtful = [each for each in meant if _state(connection, sight, each) in WORDS]
        # One that runs on this machine may send late, however long ago its time was over.
        busy = [
            each.row.owner
            for each in meant
            if each.row.state is State.CLAIMED and (each not in doubtful or sight.runs(each.row.owner))
        ]
        if len(doubtful) == 1 and not busy:
            [entry] = doubtful
            _settle(connection, sight, entry, word)
    if busy:
        raise ConfigurationError(
            f"The change under the key {printable(key)} may still be under way: {busy[0]} has claimed it, "
            "and may run. Nothing was settled; end that process first."
        )
    if len(doubtful) != 1:
        kind = "No change is" if operation is None else f"No {operation} is"
        found = f"{len(doubtful)} changes are" if doubtful else kind
        which = f": say which with --operation {' or '.join(short(each.operation) for each in doubtful)}"
        raise ConfigurationError(
            f"{found} in doubt under the key {printable(key)} in {path}{which if doubtful else ''}. "
            "Nothing was settled."
        )


def _settle(connection: LedgerConnection, sight: Sight, entry: Entry, word: PersonsWord) -> None:
    now = sight.runtime.wall()
    said = WORDS[_state(connection, sight, entry)][word.state]
    row = evolve(entry.row, state=said, in_doubt=False, fence=entry.row.fence + 1)
    last_run = 0
    if word.by is not None:
        last_run = run.begin(connection, word.by, "", now, sight).id
        run.end(connection, last_run, now, {said.value: 1})
    note = f"{BY_HAND}{printable(word.note, None)}"
    put(connection, evolve(entry, row=row, last_sent=now, error=note, last_run=last_run))


def accept_without_log(path: Path) -> None:
    """Take a person's word that nothing is missing in a ledger whose log is. Raises as `standing`."""
    with _existing(path, without_log=True):
        pass


def short(operation: str) -> str:
    """Return the short name of an operation: `earn`."""
    return operation.rpartition(".")[2]


@contextlib.contextmanager
def _existing(path: Path, *, without_log: bool = False) -> Iterator[LedgerConnection]:
    if not path.is_file():
        raise ConfigurationError(f"There is no ledger {path}.")
    try:
        with contextlib.closing(opened(path, without_log=without_log)) as connection:
            yield connection
    except (sqlite3.Error, OSError) as error:
        raise fault_of(path, error) from None


def _state(connection: sqlite3.Connection, sight: Sight, entry: Entry) -> State:
    """Return where a change stands: a claim that holds no more is in doubt."""
    row = entry.row
    if row.state is not State.CLAIMED:
        return row.state
    claim = Lease(row.owner, row.lease_until, entry.last_sent)
    return State.CLAIMED if sight.left(claim, heard(connection, row.owner)) else State.IN_DOUBT
