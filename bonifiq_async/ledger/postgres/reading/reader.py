"""What is asked of the database afterwards, and a person's word on what is in doubt."""

import contextlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from urllib.parse import parse_qsl, urlencode

from attrs import astuple, evolve, field, frozen

from bonifiq_async._model.errors import ConfigurationError
from bonifiq_async.ledger.account import another
from bonifiq_async.ledger.postgres.database import Database
from bonifiq_async.ledger.postgres.owner import BEATS_OF_NOW
from bonifiq_async.ledger.postgres.reading.comparison import AppliedInDatabase
from bonifiq_async.ledger.postgres.reading.recorded import (
    CHANGE,
    CLAIM,
    ClaimTimes,
    StoredTimes,
    recorded_of,
)
from bonifiq_async.ledger.postgres.reading.session import Session, session
from bonifiq_async.ledger.postgres.run import ALL, run_of
from bonifiq_async.ledger.postgres.shards import progress
from bonifiq_async.ledger.postgres.shards.progress import files_of
from bonifiq_async.ledger.postgres.store import PostgresLedger
from bonifiq_async.ledger.protocol import FREE, Account, State
from bonifiq_async.ledger.recorded import EVERY_CHANGE, ChangeFilter, Recorded
from bonifiq_async.ledger.runs import Run
from bonifiq_async.ledger.settling import WORDS, Candidate, PersonsWord, chosen, refuse_no_word
from bonifiq_async.ledger.shards import ShardedFile

_SETTINGS = ("pgbouncer", "lossless_failover")
"""What the URL says of how the database is used."""
_WANTED = f"""
SELECT {CHANGE}, {CLAIM}
FROM {{schema}}.change LEFT JOIN {{schema}}.owner ON owner.name = change.owner
WHERE state = ANY($1)
    AND ($2::text IS NULL OR customer_id = $2)
    AND ($3::text IS NULL OR key = $3)
    AND ($4::float8 IS NULL OR last_sent >= to_timestamp($4))
    AND ($5::float8 IS NULL OR last_sent < to_timestamp($5))
    AND ($6::bigint IS NULL OR $6 IN (run, last_run))
ORDER BY first_sent, key
"""
_UNDER = f"""
SELECT operation, state, change.owner, {CLAIM}
FROM {{schema}}.change LEFT JOIN {{schema}}.owner ON owner.name = change.owner
WHERE key = $1 FOR NO KEY UPDATE OF change
"""
_SETTLE = """
UPDATE {schema}.change
SET state = $3, in_doubt = false, fence = fence + 1, last_sent = clock_timestamp(), error = $4, last_run = $5
WHERE key = $1 AND operation = $2
"""
_RAN = """
INSERT INTO {schema}.run (command, "user", host, file, digest, owner, begun, ended, counts)
VALUES ($1, $2, $3, $4, $5, '', clock_timestamp(), clock_timestamp(), $6) RETURNING id
"""


