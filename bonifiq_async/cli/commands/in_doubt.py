"""What a ledger has in doubt, one by one, and what its provider shows of it."""

import asyncio
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path

from attrs import asdict

from bonifiq_async._model.errors import ConfigurationError
from bonifiq_async._model.printable import printable
from bonifiq_async._policy.retry import RetryPolicy
from bonifiq_async._transport.session import PoolLimits, Timeouts
from bonifiq_async.cli.adapter import ClientSettings, Side, Sight, side_of
from bonifiq_async.cli.files.outcome_file import json_line
from bonifiq_async.cli.terminal.report import moment, standing_table, standing_values
from bonifiq_async.cli.terminal.screen import give, show
from bonifiq_async.cli.terminal.tables import show_table
from bonifiq_async.ledger.protocol import State
from bonifiq_async.ledger.sqlite.reader import SETTLEABLE, Recorded, recorded, short, standing

LISTED = 100
"""Changes in doubt that are given one by one, those longest in doubt first; an export has them all."""
SHOWN = 10
"""Of these, how many a person is shown who does not ask the provider about each."""

Sights = Mapping[int, Sight]
"""What was seen of the changes in doubt, by their place."""


def show_standing(ledger: Path, *, look: bool, as_json: bool) -> None:
    """Print what a ledger knows; with `look`, ask its provider for what helps to decide on what is in doubt.

    Raises `ConfigurationError` when `look` cannot help, and what the provider's client raises.
    """
    found = standing(ledger)
    side = None if found.provider is None else side_of(found.provider)
    listed = LISTED if look or as_json else SHOWN
    doubts = list(islice(recorded(ledger, SETTLEABLE), listed))
    sights = asyncio.run(_looked(side, found.provider, doubts)) if look else {}
    if as_json:
        each = [_values(doubt, sights.get(place)) for place, doubt in enumerate(doubts)]
        give(json_line({**standing_values(found), "in_doubt": each}))
        return
    show(f"Provider: {found.provider or 'none yet'}")
    show_table(standing_table(found, side))
    for place, doubt in enumerate(doubts):
        show(*_lines(doubt, side, sights.get(place)))
    unlisted = sum(found.counts[state] for state in SETTLEABLE) - len(doubts)
    if unlisted > 0:
        show(f"and {unlisted:,} more; bonifiq export {ledger} --effect unknown has them all")
    if doubts:
        show(_way_out(ledger, side))
    if used := found.counts[State.USED_ELSEWHERE]:
        show(
            f"{used:,} used elsewhere: their keys were used before, the provider says, and not by what is "
            f"recorded here. bonifiq export {ledger} --effect used-elsewhere has them; bonifiq settle "
            f"{ledger} --key KEY --as applied (or not-applied) --note ... takes your word for one"
        )


async def _looked(side: Side | None, provider: str | None, doubts: Sequence[Recorded]) -> Sights:
    if side is None or side.look is None:
        raise ConfigurationError(
            f"There is nothing to look up for changes of {provider}: "
            "bonifiq settle LEDGER --all-by-repeating settles them under their keys."
        )
    if not doubts:
        return {}
    async with side.connect(ClientSettings(RetryPolicy(), Timeouts(), PoolLimits())) as client:
        return {place: await side.look(client, doubt) for place, doubt in enumerate(doubts)}


_SENT = {State.UNKNOWN: "sent", State.IN_DOUBT: "may have been sent since"}


def _lines(doubt: Recorded, side: Side | None, sight: Sight | None) -> Sequence[str]:
    money = str if side is None else side.money
    lines = [
        (
            f"In doubt: {printable(doubt.key)}: {short(doubt.operation)} {money(doubt.value)} for "
            f"{printable(doubt.customer_id)}, "
            f"{_SENT[doubt.state]} {moment(doubt.first_sent)}"
        )
    ]
    if sight is not None:
        now = "" if sight.balance is None else f"balance now {money(sight.balance)}; "
        lines.append(f"    {now}{sight.note}")
        for moved in sight.movements:
            mark = "  <- this much" if moved.expected else ""
            lines.append(f"    {moved.at}  {printable(moved.event)}  {money(moved.amount)}{mark}")
        if {moved.expected for moved in sight.movements} == {False}:
            lines.append("    no movement of that amount at that time")
        if sight.balance is not None and not sight.movements:
            lines.append("    no movement at that time")
    return lines


def _values(doubt: Recorded, sight: Sight | None) -> Mapping[str, object]:
    values: dict[str, object] = {
        "change_key": doubt.key,
        "operation": short(doubt.operation),
        "customer_id": doubt.customer_id,
        "value": doubt.value,
        "since": moment(doubt.first_sent),
    }
    if sight is not None:
        moved = [asdict(each) for each in sight.movements]
        values |= {"balance": sight.balance, "movements": moved, "note": sight.note}
    return values


def _way_out(ledger: Path, side: Side | None) -> str:
    if side is not None and not side.forgets:
        return (
            "To settle them, run the apply that left them again, or bonifiq settle "
            f"{ledger} --all-by-repeating: both send them again under their keys"
        )
    return (
        "They are not sent again. When you have found out what became of one: bonifiq settle "
        f"{ledger} --key KEY --as applied (or not-applied) --note ..."
    )
