"""The limits that providers have, in real time: each says yes or no, and how long that takes."""

import random
from collections.abc import Callable
from functools import partial

from attrs import define, field, frozen
from provider import REPLY

TAKES = 0.02
"""Seconds of an answer."""


def refusal(status: str, asks: float | None) -> bytes:
    """Return an answer that says no, and asks to wait so many seconds or for nothing."""
    wait = b"" if asks is None else b"Retry-After: %g\r\n" % asks
    return b"HTTP/1.1 %s\r\n%bContent-Length: 0\r\n\r\n" % (status.encode(), wait)


TOO_MANY, BUSY = "429 Too Many Requests", "503 Service Unavailable"


class Model:
    """A provider that has a share of its capacity."""

    def answer(self, now: float, at_once: int, capacity: float) -> tuple[bytes, float]:
        """Return the answer and the seconds that it takes; `capacity` is the share that is there now."""
        raise NotImplementedError

    def allows(self, capacity: float) -> float:
        """Return the changes a second that it takes."""
        raise NotImplementedError


@define
class Bucket(Model):
    """A token bucket: `rate` a second, with `burst` seconds' worth saved up, or one at a time."""

    rate: float
    burst: float
    asks: float | None = 1.0
    takes: float = TAKES
    tokens: float = 0.0
    last: float = 0.0

    def answer(self, now: float, at_once: int, capacity: float) -> tuple[bytes, float]:
        """See `Model.answer`."""
        rate = self.rate * capacity
        self.tokens = min(max(1.0, rate * self.burst), self.tokens + (now - self.last) * rate)
        self.last = now
        if self.tokens < 1:
            return refusal(TOO_MANY, self.asks), 0.0
        self.tokens -= 1
        return REPLY, self.takes

    def allows(self, capacity: float) -> float:
        """See `Model.allows`."""
        return self.rate * capacity


@define
class Window(Model):
    """So many in each window of so many seconds; the first one begins with the first request."""

    many: int
    seconds: float = 1.0
    asks: float | None = 1.0
    began: float | None = None
    window: int = -1
    taken: int = 0

    def answer(self, now: float, at_once: int, capacity: float) -> tuple[bytes, float]:
        """See `Model.answer`."""
        self.began = now if self.began is None else self.began
        window = int((now - self.began) / self.seconds)
        if window != self.window:
            self.window, self.taken = window, 0
        if self.taken >= self.many * capacity:
            return refusal(TOO_MANY, self.asks), 0.0
        self.taken += 1
        return REPLY, TAKES

    def allows(self, capacity: float) -> float:
        """See `Model.allows`."""
        return self.many / self.seconds * capacity


@define
class Seats(Model):
    """So many requests at once, of 50 ms each; 503 beyond."""

    seats: int
    takes: float = 0.05

    def answer(self, now: float, at_once: int, capacity: float) -> tuple[bytes, float]:
        """See `Model.answer`."""
        return (refusal(BUSY, None), 0.0) if at_once > self.seats * capacity else (REPLY, self.takes)

    def allows(self, capacity: float) -> float:
        """See `Model.allows`."""
        return self.seats * capacity / self.takes


class Queue(Seats):
    """Any number at once; beyond `seats` all take longer, so that no more are done in a second."""

    def answer(self, now: float, at_once: int, capacity: float) -> tuple[bytes, float]:
        """See `Model.answer`."""
        return REPLY, self.takes * max(1.0, at_once / (self.seats * capacity))


@define
class Both(Model):
    """Places, and a rate."""

    seats: Seats
    bucket: Bucket

    def answer(self, now: float, at_once: int, capacity: float) -> tuple[bytes, float]:
        """See `Model.answer`."""
        reply, seconds = self.seats.answer(now, at_once, capacity)
        return self.bucket.answer(now, at_once, capacity) if reply is REPLY else (reply, seconds)

    def allows(self, capacity: float) -> float:
        """See `Model.allows`."""
        return min(self.seats.allows(capacity), self.bucket.allows(capacity))


@define
class Flaky(Model):
    """Fails a share of all requests, whatever the load is, after `refuses` seconds; `most` are in flight."""

    share: float
    status: str
    asks: float | None
    most: int
    refuses: float = TAKES
    chance: random.Random = field(factory=lambda: random.Random(1))

    def answer(self, now: float, at_once: int, capacity: float) -> tuple[bytes, float]:
        """See `Model.answer`."""
        if self.chance.random() < self.share:
            return refusal(self.status, self.asks), self.refuses
        return REPLY, TAKES

    def allows(self, capacity: float) -> float:
        """See `Model.allows`: what comes through where each wait is honoured, and no other is made."""
        share, most = self.share, self.most
        if self.asks is None or not share:
            return most / TAKES
        return max(most, 1 / share) * (1 - share) / (self.asks + TAKES * max(1.0, 1 / (share * most)))


@define
class OfCustomers(Bucket):
    """A bucket, and every so many of the first requests of a customer are refused `locked` times, too."""

    every: int = 2000
    locked: int = 3
    seen: int = 0

    def answer(self, now: float, at_once: int, capacity: float) -> tuple[bytes, float]:
        """See `Model.answer`."""
        self.seen += 1
        if self.seen % self.every < self.locked:
            return refusal(TOO_MANY, 1.0), 0.0
        return super().answer(now, at_once, capacity)


