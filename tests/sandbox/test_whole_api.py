"""All 48 operations of BonifiQ's sandbox: each is answered by the contract, and meets the same faults."""

import http.client
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from all_calls import SAMPLES
from conftest import client_for
from contract_talk import Talk, bonifiq
from one_test import one_test
from store_talk import ANA, COMPLETED, CUSTOMER, KEYED, order

from bonifiq_async import (
    CustomerPointsToExpire,
)
from bonifiq_async.bonifiq.operations import OPERATIONS
from bonifiq_async.sandbox import Customer, FaultScript, Sandbox

Started = Callable[..., Sandbox]
Row = tuple[str, str, object]
NOW = datetime.now(UTC)
SOON = CustomerPointsToExpire(100, NOW + timedelta(days=9))
MOMENT = "2026-06-01T00:00:00Z"
CONFIGURATION, POS = "/v1/pvt/RewardConfigurations", "/v1/pvt/POS"
PRODUCTS = [{"Id": "a", "Price": 10.5}, {"Id": "b", "Price": 0.5, "PriceCurrency": "BRL", "Name": "B"}]
GIFT = {"ExternalProductId": "gift", "Quantity": 1, "ProductPrice": 5}
PRODUCT = {"RewardConfigurationId": 4, "CustomerId": ANA, "OriginalKey": "p", "Product": GIFT}
ROWS: list[Row] = [
    ("GET", CUSTOMER, None),
    ("PUT", CUSTOMER, {"Name": "Ana"}),
    ("POST", "/v1/pvt/Customer/upsert", {"OriginalId": "bia", "Email": "bia@b.example"}),
    ("GET", f"{CUSTOMER}/points", None),
    ("GET", f"{CUSTOMER}/pendingpoints", None),
    (
        "POST",
        f"{CUSTOMER}/cashback",
        {"Value": 40, "OperationType": 0, "Reason": "r", "ChangeKey": "c"},
    ),
    ("POST", f"{CUSTOMER}/setbirthday", {"Birthday": "1990-05-17T00:00:00Z"}),
    ("POST", f"{CUSTOMER}/changestatus", {"IsEnabled": True, "Reason": "r"}),
    ("POST", f"{CUSTOMER}/changetier", {"TierId": 2}),
    ("POST", "/v1/pvt/Order", order()),
    ("POST", f"{POS}/orders", order("o2", **COMPLETED)),
    *(("POST", each.path, each.under(name)) for name, each in KEYED.items()),
    ("POST", f"{CUSTOMER}/history", None),
    ("POST", f"{CUSTOMER}/availablecoupons", None),
    ("GET", "/v1/pvt/Order/o1", None),
    ("POST", "/v1/pvt/Order/o1/complete", {"OrderCompletedDate": MOMENT}),
    ("POST", "/v1/pvt/Order/o1/cancel", {"OrderCancelledDate": MOMENT}),
    ("POST", f"{POS}/orders/o2/cancel", {"OrderCancelledDate": MOMENT}),
    ("POST", "/v1/pvt/Checkout/redeem/refresh", {"CustomerId": ANA, "CheckoutId": "cart"}),
    ("POST", "/v1/pvt/Checkout/redeem/remove", {"CustomerId": ANA, "CheckoutId": "cart"}),
    ("POST", f"{POS}/rewards/available", {"CustomerId": ANA, "PurchaseValue": 50}),
    ("POST", f"{POS}/customers/ana%40b.example/challenge", {"TransactionId": "sale"}),
    ("POST", f"{POS}/customers/ana%40b.example/challengevalidate", {"Code": "1"}),
    ("DELETE", f"{POS}/rewards/2", None),
    ("DELETE", f"{POS}/rewards?originalKey=checkout", None),
    ("GET", "/v1/pvt/Rewards/1", None),
    ("GET", f"{CONFIGURATION}/1", None),
    ("POST", f"{CONFIGURATION}/1/redeem", {"CustomerId": ANA}),
    ("POST", f"{CONFIGURATION}/4/product-discount/redeem", PRODUCT),
    ("POST", "/v1/pvt/Affiliate", {"Name": "Eva", "Email": "eva@b.example", "CreateCustomer": True}),
    ("DELETE", "/v1/pvt/Affiliate/disable/eva%40b.example?reason=r", None),
    ("POST", "/v1/pvt/Product/points", PRODUCTS),
    ("GET", "/v1/pvt/Objectives/active?PageSize=2", None),
    ("POST", "/v1/pvt/Tiers/available", {"CustomerId": ANA}),
    ("GET", "/v1/pvt/Tiers/3/benefits", None),
    ("POST", "/v1/pvt/Points/toexpire", {"PageSize": 50}),
    ("GET", "/v1/pvt/Reports/ListCustomersReport?pageSize=500", None),
    ("GET", "/v1/pvt/Reports/ListReceivedPoints", None),
    ("GET", "/v1/pvt/Reports/ListExpirePointsNotification", None),
    ("GET", "/v1/pvt/Customization", None),
    ("GET", "/v1/pub/Customer/ana%40b.example/points", None),
    ("GET", "/v1/pub/Customization", None),
    ("POST", "/v1/pub/Product/points", PRODUCTS),
    ("POST", "/v1/pub/Product/pointslist", PRODUCTS),
]
"""A request of each operation, in an order in which each is done."""
ALL = {(each.method, each.path) for each in OPERATIONS}


