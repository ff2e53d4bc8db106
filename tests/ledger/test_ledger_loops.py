"""A ledger and the loops that use it: several at once, loops that end, and time limits of each."""

import asyncio
import gc
import sqlite3
import time
import weakref
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from bonifiq_async import SqliteLedger
from bonifiq_async._delivery.single_flight import SingleFlight
from bonifiq_async.ledger.protocol import Ending, Intent, State
from bonifiq_async.ledger.sqlite.reader import recorded


def intent(key: str) -> Intent:
    return Intent("operation", key, b"digest", "ana", Decimal(10), "/path", b"{}", ("p", "a"))


class Calls:
    """What calls the ledger's thread, noting that it was called."""

    def __init__(self, queue: object) -> None:
        self.get, self._put, self.made = queue.get, queue.put, 0

    def put(self, more: bool) -> None:
        self.made += 1
        self._put(more)


def becomes(path: Path, state: State) -> None:
    """Wait until the ledger's thread has written that, though no loop runs and nobody closes the ledger."""
    latest = time.monotonic() + 30
    while (found := [one.state for one in recorded(path, set(State))]) != [state]:
        assert time.monotonic() < latest, found
        time.sleep(0.01)


@pytest.mark.parametrize("closes", [False, True])
def test_a_claim_is_given_back_though_the_loop_ends_at_once(tmp_path, closes) -> None:
    """The call waits for its place and is cancelled, as SIGTERM does; nobody closes the ledger."""
    path = tmp_path / "ledger"
    ledger, loop, heard = SqliteLedger(path), asyncio.new_event_loop(), []

    async def sends() -> None:
        claims = SingleFlight(ledger, "p", "a", asyncio.sleep)
        claim = await claims.claim(intent("k"), seconds=60, repeatable=False)
        try:
            await waits()
        finally:
            claim.abandon()

    async def waits() -> None:
        ledger._writer._woken = calls = Calls(ledger._writer._woken)
        heard.append(calls)
        asyncio.get_running_loop().call_soon(call.cancel)
        await asyncio.Event().wait()

    call = loop.create_task(sends())
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(call)
    if closes:
        loop.close()
    assert heard[0].made, "the thread was called, and did not only happen to look"
    becomes(path, State.NOT_APPLIED)
    ledger._writer.stop()
    loop.close()


def test_an_outcome_is_written_though_its_caller_is_cancelled_and_the_loop_ends(tmp_path) -> None:
    path = tmp_path / "ledger"
    ledger, loop = SqliteLedger(path), asyncio.new_event_loop()

    async def claim() -> int:
        await ledger.bind("p", "a")
        return (await ledger.claim(intent("k"), lease=60, repeatable=True)).fence

    ending = loop.create_task(
        ledger.end(intent("k"), loop.run_until_complete(claim()), Ending(State.APPLIED))
    )
    loop.call_soon(ending.cancel)
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(ending)
    becomes(path, State.APPLIED)
    ledger._writer.stop()
    loop.close()


async def test_work_of_a_few_turns_shares_a_commit_and_no_more_are_waited_for(tmp_path) -> None:
    async with SqliteLedger(tmp_path / "ledger") as ledger:
        await ledger.bind("p", "a")
        writer = ledger._writer
        before = writer.commits
        first = asyncio.create_task(ledger.claim(intent("a"), lease=60, repeatable=True))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert writer._waking, "the thread is not called yet"
        second = asyncio.create_task(ledger.claim(intent("b"), lease=60, repeatable=True))
        for _ in range(4):
            await asyncio.sleep(0)
        assert not writer._waking, "the thread was called"
        await asyncio.gather(first, second)
        assert writer.commits == before + 1


async def test_nothing_stays_of_a_claim_that_was_answered(tmp_path) -> None:
    async with SqliteLedger(tmp_path / "ledger") as ledger:
        await ledger.bind("p", "a")
        await ledger.claim(intent("k"), lease=60, repeatable=True)
        alarms = ledger._alarms_of(asyncio.get_running_loop())
        assert not alarms._due and alarms._timer is None


def test_each_loop_has_its_own_time_limits_and_is_forgotten_when_closed(tmp_path) -> None:
    """Also one that is closed while a claim is pending, since another program holds the file."""
    path = tmp_path / "ledger"
    ledger = SqliteLedger(path)
    asyncio.run(ledger.bind("p", "a"))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        loops, kept = [], []
        for number in range(3):
            loop = asyncio.new_event_loop()
            claim = ledger.claim(intent(f"k{number}"), lease=60, repeatable=True, within=60)
            loop.tried = loop.create_task(claim)
            loop.run_until_complete(asyncio.sleep(0.01))
            kept.append(id(ledger._alarms_of(loop)))
            loop.tried._log_destroy_pending = False
            loop.tried = None
            loop.close()
            loops.append(weakref.ref(loop))
            del loop, claim
        other.execute("ROLLBACK")
    assert len(set(kept)) == 3
    asyncio.run(ledger.bind("p", "a"))  # the thread has let go of all that
    last = asyncio.new_event_loop()
    ledger._alarms_of(last)
    last.close()
    asyncio.run(ledger.aclose())
    gc.collect()
    assert [loop() for loop in loops] == [None, None, None]
