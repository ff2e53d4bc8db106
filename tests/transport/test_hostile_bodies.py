"""Malformed and hostile bodies: read without a guess, an exception, or much memory."""

import copy
import json
import pickle
import time
import tracemalloc
from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from one_test import one_test

from bonifiq_async import PayloadError
from bonifiq_async._model.evidence import Evidence, Reading
from bonifiq_async._model.json_codec import LARGE, LEVELS, MOST_VALUES, decode, decoding
from bonifiq_async._model.operation import Operation
from bonifiq_async._model.outcome import Verdict
from bonifiq_async._model.secret import Secret
from bonifiq_async._transport.public_path import ANSWER_LIMIT
from bonifiq_async.bonifiq import operations as bonifiq
from bonifiq_async.bonifiq.answers import AnswerReader
from bonifiq_async.raba7ni import operations as raba7ni
from bonifiq_async.raba7ni.answers import AnswerReader as Raba7niReader
from bonifiq_async.raba7ni.member import SignedIn

Json = dict[str, object]

HISTORY = {"Value": 1, "Type": 0, "Date": "2024-01-01T00:00:00Z"}
POINTS = {
    "CustomerExists": True,
    "InternalId": "1",
    "PointsBalance": 100,
    "PointsToExpire": [{"Points": 1, "ExpirationDate": "2024-01-01T00:00:00Z"}],
    "CashbackBalance": 12.5,
    "RedeemKey": None,
    "PointHistory": [HISTORY],
    "Name": "Ana",
    "Error": None,
}


def enveloped(result: object) -> Json:
    """Return a success of the newer envelope."""
    return {
        "ErrorMessage": None,
        "ErrorCode": None,
        "Code": "07",
        "CodeName": "CashbackRemoved",
        "Severity": 0,
        "HasWarning": False,
        "HasError": False,
        "Result": result,
    }


MOVED = {"transaction_id": 1, "new_balance": 12.5, "member_id": 1, "card_id": 10}
LINE = {"id": 1, "type": "earning", "amount": -1.25, "points": 0, "created_at": "2024-01-01T00:00:00Z"}
CARD = {"id": 1, "name": "A", "cashback_config": {"cashback_percentage": 5, "allows_pin_redemption": True}}
PENDING = {"OrderId": "1", "TotalPoints": 1, "TotalCashback": 1.5}

Case = tuple[Operation[object], Json]
CASES: dict[str, Case] = {
    "change": (bonifiq.CHANGE_CASHBACK, enveloped(POINTS)),
    "points": (bonifiq.POINTS, POINTS),
    "pending points": (
        bonifiq.PENDING_POINTS,
        {"TotalPendingPoints": 1, "TotalPendingCashback": 1.5, "PendingOrders": [PENDING]},
    ),
    "removal": (bonifiq.REMOVE_CHECKOUT_CASHBACK, enveloped({"Success": True, "CustomerMessage": "Done"})),
    "earn": (raba7ni.EARN, {"success": True, "data": MOVED | {"earned_at": "2024-01-01T00:00:00Z"}}),
    "redeem": (raba7ni.REDEEM, {"success": True, "data": MOVED}),
    "refund": (raba7ni.REFUND, {"success": True, "data": MOVED | {"balance_warning": None}}),
    "history": (
        raba7ni.HISTORY,
        {"success": True, "data": {"transactions": [LINE], "pagination": {"limit": 1, "has_more": False}}},
    ),
    "cards": (raba7ni.CARDS, {"success": True, "data": {"cards": [CARD], "total": 1}}),
    "check": (raba7ni.CHECK, {"success": True, "data": {"exists": True, "member": {"id": 1, "name": "A"}}}),
}

WRONG = [
    b"null",
    b"true",
    b"false",
    b"0",
    b"-1",
    b"2",
    b"0.5",
    b"1e999999999",
    b"-1e-999999999",
    b"9" * 400,
    b"9" * 400 + b".5",
    b'""',
    b'" "',
    b'"x"',
    b'"07"',
    b'"01"',
    b'"true"',
    b'"\\u0000\\ud800"',
    b'"' + b"x" * 20_000 + b'"',
    b"[]",
    b"[null]",
    b"[[]]",
    b"{}",
    b'{"a":1}',
    b"[" * 300 + b"]" * 300,
]
MARK = "\N{PILE OF POO}"


