"""What a report says of changes, counted one by one: its size depends on days and kinds, not on changes."""

import re
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime

from attrs import define, field, frozen

from bonifiq_async._model.money import SumsByUnit
from bonifiq_async.cli.afterwards.histogram import Histogram
from bonifiq_async.ledger.protocol import State
from bonifiq_async.ledger.sqlite.reader import SETTLEABLE, Recorded

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
    the same of what a person's word settled. `runs` counts the changes of each run.
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


def _on_the_wall(at: datetime) -> float:
    """Return a time as seconds of a clock that shows it, so that its days begin at midnight."""
    return (at.replace(tzinfo=None) - datetime.min).total_seconds()


def kind_of(change: Recorded) -> str:
    """Return the words with which a change ended, without what stands for itself alone, such as its key."""
    words = change.error or ""
    for own in sorted({change.key, change.customer_id}, key=len, reverse=True):
        words = words.replace(own, _OMITTED)
    return _TIME.sub(_OMITTED, words)
