"""How much the provider takes: two ceilings that fall on signs of overload and rise again with time.

Pure: time comes with each sample. A 429 speaks of a rate (RFC 6585, section 4) and sets the pace; a 503, a
timeout and rising latency speak of load (RFC 9110, section 15.6.4) and lower the limit in flight.

An adaptive limit with the multiplicative fall of AIMD (Chiu and Jain, 1989), the doubling start of TCP
(RFC 5681) and the cubic way back of CUBIC (RFC 9438). See docs/explanation/adaptive-limit.md, which has every
constant.
"""

from attrs import define, field

from bonifiq_async._concurrency.limiter import Sample
from bonifiq_async._limits.failure_rate import LOAD_FALL, MOST, Back, FailureCounts, FailureRate
from bonifiq_async._limits.inference.cause import RefusalCause
from bonifiq_async._limits.inference.ceiling import DOUBLING, RECOVERY, Ceiling
from bonifiq_async._limits.inference.rate_search import RateSearch
from bonifiq_async._limits.inference.refusals import Refusals
from bonifiq_async._model.outcome import Verdict
from bonifiq_async._policy.verdict import GOOD

SOONEST, WORTH_A_LOOK, MEASURED = 1.5, 450, 2.0
"""To look for the limit costs a few requests, so a provider that gives this many answers in less time than
`RECOVERY` is tried sooner, after so many seconds at the least; the rate is measured over the last ones."""
EPOCH, LONGEST_EPOCH, EPOCH_SECONDS = 10, 50, 0.25
"""The answers of an epoch at least, the answers at most when they leave doubt, and its seconds. It never has
fewer answers than there are requests in flight."""
LATENCY_FACTOR, LATENCY_MARGIN = 2.0, 0.1
"""Latency is a sign when it is both so many times and so many seconds above the lowest seen."""
LONGEST_REST = 1.0
"""Seconds for which the permit of a refused request is not used again, at most."""
ENOUGH, WATCHED = 10, 4.0
"""Answers at least that show whether refusals after which nothing waits come by chance, and how many times as
long as an answer takes the requests leave that are counted."""
AVERAGED = 16
"""Answers over which the time that they take is averaged, and by how much they are off."""
INFINITE = float("inf")
FREELY = 4.0
"""How many times as fast the limit doubles where refusals come by chance."""


@define
class _Epoch:
    """Answers seen under one limit, from `began` on."""

    began: float
    seen: int = 0
    good: int = 0
    overloaded: int = 0
    seconds: float = 0.0


