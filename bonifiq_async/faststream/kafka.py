"""Apache Kafka: a batch is settled as a whole, and then committed.

Sources: aiokafka's documentation on manual commits and rebalances; Kafka's on consumer groups.
"""

import asyncio
from typing import Protocol, TypeVar, cast

from bonifiq_async._log import logger
from bonifiq_async._model.outcome import Change
from bonifiq_async.consumers import Aside, Consumer, Decision, Retry
from bonifiq_async.faststream.extra import needs, undecoded

with needs("kafka"):
    from faststream import AckPolicy
    from faststream.kafka import KafkaBroker, KafkaMessage

E = TypeVar("E")
C = TypeVar("C", bound=Change)
T = TypeVar("T")


class Record(Protocol):
    """What is used of a `ConsumerRecord` of aiokafka, which has no types."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None


RECORDS = 16
"""Records of a batch for each change that may be in flight: its last ones leave permits unused."""
WHY, ORIGIN = "bonifiq-why", "bonifiq-record"
"""Headers of a dead letter: why it was put aside, and which record it was."""
SOONEST = 1.0
"""Seconds until a batch is read again that failed as a whole."""
LONGEST = 3_600.0
"""Seconds that a batch may take, as in an outage, before Kafka gives its partitions to another process."""


def dead_letters_of(topic: str) -> str:
    """Return the name of the topic with the dead letters of `topic`."""
    return f"{topic}.dead"


def subscribe(broker: KafkaBroker, topic: str, consumer: Consumer[E, C, T], *, group: str) -> None:
    """Settle the records of `topic` by `consumer`, from the first one that `group` has not committed.

    Give the records of a customer one key: then they are in one partition, and in order also after a crash.
    """

    @broker.subscriber(
        topic,
        group_id=group,
        batch=True,
        max_records=RECORDS * consumer.max_in_flight,
        auto_offset_reset="earliest",
        max_poll_interval_ms=round(LONGEST * 1000),
        ack_policy=AckPolicy.MANUAL,
        decoder=undecoded,
    )
    async def handle(message: KafkaMessage) -> None:
        await settle(broker, consumer, message)


async def settle(
    broker: KafkaBroker, consumer: Consumer[E, C, T], message: KafkaMessage
) -> list[Decision[T]]:
    """Settle all records of `message` by `consumer`, and commit them together.

    Where one is to be given back, or an error is raised, none is committed: the batch is read again, and the
    ledger answers what was settled. When the consumer stops, that is done by the next process of the group.
    """
    raw = message.raw_message
    records = cast("tuple[Record, ...]", raw if isinstance(raw, tuple) else (raw,))
    if consumer.stopping:  # a commit is of all that was read, also of a batch that the stop gave back
        return [Retry(0.0, None)] * len(records)
    try:
        decisions = await asyncio.gather(*(consumer.settle(record.value or b"") for record in records))
        later = [decision.after for decision in decisions if isinstance(decision, Retry)]
        if not later:
            for record, decision in zip(records, decisions, strict=True):
                if isinstance(decision, Aside):
                    await _put_aside(broker, record, decision)
    except Exception:
        await asyncio.sleep(SOONEST)
        await message.nack()  # FastStream goes on, and the next commit would be of this batch, too
        raise
    if not later:
        await message.ack()
    elif not consumer.stopping:
        await asyncio.sleep(max(later))
        await message.nack()
    return decisions


async def _put_aside(broker: KafkaBroker, record: Record, decision: Aside[T]) -> None:
    """Produce a dead letter; its origin tells it from another one, where a crash makes it twice."""
    origin = f"{record.topic}-{record.partition}-{record.offset}"
    logger.warning("put aside: %s: %s", origin, decision.why)
    headers = {WHY: decision.why, ORIGIN: origin}
    await broker.publish(record.value, dead_letters_of(record.topic), key=record.key, headers=headers)
