"""Subscribers of FastStream that settle their events by a `Consumer`, each with what its broker needs.

    from bonifiq_async.faststream import rabbit     # or nats, redis, kafka
    rabbit.subscribe(broker, "purchases", consumer)

`subscribe` sets what a handler of one's own would have to get right; `settle` is its handler, for one that is
declared otherwise. Extras: `rabbit`, `nats`, `redis`, `kafka`. See docs/explanation/consumers.md.

extra   what is said where FastStream is missing; the body of a message as it came
kafka   Apache Kafka: a batch is settled as a whole, and then committed
nats    NATS JetStream: a heartbeat while an event is settled, confirmed acknowledgements
rabbit  RabbitMQ: a quorum queue with a dead-letter queue, and a prefetch
redis   Redis Streams: entries of processes that died are claimed, dead letters are a stream
"""
