"""Events of a real broker: the large trial, and throughput beside a batch with the same bound.

    python benchmarks/events.py trial rabbit       # also: nats, redis, kafka
    python benchmarks/events.py throughput redis

The trial publishes 10,000 events, a fifth of them twice and a hundredth poison, to two processes, kills one
of them 20 times, restarts the broker once, and has the provider out for 20 seconds. It ends with 1 where a
change had no effect or two, where something was acknowledged before its outcome was in the ledger, or where
the dead letters are not the poison. Throughput has the provider answer in 50 ms. The mock cluster of Kafka
cannot be restarted, gives out one record at a time (use `--events 200`), and is no measure of Kafka.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "support"))

from broker_desks import KafkaDesk, NatsDesk, RabbitDesk, RedisDesk
from broker_servers import kafka_server, nats_server, rabbit_server, redis_server
from broker_trial import Plan, Trial
from consuming import SUBSCRIBED
from events import event, to_change

from bonifiq_async import BonifiQClient, CashbackBatch, CashbackChange, FlowControl, SqliteLedger
from bonifiq_async.consumers import Consumer
from bonifiq_async.sandbox import FaultScript, Latency, Outage, Sandbox

BROKERS = {
    "rabbit": (rabbit_server, "amqp://guest:guest@127.0.0.1:{}/", RabbitDesk),
    "nats": (nats_server, "nats://127.0.0.1:{}", NatsDesk),
    "redis": (redis_server, "redis://127.0.0.1:{}", RedisDesk),
    "kafka": (kafka_server, "127.0.0.1:{}", KafkaDesk),
}
NAME = "purchases"


async def trial(kind: str, options: argparse.Namespace) -> int:
    """Run the trial at a broker of its own."""
    make, url, desk_of = BROKERS[kind]
    with tempfile.TemporaryDirectory() as folder:
        server = make(Path(folder))
        restarts = 0 if kind == "kafka" else options.restarts
        plan = Plan(events=options.events, kills=options.kills, restarts=restarts)
        await asyncio.to_thread(server.start)
        address = url.format(server.port)
        outages = [Outage(5.0, options.outage)] if options.outage else []
        try:
            with Sandbox(faults=FaultScript(latency=Latency(0.02), outages=outages)) as sandbox:
                desk = desk_of(address, NAME)
                report = await Trial(kind, address, NAME, desk, server, Path(folder), plan).run(sandbox)
        finally:
            await asyncio.to_thread(server.stop)
    print(f"{kind}: {options.events} events, {report.published} published, {report.seconds:.0f} s")
    print(f"{report.kills} kills, {report.checks} checks at the broker, {report.restarts} restarts")
    print("\n".join(report.problems) or "each change one effect, each poison one dead letter")
    return 1 if report.problems else 0


async def by_batch(client: BonifiQClient, changes: list[CashbackChange], width: int) -> float:
    """Return the seconds of a batch."""
    began = time.monotonic()
    async for outcome in CashbackBatch(client, flow=FlowControl(max_in_flight=width)).run(changes):
        assert outcome.error is None
    return time.monotonic() - began


async def by_events(kind: str, url: str, client: BonifiQClient, count: int, width: int) -> float:
    """Return the seconds from the first message to the last acknowledgement."""
    broker = await SUBSCRIBED[kind](url, NAME, consumer := Consumer(client, to_change, max_in_flight=width))
    began = time.monotonic()
    await broker.start()
    while consumer.summary.applied < count:  # noqa: ASYNC110 - it is a benchmark that waits
        await asyncio.sleep(0.01)
    seconds = time.monotonic() - began
    await consumer.drain()
    await broker.stop()
    return seconds


async def throughput(kind: str, options: argparse.Namespace) -> int:
    """Compare both, each with a ledger of its own, in turn."""
    make, url, desk_of = BROKERS[kind]
    bodies = [event(number, f"c{number}") for number in range(options.events)]
    changes = [to_change({"id": f"b{n}", "customer": f"c{n}", "amount": 10}) for n in range(options.events)]
    with (
        tempfile.TemporaryDirectory() as folder,
        Sandbox(faults=FaultScript(latency=Latency(0.05))) as sandbox,
    ):
        server = make(Path(folder))
        await asyncio.to_thread(server.start)
        try:
            address = url.format(server.port)
            desk = desk_of(address, NAME)
            await desk.publish(bodies)
            rates = []
            for name in ("batch", "events"):
                async with (
                    SqliteLedger(Path(folder) / f"{name}.ledger") as ledger,
                    BonifiQClient(sandbox.credentials, base_url=sandbox.url, ledger=ledger) as client,
                ):
                    if name == "batch":
                        seconds = await by_batch(client, changes, options.width)
                    else:
                        seconds = await by_events(kind, address, client, options.events, options.width)
                rates.append(options.events / seconds)
        finally:
            await asyncio.to_thread(server.stop)
    batch, events = rates
    print(f"{kind}: batch {batch:.0f}/s, events {events:.0f}/s, {events / batch:.0%}")
    return 0


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["trial", "throughput"])
    parser.add_argument("broker", choices=BROKERS)
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--restarts", type=int, default=1)
    parser.add_argument("--outage", type=float, default=20.0, help="seconds")
    parser.add_argument("--width", type=int, default=64, help="changes in flight, of throughput")
    options = parser.parse_args()
    run = trial if options.what == "trial" else throughput
    raise SystemExit(asyncio.run(run(options.broker, options)))


if __name__ == "__main__":
    main()
