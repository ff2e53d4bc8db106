"""How much the provider takes: two ceilings that fall on signs of overload and rise again with time.

Pure: time comes with each sample. A 429 speaks of a rate (RFC 6585, section 4) and lowers the pace; a 503,
a timeout and rising latency speak of load (RFC 9110, section 15.6.4) and lower the limit in flight.

An adaptive limit with the multiplicative fall of AIMD (Chiu and Jain, 1989), the doubling start of TCP
(RFC 5681) and the cubic way back of CUBIC (RFC 9438). See
docs/explanation/adaptive-limit.md, which has every constant.
"""

from collections import deque

from attrs import define, field

from bonifiq_async._concurrency.limiter import Sample
from bonifiq_async._model.outcome import Verdict
from bonifiq_async._policy.verdict import GOOD
from bonifiq_async.batch.failure_rate import LOAD_FALL, MOST, WORST_FALL, Back, FailureCounts, FailureRate

DOUBLING = 0.25
"""Seconds in which a ceiling that has never fallen doubles. When answers take longer, this and the two below
take longer in proportion: the effect of a rise shows only in the answers."""
RECOVERY, SOONEST, WORTH_A_LOOK = 5.0, 1.5, 450
"""Seconds from a fall until the ceiling is back where it fell from: fast, then slow (RFC 9438). To look for
the limit costs a few requests, so a provider that gives this many answers in less time is tried sooner."""
PROBE = 1.5
"""Factor by which it rises in each second after that: what was measured once need not stay true."""
FARTHEST = 150.0
"""Seconds of such a rise after which it is above any possible load."""
PACE_FALL, MEASURED = 0.95, 2.0
"""Share of the measured rate that is left after a fall, and the seconds over which it is measured."""
SAVED = 0.5
"""Share of a hold for which a provider is taken to save up what it then lets through in one piece, beyond
what it takes in the long run. Some save up for all of it, some hardly anything."""
EPOCH, LONGEST_EPOCH, EPOCH_SECONDS = 10, 50, 0.25
"""The answers of an epoch at least, the answers at most when they leave doubt, and its seconds. It never has
fewer answers than there are requests in flight."""
LATENCY_FACTOR, LATENCY_MARGIN = 2.0, 0.1
"""Latency is a sign when it is both so many times and so many seconds above the lowest seen."""
LONGEST_REST = 1.0
"""Seconds for which the permit of a refused request is not used again, at most."""
TICK = 0.05
"""The step in seconds by which the rate is measured."""


@define
class Ceiling:
    """A number between `lowest` and `highest` that is probed upwards and falls on a sign."""

    value: float
    lowest: float
    highest: float
    wall: float | None = None
    floor: float = 0.0
    risen: float = 0.0
    recovery: float = RECOVERY

    def fall(self, to: float, wall: float | None, recovery: float = RECOVERY) -> None:
        """Fall to `to`, to be back at `wall` in so many seconds; None when it is not known where that is."""
        self.value = self.floor = min(self.highest, max(self.lowest, to))
        self.wall, self.risen = None if wall is None else max(wall, self.value), 0.0
        self.recovery = recovery

    def rise(self, seconds: float) -> None:
        """Rise by what `seconds` in use allow."""
        if self.wall is None:
            risen = self.value * 2 ** (seconds / DOUBLING)
        else:
            self.risen += seconds
            risen = self._path(self.wall)
        self.value = min(self.highest, max(self.value, risen))

    def back_to(self, value: float) -> None:
        """Go back to `value`, and probe on from there: the falls since did not help."""
        self.value = self.floor = self.wall = min(self.highest, value)
        self.risen = self.recovery

    def restart(self, at: float) -> None:
        """Begin anew, as if nothing were known, from `at` at the most."""
        self.value, self.wall = min(self.value, at), None

    def _path(self, wall: float) -> float:
        over = min(self.risen - self.recovery, FARTHEST)
        if over < 0:
            return wall + (wall - self.floor) * float((over / self.recovery) ** 3)
        return wall * float(PROBE**over) + over


