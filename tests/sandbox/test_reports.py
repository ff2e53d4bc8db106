"""Reports, tiers, estimates, affiliates and rewards as they are set up, in BonifiQ's sandbox."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import quote

import pytest
from contract_talk import Talk, bonifiq
from store_talk import AFTER, ANA, BEFORE, COMPLETED, CUSTOMER, MOMENT, order

from bonifiq_async import CustomerPointsToExpire, PointDetailItem
from bonifiq_async.sandbox import Customer, Sandbox

REPORTS, CONFIGURATION = "/v1/pvt/Reports", "/v1/pvt/RewardConfigurations"
WHEN = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
LATER = "2999-01-01T00:00:00Z"


@pytest.fixture
def server(sandbox: Callable[..., Sandbox]) -> Sandbox:
    """A sandbox with points that expire, a history of before, and a second customer."""
    expiring = [
        CustomerPointsToExpire(100, WHEN),
        CustomerPointsToExpire(50, datetime(2026, 5, 1, tzinfo=UTC)),
    ]
    before = [PointDetailItem(7, False, WHEN, amount=5)]
    ana = Customer(balance=Decimal(20), points_to_expire=expiring, point_history=before)
    return sandbox(customers={ANA: ana, "bia": 3})


@pytest.fixture
def talk(server: Sandbox) -> Talk:
    return bonifiq(server)


def items(talk: Talk, path: str, body: object = None) -> list[dict[str, object]]:
    return talk.result("GET" if body is None else "POST", path, body)["Items"]


WINDOWS = {
    "open": ([100, 50], {}),
    "both ends belong to it": ([100], {"From": MOMENT, "To": MOMENT}),
    "from": ([50], {"From": AFTER}),
    "to": ([100], {"To": AFTER}),
    "neither": ([], {"To": BEFORE}),
    "ends that are null": ([100, 50], {"From": None, "To": None}),
}


@pytest.mark.parametrize(("points", "window"), WINDOWS.values(), ids=WINDOWS)
def test_points_expire_within_a_window(points: list[int], window: dict[str, object], talk: Talk) -> None:
    """The page has no members of a failure."""
    found = talk.result("POST", "/v1/pvt/Points/toexpire", window)
    assert ([each["Points"] for each in found["Items"]], "HasError" in found) == (points, False)
    query = "&".join(f"{name.lower()}={quote(str(value))}" for name, value in window.items() if value)
    warned = items(talk, f"{REPORTS}/ListExpirePointsNotification?{query}")
    assert [(each["Points"], each["Cashback"]) for each in warned] == [(each, each / 100) for each in points]


def test_a_moment_without_a_zone_is_in_utc(sandbox: Callable[..., Sandbox]) -> None:
    naive = CustomerPointsToExpire(50, datetime(2026, 5, 1))
    talk = bonifiq(sandbox(customers={ANA: Customer(points_to_expire=[naive])}))
    assert items(talk, "/v1/pvt/Points/toexpire", {"From": "2026-05-01T00:00:01Z"}) == []


CUSTOMERS = {
    "all": ("", [ANA, "bia"]),
    "by address": (f"email={quote(ANA)}", [ANA]),
    "by id": ("originalId=bia", ["bia"]),
    "by document": ("document=529", ["bia"]),
    "not enrolled": ("isEnrolled=false", []),
    "of before": (f"to={BEFORE}", []),
    "of later": (f"from={LATER}", []),
    "of now": (f"from={BEFORE}&to={LATER}", [ANA, "bia"]),
    "a page": ("pageNumber=2&pageSize=1", ["bia"]),
}


@pytest.mark.parametrize(("query", "names"), CUSTOMERS.values(), ids=CUSTOMERS)
def test_customers_are_reported(query: str, names: list[str], talk: Talk) -> None:
    talk.result("PUT", "/v1/pvt/Customer/bia", {"Document": "529"})
    found = items(talk, f"{REPORTS}/ListCustomersReport?{query}")
    assert [each["OriginalId"] for each in found] == names


def test_a_report_has_the_lines_of_its_window(talk: Talk) -> None:
    body = {"Points": 5, "OperationType": 0, "Reason": "r", "ChangeKey": "k"}
    talk.result("POST", f"{CUSTOMER}/points", body)
    ana, _ = items(talk, f"{REPORTS}/ListCustomersReport")
    assert [line["Amount"] for line in ana["PointHistory"]] == [5, 5]
    assert (ana["PointsBalance"], ana["CashbackBalance"]) == (2005, 20)
    before, _ = items(talk, f"{REPORTS}/ListCustomersReport?pointDateTo={AFTER}")
    assert [line["Id"] for line in before["PointHistory"]] == [7]


@pytest.mark.parametrize(
    "query",
    ["pageSize=501", "pageNumber=0", "isEnrolled=2", "from=yesterday", "PageSize=1", "pageSize=99999999999"],
)
def test_a_report_is_refused(query: str, talk: Talk) -> None:
    """A parameter in another spelling, too: in a query it would be left out without a word."""
    assert talk.refusal("GET", f"{REPORTS}/ListCustomersReport?{query}")


def test_received_points_name_their_order(talk: Talk) -> None:
    change = {"Points": 5, "OperationType": 0, "Reason": "order o1", "ChangeKey": "k"}
    talk.result("POST", f"{CUSTOMER}/points", change)
    talk.result("POST", "/v1/pvt/Order", order(**COMPLETED))
    talk.result("POST", f"{CUSTOMER}/points", change | {"Points": -1, "OperationType": 1, "ChangeKey": "m"})
    given, earned = items(talk, f"{REPORTS}/ListReceivedPoints")
    assert (given["Points"], given["Cashback"], given["Order"]) == (5, 0, None)
    assert (earned["Points"], earned["Cashback"], earned["Order"]["OriginalId"]) == (99, 0.99, "o1")


def test_tiers_show_the_way_to_the_next(talk: Talk) -> None:
    talk.result("POST", "/v1/pvt/Order", order(**COMPLETED))
    found = talk.result("POST", "/v1/pvt/Tiers/available", {"CustomerId": ANA})
    assert found["CurrentTier"]["Name"] == "Bronze"
    assert [each["Name"] for each in found["NextTiers"]] == ["Silver", "Gold"]
    (goal,) = found["NextTiers"][0]["Goals"]
    assert (goal["CurrentValue"], goal["PercentToGoal"]) == (99, 19)
    for body in ({}, {"CustomerId": None}, {"CustomerId": "eva"}):
        nothing = talk.result("POST", "/v1/pvt/Tiers/available", body)
        assert (nothing["CurrentTier"], len(nothing["NextTiers"])) == (None, 3)
    status, benefits = talk.say("GET", "/v1/pvt/Tiers/2/benefits")
    assert (status, [each["Description"] for each in benefits]) == (200, ["Free shipping"])
    assert talk.refusal("GET", "/v1/pvt/Tiers/9/benefits") == "Tier_NotFound"


PRODUCTS = [{"Id": "a", "Price": 10.99}, {"Id": "b", "Price": -3}]


@pytest.mark.parametrize("cashback_active", [True, False])
def test_products_are_estimated_in_three_shapes(
    cashback_active: bool, sandbox: Callable[..., Sandbox]
) -> None:
    server = sandbox(cashback_active=cashback_active)
    talk = bonifiq(server)
    worth = [0.1, 0] if cashback_active else [None, None]
    checked = talk.say("POST", "/v1/pvt/Product/points", PRODUCTS)[1]
    bare = talk.say("POST", "/v1/pub/Product/pointslist", PRODUCTS)[1]
    assert checked["Result"] == bare
    assert [(each["Points"], each["Cashback"]) for each in bare] == list(zip([10, 0], worth, strict=True))
    assert talk.say("POST", "/v1/pub/Product/points", PRODUCTS)[1] == {"Points": 10}


def test_a_product_without_id_or_price_is_named(talk: Talk) -> None:
    """Within a 200, in the shape of that endpoint; the public ones have no place for it."""
    bad = [{"Id": " ", "Price": 1}, {"Id": "b"}]
    status, answer = talk.say("POST", "/v1/pvt/Product/points", bad)
    assert (status, answer["HasError"], answer["Result"]) == (200, True, None)
    assert [(each["Description"], each["Field"]) for each in answer["ErrorDescriptions"]] == [
        (7, "Id"),
        (7, "Price"),
    ]
    for path in ("/v1/pub/Product/points", "/v1/pub/Product/pointslist"):
        assert talk.refusal("POST", path, bad) == "General_FieldCannotBeNullOrBlank"
        assert talk.refusal("POST", path, {"Id": "a", "Price": 1}).startswith("The body is not")
        assert talk.refusal("POST", path, [1]).startswith("The body is not")


def test_an_affiliate_is_made_and_disabled(server: Sandbox, talk: Talk) -> None:
    body = {"Name": "Eva", "Email": "eva@b.example"}
    assert talk.refusal("POST", "/v1/pvt/Affiliate", {"Name": "Eva"}) == "General_FieldCannotBeNullOrBlank"
    talk.say("POST", "/v1/pvt/Affiliate", body)
    assert not server.books.knows("eva@b.example")
    talk.say("POST", "/v1/pvt/Affiliate", body | {"CreateCustomer": True})
    assert server.books.knows("eva@b.example") and server.books.affiliates == {"eva@b.example": True}
    path = "/v1/pvt/Affiliate/disable"
    assert talk.say("DELETE", f"{path}/eva%40b.example?reason=r")[1]["Result"] is True
    assert server.books.affiliates == {"eva@b.example": False}
    assert talk.refusal("DELETE", f"{path}/absent") == "Affiliate_NotFound"


def test_a_reward_is_redeemed_by_its_number_each_time(server: Sandbox, talk: Talk) -> None:
    """There is no key; the coupon is listed."""
    assert talk.refusal("POST", f"{CONFIGURATION}/2/redeem", {"CustomerId": ANA}) == "NotEnoughPoints"
    server.books.apply_points(ANA, 1000, "gift")
    for _ in range(2):
        answer = talk.result("POST", f"{CONFIGURATION}/2/redeem", {"CustomerId": ANA})
        assert [each["Id"] for each in answer["Items"]] == [2]
    assert server.books.points.balance(ANA) == 0
    coupons = talk.result("POST", f"{CUSTOMER}/availablecoupons")["Items"]
    assert [each["CouponValue"] for each in coupons] == [10, 10]
    talk.result("POST", f"{CONFIGURATION}/1/redeem", {"CustomerId": ANA})
    assert server.books.balance(ANA) == 0
    for method, path in (("GET", ""), ("POST", "/redeem")):
        assert talk.refusal(method, f"{CONFIGURATION}/9{path}", {"CustomerId": ANA}) == "Reward_NotFound"


def test_a_product_reward_counts_its_key_each_time(server: Sandbox, talk: Talk) -> None:
    """No page says that it counts once, so that a second sending is noticed."""
    server.books.apply_points(ANA, 1000, "gift")
    gift = {"ExternalProductId": "gift", "Quantity": 1}
    body = {"RewardConfigurationId": 4, "CustomerId": ANA, "OriginalKey": "k", "Product": gift}
    path = f"{CONFIGURATION}/4/product-discount/redeem"
    for other in (
        {"RewardConfigurationId": 3},
        {"Product": {"ExternalProductId": "other"}},
        {"CustomerId": "eva"},
        {"OriginalKey": " "},
    ):
        assert talk.refusal("POST", path, body | other)
    assert server.books.took_effect("k") == ()
    made = [talk.result("POST", path, body) for _ in range(2)]
    assert made[0]["RewardId"] != made[1]["RewardId"] and made[0]["ProductDiscountTotal"] == 0
    assert len(server.books.took_effect("k")) == 2
