"""The pace: what follows from each refusal, and when it is worth looking for more.

A look for more costs what a failed one costs: the wait that is asked for, in which nothing is sent, less what
the provider saves up meanwhile. See docs/explanation/adaptive-limit.md.
"""

from attrs import define, evolve, field

from bonifiq_async._limits.inference.cause import RefusalCause
from bonifiq_async._limits.inference.ceiling import Ceiling
from bonifiq_async._limits.inference.contention import Contention
from bonifiq_async._limits.inference.even import CHEAP, TURNED_AWAY, EvenRate
from bonifiq_async._limits.inference.kind import (
    ENOUGH,
    FITS,
    FoundLimit,
    LimitKind,
    Stretch,
    changed,
    explained,
    fitted,
)
from bonifiq_async._limits.inference.refusals import Refusals
from bonifiq_async._limits.inference.trace import Trace

SPENT, REFUSED, CHEAPLY = 0.03, 0.01, 0.02
"""Shares of what is allowed that are spent on looking for more: in waits, and in requests turned away; and in
these without burst, where a wait is shorter than a `PAUSE`: a look that fails costs little else then."""
SOONEST = 1.5
"""Seconds between two looks at the least."""
FIRST, PATIENCE, SOON, RISEN = 1.0, 1.3, 0.25, 0.5
"""Share of the time between looks for the first one; factor by which it grows when a look fails; and the
share after the limit fell, and after it rose."""
ROUGH, SOONER = 1.2, 0.25
"""How many times the rate the most possible one is where it is known roughly; the share of the time then."""
BELOW, EVEN_BELOW, FIRST_EVEN = 0.97, 0.96, 0.9
"""Shares of a rate that was found at which the pace begins: with burst, without, and without after a ramp or
where refusals are frequent."""
FIRST_WALL, LONG = 0.985, 1.5
"""Share of a rate that only two stretches show up to which the pace rises, since they may show a little too
much; and the seconds of a long wait, from which on that is worth it."""
FELL = 0.6
"""Share of the limit that was found below which another one shows that it has fallen."""
OFTEN = 0.5
"""Share of the time between looks below which refusals are frequent: by jitter, where there is no burst."""
BURST = 1.0
"""Seconds for which a provider is taken to save up, until it is known better."""
START = 4.0
"""Requests a second at which a pace begins at the least."""
RAMP, LEAP = 1.6, 0.15
"""How many times as long a pace takes to double as a limit in flight, since an overshoot costs a wait; and
the seconds of doubling that one answer can add."""
AGAIN = 1.5
"""How many times as many refusals as accidents may cause, of a rate without burst, speak of chance."""
FEW, MANY, FAR = 2, 20, 4
"""Requests taken after a wait up to which a rate without burst has fallen far, where so many were before in
the last three stretches; and the part of it at which it is looked for."""
DEAR = 5.0
"""Seconds of a wait from which on a rate without burst is not concluded from ramps alone."""
REMEMBERED = 6
"""Stretches between refusals that a limit is fitted to."""
TRIAL, LESS, TOO_MANY, CLEARLY = 12, 6, 0.03, 0.08
"""Refusals, and their share of all requests, after which a trial without a pace shows whether they come from
what is sent. Each trial needs twice as many as the one before, and `LESS` fewer where one costs a pause
alone: then `CLEARLY` of all where a limit was found, since a low one is refused often at first."""
EARLY, UNSURE = 4, 0.01
"""The same for the first trial where nothing that was sent beside the first refusal spoke of a limit."""
BESIDE = 5
"""Requests in flight from which on some are beside one that is refused: then, where a wait is `CHEAP`, a
second refusal at full speed is waited for before a pace is set."""
GIVEN_UP, LONGEST_TRIAL, LIKELY_LIMIT = -1.0, 8, -2.0
"""Evidence of chance at which a trial ends, the refusals after which it ends at the latest, and the evidence
at which a limit is so likely that no early one is made."""
PAUSE, LONGEST_PAUSE, LEAST_PAUSE = 0.2, 15.0, 0.5
"""Seconds for which nothing is sent after a 429 that does not say for how long; and at the most, and at
least, where nothing was taken after the last wait: each such pause is twice the one before."""


