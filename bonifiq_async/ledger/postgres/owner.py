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


def new_name() -> str:
    """Return the name of a new owner: this process, and a part that no other owner has."""
    return f"process {os.getpid()} on {platform.node()} [{uuid.uuid4().hex}]"


def silence_left(beat: float, started: float, now: float) -> float:
    """Return for how many seconds more an owner is trusted to run, whose last `beat` was at that time.

    All times are the database's, in seconds. While it was down no owner could write a beat: those that ran
    before it was `started` are waited for.
    """
    return max(0.0, max(beat, started) + SILENCE - now)


async def bury(connection: "Connection", schema: str) -> None:
    """Forget the owners that have been silent for long: their claims are free, with and without a row.

    So are their shards: a worker that wakes up after a day finds by its own clock that its lease is over.
    """
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
