"""Client CPU of one cashback change, in this client and in others, against bare aiohttp.

This client's is typed, keyed, retried, deadline-bound and recorded in a ledger; bare aiohttp is a post and
`await response.json()`. All run in turns, each in a process of its own, against one provider with a
canned answer. What is not installed is left out, with a sentence.
"""

import argparse
import importlib.util
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from attrs import define, evolve, field, frozen
from contestants import BY_NAME, CONTESTANTS, MEASURE, Contestant, measure
from generated import CONTRACT, generate
from method import MARKED, Figure, Host, Provider, Reading, Worker, loops, machine, provider, said
from table import Table, arguments, show

from bonifiq_async._pages.pictures import Bar, bars

FEWEST = 100
"""Changes of the first run, which is not counted: it warms up, and gives the number of a run."""
PACKAGES = ["aiohttp", "uvloop", "backoff", "aiohttp-retry", "httpx"]
PACKAGES += ["openapi-generator-cli", "openapi-python-client"]
CHARTED = 64
COST = "Client CPU of one cashback change, and times bare aiohttp's"
SPEED = "Changes a second, the client on one core and the provider on another"


@frozen
class Cell:
    """One contestant, with a number of calls in flight on one event loop."""

    cpu: Figure
    ratio: Figure
    rate: Figure

    @classmethod
    def of(cls, runs: Sequence[Reading], against: Sequence[Reading]) -> "Cell":
        """Sum up: microseconds of CPU, its ratio to the measure in the same round, changes a second."""
        ratios = (one.cpu / other.cpu for one, other in zip(runs, against, strict=True))
        return cls(
            Figure.of(1e6 * run.cpu for run in runs),
            Figure.of(ratios),
            Figure.of(1 / run.elapsed for run in runs),
        )

    def values(self) -> dict[str, object]:
        """Return what a program reads."""
        return {"cpu_us": self.cpu.values(), "ratio": self.ratio.values(), "rate": self.rate.values()}


@define
class Found:
    """All that was measured: cells by contestant, event loop and calls in flight."""

    machine: dict[str, object]
    cells: dict[tuple[str, str, int], Cell] = field(factory=dict)
    skipped: list[str] = field(factory=list)

    def data(self) -> dict[str, object]:
        """Return what a program reads."""
        rows = [
            {"client": name, "loop": loop, "in_flight": width} | cell.values()
            for (name, loop, width), cell in self.cells.items()
        ]
        return {"machine": self.machine, "rows": rows, "skipped": self.skipped}

    @property
    def names(self) -> list[str]:
        """The contestants."""
        return list(dict.fromkeys(name for name, _, _ in self.cells))

    @property
    def loops(self) -> list[str]:
        """The event loops."""
        return list(dict.fromkeys(loop for _, loop, _ in self.cells))

    @property
    def widths(self) -> list[int]:
        """How many were in flight."""
        return list(dict.fromkeys(width for _, _, width in self.cells))


def parser() -> argparse.ArgumentParser:
    """Return the options."""
    made = arguments(__doc__)
    made.add_argument("--in-flight", type=int, nargs="+", default=[1, 8, 64, 256], metavar="N")
    made.add_argument("--loops", nargs="+", default=["asyncio", "uvloop"], choices=["asyncio", "uvloop"])
    made.add_argument("--runs", type=int, default=7, help="of each, in turns")
    made.add_argument("--seconds", type=float, default=0.4, help="of CPU for each run, about")
    made.add_argument("--only", nargs="+", default=[""], metavar="PART", help="clients with this in the name")
    made.add_argument("--contract", type=Path, default=CONTRACT, help="what clients are generated from")
    return made


def found(options: argparse.Namespace) -> Found:
    """Measure everything."""
    result, turns = Found(machine(*PACKAGES)), Turns(options.runs, options.seconds)
    host = Host.since_now()
    wanted = [
        each
        for each in CONTESTANTS
        if each.name == MEASURE or any(part in each.name for part in options.only)
    ]
    with tempfile.TemporaryDirectory() as folder:
        here = [each for each in wanted if _is_here(each, options.contract, Path(folder), result.skipped)]
        with provider() as server:
            for loop in options.loops:
                if loop not in loops():
                    result.skipped.append(f"{loop} is left out: it is not installed.")
                    continue
                for width in options.in_flight:
                    runs = round_robin(here, server, (loop, width), turns, result.skipped, folder)
                    for name, readings in runs.items():
                        result.cells[name, loop, width] = Cell.of(readings, runs[MEASURE])
    result.machine["stolen"] = host.share()
    return result


