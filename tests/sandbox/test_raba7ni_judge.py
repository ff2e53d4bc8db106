"""Requests that Raba7ni's sandbox refuses: by the pages alone, so that a fault of the client is noticed."""

import json
from collections.abc import Callable
from decimal import Decimal
from http.client import HTTPConnection

import pytest
from attrs import evolve
from conftest import raba7ni_client_for
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bonifiq_async import Earn, Effect, Member, PayloadError, Redeem, Refund, RefusedError
from bonifiq_async._model import validation
from bonifiq_async.raba7ni import member as members
from bonifiq_async.sandbox import Raba7niSandbox

Json = dict[str, object]
CASHBACK = "/api/v1/cashback/cashback"
EARN: Json = {"card_id": 10, "member_id": 1, "purchase_amount": 10}
REFUND: Json = {"card_id": 10, "member_id": 1, "refund_amount": 10}
REDEEM: Json = {"card_id": 10, "amount": 1}


def said(server: Raba7niSandbox, what: str, body: Json | str) -> tuple[int, Json]:
    """Post `body` to a sandbox without the library; return status and members of the answer."""
    line = HTTPConnection("127.0.0.1", server.port, timeout=10)
    headers = {
        "X-App-Id": server.credentials.app_id,
        "X-Api-Key": server.credentials.api_key,
        "X-Member-Token": server.sign_in(1).reveal(),
        "Content-Type": "application/json",
    }
    try:
        line.request(
            "POST", f"{CASHBACK}/{what}", body if isinstance(body, str) else json.dumps(body), headers
        )
        response = line.getresponse()
        return response.status, json.loads(response.read())
    finally:
        line.close()


WRITES = {"earn": EARN, "refund": REFUND, "redeem": REDEEM}
AMOUNTS = {"earn": "purchase_amount", "refund": "refund_amount", "redeem": "amount"}
NO_AMOUNTS = (None, 0, 0.0, -1, "10", True, [10], 2**96)
REFUSED: list[tuple[str, Json | str, str]] = [
    *[
        (what, body | {AMOUNTS[what]: no}, "invalid_amount")
        for what, body in WRITES.items()
        for no in NO_AMOUNTS
    ],
    *[("refund", REFUND | {"cashback_to_deduct": no}, "invalid_amount") for no in (-1, -0.001, "1", True)],
    *[
        (what, body | {"card_id": no}, "card_not_found")
        for what, body in WRITES.items()
        for no in (11, "10", None)
    ],
    *[
        (what, body | {"reference": no}, "validation_failed")
        for what, body in WRITES.items()
        for no in (7, [])
    ],
    ("earn", EARN | {"metadata": "text"}, "validation_failed"),
    ("earn", EARN | {"metadata": [1]}, "validation_failed"),
    ("earn", EARN | {"member_name": 7}, "validation_failed"),
    ("redeem", REDEEM | {"pin": 1234}, "validation_failed"),
    ("earn", EARN | {"member_id": "1"}, "validation_failed"),
    ("earn", EARN | {"member_id": True}, "validation_failed"),
    ("earn", EARN | {"member_id": None}, "validation_failed"),
    ("earn", EARN | {"member_id": None, "email": " "}, "validation_failed"),
    ("refund", REFUND | {"member_id": None, "phone": 7}, "validation_failed"),
    ("earn", "[]", "validation_failed"),
    ("earn", '{"card_id":10,"member_id":1,"purchase_amount":1,"purchase_amount":2}', "validation_failed"),
]


@pytest.mark.parametrize(("what", "body", "code"), REFUSED)
def test_a_write_is_refused(what: str, body: Json | str, code: str, raba7ni) -> None:
    """And no balance changes."""
    server: Raba7niSandbox = raba7ni()
    server.books.move("gift", None, 10, 1, Decimal(100))
    status, answer = said(server, what, body)
    assert (status, answer["success"]) == (404 if code == "card_not_found" else 422, False)
    assert answer["error"]["code"] == code  # type: ignore[index]
    server.assert_balance(10, 1, 100)


OPTIONAL: list[tuple[str, Json]] = [
    ("earn", EARN | {"reference": "r", "metadata": {"a": [1, None]}, "member_name": "Ana"}),
    ("earn", EARN | {"reference": None, "metadata": None, "member_name": None, "email": None}),
    ("redeem", REDEEM | {"reference": "r"}),
    ("refund", REFUND | {"cashback_to_deduct": 0, "reference": "r"}),
    ("refund", REFUND | {"cashback_to_deduct": None}),
]


@pytest.mark.parametrize(("what", "body"), [*WRITES.items(), *OPTIONAL])
def test_a_write_is_accepted(what: str, body: Json, raba7ni) -> None:
    server: Raba7niSandbox = raba7ni()
    server.books.move("gift", None, 10, 1, Decimal(100))
    assert said(server, what, body)[0] == 200
    assert len(server.books.effects(what, body.get("reference"))) == 1  # type: ignore[arg-type]


