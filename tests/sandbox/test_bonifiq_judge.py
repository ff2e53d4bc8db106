"""Requests that BonifiQ's sandbox refuses: by the pages alone, so that a fault of the client is noticed."""

import base64
import http.client
import json
from collections.abc import Callable
from decimal import Decimal
from urllib.parse import quote

import pytest
from conftest import client_for
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bonifiq_async import (
    AuthenticationError,
    BasicCredentials,
    CashbackChange,
    Effect,
    PayloadError,
    RefusedError,
)
from bonifiq_async._model import validation
from bonifiq_async.bonifiq import payloads
from bonifiq_async.bonifiq.sandbox.judge import CODES, REFUSALS, without_tags
from bonifiq_async.sandbox import Sandbox

Json = dict[str, object]
Answer = tuple[int, Json]
JSON = "application/json"
REMOVAL = "/v1/pvt/Checkout/redeem/remove"


def said(
    server: Sandbox, body: bytes | str | Json, path: str = "/v1/pvt/Customer/ana/cashback", kind: str = JSON
) -> Answer:
    """Post `body` to a sandbox without the library; return status and members of the answer."""
    line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    sent = json.dumps(body) if isinstance(body, dict) else body
    signed = basic(f"{server.credentials.token}:{server.credentials.key}")
    headers = {"Authorization": f"Basic {signed}"} | ({"Content-Type": kind} if kind else {})
    try:
        line.request("POST", path, sent, headers)
        response = line.getresponse()
        return response.status, json.loads(response.read())
    finally:
        line.close()


def change(**other: object) -> Json:
    return {"Value": 10.5, "OperationType": 0, "Reason": "r", "ChangeKey": "k", **other}


def without(name: str) -> Json:
    return {member: value for member, value in change().items() if member != name}


REFUSED: dict[str, tuple[str, bytes | str | Json]] = {
    "no document": ("no JSON", ""),
    "an array": ("no JSON", "[]"),
    "no JSON": ("no JSON", "Value=10"),
    "no UTF-8": ("no JSON", b'{"Reason":"\xff"}'),
    "half a character": ("no JSON", '{"Reason":"\\ud800"}'),
    "a member twice": ("no JSON", '{"Value":1,"Value":2,"OperationType":0,"Reason":"r","ChangeKey":"k"}'),
    "NaN": ("no JSON", '{"Value":NaN,"OperationType":0,"Reason":"r","ChangeKey":"k"}'),
    "another member": ("unknown member", change(CustomerReasn="x")),
    "another's spelling": ("unknown member", change(reason="r")),
    "no value": ("value", without("Value")),
    "a value as a text": ("value", change(Value="10.5")),
    "a value that is true": ("value", change(Value=True)),
    "no value but null": ("value", change(Value=None)),
    "29 decimals": (
        "value",
        '{"Value":1.00000000000000000000000000001,"OperationType":0,"Reason":"r","ChangeKey":"k"}',
    ),
    "beyond 96 bits": ("value", change(Value=2**96)),
    "zero": ("zero", change(Value=0)),
    "zero with decimals": ("zero", change(Value=0.0)),
    "no operation": ("operation", without("OperationType")),
    "adding below zero": ("operation", change(Value=-10)),
    "removing above zero": ("operation", change(OperationType=1)),
    "an operation that is false": ("operation", change(OperationType=False)),
    "an operation with a point": ("operation", change(OperationType=0.0)),
    "an operation by name": ("operation", change(OperationType="AddPoints")),
    "a third operation": ("operation", change(OperationType=2)),
    "no reason": ("reason", without("Reason")),
    "an empty reason": ("reason", change(Reason="")),
    "a blank reason": ("reason", change(Reason=" \t\u00a0")),
    "a reason that is a number": ("reason", change(Reason=7)),
    "a reason that is a list": ("reason", change(Reason=["r"])),
    "a reason that is null": ("reason", change(Reason=None)),
    "an empty key": ("key", change(ChangeKey="")),
    "a blank key": ("key", change(ChangeKey=" \n ")),
    "a key that is a number": ("key", change(ChangeKey=7)),
    "a key that is null": ("key", change(ChangeKey=None)),
    "a customer reason that is a number": ("customer reason", change(CustomerReason=7)),
    "256 characters": ("long customer reason", change(CustomerReason="x" * 256)),
    "256 characters beside tags": ("long customer reason", change(CustomerReason="<b>" + "x" * 256)),
}


@pytest.fixture
def server(sandbox: Callable[..., Sandbox]) -> Sandbox:
    """A sandbox with default settings."""
    return sandbox()


