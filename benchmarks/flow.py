"""How close a batch comes to what a provider takes, and how many requests are turned away on the way.

Providers in real time: rates with bursts and without, windows, chance, requests at once (503), latency that
rises with load, and steps. The provider is a process of its own, and counts by itself what it takes and turns
away, and says by how much its answers were late: for so long its permits are held and nothing is served.
"""

import argparse
import asyncio
import gc
import json
import logging
import multiprocessing
import re
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from decimal import Decimal
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median

from attrs import asdict, define, evolve, field, frozen
from method import MARK, Host
from models import Case, Flaky, cases
from provider import REPLY, Requests

from bonifiq_async import (
    BasicCredentials,
    BonifiQClient,
    CashbackBatch,
    CashbackChange,
    FlowControl,
    PoolLimits,
    RetryPolicy,
    Timeouts,
)
from bonifiq_async._limits import admission
from bonifiq_async._limits.adaptive_limit import AdaptiveLimit
from bonifiq_async._pages.pictures import Bar, bars

DISTURBED = 0.02
"""A run is marked when the host kept more than this share of the time for others."""
AT_ONCE = 600.0
"""Requests a second of all rows that run at the same time: a quarter of what two cores carry."""
ADAPTIVE = "adaptive"
SPAWN = multiprocessing.get_context("spawn")


@define
class Seen:
    """What the provider counted, by second of the run."""

    taken: defaultdict[int, int] = field(factory=lambda: defaultdict(int))
    turned_away: defaultdict[int, int] = field(factory=lambda: defaultdict(int))
    answered: int = 0
    lateness: float = 0.0

    @property
    def late(self) -> float:
        """By how many seconds an answer was late."""
        return self.lateness / max(1, self.answered)


def serve(line: Connection, name: str, seed: int) -> None:
    """Serve the case of this name until `line` has a message, then send what was counted."""
    case = next(each for each in cases() if each.name == name)
    model, seen, at_once, began = case.model(), Seen(), 0, None
    if isinstance(model, Flaky):
        model.chance.seed(seed)

    def answer(protocol: Requests) -> None:
        nonlocal at_once, began
        now = time.monotonic()
        began = now if began is None else began
        at_once += 1
        reply, seconds = model.answer(now, at_once, case.capacity(now - began))
        (seen.taken if reply is REPLY else seen.turned_away)[int(now - began)] += 1
        asyncio.get_running_loop().call_later(seconds, done, protocol, reply, now + seconds)

    def done(protocol: Requests, reply: bytes, due: float) -> None:
        nonlocal at_once
        at_once -= 1
        if reply is REPLY:
            seen.answered += 1
            seen.lateness += time.monotonic() - due
        protocol.reply(reply)

    async def until_asked_to_end() -> None:
        gc.disable()  # a gateway does not stand still to tidy up
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Requests(answer), "127.0.0.1", 0)
        line.send(server.sockets[0].getsockname()[1])
        await loop.run_in_executor(None, line.recv)
        line.send((dict(seen.taken), dict(seen.turned_away), seen.late))

    asyncio.run(until_asked_to_end())


@frozen
class Known:
    """A limit that is known beforehand, and never changes: `most` in flight, at an even `pace`."""

    most: int
    pace: float = float("inf")

    def adaptation(self) -> type[AdaptiveLimit]:
        """Return what learns nothing."""
        pace = self.pace

        class Fixed(AdaptiveLimit):
            @classmethod
            def of(cls, initial: int, most: int) -> AdaptiveLimit:
                """Return it with its pace."""
                made = super().of(initial, most)
                made.search.pace.value = pace
                return made

            def saw(self, *_: object, **__: object) -> None:
                """Learn nothing."""

        return Fixed


