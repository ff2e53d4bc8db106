"""JSON and payloads: exact decimals, tolerant of what is new, strict in type, true to the contract."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import IntEnum
from pathlib import Path
from typing import cast

import attrs
import pytest
import yaml
from compared_payloads import OF_THE_SEED
from contracts import LOADER
from hypothesis import given
from hypothesis import strategies as st
from one_test import one_test

from bonifiq_async import CashbackChange, CustomerPoints, PayloadError, PendingPoints, Severity
from bonifiq_async._model.json_codec import decode, encode, structure, wire_name
from bonifiq_async._model.operation import Operation
from bonifiq_async.bonifiq.answers import Envelope
from bonifiq_async.bonifiq.operations import CHANGE_CASHBACK, PENDING_POINTS, REMOVE_CHECKOUT_CASHBACK
from bonifiq_async.bonifiq.payloads import (
    CashbackChangeRequest,
    ChangePointOperation,
    CheckoutRemovalRequest,
    CheckoutRemoved,
    CustomerPointsToExpire,
    OrderOrigin,
    PointDetailItem,
)
from bonifiq_async.bonifiq.removal import SEVERITIES

# The contract: the OpenAPI blocks of the endpoint pages.

DATA = Path(__file__).parent.parent / "data"
Schema = Mapping[str, object]


def document(name: str) -> Schema:
    block = re.search(
        r"^````yaml[^\n]*\n(.*?)^````", (DATA / name).read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    assert block is not None
    return cast(Schema, yaml.load(block[1], LOADER))


DOCUMENTS = {
    name: document(f"{name}.txt") for name in ("cashback_change", "checkout_removal", "pending_points")
}
SCHEMAS: dict[str, Schema] = {
    name: schema
    for page in DOCUMENTS.values()
    for name, schema in cast("dict[str, dict[str, Schema]]", page["components"])["schemas"].items()
}


def resolved(schema: Schema) -> Schema:
    """Follow `$ref`, a `oneOf` of one, and join an `allOf`."""
    if "$ref" in schema:
        return resolved(SCHEMAS[cast(str, schema["$ref"]).rpartition("/")[2]])
    if "oneOf" in schema:
        (only,) = cast("list[Schema]", schema["oneOf"])
        return resolved(only)
    if "allOf" in schema:
        parts = [resolved(part) for part in cast("list[Schema]", schema["allOf"])]
        members: dict[str, Schema] = {}
        for part in parts:
            members |= properties(part)
        return {"type": "object", "properties": members}
    return schema


def properties(schema: Schema) -> dict[str, Schema]:
    return cast("dict[str, Schema]", schema["properties"])


ENVELOPE = "BaseExternalApiResponseOfCustomerPointsWithErrorResponse"


@pytest.mark.parametrize(("kind", "schema"), OF_THE_SEED, ids=[schema for _, schema in OF_THE_SEED])
def test_payload_has_the_members_of_its_schema(kind: type[attrs.AttrsInstance], schema: str) -> None:
    assert {wire_name(member.name) for member in attrs.fields(kind)} == set(
        properties(resolved(SCHEMAS[schema]))
    )


@pytest.mark.parametrize("schema", [ENVELOPE, "BaseExternalApiResponseOfCheckoutRemoveCashbackResponse"])
def test_envelope_has_the_members_of_its_schema(schema: str) -> None:
    """All but the payload, which the reader takes out by itself."""
    ours = {wire_name(member.name) for member in attrs.fields(Envelope)}
    assert ours | {"Result"} == set(properties(SCHEMAS[schema]))


def test_every_schema_of_the_contract_is_compared() -> None:
    compared = {schema for _, schema in OF_THE_SEED} | {
        "CustomerPointsResponse"
    }  # part of ...WithErrorResponse
    enums = {"ExternalApiResponseSeverity", "ChangePointOperation", "OrderOrigin"}
    assert {name for name in SCHEMAS if not name.startswith("BaseExternalApiResponseOf")} == compared | enums


@pytest.mark.parametrize(
    ("kind", "schema"),
    [
        (Severity, "ExternalApiResponseSeverity"),
        (ChangePointOperation, "ChangePointOperation"),
        (OrderOrigin, "OrderOrigin"),
    ],
)
def test_enum_has_the_numbers_and_names_of_its_schema(kind: type[IntEnum], schema: str) -> None:
    assert [int(member) for member in kind] == SCHEMAS[schema]["enum"]
    names = cast("list[str]", SCHEMAS[schema]["x-enumNames"])
    assert [member.name.replace("_", "").lower() for member in kind] == [name.lower() for name in names]


@pytest.mark.parametrize(
    ("operation", "page"),
    [
        (CHANGE_CASHBACK, "cashback_change"),
        (REMOVE_CHECKOUT_CASHBACK, "checkout_removal"),
        (PENDING_POINTS, "pending_points"),
    ],
)
def test_operation_has_the_method_and_path_of_its_page(operation: Operation[object], page: str) -> None:
    paths = cast("dict[str, Schema]", DOCUMENTS[page]["paths"])
    documented = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    assert {(operation.method, operation.path)} == documented


def test_checkout_codes_are_those_of_the_page() -> None:
    text = (DATA / "checkout_removal.txt").read_text("utf-8")
    documented = re.findall(r"- `(\d\d) / (\w+) / (\w+)`", text)
    assert {code: name for code, name, _ in documented} == REMOVE_CHECKOUT_CASHBACK.codes
    assert {code: Severity[of.upper()] for code, _, of in documented} == SEVERITIES


# Every leaf, with every wrong type.

SAMPLE: dict[str, object] = {
    "string": "text",
    "integer": 1,
    "number": Decimal("1.50"),
    "boolean": True,
    "date-time": "2024-07-01T12:00:00Z",
}
WRONG: dict[str, list[object]] = {
    "string": [1, Decimal("1.5"), True, {}, []],
    "integer": ["1", Decimal("1.5"), True, False, {}, []],
    "number": ["1.5", "", True, {}, []],
    "boolean": [0, 1, "true", {}, []],
    "date-time": [1, True, "yesterday", "", {}, []],
    "array": [{}, "text", 1, True],
    "object": [None, [], "text", 1, True],
}


def kind_of(schema: Schema) -> str:
    return "date-time" if schema.get("format") == "date-time" else cast(str, schema["type"])


def sample(schema: Schema) -> object:
    """Return a valid value of `schema`; an array has two items."""
    schema = resolved(schema)
    kind = kind_of(schema)
    if kind == "object":
        return {name: sample(member) for name, member in properties(schema).items()}
    if kind == "array":
        return [sample(cast(Schema, schema["items"])), sample(cast(Schema, schema["items"]))]
    return SAMPLE[kind]


def places(schema: Schema, path: str = "$") -> Iterator[tuple[str, str]]:
    """Yield the JSON path and the kind of everything below `schema`; of an array, the second item."""
    schema = resolved(schema)
    for name, member in properties(schema).items():
        member = resolved(member)
        kind = kind_of(member)
        yield f"{path}.{name}", kind
        if kind == "array":
            items = resolved(cast(Schema, member["items"]))
            yield f"{path}.{name}[1]", kind_of(items)
            yield from places(items, f"{path}.{name}[1]")


def nullable(schema: Schema, path: str = "$") -> Iterator[str]:
    """Yield the JSON path of every member below `schema` that the page says may be null."""
    schema = resolved(schema)
    for name, member in properties(schema).items():
        if member.get("nullable") is True:
            yield f"{path}.{name}"
        member = resolved(member)
        if kind_of(member) == "array":
            yield from nullable(cast(Schema, member["items"]), f"{path}.{name}[1]")


def place(root: object, path: str) -> tuple[object, str | int]:
    """Return what holds the place that `path` names, and the place's name or number in it."""
    *way, last = [int(step) if step.isdigit() else step for step in re.findall(r"\w+", path)]
    for step in way:
        root = root[step]  # type: ignore[index]
    return root, last