@define
class RateSearch:
    """Sets the `pace`, in requests a second. `found` is the limit as far as it is known, since `since`.

    `cause` says whether refusals come from a limit at all; `shut` how many waits let nothing through. There
    is no pace while `trying`, to find out; `trial_ended` is when that last showed a limit. Answers take
    `uneven` seconds more or less than usual.
    """

    pace: Ceiling = field(factory=lambda: Ceiling(float("inf"), 0.5, float("inf")))
    cause: RefusalCause = field(factory=RefusalCause)
    found: FoundLimit | None = None
    since: float = 0.0
    trace: Trace = field(factory=Trace)
    shut: int = 0
    uneven: float = 0.0
    trying: bool = False
    trial_ended: float = float("-inf")
    _stretches: list[Stretch] = field(factory=list)
    _began: float = float("inf")
    _at_began: int = 0
    _patience: float = FIRST
    _rough: bool = True
    _answered: int = 0
    _known: tuple[float, float | None] = (float("inf"), None)
    _trial: int = TRIAL
    _even: EvenRate | None = None
    _refused: int = 0
    _taken: float = 0
    _plain: bool = False
    _at_look: int = 0
    _climbs: bool = False
    _others: Contention = field(factory=Contention)

    @property
    def kind(self) -> LimitKind | None:
        """The kind of limit, as far as it is known."""
        if self.cause.is_chance:
            return LimitKind.CHANCE
        if self._others.falls:
            return LimitKind.SHARED
        return None if self.found is None else self.found.kind

    @property
    def _beyond(self) -> bool:
        """Whether the pace is above the limit that was found, to look for more."""
        return self.pace.beyond or self._climbs

    @property
    def is_even(self) -> bool:
        """Whether the pace is kept evenly: a moment that was missed is not made up for."""
        return self.pace.value < float("inf") and (self.found is None or self.found.kind is LimitKind.EVEN)

    def took(self, left: float) -> None:
        """Take in that a request was taken that left at `left`."""
        self.trace.note(left)
        self.shut = 0

    def rise(self, turns: float) -> None:
        """Rise by what so many seconds in use allow."""
        pace, was_beyond = self.pace, self.pace.beyond
        if self._others.falls:
            self._others.rise(pace, turns)
            return
        pace.rise(min(turns / RAMP, LEAP) if pace.wall is None else turns)
        if not pace.beyond or self.found is None or self.is_even:
            return
        if not was_beyond:
            self._at_look = self.trace.total
        elif not self.found.allows(self.trace.total - self._at_look, pace.risen - pace.recovery):
            pace.wall, self._climbs = None, True  # the limit has risen: it is looked for as at first

    def pause(self, asked: float, answered: float) -> float:
        """Return the seconds for which nothing is sent after a refusal, beyond what it asks for.

        Without burst, that is until what is in flight is `answered`, which takes so many seconds, and a gap.
        """
        if self.shut:
            return float(min(LONGEST_PAUSE, max(LEAST_PAUSE, asked) * 2**self.shut))
        if asked or self.trying or self.cause.is_chance:
            return 0.0
        return PAUSE if self._even is None else min(PAUSE, answered + 1 / self.pace.value)

    def end_trial(self) -> None:
        """Go back to the pace that was known before a trial, if one is made."""
        if self.trying:
            self.trying = False
            self.pace.value, self.pace.wall = self._known

    def forget_others(self) -> None:
        """Begin anew with the signs that others use the limit."""
        self._others = Contention()

    def opened(self, left: float) -> None:
        """Take in that a request of the first stretch left at `left`."""
        if not self._at_began and left < self._began:
            self._began = left

    def go_on(self, refusals: Refusals, now: float) -> None:
        """Draw the conclusion from what was refused, when requests may leave again."""
        taken, began = self.trace.total - self._at_began, min(self._began, refusals.sent)
        self._began, self._at_began = now, self.trace.total
        self.cause.beside(refusals.good, refusals.refused)
        counts, held = self.trace.counts(began, refusals.sent), now - refusals.sent
        stretch = Stretch(counts, taken, began, refusals.sent, held, self.pace.value, self.uneven)
        if self.trying:
            self._tried(stretch, now, beside=refusals.good + refusals.refused > 0)
        elif stretch.pace == float("inf"):
            self._at_full_speed(stretch, refusals, now)
        elif taken == 0 and self._stretches:
            self._wait_on(now)
        else:
            self._follow(stretch, refusals.many, now)
            self._climbs = False
            self._count(stretch, cheap=not refusals.asked)

    def _wait_on(self, now: float) -> None:
        """Take in that nothing was taken after the last wait, which goes on."""
        self.shut += 1
        self._stretches[-1] = evolve(self._stretches[-1], held=now - self._stretches[-1].refused)

    def _at_full_speed(self, stretch: Stretch, refusals: Refusals, now: float) -> None:
        """Set a pace unless chance is the likelier cause, or another refusal is cheap and says more."""
        cause, goes_on = self.cause, stretch.taken == 0 and any(each.taken for each in self._stretches)
        beside = refusals.places >= BESIDE
        again = not (refusals.asked or self.shut) or (beside and not self._stretches and stretch.held < CHEAP)
        if goes_on:
            cause.none_taken()
        else:
            cause.stretch(stretch.taken)
            self._stretches = [stretch]
        if cause.is_likely_chance or (again and cause.weight >= 0):
            return
        if goes_on:
            self._wait_on(now)
        if cause.weight >= 0 and beside and stretch.taken and stretch.held < DEAR:
            self._trial = EARLY
        if self.trace.total == 0:
            self._others.began_with_none()
        self._begin_from(self._stretches[-1])

    def _begin_from(self, first: Stretch) -> None:
        """Set the pace to what was taken at full speed, from which it doubles."""
        self._stretches = [first]
        self.pace.fall(max(first.taken / (BURST + first.seconds), START), None)

    def _count(self, stretch: Stretch, *, cheap: bool) -> None:
        """Begin a trial where lower paces have not helped; sooner where it is `cheap`."""
        self._refused, self._taken = self._refused + 1, self._taken + stretch.taken
        share, needed = self._refused / (self._refused + self._taken), self._trial - LESS * cheap
        many = TOO_MANY if self._even is None else _often(stretch)
        if cheap and self.found is not None:
            many = max(many, CLEARLY)
        if self._trial == EARLY:
            needed, many = EARLY, UNSURE if self.cause.weight > LIKELY_LIMIT else TOO_MANY
        slowest = self.pace.value <= self.pace.lowest  # the limit may be lower: many would be refused
        if self._refused < needed or share < many or self.cause.is_chance or slowest:
            return
        self.trying, self._refused, self._taken, self._answered = True, 0, 0, 0
        self._trial = max(TRIAL, 2 * self._trial)
        self.cause.try_anew(share)
        self._known = self.pace.value, self.pace.wall
        self.pace.value, self.pace.wall = float("inf"), None

    def _tried(self, stretch: Stretch, now: float, *, beside: bool) -> None:
        """Take in what a trial showed; go back to the pace that was known where there is a limit."""
        cause, self._answered = self.cause, self._answered + 1
        more = self.found is not None and not self.found.allows(stretch.taken, stretch.seconds + stretch.held)
        if more:
            cause.refuted()
        if stretch.taken:
            cause.stretch(stretch.taken)
        else:
            cause.none_taken()
        open_still = cause.is_likely_chance or (beside and cause.weight > GIVEN_UP)
        if cause.is_chance:
            self._free()
        elif not open_still or self._answered == LONGEST_TRIAL:
            self.end_trial()
            self.trial_ended = now
            if more:  # there is a limit, and another one
                self._forget()
                self._begin_from(stretch)

    def _free(self) -> None:
        """Set no pace."""
        self._forget()
        self.forget_others()
        self.pace.value, self.pace.wall, self._climbs = float("inf"), None, False
        self.trying = False

    def _follow(self, stretch: Stretch, refused: int, now: float) -> None:
        """Set the pace to what explains the refusals, `refused` of which were the last."""
        pace, before = self.pace, self.found
        self._weigh(stretch)
        if self.cause.is_chance:
            return self._free()
        if self._others.is_certain:
            return self._share(stretch, refused, now)
        fallen = self._has_fallen(stretch)
        stretches = [*self._stretches[1 - REMEMBERED :], stretch]
        found = None if fallen else self._still_even(stretches)
        enough = sum(each.taken for each in stretches) > FEW
        by_ramps = self._plain or stretch.held < DEAR  # there an error is cheap
        while found is None and len(stretches) > 1 and enough and not fallen:
            freely = any(each.pace == float("inf") for each in stretches)
            found = fitted(stretches, before, even=by_ramps or freely)
            if found.misfit > FITS:
                found, stretches = None, stretches[1:]
        if found is None:
            self._patience = RISEN if self._beyond else SOON
            found = None if before is None or fallen else changed(stretch, before)
            self._forget()
            stretches = [stretch]
        self._stretches, self.found = stretches, found
        if found is None:
            pace.fall(pace.value / FAR if fallen else stretch.rate, None)
            return
        if before is not None and found.rate < FELL * before.rate:
            self._others.limit_fell()
        if before is None or before.kind is not found.kind:
            self.since = now
        self._plain = found.kind is LimitKind.EVEN
        if not self._plain:
            self._even = None
        elif self._even is None:
            self._even = EvenRate(found.rate)
        self._keep_below(found, stretch, refused)

    def _share(self, stretch: Stretch, refused: int, now: float) -> None:
        """Come to equal parts with others, until one limit explains again all that was refused."""
        if not self._others.falls:
            self._forget()
            self.since = now
        self.pace.value = min(self.pace.value, max(START, FAR * stretch.rate))
        self._stretches = [*self._stretches[1 - ENOUGH :], stretch]
        if (found := explained(self._stretches)) is None:
            self._others.fall(self.pace, stretch.held)
            return
        self.forget_others()
        self.found, self.since = found, now
        self.pace.wall, self._patience = None, SOON
        self._keep_below(found, stretch, refused)

    def _has_fallen(self, stretch: Stretch) -> bool:
        """Say whether a rate without burst has fallen far: nearly nothing was taken at its pace."""
        soon = stretch.taken <= FEW or stretch.at_once
        if self._even is None or not soon or self.cause.is_likely_chance:
            return False
        lately = [each.taken for each in self._stretches[-3:]]
        again = stretch.held >= CHEAP or lately[-1] <= FEW  # once may be an accident, and a wait is cheap
        return again and sum(lately) > MANY

    def _still_even(self, stretches: list[Stretch]) -> FoundLimit | None:
        """Return the rate without burst that was found, or another limit that explains all very well."""
        if self._even is None or self.found is None:
            return None
        if (other := self._even.other(stretches)) is not None:
            return other
        self._even.refused(stretches[-1], beyond=self._beyond)
        if self._even.is_likely:
            return evolve(self.found, rate=self._even.rate)
        self._even = None
        return None

    def _keep_below(self, found: FoundLimit, stretch: Stretch, refused: int) -> None:
        """Set the pace just below the limit, and look for more when that is worth its cost."""
        held, seconds = stretch.held, stretch.seconds
        pace, rate = self.pace, max(found.rate, self.pace.lowest)
        unsure = len(self._stretches) == 2 and held >= LONG
        share, wall = BELOW, rate * FIRST_WALL if unsure else rate
        if found.kind is LimitKind.EVEN:
            share = EVEN_BELOW if self._beyond or seconds > pace.recovery * OFTEN else FIRST_EVEN
            wall = rate * (1 + share) / 2  # there the pace is even, too: jitter takes what is left
        if self._beyond:
            self._patience = min(1.0, self._patience * PATIENCE)
        self._rough = found.most > ROUGH * rate
        lost = max(0.0, held - found.burst / rate)
        spent = CHEAPLY if found.kind is LimitKind.EVEN and held < PAUSE else REFUSED
        look = self._patience * max(SOONEST, lost / SPENT, refused / (spent * rate))
        if found.kind is LimitKind.EVEN and pace.wall is not None and not self._beyond:
            look = max(look * OFTEN, look - pace.risen)  # an accident puts no look off
        pace.fall(rate * share, wall, look * SOONER if self._rough else look)

    def _weigh(self, stretch: Stretch) -> None:
        """Take in what the last refusal says of its cause."""
        others, pace = self._others, self.pace
        if self._climbs or others.expects(pace):
            self.cause.beyond()
            others.refused_beyond()
        elif others.falls or (pace.wall is not None and not self._rough):
            taken = [each.taken for each in self._stretches]
            share = len(taken) / (sum(taken) + len(taken))
            if self._even is None or share > _often(stretch):
                self.cause.below(stretch.taken, taken[-1], share)
            if self._even is None and not self.cause.is_likely_chance and not stretch.at_once:
                others.refused_below(self.found, stretch.held)

    def _forget(self) -> None:
        """Begin anew, as if no limit were known."""
        self.found, self._even, self._rough = None, None, True
        self._stretches.clear()


def _often(stretch: Stretch) -> float:
    """Return the share of the requests that accidents and looks seldom turn away where there is no burst."""
    return AGAIN * (TURNED_AWAY + (CHEAPLY if stretch.held < PAUSE else 0.0))
