"""The body of a webhook: what is read of it, and what is refused."""

import contextlib
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import cast

import attrs
import pytest
from contracts import CONTRACTS
from hypothesis import given
from hypothesis import strategies as st
from one_test import one_test
from webhook_servers import event

from bonifiq_async import PayloadError
from bonifiq_async._model.json_codec import wire_name
from bonifiq_async.bonifiq.webhooks.event import LARGEST, NAME_OF
from bonifiq_async.webhooks import (
    EarnedPointsPayload,
    ObjectiveType,
    WebhookCustomer,
    WebhookEvent,
    WebhookTopic,
    parse,
)

CUSTOMER = (
    '{"Email":"ana@b.example","Id":null,"Name":"Ana","Phone":"+55 11 9","BirthdayDate":"1990-02-03T00:00:00"}'
)


def members(kind: type[attrs.AttrsInstance]) -> set[str]:
    return {wire_name(each.name) for each in attrs.fields(kind)}


def test_the_classes_have_the_members_of_the_contract() -> None:
    facts = CONTRACTS["bonifiq"]["x-webhooks-facts"]
    body = cast("dict[str, object]", facts["body"])
    payload = cast("dict[str, object]", facts["WebhookEarnedPointsPayload"])
    assert members(WebhookEvent) == set(body)
    assert members(EarnedPointsPayload) == set(payload)
    assert members(WebhookCustomer) == set(cast("dict[str, object]", payload["Customer"]))
    numbered = [each for each in cast("list[dict[str, object]]", facts["topics"]) if "TopicName" in each]
    assert {each["Topic"]: each["TopicName"] for each in numbered} == NAME_OF
    assert set(NAME_OF) == set(WebhookTopic)


@pytest.mark.parametrize("topic", WebhookTopic)
def test_a_documented_event_is_read(topic: WebhookTopic) -> None:
    read = parse(event(topic=topic, payload=f'{{"EarnedPoints":7,"ObjectiveType":2,"Customer":{CUSTOMER}}}'))
    customer = WebhookCustomer("ana@b.example", None, "Ana", "+55 11 9", datetime(1990, 2, 3))
    assert read == WebhookEvent(
        "u-1",
        topic,
        NAME_OF[topic],
        datetime(2024, 1, 2, 3, 4, 5, 123456, UTC),
        EarnedPointsPayload(7, ObjectiveType.BIRTHDAY, customer),
    )
    assert type(read.topic) is WebhookTopic and hash(read)


def test_what_is_not_documented_stays_open() -> None:
    """A topic and an objective without a name are numbers, and money of an open payload is exact."""
    read = parse(event(topic=77, payload='{"Value":0.10,"Deep":[{"A":1E2}]}'))
    assert (type(read.topic), read.topic, read.topic_name) == (int, 77, "other")
    assert read.payload == {"Value": Decimal("0.10"), "Deep": [{"A": Decimal("1E2")}]}
    known = parse(event(payload='{"ObjectiveType":9,"New":1}')).payload
    assert known == EarnedPointsPayload(objective_type=9)


@one_test
@pytest.mark.parametrize(
    "body",
    [
        b'{"Uuid":"u","Topic":3,"TopicName":"Points_Changed","Payload":{"EarnedPoints":"many"}}',
        b'{"Uuid":"u","Topic":3,"Payload":{"EarnedPoints":"many"}}',
        b'{"Uuid":"u","Topic":5,"TopicName":"Communication_EarnPurchasePoints","Payload":{"EarnedPoints":"many"}}',
    ],
)
def test_a_topic_needs_its_number_and_its_name(body: bytes) -> None:
    """The numbers of other kinds of topics are not known: one may be the same."""
    assert parse(body).payload == {"EarnedPoints": "many"}


@one_test
@pytest.mark.parametrize(
    "body", [b'{"Uuid":"u","Topic":9}', b'\xef\xbb\xbf{"Uuid":"u","Topic":9,"Payload":null,"Timestamp":null}']
)
def test_what_is_left_out_is_empty(body: bytes) -> None:
    assert parse(body) == WebhookEvent("u", 9, None, None, {})


