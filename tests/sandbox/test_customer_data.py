"""Customers' data in BonifiQ's sandbox: upserts, birthdays, status, tiers, history, points."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from contract_talk import Talk, bonifiq
from contracts import CONTRACTS, Schema, resolved
from one_test import one_test
from store_talk import ANA, CUSTOMER, MOMENT

from bonifiq_async.bonifiq.sandbox.forms.bodies import BODIES
from bonifiq_async.bonifiq.sandbox.forms.kinds import Form, MemberKind
from bonifiq_async.sandbox import Sandbox

UPSERT = "/v1/pvt/Customer/upsert"
FUTURE = (datetime.now(UTC) + timedelta(days=2)).isoformat()


@pytest.fixture
def server(sandbox: Callable[..., Sandbox]) -> Sandbox:
    """A sandbox in which one customer exists, with cashback."""
    return sandbox(customers={ANA: Decimal(20)})


@pytest.fixture
def talk(server: Sandbox) -> Talk:
    return bonifiq(server)


def test_an_upsert_creates_and_updates(server: Sandbox, talk: Talk) -> None:
    """What is left out stays; the customer is found by the id, the address and the document."""
    whole = {
        "OriginalId": "bia",
        "Name": "Bia",
        "Email": "bia@b.example",
        "Phone": "+5511",
        "BirthdayDate": MOMENT,
        "SignupDate": MOMENT,
        "Document": "52998224725",
        "IsEnrolled": True,
        "EnrolledDate": MOMENT,
    }
    assert not server.books.knows("bia")
    made = talk.result("POST", UPSERT, whole)
    again = talk.result("POST", UPSERT, {"OriginalId": "bia", "Name": "Beatriz"})
    assert (made["Operation"], again["Operation"]) == ("created", "updated")
    assert (again["Name"], again["Phone"], again["BirthdayDate"]) == ("Beatriz", "+5511", MOMENT)
    for name in ("bia", "bia%40b.example", "52998224725"):
        assert talk.result("GET", f"/v1/pvt/Customer/{name}")["OriginalId"] == "bia"
    change = {"Points": 5, "OperationType": 0, "Reason": "r", "ChangeKey": "k"}
    talk.result("POST", "/v1/pvt/Customer/52998224725/points", change)
    assert server.books.points.balances() == {"bia": 5}


def test_an_update_needs_a_customer(talk: Talk) -> None:
    assert talk.result("PUT", CUSTOMER, {"Name": "Ana"})["Name"] == "Ana"
    assert talk.result("GET", f"{CUSTOMER}/points")["Name"] == "Ana"
    assert talk.refusal("PUT", "/v1/pvt/Customer/eva", {"Name": "Eva"}) == "Customer_NotFound"
    assert talk.refusal("GET", "/v1/pvt/Customer/eva") == "Customer_NotFound"
    assert talk.refusal("POST", UPSERT, {"Name": "Eva"}) == "General_FieldCannotBeNullOrBlank"


def test_a_birthday_is_not_in_the_future(talk: Talk) -> None:
    path = f"{CUSTOMER}/setbirthday"
    assert talk.result("POST", path, {"Birthday": "1990-05-17T00:00:00-03:00"})["BirthdayDate"] == (
        "1990-05-17T03:00:00Z"
    )
    assert talk.refusal("POST", path, {"Birthday": FUTURE}) == "Birthday is in the future"
    assert talk.refusal("POST", UPSERT, {"OriginalId": "b", "BirthdayDate": FUTURE}).endswith("future")
    assert talk.refusal("POST", path, {"Birthday": "1990-05-17"}) == "Birthday is not a moment"
    assert talk.refusal("POST", path, {}) == "General_FieldCannotBeNullOrBlank"


def test_a_status_is_changed_with_a_reason(talk: Talk) -> None:
    path = f"{CUSTOMER}/changestatus"
    for enabled in (False, True):
        assert talk.say("POST", path, {"IsEnabled": enabled, "Reason": "r"})[1]["Result"] is True
        assert talk.result("GET", CUSTOMER)["IsEnrolled"] is enabled
    for body in ({"IsEnabled": True}, {"Reason": "r"}, {"IsEnabled": True, "Reason": " "}):
        assert talk.refusal("POST", path, body) == "General_FieldCannotBeNullOrBlank"


def test_a_tier_is_changed_by_hand(talk: Talk) -> None:
    path = f"{CUSTOMER}/changetier"
    moved = talk.result("POST", path, {"TierId": 3, "GracePeriodInDays": 30})
    assert (moved["OldTierName"], moved["CurrentTierName"]) == ("Bronze", "Gold")
    assert talk.result("GET", CUSTOMER)["CurrentTier"]["Name"] == "Gold"
    assert talk.refusal("POST", path, {"TierId": 99}) == "Tier_NotFound"
    assert talk.refusal("POST", "/v1/pvt/Customer/eva/changetier", {"TierId": 3}) == "Customer_NotFound"
    assert talk.refusal("POST", path, {}) == "General_FieldCannotBeNullOrBlank"
    (line,) = talk.result("POST", f"{CUSTOMER}/history")["Items"]
    assert (line["IsTierHistory"], line["TierName"]) == (True, "Gold")


def test_the_older_envelope_has_the_sample_of_the_tier_page(sandbox: Callable[..., Sandbox]) -> None:
    """A boolean; nor has it what the newer pages alone show of a customer."""
    talk = bonifiq(sandbox(old_envelope=True))
    assert talk.say("POST", f"{CUSTOMER}/changetier", {"TierId": 2})[1]["Result"] is True
    assert "BalanceCashback" not in talk.result("GET", CUSTOMER)


POINTS = {
    "zero": ("Points_PointsCannotBeZero", {"Points": 0}),
    "adding below zero": ("OperationType", {"Points": -5}),
    "removing above zero": ("OperationType", {"OperationType": 1}),
    "a third operation": ("OperationType", {"OperationType": 2}),
    "a number with a point": ("Points is not a whole number of 32 bits", {"Points": 5.0}),
    "beyond 32 bits": ("Points is not a whole number of 32 bits", {"Points": 2**31}),
    "cashback": ("The body has a member", {"Value": 5}),
    "no reason": ("General_FieldCannotBeNullOrBlank", {"Reason": " "}),
    "a long customer reason": ("Genaral_LengthLimitExceeded", {"CustomerReason": "x" * 256}),
}


@pytest.mark.parametrize(("why", "other"), POINTS.values(), ids=POINTS)
def test_a_change_of_points_is_refused(
    why: str, other: dict[str, object], server: Sandbox, talk: Talk
) -> None:
    body = {"Points": 5, "OperationType": 0, "Reason": "r", "ChangeKey": "k", **other}
    assert talk.refusal("POST", f"{CUSTOMER}/points", body).startswith(why)
    assert server.books.points.history() == ()


def test_points_stand_beside_cashback(server: Sandbox, talk: Talk) -> None:
    """In the balance of points alone, into which cashback is converted."""
    for key, points in (("a", 7), ("b", -3)):
        body = {"Points": points, "OperationType": int(points < 0), "Reason": key, "ChangeKey": key}
        changed = talk.result("POST", f"{CUSTOMER}/points", body)
    assert (changed["PointsBalance"], changed["CashbackBalance"]) == (2004, 20)
    found = talk.result("GET", f"{CUSTOMER}/points")
    assert [line["Amount"] for line in found["PointHistory"]] == [7, -3]
    assert [line["CashbackAmount"] for line in found["PointHistory"]] == [None, None]
    assert server.balances() == {ANA: 20}


def test_a_history_comes_page_by_page(talk: Talk) -> None:
    for number in range(1, 8):
        body = {"Points": number, "OperationType": 0, "Reason": "r", "ChangeKey": f"k{number}"}
        talk.result("POST", f"{CUSTOMER}/points", body)
    pages = [
        talk.result("POST", f"{CUSTOMER}/history?PageNumber={number}&PageSize=3") for number in (1, 2, 3, 4)
    ]
    assert [[line["Points"] for line in page["Items"]] for page in pages] == [[1, 2, 3], [4, 5, 6], [7], []]
    assert [page["HasNextPage"] for page in pages] == [True, True, False, False]
    assert {page["TotalItemCount"] for page in pages} == {7}
    whole = talk.result("POST", f"{CUSTOMER}/history?PageSize=7")
    assert (len(whole["Items"]), whole["HasNextPage"]) == (7, False)
    for query in ("PageSize=51", "PageSize=0", "PageNumber=x", "PageNumber=-1", "pagesize=3"):
        talk.refusal("POST", f"{CUSTOMER}/history?{query}")


# --- what the forms have ---

KINDS = {
    "string": "a text",
    "date-time": "a moment",
    "integer": "a whole number of 32 bits",
    "number": "a decimal number",
    "boolean": "true or false",
    "object": "an object",
    "array": "a list of objects",
}
NUMBERS = {"ChangePointOperation": "0 or 1", "RedeemOrigin": "one of the numbers 0 to 5"}


def differences(schema: Schema, form: Form, depth: int = 0) -> list[str]:
    """Return the members of a form that are not as the contract has them; categories hold one another."""
    whole = resolved(CONTRACTS["bonifiq"], schema)
    members = whole["properties"]
    found = sorted(members.keys() ^ form.keys())
    for name in members.keys() & form.keys() if depth < 4 else ():
        member = resolved(CONTRACTS["bonifiq"], members[name])
        kind: MemberKind = form[name]
        said = "date-time" if member.get("format") == "date-time" else member["type"]
        what = NUMBERS.get(str(member.get("name")), KINDS[said])
        if (kind.what, kind.nullable) != (what, member.get("nullable", False)):
            found.append(f"{name}: {kind.what}, not {what}")
        if kind.parts is not None:
            found += differences(member["items"] if kind.many else member, kind.parts, depth + 1)
    return found


@one_test
@pytest.mark.parametrize("name", BODIES)
def test_a_body_has_the_members_of_the_contract(name: str) -> None:
    """Each with its kind, and null where it may be."""
    assert differences({"$ref": f"#/components/schemas/{name}"}, BODIES[name]) == []


def test_every_body_of_the_contract_is_judged() -> None:
    """Two by functions of their own."""
    sent = {"CustomerChangeCashbackRequest", "ExternalApiCheckoutActionRequest"}
    for methods in CONTRACTS["bonifiq"]["paths"].values():
        for operation in methods.values():
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            schema = body.get("schema", {}).get("items", body.get("schema", {}))
            assert not schema or schema["$ref"].rpartition("/")[2] in {*BODIES, *sent}
