"""Code of users must type-check, and have the promised types; nothing here is ever run."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, assert_type

from aiohttp import web

from bonifiq_async import (
    BasicCredentials,
    BonifiQClient,
    BonifiQError,
    BonifiQPublicClient,
    CashbackBalance,
    CashbackBatch,
    CashbackChange,
    CashbackEarned,
    CashbackRedeemed,
    CashbackRefunded,
    CheckoutRemoval,
    CustomerPoints,
    Earn,
    Effect,
    FlowControl,
    FlowState,
    Ledger,
    MemoryLedger,
    Outcome,
    PendingPoints,
    PointsChange,
    PoolLimits,
    Raba7niClient,
    Raba7niCredentials,
    RetryPolicy,
    Runtime,
    SqliteLedger,
    Timeouts,
    bonifiq,
)
from bonifiq_async.testing.pytest_plugin import ClientKwargs
from bonifiq_async.webhooks import (
    EarnedPointsPayload,
    Verifier,
    WebhookEvent,
    WebhookReceiver,
    aiohttp_handler,
    asgi_app,
)

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


MOMENT = datetime(2026, 3, 1, tzinfo=UTC)


async def customers_and_orders(client: BonifiQClient, total: Decimal) -> None:
    ana = bonifiq.CreateCustomerRequest(original_id="ana", birthday_date=date(1990, 5, 17))
    assert_type(await client.customers.get("ana"), bonifiq.CustomerResponse)
    assert_type(await client.customers.update("ana", original_id="ana"), bonifiq.CustomerResponse)
    assert_type(await client.customers.upsert(original_id="ana", name=None), bonifiq.CustomerUpsertResponse)
    assert_type(await client.customers.pending_points("ana"), PendingPoints)
    assert_type(await client.customers.set_birthday("ana", MOMENT), bonifiq.CustomerResponse)
    assert_type(await client.customers.change_status("a", is_enabled=True, reason="r"), bonifiq.Acknowledged)
    assert_type(await client.customers.change_tier("ana", tier_id=3), bonifiq.ChangeTierResult)
    change = PointsChange.add("ana", 5, reason="r", reference="1")
    assert_type(await client.customers.change_points(change), Outcome[CustomerPoints])
    assert_type(
        await client.customers.remove_points("a", 5, reason="r", change_key="k"), Outcome[CustomerPoints]
    )
    assert_type(await client.outcome_of(change), Outcome[CustomerPoints])
    async for line in client.customers.history("ana", page_size=10):
        assert_type(line, bonifiq.CustomerHistoryItem)
    async for coupon in client.customers.available_coupons("ana"):
        assert_type(coupon.coupon_value, Decimal | None)
    order = await client.orders.create(
        original_id="1",
        order_placement_date=MOMENT,
        order_total=total,
        customer=ana,
        products=[bonifiq.CreateProductRequest(original_id="sku", product_price=total)],
    )
    assert_type(order, bonifiq.OrderResponse)
    assert_type(order.state, bonifiq.OrderState | int | None)
    assert_type(await client.orders.get("1"), bonifiq.OrderResponse)
    assert_type(await client.orders.complete("1", order_completed_date=MOMENT), bonifiq.OrderCompleteResponse)
    assert_type(await client.orders.cancel("1", order_cancelled_date=MOMENT), bonifiq.OrderCancelResponse)
    part = await client.orders.cancel_partially("1", value_to_refund=total, reference="return-1")
    assert_type(part, Outcome[bonifiq.OrderCancelResponse])


async def points_of_sale_and_checkouts(client: BonifiQClient, total: Decimal) -> None:
    found = await client.pos.available_rewards(customer_id="ana", purchase_value=total)
    assert_type(found.rewards, tuple[bonifiq.PosReward, ...])
    challenge = await client.pos.challenge("ana", transaction_id="sale")
    assert_type(challenge.code, bonifiq.ChallengeCode | None)
    assert_type((await client.pos.validate_challenge("ana", code="1234")).success, bool | None)
    redeemed = await client.pos.redeem(3, customer_id="ana", value=total, reference="sale")
    assert_type(redeemed, Outcome[bonifiq.RedeemRewardResponse])
    assert_type(await client.pos.cancel_redeem(7), bonifiq.RewardResponse)
    assert_type(await client.pos.cancel_redeem_by_key("k"), bonifiq.RewardResponse)
    applied = await client.checkout.redeem(customer_id="ana", checkout_id="cart", original_key="k")
    assert_type(applied.result, bonifiq.RedeemRewardResponse | None)
    assert_type(await client.checkout.refresh("ana", "cart", total=total), bonifiq.CheckoutRefresh)
    assert_type(await client.checkout.remove_cashback("ana", "cart"), CheckoutRemoval)
    ana = bonifiq.CreateCustomerRequest(original_id="ana")
    sale = await client.pos.create_order(
        original_id="1", order_placement_date=MOMENT, order_total=total, customer=ana
    )
    assert_type(sale.estimated_bonus, bonifiq.EstimatedBonus | None)
    assert_type(await client.pos.cancel_order("1", order_cancelled_date=MOMENT), bonifiq.OrderCancelResponse)
    part = await client.pos.cancel_order_partially("1", value_to_refund=total, cancel_key="k")
    assert_type(part, Outcome[bonifiq.OrderCancelResponse])
    assert_type(await client.rewards.get(7), bonifiq.RewardResponse)
    assert_type(await client.reward_configurations.get(3), bonifiq.RewardConfiguration)
    assert_type(await client.reward_configurations.redeem(3, customer_id="ana"), bonifiq.Unshaped)
    product = bonifiq.RedeemProductInput(external_product_id="sku")
    discount = await client.reward_configurations.redeem_product_discount(
        3, customer_id="ana", product=product, reference="1"
    )
    assert_type(discount, Outcome[bonifiq.ProductDiscountRedeemResponse])


async def all_that_is_read(client: BonifiQClient, total: Decimal) -> None:
    assert_type(await client.affiliates.upsert(name="Ana"), bonifiq.Acknowledged)
    assert_type(await client.affiliates.disable("ana"), bonifiq.Acknowledged)
    products = [bonifiq.ProductPointsInput(id="sku", price=total)]
    assert_type(await client.products.points(products), tuple[bonifiq.ProductPointsItem, ...])
    assert_type(await client.tiers.available("ana"), bonifiq.TiersAvailableResponse)
    assert_type((await client.tiers.benefits(3)).value, object)
    assert_type(await client.customization.get(), bonifiq.Customization)
    async for objective in client.objectives.active():
        assert_type(objective, bonifiq.Objective)
    async for points in client.points.to_expire(from_=MOMENT):
        assert_type(points, bonifiq.PointsToExpireItem)
    async for customer in client.reports.customers(page_size=500):
        assert_type(customer, bonifiq.CustomerReportItem)
    async for received in client.reports.received_points():
        assert_type(received, bonifiq.ReceivedPointsItem)
    async for warned in client.reports.expiring_points(to=MOMENT):
        assert_type(warned, bonifiq.ExpirePointsItem)
    assert_type(client.operations, tuple[bonifiq.OperationEntry, ...])
    async with BonifiQPublicClient("token", retry=RetryPolicy()) as public:
        assert_type(await public.points("ana"), CustomerPoints)
        assert_type(await public.customization(), bonifiq.Customization)
        assert_type(await public.product_points(products), bonifiq.Unshaped)
        assert_type(await public.product_points_list(products), tuple[bonifiq.ProductPointsItem, ...])


async def a_batch_takes_both_kinds(
    client: BonifiQClient, changes: list[CashbackChange | PointsChange]
) -> None:
    async for outcome in CashbackBatch(client).run(changes):
        assert_type(outcome, Outcome[CustomerPoints])


Scope = MutableMapping[str, Any]
"""As frameworks of ASGI declare scopes and messages."""


def frameworks_take_the_handlers(
    app: web.Application,
    mount: Callable[
        [
            Callable[
                [Scope, Callable[[], Awaitable[Scope]], Callable[[Scope], Awaitable[None]]], Awaitable[None]
            ]
        ],
        None,
    ],
) -> None:
    async def handle(event: WebhookEvent) -> None:
        assert_type(event.payload, EarnedPointsPayload | Mapping[str, object])

    receiver = WebhookReceiver(handle, Verifier("X-Secret", "a"), ledger=MemoryLedger())
    app.router.add_post("/", aiohttp_handler(receiver))
    mount(asgi_app(receiver))
