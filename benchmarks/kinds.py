"""How much of each kind of limit is used, in virtual time with three seeds: a table, or a picture.

The simulation is that of the tests: `tests/support/limits.py` has the kinds, with their goals.
"""

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import median

from bonifiq_async._pages.pictures import Bar, bars

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests" / "support"))
from limits import Kind, all_kinds  # noqa: E402 - the path comes first

PICTURE = ROOT / "docs" / "explanation" / "adaptive-limit.svg"
SEEDS = (1, 2, 3)
SHOWN = (
    "100/s, burst 0.0 s, asks 1 s",
    "100/s, burst 0.1 s, asks 1 s",
    "100/s, burst 1.0 s, asks 1 s",
    "100 each second, asks 1 s",
    "100/s, burst 0.2 s, asks 2 s",
    "100/s, burst 0.2 s, asks none",
    "3000 each minute, asks 1.0",
    "240/s, burst 1.0 s, by three each 20 s, asks 1.0",
    "240/s, burst 0.2 s, by three each 20 s, asks 1.0",
    "2% 429 by chance, asks 1.0",
    "5% 503 by chance, asks 0.05",
    "5% 429 by chance, asks None",
    "32 at once, 503 beyond",
    "latency rises beyond 32",
    "32 at once, halved, restored",
    "two runs, 100/s, burst 1 s",
)
"""The kinds in the picture."""


def reached(name: str, seed: int) -> tuple[float, float]:
    """Return the shares that are used and turned away."""
    kind = kinds([name])[0]
    simulation, until = kind.simulation(seed), kind.since + kind.seconds
    return simulation.used(kind.since, until), simulation.turned_away(kind.since, until)


def kinds(names: Sequence[str]) -> list[Kind]:
    """Return the kinds of these names."""
    return [each for each in all_kinds() if each.name in names]


def main() -> None:
    """Print the table, or draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", default="", help="kinds whose name has this in it")
    parser.add_argument("--svg", action="store_true", help="draw the picture of docs/ instead")
    options = parser.parse_args()
    names = SHOWN if options.svg else [each.name for each in all_kinds() if options.only in each.name]
    drawn = []
    with ProcessPoolExecutor() as pool:
        jobs = {each.name: [pool.submit(reached, each.name, seed) for seed in SEEDS] for each in kinds(names)}
        for kind in kinds(names):
            used, away = zip(*(job.result() for job in jobs[kind.name]), strict=True)
            short = median(used) < kind.used or median(away) > kind.away
            text = f"{median(used):.0%}, turned away {median(away):.1%}"
            drawn.append(
                Bar(
                    kind.name,
                    min(1.0, median(used)),
                    text,
                    *(min(1.0, end(used)) for end in (min, max)),
                    True,
                )
            )
            if not options.svg:
                goal = f"(>= {kind.used:.0%}), turned away {median(away):6.2%} (<= {kind.away:.0%})"
                print(f"{'!' if short else ' '} {kind.name:50} used {median(used):6.1%} {goal}", flush=True)
    if options.svg:
        note = "simulated, medians of three seeds; a line shows how they spread"
        PICTURE.write_text(bars("What is used of what a provider allows", note, drawn), "utf-8")


if __name__ == "__main__":
    main()
