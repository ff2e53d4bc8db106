"""Changes beside cashback: their keys are pinned and never meet; what cannot be meant is refused unsent."""

import copy
import pickle
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from one_test import one_test

from bonifiq_async import (
    BasicCredentials,
    BonifiQClient,
    NotAppliedError,
    PayloadError,
    PointsChange,
    RetryPolicy,
    change_key_for,
)
from bonifiq_async._concurrency.runtime import Runtime
from bonifiq_async._model.json_codec import encode
from bonifiq_async._policy.change_key import purpose_in
from bonifiq_async.bonifiq import (
    CheckoutItem,
    CreateCustomerRequest,
    CreateOrderRequest,
    CreateProductRequest,
    PartialCancelProduct,
    ProductPointsInput,
    RedeemProductInput,
    points_key_for,
)
from bonifiq_async.bonifiq.changes.keys import (
    Part,
    how_much,
    one_key,
    points_purpose_in,
    points_reference_in,
)
from bonifiq_async.bonifiq.schemas.redeems import PosRedeemRequest

TEN, MOMENT = Decimal(10), datetime(2026, 3, 1, tzinfo=UTC)


def derived(kind: str, *parts: Part, reference: str = "r") -> str:
    return one_key(None, reference, parts, kind=kind, given="key")


def redeem(value: Decimal | None = None, points: int | None = None, reference: str = "r") -> str:
    return derived(
        "POS", ("customer_id", "a-b"), ("reward_id", "3"), how_much(value, points), reference=reference
    )


VECTORS = [
    (points_key_for("ABC", 10, "123"), "POINTS-ADD-ABC-10-123"),
    (points_key_for("ABC", -10, "123"), "POINTS-REMOVE-ABC-10-123"),
    (points_key_for("A-B", 7, "50%"), "POINTS-ADD-A%2DB-7-50%25"),
    (redeem(Decimal("10.50")), "POS-a%2Db-3-10.5-r"),
    (redeem(Decimal("1E+1")), "POS-a%2Db-3-10-r"),
    (redeem(points=10), "POS-a%2Db-3-P10-r"),
    (redeem(), "POS-a%2Db-3-ALL-r"),
    (redeem(reference="x-1"), "POS-a%2Db-3-ALL-x%2D1"),
    (
        derived("CHECKOUT", ("customer_id", "ana"), ("checkout_id", "cart-1"), how_much(TEN)),
        "CHECKOUT-ana-cart%2D1-10-r",
    ),
    (derived("CANCEL", ("order_id", "o-1"), ("value_to_refund", Decimal("0.10"))), "CANCEL-o%2D1-0.1-r"),
    (
        derived("PRODUCT", ("customer_id", "ana"), ("configuration_id", "3"), ("external_product_id", "sku")),
        "PRODUCT-ana-3-sku-r",
    ),
]


def test_keys_are_pinned() -> None:
    assert [made for made, _ in VECTORS] == [pinned for _, pinned in VECTORS]


LABELS = st.text(alphabet="ab-%PAL", min_size=1, max_size=4)
NUMBERS = st.integers(1, 30)
KEYED = st.one_of(
    st.tuples(st.just("cashback"), LABELS, NUMBERS, LABELS),
    st.tuples(st.just("points"), LABELS, NUMBERS, LABELS),
    st.tuples(st.just("POS"), LABELS, LABELS, NUMBERS | st.none() | st.just("P"), LABELS),
    st.tuples(st.just("CANCEL"), LABELS, NUMBERS, LABELS),
)


def key_of(change: tuple[object, ...]) -> str:
    kind, *rest = change
    if kind == "cashback":
        return change_key_for(str(rest[0]), Decimal(rest[1]), str(rest[2]))
    if kind == "points":
        return points_key_for(str(rest[0]), int(rest[1]), str(rest[2]))
    if kind == "CANCEL":
        return derived("CANCEL", ("o", str(rest[0])), ("v", Decimal(rest[1])), reference=str(rest[2]))
    much = how_much(None, 5) if rest[2] == "P" else how_much(None if rest[2] is None else Decimal(rest[2]))
    return derived("POS", ("c", str(rest[0])), ("r", str(rest[1])), much, reference=str(rest[3]))


