"""The body of a webhook as attrs values.

Source: the page webhooks/00-configuracao, and the support article on communications. The pages show two
topics with number, name and payload; the numbers of added, removed and changed points are not shown.
"""

import codecs
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import IntEnum

from attrs import evolve, field, frozen

from bonifiq_async._model import validation
from bonifiq_async._model.errors import PayloadError
from bonifiq_async._model.json_codec import decode, refuse_doubled_members, structure

LARGEST = 262_144
"""Bytes of a body that are read at the most; the documented payloads have some hundred."""
LONGEST_UUID = 200
"""Characters of a Uuid that is taken; the samples have 36."""


class WebhookTopic(IntEnum):
    """The topics of which the pages show the number."""

    EARN_PURCHASE_POINTS = 3
    EARN_BIRTHDAY_POINTS = 4


NAME_OF: Mapping[int, str] = {
    WebhookTopic.EARN_PURCHASE_POINTS: "Communication_EarnPurchasePoints",
    WebhookTopic.EARN_BIRTHDAY_POINTS: "Communication_EarnBirthdayPoints",
}
"""The `TopicName` of each topic: an event with the number and another name is of another topic."""


class ObjectiveType(IntEnum):
    """For what points were earned; the pages show these two numbers."""

    PURCHASE = 0
    BIRTHDAY = 2


@frozen
class WebhookCustomer:
    """The customer of an event; each member is None where the provider has or sends none.

    `id` is an e-mail, a document or the platform's id, depending on the platform. `birthday_date` has no time
    zone.
    """

    email: str | None = None
    id: str | None = None
    name: str | None = None
    phone: str | None = None
    birthday_date: datetime | None = None


@frozen
class EarnedPointsPayload:
    """What the two documented topics carry: whole points, for what they were earned, and the customer."""

    earned_points: int | None = None
    objective_type: ObjectiveType | int | None = None
    customer: WebhookCustomer | None = None


@frozen
class WebhookEvent:
    """One event. `uuid` tells it from any other: an event that is delivered again has the same.

    `topic` is a `WebhookTopic` and `payload` an `EarnedPointsPayload` where the pages show the topic; of any
    other, `topic` is its number and `payload` the JSON object as it came, with exact `Decimal`s. `timestamp`
    is in UTC, to the microsecond; None where it is left out, as is `topic_name`.
    """

    uuid: str
    topic: WebhookTopic | int
    topic_name: str | None
    timestamp: datetime | None
    payload: EarnedPointsPayload | Mapping[str, object] = field(hash=False)


@frozen
class _Received:
    """The documented members, before the topic says what the payload is."""

    uuid: str | None = None
    topic: int | None = None
    topic_name: str | None = None
    timestamp: datetime | None = None
    payload: Mapping[str, object] | None = None


def parse(body: bytes) -> WebhookEvent:
    """Return the event of a webhook's body, JSON in UTF-8.

    Members that are not documented are left out, but for those of an open payload. Raises `PayloadError`,
    whose `path` names the place: for what is no JSON object, has a member twice (RFC 8259, section 4, leaves
    open which counts), has a wrong type, no usable `Uuid` or no `Topic`, is longer than `LARGEST` bytes or
    has a payload of more than 50 levels.
    """
    if len(body) > LARGEST:
        raise PayloadError(f"the body is longer than {LARGEST} bytes", path="$")
    body = body.removeprefix(codecs.BOM_UTF8)  # it may be ignored: RFC 8259, section 8.1
    received = structure(decode(body, what="the body"), _Received)
    refuse_doubled_members(body)
    uuid = validation.label(received.uuid, "$.Uuid")
    if len(uuid) > LONGEST_UUID:
        raise PayloadError(f"$.Uuid has more than {LONGEST_UUID} characters", path="$.Uuid")
    if received.topic is None:
        raise PayloadError("$.Topic is missing", path="$.Topic")
    event = WebhookEvent(
        uuid, received.topic, received.topic_name, _in_utc(received.timestamp), received.payload or {}
    )
    name = NAME_OF.get(received.topic)
    if name is None or name != received.topic_name:
        return event
    payload = structure(event.payload, EarnedPointsPayload, path="$.Payload")
    return evolve(event, topic=WebhookTopic(received.topic), payload=payload)


def _in_utc(moment: datetime | None) -> datetime | None:
    """Return a documented time, which is in UTC also where it does not say so."""
    if moment is None or moment.tzinfo is None:
        return moment and moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError:  # an offset beyond the first or last year
        raise PayloadError("$.Timestamp is beyond every calendar year", path="$.Timestamp") from None
