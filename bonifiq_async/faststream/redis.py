"""Redis Streams: entries of processes that died are claimed, dead letters are a stream.

Sources: the documentation of Redis on XREADGROUP, XAUTOCLAIM, XCLAIM and MULTI.
"""

import asyncio
import os
import socket
from typing import TYPE_CHECKING, TypeVar, cast

from bonifiq_async._log import logger
from bonifiq_async._model.outcome import Change
from bonifiq_async.consumers import Ack, Aside, Consumer, Decision
from bonifiq_async.faststream.extra import InOrder, beat, needs, undecoded

with needs("redis"):
    from faststream import AckPolicy
    from faststream.redis import RedisBroker, RedisStreamMessage, StreamSub
    from redis.exceptions import ResponseError

if TYPE_CHECKING:
    from redis.typing import EncodableT

E = TypeVar("E")
C = TypeVar("C", bound=Change)
T = TypeVar("T")

IDLE = 60.0
"""Seconds without a sign of life after which another process claims an entry."""
CONNECTIONS = 32
"""Connections for acknowledgements and signs of life at once; redis-py opens a hundred at the most."""
WHY, ENTRY = "bonifiq-why", "bonifiq-entry"
"""Fields that a dead letter has beside its own: why it was put aside, and which entry it was."""


def dead_letters_of(stream: str) -> str:
    """Return the name of the stream with the dead letters of `stream`."""
    return f"{stream}:dead"


def process_name() -> str:
    """Return a name for this process among the consumers of a group: no other process has it."""
    return f"{socket.gethostname()}-{os.getpid()}"


async def subscribe(
    broker: RedisBroker, stream: str, consumer: Consumer[E, C, T], *, group: str, idle: float = IDLE
) -> None:
    """Settle the entries of `stream` by `consumer`; connects, and makes the group at the first entry.

    `group` is the name that all processes of a service share. An entry of a process that gave no sign of life
    for `idle` seconds is claimed by another one: Redis delivers nothing again by itself.
    """
    name, milliseconds = process_name(), round(idle * 1000)
    # FastStream would make the group at the end of the stream, and its subscribers start in any order.
    try:
        await (await broker.connect()).xgroup_create(stream, group, id="0", mkstream=True)
    except ResponseError as error:
        if "BUSYGROUP" not in str(error):
            raise
    left = StreamSub(stream, group=group, consumer=name, min_idle_time=milliseconds)
    new = StreamSub(stream, group=group, consumer=name, max_records=consumer.max_in_flight)

    held, events = HeldEntries(broker, idle), InOrder(consumer.max_in_flight, consumer.follow)

    async def handle(message: object) -> None:
        await events.begin(lambda: settle(held, consumer, cast(RedisStreamMessage, message)))

    for source in (left, new):
        broker.subscriber(stream=source, ack_policy=AckPolicy.MANUAL, decoder=undecoded)(handle)


class HeldEntries:
    """The entries that this process settles; Redis gets a sign of life of each every third of `idle` seconds.

    `commands` bounds how many connections are used for it and for acknowledgements.
    """

    def __init__(self, broker: RedisBroker, idle: float = IDLE) -> None:
        self.broker, self.idle = broker, idle
        self.commands = asyncio.Semaphore(CONNECTIONS)
        self._entries: dict[tuple[str, str], set[bytes]] = {}
        self._heart: asyncio.Task[None] | None = None

    def add(self, stream: str, group: str, entry: bytes) -> None:
        """Take in an entry."""
        self._entries.setdefault((stream, group), set()).add(entry)
        if self._heart is None or self._heart.done():
            self._heart = asyncio.create_task(beat(self._claim, self.idle / 3))

    def remove(self, stream: str, group: str, entry: bytes) -> None:
        """Forget an entry; without any, no more signs of life are given."""
        entries = self._entries[stream, group]
        entries.discard(entry)
        if not entries:
            del self._entries[stream, group]
        if not self._entries and self._heart is not None:
            self._heart.cancel()

    async def _claim(self) -> None:
        """Claim each for this process again, which makes it young, without counting that as a delivery."""
        redis, name = await self.broker.connect(), process_name()
        for (stream, group), entries in list(self._entries.items()):
            await redis.xclaim(stream, group, name, 0, list(entries), justid=True)


async def settle(held: HeldEntries, consumer: Consumer[E, C, T], message: RedisStreamMessage) -> Decision[T]:
    """Settle the entry of `message` by `consumer`, and acknowledge it or put it aside accordingly.

    A dead letter is added and its entry acknowledged in one transaction. What is given back stays with this
    process, and is claimed when it has been idle.
    """
    stream, entry = message.raw_message["channel"], message.raw_message["message_ids"][0]
    group = message.group or ""
    held.add(stream, group, entry)
    try:
        decision = await consumer.settle(message.body)
        async with held.commands:
            if isinstance(decision, Ack):
                await message.ack()
            elif isinstance(decision, Aside):
                logger.warning("put aside: %s %s: %s", stream, entry.decode(), decision.why)
                await _put_aside(held.broker, message, decision)
    finally:
        held.remove(stream, group, entry)
    return decision


async def _put_aside(broker: RedisBroker, message: RedisStreamMessage, decision: Aside[T]) -> None:
    stream, entry = message.raw_message["channel"], message.raw_message["message_ids"][0]
    letter: dict[EncodableT, EncodableT] = dict(message.raw_message["data"].items())
    letter |= {WHY: decision.why, ENTRY: entry}
    async with (await broker.connect()).pipeline(transaction=True) as both:
        both.xadd(dead_letters_of(stream), letter)
        both.xack(stream, message.group or "", entry)
        await both.execute()
