"""One call of every operation of BonifiQ, and an answer to it: the rows of the tests of all operations."""

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal

from attrs import frozen

from bonifiq_async import BonifiQClient, BonifiQPublicClient, CashbackChange, PointsChange
from bonifiq_async.bonifiq import (
    CheckoutItem,
    CreateCustomerRequest,
    CreateProductRequest,
    IdName,
    NameValue,
    OrderPaymentMethodAmount,
    PartialCancelProduct,
    PosAvailableProduct,
    ProductCategory,
    ProductPointsInput,
    RedeemProductInput,
)

MOMENT = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
TEN = Decimal("10.50")
PAGE: Mapping[str, object] = {"Items": [{}], "TotalItemCount": 1, "PageNumber": 1, "HasNextPage": False}


def enveloped(result: object, **more: object) -> Mapping[str, object]:
    """Return a result within the newer envelope."""
    flags = {"Severity": 0, "HasWarning": False, "HasError": False}
    words = {"ErrorMessage": None, "ErrorCode": None, "Code": None, "CodeName": None}
    return {"Result": result, **flags, **words, **more}


@frozen
class Sample:
    """A call, an answer to it, and the name of the class of its result.

    `outcome` says that the result comes in an `Outcome`, `items` that it is an item of a list.
    """

    call: Callable[[BonifiQClient], object]
    answer: object
    result: str
    outcome: bool = False
    items: bool = False


async def first(found: AsyncGenerator[object, None]) -> object:
    """Return the only item of a list."""
    (item,) = [each async for each in found]
    return item


ORDER: Mapping[str, object] = {
    "original_id": "order-1",
    "order_placement_date": MOMENT,
    "order_completed_date": MOMENT,
    "is_completed": True,
    "order_total": TEN,
    "customer": CreateCustomerRequest(original_id="ana", document="529.982.247-25"),
    "products": [
        CreateProductRequest(
            original_id="sku",
            product_price=TEN,
            product_category=ProductCategory("1", "a", None, ProductCategory("0", "b")),
        )
    ],
    "metadatas": [NameValue("a", "b")],
    "payment_method": IdName("pix", "Pix"),
    "payment_methods": [OrderPaymentMethodAmount(original_id="pix", paid_amount=TEN)],
    "coupon": "EXT",
}
CUSTOMER: Mapping[str, object] = {"original_id": "ana", "name": "Ana", "birthday_date": date(1990, 5, 17)}
PRODUCTS = [ProductPointsInput(id="sku", price=TEN)]
PART: Mapping[str, object] = {
    "value_to_refund": TEN,
    "reference": "return-1",
    "products": [PartialCancelProduct(original_id="sku", value_to_refund=TEN)],
    "should_refund_redeem": True,
    "order_total": Decimal(20),
}
REDEEMED = enveloped({"RewardId": 7, "ExternalCode": "EXT"})
CANCELLED = enveloped({"isCanceled": True, "Status": 3})
BALANCE = {"CustomerExists": True, "PointsBalance": 5, "CashbackBalance": 1.5}

