"""A rate without burst: it refuses each request that arrives too soon after the one before.

Two requests arrive closer than they left, now and then: the network and both processes are not even. Such an
accident says nothing of the rate. See docs/explanation/adaptive-limit.md.
"""

from collections.abc import Sequence

from attrs import define

from bonifiq_async._limits.inference.kind import EVENLY, FoundLimit, LimitKind, Stretch, explained

LOOKED = 0.95
"""Share of the pace at which a look for more was refused that the rate has at the least."""
STEP, ACCIDENTS, TURNED_AWAY = 0.03, 0.06, 0.01
"""Share by which the rate falls for a refusal; the seconds lost so, for each in which something is sent, and
the share of requests turned away so, at which it rises as much as it falls."""
SOON = 20
"""Requests taken up to which a refusal comes so soon that the rate was overestimated."""
CHEAP, IN_A_ROW = 0.3, 3
"""Seconds of a wait that is cheap, so that another refusal is waited for before a conclusion is drawn; and
how many in a row another limit explains then."""
UNLIKELY = 0.75
"""A rate of less than this share of what was taken in a second, lately, is not believed."""


@define
class EvenRate:
    """The `rate` as a pace in requests a second: that at which requests leave, be they late or not.

    A stochastic approximation (Robbins and Monro, 1951) of the pace at which accidents cost what they may.
    """

    rate: float
    _fastest: float = 0.0
    _explained: int = 0

    @property
    def is_likely(self) -> bool:
        """Whether requests were taken at such a pace and no higher one."""
        return self.rate >= UNLIKELY * self._fastest

    def other(self, stretches: Sequence[Stretch]) -> FoundLimit | None:
        """Return the limit with a burst that explains very well what was refused, if there is one.

        Accidents that follow each other look like a burst for a moment: where all waits are cheap, so that
        they come soon, it explains `IN_A_ROW` refusals in a row.
        """
        found = explained(stretches)
        if found is None or found.kind is LimitKind.EVEN:
            self._explained = 0
            return None
        self._explained += 1
        dear = any(each.held >= CHEAP for each in stretches)
        return found if dear or self._explained >= IN_A_ROW else None

    def refused(self, stretch: Stretch, *, beyond: bool) -> None:
        """Take in a refusal, `beyond` the rate or not."""
        if beyond:
            self.rate = max(self.rate, LOOKED * stretch.kept)
        elif stretch.taken <= SOON:
            self.rate = min(self.rate, EVENLY * stretch.kept)
        else:
            self._fastest = max(self._fastest, stretch.taken / stretch.seconds)
            usual = max(stretch.held / ACCIDENTS, 1 / (TURNED_AWAY * self.rate))
            self.rate *= 1 + STEP * (min(2.0, stretch.seconds / usual) - 1)
