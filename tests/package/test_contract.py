"""The sandboxes answer as the contract says, and the payloads have what it says, member by member."""

import http.client
import inspect
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from importlib.util import find_spec
from typing import cast

import attrs
import pytest
from compared_payloads import PAIRS, SCHEMAS, check_error_names, check_payload
from contract_talk import Talk, bonifiq, raba7ni
from contracts import CONTRACTS, Json, validator
from hypothesis import HealthCheck, given, settings
from on_this_machine import skip_without
from one_test import one_test

from bonifiq_async.bonifiq import payloads as bonifiq_payloads
from bonifiq_async.bonifiq.client import BasicCredentials
from bonifiq_async.bonifiq.payloads import (
    CustomerPointsToExpire,
    OrderOrigin,
    PendingOrder,
    PointDetailItem,
)
from bonifiq_async.bonifiq.sandbox.books import Books
from bonifiq_async.bonifiq.sandbox.judge import CODES, REFUSALS
from bonifiq_async.bonifiq.sandbox.provider import Provider
from bonifiq_async.raba7ni import payloads as raba7ni_payloads
from bonifiq_async.raba7ni.client import Raba7niCredentials
from bonifiq_async.raba7ni.sandbox import endpoints as raba7ni_side
from bonifiq_async.raba7ni.sandbox import judge
from bonifiq_async.raba7ni.sandbox.books import Wallets
from bonifiq_async.raba7ni.sandbox.endpoints import Raba7ni
from bonifiq_async.raba7ni.sandbox.paths import SCOPES
from bonifiq_async.sandbox import Customer, Raba7niSandbox, Sandbox
from bonifiq_async.sandbox.protocol import Speaks

SERVED: Mapping[str, Speaks] = {
    "bonifiq": Provider(Books(), BasicCredentials("token", "key")),
    "raba7ni": Raba7ni(Wallets({10: 5}), Raba7niCredentials("app", "key"), frozenset(SCOPES)),
}
"""What each sandbox serves."""


# --- what the sandboxes answer ---


def change(**other: object) -> Json:
    return {"Value": 10.5, "OperationType": 0, "Reason": "r", "ChangeKey": "k", **other}


CUSTOMER, REMOVAL = "/v1/pvt/Customer/ana%40b.example", "/v1/pvt/Checkout/redeem/remove"


@pytest.mark.parametrize("old_envelope", [False, True], ids=["newer envelope", "older envelope"])
@pytest.mark.parametrize("duplicates", ["replay", "error-200", "error-400", "error-409"])
def test_bonifiq_answers_as_its_contract_says(duplicates: str, old_envelope: bool, sandbox) -> None:
    """The operations of the first documents: every success and every error; the others have a file."""
    server: Sandbox = sandbox(duplicates=duplicates, old_envelope=old_envelope, customers=["ana@b.example"])
    talk = bonifiq(server)
    names = set()

    def said(method: str, path: str, body: object = None, **headers: str) -> int:
        status, members = talk.say(method, path, body, **headers)
        names.update(str(members[name]) for name in ("CodeName", "ErrorMessage") if members.get(name))
        return status

    assert said("POST", f"{CUSTOMER}/cashback", change()) == 200
    again = said("POST", f"{CUSTOMER}/cashback", change())
    assert again == (200 if duplicates == "replay" else int(duplicates[-3:]))
    assert said("POST", f"{CUSTOMER}/cashback", change(Value=-3, OperationType=1, ChangeKey="k2")) == 200
    wrong = ({"Value": 0}, {"Value": "1"}, {"Value": True}, {"OperationType": 1}, {"ChangeKey": ""})
    for each in (*wrong, {"CustomerReason": "x" * 256}):
        assert said("POST", f"{CUSTOMER}/cashback", change(**{"ChangeKey": "k3"} | each)) == 400
    assert said("POST", "/v1/pvt/Customer/absent/cashback", change(ChangeKey="k4")) == 400
    for path in (f"{CUSTOMER}/points", f"{CUSTOMER}/pendingpoints", "/v1/pvt/Customer/absent/points"):
        assert said("GET", path) == 200
    assert said("GET", f"{CUSTOMER}/points", Authorization="Basic bm9ib2R5Og==") == 401
    server.books.put_checkout("ana@b.example", "cart", Decimal(5))
    asked = {"CustomerId": "ana@b.example", "CheckoutId": "cart"}
    assert [said("POST", REMOVAL, asked) for _ in range(2)] == [200, 200]
    assert said("POST", REMOVAL, asked | {"CheckoutId": "none"}) == 200
    assert said("POST", REMOVAL, asked | {"CheckoutId": ""}) == 400
    assert said("POST", REMOVAL, asked | {"CustomerId": "absent"}) == 400
    if not old_envelope:
        known = {each.name for each in REFUSALS.values() if each.name} | {
            each.name for each in CODES.values()
        }
        assert known - names == (set() if duplicates != "replay" else {"ChangeKeyAlreadyUsed"})


