"""Each kind of ledger, to be made with settings: a new one is one more line in `KINDS`."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from postgres import a_schema, set_clock, with_a_clock

from bonifiq_async import MemoryLedger, PostgresLedger, SqliteLedger
from bonifiq_async.ledger.postgres.database import Database
from bonifiq_async.ledger.protocol import Intent, Ruling


class OnAClock(PostgresLedger):
    """A ledger whose database has the clock of a test: it is set before each claim."""

    def __init__(self, database: Database, read: Callable[[], float], **settings: object) -> None:
        super().__init__(database.dsn, schema=database.schema, lossless_failover=True, **settings)
        self._read = read

    async def claim(self, intent: Intent, **terms: object) -> Ruling:
        await set_clock(self.database, self._read())
        return await super().claim(intent, **terms)


def _postgres(folder: Path, at_the_end: ExitStack) -> Callable[..., PostgresLedger]:
    database = at_the_end.enter_context(a_schema())

    def make(
        clock: Callable[[], float] | None = None,
        monotonic: Callable[[], float] | None = None,
        **settings: object,
    ) -> PostgresLedger:
        if monotonic is not None:
            settings["monotonic"] = monotonic
        if clock is None:
            return PostgresLedger(database.dsn, schema=database.schema, lossless_failover=True, **settings)
        return OnAClock(with_a_clock(database), clock, **settings)

    return make


KINDS: dict[str, Callable[[Path, ExitStack], Callable[..., object]]] = {
    "memory": lambda folder, _: MemoryLedger,
    "sqlite": lambda folder, _: partial(SqliteLedger, folder / "ledger"),
    "postgres": _postgres,
}
LASTING = ("sqlite", "postgres")
"""Kinds that several processes share, and that are there when they are opened again."""
