"""How far a run is and what holds it up, as text: made of what the run shows of itself."""

import math
from collections.abc import Sequence
from decimal import Decimal
from textwrap import wrap

from attrs import field, frozen

from bonifiq_async._model.money import EXACT, Sums, SumsByUnit
from bonifiq_async._model.outcome import Effect
from bonifiq_async._model.printable import printable
from bonifiq_async.batch import BatchSummary, FlowState
from bonifiq_async.cli.files.examine import Plan
from bonifiq_async.cli.language.library_texts import cause_said
from bonifiq_async.cli.language.phrase import Phrase, joined, phrase, shown
from bonifiq_async.cli.terminal.effects import effect_name
from bonifiq_async.ledger.protocol import State

BAR, LEAST_BAR = 30, 8
"""Columns of the bar at the most; with fewer than the least, there is none."""
CAUSE_LINES = 3
"""Lines of what holds a run up, at the most."""
SHOWN_UNITS = 3
"""Units whose sums are shown; the closing table has them all."""


@frozen
class Progress:
    """A run at one moment: its plan, what has ended, what is let through, and the changes ended in a second.

    `flow` is None when nothing runs. `again` is what changes came to that the provider had applied already
    when this run sent them.
    """

    plan: Plan
    done: BatchSummary
    flow: FlowState | None
    rate: float
    again: SumsByUnit = field(factory=SumsByUnit)

    @property
    def ended(self) -> int:
        """How many changes have ended, those included that the ledger has as applied."""
        return self.plan.changes - self.plan.to_send + self.done.seen


def screen_lines(now: Progress, width: int) -> list[str]:
    """Return what a terminal of so many columns shows: figures, money, and what holds the run up."""
    done = phrase("{done:,} of {total:,}", done=now.ended, total=now.plan.changes)
    figures = shown(joined([done, *_pace(now)], "  "))
    room = min(BAR, width - len(figures) - 4)
    bar = f"[{_bar(now, room)}]  " if room >= LEAST_BAR else ""
    money = shown(joined([*_money(now), *_failed(now)] or [phrase("nothing applied yet")], "; "))
    rest = shown(joined([*_repeats(now), flow_text(now.flow)]))
    cause = wrap(
        printable(shown(hold_up(now.flow) or ""), None), width, max_lines=CAUSE_LINES, placeholder="..."
    )
    return [
        *(_cut(printable(line, None), width) for line in (bar + figures, money)),
        *cause,
        _cut(rest, width),
    ]


def log_line(now: Progress) -> Phrase:
    """Return the same as one line, for what is no terminal."""
    held_up = hold_up(now.flow)
    figures = phrase("{done:,} of {total:,} changes", done=now.ended, total=now.plan.changes)
    parts = [joined([figures, *_pace(now)]), *([held_up] if held_up else []), *_money(now)]
    return joined([*parts, joined([*_failed(now), *_repeats(now), flow_text(now.flow)])], "; ")


def hold_up(flow: FlowState | None) -> Phrase | None:
    """Return what holds a run up and its cause: `503 for 40 s: Service Unavailable; next try in 8 s`."""
    if flow is None:
        return None
    lasts = flow.failing if flow.paused is None else flow.paused
    due = max(flow.held, flow.next_try or 0.0)
    following = [phrase("trying now")] if flow.in_flight else []
    if due > 0:
        following = [phrase("next try in {time}", time=duration(due))]
    if lasts is not None:
        return joined([_for_long(flow, duration(lasts)), *following], "; ")
    if flow.held > 0:
        return joined([phrase("the provider asks to wait"), *following], "; ")
    if not flow.cause or flow.status is not None:
        return None  # of a provider that answers, some failures are no hold-up
    return joined([phrase("the last try failed: {cause}", cause=cause_said(flow.cause)), *following], "; ")


def _for_long(flow: FlowState, lasts: str) -> Phrase:
    if flow.cause is None:
        return phrase("nothing has succeeded for {time}", time=lasts)
    if flow.alike and flow.status is not None:
        return phrase(
            "{status} for {time}: {cause}", status=flow.status, time=lasts, cause=cause_said(flow.cause)
        )
    if flow.alike:
        return phrase("nothing has succeeded for {time}: {cause}", time=lasts, cause=cause_said(flow.cause))
    last = cause_said(flow.cause) if flow.status is None else f"{flow.status}: {flow.cause}"
    return phrase("nothing has succeeded for {time}, the last try: {cause}", time=lasts, cause=last)


