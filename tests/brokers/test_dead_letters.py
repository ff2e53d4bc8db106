"""The dead letters of a broker: shown with their reason, and given back to be applied once."""

import asyncio
import json
import uuid
from pathlib import Path

import pytest
from broker_desks import KafkaDesk, NatsDesk, RabbitDesk, RedisDesk
from broker_servers import answers, kafka_server
from conftest import client_for
from console import Console
from consuming import SUBSCRIBED
from events import event, to_change
from on_this_machine import skip_without

from bonifiq_async import ConfigurationError, SqliteLedger
from bonifiq_async.consumers import Consumer
from bonifiq_async.dead_letters.at_broker import PASSWORD, dead_letters, with_password

PLACES = {
    "rabbit": ("amqp://127.0.0.1:5672/", "amqp://guest:guest@127.0.0.1:5672/", 5672, RabbitDesk),
    "nats": ("nats://127.0.0.1:4222", "nats://127.0.0.1:4222", 4222, NatsDesk),
    "redis": ("redis://127.0.0.1:6379", "redis://127.0.0.1:6379", 6379, RedisDesk),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", PLACES)
def test_dead_letters_are_shown_and_given_back(
    kind: str, sandbox: object, tmp_path: Path, console: Console
) -> None:
    plain, url, port, desk_of = PLACES[kind]
    skip_without(answers(port), f"no {kind} answers on port {port}")
    name, server = f"dead{uuid.uuid4().hex[:12]}", sandbox(customers={"ANA": 0})
    desk = desk_of(url, name)
    bodies = [event(1), event(2, "EVA"), b"no json"]

    async def settle_all(customers: int) -> None:
        async with (
            SqliteLedger(tmp_path / f"events{customers}.ledger") as ledger,
            client_for(server, ledger=ledger) as client,
        ):
            broker = await SUBSCRIBED[kind](url, name, consumer := Consumer(client, to_change))
            await broker.start()
            async with asyncio.timeout(60.0):
                while await desk.waiting():
                    await asyncio.sleep(0.1)
            await consumer.drain()
            await broker.stop()

    asyncio.run(desk.publish(bodies))
    asyncio.run(settle_all(1))
    known = name.upper() if kind == "nats" else name
    shown = console("dead-letters", "list", plain, known, "--json")
    letters = [json.loads(line) for line in shown.out.splitlines()]
    assert {each["body"] for each in letters} == {bodies[1].decode(), "no json"}
    if kind != "rabbit":
        assert all(each["why"] for each in letters)
    assert "no json" in console("dead-letters", "list", plain, known).out
    given = console("dead-letters", "replay", plain, known)
    assert given.code == 0 and "2 events were given back" in given.err + given.out
    assert asyncio.run(desk.dead()) == [] and sorted(asyncio.run(desk.left())) == sorted(bodies[1:])
    asyncio.run(settle_all(2))
    assert sorted(asyncio.run(desk.dead())) == sorted(bodies[1:])
    assert server.books.balance("ANA") == 10
    asyncio.run(desk.clean_up())


@pytest.mark.slow
@pytest.mark.parametrize("kind", PLACES)
async def test_what_a_consumer_puts_aside_again_is_given_back_once(kind: str, sandbox: object) -> None:
    plain, url, port, desk_of = PLACES[kind]
    skip_without(answers(port), f"no {kind} answers on port {port}")
    name = f"dead{uuid.uuid4().hex[:12]}"
    desk = desk_of(url, name)
    await desk.publish([b"no json", b"nor this"])
    async with client_for(sandbox()) as client:
        broker = await SUBSCRIBED[kind](url, name, consumer := Consumer(client, to_change))
        await broker.start()
        async with asyncio.timeout(60.0):
            while len(await desk.dead()) < 2:
                await asyncio.sleep(0.1)
            assert await dead_letters(plain, name.upper() if kind == "nats" else name).replay() == 2
            while len(await desk.dead()) < 2:
                await asyncio.sleep(0.1)
        await consumer.drain()
        await broker.stop()
    await desk.clean_up()


@pytest.mark.slow
def test_dead_letters_of_kafka_are_given_back_once(sandbox: object, tmp_path: Path, console: Console) -> None:
    cluster, server = kafka_server(), sandbox(customers={"ANA": 0})
    cluster.start()
    desk, place = KafkaDesk(cluster.url, "events"), f"kafka://{cluster.url}"
    bodies = [event(1), event(2, "EVA"), b"no json"]

    def shown() -> list[dict[str, str]]:
        listed = console("dead-letters", "list", place, "events", "--json")
        return [json.loads(line) for line in listed.out.splitlines()]

    async def settle_all(ledger: str) -> None:
        async with (
            SqliteLedger(tmp_path / ledger) as record,
            client_for(server, ledger=record) as client,
        ):
            broker = await SUBSCRIBED["kafka"](cluster.url, "events", consumer := Consumer(client, to_change))
            await broker.start()
            async with asyncio.timeout(60.0):
                while len(await desk.dead()) < 2:
                    await asyncio.sleep(0.1)
            await consumer.drain()
            await broker.stop()

    asyncio.run(desk.publish(bodies))
    asyncio.run(settle_all("first.ledger"))
    assert {each["body"] for each in shown()} == {bodies[1].decode(), "no json"}
    assert all(each["why"] and each["name"].startswith("events-") for each in shown())
    given = console("dead-letters", "replay", place, "events")
    assert given.code == 0 and "2 events were given back" in given.err + given.out
    assert shown() == []
    assert "0 events were given back" in console("dead-letters", "replay", place, "events").err
    refused = console("dead-letters", "list", "kafka://ana@host:1", "events")
    assert refused.code == 2 and "sign-in" in refused.err
    cluster.stop()


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*PLACES, "kafka"])
def test_a_name_that_the_broker_does_not_have_is_said(kind: str, console: Console) -> None:
    if kind == "kafka":
        cluster = kafka_server()
        cluster.start()
        place = f"kafka://{cluster.url}"
    else:
        place, _, port, _ = PLACES[kind]
        skip_without(answers(port), f"no {kind} answers on port {port}")
    for command in ("list", "replay"):
        ended = console("dead-letters", command, place, "nowhere")
        assert ended.code == 2 and "The broker has no" in ended.err and "nowhere" in ended.err


@pytest.mark.parametrize("scheme", ["amqp", "nats", "redis", "kafka"])
def test_a_broker_that_does_not_answer_is_said(
    scheme: str, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    for command in ("list", "replay"):
        ended = console("dead-letters", command, f"{scheme}://127.0.0.1:9", "events")
        assert ended.code == 2 and "The broker cannot be reached: " in ended.err
        assert "Nothing was read and nothing given back" in ended.err and "Traceback" not in ended.err
    monkeypatch.setenv("BONIFIQ_LANGUAGE", "pt")
    assert (
        "Não há conexão com o broker" in console("dead-letters", "list", f"{scheme}://127.0.0.1:9", "e").err
    )


def test_a_password_is_taken_from_the_environment_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match=PASSWORD):
        with_password("amqp://ana:secret@host/")
    monkeypatch.setenv(PASSWORD, "a/b")
    assert with_password("amqp://ana@host:1/v") == "amqp://ana:a%2Fb@host:1/v"
    monkeypatch.delenv(PASSWORD)
    assert with_password("amqp://host/") == "amqp://host/"
