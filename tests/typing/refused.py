"""What must not type-check: a line that ends with `# refused` is an error, and no other line is one."""

from decimal import Decimal
from pathlib import Path

from bonifiq_async import (
    BonifiQClient,
    CashbackBatch,
    CashbackChange,
    CustomerPoints,
    Earn,
    FlowControl,
    Ledger,
    Outcome,
    Raba7niClient,
    RetryPolicy,
)
from bonifiq_async._model.evidence import Evidence
from bonifiq_async.ledger.protocol import Ending


class Half:
    """A ledger that lacks most methods."""

    async def bind(self, provider: str, account: str) -> None: ...


def values_are_not_changed(
    change: CashbackChange, flow: FlowControl, policy: RetryPolicy, ending: Ending, evidence: Evidence
) -> None:
    change.value = Decimal(1)  # refused
    flow.initial = 1  # refused
    policy.base = 1.0  # refused
    ending.attempts = 2  # refused
    evidence.sent = False  # refused


def amounts_are_decimals() -> None:
    CashbackChange("ana", 1.5, "reason", "key")  # refused
    CashbackChange("ana", "1.5", "reason", "key")  # refused


def options_are_known(path: Path) -> None:
    BonifiQClient.from_env(timeout=3)  # refused
    BonifiQClient.from_env(base_url=3)  # refused
    BonifiQClient.from_env(base_url=None)  # refused
    BonifiQClient.from_env(ledger=path)  # refused
    Raba7niClient.from_env(duplicate_rule=None)  # refused
    BonifiQClient("token", "key")  # refused


def half_a_ledger_is_none() -> Ledger:
    return Half()  # refused


async def an_answer_may_be_missing(client: BonifiQClient, change: CashbackChange) -> CustomerPoints:
    outcome = await client.outcome_of(change)
    other: Outcome[str] = outcome  # refused
    del other
    result: CustomerPoints = outcome.result  # refused
    return result


async def changes_go_to_their_own_provider(
    bonifiq: BonifiQClient, raba7ni: Raba7niClient, change: CashbackChange, earn: Earn
) -> None:
    await bonifiq.outcome_of(earn)  # refused
    await raba7ni.outcome_of(change)  # refused
    CashbackBatch(bonifiq).run([earn])  # refused


async def members_are_those_of_the_page(client: BonifiQClient, total: Decimal) -> None:
    await client.orders.create(original_id="1")  # refused
    await client.customers.upsert(name="Ana")  # refused
    await client.customers.upsert(original_id="ana", names="Ana")  # refused
    await client.orders.cancel_partially("1", reference="1")  # refused
    await client.customers.add_points("ana", total, reason="r", reference="1")  # refused
    await client.pos.redeem("3", customer_id="ana", reference="1")  # refused
