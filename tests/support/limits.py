"""The limits that providers have, each as a model, and a table of all kinds with what must be reached."""

from collections.abc import Callable, Iterable

from attrs import define, field, frozen
from simulated import STALLS, Answer, Model, Noise, Simulation

from bonifiq_async._limits.inference.kind import Stretch
from bonifiq_async._policy.rate_limit.allowance import Allowance

AT_ONCE = 0.001
"""Seconds of a refusal."""


@define
class Bucket:
    """Takes `rate` a second, with `burst` seconds' worth saved up; 429 beyond, with a Retry-After or not.

    Without any burst it takes one at a time, as `limit_req` of nginx does.
    """

    rate: float
    burst: float
    asks: float | None = 1.0
    full: bool = True
    takes: float = 0.02
    tokens: float = 0.0
    last: float = 0.0

    def __attrs_post_init__(self) -> None:
        self.tokens = max(1.0, self.rate * self.burst) if self.full else 0.0

    def answer(self, now: float, at_once: int, share: float) -> Answer:
        rate = self.rate * share
        self.tokens = min(max(1.0, rate * self.burst), self.tokens + (now - self.last) * rate)
        self.last = now
        if self.tokens < 1:
            return 429, self.asks, AT_ONCE
        self.tokens -= 1
        return 200, None, self.takes

    def allows(self, share: float) -> float:
        return self.rate * share


@define
class Window:
    """Takes so many in each window of so many seconds; "rest" asks for what is left of the window."""

    many: float
    seconds: float = 1.0
    asks: float | str | None = 1.0
    takes: float = 0.02
    phase: float = 0.37
    window: int = -1
    count: int = 0

    def answer(self, now: float, at_once: int, share: float) -> Answer:
        at = (now + self.phase * self.seconds) / self.seconds
        if int(at) != self.window:
            self.window, self.count = int(at), 0
        if self.count >= self.many * share:
            asks = (1 - at % 1) * self.seconds if self.asks == "rest" else self.asks
            return 429, asks, AT_ONCE  # type: ignore[return-value]
        self.count += 1
        return 200, None, self.takes

    def allows(self, share: float) -> float:
        return self.many / self.seconds * share


@define
class SaidWindow(Window):
    """A window that says with each answer how many are left, and until when."""

    def says(self, now: float) -> Allowance:
        at = (now + self.phase * self.seconds) / self.seconds
        left = max(0.0, self.many - self.count)
        return Allowance(self.many, left, (1 - at % 1) * self.seconds, self.seconds)


@define
class SaidBucket(Bucket):
    """A bucket that says how many are left, and when it is full."""

    def says(self, now: float) -> Allowance:
        most, left = self.rate * self.burst, float(int(self.tokens))
        return Allowance(most, left, max(0.01, (most - self.tokens) / self.rate), self.burst)


@define
class Seats:
    """Takes so many at once; 503 beyond."""

    seats: int
    takes: float = 0.05

    def answer(self, now: float, at_once: int, share: float) -> Answer:
        return (503, None, AT_ONCE) if at_once > self.seats * share else (200, None, self.takes)

    def allows(self, share: float) -> float:
        return self.seats * share / self.takes


class Queue(Seats):
    """Takes any number at once, the slower the more there are."""

    def answer(self, now: float, at_once: int, share: float) -> Answer:
        return 200, None, self.takes * max(1.0, at_once / (self.seats * share))


@define
class Both:
    """Places, and a rate."""

    seats: Seats
    bucket: Bucket

    def answer(self, now: float, at_once: int, share: float) -> Answer:
        status, asks, seconds = self.seats.answer(now, at_once, share)
        return (status, asks, seconds) if status != 200 else self.bucket.answer(now, at_once, share)

    def allows(self, share: float) -> float:
        return min(self.seats.allows(share), self.bucket.allows(share))


@define
class Flaky:
    """Fails a `share` of all with `status`, whatever the load is."""

    share: float
    status: int
    asks: float | None
    most: int = 64
    takes: float = 0.02
    refuses: float = 0.02

    def noise(self, chance: float) -> Answer | None:
        return (self.status, self.asks, self.refuses) if chance < self.share else None

    def answer(self, now: float, at_once: int, share: float) -> Answer:
        return 200, None, self.takes

    def allows(self, share: float) -> float:
        """Return what comes through where each wait is honoured and nothing else is waited for."""
        if self.asks is None:
            return self.most / self.takes
        many, share = max(self.most, 1 / self.share), self.share
        return many * (1 - share) / (self.asks + self.takes * max(1.0, 1 / (share * self.most)))