def flow_text(flow: FlowState | None) -> Phrase:
    """Return in words what is let through: `12 of 64 in flight, at most 180/s`."""
    if flow is None:
        return phrase("{count} in flight", count=0)
    words = [phrase("{count} of {limit} in flight", count=flow.in_flight, limit=flow.limit)]
    if flow.in_flight > flow.limit:  # what was sent before the limit fell is not called back
        words = [phrase("{count} in flight, which falls to {limit}", count=flow.in_flight, limit=flow.limit)]
    if flow.waiting:
        words.append(phrase("{count:,} to be sent again", count=flow.waiting))
    if flow.rate is not None and flow.rate >= 10:
        words.append(phrase("at most {rate:,.0f}/s", rate=flow.rate))
    elif flow.rate is not None:
        words.append(phrase("at most {rate:.2g}/s", rate=flow.rate))
    if (kind := _kind(flow)) is not None:
        words.append(phrase("{kind} for {time}", kind=kind, time=duration(flow.known_for or 0.0)))
    return joined(words)


def _kind(flow: FlowState) -> Phrase | None:
    """Return what kind of limit was found, in words."""
    kinds = {
        "a rate without burst": phrase("a rate without burst"),
        "a rate with burst": phrase("a rate with burst"),
        "a number each second": phrase("a number each second"),
        "a rate that others use, too": phrase("a rate that others use, too"),
        "refusals by chance": phrase("refusals by chance"),
        "what the provider says": phrase("what the provider says"),
    }
    return kinds.get(flow.kind or "")


def duration(seconds: float) -> str:
    """Return so many seconds in the two largest units that they have: `42 s`, `3 min 20 s`, `2 h 5 min`."""
    minutes, rest = divmod(math.ceil(seconds), 60)
    hours, within = divmod(minutes, 60)
    if hours:
        return f"{hours:,} h {within} min" if within else f"{hours:,} h"
    if not minutes:
        return f"{rest} s"
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


def _pace(now: Progress) -> list[Phrase]:
    exact = phrase("{rate:.1f}/s", rate=now.rate)
    rate = phrase("{rate:,.0f}/s", rate=now.rate) if now.rate >= 10 or not now.rate else exact
    left = now.plan.changes - now.ended
    return [rate, *([phrase("{time} left", time=duration(left / now.rate))] if left and now.rate else [])]


def _money(now: Progress) -> list[Phrase]:
    """Return what is applied, in this run and before it, by unit."""
    adapter, known = now.plan.source.adapter, SumsByUnit()
    known.take(now.plan.settled.sums)
    known.take(now.again)
    before = known.by_unit
    texts = []
    units = sorted(before.keys() | now.done.by_unit.keys())
    for unit in units[:SHOWN_UNITS]:
        added, removed = now.done.by_unit.get(unit, (Decimal(0), Decimal(0)))
        earlier = before.get(unit, Sums())
        amounts = (EXACT.add(added, earlier.added), EXACT.add(removed, earlier.removed))
        named = zip(adapter.sum_labels, amounts, strict=True)
        said = [
            phrase("{amount} {label}", amount=adapter.amount(amount, unit), label=label)
            for label, amount in named
            if amount
        ]
        if said:
            each = (
                said[0] if len(said) == 1 else phrase("{first} and {second}", first=said[0], second=said[1])
            )
            apart = len(units) > 1 and not adapter.amounts_name_units
            texts.append(joined([unit, each], ": ") if apart else each)
    more = len(units) - SHOWN_UNITS
    return texts + ([phrase("and {count:,} more", count=more)] if more > 0 else [])


def _failed(now: Progress) -> list[Phrase]:
    done = now.done
    kinds = (
        (done.refused, Effect.REFUSED),
        (done.unknown, Effect.UNKNOWN),
        (done.not_applied, Effect.NOT_APPLIED),
        (done.used_elsewhere, State.USED_ELSEWHERE),
    )
    return [
        phrase("{count:,} {state}", count=count, state=effect_name(kind)) for count, kind in kinds if count
    ]


def _repeats(now: Progress) -> Sequence[Phrase]:
    count = now.done.repeats
    return [phrase("{count:,} retry", "{count:,} retries", count=count)] if count else []


def _bar(now: Progress, room: int) -> str:
    """Return a bar in characters that every terminal has."""
    full = room * now.ended // now.plan.changes if now.plan.changes else room
    return "#" * full + "-" * (room - full)


def _cut(line: str, width: int) -> str:
    return line if len(line) <= width else f"{line[: max(0, width - 3)]}..."
