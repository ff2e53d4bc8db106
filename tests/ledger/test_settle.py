"""A settlement by a person and a sender that still runs: neither undoes what the other knows."""

import asyncio
import os
import time
from decimal import Decimal

import pytest
from conftest import change, client_for, until
from ledger_files import AWAY, by_hand

from bonifiq_async import ConfigurationError, Effect, LedgerError, SqliteLedger
from bonifiq_async.bonifiq.customers import request_digest
from bonifiq_async.cli.commands.status import status as show_standing
from bonifiq_async.ledger.protocol import Ending, Held, Intent, State
from bonifiq_async.ledger.reader import recorded
from bonifiq_async.ledger.settling import PersonsWord
from bonifiq_async.ledger.sqlite.connection import LedgerConnection, opened
from bonifiq_async.ledger.sqlite.location import FileLocation
from bonifiq_async.ledger.sqlite.owner import Sight
from bonifiq_async.ledger.sqlite.reader import SqliteReader
from bonifiq_async.sandbox import FaultScript

KEY = change().change_key
INTENT = Intent("operation", "key", b"digest", "ana", Decimal(10), "/path", b"{}", ("p", "a"))
SLEPT = 1000.0
"""Seconds by which a lease is over while its sender still runs, because its loop was blocked."""


def behind() -> float:
    """The clock as the sender read it."""
    return time.monotonic() - SLEPT


async def test_what_is_being_sent_on_this_machine_is_not_settled(sandbox, tmp_path):
    """However long ago the claim ran out."""
    server, path = sandbox(faults=FaultScript(["silence-before"])), tmp_path / "l"
    async with SqliteLedger(path, monotonic=behind) as ledger, client_for(server, ledger=ledger) as client:
        call = asyncio.create_task(client.outcome_of(change()))
        await until(lambda: server.books.requests == 1)
        [doubt] = recorded(SqliteReader(path), [State.IN_DOUBT])
        with pytest.raises(ConfigurationError, match=rf"process {os.getpid()} .*end that process first"):
            SqliteReader(path).settle(doubt.key, PersonsWord(State.NOT_APPLIED, "no movement"))
        call.cancel()
        await asyncio.wait([call])
    SqliteReader(path).settle(KEY, PersonsWord(State.NOT_APPLIED, "no movement"))


WORDS = {
    "it is applied": lambda path: SqliteReader(path).settle("key", PersonsWord(State.APPLIED, "seen")),
    "it is of another account": lambda path: SqliteReader(path).rebind(("p", "another")),
}


@pytest.mark.parametrize("act", [act for act, _ in AWAY.values()], ids=AWAY)
@pytest.mark.parametrize("word", WORDS.values(), ids=WORDS)
async def test_a_settlement_that_would_be_lost_is_refused(word, act, tmp_path, monkeypatch):
    """The file or its log is deleted during the write: it would be lost with the process."""
    path = tmp_path / "l"
    async with SqliteLedger(path) as ledger:
        granted = await ledger.claim(INTENT, lease=60, repeatable=True)
        await ledger.end(INTENT, granted.fence, Ending(State.UNKNOWN, 1))
        original = LedgerConnection.begun

        def begun(connection):
            original(connection)
            act(path)

        monkeypatch.setattr(LedgerConnection, "begun", begun)
        with pytest.raises(LedgerError, match=r"No such file|was replaced"):
            word(path)
        monkeypatch.undo()


@pytest.mark.parametrize(
    "fault", [PermissionError(13, "Permission denied"), FileNotFoundError(2, "No such file")]
)
def test_a_ledger_deleted_while_it_is_opened_is_reported_in_one_sentence(fault, tmp_path, monkeypatch):
    """Between its creation and the first check of its files."""

    def gone(_):
        raise fault

    monkeypatch.setattr(FileLocation, "identity", gone)
    with pytest.raises(ConfigurationError, match=f"cannot be used: .*{fault.strerror}. Nothing was sent"):
        opened(tmp_path / "l")