def put(root: object, path: str, value: object) -> None:
    """Put `value` in the place that `path` names."""
    holder, last = place(root, path)
    holder[last] = value  # type: ignore[index]


def leave_out(root: object, path: str) -> None:
    """Remove the value in the place that `path` names."""
    holder, last = place(root, path)
    del holder[last]  # type: ignore[attr-defined]


def outer(schema: str) -> Schema:
    """Return an envelope's schema without its payload."""
    members = {name: member for name, member in properties(SCHEMAS[schema]).items() if name != "Result"}
    return {"type": "object", "properties": members}


ANSWERS: list[tuple[type[object], Schema]] = [
    (CustomerPoints, SCHEMAS["CustomerPointsWithErrorResponse"]),
    (PendingPoints, SCHEMAS["CustomerPendingPointsResponse"]),
    (CheckoutRemoved, SCHEMAS["CheckoutRemoveCashbackResponse"]),
    (Envelope, outer(ENVELOPE)),
]
LEAVES = [
    pytest.param(answer, schema, path, kind, id=f"{answer.__name__}-{path}")
    for answer, schema in ANSWERS
    for path, kind in places(schema)
]


NULLABLE = {answer: set(nullable(schema)) for answer, schema in ANSWERS}


@pytest.mark.parametrize(("answer", "schema"), ANSWERS)
def test_sample_of_the_contract_is_read(answer: type[object], schema: Schema) -> None:
    read = structure(sample(schema), answer)
    assert None not in attrs.astuple(cast(attrs.AttrsInstance, read))


