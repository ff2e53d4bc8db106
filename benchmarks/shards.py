"""A file in shards: every change made once though workers are killed, and the memory that a worker needs.

Two files are applied by `bonifiq apply --shards`, one of 10,000 rows and a large one, against the sandbox in
a process of its own and a ledger in PostgreSQL; workers are killed (SIGKILL) while they are at work. In the
end the books must have each change once; else this ends with 1. The whole size is

    python benchmarks/shards.py --rows 1000000
"""

import argparse
import csv
import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from multiprocessing.connection import Connection
from pathlib import Path

from attrs import asdict, frozen

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "support"))

from postgres import SERVER, a_schema, by_sql

from bonifiq_async.ledger.postgres.database import Database
from bonifiq_async.sandbox import FaultScript, Sandbox

SMALL = 10_000
LOOKED = 0.25
"""Seconds between two looks at the workers."""


@frozen
class Applied:
    """What came of a file; `peak` is the most memory that a worker had resident, in MiB."""

    rows: int
    shards: int
    kills: int
    seconds: float
    a_second: float
    requests: int
    doubled: int
    lost: int
    wrong: int
    exit_code: int
    peak: float

    @property
    def holds(self) -> bool:
        """Whether each change was made once, and the command says so."""
        return not (self.doubled or self.lost or self.wrong or self.exit_code)


def written(path: Path, rows: int) -> None:
    """Write a file of so many changes, twenty of each customer."""
    customers = max(1, rows // 20)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("customer_id", "value", "reason", "reference"))
        writer.writerows(
            (f"c{n % customers}@example.com", f"{n % 997 + 1}.00", "campaign", f"o{n}") for n in range(rows)
        )


def provide(line: Connection, rate: float) -> None:
    """Run the sandbox until the line says so, and send what its books have."""
    with Sandbox(faults=FaultScript(rate=rate, seed=1)) as sandbox:
        line.send(dict(sandbox.environment()))
        line.recv()
        made, value = Counter[str](), Decimal(0)
        for _, amount, key in sandbox.booked():
            made[key] += 1
            value += amount
        line.send((sandbox.books.requests, len(made), sum(made.values()) - len(made), str(value)))


@contextmanager
def provider(rate: float) -> Iterator[tuple[Connection, Mapping[str, str]]]:
    """Give the line to a sandbox in a process of its own, and the environment that points to it."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=provide, args=(there, rate), daemon=True)
    process.start()
    try:
        yield here, here.recv()
    finally:
        process.terminate()
        process.join()


def workers(database: Database) -> Mapping[int, int]:
    """Return the numbers of the processes that have a shard, by shard."""
    found = by_sql(database, "SELECT number, owner FROM shard WHERE owner IS NOT NULL AND done IS NULL")
    return {int(str(number)): int(re.findall(r"\d+", str(owner))[0]) for number, owner in found}


def peak_of(process: int) -> float:
    """Return the most that a process had resident, in MiB (proc(5), VmHWM); 0 for one that is gone."""
    try:
        [line] = [
            each
            for each in Path(f"/proc/{process}/status").read_text("ascii").splitlines()
            if each.startswith("VmHWM")
        ]
    except (OSError, ValueError):
        return 0.0
    return int(line.split()[1]) / 1024


def applied(rows: int, shards: int, kills: int, rate: float, server: str) -> Applied:
    """Apply a file of so many rows, and return what came of it."""
    with (
        tempfile.TemporaryDirectory() as folder,
        a_schema(server) as database,
        provider(rate) as (line, settings),
    ):
        written(Path(folder) / "changes.csv", rows)
        url = f"{server}?schema={database.schema}"
        command = [sys.executable, "-m", "bonifiq_async", "apply", "changes.csv", "--yes", "--ledger", url]
        began = time.monotonic()
        run = subprocess.Popen(
            [*command, "--shards", str(shards)],
            cwd=folder,
            env={**os.environ, **settings},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        peaks = watched(run, database, rows, kills)
        seconds = time.monotonic() - began
        line.send("close")
        requests, made, doubled, value = line.recv()
    expected = sum(n % 997 + 1 for n in range(rows))
    wrong = int(Decimal(value) != expected)
    return Applied(
        rows,
        shards,
        kills,
        round(seconds, 1),
        round(rows / seconds, 1),
        requests,
        doubled,
        rows - made,
        wrong,
        run.returncode,
        round(max(peaks.values(), default=0.0), 1),
    )


def watched(run: "subprocess.Popen[bytes]", database: Database, rows: int, kills: int) -> Mapping[int, float]:
    """Wait for the end of a run, and kill workers meanwhile, evenly spread; return each one's peak."""
    peaks: dict[int, float] = {}
    killed = 0
    while run.poll() is None:
        here = workers(database)
        for process in here.values():
            peaks[process] = max(peaks.get(process, 0.0), peak_of(process))
        if killed < kills:
            [(ended,)] = by_sql(database, "SELECT count(*) FROM change WHERE state <> 'claimed'")
            if int(str(ended)) > rows * (killed + 1) / (kills + 1) and here:
                os.kill(sorted(here.items())[killed % len(here)][1], signal.SIGKILL)
                killed += 1
        time.sleep(LOOKED)
    return peaks


def main() -> None:
    """Apply both files, and print what came of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000, help="of the large file")
    parser.add_argument("--small", type=int, default=SMALL, help="rows of the small file")
    parser.add_argument("--shards", type=int, default=4)
    parser.add_argument("--kills", type=int, default=2, help="workers that are killed, of the large file")
    parser.add_argument("--rate", type=float, default=0.05, help="share of the requests that fail")
    parser.add_argument("--postgres", default=SERVER, metavar="URL")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    small = applied(given.small, given.shards, 0, given.rate, given.postgres)
    large = applied(given.rows, given.shards, given.kills, given.rate, given.postgres)
    if given.json:
        print(
            json.dumps({"files": [asdict(small), asdict(large)], "more": round(large.peak - small.peak, 1)})
        )
    else:
        for each in (small, large):
            print(
                f"{each.rows:,} rows in {each.shards} shards, {each.kills} workers killed:"
                f" {each.seconds:,} s, {each.a_second:,} changes a second, {each.requests:,} requests;"
                f" {each.lost} lost, {each.doubled} doubled, exit code {each.exit_code};"
                f" a worker needs {each.peak} MiB"
            )
        print(f"The large file needs {large.peak - small.peak:+.1f} MiB a worker.")
        print(f"load averages {os.getloadavg()}")
    sys.exit(0 if small.holds and large.holds else 1)


if __name__ == "__main__":
    main()
