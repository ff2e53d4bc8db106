"""A look into a ledger file: what stands in it, without changing it."""

import time
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

from attrs import field, frozen

from bonifiq_async.errors import ConfigurationError
from bonifiq_async.intent import State
from bonifiq_async.ledger.owner import has_gone
from bonifiq_async.ledger.schema import opened
from bonifiq_async.money import Sums


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
    if not path.is_file():
        raise ConfigurationError(f"There is no ledger {path}.")
    counts, sums = dict.fromkeys(State, 0), {state: Sums() for state in State}
    oldest: tuple[str, float] | None = None
    connection = opened(path)
    try:
        rows = connection.execute("SELECT key, state, value, owner, lease_until, first_sent FROM change")
        for key, name, value, owner, lease_until, first_sent in rows:
            state = State(name)
            if state is State.CLAIMED and (lease_until <= time.time() or has_gone(owner)):
                state = State.IN_DOUBT
            counts[state] += 1
            sums[state].put(Decimal(value))
            doubtful = state in (State.IN_DOUBT, State.UNKNOWN)
            if doubtful and (oldest is None or first_sent < oldest[1]):
                oldest = (key, first_sent)
    finally:
        connection.close()
    return Standing(counts, sums, oldest)