@one_test
@pytest.mark.parametrize(("answer", "schema", "path", "kind"), LEAVES)
def test_wrong_type_names_its_path(answer: type[object], schema: Schema, path: str, kind: str) -> None:
    for wrong in WRONG[kind]:
        value = sample(schema)
        put(value, path, wrong)
        with pytest.raises(PayloadError) as caught:
            structure(value, answer)
        assert caught.value.path == path, f"for {wrong!r}"


@one_test
@pytest.mark.parametrize(("answer", "schema", "path", "kind"), LEAVES)
def test_null_is_read_where_the_page_says_nullable(
    answer: type[object], schema: Schema, path: str, kind: str
) -> None:
    """And is a wrong type elsewhere; a member that is left out is none of the answer's faults."""
    value = sample(schema)
    put(value, path, None)
    if path in NULLABLE[answer]:
        structure(value, answer)
        return
    with pytest.raises(PayloadError, match="null where") as caught:
        structure(value, answer)
    assert caught.value.path == path


@one_test
@pytest.mark.parametrize(("answer", "schema", "path", "kind"), LEAVES)
def test_every_member_may_be_left_out(answer: type[object], schema: Schema, path: str, kind: str) -> None:
    value = sample(schema)
    if not path.endswith("]"):
        leave_out(value, path)
    structure(value, answer)


def test_what_is_nullable_is_read_from_the_page() -> None:
    """Checks the reading of the schemas."""
    assert NULLABLE[PendingPoints] == {"$.TotalPendingCashback", "$.PendingOrders[1].PendingCashback"}
    assert NULLABLE[CheckoutRemoved] == set()
    assert {"$.RedeemKey", "$.Error", "$.PointHistory[1].OrderOrigin"} <= NULLABLE[CustomerPoints]
    assert NULLABLE[Envelope] == {"$.ErrorMessage", "$.ErrorCode", "$.Code", "$.CodeName"}


@pytest.mark.parametrize("wrong", [None, [], "text", 1, True, Decimal("1.5")])
def test_answer_that_is_no_object_is_refused_at_the_root(wrong: object) -> None:
    with pytest.raises(PayloadError) as caught:
        structure(wrong, CustomerPoints)
    assert caught.value.path == "$"


def test_path_starts_with_the_given_prefix() -> None:
    wrong = {"PointHistory": [{}, {"CashbackAmount": "1.50"}]}
    with pytest.raises(PayloadError, match=r"a string where a number belongs") as caught:
        structure(wrong, CustomerPoints, path="$.Result")
    assert caught.value.path == "$.Result.PointHistory[1].CashbackAmount"


# What is tolerated.


def test_missing_members_have_their_defaults() -> None:
    assert structure({}, CustomerPoints) == CustomerPoints()
    assert structure({}, PendingPoints) == PendingPoints(None, None, ())


def test_unknown_members_are_ignored() -> None:
    new = {"Name": "Ana", "New": {"deep": [1]}, "name": 1, "PointHistory": [{"Id": 7, "BalanceOfPoints": 3}]}
    assert structure(new, CustomerPoints) == CustomerPoints(
        name="Ana", point_history=(PointDetailItem(id=7),)
    )


