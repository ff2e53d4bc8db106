"""Raba7ni's payloads: true to every sample of the endpoint page, and to the contract."""

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import cast
from urllib.parse import parse_qsl

import attrs
import pytest
from contracts import contract
from hypothesis import given
from hypothesis import strategies as st
from one_test import one_test

from bonifiq_async import Earn, Member, MemberToken, PayloadError, Redeem, Refund
from bonifiq_async._model.evidence import Evidence
from bonifiq_async._model.json_codec import Names, decode, encode, structure
from bonifiq_async._model.operation import Operation, RepeatClass
from bonifiq_async._model.outcome import Verdict
from bonifiq_async.raba7ni import operations
from bonifiq_async.raba7ni.answers import AnswerReader
from bonifiq_async.raba7ni.payloads import (
    CardList,
    CardReward,
    CashbackBalance,
    CashbackCard,
    CashbackConfig,
    CashbackEarned,
    CashbackRedeemed,
    CashbackRefunded,
    CashbackTransaction,
    EarnRequest,
    HistoryPage,
    MaskedMember,
    MemberCheck,
    MemberRegistration,
    OneTimeCodeSent,
    Pagination,
    RedeemRequest,
    RefundRequest,
    RegistrationRequest,
    RewardList,
)

DATA = Path(__file__).parent.parent / "data"
PAGE = (DATA / "raba7ni_cashback.txt").read_text("utf-8")
SAMPLES = re.findall(r"^\{\n.*?^\}", PAGE, re.DOTALL | re.MULTILINE)
MEANT: list[type[object]] = [
    EarnRequest,
    CashbackEarned,
    RedeemRequest,
    CashbackRedeemed,
    CashbackBalance,
    HistoryPage,
    RefundRequest,
    CashbackRefunded,
    CardList,
]
"""What the samples are, in the order in which they stand on the page."""

OPERATIONS = [each for each in vars(operations).values() if isinstance(each, Operation)]
OPERATIONS += [*operations.REQUEST_OTP.values(), *operations.VERIFY_OTP.values()]
ANSWERED: dict[type[object], Operation[object]] = {each.result: each for each in OPERATIONS}


def parsed(text: str | bytes) -> object:
    """Return a JSON value in which every number is what was written, digit for digit."""
    return json.loads(text, parse_float=lambda digits: ("number", digits), parse_int=Decimal)


def without_null(value: object) -> object:
    """Return a JSON value without its nulls: a missing member and a null say the same."""
    if isinstance(value, dict):
        return {name: without_null(member) for name, member in value.items() if member is not None}
    return [without_null(item) for item in value] if isinstance(value, list) else value


def test_the_page_has_these_samples() -> None:
    """Every opening brace at the start of a line begins one, and none is left out."""
    assert len(SAMPLES) == len(MEANT) == len(re.findall(r"^\{", PAGE, re.MULTILINE))


@pytest.mark.parametrize(("sample", "kind"), list(zip(SAMPLES, MEANT, strict=True)))
def test_sample_survives_reading_and_writing(sample: str, kind: type[object]) -> None:
    """Every member and every digit: 50.00 stays 50.00."""
    value = cast("dict[str, object]", decode(sample.encode()))
    if kind in ANSWERED:
        reading = AnswerReader().read(
            ANSWERED[kind], Evidence(sent=True, requests=1, status=200, body=sample.encode())
        )
        assert reading.verdict is Verdict.ACCEPTED
        payload, written = reading.result, json.loads(sample)["data"]
    else:
        payload, written = structure(value, kind, names=Names.SNAKE), json.loads(sample)
    assert type(payload) is kind
    out = without_null(parsed(encode(payload, Names.SNAKE)))
    expected = cast("dict[str, object]", parsed(sample))
    assert out == without_null(expected["data"] if kind in ANSWERED else expected)
    assert set(written) <= {member.name for member in attrs.fields(cast(type[attrs.AttrsInstance], kind))}


