"""Memory: that of `bonifiq apply` must not grow with the file."""

import asyncio
import csv
import subprocess
import sys
from pathlib import Path

from attrs import frozen

from bonifiq_async.verification.finding import Experiment, Figures, Finding, Lab, experiment, found
from bonifiq_async.verification.keyed_provider import TITLE, KeyedBench, keyed_bench

MARGIN = 24 * 2**20
"""Bytes by which two runs may differ at any length: the ledger's cache of pages (16 MB), and chance."""
PROCESSES = Path("/proc")
"""Where Linux tells of its processes; other systems have a command for it."""
A_CHANGE = 100
"""Bytes that one more change may cost: less than a change held in memory."""


@frozen
class Record:
    """The peaks of two runs in bytes, of `few` and of `many` changes, and the exit codes."""

    few: int
    many: int
    peaks: tuple[int, int]
    codes: tuple[int, int]
    requests: int


async def run(lab: Lab) -> Record:
    """Apply a short and a long file in children, and watch the resident memory of each."""
    few, many = lab.scale.few, lab.scale.many
    with keyed_bench("") as provider:
        first, one = await _peak(lab, provider, "few", few)
        second, two = await _peak(lab, provider, "many", many)
        return Record(few, many, (first, second), (one, two), provider.arrived())


async def _peak(lab: Lab, provider: KeyedBench, name: str, count: int) -> tuple[int, int]:
    with (lab.folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("customer_id", "value", "reason", "change_key"))
        writer.writerows(
            (f"{name}-{number}", "1.00", "memory", f"{name}-{number}") for number in range(count)
        )
    lab.tell(f"{count:,} changes")
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "bonifiq_async", "apply", f"{name}.csv", "--yes"),
        cwd=lab.folder,
        env=provider.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    peak = 0
    try:
        while child.returncode is None:
            peak = max(peak, await _resident(child.pid))
            await asyncio.sleep(0.05)
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    return peak, child.returncode


def _peak_of(status: Path) -> int:
    try:
        lines = [line.split() for line in status.read_text("utf-8").splitlines()]
    except OSError:
        return 0  # it has ended
    return next((int(line[1]) * 1024 for line in lines if line[:1] == ["VmHWM:"]), 0)


async def _resident(pid: int) -> int:
    """Return the peak of a process in bytes where the system tells it, else what it holds now; 0 if gone."""
    if (PROCESSES / "self").exists():
        return _peak_of(PROCESSES / str(pid) / "status")
    ps = await asyncio.create_subprocess_exec("ps", "-o", "rss=", "-p", str(pid), stdout=subprocess.PIPE)
    told, _ = await ps.communicate()
    return int(told.strip() or 0) * 1024


def bounded(record: Record) -> Finding:
    """The longer run needs no more, but for what the ledger keeps in memory at the most."""
    few, many = record.peaks
    allowed = MARGIN + A_CHANGE * (record.many - record.few)
    problems = [f"a run ended with exit code {code}" for code in record.codes if code != 0]
    if many - few > allowed:
        problems.append(f"{(many - few) / 2**20:.1f} MB more for {record.many - record.few:,} more changes")
    figures = Figures(changes=record.few + record.many, requests=record.requests, faults=0)
    note = f"peaks {few / 2**20:.1f} MB for {record.few:,} changes, {many / 2**20:.1f} MB for {record.many:,}"
    return found(figures, problems, met=few * many, note=note)


MEMORY: Experiment = experiment(
    "memory", TITLE, run, {"memory": ("memory does not grow with the number of changes", bounded)}
)
"""A short and a long run."""
