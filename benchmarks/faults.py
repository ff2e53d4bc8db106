"""What a change costs when requests fail, and how many requests are added to an outage.

Shares: so many requests are faulted, half with 503, half with a connection that closes unanswered.
Outage: every request gets 503. Single calls meet nothing else, and most end with an error once the retry
quota is spent; a batch meets it for its first seconds and must then apply every change.
"""

import argparse
import asyncio
import logging
import time
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal

from attrs import asdict, frozen
from method import MARKED, Faults, Figure, Worker, machine, provider, said, spread_over
from table import Table, arguments, show

from bonifiq_async import (
    BasicCredentials,
    BonifiQClient,
    CashbackBatch,
    CashbackChange,
    Effect,
    FlowControl,
    PoolLimits,
)
from bonifiq_async._pages.pictures import Bar, bars

WAYS = ("single calls", "batch")
SUCCESS = {Effect.APPLIED.value, Effect.ALREADY_APPLIED.value}


@frozen
class Run:
    """One run: seconds of CPU, requests, and changes by effect."""

    cpu: float
    requests: int
    effects: dict[str, int]

    @property
    def changes(self) -> int:
        """How many changes ended."""
        return sum(self.effects.values())

    @property
    def succeeded(self) -> float:
        """The share of changes that are applied."""
        return sum(self.effects.get(name, 0) for name in SUCCESS) / self.changes

    @property
    def extra(self) -> float:
        """Requests beyond one for each change, as a share of the changes."""
        return self.requests / self.changes - 1


def parser() -> argparse.ArgumentParser:
    """Return the options."""
    made = arguments(__doc__)
    made.add_argument("--changes", type=int, default=5000, help="in each run")
    made.add_argument("--in-flight", type=int, default=64, metavar="N")
    made.add_argument("--shares", type=float, nargs="+", default=[0.0, 0.05, 0.3], metavar="SHARE")
    made.add_argument(
        "--outage", type=float, default=10.0, metavar="SECONDS", help="how long a batch's lasts"
    )
    made.add_argument("--runs", type=int, default=5, help="of each share, in turns")
    return made


def changes(count: int) -> Iterator[CashbackChange]:
    """Yield changes, each of another customer."""
    run = time.monotonic_ns()
    for number in range(count):
        yield CashbackChange.add(f"c{number}", Decimal("10.50"), reason="r", reference=f"{run}.{number}")


def apply(way: str, url: str, count: int, width: int) -> tuple[float, dict[str, int]]:
    """Apply `count` changes in this process; return its seconds of CPU, and the changes by effect."""
    logging.getLogger("bonifiq_async").addHandler(logging.NullHandler())
    logging.getLogger("bonifiq_async").propagate = False
    return asyncio.run(_apply(way, url, count, width))


async def _apply(way: str, url: str, count: int, width: int) -> tuple[float, dict[str, int]]:
    effects: Counter[str] = Counter()
    pool = PoolLimits(connections=width)
    async with BonifiQClient(BasicCredentials("t", "k"), base_url=url, pool=pool) as client:
        cpu, source = time.process_time(), changes(count)
        if way == "batch":
            batch = CashbackBatch(client, flow=FlowControl(max_in_flight=width, initial=width))
            async for outcome in batch.run(source):
                effects[outcome.effect.value] += 1
        else:

            async def call(_: int) -> None:
                effects[(await client.outcome_of(next(source))).effect.value] += 1

            await spread_over(width, count, call)
        return time.process_time() - cpu, dict(effects)


def run(way: str, faults: Faults, options: argparse.Namespace) -> Run:
    """Measure one run against a provider of its own, in a process of its own."""
    with provider(faults) as server, Worker() as worker:
        cpu, effects = worker.run(apply, way, server.url, options.changes, options.in_flight)
        return Run(cpu, server.requests(), effects)


def shares(options: argparse.Namespace) -> dict[tuple[str, float], list[Run]]:
    """Measure every share in both ways, in turns."""
    runs: dict[tuple[str, float], list[Run]] = {}
    for _ in range(options.runs):
        for way in WAYS:
            for share in options.shares:
                done = run(way, Faults(((0.0, share),)), options)
                runs.setdefault((way, share), []).append(done)
    return runs


def outages(options: argparse.Namespace) -> dict[str, Run]:
    """Measure an outage in both ways."""
    if not options.outage:
        return {}
    total = Faults(((0.0, 1.0),), outright=True)
    passing = Faults(((0.0, 1.0), (options.outage, 0.0)), outright=True)
    return {way: run(way, passing if way == "batch" else total, options) for way in WAYS}


def cost(runs: list[Run]) -> Figure:
    """Return the microseconds of CPU for a change."""
    return Figure.of(1e6 * each.cpu / each.changes for each in runs)


def tables(
    by_share: dict[tuple[str, float], list[Run]], in_outage: dict[str, Run], seen: dict[str, object]
) -> list[Table]:
    """Return a table of the shares and one of the outages."""
    rows = []
    for (way, share), runs in by_share.items():
        figure, least = cost(runs), cost(by_share[way, min(each for _, each in by_share)])
        extra, succeeded = (Figure.of(getattr(r, name) for r in runs) for name in ("extra", "succeeded"))
        cells = (f"{figure.median:,.0f} us{figure.mark}", f"{figure.median / least.median:.2f}")
        rows.append((way, f"{share:.0%}", *cells, f"{extra.median:.1%}", f"{succeeded.median:.2%}"))
    columns: tuple[str, ...] = (
        "way",
        "faulted",
        "CPU a change",
        "of that at the least",
        "requests added",
        "changes applied",
    )
    first = Table("What a change costs when requests fail", columns, rows)
    outage = [
        (way, f"{each.changes:,}", f"{each.requests:,}", f"{each.extra:.1%}", f"{each.succeeded:.1%}")
        for way, each in in_outage.items()
    ]
    columns = ("way", "changes", "requests", "requests added", "changes applied")
    return [first, Table("Requests that an outage adds", columns, outage, [said(seen), MARKED])]


def chart(by_share: dict[tuple[str, float], list[Run]]) -> str:
    """Return the chart."""
    rows = []
    for (way, share), runs in by_share.items():
        figure = cost(runs)
        text = f"{figure.median:,.0f} us{figure.mark}"
        rows.append(
            Bar(f"{way}, {share:.0%} faulted", figure.median, text, figure.low, figure.high, ours=True)
        )
    return bars("CPU of the client's process for a change", "median of the runs, and their spread", rows)


def main() -> None:
    """Measure, and print the tables."""
    options = parser().parse_args()
    seen = machine("aiohttp")
    by_share, in_outage = shares(options), outages(options)
    rows = [
        {"way": way, "share": share, "runs": [asdict(r) for r in runs]}
        for (way, share), runs in by_share.items()
    ]
    data = {
        "machine": seen,
        "shares": rows,
        "outages": {way: asdict(each) for way, each in in_outage.items()},
    }
    show(options, data, tables(by_share, in_outage, seen), chart(by_share))


if __name__ == "__main__":
    main()