@frozen
class Case:
    """A provider, when it has which share of its capacity, and what must be used, or turned away.

    `half` is what must be used in the second half of each step.
    """

    name: str
    model: Callable[[], Model]
    used: float
    away: float
    seconds: float = 61.0
    steps: tuple[tuple[float, float], ...] = ((0.0, 1.0),)
    most: int = 64
    since: float = 1.0
    runs: int = 1
    half: float = 0.0

    def capacity(self, elapsed: float) -> float:
        """Return the share of capacity that is there."""
        return next(share for since, share in reversed(self.steps) if elapsed >= since)


BY_THREE = tuple((float(at), 1.0 if at // 20 % 2 == 0 else 1 / 3) for at in range(0, 120, 20))
HALVED = ((0.0, 1.0), (16.0, 0.5), (32.0, 1.0))
RATES, BURSTS = (10, 100, 250, 500), (0.0, 0.1, 0.2, 1.0)
ASKS = (2.0, 0.2, None)


def rates() -> list[Case]:
    """Return buckets and windows: all with a Retry-After of a second, and 100/s with others."""
    found = []
    rows = [(rate, burst, 1.0) for rate in RATES for burst in BURSTS]
    for rate, burst, asks in (*rows, *((100, burst, asks) for burst in BURSTS for asks in ASKS)):
        bounds = (0.75, 0.03) if rate * burst < 2 else (0.9, 0.02)
        name = f"{rate}/s, burst {burst:g} s, {said(asks)}"
        found.append(Case(name, lambda r=rate, b=burst, a=asks: Bucket(r, b, a), *bounds))
    for rate, asks in (*((rate, 1.0) for rate in RATES), *((100, asks) for asks in ASKS)):
        name = f"{rate} each second, {said(asks)}"
        found.append(Case(name, lambda r=rate, a=asks: Window(r, 1.0, a), 0.9, 0.02))
    minutes = [
        Case(
            f"{many} each minute, {said(asks)}",
            lambda m=many, a=asks: Window(m, 60.0, a),
            *(0.95, 0.02, 180.0),
            since=0.0,
        )
        for many, asks in ((600, 1.0), (3000, 1.0), (3000, None))
    ]
    return [*found, *minutes]


def said(asks: float | None) -> str:
    """Return what a refusal says."""
    return "asks nothing" if asks is None else f"asks {asks:g} s"


def stepping() -> list[Case]:
    """Return rates that fall to a third and rise again, every 20 s."""
    return [
        Case(
            f"{rate}/s, burst {burst:g} s, by three, {said(asks)}",
            lambda r=rate, b=burst, a=asks: Bucket(r, b, a),
            *(0.85, 0.03, 121.0, BY_THREE),
            half=0.93,
        )
        for rate in (60, 240)
        for burst in (0.0, 0.2, 1.0)
        for asks in (1.0, None)
    ]


def chances() -> list[Case]:
    """Return what refuses by chance; the first line is what is not disturbed."""
    calm = Flaky(0.0, TOO_MANY, None, 16)
    found = [Case("0% by chance, 16 in flight", lambda: calm, 0.8, 0.0, most=16)]
    for share, asks, most in ((0.02, 1.0, 64), (0.05, 0.05, 64), (0.05, None, 16)):
        for status in (TOO_MANY, BUSY):
            name = f"{share:.0%} {status[:3]} by chance, {said(asks)}"
            model = partial(Flaky, share, status, asks, most)
            found.append(Case(name, model, 0.8, 1.0, most=most))
    for share, asks in ((0.02, 1.0), (0.05, 0.05)):
        name = f"{share:.0%} 429 by chance, at once, {said(asks)}"
        found.append(Case(name, partial(Flaky, share, TOO_MANY, asks, 64, refuses=0.0), 0.8, 1.0))
    few = Case("10% 429 by chance, 5 in flight", lambda: Flaky(0.1, TOO_MANY, None, 5), 0.72, 1.0, most=5)
    return [*found, few]


def others() -> list[Case]:
    """Return places, limits of two kinds, waits that lie, and two runs."""
    mixed = (0.72, 0.03)
    return [
        Case("32 at once, 503 beyond", lambda: Seats(32), 0.93, 0.02, 48.0, most=256),
        Case("latency rises beyond 32", lambda: Queue(32), 0.95, 0.02, 48.0, most=256),
        Case("32 at once, halved, restored", lambda: Seats(32), 0.92, 0.03, 48.0, HALVED, 256),
        Case("200/s, halved, restored", lambda: Bucket(200, 1.0), 0.9, 0.02, 48.0, HALVED, 256),
        Case("20 at once and 100/s", lambda: Both(Seats(20, 0.1), Bucket(100, 1.0, takes=0.1)), *mixed),
        Case("100/s, and customers' own", lambda: OfCustomers(100, 1.0), *mixed),
        Case("100/s, burst 0.2 s, asks 0 s", lambda: Bucket(100, 0.2, 0.0), *mixed),
        Case("100/s, burst 0.2 s, asks 60 s", lambda: Bucket(100, 0.2, 60.0), *mixed, 1800.0),
        Case("two runs, 100/s, burst 1 s", lambda: Bucket(100, 1.0), 0.85, 0.03, runs=2),
        Case("two runs, 100/s, burst 0.2 s", lambda: Bucket(100, 0.2), 0.85, 0.03, runs=2),
        Case("two runs, 100 each second", lambda: Window(100), 0.85, 0.03, runs=2),
    ]


def cases() -> list[Case]:
    """Return all of them."""
    return [*rates(), *stepping(), *chances(), *others()]