MEMBER = Member.by_id(123)
MADE = {
    "earn": (
        0,
        EarnRequest.of(
            Earn(
                card_id=10,
                member=MEMBER,
                purchase_amount=Decimal("50.00"),
                reference="ORDER-12345",
                metadata={"store_location": "Downtown", "cashier_id": "EMP-001"},
            )
        ),
    ),
    "redeem": (
        2,
        RedeemRequest.of(
            Redeem(
                card_id=10,
                amount=Decimal("5.00"),
                member_token=MemberToken("t"),
                pin="1234",
                reference="REFUND-ORDER-12345",
            )
        ),
    ),
    "refund": (
        6,
        RefundRequest.of(
            Refund(card_id=10, member=MEMBER, refund_amount=Decimal("25.00"), reference="REFUND-ORDER-12345")
        ),
    ),
}


@pytest.mark.parametrize(("place", "body"), MADE.values(), ids=MADE.keys())
def test_a_change_makes_the_body_of_the_page(place: int, body: object) -> None:
    """The same members and amounts; the spelling of an amount may differ."""
    assert decode(encode(body, Names.SNAKE)) == decode(SAMPLES[place].encode())


# The contract.

Schema = Mapping[str, object]
CONTRACT = contract("raba7ni")
SCHEMAS = cast("dict[str, Schema]", cast(Schema, CONTRACT["components"])["schemas"])


def members(schema: object) -> dict[str, Schema]:
    """Return the members of a schema; of a response those of `data`."""
    found = cast("dict[str, Schema]", cast(Schema, schema)["properties"])
    return members(found["data"]) if "data" in found else found


PAYLOADS: list[tuple[type[attrs.AttrsInstance], str]] = [
    (EarnRequest, "EarnRequest"),
    (RedeemRequest, "RedeemRequest"),
    (RefundRequest, "RefundRequest"),
    (CashbackEarned, "EarnResponse"),
    (CashbackRedeemed, "RedeemResponse"),
    (CashbackRefunded, "RefundResponse"),
    (CashbackBalance, "BalanceResponse"),
    (HistoryPage, "HistoryResponse"),
    (CashbackTransaction, "CashbackTransaction"),
    (Pagination, "Pagination"),
    (CashbackCard, "CashbackCard"),
    (CashbackConfig, "CashbackConfig"),
    (CardList, "CardListResponse"),
    (CardReward, "CardReward"),
    (RewardList, "RewardListResponse"),
    (MemberCheck, "MemberCheckResponse"),
    (RegistrationRequest, "MemberRegisterRequest"),
    (MemberRegistration, "MemberRegisterResponse"),
    (OneTimeCodeSent, "OtpRequestResponse"),
]


@one_test
@pytest.mark.parametrize(("kind", "schema"), PAYLOADS, ids=[schema for _, schema in PAYLOADS])
def test_payload_has_the_members_of_its_schema(kind: type[attrs.AttrsInstance], schema: str) -> None:
    """No more and no fewer."""
    assert {member.name for member in attrs.fields(kind)} == set(members(SCHEMAS[schema]))


def test_every_schema_is_compared_or_known_to_be_open() -> None:
    """A schema that is added to the contract needs a payload."""
    part_of_another = {"CardInfo", "CardInfoResponse", "MaskedMember", "MemberCheckRequest", "OtpRequest"}
    alternates = {"AltOtpRequest", "AltOtpVerify"}
    unseen = {"OtpVerifyRequestUnknown", "OtpVerifyResponseUnknown", "OpenEnvelope"}
    read_by_hand = {"ResponseMeta", "ErrorEnvelope"}
    compared = {schema for _, schema in PAYLOADS}
    assert set(SCHEMAS) == compared | part_of_another | alternates | unseen | read_by_hand
    assert set(members(SCHEMAS["CardInfo"])) <= {field.name for field in attrs.fields(CashbackCard)}
    assert set(members(SCHEMAS["MaskedMember"])) <= {field.name for field in attrs.fields(MaskedMember)}


