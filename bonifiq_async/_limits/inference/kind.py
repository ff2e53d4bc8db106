"""Which rate limit explains when a provider refused, and when it did not.

Two models are fitted to what was sent between refusals: a bucket (the GCRA of ITU-T I.371: a rate, and a
burst that is saved up) and a fixed window of a second. Where neither fits, the limit has changed, or refusals
come from chance. See docs/explanation/adaptive-limit.md.
"""

import math
from collections.abc import Iterator, Sequence
from enum import Enum

from attrs import evolve

from bonifiq_async._model.values import fixed

NOISE, JITTER, PER_REQUEST = 0.3, 0.001, 0.08
"""Standard deviation of a count in a fit: so many requests, so many seconds' worth, and this share of it."""
STEPS, FINER = 20, 6
"""Rates that are tried between the least and the most possible one, and then beside the best."""
SHORTEST, LATELY = 0.1, 2.0
"""Seconds over which a rate is measured at the least, and before a refusal at the most."""
SHARP, AS_WELL, ALIKE, POSSIBLE = 0.02, 0.1, 0.3, 1.0
"""Differences of misfits: up to the first, rates are averaged; up to the second, what was found before
explains as well; up to the third two kinds do, and the one that allows more is tried; up to the last, a rate
is possible."""
USUAL = 1.2
"""Seconds for which a bucket saves up: more are less likely, by their square."""
FITS, SIMPLER = 1.5, 0.5
"""Misfit (half a chi-square for each refusal) up to which a model explains what was seen; and by how much
more misfit a rate without burst does, which is the simpler explanation."""
EVENLY = 0.99
"""Share of the lowest pace that was refused which a rate without burst has."""
LATE = 0.001
"""Seconds by which a timer is late: asyncio's wakes at whole milliseconds on Linux."""
NO_BURST = 2.0
"""A burst of so many requests is none."""
HALVINGS = 25
"""Steps of a search by halves."""
PHASES = 20
"""Phases of a window that are tried."""
BLURRED, WHOLE = 0.4, 0.25
"""Requests by which answers come early or late, from which on what was left of a token cannot be seen; and
half of the tokens by which it is uncertain where all were taken at once: a bucket holds whole requests."""
SPREAD = 0.15
"""Part of a wait after which requests leave at the full pace: a hold's release is spread."""
ENOUGH = 4
"""Stretches that show by themselves that a limit has a burst."""
SURELY, MORE = 1.5, 5.0
"""So many times what is saved up, and so many requests more, are taken beyond a limit only if it rose."""


class LimitKind(Enum):
    """What kind of limit a provider has."""

    EVEN = "a rate without burst"
    BURST = "a rate with burst"
    WINDOW = "a number each second"
    SHARED = "a rate that others use, too"
    CHANCE = "refusals by chance"
    SAID = "what the provider says"


@fixed
class Stretch:
    """What was taken between two refusals, from `began` to `refused`: when how many, `taken` in all.

    Then nothing was sent for `held` seconds. `pace` was the highest that was allowed, in requests a second.
    Answers took `uneven` seconds more or less than usual.
    """

    counts: Sequence[tuple[float, float]]
    taken: float
    began: float
    refused: float
    held: float
    pace: float
    uneven: float = 0.0

    @property
    def seconds(self) -> float:
        """For how long requests were sent."""
        return max(0.001, self.refused - self.began)

    @property
    def kept(self) -> float:
        """The pace that was kept between the last request that was taken and the one that was refused."""
        last = max((at for at, _ in self.counts if at < self.refused), default=self.began)
        gap = self.refused - last - LATE
        return min(self.pace, 1 / gap) if gap > 0 else self.pace

    @property
    def at_once(self) -> bool:
        """Whether it was refused before requests left at the full pace again: the limit has fallen far."""
        return self.seconds < self.held * SPREAD

    @property
    def rate(self) -> float:
        """How many were taken a second, the hold included: what the provider takes at the least."""
        return self.taken / (self.seconds + self.held)


