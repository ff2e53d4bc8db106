"""A ledger and the loops that use it: several at once, loops that end, and time limits of each."""

import asyncio
import gc
import sqlite3
import threading
import time
import weakref
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest
from alive import alive

from bonifiq_async import LedgerError, SqliteLedger
from bonifiq_async._delivery.single_flight import SingleFlight
from bonifiq_async.ledger.protocol import Ending, Intent, State
from bonifiq_async.ledger.reader import recorded
from bonifiq_async.ledger.sqlite import store
from bonifiq_async.ledger.sqlite.reader import SqliteReader

WITHIN = 0.3
"""Seconds of a claim that may not end by itself: another program holds the file."""


def intent(key: str) -> Intent:
    return Intent("operation", key, b"digest", "ana", Decimal(10), "/path", b"{}", ("p", "a"))


def becomes(path: Path, state: State) -> None:
    """Wait until the ledger's thread has written that, though no loop runs and the ledger is not closed."""
    latest = time.monotonic() + 30
    while (found := [one.state for one in recorded(SqliteReader(path), set(State))]) != [state]:
        assert time.monotonic() < latest, found
        time.sleep(0.01)


@pytest.mark.parametrize("closes", [False, True])
def test_a_claim_is_given_back_though_the_loop_ends_at_once(tmp_path, closes, monkeypatch) -> None:
    """The call waits for its place and is cancelled, as SIGTERM does; the ledger is not closed.

    The thread rests by then, and writes a beat now and then: it must be woken, not find the job by chance.
    """
    monkeypatch.setattr(store, "TICK", 0.01)
    path, beats, loop = tmp_path / "ledger", threading.Event(), asyncio.new_event_loop()

    def monotonic() -> float:
        beats.set()
        return time.monotonic()

    ledger = SqliteLedger(path, monotonic=monotonic)

    async def sends() -> None:
        claims = SingleFlight(ledger, "p", "a", asyncio.sleep)
        claim = await claims.claim(intent("k"), seconds=60, repeatable=False)
        try:
            await waits()
        finally:
            claim.abandon()

    async def waits() -> None:
        beats.clear()
        assert beats.wait(30)
        asyncio.get_running_loop().call_soon(call.cancel)
        await asyncio.Event().wait()

    call = loop.create_task(sends())
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(call)
    if closes:
        loop.close()
    becomes(path, State.NOT_APPLIED)
    asyncio.run(ledger.aclose())
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
    asyncio.run(ledger.aclose())
    loop.close()


async def test_an_answered_claim_leaves_nothing_in_memory(tmp_path) -> None:
    async with SqliteLedger(tmp_path / "ledger") as ledger:
        await ledger.bind("p", "a")
        before = set(map(id, alive(asyncio.TimerHandle)))
        await ledger.claim(intent("k"), lease=60, repeatable=True, within=60)
        assert [
            timer for timer in alive(asyncio.TimerHandle) if id(timer) not in before and not timer.cancelled()
        ] == []


def test_each_loop_has_its_own_time_limits_and_is_forgotten_when_closed(tmp_path) -> None:
    """Also one that is closed while a claim is pending, since another program holds the file."""
    path = tmp_path / "ledger"
    ledger = SqliteLedger(path)
    asyncio.run(ledger.bind("p", "a"))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        loops = []
        for number in range(3):
            loop = asyncio.new_event_loop()
            loop.set_exception_handler(lambda *_: None)  # a task is pending when it is closed
            claim = ledger.claim(intent(f"k{number}"), lease=60, repeatable=True, within=WITHIN)
            loop.tried = loop.create_task(claim)
            loop.run_until_complete(asyncio.sleep(0.01))
            loop.tried = None
            loop.close()
            loops.append(weakref.ref(loop))
            del loop, claim
        with pytest.raises(LedgerError, match="in the time of the call"):
            asyncio.run(ledger.claim(intent("k"), lease=60, repeatable=True, within=WITHIN))
        other.execute("ROLLBACK")
    asyncio.run(ledger.bind("p", "a"))  # the thread has released all that
    asyncio.run(ledger.claim(intent("last"), lease=60, repeatable=True))
    asyncio.run(ledger.aclose())
    gc.collect()
    assert [loop() for loop in loops] == [None, None, None]
