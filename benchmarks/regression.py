"""The gate: fails when a change has become clearly dearer than it was, in CPU of bare aiohttp's call.

Short runs in turns, in one go. What disturbs a machine makes single runs dearer, never cheaper, so the
lowest of the ratios is compared with the limit.
"""

import argparse
import sys

from contestants import BY_NAME, MEASURE
from method import machine, provider, said
from overhead import Cell, Turns, round_robin
from table import Table

LIMITS = {"this client, single calls": 9.0, "this client, batch with SQLite ledger": 9.0}
"""A quarter above what was measured when they were set."""
WIDTH, LOOP = 64, "asyncio"


def parser() -> argparse.ArgumentParser:
    """Return the options."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--runs", type=int, default=5, help="of each, in turns")
    made.add_argument("--seconds", type=float, default=0.15, help="of CPU for each run, about")
    made.add_argument("--strictness", type=float, default=1.0, help="divides the limits, to see it fail")
    return made


def ratios(turns: Turns) -> dict[str, Cell]:
    """Measure what has a limit, and bare aiohttp."""
    contestants = [BY_NAME[name] for name in (MEASURE, *LIMITS)]
    with provider() as server:
        runs = round_robin(contestants, server, (LOOP, WIDTH), turns, [])
    return {name: Cell.of(runs[name], runs[MEASURE]) for name in LIMITS}


def main() -> None:
    """Measure, print the table, and fail when a limit is passed."""
    options = parser().parse_args()
    seen = machine("aiohttp")
    cells = ratios(Turns(options.runs, options.seconds))
    rows, passed = [], []
    for name, cell in cells.items():
        limit, lowest = LIMITS[name] / options.strictness, cell.ratio.low
        rows.append((name, f"{lowest:.2f}", f"{cell.ratio.median:.2f}", f"{limit:.2f}"))
        if lowest > limit:
            passed.append(f"{name}: {lowest:.2f} of bare aiohttp's CPU, the limit is {limit:.2f}.")
    columns = ("client", "lowest ratio", "median", "limit")
    table = Table(
        f"CPU of a change in that of bare aiohttp, {WIDTH} in flight, {LOOP}", columns, rows, [said(seen)]
    )
    print(table.text())
    if passed:
        sys.exit("\n".join(["A change has become dearer.", *passed]))


if __name__ == "__main__":
    main()
