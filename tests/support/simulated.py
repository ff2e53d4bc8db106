"""Runs against a provider without tasks and sockets: what the gate decides, in virtual time, with a seed."""

import functools
import heapq
import random
from collections import Counter, deque
from collections.abc import Callable, Iterator
from itertools import count
from typing import Protocol, Self

from attrs import define, field

from bonifiq_async._concurrency.limiter import Sample
from bonifiq_async._limits.admission import Admission
from bonifiq_async._limits.pacer import Pacer
from bonifiq_async._model.outcome import Verdict
from bonifiq_async._policy.budget import EARLIEST
from bonifiq_async._policy.rate_limit.allowance import Allowance
from bonifiq_async._policy.retry import JITTER
from bonifiq_async._policy.wait_scope import Turn, WaitScope
from bonifiq_async.batch.flow import FlowControl
from bonifiq_async.batch.outage import OutageState
from bonifiq_async.batch.run import READ_AHEAD

Answer = tuple[int, float | None, float]
"""Status, Retry-After and seconds."""
Said = tuple[Allowance, ...]
"""What the head of an answer says of limits."""
SENDS = 0.0001
"""Seconds that a client is busy with a request."""
STALLS, STALLED = 0.5, 0.002
"""How often in a second a process stands still, and for how many seconds then, since the system runs another
one or Python tidies up. What arrives meanwhile is seen at its end, at once."""


class Model(Protocol):
    """A provider that has the `share` of its capacity."""

    def answer(self, now: float, at_once: int, share: float) -> Answer: ...

    def allows(self, share: float) -> float: ...


Noise = Callable[[float], Answer | None]
"""Given a number from 0 up to 1, the failure of a request that has nothing to do with load, if it is one."""


@define(eq=False)
class Change:
    """One change on its way."""

    name: str
    attempts: int = 0
    opening: float = 0.0


@define(eq=False, slots=False)
class Run:
    """One batch: its admission, its changes that wait to be repeated, and what it counted."""

    provider: "Simulation"
    admission: Admission
    changes: int
    pacer: Pacer
    began: float = 0.0
    outage: OutageState = field(factory=lambda: OutageState(0.0))
    scope: WaitScope = field(factory=WaitScope)
    repeats: deque[Change] = field(factory=deque)
    prober: Change | None = None
    resting: int = 0
    number: int = 0
    wakes: float = -1.0
    busy: float = -1.0
    latest: float = -1.0
    taken: Counter[int] = field(factory=Counter)
    broken: int = 0
    idle: int = 0

    def let_in(self) -> None:
        """Send what may leave now, and look again when only time is missing."""
        now = self.provider.now
        while self.admission.active + self.resting < self.changes * READ_AHEAD:
            wait = self._wait(now)
            if wait is None:
                return
            if wait > 0:
                if not now < self.wakes <= now + wait:
                    self.wakes = now + wait
                    self.provider.push(wait + self.provider.lateness(), self.let_in)
                return
            change = self.repeats.popleft() if self.repeats else self._fresh()
            self.prober = change if self.outage.probe_at is not None else None
            self.broken += self.admission.held.remaining(now) > 0
            first, self.latest = self.latest <= self.admission.held.until, now
            self.admission.took(now)
            self.pacer.took(now)
            self.outage.sent(self.admission.active)
            self.provider.carry(self, change, first and bool(self.scope.told))

    def ended(self, change: Change, left: float, first: bool, answer: Answer, said: Said) -> None:
        """Take in an answer."""
        self.idle += 1
        now, alone, (status, asked, _) = self.provider.now, False, answer
        change.attempts += 1
        asks = asked is not None and status != 200
        if asks:
            alone = self.scope.tell(change.name, now, first=first)
            if not alone:
                self.admission.hold(now, asked or 0.0)
        elif status == 200 and self.scope.told:
            self.scope.passed(change.name, left)
        verdict = Verdict.ACCEPTED if status == 200 else Verdict.BROKEN
        verdict = Verdict.THROTTLED if status == 429 or asks else verdict
        sample = Sample(
            verdict,
            status,
            now - left,
            None if alone else asked,
            alone=alone,
            allowances=said,
            opening=change.opening,
        )
        self.admission.saw(sample, now)
        if status != 200:
            probe = change is self.prober
            self.outage.failed(change, now, probe=probe, elapsed=sample.since_began)
            self.resting += 1
            self.provider.push(self._back_off(change, asked), functools.partial(self.again, change))
        elif self.outage.succeeded(now, self.admission.active):
            self.admission.adaptation.restart(now)
        if change is self.prober:
            self.prober = None
        self.admission.left()
        self.let_in()

    def _wait(self, now: float) -> float | None:
        probe_at, own = self.outage.probe_at, self.pacer.wait(now)
        if probe_at is None:
            return own or self.admission.wait(now)
        if self.prober is not None:
            return None
        held = self.admission.held.remaining(now)
        return max(0.0, probe_at - now, held, self.admission.pacer.wait(now), own)

    def _fresh(self) -> Change:
        self.number += 1
        return Change(f"{self.number}")

    def _back_off(self, change: Change, asked: float | None) -> float:
        chance = self.provider.chance
        wait = chance.random() * min(15.0, 0.25 * 2 ** (change.attempts - 1))
        if asked is None:
            return wait
        turn = self.scope.turn(change.name) if asked >= 1.0 else Turn.ANY
        by = chance.random() if turn is Turn.ANY else float(turn is Turn.LAST)
        return max(wait, asked * (1 + by * JITTER)) + EARLIEST

    def again(self, change: Change) -> None:
        """Have a change that waited take its turn."""
        self.resting -= 1
        self.repeats.append(change)
        self.let_in()