@frozen
class PostgresReader:
    """The ledger that a URL names: see `LedgerReader`, whose methods these are. `url` is as it was typed.

    `lossless_failover` is that of `PostgresLedger`, `kept` a connection over which several questions go.
    """

    url: str
    database: Database
    lossless_failover: bool = False
    account: Account | None = None
    kept: Session | None = field(default=None, eq=False, repr=False)

    @classmethod
    def at(cls, url: str) -> "PostgresReader":
        """Return what a URL names; `pgbouncer=yes` and `lossless_failover=yes` in its query count, too.

        Raises `ConfigurationError` as `Database.of`, and for another value of these.
        """
        plain, said = url.partition("?")[0], parse_qsl(url.partition("?")[2], keep_blank_values=True)
        own = {name: value for name, value in said if name in _SETTINGS}
        if wrong := [name for name, value in own.items() if value not in ("yes", "no")]:
            raise ConfigurationError(f"{wrong[0]} in the URL of a ledger is yes or no. Nothing was sent.")
        rest = urlencode([(name, value) for name, value in said if name not in _SETTINGS])
        database = Database.of(f"{plain}?{rest}" if rest else plain, pgbouncer=own.get("pgbouncer") == "yes")
        return cls(url, database, own.get("lossless_failover") == "yes")

    def __str__(self) -> str:
        return self.url

    @property
    def name(self) -> str:
        """See `LedgerReader.name`."""
        return self.database.schema

    @property
    def file(self) -> None:
        """See `LedgerReader.file`."""

    def exists(self) -> bool:
        """See `LedgerReader.exists`: its tables are made beforehand, and bound to an account at first."""
        return self.provider() is not None

    def of(self, account: Account | None) -> "PostgresReader":
        """See `LedgerReader.of`."""
        return evolve(self, account=account)

    def others(self) -> Sequence["PostgresReader"]:
        """See `LedgerReader.others`: no other schema is asked."""
        return ()

    @contextlib.contextmanager
    def connected(self) -> "Iterator[PostgresReader]":
        """See `LedgerReader.connected`: a question within the answer to another one has its own, as ever."""
        with session(self.database) as kept:
            yield evolve(self, kept=kept)

    def writer(self) -> PostgresLedger:
        """See `LedgerReader.writer`."""
        database = self.database
        return PostgresLedger(
            database.dsn,
            schema=database.schema,
            pgbouncer=database.pgbouncer,
            lossless_failover=self.lossless_failover,
        )

    def provider(self) -> str | None:
        """See `LedgerReader.provider`."""
        with self._asking() as asked:
            held = _held(asked)
            return None if held is None else held[0]

    def changes(self, wanted: ChangeFilter = EVERY_CHANGE) -> Iterator[Recorded]:
        """See `LedgerReader.changes`: all as they stand when the first is read."""
        written = {state.value for state in wanted.states}
        if State.IN_DOUBT in wanted.states:
            written.add(State.CLAIMED.value)
        with self._asking() as asked, asked.transaction():
            for some in asked.each(_WANTED, list(written), *astuple(wanted)[1:]):
                for row in some:
                    claim = ClaimTimes.of(row[-1])
                    change = recorded_of(row, None if claim is None else claim.state)
                    if change.state in wanted.states:
                        yield change

    def runs(self) -> Sequence[Run]:
        """See `LedgerReader.runs`."""
        with self._asking() as asked:
            return [run_of(row) for row in asked.fetch(f"{ALL} ORDER BY id DESC")]

    def shards(self) -> Sequence[ShardedFile]:
        """See `LedgerReader.shards`."""
        with self._asking() as asked:
            return files_of(asked.fetch(progress.ALL))

    def rebind(self, account: Account) -> None:
        """See `LedgerReader.rebind`."""
        with self._asking() as asked, asked.transaction(writes=True):
            # Claims read the account under a lock that they share.
            asked.fetch("SELECT pg_advisory_xact_lock(hashtextextended('account of {schema}', 0))")
            held = _held(asked)
            if held is not None and held[0] != account[0]:
                self._refuse_another(asked, held, account)
            asked.fetch("UPDATE {schema}.book SET provider = $1, fingerprint = $2", *account)

    def settle(self, key: str, word: PersonsWord, operation: str | None = None) -> None:
        """See `LedgerReader.settle`."""
        refuse_no_word(key, word)
        with self._asking() as asked:
            asked.fetch(BEATS_OF_NOW)  # by itself: a refusal would undo it
            with asked.transaction(writes=True):
                candidates = [_candidate(*row) for row in asked.fetch(_UNDER, key)]
                meant = candidates[chosen(candidates, key, operation, str(self))]
                said = WORDS[meant.state][word.state].value
                run = 0
                if word.by is not None:
                    [(run,)] = asked.fetch(_RAN, *astuple(word.by), json.dumps({said: 1}))
                asked.fetch(_SETTLE, key, meant.operation, said, word.kept, run)

    @contextlib.contextmanager
    def beside(self, database: sqlite3.Connection) -> Iterator[AppliedInDatabase]:
        """See `LedgerReader.beside`."""
        with self._asking() as asked:
            held = _held(asked)
            if self.account is not None and held not in (None, self.account):
                self._refuse_another(asked, held, self.account)
            yield AppliedInDatabase(asked, database)

    @contextlib.contextmanager
    def _asking(self) -> Iterator[Session]:
        """Give the connection that is kept, unless it is in use; else one of its own."""
        if self.kept is not None and self.kept.is_free:
            yield self.kept
        else:
            with session(self.database) as asked:
                yield asked

    def _refuse_another(self, asked: Session, held: Account, account: Account) -> None:
        """Raise `ConfigurationError` unless nothing has changed under the account that it is bound to."""
        some = "SELECT 1 FROM {schema}.change WHERE $1 OR state <> ALL($2) LIMIT 1"
        if asked.fetch(some, held[0] != account[0], [state.value for state in FREE]):
            raise ConfigurationError(another(f"The ledger {self.database}", held, account))


def _candidate(operation: str, state: str, owner: str, times: StoredTimes | None) -> Candidate:
    claim = ClaimTimes.of(times)
    if claim is None:
        return Candidate(operation, State(state))
    # An owner that beats may send late, however long ago the time of its claim was over.
    return Candidate(operation, claim.state, owner if claim.beats else None)


def _held(asked: Session) -> Account | None:
    """Return the account that the ledger is bound to, if any."""
    [(provider, fingerprint)] = asked.fetch("SELECT provider, fingerprint FROM {schema}.book")
    return None if provider is None else (provider, fingerprint)
