"""Every write of BonifiQ as a row: its call for a customer, what has to be there before, and what it leaves.

The rows share a sandbox in which each has customers of its own, so that many are in flight at once.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal

from attrs import frozen

from bonifiq_async import BonifiQClient, BonifiQError, CashbackChange, Outcome, PointsChange
from bonifiq_async._model.operation import Operation, RepeatClass
from bonifiq_async.bonifiq import CreateCustomerRequest, RedeemProductInput
from bonifiq_async.bonifiq.operations.table import OPERATIONS, documented
from bonifiq_async.sandbox import Books

MOMENT = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
TEN = Decimal("10.50")
CASHBACK, PRODUCT, FIXED = 1, 4, 2
"""Rewards of the sandbox's store."""
Call = Callable[[BonifiQClient, str, str], Awaitable[object]]
Stage = Callable[[BonifiQClient, str], Awaitable[str]]


async def nothing(_: BonifiQClient, __: str) -> str:
    """Need nothing beside a customer with a balance."""
    return ""


@frozen
class Write:
    """A write: `call` makes it for a customer, with what `stage` has made for that customer before."""

    call: Call
    stage: Stage = nothing


def order(customer: str, *, completed: bool = True) -> dict[str, object]:
    """Return the arguments of an order of a customer."""
    done: dict[str, object] = {"order_completed_date": MOMENT, "is_completed": True} if completed else {}
    buyer = CreateCustomerRequest(original_id=customer)
    moment = {"order_placement_date": MOMENT, "order_total": Decimal(100)}
    return {"original_id": f"order {customer}", "customer": buyer, **moment, **done}


async def an_order(client: BonifiQClient, customer: str) -> str:
    return str((await client.orders.create(**order(customer))).original_id)


async def an_open_order(client: BonifiQClient, customer: str) -> str:
    return str((await client.orders.create(**order(customer, completed=False))).original_id)


async def a_redeem(client: BonifiQClient, customer: str) -> str:
    made = await client.pos.redeem(
        CASHBACK, customer_id=customer, value=TEN, original_key=f"staged {customer}"
    )
    return str(made.result and made.result.reward_id)


async def a_cart(client: BonifiQClient, customer: str) -> str:
    key = f"staged {customer}"
    await client.checkout.redeem(
        customer_id=customer, checkout_id="cart", cashback_value=TEN, original_key=key
    )
    return "cart"


async def a_pin(client: BonifiQClient, customer: str) -> str:
    code = (await client.pos.challenge(customer, phone="+5511999")).code
    assert code is not None
    return code.reveal()


async def an_affiliate(client: BonifiQClient, customer: str) -> str:
    await client.affiliates.upsert(name="Ana", email=customer)
    return customer