def _is_here(each: Contestant, contract: Path, folder: Path, skipped: list[str]) -> bool:
    missing = [need for need in each.needs if importlib.util.find_spec(need) is None]
    sentence = f"{', '.join(missing)} is not installed (extra bench)." if missing else None
    if not missing and each.generated_by is not None:
        sentence = generate(each.generated_by, contract, folder)
    if sentence is not None:
        skipped.append(f"{each.name} is left out: {sentence}")
    return sentence is None


@frozen
class Turns:
    """How runs are made: how many of each, and about how many seconds of CPU for one."""

    runs: int
    seconds: float


def round_robin(
    contestants: Sequence[Contestant],
    server: Provider,
    place: tuple[str, int],
    turns: Turns,
    skipped: list[str],
    folder: str | None = None,
) -> dict[str, list[Reading]]:
    """Measure the contestants in turns, each in its own process, and return the runs of each.

    `place` is the event loop and the calls in flight, `folder` is where generated clients are. Another's
    client that fails is left out, with a sentence in `skipped`.
    """
    loop, width = place
    runs: dict[str, list[Reading]] = {}
    sizes: dict[str, int] = {}
    with ExitStack() as stack:
        workers = {each.name: stack.enter_context(Worker(folder)) for each in contestants}
        for name, worker in workers.items():
            try:
                first = worker.run(measure, name, server.url, width, loop, max(FEWEST, width))
            except RuntimeError as error:
                if BY_NAME[name].ours or name == MEASURE:
                    raise
                last = str(error).strip().splitlines()[-1]
                skipped.append(f"{name} is left out, {width} in flight on {loop}: it failed ({last}).")
                continue
            sizes[name] = max(FEWEST, width, int(turns.seconds / first.cpu))
        for _ in range(turns.runs):
            for name, size in sizes.items():
                before = server.requests()
                reading = workers[name].run(measure, name, server.url, width, loop, size)
                if server.requests() - before != size + width:
                    raise AssertionError(f"{name}: {size} changes were not as many requests")
                runs.setdefault(name, []).append(reading)
    return runs


def tables(result: Found) -> list[Table]:
    """Return the tables: CPU for each event loop, then throughput."""
    columns = ["client", *(f"{width} in flight" for width in result.widths)]
    made = [
        Table(f"{title}, {loop}", columns, [[name, *row] for name, row in _rows(result, loop, shown)])
        for title, shown in ((COST, _cost), (SPEED, _speed))
        for loop in result.loops
    ]
    notes = (said(result.machine), MARKED, *result.skipped)
    return [*made[:-1], evolve(made[-1], notes=notes)]


def _rows(result: Found, loop: str, shown: Callable[[Cell], str]) -> Iterator[tuple[str, list[str]]]:
    for name in result.names:
        cells = (result.cells.get((name, loop, width)) for width in result.widths)
        yield name, ["" if cell is None else shown(cell) for cell in cells]


def _cost(cell: Cell) -> str:
    return f"{cell.cpu.median:,.0f} us, {cell.ratio.median:.2f}{cell.cpu.mark}"


def _speed(cell: Cell) -> str:
    return f"{cell.rate.median:,.0f}{cell.rate.mark}"


def chart(result: Found) -> str:
    """Return the chart: one event loop, 64 in flight or what comes next to it."""
    loop, width = result.loops[0], min(result.widths, key=lambda each: abs(each - CHARTED))
    rows = []
    for name in result.names:
        if (cell := result.cells.get((name, loop, width))) is not None:
            cpu = cell.cpu
            rows.append(Bar(name, cpu.median, _cost(cell), cpu.low, cpu.high, BY_NAME[name].ours))
    note = f"{loop}, {width} in flight: the median of the runs, and their spread"
    return bars(COST, note, rows)


def main() -> None:
    """Measure, and print the tables."""
    options = parser().parse_args()
    result = found(options)
    show(options, result.data(), tables(result), chart(result))


if __name__ == "__main__":
    main()