@pytest.mark.parametrize("cashback_active", [True, False])
def test_a_registered_customer_is_answered_as_the_contract_says(cashback_active: bool, sandbox) -> None:
    """Every member of every part; without cashback, no amount of it."""
    moment = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
    whole = PointDetailItem(
        7, True, moment, moment, -30, Decimal("-0.30"), "1", "Centro", OrderOrigin.PDV, "PDV", 2, "?"
    )
    known = Customer(
        balance=Decimal("12.35"),
        redeem_key="redeem",
        points_to_expire=[CustomerPointsToExpire(100, moment)],
        point_history=[whole, PointDetailItem(8, False, moment, amount=5)],
        pending_orders=[
            PendingOrder(moment, Decimal("99.90"), 50, Decimal("0.50")),
            PendingOrder(moment, Decimal(1), 1),
        ],
    )
    server: Sandbox = sandbox(customers={"ana@b.example": known}, cashback_active=cashback_active)
    talk = bonifiq(server)
    _, changed = talk.say("POST", f"{CUSTOMER}/cashback", change())
    _, points = talk.say("GET", f"{CUSTOMER}/points")
    _, pending = talk.say("GET", f"{CUSTOMER}/pendingpoints")
    result = cast("Json", changed["Result"])
    assert result["RedeemKey"] != points["RedeemKey"] == "redeem"
    assert (result["PointsBalance"], points["PointsBalance"]) == (2285, 2285)
    assert {result["CashbackBalance"], points["CashbackBalance"]} == {22.85 if cashback_active else 0}
    lines = cast("list[Json]", points["PointHistory"])
    assert [line["Amount"] for line in lines] == [-30, 5, 1050]
    assert [line["CashbackAmount"] for line in lines] == (
        [-0.3, None, 10.5] if cashback_active else [None] * 3
    )
    orders = cast("list[Json]", pending["PendingOrders"])
    assert [order["PendingCashback"] for order in orders] == ([0.5, 0.01] if cashback_active else [None] * 2)
    assert pending["TotalPendingPoints"] == 51
    assert pending["TotalPendingCashback"] == (0.51 if cashback_active else None)


MOVES, SIGN_IN = "/api/v1/cashback/cashback", "/api/v1/auth/member"
OTHER_SIGN_IN = "/api/v1/members/auth"


