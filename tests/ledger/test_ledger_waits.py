"""Waits for a ledger that another program locks: none outlasts the call, and no outcome is lost."""

import asyncio
import gc
import sqlite3
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path

import pytest
from alive import alive
from attrs import evolve
from conftest import change, client_for, raba7ni_client_for, until

from bonifiq_async import Earn, Effect, LedgerError, Member, MemoryLedger, SqliteLedger
from bonifiq_async._concurrency.timers import TimeLimit, TimeLimits
from bonifiq_async._delivery.claim import PATIENCE
from bonifiq_async._delivery.terms import Terms
from bonifiq_async.ledger.protocol import Ending, Granted, Intent, Settled, State
from bonifiq_async.ledger.reader import recorded, standing
from bonifiq_async.ledger.sqlite import connection, writer
from bonifiq_async.ledger.sqlite.reader import SqliteReader
from bonifiq_async.sandbox import FaultScript

INTENT = Intent("operation", "key", b"digest", "ana", Decimal(10), "/path", b"{}", ("p", "a"))
SOON = 8.0
"""Seconds within which what took at most two is surely over, on a busy machine; SQLite alone waits for 30."""

HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
"""


@contextmanager
def held(path: Path) -> Iterator[Callable[[], None]]:
    """Have another process hold the file until what is given is called, or it is over."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "held\n"

        def let_go() -> None:
            if other.poll() is None:
                other.communicate("go\n")

        try:
            yield let_go
        finally:
            let_go()


def earn() -> Earn:
    return Earn(card_id=10, member=Member.by_id(123), purchase_amount=Decimal(20), reference="o1")


@pytest.mark.slow
@pytest.mark.parametrize("provider", ["bonifiq", "raba7ni"])
async def test_a_call_comes_back_by_its_deadline_and_its_outcome_is_written_later(
    provider, request, tmp_path
):
    """The provider has answered: what is not on disk is unknown, and is on disk when the file is free."""
    path = tmp_path / "l"
    start = request.getfixturevalue("sandbox" if provider == "bonifiq" else provider)
    server = start(faults=FaultScript(["", "slow"]))
    make, first, second = (
        (client_for, change("first"), change("second"))
        if provider == "bonifiq"
        else (raba7ni_client_for, evolve(earn(), reference="o0"), earn())
    )
    async with SqliteLedger(path) as ledger, make(server, ledger=ledger) as client:
        await client.outcome_of(first)
        call = asyncio.create_task(client.outcome_of(second, deadline=2))
        await until(lambda: server.books.requests == 2)
        began = time.monotonic()
        with held(path) as let_go:
            with pytest.raises(LedgerError, match="what came of it is written down when") as caught:
                await asyncio.wait_for(call, SOON)
            assert time.monotonic() - began < SOON
            key = caught.value.change_key
            assert caught.value.effect is Effect.UNKNOWN and client.in_doubt() == (key,)
            let_go()
            again = await client.outcome_of(second)
        assert (again.effect, again.attempts) == (Effect.ALREADY_APPLIED, ())
        assert client.in_doubt() == ()
    assert server.books.requests == 2
    assert standing(SqliteReader(path)).counts[State.APPLIED] == 2


async def test_an_outcome_waits_longer_for_the_file_than_a_question(tmp_path, monkeypatch, caplog):
    """A question to the ledger ends after a while; what must be written stays in the queue."""
    monkeypatch.setattr(writer, "PATIENCE", 0.2)
    async with SqliteLedger(tmp_path / "l") as ledger:
        granted = await ledger.claim(INTENT, lease=60, repeatable=True)
        with held(tmp_path / "l") as let_go:
            ending = asyncio.create_task(ledger.end(INTENT, granted.fence, Ending(State.APPLIED, 1)))
            leaving = evolve(INTENT, key="left")
            with pytest.raises(LedgerError, match="database is locked"):
                await ledger.claim(evolve(INTENT, key="other"), lease=60, repeatable=True)
            ledger.leave(leaving, 1, Ending(State.IN_DOUBT))
            ending.cancel()
            with pytest.raises(LedgerError, match="database is locked"):
                await ledger.bind("p", "a")
            let_go()
        assert await ledger.claim(INTENT, lease=60, repeatable=True) == Settled()
    assert "lost" not in caplog.text


