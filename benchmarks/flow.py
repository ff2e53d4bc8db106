"""How close a batch comes to what a provider takes, and how many requests are turned away on the way.

Providers in real time: rates with bursts and without, windows, chance, requests at once (503), latency that
rises with load, and steps. The provider is a process of its own, and counts by itself what it takes and turns
away, and says by how much its answers were late: for so long its permits are held and nothing is served.
"""

import argparse
import asyncio
import json
import logging
import multiprocessing
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
from models import Case, cases
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
ADAPTING = 10.0
"""Seconds after a step until the rate must have followed."""
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


def serve(line: Connection, name: str) -> None:
    """Serve the case of this name until `line` has a message, then send what was counted."""
    case = next(each for each in cases() if each.name == name)
    model, seen, at_once, began = case.model(), Seen(), 0, None

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
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Requests(answer), "127.0.0.1", 0)
        line.send(server.sockets[0].getsockname()[1])
        await loop.run_in_executor(None, line.recv)
        line.send((dict(seen.taken), dict(seen.turned_away), seen.late))

    asyncio.run(until_asked_to_end())


class Fixed(AdaptiveLimit):
    """A limit that never changes."""

    def saw(self, *_: object, **__: object) -> None:
        """Learn nothing."""


def drive(line: Connection, port: int, case_most: int, seconds: float, fixed: int | None) -> None:
    """Apply changes for `seconds`, and send `line` how many were applied."""
    logging.getLogger("bonifiq_async").addHandler(logging.NullHandler())
    admission.AdaptiveLimit = Fixed if fixed else AdaptiveLimit  # type: ignore[misc]

    async def apply() -> int:
        flow = FlowControl(fixed or case_most, initial=fixed or min(8, case_most))
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
    """The result of one run: shares of what the provider allowed, and of all requests; `late` in seconds."""

    used: float
    turned_away: float
    after_steps: tuple[float, ...]
    late: float
    least: float


def figures(case: Case, taken: dict[int, int], away: dict[int, int], late: float, least: float) -> Figures:
    """Sum up a run from its first second on; after a step, from the tenth second on."""
    counted = range(int(case.since), int(case.seconds))
    allows = case.model().allows
    allowed = sum(allows(case.capacity(second + 0.5)) for second in counted)
    done, turned = (sum(row.get(second, 0) for second in counted) for row in (taken, away))
    after, ends = [], [since for since, _ in case.steps[2:]] + [case.seconds]
    for (since, share), end in zip(case.steps[1:], ends, strict=False):
        window = range(int(since + ADAPTING), int(end))
        rate = sum(taken.get(second, 0) for second in window) / max(1, len(window))
        after.append(rate / allows(share))
    return Figures(done / allowed, turned / max(1, done + turned), tuple(after), late, least)


def measure(case: Case, fixed: int | None) -> Figures:
    """Run one provider with one limit."""
    here, there = SPAWN.Pipe()
    server = SPAWN.Process(target=serve, args=(there, case.name), daemon=True)
    server.start()
    port, lines = here.recv(), [SPAWN.Pipe() for _ in range(case.runs)]
    clients = [
        SPAWN.Process(target=drive, args=(end, port, case.most, case.seconds, fixed), daemon=True)
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
    steps = tuple(median(column) for column in zip(*(each.after_steps for each in runs), strict=True))
    used, away, late = (
        median(getattr(each, name) for each in runs) for name in ("used", "turned_away", "late")
    )
    return Figures(used, away, steps, late, min(each.least for each in runs))


def line_of(case: Case, limit: str, found: Figures, mark: str) -> str:
    """Return a line of the table; what is short of its bound begins with a mark."""
    short = found.used < case.used or found.turned_away > case.away
    steps = f", after the steps {', '.join(f'{each:.0%}' for each in found.after_steps)}"
    return (
        f"{'!' if short and limit == 'adaptive' else ' '} {case.name:34} {limit:9} used {found.used:6.1%} "
        f"(>= {case.used:.0%}), turned away {found.turned_away:6.2%} (<= {case.away:.0%})"
        f"{steps if found.after_steps else ''}{f', least {found.least:.0%}' if case.runs > 1 else ''}"
        f", answers {1000 * found.late:.1f} ms late{mark}"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, help="of each run, instead of what its case has")
    parser.add_argument("--fixed", type=int, nargs="*", default=[], help="fixed limits to compare")
    parser.add_argument("--only", default="", help="providers whose name has this in it")
    parser.add_argument("--runs", type=int, default=1, help="of each, for the median")
    parser.add_argument("--at-once", type=int, default=1, help="cases that run at the same time")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="draw a chart there")
    options = parser.parse_args()
    chosen = [each for each in cases() if options.only in each.name]
    if options.seconds:
        chosen = [evolve(each, seconds=options.seconds) for each in chosen]
    rows, drawn = [], []

    def run(case: Case, fixed: int | None) -> tuple[Figures, float | None]:
        host = Host.since_now()
        return middle([measure(case, fixed) for _ in range(options.runs)]), host.share()

    with ThreadPoolExecutor(options.at_once) as pool:
        jobs = [
            (case, fixed, pool.submit(run, case, fixed))
            for case in chosen
            for fixed in (None, *options.fixed)
        ]
        for case, fixed, job in jobs:
            found, lost = job.result()
            mark = f" {MARK}" if lost is not None and lost > DISTURBED else ""
            limit = "adaptive" if fixed is None else f"fixed {fixed}"
            text = f"{found.used:.0%}, turned away {found.turned_away:.1%}"
            drawn.append(
                Bar(f"{case.name}: {limit}", *(found.used, text, found.used, found.used), fixed is None)
            )
            rows.append({"provider": case.name, "limit": limit, **asdict(found), "stolen": lost})
            if not options.json:
                print(line_of(case, limit, found, mark), flush=True)
    if options.svg is not None:
        title, note = (
            "How much of what a provider allows is used",
            "blue is the limit that adapts",
        )
        options.svg.write_text(bars(title, note, drawn), "utf-8")
    if options.json:
        print(json.dumps({"runs": options.runs, "rows": rows}))
    else:
        print(f"{MARK} marks a run in which the host kept more than {DISTURBED:.0%} of the time for others.")


if __name__ == "__main__":
    main()
