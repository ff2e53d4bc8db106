"""CPU and time until the library is imported, and until `bonifiq --help` has ended.

Each command is a process of its own, run in turns with an interpreter that does nothing, whose cost is
taken off, and with one that imports aiohttp, which is the measure.
"""

import argparse
import subprocess
import sys

from attrs import frozen
from method import MARKED, Ended, Figure, command, machine, said
from table import Table, arguments, show

from bonifiq_async._pages.pictures import Bar, bars

NOTHING, MEASURE = "python, nothing imported", "import aiohttp"
COMMANDS = {
    NOTHING: ["-c", "pass"],
    MEASURE: ["-c", "import aiohttp"],
    "import bonifiq_async": ["-c", "import bonifiq_async"],
    "import a client": ["-c", "from bonifiq_async import BonifiQClient"],
    "import client, batch and ledger": [
        "-c",
        "from bonifiq_async import BonifiQClient, CashbackBatch, SqliteLedger",
    ],
    "bonifiq --help": ["-m", "bonifiq_async", "--help"],
}


@frozen
class Start:
    """What a command takes: seconds of CPU, of time, and its CPU in that of the measure, net of Python."""

    cpu: Figure
    elapsed: Figure
    ratio: Figure

    def values(self) -> dict[str, object]:
        """Return what a program reads."""
        figures = {"cpu_s": self.cpu, "elapsed_s": self.elapsed, "ratio": self.ratio}
        return {name: figure.values() for name, figure in figures.items()}


def parser() -> argparse.ArgumentParser:
    """Return the options."""
    made = arguments(__doc__)
    made.add_argument("--runs", type=int, default=15, help="of each, in turns")
    return made


def run(name: str) -> Ended:
    """Run a command once."""
    ended = command([sys.executable, *COMMANDS[name]], to=subprocess.DEVNULL)
    if ended.code:
        raise RuntimeError(f"{name}: exit code {ended.code}")
    return ended


def found(options: argparse.Namespace) -> dict[str, Start]:
    """Measure everything. The first round fills the caches and is not counted."""
    rounds = [{name: run(name) for name in COMMANDS} for _ in range(options.runs + 1)][1:]
    starts = {}
    for name in COMMANDS:
        net = ((each[name].cpu - each[NOTHING].cpu, each[MEASURE].cpu - each[NOTHING].cpu) for each in rounds)
        starts[name] = Start(
            Figure.of(each[name].cpu for each in rounds),
            Figure.of(each[name].elapsed for each in rounds),
            Figure.of(own / other for own, other in net),
        )
    return starts


def tables(starts: dict[str, Start], seen: dict[str, object]) -> list[Table]:
    """Return the table."""
    rows = [
        (
            name,
            f"{1000 * start.cpu.median:.0f} ms{start.cpu.mark}",
            f"{1000 * start.elapsed.median:.0f} ms{start.elapsed.mark}",
            "" if name == NOTHING else f"{start.ratio.median:.2f}",
        )
        for name, start in starts.items()
    ]
    notes = [
        said(seen),
        MARKED,
    ]
    columns = ("command", "CPU", "time", "CPU net of Python, of import aiohttp")
    return [Table("What it takes to start", columns, rows, notes)]


def chart(starts: dict[str, Start]) -> str:
    """Return the chart."""
    rows = [
        Bar(
            name,
            start.cpu.median,
            f"{1000 * start.cpu.median:.0f} ms{start.cpu.mark}",
            start.cpu.low,
            start.cpu.high,
            "bonifiq" in " ".join(COMMANDS[name]),
        )
        for name, start in starts.items()
    ]
    return bars(
        "CPU until it is there", "a process of its own each: median of the runs, and their spread", rows
    )


def main() -> None:
    """Measure, and print the table."""
    options = parser().parse_args()
    seen = machine("aiohttp", "typer")
    starts = found(options)
    data = {"machine": seen, "rows": [{"command": name} | start.values() for name, start in starts.items()]}
    show(options, data, tables(starts, seen), chart(starts))


if __name__ == "__main__":
    main()
