"""One pace for all workers of an account, kept in the database of their ledger: a GCRA in slices.

See docs/explanation/shared-pace.md.
"""

from typing import TYPE_CHECKING

from attrs import field, frozen, validators

from bonifiq_async._model import validation
from bonifiq_async._model.values import public
from bonifiq_async.ledger.postgres import owner

if TYPE_CHECKING:
    from bonifiq_async.ledger.postgres.connection import Connection
    from bonifiq_async.ledger.postgres.store import PostgresLedger

SILENCE = 10.0
"""Seconds without a request to the database after which a worker does not count any more."""


@frozen
class Slice:
    """What the database gave: the first moment in `starts` seconds; all are `held` for so many more.

    So many `workers` share the pace now. `clock` is the database's, in seconds since the epoch.
    """

    starts: float
    held: float
    workers: int
    clock: float


@public
@frozen
class SharedPace:
    """At most `per_second` requests of all batches whose ledgers are in one schema of PostgreSQL, together.

    Give it to each batch as `FlowControl(shared_pace=...)`, with the same `per_second` on every worker. A
    Retry-After that one worker gets holds all of them within a second. With `in_flight`, all workers together
    have so many requests in flight: each its part, by how many are at work. While the database does not
    answer, nothing is sent. Single calls outside a batch do not take part.
    """

    ledger: "PostgresLedger"
    per_second: float = field(validator=validation.setting)
    in_flight: int | None = field(default=None, validator=validators.optional(validation.count))

    async def take(self, worker: str, many: int, asked: float) -> Slice:
        """Take so many moments for a worker, which was `asked` to wait so many seconds just now."""

        async def work(connection: "Connection") -> Slice:
            schema = self.ledger.database.schema
            row = await connection.fetchrow(
                "SELECT starts, held, workers, extract(epoch FROM clock_timestamp())::float8 AS clock"
                f' FROM "{schema}".take_pace($1, $2, $3, $4, $5)',
                worker,
                many,
                1 / self.per_second,
                asked,
                SILENCE,
            )
            if row is None:
                raise AssertionError("the function gives a row")
            return Slice(row["starts"], row["held"], row["workers"], row["clock"])

        return await self.ledger.transact(work)

    async def leave(self, worker: str) -> None:
        """Forget a worker that is done, and those that have been silent for a day."""

        async def work(connection: "Connection") -> None:
            await connection.execute(
                f'DELETE FROM "{self.ledger.database.schema}".pace_worker'
                " WHERE name = $1 OR beat < clock_timestamp() - interval '1 day'",
                worker,
            )

        await self.ledger.transact(work)

    def new_worker(self) -> str:
        """Return a name that no other worker has."""
        return owner.new_name()