@pytest.mark.parametrize(
    ("answer", "member", "attribute"),
    [
        (CustomerPoints, "PointHistory", "point_history"),
        (CustomerPoints, "PointsToExpire", "points_to_expire"),
        (PendingPoints, "PendingOrders", "pending_orders"),
    ],
)
@pytest.mark.parametrize("there", [False, True], ids=["left out", "empty"])
def test_a_list_without_items_is_empty(
    answer: type[object], member: str, attribute: str, there: bool
) -> None:
    assert getattr(structure({member: []} if there else {}, answer), attribute) == ()


@pytest.mark.parametrize(
    ("number", "known"), [(3, OrderOrigin.PDV), (0, OrderOrigin.INTEGRATION), (99, 99), (-1, -1)]
)
def test_unknown_enum_number_is_kept(number: int, known: int) -> None:
    origin = structure({"OrderOrigin": number}, PointDetailItem).order_origin
    assert (origin, type(origin)) == (known, type(known))


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-07-01T12:00:00Z", datetime(2024, 7, 1, 12, tzinfo=UTC)),
        ("2024-07-01T12:00:00-03:00", datetime(2024, 7, 1, 12, tzinfo=timezone(timedelta(hours=-3)))),
        ("2024-07-01T12:00:00", datetime(2024, 7, 1, 12)),
        ("2024-07-01T12:00:00.1234567Z", datetime(2024, 7, 1, 12, 0, 0, 123456, tzinfo=UTC)),
        ("0001-01-01T00:00:00", datetime(1, 1, 1)),
    ],
)
def test_moment(text: str, moment: datetime) -> None:
    when = structure({"When": text}, CustomerPointsToExpire).when
    assert when is not None
    assert (when, when.tzinfo) == (moment, moment.tzinfo)


# Decimals, digit for digit.

_amounts = st.builds(
    lambda sign, digits, places: Decimal((sign, digits, -min(places, 28))),
    st.sampled_from([0, 1]),
    st.lists(st.integers(0, 9), min_size=1, max_size=28).filter(any).map(tuple),
    st.integers(0, 28),
)


def sent(value: Decimal) -> str:
    """Return how `value` is written in the body of a change."""
    body = encode(CashbackChangeRequest.of(CashbackChange("ABC", value, "test", "KEY")))
    written = re.fullmatch(
        rb'\{"Value":([^,"]+),"OperationType":[01],"Reason":"test","ChangeKey":"KEY"\}', body
    )
    assert written is not None, body
    return written[1].decode()


@given(_amounts)
def test_amount_is_sent_as_the_same_number(value: Decimal) -> None:
    written = sent(value)
    assert Decimal(written) == value
    assert json.loads(written, parse_float=Decimal, parse_int=Decimal) == value


@given(_amounts)
def test_amount_is_read_as_the_same_number(value: Decimal) -> None:
    body = f'{{"CashbackBalance":{value:f},"PointHistory":[{{"CashbackAmount":{value}}}]}}'.encode()
    points = structure(decode(body), CustomerPoints)
    assert points.cashback_balance is not None
    assert (type(points.cashback_balance), points.cashback_balance) == (Decimal, value)
    assert points.point_history[0].cashback_amount == value


@given(_amounts)
def test_amount_survives_writing_and_reading(value: Decimal) -> None:
    read = structure(decode(f'{{"CashbackBalance":{sent(value)}}}'.encode()), CustomerPoints).cashback_balance
    assert read is not None
    assert read == value


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("1234567890123456.78", "1234567890123456.78"),
        ("-1234567890123456.78", "-1234567890123456.78"),
        ("0.1", "0.1"),
        ("10", "10"),
        ("10.50", "10.5"),
        ("1E+2", "100"),
        ("1E+27", "1" + "0" * 27),
        ("0.0000001", "1E-7"),
        ("7922816251426433759354395033", "7922816251426433759354395033"),
    ],
)
def test_amount_is_written(value: str, written: str) -> None:
    assert sent(Decimal(value)) == written


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("1234567890123456.78", "1234567890123456.78"),
        ("0.1", "0.1"),
        ("10", "10"),
        ("10.0", "10.0"),
        ("1e2", "1E+2"),
        ("-0.00", "-0.00"),
        ("123456789012345678901234567890.12", "123456789012345678901234567890.12"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("1e400", "1E+400"),
    ],
)
def test_amount_is_read(written: str, read: str) -> None:
    balance = structure(decode(f'{{"CashbackBalance":{written}}}'.encode()), CustomerPoints).cashback_balance
    assert balance is not None
    assert (type(balance), str(balance)) == (Decimal, read)


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=30))
def test_text_survives(text: str) -> None:
    body = encode(CheckoutRemovalRequest(text, "1"))
    assert decode(body) == {"CustomerId": text, "CheckoutId": "1"}


