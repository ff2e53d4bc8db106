"""Batches of several processes that keep one pace together: in virtual time, without a database."""

import asyncio
from bisect import bisect_left
from collections.abc import Callable

import pytest
from attrs import define, field
from conftest import change
from virtual import GOOD, Client, Provider, now, status, virtual, wide

from bonifiq_async import CashbackBatch, ConfigurationError, Effect, LedgerError, SharedPace
from bonifiq_async._limits.moments import FRESH, LATE, GrantedMoments
from bonifiq_async._model.evidence import Evidence
from bonifiq_async.ledger.postgres.pace import Slice


@define
class Database:
    """Does what the function `take_pace` does, in so many seconds; `down` says why it cannot.

    Its answer is `late` by so many seconds more, and its clock was set `back` by so many.
    """

    takes: float = 0.004
    late: Callable[[], float] = lambda: 0.0
    back: Callable[[], float] = lambda: 0.0
    tat: float = float("-inf")
    held_until: float = float("-inf")
    workers: set[str] = field(factory=set)
    asked: int = 0
    down: Callable[[], Exception | None] = lambda: None

    async def take(self, pace: SharedPace, worker: str, many: int, asked: float) -> Slice:
        await asyncio.sleep(self.takes)
        if (why := self.down()) is not None:
            raise why
        self.asked += 1
        self.workers.add(worker)
        self.tat = max(self.tat, now())
        if asked:
            self.held_until = max(self.held_until, now() + asked)
        starts, held = self.tat - now(), max(0.0, self.held_until - now())
        self.tat += 0 if held > 0 else many / pace.per_second
        clock = now() + 1e9 - self.back()
        if (late := self.late()) > 0:
            await asyncio.sleep(late)
        return Slice(starts, held, len(self.workers), clock)


@define
class Bound(SharedPace):
    """A pace of this stand-in."""

    database: Database = field(kw_only=True)

    async def take(self, worker: str, many: int, asked: float) -> Slice:
        return await self.database.take(self, worker, many, asked)

    async def leave(self, worker: str) -> None:
        self.database.workers.discard(worker)


def pace_of(database: Database, per_second: float = 200.0, in_flight: int | None = None) -> SharedPace:
    return Bound(None, per_second, in_flight, database=database)


async def worker(
    provider: Provider, pace: SharedPace, name: str, seconds: float, most: int = 16, **more: object
) -> CashbackBatch:
    """Be one process: a client of its own, with a batch that has always more to send."""
    client = Client(provider, call=100.0)
    batch = CashbackBatch(client, flow=wide(most, shared_pace=pace, **more), runtime=client.limit.runtime)
    asyncio.get_running_loop().call_later(seconds, batch.stop)
    async for outcome in batch.run(change(f"{name} {n}", customer=f"{name} {n}") for n in range(10**9)):
        assert outcome.effect in (Effect.APPLIED, Effect.NOT_APPLIED)
    return batch


async def workers(
    provider: Provider, pace: SharedPace, seconds: float, count: int = 8
) -> list[CashbackBatch]:
    return await asyncio.gather(*(worker(provider, pace, f"w{n}", seconds) for n in range(count)))


def fullest(times: list[float]) -> int:
    """Return how many are in the second that has the most, wherever it begins."""
    return max(bisect_left(times, at + 1.0) - place for place, at in enumerate(times))


@pytest.mark.parametrize("count", [1, 8, 40])
@virtual
async def test_all_workers_together_keep_the_pace(count: int) -> None:
    """No second above it, and nearly all of it used; with few questions to the database."""
    provider, database, began = Provider(), Database(), now()
    await workers(provider, pace_of(database), 15.0, count)
    times = [at for at, _ in provider.arrivals if began + 2.0 <= at < began + 14.0]
    assert fullest(times) <= 205
    assert len(times) / 12.0 >= 195
    assert database.asked < 15 * (25 + 8 * count)