def test_raba7ni_answers_as_its_contract_says() -> None:
    """Every operation, every success and every error that the sandbox knows of."""
    with Raba7niSandbox(cards={10: 5, 20: Decimal("2.5")}, members=[1]) as server:
        talk = raba7ni(server)
        codes: set[str] = set()

        def said(method: str, path: str, body: object = None, **headers: str) -> int:
            status, members = talk.say(method, path, body, **headers)
            if status >= 400:
                codes.add(cast("dict[str, str]", members["error"])["code"])
            return status

        earn = {"card_id": 10, "member_id": 1, "purchase_amount": 50.5}
        assert said("POST", f"{MOVES}/earn", earn | {"reference": "r", "metadata": {"a": 1}}) == 200
        assert (
            said("POST", f"{MOVES}/earn", {"card_id": 20, "email": "a@b.example", "purchase_amount": 1})
            == 200
        )
        for wrong in ({"card_id": 11}, {"purchase_amount": 0}, {"purchase_amount": "1"}, {"member_id": 99}):
            assert said("POST", f"{MOVES}/earn", earn | wrong) in (404, 422)
        assert said("POST", f"{MOVES}/earn", earn | {"reference": 7}) == 422
        assert said("POST", f"{MOVES}/earn", earn, Content_Type="text/plain") == 415
        refund = {"card_id": 10, "member_id": 1, "refund_amount": 10}
        assert said("POST", f"{MOVES}/refund", refund) == 200
        assert (
            said("POST", f"{MOVES}/refund", refund | {"cashback_to_deduct": 0.125, "reference": "r"}) == 200
        )
        token = {"X_Member_Token": server.sign_in(1).reveal()}
        assert said("POST", f"{MOVES}/redeem", {"card_id": 10, "amount": 1, "reference": "r"}, **token) == 200
        assert said("POST", f"{MOVES}/redeem", {"card_id": 10, "amount": 1}) == 401
        assert said("POST", f"{MOVES}/redeem", {"card_id": 10, "amount": 1, "pin": "1"}, **token) == 422
        assert said("POST", f"{MOVES}/redeem", {"card_id": 10, "amount": 1000}, **token) == 422
        for path in ("balance", "history", "history?limit=1&offset=1"):
            name, _, more = path.partition("?")
            assert said("GET", f"{MOVES}/{name}?card_id=10&member_id=1&{more}") == 200
            assert said("GET", f"{MOVES}/{name}?card_id=10&member_id=99&{more}") == 404
            assert said("GET", f"{MOVES}/{name}?card_id=x&{more}") == 404
            assert said("GET", f"{MOVES}/{name}?card_id=10&member_id={'9' * 19}&{more}") == 422
        for path in ("", "/10", "/20/rewards"):
            assert said("GET", f"/api/v1/cashback/cards{path}") == 200
        for path in ("/11", "/x", "/11/rewards"):
            assert said("GET", f"/api/v1/cashback/cards{path}") == 404
        new = {"name": "Ana", "email": "ana@b.example", "phone": "+551199"}
        assert said("POST", f"{SIGN_IN}/register", new) == 200
        assert said("POST", f"{SIGN_IN}/register", new) == 422
        assert said("POST", f"{SIGN_IN}/register", new | {"email": ""}) == 422
        for contact in ({"email": "ana@b.example"}, {"phone": "+551199"}, {"email": "absent@b.example"}):
            assert said("POST", f"{SIGN_IN}/check", contact) == 200
        for paths in (SIGN_IN, OTHER_SIGN_IN):
            asked = {"phone_number": "+551199"}
            assert said("POST", f"{paths}/request-otp", asked) == 200
            assert said("POST", f"{paths}/verify-otp", asked | {"otp": "x"}) == 422
            assert said("POST", f"{paths}/verify-otp", asked | {"otp": server.books.code(3)}) == 200
            assert said("POST", f"{paths}/request-otp", {"phone_number": "1"}) == 404
        assert said("GET", f"{MOVES}/balance?card_id=10&member_id=1", X_Api_Key="other") == 401
        assert said("POST", f"{MOVES}/refund", refund | {"cashback_to_deduct": 1000}) == 200  # with a warning
        assert talk.seen == set(SERVED[talk.name].routes())
    with Raba7niSandbox(scopes=[]) as server:
        talk = raba7ni(server)
        assert said("GET", "/api/v1/cashback/cards") == 403
    source = inspect.getsource(raba7ni_side) + inspect.getsource(judge)
    assert codes == set(re.findall(r'(?:Refused|_error)\(\d+, "(\w+)"', source))


@pytest.mark.parametrize("status", [400, 429, 500, 502, 503, 504])
def test_what_faults_answer_is_an_error_of_the_contract(status: int) -> None:
    """A fault with a status says what an error of the provider says."""
    schemas = {"bonifiq": "ExternalApiEnvelope", "raba7ni": "ErrorEnvelope"}
    for name, side in SERVED.items():
        schema = {"$ref": f"#/components/schemas/{schemas[name]}"}
        assert not list(validator(CONTRACTS[name], schema).iter_errors(side.failure(status)))


# --- what the payloads have ---


@one_test
@pytest.mark.parametrize(
    ("provider", "kind", "schema"), PAIRS, ids=[f"{provider}-{schema}" for provider, _, schema in PAIRS]
)
def test_payload_is_what_the_contract_says(
    provider: str, kind: type[attrs.AttrsInstance], schema: str
) -> None:
    check_payload(CONTRACTS[provider], kind, schema)


def test_every_payload_is_compared() -> None:
    """A payload class that is added needs its schema."""
    compared = {kind for _, kind, _ in PAIRS}
    own = {"CashbackChange", "CheckoutRemoval", "RedeemRecord", "Contact", "CheckoutRefresh"}
    own |= {"BarePage", "Page", "Acknowledged", "Unshaped", "ProductPointsList"}
    for module in (bonifiq_payloads, raba7ni_payloads, *SCHEMAS):
        for name, kind in inspect.getmembers(module, inspect.isclass):
            if kind.__module__ == module.__name__ and attrs.has(kind):
                assert kind in compared or name in own, name


# --- any request that a client may send ---


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bonifiq", "raba7ni"])
def test_nothing_that_is_sent_breaks_a_sandbox(name: str) -> None:
    """Whatever fits the contract, and whatever does not: each operation answers as it says, below 500."""
    skip_without(find_spec("schemathesis"), "schemathesis comes with the extra `dev`, which is not installed")
    import schemathesis

    paths = CONTRACTS[name]["paths"]
    assert {(method.upper(), path) for path, each in paths.items() for method in each} == set(
        SERVED[name].routes()
    )
    kind = {"bonifiq": Sandbox, "raba7ni": Raba7niSandbox}[name]
    with kind() as server:
        talk = bonifiq(server) if name == "bonifiq" else raba7ni(server)
        headers = dict(talk.headers)
        if name == "raba7ni":
            headers["X-Member-Token"] = server.sign_in(1).reveal()
        document = schemathesis.openapi.from_dict(CONTRACTS[name])
        for place in SERVED[name].routes():
            for mode in schemathesis.GenerationMode:
                cases = document[place[1]][place[0]].as_strategy(generation_mode=mode)
                send(talk, place, cases, headers)


