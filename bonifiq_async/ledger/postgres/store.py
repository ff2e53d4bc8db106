"""A durable ledger in PostgreSQL, which several machines share."""

import asyncio
import os
import threading
import time
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Self, TypeVar

from bonifiq_async._concurrency.runtime import running_loop
from bonifiq_async._model import validation
from bonifiq_async._model.errors import ConfigurationError, LedgerError, PayloadError
from bonifiq_async._model.values import public
from bonifiq_async.ledger.account import another
from bonifiq_async.ledger.handover import Alarms, check_process
from bonifiq_async.ledger.postgres import migration, owner, run
from bonifiq_async.ledger.postgres.connection import PATIENCE, too_late
from bonifiq_async.ledger.postgres.database import SCHEMA, Database
from bonifiq_async.ledger.postgres.group import GroupCommit
from bonifiq_async.ledger.postgres.job import ClaimJob, EndJob
from bonifiq_async.ledger.postgres.writer import WriterTask
from bonifiq_async.ledger.protocol import FREE, TRANSITIONS, Account, Ending, Granted, Intent, Ruling, State
from bonifiq_async.ledger.runs import Begun, RunOrigin

if TYPE_CHECKING:
    from bonifiq_async.ledger.postgres.connection import Connection

T = TypeVar("T")

_ENDS = TRANSITIONS[State.CLAIMED]
_FREE = ", ".join(f"'{state.value}'" for state in FREE)


