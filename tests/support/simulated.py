"""Providers, and a run against them without tasks and sockets: what the gate does, in virtual time."""

import functools
import heapq
import random
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from typing import Protocol, Self

from attrs import define, field

from bonifiq_async._concurrency.limiter import Sample
from bonifiq_async._model.outcome import Verdict
from bonifiq_async.batch.adaptive_limit import AdaptiveLimit
from bonifiq_async.batch.flow import Pacer

Answer = tuple[int, float | None, float]
"""Status, Retry-After and seconds."""
AT_ONCE = 0.001


class Model(Protocol):
    """A provider with the `share` of its capacity."""

    def answer(self, now: float, at_once: int, share: float) -> Answer: ...

    def allows(self, share: float) -> float: ...


@define
class Bucket:
    """Accepts `rate` a second, and saves up `burst` seconds of it; 429 beyond, with a Retry-After or not."""

    rate: float
    burst: float
    asks: float | None = 1.0
    full: bool = True
    tokens: float = 0.0
    last: float = 0.0

    def __attrs_post_init__(self) -> None:
        self.tokens = self.rate * self.burst if self.full else 0.0

    def answer(self, now: float, at_once: int, share: float) -> Answer:
        rate = self.rate * share
        self.tokens = min(rate * self.burst, self.tokens + (now - self.last) * rate)
        self.last = now
        if self.tokens < 1:
            return 429, self.asks, AT_ONCE
        self.tokens -= 1
        return 200, None, 0.02

    def allows(self, share: float) -> float:
        return self.rate * share


@define
class Seats:
    """Accepts a number at once; 503 beyond."""

    seats: int
    takes: float = 0.05

    def answer(self, now: float, at_once: int, share: float) -> Answer:
        return (503, None, AT_ONCE) if at_once > self.seats * share else (200, None, self.takes)

    def allows(self, share: float) -> float:
        return self.seats * share / self.takes


class Queue(Seats):
    """Accepts any number at once, the slower the more there are."""

    def answer(self, now: float, at_once: int, share: float) -> Answer:
        return 200, None, self.takes * max(1.0, at_once / (self.seats * share))


Noise = Callable[[float], Answer | None]
"""Given a number from 0 up to 1, the failure of a request that has nothing to do with load, if it is one."""


def failing(status: int, share: float) -> Noise:
    """Return a rule that fails this share of requests with `status`."""
    return lambda chance: (status, None, 0.02) if chance < share else None


@define(slots=False)
class Simulation:
    """A run with changes without end. `steps` says since when there is which share of capacity.

    `taken` and `away` are counts by second, `limits` what the limit was each tenth of a second.
    """

    model: Model
    steps: tuple[tuple[float, float], ...] = ((0.0, 1.0),)
    noise: Noise = lambda chance: None
    most: int = 256
    max_rate: float | None = None
    transit: float = 0.0
    seed: int = 1
    taken: Counter[int] = field(factory=Counter)
    away: Counter[int] = field(factory=Counter)
    limits: list[float] = field(factory=list)
    _now: float = 0.0
    _in_flight: int = 0
    _at_once: int = 0
    _held: float = -1.0
    _wakes: float = -1.0
    _full: bool = False
    _paced: bool = False
    _resting: list[float] = field(factory=list)
    _events: list[tuple[float, int, Callable[[], None]]] = field(factory=list)
    _count: Iterator[int] = field(factory=count)

    def __attrs_post_init__(self) -> None:
        self._adaptation, self._pacer = AdaptiveLimit.of(8, self.most), Pacer(self.max_rate)
        self._chance = random.Random(self.seed)

    def run(self, seconds: float) -> Self:
        """Simulate some seconds."""
        self._let_in()
        while self._events and self._events[0][0] < seconds:
            self._now, _, happens = heapq.heappop(self._events)
            happens()
            self._let_in()
            while len(self.limits) < self._now * 10:
                self.limits.append(self._adaptation.limit.value)
        return self

    def used(self, since: int, until: int) -> float:
        """Return the accepted requests of those seconds, as a share of the provider's capacity."""
        seconds = range(since, until)
        allowed = sum(self.model.allows(self._share(second)) for second in seconds)
        return sum(self.taken[second] for second in seconds) / allowed

    def turned_away(self, since: int, until: int) -> float:
        """Return the refused requests of those seconds, as a share of all requests."""
        seconds = range(since, until)
        away = sum(self.away[second] for second in seconds)
        return away / max(1, away + sum(self.taken[second] for second in seconds))

    def _share(self, now: float) -> float:
        return next(share for since, share in reversed(self.steps) if now >= since)

    def _end(self, sample: Sample) -> None:
        rest = self._adaptation.rest(sample)
        if rest > 0:
            heapq.heappush(self._resting, self._now + rest)
        self._adaptation.saw(sample, self._now, full=self._full, paced=self._paced)
        self._full = self._paced = False
        if sample.asked is not None:
            self._held = max(self._held, self._now + sample.asked)
        self._in_flight -= 1

    def _let_in(self) -> None:
        while (wait := self._wait()) == 0:
            self._in_flight += 1
            self._pacer.took(self._now, self._adaptation.pace.value)
            self._push(self._travels(), functools.partial(self._arrive, self._now))
        if wait is not None and not self._now < self._wakes <= self._now + wait:
            self._wakes = self._now + wait
            self._push(wait, lambda: None)

    def _travels(self) -> float:
        return self.transit * (0.5 + self._chance.random())

    def _arrive(self, left: float) -> None:
        self._at_once += 1
        answer = self.noise(self._chance.random())
        if answer is None:
            answer = self.model.answer(self._now, self._at_once, self._share(self._now))
        status, asked, seconds = answer
        (self.taken if status == 200 else self.away)[int(self._now)] += 1
        self._push(
            seconds * (0.8 + 0.4 * self._chance.random()), functools.partial(self._leave, left, status, asked)
        )

    def _leave(self, left: float, status: int, asked: float | None) -> None:
        self._at_once -= 1
        travels = self._travels()
        verdict = Verdict.ACCEPTED if status == 200 else Verdict.BROKEN
        verdict = Verdict.THROTTLED if status == 429 else verdict
        sample = Sample(verdict, status, self._now + travels - left, asked)
        self._push(travels, functools.partial(self._end, sample))

    def _wait(self) -> float | None:
        if self._held > self._now:
            return self._held - self._now
        while self._resting and self._resting[0] <= self._now:
            heapq.heappop(self._resting)
        if self._in_flight + len(self._resting) >= int(self._adaptation.limit.value):
            self._full = True
            return self._resting[0] - self._now if self._resting else None
        wait = self._pacer.wait(self._now)
        self._paced = self._paced or (wait > 0 and self._pacer.follows(self._adaptation.pace.value))
        return wait

    def _push(self, wait: float, happens: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self._now + wait, next(self._count), happens))
