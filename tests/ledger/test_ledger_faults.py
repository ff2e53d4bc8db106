"""A ledger that fails for a while: the errors of its callers, and its state afterwards."""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable
from decimal import Decimal
from itertools import chain, repeat
from unittest import mock

import pytest
from attrs import define
from conftest import change, client_for, fast
from ledger_files import by_hand

from bonifiq_async import Effect, LedgerError, SqliteLedger
from bonifiq_async._delivery.terms import Terms
from bonifiq_async.ledger.protocol import Ending, Held, Intent, State
from bonifiq_async.ledger.sqlite import store
from bonifiq_async.sandbox import FaultScript


@define
class Failing:
    """A connection whose next statement that begins with `words` raises `error`, if there is one."""

    connection: sqlite3.Connection
    words: str = "COMMIT"
    error: BaseException | None = None

    def __getattr__(self, name: str) -> object:
        return getattr(self.connection, name)

    def execute(self, statement: str, *more: object) -> sqlite3.Cursor:
        """Execute it, or fail."""
        if self.error is not None and statement.startswith(self.words):
            raise self.error
        return self.connection.execute(statement, *more)


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Failing]:
    """Make each new connection one that can fail; return the last one."""
    made: list[Failing] = []
    original = store.opened

    def opened(path: object, **more: object) -> Failing:
        made.append(Failing(original(path, **more)))
        return made[-1]

    monkeypatch.setattr(store, "opened", opened)
    return lambda: made[-1]


FULL = sqlite3.OperationalError("database or disk is full")


async def test_an_error_says_not_applied_only_where_nothing_was_ever_sent(failing, tmp_path, sandbox):
    """What an earlier run may have applied is unknown; what the file does not have was not sent."""
    server = sandbox(faults=FaultScript(["close-after"]))
    async with SqliteLedger(tmp_path / "l") as ledger:
        async with client_for(server, ledger=ledger, retry=fast(max_attempts=1)) as client:
            await client.outcome_of(change("lost"))
        async with client_for(server, ledger=ledger) as client:
            await client.outcome_of(change("applied"))
            failing().error = FULL
            errors = {}
            for key in ("lost", "applied", "new"):
                with pytest.raises(LedgerError, match="disk is full") as caught:
                    await client.customers.change_cashback(change(key))
                errors[key] = caught.value
            assert {error.change_key: error.effect for error in errors.values()} == {
                "lost": Effect.UNKNOWN,
                "applied": Effect.UNKNOWN,
                "new": Effect.NOT_APPLIED,
            }
            assert client.in_doubt() == ("lost", "applied")
    assert server.books.requests == 2


async def test_a_doubt_under_another_ledger_makes_an_error_unknown(failing, tmp_path, sandbox):
    """The client knows what this ledger does not."""
    server = sandbox(faults=FaultScript(["close-after"]))
    async with (
        SqliteLedger(tmp_path / "l") as ledger,
        client_for(server, retry=fast(max_attempts=1)) as client,
    ):
        await client.outcome_of(change("key"))
        await client.outcome_on(change("other"), Terms(ledger=ledger))
        failing().error = FULL
        with pytest.raises(LedgerError) as caught:
            await client.outcome_on(change("key"), Terms(ledger=ledger))
    assert (caught.value.effect, client.in_doubt()) == (Effect.UNKNOWN, ("key",))


async def test_a_file_that_was_replaced_says_nothing_of_what_was_sent(tmp_path, sandbox):
    """It is not the file in which the change would be recorded."""
    async with SqliteLedger(tmp_path / "l") as ledger, client_for(sandbox(), ledger=ledger) as client:
        await client.outcome_of(change("a"))
        (tmp_path / "l").rename(tmp_path / "moved")
        with pytest.raises(LedgerError) as caught:
            await client.outcome_of(change("b"))
    assert (caught.value.effect, caught.value.change_key) == (Effect.UNKNOWN, "b")