async def test_an_applied_change_counts_against_a_settlement_as_not_applied(
    sandbox, tmp_path, monkeypatch, caplog
):
    """Another machine cannot see that the sender runs: the sender's answer counts, with no repeat."""
    monkeypatch.setattr(Sight, "runs", lambda *_: None)
    server, path = sandbox(faults=FaultScript(["slow"])), tmp_path / "l"
    async with SqliteLedger(path, monotonic=behind) as ledger, client_for(server, ledger=ledger) as client:
        call = asyncio.create_task(client.outcome_of(change()))
        await until(lambda: server.books.requests == 1)
        SqliteReader(path).settle(KEY, PersonsWord(State.NOT_APPLIED, "no movement"))
        assert (await call).effect is Effect.APPLIED
    assert f"contradiction: key={KEY} is applied" in caplog.text
    [entry] = recorded(SqliteReader(path), [State.APPLIED])
    assert (
        entry.error == "it stood as not applied (settled by hand: no movement) when its sender was answered"
    )
    async with SqliteLedger(path) as ledger, client_for(server, ledger=ledger) as client:
        assert (await client.outcome_of(change())).effect is Effect.ALREADY_APPLIED
    assert server.books.requests == 1


async def test_a_late_success_is_not_written_into_a_ledger_of_another_account(tmp_path, monkeypatch, caplog):
    """A person had settled it as not applied, and another account took over the ledger: that is logged."""
    monkeypatch.setattr(Sight, "runs", lambda *_: None)
    path = tmp_path / "l"
    intent = Intent("operation", KEY, b"d", "ana", Decimal(1), "/path", b"{}", ("bonifiq", "one"))
    async with SqliteLedger(path, monotonic=behind) as ledger, SqliteLedger(path) as other:
        granted = await ledger.claim(intent, lease=60, repeatable=True)
        SqliteReader(path).settle(KEY, PersonsWord(State.NOT_APPLIED, "no movement"))
        await other.bind("bonifiq", "another")
        assert not await ledger.end(intent, granted.fence, Ending(State.APPLIED, 1))
    assert f"contradiction: key={KEY} is applied" in caplog.text
    assert "the ledger is another account's now" in caplog.text
    [entry] = recorded(SqliteReader(path), set(State))
    assert entry.state is State.NOT_APPLIED


async def test_a_call_without_end_holds_its_change_for_a_day_at_the_most(tmp_path, sandbox):
    """Its process may be gone tomorrow, and another machine cannot see that."""
    server, path = sandbox(faults=FaultScript(["silence-before"])), tmp_path / "l"
    ledger = SqliteLedger(path, monotonic=lambda: 500.0)
    async with ledger, client_for(server, ledger=ledger) as client:
        call = asyncio.create_task(client.outcome_of(change(), deadline=float("inf")))
        await until(lambda: server.books.requests == 1)
        assert by_hand(path, "SELECT lease_until FROM change") == [(500 + 86_400,)]
        name = "bonifiq.customer.change_cashback"
        same = Intent(name, KEY, request_digest(change()), "ANA", Decimal(10), "/path", b"{}", client.account)
        held = await ledger.claim(same, lease=60, repeatable=True)
        assert isinstance(held, Held) and held.seconds == 86_400
        call.cancel()
        await asyncio.wait([call])


async def test_status_does_not_show_a_claim_as_sent(tmp_path, sandbox, capsys):
    """A run may be killed between the two; a request that was sent and not answered is shown as sent."""
    server, path = sandbox(faults=FaultScript(["html-before"])), tmp_path / "l"
    async with SqliteLedger(path) as ledger, client_for(server, ledger=ledger) as client:
        name = "bonifiq.customer.change_cashback"
        claimed = Intent(name, "k", b"d", "ana", Decimal(1), "/path", b"{}", client.account)
        await client.outcome_of(change())
        await ledger.claim(claimed, lease=0, repeatable=True)
    show_standing(SqliteReader(path), look=False, as_json=False)
    shown = [line for line in capsys.readouterr().out.splitlines() if line.startswith("In doubt: ")]
    assert len(shown) == 2
    assert f"{KEY}: " in shown[0] and ", sent 20" in shown[0]
    assert " k: " in shown[1] and ", may have been sent since 20" in shown[1]