@public
class PostgresLedger:
    """The ledger in a schema of a PostgreSQL database, an async context manager; many machines may use it.

    Claims and outcomes are on disk before a caller gets them, committed in groups by one connection. Each
    change has one sender at a time: a claim ends with its lease, or when its process has shown for 20 seconds
    that it runs no more, by the database's clock. Needs the extra `postgres`; the tables are made before, by
    `migrate` or `bonifiq ledger migrate`, and never by a ledger that is used.

    `dsn` is `postgresql://user@host/database`; password and TLS come from the environment (PGPASSWORD,
    PGSSLMODE and so on) or the password file. `pgbouncer` says that PgBouncer answers there in transaction
    mode. `key_retention` is for how many seconds the provider remembers a key. `lossless_failover` is your
    word that no failover and no restored copy forgets what was committed, as with synchronous replication;
    without it, changes that the provider does not de-duplicate are refused. `monotonic` (seconds) measures
    for how long a claim holds in this process.

    Raises `ConfigurationError` for a `dsn` with a password in it, and other settings that are none.
    """

    def __init__(
        self,
        dsn: str,
        *,
        schema: str = SCHEMA,
        pgbouncer: bool = False,
        key_retention: float = float("inf"),
        lossless_failover: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        validation.function(monotonic, "monotonic")
        self.database = Database.of(dsn, schema, pgbouncer=pgbouncer)
        self._retention = validation.seconds(key_retention, "key_retention", above_zero=True)
        self._lossless = lossless_failover
        self._alarms: Alarms[Ruling] = Alarms(self._too_late)
        self._account: Account | None = None
        self._monotonic = monotonic
        self._group = GroupCommit(self.database, "", self._retention, monotonic)
        self._task: WriterTask | None = None
        self._former: WriterTask | None = None
        self._pid = 0
        self._opening = threading.Lock()

    @staticmethod
    async def migrate(dsn: str, schema: str = SCHEMA) -> Sequence[str]:
        """Make the tables, or what is missing of them; return the names of the migrations that did.

        The role needs the right to create tables in the schema, or the schema itself. Raises
        `ConfigurationError` where the database cannot be used, or is newer than this program.
        """
        return await migration.migrate(Database.of(dsn, schema))

    @property
    def owner(self) -> str:
        """The name under which it claims, empty until it is opened."""
        return self._group.owner

    @property
    def identity(self) -> Hashable:
        """See `Ledger.identity`: host and port, database and schema."""
        return self.database.identity

    @property
    def statements(self) -> int:
        """How many statements of claims and ends were sent to the server."""
        return self._group.statements

    async def bind(self, provider: str, account: str) -> None:
        """See `Ledger.bind`."""
        asked = (provider, account)

        async def work(connection: "Connection") -> None:
            held = self._account or asked
            if held != asked:  # it has clients of that account, which may send in a moment
                raise ConfigurationError(another(f"The ledger {self.database}", held, asked))
            await _bind(connection, self.database, asked)
            self._account = self._group.account = asked

        await self.transact(work)

    async def transact(self, work: "Callable[[Connection], Awaitable[T]]", *, kept: bool = False) -> T:
        """Return what `work` returns, done in a transaction of the ledger's own connection.

        It may be done twice, where the answer to its commit was lost. `kept` work is done also when its
        caller has gone.
        """
        return await self._opened().transact(work, kept=kept)

    async def claim(
        self, intent: Intent, *, lease: float, repeatable: bool, within: float = float("inf")
    ) -> Ruling:
        """See `Ledger.claim`. Without `lossless_failover`, a change that is not `repeatable` is refused."""
        if not repeatable and not self._lossless:
            raise ConfigurationError(
                f"The provider does not de-duplicate {intent.operation}: a ledger that forgets would have it "
                "done twice, and a failover to an asynchronous standby forgets. Nothing was sent; where none "
                "is, or replication is synchronous, say so: PostgresLedger(..., lossless_failover=True), or "
                "lossless_failover=yes in the URL that a command is given."
            )
        _check_texts(intent)
        writer, loop = self._opened(), running_loop()

        def unheard(ruling: Ruling) -> None:
            self._give_back(writer, intent, ruling)

        job = ClaimJob(loop, loop.create_future(), unheard, intent=intent, lease=lease, repeatable=repeatable)
        return await self._alarms.answer(writer.submit(job), within, writer.hurry, unheard)

    async def end(self, intent: Intent, fence: int, ending: Ending) -> bool:
        """See `Ledger.end`."""
        writer = self._opened()
        try:
            return await self._end(writer, intent, fence, ending)
        except asyncio.CancelledError:
            writer.hurry()
            raise

    def leave(self, intent: Intent, fence: int, ending: Ending) -> None:
        """See `Ledger.leave`."""
        if (writer := self._task) is not None:
            self._leave(writer, intent, fence, ending)

    def _leave(self, writer: WriterTask, intent: Intent, fence: int, ending: Ending) -> None:
        self._end(writer, intent, fence, ending).cancel()  # it is kept, and no caller waits
        writer.hurry()

    def _end(self, writer: WriterTask, intent: Intent, fence: int, ending: Ending) -> "asyncio.Future[bool]":
        if ending.state not in _ENDS:
            raise LedgerError(f"No change goes from claimed to {ending.state.value}.")
        loop = running_loop()
        return writer.submit(
            EndJob(loop, loop.create_future(), kept=True, intent=intent, fence=fence, ending=ending)
        )

    async def begin_run(self, origin: RunOrigin) -> Begun:
        """See `RunLedger.begin_run`."""
        if self._group.run:
            raise ConfigurationError(
                f"Run {self._group.run} of the ledger {self.database} has not ended. Nothing was sent; open "
                "the ledger once for each run."
            )

        async def work(connection: "Connection") -> Begun:
            return await run.begin(connection, self.database.schema, origin, self._group.owner)

        writer = self._opened()
        begun = await writer.transact(work)
        self._group.run = begun.id
        writer.hurry()  # it rests, and would write no beat
        return begun

    async def end_run(self, counts: Mapping[str, int]) -> None:
        """See `RunLedger.end_run`."""
        number, self._group.run = self._group.run, 0

        async def work(connection: "Connection") -> None:
            await run.end(connection, self.database.schema, number, counts)

        await self.transact(work, kept=True)

    def _too_late(self) -> LedgerError:
        return too_late(self.database, None if self._task is None else self._task.trouble)

    def _give_back(self, writer: WriterTask, intent: Intent, ruling: Ruling) -> None:
        """Free a claim whose caller has gone before it could send anything."""
        if isinstance(ruling, Granted):
            state = State.IN_DOUBT if ruling.in_doubt else State.NOT_APPLIED
            self._leave(writer, intent, ruling.fence, Ending(state))

    def _opened(self) -> WriterTask:
        """Return the writer, whose thread is started at the first use."""
        with self._opening:  # threads with loops of their own may use one ledger
            if self._task is not None:
                check_process(self._pid)
            if self._task is None:
                running_loop()  # no thread is begun for a caller that cannot wait for it
                self._group = self._own_group()
                task = WriterTask(self.database, self._group, give_up=PATIENCE)
                task.start()
                self._pid, self._task = os.getpid(), task
            return self._task

    def _own_group(self) -> GroupCommit:
        """Return that of before a closing, whose claims are this process's still, or a new one.

        A thread that is still closing may say that its owner holds nothing: never of a new claim.
        """
        former = self._former
        if former is None or self._pid != os.getpid() or not former.has_ended:
            return GroupCommit(self.database, owner.new_name(), self._retention, self._monotonic)
        self._group.run = 0
        return self._group

    async def aclose(self) -> None:
        """Write what is left and close the connection. Idempotent."""
        if self._task is None:
            return
        running_loop()  # nothing is closed for a caller that cannot wait for it
        with self._opening:
            task = self._former = self._task
            self._task = None
        if task is not None:
            await asyncio.to_thread(task.stop)

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def __aenter__(self) -> Self:
        try:
            await self._opened().open()
        except BaseException:
            await self.aclose()
            raise
        return self


async def _bind(connection: "Connection", database: Database, asked: Account) -> None:
    """Bind the ledger to an account; raise `ConfigurationError` when it is another one's.

    Claims read the account under a lock that they share, and that is taken here alone.
    """
    schema = f'"{database.schema}"'
    book = f"SELECT provider, fingerprint FROM {schema}.book"
    if tuple(await connection.fetchrow(book) or ()) == asked:
        return
    await connection.execute(f"SELECT pg_advisory_xact_lock(hashtextextended('account of {schema}', 0))")
    held: Account = tuple(await connection.fetchrow(book) or (None, None))
    if held[0] is not None and held != asked:
        # A row of another provider would not be understood, whatever its state.
        rows = "true" if held[0] != asked[0] else f"state NOT IN ({_FREE})"
        if await connection.fetchval(f"SELECT EXISTS (SELECT FROM {schema}.change WHERE {rows})"):
            raise ConfigurationError(another(f"The ledger {database}", held, asked))
    await connection.execute(f"UPDATE {schema}.book SET provider = $1, fingerprint = $2", *asked)


def _check_texts(intent: Intent) -> None:
    """Raise `PayloadError` for a text that PostgreSQL does not keep: with NUL, or half a character."""
    for name in ("key", "customer_id", "operation", "path"):
        text: str = getattr(intent, name)
        if not text.isprintable() and not _is_kept(text):
            raise PayloadError(
                f"{name} has NUL or half a character in it, which PostgreSQL does not keep. Nothing was "
                "sent.",
                path=name,
            )


def _is_kept(text: str) -> bool:
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False