async def test_a_job_without_a_waiting_caller_is_not_done_when_the_file_is_free(tmp_path):
    """Nor do such jobs accumulate while another program holds the file."""
    asked: list[weakref.ref[Intent]] = []
    async with SqliteLedger(tmp_path / "l") as ledger:
        await ledger.bind("p", "a")
        with held(tmp_path / "l") as let_go:
            for number in range(3):
                intents = [evolve(INTENT, key=f"{number}-{n}") for n in range(20)]
                asked += map(weakref.ref, intents)
                claims = [ledger.claim(each, lease=60, repeatable=True, within=0.05) for each in intents]
                assert {type(each) for each in await asyncio.gather(*claims, return_exceptions=True)} == {
                    LedgerError
                }
            del claims, intents
            waiting = asyncio.create_task(ledger.claim(INTENT, lease=60, repeatable=True))
            await until(lambda: gc.collect() >= 0 and [each for each in asked if each() is not None] == [])
            let_go()
        assert isinstance(await waiting, Granted)
    assert [one.key for one in recorded(SqliteReader(tmp_path / "l"), set(State))] == ["key"]


@pytest.mark.slow
async def test_closing_a_ledger_that_another_program_holds_ends_and_says_what_is_lost(
    tmp_path, monkeypatch, caplog
):
    """The outcome of a cancelled call: the change stays claimed, and is in doubt later."""
    monkeypatch.setattr(writer, "PATIENCE", 0.3)
    ledger = SqliteLedger(tmp_path / "l")
    granted = await ledger.claim(INTENT, lease=60, repeatable=True)
    with held(tmp_path / "l"):
        ending = asyncio.create_task(ledger.end(INTENT, granted.fence, Ending(State.APPLIED, 1)))
        await asyncio.sleep(0)
        ending.cancel()
        began = time.monotonic()
        await ledger.aclose()
        assert time.monotonic() - began < SOON
    assert "lost: what came of a change was not written down" in caplog.text
    # That other program has closed the file last, and deleted its log.
    SqliteReader(tmp_path / "l").accept_without_log()
    [one] = recorded(SqliteReader(tmp_path / "l"), set(State))
    assert one.state in (State.CLAIMED, State.IN_DOUBT)


