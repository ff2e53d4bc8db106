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

LIMITS = {"this client, single calls": 1.35, "this client, batch with SQLite ledger": 1.65}
"""A quarter above what was measured when they were set."""
TRIES = 3
"""A process can be unlucky for its whole life, as with its memory: what fails is measured in new ones."""
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


def passed(cells: dict[str, Cell], strictness: float) -> list[str]:
    """Return a sentence for each limit that is passed."""
    return [
        f"{name}: {cell.ratio.low:.2f} of bare aiohttp's CPU, the limit is {limit:.2f}."
        for name, cell in cells.items()
        if cell.ratio.low > (limit := LIMITS[name] / strictness)
    ]


def table(cells: dict[str, Cell], seen: dict[str, object]) -> Table:
    """Return what was measured."""
    rows = [
        (name, f"{cell.ratio.low:.2f}", f"{cell.ratio.median:.2f}", f"{LIMITS[name]:.2f}")
        for name, cell in cells.items()
    ]
    title = f"CPU of a change in that of bare aiohttp, {WIDTH} in flight, {LOOP}"
    return Table(title, ("client", "lowest ratio", "median", "limit"), rows, [said(seen)])


def main() -> None:
    """Measure, print the table, and fail when a limit is passed in every try."""
    options = parser().parse_args()
    for _ in range(TRIES):
        seen = machine("aiohttp")
        cells = ratios(Turns(options.runs, options.seconds))
        print(table(cells, seen).text(), flush=True)
        if not (over := passed(cells, options.strictness)):
            return
    sys.exit("\n".join([f"A change has become dearer, {TRIES} times out of {TRIES}.", *over]))


if __name__ == "__main__":
    main()
