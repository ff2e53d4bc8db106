"""Worker processes that keep one pace together, over a PostgreSQL ledger: what arrives at the provider.

Each worker applies changes as fast as it may, with `FlowControl(shared_pace=SharedPace(...))`. This program
is the provider, and notes when each request arrives. After a while it answers one of them with a 429 and a
Retry-After, which one worker alone gets. It needs a server (`BONIFIQ_TEST_POSTGRES`), makes a schema of its
own there and drops it. It ends with 1 where a second has more than `--most` requests, the mean is below
`--least`, or a request arrives later than a second after that answer and before the wait is over. The whole
size is

    python benchmarks/shared_pace.py --workers 8 --rate 200 --seconds 30
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path

from attrs import define, field

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "support"))

from postgres import SERVER, a_schema
from provider import REPLY

from bonifiq_async import (
    BasicCredentials,
    BonifiQClient,
    CashbackBatch,
    CashbackChange,
    FlowControl,
    MemoryLedger,
    PostgresLedger,
    SharedPace,
    Timeouts,
)

WAIT = 4
"""Seconds that the provider asks for."""
WARM = 2.0
"""Seconds after the first request of the last worker that are not counted: processes start one by one."""
STARTS = 60
"""Seconds in which all of them are at work."""
REFUSED = b"HTTP/1.1 429 No\r\nRetry-After: %d\r\nContent-Length: 2\r\n\r\n{}" % WAIT


@define
class Provider:
    """Answers every request with a yes, after `takes` seconds; one with a wait, at `refuses_at`."""

    takes: float = 0.02
    refuses_at: float = float("inf")
    refused: float | None = None
    arrivals: list[float] = field(factory=list)
    workers: set[bytes] = field(factory=set)
    awaited: float = float("inf")
    all_there: asyncio.Event = field(factory=asyncio.Event)
    counted_from: float = 0.0

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                found = re.search(rb"content-length: (\d+)", head.lower())
                body = await reader.readexactly(int(found[1]) if found else 0)
                now = time.monotonic()
                self.arrivals.append(now)
                if (named := re.search(rb"worker-\d+", body)) is not None:
                    self.workers.add(named[0])
                    if len(self.workers) >= self.awaited:
                        self.all_there.set()
                if self.refused is None and now >= self.refuses_at:
                    self.refused = now
                    writer.write(REFUSED)
                    continue
                await asyncio.sleep(self.takes)
                writer.write(REPLY)

    async def at_work(self, workers: int) -> None:
        """Wait until so many workers have sent something."""
        self.awaited = workers
        await self.all_there.wait()


def started(command: Sequence[str]) -> "subprocess.Popen[bytes]":
    """Start a worker."""
    return subprocess.Popen(command)


def changes(worker: str) -> Iterator[CashbackChange]:
    """Yield changes without end."""
    run = f"{time.time_ns()}"
    return (
        CashbackChange(f"{worker} {number}", Decimal(1), "pace", f"{worker}-{run}-{number}")
        for number in itertools.count()
    )


async def work(given: argparse.Namespace) -> None:
    """Apply changes for as long as the process lives."""
    async with PostgresLedger(given.dsn, schema=given.schema, pgbouncer=given.pgbouncer) as ledger:
        flow = FlowControl(max_in_flight=16, initial=16, shared_pace=SharedPace(ledger, given.rate))
        own = ledger if given.durable else MemoryLedger()
        account = BasicCredentials("all-workers", "key")
        async with BonifiQClient(
            account, base_url=given.url, ledger=own, timeouts=Timeouts(call=120.0)
        ) as client:
            await ledger.bind(*client.account)
            batch = CashbackBatch(client, flow=flow)
            asyncio.get_running_loop().call_later(given.seconds, batch.stop)
            async for _ in batch.run(changes(given.worker)):
                pass


async def watch(given: argparse.Namespace, schema: str) -> Provider:
    """Start the workers, and return what arrived."""
    provider = Provider()
    server = await asyncio.start_server(provider.talk, "127.0.0.1")
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    lasts = given.seconds + WAIT + STARTS
    command = [sys.executable, __file__, "--dsn", given.dsn, "--schema", schema, "--url", url]
    command += ["--rate", str(given.rate), "--seconds", str(lasts), *(["--durable"] if given.durable else [])]
    command += ["--pgbouncer"] if given.pgbouncer else []
    running = [started([*command, "--worker", f"worker-{number}"]) for number in range(given.workers)]
    try:
        async with asyncio.timeout(STARTS):
            await provider.at_work(given.workers)
        await asyncio.sleep(WARM)
        provider.counted_from = time.monotonic()
        await asyncio.sleep(given.seconds)
        provider.refuses_at = time.monotonic()
        await asyncio.sleep(WAIT + 2)
    finally:
        for each in running:
            each.kill()
            each.wait()
        server.close()
    return provider


def fullest(arrivals: Sequence[float]) -> int:
    """Return how many arrived in the second that had the most, wherever it begins."""
    most = first = 0
    for last, at in enumerate(arrivals):
        while arrivals[first] <= at - 1.0:
            first += 1
        most = max(most, last - first + 1)
    return most


def figures(provider: Provider) -> dict[str, float]:
    """Return what was seen."""
    until = provider.refuses_at
    counted = [at for at in provider.arrivals if provider.counted_from <= at < until]
    heard = provider.refused or float("inf")
    late = [at - heard for at in provider.arrivals if heard < at < heard + WAIT]
    after = [at for at in provider.arrivals if at >= heard + WAIT]
    return {
        "requests": len(counted),
        "mean": round(len(counted) / (until - provider.counted_from), 1),
        "fullest_second": fullest(counted),
        "last_after_the_wait_was_asked": round(max(late, default=0.0), 3),
        "after_a_second": sum(seconds > 1.0 for seconds in late),
        "after_the_wait": len(after),
    }


def main() -> None:
    """Measure, print one line of JSON, and fail where the pace or the wait was not kept."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--workers", type=int, default=8)
    made.add_argument("--rate", type=float, default=200.0, help="requests a second of all workers")
    made.add_argument("--seconds", type=float, default=30.0, help="for which arrivals are counted")
    made.add_argument("--most", type=float, default=1.025, help="of the rate, in any second")
    made.add_argument("--least", type=float, default=0.975, help="of the rate, in the mean")
    made.add_argument("--durable", action="store_true", help="the changes stand in the database, too")
    made.add_argument("--pgbouncer", action="store_true", help="PgBouncer answers at --dsn")
    made.add_argument("--dsn", default=os.environ.get("BONIFIQ_TEST_POSTGRES", SERVER))
    for name in ("--worker", "--schema", "--url"):
        made.add_argument(name, help=argparse.SUPPRESS)
    given = made.parse_args()
    if given.worker is not None:
        asyncio.run(work(given))
        return
    with a_schema(given.dsn) as database:
        found = figures(asyncio.run(watch(given, database.schema)))
    print(json.dumps(found))
    kept = found["fullest_second"] <= given.most * given.rate and found["mean"] >= given.least * given.rate
    sys.exit(0 if kept and not found["after_a_second"] and found["after_the_wait"] else 1)


if __name__ == "__main__":
    main()
