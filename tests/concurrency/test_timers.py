"""Timers: each fires once, at its time, unless it is cancelled; one timer of the loop serves them all."""

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from virtual import now, stands_still, virtual

from bonifiq_async._concurrency.timers import Timers

SECONDS = st.integers(0, 20)


def armed() -> Callable[[], list[asyncio.TimerHandle]]:
    """Record the timers of the running loop from now on; return a function that lists the pending ones."""
    loop, timers = asyncio.get_running_loop(), []
    call_at = loop.call_at
    loop.call_at = lambda *given, **more: timers.append(call_at(*given, **more)) or timers[-1]
    return lambda: [timer for timer in timers if not timer.cancelled() and timer.when() > loop.time()]


@given(st.lists(st.tuples(SECONDS, SECONDS, st.none() | SECONDS), max_size=12))
def test_each_fires_at_its_time_unless_it_is_cancelled(plans) -> None:
    """Set at a time, for some seconds later, and cancelled half a second after a delay, or never."""

    @virtual
    async def run() -> None:
        rung: list[tuple[float, int]] = []
        alarms: Timers[int] = Timers(lambda key: rung.append((now() - began, key)))
        began, left = now(), armed()
        call_at = asyncio.get_running_loop().call_at
        for key, (at, later, off) in enumerate(plans):
            call_at(began + at, alarms.set, key, began + at + later)
            if off is not None:
                call_at(began + at + off + 0.5, alarms.put_off, key)
        await asyncio.sleep(50)
        ringing = [
            (at + later, key) for key, (at, later, off) in enumerate(plans) if off is None or later <= off
        ]
        assert sorted(rung) == [(pytest.approx(at, abs=1e-6), key) for at, key in sorted(ringing)]
        assert left() == []

    run()


@virtual
async def test_one_timer_serves_all_and_ends_with_the_last() -> None:
    """A timer that is cancelled before it fires, as most are, leaves nothing in the loop."""
    left = armed()
    alarms: Timers[int] = Timers(lambda key: pytest.fail(f"{key} rang"))
    for key in range(100):
        alarms.set(key, now() + 20 + key)
    [timer] = left()
    assert timer.when() == now() + 20
    for key in range(100):
        alarms.put_off(key)
    alarms.put_off(7)
    assert left() == []


@virtual
async def test_one_without_an_end_never_fires() -> None:
    rung, left = list[str](), armed()
    alarms: Timers[str] = Timers(rung.append)
    alarms.set("never", float("inf"))
    alarms.set("soon", now() + 1)
    await asyncio.sleep(100)
    assert rung == ["soon"] and left() == []
    alarms.ring_all()
    assert rung == ["soon", "never"]


@virtual
async def test_all_that_are_due_fire_in_one_turn() -> None:
    """A loop that was blocked does not need another turn for each of them."""
    rung: list[int] = []
    alarms: Timers[int] = Timers(rung.append)
    for key in range(100):
        alarms.set(key, now() + 1 + key / 1000)
    stands_still(50)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert rung == list(range(100))


@virtual
async def test_a_timer_that_cancels_another_or_fails_leaves_the_rest_right() -> None:
    rung: list[int] = []

    def ring(key: int) -> None:
        rung.append(key)
        alarms.put_off(key + 1)
        if key == 2:
            raise ValueError("a timer that fails")

    alarms: Timers[int] = Timers(ring)
    raised: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, said: raised.append(said["exception"]))
    for key in range(6):
        alarms.set(key, now() + 1)
    await asyncio.sleep(10)
    assert rung == [0, 2, 4] and [str(error) for error in raised] == ["a timer that fails"]
