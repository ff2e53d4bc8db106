"""What is asked of the file afterwards, and a person's word on what is in doubt."""

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from attrs import evolve, field, frozen

from bonifiq_async._concurrency.runtime import Runtime
from bonifiq_async._model.errors import ConfigurationError
from bonifiq_async.ledger.protocol import Account, State
from bonifiq_async.ledger.recorded import EVERY_CHANGE, ChangeFilter, Recorded
from bonifiq_async.ledger.runs import Run
from bonifiq_async.ledger.settling import WORDS, Candidate, PersonsWord, chosen, refuse_no_word
from bonifiq_async.ledger.shards import ShardedFile
from bonifiq_async.ledger.sqlite import comparison, run
from bonifiq_async.ledger.sqlite.connection import LedgerConnection, fault_of, opened, writing
from bonifiq_async.ledger.sqlite.header import bound, provider_in
from bonifiq_async.ledger.sqlite.owner import Lease, Sight, heard
from bonifiq_async.ledger.sqlite.row import Entry, every, put, under
from bonifiq_async.ledger.sqlite.store import SqliteLedger


@frozen
class SqliteReader:
    """The ledger in the file at `path`: see `LedgerReader`, whose methods these are."""

    path: Path
    account: Account | None = None
    runtime: Runtime = field(factory=Runtime)

    def __str__(self) -> str:
        return str(self.path)

    @property
    def name(self) -> str:
        """See `LedgerReader.name`."""
        return self.path.name

    @property
    def file(self) -> Path:
        """See `LedgerReader.file`."""
        return self.path

    def exists(self) -> bool:
        """See `LedgerReader.exists`."""
        return self.path.exists()

    def of(self, account: Account | None) -> "SqliteReader":
        """See `LedgerReader.of`."""
        return evolve(self, account=account)

    def others(self) -> Sequence["SqliteReader"]:
        """See `LedgerReader.others`: those in the same folder, by their ending."""
        found = (each for each in self.path.parent.glob("*.ledger") if each.is_file())
        latest = sorted(found, key=lambda each: each.stat().st_mtime, reverse=True)
        return [evolve(self, path=each) for each in latest if each != self.path]

    def connected(self) -> contextlib.AbstractContextManager["SqliteReader"]:
        """See `LedgerReader.connected`: to open a file costs little."""
        return contextlib.nullcontext(self)

    def writer(self) -> SqliteLedger:
        """See `LedgerReader.writer`."""
        return SqliteLedger(self.path)

    def provider(self) -> str | None:
        """See `LedgerReader.provider`."""
        with self._opened() as connection:
            return provider_in(connection)

    def changes(self, wanted: ChangeFilter = EVERY_CHANGE) -> Iterator[Recorded]:
        """See `LedgerReader.changes`.

        Every change is read and its seal asked, also of those that are not wanted: what is damaged cannot be
        left out unseen.
        """
        with self._opened() as connection:
            sight = Sight.here(self.runtime)
            for entry in every(connection):
                runs = (entry.run, entry.last_run)
                if (
                    wanted.takes(entry.key, entry.row.customer_id, entry.last_sent, runs)
                    and (state := _state(connection, sight, entry)) in wanted.states
                ):
                    yield entry.recorded(state)

    def runs(self) -> Sequence[Run]:
        """See `LedgerReader.runs`."""
        with self._opened() as connection:
            return list(run.every(connection, Sight.here(self.runtime)))

    def shards(self) -> Sequence[ShardedFile]:
        """See `LedgerReader.shards`."""
        return ()

    def rebind(self, account: Account) -> None:
        """See `LedgerReader.rebind`."""
        with self._opened() as connection, writing(connection):
            if provider_in(connection) not in (None, account[0]):
                bound(connection, self.path, account)
            connection.bind(account)

    def settle(self, key: str, word: PersonsWord, operation: str | None = None) -> None:
        """See `LedgerReader.settle`."""
        refuse_no_word(key, word)
        with self._opened() as connection, writing(connection):
            sight, entries = Sight.here(self.runtime), under(connection, key)
            candidates = [_candidate(connection, sight, each) for each in entries]
            entry = entries[chosen(candidates, key, operation, str(self))]
            _settle(connection, sight, entry, word)

    def accept_without_log(self) -> None:
        """Take a person's word that nothing is missing in a ledger whose log is. Raises as `settle`."""
        with self._opened(without_log=True):
            pass

    def beside(
        self, database: sqlite3.Connection
    ) -> contextlib.AbstractContextManager[comparison.AppliedInFile]:
        """See `LedgerReader.beside`."""
        return comparison.beside(self.path, self.account, database)

    @contextlib.contextmanager
    def _opened(self, *, without_log: bool = False) -> Iterator[LedgerConnection]:
        if not self.path.is_file():
            raise ConfigurationError(f"There is no ledger {self.path}.")
        try:
            with contextlib.closing(opened(self.path, without_log=without_log)) as connection:
                yield connection
        except (sqlite3.Error, OSError) as error:
            raise fault_of(self.path, error) from None


def _candidate(connection: sqlite3.Connection, sight: Sight, entry: Entry) -> Candidate:
    state, owner = _state(connection, sight, entry), entry.row.owner
    # One that runs on this machine may send late, however long ago its time was over.
    busy = entry.row.state is State.CLAIMED and (state not in WORDS or sight.runs(owner))
    return Candidate(entry.operation, state, owner if busy else None)


def _settle(connection: LedgerConnection, sight: Sight, entry: Entry, word: PersonsWord) -> None:
    now = sight.runtime.wall()
    said = WORDS[_state(connection, sight, entry)][word.state]
    row = evolve(entry.row, state=said, in_doubt=False, fence=entry.row.fence + 1)
    last_run = 0
    if word.by is not None:
        last_run = run.begin(connection, word.by, "", now, sight).id
        run.end(connection, last_run, now, {said.value: 1})
    put(connection, evolve(entry, row=row, last_sent=now, error=word.kept, last_run=last_run))


def _state(connection: sqlite3.Connection, sight: Sight, entry: Entry) -> State:
    """Return where a change stands: a claim that holds no more is in doubt."""
    row = entry.row
    if row.state is not State.CLAIMED:
        return row.state
    claim = Lease(row.owner, row.lease_until, entry.last_sent)
    return State.CLAIMED if sight.left(claim, heard(connection, row.owner)) else State.IN_DOUBT
