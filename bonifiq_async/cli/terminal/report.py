"""What a person reads: amounts, the plan, the closing table, balances."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from operator import itemgetter
from pathlib import Path
from typing import TypeVar

from attrs import define, field, frozen

from bonifiq_async._model.money import Sums, SumsByUnit
from bonifiq_async._model.outcome import Change, Effect, Outcome
from bonifiq_async._policy.failures import said_beside
from bonifiq_async.batch import BatchSummary, FlowState
from bonifiq_async.cli.adapter import FileAdapter
from bonifiq_async.cli.examination.against_ledger import EarlierChanges
from bonifiq_async.cli.examination.groups import Problems
from bonifiq_async.cli.examination.repeats import Repeats
from bonifiq_async.cli.files.examine import Plan
from bonifiq_async.cli.files.outcome_file import json_line
from bonifiq_async.cli.language.library_errors import said
from bonifiq_async.cli.language.phrase import Phrase, joined, number, phrase
from bonifiq_async.cli.terminal.effects import NOT_TRIED, effect_name
from bonifiq_async.cli.terminal.screen import give
from bonifiq_async.cli.terminal.tables import Table, show_table
from bonifiq_async.ledger.protocol import SURE, State
from bonifiq_async.ledger.reader import Standing

K = TypeVar("K", Effect, State)

SHOWN_ERRORS = 10
"""Errors shown at the end of a run; an outcome file has them all."""
SHOWN_USED = 10
"""The same of changes whose keys were used elsewhere."""


@define
class UsedElsewhere:
    """Changes that are applied by the provider's word alone: count, sums, and the `first` of them to show."""

    count: int = 0
    sums: SumsByUnit = field(factory=SumsByUnit)
    first: list[Change] = field(factory=list)

    def put(self, change: Change, unit: str) -> None:
        """Count one change."""
        self.count += 1
        self.sums.put(unit, change.value)
        if len(self.first) < SHOWN_USED:
            self.first.append(change)


def _line(change: Change) -> int:
    """Return the line of the file that a change came from, 0 for one of no file."""
    line: int = getattr(change, "line", 0)
    return line


_FAILED = (Effect.UNKNOWN, Effect.REFUSED, Effect.NOT_APPLIED)


