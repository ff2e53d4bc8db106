"""The gate: fails when a change clearly costs more than before, relative to the CPU of a bare aiohttp call.

Short runs in turns, in one go. A disturbance makes runs slower, never faster, so the cheapest
run of each is compared: their ratio is held against the limit.
"""

import argparse
import sys

from contestants import BY_NAME, MEASURE
from method import machine, provider, said
from overhead import Turns, round_robin
from table import Table

LIMITS = {"this client, single calls": 1.5, "this client, batch with SQLite ledger": 1.95}
"""A quarter and more above what was measured when they were set: 1.20 and 1.51, on a busy machine."""
TRIES = 3
"""Chance can slow a process for its whole life, as by its memory: a failure is measured again in new ones."""
WIDTH, LOOP = 64, "asyncio"


def parser() -> argparse.ArgumentParser:
    """Return the options."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--runs", type=int, default=5, help="of each, in turns")
    made.add_argument("--seconds", type=float, default=0.15, help="of CPU for each run, about")
    made.add_argument("--strictness", type=float, default=1.0, help="divides the limits, to see it fail")
    return made


def ratios(turns: Turns) -> dict[str, float]:
    """Measure what has a limit, in that of bare aiohttp."""
    contestants = [BY_NAME[name] for name in (MEASURE, *LIMITS)]
    with provider() as server:
        runs = round_robin(contestants, server, (LOOP, WIDTH), turns, [])
    cheapest = {name: min(run.cpu for run in made) for name, made in runs.items()}
    return {name: cheapest[name] / cheapest[MEASURE] for name in LIMITS}


def passed(found: dict[str, float], limits: dict[str, float]) -> list[str]:
    """Return a sentence for each limit that is passed."""
    return [
        f"{name}: {ratio:.2f} of bare aiohttp's CPU, the limit is {limits[name]:.2f}."
        for name, ratio in found.items()
        if ratio > limits[name]
    ]


def table(found: dict[str, float], limits: dict[str, float], seen: dict[str, object]) -> Table:
    """Return what was measured."""
    rows = [(name, f"{ratio:.2f}", f"{limits[name]:.2f}") for name, ratio in found.items()]
    title = f"CPU of a change in that of bare aiohttp, {WIDTH} in flight, {LOOP}: the cheapest runs"
    return Table(title, ("client", "ratio", "limit"), rows, [said(seen)])


def main() -> None:
    """Measure, print the table, and fail when a limit is passed in every try."""
    options = parser().parse_args()
    limits = {name: limit / options.strictness for name, limit in LIMITS.items()}
    for _ in range(TRIES):
        seen, found = machine("aiohttp"), ratios(Turns(options.runs, options.seconds))
        print(table(found, limits, seen).text(), flush=True)
        if not (over := passed(found, limits)):
            return
    sys.exit("\n".join([f"A change has become dearer, {TRIES} times out of {TRIES}.", *over]))


if __name__ == "__main__":
    main()
