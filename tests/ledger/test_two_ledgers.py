"""One client and several ledgers: what it knows to be in doubt under one is in doubt under all."""

import asyncio
from decimal import Decimal

import pytest
from attrs import evolve
from conftest import change, client_for, fast, raba7ni_client_for, until

from bonifiq_async import (
    CashbackBatch,
    ChangeKeyConflict,
    Earn,
    Effect,
    Member,
    MemoryLedger,
    SqliteLedger,
    StopReason,
)
from bonifiq_async._delivery.terms import Terms
from bonifiq_async.ledger.protocol import State
from bonifiq_async.ledger.reader import recorded, standing
from bonifiq_async.ledger.settling import PersonsWord
from bonifiq_async.ledger.sqlite.reader import SqliteReader
from bonifiq_async.sandbox import FaultScript

KEY = change().change_key


def earn(reference: str = "o1") -> Earn:
    """Return a write that the provider does not de-duplicate."""
    return Earn(card_id=10, member=Member.by_id(123), purchase_amount=Decimal(20), reference=reference)


async def test_what_was_lost_under_one_ledger_is_not_sent_under_another(raba7ni, tmp_path):
    """The other writes the doubt down, so that the next process knows of it too."""
    server = raba7ni(faults=FaultScript(["close-after"]))
    async with SqliteLedger(tmp_path / "l") as ledger, raba7ni_client_for(server) as client:
        assert (await client.outcome_of(earn())).effect is Effect.UNKNOWN
        [outcome] = [each async for each in CashbackBatch(client, ledger=ledger).run([earn()])]
        assert (outcome.effect, outcome.reason) == (Effect.UNKNOWN, StopReason.UNSETTLED)
        assert client.in_doubt() == (outcome.error.change_key,)
    assert server.books.requests == 1
    assert standing(SqliteReader(tmp_path / "l")).counts[State.IN_DOUBT] == 1


async def test_a_refusal_under_another_ledger_does_not_deny_what_was_lost(sandbox):
    """The doubt goes with the key; the answer to a repeat ends it, under whichever ledger."""
    server = sandbox(faults=FaultScript(["close-after", "400"]), duplicates="error-409")
    async with client_for(server, retry=fast(max_attempts=1)) as client:
        effects = []
        for ledger in (None, MemoryLedger(), MemoryLedger()):
            effects.append((await client.outcome_on(change(), Terms(ledger=ledger))).effect)
        assert effects == [Effect.UNKNOWN, Effect.UNKNOWN, Effect.ALREADY_APPLIED]
        assert client.in_doubt() == ()
    assert len(server.books.effects(KEY)) == 1


async def test_what_a_ledger_has_forgotten_its_client_has_not(sandbox):
    """A ledger in memory keeps only so many; what may be applied is not sent again as if it were new."""
    server = sandbox(faults=FaultScript(["html-after", "html-after", "400"]))
    async with client_for(server, ledger=MemoryLedger(capacity=1)) as client:
        for key in ("o1", "o2", "o1"):
            assert (await client.outcome_of(change(key))).effect is Effect.UNKNOWN
        assert sorted(client.in_doubt()) == ["o1", "o2"]


@pytest.mark.parametrize("where", ["the first", "the second"])
async def test_a_settlement_in_either_ledger_ends_the_doubt(where, raba7ni, tmp_path):
    """Also when the file was opened again since, and the change is sent under either ledger."""
    server = raba7ni(faults=FaultScript(["close-before"]))
    paths = {"the first": tmp_path / "1", "the second": tmp_path / "2"}
    async with raba7ni_client_for(server) as client:
        for path in paths.values():
            async with SqliteLedger(path) as ledger:
                assert (await client.outcome_on(earn(), Terms(ledger=ledger))).effect is Effect.UNKNOWN
        SqliteReader(paths[where]).settle(client.in_doubt()[0], PersonsWord(State.NOT_APPLIED, "no movement"))
        async with SqliteLedger(paths[where]) as ledger:
            assert (await client.outcome_on(earn(), Terms(ledger=ledger))).effect is Effect.APPLIED
        assert client.in_doubt() == ()
    assert server.books.requests == 2


async def test_another_change_under_a_key_in_doubt_is_refused_under_any_ledger(sandbox, tmp_path):
    """The key is used; the ledger of the refused call keeps nothing of it."""
    server = sandbox(faults=FaultScript(["close-after"]))
    async with (
        SqliteLedger(tmp_path / "l") as ledger,
        client_for(server, retry=fast(max_attempts=1)) as client,
    ):
        await client.outcome_of(change())
        outcome = await client.outcome_on(evolve(change(), reason="Goodwill"), Terms(ledger=ledger))
        assert isinstance(outcome.error, ChangeKeyConflict)
        assert client.in_doubt() == (KEY,)
    assert server.books.requests == 1
    assert standing(SqliteReader(tmp_path / "l")).counts[State.NOT_APPLIED] == 1


async def test_a_joined_call_of_another_ledger_is_written_into_its_own_ledger(raba7ni, tmp_path):
    """The outcome of a batch is in the ledger that was given to it, and the change is sent once."""
    server = raba7ni(faults=FaultScript(["slow"]))
    async with SqliteLedger(tmp_path / "l") as ledger, raba7ni_client_for(server) as client:
        first = asyncio.create_task(client.outcome_of(earn()))
        await until(lambda: server.books.requests == 1)
        second = await client.outcome_on(earn(), Terms(ledger=ledger))
        assert (await first).effect is second.effect is Effect.APPLIED
        assert second.result == (await first).result
    [entry] = recorded(SqliteReader(tmp_path / "l"), State)
    assert (entry.state, server.books.requests) == (State.APPLIED, 1)


async def test_a_doubt_in_its_own_ledger_outlives_a_refusal_under_another(sandbox, tmp_path):
    """A refusal of the joined call proves nothing about a request that an earlier run had lost."""
    server = sandbox(faults=FaultScript(["close-after", "400"]), duplicates="error-409")
    async with SqliteLedger(tmp_path / "l") as ledger:
        async with client_for(server, retry=fast(max_attempts=1), ledger=ledger) as client:
            assert (await client.outcome_of(change())).effect is Effect.UNKNOWN
        async with client_for(server) as client:
            first = asyncio.create_task(client.outcome_of(change()))
            await asyncio.sleep(0)
            second = await client.outcome_on(change(), Terms(ledger=ledger))
            assert (await first).effect is Effect.REFUSED  # that ledger knows of no earlier run
            assert second.effect is Effect.ALREADY_APPLIED
    assert len(server.books.effects(KEY)) == 1
