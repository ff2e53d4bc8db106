"""Events of a broker, a second, in turns with a batch of the same bound and with a ledger of the same kind.

`events.py throughput` starts it, as a process that imports what a consumer of this broker needs and no more:
each full garbage collection looks through all that is there, and the loop stands still meanwhile.

    python benchmarks/event_rate.py KIND BROKER PROVIDER WIDTH FIRST COUNT LEDGER NAME [NAME ...]

KIND and BROKER are as `consuming.py` takes them. For each NAME, a queue with COUNT events, it prints the
seconds and the CPU of a batch, and those of the events, as JSON.
"""

import asyncio
import importlib
import json
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from attrs import field, frozen
from method import client_core, pin

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "support"))  # it has another `events`

from consuming import SUBSCRIBED
from events import to_change

from bonifiq_async import BasicCredentials, BonifiQClient, CashbackBatch, FlowControl
from bonifiq_async.cli.ledgers import ledger_at
from bonifiq_async.consumers import Consumer

Used = tuple[float, float]
"""Seconds, and those of CPU."""


@frozen
class Clock:
    """Counts from now on."""

    began: float = field(factory=time.monotonic)
    used: float = field(factory=time.process_time)

    def read(self) -> Used:
        """Return what has passed."""
        return time.monotonic() - self.began, time.process_time() - self.used


async def by_batch(width: int, numbers: range, client: BonifiQClient) -> Used:
    """Apply changes, each made as the batch asks for it, like those of events."""
    found = ({"id": f"b{number}", "customer": f"c{number}", "amount": 10} for number in numbers)
    batch, clock = CashbackBatch(client, flow=FlowControl(max_in_flight=width)), Clock()
    async for outcome in batch.run(to_change(each) for each in found):
        assert outcome.error is None
    return clock.read()


async def by_events(kind: str, broker: str, name: str, width: int, count: int, client: BonifiQClient) -> Used:
    """Settle the events of a queue, from connecting to the last acknowledgement."""
    consumer, clock = Consumer(client, to_change, max_in_flight=width), Clock()
    connection = await SUBSCRIBED[kind](broker, name, consumer)
    await connection.start()
    while consumer.summary.applied < count:  # noqa: ASYNC110 - it is a benchmark that waits
        await asyncio.sleep(0.005)
    await consumer.drain()
    used = clock.read()
    await connection.stop()
    return used


async def measured(way: Callable[[BonifiQClient], Awaitable[Used]], provider: str, ledger: str) -> Used:
    """Measure one way, with a client and a ledger of its own."""
    async with (
        ledger_at(ledger).writer() as record,
        BonifiQClient(BasicCredentials("t", "k"), base_url=provider, ledger=record) as client,
    ):
        return await way(client)


def main() -> None:
    """Measure a pair for each name, after a short batch to warm up."""
    kind, broker, provider, *counts, ledger = sys.argv[1:8]
    width, first, count = map(int, counts)
    pin(client_core())
    importlib.import_module(f"bonifiq_async.faststream.{kind}")  # before anything is timed
    ways = [partial(by_batch, width, range(first, first + 4 * width))]
    for name in sys.argv[8:]:
        first += count
        ways.append(partial(by_batch, width, range(first, first + count)))
        ways.append(partial(by_events, kind, broker, name, width, count))
    places = (ledger if "://" in ledger else f"{ledger}/{name}-{at}.ledger" for at in range(len(ways)))
    used = [asyncio.run(measured(way, provider, place)) for way, place in zip(ways, places, strict=True)]
    print(json.dumps(list(zip(used[1::2], used[2::2], strict=True))))


if __name__ == "__main__":
    main()
