"""What a ledger on disk costs: claims and outcomes by changes in flight, over a ledger in memory; look-ups.

One process, one loop: every change is claimed, and its outcome written down, with nothing in between. The
more are in flight, the more share a commit. The CPU is that of the whole process, the ledger's thread
included; what the ledger in memory takes for the same is taken off. Runs alternate; the median counts.

With `--postgres URL`, a ledger in PostgreSQL does the same in each run, in a schema that is dropped. Its CPU
is the client's; the server is another process. `--workers N` writes from so many processes at once.
"""

import argparse
import asyncio
import hashlib
import json
import statistics
import tempfile
import time
from collections.abc import Iterable, Sequence
from decimal import Decimal
from multiprocessing import get_context
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path

from attrs import asdict, evolve, frozen

from bonifiq_async import Ledger, MemoryLedger, PostgresLedger, SqliteLedger
from bonifiq_async.ledger.protocol import Ending, Granted, Intent, Settled, State

APPLIED = Ending(State.APPLIED, 1, "cashback_balance=10.5 points_balance=1050")


@frozen
class Cost:
    """Of a change: microseconds of wall and of CPU."""

    wall: float
    cpu: float


@frozen
class Line:
    """What the table says of one number of changes in flight."""

    in_flight: int
    records_per_commit: float
    changes_per_second: float
    cpu: float
    cpu_in_memory: float
    cpu_more: float
    look_ups_per_second: float
    shared: Cost | None = None
    statements_per_change: float = 0.0
    shared_over_disk: float = 0.0
    """Ratio of the CPU of a change in PostgreSQL to that in SQLite, in the same run."""


def intents(count: int) -> list[Intent]:
    """Return `count` changes, as the client makes them."""
    made = []
    for number in range(count):
        customer, key = f"c{number % 20_000}", f"ADD-c{number % 20_000}-10.5-order%2D{number}"
        body = b'{"Value":10.50,"OperationType":0,"Reason":"campaign","ChangeKey":"%s"}' % key.encode()
        digest = hashlib.blake2b(body, digest_size=16).digest()
        path = f"/v1/pvt/Customer/{customer}/cashback"
        name, amount = "bonifiq.customer.change_cashback", Decimal("10.50")
        made.append(Intent(name, key, digest, customer, amount, path, body, ("provider", "account")))
    return made


async def spread(changes: Sequence[Intent], in_flight: int, ledger: Ledger, *, known: bool) -> Cost:
    """Claim all of them and write down their outcomes; where they are `known`, only ask."""
    left = iter(changes)

    async def work(some: Iterable[Intent]) -> None:
        for intent in some:
            ruling = await ledger.claim(intent, lease=90, repeatable=True)
            assert isinstance(ruling, Settled if known else Granted)
            if isinstance(ruling, Granted):
                await asyncio.sleep(0)  # as a send does, it gives the others a turn
                assert await ledger.end(intent, ruling.fence, APPLIED)

    began, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(work(left) for _ in range(in_flight)))
    scale = 1e6 / len(changes)
    return Cost(scale * (time.perf_counter() - began), scale * (time.process_time() - cpu))


async def in_postgres(changes: Sequence[Intent], in_flight: int, url: str) -> tuple[Cost, float]:
    """Return what a change costs in a schema of its own, and how many statements it takes."""
    import asyncpg

    schema = f"benchmark_{time.monotonic_ns()}"
    await PostgresLedger.migrate(url, schema)
    try:
        async with PostgresLedger(url, schema=schema) as ledger:
            await ledger.bind("provider", "account")
            before = ledger.statements
            cost = await spread(changes, in_flight, ledger, known=False)
            return cost, (ledger.statements - before) / len(changes)
    finally:
        connection = await asyncpg.connect(url)
        await connection.execute(f"DROP SCHEMA {schema} CASCADE")
        await connection.close()


async def once(changes: Sequence[Intent], in_flight: int, folder: Path) -> tuple[Cost, Cost, Cost, int]:
    """Return what memory, disk and a look-up cost, and the commits on disk."""
    async with MemoryLedger(capacity=len(changes)) as memory:
        in_memory = await spread(changes, in_flight, memory, known=False)
    async with SqliteLedger(folder / f"{time.monotonic_ns()}") as ledger:
        await ledger.bind("provider", "account")
        writer = ledger._opened()
        before = writer.commits
        on_disk = await spread(changes, in_flight, ledger, known=False)
        commits = writer.commits - before
        looked_up = await spread(changes, in_flight, ledger, known=True)
    return in_memory, on_disk, looked_up, commits