@pytest.mark.parametrize("old_envelope", [False, True], ids=["newer envelope", "older envelope"])
@pytest.mark.parametrize(("why", "body"), REFUSED.values(), ids=REFUSED.keys())
def test_a_change_is_refused(why: str, body: bytes | str | Json, old_envelope: bool, sandbox) -> None:
    """With the provider's number and name where its table has the case; no balance changes."""
    server: Sandbox = sandbox(old_envelope=old_envelope)
    status, answer = said(server, body)
    refusal = REFUSALS[why]
    told = {"ErrorMessage": refusal.message, "ErrorCode": refusal.number, "Result": None, "HasError": True}
    if not old_envelope:
        told |= {"Code": None, "CodeName": refusal.name, "Severity": 2, "HasWarning": False}
    assert (status, answer) == (400, told)
    assert server.books.history() == ()


def test_every_refusal_of_a_change_is_tried() -> None:
    tried = {why for why, _ in REFUSED.values()}
    elsewhere = {"customer", "content type", "total", "used key", "used key of another"}
    assert tried | elsewhere == set(REFUSALS)


ACCEPTED: dict[str, Json] = {
    "a whole number": change(Value=10),
    "one below zero": change(Value=-10, OperationType=1),
    "the smallest": change(Value=1e-28),
    "the largest": change(Value=2**96 - 1),
    "no customer reason": change(CustomerReason=None),
    "255 characters": change(CustomerReason="é" * 255),
    "255 characters beside tags": change(CustomerReason="<b class='x'>" + "x" * 255 + "</b><br/>"),
    "a reason with tags and lines": change(Reason="<b>why</b>\n..."),
}


@pytest.mark.parametrize("body", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_a_change_is_accepted(body: Json, sandbox) -> None:
    server: Sandbox = sandbox()
    status, answer = said(server, body)
    assert (status, answer["HasError"]) == (200, False)
    (effected,) = server.books.effects("k")
    assert (effected.customer_id, effected.value) == ("ana", Decimal(str(body["Value"])))
    assert effected.reason == body["Reason"]


SHOWN = {
    "<b>Thank you</b>, <i>Ana</i>": "Thank you, Ana",
    "<p\nclass='x'>Oi</p><!-- no -->!": "Oi!",
    "1 < 2 > 0": "1 < 2 > 0",
    "": None,
    " \n": None,
    "<br/>": None,
}


@pytest.mark.parametrize("sent", SHOWN)
def test_the_reason_shown_to_a_customer_has_no_tags(sent: str, sandbox) -> None:
    """Null, empty and blank are one: the system's default message is shown."""
    server: Sandbox = sandbox(reused_key="error-409")
    assert said(server, change(CustomerReason=sent))[0] == 200
    (effected,) = server.books.history()
    assert effected.customer_reason == SHOWN[sent]
    assert said(server, change(CustomerReason=SHOWN[sent]))[0] == 200  # the same change under the key


def test_a_change_without_a_key_counts_each_time(sandbox) -> None:
    """As the page warns: nothing is de-duplicated without one."""
    server: Sandbox = sandbox(duplicates="error-400")
    for _ in range(2):
        assert said(server, without("ChangeKey"))[0] == 200
    server.assert_balance("ana", 21)
    assert server.books.keys() == ()


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonp"])
def test_a_body_without_the_json_content_type_is_refused(kind: str, server: Sandbox) -> None:
    status, answer = said(server, change(), kind=kind)
    assert (status, answer["ErrorMessage"]) == (415, REFUSALS["content type"].message)


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "Application/JSON"])
def test_the_parameters_of_a_content_type_are_free(kind: str, sandbox) -> None:
    assert said(sandbox(), change(), kind=kind)[0] == 200


@pytest.mark.parametrize("path", ["/v1/pvt/Customer/%20/cashback", "/v1/pvt/Customer/bia/cashback"])
def test_an_unknown_customer_is_refused(path: str, sandbox) -> None:
    """A blank one never exists."""
    server: Sandbox = sandbox(customers=["ana", " "])
    status, answer = said(server, change(), path)
    assert (status, answer["CodeName"]) == (400, "Customer_NotFound")
    assert server.books.history() == ()


