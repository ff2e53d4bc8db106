"""The process of each how-to page consumes from its broker, and ends in order on SIGTERM."""

import asyncio
import os
import sys
import uuid
from pathlib import Path

import pytest
from broker_desks import KafkaDesk, NatsDesk, RabbitDesk, RedisDesk
from broker_servers import answers, kafka_server
from conftest import until
from events import event
from nats.js.api import RetentionPolicy
from on_this_machine import skip_without
from page_blocks import codes

from bonifiq_async.sandbox import Sandbox

PAGES = {
    "rabbitmq": ("RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672/", 5672),
    "nats": ("NATS_URL", "nats://127.0.0.1:4222", 4222),
    "redis-streams": ("REDIS_URL", "redis://127.0.0.1:6379", 6379),
    "kafka": ("KAFKA_URL", "", 0),
}


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
async def test_the_process_of_a_page_consumes_and_ends_in_order(page: str, tmp_path: Path) -> None:
    variable, url, port = PAGES[page]
    name, cluster = f"page{uuid.uuid4().hex[:12]}", kafka_server()
    if page == "kafka":
        cluster.start()
        url = cluster.url
    else:
        skip_without(answers(port), f"no broker answers on port {port}")
    desk = {
        "rabbitmq": lambda: RabbitDesk(url, name),
        "nats": lambda: NatsDesk(url, name, RetentionPolicy.LIMITS),
        "redis-streams": lambda: RedisDesk(url, name),
        "kafka": lambda: KafkaDesk(url, name),
    }[page]()
    (code,) = codes(f"docs/how-to/{page}.md", "python")
    program = tmp_path / "consumer.py"
    program.write_text(code.replace("purchases", name).replace("PURCHASES", name.upper()), "utf-8")
    with Sandbox() as sandbox:
        await desk.publish([event(number, f"c{number}") for number in range(8)])
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(program),
            cwd=tmp_path,
            env=os.environ | sandbox.environment() | {variable: url},
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            await until(lambda: len(sandbox.books.history()) == 8 or process.returncode is not None, 60.0)
        finally:
            if process.returncode is None:
                process.terminate()
            _, words = await process.communicate()
        assert process.returncode == 0, words.decode()
        assert len(sandbox.books.history()) == 8
    await desk.clean_up()
    cluster.stop()
