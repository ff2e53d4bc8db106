"""Orders in BonifiQ's sandbox: their states, what they grant, what is taken back, how a refusal looks."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from contract_talk import Talk, bonifiq
from store_talk import AFTER, ANA, BEFORE, COMPLETED, CUSTOMER, MOMENT, order

from bonifiq_async.sandbox import Sandbox

ORDERS = ["/v1/pvt/Order", "/v1/pvt/POS/orders"]
PARTS = ["/v1/pvt/Order/o1/partialcancel", "/v1/pvt/POS/o1/partialcancel"]
CANCELS = ["/v1/pvt/Order/o1/cancel", "/v1/pvt/POS/orders/o1/cancel"]
CANCEL = {"OrderCancelledDate": AFTER, "OrderStatus": "returned"}


@pytest.fixture
def server(sandbox: Callable[..., Sandbox]) -> Sandbox:
    """A sandbox in which one customer exists, with cashback."""
    return sandbox(customers={ANA: Decimal(20)})


@pytest.fixture
def talk(server: Sandbox) -> Talk:
    return bonifiq(server)


@pytest.mark.parametrize("path", ORDERS)
def test_a_completed_order_grants_its_points(path: str, server: Sandbox, talk: Talk) -> None:
    """One for each whole real; a pending one grants nothing yet."""
    pending = talk.result("POST", path, order())
    assert (pending["State"], pending["IsCompleted"], server.books.balance(ANA)) == (1, False, 20)
    assert pending["Origin"] == (1 if path == ORDERS[0] else 3)
    assert talk.result("GET", f"{CUSTOMER}/pendingpoints")["TotalPendingPoints"] == 99
    made = talk.result("POST", path, order("o2", **COMPLETED))
    assert made["EstimatedBonus"] == {
        "GenerateBonus": True,
        "EstimatedPoints": 99,
        "EstimatedCashback": 0.99,
        "EstimatedCashbackFormatted": "R$ 0.99",
    }
    assert (made["State"], server.books.balance(ANA)) == (2, Decimal("20.99"))
    assert made == talk.result("GET", "/v1/pvt/Order/o2")


def test_a_store_without_cashback_grants_points(sandbox: Callable[..., Sandbox]) -> None:
    server = sandbox(cashback_active=False)
    bonifiq(server).result("POST", "/v1/pvt/Order", order(**COMPLETED))
    assert (server.books.points.balance(ANA), server.books.balance(ANA)) == (99, 0)


def test_an_order_is_completed_once(server: Sandbox, talk: Talk) -> None:
    """In the older envelope, which is all that its page shows."""
    talk.result("POST", "/v1/pvt/Order", order())
    for _ in range(2):
        status, members = talk.say("POST", "/v1/pvt/Order/o1/complete", {"OrderCompletedDate": AFTER})
        assert (status, set(members)) == (200, {"ErrorMessage", "ErrorCode", "Result", "HasError"})
        assert members["Result"]["IsCompleted"] is True
        assert server.books.balance(ANA) == Decimal("20.99")
    nothing = talk.result("POST", "/v1/pvt/Order/absent/complete", {"OrderCompletedDate": AFTER})
    assert nothing == {"IsCompleted": False, "Status": 0}
    assert talk.result("GET", f"{CUSTOMER}/pendingpoints")["TotalPendingPoints"] == 0


@pytest.mark.parametrize("path", CANCELS)
def test_a_cancelled_order_gives_back_what_it_granted_and_what_it_used(
    path: str, server: Sandbox, talk: Talk
) -> None:
    """Once, however often it is asked for; what is cancelled is not completed again."""
    made = talk.result("POST", "/v1/pvt/Checkout/redeem", {"CustomerId": ANA, "CheckoutId": "cart"})
    assert server.books.balance(ANA) == 0
    talk.result("POST", "/v1/pvt/Order", order(Coupon=made["ExternalCode"], **COMPLETED))
    assert server.books.balance(ANA) == Decimal("0.99")
    for _ in range(2):
        cancelled = talk.result("POST", path, CANCEL)
        assert (cancelled["isCanceled"], cancelled["Status"]) == (True, 3)
        assert server.books.balance(ANA) == 20
    assert talk.result("POST", "/v1/pvt/Order/o1/complete", {"OrderCompletedDate": AFTER}) == {
        "IsCompleted": False,
        "Status": 3,
        "UpdatedAt": cancelled["UpdatedAt"],
    }
    assert talk.result("GET", "/v1/pvt/Order/o1")["IsCancelledOrReturned"] is True


def test_an_unknown_order_is_not_cancelled_within_a_200(talk: Talk) -> None:
    nothing = {"isCanceled": False, "Status": 0, "RefundErrorDetails": None}
    assert talk.result("POST", "/v1/pvt/Order/absent/cancel", CANCEL) == nothing
    part = {"ValueToRefund": 1, "CancelKey": "k"}
    assert talk.result("POST", "/v1/pvt/Order/absent/partialcancel", part) == nothing
    assert talk.refusal("GET", "/v1/pvt/Order/absent") == "Order_NotFound"


@pytest.mark.parametrize("path", PARTS)
def test_parts_of_an_order_take_their_points_back(path: str, server: Sandbox, talk: Talk) -> None:
    """Points are for whole reals of what is left; the last part cancels the order."""
    talk.result("POST", "/v1/pvt/Order", order(**COMPLETED))
    lefts = []
    for key, value in (("a", 0.9), ("b", 0.1), ("c", 98.9)):
        done = talk.result("POST", path, {"ValueToRefund": value, "CancelKey": key})
        lefts.append((done["isCanceled"], done["Status"], server.books.balance(ANA) - 20))
    assert lefts == [(True, 2, Decimal("0.99")), (True, 2, Decimal("0.98")), (True, 3, 0)]
    assert [each.value for each in server.books.refunds.history()] == [
        Decimal("0.9"),
        Decimal("0.1"),
        Decimal("98.9"),
    ]


@pytest.mark.parametrize(("keeps", "left"), [(None, 20), (True, 20), (False, 0)])
def test_a_wholly_refunded_order_gives_its_redeem_back(
    keeps: bool | None, left: int, server: Sandbox, talk: Talk
) -> None:
    """Unless `ShouldRefundRedeem` says no."""
    made = talk.result("POST", "/v1/pvt/Checkout/redeem", {"CustomerId": ANA, "CheckoutId": "cart"})
    talk.result("POST", "/v1/pvt/Order", order(Coupon=made["ExternalCode"]))
    for number, value in enumerate((90, 9.9)):
        body = {"ValueToRefund": value, "CancelKey": str(number), "ShouldRefundRedeem": keeps}
        talk.result("POST", PARTS[0], body)
    assert server.books.balance(ANA) == left


def lines(*parts: tuple[str, float]) -> list[dict[str, object]]:
    return [{"OriginalId": name, "ValueToRefund": value} for name, value in parts]


REFUSED_PARTS = {
    "above the order": ("ValueAboveOrder", 100, None),
    "above what is left": ("ValueAboveOrder", 90, None),
    "products that do not add up": ("ProductsDoNotAddUp", 10, lines(("a", 5), ("b", 4))),
    "a product above its line": ("ProductAboveOrder", 45, lines(("a", 5), ("b", 40))),
    "a product of another order": ("ProductAboveOrder", 5, lines(("c", 5))),
    "the same product twice": ("ProductAboveOrder", 80, lines(("b", 39.9), ("b", 39.9), ("a", 0.2))),
}


@pytest.mark.parametrize(("code", "value", "products"), REFUSED_PARTS.values(), ids=REFUSED_PARTS)
def test_a_part_is_refused_within_a_200(
    code: str, value: float, products: object, server: Sandbox, talk: Talk
) -> None:
    """With the details of the official example, and nothing changes."""
    talk.result("POST", "/v1/pvt/Order", order(**COMPLETED))
    talk.result("POST", PARTS[0], {"ValueToRefund": 10, "CancelKey": "first"})
    before = server.books.balances()
    body = {"ValueToRefund": value, "CancelKey": "k", "Products": products}
    status, answer = talk.say("POST", PARTS[0], body)
    assert (status, answer["HasError"], answer["Severity"]) == (200, False, 0)
    assert answer["Result"]["isCanceled"] is False
    assert answer["Result"]["RefundErrorDetails"]["Code"] == code
    assert (server.books.balances(), server.books.took_effect("k")) == (before, ())


def test_a_cancelled_order_has_no_part_left(talk: Talk) -> None:
    talk.result("POST", "/v1/pvt/Order", order())
    talk.result("POST", CANCELS[0], CANCEL)
    refused = talk.result("POST", PARTS[0], {"ValueToRefund": 1, "CancelKey": "k"})
    assert refused["RefundErrorDetails"]["Code"] == "OrderCancelled"


REFUSED = {
    "completed without a date": (11, {"IsCompleted": True}),
    "completed before it was placed": (12, {"IsCompleted": True, "OrderCompletedDate": BEFORE}),
    "completed and cancelled": (13, {**COMPLETED, "IsCancelledOrReturned": True}),
    "cancelled without a date": (14, {"IsCancelledOrReturned": True}),
    "cancelled before it was placed": (15, {"IsCancelledOrReturned": True, "OrderCancelledDate": BEFORE}),
    "no id": (7, {"OriginalId": " "}),
    "below zero": (9, {"OrderTotal": -1}),
    "no customer": (7, {"Customer": {}}),
    "a product without a price": (7, {"Products": [{"OriginalId": "a"}]}),
    "a total as a text": (None, {"OrderTotal": "1"}),
    "an amount within a payment as a text": (None, {"PaymentMethods": [{"PaidAmount": "1"}]}),
    "a moment that is none": (None, {"OrderPlacementDate": "2026-13-01T00:00:00Z"}),
    "an unknown member": (None, {"Quantity": 1}),
    "an unknown member within": (None, {"Customer": {"OriginalId": ANA, "Cpf": "1"}}),
}


@pytest.mark.parametrize(("number", "other"), REFUSED.values(), ids=REFUSED)
def test_an_order_is_refused(
    number: int | None, other: dict[str, object], server: Sandbox, talk: Talk
) -> None:
    """With the provider's number where its table has the case; nothing is written down."""
    status, answer = talk.say("POST", "/v1/pvt/Order", order(**other))
    assert (status, answer["ErrorCode"], server.books.orders) == (400, number, {})


