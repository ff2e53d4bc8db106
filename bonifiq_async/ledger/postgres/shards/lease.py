"""Shards of a file in the database: taken by one worker at a time, for as long as it renews its lease.

A worker has a fencing number (the fence), as an owner of a shard of Temporal has (`range_id`): the next that
takes the shard gets a higher one, and from then on the database takes no claim of the former one
(`under_its_fence` in `migrations/`). What that one has claimed before, its claims say by themselves.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec
from attrs import frozen

from bonifiq_async._concurrency.runtime import Runtime
from bonifiq_async._model.errors import ConfigurationError
from bonifiq_async._model.values import fixed
from bonifiq_async.ledger.postgres.owner import BEAT
from bonifiq_async.ledger.postgres.shards.progress import LEASE, LEFT
from bonifiq_async.ledger.shards import Shard, ShardCounts, ShardState

if TYPE_CHECKING:
    import asyncpg

    from bonifiq_async.ledger.postgres.connection import Connection
    from bonifiq_async.ledger.postgres.store import PostgresLedger

RENEWAL = BEAT
"""Seconds between two renewals."""

_BEGIN = """
INSERT INTO {schema}.sharded_file (name, digest, shards, begun) VALUES ($1, $2, $3, clock_timestamp())
ON CONFLICT (name) DO NOTHING
"""
_FILE = "SELECT digest, shards FROM {schema}.sharded_file WHERE name = $1 FOR UPDATE"
_OPEN = "SELECT count(*) FROM {schema}.shard WHERE file = $1 AND done IS NULL"
_ANEW = """
WITH former AS (DELETE FROM {schema}.shard WHERE file = $1)
UPDATE {schema}.sharded_file SET digest = $2, shards = $3, begun = clock_timestamp() WHERE name = $1
"""
_SHARDS = """
INSERT INTO {schema}.shard (file, number) SELECT $1, number FROM generate_series(0, $2 - 1) AS number
ON CONFLICT DO NOTHING
"""
_LEASE_OF_NOW = f"""
UPDATE {{schema}}.shard SET lease_until = clock_timestamp() + interval '{LEASE} seconds'
WHERE file = $1 AND number = $2 AND lease_until > clock_timestamp() + interval '{LEASE} seconds'
"""
"""Has a lease that ends later than any can, as the clock was set back, begin now: once, so that it ends."""
_HOLDER = f"SELECT owner, {LEFT} FROM {{schema}}.shard WHERE file = $1 AND number = $2 FOR UPDATE"
_TAKE = f"""
WITH taken AS (
    UPDATE {{schema}}.shard SET
        owner = $3, fence = fence + 1, taken = clock_timestamp(), renewed = clock_timestamp(),
        lease_until = clock_timestamp() + interval '{LEASE} seconds',
        changes = $4, ended = $5, ended_before = $5, done = NULL
    WHERE file = $1 AND number = $2 RETURNING fence
)
INSERT INTO {{schema}}.shard_worker (owner, file, number, fence) SELECT $3, $1, $2, fence FROM taken
ON CONFLICT (owner) DO UPDATE SET file = $1, number = $2, fence = excluded.fence RETURNING fence
"""
_SAY = f"""
UPDATE {{schema}}.shard SET
    renewed = clock_timestamp(), changes = $4, ended = $5, counts = $6,
    owner = CASE $7 WHEN 'waiting' THEN NULL ELSE owner END,
    done = CASE $7 WHEN 'done' THEN clock_timestamp() END,
    lease_until = CASE $7 WHEN 'at work' THEN clock_timestamp() + interval '{LEASE} seconds' END
