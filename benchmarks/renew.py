"""Measure everything anew, and put the figures where they are shown: the README and the charts here.

Takes about a quarter of an hour on a quiet machine. The text between `<!-- figures: NAME -->` and
`<!-- end -->` is replaced.
"""

import argparse
import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import batch
import delay
import faults
import overhead
import start
from attrs import frozen
from method import machine
from table import Table

HERE = Path(__file__).parent
PAGE = HERE / "README.md"


@frozen
class Measured:
    """The tables of a benchmark, and its chart."""

    tables: Sequence[Table]
    chart: str


def _overhead(options: Sequence[str]) -> Measured:
    found = overhead.found(overhead.parser().parse_args(options))
    return Measured(overhead.tables(found), overhead.chart(found))


def _batch(options: Sequence[str]) -> Measured:
    seen, runs = machine("aiohttp", "uvloop"), batch.found(batch.parser().parse_args(options))
    return Measured(batch.tables(runs, seen), batch.chart(runs))


def _start(options: Sequence[str]) -> Measured:
    seen, starts = machine("aiohttp", "typer"), start.found(start.parser().parse_args(options))
    return Measured(start.tables(starts, seen), start.chart(starts))


def _faults(options: Sequence[str]) -> Measured:
    asked, seen = faults.parser().parse_args(options), machine("aiohttp")
    by_share, in_outage = faults.shares(asked), faults.outages(asked)
    return Measured(faults.tables(by_share, in_outage, seen), faults.chart(by_share))


def _delay(options: Sequence[str]) -> Measured:
    asked, seen = delay.parser().parse_args(options), machine("aiohttp")
    runs = delay.found(asked)
    return Measured([delay.table(runs, asked, seen)], delay.chart(runs))


def _printed(name: str, options: Sequence[str]) -> str:
    command = [sys.executable, str(HERE / f"{name}.py"), *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    asked = " ".join(["python", f"benchmarks/{name}.py", *options])
    return f"`{asked}`\n\n```text\n{done.stdout.rstrip()}\n```"


BENCHMARKS: Mapping[str, Callable[[Sequence[str]], Measured]] = {
    "overhead": _overhead,
    "batch": _batch,
    "start": _start,
    "faults": _faults,
    "delay": _delay,
}
ONE_RUN = ("batch", "delay")
"""Benchmarks that make one run of each."""
PRINTED = ("ledger", "resume", "flow")
"""Benchmarks that are shown as they print themselves."""


def section(name: str, tables: Sequence[Table], options: Sequence[str]) -> str:
    """Return the text of the section that shows these tables, with the command that made them."""
    command = f"`{' '.join(['python', f'benchmarks/{name}.py', *options])}`"
    return "\n\n".join([command, *(table.text() for table in tables)])


def put(page: str, name: str, text: str) -> str:
    """Return `page` with `text` in the section of that name, if it has one."""
    between = re.compile(rf"(<!-- figures: {re.escape(name)} -->\n).*?(<!-- end -->)", re.DOTALL)
    return between.sub(lambda found: f"{found[1]}\n{text}\n\n{found[2]}", page)


def main() -> None:
    """Measure, and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    every = [*BENCHMARKS, *PRINTED]
    parser.add_argument("names", nargs="*", default=every, metavar="NAME", help=f"of {', '.join(every)}")
    parser.add_argument(
        "--million", action="store_true", help="`batch` and `resume` with 1,000,000 changes, too"
    )
    parser.add_argument("--runs", type=int, help="of each, where there are several (default: each its own)")
    options = parser.parse_args()
    if unknown := sorted(set(options.names) - set(every)):
        sys.exit(f"There is no {', '.join(unknown)}; there are {', '.join(every)}.")
    sizes = ["--sizes", "10000", "100000", "1000000"] if options.million else []
    runs = [] if options.runs is None else ["--runs", str(options.runs)]
    for name in options.names:
        if name in PRINTED:
            own = ["--rows", "10000", "1000000"] if name == "resume" and options.million else []
            shown = _printed(name, own)
        else:
            own = (sizes if name == "batch" else []) if name in ONE_RUN else runs
            measured = BENCHMARKS[name](own)
            (HERE / f"{name}.svg").write_text(measured.chart, "utf-8")
            shown = section(name, measured.tables, own)
        PAGE.write_text(put(PAGE.read_text("utf-8"), name, shown), "utf-8")
        print(shown, flush=True)


if __name__ == "__main__":
    main()
