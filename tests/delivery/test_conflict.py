"""What is said of a key that stands for another change: of which one, and in what the two differ."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import attrs
import pytest
from conftest import change, client_for, until

from bonifiq_async import ChangeKeyConflict, MemoryLedger, PointsChange, SqliteLedger
from bonifiq_async._delivery.conflict import NOT_KEPT
from bonifiq_async.sandbox import FaultScript, Sandbox

FIRST = change(key="k")
CASHBACK = "bonifiq.customer.change_cashback"
OTHERS = {
    "text": attrs.evolve(FIRST, reason="Goodwill"),
    "value": change(key="k", value="7"),
    "customer": change(key="k", customer="BEA"),
    "operation": PointsChange("ANA", 10, "Loyalty", "k"),
}
BOTH = f"10 for ANA, not for this change of 10 in BRL for ANA ({CASHBACK}); the two differ in "
OF_POINTS = (
    f"10 for ANA ({CASHBACK}), not for this change of 10 in points for ANA "
    "(bonifiq.customers.change_points); the two differ in the operation."
)
WORDS = {
    ("text", "memory"): BOTH + NOT_KEPT,
    ("text", "file"): BOTH + "Reason.",
    ("value", "memory"): "the value.",
    (
        "value",
        "file",
    ): f"10 for ANA, not for this change of 7 in BRL for ANA ({CASHBACK}); the two differ in Value.",
    ("customer", "memory"): "the customer or order.",
    ("customer", "file"): "the path (/v1/pvt/Customer/ANA/cashback).",
    ("operation", "memory"): OF_POINTS,
    ("operation", "file"): OF_POINTS,
}


@pytest.mark.parametrize(("other", "kind"), WORDS)
async def test_a_change_that_was_made(
    other: str, kind: str, sandbox: Callable[..., Sandbox], tmp_path: Path
) -> None:
    """A file has its request; of one in memory, customer and value are known."""
    ledger = MemoryLedger() if kind == "memory" else SqliteLedger(tmp_path / "l")
    async with ledger, client_for(sandbox(), ledger=ledger) as client:
        await client.outcome_of(FIRST)
        error = (await client.outcome_of(OTHERS[other])).error
    assert isinstance(error, ChangeKeyConflict) and WORDS[other, kind] in str(error)


async def test_a_change_in_flight(sandbox: Callable[..., Sandbox]) -> None:
    """Its whole request is here."""
    server = sandbox(faults=FaultScript(["silence-before"]))
    async with client_for(server) as client:
        first = asyncio.create_task(client.outcome_of(FIRST))
        await until(lambda: server.books.requests == 1)
        error = (await client.outcome_of(OTHERS["text"])).error
        first.cancel()
        await asyncio.wait([first])
    assert "10 for ANA, which is in flight, not for" in str(error) and "differ in Reason." in str(error)


async def test_a_redeem_with_another_total(sandbox: Callable[..., Sandbox], tmp_path: Path) -> None:
    """One reference is one cart: its total and items, too."""
    cart = {"customer_id": "ANA", "checkout_id": "cart-1", "reference": "cart-1/1"}
    async with SqliteLedger(tmp_path / "l") as ledger, client_for(sandbox(), ledger=ledger) as client:
        await client.customers.add_cashback("ANA", Decimal(50), reason="r", reference="1")
        await client.checkout.redeem(**cart, cashback_value=Decimal(10), total=Decimal(50))
        with pytest.raises(ChangeKeyConflict, match="differ in Total"):
            await client.checkout.redeem(**cart, cashback_value=Decimal(10), total=Decimal(40))
