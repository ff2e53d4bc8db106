"""A trial of consumers at a real broker: events twice, poison, killed processes, restarts and an outage.

What must hold afterwards: each change had one effect; after each kill, nothing was acknowledged whose outcome
was not in the ledger; poison is among the dead letters, and nothing else is.
"""

import asyncio
import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from attrs import define, field, frozen
from broker_servers import BrokerServer
from events import event, to_change

from bonifiq_async.cli.ledgers import ledger_at
from bonifiq_async.ledger.protocol import State
from bonifiq_async.sandbox import Sandbox

CONSUMING = Path(__file__).parent / "consuming.py"
DONE = frozenset({State.APPLIED, State.ALREADY_APPLIED})


class Desk(Protocol):
    """What the trial does at a broker itself, beside the consumers."""

    peeks: bool
    """Whether `left` takes messages to see them, so that no consumer may run meanwhile."""

    async def publish(self, bodies: Sequence[bytes]) -> None:
        """Publish events, and wait until the broker has them."""

    async def left(self) -> list[bytes]:
        """Return the bodies that are not acknowledged yet."""

    async def waiting(self) -> int:
        """Return how many those are, as the broker says."""

    async def dead(self) -> list[bytes]:
        """Return the dead letters."""

    async def clean_up(self) -> None:
        """Delete what was declared."""


@frozen
class Plan:
    """How many events and customers, which part of them comes twice or is poison, and what goes wrong."""

    events: int = 10_000
    customers: int = 500
    twice: float = 0.2
    poison: float = 0.01
    kills: int = 20
    restarts: int = 1
    seed: int = 1
    ledger: str = ""
    """The URL of a ledger in PostgreSQL, whose tables are empty; without one, it is a file."""


@define
class Report:
    """What was seen; after so many of the `kills` the broker was `checked`."""

    seconds: float = 0.0
    kills: int = 0
    checked: int = 0
    restarts: int = 0
    published: int = 0
    problems: list[str] = field(factory=list)


def bodies_of(plan: Plan) -> tuple[list[bytes], list[bytes]]:
    """Return the bodies in the order of their publication, repeats included, and those that are poison."""
    chance = random.Random(plan.seed)
    bodies, poison = list[bytes](), list[bytes]()
    for number in range(plan.events):
        if chance.random() < plan.poison:
            kinds = (
                f"no json {number}".encode(),
                json.dumps({"id": str(number)}).encode(),
                event(number, amount=-1),
            )
            body = chance.choice(kinds)
            poison.append(body)
        else:
            body = event(number, f"c{number % plan.customers}")
        bodies.append(body)
        if body not in poison[-1:] and chance.random() < plan.twice:
            bodies.insert(chance.randrange(max(0, len(bodies) - 200), len(bodies)) + 1, body)
    return bodies, poison


def key_of(body: bytes) -> str:
    """Return the key of an event's change."""
    return to_change(json.loads(body)).change_key


def settled(ledger: str) -> set[str]:
    """Return the keys whose changes are applied, as the ledger has them."""
    reader = ledger_at(ledger)
    if not reader.exists():
        return set()
    return {found.key for found in reader.changes() if found.state in DONE}


