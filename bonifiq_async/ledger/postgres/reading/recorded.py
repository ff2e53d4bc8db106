"""A row of the table of changes as a change that is recorded; a claim holds by the rule of what writes."""

from typing import TYPE_CHECKING

from attrs import frozen

from bonifiq_async.ledger.postgres.owner import silence_left
from bonifiq_async.ledger.protocol import State
from bonifiq_async.ledger.recorded import Recorded

if TYPE_CHECKING:
    import asyncpg

CHANGE = (
    "key, state, customer_id, body, error, operation, value,"
    " extract(epoch FROM first_sent)::float8, extract(epoch FROM last_sent)::float8, attempts, answer,"
    " nullif(run, 0), nullif(line, 0), nullif(coalesce(last_run, run), 0), path"
)
"""What is read of a change, as `recorded_of` takes it."""
CLAIM = (
    "CASE state WHEN 'claimed' THEN ARRAY ["
    + ", ".join(
        f"extract(epoch FROM {time})::float8"
        for time in ("lease_until", "owner.beat", "pg_postmaster_start_time()", "now()")
    )
    + "] END"
)
"""What is read of a claim, as `ClaimTimes.of` takes it; its owner is joined as `owner`.

It is of the beginning of the transaction: a beat that was read then grows old while a long table is read.
"""


StoredTimes = tuple[float, float | None, float, float]
"""Of a claim: the end of its lease, its owner's last beat, the server's start, and when that was read."""


@frozen
class ClaimTimes:
    """For how many seconds more the `lease` of a claim lasts, and its owner is trusted to run (`beats`)."""

    lease: float
    beats: float

    @classmethod
    def of(cls, times: StoredTimes | None) -> "ClaimTimes | None":
        """Return what `CLAIM` found; None for a change that is not claimed."""
        if times is None:
            return None
        until, beat, started, now = times
        return cls(until - now, 0.0 if beat is None else silence_left(beat, started, now))

    @property
    def state(self) -> State:
        """Where the change stands: a claim that holds no more is in doubt."""
        return State.CLAIMED if min(self.lease, self.beats) > 0 else State.IN_DOUBT


def recorded_of(row: "asyncpg.Record", state: State | None = None) -> Recorded:
    """Return a change; it stands in `state`, if that is given, else as it was written."""
    key, written, *others = tuple(row)[:15]
    return Recorded(key, State(written) if state is None else state, *others)
