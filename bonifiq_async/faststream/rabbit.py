"""RabbitMQ: a quorum queue with a dead-letter queue, and a prefetch.

Sources: RabbitMQ's guides to quorum queues, dead lettering, consumer prefetch and delivery acknowledgements.
"""

from typing import TypeVar, cast

from bonifiq_async._log import logger
from bonifiq_async._model.outcome import Change
from bonifiq_async.consumers import Ack, Aside, Consumer, Decision
from bonifiq_async.faststream.extra import AHEAD, needs, undecoded

with needs("rabbit"):
    from faststream import AckPolicy
    from faststream.rabbit import Channel, QueueType, RabbitBroker, RabbitMessage, RabbitQueue

E = TypeVar("E")
C = TypeVar("C", bound=Change)
T = TypeVar("T")

DELIVERIES = 100
"""Deliveries after which RabbitMQ puts a message among the dead letters by itself. Each crash of a consumer
counts as one for all that it held; RabbitMQ 4 has a limit of 20 where none is set."""


def dead_letters_of(queue: str) -> str:
    """Return the name of the queue with the dead letters of `queue`."""
    return f"{queue}.dead"


def queue_of(queue: str) -> RabbitQueue:
    """Return how the queue of events is declared: dead letters go to their own queue, at least once.

    `at-least-once` needs `reject-publish`: without it a dead letter is lost where its queue is not there.
    """
    return RabbitQueue(
        queue,
        queue_type=QueueType.QUORUM,
        arguments={
            "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": dead_letters_of(queue),
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
            "x-delivery-limit": DELIVERIES,
        },
    )


def subscribe(
    broker: RabbitBroker, queue: str, consumer: Consumer[E, C, T], *, prefetch: int | None = None
) -> None:
    """Settle the events of `queue` by `consumer`; both queues are declared when the broker starts.

    `prefetch` is how many messages this process holds at once; None: four for each that may be in flight.
    """
    broker.subscriber(RabbitQueue(dead_letters_of(queue), queue_type=QueueType.QUORUM))  # declared, not read

    @broker.subscriber(
        queue_of(queue),
        ack_policy=AckPolicy.MANUAL,
        channel=Channel(prefetch_count=prefetch or AHEAD * consumer.max_in_flight),
        decoder=undecoded,
    )
    async def handle(message: object) -> None:
        await settle(consumer, cast(RabbitMessage, message))


async def settle(consumer: Consumer[E, C, T], message: RabbitMessage) -> Decision[T]:
    """Settle the event of `message` by `consumer`, and acknowledge, reject or give it back accordingly.

    When the consumer stops, what is given back is not acknowledged at all: it goes back to its queue with the
    connection, and not in a circle to a process that stops.
    """
    decision = await consumer.settle(message.body)
    if isinstance(decision, Ack):
        await message.ack()
    elif isinstance(decision, Aside):
        logger.warning("put aside: message %s: %s", message.message_id, decision.why)
        await message.reject(requeue=False)
    elif not consumer.stopping:
        await message.nack(requeue=True)
    return decision
