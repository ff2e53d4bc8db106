"""Consumers at real brokers: RabbitMQ, NATS, Redis, the mock cluster of Kafka; processes that are killed."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from broker_desks import KafkaDesk, NatsDesk, RabbitDesk, RedisDesk
from broker_servers import answers, kafka_server, nats_server, rabbit_server, redis_server
from broker_trial import Desk, Plan, Trial, bodies_of, key_of
from conftest import client_for
from consuming import SUBSCRIBED
from events import event, to_change
from on_this_machine import skip_without
from postgres import SERVER, a_schema

from bonifiq_async import SqliteLedger
from bonifiq_async.consumers import Consumer
from bonifiq_async.sandbox import FaultScript, Latency, Outage, Sandbox

SHARED = {
    "rabbit": ("amqp://guest:guest@127.0.0.1:5672/", 5672, RabbitDesk),
    "nats": ("nats://127.0.0.1:4222", 4222, NatsDesk),
    "redis": ("redis://127.0.0.1:6379", 6379, RedisDesk),
}
"""The brokers of this machine, as `.ci/services` starts them."""
OWN = {
    "rabbit": (rabbit_server, "amqp://guest:guest@127.0.0.1:{}/", RabbitDesk),
    "nats": (nats_server, "nats://127.0.0.1:{}", NatsDesk),
    "redis": (redis_server, "redis://127.0.0.1:{}", RedisDesk),
    "kafka": (kafka_server, "127.0.0.1:{}", KafkaDesk),
}
"""Brokers of a test's own."""


@pytest.fixture(params=[*SHARED, "kafka"])
async def place(request: pytest.FixtureRequest) -> AsyncIterator[tuple[str, str, Desk]]:
    """A broker, its address, and a desk with a name of its own; what the test made is deleted."""
    name = f"test{uuid.uuid4().hex[:12]}"
    if request.param == "kafka":
        server = kafka_server()
        server.start()
        yield request.param, server.url, KafkaDesk(server.url, name)
        server.stop()
        return
    url, port, kind = SHARED[request.param]
    skip_without(answers(port), f"no {request.param} answers on port {port}")
    desk = kind(url, name)
    yield request.param, url, desk
    await desk.clean_up()


@contextlib.asynccontextmanager
async def consuming(kind: str, url: str, name: str, consumer: Consumer) -> AsyncIterator[None]:
    """Consume within."""
    broker = await SUBSCRIBED[kind](url, name, consumer)
    await broker.start()
    try:
        yield
    finally:
        await consumer.drain()
        await broker.stop()


async def emptied(desk: Desk) -> None:
    """Wait until nothing is left."""
    async with asyncio.timeout(60.0):
        while await desk.waiting():
            await asyncio.sleep(0.1)


def name_of(desk: Desk) -> str:
    return next(
        getattr(desk, each) for each in ("queue", "subject", "stream", "topic") if hasattr(desk, each)
    )


@pytest.mark.slow
async def test_one_process_keeps_the_order_of_each_customer_and_puts_poison_aside(
    place: tuple[str, str, Desk], sandbox: Callable[..., Sandbox], tmp_path: Path
) -> None:
    kind, url, desk = place
    server = sandbox()
    bodies, poison = bodies_of(Plan(events=90, customers=7, poison=0.05))
    await desk.publish(bodies)
    async with (
        SqliteLedger(tmp_path / "events.ledger") as ledger,
        client_for(server, ledger=ledger) as client,
        consuming(kind, url, name_of(desk), Consumer(client, to_change, max_in_flight=16)),
    ):
        await emptied(desk)
    good = dict.fromkeys(key_of(body) for body in bodies if body not in poison)
    applied = [key for key, _ in server.books.history_by_key()]
    assert sorted(applied) == sorted(good)
    for customer in range(7):
        assert [key for key in applied if f"-c{customer}-" in key] == [
            key for key in good if f"-c{customer}-" in key
        ]
    assert sorted(await desk.dead()) == sorted(poison)


@pytest.mark.slow
async def test_a_wrong_credential_gives_everything_back(
    place: tuple[str, str, Desk], sandbox: Callable[..., Sandbox], tmp_path: Path
) -> None:
    kind, url, desk = place
    server = sandbox(faults=FaultScript(rate=1.0, among=["401"]))
    bodies, stopped = [event(number, f"c{number}") for number in range(12)], asyncio.Event()
    await desk.publish(bodies)
    async with (
        SqliteLedger(tmp_path / "events.ledger") as ledger,
        client_for(server, ledger=ledger) as client,
    ):
        consumer = Consumer(client, to_change, max_in_flight=4, on_stop=lambda _: stopped.set())
        async with consuming(kind, url, name_of(desk), consumer):
            async with asyncio.timeout(60.0):
                await stopped.wait()
    assert sorted(await desk.left()) == sorted(bodies)
    assert server.books.requests < 12


@pytest.mark.slow
async def test_killed_processes_over_a_ledger_in_postgresql_lose_nothing_and_double_nothing(
    tmp_path: Path,
) -> None:
    server = redis_server(tmp_path)
    await asyncio.to_thread(server.start)
    try:
        with a_schema() as database, Sandbox(faults=FaultScript(latency=Latency(0.05))) as provider:
            ledger = f"{SERVER}?schema={database.schema}"
            plan = Plan(events=120, customers=30, poison=0.05, kills=2, restarts=0, ledger=ledger)
            address = f"redis://127.0.0.1:{server.port}"
            desk = RedisDesk(address, "purchases")
            report = await Trial("redis", address, "purchases", desk, server, tmp_path, plan).run(provider)
    finally:
        await asyncio.to_thread(server.stop)
    assert report.problems == [] and report.kills == report.checked == plan.kills


@pytest.mark.slow
@pytest.mark.parametrize("kind", OWN)
async def test_killed_processes_a_restart_and_an_outage_lose_nothing_and_double_nothing(
    kind: str, tmp_path: Path
) -> None:
    make, url, desk_of = OWN[kind]
    server = make(tmp_path)
    plan = Plan(events=120, customers=30, poison=0.05, kills=3, restarts=0 if kind == "kafka" else 1)
    await asyncio.to_thread(server.start)
    try:
        address = url.format(server.port)
        faults = FaultScript(latency=Latency(0.05), outages=[Outage(1.0, 1.0)])
        with Sandbox(faults=faults) as provider:
            trial = Trial(kind, address, "purchases", desk_of(address, "purchases"), server, tmp_path, plan)
            report = await trial.run(provider)
    finally:
        await asyncio.to_thread(server.stop)
    assert report.problems == []
    assert report.kills == report.checked == plan.kills and report.restarts == plan.restarts