@fixed
class FoundLimit:
    """A rate limit: requests a second, how many are saved up, its misfit, the highest rate possible."""

    kind: LimitKind
    rate: float
    burst: float
    misfit: float
    most: float = 0.0

    def allows(self, taken: float, seconds: float) -> bool:
        """Say whether so many may have been taken in so many seconds."""
        saved = self.rate if self.kind is LimitKind.WINDOW else self.burst
        return taken <= self.rate * seconds + SURELY * saved + MORE


def fitted(
    stretches: Sequence[Stretch], before: FoundLimit | None = None, *, even: bool = True
) -> FoundLimit:
    """Return the limit that explains the stretches best, of which there are two at least.

    `before` is what was found before: it stays where it explains them as well. One without burst is the
    simplest, and preferred: if it may be `even`.
    """
    simple = even and (before is None or before.kind is not LimitKind.BURST)
    bucket, window = _bucket(stretches, simple=simple), _window(stretches)
    best = min(bucket.misfit, window.misfit)
    found = max(
        (each for each in (bucket, window) if each.misfit <= best + ALIKE), key=lambda each: each.rate
    )
    if before is not None and before.kind is LimitKind.BURST:
        misfit, _ = _misfit(stretches, before.rate, before.burst)
        if misfit <= min(best + (AS_WELL if found.kind is before.kind else ALIKE), FITS):
            return evolve(before, misfit=misfit, most=before.rate)
    return found


def explained(stretches: Sequence[Stretch]) -> FoundLimit | None:
    """Return the limit that explains very well what was refused, if there are enough refusals to show it."""
    if len(stretches) < ENOUGH:
        return None
    found = fitted(stretches, even=False)
    return found if found.misfit <= ALIKE else None


def _bucket(stretches: Sequence[Stretch], *, simple: bool) -> FoundLimit:
    """Return the bucket that fits best."""
    peaks = [_peak(each) for each in stretches]
    least = max(0.05, 0.6 * max(each.rate for each in stretches[1:]))
    tried = _tried(stretches, least, max(0.1, least, *(min(peaks),)), STEPS)
    best = min(misfit for misfit, _ in tried)
    at = next(index for index, (misfit, _) in enumerate(tried) if misfit <= best + POSSIBLE / 2)
    tried += _tried(stretches, tried[max(0, at - 1)][1], tried[min(STEPS, at + 1)][1], FINER)
    best = min(misfit for misfit, _ in tried)
    rates = [rate for misfit, rate in tried if misfit <= best + SHARP]
    rate = math.sqrt(min(rates) * max(rates))
    misfit, burst = _misfit(stretches, rate)
    even = EVENLY * min(each.kept for each in stretches)
    if simple and even < float("inf"):
        plain, _ = _misfit(stretches, even, 1.0)
        if plain <= max(misfit + SIMPLER, FITS / 2):
            return FoundLimit(LimitKind.EVEN, even, 1.0, plain)
    most = max(rate for misfit, rate in tried if misfit <= best + POSSIBLE)
    kind = LimitKind.EVEN if burst <= NO_BURST else LimitKind.BURST
    return FoundLimit(kind, rate, burst, misfit, most)


def _tried(stretches: Sequence[Stretch], least: float, most: float, steps: int) -> list[tuple[float, float]]:
    """Return the misfits of rates from the least to the most."""
    ratio = (most / least) ** (1 / steps)
    rates = [least * ratio**step for step in range(steps + 1)]
    return [(_misfit(stretches, rate)[0], rate) for rate in rates]


def _peak(stretch: Stretch) -> float:
    """Return the highest rate up to the refusal: no limit that refused then allows more."""
    taken, most = 0.0, stretch.taken / max(SHORTEST, stretch.seconds)
    for at, many in reversed(stretch.counts):
        taken += many
        if stretch.refused - at >= SHORTEST:
            most = max(most, taken / (stretch.refused - at))
        if stretch.refused - at > LATELY:
            break
    return min(stretch.pace, most if stretch.seconds > SHORTEST else float("inf"))


