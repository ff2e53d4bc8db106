"""A look into a ledger file: what stands in it; and a person's word on what is in doubt."""

import contextlib
import sqlite3
import time
from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from pathlib import Path

from attrs import evolve, field, frozen

from bonifiq_async import door
from bonifiq_async.errors import ConfigurationError
from bonifiq_async.intent import DONE, State
from bonifiq_async.ledger.entry import Entry, every, put, under
from bonifiq_async.ledger.owner import is_over, runs
from bonifiq_async.ledger.schema import bind, bound, fault_of, opened, provider_in, unusable
from bonifiq_async.money import Sums
from bonifiq_async.printable import printable

SETTLEABLE = frozenset({State.IN_DOUBT, State.UNKNOWN})
"""States in doubt, which a person may settle."""

_SAME = {State.APPLIED: State.APPLIED, State.NOT_APPLIED: State.NOT_APPLIED}
WORDS: Mapping[State, Mapping[State, State]] = {
    State.IN_DOUBT: _SAME,
    State.UNKNOWN: _SAME,
    State.USED_ELSEWHERE: {State.APPLIED: State.ALREADY_APPLIED, State.NOT_APPLIED: State.NOT_APPLIED},
}
"""What a change becomes by a person's word, by where it stands: no other state takes one."""


@frozen
class Standing:
    """Changes and sums by state. `oldest` is the key longest in doubt, and since when (epoch seconds).

    `provider` is whose changes these are, None when nothing was sent yet.
    """

    counts: Mapping[State, int]
    sums: Mapping[State, Sums]
    oldest: tuple[str, float] | None = field(default=None)
    provider: str | None = None


def standing(path: Path) -> Standing:
    """Return what the ledger at `path` knows. A claim whose owner has gone is in doubt.

    Raises `ConfigurationError` when there is no ledger there or it cannot be used, and `LedgerError` when
    any change in it is not what was written.
    """
    counts, sums = dict.fromkeys(State, 0), {state: Sums() for state in State}
    oldest: tuple[str, float] | None = None
    with _existing(path) as connection:
        provider = provider_in(connection)
        for entry in every(connection):
            state = _state(entry)
            counts[state] += 1
            sums[state].put(entry.row.value)
            if state in SETTLEABLE and oldest is None:
                oldest = (entry.key, entry.row.first_sent)
    return Standing(counts, sums, oldest, provider)


APPLIED = "applied"
"""The view of every change that is applied (see `LedgerFile.beside`): operation, key, digest and `elsewhere`.

The last is 1 where the key was used elsewhere, else 0.
"""


@frozen
class LedgerFile:
    """The ledger at `path`, which is to be that of `account`: a provider and a fingerprint.

    Without one, any account's will do: nothing is sent.
    """

    path: Path
    account: tuple[str, str] | None = None

    @contextlib.contextmanager
    def beside(self, database: sqlite3.Connection) -> Iterator[None]:
        """Show `database` (opened with `uri`, in no transaction) what is applied, as the view `APPLIED`.

        It sees what stands there when it looks, while others write, and writes nothing there itself. No seal
        is asked: who finds the digest of a change there finds what only writing it can have put there.
        Raises `ConfigurationError` for what is no ledger that can be used, is another account's, or turns
        out to be damaged within.
        """
        done = ", ".join(f"'{state.value}'" for state in DONE)
        with contextlib.closing(opened(self.path)) as connection:
            try:
                if self.account is not None:
                    bound(connection, self.path, self.account)
                database.execute("ATTACH ? AS ledger", (f"{self.path.absolute().as_uri()}?mode=ro",))
                database.execute(
                    f"CREATE TEMP VIEW {APPLIED} AS SELECT operation, key, digest,"
                    f" state = '{State.USED_ELSEWHERE.value}' AS elsewhere FROM ledger.change"
                    f" WHERE state IN ({done})"
                )
                yield
                database.execute(f"DROP VIEW {APPLIED}")
                database.execute("DETACH ledger")
            except sqlite3.Error as error:
                raise unusable(self.path, error) from None


