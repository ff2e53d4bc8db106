"""A durable ledger in one SQLite file: claims and outcomes on disk before anybody acts on them."""

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from attrs import evolve

from bonifiq_async import door
from bonifiq_async.account import another
from bonifiq_async.alarms import Alarms
from bonifiq_async.errors import BonifiQError, ConfigurationError, LedgerError
from bonifiq_async.intent import (
    DONE,
    FIRST,
    FREE,
    TRANSITIONS,
    Ending,
    Granted,
    Intent,
    Row,
    Ruling,
    State,
    first,
    rule,
)
from bonifiq_async.ledger.entry import Cells, Entry, add, close, find, fresh, put
from bonifiq_async.ledger.owner import is_over, this_process
from bonifiq_async.ledger.schema import bind, bound, opened, too_late
from bonifiq_async.ledger.writer import Writer
from bonifiq_async.log import logger
from bonifiq_async.outcome import Effect
from bonifiq_async.runtime import running_loop


class SqliteLedger:
    """The ledger in the file `path`, an async context manager; clients that share it share its changes.

    Claims and outcomes are on disk (WAL, synchronous=FULL) before they are told, committed in groups by
    one thread. Several processes may use one file: each change has one sender at a time. `key_retention`
    is for how many seconds the provider remembers a key: after that, what is in doubt is not sent again.
    The file holds customer ids and reasons, and no credential; its mode is 0600.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        key_retention: float = float("inf"),
        clock: Callable[[], float] = time.time,
    ) -> None:
        door.function(clock, "clock")
        self.path = Path(path)
        self._retention = key_retention
        self._first = first(key_retention)
        self._clock = clock
        self._owner = ""
        self._pid = 0
        self._live: dict[tuple[str, str], tuple[int, Cells]] = {}
        """The claims of this process: row and cells."""
        self._alarms: dict[asyncio.AbstractEventLoop, Alarms[asyncio.Future[Ruling]]] = {}
        self._account: tuple[str, str] | None = None
        self._writer: Writer | None = None

    async def bind(self, provider: str, account: str) -> None:
        """See `Ledger.bind`."""
        asked = (provider, account)

        def work(database: sqlite3.Connection) -> None:
            held = self._account or asked
            if held != asked:  # it has clients of that account, who may send in a moment
                raise ConfigurationError(another(f"The ledger {self.path}", held, asked))
            if not bound(database, self.path, asked):
                bind(database, asked)
            self._account = asked

        await self._opened().submit(work)

    async def claim(
        self, intent: Intent, *, lease: float, repeatable: bool, within: float = float("inf")
    ) -> Ruling:
        """See `Ledger.claim`."""
        writer = self._opened()
        claiming = writer.submit(
            lambda database: self._claim(database, intent, lease, repeatable),
            lambda ruling: self._give_back(intent, ruling),
            lambda database, ruling, error: self._unclaim(database, intent, ruling, error),
        )
        loop = claiming.get_loop()
        alarms = self._alarms_of(loop)
        alarms.set(claiming, loop.time() + within)
        try:
            return await claiming
        except asyncio.CancelledError:
            writer.hurry()
            if not claiming.cancelled() and claiming.exception() is None:
                self._give_back(intent, claiming.result())  # cancelled when the answer was there already
            raise
        finally:
            alarms.put_off(claiming)

    async def end(self, intent: Intent, fence: int, ending: Ending) -> bool:
        """See `Ledger.end`."""
        writer = self._opened()
        try:
            return await writer.submit(lambda database: self._end(database, intent, fence, ending))
        except asyncio.CancelledError:
            writer.hurry()
            raise

    def leave(self, intent: Intent, fence: int, ending: Ending) -> None:
        """See `Ledger.leave`."""
        if self._writer is not None:
            self._writer.submit(lambda database: self._end(database, intent, fence, ending))
            self._writer.hurry()

    def _alarms_of(self, loop: asyncio.AbstractEventLoop) -> "Alarms[asyncio.Future[Ruling]]":
        found = self._alarms.get(loop)
        if found is None:
            for each in tuple(self._alarms):
                if each.is_closed():  # what waits there reaches its loop, which would never be collected
                    self._alarms.pop(each, None)
            found = self._alarms[loop] = Alarms(self._expire)
        return found

    def _expire(self, claiming: "asyncio.Future[Ruling]") -> None:
        """End the wait for a claim; what comes of it is given back."""
        if not claiming.done():
            claiming.set_exception(too_late(self.path))

    def _give_back(self, intent: Intent, ruling: Ruling) -> None:
        """Free a claim whose caller has gone before it could send anything."""
        if isinstance(ruling, Granted):
            state = State.IN_DOUBT if ruling.in_doubt else State.NOT_APPLIED
            self.leave(intent, ruling.fence, Ending(state))

    def _unclaim(
        self, database: sqlite3.Connection, intent: Intent, ruling: Ruling | None, error: BonifiQError
    ) -> None:
        """Forget a claim that is not on disk; say of a change that was never seen that it was not sent."""
        place = (intent.operation, intent.key)
        sent = self._live.get(place)
        if sent is not None and isinstance(ruling, Granted) and sent[1][5] == ruling.fence:
            del self._live[place]
        if find(database, *place) is None:
            error.effect = Effect.NOT_APPLIED

    def _claim(self, database: sqlite3.Connection, intent: Intent, lease: float, repeatable: bool) -> Ruling:
        place, now = (intent.operation, intent.key), self._clock()
        sent = fresh(intent, FIRST.fence, self._owner, now + lease, now)
        # Most changes were never seen: they are looked for and claimed at once.
        if (number := add(database, sent)) is not None:
            self._live[place] = (number, sent)
            return self._first if repeatable else FIRST
        entry = find(database, *place)
        row = None if entry is None else entry.row
        if entry is not None and row is not None and row.state is State.CLAIMED:
            over = is_over(row.owner, row.lease_until, entry.last_sent, now)
            row = evolve(row, lease_until=now) if over else row
        asks = "another client of this process" if place in self._live else self._owner
        ruling = rule(row, intent, now=now, owner=asks, repeatable=repeatable, retention=self._retention)
        if isinstance(ruling, Granted):
            first_sent = row.first_sent if row is not None and ruling.in_doubt else now
            claimed = Row(
                intent.digest,
                State.CLAIMED,
                ruling.in_doubt,
                ruling.fence,
                self._owner,
                now + lease,
                first_sent,
                intent.customer_id,
                intent.value,
            )
            again = Entry(*place, claimed, intent.path, intent.body, now)
            if entry is not None:
                again = evolve(again, attempts=entry.attempts, answer=entry.answer, error=entry.error)
            self._live[place] = put(database, again)
        return ruling

    def _end(self, database: sqlite3.Connection, intent: Intent, fence: int, ending: Ending) -> bool:
        if ending.state not in TRANSITIONS[State.CLAIMED]:
            raise LedgerError(f"No change goes from claimed to {ending.state.value}.")
        place = (intent.operation, intent.key)
        number, sent = self._live.get(place, (0, None))
        if sent is None or sent[5] != fence:
            return False  # whoever has claimed it since, here or elsewhere, says how it ends
        del self._live[place]
        if close(database, sent, ending, self._clock(), number):
            return True
        return ending.state in DONE and self._overrule(database, intent, ending)

    def _overrule(self, database: sqlite3.Connection, intent: Intent, ending: Ending) -> bool:
        """Write down that a change is applied which stands as not applied: a person may have said so."""
        entry = find(database, intent.operation, intent.key)
        if entry is None or entry.row.digest != intent.digest or entry.row.state not in FREE:
            return False
        row = evolve(entry.row, state=ending.state, fence=entry.row.fence + 1)
        note = f"it stood as {entry.row.state.value} ({entry.error}) when its sender was answered"
        attempts = entry.attempts + ending.attempts
        put(database, evolve(entry, row=row, attempts=attempts, answer=ending.answer, error=note))
        logger.warning("contradiction: key=%s is %s: %s", intent.key, ending.state.value, note)
        return True

    def _opened(self) -> Writer:
        """Return the writer, opening the file at the first use; the loop does not wait for it."""
        if self._writer is not None and self._writer.failed:
            self._writer.stop()
            self._writer = None
        if self._writer is None:
            running_loop()  # no thread is begun for a caller who cannot wait for it
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
        if self._writer is not None:
            running_loop()
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
