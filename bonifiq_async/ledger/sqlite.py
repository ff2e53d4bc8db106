"""A durable ledger in one SQLite file: claims and outcomes on disk before anybody acts on them."""

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Self

from attrs import evolve

from bonifiq_async.errors import ConfigurationError, LedgerError
from bonifiq_async.intent import TRANSITIONS, Ending, Granted, Intent, Row, Ruling, State, rule
from bonifiq_async.ledger.owner import has_gone, this_process
from bonifiq_async.ledger.schema import opened
from bonifiq_async.ledger.writer import Writer

_ROW = (
    "SELECT digest, state, in_doubt, fence, owner, lease_until, first_sent, customer_id, value"
    " FROM change WHERE operation = ? AND key = ?"
)
_CLAIM = (
    "INSERT INTO change VALUES (?, ?, ?, 'claimed', ?, ?, ?, ?, ?, ?, 0, NULL, NULL, ?, ?, ?, ?)"
    " ON CONFLICT (operation, key) DO UPDATE SET digest = excluded.digest, state = 'claimed',"
    " in_doubt = excluded.in_doubt, fence = excluded.fence, owner = excluded.owner,"
    " lease_until = excluded.lease_until, last_sent = excluded.last_sent, customer_id = excluded.customer_id,"
    " value = excluded.value, path = excluded.path, body = excluded.body"
)
_END = (
    "UPDATE change SET state = ?, in_doubt = ?, attempts = attempts + ?, answer = ?, error = ?, last_sent = ?"
    " WHERE operation = ? AND key = ? AND fence = ? AND state = 'claimed'"
)


class SqliteLedger:
    """The ledger in the file `path`, an async context manager; clients that share it share its changes.

    Claims and outcomes are on disk (WAL, synchronous=FULL) before they are told, committed in groups by
    one thread. Several processes may use one file: each change has one sender at a time. `key_retention`
    is for how many seconds the provider remembers a key: what is in doubt for longer is not sent again.
    The file holds customer ids and reasons, and no credential; its mode is 0600.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        key_retention: float = float("inf"),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.path = Path(path)
        self._retention = key_retention
        self._clock = clock
        self._owner = ""
        self._pid = 0
        self._live: set[tuple[str, str]] = set()
        self._writer: Writer | None = None

    async def bind(self, provider: str, account: str) -> None:
        """See `Ledger.bind`."""

        def work(database: sqlite3.Connection) -> None:
            row = database.execute("SELECT provider, fingerprint FROM account").fetchone()
            if row is None:
                database.execute("INSERT INTO account VALUES (?, ?)", (provider, account))
            elif row != (provider, account):
                raise ConfigurationError(
                    f"The ledger {self.path} holds the changes of another account (provider {row[0]}). "
                    "Nothing was sent; name another ledger."
                )

        await self._opened().submit(work)

    async def claim(self, intent: Intent, *, lease: float, repeatable: bool) -> Ruling:
        """See `Ledger.claim`."""
        claiming = self._opened().submit(lambda database: self._claim(database, intent, lease, repeatable))
        try:
            return await asyncio.shield(claiming)
        except asyncio.CancelledError:
            claiming.add_done_callback(lambda claimed: self._give_back(intent, claimed))
            raise

    async def end(self, intent: Intent, fence: int, ending: Ending) -> bool:
        """See `Ledger.end`."""
        return await self._opened().submit(lambda database: self._end(database, intent, fence, ending))

    def leave(self, intent: Intent, fence: int, ending: Ending) -> None:
        """See `Ledger.leave`."""
        if self._writer is not None:
            self._writer.submit(lambda database: self._end(database, intent, fence, ending))

    def _give_back(self, intent: Intent, claimed: "asyncio.Future[Ruling]") -> None:
        """Free a claim whose caller has gone before it could send anything."""
        if not claimed.cancelled() and claimed.exception() is None:
            ruling = claimed.result()
            if isinstance(ruling, Granted):
                state = State.IN_DOUBT if ruling.in_doubt else State.NOT_APPLIED
                self.leave(intent, ruling.fence, Ending(state))

    def _claim(self, database: sqlite3.Connection, intent: Intent, lease: float, repeatable: bool) -> Ruling:
        found = database.execute(_ROW, (intent.operation, intent.key)).fetchone()
        row = None if found is None else _row(found)
        now = self._clock()
        if row is not None and row.state is State.CLAIMED and row.lease_until > now and has_gone(row.owner):
            row = evolve(row, lease_until=now)
        place = (intent.operation, intent.key)
        asks = "another client of this process" if place in self._live else self._owner
        ruling = rule(row, intent, now=now, owner=asks, repeatable=repeatable, retention=self._retention)
        if isinstance(ruling, Granted):
            self._live.add(place)
            first_sent = row.first_sent if row is not None and ruling.in_doubt else now
            database.execute(
                _CLAIM,
                (
                    intent.operation,
                    intent.key,
                    intent.digest,
                    ruling.in_doubt,
                    ruling.fence,
                    self._owner,
                    now + lease,
                    first_sent,
                    now,
                    intent.customer_id,
                    str(intent.value),
                    intent.path,
                    intent.body,
                ),
            )
        return ruling

    def _end(self, database: sqlite3.Connection, intent: Intent, fence: int, ending: Ending) -> bool:
        if ending.state not in TRANSITIONS[State.CLAIMED]:
            raise LedgerError(f"No change goes from claimed to {ending.state.value}.")
        self._live.discard((intent.operation, intent.key))
        doubtful = ending.state in (State.IN_DOUBT, State.UNKNOWN)
        updated = database.execute(
            _END,
            (
                ending.state.value,
                doubtful,
                ending.attempts,
                ending.answer,
                ending.error,
                self._clock(),
                intent.operation,
                intent.key,
                fence,
            ),
        )
        return updated.rowcount == 1

    def _opened(self) -> Writer:
        """Return the writer, opening the file at the first use; the loop does not wait for it."""
        if self._writer is not None and self._writer.failed:
            self._writer.stop()
            self._writer = None
        if self._writer is None:
            self._owner, self._pid = this_process(), os.getpid()
            self._writer = Writer(self.path, lambda: opened(self.path))
            self._writer.start()
        elif self._pid != os.getpid():
            raise ConfigurationError(
                "The ledger was opened before this process was forked. Nothing was sent; open one in each."
            )
        return self._writer

    async def aclose(self) -> None:
        """Commit what is left and close the file. Idempotent."""
        writer, self._writer = self._writer, None
        if writer is not None:
            await asyncio.to_thread(writer.stop)

    async def __aenter__(self) -> Self:
        try:
            await asyncio.to_thread(self._opened().wait)
        except BaseException:
            await self.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


def _row(found: tuple[bytes, str, int, int, str, float, float, str, str]) -> Row:
    digest, state, in_doubt, fence, owner, lease_until, first_sent, customer_id, value = found
    return Row(
        digest,
        State(state),
        bool(in_doubt),
        fence,
        owner,
        lease_until,
        first_sent,
        customer_id,
        Decimal(value),
    )