@given(KEYED, KEYED)
def test_two_changes_never_have_one_key(one: tuple[object, ...], other: tuple[object, ...]) -> None:
    """Of one kind or of two: how far the provider's keys reach is not documented."""
    assert (key_of(one) == key_of(other)) is (one == other)


@given(LABELS, NUMBERS, LABELS, st.booleans())
def test_a_key_of_points_tells_its_reference(customer: str, points: int, reference: str, less: bool) -> None:
    """For the customer and the number; each number has the same purpose, and no cashback has it."""
    signed = -points if less else points
    key = points_key_for(customer, signed, reference)
    assert points_reference_in(key, customer, signed) == reference
    assert points_reference_in(key, customer, -signed) is None
    assert points_reference_in(key, f"{customer}x", signed) is None
    for other in ("", "a-b"):  # no reference, and one that is not written as it would be
        assert points_reference_in(f"{key.rpartition('-')[0]}-{other}", customer, signed) is None
    purpose = points_purpose_in(key, customer, signed)
    assert purpose == points_purpose_in(points_key_for(customer, signed * 2, reference), customer, signed * 2)
    cashback = change_key_for(customer, Decimal(signed), reference)
    assert purpose not in (None, purpose_in(cashback, customer, Decimal(signed)))
    assert points_purpose_in(cashback, customer, signed) is None


def test_a_change_of_points_is_one_value() -> None:
    change = PointsChange.remove("ana", 5, reason="r", reference="1", customer_reason=" ")
    assert (change.points, change.value, change.unit, change.customer_reason) == (-5, -5, "points", None)
    assert change == pickle.loads(pickle.dumps(change)) == copy.deepcopy(change)
    assert PointsChange.add("ana", 5, reason="r", change_key="k").change_key == "k"


CLIENT = BonifiQClient(BasicCredentials("t", "k"))
ORDER: Mapping[str, object] = {
    "original_id": "1",
    "order_placement_date": MOMENT,
    "order_total": TEN,
    "customer": CreateCustomerRequest(original_id="ana"),
}


def customer(**more: object) -> object:
    return CreateCustomerRequest(**{"original_id": "ana"} | more)


def order(**more: object) -> object:
    return CreateOrderRequest(**{**ORDER, **more})


def part(**more: object) -> object:
    given: dict[str, object] = {"value_to_refund": TEN, "reference": "r", **more}
    return CLIENT.orders.cancel_partially("o", **given)


def pos_redeem(**more: object) -> object:
    return CLIENT.pos.redeem(3, **{"customer_id": "ana@b.example", "reference": "r", **more})


def checkout_redeem(**more: object) -> object:
    given: dict[str, object] = {"customer_id": "ana", "checkout_id": "c", "reference": "r", **more}
    return CLIENT.checkout.redeem(**given)


