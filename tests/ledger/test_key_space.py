"""A key counts for a whole provider, unless a source says that it counts for one operation alone."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest
from attrs import evolve

from bonifiq_async import Ledger, MemoryLedger, SqliteLedger
from bonifiq_async._model.operation import Operation, RepeatClass, rivals_of
from bonifiq_async._provider import registry
from bonifiq_async.bonifiq.payloads import CustomerPoints
from bonifiq_async.ledger.protocol import Conflict, Ending, Granted, Intent, State

ACCOUNT = ("p", "account")
ONE = Intent("p.cashback", "k", b"1" * 16, "ANA", Decimal(10), "/c", b"{}", ACCOUNT, rivals=("p.points",))
OTHER = evolve(ONE, operation="p.points", digest=b"2" * 16, rivals=("p.cashback",))


@pytest.fixture(params=["memory", "file"])
async def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Ledger]:
    kept = MemoryLedger() if request.param == "memory" else SqliteLedger(tmp_path / "l")
    async with kept:
        await kept.bind(*ACCOUNT)
        yield kept


@pytest.mark.parametrize("repeatable", [True, False])
@pytest.mark.parametrize("state", [State.CLAIMED, State.APPLIED, State.UNKNOWN, State.IN_DOUBT])
async def test_a_key_of_another_operation_is_a_conflict(
    ledger: Ledger, state: State, repeatable: bool
) -> None:
    granted = await ledger.claim(ONE, lease=60, repeatable=repeatable)
    assert isinstance(granted, Granted)
    if state is not State.CLAIMED:
        assert await ledger.end(ONE, granted.fence, Ending(state))
    ruling = await ledger.claim(OTHER, lease=60, repeatable=repeatable)
    assert ruling == Conflict("ANA", Decimal(10), ONE.operation)


@pytest.mark.parametrize("state", [State.REFUSED, State.NOT_APPLIED])
async def test_a_key_that_changed_nothing_is_free_for_another(ledger: Ledger, state: State) -> None:
    granted = await ledger.claim(ONE, lease=60, repeatable=True)
    await ledger.end(ONE, granted.fence, Ending(state))
    assert isinstance(await ledger.claim(OTHER, lease=60, repeatable=True), Granted)


async def test_a_key_that_counts_by_operation_has_two_rows(ledger: Ledger) -> None:
    one, other = evolve(ONE, rivals=()), evolve(OTHER, rivals=())
    rulings = [await ledger.claim(each, lease=60, repeatable=True) for each in (one, other)]
    assert [type(each) for each in rulings] == [Granted, Granted]


async def test_of_two_at_once_one_is_granted(ledger: Ledger) -> None:
    claims = [ledger.claim(each, lease=60, repeatable=True) for each in (ONE, OTHER)]
    rulings = await asyncio.gather(*claims)
    assert sorted(type(each).__name__ for each in rulings) == ["Conflict", "Granted"]


def operation(name: str, **more: object) -> Operation[CustomerPoints]:
    return Operation(name, "POST", "/", RepeatClass.KEYED, writes=True, result=CustomerPoints, **more)


def test_rivals_are_the_other_changes_of_a_provider() -> None:
    one, two = operation("p.a", unit="BRL"), operation("p.b", unit="points")
    alone, read = operation("p.c", unit="BRL", own_keys=True), operation("p.d")
    assert rivals_of([one, two, alone, read]) == {"p.a": ("p.b",), "p.b": ("p.a",), "p.c": ()}


def test_the_rivals_of_the_providers() -> None:
    """How far a key of BonifiQ's reaches is not documented; Raba7ni's count by operation."""
    found = {
        name: rivals_of(registry.spec_of(name).operations.load(tuple)) for name in ("bonifiq", "raba7ni")
    }
    assert {len(rivals) for rivals in found["bonifiq"].values()} == {len(found["bonifiq"]) - 1} == {6}
    assert found["raba7ni"] and set(found["raba7ni"].values()) == {()}