async def test_opening_a_ledger_ends_when_its_task_is_cancelled(tmp_path):
    """As in `asyncio.timeout`: neither the wait for the file nor the check of its pages goes on."""
    connection.opened(tmp_path / "l").close()
    with closing(sqlite3.connect(tmp_path / "l", isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode=DELETE")  # what opens it needs it for itself, to write a log again
    with held(tmp_path / "l"):
        before, began = set(threading.enumerate()), time.monotonic()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3), SqliteLedger(tmp_path / "l"):
                raise AssertionError("it was opened though another program held it")
        assert time.monotonic() - began < SOON
        assert not [each for each in set(threading.enumerate()) - before if each.name == "ledger"]


async def test_a_ledger_that_another_program_holds_can_be_looked_at(tmp_path):
    """Nothing is written for that."""
    async with SqliteLedger(tmp_path / "l") as ledger:
        granted = await ledger.claim(INTENT, lease=60, repeatable=True)
        await ledger.end(INTENT, granted.fence, Ending(State.APPLIED, 1))
        with held(tmp_path / "l"):
            began = time.monotonic()
            assert standing(SqliteReader(tmp_path / "l")).counts[State.APPLIED] == 1
            assert time.monotonic() - began < SOON


class Deaf(MemoryLedger):
    """Takes an outcome when it is let, and writes it though its caller has gone, as `Ledger.end` says."""

    def __init__(self) -> None:
        super().__init__()
        self.free = asyncio.Event()
        self.writing: list[asyncio.Task[bool]] = []

    async def end(self, intent: Intent, fence: int, ending: Ending) -> bool:
        async def write() -> bool:
            await self.free.wait()
            return await MemoryLedger.end(self, intent, fence, ending)

        self.writing.append(asyncio.create_task(write()))
        return await asyncio.shield(self.writing[-1])


@pytest.mark.parametrize(
    "effect",
    [
        "applied",
        pytest.param("refused", marks=pytest.mark.slow),
        pytest.param("in doubt under another ledger", marks=pytest.mark.slow),
    ],
)
async def test_no_ledger_holds_a_call_past_its_deadline(effect, request):
    """An outcome that no ledger has accepted is unknown. A call that used all its time gets a second more."""
    ledger = Deaf()
    if effect == "in doubt under another ledger":
        server = request.getfixturevalue("raba7ni")(faults=FaultScript(["close-after"]))
        async with raba7ni_client_for(server) as client:
            await client.outcome_of(earn())
            await _is_bounded(client, earn(), ledger)
    else:
        server = request.getfixturevalue("sandbox")(faults=FaultScript(["422"] * (effect == "refused")))
        async with client_for(server, ledger=ledger) as client:
            await _is_bounded(client, change(), ledger)
    assert server.books.requests == 1


async def _is_bounded(client, one, ledger: Deaf) -> None:
    began = time.monotonic()
    with pytest.raises(LedgerError, match="has not taken what came of the change") as caught:
        await asyncio.wait_for(client.outcome_on(one, Terms(deadline=0.2, ledger=ledger)), SOON)
    assert PATIENCE - 0.1 <= time.monotonic() - began < SOON
    assert caught.value.effect is Effect.UNKNOWN
    ledger.free.set()
    await asyncio.gather(*ledger.writing)


async def test_a_time_limit_is_distinguished_from_a_cancellation():
    """Also when both come, or the wait ends as its time does."""
    limits, loop, before = TimeLimits(), asyncio.get_running_loop(), set(map(id, alive(TimeLimit)))

    async def bounded(seconds: float, wait: float) -> str:
        with TimeLimit(limits, loop.time() + seconds):
            await asyncio.sleep(wait)
        return "ended"

    with pytest.raises(TimeoutError):
        await bounded(0.01, 5)
    assert await bounded(5, 0) == "ended"
    assert asyncio.current_task().cancelling() == 0
    both = asyncio.create_task(bounded(0.02, 5))
    await asyncio.sleep(0.01)
    both.cancel()
    with pytest.raises(asyncio.CancelledError):
        await both
    with pytest.raises(ZeroDivisionError), TimeLimit(limits, loop.time() + 5):
        raise ZeroDivisionError
    waits = (*(bounded(0.01 * n, 5) for n in range(1, 4)), bounded(5, 0.1))
    kinds = [type(each) for each in await asyncio.gather(*waits, return_exceptions=True)]
    assert kinds == [TimeoutError, TimeoutError, TimeoutError, str]
    del both, waits  # an error holds what it came through
    await asyncio.sleep(0)  # and the loop, until its next turn, what it has woken this test with
    assert {id(limit) for limit in alive(TimeLimit)} <= before


def at_once(ledger: SqliteLedger, names: str, *, opens: bool) -> None:
    """Use a ledger in so many threads, each with a loop of its own."""
    together = threading.Barrier(len(names))

    async def use(name: str) -> None:
        together.wait()
        if opens:
            await ledger.__aenter__()
        granted = await ledger.claim(evolve(INTENT, key=name), lease=60, repeatable=True)
        await ledger.end(evolve(INTENT, key=name), granted.fence, Ending(State.APPLIED, 1))

    with ThreadPoolExecutor(len(names)) as threads:
        for each in [threads.submit(asyncio.run, use(name)) for name in names]:
            each.result()


@pytest.mark.parametrize("opens", [True, False], ids=["opened", "used"])
def test_threads_that_open_one_ledger_at_once_have_one_writer(opens, tmp_path):
    """Which is closed with it: a second would hold the file open for ever."""
    for number in range(30):
        ledger = SqliteLedger(tmp_path / f"l{number}")
        before = threading.active_count()
        at_once(ledger, "abc", opens=opens)
        assert threading.active_count() == before + 1
        asyncio.run(ledger.aclose())
        assert threading.active_count() == before
        assert standing(SqliteReader(ledger.path)).counts[State.APPLIED] == 3


async def test_a_ledger_that_was_closed_is_opened_again(tmp_path):
    ledger = SqliteLedger(tmp_path / "l")
    for number in (1, 2):
        granted = await ledger.claim(evolve(INTENT, key=f"{number}"), lease=60, repeatable=True)
        assert isinstance(granted, Granted)
        await ledger.aclose()