def drive(line: Connection, port: int, case_most: int, seconds: float, known: Known | None) -> None:
    """Apply changes for `seconds`, and send `line` how many were applied."""
    logging.getLogger("bonifiq_async").addHandler(logging.NullHandler())
    flow = FlowControl(case_most, initial=min(8, case_most))
    if known is not None:
        admission.AdaptiveLimit = known.adaptation()  # type: ignore[misc]
        flow = FlowControl(known.most, initial=known.most)

    async def apply() -> int:
        client = BonifiQClient(
            BasicCredentials("t", "k"),
            base_url=f"http://127.0.0.1:{port}",
            pool=PoolLimits(connections=max(256, case_most)),
            retry=RetryPolicy(max_attempts=12, cap=15.0),
            timeouts=Timeouts(call=180.0),
        )
        applied = 0
        async with client:
            batch = CashbackBatch(client, flow=flow)
            asyncio.get_running_loop().call_later(seconds, batch.stop)
            async with aclosing(batch.run(changes())) as outcomes:
                async for _ in outcomes:
                    applied += 1
                    if batch.summary.elapsed > seconds:
                        break
        return applied

    line.send(asyncio.run(apply()))


def changes() -> Iterator[CashbackChange]:
    """Yield changes without end, each of another customer."""
    run, number = time.monotonic_ns(), 0
    while True:
        number += 1
        yield CashbackChange(f"c{number}", Decimal("10.50"), "r", f"{run}-{number}")


@frozen
class Figures:
    """The result of one run: shares of what the provider allowed, and of all requests; `late` in seconds.

    `halves` are what was used in the second half of each step, `slower` the share of the slower of two runs,
    `least` the least of these where several seeds are summed up.
    """

    used: float
    turned_away: float
    halves: tuple[float, ...]
    late: float
    slower: float
    least: float


def figures(case: Case, taken: dict[int, int], away: dict[int, int], late: float, slower: float) -> Figures:
    """Sum up a run from its first second on."""
    counted, model = range(int(case.since), int(case.seconds)), case.model()

    def share(window: range) -> float:
        allowed = sum(model.allows(case.capacity(second + 0.5)) for second in window)
        return sum(taken.get(second, 0) for second in window) / allowed

    begun = [since for since, _ in case.steps if since < case.seconds]  # a run may be shorter
    ends = [*begun[1:], case.seconds]
    halves = [range(int((since + end) / 2), int(end)) for since, end in zip(begun, ends, strict=True)]
    done, turned = (sum(row.get(second, 0) for second in counted) for row in (taken, away))
    found = tuple(share(half) for half in halves) if case.half else ()
    return Figures(share(counted), turned / max(1, done + turned), found, late, slower, slower)


def measure(case: Case, known: Known | None, seed: int) -> Figures:
    """Run one provider with one limit."""
    here, there = SPAWN.Pipe()
    server = SPAWN.Process(target=serve, args=(there, case.name, seed), daemon=True)
    server.start()
    port, lines = here.recv(), [SPAWN.Pipe() for _ in range(case.runs)]
    clients = [
        SPAWN.Process(target=drive, args=(end, port, case.most, case.seconds, known), daemon=True)
        for _, end in lines
    ]
    for client in clients:
        client.start()
    applied = [line.recv() for line, _ in lines]
    here.send("over")
    result = figures(case, *here.recv(), min(applied) / max(1, sum(applied)))
    for process in (server, *clients):
        process.join()
    return result


def middle(runs: list[Figures]) -> Figures:
    """Return the medians of some runs."""
    halves = tuple(median(column) for column in zip(*(each.halves for each in runs), strict=True))
    used, away, late, slower = (
        median(getattr(each, name) for each in runs) for name in ("used", "turned_away", "late", "slower")
    )
    return Figures(used, away, halves, late, slower, min(each.least for each in runs))


def held(case: Case, found: Figures) -> bool:
    """Say whether the bounds of a row are kept; of two runs, the slower has at least a third."""
    halves = min(found.halves, default=1.0) >= case.half
    shared = case.runs == 1 or found.slower >= 1 / 3
    return found.used >= case.used and found.turned_away <= case.away and halves and shared


