"""Those of Kafka, which deletes no record of a topic: a group of their own knows which were given back."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Protocol
from urllib.parse import urlsplit

from attrs import frozen

from bonifiq_async._model.errors import ConfigurationError
from bonifiq_async.dead_letters.letter import DeadLetter, no_such, reached
from bonifiq_async.faststream.extra import needs
from bonifiq_async.faststream.kafka import ORIGIN, WHY, dead_letters_of

with needs("kafka"):
    from aiokafka import (  # type: ignore[import-untyped]
        AIOKafkaConsumer,
        AIOKafkaProducer,
        TopicPartition,
    )
    from aiokafka.errors import KafkaError  # type: ignore[import-untyped]

SECONDS = 30.0
"""Seconds without a record before the end of a partition after which the cluster is given up."""


class Record(Protocol):
    """What is used of a `ConsumerRecord` of aiokafka, which has no types."""

    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


@frozen
class KafkaLetters:
    """See `DeadLetters`; `servers` are `host:port`, with commas between them."""

    servers: str
    topic: str

    async def letters(self) -> AsyncIterator[DeadLetter]:
        """See `DeadLetters.letters`."""
        async with self._opened() as (consumer, producer):
            async for place, record in self._records(consumer, producer):
                headers = dict(record.headers)
                name, why = headers.get(ORIGIN), headers.get(WHY, b"").decode("utf-8", "replace")
                at = f"{place}-{record.offset}" if name is None else name.decode("utf-8", "replace")
                yield DeadLetter(at, record.value or b"", why or None)

    async def replay(self) -> int:
        """See `DeadLetters.replay`: one is produced, and confirmed, before the group goes on."""
        count = 0
        async with self._opened() as (consumer, producer):
            async for place, record in self._records(consumer, producer):
                headers = [each for each in record.headers if each[0] not in (WHY, ORIGIN)]
                await producer.send_and_wait(self.topic, record.value, key=record.key, headers=headers)
                await consumer.commit({place: record.offset + 1})
                count += 1
        return count

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[tuple[AIOKafkaConsumer, AIOKafkaProducer]]:
        dead = dead_letters_of(self.topic)
        producer = AIOKafkaProducer(bootstrap_servers=self.servers, acks="all")
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.servers, group_id=f"{dead}-replay", enable_auto_commit=False
        )
        async with AsyncExitStack() as stack:
            for each in (producer, consumer):
                stack.push_async_callback(each.stop)
            for each in (producer, consumer):
                with reached(KafkaError):
                    await each.start()
            yield consumer, producer

    async def _records(
        self, consumer: AIOKafkaConsumer, producer: AIOKafkaProducer
    ) -> AsyncIterator[tuple[TopicPartition, Record]]:
        """Yield those that are there now and were not given back, in the order of each partition."""
        dead = dead_letters_of(self.topic)
        if dead not in await consumer.topics():  # which makes none, as a question for one topic may
            raise no_such("topic", dead)
        places = [TopicPartition(dead, number) for number in sorted(await producer.partitions_for(dead))]
        consumer.assign(places)
        first: Mapping[TopicPartition, int] = await consumer.beginning_offsets(places)
        ends: Mapping[TopicPartition, int] = await consumer.end_offsets(places)
        for place in places:
            at = max(first[place], await consumer.committed(place) or 0)
            consumer.seek(place, at)
            while at < ends[place]:
                found = (await consumer.getmany(place, timeout_ms=round(SECONDS * 1000))).get(place)
                if not found:
                    raise ConfigurationError(
                        f"Kafka has not sent record {at} of {place.topic}-{place.partition} in {SECONDS:.0f} "
                        "seconds. What was given back before it is; run the command again."
                    )
                for record in found:
                    at = record.offset + 1
                    if record.offset < ends[place]:
                        yield place, record


def opened(url: str, name: str) -> KafkaLetters:
    """Return those of the topic `name`; raises `ConfigurationError` for a URL with a user."""
    host = urlsplit(url).netloc
    if "@" in host:
        raise ConfigurationError(
            "A sign-in at Kafka is not supported here. Nothing was read; use a tool of Kafka's."
        )
    return KafkaLetters(host, name)
