"""The virtual clock: waits pass at once, in the order in which they would have ended."""

import asyncio
import sys
import threading
import time
from decimal import Decimal

import pytest

from bonifiq_async import BonifiQClient, Effect, RetryPolicy, Timeouts
from bonifiq_async.sandbox import FaultScript, Sandbox
from bonifiq_async.testing.virtual_time import QUIET, VirtualClock

HOURS = 3600.0


async def test_the_earliest_wakes_first(clock: VirtualClock) -> None:
    """In any order of the calls; afterwards the time is the end of the last wait."""
    woken: list[tuple[float, float]] = []

    async def wait(seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((seconds, clock.now))

    begun = clock.now
    await asyncio.gather(*(wait(seconds) for seconds in (3.0, 1.0, 2.0)))
    assert woken == [(seconds, begun + seconds) for seconds in (1.0, 2.0, 3.0)]
    assert clock.slept == [3.0, 1.0, 2.0]


async def test_a_woken_task_runs_before_time_advances(clock: VirtualClock) -> None:
    """Its work takes iterations of the loop, and no virtual time."""
    begun = clock.now

    async def works() -> None:
        await clock.sleep(1.0)
        for _ in range(QUIET // 2):
            await asyncio.sleep(0)
        await clock.sleep(1.0)
        assert clock.now == begun + 2.0

    await asyncio.gather(works(), clock.sleep(3.0))
    assert clock.now == begun + 3.0


async def test_a_cancelled_wait_takes_no_time(clock: VirtualClock) -> None:
    """The next sleeper still wakes."""
    begun = clock.now
    given_up = asyncio.create_task(clock.sleep(1.0))
    other = asyncio.create_task(clock.sleep(2.0))
    await asyncio.sleep(0)
    given_up.cancel()
    await other
    assert clock.now == begun + 2.0


def test_a_loop_that_ended_with_sleepers_delays_no_other(clock: VirtualClock) -> None:
    """Two runs in a row; the first ended while a task waited."""

    async def left() -> None:
        asyncio.create_task(clock.sleep(1.0))  # noqa: RUF006 - it ends with the loop
        await asyncio.sleep(0)

    asyncio.run(left())
    begun = clock.now
    asyncio.run(asyncio.wait_for(clock.sleep(5.0), 10))
    assert clock.now == begun + 5.0


def test_loops_in_two_threads_share_the_time(clock: VirtualClock) -> None:
    """Each wakes its own tasks; the time never goes back."""

    async def waits() -> None:
        for _ in range(50):
            before = clock.now
            await clock.sleep(1.0)
            assert clock.now >= before + 1.0

    threads = [threading.Thread(target=asyncio.run, args=(waits(),)) for _ in range(2)]
    begun = clock.now
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not any(thread.is_alive() for thread in threads)
    assert len(clock.slept) == 100
    assert begun + 50 <= clock.now <= begun + 100


async def test_time_stands_still_while_a_server_is_busy() -> None:
    """No task wakes until the answer has arrived."""
    busy = True
    clock = VirtualClock(busy=lambda: busy)
    begun, waiter = clock.now, asyncio.create_task(clock.sleep(1.0))
    for _ in range(1_000):
        await asyncio.sleep(0)
    assert (clock.now, waiter.done()) == (begun, False)
    busy = False
    await waiter
    assert clock.now == begun + 1.0


@pytest.mark.parametrize(
    ("faults", "requests"), [(["503-before"] * 12, 13), (["429-long"], 2)], ids=["back-off", "Retry-After"]
)
async def test_24_hours_of_retries_take_under_50_milliseconds(faults: list[str], requests: int) -> None:
    """With a real server, in processor time: other work of the machine does not count."""
    policy = RetryPolicy(max_attempts=20, base=4 * HOURS, cap=4 * HOURS, max_retry_after=30 * HOURS)
    took: list[float] = []
    with Sandbox() as sandbox:
        for number in range(5):
            clock = VirtualClock(patience=0.001)
            sandbox.faults = FaultScript(faults)
            limits = Timeouts(call=100 * HOURS)
            async with BonifiQClient(
                sandbox.credentials,
                base_url=sandbox.url,
                retry=policy,
                timeouts=limits,
                runtime=clock.runtime(),
            ) as client:
                begun, virtually = time.process_time(), clock.now
                outcome = await client.customers.add_cashback(
                    "ana", Decimal(1), reason="paid", reference=f"order-{number}"
                )
                took.append(time.process_time() - begun)
            assert (outcome.effect, len(outcome.attempts)) == (Effect.APPLIED, requests)
            assert clock.now - virtually >= 24 * HOURS
    traced = sys.gettrace() is not None  # where coverage is measured, everything takes longer
    assert min(took) < (0.1 if traced else 0.05), took


async def test_what_busy_raises_is_raised_by_each_sleep() -> None:
    """A test that asks for something which is not there must not wait for ever."""

    def fails() -> bool:
        raise LookupError("no such server")

    clock = VirtualClock(busy=fails)
    for _ in range(2):
        async with asyncio.timeout(5.0):
            ended = await asyncio.gather(clock.sleep(1.0), clock.sleep(2.0), return_exceptions=True)
        assert [str(error) for error in ended] == ["no such server"] * 2
