"""How late the event loop is while a batch runs, as a web service on the same loop would notice.

A watcher asks to be woken every millisecond and notes by how much that is too late. Each way runs in a
process of its own: bare aiohttp, whose loop is as late as that many answers at once make it; a batch
with its SQLite ledger; and the same while balances with histories of 10,000 lines are read, one after
the other.
"""

import argparse
import asyncio
from collections.abc import Awaitable, Callable

from attrs import asdict, frozen
from contestants import BY_NAME, MEASURE
from method import Worker, machine, provider, said
from provider import LINES
from table import Table, arguments, show

from bonifiq_async._pages.pictures import Bar, bars

EVERY = 0.001
BATCH = "this client, batch with SQLite ledger"
HISTORIES = f"the same, and histories of {LINES:,} lines"


@frozen
class Lateness:
    """Seconds by which the watcher was woken too late; how often it was, and how many histories were read."""

    median: float
    p99: float
    p999: float
    most: float
    looks: int
    histories: int


async def _watched(
    work: Callable[[], Awaitable[None]], reads: Callable[[], Awaitable[None]] | None
) -> Lateness:
    loop, late, histories = asyncio.get_running_loop(), list[float](), 0

    async def watch() -> None:
        while True:
            due = loop.time() + EVERY
            await asyncio.sleep(EVERY)
            late.append(loop.time() - due)

    async def read() -> None:
        nonlocal histories
        while reads is not None:
            await reads()
            histories += 1

    beside = [asyncio.create_task(watch()), asyncio.create_task(read())]
    try:
        await work()
    finally:
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
    late.sort()
    median, p99, p999 = (late[int(len(late) * share)] for share in (0.5, 0.99, 0.999))
    return Lateness(median, p99, p999, late[-1], len(late), histories)


def measured(name: str, url: str, changes: int, width: int) -> Lateness:
    """Make `changes` changes in a new loop, and return how late it was."""
    return asyncio.run(_measured(name, url, changes, width))


async def _measured(name: str, url: str, changes: int, width: int) -> Lateness:
    from bonifiq_async import BasicCredentials, BonifiQClient

    way = BY_NAME[BATCH if name == HISTORIES else name]
    async with (
        BonifiQClient(BasicCredentials("t", "k"), base_url=url) as client,
        way.opened(url, width) as drive,
    ):

        async def read() -> None:
            points = await client.customers.points("ana")
            if len(points.point_history) != LINES:
                raise AssertionError(f"{len(points.point_history)} lines were read")

        await drive(width)
        return await _watched(lambda: drive(changes), read if name == HISTORIES else None)


def parser() -> argparse.ArgumentParser:
    """Return the options."""
    made = arguments(__doc__)
    made.add_argument("--changes", type=int, default=100_000, metavar="N")
    made.add_argument("--in-flight", type=int, default=64, metavar="N")
    return made


def table(runs: dict[str, Lateness], options: argparse.Namespace, seen: dict[str, object]) -> Table:
    """Return what was measured."""
    rows = [
        (
            name,
            *(f"{1000 * each:.1f} ms" for each in (run.median, run.p99, run.p999, run.most)),
            f"{run.looks:,}",
        )
        for name, run in runs.items()
    ]
    title = f"How late the loop is: {options.changes:,} changes, {options.in_flight} in flight, asyncio"
    read = runs[HISTORIES].histories
    note = f"One run each. {read:,} histories were read beside the last."
    return Table(title, ("way", "median", "99 %", "99.9 %", "most", "looks"), rows, [said(seen), note])


def found(options: argparse.Namespace) -> dict[str, Lateness]:
    """Measure each way."""
    runs = dict[str, Lateness]()
    with provider() as server:
        for name in (MEASURE, BATCH, HISTORIES):
            with Worker() as worker:
                runs[name] = worker.run(measured, name, server.url, options.changes, options.in_flight)
    return runs


def chart(runs: dict[str, Lateness]) -> str:
    """Return the chart."""
    rows = [
        Bar(name, run.p999, f"{1000 * run.p999:.1f} ms", run.p999, run.p999, name != MEASURE)
        for name, run in runs.items()
    ]
    return bars("How late the event loop is", "99.9 % of the time at the most", rows)


def main() -> None:
    """Measure, and print the table."""
    options = parser().parse_args()
    seen, runs = machine("aiohttp"), found(options)
    rows = [{"name": name, **asdict(run)} for name, run in runs.items()]
    counts = {"changes": options.changes, "in_flight": options.in_flight}
    show(options, {"machine": seen, **counts, "rows": rows}, [table(runs, options, seen)], chart(runs))


if __name__ == "__main__":
    main()
