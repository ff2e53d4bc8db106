"""What a report says of changes, counted one by one: its size depends on days and kinds, not on changes."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime

from attrs import define, field, frozen

from bonifiq_async._model.money import SumsByUnit
from bonifiq_async.cli.afterwards.histogram import Histogram
from bonifiq_async.cli.language.phrase import Phrase, joined, phrase
from bonifiq_async.cli.terminal.effects import NOT_TRIED
from bonifiq_async.ledger.protocol import SURE, State
from bonifiq_async.ledger.recorded import Recorded
from bonifiq_async.ledger.runs import Run
from bonifiq_async.ledger.settling import SETTLEABLE

FAILED = frozenset({State.REFUSED, State.NOT_APPLIED, State.UNKNOWN, State.IN_DOUBT})
"""States that count as errors."""
SHOWN = 50
"""Changes that are shown one by one of each kind that a person settles."""
MOST_GROUPS = 1_000
"""Groups of errors that are counted apart; what comes after them is one more."""

ENDED, WRONG = "ended", "wrong"
"""What is counted over time: all that ended, and of it the errors."""

_TIME = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?")
_OMITTED = "\N{HORIZONTAL ELLIPSIS}"


@frozen
class SumsWithCounts:
    """So many changes, and what they come to."""

    sums: SumsByUnit = field(factory=SumsByUnit)
    counts: Counter[str] = field(factory=Counter)

    def put(self, unit: str, change: Recorded) -> None:
        """Count a change whose value is in a unit."""
        self.sums.put(unit, change.value)
        self.counts[unit] += 1


@define
class ErrorGroup:
    """Changes of one state that ended with the same words: the `first` of them, and how many."""

    first: Recorded
    count: int = 0


@define
class Digest:
    """What became of changes. `unit_of` says in which unit the value of a change is.

    `errors` are by state and text, the text None for all that came after `MOST_GROUPS` of them; `by_hand` are
    the same of what a person's word settled. `runs` counts the changes of each run, `claims`
    those of each first run, last run and state.
    """

    unit_of: Callable[[Recorded], str]
    changes: int = 0
    attempts: int = 0
    states: dict[State, SumsWithCounts] = field(factory=dict)
    days: dict[date, dict[State, SumsWithCounts]] = field(factory=dict)
    course: Histogram = field(factory=Histogram)
    errors: dict[tuple[State, str | None], ErrorGroup] = field(factory=dict)
    by_hand: dict[tuple[State, str | None], ErrorGroup] = field(factory=dict)
    doubts: list[Recorded] = field(factory=list)
    used_elsewhere: list[Recorded] = field(factory=list)
    runs: Counter[int] = field(factory=Counter)
    claims: Counter[tuple[int | None, int | None, State]] = field(factory=Counter)
    first: float | None = None
    last: float | None = None

    def put(self, change: Recorded) -> None:
        """Count a change."""
        unit, state = self.unit_of(change), change.state
        self.changes += 1
        self.attempts += change.attempts
        self.states.setdefault(state, SumsWithCounts()).put(unit, change)
        at = datetime.fromtimestamp(change.last_sent).astimezone()
        self.days.setdefault(at.date(), {}).setdefault(state, SumsWithCounts()).put(unit, change)
        kinds = (ENDED, WRONG) if state in FAILED else (ENDED,)
        self.course.put(_on_the_wall(at), *kinds)
        self.first = min(change.first_sent, change.first_sent if self.first is None else self.first)
        self.last = max(change.last_sent, change.last_sent if self.last is None else self.last)
        self.claims[change.run, change.last_run, state] += 1
        self.runs.update({run for run in (change.run, change.last_run) if run is not None})
        if state in FAILED or change.error is not None:
            self._group(self.errors if state in FAILED else self.by_hand, change)
        if state in SETTLEABLE and len(self.doubts) < SHOWN:
            self.doubts.append(change)
        if state is State.USED_ELSEWHERE and len(self.used_elsewhere) < SHOWN:
            self.used_elsewhere.append(change)

    def count(self, *states: State) -> int:
        """Return how many changes are in one of these states."""
        return sum(self.states[state].counts.total() for state in states if state in self.states)

    def _group(self, groups: dict[tuple[State, str | None], ErrorGroup], change: Recorded) -> None:
        name: tuple[State, str | None] = (change.state, kind_of(change))
        if name not in groups and len(groups) >= MOST_GROUPS:
            name = (change.state, None)
        groups.setdefault(name, ErrorGroup(change)).count += 1


def headline(digest: Digest, whole: Run | None) -> Sequence[Phrase]:
    """Return how many changes are applied, and then what is not, or not all.

    Of a run that has ended it is what the run itself ended with: later ones may have sent or settled what it
    left, and its changes stand in the ledger as they are today.
    """
    if whole is None or whole.ended is None:
        counts = Counter({state.value: digest.count(state) for state in digest.states})
        applied = phrase(
            "{applied:,} of {changes:,} changes are applied.",
            applied=digest.count(*SURE),
            changes=digest.changes,
        )
        return [applied, *_open(counts), *([] if whole is None else [_UNDER_WAY])]
    counts = Counter({name.replace("_", " "): count for name, count in whole.counts.items()})
    applied = phrase(
        "At the end of the run, {applied:,} of {changes:,} changes were applied.",
        applied=sum(counts[state.value] for state in SURE),
        changes=counts.total(),
    )
    return [applied, *_open(counts, before=True), *_since(digest, whole, counts)]


_UNDER_WAY = phrase("The run has not ended: the file may have more changes.")


def _open(counts: Counter[str], *, before: bool = False) -> Iterable[Phrase]:
    """Yield what is not applied, or not known to be; of a run, also what was applied `before` it."""
    count = counts[State.ALREADY_APPLIED.value]
    if before and count:
        yield phrase(
            "{count:,} of them had been applied before.",
            "{count:,} of them had been applied before.",
            count=count,
        )
    if count := counts[State.REFUSED.value]:
        yield phrase("{count:,} was refused.", "{count:,} were refused.", count=count)
    if count := counts[State.NOT_APPLIED.value]:
        yield phrase("{count:,} was not applied.", "{count:,} were not applied.", count=count)
    if count := sum(counts[state.value] for state in SETTLEABLE):
        yield phrase("Of {count:,} it is not known.", count=count)
    if count := counts[State.USED_ELSEWHERE.value]:
        yield phrase(
            "{count:,} has a key that was used elsewhere.",
            "{count:,} have a key that was used elsewhere.",
            count=count,
        )
    if count := counts[NOT_TRIED]:
        yield phrase(
            "The run ended early: {count:,} was not tried.",
            "The run ended early: {count:,} were not tried.",
            count=count,
        )


def _since(digest: Digest, whole: Run, counts: Counter[str]) -> Iterable[Phrase]:
    """Yield what of a run the ledger has otherwise today, and what it does not have under the run."""
    later = Counter({last: 0 for _, last, _ in digest.claims if last != whole.id})
    for (_, last, _), count in digest.claims.items():
        if last != whole.id:
            later[last] += count
    if count := later.total():
        by = joined([str(run) for run in sorted(run for run in later if run is not None)] or ["-"])
        yield phrase(
            "{count:,} was sent again or settled later (run {runs}): below is what stands of it today.",
            "{count:,} were sent again or settled later (run {runs}): below is what stands of them today.",
            count=count,
            runs=by,
        )
    told = sum(count for name, count in counts.items() if name not in _NOT_CLAIMED)
    here = sum(
        count
        for (_, last, state), count in digest.claims.items()
        if last != whole.id or state is not State.ALREADY_APPLIED
    )
    if (count := told - here) > 0:
        yield phrase(
            "{count:,} is in no list below: it stands under another run, or under none.",
            "{count:,} are in no list below: they stand under other runs, or under none.",
            count=count,
        )


_NOT_CLAIMED = (State.ALREADY_APPLIED.value, NOT_TRIED)
"""What a run counts, and may not have claimed."""


def _on_the_wall(at: datetime) -> float:
    """Return a time as seconds of a clock that shows it, so that its days begin at midnight."""
    return (at.replace(tzinfo=None) - datetime.min).total_seconds()


def kind_of(change: Recorded) -> str:
    """Return the words with which a change ended, without what stands for itself alone, such as its key."""
    words = change.error or ""
    for own in sorted({change.key, change.customer_id}, key=len, reverse=True):
        words = words.replace(own, _OMITTED)
    return _TIME.sub(_OMITTED, words)