@virtual
async def test_a_wait_asked_of_one_worker_is_kept_by_all_within_a_second() -> None:
    """And no longer than it was asked for, however often the workers repeat it to each other."""
    heard: list[float] = []

    def answers(provider: Provider, key: str) -> Evidence:
        if not heard and key.startswith("w3") and now() > began + 3.0:
            heard.append(now() + 0.03)
            return status(429, 6.0)
        return GOOD

    provider, database, began = Provider(answers), Database(), now()
    await workers(provider, pace_of(database), 14.0)
    since = [at - heard[0] for at, _ in provider.arrivals if at > heard[0]]
    assert [seconds for seconds in since if 1.0 <= seconds < 5.95] == []
    assert 5.95 <= min(seconds for seconds in since if seconds > 1.0) <= 6.5
    assert database.held_until <= heard[0] + 6.1


@pytest.mark.parametrize("why", [LedgerError("it is down"), None], ids=["an error", "no answer"])
@virtual
async def test_nothing_is_sent_while_the_database_does_not_answer(why: Exception | None) -> None:
    """It goes on when the database is back."""
    provider, database, began = Provider(), Database(), now()

    def down() -> Exception | None:
        return why if began + 3.0 < now() < began + 8.0 else None

    async def hangs() -> None:
        await asyncio.sleep(3.0)
        database.takes = 5.0
        await asyncio.sleep(4.9)
        database.takes = 0.004

    database.down = down
    waits = asyncio.create_task(hangs()) if why is None else None
    await workers(provider, pace_of(database), 14.0, 3)
    times = [at - began for at, _ in provider.arrivals]
    assert [at for at in times if 3.0 + FRESH + 0.1 < at < 7.9] == []
    assert len([at for at in times if at < 3.0]) > 500
    assert len([at for at in times if at > 10.0]) > 500
    if waits is not None:
        await waits


@virtual
async def test_moments_that_are_past_when_they_come_are_asked_for_again() -> None:
    """Nothing is in flight then, whose end would have the database asked."""
    provider, database, began = Provider(takes=0.001), Database(), now()
    database.late = lambda: 5 * LATE if database.asked % 5 == 0 else 0.0
    await worker(provider, pace_of(database, 25.0), "w", 20.0, most=1)
    times = [at - began for at, _ in provider.arrivals]
    assert fullest(times) <= 26
    assert len([at for at in times if at < 20.0]) > 0.6 * 25 * 20


@pytest.mark.parametrize("ends", ["it is stopped", "nothing succeeds"])
@virtual
async def test_a_run_that_waits_for_the_database_alone_ends_as_others_do(ends: str) -> None:
    """Its changes were sent, and would be sent again: not for as long as a call has time."""
    began = now()
    provider = Provider(lambda _, key: status(503) if now() > began + 3.0 else GOOD)
    database, client = Database(), Client(provider, call=180.0)
    database.down = lambda: LedgerError("it is down") if now() > began + 3.05 else None
    flow = wide(4, shared_pace=pace_of(database, 50.0), give_up_after=20.0)
    batch = CashbackBatch(client, flow=flow, runtime=client.limit.runtime)
    if ends == "it is stopped":
        asyncio.get_running_loop().call_later(4.5, batch.stop)
    async for _ in batch.run(change(str(n), customer=str(n)) for n in range(10**6)):
        pass
    assert now() < began + (10.0 if ends == "it is stopped" else 25.0)


@virtual
async def test_the_batches_of_one_client_do_not_repeat_a_wait_to_each_other() -> None:
    """It was written down once, and is not extended by the time that this takes."""
    began = now()
    heard: list[float] = []

    def answers(provider: Provider, key: str) -> Evidence:
        if not heard and now() > began + 1.0:
            heard.append(now())
            return status(429, 3.0)
        return GOOD

    provider, database = Provider(answers), Database(takes=0.2)
    clients = [Client(provider, call=100.0) for _ in range(4)]

    async def run(client: Client, name: str) -> None:
        flow = wide(8, shared_pace=pace_of(database, 50.0))
        batch = CashbackBatch(client, flow=flow, runtime=client.limit.runtime)
        asyncio.get_running_loop().call_later(12.0, batch.stop)
        async for _ in batch.run(change(f"{name} {n}", customer=f"{name} {n}") for n in range(10**6)):
            pass

    await asyncio.gather(*(run(client, f"{c} {b}") for c, client in enumerate(clients) for b in range(4)))
    assert 2.9 < database.held_until - heard[0] < 3.5