LATER = datetime.now(UTC) + timedelta(days=2)
REFUSED: Mapping[str, tuple[Callable[[], object], str, str]] = {
    "a CPF whose digits are wrong": (lambda: customer(document="52998224724"), "document", "CPF"),
    "a CPF with signs": (lambda: customer(document="529.982.247-24"), "document", "Receita Federal"),
    "a CNPJ whose digits are wrong": (lambda: customer(document="11.222.333/0001-80"), "document", "CNPJ"),
    "a birthday in the future": (
        lambda: CLIENT.customers.upsert(original_id="ana", birthday_date=LATER.date()),
        "birthday_date",
        "future",
    ),
    "a moment in the future": (lambda: CLIENT.customers.set_birthday("ana", LATER), "birthday", "future"),
    "a birthday in the future of an order's customer": (
        lambda: CLIENT.orders.create(**{**ORDER, "customer": customer(birthday_date=LATER)}),
        "customer.birthday_date",
        "future",
    ),
    "a birthday without a zone": (
        lambda: CLIENT.customers.set_birthday("ana", datetime(1990, 5, 17)),
        "birthday",
        "time zone",
    ),
    "a birthday that is a text": (lambda: customer(birthday_date="1990-05-17"), "birthday_date", "datetime"),
    "a naive date of an order": (
        lambda: order(order_placement_date=datetime(2026, 3, 1)),
        "order_placement_date",
        "time zone",
    ),
    "an order completed without a date": (lambda: order(is_completed=True), "order_completed_date", "needs"),
    "an order cancelled without a date": (
        lambda: order(is_cancelled_or_returned=True),
        "order_cancelled_date",
        "needs",
    ),
    "an order completed before it was placed": (
        lambda: order(order_completed_date=MOMENT - timedelta(1)),
        "order_completed_date",
        "before",
    ),
    "an order's total that is a float": (lambda: order(order_total=1.5), "order_total", "Decimal"),
    "products that are none": (lambda: order(products=["sku"]), "products[0]", "CreateProductRequest"),
    "products that are a text": (lambda: order(products="sku"), "products", "must be a list"),
    "a price below zero": (
        lambda: CreateProductRequest(original_id="1", product_price=Decimal(-1)),
        "product_price",
        "below zero",
    ),
    "a part above the order": (lambda: part(order_total=Decimal(9)), "value_to_refund", "ValueToRefund"),
    "a part of nothing": (lambda: part(value_to_refund=Decimal(0)), "value_to_refund", "zero"),
    "products that do not come to the part": (
        lambda: part(products=[PartialCancelProduct(original_id="1", value_to_refund=Decimal(9))]),
        "products",
        "official example",
    ),
    "an empty list of products": (lambda: part(products=[]), "products", "empty"),
    "a part without a key": (lambda: part(reference=None), "cancel_key", "exactly one"),
    "a part with two keys": (lambda: part(cancel_key="k"), "cancel_key", "exactly one"),
    "no products to estimate": (lambda: CLIENT.products.points([]), "products", "at least one"),
    "products that are no inputs": (
        lambda: CLIENT.products.points(["sku"]),
        "products[0]",
        "ProductPointsInput",
    ),
    "a product without an id": (lambda: ProductPointsInput(id="", price=TEN), "id", "empty"),
    "a page above the maximum": (
        lambda: CLIENT.customers.history("ana", page_size=51),
        "page_size",
        "at most 50",
    ),
    "a report above the maximum": (lambda: CLIENT.reports.customers(page_size=501), "page_size", "500"),
    "a page of nothing": (lambda: CLIENT.objectives.active(page_size=0), "page_size", "above zero"),
    "a window without a zone": (
        lambda: CLIENT.reports.expiring_points(to=datetime(2026, 3, 1)),
        "to",
        "time zone",
    ),
    "a window that ends before it begins": (
        lambda: CLIENT.points.to_expire(from_=LATER, to=MOMENT),
        "to",
        "before from_",
    ),
    "a redeem without a key": (lambda: pos_redeem(reference=None), "original_key", "exactly one"),
    "a redeem of reais and of points": (lambda: pos_redeem(value=TEN, points=5), "points", "not both"),
    "a document with signs at the point of sale": (
        lambda: pos_redeem(customer_id="529.982.247-25"),
        "customer_id",
        "digits alone",
    ),
    "a reward that is a text": (
        lambda: CLIENT.pos.redeem("3", customer_id="ana", reference="r"),
        "reward_id",
        "whole number",
    ),
    "a redeem of a checkout without a key": (
        lambda: checkout_redeem(reference=None),
        "original_key",
        "exactly one",
    ),
    "a redeem above the cart": (
        lambda: checkout_redeem(cashback_value=TEN, total=Decimal(9)),
        "cashback_value",
        "checkout page",
    ),
    "an item without a value": (
        lambda: CheckoutItem(external_product_id="1", value=None),
        "value",
        "must be a Decimal",
    ),
    "a product of no quantity": (
        lambda: RedeemProductInput(external_product_id="1", quantity=0),
        "quantity",
        "above zero",
    ),
    "a status that is a number": (
        lambda: CLIENT.customers.change_status("ana", is_enabled=1, reason="r"),
        "is_enabled",
        "true or false",
    ),
    "a status without a reason": (
        lambda: CLIENT.customers.change_status("ana", is_enabled=True, reason=" "),
        "reason",
        "blank",
    ),
    "a tier below one": (lambda: CLIENT.customers.change_tier("ana", tier_id=0), "tier_id", "above zero"),
    "a customer that no path can name": (lambda: CLIENT.customers.get(".."), "customer_id", "path"),
    "points that are a fraction": (
        lambda: PointsChange("ana", Decimal("1.5"), "r", "k"),
        "points",
        "whole number",
    ),
    "points that are a boolean": (lambda: PointsChange("ana", True, "r", "k"), "points", "whole number"),
    "no points": (lambda: PointsChange.add("ana", 0, reason="r", reference="1"), "points", "zero"),
    "points with a sign": (lambda: PointsChange.add("ana", -1, reason="r", reference="1"), "points", "sign"),
    "points beyond 32 bits": (lambda: PointsChange("ana", 2**31, "r", "k"), "points", "32 bits"),
    "points without a reason": (lambda: PointsChange("ana", 1, "", "k"), "reason", "empty"),
    "points without a key": (lambda: PointsChange.add("ana", 1, reason="r"), "change_key", "exactly one"),
    "a reason that no customer can be shown": (
        lambda: PointsChange("ana", 1, "r", "k", "x" * 256),
        "customer_reason",
        "255",
    ),
    "a customer that is none": (lambda: order(customer="ana"), "customer", "CreateCustomerRequest"),
    "a grace below zero": (
        lambda: CLIENT.customers.change_tier("ana", tier_id=3, grace_period_in_days=-1),
        "grace_period_in_days",
        "above zero",
    ),
    "a quantity beyond 32 bits": (
        lambda: RedeemProductInput(external_product_id="1", quantity=2**31),
        "quantity",
        "larger than",
    ),
    "an enrolment that is a text": (
        lambda: CLIENT.reports.customers(is_enrolled="yes"),
        "is_enrolled",
        "true or false",
    ),
    "a PIN that is blank": (lambda: CLIENT.pos.validate_challenge("ana", code=" "), "code", "blank"),
}


