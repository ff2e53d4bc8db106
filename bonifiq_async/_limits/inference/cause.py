"""Whether refusals come from what is sent, or from chance: a flaky gateway, say.

Each refusal is evidence for one of the two, and so is what happened to the requests beside it. The sum of the
logarithms of the likelihood ratios decides (Wald, "Sequential Tests of Statistical Hypotheses", 1945). See
docs/explanation/adaptive-limit.md.
"""

import math

from attrs import define

BY_CHANCE, BY_LIMIT = 0.05, 0.5
"""Shares of the requests beside one that was refused that are refused, too: by chance, if no other share is
known, and beyond a limit."""
SELDOM = 0.001
"""Share of the requests below a limit that are refused all the same: by jitter, or for others' requests."""
TRUST = 0.8
"""Weight of a refusal below the limit that was known: the limit may have changed."""
FEWEST, TOO_SOON = 5, 0.12
"""Requests taken before a refusal by chance, at least; and their part of the usual number."""
SOONER, LONGER, BEYOND = -1.0, -0.6, -1.5
"""The same logarithm for a refusal that comes sooner than that; for one that comes later than the one before,
at a lower pace; and for one where the pace was beyond the limit that was known."""
ALIKE, UNLIKE, SAME = -1.2, 0.6, 0.3
"""The same for a stretch at full speed that is as long as those before, and for another. A bucket or a window
takes the same number each time, to this share; chance takes a geometric one."""
REFUTED = 2.0
"""The same for a stretch at full speed in which more was taken than a limit explains."""
AVERAGED, ENOUGH = 3, 10
"""Stretches over which their usual length is averaged, and the share that is refused by chance, where there
are so many requests beside."""
LIKELY, CERTAIN, DOUBT, MOST = 1.0, 4.0, -2.0, 6.0
"""The sum from which on chance is the likelier cause, from which on it is the cause, and below which it is so
no longer; and the farthest that the sum goes either way."""


@define
class RefusalCause:
    """The evidence so far: `weight` is the logarithm of the likelihood ratio of chance to a limit."""

    weight: float = 0.0
    is_chance: bool = False
    _usual: float = 0.0
    _share: float = BY_CHANCE

    @property
    def is_likely_chance(self) -> bool:
        """Whether refusals seem to have nothing to do with what is sent."""
        return self.is_chance or self.weight >= LIKELY

    def weigh(self, evidence: float) -> None:
        """Take in a logarithm of a likelihood ratio of chance to a limit."""
        self.weight = min(MOST, max(-MOST, self.weight + evidence))
        if self.weight >= CERTAIN:
            self.is_chance = True
        elif self.weight <= DOUBT:
            self.is_chance = False

    def beside(self, good: int, refused: int) -> None:
        """Take in what became of the requests that left after the one that was refused."""
        share = self._share
        taken = good * math.log((1 - share) / (1 - BY_LIMIT))
        self.weigh(taken + refused * math.log(share / BY_LIMIT))
        if self.is_chance and good + refused >= ENOUGH:
            share += (refused / (good + refused) - share) / AVERAGED
            self._share = min(BY_LIMIT / 2, max(BY_CHANCE, share))

    def try_anew(self, share: float) -> None:
        """Begin anew, where this share of the requests is refused whatever the pace is."""
        self.weight, self.is_chance, self._usual = 0.0, False, 0.0
        self._share = min(BY_LIMIT / 2, max(BY_CHANCE, share))

    def below(self, taken: float, last: float, share: float) -> None:
        """Take in a refusal below the limit that was known, after so many were taken, and `last` before it.

        `share` is what was refused of late. By chance it comes after 1 / `share` requests or so; a limit that
        is a little lower than it was taken for lets more through each time.
        """
        share = max(SELDOM, min(0.5, share))
        if taken > last:
            self.weigh(LONGER)
        elif taken < FEWEST or taken * share < TOO_SOON:
            self.weigh(SOONER)
        else:
            self.weigh(max(BEYOND, math.log(share / SELDOM) - taken * (share - SELDOM)) * TRUST)

    def beyond(self) -> None:
        """Take in a refusal where the pace was beyond the limit that was known."""
        self.weigh(BEYOND)

    def none_taken(self) -> None:
        """Take in that nothing was taken at full speed after a wait."""
        if not self.is_chance:
            self.weigh(SOONER)

    def refuted(self) -> None:
        """Take in that more was taken at full speed than the limit that was known explains."""
        self.weigh(REFUTED)

    def stretch(self, taken: float) -> None:
        """Take in how many requests were taken at full speed until one was refused."""
        if self._usual and not self.is_chance:
            self.weigh(ALIKE if abs(taken - self._usual) <= SAME * self._usual else UNLIKE)
        self._usual += (taken - self._usual) / (AVERAGED if self._usual else 1)