@define
class RunEnding:
    """How a run over changes of `adapter` ended, counted and summed by effect.

    What is applied by the provider's word alone counts as `used_elsewhere`, and under no effect. `planned`
    changes were to be made; `left_out` rows were not valid and were none.
    `reworded` were applied before, with other words than the file has. `warned` changes were applied with
    a warning; `warnings` are the first of them. `run` is its number in the ledger, None without one.
    `out` has the outcomes, also those of the `repeated` lines.
    `stopped` says why it ended early, and `advice` which setting to look at.
    `earlier` has what the ledger has as applied, where outcomes are written.
    `again` is what was applied already when this run sent it.
    `told_here` outcomes stand on standard error, because no file took them.
    """

    adapter: FileAdapter
    counts: dict[Effect, int] = field(factory=lambda: dict.fromkeys(Effect, 0))
    sums: dict[Effect, SumsByUnit] = field(factory=lambda: {effect: SumsByUnit() for effect in Effect})
    used_elsewhere: UsedElsewhere = field(factory=UsedElsewhere)
    summary: BatchSummary = field(factory=BatchSummary)
    flow: FlowState | None = None
    planned: int = 0
    left_out: int = 0
    reworded: int = 0
    interrupted: bool = False
    stopped: str | None = None
    advice: str | None = None
    told_here: int = 0
    refused_credentials: bool = False
    warned: int = 0
    warnings: list[str] = field(factory=list)
    out: Path | None = None
    repeated: Repeats = field(factory=Repeats)
    again: SumsByUnit = field(factory=SumsByUnit)
    examples: dict[Effect, list[str]] = field(factory=dict)
    run: int | None = None
    earlier: EarlierChanges | None = None

    def count(self, outcome: Outcome[object]) -> None:
        """Count one change, and keep the first errors to show."""
        unit = self.adapter.unit_of(outcome.change)
        if outcome.used_elsewhere:
            self.used_elsewhere.put(outcome.change, unit)
            return
        self.counts[outcome.effect] += 1
        self.sums[outcome.effect].put(unit, outcome.change.value)
        if outcome.error is not None:
            self._keep(self.examples.setdefault(outcome.effect, []), outcome, said(outcome.error))
        elif outcome.notice is not None and outcome.notice.warns:
            self.warned += 1
            key = outcome.change.change_key
            self._keep(self.warnings, outcome, joined((key, said_beside(outcome.notice)), ": "))

    def _keep(self, shown: list[str], outcome: Outcome[object], text: str) -> None:
        """Keep what is said of a change, as one of the first to show."""
        if len(shown) < SHOWN_ERRORS:
            line = _line(outcome.change)
            shown.append(phrase("line {line}: {text}", line=line, text=text) if line else text)

    def shown(self) -> list[str]:
        """Return errors to show, those in doubt first; refused credentials are shown once, not for each."""
        order = (Effect.UNKNOWN,) if self.refused_credentials else _FAILED
        return [text for effect in order for text in self.examples.get(effect, [])][:SHOWN_ERRORS]

    @property
    def failed(self) -> int:
        """How many changes ended with an error."""
        return sum(self.counts[effect] for effect in _FAILED)

    @property
    def by_name(self) -> Mapping[str, int]:
        """What a ledger keeps of how the run ended: how many changes came to what, and to nothing."""
        kinds = {effect.value: count for effect, count in self.counts.items()}
        kinds |= {State.USED_ELSEWHERE.value: self.used_elsewhere.count, NOT_TRIED: self.not_tried}
        return {name: count for name, count in kinds.items() if count}

    @property
    def not_tried(self) -> int:
        """How many changes of the file were never begun."""
        return self.planned - sum(self.counts.values()) - self.used_elsewhere.count


@frozen
class Comparison:
    """The provider's books against what was reported, change by change."""

    ending: RunEnding
    requests: int
    faults: int
    lost: int
    doubled: int
    used_elsewhere: int
    wrong_effects: int
    wrong_balances: int

    @property
    def agrees(self) -> bool:
        """Whether every change has the effect that was reported, and every balance is exact."""
        wrong = (self.lost, self.doubled, self.used_elsewhere, self.wrong_effects, self.wrong_balances)
        return not any(wrong)


def comparison_table(found: Comparison) -> Table:
    """Return the comparison of the books."""
    table = Table(title=phrase("Compared with the provider's books"), title_justify="left", show_header=False)
    for name, count in (
        (phrase("requests that arrived"), found.requests),
        (phrase("of them failed on purpose"), found.faults),
        (phrase("lost: reported as applied, not in the books"), found.lost),
        (phrase("doubled: in the books twice"), found.doubled),
        (phrase("reported as used elsewhere: no other program was there"), found.used_elsewhere),
        (phrase("reported as not applied, but in the books"), found.wrong_effects),
        (phrase("balances that differ"), found.wrong_balances),
    ):
        table.add_row(name, number(count))
    return table


def plan_table(plan: Plan) -> Table:
    """Return what a file asks for."""
    table = Table(show_header=False)
    adapter = plan.source.adapter
    table.add_row(phrase("changes"), number(plan.changes))
    table.add_row(phrase("customers"), number(plan.customers))
    units = sorted(plan.sums.by_unit.items()) or [("", Sums())]
    for unit, sums in units:
        for name, amount in zip(adapter.sum_labels, (sums.added, sums.removed), strict=True):
            apart = len(units) > 1 and not adapter.amounts_name_units
            label = phrase("{name} ({unit})", name=name, unit=unit) if apart else name
            table.add_row(label, adapter.amount(amount, unit))
    if plan.repeats:
        table.add_row(phrase("rows that repeat another, sent once"), number(plan.repeats))
    if plan.problems:
        table.add_row(phrase("rows that are not valid"), number(plan.problems))
    return table