SAMPLES: Mapping[str, Sample] = {
    "customers.get": Sample(lambda c: c.customers.get("ana"), enveloped({"Name": "Ana"}), "CustomerResponse"),
    "customers.update": Sample(
        lambda c: c.customers.update("ana", **CUSTOMER), enveloped({"Name": "Ana"}), "CustomerResponse"
    ),
    "customers.upsert": Sample(
        lambda c: c.customers.upsert(**CUSTOMER),
        enveloped({"Operation": "created"}),
        "CustomerUpsertResponse",
    ),
    "customers.points": Sample(lambda c: c.customers.points("ana"), BALANCE, "CustomerPoints"),
    "customers.change_points": Sample(
        lambda c: c.customers.change_points(PointsChange.remove("ana", 5, reason="r", reference="1")),
        enveloped(BALANCE),
        "CustomerPoints",
        outcome=True,
    ),
    "customers.change_cashback": Sample(
        lambda c: c.customers.change_cashback(CashbackChange.add("ana", TEN, reason="r", reference="1")),
        enveloped(BALANCE),
        "CustomerPoints",
        outcome=True,
    ),
    "customers.pending_points": Sample(
        lambda c: c.customers.pending_points("ana"), {"TotalPendingPoints": 1}, "PendingPoints"
    ),
    "customers.history": Sample(
        lambda c: first(c.customers.history("ana")), PAGE, "CustomerHistoryItem", items=True
    ),
    "customers.available_coupons": Sample(
        lambda c: first(c.customers.available_coupons("ana")), PAGE, "CustomerCoupon", items=True
    ),
    "customers.set_birthday": Sample(
        lambda c: c.customers.set_birthday("ana", date(1990, 5, 17)), enveloped({}), "CustomerResponse"
    ),
    "customers.change_status": Sample(
        lambda c: c.customers.change_status("ana", is_enabled=False, reason="r"),
        enveloped(True),
        "Acknowledged",
    ),
    "customers.change_tier": Sample(
        lambda c: c.customers.change_tier("ana", tier_id=3, grace_period_in_days=0),
        enveloped({"TierId": 3}),
        "ChangeTierResult",
    ),
    "orders.create": Sample(
        lambda c: c.orders.create(**ORDER), enveloped({"OriginalId": "order-1"}), "OrderResponse"
    ),
    "orders.get": Sample(lambda c: c.orders.get("order-1"), {"OriginalId": "order-1"}, "OrderResponse"),
    "orders.cancel": Sample(
        lambda c: c.orders.cancel("order-1", order_cancelled_date=MOMENT), CANCELLED, "OrderCancelResponse"
    ),
    "orders.complete": Sample(
        lambda c: c.orders.complete("order-1", order_completed_date=MOMENT),
        {"Result": {"IsCompleted": True, "Status": 0}, "HasError": False, "ErrorMessage": None},
        "OrderCompleteResponse",
    ),
    "orders.cancel_partially": Sample(
        lambda c: c.orders.cancel_partially("order-1", **PART),
        CANCELLED,
        "OrderCancelResponse",
        outcome=True,
    ),
    "pos.available_rewards": Sample(
        lambda c: c.pos.available_rewards(
            customer_id="52998224725",
            purchase_value=TEN,
            products=[PosAvailableProduct(original_id="sku", product_price=TEN, quantity=1)],
        ),
        {"Rewards": [{"Id": 3, "RewardType": 2, "CanUse": True}], "HasRewards": True},
        "PosAvailableRewardsResponse",
    ),
    "pos.challenge": Sample(
        lambda c: c.pos.challenge("ana", transaction_id="sale-1", phone="+5511999"),
        {"Success": True, "SentBySMS": True, "Code": "471193"},
        "PosChallengeResponse",
    ),
    "pos.validate_challenge": Sample(
        lambda c: c.pos.validate_challenge("ana", code="471193", transaction_id="sale-1"),
        {"Success": True},
        "PosChallengeValidateResponse",
    ),
    "pos.redeem": Sample(
        lambda c: c.pos.redeem(1, customer_id="ana@b.example", reference="sale-1", value=TEN),
        REDEEMED,
        "RedeemRewardResponse",
        outcome=True,
    ),
    "pos.cancel_redeem": Sample(
        lambda c: c.pos.cancel_redeem(7), enveloped({"Id": 7, "IsCanceled": True}), "RewardResponse"
    ),
    "pos.cancel_redeem_by_key": Sample(
        lambda c: c.pos.cancel_redeem_by_key("POS-1"), enveloped({"Id": 7}), "RewardResponse"
    ),
    "pos.create_order": Sample(lambda c: c.pos.create_order(**ORDER), enveloped({}), "OrderResponse"),
    "pos.cancel_order": Sample(
        lambda c: c.pos.cancel_order("order-1", order_cancelled_date=MOMENT, order_status="returned"),
        CANCELLED,
        "OrderCancelResponse",
    ),
    "pos.cancel_order_partially": Sample(
        lambda c: c.pos.cancel_order_partially("order-1", **PART),
        CANCELLED,
        "OrderCancelResponse",
        outcome=True,
    ),
    "checkout.redeem": Sample(
        lambda c: c.checkout.redeem(
            customer_id="ana",
            checkout_id="cart",
            reference="1",
            cashback_value=TEN,
            total=Decimal(20),
            items=[CheckoutItem(external_product_id="sku", value=TEN, quantity=2)],
        ),
        REDEEMED,
        "RedeemRewardResponse",
        outcome=True,
    ),
    "checkout.remove_cashback": Sample(
        lambda c: c.checkout.remove_cashback("ana", "cart", total=TEN),
        enveloped({"Success": True}, Code="07"),
        "CheckoutRemoval",
    ),
    "checkout.refresh": Sample(
        lambda c: c.checkout.refresh("ana", "cart", total=TEN),
        enveloped({"CashbackRemoved": False}, Code="05", Severity=1, HasWarning=True),
        "CheckoutRefresh",
    ),
    "rewards.get": Sample(lambda c: c.rewards.get(7), {"Id": 7}, "RewardResponse"),
    "reward_configurations.get": Sample(
        lambda c: c.reward_configurations.get(3), enveloped({"Id": 3}), "RewardConfiguration"
    ),
    "reward_configurations.redeem": Sample(
        lambda c: c.reward_configurations.redeem(3, customer_id="ana"), enveloped([1]), "Unshaped"
    ),
    "reward_configurations.redeem_product_discount": Sample(
        lambda c: c.reward_configurations.redeem_product_discount(
            3,
            customer_id="ana",
            reference="1",
            product=RedeemProductInput(external_product_id="sku", quantity=1, product_price=TEN),
        ),
        enveloped({"RewardId": 7, "ProductDiscountTotal": 2.5}),
        "ProductDiscountRedeemResponse",
        outcome=True,
    ),
    "affiliates.upsert": Sample(
        lambda c: c.affiliates.upsert(name="Ana", email="ana@b.example"), enveloped(True), "Acknowledged"
    ),
    "affiliates.disable": Sample(
        lambda c: c.affiliates.disable("ana@b.example", reason="r"), enveloped(True), "Acknowledged"
    ),
    "products.points": Sample(
        lambda c: c.products.points(PRODUCTS),
        {"HasError": False, "Result": [{"Id": "sku", "Points": 3}]},
        "ProductPointsItem",
        items=True,
    ),
    "objectives.active": Sample(
        lambda c: first(c.objectives.active(customer_id="ana")), PAGE, "Objective", items=True
    ),
    "tiers.available": Sample(lambda c: c.tiers.available("ana"), {"AllTiers": []}, "TiersAvailableResponse"),
    "tiers.benefits": Sample(lambda c: c.tiers.benefits(3), [{"Anything": 1}], "Unshaped"),
    "points.to_expire": Sample(
        lambda c: first(c.points.to_expire(from_=MOMENT, to=MOMENT)), PAGE, "PointsToExpireItem", items=True
    ),
    "reports.customers": Sample(
        lambda c: first(c.reports.customers(from_=MOMENT, is_enrolled=False, email="ana@b.example")),
        PAGE,
        "CustomerReportItem",
        items=True,
    ),
    "reports.received_points": Sample(
        lambda c: first(c.reports.received_points()), PAGE, "ReceivedPointsItem", items=True
    ),
    "reports.expiring_points": Sample(
        lambda c: first(c.reports.expiring_points(to=MOMENT)), PAGE, "ExpirePointsItem", items=True
    ),
    "customization.get": Sample(lambda c: c.customization.get(), {"ProgramName": "Clube"}, "Customization"),
}
"""By the method of the client."""
PUBLIC: Mapping[str, tuple[Callable[[BonifiQPublicClient], Awaitable[object]], object, str]] = {
    "public.points": (lambda c: c.points("ana"), BALANCE, "CustomerPoints"),
    "public.customization": (lambda c: c.customization(), {"ProgramName": "Clube"}, "Customization"),
    "public.product_points": (lambda c: c.product_points(PRODUCTS), {"Points": 3}, "Unshaped"),
    "public.product_points_list": (
        lambda c: c.product_points_list(PRODUCTS),
        [{"Id": "sku", "Points": 3}],
        "ProductPointsItem",
    ),
}


def body_of(answer: object) -> bytes:
    """Return an answer as it is sent."""
    return json.dumps(answer).encode()
