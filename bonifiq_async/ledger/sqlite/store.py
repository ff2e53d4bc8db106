"""A durable ledger in one SQLite file: claims and outcomes on disk before any caller acts on them."""

import asyncio
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Hashable, Mapping
from pathlib import Path
from typing import Self

from attrs import evolve

from bonifiq_async._concurrency.runtime import Runtime, running_loop
from bonifiq_async._log import logger
from bonifiq_async._model import validation
from bonifiq_async._model.errors import BonifiQError, ConfigurationError, LedgerError
from bonifiq_async._model.outcome import Effect
from bonifiq_async._model.values import public
from bonifiq_async.ledger.account import another
from bonifiq_async.ledger.handover import Alarms, check_process
from bonifiq_async.ledger.protocol import (
    DONE,
    FIRST,
    FREE,
    TRANSITIONS,
    Account,
    Conflict,
    Ending,
    Granted,
    Intent,
    Row,
    Ruling,
    State,
    rival,
    rule,
)
from bonifiq_async.ledger.runs import Begun, RunOrigin
from bonifiq_async.ledger.sqlite import owner, run
from bonifiq_async.ledger.sqlite.connection import LedgerConnection, opened, too_late
from bonifiq_async.ledger.sqlite.header import bound
from bonifiq_async.ledger.sqlite.owner import Beat, Lease, Sight
from bonifiq_async.ledger.sqlite.row import Entry, StoredCells, add, close, find, fresh, holders, put
from bonifiq_async.ledger.sqlite.writer import Writer
from bonifiq_async.ledger.trust import Trust

_ENDS = TRANSITIONS[State.CLAIMED]
TICK: float | None = owner.BEAT
"""Seconds without work after which the thread writes a beat, while there are claims or a run."""