def test_a_second_order_under_an_id_is_refused_and_grants_nothing(server: Sandbox, talk: Talk) -> None:
    for path in ORDERS:
        talk.say("POST", path, order(**COMPLETED))
    assert talk.refusal("POST", ORDERS[0], order()) == "Order_AlreadyExists"
    assert (len(server.books.orders), server.books.balance(ANA)) == (1, Decimal("20.99"))


def test_dates_of_an_end_are_not_before_the_order(talk: Talk) -> None:
    talk.result("POST", "/v1/pvt/Order", order())
    early = {"OrderCompletedDate": BEFORE}
    assert talk.refusal("POST", "/v1/pvt/Order/o1/complete", early).startswith("Order_OrderCompletedDateMust")
    assert talk.refusal("POST", CANCELS[0], {"OrderCancelledDate": BEFORE}).startswith("Order_OrderCancella")
    assert talk.result("GET", "/v1/pvt/Order/o1")["State"] == 1


def test_an_order_makes_its_customer(server: Sandbox, talk: Talk) -> None:
    """Also where only some exist; one that does not take part is granted nothing."""
    bia = {"OriginalId": "bia", "Email": "bia@b.example", "IsEnrolled": False}
    talk.result("POST", "/v1/pvt/Order", order(Customer=bia, **COMPLETED))
    assert server.books.knows("bia") and server.books.balance("bia") == 0
    assert talk.result("GET", "/v1/pvt/Customer/bia%40b.example")["IsEnrolled"] is False


def test_an_answer_has_all_that_was_sent(talk: Talk) -> None:
    sent = order(
        Metadatas=[{"Name": "n", "Value": "v"}],
        OrderStatus="paid",
        ExternalCoupon="store",
        Branch={"OriginalId": "1", "Name": "Centro"},
        PaymentMethod={"OriginalId": "pix", "Name": "Pix"},
    )
    made = talk.result("POST", "/v1/pvt/Order", sent)
    assert made["Metadatas"] == [{"Id": 1, "OrderId": 1, "Name": "n", "Value": "v"}]
    assert (made["OrderStatus"], made["ExternalCoupon"], made["OrderTotal"]) == ("paid", "store", 99.9)
    assert (made["OrderPlacementDate"], made["Customer"]["Name"]) == (MOMENT, "Ana")
    assert [line["ProductPrice"] for line in made["Products"]] == [60, 39.9]