def line(in_flight: int, changes: Sequence[Intent], runs: int, folder: Path, url: str | None) -> Line:
    """Measure one number of changes in flight."""
    asyncio.run(once(changes[: len(changes) // 10], in_flight, folder))  # warms up
    found, shared = [], []
    for _ in range(runs):
        found.append(asyncio.run(once(changes, in_flight, folder)))
        if url is not None:
            shared.append(asyncio.run(in_postgres(changes, in_flight, url)))
    middle = statistics.median
    ratios = [cost.cpu / disk.cpu for (cost, _), (_, disk, _, _) in zip(shared, found, strict=False)]
    return Line(
        in_flight,
        records_per_commit=2 * len(changes) / middle(commits for _, _, _, commits in found),
        changes_per_second=1e6 / middle(disk.wall for _, disk, _, _ in found),
        cpu=middle(disk.cpu for _, disk, _, _ in found),
        cpu_in_memory=middle(memory.cpu for memory, _, _, _ in found),
        cpu_more=middle(disk.cpu - memory.cpu for memory, disk, _, _ in found),
        look_ups_per_second=1e6 / middle(asked.wall for _, _, asked, _ in found),
        shared=Cost(middle(c.wall for c, _ in shared), middle(c.cpu for c, _ in shared)) if shared else None,
        statements_per_change=middle(each for _, each in shared) if shared else 0.0,
        shared_over_disk=middle(ratios) if ratios else 0.0,
    )


def worker(
    url: str, schema: str, number: int, count: int, in_flight: int, ready: Barrier, done: "Queue[float]"
) -> None:
    """Claim and end changes of this worker's own when all are ready, and say how much CPU that took."""

    async def work() -> None:
        changes = [evolve(each, key=f"{number}-{each.key}") for each in intents(count)]
        async with PostgresLedger(url, schema=schema) as ledger:
            await ledger.bind("provider", "account")
            await asyncio.to_thread(ready.wait)
            done.put((await spread(changes, in_flight, ledger, known=False)).cpu)

    asyncio.run(work())


def together(url: str, workers: int, count: int, in_flight: int) -> None:
    """Print how many changes a second processes write at once, and what the server spends on one."""
    schema = f"benchmark_{time.monotonic_ns()}"
    asyncio.run(PostgresLedger.migrate(url, schema))
    done: Queue[float] = get_context("spawn").Queue()
    ready, each = get_context("spawn").Barrier(workers + 1), count // workers
    processes = [
        get_context("spawn").Process(target=worker, args=(url, schema, number, each, in_flight, ready, done))
        for number in range(workers)
    ]
    for process in processes:
        process.start()
    ready.wait()
    before, began = asyncio.run(_written(url)), time.perf_counter()
    cpu = [done.get() for _ in processes]
    took, after = time.perf_counter() - began, asyncio.run(_written(url))
    for process in processes:
        process.join()
    made = each * workers
    print(
        f"{workers} workers, {in_flight} in flight each: {made / took:,.0f} changes/s,"
        f" {statistics.mean(cpu):.1f} us of client CPU a change,"
        f" {(after[0] - before[0]) / made:,.0f} bytes of log and"
        f" {made / max(1, after[1] - before[1]):.1f} changes a flush of it"
    )
    asyncio.run(_dropped(url, schema))


async def _written(url: str) -> tuple[int, int]:
    """Return how much of its log the server has written, in bytes, and how often it flushed it."""
    import asyncpg

    connection = await asyncpg.connect(url)
    found = await connection.fetchrow("SELECT wal_bytes::bigint, wal_sync FROM pg_stat_wal")
    await connection.close()
    return found["wal_bytes"], found["wal_sync"]


async def _dropped(url: str, schema: str) -> None:
    import asyncpg

    connection = await asyncpg.connect(url)
    await connection.execute(f"DROP SCHEMA {schema} CASCADE")
    await connection.close()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--changes", type=int, default=20_000)
    parser.add_argument("--in-flight", type=int, nargs="+", default=[1, 16, 64, 256, 1024])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="Where the ledgers lie: the disk that is measured.")
    parser.add_argument("--postgres", metavar="URL", help="A database in which schemas may be made.")
    parser.add_argument("--workers", type=int, help="Measure so many processes on it, and nothing else.")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.workers is not None:
        for in_flight in options.in_flight:
            together(options.postgres, options.workers, options.changes, in_flight)
        return
    lines = []
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for in_flight in options.in_flight:
            # One at a time, each waits for the disk twice: fewer are enough.
            count = options.changes if in_flight > 1 else options.changes // 20
            lines.append(line(in_flight, intents(count), options.runs, Path(folder), options.postgres))
    if options.json:
        print(json.dumps([asdict(each) for each in lines]))
        return
    print("                                     us CPU a change")
    print("in flight  records/commit  changes/s  disk  memory  more  look-ups/s")
    for each in lines:
        print(
            f"{each.in_flight:9}  {each.records_per_commit:14.1f}  {each.changes_per_second:9,.0f}"
            f"  {each.cpu:4.1f}  {each.cpu_in_memory:6.1f}  {each.cpu_more:4.1f}"
            f"  {each.look_ups_per_second:10,.0f}"
        )
    if options.postgres is None:
        return
    print("\nin PostgreSQL: us CPU of the client a change")
    print("in flight  changes/s  client  of SQLite's  statements a change")
    for each in lines:
        if each.shared is not None:
            print(
                f"{each.in_flight:9}  {1e6 / each.shared.wall:9,.0f}  {each.shared.cpu:6.1f}"
                f"  {each.shared_over_disk:11.2f}  {each.statements_per_change:19.3f}"
            )


if __name__ == "__main__":
    main()