def test_operations_are_the_paths_of_the_contract() -> None:
    """Method, path, the parameters of the query, and that no write is repeated."""
    documented = {}
    for path, methods in cast("dict[str, dict[str, Schema]]", CONTRACT["paths"]).items():
        for method, described in methods.items():
            given = [
                cast("dict[str, Schema]", cast(Schema, CONTRACT["components"])["parameters"])[
                    cast(str, each["$ref"]).rpartition("/")[2]
                ]
                if "$ref" in each
                else each
                for each in cast("list[Schema]", described.get("parameters", []))
            ]
            query = {cast(str, each["name"]) for each in given if each["in"] == "query"}
            documented[method.upper(), path] = query
    ours = {}
    for operation in OPERATIONS:
        path, _, query = operation.path.partition("?")
        ours[operation.method, path] = {name for name, _ in parse_qsl(query)}
        idempotent = operation.method == "GET" or operation is operations.CHECK
        assert operation.repeat is (RepeatClass.SAFE if idempotent else RepeatClass.NEVER)
        assert operation.writes is not idempotent
    assert ours == documented


# Money.

_amounts = st.builds(
    lambda digits, places: Decimal((0, digits, -min(places, 28))),
    st.lists(st.integers(0, 9), min_size=1, max_size=28).filter(any).map(tuple),
    st.integers(0, 28),
)


@given(_amounts)
def test_amounts_are_sent_and_read_exactly(amount: Decimal) -> None:
    """Three decimals, or twenty-eight: nothing is rounded, on either way."""
    body = encode(
        RefundRequest.of(
            Refund(card_id=1, member=MEMBER, refund_amount=amount, cashback_to_deduct=amount, reference="r")
        ),
        Names.SNAKE,
    )
    sent = json.loads(body, parse_float=Decimal, parse_int=Decimal)
    assert sent["refund_amount"] == sent["cashback_to_deduct"] == amount
    read_back = structure(
        decode(f'{{"new_balance":{amount:f}}}'.encode()), CashbackRefunded, names=Names.SNAKE
    ).new_balance
    assert (type(read_back), read_back) == (Decimal, amount)


def test_the_same_change_has_the_same_bytes() -> None:
    """However its amount is spelt and its metadata ordered."""
    bodies = {
        encode(
            EarnRequest.of(
                Earn(card_id=1, member=MEMBER, purchase_amount=Decimal(text), reference="r", metadata=extras)
            ),
            Names.SNAKE,
        )
        for text, extras in (
            ("10", {"a": 1, "b": {"c": 2, "d": 3}}),
            ("10.000", {"b": {"d": 3, "c": 2}, "a": 1}),
            ("1E1", {"b": {"c": 2, "d": 3}, "a": 1}),
        )
    }
    assert len(bodies) == 1


# Validation.

EARN = {"card_id": 10, "member": MEMBER, "purchase_amount": Decimal(50), "reference": "r"}
REFUND = {"card_id": 10, "member": MEMBER, "refund_amount": Decimal(50), "reference": "r"}
REDEEM = {"card_id": 10, "amount": Decimal(5), "member_token": MemberToken("t"), "reference": "r"}
BAD: list[tuple[type[object], dict[str, object], dict[str, object], str]] = [
    *[(Earn, EARN, {"purchase_amount": each}, "purchase_amount") for each in (0, -1, 1.5, True, "5", "NaN")],
    *[(Earn, EARN, {"purchase_amount": Decimal(each)}, "purchase_amount") for each in ("NaN", "Infinity")],
    *[(Refund, REFUND, {"refund_amount": each}, "refund_amount") for each in (0, -1, 0.5)],
    *[(Refund, REFUND, {"cashback_to_deduct": each}, "cashback_to_deduct") for each in (-1, 0.5, "1", True)],
    *[(Redeem, REDEEM, {"amount": each}, "amount") for each in (0, Decimal(-1), 5.0)],
    *[(Earn, EARN, {"card_id": each}, "card_id") for each in (0, -1, "10", True, Decimal(10), None)],
    (Earn, EARN, {"member": 123}, "member"),
    (Earn, EARN, {"member": "a@b.example"}, "member"),
    (Refund, REFUND, {"member": None}, "member"),
    (Redeem, REDEEM, {"member": 123}, "member"),
    (Redeem, REDEEM, {"member_token": "t"}, "member_token"),
    (Redeem, REDEEM, {"pin": 1234}, "Pin"),
    (Redeem, REDEEM, {"pin": " "}, "Pin"),
    *[
        (kind, whole, {"reference": None}, "key")
        for kind, whole in ((Earn, EARN), (Refund, REFUND), (Redeem, REDEEM))
    ],
    (Earn, EARN, {"reference": " "}, "reference"),
    (Earn, EARN, {"key": ""}, "key"),
    (Earn, EARN, {"member_name": "\n"}, "member_name"),
    (Earn, EARN, {"metadata": ["a"]}, "metadata"),
    (Earn, EARN, {"metadata": {"a": {"b": [1, 1.5]}}}, "metadata.a.b[1]"),
    (Earn, EARN, {"metadata": {"a": Decimal("NaN")}}, "metadata.a"),
    (Earn, EARN, {"metadata": {"a": object()}}, "metadata.a"),
    (Earn, EARN, {"metadata": {"a": Decimal("1E+30000000")}}, "metadata.a"),
    (Earn, EARN, {"metadata": {"a": [Decimal("1E-101")]}}, "metadata.a[0]"),
    (Earn, EARN, {"metadata": {"a": "\ud800"}}, "metadata.a"),
    (Earn, EARN, {"metadata": {1: "a"}}, "a name in metadata"),
]