Kinds = Sequence[tuple[Phrase, int, SumsByUnit]]
"""Names of kinds of changes, each with how many there are, and what they come to."""


def kinds_of(counts: Mapping[K, int], sums: Mapping[K, SumsByUnit]) -> Kinds:
    """Return counts and sums by effect or state as `by_kind` takes them."""
    return [(effect_name(kind), count, sums[kind]) for kind, count in counts.items()]


def by_kind(adapter: FileAdapter | None, column: str, kinds: Kinds, title: str | None = None) -> Table:
    """Return a table of changes and sums: a row for each kind that occurs, and each unit of it."""
    table = Table(title=title, title_justify="left")
    units = {unit for _, count, sums in kinds if count for unit in sums.by_unit}
    apart = (phrase("unit"),) if len(units) > 1 else ()
    labels = FileAdapter.sum_labels if adapter is None else adapter.sum_labels
    for name in (column, phrase("changes"), *apart, *labels):
        table.add_column(name, justify="left" if name in (column, *apart) else "right")
    for name, count, sums in kinds:
        head: tuple[str, str] = (name, number(count))
        for unit, of_unit in sorted(sums.by_unit.items()) if count else ():
            sizes = (of_unit.added, of_unit.removed)
            money = [number(each) if adapter is None else adapter.amount(each, unit) for each in sizes]
            named = unit if adapter is None else adapter.unit_name(unit)
            table.add_row(*head, *(named for _ in apart), *money)
            head = ("", "")
    return table


def by_name_of(kinds: Kinds) -> Mapping[str, object]:
    """Return the same for machines."""
    return {str(name): {"changes": count, **sums_values(sums)} for name, count, sums in kinds}


def sums_values(sums: SumsByUnit) -> Mapping[str, object]:
    """Return sums for machines: those of each unit, and the one pair where all are of one unit."""
    single = sums.single()
    return {
        "added": None if single is None else single.added,
        "removed": None if single is None else single.removed,
        "by_unit": {
            unit: {"added": each.added, "removed": each.removed}
            for unit, each in sorted(sums.by_unit.items())
        },
    }


USED_ELSEWHERE = phrase("used before, not by this ledger")


def _effects(ending: RunEnding) -> Kinds:
    """Return the kinds of a run: its effects, and behind them what was used elsewhere."""
    used = ending.used_elsewhere
    apart = [(effect_name(State.USED_ELSEWHERE), used.count, used.sums)] if ending.adapter.has_keys else []
    return [*kinds_of(ending.counts, ending.sums), *apart]


def ending_table(ending: RunEnding) -> Table:
    """Return the closing table by effect."""
    table = by_kind(ending.adapter, phrase("effect"), _effects(ending), phrase("Changes by effect"))
    for name, count in (
        (phrase("of them with a warning"), ending.warned),
        (phrase("not tried"), ending.not_tried),
        (phrase("not valid, left out"), ending.left_out),
    ):
        if count:
            table.add_row(name, number(count), "", "")
    return table


def used_table(ending: RunEnding) -> Table:
    """Return the first of the changes whose keys were used elsewhere."""
    used, adapter = ending.used_elsewhere, ending.adapter
    table = Table(title=phrase("Used before, not by this ledger"), title_justify="left")
    table.add_column(phrase("line"), justify="right", overflow="fold")
    for name in ("change_key", "customer_id", "value"):
        table.add_column(name, justify="right" if name == "value" else "left", overflow="fold")
    for line, change in sorted(((_line(each), each) for each in used.first), key=itemgetter(0)):
        names = (change.change_key, change.customer_id)
        amount = adapter.amount(change.value, adapter.unit_of(change))
        table.add_row(number(line) if line else "-", *names, amount)
    if used.count > len(used.first):
        table.add_row("", phrase("and {count:,} more", count=used.count - len(used.first)), "", "")
    return table


