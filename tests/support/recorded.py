"""Changes as a ledger gives them, for tests."""

from decimal import Decimal

from attrs import evolve

from bonifiq_async.ledger.protocol import State
from bonifiq_async.ledger.recorded import Recorded

NOON = 1_767_290_400.0
"""2026-01-01T18:00Z, which is the same day in most zones."""

_CHANGE = Recorded(
    key="ADD-ana-1-o1",
    state=State.APPLIED,
    customer_id="ana",
    body=b"{}",
    error=None,
    operation="bonifiq.change_cashback",
    value=Decimal(1),
    first_sent=NOON,
    last_sent=NOON,
    attempts=1,
    answer=None,
    run=1,
    line=2,
    last_run=1,
)


def recorded(state: State = State.APPLIED, **other: object) -> Recorded:
    """Return a change of one real for ana, as a run has applied it, except for the given attributes."""
    return evolve(_CHANGE, state=state, **other)
