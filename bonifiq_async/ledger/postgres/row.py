"""One change as a row of the database, and the statements that read and write some of them one by one."""

from decimal import Decimal
from typing import TYPE_CHECKING

from attrs import frozen

from bonifiq_async._model.values import fixed
from bonifiq_async.ledger.postgres.owner import BEATS_OF_NOW
from bonifiq_async.ledger.protocol import Granted, Intent, Row, State

if TYPE_CHECKING:
    import asyncpg

Place = tuple[str, str]
"""A key and an operation: what a row stands under, in the order of the index."""

_CLAIMED = "fence, in_doubt, run, line, last_run, owner, digest, customer_id, value, path, body, attempts"
_SQL = {
    # What only ends is written also by an owner that has lost its shard. `silent` are the seconds since the
    # former beat of the owner: the statement does not see the one that it writes. A restart of the server
    # takes nothing from them: its claims may have been taken over before that.
    "group": "SELECT known, unwritten, CASE WHEN $5 THEN (SELECT extract(epoch FROM clock_timestamp() - beat)"
    "::float8 FROM {schema}.owner WHERE name = $1) END AS silent FROM {schema}.write_group("
    "CASE cardinality($6::text[]) WHEN 0 THEN $1 ELSE {schema}.under_its_fence($1) END, "
    + ", ".join(f"${number}" for number in range(2, 23))
    + ")",
    # The locks of `write_group`, in its order, and its durability.
    "lock": (
        "SELECT set_config('synchronous_commit', 'on', true)"
        " WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_apply')"
        " UNION ALL SELECT pg_advisory_xact_lock_shared(hashtextextended('account of {schema}', 0))::text"
        " UNION ALL SELECT pg_advisory_xact_lock(hashtextextended('{schema} ' || key, 0))::text"
        " FROM unnest($1::text[]) AS key"
        " UNION ALL SELECT {schema}.under_its_fence($2) WHERE $2::text IS NOT NULL"
    ),
    "read": (
        "SELECT operation, key, digest, state, in_doubt, fence, owner, customer_id, value, path, body,"
        " attempts, answer, error, run, line, extract(epoch FROM first_sent)::float8 AS first_sent,"
        " extract(epoch FROM lease_until)::float8 AS lease_until"
        " FROM {schema}.change WHERE key = ANY ($1::text[]) ORDER BY key, operation FOR UPDATE"
    ),
    "book": (
        "SELECT provider, fingerprint, extract(epoch FROM clock_timestamp())::float8 AS now,"
        " extract(epoch FROM pg_postmaster_start_time())::float8 AS started FROM {schema}.book"
    ),
    "beats": (
        "SELECT name, extract(epoch FROM beat)::float8 AS beat FROM {schema}.owner"
        " WHERE name = ANY ($1::text[])"
    ),
    "beats_of_now": BEATS_OF_NOW,
    "bind_new": (
        "UPDATE {schema}.book SET provider = $1, fingerprint = $2 WHERE provider IS NULL RETURNING true"
    ),
    "claim_new": (
        "INSERT INTO {schema}.change (key, operation, state, lease_until, first_sent, last_sent, "
        f"{_CLAIMED}, answer, error) SELECT $1, $2, 'claimed',"
        " clock_timestamp() + $3 * interval '1 second', clock_timestamp(), clock_timestamp(),"
        " $4, $5, $6, $7, $8, $9, $10, $11, $12::text::numeric, $13, $14, $15, $16, $17"
        " ON CONFLICT (key, operation) DO NOTHING RETURNING true"
    ),
    "claim_again": (
        "UPDATE {schema}.change SET state = 'claimed',"
        " lease_until = clock_timestamp() + $3 * interval '1 second', last_sent = clock_timestamp(),"
        " first_sent = CASE WHEN $5 THEN first_sent ELSE clock_timestamp() END,"
        f" ({_CLAIMED}, answer, error) ="
        " ROW ($4, $5, $6, $7, $8, $9, $10, $11, $12::text::numeric, $13, $14, $15, $16, $17)"
        " WHERE key = $1 AND operation = $2"
    ),
    "end": (
        "UPDATE {schema}.change SET state = $3, in_doubt = $3 IN ('in doubt', 'unknown'), fence = $4,"
        " attempts = attempts + $5, answer = $6, error = $7,"
        " last_sent = CASE WHEN $8 THEN clock_timestamp() ELSE last_sent END"
        " WHERE key = $1 AND operation = $2"
    ),
}


@frozen
class Statements:
    """What is asked of the tables of one schema."""

    group: str
    lock: str
    read: str
    book: str
    beats: str
    beats_of_now: str
    bind_new: str
    claim_new: str
    claim_again: str
    end: str

    @classmethod
    def of(cls, schema: str) -> "Statements":
        """Return those of a schema."""
        return cls(**{name: sql.format(schema=f'"{schema}"') for name, sql in _SQL.items()})


@fixed
class LockedChange:
    """A change as it was read, and locked: what `rule` asks for (`row`), and what else is kept."""

    row: Row
    path: str
    body: bytes
    attempts: int
    answer: str | None
    error: str | None
    run: int
    line: int


def entry_of(found: "asyncpg.Record") -> LockedChange:
    """Return a change of what `Statements.read` found."""
    row = Row(
        bytes(found["digest"]),
        State(found["state"]),
        found["in_doubt"],
        found["fence"],
        found["owner"],
        found["lease_until"],
        found["first_sent"],
        found["customer_id"],
        Decimal(found["value"]),
    )
    kept = (found[name] for name in ("path", "body", "attempts", "answer", "error", "run", "line"))
    return LockedChange(row, *kept)


def claim_values(
    intent: Intent, granted: Granted, entry: LockedChange | None, owner: str, run: int, lease: float
) -> tuple[object, ...]:
    """Return the values of `claim_new` and `claim_again`, for a change that stands as `entry`, if at all."""
    # A run is asked later about what was refused to it: the change stays its own.
    former = entry is not None and (granted.in_doubt or bool(entry.run))
    return (
        intent.key,
        intent.operation,
        float(lease),
        granted.fence,
        granted.in_doubt,
        entry.run if entry is not None and former else run,
        entry.line if entry is not None and former else intent.line,
        run if former else None,
        owner,
        intent.digest,
        intent.customer_id,
        str(intent.value),
        intent.path,
        intent.body,
        0 if entry is None else entry.attempts,
        None if entry is None else entry.answer,
        None if entry is None else entry.error,
    )
