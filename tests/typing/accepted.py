"""Code of users must type-check, and have the promised types; nothing here is ever run."""

from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path
from typing import assert_type

from bonifiq_async import (
    BasicCredentials,
    BonifiQClient,
    BonifiQError,
    CashbackBalance,
    CashbackBatch,
    CashbackChange,
    CashbackEarned,
    CashbackRedeemed,
    CashbackRefunded,
    CustomerPoints,
    Earn,
    Effect,
    FlowControl,
    FlowState,
    Ledger,
    MemoryLedger,
    Outcome,
    PoolLimits,
    Raba7niClient,
    Raba7niCredentials,
    RetryPolicy,
    Runtime,
    SqliteLedger,
    Timeouts,
)
from bonifiq_async.testing.pytest_plugin import ClientKwargs

Answer = CashbackEarned | CashbackRedeemed | CashbackRefunded


async def outcomes_say_what_was_answered(
    bonifiq: BonifiQClient, raba7ni: Raba7niClient, change: CashbackChange
) -> None:
    outcome = await bonifiq.outcome_of(change)
    assert_type(outcome, Outcome[CustomerPoints])
    assert_type(outcome.result, CustomerPoints | None)
    assert_type(outcome.effect, Effect)
    assert_type(outcome.error, BonifiQError | None)
    assert_type(await bonifiq.customers.change_cashback(change, deadline=3.0), Outcome[CustomerPoints])
    assert_type(await bonifiq.customers.points("ana"), CustomerPoints)
    assert_type(await raba7ni.cashback.balance(1, 2), CashbackBalance)


async def both_clients_serve_a_batch(
    bonifiq: BonifiQClient, raba7ni: Raba7niClient, changes: list[CashbackChange], earns: list[Earn]
) -> None:
    batch = CashbackBatch(bonifiq, flow=FlowControl(max_in_flight=8), ledger=MemoryLedger())
    async for outcome in batch.run(changes):
        assert_type(outcome, Outcome[CustomerPoints])
    assert_type(batch.flow_state, FlowState | None)
    async for each in CashbackBatch(raba7ni).run(earns):
        assert_type(each, Outcome[Answer])


async def a_batch_reads_lazily(client: BonifiQClient, changes: AsyncIterator[CashbackChange]) -> None:
    async for outcome in CashbackBatch(client).run(changes):
        assert_type(outcome, Outcome[CustomerPoints])


def clients_are_made(path: Path) -> None:
    assert_type(BonifiQClient(BasicCredentials("token", "key")), BonifiQClient)
    assert_type(Raba7niClient(Raba7niCredentials("app", "key")), Raba7niClient)
    assert_type(
        BonifiQClient.from_env(
            base_url="https://example.org",
            retry=RetryPolicy(max_attempts=3),
            timeouts=Timeouts(call=10.0),
            pool=PoolLimits(connections=4),
            ledger=SqliteLedger(path),
            session=None,
            trust_env=True,
            runtime=Runtime(),
            duplicate_rule=lambda answer: answer.status == 409,
        ),
        BonifiQClient,
    )
    assert_type(Raba7niClient.from_env(ledger=None), Raba7niClient)


def a_whole_amount_may_be_an_int() -> None:
    assert_type(CashbackChange("ana", 5, "reason", "key").value, Decimal)


def clients_are_made_for_their_sandboxes(
    bonifiq: ClientKwargs[BasicCredentials], raba7ni: ClientKwargs[Raba7niCredentials]
) -> None:
    BonifiQClient(**bonifiq, runtime=Runtime())
    Raba7niClient(**raba7ni)


class Inheritor(BonifiQClient):
    """A subclass of a client keeps its type."""


def what_is_made_from_the_environment_is_the_class_that_was_asked() -> None:
    assert_type(Inheritor.from_env(), Inheritor)


async def context_managers_give_themselves(path: Path) -> None:
    async with BonifiQClient.from_env() as client, SqliteLedger(path) as ledger:
        assert_type(client, BonifiQClient)
        assert_type(ledger, SqliteLedger)


def every_ledger_is_one(path: Path) -> list[Ledger]:
    ledgers: list[Callable[[], Ledger]] = [lambda: SqliteLedger(path), MemoryLedger]
    return [each() for each in ledgers]
