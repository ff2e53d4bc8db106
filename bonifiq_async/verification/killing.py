"""Children that are killed again and again, and started again, until they end by themselves."""

import asyncio
import random
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from attrs import frozen

from bonifiq_async.verification.bench import Bench

POLL = 0.05
"""Seconds between two looks at a child."""


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


def moments(chance: random.Random, requests: int, kills: int) -> list[int]:
    """Return after how many requests each kill comes: all before the last twentieth of the work."""
    return sorted(chance.randrange(1, max(2, int(requests * 0.95))) for _ in range(kills))


async def to_the_end(
    bench: Bench,
    command: Sequence[str],
    log: Path,
    kills: Sequence[int],
    told: Callable[[], dict[str, str]],
    *,
    group: str | None = None,
) -> Course:
    """Run `command`, kill it with SIGKILL when so many requests of `group` have arrived, and go on.

    It runs in the folder of `log`, its output goes to files of that name; `told` reads what it has reported.
    """
    left, done = list(kills), list[Killed]()
    while True:
        before = bench.arrived(group)
        with log.with_suffix(".out").open("ab") as out, log.with_suffix(".err").open("ab") as err:
            child = await asyncio.create_subprocess_exec(
                sys.executable,
                *command,
                cwd=log.parent,
                env=bench.environment(),
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