# Members that a request leaves out.


@pytest.mark.parametrize(
    ("payload", "body"),
    [
        (
            CashbackChangeRequest(Decimal("-10"), ChangePointOperation.REMOVE_POINTS, "r", "k"),
            b'{"Value":-10,"OperationType":1,"Reason":"r","ChangeKey":"k"}',
        ),
        (
            CashbackChangeRequest(Decimal("10"), ChangePointOperation.ADD_POINTS, "r", "k", "thanks"),
            b'{"Value":10,"OperationType":0,"Reason":"r","ChangeKey":"k","CustomerReason":"thanks"}',
        ),
        (CheckoutRemovalRequest("a", "b"), b'{"CustomerId":"a","CheckoutId":"b"}'),
        (
            CheckoutRemovalRequest("a", "b", Decimal("0.00")),
            b'{"CustomerId":"a","CheckoutId":"b","Total":0.00}',
        ),
    ],
)
def test_none_is_left_out(payload: object, body: bytes) -> None:
    assert encode(payload) == body


# What is not JSON.


@one_test
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"<html></html>", id="HTML"),
        pytest.param(b"{", id="cut"),
        pytest.param(b'{"a":1}x', id="more after it"),
        pytest.param(b"{'a':1}", id="single quotes"),
        pytest.param(b"[" * 100_000 + b"]" * 100_000, id="deep arrays"),
        pytest.param(b'{"a":' * 100_000 + b"1" + b"}" * 100_000, id="deep objects"),
        pytest.param(b"NaN", id="NaN"),
        pytest.param(b'{"CashbackBalance":NaN}', id="NaN inside"),
        pytest.param(b'{"CashbackBalance":Infinity}', id="infinity"),
        pytest.param(b'{"CashbackBalance":-Infinity}', id="minus infinity"),
        pytest.param(b'{"CashbackBalance":1E99999999999999999999}', id="exponent beyond any number"),
        pytest.param(b'{"CashbackBalance":1E-99999999999999999999}', id="exponent below any number"),
        pytest.param(b'{"CashbackBalance":.5}', id="no digit before the point"),
        pytest.param(b'{"PointsBalance":' + b"9" * 5000 + b"}", id="endless whole number"),
        pytest.param(b'{"Name":"\xff"}', id="invalid UTF-8"),
        pytest.param(b'{"Name":"\xed\xa0\x80"}', id="half a character in UTF-8"),
        pytest.param(b'{"Name":"\\ud800"}', id="half a character, escaped"),
        pytest.param('{"Name":"Ana"}'.encode("utf-16"), id="UTF-16"),
    ],
)
def test_what_is_not_json_is_refused_at_the_root(body: bytes) -> None:
    with pytest.raises(PayloadError) as caught:
        decode(body)
    assert caught.value.path == "$"


def fault(value: object) -> PayloadError | None:
    """Return why `value`, JSON bytes or what they hold, can not be read as a balance."""
    try:
        structure(decode(value) if isinstance(value, bytes) else value, CustomerPoints)
    except PayloadError as error:
        return error
    return None


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just(Decimal("1.5")),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["PointHistory", "PointsToExpire", "When", "Id", "Name"]), inner)
    ),
    max_leaves=12,
)


@pytest.mark.parametrize("body", [b"", b" \r\n\t"])
def test_an_empty_answer_is_reported_as_empty(body: bytes) -> None:
    with pytest.raises(PayloadError, match=r"^the answer is empty$"):
        decode(body)


@given(st.binary(max_size=60) | _json)
def test_anything_is_read_or_refused_with_a_path(value: object) -> None:
    error = fault(value)
    assert error is None or re.fullmatch(r"\$(\.\w+|\[\d\])*", error.path)