def ending_json(ending: RunEnding, exit_code: int) -> bytes:
    """Return the same for machines, as one line of JSON."""
    return json_line(
        {
            "effects": by_name_of(_effects(ending)),
            "not_tried": ending.not_tried,
            "left_out": ending.left_out,
            "reworded": ending.reworded,
            "warned": ending.warned,
            "attempts": ending.summary.attempts,
            "elapsed": round(ending.summary.elapsed, 3),
            "limit": _limit(ending.flow),
            "interrupted": ending.interrupted,
            "stopped": ending.stopped,
            "exit_code": exit_code,
        }
    )


def _limit(flow: FlowState | None) -> dict[str, object] | None:
    """Return the limit that was found at last: its kind, since when (in seconds), rate, requests at once."""
    if flow is None:
        return None
    known = None if flow.known_for is None else round(flow.known_for, 1)
    rate = None if flow.rate is None else round(flow.rate, 1)
    return {"kind": flow.kind, "known_for": known, "rate": rate, "in_flight": flow.limit}


def plan_json(plan: Plan, found: Problems, *, known: bool = False, understood: bool = False) -> bytes:
    """Return a plan as one line of JSON; where a ledger is `known`, with what that has as applied.

    With how the file is `understood`, if that is wanted; JSON lines have but one way.
    """
    dialect = plan.source.dialect
    before = {"already_applied": plan.settled.changes, "used_elsewhere": plan.used_elsewhere.changes}
    before |= {"reworded": plan.reworded, "not_in_file": plan.left_behind.changes}
    return json_line(
        {
            "changes": plan.changes,
            "customers": plan.customers,
            **sums_values(plan.sums),
            "repeats": plan.repeats,
            "problems": plan.problems,
            "second_amounts": plan.second_amounts,
            "kinds": found.values(),
            **(before if known else {}),
            **({"file": None if dialect is None else dialect.values()} if understood else {}),
        }
    )


def show_values(
    values: Mapping[str, object],
    labels: Mapping[str, str],
    money: Callable[[Decimal], str],
    *,
    as_json: bool,
) -> None:
    """Print named values to standard output, as a table or as a line of JSON. Raises `Lost`.

    `labels` are the names that a table has for them.
    """
    if as_json:
        give(json_line(values))
        return
    table = Table(show_header=False)
    for name, value in values.items():
        table.add_row(labels.get(name, name.replace("_", " ")), _cell(value, money))
    show_table(table)


def _cell(value: object, money: Callable[[Decimal], str]) -> str:
    if isinstance(value, bool):
        return phrase("yes") if value else phrase("no")
    return money(value) if isinstance(value, Decimal) else "-" if value is None else str(value)


def standing_table(found: Standing, adapter: FileAdapter | None) -> Table:
    """Return what a ledger knows, by state."""
    sums = SumsByUnit()
    for state in SURE:
        sums.take(found.sums[state])
    total = (phrase("applied in all"), sum(found.counts[state] for state in SURE), sums)
    return by_kind(adapter, phrase("state"), [*kinds_of(found.counts, found.sums), total])


def standing_values(found: Standing, provider: str | None) -> Mapping[str, object]:
    """Return the same for machines."""
    oldest = None
    if found.oldest is not None:
        oldest = {"change_key": found.oldest[0], "since": moment(found.oldest[1])}
    return {
        "provider": provider,
        "states": by_name_of(kinds_of(found.counts, found.sums)),
        "settled_by_hand": found.by_hand,
        "oldest_in_doubt": oldest,
        "without_amount": found.without_amount,
    }


def moment(seconds: float) -> str:
    """Return a time of the epoch as text, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
