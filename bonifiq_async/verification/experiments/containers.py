"""Containers: the ledger of a process that is killed in one goes on in another, which does not see it."""

import asyncio
import shutil
import time
from collections.abc import Iterable, Mapping, Sequence

from attrs import frozen

from bonifiq_async.bonifiq.client import BonifiQClient
from bonifiq_async.ledger.sqlite.owner import SILENCE
from bonifiq_async.ledger.sqlite.store import SqliteLedger
from bonifiq_async.verification.bench import Closed
from bonifiq_async.verification.experiments.clock_steps import HELD, MOVED_NAMES, taken_over
from bonifiq_async.verification.finding import Experiment, Finding, Lab, experiment, found
from bonifiq_async.verification.keyed_provider import TITLE, KeyedBench, keyed_bench
from bonifiq_async.verification.other_process import FAILED, Task, Told, all_sent, changes, told

_SPACE = ("--pid", "--fork", "--kill-child", "--mount-proc")
WAYS = (("unshare", *_SPACE), ("unshare", "--user", "--map-root-user", *_SPACE))
"""Commands that run another with process numbers of its own: as root, and as any user where that may be."""
AT_ONCE = 20
"""Changes of the container: as many requests are under way when it is killed."""
GROUP = "c"
PATIENCE = 1.0
"""Seconds of a call that finds its change held."""
AT_IT, SOON = 120.0, 15.0
"""Seconds of a call in the container, which is killed before, and of one that finds nothing held."""
LATE = 5.0
"""Seconds past its deadline that a busy machine may take to tell a call so: far less than a lease lasts."""
COME_BACK = "come back then"
"""What is said with the seconds after which a change is held no longer."""


@frozen
class Record:
    """What the second process reported while the first lived, when it was just killed, and later: by key.

    `real` says that the first ran in a container. The second found it silent for long at `silent`
    (monotonic seconds).
    """

    living: Mapping[str, Told]
    killed_now: Mapping[str, Told]
    later: Mapping[str, Told]
    silent: float
    real: bool
    closed: Closed


async def run(lab: Lab) -> Record:
    """Kill a process in a container with changes on their way, and make them here, on the same ledger.

    What it takes until a silent owner is taken for dead is skipped, on the clocks of this process alone.
    """
    way, path, skipped = await _way(), lab.folder / "l.ledger", [0.0]
    meant = changes(GROUP, AT_ONCE)
    silent = [number + 1 for number in range(AT_ONCE)]
    with keyed_bench(f'[[fault]]\nfault = "silence-after"\nrequests = {silent}\n') as provider:
        first = await _contained(lab, provider, way, Task(path, GROUP, AT_ONCE, AT_IT, elsewhere=not way))
        try:
            await all_sent(provider, GROUP, AT_ONCE, lambda: first.returncode is not None)
            ledger = SqliteLedger(
                path,
                clock=lambda: time.time() + skipped[0],
                monotonic=lambda: time.monotonic() + skipped[0],
            )
            async with (
                ledger,
                BonifiQClient(provider.credentials, base_url=provider.url, ledger=ledger) as client,
            ):
                living = await told(client, meant, PATIENCE)
                await _kill(first)
                killed_now = await told(client, meant, PATIENCE)
                skipped[0], over = SILENCE, time.monotonic()
                later = await told(client, meant, SOON)
        finally:
            await _kill(first)
        lab.tell(f"{provider.arrived():,} requests")
        return Record(living, killed_now, later, over, bool(way), provider.close())


async def _way() -> Sequence[str]:
    """Return the first of `WAYS` that is permitted here, nothing where none is."""
    for way in WAYS:
        if shutil.which(way[0]) is None:
            continue
        silent = asyncio.subprocess.DEVNULL
        tried = await asyncio.create_subprocess_exec(*way, "true", stdin=silent, stdout=silent, stderr=silent)
        if await tried.wait() == 0:
            return way
    return ()


async def _contained(
    lab: Lab, provider: KeyedBench, way: Sequence[str], task: Task
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *way,
        *task.command(),
        cwd=lab.folder,
        env=provider.environment(),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )


async def _kill(process: asyncio.subprocess.Process) -> None:
    """Kill it, and return when all that it had begun has gone, too."""
    if process.returncode is None:
        process.kill()
    await process.communicate()  # the pipe ends with the last process that writes to it


def goes_on(record: Record) -> Finding:
    """Held while its sender may live, reported so in time; later sent once more, and known to be applied."""
    problems = [*_while_held(record.living), *_while_held(record.killed_now)]
    problems += taken_over(record.closed, record.later, record.silent)
    unknown = sum(each.effect not in MOVED_NAMES for each in record.later.values())
    figures = record.closed.figures(len(record.closed.effects()), kills=1, unknown=unknown)
    where = "a namespace of processes" if record.real else "a made-up one, as none may be made here"
    met = [each for each in record.killed_now.values() if (each.effect, each.reason) == HELD]
    note = f"in {where}; {len(met):,} calls were answered in time when to come back"
    return found(figures, problems, met=met, note=note)


def _while_held(calls: Mapping[str, Told]) -> Iterable[str]:
    for key, each in calls.items():
        if each.effect == FAILED:  # the ledger did not answer in time, which says nothing of its owner
            continue
        if (each.effect, each.reason) != HELD:
            yield f"{key} was reported as {each.effect} ({each.reason}) while its sender could be at it"
        elif COME_BACK not in each.words:
            yield f"{key} is held, and nothing says until when"
        if each.late > LATE:
            yield f"{key} was answered {each.late:.2f} s after its deadline"


CONTAINERS: Experiment = experiment(
    "containers",
    TITLE,
    run,
    {
        "containers": (
            "killed in one container, a change goes on in another: neither at once, nor left unknown",
            goes_on,
        )
    },
)
"""A container that is killed while its changes are on their way."""