def basic(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


SIGNED = {
    f"Basic {basic('token:k:ey')}": 200,  # a password may have colons (RFC 7617, section 2)
    f"basic  {basic('token:k:ey')}": 200,
    f"Bearer {basic('token:k:ey')}": 401,
    f"Basic {basic('k:ey:token')}": 401,
    f"Basic {basic('token:k')}": 401,
    f"Basic {basic('token')}": 401,
    f"Basic {basic('token:k:ey')}!": 401,
    "Basic token:k:ey": 401,
    "Basic ": 401,
    "": 401,
}


@pytest.mark.parametrize("authorization", SIGNED)
def test_a_sign_in_is_read_as_its_standard_says(authorization: str, sandbox) -> None:
    server: Sandbox = sandbox(credentials=BasicCredentials("token", "k:ey"))
    line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        line.request("GET", "/v1/pvt/Customer/ana/points", headers={"Authorization": authorization})
        assert line.getresponse().status == SIGNED[authorization]
    finally:
        line.close()


# --- a checkout's cashback ---

ASKED = {"CustomerId": "ana", "CheckoutId": "cart"}
SEVERITIES = {"Success": 0, "Warning": 1, "Error": 2}
DOCUMENTED = {
    "01": ("CustomerNotFound", "Error", 400),
    "02": ("CheckoutIdRequired", "Error", 400),
    "03": ("CheckoutNotFound", "Warning", 200),
    "04": ("CashbackNotApplied", "Warning", 200),
    "07": ("CashbackRemovedSuccessfully", "Success", 200),
}
REMOVALS: dict[str, tuple[str, Json]] = {
    "no customer": ("01", {"CheckoutId": "cart"}),
    "a customer that is null": ("01", ASKED | {"CustomerId": None}),
    "an empty customer": ("01", ASKED | {"CustomerId": ""}),
    "a blank customer": ("01", ASKED | {"CustomerId": " "}),
    "a customer that is a number": ("01", ASKED | {"CustomerId": 7}),
    "an unknown customer": ("01", ASKED | {"CustomerId": "bia"}),
    "neither": ("01", {}),
    "no checkout": ("02", {"CustomerId": "ana"}),
    "a checkout that is null": ("02", ASKED | {"CheckoutId": None}),
    "a blank checkout": ("02", ASKED | {"CheckoutId": " "}),
    "a checkout that is a number": ("02", ASKED | {"CheckoutId": 7}),
    "an unknown checkout": ("03", ASKED | {"CheckoutId": "other"}),
    "a checkout with nothing on it": ("04", ASKED | {"CheckoutId": "empty"}),
    "one with cashback": ("07", ASKED),
    "a total": ("07", ASKED | {"Total": 12.3}),
    "a total of zero": ("07", ASKED | {"Total": 0}),
    "a total that is null": ("07", ASKED | {"Total": None}),
}


@pytest.mark.parametrize(("code", "body"), REMOVALS.values(), ids=REMOVALS.keys())
def test_a_removal_ends_with_its_code(code: str, body: Json, sandbox) -> None:
    """Name, severity, status, flags and result are those of the page."""
    server: Sandbox = sandbox(customers=["ana"])
    server.books.put_checkout("ana", "cart", Decimal(5))
    server.books.put_checkout("ana", "empty", Decimal(5))
    assert server.books.remove_from_checkout("ana", "empty") == "07"
    status, answer = said(server, body, REMOVAL)
    name, severity, documented = DOCUMENTED[code]
    assert (status, answer["Code"], answer["CodeName"]) == (documented, code, name)
    assert (answer["Severity"], answer["ErrorCode"]) == (SEVERITIES[severity], None)
    assert (answer["HasError"], answer["HasWarning"]) == (severity == "Error", severity == "Warning")
    result = answer["Result"]
    if severity == "Error":
        assert result is None and answer["ErrorMessage"]
    else:
        assert answer["ErrorMessage"] is None
        assert result["Success"] is (severity == "Success") and result["CustomerMessage"]
    assert (server.books.checkout("ana", "cart") is None) is (code == "07")


def test_a_missing_customer_is_not_found_where_every_customer_exists(sandbox) -> None:
    """By default, too."""
    status, answer = said(sandbox(), {"CheckoutId": "cart"}, REMOVAL)
    assert (status, answer["Code"]) == (400, "01")


def test_the_codes_are_those_of_the_page() -> None:
    told = {code: (each.name, each.severity, each.status) for code, each in CODES.items()}
    assert told == {code: (name, SEVERITIES[s], status) for code, (name, s, status) in DOCUMENTED.items()}


@pytest.mark.parametrize("total", ["12.3", True, [], "9" * 40])
def test_a_total_that_is_no_number_is_refused(total: object, sandbox) -> None:
    server: Sandbox = sandbox()
    server.books.put_checkout("ana", "cart", Decimal(5))
    status, answer = said(server, ASKED | {"Total": int(total) if total == "9" * 40 else total}, REMOVAL)
    assert (status, answer["ErrorMessage"]) == (400, REFUSALS["total"].message)
    assert server.books.checkout("ana", "cart") == 5


# --- the client against it ---

TEXTS = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=300)
AMOUNTS = st.decimals(allow_nan=False, allow_infinity=False) | st.decimals(
    min_value=-10_000, max_value=10_000, places=3
)


