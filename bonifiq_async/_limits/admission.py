"""Whether a request may leave now: within the hold, the limit in flight and the pace.

Pure: time is an argument. The gate asks it, and so do simulations in virtual time.
"""

import heapq

from attrs import define, field

from bonifiq_async._concurrency.limiter import Sample
from bonifiq_async._limits.adaptive_limit import AdaptiveLimit
from bonifiq_async._limits.inference.kind import LimitKind
from bonifiq_async._limits.inference.said import SaidLimit
from bonifiq_async._limits.pacer import Pacer
from bonifiq_async._policy.budget import EARLIEST, Hold
from bonifiq_async._policy.verdict import GOOD

FIRST_COME = 10 * EARLIEST
"""Seconds after a hold for the change that was asked to wait to come back: repeats go before first tries."""


@define
class Admission:
    """How many requests are `active`, until when all are `held`, and what the answers so far allow."""

    adaptation: AdaptiveLimit
    pacer: Pacer
    held: Hold = field(factory=Hold)
    active: int = 0
    said: SaidLimit = field(factory=SaidLimit)
    kind: LimitKind | None = None
    since: float = 0.0
    _resting: list[float] = field(factory=list)
    _full: bool = False
    _paced: bool = False

    @classmethod
    def of(cls, initial: int, most: int, max_rate: float | None = None) -> "Admission":
        """Return the state of a run that begins: `initial` of at most `most` in flight, within `max_rate`."""
        return cls(AdaptiveLimit.of(initial, most), Pacer(max_rate))

    @property
    def limit(self) -> int:
        """How many may be in flight."""
        return int(self.adaptation.limit.value)

    @property
    def rate(self) -> float | None:
        """The pace in force, in requests a second, if there is one."""
        return self.pacer.rate(self.adaptation.pace.value)

    def wait(self, now: float) -> float | None:
        """Return the seconds until the next may leave; None when an answer must come first."""
        adaptation = self.adaptation
        until = max(self.held.until, adaptation.paused)
        if until > now:
            return until - now
        if adaptation.refusals is not None and adaptation.refusals.holds:
            adaptation.resumed(now)
        while self._resting and self._resting[0] <= now:
            heapq.heappop(self._resting)
        if self.active + len(self._resting) >= int(adaptation.limit.value):
            self._full = True
            return self._resting[0] - now if self._resting else None
        if self.said.budget < 1.0 and (wait := self.said.wait(now)) > 0:
            return wait
        wait = self.pacer.wait(now)
        if wait > 0 and self.pacer.follows(adaptation.search.pace.value):
            self._paced = True
        return wait

    def took(self, now: float) -> None:
        """Note that a request leaves now; after a hold not all leave at once."""
        self.active += 1
        self.said.took(now)
        adaptation, spread = self.adaptation, self.held.spread()
        pace = min(adaptation.search.pace.value, adaptation.caution)
        if now < self.held.until + spread and not adaptation.by_chance:
            pace = min(pace, adaptation.limit.value / spread)
        self.pacer.took(now, pace, even=adaptation.search.is_even)

    def left(self) -> None:
        """Note that a request has ended."""
        self.active -= 1

    def saw(self, sample: Sample, now: float) -> None:
        """Take in how a request ended."""
        if sample.verdict not in GOOD and (rest := self.adaptation.rest(sample)) > 0:
            heapq.heappush(self._resting, now + rest)
        self.adaptation.saw(sample, now, full=self._full, paced=self._paced)
        self._full = self._paced = False
        if sample.allowances:
            self.said.believe(sample.allowances, now - sample.elapsed, now)

    def limit_kind(self, now: float) -> LimitKind | None:
        """Return the kind of limit as far as it is known; `since` is when it was found."""
        kind = LimitKind.SAID if self.said.is_known(now) else self.adaptation.search.kind
        if kind is not self.kind:
            self.kind, self.since = kind, now
        return kind

    def hold(self, now: float, asked: float) -> None:
        """Let no request go for so many seconds."""
        self.held.extend(now, asked, asked + FIRST_COME)