@define(slots=False)
class Simulation:
    """Runs with changes without end. `steps` says since when there is which share of capacity.

    `most` changes are in flight in each of `runs`, which begin within a second of each other. `transit` are
    the seconds to and fro, more or less; a request for which no connection is `idle` opens one, which takes
    up to `connecting`. `late` is by how much timers are late: asyncio's wake at whole milliseconds on Linux.
    `stalls` is how often in a second the provider stands still. `taken` and `away` are counts by second,
    `limits` what the limit of the first run was each tenth of a second.
    """

    model: Model
    steps: tuple[tuple[float, float], ...] = ((0.0, 1.0),)
    noise: Noise = lambda chance: None
    most: int = 256
    max_rate: float | None = None
    transit: float = 0.0
    connecting: float = 0.0
    late: float = 0.0
    stalls: float = 0.0
    seed: int = 1
    runs: int = 1
    taken: Counter[int] = field(factory=Counter)
    away: Counter[int] = field(factory=Counter)
    limits: list[float] = field(factory=list)
    paces: list[float] = field(factory=list)
    now: float = 0.0
    _at_once: int = 0
    _stalled: tuple[float, float] = (0.0, 0.0)
    _events: list[tuple[float, int, Callable[[], None]]] = field(factory=list)
    _count: Iterator[int] = field(factory=count)

    def __attrs_post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        flow = FlowControl(self.most)
        self.batches = [
            Run(self, Admission.of(flow.initial, self.most), self.most, Pacer(self.max_rate))
            for _ in range(self.runs)
        ]

    def run(self, seconds: float) -> Self:
        """Simulate so many seconds."""
        for number, batch in enumerate(self.batches):
            self.push(self.chance.random() if number else 0.0, batch.let_in)
        first = self.batches[0].admission.adaptation
        while self._events and self._events[0][0] < seconds:
            self.now, _, happens = heapq.heappop(self._events)
            happens()
            while len(self.limits) < self.now * 10:
                self.limits.append(first.limit.value)
                self.paces.append(first.pace.value)
        return self

    @property
    def broken(self) -> int:
        """How many requests left inside a hold."""
        return sum(batch.broken for batch in self.batches)

    def used(self, since: int, until: int) -> float:
        """Return what was taken in those seconds, as a share of what the provider would have taken."""
        seconds = range(since, until)
        allowed = sum(self.model.allows(self.share(second)) for second in seconds)
        return sum(self.taken[second] for second in seconds) / allowed

    def turned_away(self, since: int, until: int) -> float:
        """Return what was turned away in those seconds, as a share of all requests."""
        seconds = range(since, until)
        away = sum(self.away[second] for second in seconds)
        return away / max(1, away + sum(self.taken[second] for second in seconds))

    def share(self, now: float) -> float:
        """Return the share of its capacity that the provider has."""
        return next(share for since, share in reversed(self.steps) if now >= since)

    def lateness(self) -> float:
        """Return by how many seconds a timer is late: mostly by the same, seldom by much."""
        spike = 5.0 if self.late and self.chance.random() < 0.003 else 1.0
        return self.late * spike * (0.4 + 0.2 * self.chance.random()) if self.late else 0.0

    def push(self, wait: float, happens: Callable[[], None]) -> None:
        """Have something happen in so many seconds."""
        heapq.heappush(self._events, (self.now + wait, next(self._count), happens))

    def carry(self, batch: Run, change: Change, first: bool) -> None:
        """Carry a request to the provider, over a connection that may have to be opened."""
        batch.busy = began = max(batch.busy + SENDS, self.now)
        if self.connecting and not batch.idle:
            wait = began - self.now + self.connecting * self.chance.random()
            self.push(wait, functools.partial(self._write, batch, change, began, first))
        else:
            batch.idle -= 1
            self._write(batch, change, began, first, at_once=True)

    def _write(self, batch: Run, change: Change, began: float, first: bool, *, at_once: bool = False) -> None:
        left, held = began if at_once else self.now, batch.admission.held
        if not at_once and held.remaining(left) > 0:  # a hold came while it connected
            self._withhold(
                batch, change, held.remaining(left) + EARLIEST + held.spread() * self.chance.random()
            )
            return
        change.opening = left - began
        batch.admission.pacer.written(left)
        arrives = self._after_stall(left + self._travels())
        self.push(arrives - self.now, functools.partial(self._arrive, batch, change, left, first))

    def _withhold(self, batch: Run, change: Change, seconds: float) -> None:
        """Have a change wait whose turn came to nothing, as a delivery does."""
        batch.idle += 1
        batch.resting += 1
        if change is batch.prober:
            batch.prober = None
        batch.admission.left()
        self.push(seconds, functools.partial(batch.again, change))
        batch.let_in()

    def _after_stall(self, at: float) -> float:
        """Return when what comes to the provider at that time is seen there."""
        while self.stalls and at >= self._stalled[1]:
            began = self._stalled[1] + self.chance.expovariate(self.stalls)
            self._stalled = began, began + self.chance.expovariate(1 / STALLED)
        return max(at, self._stalled[1]) if at >= self._stalled[0] else at

    def _travels(self) -> float:
        return self.transit * (0.5 + self.chance.random())

    def _arrive(self, batch: Run, change: Change, left: float, first: bool) -> None:
        self._at_once += 1
        answer = self.noise(self.chance.random())
        if answer is None:
            own = getattr(self.model, "own", None)  # a limit of the customer, by its name
            answer = own(change.name) if own is not None else None
        if answer is None:
            answer = self.model.answer(self.now, self._at_once, self.share(self.now))
        status, _, seconds = answer
        if status == 200:
            self.taken[int(self.now)] += 1
            batch.taken[int(self.now)] += 1
        else:
            self.away[int(self.now)] += 1
        takes = seconds * (0.8 + 0.4 * self.chance.random())
        says = getattr(self.model, "says", None)  # what the head of an answer says of the limit
        said = () if says is None else (says(self.now),)
        self.push(takes, functools.partial(self._leave, batch, change, left, first, answer, said))

    def _leave(
        self, batch: Run, change: Change, left: float, first: bool, answer: Answer, said: Said
    ) -> None:
        self._at_once -= 1
        self.push(self._travels(), functools.partial(batch.ended, change, left, first, answer, said))
