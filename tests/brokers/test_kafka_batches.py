"""A batch of Kafka that is not committed: a later commit, which is of all that was read, may not skip it."""

from collections.abc import Callable
from typing import Any, cast

import pytest
from attrs import define, field
from conftest import client_for
from events import event, to_change

from bonifiq_async.consumers import Aside, Consumer, Retry
from bonifiq_async.faststream import kafka
from bonifiq_async.sandbox import Sandbox


@define
class Record:
    """One record of a batch."""

    value: bytes
    topic: str = "purchases"
    partition: int = 0
    offset: int = 0
    key: bytes | None = None


@define
class Batch:
    """A message of FastStream, with what was done with it."""

    raw_message: tuple[Record, ...]
    told: list[str] = field(factory=list)

    async def ack(self) -> None:
        self.told.append("commit")

    async def nack(self) -> None:
        self.told.append("read again")


@define
class Broker:
    """Takes dead letters, or does not."""

    fault: Exception | None = None
    dead: list[bytes] = field(factory=list)

    async def publish(self, body: bytes, *_: object, **__: object) -> None:
        if self.fault is not None:
            raise self.fault
        self.dead.append(body)


POISON = b"no json"


async def settled(broker: Broker, consumer: Consumer[Any, Any, Any], batch: Batch) -> list[Any]:
    return await kafka.settle(cast(Any, broker), consumer, cast(Any, batch))


async def test_nothing_is_committed_after_a_batch_that_a_stop_gave_back(
    sandbox: Callable[..., Sandbox],
) -> None:
    """A batch of poison alone needs no provider: its commit would be of the one before, too."""
    broker, given_back, later = Broker(), Batch((Record(event(1)),)), Batch((Record(POISON, offset=1),))
    async with client_for(sandbox()) as client:
        consumer = Consumer(client, to_change)
        await consumer.drain()
        assert await settled(broker, consumer, given_back) == [Retry(0.0, None)]
        assert await settled(broker, consumer, later) == [Retry(0.0, None)]
    assert (given_back.told, later.told, broker.dead) == ([], [], [])


async def test_a_batch_whose_dead_letter_is_not_taken_is_read_again(
    sandbox: Callable[..., Sandbox], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the commit of the next one would leave neither the event nor a dead letter."""
    monkeypatch.setattr(kafka, "SOONEST", 0.0)
    broker, batch = Broker(ConnectionError("no such topic")), Batch((Record(POISON),))
    async with client_for(sandbox()) as client, Consumer(client, to_change) as consumer:
        with pytest.raises(ConnectionError):
            await settled(broker, consumer, batch)
        assert batch.told == ["read again"]
        broker.fault = None
        [decision] = await settled(broker, consumer, batch)
    assert isinstance(decision, Aside)
    assert (batch.told, broker.dead) == (["read again", "commit"], [POISON])
