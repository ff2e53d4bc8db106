"""A look into a ledger file: what stands in it; and a person's word on what is in doubt."""

import sqlite3
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path

from attrs import field, frozen

from bonifiq_async.errors import ConfigurationError
from bonifiq_async.intent import DONE, TRANSITIONS, State
from bonifiq_async.ledger.owner import has_gone
from bonifiq_async.ledger.schema import bound, opened, unusable
from bonifiq_async.money import Sums

SETTLEABLE = frozenset({State.IN_DOUBT, State.UNKNOWN})
"""States that a person may settle."""


@frozen
class Standing:
    """Changes and sums by state. `oldest` is the key longest in doubt, and since when (epoch seconds)."""

    counts: Mapping[State, int]
    sums: Mapping[State, Sums]
    oldest: tuple[str, float] | None = field(default=None)


def standing(path: Path) -> Standing:
    """Return what the ledger at `path` knows. A claim whose owner has gone is in doubt.

    Raises `ConfigurationError` when there is no ledger there, or not one that can be read.
    """
    counts, sums = dict.fromkeys(State, 0), {state: Sums() for state in State}
    oldest: tuple[str, float] | None = None
    with closing(_existing(path)) as connection:
        rows = connection.execute("SELECT key, state, owner, lease_until, value, first_sent FROM change")
        for key, *claim, value, first_sent in rows:
            state = _state(*claim)
            counts[state] += 1
            sums[state].put(Decimal(value))
            if state in SETTLEABLE and (oldest is None or first_sent < oldest[1]):
                oldest = (key, first_sent)
    return Standing(counts, sums, oldest)


APPLIED = "applied"
"""The view of operation, key and digest of every change that is applied (see `LedgerFile.beside`)."""


@frozen
class LedgerFile:
    """The ledger at `path`, which is to be that of `account`: a provider and a fingerprint."""

    path: Path
    account: tuple[str, str]

    @contextmanager
    def beside(self, database: sqlite3.Connection) -> Iterator[None]:
        """Show `database` (opened with `uri`, in no transaction) what is applied, as the view `APPLIED`.

        It sees what stands there when it looks, while others write, and writes nothing there itself.
        Raises `ConfigurationError` for what is no ledger that can be used, is another account's, or turns
        out to be damaged within.
        """
        done = ", ".join(f"'{state.value}'" for state in DONE)
        with closing(opened(self.path)) as connection:
            try:
                bound(connection, self.path, self.account)
                database.execute("ATTACH ? AS ledger", (f"{self.path.absolute().as_uri()}?mode=ro",))
                database.execute(
                    f"CREATE TEMP VIEW {APPLIED} AS SELECT operation, key, digest FROM ledger.change"
                    f" WHERE state IN ({done})"
                )
                yield
                database.execute(f"DROP VIEW {APPLIED}")
                database.execute("DETACH ledger")
            except sqlite3.Error as error:
                raise unusable(self.path, error) from None


@frozen
class Recorded:
    """One change as it stands: its request's body, and what is known of its end."""

    key: str
    state: State
    customer_id: str
    body: bytes
    error: str | None


def recorded(path: Path, states: Collection[State]) -> Iterator[Recorded]:
    """Yield the changes of a ledger that stand in one of `states`. Raises as `standing`."""
    with closing(_existing(path)) as connection:
        rows = connection.execute(
            "SELECT key, state, owner, lease_until, customer_id, body, error FROM change"
            " ORDER BY first_sent, key"
        )
        for key, *claim, customer_id, body, error in rows:
            state = _state(*claim)
            if state in states:
                yield Recorded(key, state, customer_id, body, error)


def settle(path: Path, key: str, state: State, note: str) -> None:
    """Write down a person's word, `APPLIED` or `NOT_APPLIED`, on the change in doubt under `key`.

    Raises `ConfigurationError` when no change under the key is in doubt: nothing is overwritten.
    """
    if state not in TRANSITIONS[State.UNKNOWN] & TRANSITIONS[State.IN_DOUBT] - {State.CLAIMED}:
        raise ConfigurationError(f"A change in doubt cannot be settled as {state.value}.")
    with closing(_existing(path)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        found = connection.execute(
            "SELECT operation, state, owner, lease_until FROM change WHERE key = ?", (key,)
        ).fetchall()
        doubtful = [operation for operation, *claim in found if _state(*claim) in SETTLEABLE]
        if len(doubtful) == 1:
            connection.execute(
                "UPDATE change SET state = ?, in_doubt = 0, fence = fence + 1, error = ?"
                " WHERE operation = ? AND key = ?",
                (state.value, f"settled by hand: {note}", doubtful[0], key),
            )
        connection.execute("COMMIT")
    if len(doubtful) != 1:
        raise ConfigurationError(f"No change under the key {key} is in doubt in {path}. Nothing was settled.")


def _existing(path: Path) -> sqlite3.Connection:
    if not path.is_file():
        raise ConfigurationError(f"There is no ledger {path}.")
    return opened(path)


def _state(name: str, owner: str, lease_until: float) -> State:
    """Return where a change stands: a claim whose owner has gone is in doubt."""
    state = State(name)
    over = state is State.CLAIMED and (lease_until <= time.time() or has_gone(owner))
    return State.IN_DOUBT if over else state
