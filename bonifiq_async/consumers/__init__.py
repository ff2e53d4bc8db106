"""Events of a broker, applied once each: `from bonifiq_async.consumers import Consumer, Ack, Retry, Aside`.

    consumer = Consumer(client, to_change)      # to_change makes a change of an event
    decision = await consumer.settle(event)     # Ack, Retry or Aside, when the outcome is in the ledger

It knows no broker: `bonifiq_async.faststream` has what RabbitMQ, NATS, Redis and Kafka need.

consumer  takes events, delivers their changes in order per customer, and answers for each what to do with it
decision  what an outcome means for its event: a table, without input or output
event     the change of an event, or why it has none
"""

from bonifiq_async.consumers.consumer import Consumer
from bonifiq_async.consumers.decision import Ack, Aside, Decision, Retry
from bonifiq_async.consumers.event import read_json

__all__ = ["Ack", "Aside", "Consumer", "Decision", "Retry", "read_json"]