def rebind(path: Path, account: tuple[str, str]) -> None:
    """Take a person's word that a ledger is of `account`, whose credential or place has changed.

    Raises `ConfigurationError` when it is another provider's, and what `standing` raises.
    """
    with _existing(path) as connection:
        connection.execute("BEGIN IMMEDIATE")
        if provider_in(connection) not in (None, account[0]):
            bound(connection, path, account)
        bind(connection, account)
        connection.execute("COMMIT")


@frozen
class Recorded:
    """One change as it stands: its request's body, and what is known of its end.

    `first_sent` and `last_sent` are seconds since the epoch: from when to when it may have been acted on.
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


def recorded(path: Path, states: Collection[State]) -> Iterator[Recorded]:
    """Yield the changes of a ledger that stand in one of `states`. Raises as `standing`."""
    with _existing(path) as connection:
        for entry in every(connection):
            state = _state(entry)
            if state in states:
                row = entry.row
                yield Recorded(
                    entry.key,
                    state,
                    row.customer_id,
                    entry.body,
                    entry.error,
                    entry.operation,
                    row.value,
                    row.first_sent,
                    entry.last_sent,
                )


def provider_of(path: Path) -> str | None:
    """Return whose changes a ledger holds, None when nothing was sent yet. Raises as `standing`."""
    with _existing(path) as connection:
        return provider_in(connection)


def settle(path: Path, key: str, state: State, note: str, operation: str | None = None) -> None:
    """Write down a person's word, `APPLIED` or `NOT_APPLIED`, on the change in doubt under `key`.

    So, too, on one whose key was used elsewhere: that it is applied makes it `ALREADY_APPLIED`. `operation`,
    such as `earn`, tells which where several share the key. Raises `ConfigurationError` when not exactly one
    takes a word, or who sends it still runs on this machine, however long ago its claim ran out: nothing is
    overwritten. Raises `PayloadError` for what is no key.
    """
    door.text(key, "key")
    if state not in _SAME:
        raise ConfigurationError(f"A change in doubt cannot be settled as {state.value}.")
    with _existing(path) as connection:
        connection.execute("BEGIN IMMEDIATE")
        doubtful = [
            entry
            for entry in under(connection, key)
            if _state(entry) in WORDS and operation in (None, short(entry.operation))
        ]
        busy = [
            entry.row.owner
            for entry in doubtful
            if entry.row.state is State.CLAIMED and runs(entry.row.owner)
        ]
        if len(doubtful) == 1 and not busy:
            [entry] = doubtful
            said = WORDS[_state(entry)][state]
            row = evolve(entry.row, state=said, in_doubt=False, fence=entry.row.fence + 1)
            put(connection, evolve(entry, row=row, error=f"settled by hand: {printable(note, None)}"))
        connection.execute("COMMIT")
    if busy:
        raise ConfigurationError(
            f"The change under the key {printable(key)} may still be under way: {busy[0]} has claimed it, "
            "and runs. Nothing was settled; end that process first."
        )
    if len(doubtful) != 1:
        kind = "No change is" if operation is None else f"No {operation} is"
        found = f"{len(doubtful)} changes are" if doubtful else kind
        which = f": say which with --operation {' or '.join(short(each.operation) for each in doubtful)}"
        raise ConfigurationError(
            f"{found} in doubt under the key {printable(key)} in {path}{which if doubtful else ''}. "
            "Nothing was settled."
        )


def short(operation: str) -> str:
    """Return what people call an operation: `earn`."""
    return operation.rpartition(".")[2]


@contextlib.contextmanager
def _existing(path: Path) -> Iterator[sqlite3.Connection]:
    if not path.is_file():
        raise ConfigurationError(f"There is no ledger {path}.")
    try:
        with contextlib.closing(opened(path)) as connection:
            yield connection
    except sqlite3.Error as error:
        raise fault_of(path, error) from None


def _state(entry: Entry) -> State:
    """Return where a change stands: a claim that holds no more is in doubt."""
    row = entry.row
    if row.state is State.CLAIMED and is_over(row.owner, row.lease_until, entry.last_sent, time.time()):
        return State.IN_DOUBT
    return row.state
