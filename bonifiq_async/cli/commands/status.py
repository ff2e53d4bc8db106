"""`bonifiq status`: what a ledger knows, its last runs, what is in doubt, and what its provider shows."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from itertools import islice

from attrs import asdict

from bonifiq_async._model.errors import ConfigurationError
from bonifiq_async._model.printable import printable
from bonifiq_async._policy.retry import RetryPolicy
from bonifiq_async._transport.connector import PoolLimits
from bonifiq_async._transport.session import Timeouts
from bonifiq_async.cli.adapter import BalanceEvidence, ClientSettings, FileAdapter, adapter_of
from bonifiq_async.cli.afterwards.digest import Digest, SumsWithCounts
from bonifiq_async.cli.files.outcome_file import json_line
from bonifiq_async.cli.language.phrase import Phrase, joined, number, phrase
from bonifiq_async.cli.terminal.dialogue import interruptible
from bonifiq_async.cli.terminal.report import (
    Kinds,
    by_kind,
    by_name_of,
    kinds_of,
    moment,
    standing_table,
    standing_values,
)
from bonifiq_async.cli.terminal.runs import run_lines, run_values, time_of
from bonifiq_async.cli.terminal.screen import give, show
from bonifiq_async.cli.terminal.tables import Table, show_table
from bonifiq_async.cli.workers.shown import shards_table, shards_values
from bonifiq_async.ledger.protocol import State
from bonifiq_async.ledger.reader import LedgerReader, Standing, recorded, standing
from bonifiq_async.ledger.recorded import Recorded, short
from bonifiq_async.ledger.settling import SETTLEABLE
from bonifiq_async.ledger.shards import ShardedFile

LISTED = 100
"""Changes in doubt that are given one by one, those longest in doubt first; an export has them all."""
SHOWN = 10
"""Of these, how many are shown as text where the provider is not asked about each."""
LAST_DAYS = 7
"""Days whose sums are shown, the latest of those that have changes."""
LAST_RUNS = 5
"""Runs that are shown, the latest first."""
LAST_FILES = 3
"""Files in shards that are shown, that begun last first."""
WATCHED = 2.0
"""Seconds between two looks at the shards."""

Found = Mapping[int, BalanceEvidence]
"""What was seen of the changes in doubt, by their place."""


def status(ledger: LedgerReader, *, look: bool, as_json: bool, watch: bool = False) -> None:
    """Print what a ledger knows; with `look`, ask its provider for what helps to decide on what is in doubt.

    With `watch`, print how far the shards of its files are, every few seconds until all are done.

    Raises `ConfigurationError` when `look` cannot help or there is nothing to `watch`, and what the
    provider's client raises.
    """
    with interruptible(), ledger.connected() as asked:
        if watch:
            _watch(asked, as_json=as_json)
        else:
            _show(asked, look=look, as_json=as_json)


def _watch(ledger: LedgerReader, *, as_json: bool) -> None:
    while True:
        files = ledger.shards()
        if not files:
            raise ConfigurationError(
                phrase(
                    "No file in {ledger} is applied in shards; without --watch, bonifiq status says what it "
                    "has.",
                    ledger=ledger,
                )
            )
        _show_shards(files, as_json=as_json)
        if all(file.is_done for file in files):
            return
        time.sleep(WATCHED)


def _show_shards(files: Sequence[ShardedFile], *, as_json: bool) -> None:
    if as_json:
        give(json_line({"shards": shards_values(files)}))
        return
    for file in files:
        show_table(shards_table(file))


def _show(ledger: LedgerReader, *, look: bool, as_json: bool) -> None:
    provider = ledger.provider()
    adapter = None if provider is None else adapter_of(provider)
    digest = Digest(_operation if adapter is None else adapter.unit_of)
    found = standing(ledger, unit_of=digest.unit_of, seen=digest.put)
    days = sorted(digest.days.items())[-LAST_DAYS:]
    listed = LISTED if look or as_json else SHOWN
    doubts = list(islice(recorded(ledger, SETTLEABLE), listed))
    last = ledger.runs()[:LAST_RUNS]
    files = ledger.shards()[:LAST_FILES]
    evidence = asyncio.run(_looked(adapter, provider, doubts)) if look else {}
    if as_json:
        each = [_values(doubt, evidence.get(place)) for place, doubt in enumerate(doubts)]
        made = [run_values(run) for run in last]
        of_days = [{"day": day.isoformat(), "effects": by_name_of(_of_day(states))} for day, states in days]
        values = {"days": of_days, "in_doubt": each, "runs": made, "shards": shards_values(files)}
        give(json_line({**standing_values(found, provider), **values}))
        return
    show(phrase("Provider: {provider}", provider=provider or phrase("none yet")))
    show_table(standing_table(found, adapter))
    if beside := _beside_the_table(found):
        show(*beside)
    if days:
        show_table(_days_table(days, adapter))
    if last:
        show(phrase("The last runs; bonifiq history --runs has all:"), *run_lines(last))
    _show_shards(files, as_json=False)
    for place, doubt in enumerate(doubts):
        show(*_lines(doubt, adapter, evidence.get(place)))
    unlisted = sum(found.counts[state] for state in SETTLEABLE) - len(doubts)
    if unlisted > 0:
        show(
            phrase(
                "and {count:,} more; bonifiq export {ledger} --effect unknown has them all",
                count=unlisted,
                ledger=ledger,
            )
        )
    if doubts:
        show(*_ways_out(ledger, adapter, doubts, unlisted))
    if used := found.counts[State.USED_ELSEWHERE]:
        show(
            phrase(
                "{count:,} used_elsewhere: their keys were used before, the provider says, and not by what "
                "is recorded here. bonifiq export {ledger} --effect used_elsewhere has them; bonifiq settle "
                "{ledger} --key KEY --as applied (or not_applied) --note ... takes your word for one",
                count=used,
                ledger=ledger,
            )
        )


Days = Sequence[tuple[date, Mapping[State, SumsWithCounts]]]
"""What changed on some days, by state; a change counts on the day of its last event."""


def _days_table(days: Days, adapter: FileAdapter | None) -> Table:
    kinds = [
        (phrase("{day}, {state}", day=_day(day), state=name), count, sums)
        for day, states in days
        for name, count, sums in _of_day(states)
    ]
    return by_kind(adapter, phrase("the last days"), kinds)


def _day(day: date) -> Phrase:
    return phrase("{at:%Y-%m-%d}", at=datetime.combine(day, datetime.min.time()))


def _of_day(states: Mapping[State, SumsWithCounts]) -> Kinds:
    return kinds_of(
        {state: each.counts.total() for state, each in states.items()},
        {state: each.sums for state, each in states.items()},
    )


def _beside_the_table(found: Standing) -> Sequence[Phrase]:
    """Return what the sums do not tell by themselves."""
    by_hand = phrase(
        "{count:,} of these was settled by hand, by a person's word: bonifiq history has the note.",
        "{count:,} of these were settled by hand, by a person's word: bonifiq history has the notes.",
        count=found.by_hand,
    )
    without_amount = phrase(
        "{count:,} of these has no known amount, and counts as none in the sums.",
        "{count:,} of these have no known amount, and count as none in the sums.",
        count=found.without_amount,
    )
    return [by_hand] * bool(found.by_hand) + [without_amount] * bool(found.without_amount)


def _operation(change: Recorded) -> str:
    """Keep the sums of operations apart where the units of a provider are not known."""
    return short(change.operation)


async def _looked(adapter: FileAdapter | None, provider: str | None, doubts: Sequence[Recorded]) -> Found:
    if adapter is None or adapter.evidence is None:
        raise ConfigurationError(
            phrase(
                "There is nothing to look up for changes of {provider}: without --look, bonifiq status says "
                "how they are settled.",
                provider=provider,
            )
        )
    if not doubts:
        return {}
    async with adapter.connect(ClientSettings(RetryPolicy(), Timeouts(), PoolLimits())) as client:
        return {place: await adapter.evidence.read(client, doubt) for place, doubt in enumerate(doubts)}


_SENT = {State.UNKNOWN: phrase("sent"), State.IN_DOUBT: phrase("may have been sent since")}


def _lines(doubt: Recorded, adapter: FileAdapter | None, shown: BalanceEvidence | None) -> Sequence[str]:
    unit = "" if adapter is None else adapter.unit_of(doubt)

    def money(value: Decimal) -> str:
        return number(value) if adapter is None else adapter.amount(value, unit)

    lines = [
        phrase(
            "In doubt: {key}: {operation} {amount} for {customer}, {sent} {time}",
            key=printable(doubt.key),
            operation=short(doubt.operation),
            amount=money(doubt.value),
            customer=printable(doubt.customer_id),
            sent=_SENT[doubt.state],
            time=time_of(doubt.first_sent),
        )
    ]
    if shown is not None:
        parts = [shown.note]
        if shown.balance is not None:
            parts = [phrase("balance now {amount}", amount=money(shown.balance)), shown.note]
        lines.append(phrase("    {note}", note=joined(parts, "; ")))
        for moved in shown.movements:
            mark = [phrase("<- this much")] if moved.expected else []
            cells = [moved.at, printable(moved.event), money(moved.amount), *mark]
            lines.append(phrase("    {movement}", movement=joined(cells, "  ")))
        if {moved.expected for moved in shown.movements} == {False}:
            lines.append(phrase("    no movement of that amount at that time"))
        if shown.balance is not None and not shown.movements:
            lines.append(phrase("    no movement at that time"))
    return lines


def _values(doubt: Recorded, shown: BalanceEvidence | None) -> Mapping[str, object]:
    values: dict[str, object] = {
        "change_key": doubt.key,
        "operation": short(doubt.operation),
        "customer_id": doubt.customer_id,
        "value": doubt.value,
        "since": moment(doubt.first_sent),
    }
    if shown is not None:
        moved = [asdict(each) for each in shown.movements]
        values |= {"balance": shown.balance, "movements": moved, "note": shown.note}
    return values


def _ways_out(
    ledger: LedgerReader, adapter: FileAdapter | None, doubts: Sequence[Recorded], unlisted: int
) -> Sequence[str]:
    """Say how what is in doubt is settled: what is sent again, and what a person alone can decide."""
    if adapter is None or adapter.ledger_alone_knows:
        return [
            phrase(
                "They are not sent again. When you have found out what became of one: bonifiq settle "
                "{ledger} --key KEY --as applied (or not_applied) --note ...",
                ledger=ledger,
            )
        ]
    kinds, ways = {_way(adapter, doubt) for doubt in doubts}, _ways(ledger)
    if unlisted and adapter.recorded.keys() != adapter.changes.keys():
        kinds = {*ways}
    return [way for kind, way in ways.items() if kind in kinds]


def _way(adapter: FileAdapter, doubt: Recorded) -> str:
    """Return which of the ways out is that of a change."""
    if doubt.operation in adapter.recorded and not adapter.sends_again(doubt):
        return "by a word"
    return "of a file" if doubt.operation in adapter.changes else "of a program"


def _ways(ledger: LedgerReader) -> Mapping[str, str]:
    """Return how what is in doubt is settled, by what it is."""
    return {
        "of a file": phrase(
            "To settle changes of a file, run the apply that left them again, or bonifiq settle {ledger} "
            "--all-by-repeating: both send them again under their keys",
            ledger=ledger,
        ),
        "of a program": phrase(
            "Changes of a program, such as redeems, are settled by the same call with this ledger, or by "
            "bonifiq settle {ledger} --all-by-repeating",
            ledger=ledger,
        ),
        "by a word": phrase(
            "A change whose key the provider is not known to count is not sent again. When you have found "
            "out what became of it: bonifiq settle {ledger} --key KEY --as applied (or not_applied) "
            "--note ...",
            ledger=ledger,
        ),
    }
