"""A call cancelled at any moment leaves no permit, no task, and no change that is unrecorded."""

import asyncio
from contextlib import aclosing

import pytest
from cancelling import CancelledAt
from conftest import Clock, change, client_for, delivery_of, fast, until

from bonifiq_async import (
    CashbackBatch,
    ConfigurationError,
    Effect,
    FlowControl,
    NotAppliedError,
    OutcomeUnknownError,
    PoolLimits,
    Runtime,
)
from bonifiq_async.sandbox import FaultScript

pytestmark = pytest.mark.usefixtures("way")
"""Everything here holds directly and by aiohttp's session."""

CHANGE = change()
KEY = CHANGE.change_key
SCRIPTS = {
    "plain": [],
    "lost, then answered": ["close-after"],
    "throttled, then answered": ["429"],
    "broken twice": ["500-before", "502-after"],
    "half an answer": ["half-body-after"],
}


@pytest.mark.parametrize("late", [False, True], ids=["at once", "in the next turn"])
@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS.keys())
async def test_cancelled_at_every_await_point(script: list[str], late: bool, sandbox) -> None:
    doubts = []
    for at in range(100):
        server = sandbox(faults=FaultScript(script), duplicates="error-409")
        async with client_for(server, runtime=Clock().runtime()) as client:

            async def cancelled(client=client, at=at) -> tuple[bool, object]:
                call = CancelledAt(client.customers.change_cashback(CHANGE), at, late=late)
                try:
                    outcome = await call
                except asyncio.CancelledError:
                    outcome = None
                return call.reached, outcome

            reached, outcome = await asyncio.create_task(cancelled())
            doubt = client.in_doubt()
            assert delivery_of(client).limiter.active == 0
            assert delivery_of(client).limiter.waiting == 0
            assert asyncio.all_tasks() == {asyncio.current_task()}

            repeat = await client.customers.change_cashback(CHANGE)
            assert repeat.effect in (Effect.APPLIED, Effect.ALREADY_APPLIED)
            assert client.in_doubt() == ()
        server.stop()  # no more requests arrive
        assert len(server.books.effects(KEY)) == 1
        assert server.books.balance("ANA") == 10
        before = server.books.requests_for(KEY) - sum(attempt.requests for attempt in repeat.attempts)
        if outcome is None and _may_have_been_acted_on(script, before):
            assert doubt == (KEY,), f"cancelled at await point {at}: {before} requests had arrived"
        if outcome is not None:
            assert doubt == ()
        doubts.append(doubt)
        if not reached:
            assert outcome.effect in (Effect.APPLIED, Effect.ALREADY_APPLIED)
            break
    else:
        pytest.fail("the call never ended")
    assert doubts[0] == () and (KEY,) in doubts  # both cases of the rule occurred


def _may_have_been_acted_on(script: list[str], arrived: int) -> bool:
    """Say whether one of the requests that arrived was not answered by a 429."""
    met = [*script, *[""] * arrived][:arrived]
    return any(fault != "429" for fault in met)


@pytest.mark.parametrize("late", [False, True], ids=["at once", "in the next turn"])
async def test_a_read_cancelled_at_every_await_point_leaves_nothing(late: bool, sandbox) -> None:
    server = sandbox(faults=FaultScript(rate=0.3, seed=1, among=["500-before", "half-body-after", "429"]))
    async with client_for(server, pool=PoolLimits(connections=1), runtime=Clock().runtime()) as client:
        for at in range(100):
            call = CancelledAt(client.customers.points("ANA"), at, late=late)

            async def cancelled(call=call) -> None:
                await call

            await asyncio.wait([asyncio.create_task(cancelled())])
            assert delivery_of(client).limiter.active == 0
            assert asyncio.all_tasks() == {asyncio.current_task()}
            if not call.reached:
                break
        else:
            pytest.fail("the call never ended")
        assert at > 2
        assert (await client.customers.points("ANA")).customer_exists
    assert client.in_doubt() == ()


async def test_asyncio_timeout_around_a_call(sandbox) -> None:
    server = sandbox(faults=FaultScript(["silence-after"]), duplicates="error-400")
    async with client_for(server) as client:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await client.customers.change_cashback(CHANGE)
        assert client.in_doubt() == (KEY,)
        assert delivery_of(client).limiter.active == 0
        assert (await client.customers.change_cashback(CHANGE)).effect is Effect.ALREADY_APPLIED
        assert client.in_doubt() == ()
    assert len(server.books.effects(KEY)) == 1
    assert server.books.requests_for(KEY) == 2


class Stuck:
    """A runtime in which every wait lasts until it is cancelled; `waits` says that one has begun."""

    def __init__(self) -> None:
        self.waits = asyncio.Event()

    async def sleep(self, _: float) -> None:
        self.waits.set()
        await asyncio.Event().wait()

    def runtime(self) -> Runtime:
        return Runtime(sleep=self.sleep)


@pytest.mark.parametrize(
    ("fault", "in_doubt"),
    [
        ("429", False),
        ("429-seconds", False),
        ("503-seconds", True),
        ("500-before", True),
        ("close-before", True),
        ("half-body-after", True),
        ("close-unread", True),
    ],
    ids=str,
)
async def test_cancelled_while_it_waits_to_repeat(fault: str, in_doubt: bool, sandbox) -> None:
    server, stuck = sandbox(faults=FaultScript([fault])), Stuck()
    async with client_for(server, runtime=stuck.runtime()) as client:
        call = asyncio.create_task(client.customers.change_cashback(CHANGE))
        await asyncio.wait_for(stuck.waits.wait(), 5)
        assert delivery_of(client).limiter.active == 0  # no permit is held during a wait
        call.cancel()
        await asyncio.wait([call])
        assert client.in_doubt() == ((KEY,) if in_doubt else ())