def read(operation: Operation[object], body: bytes, status: int = 200) -> Reading[object]:
    """Read `body` by the operation's own reader."""
    evidence = Evidence(sent=True, requests=1, status=status, body=body)
    if operation.name.startswith("raba7ni"):
        return Raba7niReader().read(operation, evidence)
    if operation is bonifiq.REMOVE_CHECKOUT_CASHBACK:
        return AnswerReader().read_removal(bonifiq.REMOVE_CHECKOUT_CASHBACK, evidence)
    return AnswerReader().read(operation, evidence)


def marked(value: object) -> Iterator[object]:
    """Yield `value` once for each place in it, with a mark in that place."""
    yield MARK
    if isinstance(value, dict):
        for name, member in value.items():
            for changed in marked(member):
                yield {**value, name: changed}
            yield {(MARK if other == name else other): each for other, each in value.items()}
    if isinstance(value, list):
        for place, item in enumerate(value):
            for changed in marked(item):
                yield [*value[:place], changed, *value[place + 1 :]]


def says_no(answer: object) -> bool:
    """Say, without the library, whether an answer with status 200 names a failure anywhere."""
    if not isinstance(answer, dict):
        return False
    result = answer.get("Result")
    inner = result if isinstance(result, dict) else {}
    return (
        answer.get("HasError") is True
        or answer.get("Severity") == 2
        or bool(isinstance(inner.get("Error"), str) and inner["Error"].strip())
        or answer.get("success") is False
    )


@pytest.mark.parametrize("status", [200, 299, 400, 499])
@pytest.mark.parametrize(("operation", "honest"), CASES.values(), ids=CASES.keys())
def test_a_wrong_value_in_every_place(operation: Operation[object], honest: Json, status: int) -> None:
    """No exception, no success where a failure is named, and none from a status of 400 on."""
    assert read(operation, json.dumps(honest).encode()).verdict is Verdict.ACCEPTED
    for template in marked(honest):
        frame = json.dumps(template).encode()
        for wrong in WRONG:
            body = frame.replace(json.dumps(MARK).encode(), wrong)
            reading = read(operation, body, status)
            if status >= 400:
                assert reading.verdict in (Verdict.REFUSED, Verdict.UNREADABLE, Verdict.DUPLICATE), body
                continue
            assert reading.verdict in (Verdict.ACCEPTED, Verdict.REFUSED, Verdict.UNREADABLE), body
            if reading.verdict is Verdict.ACCEPTED:
                assert not says_no(json.loads(body)), body
                assert str(reading.result)
                assert pickle.loads(pickle.dumps(reading.result)) == reading.result
            elif reading.verdict is Verdict.UNREADABLE:
                assert reading.problem is not None and len(reading.problem) < 500, body
                assert reading.path is not None and reading.path.startswith("$"), body


TWICE: list[tuple[Operation[object], bytes]] = [
    (bonifiq.CHANGE_CASHBACK, b'{"HasError":true,"HasError":false,"Result":{"CashbackBalance":1}}'),
    (bonifiq.CHANGE_CASHBACK, b'{"HasError":false,"HasError":true,"Result":{"CashbackBalance":1}}'),
    (bonifiq.CHANGE_CASHBACK, b'{"Severity":2,"Severity":0,"Result":{"CashbackBalance":1}}'),
    (bonifiq.CHANGE_CASHBACK, b'{"HasError":false,"Result":{"Error":"no"},"Result":{"CashbackBalance":1}}'),
    (bonifiq.CHANGE_CASHBACK, b'{"HasError":false,"Result":{"Error":"no","Error":null}}'),
    (bonifiq.CHANGE_CASHBACK, b'{"HasError":false,"Result":{"CustomerExists":false,"CustomerExists":true}}'),
    (
        bonifiq.REMOVE_CHECKOUT_CASHBACK,
        b'{"HasError":false,"Severity":0,"Code":"03","Code":"07","Result":{}}',
    ),
    (
        bonifiq.REMOVE_CHECKOUT_CASHBACK,
        b'{"HasError":false,"Severity":0,"Result":{"Success":false,"Success":true}}',
    ),
    (raba7ni.EARN, b'{"success":false,"success":true,"data":{}}'),
    (raba7ni.EARN, b'{"success":true,"success":false,"data":{}}'),
    (raba7ni.EARN, b'{"success":true,"error":{"code":"no"},"error":null,"data":{}}'),
    (raba7ni.EARN, b'{"success":false,"\\u0073uccess":true,"data":{}}'),
    (bonifiq.CHANGE_CASHBACK, b'{"HasError":true,"Has\\u0045rror":false,"Result":{"CashbackBalance":1}}'),
    (raba7ni.EARN, b'{"success":true,"data":{"new_balance":1},"data":{"new_balance":2}}'),
]


