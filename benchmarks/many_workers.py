"""Many workers on one ledger in PostgreSQL, through kills, crashes of the server and outages of the provider.

Worker processes apply the changes of their customers in the sandbox, which fails at random, and share one
ledger in a PostgreSQL server that this program starts. Meanwhile workers are killed (SIGKILL), the server is
crashed and started again (`pg_ctl -m immediate`), and the sandbox answers every request with 503 for a while.
In the end the books must show each change once, as it was meant, in the order of its customer, and the
ledger the same; else this ends with 1. The whole size is

    python benchmarks/many_workers.py --changes 200000 --kills 200 --crashes 20 --outages 10
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from attrs import define, field, frozen

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "support"))

from postgres_cluster import Cluster, a_cluster, behind_pgbouncer

from bonifiq_async import (
    BonifiQClient,
    CashbackBatch,
    CashbackChange,
    Effect,
    FlowControl,
    PostgresLedger,
    RetryPolicy,
    Timeouts,
)
from bonifiq_async.ledger.postgres import owner, writer
from bonifiq_async.sandbox import FAULTS, FaultScript, Sandbox
from bonifiq_async.sandbox.rules import Arrival, Meeting

RATE = 0.2
OUTAGE = 5.0
"""Seconds that an outage of the sandbox lasts."""


class Failing(FaultScript):
    """Fails at random, and with every request until `down`, a time of the monotonic clock."""

    down = 0.0

    def meet(self, arrival: Arrival) -> Meeting:
        """Return what a request meets."""
        if time.monotonic() < self.down:
            return Meeting(FAULTS["503-before"], "503-before")
        return super().meet(arrival)


def planned(count: int) -> Iterator[CashbackChange]:
    """Yield the changes: twenty of each customer, added and removed."""
    customers = max(1, count // 20)
    for number in range(count):
        value = Decimal(number % 997 + 1) / 100 * (-1 if number % 7 == 0 else 1)
        yield CashbackChange(f"c{number % customers}", value, "campaign", f"k{number}")


@frozen
class Size:
    """How much is tried."""

    changes: int
    kills: int
    crashes: int
    outages: int
    workers: int
    seed: int
    silence: float


@define
class Tally:
    """What was done, and what came of it. `early` are ends of workers that were not done yet."""

    kills: int = 0
    crashes: int = 0
    outages: int = 0
    early: int = 0
    requests: int = 0
    seconds: float = 0.0
    lost: list[str] = field(factory=list)
    doubled: list[str] = field(factory=list)
    wrong: list[str] = field(factory=list)
    disordered: list[str] = field(factory=list)
    unaccounted: list[str] = field(factory=list)
    deadlocks: int = 0

    @property
    def holds(self) -> bool:
        """Whether everything is as it must be."""
        found = (self.lost, self.doubled, self.wrong, self.disordered, self.unaccounted)
        return not any(found) and not self.deadlocks


async def work(dsn: str, number: int, size: Size, *, pgbouncer: bool) -> bool:
    """Apply the changes of this worker's customers; say whether all of them are."""
    mine = (each for each in planned(size.changes) if int(each.customer_id[1:]) % size.workers == number)
    done = True
    retry = RetryPolicy(max_attempts=100, base=0.02, cap=0.5, quota=1_000_000)
    async with (
        PostgresLedger(dsn, pgbouncer=pgbouncer) as ledger,
        BonifiQClient.from_env(ledger=ledger, retry=retry, timeouts=Timeouts(call=120.0)) as client,
    ):
        batch = CashbackBatch(client, flow=FlowControl(max_in_flight=64))
        async with contextlib.aclosing(batch.run(mine)) as outcomes:
            async for outcome in outcomes:
                done = done and outcome.effect in (Effect.APPLIED, Effect.ALREADY_APPLIED)
    return done


@define
class Workers:
    """The processes, each started again until it has done all that is its own."""

    command: Sequence[str]
    environment: Mapping[str, str]
    tally: Tally
    running: dict[int, "subprocess.Popen[bytes]"] = field(factory=dict)

    def start(self, number: int) -> None:
        """Start a worker."""
        self.running[number] = subprocess.Popen(
            [*self.command, "--number", str(number)], env={**os.environ, **self.environment}
        )

    def kill(self, chance: random.Random) -> None:
        """Kill one of those that run; the next one of its number goes on."""
        number = chance.choice(sorted(self.running))
        self.running[number].send_signal(signal.SIGKILL)
        self.running[number].wait()
        self.tally.kills += 1
        self.start(number)

    def end(self) -> None:
        """End those that still run, as after a fault here."""
        for process in self.running.values():
            process.kill()
            process.wait()

    def look(self) -> None:
        """Take in which have ended."""
        for number, process in tuple(self.running.items()):
            code = process.poll()
            if code == 0:
                del self.running[number]
            elif code is not None:
                self.tally.early += 1
                self.start(number)