class Trial:
    """One run of `plan` with two processes."""

    def __init__(
        self, kind: str, url: str, name: str, desk: Desk, server: BrokerServer, folder: Path, plan: Plan
    ):
        self.ledger = plan.ledger or str(folder / "events.ledger")
        self.command = [sys.executable, str(CONSUMING), kind, url, name, self.ledger]
        self.desk, self.server, self.folder, self.plan = desk, server, folder, plan
        self.bodies, self.poison = bodies_of(plan)
        self.report = Report(published=len(self.bodies))
        self.chance = random.Random(plan.seed + 1)
        self.processes: list[asyncio.subprocess.Process] = []

    async def run(self, sandbox: Sandbox) -> Report:
        """Publish, consume, disturb, and check."""
        environment = os.environ | sandbox.environment() | {"PYTHONPATH": str(CONSUMING.parent)}
        await self.desk.publish(self.bodies)
        began = time.monotonic()
        self.processes = [await self._start(environment) for _ in range(2)]
        try:
            await self._disturb(sandbox, environment)
            await self._until_empty(environment)
        finally:
            await self._end()
        self.report.seconds = time.monotonic() - began
        await self._judge(sandbox)
        return self.report

    async def _start(self, environment: dict[str, str]) -> asyncio.subprocess.Process:
        with (self.folder / "consumers.log").open("ab") as log:
            return await asyncio.create_subprocess_exec(
                *self.command, env=environment, stdout=log, stderr=log
            )

    async def _disturb(self, sandbox: Sandbox, environment: dict[str, str]) -> None:
        """Kill and restart as the work goes on, at moments that are spread over it."""
        good, plan = self.plan.events - len(self.poison), self.plan
        acts = ["kill"] * plan.kills + ["restart"] * plan.restarts
        self.chance.shuffle(acts)
        for number, act in enumerate(acts):
            threshold = good * (number + 1) * 0.9 / (len(acts) + 1)
            while len(sandbox.books.history()) < threshold:
                await self._revive(environment)
                await asyncio.sleep(0.02)
            if act == "restart":
                await asyncio.to_thread(self.server.stop)
                await asyncio.sleep(1.0)
                await asyncio.to_thread(self.server.start)
                self.report.restarts += 1
            elif self.report.kills < plan.kills:
                both = self.desk.peeks and plan.kills - self.report.kills >= 2 and number % 3 == 0
                await self._kill(environment, 2 if both else 1)

    async def _kill(self, environment: dict[str, str], count: int) -> None:
        before = self.report.kills
        for each in self.chance.sample(self.processes, count):
            if each.returncode is None:
                each.kill()
                await each.wait()
                self.report.kills += 1
        if self.desk.peeks:  # the other one ends in order, since it must not take what is looked at
            await self._end()
        await self._check()
        self.report.checked += self.report.kills - before
        await self._revive(environment)

    async def _end(self) -> None:
        for each in self.processes:
            if each.returncode is None:
                each.terminate()
        await asyncio.gather(*(each.wait() for each in self.processes))

    async def _revive(self, environment: dict[str, str]) -> None:
        for place, each in enumerate(self.processes):
            if each.returncode is not None:
                self.processes[place] = await self._start(environment)

    async def _check(self) -> None:
        """What the broker has no more must be in the ledger, or be poison."""
        left = Counter(await self.desk.left())
        done, dead = await asyncio.to_thread(settled, self.ledger), set(self.poison)
        acknowledged = Counter(self.bodies) - left
        lost = [body for body in acknowledged if body not in dead and key_of(body) not in done]
        if lost:
            self.report.problems.append(f"acknowledged, and not in the ledger: {lost[:3]}")

    async def _until_empty(self, environment: dict[str, str]) -> None:
        async with asyncio.timeout(600):
            while await self.desk.waiting():
                await self._revive(environment)
                await asyncio.sleep(0.2)

    async def _judge(self, sandbox: Sandbox) -> None:
        say = self.report.problems.append
        wanted = {key_of(body) for body in self.bodies if body not in set(self.poison)}
        effects = Counter(key for key, _ in sandbox.books.history_by_key())
        if set(effects) != wanted:
            none, strange = wanted - set(effects), set(effects) - wanted
            say(f"{len(none)} events had no effect, {len(strange)} effects were not asked for")
        if more := [key for key, times in effects.items() if times > 1]:
            say(f"more than one effect: {more[:3]}")
        if missing := wanted - await asyncio.to_thread(settled, self.ledger):
            say(f"not in the ledger: {sorted(missing)[:3]}")
        if left := await self.desk.left():
            say(f"still with the broker: {left[:3]}")
        dead = Counter(await self.desk.dead())
        if dead != Counter(self.poison):
            say(
                f"dead letters: {dead - Counter(self.poison)} too many, {Counter(self.poison) - dead} missing"
            )