def send(talk: Talk, place: tuple[str, str], cases: object, headers: Mapping[str, str]) -> None:
    """Send some requests of an operation, and hold their answers against the contract."""

    @settings(max_examples=6, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=cases)
    def ask(case: object) -> None:
        response = case.call(base_url=talk.sandbox.url, headers=headers)
        assert response.status_code < 500, case.as_curl_command()
        assert talk.faults(*place, response.status_code, response.json()) == []

    ask()


NINES = "9" * 5000
TOO_MUCH = ["1e999999", "1e60", "1e29", "-1e60", f"0.{'1' * 120}", "1e-999999", NINES, f"{NINES}.5"]
CASHBACK = "/api/v1/cashback/cashback"


def status(server: Sandbox | Raba7niSandbox, method: str, path: str, body: str | None = None) -> int:
    """Send a request, and return the status of the answer."""
    headers = dict((bonifiq(server) if isinstance(server, Sandbox) else raba7ni(server)).headers)
    if body is not None:
        headers["Content-Type"] = "application/json"
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request(method, path, body, headers)
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize("amount", TOO_MUCH, ids=lambda text: text[:12])
def test_an_amount_that_no_decimal_holds_is_refused_and_moves_nothing(amount: str) -> None:
    with Sandbox() as server:
        kind = int(amount.startswith("-"))
        change = f'{{"Value":{amount},"OperationType":{kind},"Reason":"r","ChangeKey":"k"}}'
        assert status(server, "POST", "/v1/pvt/Customer/ana/cashback", change) == 400
        assert status(server, "GET", "/v1/pvt/Customer/ana/points") == 200
        server.assert_balance("ana", 0)
    with Raba7niSandbox() as server:
        for what, field, more in [
            ("earn", "purchase_amount", ""),
            ("refund", "refund_amount", ""),
            ("refund", "cashback_to_deduct", ',"refund_amount":1'),
        ]:
            body = f'{{"card_id":10,"member_id":1,"{field}":{amount}{more}}}'
            assert status(server, "POST", f"{CASHBACK}/{what}", body) in (404, 422)
        server.assert_balance(10, 1, 0)


@pytest.mark.parametrize("number", [NINES, "9" * 19, "99999999999999999999999999"], ids=len)
def test_a_number_that_no_id_can_be_is_refused(number: str) -> None:
    with Raba7niSandbox() as server:
        for path in (
            f"{CASHBACK}/balance?card_id=10&member_id={number}",
            f"{CASHBACK}/balance?card_id={number}&member_id=1",
            f"{CASHBACK}/history?card_id=10&member_id=1&limit={number}",
            f"{CASHBACK}/history?card_id=10&member_id=1&offset={number}",
            f"/api/v1/cashback/cards/{number}",
        ):
            assert status(server, "GET", path) == 422, path
        body = f'{{"card_id":10,"member_id":{number},"purchase_amount":1}}'
        assert 400 <= status(server, "POST", f"{CASHBACK}/earn", body) < 500


def test_the_largest_that_is_allowed_is_answered() -> None:
    """Points are 32 bits in the contract; a balance of cashback may have more."""
    with Sandbox(customers={"ana": Decimal(10) ** 27}) as server:
        for key in "ab":
            change = f'{{"Value":{"9" * 28},"OperationType":0,"Reason":"r","ChangeKey":"{key}"}}'
            assert status(server, "POST", "/v1/pvt/Customer/ana/cashback", change) == 200
        assert status(server, "GET", "/v1/pvt/Customer/ana/points") == 200
    with Raba7niSandbox() as server:
        body = f'{{"card_id":10,"member_id":{"9" * 18},"purchase_amount":{"9" * 28}}}'
        assert status(server, "POST", f"{CASHBACK}/earn", body) == 200


def test_a_movement_of_another_name_is_in_the_history() -> None:
    """As when a test sets a balance."""
    with Raba7niSandbox() as server:
        server.books.move("gift", None, 10, 1, Decimal(100))
        assert status(server, "GET", f"{CASHBACK}/history?card_id=10&member_id=1") == 200


def test_errors_have_the_names_of_the_table() -> None:
    check_error_names(CONTRACTS["bonifiq"])
