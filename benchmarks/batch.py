"""Files of many changes through `bonifiq apply`, with its ledger: speed, memory, CPU and disk.

Each size is a process of its own, the command as it is installed; what it takes to start and to check the
file is in the figures. Peak memory is what the system counted (`ru_maxrss`).
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

from attrs import asdict, frozen
from method import command, machine, provider, said
from table import Table, arguments, show

from bonifiq_async._pages.pictures import Bar, bars

CUSTOMERS = 0.8
"""Of the changes: some customers have several."""
MIB = 1024 * 1024
ENVIRONMENT = {"BONIFIQ_API_TOKEN": "t", "BONIFIQ_API_KEY": "k"}


@frozen
class Run:
    """One file: bytes of peak memory and of the ledger with its log, seconds of CPU and of time, requests."""

    changes: int
    elapsed: float
    cpu: float
    peak: int
    ledger: int
    requests: int


def parser() -> argparse.ArgumentParser:
    """Return the options."""
    made = arguments(__doc__)
    made.add_argument(
        "--sizes", type=int, nargs="+", default=[10_000, 100_000], metavar="N", help="changes in each file"
    )
    made.add_argument("--in-flight", type=int, default=256, metavar="N", help="at most; it adapts")
    made.add_argument("--no-ledger", action="store_true")
    return made


def write(path: Path, changes: int) -> None:
    """Write a file of changes."""
    customers = max(1, int(changes * CUSTOMERS))
    with path.open("w", encoding="utf-8") as file:
        file.write("customer_id,value,reason,reference\n")
        for number in range(changes):
            customer = f"customer-{number % customers}@example.com"
            file.write(f"{customer},{number % 9000 / 100 + 1:.2f},spring,order-{number}\n")


def run(options: argparse.Namespace, changes: int, folder: Path) -> Run:
    """Apply a file of `changes` changes, each of which must be applied with one request."""
    file, out = folder / f"{changes}.csv", folder / f"{changes}.jsonl"
    write(file, changes)
    line = [sys.executable, "-m", "bonifiq_async", "apply", str(file), "--yes", "--json", "--out", str(out)]
    line += ["--max-in-flight", str(options.in_flight), *(["--no-ledger"] if options.no_ledger else [])]
    with provider() as server, (folder / "said").open("wb+") as said:
        environment = os.environ | ENVIRONMENT | {"BONIFIQ_BASE_URL": server.url}
        ended = command(line, to=said, environment=environment)
        said.seek(0)
        applied = json.loads(said.read() or b"{}").get("effects", {}).get("applied", {}).get("changes")
        if ended.code or applied != changes:
            raise RuntimeError(f"exit code {ended.code}: {applied} of {changes} changes were applied")
        ledger = sum(each.stat().st_size for each in folder.glob(f"{file.name}.ledger*"))
        return Run(changes, ended.elapsed, ended.cpu, ended.peak, ledger, server.requests())


def found(options: argparse.Namespace) -> list[Run]:
    """Measure every size."""
    runs = []
    for changes in options.sizes:
        with tempfile.TemporaryDirectory() as folder:
            runs.append(run(options, changes, Path(folder)))
    return runs


def tables(runs: list[Run], seen: dict[str, object]) -> list[Table]:
    """Return the table."""
    rows = [
        (
            f"{each.changes:,}",
            f"{each.changes / each.elapsed:,.0f}",
            f"{1e6 * each.cpu / each.changes:,.0f} us",
            f"{each.peak / MIB:.1f} MiB",
            f"{(each.peak - runs[0].peak) / MIB:+.1f} MiB",
            f"{each.ledger / MIB:.1f} MiB",
            f"{each.ledger / each.changes:.0f} B",
            f"{each.requests / each.changes:.4f}",
        )
        for each in runs
    ]
    columns = ("changes", "a second", "CPU a change", "peak memory", "beyond the first", "ledger", "a change")
    title = "Files through `bonifiq apply`, from start to end, the check of the file included"
    return [Table(title, (*columns, "requests a change"), rows, [said(seen), "One run each."])]


def chart(runs: list[Run]) -> str:
    """Return the chart."""
    rows = [
        Bar(f"{each.changes:,} changes", peak := each.peak / MIB, f"{peak:.1f} MiB", peak, peak, ours=True)
        for each in runs
    ]
    return bars("Peak memory of bonifiq apply", "one process for each file, ledger and outcome file on", rows)


def main() -> None:
    """Measure, and print the table."""
    options = parser().parse_args()
    seen = machine("aiohttp", "uvloop")
    runs = found(options)
    show(options, {"machine": seen, "rows": [asdict(each) for each in runs]}, tables(runs, seen), chart(runs))


if __name__ == "__main__":
    main()
