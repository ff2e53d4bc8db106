"""Redis Streams: entries of processes that died are claimed, dead letters are a stream.

Sources: the documentation of Redis on XREADGROUP, XAUTOCLAIM, XCLAIM and MULTI.
"""

import asyncio
import json
import os
import socket
from collections import deque
from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, TypeVar, cast

from attrs import frozen

from bonifiq_async._log import logger
from bonifiq_async._model.outcome import Change
from bonifiq_async.consumers import Ack, Aside, Consumer, Decision
from bonifiq_async.faststream.extra import Heart, InOrder, needs, undecoded

with needs("redis"):
    from faststream import AckPolicy, StreamMessage
    from faststream.redis import RedisBroker, RedisStreamMessage, StreamSub
    from faststream.redis.parser import BinaryMessageFormatV1
    from redis.exceptions import ResponseError

if TYPE_CHECKING:
    from faststream.redis.message import BatchStreamMessage
    from redis.typing import EncodableT, StreamIdT

E = TypeVar("E")
C = TypeVar("C", bound=Change)
T = TypeVar("T")

Fields = Mapping[bytes, bytes]
DATA = b"__data__"
"""The field in which FastStream has a message."""
IDLE = 60.0
"""Seconds without a sign of life after which another process claims an entry."""
LOOKS = 10
"""How often in that time a process looks for such entries: a look goes through all that are pending."""
CONNECTIONS = 32
"""Connections for dead letters at once; redis-py opens a hundred at the most."""
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
    left = StreamSub(
        stream,
        group=group,
        consumer=name,
        batch=True,
        min_idle_time=milliseconds,
        polling_interval=max(1, milliseconds // LOOKS),
    )
    new = StreamSub(stream, group=group, consumer=name, batch=True, max_records=consumer.max_in_flight)
    held, events = HeldEntries(broker, idle), InOrder(consumer.max_in_flight, consumer.follow)

    async def handle(message: object) -> None:
        many = cast("StreamMessage[BatchStreamMessage]", message).raw_message
        entries = deque(StreamEntry(many["channel"], group, each) for each in many["message_ids"])
        held.add(entries)
        try:
            for fields in many["data"]:
                await events.begin(partial(_settle, held, consumer, entries[0], fields))
                entries.popleft()
        finally:
            held.remove(entries)  # of those that were not begun

    for source in (left, new):
        subscriber = broker.subscriber(
            stream=source, ack_policy=AckPolicy.MANUAL, parser=unparsed, decoder=undecoded
        )
        subscriber(handle)


@frozen
class StreamEntry:
    """The place of an entry: its stream, the group that it was delivered to, and its number."""

    stream: str
    group: str
    name: bytes


class HeldEntries:
    """The entries that this process settles; Redis gets a sign of life of each every third of `idle` seconds.

    Entries are acknowledged together: while one command is on its way, the next ones gather. `commands`
    bounds how many connections are used for dead letters.
    """

    def __init__(self, broker: RedisBroker, idle: float = IDLE) -> None:
        self.broker = broker
        self.commands = asyncio.Semaphore(CONNECTIONS)
        self._heart: Heart[StreamEntry] = Heart(self._claim, idle / 3)
        self._settled: list[StreamEntry] = []
        self._one_at_a_time = asyncio.Lock()
        self._round: asyncio.Task[None] | None = None

    def add(self, entries: Iterable[StreamEntry]) -> None:
        """Take in entries."""
        for entry in entries:
            self._heart.add(entry)

    def remove(self, entries: Iterable[StreamEntry]) -> None:
        """Forget entries; without any, no more signs of life are given."""
        for entry in entries:
            self._heart.remove(entry)

    async def acknowledge(self, entry: StreamEntry) -> None:
        """Acknowledge an entry; returns when Redis has it."""
        self._settled.append(entry)
        if self._round is None:
            self._round = asyncio.create_task(self._send())
        await asyncio.shield(self._round)

    async def _send(self) -> None:
        async with self._one_at_a_time:
            self._round, settled, self._settled = None, self._settled, []
            redis = await self.broker.connect()
            for (stream, group), names in _by_group(settled):
                await redis.xack(stream, group, *names)

    async def _claim(self, entries: Iterable[StreamEntry]) -> None:
        """Claim each for this process again, which makes it young, without counting that as a delivery."""
        redis, process = await self.broker.connect(), process_name()
        for (stream, group), names in _by_group(entries):
            await redis.xclaim(stream, group, process, 0, names, justid=True)


def _by_group(entries: Iterable[StreamEntry]) -> "Iterable[tuple[tuple[str, str], list[StreamIdT]]]":
    found: dict[tuple[str, str], list[StreamIdT]] = {}
    for entry in entries:
        found.setdefault((entry.stream, entry.group), []).append(entry.name)
    return found.items()


async def unparsed(many: "BatchStreamMessage") -> "StreamMessage[BatchStreamMessage]":
    """Parse nothing: FastStream's own parser joins the bodies, and one that is poison spoils all of them."""
    return StreamMessage(many, b"")


def body_of(fields: Fields) -> bytes:
    """Return the body of an entry that FastStream has published, or another producer as `__data__`."""
    data = fields.get(DATA)
    if data is None:
        data = json.dumps(
            {
                name.decode("utf-8", "replace"): text.decode("utf-8", "replace")
                for name, text in fields.items()
            }
        ).encode()
    return BinaryMessageFormatV1.parse(data)[0]


async def settle(held: HeldEntries, consumer: Consumer[E, C, T], message: RedisStreamMessage) -> Decision[T]:
    """Settle the entry of `message` by `consumer`, and acknowledge it or put it aside accordingly.

    A dead letter is added and its entry acknowledged in one transaction. What is given back stays with this
    process, and is claimed when it has been idle.
    """
    raw = message.raw_message
    entry = StreamEntry(raw["channel"], message.group or "", raw["message_ids"][0])
    held.add([entry])
    return await _settle(held, consumer, entry, raw["data"])


async def _settle(
    held: HeldEntries, consumer: Consumer[E, C, T], entry: StreamEntry, fields: Fields
) -> Decision[T]:
    try:
        decision = await consumer.settle(body_of(fields))
        if isinstance(decision, Ack):
            await held.acknowledge(entry)
        elif isinstance(decision, Aside):
            logger.warning("put aside: %s %s: %s", entry.stream, entry.name.decode(), decision.why)
            async with held.commands:
                await _put_aside(held.broker, entry, fields, decision)
    finally:
        held.remove([entry])
    return decision


async def _put_aside(broker: RedisBroker, entry: StreamEntry, fields: Fields, decision: Aside[T]) -> None:
    letter: dict[EncodableT, EncodableT] = dict(fields.items())
    letter |= {WHY: decision.why, ENTRY: entry.name}
    async with (await broker.connect()).pipeline(transaction=True) as both:
        both.xadd(dead_letters_of(entry.stream), letter)
        both.xack(entry.stream, entry.group, entry.name)
        await both.execute()
