"""Children that are killed again and again and started again, until they end by themselves."""

import asyncio
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
from attrs import frozen

from bonifiq_async.verification.bench import MOVED, Bench, C

POLL = 0.05
"""Seconds between two looks at a child."""
IN_FLIGHT = 32
"""Changes that a child has in flight at the most."""
APPLIED = frozenset(each.value for each in MOVED)


@frozen
class Killed:
    """When a child was killed (monotonic seconds), and what it had reported by then: effects by key."""

    moment: float
    told: dict[str, str]


@frozen
class Course:
    """How a command came to its end: what was killed, the last exit code, and the last words of all."""

    kills: tuple[Killed, ...]
    code: int
    told: dict[str, str]


def apply(name: str, *options: str) -> tuple[str, ...]:
    """Return the command that applies the file `NAME.csv`, and tells it in `NAME.jsonl`."""
    files = (f"{name}.csv", "--out", f"{name}.jsonl", "--ledger", f"{name}.csv.ledger")
    return "-m", "bonifiq_async", "apply", *files, "--yes", "--max-in-flight", str(IN_FLIGHT), *options


def told_in(path: Path) -> dict[str, str]:
    """Return the last effect that an outcome file has of each key; a kill can tear its last line."""
    told = dict[str, str]()
    for line in _lines(path):
        # No other program is there: a run that reports so has forgotten a request of this very file.
        told[str(line["change_key"])] = (
            "used elsewhere" if line.get("used_elsewhere") else str(line["effect"])
        )
    return told


def _lines(path: Path) -> Iterator[Mapping[str, object]]:
    for line in path.read_bytes().split(b"\n") if path.exists() else ():
        try:
            yield msgspec.json.decode(line, type=dict[str, object])
        except msgspec.DecodeError:
            continue


def searched(folder: Path, secrets: Sequence[str]) -> tuple[dict[str, bool], list[str]]:
    """Say of each file that is not empty whether it holds a secret, and which temporary files are left."""
    files = {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}
    found = {name: any(each.encode() in text for each in secrets) for name, text in files.items() if text}
    return found, [path.name for path in sorted(folder.glob("*.tmp/*"))]


def moments(chance: random.Random, requests: int, kills: int) -> list[int]:
    """Return after how many requests each kill comes: all before the last twentieth of the work."""
    return sorted(chance.randrange(1, max(2, int(requests * 0.95))) for _ in range(kills))


async def to_the_end(
    bench: Bench[C],
    command: Sequence[str],
    log: Path,
    kills: Sequence[int],
    told: Callable[[], dict[str, str]],
    *,
    group: str | None = None,
) -> Course:
    """Run `command`, kill it with SIGKILL when so many requests of `group` have arrived, and go on.

    It runs in the folder of `log`; its output goes to files of that name, its temporary files to a folder
    that ends in .tmp. `told` reads what it has reported.
    """
    left, done, scratch = list(kills), list[Killed](), log.with_suffix(".tmp")
    scratch.mkdir(exist_ok=True)
    while True:
        before = bench.arrived(group)
        with log.with_suffix(".out").open("ab") as out, log.with_suffix(".err").open("ab") as err:
            child = await asyncio.create_subprocess_exec(
                sys.executable,
                *command,
                cwd=log.parent,
                env={**bench.environment(), "TMPDIR": str(scratch)},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )
        try:
            while child.returncode is None:
                await asyncio.sleep(POLL)
                arrived = bench.arrived(group)
                if left and arrived >= left[0] and arrived > before and child.returncode is None:
                    left.pop(0)
                    break
            else:
                return Course(tuple(done), child.returncode, told())
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
        bench.killed(group)
        done.append(Killed(time.monotonic(), told()))