@one_test
@pytest.mark.parametrize(("operation", "body"), TWICE)
def test_a_deciding_member_that_occurs_twice_decides_nothing(
    operation: Operation[object], body: bytes
) -> None:
    """Which of the two counts is unknown: neither the first nor the last."""
    assert read(operation, body).verdict is Verdict.UNREADABLE


def test_the_name_of_a_deciding_member_may_occur_elsewhere() -> None:
    """In another object, or as a text, it is no contradiction."""
    body = (
        b'{"HasError":false,"Severity":0,"Code":null,"CodeName":"Code",'
        b'"Result":{"Name":"HasError","Code":"1","CashbackBalance":1}}'
    )
    assert read(bonifiq.CHANGE_CASHBACK, body).verdict is Verdict.ACCEPTED
    accented = body.replace(b'"1"', b'"\\u00e9"')
    assert read(bonifiq.CHANGE_CASHBACK, accented).verdict is Verdict.ACCEPTED


DEEP = {
    "arrays": lambda levels: b"[" * levels + b"]" * levels,
    "objects": lambda levels: b'{"a":' * levels + b"1" + b"}" * levels,
}


@pytest.mark.parametrize("deep", DEEP.values(), ids=DEEP.keys())
@pytest.mark.parametrize("levels", [2, LEVELS, LEVELS + 1, 900])
def test_a_member_without_a_type_can_be_printed_and_copied(levels: int, deep: Callable[[int], bytes]) -> None:
    """A deeper value is refused: printing it would exceed the interpreter's recursion limit."""
    reading = read(raba7ni.REFUND, b'{"success":true,"data":{"balance_warning":%s}}' % deep(levels))
    if levels > LEVELS:
        assert reading.verdict is Verdict.UNREADABLE and "levels" in reading.problem
        return
    assert pickle.loads(pickle.dumps(reading.result)) == copy.deepcopy(reading.result) == reading.result
    assert "balance_warning" in repr(reading.result)


def test_a_deep_sign_in_still_has_its_token() -> None:
    """A deep member beside it does not hide the token."""
    body = b'{"success":true,"token":"t","data":%s}' % DEEP["objects"](900).replace(b"1", b'"x"')
    signed_in = SignedIn(Secret.kept(body.decode()))
    assert signed_in.names() == ("token",) and signed_in.token("token").reveal() == "t"


