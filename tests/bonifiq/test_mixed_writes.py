"""Cashback, points, redeems and refunds, mixed, at a provider that fails three requests in ten."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from conftest import client_for, fast

from bonifiq_async import BonifiQClient, Effect, Outcome
from bonifiq_async.bonifiq import CreateCustomerRequest
from bonifiq_async.sandbox import FaultScript, Rule, Sandbox
from bonifiq_async.sandbox.faults import TRANSIENT

WRITES = 400
"""For each way of answering a used key."""
CUSTOMERS = 40
PATIENT = fast(base=0.002, cap=0.02, max_attempts=20, quota=10_000_000)
RICH = Decimal(1_000_000)
Write = Callable[[BonifiQClient, str], Awaitable[Outcome[object]]]


def cashback(client: BonifiQClient, reference: str) -> Awaitable[Outcome[object]]:
    return client.customers.add_cashback(
        customer(reference), Decimal("0.50"), reason="r", reference=reference
    )


def points(client: BonifiQClient, reference: str) -> Awaitable[Outcome[object]]:
    return client.customers.remove_points(customer(reference), 7, reason="r", reference=reference)


def redeem(client: BonifiQClient, reference: str) -> Awaitable[Outcome[object]]:
    return client.pos.redeem(1, customer_id=customer(reference), value=Decimal("1.25"), reference=reference)


def refund(client: BonifiQClient, reference: str) -> Awaitable[Outcome[object]]:
    return client.orders.cancel_partially(
        f"order-{customer(reference)}", value_to_refund=Decimal("0.75"), reference=reference
    )


WRITERS: tuple[Write, ...] = (cashback, points, redeem, refund)


def customer(reference: str) -> str:
    return f"c{int(reference) // len(WRITERS) % CUSTOMERS}"


async def written(sandbox: Sandbox, count: int) -> list[Outcome[object]]:
    """Make an order for each customer, and then all writes, many at once."""
    moment = datetime(2026, 3, 1, tzinfo=UTC)
    async with client_for(sandbox, retry=PATIENT) as client:
        for number in range(CUSTOMERS):
            await client.orders.create(
                original_id=f"order-c{number}",
                order_placement_date=moment,
                order_completed_date=moment,
                is_completed=True,
                order_total=RICH,
                customer=CreateCustomerRequest(original_id=f"c{number}"),
            )
        numbers = list(range(count))
        random.Random(5).shuffle(numbers)
        gate = asyncio.Semaphore(32)

        async def one(number: int) -> Outcome[object]:
            async with gate:
                return await WRITERS[number % len(WRITERS)](client, str(number))

        return await asyncio.gather(*map(one, numbers))


def once(outcome: Outcome[object]) -> str:
    """Return what the books say of a change that took effect, in words."""
    change, value = outcome.change, outcome.change.value.normalize()
    if change.unit == "BRL of orders":
        return f"{value} of {change.customer_id} refunded"
    return f"{value:+f} {'points ' if change.unit == 'points' else ''}for {change.customer_id}"


def tried(duplicates: str, count: int) -> Counter[str]:
    """Run all writes, hold them against the books, and return which faults there were."""
    faults = FaultScript(rules=[Rule(TRANSIENT, key="*", rate=0.3)], seed=7)
    rich = {f"c{number}": RICH for number in range(CUSTOMERS)}
    with Sandbox(duplicates=duplicates, faults=faults, customers=rich) as sandbox:
        outcomes = asyncio.run(written(sandbox, count))
        keys = [outcome.change.change_key for outcome in outcomes]
        assert len(set(keys)) == count
        assert {each.effect for each in outcomes} <= {Effect.APPLIED, Effect.ALREADY_APPLIED}
        wrong = {
            each.change.change_key: found
            for each in outcomes
            if (found := sandbox.books.took_effect(each.change.change_key)) != (once(each),)
        }
        assert wrong == {}
        assert set(sandbox.books.keys()) == set(keys)
    return faults.met


@pytest.mark.slow
@pytest.mark.parametrize("duplicates", ["replay", "error-200", "error-400", "error-409"])
def test_nothing_is_lost_and_nothing_doubled(duplicates: str) -> None:
    """Each key took effect exactly once, in the books of its kind, and no other key did."""
    met = tried(duplicates, WRITES)
    assert sum(met.values()) > WRITES // 4