@define
class OfCustomers(Bucket):
    """A bucket, and customers (one in `every`) whose first requests are refused for `locked` tries."""

    every: int = 2000
    locked: int = 3
    tried: dict[str, int] = field(factory=dict)

    def own(self, name: str) -> Answer | None:
        if int(name) % self.every:
            return None
        self.tried[name] = self.tried.get(name, 0) + 1
        return (429, 1.0, AT_ONCE) if self.tried[name] <= self.locked else None


def stretches_of(limit: Bucket | Window, paces: Iterable[float], began: float = 0.0) -> list[Stretch]:
    """Return what is taken at each pace until it is refused, with a second's hold after each."""
    found: list[Stretch] = []
    for pace in paces:
        at, counts = began, []
        while limit.answer(at, 0, 1.0)[0] == 200:
            counts.append((at, 1.0))
            at += 1 / pace
        found.append(Stretch(counts, len(counts), began, at, 1.0, pace))
        began = at + 1.001
    return found


def failing(status: int, share: float) -> Noise:
    """Return what fails so many requests with `status`."""
    return lambda chance: (status, None, 0.02) if chance < share else None


def times_three(seconds: int) -> tuple[tuple[float, float], ...]:
    """Return steps down by three and up again, each 20 s."""
    return tuple((float(at), 1.0 if at // 20 % 2 == 0 else 1 / 3) for at in range(0, seconds, 20))


@frozen
class Kind:
    """A kind of limit, with what of it must be used, and what share may be turned away."""

    name: str
    model: Callable[[], Model]
    used: float
    away: float
    seconds: int = 60
    steps: tuple[tuple[float, float], ...] = ((0.0, 1.0),)
    most: int = 64
    runs: int = 1
    since: int = 1

    def simulation(self, seed: int) -> Simulation:
        """Return the run with this seed, after its time."""
        model = self.model()
        noise = model.noise if isinstance(model, Flaky) else lambda chance: None
        return Simulation(
            model,
            self.steps,
            noise,
            self.most,
            transit=0.0002,
            late=0.001,
            stalls=STALLS,
            seed=seed,
            runs=self.runs,
        ).run(self.seconds + self.since)


RATES = (10, 30, 100, 250, 500)
ASKS = {"1 s": 1.0, "2 s": 2.0, "0.2 s": 0.2, "none": None}


def rates() -> list[Kind]:
    """Return buckets and windows of a second."""
    kinds = []
    for asks, seconds in ASKS.items():
        for rate in RATES:
            for burst in (0.0, 0.1, 0.2, 1.0):
                loose = burst * rate < 2
                used, away = (0.75, 0.03) if loose else (0.9, 0.02)
                name = f"{rate}/s, burst {burst} s, asks {asks}"
                kinds.append(Kind(name, lambda r=rate, b=burst, a=seconds: Bucket(r, b, a), used, away))
            name = f"{rate} each second, asks {asks}"
            kinds.append(Kind(name, lambda r=rate, a=seconds: Window(r, 1.0, a), 0.9, 0.02))
    return kinds


def minutes() -> list[Kind]:
    """Return windows of a minute."""
    return [
        Kind(
            f"{many} each minute, asks {asks}",
            lambda m=many, a=asks: Window(m, 60.0, a, phase=0.0),
            0.95,
            0.02,
            180,
            since=0,
        )
        for many in (600, 3000, 12000)
        for asks in (1.0, "rest", None)
    ]


def steps() -> list[Kind]:
    """Return rates that step."""
    kinds = []
    for rate in (60, 240):
        for burst in (0.0, 0.2, 1.0):
            for asks in (1.0, None):
                name = f"{rate}/s, burst {burst} s, by three each 20 s, asks {asks}"
                kinds.append(
                    Kind(
                        name,
                        lambda r=rate, b=burst, a=asks: Bucket(r, b, a),
                        *(0.85, 0.03, 120),
                        steps=times_three(120),
                    )
                )
    fall = ((0.0, 1.0), (20.0, 1 / 3), (26.0, 1.0), (46.0, 1 / 3), (52.0, 1.0))
    kinds.append(Kind("240/s, a third for 6 s, asks 1.0", lambda: Bucket(240, 1.0), 0.85, 0.03, steps=fall))
    return kinds


def refused_at_once(share: float, asks: float | None, used: float = 0.8) -> Kind:
    """Return a gateway that refuses by chance as soon as a request arrives."""
    name = f"{share:.0%} 429 by chance, at once, asks {asks}"
    return Kind(name, lambda: Flaky(share, 429, asks, refuses=AT_ONCE), used, 1.0)


def chances() -> list[Kind]:
    """Return failures that have nothing to do with load."""
    kinds = []
    for share, asks in ((0.02, 1.0), (0.05, 0.05), (0.05, None), (0.2, None)):
        for status in (429, 503):
            name = f"{share:.0%} {status} by chance, asks {asks}"
            used = 0.8 if share < 0.1 or asks is not None else 0.8 * (1 - share)
            kinds.append(Kind(name, lambda s=share, c=status, a=asks: Flaky(s, c, a), used, 1.0))
        kinds.append(refused_at_once(share, asks, used))
    few = Kind("10% 429 by chance, 5 in flight", lambda: Flaky(0.1, 429, None, 5), 0.72, 1.0, most=5)
    return [*kinds, refused_at_once(0.01, 0.05), refused_at_once(0.1, 0.2), few]


def todays() -> list[Kind]:
    """Return the models of `benchmarks/flow.py`."""
    steps = ((0.0, 1.0), (16.0, 0.5), (32.0, 1.0))
    return [
        Kind("32 at once, 503 beyond", lambda: Seats(32), 0.965, 0.02, 48, most=256),
        Kind("latency rises beyond 32", lambda: Queue(32), 0.97, 0.0, 48, most=256),
        Kind("32 at once, halved, restored", lambda: Seats(32), 0.92, 0.03, 48, steps, 256),
        Kind("200/s, burst 1 s, halved, restored", lambda: Bucket(200, 1.0), 0.9, 0.02, 48, steps, 256),
        Kind("200/s, burst 1 s, 256 in flight", lambda: Bucket(200, 1.0), 0.9, 0.02, 48, most=256),
        Kind("200/s, burst 0.1 s, 256 in flight", lambda: Bucket(200, 0.1), 0.75, 0.02, 48, most=256),
    ]


def others() -> list[Kind]:
    """Return limits of several kinds at once, waits that lie, and two processes."""
    return [
        Kind(
            "20 at once and 100/s, burst 1 s",
            lambda: Both(Seats(20, 0.1), Bucket(100, 1.0, takes=0.1)),
            0.72,
            0.03,
        ),
        Kind(
            "8 at once and 100/s, burst 1 s",
            lambda: Both(Seats(8, 0.1), Bucket(100, 1.0, takes=0.1)),
            0.72,
            0.05,
        ),
        Kind("100 each second, said, asks 1 s", lambda: SaidWindow(100), 0.95, 0.01),
        Kind("10 each second, said, asks 1 s", lambda: SaidWindow(10), 0.9, 0.02),
        Kind("500 each second, said, asks 2 s", lambda: SaidWindow(500, 1.0, 2.0), 0.93, 0.01),
        Kind("3000 each minute, said", lambda: SaidWindow(3000, 60.0, phase=0.0), 0.95, 0.01, 180, since=0),
        Kind("100/s, burst 1 s, said", lambda: SaidBucket(100, 1.0), 0.95, 0.01),
        Kind("100/s, and customers' own", lambda: OfCustomers(100, 1.0), 0.72, 0.03),
        Kind("100/s, burst 0.2 s, asks 0", lambda: Bucket(100, 0.2, 0.0), 0.72, 0.03),
        Kind("100/s, burst 1 s, asks 0", lambda: Bucket(100, 1.0, 0.0), 0.72, 0.03),
        Kind("100/s, burst 0.2 s, asks 60", lambda: Bucket(100, 0.2, 60.0), 0.72, 0.03, 1800),
        Kind("100/s, burst 1 s, asks 60", lambda: Bucket(100, 1.0, 60.0), 0.72, 0.03, 1800),
        Kind("two runs, 100/s, burst 1 s", lambda: Bucket(100, 1.0), 0.85, 0.03, runs=2),
        Kind("two runs, 100/s, burst 0.2 s", lambda: Bucket(100, 0.2), 0.85, 0.03, runs=2),
        Kind("two runs, 100 each second", lambda: Window(100), 0.85, 0.03, runs=2),
    ]


def all_kinds() -> list[Kind]:
    """Return the whole table."""
    return [*rates(), *minutes(), *steps(), *chances(), *todays(), *others()]