@public
class SqliteLedger:
    """The ledger in the file `path`, an async context manager; clients that share it share its changes.

    Claims and outcomes are on disk (WAL, synchronous=FULL) before a caller gets them, committed in groups by
    one thread. Several processes may use one file: each change has one sender at a time. `key_retention`
    is for how many seconds the provider remembers a key: after that, what is in doubt is not sent again.
    The file holds customer ids and reasons, and no credential; its mode is 0600. `clock` (seconds since the
    epoch) dates what is sent; `monotonic` (seconds) measures for how long a claim holds.

    Raises `ConfigurationError` for a `path` that is none, and a `key_retention` that is no number above zero.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        key_retention: float = float("inf"),
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        validation.function(clock, "clock")
        validation.function(monotonic, "monotonic")
        self.path = _absolute(path)
        self._retention = validation.seconds(key_retention, "key_retention", above_zero=True)
        self._clock = clock
        self._runtime = Runtime(monotonic=monotonic, wall=clock)
        self._sight = Sight.here(self._runtime)
        self._owner = ""
        self._pid = 0
        self._beat = self._due = self._vouched = float("-inf")
        self._begin_trust()
        self._live: dict[tuple[str, str], tuple[int, StoredCells, float]] = {}
        """The claims of this process: row, cells, and until when (`monotonic`)."""
        self._alarms: Alarms[Ruling] = Alarms(lambda: too_late(self.path))
        self._account: Account | None = None
        self._run = 0
        """The run that is under way, 0 for none."""
        self._writer: Writer | None = None
        self._opening = threading.Lock()

    @property
    def identity(self) -> Hashable:
        """See `Ledger.identity`: the file's path."""
        return self.path

    async def bind(self, provider: str, account: str) -> None:
        """See `Ledger.bind`."""
        asked = (provider, account)

        def work(database: LedgerConnection) -> None:
            held = self._account or asked
            if held != asked:  # it has clients of that account, which may send in a moment
                raise ConfigurationError(another(f"The ledger {self.path}", held, asked))
            if not bound(database, self.path, asked):
                database.bind(asked)
            self._account = asked

        await self._opened().submit(work)

    async def claim(
        self, intent: Intent, *, lease: float, repeatable: bool, within: float = float("inf")
    ) -> Ruling:
        """See `Ledger.claim`."""
        writer = self._opened()

        def unheard(ruling: Ruling) -> None:
            self._give_back(writer, intent, ruling)

        claiming = writer.submit(
            lambda database: self._claim(database, intent, lease, repeatable),
            unheard,
            lambda database, ruling, error: self._unclaim(database, intent, ruling, error),
        )
        return await self._alarms.answer(claiming, within, writer.hurry, unheard)

    async def end(self, intent: Intent, fence: int, ending: Ending) -> bool:
        """See `Ledger.end`."""
        writer = self._opened()
        try:
            return await writer.submit(lambda database: self._end(database, intent, fence, ending), kept=True)
        except asyncio.CancelledError:
            writer.hurry()
            raise

    async def begin_run(self, origin: RunOrigin) -> Begun:
        """See `RunLedger.begin_run`."""
        if self._run:
            raise ConfigurationError(
                f"Run {self._run} of the ledger {self.path} has not ended. Nothing was sent; open the ledger "
                "once for each run."
            )
        try:
            return await self._opened().submit(
                lambda database: self._begin_run(database, origin), lambda _: self._run_over()
            )
        except BaseException:
            self._run_over()
            raise

    def _begin_run(self, database: LedgerConnection, origin: RunOrigin) -> Begun:
        begun = run.begin(database, origin, self._owner, self._clock(), self._sight)
        self._run = begun.id  # in the thread, which asks for it before it rests
        return begun

    def _run_over(self) -> None:
        self._run = 0

    async def end_run(self, counts: Mapping[str, int]) -> None:
        """See `RunLedger.end_run`."""
        number, self._run = self._run, 0
        await self._opened().submit(
            lambda database: run.end(database, number, self._clock(), counts),
            kept=True,
            what="how a run ended",
        )

    def leave(self, intent: Intent, fence: int, ending: Ending) -> None:
        """See `Ledger.leave`."""
        if (writer := self._writer) is not None:
            self._leave(writer, intent, fence, ending)

    def _leave(self, writer: Writer, intent: Intent, fence: int, ending: Ending) -> None:
        writer.submit(lambda database: self._end(database, intent, fence, ending), kept=True)
        writer.hurry()

    def _give_back(self, writer: Writer, intent: Intent, ruling: Ruling) -> None:
        """Free a claim whose caller has gone before it could send anything."""
        if isinstance(ruling, Granted):
            state = State.IN_DOUBT if ruling.in_doubt else State.NOT_APPLIED
            self._leave(writer, intent, ruling.fence, Ending(state))

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

    def _claim(self, database: LedgerConnection, intent: Intent, lease: float, repeatable: bool) -> Ruling:
        place, now = (intent.operation, intent.key), self._clock()
        if database.book.account != intent.account:
            self._take_up(database, intent.account)
        for operation in holders(database, intent.key).intersection(intent.rivals) if intent.rivals else ():
            found = find(database, operation, intent.key)
            conflict = rival(None if found is None else found.row, operation)
            if conflict is not None:
                return conflict
        sent = fresh(intent, FIRST.fence, self._owner, self._sight.now() + lease, now, self._run)
        # Most changes were never seen: they are looked for and claimed at once.
        if (number := add(database, sent)) is not None:
            self._live[place] = (number, sent, self._runtime.monotonic() + lease)
            return self._trust.first(repeatable=repeatable)
        entry = find(database, *place)
        row = None if entry is None else entry.row
        if entry is not None and row is not None and row.state is State.CLAIMED:
            row = evolve(row, lease_until=now + self._left(database, place, entry))
        asks = "another client of this process" if place in self._live else self._owner
        if entry is not None and row is not None and row.state in DONE:
            row = evolve(row, answer=entry.answer)
        ruling = rule(row, intent, now=now, owner=asks, repeatable=repeatable, retention=self._retention)
        if entry is not None and isinstance(ruling, Conflict):
            return evolve(ruling, path=entry.path, body=entry.body)
        if isinstance(ruling, Granted):
            again = Entry(
                *place, self._claimed(intent, row, ruling, lease, now), intent.path, intent.body, now
            )
            if entry is not None:
                again = evolve(again, attempts=entry.attempts, answer=entry.answer, error=entry.error)
            # A run is asked later about what was refused to it: the change stays its own.
            if entry is not None and (ruling.in_doubt or entry.run):
                again = evolve(again, run=entry.run, line=entry.line, last_run=self._run)
            else:
                again = evolve(again, run=self._run, line=intent.line)
            self._live[place] = (*put(database, again), self._runtime.monotonic() + lease)
            return evolve(ruling, held=self._trust.holds)
        return ruling

    def _claimed(self, intent: Intent, row: Row | None, granted: Granted, lease: float, now: float) -> Row:
        """Return a change that is claimed again, now."""
        return Row(
            intent.digest,
            State.CLAIMED,
            granted.in_doubt,
            granted.fence,
            self._owner,
            self._sight.now() + lease,
            row.first_sent if row is not None and granted.in_doubt else now,
            intent.customer_id,
            intent.value,
        )

    def _take_up(self, database: LedgerConnection, account: Account) -> None:
        """Claim for an account whose ledger it is to be; raise when it is, or has become, another one's."""
        held = database.book.account
        if held not in (None, account):
            raise ConfigurationError(another(f"The ledger {self.path}", held, account))
        database.bind(account)
        self._account = account

    def _left(self, database: LedgerConnection, place: tuple[str, str], entry: Entry) -> float:
        """Return for how many seconds more a claim holds."""
        row, mine = entry.row, self._live.get(place)
        if mine is not None and (mine[1][5], mine[1][6]) == (row.fence, row.owner):
            return max(0.0, mine[2] - self._runtime.monotonic())
        claim = Lease(row.owner, row.lease_until, entry.last_sent)
        return self._sight.left(claim, owner.heard(database, row.owner))

    def _end(self, database: LedgerConnection, intent: Intent, fence: int, ending: Ending) -> bool:
        if ending.state not in _ENDS:
            raise LedgerError(f"No change goes from claimed to {ending.state.value}.")
        place = (intent.operation, intent.key)
        number, sent, _ = self._live.get(place, (0, None, 0.0))
        if sent is None or sent[5] != fence:
            return False  # the process that has claimed it since says how it ends
        del self._live[place]
        if close(database, sent, ending, self._clock(), number):
            return True
        return ending.state in DONE and self._overrule(database, intent, ending)

    def _overrule(self, database: LedgerConnection, intent: Intent, ending: Ending) -> bool:
        """Write down that a change is applied which stands as not applied: a person may have said so."""
        entry = find(database, intent.operation, intent.key)
        if entry is None or entry.row.digest != intent.digest or entry.row.state not in FREE:
            return False
        note = f"it stood as {entry.row.state.value} ({entry.error}) when its sender was answered"
        mine = database.book.account == intent.account
        if mine:
            row = evolve(entry.row, state=ending.state, fence=entry.row.fence + 1)
            attempts = entry.attempts + ending.attempts
            put(database, evolve(entry, row=row, attempts=attempts, answer=ending.answer, error=note))
        kept = "" if mine else "; the ledger is another account's now, and does not say so"
        logger.warning("contradiction: key=%s is %s: %s%s", intent.key, ending.state.value, note, kept)
        return mine

    def _begun(self, database: LedgerConnection) -> None:
        """Say in a transaction that this process is there, when that is due."""
        database.begun()
        now = self._runtime.monotonic()
        if now - self._beat >= owner.BEAT:
            if self._beat == float("-inf"):
                owner.bury(database, self._sight)
            until = self._sight.now() + owner.SILENCE - owner.MARGIN
            if until - self._trust.until >= owner.SILENCE:
                self._begin_trust()
            owner.beat(database, self._owner, Beat(now, self._clock()))
            self._due, self._vouched = now, until

    def _committed(self, database: LedgerConnection) -> None:
        self._beat, self._trust.until = self._due, self._vouched
        database.committed()

    def _begin_trust(self) -> None:
        """Begin a stretch of beats: what was claimed before it may be another's by now."""
        self._trust = Trust(self._sight.now, self._retention)

    def _connect(self, give_up: Callable[[], bool]) -> LedgerConnection:
        return opened(self.path, give_up=give_up, farewell=self._leave_the_file)

    def _leave_the_file(self, database: sqlite3.Connection) -> None:
        """Say that this process holds nothing any more, unless it does."""
        if not self._live:
            owner.leave(database, self._owner)

    def _opened(self) -> Writer:
        """Return the writer, opening the file at the first use; the loop does not wait for it."""
        writer = self._writer
        if writer is None or writer.failed or self._pid != os.getpid():
            writer = self._open()
        return writer

    def _open(self) -> Writer:
        with self._opening:  # threads with loops of their own may use one ledger
            if self._writer is not None:
                check_process(self._pid)
            if self._writer is not None and self._writer.failed:
                self._writer.stop()
                self._writer = None
            if self._writer is None:
                running_loop()  # no thread is begun for a caller that cannot wait for it
                self._sight = Sight.here(self._runtime)
                self._owner, self._pid = self._sight.me(), os.getpid()
                self._beat = self._due = self._vouched = float("-inf")
                self._begin_trust()
                writer = Writer(
                    self.path,
                    self._connect,
                    begun=self._begun,
                    committed=self._committed,
                    rest=lambda: TICK if self._live or self._run else None,
                )
                writer.start()
                self._writer = writer
            return self._writer

    async def aclose(self) -> None:
        """Commit what is left and close the file. Idempotent."""
        if self._writer is not None:
            running_loop()
        with self._opening:
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


def _absolute(path: str | os.PathLike[str]) -> Path:
    """Return where `path` is now: a program that changes its folder later means the same file."""
    try:
        return Path(path).absolute()
    except TypeError:
        raise ConfigurationError(
            f"path must be that of a ledger's file, as a text or a Path, not {validation.shown(path)}. "
            "Nothing was sent."
        ) from None
    except OSError as error:
        raise ConfigurationError(
            f"The ledger {path} cannot be found: {error.strerror}. Nothing was sent; give an absolute path."
        ) from None
