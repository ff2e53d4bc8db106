"""Which failures come from load, and which do not.

Pure: given how many of some answers failed, it says whether to send less. A provider may fail some requests
at any load. A limit that fell for these would fall until the run stands still.

A trial decides, by a sequential likelihood-ratio test (Wald, "Sequential Tests of Statistical Hypotheses",
1945). See docs/explanation/adaptive-limit.md.
"""

import math

from attrs import define

from bonifiq_async._model.values import fixed

LOAD_FALL, WORST_FALL = 0.95, 0.5
"""Shares of a ceiling that are left after a sign: at most, and at least."""
TRIAL, PROOF, SELDOM = 0.6, 4.0, 0.003
"""Share of a ceiling at which a trial shows whether a fall helps. It is decided when one explanation is
e ** `PROOF` times as likely as the other; `SELDOM` is the share that is taken to fail below the limit."""
SAFE = 0.97
"""Up to this share of what the provider carried when a fall was due, failures do not come from load."""
MOST = 0.5
"""When more than this share fails, less is sent, whatever the reason is."""
BANG = 0.05
"""Share of failures that is no sign while a ceiling doubles: at its limit more than that fails."""
LEARNING = 500
"""Answers over which the share of failures that do not come from load is averaged."""


@fixed
class FailureCounts:
    """Of `seen` answers `failed` failed, under a ceiling that stands `at`, and cannot go below `lowest`.

    `carried` is how much of it was good for something; `met` says that it has met its limit before.
    """

    failed: int
    seen: int
    at: float
    carried: float
    lowest: float
    met: bool

    def is_more_than(self, share: float) -> bool:
        """Say whether more failed than chance (three sigma) and `share` explain."""
        expected = share * self.seen
        return self.failed > 2 + expected + 3 * math.sqrt(expected)


@fixed
class Fall:
    """Leave `left` of the ceiling; `trial` says that this is a trial, for a short time."""

    left: float
    trial: bool = False


@fixed
class Back:
    """Go back to `to`: the falls from there did not help."""

    to: float


@define
class Trial:
    """A ceiling was lowered from `at`, where `share` failed. If that came from load, fewer fail now.

    `began` is where the falls began. `proof` is the logarithm of the likelihood ratio of "not from load" to
    "from load".
    """

    share: float
    at: float
    began: float
    failed: int = 0
    seen: int = 0
    proof: float = 0.0

    def weigh(self, reading: FailureCounts) -> None:
        """Take in what was seen below."""
        always = min(self.share, 1 - SELDOM)
        for_load = min(always, max(SELDOM, 1 - (1 - always) * self.at / reading.at))
        good = reading.seen - reading.failed
        self.proof += reading.failed * math.log(always / for_load)
        self.proof += good * math.log((1 - always) / (1 - for_load))
        self.failed, self.seen = self.failed + reading.failed, self.seen + reading.seen

    def is_open(self, reading: FailureCounts) -> bool:
        """Say whether the trial is undecided, and the ceiling is still low enough to decide it."""
        return abs(self.proof) < PROOF and reading.at < SAFE * self.at

    @property
    def was_for_nothing(self) -> bool:
        """Whether the failures do not come from load."""
        return self.proof >= PROOF and self.failed <= MOST * self.seen


@define
class FailureRate:
    """The share of answers that fail in one way, and its part that does not come from load: `background`.

    Below `safe`, failures do not come from load; it is 0 until a limit was met. `fell_from` is the ceiling
    before a fall, until it is known whether the fall helped. `trial` finds that out; `fresh` says that it
    has just measured `background`.
    """

    background: float = 0.0
    learnt: int = 0
    fresh: bool = False
    safe: float = 0.0
    fell_from: float | None = None
    trial: Trial | None = None

    def judge(self, reading: FailureCounts) -> Fall | Back | None:
        """Say what follows: a fall as deep as the share of failures; where that has not helped, a trial."""
        trial = self.trial
        if trial is not None and reading.is_more_than(trial.share):
            self.trial = None  # it got worse meanwhile, and not because of the trial
        elif trial is not None:
            trial.weigh(reading)
            if trial.is_open(reading):
                return None
            self.trial = None
            if trial.was_for_nothing:
                self.background, self.fresh = trial.failed / trial.seen, True
                return Back(trial.began)
        at, lowest = reading.at, reading.at <= reading.lowest
        if self.fresh and reading.is_more_than(self.background):
            self.background = 0.0  # more fails at the old ceiling, so it comes from load after all
        self.fresh = False
        if lowest or not reading.is_more_than(self._usual(reading)):
            self.fell_from = None
            if lowest or at < self.safe:
                self._learn(reading)
            return None
        share = reading.failed / reading.seen
        self.safe = SAFE * reading.carried
        if self.fell_from is None or share > MOST:
            self.fell_from = self.fell_from or at
            return Fall(max(WORST_FALL, min(LOAD_FALL, 1 - share)))
        self.trial, self.fell_from = Trial(share, at, self.fell_from), None
        return Fall(TRIAL, trial=True)

    def wonders(self, reading: FailureCounts) -> bool:
        """Say whether more failed than usual, but too few to be sure."""
        usual = self._usual(reading)
        return reading.failed > usual * reading.seen and not reading.is_more_than(usual)

    def _usual(self, reading: FailureCounts) -> float:
        return self.background if reading.met else max(self.background, BANG)

    def _learn(self, reading: FailureCounts) -> None:
        self.learnt = min(LEARNING, self.learnt + reading.seen)
        news = reading.failed / reading.seen - self.background
        self.background = min(MOST, self.background + news * min(1.0, reading.seen / self.learnt))