@pytest.mark.parametrize(("make", "path", "words"), REFUSED.values(), ids=REFUSED.keys())
async def test_what_cannot_be_meant_is_refused_unsent(
    make: Callable[[], object], path: str, words: str
) -> None:
    """By the name of the field, and with the page or the office that has the rule."""

    async def made() -> None:
        value = make()
        if hasattr(value, "__await__"):
            await value

    with pytest.raises(PayloadError) as caught:
        await made()
    assert caught.value.path == path
    assert words in str(caught.value)


@pytest.mark.parametrize("year", [1999, 2100])
@pytest.mark.parametrize(("day", "in_the_future"), [("06-16", False), ("06-17", True)])
async def test_a_birthday_has_been_by_the_clock_of_the_client(
    year: int, day: str, in_the_future: bool
) -> None:
    """It is still the 15th in Brazil and in UTC, and the 16th where a day begins first."""
    noon = datetime(year, 6, 15, 12, tzinfo=UTC).timestamp()
    client = BonifiQClient(
        BasicCredentials("t", "k"),
        base_url="http://127.0.0.1:1",
        retry=RetryPolicy(max_attempts=1),
        runtime=Runtime(wall=lambda: noon),
    )
    born = date.fromisoformat(f"{year}-{day}")
    async with client:
        with pytest.raises(PayloadError if in_the_future else NotAppliedError):
            await client.customers.set_birthday("ana", born)


@one_test
@pytest.mark.parametrize(
    "document", ["529.982.247-25", "52998224725", "11.222.333/0001-81", "RG 12.345", "123456789", "X-99"]
)
def test_any_other_document_is_taken_as_it_is(document: str) -> None:
    assert customer(document=document) is not None


def test_the_day_that_has_begun_somewhere_is_a_birthday() -> None:
    customer(birthday_date=datetime.now(UTC).date())
    assert CreateCustomerRequest(original_id="a", birthday_date=date(1990, 5, 17)).birthday_date is not None


def test_the_same_redeem_has_the_same_bytes() -> None:
    """However its amount is spelled."""
    made = {
        encode(PosRedeemRequest(customer_id="a", original_key="k", value=value))
        for value in (TEN, Decimal("10.00"), Decimal("1E1"))
    }
    assert len(made) == 1
    assert encode(PosRedeemRequest(customer_id="a", original_key="k", value=10)) in made