class Throughput:
    """How many requests passed lately."""

    def __init__(self) -> None:
        self.total = 0
        self._counts: deque[list[float]] = deque()
        self._began: float | None = None

    def count(self, now: float) -> None:
        """Count a request that the provider took."""
        self.total += 1
        moment = now // TICK * TICK
        if self._counts and self._counts[-1][0] == moment:
            self._counts[-1][1] += 1
            return
        if self._began is None:
            self._began = now
        self._counts.append([moment, 1])
        while self._counts[0][0] < now - MEASURED:
            self._counts.popleft()

    def rate(self, now: float, since: float) -> float:
        """Return requests a second since `since`, over no more than the whole of what was seen."""
        start = since if self._began is None else max(since, min(self._began, now - EPOCH_SECONDS))
        passed = sum(count for moment, count in self._counts if moment > start - TICK / 2)
        return passed / (now - start)


@define
class _Epoch:
    """Answers seen under one pair of ceilings, from `began` on."""

    began: float
    seen: int = 0
    good: int = 0
    throttled: int = 0
    overloaded: int = 0
    seconds: float = 0.0


@define
class AdaptiveLimit:
    """Reads the samples of a run, and sets its `limit` (requests in flight) and its `pace` (a second)."""

    limit: Ceiling
    pace: Ceiling
    initial: float
    _throttling: FailureRate = field(factory=FailureRate)
    _overload: FailureRate = field(factory=FailureRate)
    _throughput: Throughput = field(factory=Throughput)
    _epoch: _Epoch = field(factory=lambda: _Epoch(float("-inf")))
    _fell: float = float("-inf")
    _resumed: float = float("-inf")
    _last: float | None = None
    _latency: float = 0.0
    _lowest_latency: float = float("inf")

    @classmethod
    def of(cls, initial: int, most: int) -> "AdaptiveLimit":
        """Return the state of a run that begins: `initial` in flight, at most `most`, at any pace."""
        unpaced = Ceiling(float("inf"), 0.5, float("inf"))
        return cls(Ceiling(min(initial, most), 1.0, most), unpaced, min(initial, most))

    def saw(self, sample: Sample, now: float, *, full: bool, paced: bool) -> None:
        """Take in one answer. `full` and `paced` say that limit and pace kept a change waiting lately."""
        elapsed = 0.0 if self._last is None else min(1.0, now - self._last)
        self._last = now
        if sample.status != 429:
            self._throughput.count(now)
        if now - sample.elapsed >= self._fell:  # what was sent before a fall says nothing of the time after
            self._note(sample, now)
            if sample.asked is not None and sample.verdict is Verdict.THROTTLED:
                self._asked_to_wait(sample.status, sample.asked, now)
            elif self._is_over(now):
                self._conclude(now)
        if sample.verdict in GOOD:
            self._latency += (sample.elapsed - self._latency) / (16 if self._latency else 1)
            if full or paced:
                turns = elapsed / max(1.0, self._latency / DOUBLING)
                if full:
                    self.limit.rise(turns)
                if paced:
                    self.pace.rise(turns)

    def rest(self, sample: Sample) -> float:
        """Return for how many seconds the place of a request is not used again.

        An overloaded provider refuses at once: a permit that is used again at once would meet many refusals.
        """
        if sample.status in (429, 503) and sample.asked is None:
            return min(LONGEST_REST, self._latency - sample.elapsed)
        return 0.0

    def restart(self, now: float) -> None:
        """Begin anew with few in flight after an outage, which tells nothing of the time after it."""
        self.limit.restart(self.initial)
        self._throttling, self._overload = FailureRate(), FailureRate()
        self._begin(now)

    def _begin(self, now: float) -> None:
        """Begin to look anew, at what is sent when all that is in flight now has ended."""
        self._fell = now + self._latency
        self._epoch = _Epoch(self._fell)

    def _note(self, sample: Sample, now: float) -> None:
        epoch = self._epoch
        epoch.began = max(epoch.began, now - sample.elapsed) if epoch.seen == 0 else epoch.began
        epoch.seen += 1
        epoch.throttled += sample.status == 429
        epoch.overloaded += sample.status == 503 or sample.timed_out
        if sample.verdict in GOOD:
            epoch.good += 1
            epoch.seconds += sample.elapsed

    def _asked_to_wait(self, status: int | None, asked: float, now: float) -> None:
        """A Retry-After is the provider's own word: one is enough."""
        if status == 429:
            self._slow_down(now, asked)
        else:
            self._give_way(now, LOAD_FALL)

    def _conclude(self, now: float) -> None:
        epoch, throttled, overloaded = self._epoch, self._throttled(now), self._overloaded()
        self._epoch = _Epoch(now)
        found = self._throttling.judge(throttled)
        if isinstance(found, Back):
            self.pace.back_to(found.to)
        elif found is not None:
            return self._slow_down(now, left=found.left if found.trial else None)
        found = self._overload.judge(overloaded)
        if isinstance(found, Back):
            self.limit.back_to(found.to)
        elif found is not None:
            return self._give_way(now, found.left)
        if self._is_slow(epoch):
            self._give_way(now, LOAD_FALL)

    def _is_over(self, now: float) -> bool:
        """Say whether an epoch has seen enough: answers, and time for those to come that go well."""
        epoch, lasted = self._epoch, now - self._epoch.began
        if epoch.seen < EPOCH or lasted < self._latency:
            return False
        failed = max(epoch.throttled, epoch.overloaded)
        enough = epoch.seen >= int(self.limit.value) and lasted >= EPOCH_SECONDS
        if not failed or (enough and epoch.seen >= LONGEST_EPOCH):
            return enough
        if not enough and failed <= MOST * epoch.seen:
            return False
        throttled, overloaded = self._throttled(now), self._overloaded()
        if not enough:
            return throttled.is_more_than(MOST) or overloaded.is_more_than(MOST)
        return not (self._throttling.wonders(throttled) or self._overload.wonders(overloaded))

    def _throttled(self, now: float) -> FailureCounts:
        epoch, pace = self._epoch, self.pace
        met, taken = pace.wall is not None, self._taken(now)
        return FailureCounts(epoch.throttled, epoch.seen, pace.value, taken, pace.lowest, met)

    def _overloaded(self) -> FailureCounts:
        epoch, limit = self._epoch, self.limit
        places = float(int(limit.value))
        carried = places * min(1.0, 1 - epoch.overloaded / epoch.seen + self._overload.background)
        return FailureCounts(
            epoch.overloaded, epoch.seen, places, carried, limit.lowest, limit.wall is not None
        )

    def _is_slow(self, epoch: _Epoch) -> bool:
        if not epoch.good:
            return False
        latency = epoch.seconds / epoch.good
        if self.limit.value <= self.initial:
            self._lowest_latency = latency  # so few do not queue: this is how long it takes now
        self._lowest_latency = lowest = min(latency, self._lowest_latency)
        return latency > max(lowest * LATENCY_FACTOR, lowest + LATENCY_MARGIN)

    def _give_way(self, now: float, left: float) -> None:
        wall, rate = self.limit.value, self._throughput.rate(now, now - MEASURED)
        self.limit.fall(wall * left, wall, min(RECOVERY, max(SOONEST, WORTH_A_LOOK / max(1.0, rate))))
        self._begin(now)

    def _going(self, now: float) -> float:
        """Return the seconds since the last hold, or fall, of the pace."""
        return max(EPOCH_SECONDS, now - self._resumed)

    def _taken(self, now: float) -> float:
        """Return the requests a second that the provider has taken of late."""
        rate = self._throughput.rate(now, now - min(self._going(now), MEASURED))
        return min(self.pace.value, rate)

    def _slow_down(self, now: float, asked: float = 0.0, left: float | None = None) -> None:
        saved = SAVED * asked / (self._going(now) + asked)
        taken = self._taken(now) * min(1.0, (1 - saved) / PACE_FALL)
        first = self.pace.value == float("inf")
        lowest = 0.0 if first else self.pace.value * WORST_FALL
        measured = not first or self._throughput.total >= EPOCH
        self.pace.fall(max(taken * (left or PACE_FALL), lowest), taken if measured else None)
        self._resumed = now + asked
        self._begin(now)
