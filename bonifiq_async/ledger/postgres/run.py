"""One run as a row of the database: written when it begins, and again when it ends."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from bonifiq_async.ledger.postgres.owner import silence_left
from bonifiq_async.ledger.runs import Begun, Run, RunOrigin, RunState

if TYPE_CHECKING:
    import asyncpg

    from bonifiq_async.ledger.postgres.connection import Connection

ALL = (
    'SELECT id, command, "user", host, file, digest, extract(epoch FROM begun)::float8 AS begun,'
    " extract(epoch FROM ended)::float8 AS ended, counts,"
    " extract(epoch FROM clock_timestamp())::float8 AS now,"
    " extract(epoch FROM pg_postmaster_start_time())::float8 AS started,"
    " (SELECT extract(epoch FROM beat)::float8 FROM {schema}.owner WHERE name = run.owner) AS beat"
    " FROM {schema}.run"
)
"""Reads runs, for `run_of`; `{schema}` is the schema's name in quotes."""


async def begin(connection: "Connection", schema: str, origin: RunOrigin, owner: str) -> Begun:
    """Write down that `owner` begins a run, and return it: the one that it has begun already, if any."""
    quoted = f'"{schema}"'
    number = await connection.fetchval(
        f"SELECT id FROM {quoted}.run WHERE owner = $1 AND ended IS NULL", owner
    )
    before = None
    if origin.digest:
        found = await connection.fetchrow(
            f"{ALL.format(schema=quoted)} WHERE digest = $1 AND id IS DISTINCT FROM $2"
            " ORDER BY id DESC LIMIT 1",
            origin.digest,
            number,
        )
        before = None if found is None else run_of(found)
    if number is None:
        number = await connection.fetchval(
            f'INSERT INTO {quoted}.run (begun, command, "user", host, file, digest, owner)'
            " VALUES (clock_timestamp(), $1, $2, $3, $4, $5, $6) RETURNING id",
            origin.command,
            origin.user,
            origin.host,
            origin.file,
            origin.digest,
            owner,
        )
    return Begun(number, before)


async def end(connection: "Connection", schema: str, number: int, counts: Mapping[str, int]) -> None:
    """Write down that a run has ended, and what its changes came to."""
    await connection.execute(
        f'UPDATE "{schema}".run SET ended = clock_timestamp(), counts = $2 WHERE id = $1',
        number,
        msgspec.json.encode(counts).decode(),
    )


def run_of(found: "asyncpg.Record") -> Run:
    """Return a run of what `ALL` found."""
    origin = RunOrigin(*(found[name] for name in ("command", "user", "host", "file", "digest")))
    beat = found["beat"]
    state = RunState.NOT_ENDED
    if found["ended"] is not None:
        state = RunState.ENDED
    elif beat is not None and silence_left(beat, found["started"], found["now"]):
        state = RunState.UNDER_WAY
    counts = msgspec.json.decode(found["counts"], type=dict[str, int])
    return Run(found["id"], origin, found["begun"], found["ended"], state, counts)