@settings(
    max_examples=2 * settings.default.max_examples, deadline=None, suppress_health_check=list(HealthCheck)
)
@given(customer=TEXTS, value=AMOUNTS, reason=TEXTS, key=TEXTS, shown=st.none() | TEXTS)
async def test_what_the_client_accepts_the_provider_accepts(
    customer: str, value: Decimal, reason: str, key: str, shown: str | None, server: Sandbox
) -> None:
    """A change that the client accepts is applied, and is in the books as given."""
    key = f"{len(server.books.history())} {key}"
    try:
        asked = CashbackChange(customer, value, reason, key, shown)
    except PayloadError:
        return
    async with client_for(server) as client:
        outcome = await client.outcome_of(asked)
    assert outcome.effect is Effect.APPLIED, outcome.error
    (effected,) = server.books.effects(key)
    assert (effected.customer_id, effected.value, effected.reason) == (customer, value, reason)
    plain = without_tags(shown or "")
    assert effected.customer_reason == (plain if plain.strip() else None)


def _any(value: object, *_: object, **__: object) -> object:
    return value


def _unsigned(change: CashbackChange) -> payloads.CashbackChangeRequest:
    """Use another operation than the sign says."""
    return payloads.CashbackChangeRequest(
        change.value.copy_negate(),
        payloads.ChangePointOperation(int(change.value < 0)),
        change.reason,
        change.change_key,
    )


BROKEN: dict[str, tuple[Callable[[pytest.MonkeyPatch], None], dict[str, object], str]] = {
    "a value of zero": (lambda p: p.setattr(validation, "amount", _any), {"value": Decimal(0)}, "zero"),
    "a value with 29 decimals": (
        lambda p: p.setattr(validation, "MAX_DIGITS", 40),
        {"value": Decimal("1." + "0" * 28 + "1")},
        "value",
    ),
    "a sign beside the other operation": (
        lambda p: p.setattr(payloads.CashbackChangeRequest, "of", staticmethod(_unsigned)),
        {},
        "operation",
    ),
    "a blank customer": (
        lambda p: p.setattr(validation, "path_segment", _any),
        {"customer_id": " "},
        "customer",
    ),
    "a blank reason": (lambda p: p.setattr(validation, "text", _any), {"reason": " "}, "reason"),
    "a blank key": (lambda p: p.setattr(validation, "label", _any), {"change_key": " "}, "key"),
    "a long customer reason": (
        lambda p: p.setattr(payloads, "LONGEST_CUSTOMER_REASON", 256),
        {"customer_reason": "x" * 256},
        "long customer reason",
    ),
}


async def test_wrongly_written_credentials_are_noticed(
    sandbox: Callable[..., Sandbox], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sandbox reads the header by itself."""
    server = sandbox()
    swapped = basic(f"{server.credentials.key}:{server.credentials.token}")
    monkeypatch.setattr(BasicCredentials, "_encoded", lambda _: swapped)
    async with client_for(server) as client:
        with pytest.raises(AuthenticationError):
            await client.customers.points("ana")


@pytest.mark.parametrize(("breaks", "given", "why"), BROKEN.values(), ids=BROKEN.keys())
async def test_a_missing_check_of_the_client_is_noticed(
    breaks: Callable[[pytest.MonkeyPatch], None],
    given: dict[str, object],
    why: str,
    sandbox: Callable[..., Sandbox],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The sandbox refuses what the client no longer refuses: no balance changes."""
    breaks(monkeypatch)
    server = sandbox()
    named = {"customer_id": "ana", "value": Decimal(10), "reason": "r", "change_key": "k"}
    asked = CashbackChange(**{**named, **given})
    async with client_for(server) as client:
        with pytest.raises(RefusedError, match=REFUSALS[why].message):
            await client.customers.change_cashback(asked)
    assert server.books.history() == ()


def test_any_customer_has_a_path_of_its_own(sandbox) -> None:
    """The books have the name without percent encoding."""
    server: Sandbox = sandbox()
    names = ["a/b", "ana@b.example", "é", "100%", "a?b#c", "{id}", "%2F"]
    for number, name in enumerate(names):
        path = f"/v1/pvt/Customer/{quote(name, safe='')}/cashback"
        assert said(server, change(ChangeKey=str(number)), path)[0] == 200
    assert sorted(server.books.balances()) == sorted(names)
