"""What was put aside at a broker: looked at, and given back to the events. `bonifiq dead-letters` uses it.

at_broker  which broker a URL means; the password comes from the environment
kafka      those of Kafka
letter     one dead letter, and what a broker's module does with them
nats       those of NATS JetStream
rabbit     those of RabbitMQ
redis      those of Redis Streams
"""