async def test_cancelled_in_the_queue_is_not_in_doubt(sandbox) -> None:
    server = sandbox(faults=FaultScript(["silence-before"]))
    async with client_for(server, pool=PoolLimits(connections=1)) as client:
        first = asyncio.create_task(client.customers.points("ANA"))
        await until(lambda: server.books.requests == 1)
        call = asyncio.create_task(client.customers.change_cashback(CHANGE))
        await until(lambda: delivery_of(client).limiter.waiting == 1)
        call.cancel()
        await asyncio.wait([call])
        assert client.in_doubt() == ()
        assert delivery_of(client).limiter.waiting == 0
        first.cancel()
        await asyncio.wait([first])
        assert delivery_of(client).limiter.active == 0
    assert server.books.requests == 1


async def test_cancelled_while_it_connects_is_not_in_doubt(deaf_url, sandbox) -> None:
    async with client_for(sandbox(), base_url=deaf_url) as client:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await client.customers.change_cashback(CHANGE)
        assert client.in_doubt() == ()
        assert delivery_of(client).limiter.active == 0


async def test_client_closed_under_a_call_in_flight_says_unknown(sandbox) -> None:
    server = sandbox(faults=FaultScript(["silence-after"]))
    async with client_for(server) as client:
        call = asyncio.create_task(client.customers.change_cashback(CHANGE))
        await until(lambda: server.books.requests == 1)
        await client.aclose()
        with pytest.raises(OutcomeUnknownError, match="closed"):
            await call
        assert client.in_doubt() == (KEY,)
        with pytest.raises(ConfigurationError):
            await client.customers.change_cashback(CHANGE)
        assert client.in_doubt() == (KEY,)
    assert server.books.requests == 1


async def test_client_closed_before_a_queued_call_was_sent_says_not_applied(sandbox) -> None:
    server = sandbox(faults=FaultScript(["silence-before"]))
    async with client_for(server, pool=PoolLimits(connections=1)) as client:
        first = asyncio.create_task(client.customers.points("ANA"))
        await until(lambda: server.books.requests == 1)
        call = asyncio.create_task(client.customers.change_cashback(CHANGE))
        await until(lambda: delivery_of(client).limiter.waiting == 1)
        await client.aclose()
        with pytest.raises(NotAppliedError, match="closed"):
            await call
        with pytest.raises(NotAppliedError, match="closed"):
            await first
        assert client.in_doubt() == ()
        assert delivery_of(client).limiter.active == 0
    assert server.books.requests == 1


async def test_client_closed_before_a_queued_repeat_says_unknown(sandbox) -> None:
    server = sandbox(faults=FaultScript(["close-after", "silence-before"]))
    waits, go_on = asyncio.Event(), asyncio.Event()

    async def sleep(_: float) -> None:
        waits.set()
        await go_on.wait()

    async with client_for(server, pool=PoolLimits(connections=1), runtime=Runtime(sleep=sleep)) as client:
        call = asyncio.create_task(client.customers.change_cashback(CHANGE))
        await asyncio.wait_for(waits.wait(), 5)
        other = asyncio.create_task(client.customers.points("ANA"))
        await until(lambda: server.books.requests == 2)
        go_on.set()
        await until(lambda: delivery_of(client).limiter.waiting == 1)
        await client.aclose()
        with pytest.raises(OutcomeUnknownError, match="closed"):
            await call
        await asyncio.wait([other])
        assert isinstance(other.exception(), NotAppliedError)
        assert client.in_doubt() == (KEY,)
    assert len(server.books.effects(KEY)) == 1


@pytest.mark.slow
@pytest.mark.parametrize("taken", [0, 1, 7, 60], ids=lambda taken: f"after {taken} outcomes")
async def test_a_batch_left_early(taken: int, sandbox) -> None:
    changes = [change(f"change-{number}", customer=f"customer {number % 40}") for number in range(200)]
    script = FaultScript(rate=0.4, seed=taken, among=["close-before", "close-after", "500-after"])
    server = sandbox(faults=script, duplicates="error-200")
    patient = fast(max_attempts=25, quota=10_000)
    async with client_for(server, retry=patient, pool=PoolLimits(connections=8)) as client:
        batch, reported = CashbackBatch(client, flow=FlowControl(max_in_flight=16)), []
        async with aclosing(batch.run(changes)) as outcomes:
            if taken == 0:
                first = asyncio.create_task(anext(outcomes))
                await until(lambda: server.books.requests > 0)
                first.cancel()
                await asyncio.wait([first])
                reported += [] if first.cancelled() else [first.result()]
            while len(reported) < taken:
                reported.append(await anext(outcomes))
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert delivery_of(client).limiter.active == 0
        assert batch.in_flight == 0
        assert batch.summary.seen == len(reported)

        doubts = set(client.in_doubt())
        known = {outcome.change.change_key for outcome in reported}
        repeats = [await client.customers.change_cashback(each) for each in changes]
        assert client.in_doubt() == ()
    server.stop()
    unheard = set()
    for repeat in repeats:
        key = repeat.change.change_key
        assert len(server.books.effects(key)) == 1
        arrived = server.books.requests_for(key) - sum(attempt.requests for attempt in repeat.attempts)
        remembered = repeat.attempts == ()
        assert key not in known or remembered
        if arrived and not remembered:
            unheard.add(key)
    assert unheard <= doubts
    assert doubts.isdisjoint(known)


async def test_the_loop_is_watched_here() -> None:
    """Also for what is cancelled: asyncio's debug mode is on in this file."""
    assert asyncio.get_running_loop().get_debug()
