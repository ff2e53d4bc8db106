"""Which process holds a claim, and whether it still does: a heartbeat on the database's clock.

Machines share no process numbers and no clock, so neither is asked. An owner that holds claims writes a
heartbeat every few seconds, in a transaction that it writes anyway where there is one. See
docs/explanation/many-machines.md.
"""

import os
import platform
import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bonifiq_async.ledger.postgres.connection import Connection

BEAT = 5.0
"""Seconds between two beats of an owner that holds claims."""
SILENCE = 20.0
"""Seconds without a beat after which an owner holds nothing: three beats may be late."""
MARGIN = 5.0
"""Seconds before that in which an owner that has not written a beat sends nothing: it may be connecting."""
BEATS_OF_NOW = """
UPDATE {schema}.owner SET beat = clock_timestamp() WHERE name IN (
    SELECT name FROM {schema}.owner WHERE beat > clock_timestamp() FOR UPDATE SKIP LOCKED
)
"""
"""Has beats that lie ahead, as the clock was set back, count from now; `{schema}` is the schema in quotes.

An owner that runs writes its own soon; one that does not is free `SILENCE` later. It waits for no row: what
executes this may have locked changes, and the owner of the row may wait for them.
"""


def new_name() -> str:
    """Return the name of a new owner: this process, and a part that no other owner has."""
    return f"process {os.getpid()} on {platform.node()} [{uuid.uuid4().hex}]"


def silence_left(beat: float, started: float, now: float) -> float:
    """Return for how many seconds more an owner is trusted to run, whose last `beat` was at that time.

    All times are the database's, in seconds. While it was down no owner could write a beat: those that ran
    before it was `started` are waited for. Where its clock was set back since, a beat that lies ahead is as
    good as one of now, until `BEATS_OF_NOW` has written that down; a start that does says nothing.
    """
    since = min(beat, now)
    if started <= now:
        since = max(since, started)
    return max(0.0, since + SILENCE - now)


async def bury(connection: "Connection", schema: str) -> None:
    """Forget the owners that have been silent for long: their claims are free, with and without a row.

    So are their shards: a worker that wakes up after a day finds by its own clock that its lease is over.
    Where the clock was set back, the silence of the others begins now.
    """
    await connection.execute(BEATS_OF_NOW.format(schema=f'"{schema}"'))
    await connection.execute(
        f'WITH silent AS (DELETE FROM "{schema}".owner WHERE name IN (SELECT name FROM "{schema}".owner'
        " WHERE beat < clock_timestamp() - interval '1 day' FOR UPDATE SKIP LOCKED) RETURNING name)"
        f' DELETE FROM "{schema}".shard_worker WHERE owner IN (SELECT name FROM silent)'
    )


async def leave(connection: "Connection", schema: str, name: str) -> None:
    """Write down that an owner holds nothing more, and works on no shard."""
    await connection.execute(
        f'WITH gone AS (DELETE FROM "{schema}".owner WHERE name = $1)'
        f' DELETE FROM "{schema}".shard_worker WHERE owner = $1',
        name,
    )