@define
class AdaptiveLimit:
    """Reads the samples of a run, and sets its `limit` (requests in flight) and its pace (`search`).

    `refusals` are those from which no conclusion is drawn yet. Nothing is sent before `paused`.
    """

    limit: Ceiling
    initial: float
    search: RateSearch = field(factory=RateSearch)
    refusals: Refusals | None = None
    paused: float = float("-inf")
    _overload: FailureRate = field(factory=FailureRate)
    _load_cause: RefusalCause = field(factory=RefusalCause)
    _epoch: _Epoch = field(factory=lambda: _Epoch(float("-inf")))
    _fell: float = float("-inf")
    _last: float | None = None
    _latency: float = 0.0
    _lowest_latency: float = float("inf")

    @classmethod
    def of(cls, initial: int, most: int) -> "AdaptiveLimit":
        """Return the state of a run that begins: `initial` in flight, at most `most`, at any pace."""
        return cls(Ceiling(min(initial, most), 1.0, most), min(initial, most))

    @property
    def pace(self) -> Ceiling:
        """The requests a second."""
        return self.search.pace

    @property
    def by_chance(self) -> bool:
        """Whether what is refused has nothing to do with what is sent."""
        return self.search.cause.is_chance or self._load_cause.is_chance

    @property
    def caution(self) -> float:
        """The pace at which a provider that took nothing after the last wait is tried."""
        return 1.0 / (2 * self._latency + 0.1) if self.search.shut else float("inf")

    def saw(self, sample: Sample, now: float, *, full: bool, paced: bool) -> None:
        """Take in one answer. `full` and `paced` say that limit and pace kept a change waiting lately."""
        elapsed = 0.0 if self._last is None else min(1.0, now - self._last)
        self._last, left = now, now - sample.elapsed
        if sample.alone:
            return  # it tells of one request, and not of what the provider takes
        self.search.opened(left)
        if sample.verdict is Verdict.THROTTLED and (sample.status == 429 or sample.asked):
            return self._refused(sample, left, now)
        if sample.status != 429:
            self.search.took(left)
        good, refusals = sample.verdict in GOOD, self.refusals
        if refusals is not None:
            if refusals.counts(left):
                refusals.good += good
            elif good and left > refusals.until:
                if refusals.good + refusals.refused >= ENOUGH:
                    self.resumed(now)
                else:
                    refusals.until = now
        if left >= self._fell and not sample.single:  # what left before a fall says nothing of the time after
            self._note(sample, now)
            if self._is_over(now):
                self._conclude(now)
        if good:
            self._latency = self._latency or sample.elapsed
            off = sample.elapsed - self._latency
            self._latency += off / AVERAGED
            self.search.uneven += (abs(off) - self.search.uneven) / AVERAGED
            if (full or paced) and (self.refusals is None or not self.refusals.holds):
                takes = self._latency + sample.opening
                self._rise(elapsed / max(1.0, takes / DOUBLING), full=full, paced=paced)

    def _rise(self, turns: float, *, full: bool, paced: bool) -> None:
        if full:
            self.limit.rise(turns * FREELY if self.by_chance else turns)
        if paced:
            self.search.rise(turns)

    def _refused(self, sample: Sample, left: float, now: float) -> None:
        """Note a refusal for which all are held: what follows is known when all in flight have ended."""
        if left - sample.opening < self.search.trial_ended:
            return  # it had its turn at full speed, in a trial
        asked, refusals = sample.asked or 0.0, self.refusals
        pause = self.search.pause(asked, max(self._latency, sample.elapsed))
        if pause:
            self.paused = max(self.paused, now + pause)
        if refusals is not None:
            refusals.many += 1
            refusals.refused += refusals.counts(left)
            if (pause or asked) and not refusals.holds:
                refusals.holds, refusals.until = True, INFINITE
            return
        holds = bool(pause or asked)
        since, until = (left, INFINITE) if holds else (now, now + WATCHED * self._latency)
        self.refusals = Refusals(now, left, sample.status, holds, asked > 0, since, until, self.limit.value)

    def resumed(self, now: float) -> None:
        """Draw the conclusion from the refusals, when requests may leave again."""
        refusals, self.refusals = self.refusals, None
        if refusals is None:
            return
        if refusals.holds and self.by_chance and self.limit.wall is None:
            self.limit.rise(DOUBLING)  # each wait is a turn, however short the time between two of them is
        if refusals.status == 429:
            self.search.go_on(refusals, now)
        else:
            self._load_cause.beside(refusals.good, refusals.refused)
            if self._load_cause.is_likely_chance:
                self.limit.wall = None
            else:
                self._give_way(now, LOAD_FALL)
        if refusals.holds:
            self._last = self._fell = now
            self._epoch = _Epoch(now)

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
        self._overload = FailureRate()
        self._begin(now)

    def _begin(self, now: float) -> None:
        """Begin to look anew, at what is sent when all that is in flight now has ended."""
        self._fell = now + self._latency
        self._epoch = _Epoch(self._fell)

    def _note(self, sample: Sample, now: float) -> None:
        epoch = self._epoch
        took = sample.since_began
        epoch.began = max(epoch.began, now - took) if epoch.seen == 0 else epoch.began
        epoch.seen += 1
        epoch.overloaded += sample.status == 503 or sample.timed_out
        if sample.verdict in GOOD:
            epoch.good += 1
            epoch.seconds += took

    def _conclude(self, now: float) -> None:
        epoch, overloaded = self._epoch, self._overloaded()
        self._epoch = _Epoch(now)
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
        failed = epoch.overloaded
        enough = epoch.seen >= int(self.limit.value) and lasted >= EPOCH_SECONDS
        if not failed or (enough and epoch.seen >= LONGEST_EPOCH):
            return enough
        if not enough and failed <= MOST * epoch.seen:
            return False
        overloaded = self._overloaded()
        return not self._overload.wonders(overloaded) if enough else overloaded.is_more_than(MOST)

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
        wall, rate = self.limit.value, self.search.trace.rate(now, MEASURED)
        self.limit.fall(wall * left, wall, min(RECOVERY, max(SOONEST, WORTH_A_LOOK / max(1.0, rate))))
        self._begin(now)
