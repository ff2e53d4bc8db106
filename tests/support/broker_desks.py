"""What a trial does at each broker itself: publish, look at what is left, look at the dead letters."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import aio_pika
import nats
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from attrs import field, frozen
from nats.js import JetStreamContext
from nats.js.api import RetentionPolicy
from nats.js.errors import NotFoundError
from redis.asyncio import Redis

from bonifiq_async.faststream import kafka, rabbit
from bonifiq_async.faststream import nats as nats_streams
from bonifiq_async.faststream import redis as redis_streams

TICK = 6.0
"""Seconds after which RabbitMQ surely has new counts of a quorum queue, and has noticed what was killed."""


@frozen
class RabbitDesk:
    """A queue of RabbitMQ; what is left in it is seen by taking it, and giving it back."""

    url: str
    queue: str
    peeks = True

    @asynccontextmanager
    async def channel(self) -> AsyncIterator[aio_pika.abc.AbstractChannel]:
        """Open a channel over a connection of its own, as soon as the broker answers."""
        async with asyncio.timeout(60.0):
            while True:
                try:
                    connection = await aio_pika.connect(self.url)
                    break
                except (ConnectionError, aio_pika.exceptions.AMQPError):
                    await asyncio.sleep(0.5)
        async with connection:
            yield await connection.channel(publisher_confirms=True)

    async def publish(self, bodies: Sequence[bytes]) -> None:
        """Publish events; the queues are declared as the subscriber does."""
        async with self.channel() as channel:
            quorum, dead = {"x-queue-type": "quorum"}, rabbit.dead_letters_of(self.queue)
            await channel.declare_queue(dead, durable=True, arguments=quorum)
            arguments = rabbit.queue_of(self.queue).arguments
            await channel.declare_queue(self.queue, durable=True, arguments=arguments)
            for start in range(0, len(bodies), 500):
                messages = [
                    aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
                    for body in bodies[start : start + 500]
                ]
                send = channel.default_exchange.publish
                await asyncio.gather(*(send(message, self.queue) for message in messages))

    async def left(self) -> list[bytes]:
        """Return the bodies that are not acknowledged; no consumer may be connected."""
        await asyncio.sleep(TICK)
        return await self._bodies(self.queue)

    async def waiting(self) -> int:
        """Return what is ready; a consumer holds more, so that zero must be seen for a while."""
        for _ in range(4):
            async with self.channel() as channel:
                found = await channel.declare_queue(self.queue, passive=True)
                if ready := found.declaration_result.message_count:
                    return ready
            await asyncio.sleep(TICK / 4)
        return 0

    async def dead(self) -> list[bytes]:
        """Return the dead letters."""
        return await self._bodies(rabbit.dead_letters_of(self.queue))

    async def _bodies(self, queue: str) -> list[bytes]:
        """Take all by one consumer and give them back.

        Not by `basic.get`: after a thousand of those were given back, RabbitMQ 3.10.8 lost some of the
        messages when it was restarted, and delivered acknowledged ones in their place.
        """
        bodies, seen = list[bytes](), -1
        async with self.channel() as channel:

            async def take(message: aio_pika.abc.AbstractIncomingMessage) -> None:
                bodies.append(message.body)

            await channel.set_qos(60_000)  # without one, a quorum queue delivers 2,000 at once
            await (await channel.get_queue(queue)).consume(take)
            while seen < len(bodies):
                seen = len(bodies)
                await asyncio.sleep(1.5)
        return bodies

    async def clean_up(self) -> None:
        """Delete the queues."""
        async with self.channel() as channel:
            await channel.queue_delete(self.queue)
            await channel.queue_delete(rabbit.dead_letters_of(self.queue))


@frozen
class NatsDesk:
    """A work queue of JetStream: what is acknowledged is no more in the stream."""

    url: str
    subject: str
    retention: RetentionPolicy = RetentionPolicy.WORK_QUEUE
    peeks = False

    @property
    def stream(self) -> str:
        """The name of the stream."""
        return self.subject.upper()

    @asynccontextmanager
    async def jetstream(self) -> AsyncIterator[JetStreamContext]:
        """Connect."""
        connection = await nats.connect(self.url, max_reconnect_attempts=-1, error_cb=_silent)
        try:
            yield connection.jetstream(publish_async_max_pending=2_000)
        finally:
            await connection.close()

    async def publish(self, bodies: Sequence[bytes]) -> None:
        """Publish events; the stream is made first."""
        async with self.jetstream() as jetstream:
            await jetstream.add_stream(name=self.stream, subjects=[self.subject], retention=self.retention)
            for start in range(0, len(bodies), 500):
                await asyncio.gather(
                    *(jetstream.publish(self.subject, b) for b in bodies[start : start + 500])
                )

    async def left(self) -> list[bytes]:
        """Return the bodies that are not acknowledged."""
        return await self._bodies(self.stream)

    async def waiting(self) -> int:
        """Return how many are not acknowledged."""
        async with self.jetstream() as jetstream:
            return (await jetstream.stream_info(self.stream)).state.messages

    async def dead(self) -> list[bytes]:
        """Return the dead letters."""
        return await self._bodies(nats_streams.dead_letters_of(self.stream))

    async def _bodies(self, stream: str) -> list[bytes]:
        async with self.jetstream() as jetstream:
            state = (await jetstream.stream_info(stream)).state

            async def body(number: int) -> list[bytes]:
                try:
                    return [(await jetstream.get_msg(stream, number)).data or b""]
                except NotFoundError:  # it was acknowledged
                    return []

            numbers = range(state.first_seq, state.last_seq + 1) if state.messages else range(0)
            bodies: list[bytes] = []
            for start in range(0, len(numbers), 200):
                found = await asyncio.gather(*map(body, numbers[start : start + 200]))
                bodies += [each for some in found for each in some]
            return bodies

    async def clean_up(self) -> None:
        """Delete the streams."""
        async with self.jetstream() as jetstream:
            await jetstream.delete_stream(self.stream)
            await jetstream.delete_stream(nats_streams.dead_letters_of(self.stream))


async def _silent(_: Exception) -> None:
    """Say nothing of a broker that is restarted."""


@frozen
class RedisDesk:
    """A stream of Redis with one group: what is pending or was never delivered is not acknowledged."""

    url: str
    stream: str
    peeks = False

    @asynccontextmanager
    async def redis(self) -> AsyncIterator[Redis]:
        """Connect."""
        async with Redis.from_url(self.url) as redis:
            yield redis

    async def publish(self, bodies: Sequence[bytes]) -> None:
        """Publish events as a producer without FastStream does."""
        async with self.redis() as redis, redis.pipeline(transaction=False) as many:
            for body in bodies:
                many.xadd(self.stream, {"__data__": body})
            await many.execute()

    async def left(self) -> list[bytes]:
        """Return the bodies that are not acknowledged."""
        async with self.redis() as redis:
            names = await self._names(redis)
            return [fields[b"__data__"] for name, fields in await redis.xrange(self.stream) if name in names]

    async def _names(self, redis: Redis) -> set[bytes]:
        groups = await redis.xinfo_groups(self.stream)
        last = groups[0]["last-delivered-id"] if groups else "0-0"
        later = await redis.xrange(
            self.stream, min=b"(" + (last if isinstance(last, bytes) else last.encode())
        )
        pending = []
        if groups:
            pending = await redis.xpending_range(self.stream, groups[0]["name"], "-", "+", 1_000_000)
        return {name for name, _ in later} | {each["message_id"] for each in pending}

    async def waiting(self) -> int:
        """Return how many are not acknowledged."""
        async with self.redis() as redis:
            return len(await self._names(redis))

    async def dead(self) -> list[bytes]:
        """Return the dead letters."""
        async with self.redis() as redis:
            found = await redis.xrange(redis_streams.dead_letters_of(self.stream))
            return [fields[b"__data__"] for _, fields in found]

    async def clean_up(self) -> None:
        """Delete the streams."""
        async with self.redis() as redis:
            await redis.delete(self.stream, redis_streams.dead_letters_of(self.stream))


@frozen
class KafkaDesk:
    """A topic of Kafka: what is not before the committed offset of its partition is not acknowledged."""

    url: str
    topic: str
    sent: dict[tuple[int, int], bytes] = field(factory=dict)
    peeks = False

    async def publish(self, bodies: Sequence[bytes]) -> None:
        """Publish events, those of a customer under one key."""
        async with AIOKafkaProducer(bootstrap_servers=self.url) as producer:
            for body in bodies:
                place = await producer.send_and_wait(self.topic, body, key=body[-20:])
                self.sent[place.partition, place.offset] = body

    async def left(self) -> list[bytes]:
        """Return the bodies that are not acknowledged."""
        partitions = {partition for partition, _ in self.sent}
        consumer = AIOKafkaConsumer(bootstrap_servers=self.url, group_id="cashback", enable_auto_commit=False)
        consumer.assign([TopicPartition(self.topic, each) for each in partitions])
        await consumer.start()
        try:
            committed = {
                each: await consumer.committed(TopicPartition(self.topic, each)) or 0 for each in partitions
            }
        finally:
            await consumer.stop()
        return [body for (partition, offset), body in self.sent.items() if offset >= committed[partition]]

    async def waiting(self) -> int:
        """Return how many are not acknowledged."""
        return len(await self.left())

    async def dead(self) -> list[bytes]:
        """Return the dead letters, each once: a crash may make one twice, and its header tells."""
        consumer = AIOKafkaConsumer(
            kafka.dead_letters_of(self.topic), bootstrap_servers=self.url, auto_offset_reset="earliest"
        )
        await consumer.start()
        found = {}
        try:
            while records := await consumer.getmany(timeout_ms=2_000):
                for each in (record for some in records.values() for record in some):
                    found[dict(each.headers)["bonifiq-record"]] = each.value
        finally:
            await consumer.stop()
        return list(found.values())

    async def clean_up(self) -> None:
        """Leave it: the cluster ends with its process."""
