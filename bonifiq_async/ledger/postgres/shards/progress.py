"""How far the shards of each file are, as the database has it."""

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import msgspec

from bonifiq_async.ledger.postgres.owner import SILENCE
from bonifiq_async.ledger.shards import ShardCounts, ShardedFile, ShardProgress, ShardState

if TYPE_CHECKING:
    import asyncpg

LEASE = SILENCE
"""Seconds for which a shard is its worker's without being renewed: no longer than its claims."""
LEFT = f"""CASE WHEN lease_until IS NULL THEN 0 ELSE extract(epoch FROM greatest(
    lease_until, CASE WHEN pg_postmaster_start_time() <= clock_timestamp()
        THEN pg_postmaster_start_time() + interval '{LEASE} seconds' END
) - clock_timestamp())::float8 END AS left"""
"""For how many seconds more a shard is its worker's: while the database was down, none could renew.

A start that lies ahead says nothing: the database's clock was set back since.
"""
ALL = f"""
SELECT name, digest, extract(epoch FROM begun)::float8 AS begun, number, fence, owner, changes, ended, counts,
    done IS NOT NULL AS done, {LEFT},
    (ended - ended_before) / nullif(extract(epoch FROM renewed - taken), 0) AS rate
FROM {{schema}}.sharded_file JOIN {{schema}}.shard ON file = name ORDER BY begun DESC, name, number
"""
"""Reads all shards, for `files_of`; `{schema}` is the schema's name in quotes."""


def files_of(rows: "Sequence[asyncpg.Record]") -> Sequence[ShardedFile]:
    """Return the files of the shards that `ALL` found, the one begun last first."""
    grouped = groupby(rows, lambda row: (row["name"], row["digest"], row["begun"]))
    return [ShardedFile(*head, tuple(map(_progress_of, some))) for head, some in grouped]


def _progress_of(row: "asyncpg.Record") -> ShardProgress:
    state = ShardState.AT_WORK if row["left"] > 0 else ShardState.LEFT
    if row["done"]:
        state = ShardState.DONE
    elif row["owner"] is None:
        state = ShardState.WAITING
    rate = float(row["rate"]) if state is ShardState.AT_WORK and row["rate"] is not None else None
    counts = msgspec.json.decode(row["counts"], type=dict[str, int])
    progress = ShardCounts(row["changes"], row["ended"], counts)
    return ShardProgress(row["number"], state, progress, row["owner"], row["fence"], rate)
