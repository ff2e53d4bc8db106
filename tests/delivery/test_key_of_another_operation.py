"""A key of a change of one operation is sent for no other operation of its provider."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest
from conftest import until
from sides import side_of
from third_provider.operations import MilesChange

from bonifiq_async import ChangeKeyConflict, Effect, MemoryLedger, SqliteLedger
from bonifiq_async._delivery.terms import Terms
from bonifiq_async.sandbox import FaultScript
from bonifiq_async.sandbox.server import Server

SIDE = side_of("miles")
"""The one provider whose changes are of two operations for which a key counts together."""
GRANT, SPEND = MilesChange("ANA", Decimal(5), "k"), MilesChange("ANA", Decimal(-5), "k")


@pytest.fixture
def miles(served: Callable[..., Server]) -> Callable[..., Server]:
    return partial(served, SIDE.sandbox)


@pytest.mark.parametrize("kind", ["memory", "file"])
async def test_a_used_key(miles: Callable[..., Server], kind: str, tmp_path: Path) -> None:
    """The used key of a grant does not make a spending applied already."""
    server = miles()
    ledger = MemoryLedger() if kind == "memory" else SqliteLedger(tmp_path / "l")
    async with ledger, SIDE.client(server, ledger=ledger) as client:
        granted = await client.outcome_of(GRANT)
        spent = await client.outcome_of(SPEND)
    assert (granted.effect, spent.effect) == (Effect.APPLIED, Effect.NOT_APPLIED)
    assert isinstance(spent.error, ChangeKeyConflict)
    assert server.books.requests == 1


async def test_a_key_in_flight(miles: Callable[..., Server]) -> None:
    """Nor under another ledger, which does not have the first change."""
    server = miles(faults=FaultScript(["silence-before"]))
    async with SIDE.client(server) as client:
        granting = asyncio.create_task(client.outcome_of(GRANT))
        await until(lambda: server.books.requests == 1)
        spent = await client.outcome_on(SPEND, Terms(ledger=MemoryLedger()))
        assert isinstance(spent.error, ChangeKeyConflict) and "in flight" in str(spent.error)
        granting.cancel()
        await asyncio.wait([granting])
    assert (spent.effect, spent.attempts, server.books.requests) == (Effect.NOT_APPLIED, (), 1)


async def test_a_key_in_doubt(miles: Callable[..., Server]) -> None:
    """Under whichever ledger."""
    server = miles(faults=FaultScript(["html-after"]))
    async with SIDE.client(server) as client:
        granted = await client.outcome_of(GRANT)
        spent = await client.outcome_on(SPEND, Terms(ledger=MemoryLedger()))
        assert (granted.effect, client.in_doubt()) == (Effect.UNKNOWN, ("k",))
    assert isinstance(spent.error, ChangeKeyConflict) and "in doubt" in str(spent.error)
    assert (spent.effect, server.books.requests) == (Effect.NOT_APPLIED, 1)
