"""NATS JetStream: a heartbeat while an event is settled, confirmed acknowledgements.

Sources: the documentation of JetStream's consumers and of its message de-duplication (`Nats-Msg-Id`).
"""

from collections.abc import Iterable
from typing import TypeVar, cast

from bonifiq_async._log import logger
from bonifiq_async._model.outcome import Change
from bonifiq_async.consumers import Ack, Aside, Consumer, Decision, Retry
from bonifiq_async.faststream.extra import AHEAD, Heart, InOrder, needs, undecoded

with needs("nats"):
    from faststream import AckPolicy
    from faststream.nats import JStream, NatsBroker, NatsMessage, PullSub
    from nats.js.api import AckPolicy as NatsAckPolicy
    from nats.js.api import ConsumerConfig

E = TypeVar("E")
C = TypeVar("C", bound=Change)
T = TypeVar("T")

ACK_WAIT = 30.0
"""Seconds without a heartbeat after which NATS delivers a message again."""
WINDOW = 3600.0
"""Seconds in which a dead letter that is published again, after a crash, is the same one."""
SOONEST = 1.0
"""Seconds until a message that is given back comes again: it may come to a process that stops."""
WHY = "Bonifiq-Why"
"""The header of a dead letter that says why it was put aside."""
BEFORE = "dead."
"""What the subject of a dead letter begins with."""


def dead_letters_of(name: str) -> str:
    """Return the name of the stream with the dead letters of the stream `name`."""
    return f"{name}_DEAD"


def subscribe(
    broker: NatsBroker, subject: str, stream: JStream, consumer: Consumer[E, C, T], *, durable: str
) -> None:
    """Settle the events of `subject` by `consumer`; `stream` and one for its dead letters are declared.

    `durable` is the name that all processes of a service share. Over all of them, NATS has at
    most four messages unacknowledged for each change that may be in flight in one.
    """
    ahead = AHEAD * consumer.max_in_flight
    config = ConsumerConfig(ack_policy=NatsAckPolicy.EXPLICIT, ack_wait=ACK_WAIT, max_ack_pending=ahead)
    dead = JStream(dead_letters_of(stream.name), subjects=[BEFORE + subject], duplicate_window=WINDOW)
    broker.publisher(BEFORE + subject, stream=dead)
    heart, events = heart_of(), InOrder(consumer.max_in_flight, consumer.follow)

    @broker.subscriber(
        subject,
        stream=stream,
        durable=durable,
        pull_sub=PullSub(batch_size=consumer.max_in_flight, timeout=1.0),
        config=config,
        ack_policy=AckPolicy.MANUAL,
        decoder=undecoded,
    )
    async def handle(message: object) -> None:
        await events.begin(lambda: settle(broker, consumer, cast(NatsMessage, message), heart))


def heart_of() -> Heart[NatsMessage]:
    """Return what tells NATS of the messages that a process holds, which it then does not deliver again."""
    return Heart(_in_progress, ACK_WAIT / 3)


async def _in_progress(messages: Iterable[NatsMessage]) -> None:
    for message in messages:
        await message.in_progress()


async def settle(
    broker: NatsBroker,
    consumer: Consumer[E, C, T],
    message: NatsMessage,
    heart: Heart[NatsMessage] | None = None,
) -> Decision[T]:
    """Settle the event of `message` by `consumer`: acknowledge it, put it aside, or give it back.

    An acknowledgement is confirmed. A dead letter is published once, also after a crash within the
    stream's `duplicate_window`, since it has the message's own number as its `Nats-Msg-Id`. Messages of one
    handler may share a `heart` (`heart_of`).
    """
    with (heart or heart_of()).holding(message):
        decision = await consumer.settle(message.body)
        if isinstance(decision, Aside):
            await _put_aside(broker, message, decision)
    if isinstance(decision, Ack | Aside):
        await message.ack_sync()
    elif isinstance(decision, Retry):
        await message.nack(delay=max(SOONEST, decision.after))
    return decision


async def _put_aside(broker: NatsBroker, message: NatsMessage, decision: Aside[T]) -> None:
    place, raw = message.raw_message.metadata, message.raw_message
    logger.warning("put aside: %s %s: %s", place.stream, place.sequence.stream, decision.why)
    headers = {"Nats-Msg-Id": f"{place.stream}-{place.sequence.stream}", WHY: decision.why}
    await broker.publish(
        raw.data,
        BEFORE + raw.subject,
        headers={**(raw.headers or {}), **headers},
        stream=dead_letters_of(place.stream),
    )
