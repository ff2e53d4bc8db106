"""A clock that is set while changes are under way: only their sender sends them."""

import asyncio
import time
from collections.abc import Mapping

from attrs import frozen

from bonifiq_async._concurrency.runtime import Runtime
from bonifiq_async._model.outcome import Effect, StopReason
from bonifiq_async.bonifiq.client import BonifiQClient
from bonifiq_async.ledger.sqlite.store import SqliteLedger
from bonifiq_async.verification.bench import MOVED, Closed
from bonifiq_async.verification.finding import Experiment, Finding, Lab, experiment, found
from bonifiq_async.verification.keyed_provider import TITLE, KeyedBench, keyed_bench
from bonifiq_async.verification.other_process import Task, Told, all_sent, changes, read, told

STEPS: Mapping[str, float] = {"forward": 3_600.0, "back": -3_600.0}
"""Seconds by which the clock is set while the changes of a group are under way."""
AT_ONCE = 20
"""Changes of a group: as many requests are under way."""
SHORT, LONG = 1.0, 60.0
"""Seconds of a call of the other process, while the first is at it and when it has gone."""
MOVED_NAMES = frozenset(each.name for each in MOVED)
HELD = (Effect.UNKNOWN.name, StopReason.HELD.name)


@frozen
class Stepped:
    """A group: what another process reported while the first was at it, and what came of it after that.

    The first let go at `left` (monotonic seconds).
    """

    meanwhile: Mapping[str, Told]
    left: float
    after: Mapping[str, Told]


@frozen
class Record:
    """Both groups, and what the provider saw."""

    groups: tuple[Stepped, ...]
    closed: Closed


async def step(lab: Lab) -> Record:
    """Two processes, on one ledger, make the same changes; meanwhile the clock of both is set.

    The provider is silent until the first has gone.
    """
    silent = [number + 1 for number in range(AT_ONCE * len(STEPS))]
    with keyed_bench(f'[[fault]]\nfault = "silence-after"\nrequests = {silent}\n') as provider:
        under_way = asyncio.Barrier(len(STEPS))
        async with asyncio.TaskGroup() as together:
            groups = [together.create_task(_group(lab, provider, name, under_way)) for name in STEPS]
        lab.tell(f"{provider.arrived():,} requests")
        return Record(tuple(group.result() for group in groups), provider.close())


async def _group(lab: Lab, provider: KeyedBench, name: str, under_way: asyncio.Barrier) -> Stepped:
    off, path = [0.0], lab.folder / f"{name}.ledger"
    runtime = Runtime(wall=lambda: time.time() + off[0])
    async with (
        SqliteLedger(path, clock=runtime.wall) as ledger,
        BonifiQClient(provider.credentials, base_url=provider.url, ledger=ledger, runtime=runtime) as client,
    ):
        at_it = asyncio.create_task(told(client, changes(name, AT_ONCE), LONG))
        await all_sent(provider, name, AT_ONCE, at_it.done)
        await under_way.wait()
        off[0] = STEPS[name]
        meanwhile = await _other(lab, provider, Task(path, name, AT_ONCE, SHORT, off[0]))
        left = time.monotonic()
        at_it.cancel()
        await asyncio.wait([at_it])
    async with (
        SqliteLedger(path, clock=runtime.wall) as ledger,
        BonifiQClient(provider.credentials, base_url=provider.url, ledger=ledger, runtime=runtime) as client,
    ):
        after = await told(client, changes(name, AT_ONCE), LONG)
    return Stepped(meanwhile, left, after)


async def _other(lab: Lab, provider: KeyedBench, task: Task) -> Mapping[str, Told]:
    child = await asyncio.create_subprocess_exec(
        *task.command(),
        cwd=lab.folder,
        env=provider.environment(),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        said, _ = await child.communicate()
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    return read(said)


def taken_over(closed: Closed, later: Mapping[str, Told], until: float) -> list[str]:
    """Return what is wrong with changes whose sender was at it `until` then, and that another made later."""
    problems, effects = list[str](), closed.effects()
    for key, last in later.items():
        again = sorted(each.moment for each in closed.seen if each.key == key)[1:]
        early = sum(moment < until for moment in again)
        if early:
            problems.append(f"{key} was sent by another while its sender could be at it: {early} more")
        if effects[key] != 1:
            problems.append(f"{key} took effect {effects[key]} times")
        if last.effect not in MOVED_NAMES:
            problems.append(f"{key} ended as {last.effect} ({last.reason})")
    return problems


def one_sender(record: Record) -> Finding:
    """Only its sender sends a change under way; when that has gone, it goes on, and took effect once."""
    problems, met = list[str](), 0
    for group in record.groups:
        problems += taken_over(record.closed, group.after, group.left)
        held = [each for each in group.meanwhile.values() if (each.effect, each.reason) == HELD]
        met += len(held)
        if len(held) < len(group.meanwhile):
            problems += [
                f"{key} was reported as {each.effect} ({each.reason}) while another was sending it"
                for key, each in group.meanwhile.items()
                if each.effect in MOVED_NAMES
            ]
    figures = record.closed.figures(len(record.closed.effects()))
    note = f"{met:,} calls of another process met a change under way, the clock an hour off"
    return found(figures, problems, met=met, note=note)


CLOCKS: Experiment = experiment(
    "clocks",
    TITLE,
    step,
    {"clock-steps": ("a clock that is set gives no change a second sender", one_sender)},
)
"""Changes under way while the clock is set an hour forward, or back."""