@one_test
@pytest.mark.parametrize(
    ("stamp", "meant"),
    [
        ("2024-01-02T03:04:05", datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2024-01-02T03:04:05-03:00", datetime(2024, 1, 2, 6, 4, 5, tzinfo=UTC)),
    ],
)
def test_a_time_is_in_utc(stamp: str, meant: datetime) -> None:
    assert parse(f'{{"Uuid":"u","Topic":9,"Timestamp":"{stamp}"}}'.encode()).timestamp == meant


def nested(levels: int) -> str:
    return '{"A":' * levels + "1" + "}" * levels


REFUSED = {
    "nothing": (b"", "$"),
    "blanks": (b" \n", "$"),
    "no JSON": (b"Uuid=u&Topic=3", "$"),
    "cut": (event()[:-1], "$"),
    "two values": (event() * 2, "$"),
    "an array": (b"[1]", "$"),
    "null": (b"null", "$"),
    "a text": (b'"Uuid"', "$"),
    "not a number": (b'{"Uuid":"u","Topic":NaN}', "$"),
    "UTF-16": (event().decode().encode("utf-16"), "$"),
    "UTF-16 without a mark": (event().decode().encode("utf-16-le"), "$"),
    "Latin-1": ('{"Uuid":"é","Topic":9}'.encode("latin-1"), "$"),
    "half a character": (b'{"Uuid":"\\ud800","Topic":9}', "$"),
    "too long": (b'{"Uuid":"u","Topic":9,"A":"' + b"a" * LARGEST + b'"}', "$"),
    "deep": (event(payload=nested(60), topic=9), "$.Payload"),
    "very deep": (event(payload=nested(30_000), topic=9), "$"),
    "very deep elsewhere": (b'{"Uuid":"u","Topic":9,"A":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "$"),
    "a member twice": (b'{"Uuid":"u","Uuid":"v","Topic":9}', "$"),
    "a member twice, escaped": (b'{"Uuid":"u","\\u0055uid":"v","Topic":9}', "$"),
    "a member of an open payload twice": (event(payload='{"A":[{"B":1,"B":2}]}', topic=9), "$"),
    "a long number": (event(payload='{"A":' + "9" * 5_000 + "}", topic=9), "$"),
    "an endless number": (event(payload='{"A":1e99999999999999999999}', topic=9), "$"),
    "no Uuid": (b'{"Topic":9}', "$.Uuid"),
    "null for a Uuid": (b'{"Uuid":null,"Topic":9}', "$.Uuid"),
    "a number for a Uuid": (b'{"Uuid":1,"Topic":9}', "$.Uuid"),
    "a blank Uuid": (event(uuid=" "), "$.Uuid"),
    "an invisible Uuid": (event(uuid="u\u200b"), "$.Uuid"),
    "a long Uuid": (event(uuid="u" * 201), "$.Uuid"),
    "no topic": (b'{"Uuid":"u"}', "$.Topic"),
    "a text for a topic": (b'{"Uuid":"u","Topic":"3"}', "$.Topic"),
    "a fraction for a topic": (b'{"Uuid":"u","Topic":3.0}', "$.Topic"),
    "a truth for a topic": (b'{"Uuid":"u","Topic":true}', "$.Topic"),
    "no time": (b'{"Uuid":"u","Topic":9,"Timestamp":"now"}', "$.Timestamp"),
    "a time before the calendar": (
        b'{"Uuid":"u","Topic":9,"Timestamp":"0001-01-01T00:00:00+05:00"}',
        "$.Timestamp",
    ),
    "an array for a payload": (event(payload="[]", topic=9), "$.Payload"),
    "a text for points": (event(payload='{"EarnedPoints":"7"}'), "$.Payload.EarnedPoints"),
    "a fraction of points": (event(payload='{"EarnedPoints":7.5}'), "$.Payload.EarnedPoints"),
    "a number for an e-mail": (event(payload='{"Customer":{"Email":1}}'), "$.Payload.Customer.Email"),
}


@one_test
@pytest.mark.parametrize(("body", "path"), REFUSED.values(), ids=REFUSED)
def test_a_bad_body_is_refused_with_its_place(body: bytes, path: str) -> None:
    with pytest.raises(PayloadError) as caught:
        parse(body)
    assert caught.value.path == path
    assert len(str(caught.value)) < 300 and "answer" not in str(caught.value)


def test_no_depth_is_beyond_both_readers() -> None:
    """The interpreter's limit is met by one reader before the other."""
    for levels in range(800, 1_000):
        body = b'{"Uuid":"u","Topic":9,"A":' + b'{"a":' * levels + b"1" + b"}" * levels + b"}"
        with contextlib.suppress(PayloadError):
            assert parse(body).uuid == "u"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
NAMES = st.sampled_from(["Uuid", "Topic", "TopicName", "Timestamp", "Payload", "EarnedPoints", "Customer"])
TIMES = st.datetimes(timezones=st.none() | st.timezones()).map(datetime.isoformat)
SHAPED = st.fixed_dictionaries(
    {"Uuid": st.text(), "Topic": st.integers() | st.sampled_from([3, 4])},
    optional={
        "TopicName": st.sampled_from(list(NAME_OF.values())) | JSON,
        "Timestamp": TIMES | JSON,
        "Payload": st.dictionaries(NAMES | st.text(), JSON),
    },
)


@given(
    st.binary() | (JSON | SHAPED | st.dictionaries(NAMES, JSON)).map(lambda value: json.dumps(value).encode())
)
def test_any_body_is_an_event_or_a_payload_error(body: bytes) -> None:
    try:
        read = parse(body)
    except PayloadError:
        return
    assert read.uuid == json.loads(body.decode("utf-8-sig"))["Uuid"]
    assert read.timestamp is None or read.timestamp.tzinfo is UTC
    assert repr(read)
