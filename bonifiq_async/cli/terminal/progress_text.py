"""How far a run is and what holds it up, as text: pure, from what the run shows of itself."""

import math
from collections.abc import Sequence
from decimal import Decimal
from textwrap import wrap

from attrs import frozen

from bonifiq_async._model.money import EXACT, Sums
from bonifiq_async._model.printable import printable
from bonifiq_async.batch import BatchSummary, FlowState
from bonifiq_async.cli.files.examine import Plan

BAR, LEAST_BAR = 30, 8
"""Columns of the bar at the most; with fewer than the least, there is none."""
CAUSE_LINES = 3
"""Lines of what holds a run up, at the most."""
SHOWN_UNITS = 3
"""Units whose sums are shown; the closing table has them all."""


@frozen
class Progress:
    """A run at one moment: its plan, what has ended, what is let through, and the changes ended in a second.

    `flow` is None when nothing runs.
    """

    plan: Plan
    done: BatchSummary
    flow: FlowState | None
    rate: float

    @property
    def ended(self) -> int:
        """How many changes have ended, those included that the ledger has as applied."""
        return self.plan.changes - self.plan.to_send + self.done.seen


def screen_lines(now: Progress, width: int) -> list[str]:
    """Return what a terminal of so many columns shows: figures, money, and what holds the run up."""
    figures = "  ".join([f"{now.ended:,} of {now.plan.changes:,}", *_pace(now)])
    room = min(BAR, width - len(figures) - 4)
    bar = f"[{_bar(now, room)}]  " if room >= LEAST_BAR else ""
    money = "; ".join(_money(now) + _failed(now)) or "nothing applied yet"
    rest = ", ".join([*_repeats(now), flow_text(now.flow)])
    cause = wrap(printable(hold_up(now.flow) or "", None), width, max_lines=CAUSE_LINES, placeholder="...")
    return [
        *(_cut(printable(line, None), width) for line in (bar + figures, money)),
        *cause,
        _cut(rest, width),
    ]


def log_line(now: Progress) -> str:
    """Return the same as one line, for what is no terminal."""
    held_up = hold_up(now.flow)
    figures = f"{now.ended:,} of {now.plan.changes:,} changes"
    parts = [", ".join([figures, *_pace(now)]), *([held_up] if held_up else []), *_money(now)]
    return "; ".join([*parts, ", ".join([*_failed(now), *_repeats(now), flow_text(now.flow)])])


def hold_up(flow: FlowState | None) -> str | None:
    """Return what holds a run up and its cause: `503 for 40 s: Service Unavailable; next try in 8 s`."""
    if flow is None:
        return None
    lasts = flow.failing if flow.paused is None else flow.paused
    due = max(flow.held, flow.next_try or 0.0)
    following = f"; next try in {duration(due)}" if due > 0 else "; trying now" if flow.in_flight else ""
    if lasts is not None:
        return _for_long(flow, duration(lasts)) + following
    if flow.held > 0:
        return f"the provider asks to wait{following}"
    # Of a provider that answers, some failures are no hold-up.
    return f"the last try failed: {flow.cause}{following}" if flow.cause and flow.status is None else None


def _for_long(flow: FlowState, lasts: str) -> str:
    if flow.cause is None:
        return f"nothing has succeeded for {lasts}"
    if flow.alike and flow.status is not None:
        return f"{flow.status} for {lasts}: {flow.cause}"
    if flow.alike:
        return f"nothing has succeeded for {lasts}: {flow.cause}"
    status = "" if flow.status is None else f"{flow.status}: "
    return f"nothing has succeeded for {lasts}, the last try: {status}{flow.cause}"


def flow_text(flow: FlowState | None) -> str:
    """Return in words what is let through: `12 of 64 in flight, at most 180/s`."""
    if flow is None:
        return "0 in flight"
    words = [f"{flow.in_flight} of {flow.limit} in flight"]
    if flow.in_flight > flow.limit:  # what was sent before the limit fell is not called back
        words = [f"{flow.in_flight} in flight, which falls to {flow.limit}"]
    if flow.waiting:
        words.append(f"{flow.waiting:,} to be sent again")
    if flow.rate is not None:
        words.append(f"at most {flow.rate:,.0f}/s" if flow.rate >= 10 else f"at most {flow.rate:.2g}/s")
    return ", ".join(words)


def duration(seconds: float) -> str:
    """Return so many seconds in the two largest units that they have: `42 s`, `3 min 20 s`, `2 h 5 min`."""
    minutes, rest = divmod(math.ceil(seconds), 60)
    hours, within = divmod(minutes, 60)
    if hours:
        return f"{hours:,} h {within} min" if within else f"{hours:,} h"
    if not minutes:
        return f"{rest} s"
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


def _pace(now: Progress) -> list[str]:
    rate = f"{now.rate:,.0f}/s" if now.rate >= 10 or not now.rate else f"{now.rate:.1f}/s"
    left = now.plan.changes - now.ended
    return [rate, *([f"{duration(left / now.rate)} left"] if left and now.rate else [])]


def _money(now: Progress) -> list[str]:
    """Return what is applied, in this run and before it, by unit."""
    adapter, before = now.plan.source.adapter, now.plan.settled.sums.by_unit
    texts = []
    units = sorted(before.keys() | now.done.by_unit.keys())
    for unit in units[:SHOWN_UNITS]:
        added, removed = now.done.by_unit.get(unit, (Decimal(0), Decimal(0)))
        earlier = before.get(unit, Sums())
        amounts = (EXACT.add(added, earlier.added), EXACT.add(removed, earlier.removed))
        named = zip(adapter.sum_labels, amounts, strict=True)
        said = " and ".join(f"{adapter.money(amount)} {label}" for label, amount in named if amount)
        texts.append(f"{unit}: {said}" if len(units) > 1 else said)
    more = len(units) - SHOWN_UNITS
    return [text for text in texts if text] + ([f"and {more:,} more"] if more > 0 else [])


def _failed(now: Progress) -> list[str]:
    done = now.done
    kinds = (
        (done.refused, "refused"),
        (done.unknown, "unknown"),
        (done.not_applied, "not applied"),
        (done.used_elsewhere, "used before"),
    )
    return [f"{count:,} {name}" for count, name in kinds if count]


def _repeats(now: Progress) -> Sequence[str]:
    count = now.done.repeats
    return [f"{count:,} {'retry' if count == 1 else 'retries'}"] if count else []


def _bar(now: Progress, room: int) -> str:
    """Return a bar in characters that every terminal has."""
    full = room * now.ended // now.plan.changes if now.plan.changes else room
    return "#" * full + "-" * (room - full)


def _cut(line: str, width: int) -> str:
    return line if len(line) <= width else f"{line[: max(0, width - 3)]}..."
