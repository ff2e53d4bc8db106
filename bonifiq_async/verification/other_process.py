"""Another process on the same ledger, which makes the same changes, by a clock of its own."""

import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from decimal import Decimal
from pathlib import Path
from unittest.mock import patch

from attrs import evolve, field, frozen

from bonifiq_async._concurrency.runtime import Runtime
from bonifiq_async._model.errors import BonifiQError, LedgerError
from bonifiq_async.bonifiq.client import BonifiQClient
from bonifiq_async.bonifiq.payloads import CashbackChange
from bonifiq_async.ledger.sqlite.owner import Sight
from bonifiq_async.ledger.sqlite.store import SqliteLedger
from bonifiq_async.verification.keyed_provider import KeyedBench

CHILD = "bonifiq_async.verification.other_process_child"
FAILED = "FAILED"
"""What stands for the effect of a call that raised."""
PATIENT = 4
"""By how much longer a call may take that is made again."""
POLL = 0.05
"""Seconds between two questions for how many requests have arrived."""


@frozen
class Told:
    """What a call reported: names of its effect and reason, how long past its deadline, and in which words.

    `late` is in seconds, below zero for what came before the deadline.
    """

    effect: str
    reason: str
    late: float
    words: str = field(default="", eq=False)


def changes(group: str, count: int) -> list[CashbackChange]:
    """Return the changes of a group, the same in every process."""
    names = [f"{group}-{number}" for number in range(count)]
    return [CashbackChange(name, Decimal(1), "once", name) for name in names]


async def told(client: BonifiQClient, meant: Sequence[CashbackChange], deadline: float) -> dict[str, Told]:
    """Make changes at once, and return by key what each call reported.

    A call whose ledger did not answer in time, as on a busy machine, is made again with more of it.
    """

    async def one(change: CashbackChange) -> Told:
        for seconds in (deadline, deadline * PATIENT, deadline * PATIENT**2):
            over = time.monotonic() + seconds
            try:
                outcome = await client.outcome_of(change, deadline=seconds)
            except BonifiQError as error:
                failed = Told(FAILED, type(error).__name__, time.monotonic() - over, str(error))
                if isinstance(error, LedgerError):
                    continue
                return failed
            reason = "-" if outcome.reason is None else outcome.reason.name
            return Told(outcome.effect.name, reason, time.monotonic() - over, str(outcome.error or ""))
        return failed

    answers = await asyncio.gather(*map(one, meant))
    return {change.change_key: answer for change, answer in zip(meant, answers, strict=True)}


@frozen
class Task:
    """What the child does: `count` changes of a `group`, within `deadline` seconds, on a ledger.

    Its clock goes wrong by `off` seconds. `elsewhere` has it take its processes for those of a container.
    """

    ledger: Path
    group: str
    count: int
    deadline: float
    off: float = 0.0
    elsewhere: bool = False

    def command(self) -> tuple[str, ...]:
        """Return the command of a child that does it."""
        texts = (self.ledger, self.group, self.count, self.deadline, self.off, int(self.elsewhere))
        return (sys.executable, "-m", CHILD, *map(str, texts))

    async def do(self) -> dict[str, Told]:
        """Do it, with the settings of the environment."""
        runtime = Runtime(wall=lambda: time.time() + self.off)
        world = evolve(Sight.here(runtime).world, processes="another")
        there = patch.object(Sight, "here", lambda mine: Sight(world, mine))
        with there if self.elsewhere else nullcontext():
            async with (
                SqliteLedger(self.ledger, clock=runtime.wall) as ledger,
                BonifiQClient.from_env(ledger=ledger, runtime=runtime) as client,
            ):
                return await told(client, changes(self.group, self.count), self.deadline)


async def all_sent(provider: KeyedBench, group: str, count: int, ended: Callable[[], bool]) -> None:
    """Return when so many requests of a group have arrived, or their sender has ended."""
    while True:
        await asyncio.sleep(POLL)
        if provider.arrived(group) >= count or ended():
            return


def read(lines: bytes) -> dict[str, Told]:
    """Return what a child has printed, by key."""
    words = [line.split() for line in lines.decode().splitlines()]
    return {key: Told(effect, reason, float(late)) for key, effect, reason, late in words}