def changed(stretch: Stretch, before: FoundLimit) -> FoundLimit | None:
    """Return the limit that explains one stretch, if its rate has changed, and not how long it saves up."""
    if before.kind is not LimitKind.BURST:
        return None
    saved, least, most = before.burst / before.rate, 0.1, max(0.2, _peak(stretch))
    for _ in range(HALVINGS):
        rate = math.sqrt(least * most)
        (burst, _), *_ = _bursts([stretch], rate)[0]
        least, most = (rate, most) if burst > saved * rate else (least, rate)
    return FoundLimit(LimitKind.BURST, least, saved * least, 0.0, least)


def _misfit(stretches: Sequence[Stretch], rate: float, burst: float | None = None) -> tuple[float, float]:
    """Return how badly a bucket of this rate explains the refusals, and the burst that explains them best.

    It refuses where less than one token is left of its burst: so each refusal must show the same burst, and
    never more may lack before.
    """
    shown, deepest = _bursts(stretches, rate)
    if burst is None:
        burst = max(1.0, sum(each for each, _ in shown) / len(shown))
    sigma = NOISE + JITTER * rate + PER_REQUEST * (burst - 1)
    squares = sum((max(0.0, abs(each - burst) - error) / sigma) ** 2 for each, error in shown)
    squares += (max(0.0, deepest - burst) / sigma) ** 2
    return squares / 2 / len(shown) + max(0.0, 2 * math.log(burst / rate / USUAL)), burst


def _bursts(stretches: Sequence[Stretch], rate: float) -> tuple[list[tuple[float, float]], float]:
    """Return the burst that each refusal shows if this is the rate, and by how much that may be wrong.

    The other number is how many tokens lacked at the most without a refusal.
    """
    lack, shown, deepest, last = 0.0, [], 0.0, stretches[0].began
    for stretch in stretches:
        for at, many in stretch.counts:
            lack += many - rate * (at - last)
            last = at
            if lack < 1.0:
                lack = 1.0
            elif lack > deepest:
                deepest = lack
        lack = max(0.0, lack - rate * max(0.0, stretch.refused - last))
        last = max(last, stretch.refused)
        more, error = _last_token(stretch, rate)
        shown.append((lack + more, error))
    return shown, deepest


def _last_token(stretch: Stretch, rate: float) -> tuple[float, float]:
    """Return what is left of a bucket when it refuses, less than a token, and by how much that may be wrong.

    Just above its rate, a bucket loses little with each request, so that nearly a whole token is left.
    """
    if stretch.pace == float("inf"):
        return WHOLE, WHOLE
    if stretch.pace * stretch.uneven > BLURRED:
        return 0.5, 0.5
    error = (1 - min(1.0, rate / stretch.pace)) / 2
    return 1 - error, error


def _window(stretches: Sequence[Stretch]) -> FoundLimit:
    """Return the window of a second that fits best."""
    best = FoundLimit(LimitKind.WINDOW, 0.5, 0.0, float("inf"))
    for phase in range(PHASES):
        last, fullest = [], 0.0
        for many, refused in _windows(stretches, phase / PHASES):
            if refused:
                last.append(many)
            else:
                fullest = max(fullest, many)
        many = sum(last) / len(last)
        sigma = NOISE + JITTER * many + PER_REQUEST * many / 2
        squares = sum(((each - many) / sigma) ** 2 for each in last)
        squares += (max(0.0, fullest - many) / sigma) ** 2
        misfit = squares / 2 / len(last)
        if misfit < best.misfit:
            best = FoundLimit(LimitKind.WINDOW, max(0.5, min(last), EVENLY * many - NOISE), 0.0, misfit)
    return best


def _windows(stretches: Sequence[Stretch], phase: float) -> Iterator[tuple[float, bool]]:
    """Yield how many were taken in each window of a second, and whether it refused then."""
    window, many = int(stretches[0].began + phase), 0.0
    for stretch in stretches:
        for at, more in stretch.counts:
            if int(at + phase) != window:
                yield many, False
                window, many = int(at + phase), 0.0
            many += more
        if int(stretch.refused + phase) != window:
            yield many, False
            window, many = int(stretch.refused + phase), 0.0
        yield many, True
