"""Redeems in BonifiQ's sandbox: bound to a checkout or a sale, cancelled by id and key; the PIN challenge."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from contract_talk import Talk, bonifiq
from store_talk import ANA, CUSTOMER, order

from bonifiq_async.sandbox import Sandbox

REDEEM, POS = "/v1/pvt/Checkout/redeem", "/v1/pvt/POS/rewards"
REMOVE, REFRESH = f"{REDEEM}/remove", f"{REDEEM}/refresh"
CART = {"CustomerId": ANA, "CheckoutId": "cart"}


@pytest.fixture
def server(sandbox: Callable[..., Sandbox]) -> Sandbox:
    """A sandbox in which two customers exist; one has cashback."""
    return sandbox(customers={ANA: Decimal(20), "bia": 0})


@pytest.fixture
def talk(server: Sandbox) -> Talk:
    return bonifiq(server)


# --- a checkout ---


@pytest.mark.parametrize(
    ("asked", "taken"),
    [
        ({}, 20),
        ({"Total": 12.5}, 12.5),
        ({"CashbackValue": 3.25}, 3.25),
        ({"CashbackValue": 5, "Total": 5}, 5),
    ],
    ids=["all", "as much as the cart", "an amount", "the whole cart"],
)
def test_a_cart_takes_cashback(asked: dict[str, object], taken: float, server: Sandbox, talk: Talk) -> None:
    made = talk.result("POST", REDEEM, {**CART, "OriginalKey": "k", **asked})
    assert (made["OriginalKey"], made["Point"]["Quantity"]) == ("k", -int(taken * 100))
    assert server.books.balance(ANA) == 20 - Decimal(str(taken)) == 20 - server.books.checkout(ANA, "cart")
    read = talk.result("GET", f"/v1/pvt/Rewards/{made['RewardId']}")
    assert (read["CashValue"], read["IsCanceled"], read["Points"]["EventKey"]) == (taken, False, "k")


def test_another_cart_takes_what_one_without_an_order_held(server: Sandbox, talk: Talk) -> None:
    first = talk.result("POST", REDEEM, {**CART, "CashbackValue": 15})
    other = talk.result("POST", REDEEM, {**CART, "CheckoutId": "other", "CashbackValue": 18})
    assert server.books.balance(ANA) == 2
    assert (server.books.checkout(ANA, "cart"), server.books.checkout(ANA, "other")) == (None, 18)
    talk.result("POST", "/v1/pvt/Order", order(Coupon=other["ExternalCode"]))
    talk.result("POST", REDEEM, {**CART, "CashbackValue": 2})
    assert server.books.balance(ANA) == 0  # what an order used does not come back
    assert talk.result("GET", f"/v1/pvt/Rewards/{first['RewardId']}")["IsCanceled"] is True


REFUSED_CARTS = {
    "more than the balance": ("CashbackNotAvailable", {"CashbackValue": 20.01}),
    "more than the cart": ("RewardValueExceedsPurchase", {"CashbackValue": 5, "Total": 4.99}),
    "nothing": ("General_BiggerThanZero", {"CashbackValue": 0}),
    "no balance": ("CashbackNotAvailable", {"CustomerId": "bia"}),
    "an unknown customer": ("Customer_NotFound", {"CustomerId": "eva"}),
    "no cart": ("General_FieldCannotBeNullOrBlank", {"CheckoutId": " "}),
    "an item without its kind": ("Items.Value is not a decimal number", {"Items": [{"Value": "1"}]}),
    "an origin that is none": ("RedeemOrigin is not one of the numbers 0 to 5", {"RedeemOrigin": 6}),
}


@pytest.mark.parametrize(("why", "other"), REFUSED_CARTS.values(), ids=REFUSED_CARTS)
def test_a_cart_is_refused(why: str, other: dict[str, object], server: Sandbox, talk: Talk) -> None:
    """And keeps what it has."""
    talk.result("POST", REDEEM, {**CART, "CashbackValue": 1})
    assert talk.refusal("POST", REDEEM, {**CART, **other}) == why
    assert (server.books.balance(ANA), server.books.checkout(ANA, "cart")) == (19, 1)


def test_a_removal_gives_back(server: Sandbox, talk: Talk) -> None:
    """Once; what an order used is no longer on the cart."""
    talk.result("POST", REDEEM, {**CART, "CashbackValue": 5})
    codes = [talk.say("POST", REMOVE, CART)[1]["Code"] for _ in range(2)]
    assert (codes, server.books.balance(ANA)) == (["07", "04"], 20)
    used = talk.result("POST", REDEEM, {**CART, "CashbackValue": 5})
    talk.result("POST", "/v1/pvt/Order", order(Coupon=used["ExternalCode"]))
    assert talk.say("POST", REMOVE, CART)[1]["Code"] == "04"
    assert server.books.balance(ANA) == 15


REFRESHED = {
    "no total": ("05", {}),
    "a total of as much": ("05", {"Total": 5}),
    "a smaller cart": ("06", {"Total": 4.99}),
    "an unknown cart": ("04", {"CheckoutId": "other"}),
    "no cart": ("02", {"CheckoutId": ""}),
    "an unknown customer": ("01", {"CustomerId": "eva"}),
}


@pytest.mark.parametrize(("code", "other"), REFRESHED.values(), ids=REFRESHED)
def test_a_refresh_ends_with_its_code(
    code: str, other: dict[str, object], server: Sandbox, talk: Talk
) -> None:
    """Also the good case is a warning; what no longer fits the cart goes back."""
    talk.result("POST", REDEEM, {**CART, "CashbackValue": 5})
    status, answer = talk.say("POST", REFRESH, {**CART, **other})
    failed = code in ("01", "02")
    assert (status, answer["Code"], answer["HasError"]) == (400 if failed else 200, code, failed)
    assert (answer["Severity"], answer["HasWarning"]) == ((2, False) if failed else (1, True))
    if not failed:
        assert answer["Result"]["CashbackRemoved"] is (code == "06")
    assert server.books.balance(ANA) == (20 if code == "06" else 15)


# --- the point of sale ---


@pytest.mark.parametrize(
    ("asked", "taken"), [({}, 20), ({"Value": 3.25}, 3.25), ({"Points": 325}, 3.25)], ids=str
)
def test_a_sale_takes_cashback(asked: dict[str, object], taken: float, server: Sandbox, talk: Talk) -> None:
    """An amount, so many points of it, or all."""
    talk.result("POST", f"{POS}/1/redeem", {"CustomerId": ANA, "OriginalKey": "k", **asked})
    assert server.books.balance(ANA) == 20 - Decimal(str(taken))


def test_a_sale_takes_points_for_a_reward(server: Sandbox, talk: Talk) -> None:
    """From the books of points alone: there must be enough of them."""
    body = {"CustomerId": ANA, "OriginalKey": "k", "Metadatas": [{"Name": "till", "Value": "3"}]}
    assert talk.refusal("POST", f"{POS}/2/redeem", body) == "NotEnoughPoints"
    server.books.apply_points(ANA, 700, "gift")
    made = talk.result("POST", f"{POS}/2/redeem", body)
    assert (made["Point"]["Quantity"], made["Point"]["Metadatas"]) == (-500, body["Metadatas"])
    assert (server.books.points.balance(ANA), server.books.balance(ANA)) == (200, 20)
    assert talk.result("POST", f"{POS}/4/redeem", {"CustomerId": ANA})["ExternalProductId"] == "gift"
    assert server.books.points.balance(ANA) == 0


REFUSED_SALES = {
    "more than the balance": ("CashbackNotAvailable", "1", {"Value": 21}),
    "nothing": ("General_BiggerThanZero", "1", {"Value": 0}),
    "no points": ("CashbackNotAvailable", "1", {"Points": 0}),
    "both": ("General_FieldCannotBeNullOrBlank", "1", {"Value": 1, "Points": 100}),
    "an unknown reward": ("Reward_NotFound", "99", {}),
    "a reward that is no number": ("Reward_NotFound", "x", {}),
    "an amount for another reward": ("Value and Points are for cashback rewards alone", "2", {"Value": 1}),
    "an unknown customer": ("Customer_NotFound", "1", {"CustomerId": "eva"}),
}


@pytest.mark.parametrize(("why", "reward", "other"), REFUSED_SALES.values(), ids=REFUSED_SALES)
def test_a_sale_is_refused(
    why: str, reward: str, other: dict[str, object], server: Sandbox, talk: Talk
) -> None:
    body = {"CustomerId": ANA, "OriginalKey": "k", **other}
    assert talk.refusal("POST", f"{POS}/{reward}/redeem", body) == why
    assert (server.books.history(), server.books.points.history()) == ((), ())


def test_a_customer_that_is_not_active_redeems_nothing(talk: Talk) -> None:
    talk.result("POST", f"{CUSTOMER}/changestatus", {"IsEnabled": False, "Reason": "r"})
    assert talk.refusal("POST", REDEEM, CART) == "CustomerNotEnrolled"
    assert talk.refusal("POST", f"{POS}/1/redeem", {"CustomerId": ANA}) == "CustomerNotEnrolled"


@pytest.mark.parametrize("by", ["id", "key"])
@pytest.mark.parametrize("reward", [1, 3])
def test_a_redeem_is_cancelled_once(by: str, reward: int, server: Sandbox, talk: Talk) -> None:
    server.books.apply_points(ANA, 300, "gift")
    made = talk.result("POST", f"{POS}/{reward}/redeem", {"CustomerId": ANA, "OriginalKey": "k"})
    path = f"{POS}/{made['RewardId']}" if by == "id" else f"{POS}?originalKey=k"
    for _ in range(2):
        cancelled = talk.result("DELETE", path)
        assert (cancelled["Id"], cancelled["IsCanceled"]) == (made["RewardId"], True)
        assert (server.books.balance(ANA), server.books.points.balance(ANA)) == (20, 300)
    server.assert_applied_once("k")  # what goes back is no effect of the key


def test_what_is_not_there_or_was_used_is_not_cancelled(server: Sandbox, talk: Talk) -> None:
    for path in (f"{POS}/9", f"{POS}/x", f"{POS}?originalKey=x", "/v1/pvt/Rewards/9"):
        method = "GET" if "Rewards" in path else "DELETE"
        assert talk.refusal(method, path) == "Reward_NotFound"
    assert talk.refusal("DELETE", POS) == "General_FieldCannotBeNullOrBlank"
    assert "parameter" in talk.refusal("DELETE", f"{POS}?OriginalKey=k")
    made = talk.result("POST", f"{POS}/1/redeem", {"CustomerId": ANA})
    talk.result("POST", "/v1/pvt/POS/orders", order(Coupon=made["ExternalCode"]))
    assert talk.refusal("DELETE", f"{POS}/{made['RewardId']}") == "Reward_UsedByOrder"
    assert server.books.balance(ANA) == 0


def test_a_generated_coupon_is_listed_until_an_order_uses_it(talk: Talk) -> None:
    made = talk.result(
        "POST", f"{POS}/1/redeem", {"CustomerId": ANA, "Value": 2, "ForceGenerateCoupon": True}
    )
    listed = talk.result("POST", f"{CUSTOMER}/availablecoupons")
    (coupon,) = listed["Items"]
    assert (coupon["CouponCode"], coupon["CouponValue"]) == (made["Coupon"]["CouponCode"], 2)
    talk.result("POST", "/v1/pvt/Order", order(Coupon=made["ExternalCode"]))
    assert talk.result("POST", f"{CUSTOMER}/availablecoupons")["Items"] == []


PURCHASE = {"PurchaseValue": 50}
OFFERED = {
    "no points": ({"CustomerId": ANA, **PURCHASE}, 0, [0, 1, 1, 9]),
    "points": ({"CustomerId": ANA, **PURCHASE}, 600, [0, 0, 0, 9]),
    "a small purchase": ({"CustomerId": ANA, "PurchaseValue": 19.99}, 600, [0, 2, 0, 9]),
    "its product": ({"CustomerId": ANA, **PURCHASE, "Products": [{"OriginalId": "gift"}]}, 600, [0] * 4),
    "an unknown customer": ({"CustomerId": "eva", **PURCHASE}, 0, [4] * 4),
    "no cashback": ({"CustomerId": "bia", **PURCHASE}, 0, [3, 1, 1, 9]),
}


@pytest.mark.parametrize(("asked", "points", "why_not"), OFFERED.values(), ids=OFFERED)
def test_rewards_are_offered(
    asked: dict[str, object], points: int, why_not: list[int], server: Sandbox, talk: Talk
) -> None:
    """All of them, each with why it cannot be used."""
    server.books.apply_points(ANA, points, "")
    found = talk.result("POST", f"{POS}/available", asked)
    assert [each["CannotUseReason"] for each in found["Rewards"]] == why_not
    assert [each["CanUse"] for each in found["Rewards"]] == [not number for number in why_not]
    assert found["HasRewards"] is (0 in why_not)
    assert (found["Customer"] is None) is (asked["CustomerId"] == "eva")


def test_the_discount_lowers_what_a_purchase_takes(talk: Talk) -> None:
    asked = {"CustomerId": ANA, "PurchaseValue": 25, "DiscountValue": 10}
    found = talk.result("POST", f"{POS}/available", asked)
    assert (found["EligibleValue"], found["MaxCashbackForCurrentPurchase"]) == (15, 15)


# --- the PIN ---

PIN = f"/v1/pvt/POS/customers/{ANA.replace('@', '%40')}"


def test_a_redeem_waits_for_a_pin_where_the_store_wants_one(sandbox: Callable[..., Sandbox]) -> None:
    """The last PIN counts, once, for its purchase."""
    server = sandbox(customers={ANA: 20}, pin_required=True)
    talk, sale = bonifiq(server), {"TransactionId": "sale"}
    body = {"CustomerId": ANA, "OriginalKey": "k"}
    offered = {"CustomerId": ANA, "PurchaseValue": 50}
    assert talk.result("POST", f"{POS}/available", offered)["ShouldValidateCustomer"] is True
    assert talk.refusal("POST", f"{POS}/1/redeem", body) == "CustomerNotValidated"
    pins = [talk.result("POST", f"{PIN}/challenge", sale) for _ in range(2)]
    assert server.books.challenges.sent(ANA) == 2
    assert pins[1]["Success"] is pins[1]["SentByEmail"] is True and pins[1]["SentBySMS"] is False
    right = {**sale, "Code": pins[1]["Code"]}
    tries = [{**right, "Code": "x"}, {"Code": right["Code"]}, right, right]
    answers = [talk.result("POST", f"{PIN}/challengevalidate", each)["Success"] for each in tries]
    assert answers == [False, False, True, False]
    assert talk.result("POST", f"{POS}/available", offered)["ShouldValidateCustomer"] is False
    talk.result("POST", f"{POS}/1/redeem", body)
    server.assert_applied_once("k")


def test_a_customer_without_an_address_is_sent_nothing(server: Sandbox, talk: Talk) -> None:
    """Until the caller gives one."""
    path = "/v1/pvt/POS/customers/bia/challenge"
    nothing = talk.result("POST", path, {"TransactionId": "sale"})
    assert (nothing["Success"], nothing["Code"]) == (False, None)
    assert nothing["ShouldInformPhone"] is nothing["ShouldInformEmail"] is True
    assert server.books.challenges.sent("bia") == 0
    assert talk.result("POST", path, {"Phone": "+5511999"})["SentBySMS"] is True
    assert talk.refusal("POST", "/v1/pvt/POS/customers/eva/challenge", {}) == "Customer_NotFound"


def test_no_repr_has_a_pin(server: Sandbox, talk: Talk) -> None:
    pin = talk.result("POST", f"{PIN}/challenge", {})["Code"]
    assert pin not in repr(server.books.challenges.last(ANA))
    assert pin not in server.report()


MOST = 2**96 - 1
"""The largest amount of the contract's decimal: 29 digits, one more than Python keeps by itself."""


def test_no_digit_of_the_largest_amount_is_lost(sandbox: Callable[..., Sandbox]) -> None:
    server = sandbox(customers={ANA: MOST})
    talk = bonifiq(server)
    talk.result("POST", REDEEM, {**CART, "CashbackValue": MOST})
    assert server.books.balance(ANA) == 0
    line = {"OriginalId": "a", "ProductPrice": MOST}
    talk.result("POST", "/v1/pvt/Order", order(OrderTotal=MOST, Products=[line]))
    assert talk.result("GET", f"{CUSTOMER}/pendingpoints")["TotalPendingPoints"] == 2**31 - 1
    parts = [{"OriginalId": "a", "ValueToRefund": MOST}]
    body = {"ValueToRefund": MOST, "CancelKey": "k", "Products": parts}
    assert talk.result("POST", "/v1/pvt/Order/o1/partialcancel", body)["isCanceled"] is True
    assert server.books.orders["o1"].left == 0
