"""How close a batch comes to a provider's capacity, and how many requests are refused on the way.

Providers in real time: a rate limit (429 with Retry-After), a limit of requests at once (503), latency
that rises with load, and both limits halved and restored. Each is tried with the adaptive limit and with
fixed ones. The provider is a process of its own, and counts by itself what it takes and turns away,
and says by how much its answers were late: for so long its permits are held and nothing is served.
"""

import argparse
import asyncio
import json
import logging
import multiprocessing
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import aclosing
from decimal import Decimal
from multiprocessing.connection import Connection
from pathlib import Path

from attrs import asdict, define, field, frozen
from method import MARK, Host
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
from bonifiq_async._pages.pictures import Bar, bars
from bonifiq_async.batch import gate
from bonifiq_async.batch.adaptive_limit import AdaptiveLimit

SETTLING = 3.0
"""Seconds at the beginning that do not count for the share of refused requests."""
DISTURBED = 0.02
"""A run is marked when the host kept more than this share of the time for others."""
ADAPTING = 10.0
"""Seconds after a step until the rate must have followed."""
MOST = 256
TOO_MANY = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"
BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"


@define
class Bucket:
    """A token bucket: `rate` a second, with up to `burst` seconds of it saved; answers after 20 ms."""

    rate: float
    burst: float
    tokens: float = 0.0
    last: float = 0.0

    def answer(self, now: float, at_once: int, capacity: float) -> tuple[bytes, float]:
        """Return the answer and the seconds that it takes; `capacity` is its present share."""
        rate = self.rate * capacity
        self.tokens = min(rate * self.burst, self.tokens + (now - self.last) * rate)
        self.last = now
        if self.tokens < 1:
            return TOO_MANY, 0.0
        self.tokens -= 1
        return REPLY, 0.02

    def allows(self, capacity: float) -> float:
        """Return the changes a second that it accepts."""
        return self.rate * capacity


@define
class Seats:
    """A number of requests at once, of 50 ms each; 503 beyond."""

    seats: int

    def answer(self, now: float, at_once: int, capacity: float) -> tuple[bytes, float]:
        """See `Bucket.answer`."""
        return (BUSY, 0.0) if at_once > self.seats * capacity else (REPLY, 0.05)

    def allows(self, capacity: float) -> float:
        """See `Bucket.allows`."""
        return self.seats * capacity / 0.05


@define
class Queue:
    """Any number at once; beyond `seats` all take longer, so that no more are done in a second."""

    seats: int

    def answer(self, now: float, at_once: int, capacity: float) -> tuple[bytes, float]:
        """See `Bucket.answer`."""
        return REPLY, 0.05 * max(1.0, at_once / (self.seats * capacity))

    def allows(self, capacity: float) -> float:
        """See `Bucket.allows`."""
        return self.seats * capacity / 0.05


@frozen
class Case:
    """A provider, and when it has which share of its capacity."""

    name: str
    model: Bucket | Seats | Queue
    steps: tuple[tuple[float, float], ...] = ((0.0, 1.0),)

    def capacity(self, elapsed: float) -> float:
        """Return the present share of capacity."""
        return next(share for since, share in reversed(self.steps) if elapsed >= since)


def cases(seconds: float) -> list[Case]:
    """Return the providers; where capacity steps, it does so at a third and at two thirds."""
    steps = ((0.0, 1.0), (seconds / 3, 0.5), (seconds * 2 / 3, 1.0))
    return [
        Case("200/s, 429 beyond", Bucket(200, 1.0)),
        Case("200/s, 429 beyond, no burst", Bucket(200, 0.1)),
        Case("32 at once, 503 beyond", Seats(32)),
        Case("latency rises beyond 32", Queue(32)),
        Case("32 at once, halved, restored", Seats(32), steps),
        Case("200/s, halved, restored", Bucket(200, 1.0), steps),
    ]


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


def serve(line: Connection, case: Case) -> None:
    """Serve `case` until `line` has a message, then send what was counted."""
    seen, at_once, began = Seen(), 0, None

    def answer(protocol: Requests) -> None:
        nonlocal at_once, began
        now = time.monotonic()
        began = now if began is None else began
        at_once += 1
        reply, seconds = case.model.answer(now, at_once, case.capacity(now - began))
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