def store(sandbox: Started, **settings: object) -> tuple[Sandbox, Talk]:
    """Start a sandbox with one customer that has cashback and points."""
    known = Customer(balance=Decimal(20), points_to_expire=[SOON])
    server = sandbox(customers={ANA: known}, **settings)
    server.books.apply_points(ANA, 5000, "gift")
    return server, bonifiq(server)


def test_every_operation_is_a_row() -> None:
    assert len(ROWS) == len(ALL) == 48


@pytest.mark.parametrize("cashback_active", [True, False], ids=["cashback", "points"])
@pytest.mark.parametrize("old_envelope", [False, True], ids=["newer envelope", "older envelope"])
def test_every_operation_is_answered_as_the_contract_says(
    old_envelope: bool, cashback_active: bool, sandbox: Started
) -> None:
    _, talk = store(sandbox, old_envelope=old_envelope, cashback_active=cashback_active)
    for method, path, body in ROWS:
        status, answer = talk.say(method, path, body)
        assert (path, status) == (path, 200), answer
        assert not isinstance(answer, dict) or answer.get("HasError") in (None, False), path
    assert talk.seen == ALL


LISTS = {name for name, sample in SAMPLES.items() if sample.items and name != "products.points"}
QUIET = pytest.mark.filterwarnings("ignore::bonifiq_async.UnverifiedOperationWarning")


@pytest.fixture
def busy(sandbox: Started) -> Sandbox:
    """A sandbox with seven redeems and their coupons, and points that expire."""
    ana = Customer(balance=100, points_to_expire=[SOON] * 5)
    server = sandbox(customers={"ana": ana, ANA: 100, "bia": 0})
    talk = bonifiq(server)
    for _ in range(7):
        sale = {"CustomerId": "ana", "Value": 1, "ForceGenerateCoupon": True}
        talk.result("POST", f"{POS}/rewards/1/redeem", sale)
    return server


@QUIET
async def test_every_list_is_turned_to_its_end(busy: Sandbox) -> None:
    """Two items a page: each item once."""
    bonifiq(busy).result("POST", "/v1/pvt/Order", order("o1", Customer={"OriginalId": "ana"}, **COMPLETED))
    async with client_for(busy) as client:
        found = {
            "customers.history": client.customers.history("ana", page_size=2),
            "customers.available_coupons": client.customers.available_coupons("ana", page_size=2),
            "objectives.active": client.objectives.active(page_size=2),
            "points.to_expire": client.points.to_expire(page_size=2),
            "reports.customers": client.reports.customers(page_size=2),
            "reports.received_points": client.reports.received_points(page_size=2),
            "reports.expiring_points": client.reports.expiring_points(page_size=2),
        }
        items = {name: [each async for each in pages] for name, pages in found.items()}
    assert found.keys() == LISTS
    assert [len(each) for each in items.values()] == [8, 7, 3, 5, 3, 1, 5]
    for each in items.values():
        assert len(set(map(repr, each))) == len(each)


def called(server: Sandbox, row: Row) -> tuple[int | None, bytes]:
    """Send a request; return status and body, None and nothing where there is no answer."""
    method, path, body = row
    talk = bonifiq(server)
    headers = dict(talk.headers)
    sent = None if body is None else json.dumps(body)
    line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        line.request(method, path, sent, headers | ({"Content-Type": "application/json"} if sent else {}))
        answer = line.getresponse()
        return answer.status, answer.read()
    except (http.client.HTTPException, ConnectionError):
        return None, b""
    finally:
        line.close()


def test_every_operation_meets_every_fault_alike(sandbox: Started) -> None:
    """Those that apply do, and those that do not leave the books as they were."""
    server, _ = store(sandbox)
    for row in ROWS:
        before = books_of(server)
        for fault, status in (("503-before", 503), ("close-before", None), ("429", 429), ("422", 422)):
            server.faults = FaultScript([fault])
            assert (row[1], called(server, row)[0]) == (row[1], status)
        assert books_of(server) == before
        server.faults = FaultScript(["500-after", "close-after"])
        assert [called(server, row)[0] for _ in range(2)] == [500, None]
        server.faults = FaultScript()
        status, answer = called(server, row)
        assert status in (200, 400), (row, answer)  # a second order under an id is refused
    assert server.books.orders.keys() == {"o1", "o2"}
    for key in KEYED:
        server.assert_applied_once(key)


def books_of(server: Sandbox) -> tuple[object, ...]:
    books = server.books
    states = {name: (each.state, each.refunded) for name, each in books.orders.items()}
    return (
        books.balances(),
        books.points.balances(),
        states,
        [each.is_cancelled for each in books.redeems.all()],
    )


def test_the_path_of_an_upsert_is_no_customer(sandbox: Started) -> None:
    server, talk = store(sandbox)
    talk.result("POST", "/v1/pvt/Customer/upsert", {"OriginalId": "bia"})
    assert talk.refusal("GET", "/v1/pvt/Customer/upsert") == "Customer_NotFound"
    assert server.books.knows("bia")


@one_test
@pytest.mark.parametrize(("method", "path"), sorted(ALL))
def test_every_path_lets_its_own_credentials_in_alone(method: str, path: str) -> None:
    with Sandbox() as server:
        known = bonifiq(server).headers
        others = "Authorization" if "/pub/" in path else "X-BQ-ApiToken"
        other = {others: known[others]}
        wrong = {"X-BQ-ApiToken": "other", "Authorization": "Basic eDp5"}
        for headers in ({}, other, wrong):
            line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
            line.request(method, re.sub(r"{\w+}", "1", path), headers=headers)
            assert line.getresponse().status == 401
            line.close()