@virtual
async def test_a_batch_that_has_ended_asks_the_database_for_nothing() -> None:
    """Another call of its client is asked to wait while it takes its leave, and the database is down."""

    @define
    class Slow(Bound):
        async def leave(self, worker: str) -> None:
            client.limit.told_to_wait(now(), 2.0, 120.0)
            await asyncio.sleep(0.5)
            raise LedgerError("it is down")

    database, client = Database(), Client(Provider(), call=100.0)
    pace = Slow(None, 50.0, None, database=database)
    batch = CashbackBatch(client, flow=wide(4, shared_pace=pace), runtime=client.limit.runtime)
    asyncio.get_running_loop().call_later(0.5, setattr, database, "down", lambda: LedgerError("it is down"))
    async for outcome in batch.run([change("a"), change("b")]):
        asked = database.asked
        assert outcome.effect is Effect.APPLIED
    assert database.asked == asked


@virtual
async def test_a_clock_of_the_database_that_is_set_back_holds_nothing() -> None:
    """How the clocks differed before says nothing more: all moments would seem to be past."""
    began = now()
    provider, database = Provider(), Database(0.02, back=lambda: 60.0 if now() > began + 2.0 else 0.0)
    await workers(provider, pace_of(database), 4.0, 2)
    times = [at for at, _ in provider.arrivals if began + 1.0 <= at < began + 3.5]
    assert len(times) > 0.95 * 200 * 2.5


@virtual
async def test_a_database_that_cannot_be_used_ends_the_batch() -> None:
    """With its own sentence; nothing was sent."""
    provider, database = Provider(), Database()
    database.down = lambda: ConfigurationError("The ledger has version 1, and this program needs 2.")
    batch = await worker(provider, pace_of(database), "w", 1_000.0)
    assert "needs 2" in str(batch.stopped_by)
    assert provider.tried == []


@virtual
async def test_what_is_in_flight_is_divided_by_the_workers_that_are_there() -> None:
    provider, database, began = Provider(takes=0.5), Database(), now()
    most = {4: 0, 1: 0}

    async def watch() -> None:
        while now() < began + 18.0:
            phase = 4 if began + 3.0 < now() < began + 9.0 else 1 if now() > began + 12.0 else None
            if phase is not None:
                most[phase] = max(most[phase], provider.at_once)
            await asyncio.sleep(0.01)

    pace = pace_of(database, in_flight=12)
    await asyncio.gather(
        watch(),
        worker(provider, pace, "long", 20.0),
        *(worker(provider, pace, f"w{n}", 10.0) for n in range(3)),
    )
    assert most == {4: 12, 1: 12}


def test_a_moment_that_is_past_is_lost_and_nothing_is_made_up_for() -> None:
    moments = GrantedMoments(0.005)
    assert moments.wait(10.0) is None
    assert moments.wants(10.0, 50) == 10
    assert moments.wants(10.0, 3) == 3
    moments.granted(10.0, 0.1, 10)
    assert moments.wait(10.0) == pytest.approx(0.1)
    assert moments.wait(10.1 + 0.005 + LATE / 2) == 0.0
    moments.took()
    assert moments.wait(10.2) is None
    assert not moments.times


def test_what_was_said_of_a_wait_is_asked_again_before_it_is_too_old() -> None:
    moments = GrantedMoments(0.005)
    moments.granted(10.0, 5.0, 10)
    assert moments.wants(10.1, 10) is None
    assert moments.wants(10.0 + FRESH / 2 + 0.01, 10) == 0
    assert moments.wants(10.0 + FRESH / 2 + 0.01, 0) is None
    assert moments.wait(10.0 + FRESH + 0.01) is None