async def drive(port: int, seconds: float, fixed: int | None) -> None:
    """Apply changes for `seconds`."""
    flow = FlowControl(fixed or MOST, initial=fixed or 8)
    adaptation, gate.AdaptiveLimit = gate.AdaptiveLimit, Fixed if fixed else AdaptiveLimit  # type: ignore[misc]
    client = BonifiQClient(
        BasicCredentials("t", "k"),
        base_url=f"http://127.0.0.1:{port}",
        pool=PoolLimits(connections=MOST),
        retry=RetryPolicy(max_attempts=12, cap=15.0),
        timeouts=Timeouts(call=180.0),
    )
    async with client:
        batch = CashbackBatch(client, flow=flow)
        asyncio.get_running_loop().call_later(seconds, batch.stop)
        async with aclosing(batch.run(changes())) as outcomes:
            async for _ in outcomes:
                if batch.summary.elapsed > seconds:
                    break
    gate.AdaptiveLimit = adaptation  # type: ignore[misc]


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


def figures(case: Case, seconds: float, taken: dict[int, int], away: dict[int, int], late: float) -> Figures:
    """Sum up a run from its fourth second on; after a step, over 5 s from the tenth second after it."""
    counted = range(int(SETTLING), int(seconds))
    allowed = sum(case.model.allows(case.capacity(second + 0.5)) for second in counted)
    done, turned = (sum(row.get(second, 0) for second in counted) for row in (taken, away))
    after = []
    for since, share in case.steps[1:]:
        window = range(int(since + ADAPTING), min(int(since + ADAPTING) + 5, int(seconds)))
        rate = sum(taken.get(second, 0) for second in window) / max(1, len(window))
        after.append(rate / case.model.allows(share))
    return Figures(done / allowed, turned / max(1, done + turned), tuple(after), late)


def measure(case: Case, seconds: float, fixed: int | None) -> Figures:
    """Run one provider with one limit."""
    here, there = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(there, case), daemon=True)
    server.start()
    asyncio.run(drive(here.recv(), seconds, fixed))
    here.send("over")
    result = figures(case, seconds, *here.recv())
    server.join()
    return result


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=48.0, help="of each run; at least 36 for the steps")
    parser.add_argument("--fixed", type=int, nargs="*", default=[8, 64, 256], help="fixed limits to compare")
    parser.add_argument("--only", default="", help="providers whose name has this in it")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="draw a chart there")
    options = parser.parse_args()
    logging.getLogger("bonifiq_async").addHandler(logging.NullHandler())
    rows, drawn = [], []
    for case in cases(options.seconds):
        if options.only not in case.name:
            continue
        for fixed in (None, *options.fixed):
            host = Host.since_now()
            found = measure(case, options.seconds, fixed)
            lost = host.share()
            mark = f" {MARK}" if lost is not None and lost > DISTURBED else ""
            limit = "adaptive" if fixed is None else f"fixed {fixed}"
            text = f"{found.used:.0%}, turned away {found.turned_away:.1%}"
            drawn.append(
                Bar(f"{case.name}: {limit}", *(found.used, text, found.used, found.used), fixed is None)
            )
            rows.append({"provider": case.name, "limit": limit, **asdict(found), "stolen": lost})
            if not options.json:
                steps = ", ".join(f"{share:.0%}" for share in found.after_steps)
                print(
                    f"{case.name:30} {limit:10} of what is allowed {found.used:6.1%}, "
                    f"turned away {found.turned_away:6.2%}{', after the steps ' if steps else ''}{steps}"
                    f", answers {1000 * found.late:.1f} ms late{mark}",
                    flush=True,
                )
    if options.svg is not None:
        title, note = (
            "How much of what a provider allows is used",
            "one run each; blue is the limit that adapts",
        )
        options.svg.write_text(bars(title, note, drawn), "utf-8")
    if options.json:
        print(json.dumps({"seconds": options.seconds, "rows": rows}))
    else:
        print(f"{MARK} marks a run in which the host kept more than {DISTURBED:.0%} of the time for others.")


if __name__ == "__main__":
    main()