TEXTS = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=50)
SUMS = st.decimals(allow_nan=False, allow_infinity=False) | st.decimals(
    min_value=-10, max_value=10_000, places=3
)
NAMES = st.one_of(
    st.builds(lambda number: {"id": number}, st.integers(1, 10**18 - 1)),
    st.builds(lambda text: {"email": f"a{text}"}, TEXTS),
    st.builds(lambda text: {"phone": f"1{text}"}, TEXTS),
)


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(amount=SUMS, deducted=st.none() | SUMS, names=NAMES, label=TEXTS)
async def test_what_the_client_accepts_the_provider_accepts(
    amount: Decimal, deducted: Decimal | None, names: dict[str, object], label: str, raba7ni
) -> None:
    """A change that the client accepts is applied, once, with the given amounts."""
    server: Raba7niSandbox = raba7ni()
    try:
        member = Member(**names)
        earn = Earn(card_id=10, member=member, purchase_amount=amount, reference=label, member_name=label)
        refund = Refund(
            card_id=10, member=member, refund_amount=amount, cashback_to_deduct=deducted, reference=label
        )
    except PayloadError:
        return
    async with raba7ni_client_for(server) as client:
        earned, refunded = await client.outcome_of(earn), await client.outcome_of(refund)
    assert (earned.effect, refunded.effect) == (Effect.APPLIED, Effect.APPLIED), (
        earned.error,
        refunded.error,
    )
    (credit,), (debit,) = server.books.effects("earn", label), server.books.effects("refund", label)
    assert credit.amount == earned.result.cashback_earned
    assert debit.amount == -(credit.amount if deducted is None else deducted)
    person = server.books.person(credit.member_id)
    assert (member.email, member.phone) == (person.email, person.phone)
    assert member.id in (None, person.id)


def _any(value: object, *_: object, **__: object) -> object:
    return value


ANA = Member.by_id(1)
BROKEN: dict[str, tuple[Callable[[pytest.MonkeyPatch], None], Callable[[], object], str]] = {
    "a purchase below zero": (
        lambda p: p.setattr(validation, "amount", _any),
        lambda: Earn(card_id=10, member=ANA, purchase_amount=Decimal(-1), reference="r"),
        "invalid_amount",
    ),
    "a refund of nothing": (
        lambda p: p.setattr(validation, "amount", _any),
        lambda: Refund(card_id=10, member=ANA, refund_amount=Decimal(0), reference="r"),
        "invalid_amount",
    ),
    "a deduction below zero": (
        lambda p: p.setattr(validation, "total", _any),
        lambda: Refund(
            card_id=10,
            member=ANA,
            refund_amount=Decimal(1),
            cashback_to_deduct=Decimal(-1),
            reference="r",
        ),
        "invalid_amount",
    ),
    "no member": (
        lambda p: p.setattr(members, "known", _any),
        lambda: Earn(card_id=10, member=evolve_none(), purchase_amount=Decimal(1), reference="r"),
        "validation_failed",
    ),
    "a card that is a text": (
        lambda p: p.setattr(validation, "number", _any),
        lambda: Earn(card_id="10", member=ANA, purchase_amount=Decimal(1), reference="r"),
        "card_not_found",
    ),
}


def evolve_none() -> Member:
    """Return a member without a name."""
    unnamed = evolve(ANA)
    object.__setattr__(unnamed, "id", None)
    return unnamed


@pytest.mark.parametrize(("breaks", "made", "code"), BROKEN.values(), ids=BROKEN.keys())
async def test_a_missing_check_of_the_client_is_noticed(breaks, made, code, raba7ni, monkeypatch) -> None:
    """The sandbox refuses what the client no longer refuses: no balance changes."""
    breaks(monkeypatch)
    server: Raba7niSandbox = raba7ni()
    async with raba7ni_client_for(server) as client:
        outcome = await client.outcome_of(made())
    assert isinstance(outcome.error, RefusedError) and outcome.error.code == code
    assert server.books.balances() == {}


async def test_a_redemption_above_the_balance(raba7ni) -> None:
    """The provider checks the balance, as the page says; the client does not know it."""
    server: Raba7niSandbox = raba7ni()
    server.books.move("gift", None, 10, 1, Decimal("4.999"))
    async with raba7ni_client_for(server) as client:
        redeem = Redeem(card_id=10, amount=Decimal(5), member_token=server.sign_in(1), reference="r")
        outcome = await client.outcome_of(redeem)
    assert (outcome.effect, outcome.error.code) == (Effect.REFUSED, "insufficient_balance")
    server.assert_balance(10, 1, Decimal("4.999"))