@frozen
class Row:
    """A row of the table: a provider under a `limit`, the one that adapts or another.

    `stolen` is the share of the time that the host kept for others, None where it does not tell.
    """

    case: Case
    limit: str
    found: Figures
    stolen: float | None

    def line(self) -> str:
        """Return the line, with the bounds of the row, and whether they are kept."""
        case, found = self.case, self.found
        halves = (
            f", second halves {min(found.halves, default=0.0):.0%} (>= {case.half:.0%})"
            if found.halves
            else ""
        )
        slower = f", the slower {found.slower:.0%} (>= 33%), {found.least:.0%} at the least"
        shared = slower if case.runs > 1 else ""
        mark = f" {MARK}" if self.stolen is not None and self.stolen > DISTURBED else ""
        return (
            f"{'kept ' if held(case, found) else 'SHORT'} {case.name:40} {self.limit:9} "
            f"used {found.used:6.1%} (>= {case.used:.0%}), "
            f"turned away {found.turned_away:6.2%} (<= {case.away:.0%})"
            f"{halves}{shared}, answers {1000 * found.late:.1f} ms late{mark}"
        )

    def bar(self) -> Bar:
        """Return the bar of the chart."""
        used = self.found.used
        text = f"{used:.0%}, turned away {self.found.turned_away:.1%}"
        return Bar(f"{self.case.name}: {self.limit}", used, text, used, used, self.limit == ADAPTIVE)

    def as_json(self) -> dict[str, object]:
        """Return it for machines."""
        case = self.case
        bounds = {"least": case.used, "most_away": case.away, "least_halves": case.half}
        named = {"provider": case.name, "limit": self.limit, **asdict(self.found), "stolen": self.stolen}
        return {**named, "bounds": bounds, "kept": held(case, self.found)}


class Together:
    """Lets runs begin that ask for so many `requests` a second together; one alone may ask for more."""

    def __init__(self, requests: float) -> None:
        self._requests, self._asked, self._changed = requests, 0.0, asyncio.Condition()

    async def run(self, case: Case, known: Known | None, seed: int) -> Figures:
        """Run one provider when it is its turn."""
        asks = case.model().allows(1.0)
        async with self._changed:
            await self._changed.wait_for(lambda: not self._asked or self._asked + asks <= self._requests)
            self._asked += asks
        try:
            return await asyncio.to_thread(measure, case, known, seed)
        finally:
            async with self._changed:
                self._asked -= asks
                self._changed.notify_all()


async def rows(options: argparse.Namespace, chosen: list[Case]) -> list[Row]:
    """Measure all rows, the longest first, and print each as soon as it is known."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(64))
    together = Together(options.at_once)

    async def row(case: Case, limit: str, known: Known | None) -> Row:
        host, seeds = Host.since_now(), range(1, options.runs + 1)
        found = middle([*await asyncio.gather(*(together.run(case, known, seed) for seed in seeds))])
        measured = Row(case, limit, found, host.share())
        if not options.json:
            print(measured.line(), flush=True)
        return measured

    longest = sorted(chosen, key=lambda each: -each.seconds)
    return await asyncio.gather(*(row(case, *limit) for case in longest for limit in limits(case, options)))


def limits(case: Case, options: argparse.Namespace) -> Iterator[tuple[str, Known | None]]:
    """Yield the limit that adapts, and those that are compared with it."""
    if not options.pace:
        yield ADAPTIVE, None
    for most in options.fixed:
        yield f"fixed {most}", Known(most)
    for share in options.pace:
        yield f"pace {share:.2f}", Known(case.most, share * case.model().allows(1.0))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, help="of each run, instead of what its case has")
    parser.add_argument("--fixed", type=int, nargs="*", default=[], help="fixed limits to compare")
    parser.add_argument(
        "--pace", type=float, nargs="*", default=[], help="even paces instead, as shares of the rate"
    )
    parser.add_argument("--only", default="", help="providers whose name has this regular expression in it")
    parser.add_argument("--runs", type=int, default=3, help="of each, for the median")
    parser.add_argument("--at-once", type=float, default=AT_ONCE, help="requests/s of what runs at one time")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="draw a chart there")
    options = parser.parse_args()
    chosen = [each for each in cases() if re.search(options.only, each.name)]
    if options.seconds:
        chosen = [evolve(each, seconds=options.seconds) for each in chosen]
    table = asyncio.run(rows(options, chosen))
    if options.svg is not None:
        title, note = "How much of what a provider allows is used", "blue is the limit that adapts"
        options.svg.write_text(bars(title, note, [each.bar() for each in table]), "utf-8")
    if options.json:
        print(json.dumps({"runs": options.runs, "rows": [each.as_json() for each in table]}))
    else:
        print(f"{sum(held(each.case, each.found) for each in table)} of {len(table)} rows are kept.")
        print(f"{MARK} marks a run in which the host kept more than {DISTURBED:.0%} of the time for others.")


if __name__ == "__main__":
    main()