def run(size: Size, *, pgbouncer: bool, prelude: str, settings: Sequence[str] = ()) -> Tally:
    """Do it all, and return what came of it."""
    tally, chance = Tally(), random.Random(size.seed)
    faults = Failing(rate=RATE, seed=size.seed)
    began = time.monotonic()
    with (
        a_cluster("synchronous_commit = off", "max_connections = 50", *settings) as cluster,
        Sandbox(duplicates="error-409", faults=faults) as sandbox,
        behind_pgbouncer(cluster) if pgbouncer else contextlib.nullcontext(cluster.url) as dsn,
        contextlib.ExitStack() as at_the_end,
    ):
        asyncio.run(PostgresLedger.migrate(cluster.url))
        plain = [f"--{name}={getattr(size, name)}" for name in ("changes", "workers", "seed", "silence")]
        command = [sys.executable, __file__, "--dsn", dsn, "--prelude", prelude, *plain]
        workers = Workers([*command, *["--pgbouncer"] * pgbouncer], sandbox.environment(), tally)
        at_the_end.callback(workers.end)
        for number in range(size.workers):
            workers.start(number)
        events = [("kill", (at + 1) / (size.kills + 1)) for at in range(size.kills)]
        events += [("crash", (at + 0.7) / (size.crashes + 1)) for at in range(size.crashes)]
        events += [("outage", (at + 0.5) / (size.outages + 1)) for at in range(size.outages)]
        events.sort(key=lambda event: event[1])
        while workers.running:
            time.sleep(0.02)
            workers.look()
            applied = len(sandbox.books.keys())
            while events and workers.running and applied >= events[0][1] * size.changes:
                kind, _ = events.pop(0)
                if kind == "kill":
                    workers.kill(chance)
                elif kind == "outage":
                    faults.down = time.monotonic() + OUTAGE
                    tally.outages += 1
                else:
                    cluster.crash()
                    cluster.start()
                    tally.crashes += 1
        tally.seconds = time.monotonic() - began
        tally.requests = sandbox.books.requests
        asyncio.run(_counted(cluster, size, tally))
        _compared(sandbox, size, tally)
    return tally


async def _counted(cluster: Cluster, size: Size, tally: Tally) -> None:
    """Compare what the ledger says with what was meant."""
    import asyncpg

    connection = await asyncpg.connect(cluster.url)
    found = {
        row["key"]: (row["state"], row["customer_id"], row["value"])
        for row in await connection.fetch("SELECT key, state, customer_id, value FROM bonifiq.change")
    }
    await connection.close()
    # The counter of pg_stat_database begins anew with each crash.
    tally.deadlocks = (cluster.folder / "log").read_text("utf-8", "replace").count("deadlock detected")
    for change in planned(size.changes):
        state, *stands = found.pop(change.change_key, ("", "", 0))
        done = state in ("applied", "already applied", "used elsewhere")
        if not done or stands != [change.customer_id, change.value]:
            tally.unaccounted.append(f"{change.change_key}: {state} {stands}")
    tally.unaccounted += found


def _compared(sandbox: Sandbox, size: Size, tally: Tally) -> None:
    """Compare the books with what was meant: each change once, in the order of its customer."""
    meant, found = defaultdict[str, list[str]](list), defaultdict[str, list[tuple[int, str]]](list)
    for change in planned(size.changes):
        effects = sandbox.books.effects(change.change_key)
        meant[change.customer_id].append(change.change_key)
        if not effects:
            tally.lost.append(change.change_key)
        if len(effects) > 1:
            tally.doubled.append(change.change_key)
        for effect in effects:
            found[effect.customer_id].append((effect.number, effect.key))
            if (effect.customer_id, effect.value) != (change.customer_id, change.value):
                tally.wrong.append(change.change_key)
    for customer, keys in meant.items():
        if [key for _, key in sorted(found[customer])] != keys:
            tally.disordered.append(customer)


def main() -> None:
    """Run it, or be one of its workers."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--changes", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--crashes", type=int, default=5)
    parser.add_argument("--outages", type=int, default=2)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--silence", type=float, default=owner.SILENCE, help="Seconds until a claim is free.")
    parser.add_argument("--pgbouncer", action="store_true", help="Put PgBouncer before the server.")
    parser.add_argument("--prelude", default="", help="Python that each worker runs first.")
    parser.add_argument("--dsn", help=argparse.SUPPRESS)
    parser.add_argument("--number", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    size = Size(
        given.changes, given.kills, given.crashes, given.outages, given.workers, given.seed, given.silence
    )
    if given.dsn is None:
        tally = run(size, pgbouncer=given.pgbouncer, prelude=given.prelude)
        shown = {name: value if not isinstance(value, list) else len(value) for name, value in _fields(tally)}
        print(
            json.dumps(
                {
                    **shown,
                    "examples": [
                        *tally.lost,
                        *tally.doubled,
                        *tally.wrong,
                        *tally.disordered,
                        *tally.unaccounted,
                    ][:5],
                }
            )
        )
        sys.exit(0 if tally.holds else 1)
    owner.SILENCE, owner.BEAT, writer.TICK = size.silence, size.silence / 4, size.silence / 4
    exec(given.prelude, {})
    sys.exit(0 if asyncio.run(work(given.dsn, given.number, size, pgbouncer=given.pgbouncer)) else 3)


def _fields(tally: Tally) -> Iterator[tuple[str, object]]:
    for name in tally.__slots__:
        if not name.startswith("_"):
            yield name, getattr(tally, name)


if __name__ == "__main__":
    main()
