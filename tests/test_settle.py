"""A person's word and a sender that still runs: neither undoes what the other knows."""

import asyncio
import os
from decimal import Decimal

import pytest
from conftest import change, client_for, until

from bonifiq_async import ConfigurationError, Effect, SqliteLedger
from bonifiq_async.cli.doubts import show_standing
from bonifiq_async.intent import Held, Intent, State, Unsettled
from bonifiq_async.ledger import look, owner
from bonifiq_async.ledger.look import recorded, settle, standing
from bonifiq_async.sandbox import FaultScript

KEY = change().change_key
SLEPT = 1000.0
"""Seconds by which the clock of everybody else has gone on: the sender's machine was suspended."""


def behind() -> float:
    """The clock as the sender read it."""
    return look.time.time() - SLEPT


async def test_what_is_being_sent_on_this_machine_is_not_settled(sandbox, tmp_path):
    """However long ago the claim ran out."""
    server, path = sandbox(faults=FaultScript(["silence-before"])), tmp_path / "l"
    async with SqliteLedger(path, clock=behind) as ledger, client_for(server, ledger=ledger) as client:
        call = asyncio.create_task(client.outcome_of(change()))
        await until(lambda: server.books.requests == 1)
        [doubt] = recorded(path, [State.IN_DOUBT])
        with pytest.raises(ConfigurationError, match=rf"process {os.getpid()} .*end that process first"):
            settle(path, doubt.key, State.NOT_APPLIED, "no movement")
        call.cancel()
        await asyncio.wait([call])
    settle(path, KEY, State.NOT_APPLIED, "no movement")


async def test_that_it_is_applied_counts_against_a_word_that_it_is_not(
    sandbox, tmp_path, monkeypatch, caplog
):
    """From another machine nobody sees who runs: the sender's answer stands, and is not sent again."""
    monkeypatch.setattr(look, "runs", lambda _: False)
    server, path = sandbox(faults=FaultScript(["slow"])), tmp_path / "l"
    async with SqliteLedger(path, clock=behind) as ledger, client_for(server, ledger=ledger) as client:
        call = asyncio.create_task(client.outcome_of(change()))
        await until(lambda: server.books.requests == 1)
        settle(path, KEY, State.NOT_APPLIED, "no movement")
        assert (await call).effect is Effect.APPLIED
    assert f"contradiction: key={KEY} is applied" in caplog.text
    [entry] = recorded(path, [State.APPLIED])
    assert (
        entry.error == "it stood as not applied (settled by hand: no movement) when its sender was answered"
    )
    async with SqliteLedger(path) as ledger, client_for(server, ledger=ledger) as client:
        assert (await client.outcome_of(change())).effect is Effect.ALREADY_APPLIED
    assert server.books.requests == 1


@pytest.mark.parametrize(("seen", "holds"), [(True, True), (False, False)], ids=["runs", "cannot be seen"])
async def test_a_claim_of_a_time_to_come_holds_only_for_who_is_seen_to_run(
    seen, holds, tmp_path, monkeypatch
):
    """Made while the clock was ten years ahead: nobody waits for that long, and a person may settle it."""
    path, intent = tmp_path / "l", Intent("operation", KEY, b"d", "ana", Decimal(1), "/path", b"{}")
    monkeypatch.setattr(owner, "runs", lambda _: seen)
    monkeypatch.setattr(look, "runs", lambda _: seen)
    async with SqliteLedger(path, clock=lambda: look.time.time() + 10 * 365 * 86_400) as ahead:
        await ahead.claim(intent, lease=60, repeatable=True)
        assert standing(path).counts[State.CLAIMED] == holds
        async with SqliteLedger(path) as ledger:
            ruling = await ledger.claim(intent, lease=60, repeatable=False)
        assert isinstance(ruling, Held if holds else Unsettled)
        if not holds:
            settle(path, KEY, State.NOT_APPLIED, "no movement")


async def test_a_call_without_end_holds_its_change_for_a_day_at_the_most(tmp_path, sandbox):
    """Its process may be gone tomorrow, and another machine cannot see that."""
    server, path = sandbox(faults=FaultScript(["silence-before"])), tmp_path / "l"
    async with SqliteLedger(path) as ledger, client_for(server, ledger=ledger) as client:
        call = asyncio.create_task(client.outcome_of(change(), deadline=float("inf")))
        await until(lambda: server.books.requests == 1)
        [(_, sent)] = ledger._live.values()
        assert sent[7] == sent[8] + 86_400
        call.cancel()
        await asyncio.wait([call])


def test_only_a_process_that_is_seen_runs():
    """Of another machine nothing is known: neither that it runs nor that it has gone."""
    mine = owner.this_process()
    assert owner.runs(mine) and not owner.has_gone(mine)
    gone = mine.replace(owner._started(os.getpid()), "1")
    assert owner.has_gone(gone) and not owner.runs(gone)
    for unknown in (mine.replace(" on ", " on not-"), "another call", "process x on y [z]"):
        assert not owner.runs(unknown) and not owner.has_gone(unknown)


async def test_status_does_not_say_sent_of_what_was_only_claimed(tmp_path, sandbox, capsys):
    """A killed run may have gone between the two; of what was sent and not answered it is known."""
    server, path = sandbox(faults=FaultScript(["html-before"])), tmp_path / "l"
    claimed = Intent("bonifiq.customer.change_cashback", "k", b"d", "ana", Decimal(1), "/path", b"{}")
    async with SqliteLedger(path) as ledger, client_for(server, ledger=ledger) as client:
        await client.outcome_of(change())
        await ledger.claim(claimed, lease=0, repeatable=True)
    show_standing(path, look=False, as_json=False)
    shown = [line for line in capsys.readouterr().out.splitlines() if line.startswith("In doubt: ")]
    assert len(shown) == 2
    assert f"{KEY}: " in shown[0] and ", sent 20" in shown[0]
    assert " k: " in shown[1] and ", may have been sent since 20" in shown[1]
