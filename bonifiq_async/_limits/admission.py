"""Whether a request may leave now: within the hold, the limit in flight and the pace.

Pure: time is an argument. The calls of a client ask it in turn, and so do simulations in virtual time.
"""

import heapq

from attrs import define, field

from bonifiq_async._concurrency.limiter import Sample
from bonifiq_async._limits.adaptive_limit import INFINITE, AdaptiveLimit
from bonifiq_async._limits.inference.kind import LimitKind
from bonifiq_async._limits.inference.rate_search import RateSearch
from bonifiq_async._limits.inference.said import SaidLimit
from bonifiq_async._limits.pacer import Pacer
from bonifiq_async._policy.budget import EARLIEST, Hold
from bonifiq_async._policy.verdict import GOOD

FIRST_COME = 10 * EARLIEST
"""Seconds after a hold for the change that was asked to wait to come back: repeats go before first tries."""

UNKNOWN = 1e6
"""Requests a second that single calls may send after one refusal: that shows no rate yet. A batch begins anew
with what was taken of it until then, since it goes on at once."""


@define
class Admission:
    """How many requests are in flight, until when batches are `held`, and what the answers so far allow.

    `active` requests of batches are in flight, and `singles` calls that are no part of one, of those that
    waited for their turn. The number in flight bounds single calls where the answers have shown a limit of
    it, and not while a batch looks for one.
    """

    adaptation: AdaptiveLimit
    pacer: Pacer = field(factory=Pacer)
    held: Hold = field(factory=Hold)
    active: int = 0
    singles: int = 0
    said: SaidLimit = field(factory=SaidLimit)
    kind: LimitKind | None = None
    since: float = 0.0
    _begun: bool = False
    _in_batches: bool = False
    _resting: list[float] = field(factory=list)
    _full: bool = False
    _paced: bool = False
    _slowed: bool = False

    @classmethod
    def of(cls, initial: int, most: int) -> "Admission":
        """Return the state of a client that knows nothing yet: batches begin with `initial` of `most`."""
        return cls(AdaptiveLimit.of(initial, most))

    @property
    def limit(self) -> int:
        """How many may be in flight."""
        return int(self.adaptation.limit.value)

    @property
    def rate(self) -> float | None:
        """The pace in force, in requests a second, if there is one."""
        pace = self.adaptation.pace.value
        return None if pace == INFINITE else pace

    @property
    def _has_places(self) -> bool:
        return self.adaptation.limit.wall is not None

    def binds_single_calls(self, now: float) -> bool:
        """Say whether a limit is known, or a refusal was seen that may speak of one."""
        adaptation = self.adaptation
        known = adaptation.pace.value < INFINITE or adaptation.refusals is not None
        return known or self._has_places or self.said.is_known(now)

    def widen(self, initial: int, most: int) -> None:
        """Let batches have up to `most` in flight together; the first of all begins with `initial`."""
        adaptation, limit = self.adaptation, self.adaptation.limit
        if not self._begun:
            self._begun, limit.value = True, initial
            adaptation.initial = min(initial, most)
        if not self._in_batches and adaptation.pace.wall is None:  # what single calls met shows no rate yet
            adaptation.refusals = None
            adaptation.search.forget_others()
            if adaptation.pace.value == UNKNOWN:
                adaptation.pace.value = INFINITE
        self._in_batches = True
        limit.highest = most
        limit.value = min(limit.value, most)

    def rest_from_batches(self) -> None:
        """Note that no batch runs any more: the next one may begin with what is known of a limit."""
        self.held, self._in_batches = Hold(), False
        search = self.adaptation.search
        search.end_trial()
        if search.pace.value == INFINITE and self.adaptation.refusals is None:
            self.adaptation.search = RateSearch(cause=search.cause)  # the time until then is no time in use

    def at_least(self, now: float, ahead: int) -> float:
        """Return the seconds until a single call may leave, if so many go before it, as far as is known."""
        pace = self.adaptation.pace
        turns = ahead / pace.value if pace.wall is not None else 0.0
        return (self.wait(now, single=True) or 0.0) + turns

    def wait(self, now: float, *, single: bool = False) -> float | None:
        """Return the seconds until the next may leave; None when an answer must come first."""
        adaptation = self.adaptation
        until = adaptation.paused if single else max(self.held.until, adaptation.paused)
        if until > now:
            return until - now
        if adaptation.refusals is not None and adaptation.refusals.holds:
            adaptation.resumed(now)
        if single and not self._in_batches and adaptation.pace.wall is None:
            adaptation.pace.value = max(adaptation.pace.value, UNKNOWN)
        while self._resting and self._resting[0] <= now:
            heapq.heappop(self._resting)
        has_places = self._has_places
        if has_places or not single:
            in_flight = self.active + self.singles if has_places else self.active
            if in_flight + len(self._resting) >= int(adaptation.limit.value):
                self._full = True
                return self._resting[0] - now if self._resting else None
        if self.said.budget < 1.0 and (wait := self.said.wait(now)) > 0:
            return wait
        wait = self.pacer.wait(now)
        if wait > 0 and not self._slowed and adaptation.search.pace.value < INFINITE:
            self._paced = True
        return wait

    def took(self, now: float, *, single: bool = False) -> None:
        """Note that a request leaves now; after a hold the requests of batches do not leave all at once."""
        self.said.took(now)
        adaptation, spread = self.adaptation, self.held.spread()
        pace = min(adaptation.search.pace.value, adaptation.caution)
        if single:
            self.singles += 1
            pace = INFINITE if pace == UNKNOWN else pace
        else:
            self.active += 1
            if now < self.held.until + spread and not (adaptation.by_chance or adaptation.search.trying):
                pace = min(pace, adaptation.limit.value / spread)
        self._slowed = pace < adaptation.search.pace.value
        self.pacer.took(now, pace, even=adaptation.search.is_even)

    def left(self, *, single: bool = False) -> None:
        """Note that a request has ended."""
        if single:
            self.singles -= 1
        else:
            self.active -= 1

    def saw(self, sample: Sample, now: float) -> bool:
        """Take in how a request ended, and say whether that tells of a limit.

        A single call tells of a rate alone: the number in flight is that of batches, and how long its answer
        takes may be the way of its operation.
        """
        good, kept_waiting = sample.verdict in GOOD, self._full or self._paced
        if good or not sample.single or sample.status == 429:
            if not good and (rest := self.adaptation.rest(sample)) > 0:
                heapq.heappush(self._resting, now + rest)
            self.adaptation.saw(sample, now, full=self._full, paced=self._paced)
            self._full = self._paced = False
        if sample.allowances:
            self.said.believe(sample.allowances, now - sample.since_began, now)  # as turns are taken
        return not good or kept_waiting or bool(sample.allowances)

    def limit_kind(self, now: float) -> LimitKind | None:
        """Return the kind of limit as far as it is known; `since` is when it was found."""
        kind = LimitKind.SAID if self.said.is_known(now) else self.adaptation.search.kind
        if kind is not self.kind:
            self.kind, self.since = kind, now
        return kind

    def hold(self, now: float, asked: float) -> None:
        """Let no request of a batch go for so many seconds."""
        self.held.extend(now, asked, asked + FIRST_COME)
