"""One key many times at once: one change, and another one under it is refused unsent."""

import asyncio
from collections import Counter
from decimal import Decimal

from attrs import evolve, frozen

from bonifiq_async._model.errors import ChangeKeyConflict
from bonifiq_async._model.outcome import Outcome
from bonifiq_async.bonifiq.client import BonifiQClient
from bonifiq_async.bonifiq.payloads import CashbackChange, CustomerPoints
from bonifiq_async.ledger.sqlite.store import SqliteLedger
from bonifiq_async.verification.bench import MOVED, Closed
from bonifiq_async.verification.finding import Experiment, Finding, Lab, experiment, found
from bonifiq_async.verification.keyed_provider import TITLE, keyed_bench

CALLERS = 4
"""Calls of each client with one key at once."""


@frozen
class Record:
    """What many calls of one change reported, what another change under its key did, and what arrived."""

    same: tuple[Outcome[CustomerPoints], ...]
    other: tuple[Outcome[CustomerPoints], ...]
    closed: Closed


async def run(lab: Lab) -> Record:
    """Two clients on one ledger make the same change at once, and another one under its key after it."""
    same, other = list[Outcome[CustomerPoints]](), list[Outcome[CustomerPoints]]()
    with keyed_bench("[latency]\nseconds = 0.01\n") as provider:
        path = lab.folder / "keys.ledger"
        async with (
            SqliteLedger(path) as one,
            SqliteLedger(path) as two,
            BonifiQClient(provider.credentials, base_url=provider.url, ledger=one) as first,
            BonifiQClient(provider.credentials, base_url=provider.url, ledger=two) as second,
        ):

            async def contend(number: int) -> None:
                change = CashbackChange(f"c{number}", Decimal(1), "key", f"k-{number}")
                callers = [client for client in (first, second) for _ in range(CALLERS)]
                same.extend(await asyncio.gather(*(client.outcome_of(change) for client in callers)))
                other.append(await second.outcome_of(evolve(change, value=Decimal(2))))

            for begin in range(0, lab.scale.keys, 20):
                await asyncio.gather(*map(contend, range(begin, min(begin + 20, lab.scale.keys))))
                lab.tell(f"{begin:,} of {lab.scale.keys:,} keys")
        return Record(tuple(same), tuple(other), provider.close())


def one_change(record: Record) -> Finding:
    """One request and one effect a key, whose outcome all callers get; the other change is refused."""
    arrived, effects = Counter(each.key for each in record.closed.seen), record.closed.effects()
    problems = [f"{key} arrived {count} times" for key, count in arrived.items() if count != 1]
    problems += [f"{key} took effect {count} times" for key, count in effects.items() if count != 1]
    problems += [
        f"{each.change.change_key} was reported as {each.effect.value}"
        for each in record.same
        if each.effect not in MOVED
    ]
    problems += [
        f"{each.change.change_key}: another change under it was reported as {each.effect.value}"
        for each in record.other
        if not isinstance(each.error, ChangeKeyConflict)
    ]
    figures = record.closed.figures(len(arrived))
    note = f"{len(record.same):,} calls, and {len(record.other):,} of another change"
    return found(figures, problems, met=arrived, note=note)


KEYS: Experiment = experiment(
    "keys", TITLE, run, {"one-key": ("one key is one change, however many ask at once", one_change)}
)
"""Keys that are used many times at once."""
