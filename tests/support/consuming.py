"""A process that consumes events, as a service does: `python consuming.py rabbit URL NAME LEDGER`.

The credentials and the address of the provider come from the environment.
"""

import asyncio
import os
import sys

from events import to_change
from faststream import FastStream

from bonifiq_async import BonifiQClient
from bonifiq_async.cli.ledgers import ledger_at
from bonifiq_async.consumers import Consumer

WIDTH = int(os.environ.get("WIDTH", "64"))


async def by_rabbit(url: str, name: str, consumer: Consumer) -> object:
    from faststream.rabbit import RabbitBroker

    from bonifiq_async.faststream import rabbit

    broker = RabbitBroker(url, logger=None)
    rabbit.subscribe(broker, name, consumer)
    return broker


async def by_nats(url: str, name: str, consumer: Consumer) -> object:
    from faststream.nats import JStream, NatsBroker
    from nats.js.api import RetentionPolicy

    from bonifiq_async.faststream import nats

    broker = NatsBroker(url, logger=None)
    stream = JStream(name.upper(), subjects=[name], retention=RetentionPolicy.WORK_QUEUE)
    nats.subscribe(broker, name, stream, consumer, durable="cashback")
    return broker


async def by_redis(url: str, name: str, consumer: Consumer) -> object:
    from faststream.redis import RedisBroker

    from bonifiq_async.faststream import redis

    broker = RedisBroker(url, logger=None)
    await redis.subscribe(broker, name, consumer, group="cashback", idle=3.0)
    return broker


async def by_kafka(url: str, name: str, consumer: Consumer) -> object:
    from faststream.kafka import KafkaBroker

    from bonifiq_async.faststream import kafka

    broker = KafkaBroker(url, logger=None, allow_auto_create_topics=False)
    kafka.subscribe(broker, name, consumer, group="cashback")
    return broker


SUBSCRIBED = {"kafka": by_kafka, "rabbit": by_rabbit, "nats": by_nats, "redis": by_redis}
"""What each broker's subscription is made by; a process imports what it needs alone."""


async def consume(broker: str, url: str, name: str, ledger: str) -> None:
    """Consume `name` of a broker until the process is asked to end."""
    async with ledger_at(ledger).writer() as record, BonifiQClient.from_env(ledger=record) as client:
        consumer = Consumer(client, to_change, max_in_flight=WIDTH, on_stop=lambda _: app.exit())
        connection = await SUBSCRIBED[broker](url, name, consumer)
        app = FastStream(connection, on_shutdown=[consumer.drain], logger=None)
        await app.run()
        if consumer.stopped_by is not None:
            raise consumer.stopped_by


if __name__ == "__main__":
    asyncio.run(consume(*sys.argv[1:]))