@pytest.mark.parametrize("former", ["new", "in doubt"])
async def test_a_claim_that_is_not_on_disk_leaves_nothing_behind(former, failing, tmp_path, sandbox):
    """Once there is space again, the next change is sent, and the other was not held meanwhile."""
    server, path = sandbox(faults=FaultScript(["close-before"] * (former == "in doubt"))), tmp_path / "l"
    async with (
        SqliteLedger(path) as ledger,
        client_for(server, ledger=ledger, retry=fast(max_attempts=1)) as client,
    ):
        if former == "in doubt":
            await client.outcome_of(change())
        await client.outcome_of(change("first"))
        failing().error = FULL
        for key in (change().change_key, change().change_key, "second"):
            with pytest.raises(LedgerError):
                await client.outcome_of(change(key))
        failing().error = None
        assert (await client.outcome_of(change("second"))).effect is Effect.APPLIED
    assert by_hand(path, "SELECT name FROM owner") == [], "an owner that leaves a claim stays known"
    async with SqliteLedger(path) as ledger, client_for(server, ledger=ledger) as client:
        assert (await client.outcome_of(change())).effect is Effect.APPLIED


async def test_a_failed_commit_does_not_free_what_another_call_holds(failing, tmp_path):
    """Another call that asks for it gets an error; the sending call holds it as before."""
    intent = Intent("operation", "key", b"digest", "ana", Decimal(1), "/path", b"{}", ("p", "a"))
    async with SqliteLedger(tmp_path / "l") as ledger:
        granted = await ledger.claim(intent, lease=60, repeatable=True)
        failing().error = FULL
        with pytest.raises(LedgerError):
            await ledger.claim(intent, lease=60, repeatable=True)
        failing().error = None
        assert isinstance(await ledger.claim(intent, lease=60, repeatable=True), Held)
        assert await ledger.end(intent, granted.fence, Ending(State.APPLIED))


@pytest.mark.parametrize("words", ["BEGIN", "INSERT INTO change", "COMMIT"])
async def test_lack_of_memory_is_an_error_of_its_callers_alone(words, failing, tmp_path, sandbox):
    """SQLite raises MemoryError, which is no sqlite3.Error; the thread goes on."""
    server = sandbox()
    async with SqliteLedger(tmp_path / "l") as ledger, client_for(server, ledger=ledger) as client:
        await client.outcome_of(change("first"))
        failing().words, failing().error = words, MemoryError()
        with pytest.raises(LedgerError, match="MemoryError") as caught:
            await client.outcome_of(change())
        assert caught.value.effect is Effect.NOT_APPLIED
        failing().error = None
        assert (await client.outcome_of(change())).effect is Effect.APPLIED


async def test_a_thread_that_fails_leaves_no_caller_waiting(failing, tmp_path):
    """All its jobs fail, and the next call opens the file anew."""
    loop, wrong = asyncio.get_running_loop(), chain([TypeError("no way to report")], repeat(mock.DEFAULT))
    async with SqliteLedger(tmp_path / "l") as ledger:
        await ledger.bind("p", "a")
        former, tells = failing(), mock.Mock(wraps=loop.call_soon_threadsafe, side_effect=wrong)
        with mock.patch.object(loop, "call_soon_threadsafe", tells):
            asked = asyncio.gather(*(ledger.bind("p", "a") for _ in range(3)), return_exceptions=True)
            ended = await asyncio.wait_for(asked, 30)
        assert [type(each) for each in ended] == [LedgerError] * 3
        assert all("no way to report" in str(each) for each in ended) and len(set(map(id, ended))) == 3
        await ledger.bind("p", "a")
        assert failing() is not former


@pytest.mark.parametrize(
    "bound",
    [pytest.param(True, id="bound"), pytest.param(False, id="not bound", marks=pytest.mark.slow)],
)
async def test_a_locked_file_does_not_hold_a_call_past_its_deadline(bound, tmp_path, sandbox):
    """And a claim that is granted later is given back: no call waits for that lease."""
    server = sandbox()
    async with SqliteLedger(tmp_path / "l") as ledger, client_for(server, ledger=ledger) as client:
        if bound:
            await client.outcome_of(change("first"))
        with contextlib.closing(sqlite3.connect(tmp_path / "l", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            began = time.monotonic()
            with pytest.raises(LedgerError, match="in the time of the call, which sent nothing") as caught:
                await client.outcome_of(change(), deadline=0.2)
            assert time.monotonic() - began < 10  # SQLite itself waits for 30 seconds
            assert (caught.value.effect, caught.value.change_key) == (Effect.UNKNOWN, change().change_key)
            other.execute("COMMIT")
        assert (await client.outcome_of(change(), deadline=20)).effect is Effect.APPLIED
        assert client.in_doubt() == ()
    assert server.books.requests_for(change().change_key) == 1