WRITES: Mapping[str, Write] = {
    "customers.update": Write(
        lambda c, customer, _: c.customers.update(customer, original_id=customer, name="Ana")
    ),
    "customers.upsert": Write(lambda c, customer, _: c.customers.upsert(original_id=customer, name="Ana")),
    "customers.change_points": Write(
        lambda c, customer, _: c.customers.change_points(
            PointsChange.add(customer, 5, reason="r", reference="1")
        )
    ),
    "customers.change_cashback": Write(
        lambda c, customer, _: c.customers.change_cashback(
            CashbackChange.add(customer, TEN, reason="r", reference="1")
        )
    ),
    "customers.set_birthday": Write(
        lambda c, customer, _: c.customers.set_birthday(customer, date(1990, 5, 17))
    ),
    "customers.change_status": Write(
        lambda c, customer, _: c.customers.change_status(customer, is_enabled=False, reason="r")
    ),
    "customers.change_tier": Write(lambda c, customer, _: c.customers.change_tier(customer, tier_id=3)),
    "orders.create": Write(lambda c, customer, _: c.orders.create(**order(customer))),
    "orders.cancel": Write(lambda c, _, order: c.orders.cancel(order, order_cancelled_date=MOMENT), an_order),
    "orders.complete": Write(
        lambda c, _, order: c.orders.complete(order, order_completed_date=MOMENT), an_open_order
    ),
    "orders.cancel_partially": Write(
        lambda c, _, order: c.orders.cancel_partially(order, value_to_refund=TEN, reference="1"), an_order
    ),
    "pos.challenge": Write(lambda c, customer, _: c.pos.challenge(customer, phone="+5511999")),
    "pos.validate_challenge": Write(
        lambda c, customer, pin: c.pos.validate_challenge(customer, code=pin), a_pin
    ),
    "pos.redeem": Write(
        lambda c, customer, _: c.pos.redeem(CASHBACK, customer_id=customer, value=TEN, reference="1")
    ),
    "pos.cancel_redeem": Write(lambda c, _, number: c.pos.cancel_redeem(int(number)), a_redeem),
    "pos.cancel_redeem_by_key": Write(
        lambda c, customer, _: c.pos.cancel_redeem_by_key(f"staged {customer}"), a_redeem
    ),
    "pos.create_order": Write(lambda c, customer, _: c.pos.create_order(**order(customer))),
    "pos.cancel_order": Write(
        lambda c, _, order: c.pos.cancel_order(order, order_cancelled_date=MOMENT), an_order
    ),
    "pos.cancel_order_partially": Write(
        lambda c, _, order: c.pos.cancel_order_partially(order, value_to_refund=TEN, reference="1"), an_order
    ),
    "checkout.redeem": Write(
        lambda c, customer, _: c.checkout.redeem(
            customer_id=customer, checkout_id="cart", cashback_value=TEN, reference="1"
        )
    ),
    "checkout.remove_cashback": Write(
        lambda c, customer, cart: c.checkout.remove_cashback(customer, cart), a_cart
    ),
    "checkout.refresh": Write(
        lambda c, customer, cart: c.checkout.refresh(customer, cart, total=Decimal(1)), a_cart
    ),  # the cart is worth less than its cashback: it is taken off
    "reward_configurations.redeem": Write(
        lambda c, customer, _: c.reward_configurations.redeem(FIXED, customer_id=customer)
    ),
    "reward_configurations.redeem_product_discount": Write(
        lambda c, customer, _: c.reward_configurations.redeem_product_discount(
            PRODUCT,
            customer_id=customer,
            reference="1",
            product=RedeemProductInput(external_product_id="gift"),
        )
    ),
    "affiliates.upsert": Write(lambda c, customer, _: c.affiliates.upsert(name="Ana", email=customer)),
    "affiliates.disable": Write(lambda c, customer, _: c.affiliates.disable(customer), an_affiliate),
}
"""By the method of the client."""
OF_TABLE: Mapping[str, Operation[object]] = {
    documented(each).called: each for each in OPERATIONS if each.writes
}
"""The same of the table of operations."""

SAFE, KEYED = "safe", "keyed"
ONCE_UNDER_A_KEY, ONCE = "once, under a key", "once"
KINDS = (SAFE, KEYED, ONCE_UNDER_A_KEY, ONCE)
"""What decides how a write behaves: whether it may be repeated, and whether it has a key."""


def kind_of(name: str) -> str:
    """Return the kind of a write of the table."""
    operation = OF_TABLE[name]
    if operation.repeat is RepeatClass.NEVER:
        return ONCE if documented(operation).key is None else ONCE_UNDER_A_KEY
    return SAFE if operation.repeat is RepeatClass.SAFE else KEYED


def of_kinds(*kinds: str) -> list[str]:
    """Return the writes of some kinds."""
    return [name for name in OF_TABLE if kind_of(name) in kinds]


WITH_A_KEY = of_kinds(KEYED, ONCE_UNDER_A_KEY)


def gift(books: Books, customer: str) -> None:
    """Give a customer something to redeem."""
    books.apply(customer, Decimal(100), f"gift to {customer}")
    books.apply_points(customer, 2000, f"gift to {customer}")


def standing(books: Books, customer: str) -> Mapping[str, object]:
    """Return all that a sandbox has written down of a customer, but for numbers and moments of its own."""
    profile, pin = books.profiles.of(customer), books.challenges.last(customer)
    return {
        "cashback": [moved.value for moved in books.changes_of(customer)],
        "points": [moved.value for moved in books.points.changes_of(customer)],
        "refunds": [moved.value for moved in books.refunds.changes_of(customer)],
        "orders": [
            (each.state, each.granted, each.refunded, each.redeem)
            for each in books.orders.values()
            if each.customer_id == customer
        ],
        "redeems": [(each.reward, each.cash, each.is_cancelled) for each in books.redeems.of(customer)],
        "checkout": books.checkout(customer, "cart"),
        "profile": (profile.name, profile.birthday, profile.enabled, profile.tier),
        "tiers": len(profile.earlier_tiers),
        "affiliate": books.affiliates.get(customer),
        "PINs": (books.challenges.sent(customer), pin is not None and pin.is_validated),
    }


async def effect_of(call: Awaitable[object]) -> str:
    """Return what a caller learns: the effect of an outcome or of an error, and `done` of a bare result."""
    try:
        result = await call
    except BonifiQError as error:
        return error.effect.value
    return result.effect.value if isinstance(result, Outcome) else "done"
