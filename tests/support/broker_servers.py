"""Brokers of a test's own, on a free port, in a folder of their own; restarted, they keep what they have."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import confluent_kafka
from attrs import define, field
from on_this_machine import skip_without

RABBIT = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
"""The program itself: the one in PATH changes the user and forgets the environment."""
PATIENCE = 90.0


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(port: int) -> bool:
    """Say whether something listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@define
class BrokerServer:
    """A broker as a process: `command` in `folder`, which listens on `port`."""

    command: Sequence[str | Path]
    folder: Path
    port: int
    environment: Mapping[str, str] = field(factory=dict)
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Start it, and wait until it listens."""
        with (self.folder / "out").open("ab") as out:
            self.process = subprocess.Popen(
                [str(each) for each in self.command],
                cwd=self.folder,
                env=os.environ | self.environment,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        until = time.monotonic() + PATIENCE
        while not answers(self.port):
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError((self.folder / "out").read_text("utf-8", "replace")[-2000:])
            time.sleep(0.1)

    def stop(self) -> None:
        """End it in order, with its children."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(30.0)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def rabbit_server(folder: Path) -> BrokerServer:
    """Return a node of RabbitMQ that knows no other."""
    skip_without(RABBIT.exists(), "RabbitMQ is not installed here")
    port = free_port()
    environment = {
        "RABBITMQ_NODENAME": f"trial{port}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_CONFIG_FILE": str(folder / "none"),
        "HOME": str(folder),
    }
    return BrokerServer([RABBIT], folder, port, environment)


def nats_server(folder: Path) -> BrokerServer:
    """Return a server of NATS with JetStream."""
    found = shutil.which("nats-server")
    skip_without(found, "the NATS server is not installed here")
    port = free_port()
    return BrokerServer([found or "", "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", folder], folder, port)


def redis_server(folder: Path) -> BrokerServer:
    """Return a Redis that writes down each command before it answers."""
    found = shutil.which("redis-server")
    skip_without(found, "the Redis server is not installed here")
    port = free_port()
    options = ["--bind", "127.0.0.1", "--appendonly", "yes", "--appendfsync", "always", "--save", ""]
    return BrokerServer([found or "", "--port", str(port), "--dir", folder, *options], folder, port)


@define
class KafkaServer:
    """librdkafka's mock cluster, in this process: groups and commits over a socket, gone with it."""

    url: str = ""
    port: int = 0
    _owner: object = None

    def start(self) -> None:
        """Start it."""
        quiet = {"log_level": 0, "test.mock.num.brokers": 1, "bootstrap.servers": "none"}
        self._owner = producer = confluent_kafka.Producer(quiet)
        (broker,) = producer.list_topics(timeout=30).brokers.values()
        self.url, self.port = f"{broker.host}:{broker.port}", broker.port

    def stop(self) -> None:
        """End it, with all that it has."""
        self._owner = None


def kafka_server(_: Path | None = None) -> KafkaServer:
    """Return a mock cluster; no server of Kafka can be installed from Debian's packages."""
    return KafkaServer()