COSTLY: dict[str, Callable[[], bytes]] = {
    "empty arrays": lambda: b"[" + b"[]," * (ANSWER_LIMIT // 3 - 1) + b"[]]",
    "empty objects": lambda: b"[" + b"{}," * (ANSWER_LIMIT // 3 - 1) + b"{}]",
    "whole numbers": lambda: b"[" + b"0," * (ANSWER_LIMIT // 2 - 2) + b"0]",
    "fractions": lambda: b"[" + b"1.5," * (ANSWER_LIMIT // 4 - 2) + b"1.5]",
    "members": lambda: b"{" + b",".join(b'"%x":0' % number for number in range(600_000)) + b"}",
    "arrays in arrays": lambda: b"[" * ANSWER_LIMIT,
    "objects in objects": lambda: b'{"a":' * (ANSWER_LIMIT // 5),
    "one number": lambda: b"9" * ANSWER_LIMIT,
    "one fraction": lambda: b"9" * (ANSWER_LIMIT - 2) + b".5",
    "long numbers": lambda: b"[" + b",".join([b"9" * 4_300] * 1_900) + b"]",
    "one text": lambda: b'"' + b"x" * (ANSWER_LIMIT - 2) + b'"',
    "one text of signs": lambda: b'"' + b"\\u0041" * (ANSWER_LIMIT // 6 - 1) + b'"',
    "names that come twice": lambda: b'{"Result":0,' + b'"Result":0,' * 200_000 + b'"a":0}',
}


@pytest.mark.slow
@pytest.mark.parametrize("make", COSTLY.values(), ids=COSTLY.keys())
def test_a_small_body_that_needs_much_memory(make: Callable[[], bytes]) -> None:
    """It is read within the limit of an answer, some tens of megabytes and a second."""
    body = make()
    assert len(body) <= ANSWER_LIMIT
    begun = time.process_time()
    assert read(bonifiq.CHANGE_CASHBACK, body).verdict is Verdict.UNREADABLE
    assert time.process_time() - begun < 1
    tracemalloc.start(1)
    try:
        read(bonifiq.CHANGE_CASHBACK, body)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 48 * 2**20


def test_values_are_counted_only_in_a_large_answer() -> None:
    """The allowed number is read; one more is refused."""
    padding = b" " * LARGE
    assert len(decode(padding + b"[" + b"0," * (MOST_VALUES - 1) + b"0]")) == MOST_VALUES  # type: ignore[arg-type]
    with pytest.raises(PayloadError, match="more values than are read"):
        decode(padding + b"[" + b"0," * MOST_VALUES + b"0]")


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*enveloped(None), *POINTS, "success", "data", "error", "x"]), inner
        )
    ),
    max_leaves=12,
)


def decoded(body: bytes) -> object:
    """Return the value of a body; a number that JSON does not have is refused."""
    try:
        return decode(body)
    except PayloadError:
        return PayloadError


@given(value=_json, indent=st.none() | st.just(2))
def test_decoding_in_parts_gives_the_same_as_decoding_at_once(value: object, indent: int | None) -> None:
    """A large answer is decoded level by level; here every answer of more than three bytes is."""
    body = b" " + json.dumps(value, indent=indent).encode() + b"\n"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decoding, "LARGE", 0)
        patch.setattr(decoding, "PIECE", 3)
        in_pieces = decoded(body)
    assert in_pieces == decoded(body)


@pytest.mark.parametrize(
    "body", [b'{"a": [1, 2}', b"[1, 2", b'{"a": [{"b": 01}]}', b'{"a": 1} x', b"[" * 3000]
)
def test_a_large_body_that_is_not_json(body: bytes, monkeypatch) -> None:
    monkeypatch.setattr(decoding, "LARGE", 0)
    monkeypatch.setattr(decoding, "PIECE", 3)
    with pytest.raises(PayloadError, match="not JSON"):
        decode(body)


@given(answer=_json, status=st.integers(200, 499))
def test_any_json_is_read(answer: object, status: int) -> None:
    """It gives a verdict, and no success where a failure is named."""
    body = json.dumps(answer).encode()
    for operation, _ in CASES.values():
        reading = read(operation, body, status)
        if reading.verdict is Verdict.ACCEPTED:
            assert status < 400
            assert not says_no(answer) or operation in (bonifiq.POINTS, bonifiq.PENDING_POINTS)


@given(body=st.binary(max_size=60))
def test_any_bytes_are_read(body: bytes) -> None:
    """What is not even an object proves nothing, unless its status excludes acting."""
    for operation, _ in CASES.values():
        try:
            known = isinstance(json.loads(body, parse_float=Decimal), dict)
        except ValueError:
            known = False
        if not known:
            assert read(operation, body).verdict is Verdict.UNREADABLE
            assert read(operation, body, 422).verdict is Verdict.UNREADABLE
        assert read(operation, body, 404).verdict is Verdict.REFUSED
