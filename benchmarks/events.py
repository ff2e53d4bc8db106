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
import json
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "support"))

from broker_desks import KafkaDesk, NatsDesk, RabbitDesk, RedisDesk
from broker_servers import kafka_server, nats_server, rabbit_server, redis_server
from broker_trial import Plan, Trial
from events import event
from method import pin, server_core, slow_provider

from bonifiq_async.sandbox import FaultScript, Latency, Outage, Sandbox

BROKERS = {
    "rabbit": (rabbit_server, "amqp://guest:guest@127.0.0.1:{}/", RabbitDesk),
    "nats": (nats_server, "nats://127.0.0.1:{}", NatsDesk),
    "redis": (redis_server, "redis://127.0.0.1:{}", RedisDesk),
    "kafka": (kafka_server, "127.0.0.1:{}", KafkaDesk),
}
NAME = "purchases"
LATENCY = 0.05
"""Seconds in which the provider answers, where throughput is measured."""
RATE = Path(__file__).parent / "event_rate.py"


async def trial(kind: str, options: argparse.Namespace) -> int:
    """Run the trial at a broker of its own."""
    make, url, desk_of = BROKERS[kind]
    with tempfile.TemporaryDirectory() as folder:
        server = make(Path(folder))
        restarts = 0 if kind == "kafka" else options.restarts
        plan = Plan(
            events=options.events, kills=options.kills, restarts=restarts, ledger=options.ledger or ""
        )
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
    print(
        f"{report.kills} kills, after {report.checked} the broker was looked at; {report.restarts} restarts"
    )
    print("\n".join(report.problems) or "each change one effect, each poison one dead letter")
    return 1 if report.problems else 0


async def throughput(kind: str, options: argparse.Namespace) -> int:
    """Compare events with a batch of the same bound, in turns, for each width."""
    make, url, desk_of = BROKERS[kind]
    pin(server_core())
    with tempfile.TemporaryDirectory() as folder, slow_provider(LATENCY) as provider:
        server = make(Path(folder))
        await asyncio.to_thread(server.start)
        try:
            address, first = url.format(server.port), time.time_ns() // 1000
            for width in options.widths:
                count, names = round(options.seconds * width / LATENCY), list[str]()
                for number in range(options.pairs):
                    names.append(f"{NAME}{width}-{number}")
                    start = first + number * count
                    bodies = [event(n, f"c{n}") for n in range(start, start + count)]
                    await desk_of(address, names[-1]).publish(bodies)
                place = [provider, str(width), str(first), str(count), options.ledger or folder]
                print(_said(kind, width, count, await _pairs(kind, address, *place, *names)), flush=True)
                first += 2 * options.pairs * count
        finally:
            await asyncio.to_thread(server.stop)
    return 0


async def _pairs(*arguments: str) -> list[list[tuple[float, float]]]:
    """Have both measured in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(RATE), *arguments, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    if process.returncode:
        raise SystemExit(process.returncode)  # it has said why
    found: list[list[tuple[float, float]]] = json.loads(output)
    return found


def _said(kind: str, width: int, count: int, pairs: list[list[tuple[float, float]]]) -> str:
    """Return the medians of the pairs as a sentence."""
    batch, events = (
        [(count / seconds, 1e6 * cpu / count) for seconds, cpu in runs] for runs in zip(*pairs, strict=True)
    )
    shares = [100 * mine[0] / its[0] for mine, its in zip(events, batch, strict=True)]
    each = [
        f"{name} {median(rate for rate, _ in runs):.0f}/s, {median(cpu for _, cpu in runs):.0f} us of CPU"
        for name, runs in (("batch", batch), ("events", events))
    ]
    share = f"{median(shares):.0f} % (of {len(pairs)} pairs, {min(shares):.0f} to {max(shares):.0f} %)"
    return f"{kind}, {width} in flight: {each[0]}; {each[1]}; {share}"


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
    parser.add_argument(
        "--widths", type=int, nargs="+", default=[8, 16, 32, 64], help="in flight, of throughput"
    )
    parser.add_argument("--pairs", type=int, default=3, help="pairs of runs for each width, of throughput")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each run at the least, of throughput")
    parser.add_argument("--ledger", help="the URL of a ledger in PostgreSQL, with empty tables; else files")
    options = parser.parse_args()
    run = trial if options.what == "trial" else throughput
    raise SystemExit(asyncio.run(run(options.broker, options)))


if __name__ == "__main__":
    main()
