"""Shards of a file in a ledger: which customers they have, and the one worker that each has at a time."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal

import pytest
from attrs import evolve
from postgres import a_schema, asked

from bonifiq_async import ConfigurationError, LedgerError, PostgresLedger
from bonifiq_async._concurrency.runtime import Runtime
from bonifiq_async.ledger.postgres.database import Database
from bonifiq_async.ledger.postgres.reading.reader import PostgresReader
from bonifiq_async.ledger.postgres.shards.lease import RENEWAL, ShardHeld, ShardLease
from bonifiq_async.ledger.postgres.shards.progress import LEASE
from bonifiq_async.ledger.protocol import Ending, Granted, Intent, State
from bonifiq_async.ledger.shards import Shard, ShardCounts, ShardState, shard_of

ACCOUNT = ("p", "a")
INTENT = Intent("p.earn", "key", b"digest", "ana", Decimal(1), "/path", b"{}", ACCOUNT)
SHARD = Shard("march.csv", "12ab", 0, 2)
TEN = ShardCounts(10)


def test_the_shard_of_a_customer_is_the_same_for_ever() -> None:
    """Workers of two versions share a file: a customer of two shards would lose the order of the changes."""
    customers = ["ana@example.com", "11144477735", "José", "\N{GRINNING FACE}", "a/b?c"]
    assert [shard_of(customer, 16) for customer in customers] == EXPECTED
    assert {shard_of(customer, 1) for customer in customers} == {0}


EXPECTED = [7, 3, 14, 7, 1]
"""For 16 shards: the 16th digit of `printf %s CUSTOMER | sha256sum`."""


def test_customers_are_spread_evenly() -> None:
    counts = [0] * 16
    for number in range(16_000):
        counts[shard_of(f"customer-{number}", 16)] += 1
    assert 850 < min(counts) <= max(counts) < 1150


@pytest.fixture
def database() -> Iterator[Database]:
    with a_schema() as made:
        yield made


@pytest.fixture
async def two(database: Database) -> AsyncIterator[tuple[ShardLease, ShardLease]]:
    """Two workers that want the same shard."""
    async with ledger_of(database) as one, ledger_of(database) as other:
        yield ShardLease(one, SHARD), ShardLease(other, SHARD)


def ledger_of(database: Database) -> PostgresLedger:
    return PostgresLedger(database.dsn, schema=database.schema)


async def over(database: Database) -> None:
    """Let the leases of all shards be over."""
    await asked(database, "UPDATE shard SET lease_until = clock_timestamp() WHERE lease_until IS NOT NULL")


async def taken(lease: ShardLease, progress: ShardCounts = TEN) -> int:
    """Take a shard, and expect to get it."""
    fence = await lease.take(progress)
    assert isinstance(fence, int)
    return fence


async def states(database: Database) -> list[ShardState]:
    """Return where the shards of the one file stand."""
    reader = PostgresReader("url", database)
    [file] = await asyncio.to_thread(reader.shards)
    return [shard.state for shard in file.shards]


async def test_a_shard_has_one_worker_until_its_lease_is_over(database: Database, two) -> None:
    one, other = two
    assert await taken(one) == 1
    held = await other.take(TEN)
    assert isinstance(held, ShardHeld) and held.owner == one.ledger.owner and 0 < held.seconds <= LEASE
    assert await states(database) == [ShardState.AT_WORK, ShardState.WAITING]
    await over(database)
    assert await states(database) == [ShardState.LEFT, ShardState.WAITING]
    assert await taken(other) == 2
    assert await one.finish(1, TEN) is None, "what it says of its shard counts no more"
    assert await states(database) == [ShardState.AT_WORK, ShardState.WAITING]


async def test_a_worker_that_has_lost_its_shard_claims_nothing_more(database: Database, two) -> None:
    """It may have been stopped for minutes, and not know it. What it had in flight it still accounts for."""
    one, other = two
    await taken(one)
    ledger = one.ledger
    first = await ledger.claim(INTENT, lease=60, repeatable=True)
    doubt = evolve(INTENT, key="in doubt")
    second = await ledger.claim(doubt, lease=60, repeatable=True)
    assert isinstance(first, Granted) and isinstance(second, Granted)
    await ledger.end(doubt, second.fence, Ending(State.IN_DOUBT, 1))
    await over(database)
    await taken(other)
    for intent in (evolve(INTENT, key="new"), doubt):
        with pytest.raises(LedgerError, match="another one has taken over its shard"):
            await ledger.claim(intent, lease=60, repeatable=True)
    assert await ledger.end(INTENT, first.fence, Ending(State.APPLIED, 1))
    assert isinstance(await other.ledger.claim(doubt, lease=60, repeatable=True), Granted)
    found = await asked(database, "SELECT key, state FROM change ORDER BY key")
    assert found == [("in doubt", "claimed"), ("key", "applied")]


async def test_a_worker_that_has_lost_its_shard_makes_no_first_claim_either(database: Database, two) -> None:
    """The first one looks to which account the ledger is bound, and takes another way."""
    one, other = two
    await taken(one)
    await over(database)
    await taken(other)
    with pytest.raises(LedgerError, match="another one has taken over its shard"):
        await one.ledger.claim(INTENT, lease=60, repeatable=True)


async def test_an_end_and_a_claim_of_one_group_are_not_mixed_up(database: Database, two) -> None:
    """The end is written, the claim is refused."""
    one, other = two
    await taken(one)
    granted = await one.ledger.claim(INTENT, lease=60, repeatable=True)
    assert isinstance(granted, Granted)
    await over(database)
    await taken(other)
    ended, claimed = await asyncio.gather(
        one.ledger.end(INTENT, granted.fence, Ending(State.APPLIED, 1)),
        one.ledger.claim(evolve(INTENT, key="new"), lease=60, repeatable=True),
        return_exceptions=True,
    )
    assert ended is True and isinstance(claimed, LedgerError)


async def test_the_last_one_to_end_knows_that_it_is(database: Database) -> None:
    """Also when all end at once: one of them says that the file is done, and no other."""
    async with ledger_of(database) as one, ledger_of(database) as two, ledger_of(database) as three:
        leases = [
            ShardLease(ledger, evolve(SHARD, number=number, of=3))
            for number, ledger in enumerate((one, two, three))
        ]
        fences = [await taken(lease) for lease in leases]
        ends = (lease.finish(fence, TEN) for lease, fence in zip(leases, fences, strict=True))
        assert sorted(await asyncio.gather(*ends)) == [0, 1, 2]  # type: ignore[type-var]


async def test_a_shard_that_is_left_is_free_at_once(database: Database, two) -> None:
    one, other = two
    await one.leave(await taken(one), ShardCounts(10, 4, {"applied": 4}))
    assert await states(database) == [ShardState.WAITING, ShardState.WAITING]
    assert await taken(other, ShardCounts(10, 4)) == 2


REFUSALS = {
    "other content": (evolve(SHARD, digest="34cd"), "its content was another one"),
    "another number of shards": (evolve(SHARD, of=3), "in 2 shards, not in 3"),
}


@pytest.mark.parametrize(("other", "why"), REFUSALS.values(), ids=REFUSALS)
async def test_all_workers_have_one_file_and_one_number(
    two, database: Database, other: Shard, why: str
) -> None:
    """A worker with another file would split the customers in another way, or pay other sums."""
    await taken(two[0])
    with pytest.raises(ConfigurationError, match=why):
        await ShardLease(two[1].ledger, other).take(TEN)
    await two[0].finish(1, TEN)
    with pytest.raises(ConfigurationError, match=why):
        await ShardLease(two[1].ledger, other).take(TEN)
    rest = ShardLease(two[0].ledger, evolve(SHARD, number=1))
    await rest.finish(await taken(rest), TEN)
    assert await taken(ShardLease(two[1].ledger, other)) == 1, "the former one is done"
    assert await two[0].finish(1, TEN) is None, "its fence is that of another worker now"


async def test_a_worker_that_has_ended_leaves_no_row(database: Database) -> None:
    """Nor does one that was killed, a day later. One that is silent for less may wake up: its fence stays."""
    async with ledger_of(database) as one, ledger_of(database) as killed, ledger_of(database) as silent:
        for number, ledger in enumerate((one, killed, silent)):
            await taken(ShardLease(ledger, evolve(SHARD, number=number, of=3)))
        for ledger, age in ((killed, 25), (silent, 23)):
            await asked(
                database,
                f"UPDATE owner SET beat = beat - interval '{age} hours' WHERE name = $1",
                ledger.owner,
            )
        await one.aclose()
        async with ledger_of(database):
            assert await asked(database, "SELECT owner FROM shard_worker") == [(silent.owner,)]


class Time:
    """A clock that a test moves; a sleep lasts until then."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept = asyncio.Queue[float]()

    async def sleep(self, seconds: float) -> None:
        self.now += await self.slept.get()

    @property
    def runtime(self) -> Runtime:
        return Runtime(monotonic=lambda: self.now, sleep=self.sleep)


async def test_a_lease_is_kept_until_another_worker_has_the_shard(database: Database, two) -> None:
    one, other = two
    fence, time = await taken(one), Time()
    keeping = asyncio.create_task(one.keep(fence, lambda: ShardCounts(10, 7), 0.0, time.runtime))
    for _ in range(3):
        await over(database)
        time.slept.put_nowait(RENEWAL)
        while await states(database) != [ShardState.AT_WORK, ShardState.WAITING]:
            await asyncio.sleep(0)
    assert await asked(database, "SELECT changes, ended FROM shard WHERE number = 0") == [(10, 7)]
    await over(database)
    await taken(other)
    time.slept.put_nowait(RENEWAL)
    await asyncio.wait_for(keeping, 10)


async def test_a_lease_ends_here_when_the_database_takes_nothing(two) -> None:
    """No later than at the database: another worker may have the shard by then."""
    one, _ = two
    fence, time = await taken(one), Time()
    keeping = asyncio.create_task(one.keep(fence, lambda: TEN, 0.0, time.runtime))
    time.slept.put_nowait(LEASE + 1)
    await asyncio.wait_for(keeping, 10)