WHERE file = $1 AND number = $2 AND fence = $3 AND owner = $8 RETURNING true
"""


@fixed
class ShardHeld:
    """Another worker, `owner`, has the shard, for `seconds` more unless it renews its lease."""

    owner: str
    seconds: float


@frozen
class ShardLease:
    """A `shard` that the worker with `ledger` has, or wants."""

    ledger: "PostgresLedger"
    shard: Shard

    async def take(self, progress: ShardCounts) -> "int | ShardHeld":
        """Take the shard, and return the fence of this worker; or say which worker has it.

        Raises `ConfigurationError` where other workers apply another file of this name, or by another number
        of shards.
        """
        shard = self.shard

        async def work(connection: "Connection") -> "int | ShardHeld":
            await connection.execute(self._sql(_BEGIN), shard.name, shard.digest, shard.of)
            digest, shards = await _row(connection, self._sql(_FILE), shard.name)
            if (digest, shards) != (shard.digest, shard.of):
                if await connection.fetchval(self._sql(_OPEN), shard.name):
                    raise ConfigurationError(_another(shard, digest, shards))
                await connection.execute(self._sql(_ANEW), shard.name, shard.digest, shard.of)
            await connection.execute(self._sql(_SHARDS), shard.name, shard.of)
            await connection.execute(self._sql(_LEASE_OF_NOW), shard.name, shard.number)
            holder, left = await _row(connection, self._sql(_HOLDER), shard.name, shard.number)
            if holder not in (None, self.ledger.owner) and left > 0:
                return ShardHeld(holder, left)
            place = (shard.name, shard.number, self.ledger.owner)
            [fence] = await _row(connection, self._sql(_TAKE), *place, progress.changes, progress.ended)
            return int(fence)

        return await self.ledger.transact(work)

    async def keep(
        self, fence: int, progress: Callable[[], ShardCounts], began: float, runtime: Runtime
    ) -> None:
        """Renew the lease until it is lost, and return then: to another worker, or by its time.

        `began` is when it was asked for, by `runtime`: no later than the database's lease ends the one here.
        """
        until = began + LEASE
        while True:
            await runtime.sleep(RENEWAL)
            began = runtime.monotonic()
            try:
                async with asyncio.timeout(until - began):
                    if await self._say(fence, progress(), ShardState.AT_WORK) is None:
                        return
            except TimeoutError:
                return
            until = began + LEASE

    async def finish(self, fence: int, progress: ShardCounts) -> int | None:
        """Write down that the shard is done; return how many of the file are not, None for a lost shard."""
        return await self._say(fence, progress, ShardState.DONE)

    async def leave(self, fence: int, progress: ShardCounts) -> None:
        """Let the next worker that asks have the shard, at once."""
        await self._say(fence, progress, ShardState.WAITING)

    async def _say(self, fence: int, progress: ShardCounts, state: ShardState) -> int | None:
        """Write down how far it is; return how many shards of the file are not done, None for a lost one."""
        name, number, ends = self.shard.name, self.shard.number, state is not ShardState.AT_WORK
        counts = msgspec.json.encode(progress.counts).decode()

        async def work(connection: "Connection") -> int | None:
            if ends:  # two that end at once end one after the other: the last one sees that all are done
                await _row(connection, self._sql(_FILE), name)
            values = (fence, progress.changes, progress.ended, counts, state.value, self.ledger.owner)
            if not await connection.fetchval(self._sql(_SAY), name, number, *values):
                return None
            return int(await connection.fetchval(self._sql(_OPEN), name)) if ends else 1

        return await self.ledger.transact(work, kept=ends)

    def _sql(self, statement: str) -> str:
        return statement.replace("{schema}", f'"{self.ledger.database.schema}"')


async def _row(connection: "Connection", statement: str, *values: object) -> "asyncpg.Record":
    found = await connection.fetchrow(statement, *values)
    assert found is not None
    return found


def _another(shard: Shard, digest: str, shards: int) -> str:
    begin = f"The file {shard.name} is applied in {shards} shards"
    if digest != shard.digest:
        return (
            f"{begin}, and its content was another one. Nothing was sent; let all workers have the same "
            "file, or give another one a name of its own."
        )
    return f"{begin}, not in {shard.of}. Nothing was sent; give every worker the number with which it began."