@one_test
@pytest.mark.parametrize(("kind", "whole", "wrong", "path"), BAD)
def test_what_must_not_be_sent_is_refused(kind, whole, wrong, path) -> None:
    """And the field is named."""
    kind(**whole)
    with pytest.raises(PayloadError) as caught:
        kind(**{**whole, **wrong})
    assert caught.value.path == path


def test_metadata_without_an_end_is_refused() -> None:
    """It could not be written, either."""
    endless: dict[str, object] = {}
    endless["again"] = endless
    with pytest.raises(PayloadError, match="levels"):
        Earn(**{**EARN, "metadata": endless})


@pytest.mark.parametrize(
    "names",
    [
        {},
        {"id": 1, "email": "a@b.example"},
        {"email": "a@b.example", "phone": "1"},
        {"id": 0},
        {"id": "1"},
        {"id": True},
        {"email": " "},
        {"phone": "\t"},
    ],
    ids=str,
)
def test_a_member_is_named_in_one_way(names: dict[str, object]) -> None:
    """No name, two names, or a blank one are refused."""
    with pytest.raises(PayloadError):
        Member(**names)


def test_members_are_named_in_three_ways() -> None:
    """Each in its own member of the body, and each another customer of a card."""
    named = {"member_id": Member.by_id(7), "email": Member.by_email("7"), "phone": Member.by_phone("7")}
    for wire, member in named.items():
        body = decode(encode(EarnRequest.of(Earn(**{**EARN, "member": member})), Names.SNAKE))
        assert {name: body[name] for name in body if name in named} == {
            wire: 7 if wire == "member_id" else "7"
        }
    assert len({Earn(**{**EARN, "member": member}).customer_id for member in named.values()}) == 3


def test_keys_distinguish_operation_card_and_reference() -> None:
    """The page itself uses one reference for a redeem and a refund."""
    changes = [
        kind(**{**whole, "card_id": card, "reference": reference})
        for kind, whole in ((Earn, EARN), (Refund, REFUND), (Redeem, REDEEM))
        for card in (1, 11)
        for reference in ("1-1", "1", "-1", "REFUND-1")
    ]
    assert len({change.change_key for change in changes}) == len(changes)
    assert Earn(**EARN).change_key == "EARN-10-r"
    assert Earn(**{**EARN, "key": "mine"}).change_key == "mine"
    assert Earn(**{**EARN, "key": "mine", "reference": None}).change_key == "mine"


def test_values_have_the_sign_of_their_operation() -> None:
    """A sum by sign must not add a refund."""
    assert [Earn(**EARN).value, Refund(**REFUND).value, Redeem(**REDEEM).value] == [50, -50, -5]
