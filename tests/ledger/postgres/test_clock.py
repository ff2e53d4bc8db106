"""The database's clock is set back: what was written before lies ahead, and holds nothing until that time.

A test moves what is written by an hour instead of the clock.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal

import pytest
from attrs import evolve
from postgres import a_schema, asked, with_a_start

from bonifiq_async import ConfigurationError, PostgresLedger, SharedPace
from bonifiq_async.ledger.postgres.connection import connect
from bonifiq_async.ledger.postgres.database import Database
from bonifiq_async.ledger.postgres.owner import BEAT, SILENCE
from bonifiq_async.ledger.postgres.reading.reader import PostgresReader
from bonifiq_async.ledger.postgres.shards.lease import ShardHeld, ShardLease
from bonifiq_async.ledger.postgres.shards.progress import LEASE
from bonifiq_async.ledger.protocol import Granted, Held, Intent, Ruling, State
from bonifiq_async.ledger.settling import PersonsWord
from bonifiq_async.ledger.shards import Shard, ShardCounts

ACCOUNT = ("provider", "account")
INTENT = Intent("operation", "key", b"digest", "ana", Decimal("10.50"), "/path", b"{}", ACCOUNT)
SHARD, TEN = Shard("march.csv", "12ab", 0, 1), ShardCounts(10)
HOUR = "interval '1 hour'"
BACK = {
    "owner": f"UPDATE owner SET beat = beat + {HOUR}",
    "shard": f"UPDATE shard SET lease_until = lease_until + {HOUR}",
    "pace": f"UPDATE pace SET tat = tat + {HOUR}, held_until = held_until + {HOUR},"
    f" written = written + {HOUR}",
    "pace_worker": f"UPDATE pace_worker SET beat = beat + {HOUR}",
    "started": f"UPDATE started SET at = clock_timestamp() + {HOUR}",
}
"""What sets the clock back an hour, for one table."""


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """A schema in which beats come with what is written alone: an idle owner is as good as killed."""
    monkeypatch.setattr("bonifiq_async.ledger.postgres.writer.TICK", None)
    with a_schema() as made:
        yield with_a_start(made)


@pytest.fixture
async def two(database: Database) -> AsyncIterator[tuple[PostgresLedger, PostgresLedger]]:
    """Two ledgers: the one that is killed, and another."""
    async with ledger_of(database) as killed, ledger_of(database) as other:
        await killed.bind(*ACCOUNT)
        await other.bind(*ACCOUNT)
        yield killed, other


def ledger_of(database: Database, **settings: object) -> PostgresLedger:
    return PostgresLedger(database.dsn, schema=database.schema, **settings)


async def set_back(database: Database, *tables: str) -> None:
    for table in tables:
        await asked(database, BACK[table])


async def passes(database: Database, seconds: float = SILENCE) -> None:
    """Let so many seconds pass, for the owners."""
    await asked(database, f"UPDATE owner SET beat = beat - interval '{seconds} seconds'")


async def claimed(ledger: PostgresLedger, intent: Intent = INTENT) -> Ruling:
    return await ledger.claim(intent, lease=60.0, repeatable=True)


async def test_a_claim_of_a_killed_owner_is_free_after_its_silence(database: Database, two) -> None:
    """Its silence begins when another one first meets it, and is not begun anew at each look."""
    killed, other = two
    await claimed(killed)
    await set_back(database, "owner", "started")
    held = await claimed(other)
    assert isinstance(held, Held) and SILENCE - 1 < held.seconds <= SILENCE
    await passes(database, 10.0)
    held = await claimed(other)
    assert isinstance(held, Held) and 9.0 < held.seconds <= 10.0
    await passes(database, 10.0)
    assert await claimed(other) == Granted(2, True)


async def test_a_ledger_that_is_opened_meets_all_owners(database: Database, two) -> None:
    await claimed(two[0])
    await set_back(database, "owner")
    async with ledger_of(database):
        assert await asked(database, "SELECT bool_and(beat <= clock_timestamp()) FROM owner") == [(True,)]


async def test_an_owner_that_is_about_to_beat_is_not_waited_for(database: Database, two) -> None:
    """It may wait for the changes that the other one has locked: a deadlock."""
    killed, other = two
    await claimed(killed)
    await set_back(database, "owner")
    connection = await connect(database)
    try:
        async with connection.transaction(), asyncio.timeout(10.0):
            await connection.execute(f'SELECT FROM "{database.schema}".owner FOR UPDATE')
            held = await claimed(other)
            assert isinstance(held, Held) and held.seconds <= SILENCE
            async with ledger_of(database):
                pass
    finally:
        await connection.close()


async def test_a_person_settles_what_a_killed_owner_has_claimed(database: Database, two) -> None:
    """After its silence, where nothing else uses the ledger."""
    await claimed(two[0])
    await set_back(database, "owner")
    reader, word = PostgresReader("url", database), PersonsWord(State.APPLIED, "seen")
    with pytest.raises(ConfigurationError, match="may still be under way"):
        await asyncio.to_thread(reader.settle, "key", word)
    await passes(database)
    await asyncio.to_thread(reader.settle, "key", word)


async def test_an_owner_that_runs_keeps_its_claims(database: Database) -> None:
    """Whether or not another one meets its beat before it writes the next one."""
    now = [1000.0]
    async with ledger_of(database, monotonic=lambda: now[0]) as ledger, ledger_of(database) as other:
        await ledger.bind(*ACCOUNT)
        granted = await claimed(ledger)
        for met in (True, False):
            now[0] += BEAT
            await set_back(database, "owner")
            if met:
                await claimed(other)
            await claimed(ledger, evolve(INTENT, key=f"at {now[0]}"))
            assert isinstance(granted, Granted) and granted.held()
            assert isinstance(await claimed(other), Held)


@pytest.mark.parametrize("met", [False, True], ids=["by none", "by another"])
async def test_an_owner_that_was_stopped_holds_nothing_of_before(database: Database, met: bool) -> None:
    """Another has taken its change over, then the clock is set back: its next beat hides its silence."""
    now = [1000.0]
    async with ledger_of(database, monotonic=lambda: now[0]) as stopped, ledger_of(database) as other:
        await stopped.bind(*ACCOUNT)
        granted = await claimed(stopped)
        rest = evolve(INTENT, key="rest")
        await claimed(stopped, rest)
        await passes(database)
        assert await claimed(other) == Granted(2, True)
        await set_back(database, "owner")
        if met:
            assert isinstance(await claimed(other, rest), Held)
        now[0] += SILENCE
        await claimed(stopped, evolve(INTENT, key="another"))
        assert isinstance(granted, Granted) and not granted.held()


async def test_the_shard_of_a_killed_worker_is_free_after_its_lease(database: Database, two) -> None:
    killed, other = (ShardLease(ledger, SHARD) for ledger in two)
    assert await killed.take(TEN) == 1
    await set_back(database, "shard", "started")
    held = await other.take(TEN)
    assert isinstance(held, ShardHeld) and LEASE - 1 < held.seconds <= LEASE
    await asked(database, f"UPDATE shard SET lease_until = lease_until - interval '{LEASE} seconds'")
    assert await other.take(TEN) == 2


async def test_a_shared_pace_goes_on(database: Database, two) -> None:
    """It stands still for no longer than the moments last that were given, so that none is given twice."""
    one, other = (SharedPace(ledger, 10.0) for ledger in two)
    await one.take("a", 20, 0.0)
    await set_back(database, "pace", "pace_worker")
    given = await other.take("b", 10, 0.0)
    assert 1.5 < given.starts <= 2.0
    assert 2.5 < (await one.take("a", 1, 0.0)).starts <= 3.0


async def test_a_wait_lasts_no_longer_than_was_asked_for(database: Database, two) -> None:
    """Counted from when the clock was set back, and not from each look."""
    pace = SharedPace(two[0], 10.0)
    await pace.take("a", 0, 30.0)
    await set_back(database, "pace")
    assert 29.0 < (await pace.take("a", 1, 0.0)).held <= 30.0
    await asyncio.sleep(0.1)
    assert 29.0 < (await pace.take("a", 1, 0.0)).held <= 29.9
    assert (await pace.take("a", 0, 40.0)).held == pytest.approx(40.0)


async def test_a_worker_of_the_pace_counts_for_ten_seconds(database: Database, two) -> None:
    """All count meanwhile: each would take the part of the others for its own."""
    pace = SharedPace(two[0], 10.0)
    for name in "abc":
        await pace.take(name, 0, 0.0)
    await set_back(database, "pace", "pace_worker")
    assert (await pace.take("a", 0, 0.0)).workers == 3
    await asked(database, "UPDATE pace_worker SET beat = beat - interval '11 seconds' WHERE name = 'c'")
    assert (await pace.take("a", 0, 0.0)).workers == 2
