"""A file applied again: rows a second, and the peak memory, of the command as a process of its own.

`check` reads and validates a file. `resume` applies one whose rows all stand in the ledger as applied (which
is filled directly, not by a run); with `--out` it also writes a line for each. `fresh` applies one for the
first time, to a server that sends a canned answer. Each is run at two sizes: the rates are of the rows that
the larger has more, so that starting up does not count, and the peaks are to be the same.
"""

import argparse
import contextlib
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from attrs import asdict, frozen
from provider import serve

from bonifiq_async import BasicCredentials, BonifiQClient
from bonifiq_async.bonifiq.customers import request_digest
from bonifiq_async.bonifiq.operations import CHANGE_CASHBACK
from bonifiq_async.cli.files.rows import Problem, Source
from bonifiq_async.ledger.protocol import Row, State
from bonifiq_async.ledger.sqlite import connection
from bonifiq_async.ledger.sqlite.header import bind
from bonifiq_async.ledger.sqlite.row import Entry, put

TOKEN, KEY = "t", "k"
NOWHERE = "http://127.0.0.1:9"
"""An address without a server: what is applied is not sent."""
CUSTOMERS = 20_000
CHILD = """
import atexit, pathlib, resource, sys

figures = pathlib.Path(sys.argv.pop(1))

def tell():
    used, status = resource.getrusage(resource.RUSAGE_SELF), pathlib.Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    # On Linux, getrusage may give the peak of the process that started this one.
    peak = next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), used.ru_maxrss)
    figures.write_text(f"{used.ru_utime + used.ru_stime} {peak}")

atexit.register(tell)
sys.argv[0] = "bonifiq"
from bonifiq_async.cli import main
main()
"""


@frozen
class Run:
    """One run of the command: seconds, seconds of CPU, and the peak of its resident memory in KiB."""

    rows: int
    wall: float
    cpu: float
    peak: int


def written(path: Path, rows: int) -> Path:
    """Return a file of `rows` changes, each of an order of its own."""
    with path.open("w") as file:
        file.write("customer_id,value,reason,reference\n")
        file.writelines(
            f"c{number % CUSTOMERS}@example.com,{number % 50 + 1}.50,campaign,order-{number}\n"
            for number in range(rows)
        )
    return path


def fill(file: Path, ledger: Path) -> None:
    """Make a ledger in which every row of `file` is applied."""
    client = BonifiQClient(BasicCredentials(TOKEN, KEY), base_url=NOWHERE)

    owner = "process 12345 on a-host [0123abcd/4026531836 1234567 abcdef01]"
    answer = "cashback_balance=10.5 points_balance=1050"
    with contextlib.closing(connection.opened(ledger)) as database:
        database.execute("BEGIN")
        bind(database, client.account)
        for row in Source(file, file.name, "csv").rows():
            assert not isinstance(row, Problem)
            request = client.customers.prepared(row)
            stands = Row(
                request_digest(row), State.APPLIED, False, 1, owner, 1e9, 1e9, row.customer_id, row.value
            )
            place = (CHANGE_CASHBACK.name, row.change_key)
            put(database, Entry(*place, stands, request.path, request.body or b"", 1e9, 1, answer))
        database.execute("COMMIT")


def run(rows: int, *command: str | Path, url: str = NOWHERE) -> Run:
    """Run the command, which must end well, in a process of its own."""
    with tempfile.NamedTemporaryFile() as figures:
        settings = {"BONIFIQ_BASE_URL": url, "BONIFIQ_API_TOKEN": TOKEN, "BONIFIQ_API_KEY": KEY}
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, "-c", CHILD, figures.name, *command],
            env={**os.environ, **settings},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )
        wall = time.perf_counter() - began
        cpu, peak = Path(figures.name).read_text().split()
        return Run(rows, wall, float(cpu), int(peak))


def measured(folder: Path, sizes: tuple[int, int], fresh: tuple[int, int]) -> Mapping[str, tuple[Run, Run]]:
    """Return the runs of each kind, the small one and the large one."""
    found: dict[str, list[Run]] = {}
    for rows in sizes:
        file, ledger = written(folder / f"{rows}.csv", rows), folder / f"{rows}.ledger"
        builder = multiprocessing.get_context("spawn").Process(target=fill, args=(file, ledger))
        builder.start()
        builder.join()
        again = ("apply", file, "--yes", "--ledger", ledger)
        found.setdefault("check", []).append(run(rows, "check", file))
        found.setdefault("resume", []).append(run(rows, *again))
        out = folder / f"{rows}.jsonl"
        found.setdefault("resume with --out", []).append(run(rows, *again, "--out", out))
    here, there = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(there,), daemon=True)
    server.start()
    url = f"http://127.0.0.1:{here.recv()}"
    for rows in fresh:
        file = written(folder / f"fresh-{rows}.csv", rows)
        found.setdefault("fresh", []).append(run(rows, "apply", file, "--yes", url=url))
    server.terminate()
    return {name: (small, large) for name, (small, large) in found.items()}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, nargs=2, default=(10_000, 200_000), help="two sizes")
    parser.add_argument("--fresh", type=int, nargs=2, default=(2_000, 20_000), help="two sizes for fresh")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measured(Path(folder), tuple(options.rows), tuple(options.fresh))
    if options.json:
        print(json.dumps({name: [asdict(each) for each in runs] for name, runs in found.items()}))
        return
    print("                         rows      wall       CPU       peak |   more rows: us CPU, rows a second")
    for name, (small, large) in found.items():
        for each in (small, large):
            print(
                f"{name:18} {each.rows:10,} {each.wall:7.2f} s {each.cpu:7.2f} s {each.peak / 1024:6.1f} MiB",
                end="\n" if each is small else " | ",
            )
        more = large.rows - small.rows
        cpu, wall = large.cpu - small.cpu, large.wall - small.wall
        print(
            f"{1e6 * cpu / more:6.1f} us {more / wall:10,.0f}/s, {(large.peak - small.peak) / 1024:+.1f} MiB"
        )


if __name__ == "__main__":
    main()
