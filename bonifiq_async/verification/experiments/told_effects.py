"""Changes that end in every way, twice over one ledger: what is reported must never deny what happened."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal

from attrs import frozen

from bonifiq_async._model.outcome import Effect, Outcome
from bonifiq_async._policy.retry import RetryPolicy
from bonifiq_async.bonifiq.client import BonifiQClient
from bonifiq_async.bonifiq.payloads import CashbackChange, CustomerPoints
from bonifiq_async.ledger.sqlite.store import SqliteLedger
from bonifiq_async.sandbox.faults import TRANSIENT
from bonifiq_async.verification.bench import MOVED, Closed
from bonifiq_async.verification.finding import Experiment, Figures, Finding, Lab, experiment, found
from bonifiq_async.verification.keyed_provider import TITLE, keyed_bench

AMONG = (*TRANSIENT, "html-before", "html-after", "400", "401", "403", "404", "409", "422")
RATE = 0.6
IMPATIENT = RetryPolicy(max_attempts=3, base=0.002, cap=0.01, quota=1_000_000)
AT_ONCE = 32
RUNS = 2

DENIED = frozenset({Effect.REFUSED, Effect.NOT_APPLIED})


@frozen
class Record:
    """What was reported in each run, what had taken effect when it ended, and what the provider saw."""

    runs: Sequence[tuple[Mapping[str, Outcome[CustomerPoints]], Mapping[str, int]]]
    closed: Closed

    def figures(self) -> Figures:
        """Return what both claims show."""
        told, effects = self.runs[-1]
        return self.closed.figures(
            len(told),
            lost=sum(each.effect in MOVED and not effects.get(key) for key, each in told.items()),
            unknown=sum(each.effect is Effect.UNKNOWN for each in told.values()),
        )


async def run(lab: Lab) -> Record:
    """Make each change with few attempts; then, with another client on the same ledger, all of them again."""
    names = ", ".join(f'"{name}"' for name in AMONG)
    script = f"rate = {RATE}\nseed = {lab.seed}\namong = [{names}]\n"
    changes = [
        CashbackChange(f"c{number}", Decimal(number + 1).scaleb(-2), "doubt", f"d-{number}")
        for number in range(lab.scale.doubtful)
    ]
    runs = []
    with keyed_bench(script) as provider:
        for _ in range(RUNS):
            places = asyncio.Semaphore(AT_ONCE)
            async with (
                SqliteLedger(lab.folder / "doubt.ledger") as ledger,
                BonifiQClient(
                    provider.credentials, base_url=provider.url, retry=IMPATIENT, ledger=ledger
                ) as client,
            ):

                async def told(change: CashbackChange) -> Outcome[CustomerPoints]:
                    async with places:  # noqa: B023 - both are of this turn, which awaits all its calls
                        return await client.outcome_of(change)

                outcomes = await asyncio.gather(*map(told, changes))
            runs.append(({each.change.change_key: each for each in outcomes}, provider.effects()))
            lab.tell(f"{provider.arrived():,} requests")
        return Record(runs, provider.close())


def worst(record: Record) -> Finding:
    """Nothing that took effect is reported as refused or not applied; a doubt ends with an answer alone."""
    problems, doubts = list[str](), set[str]()
    for told, effects in record.runs:
        for key, outcome in told.items():
            moved = effects.get(key, 0)
            if outcome.effect in DENIED and moved:
                problems.append(f"{key} took effect and was reported as {outcome.effect.value}")
            elif outcome.effect in DENIED and key in doubts:
                problems.append(
                    f"{key} was unknown, and then {outcome.effect.value} without an answer to that"
                )
            elif outcome.effect in MOVED and moved != 1:
                problems.append(f"{key} was reported as {outcome.effect.value} and took effect {moved} times")
            elif outcome.used_elsewhere:
                problems.append(f"{key} was reported as used elsewhere, and no other program was there")
        doubts |= {key for key, outcome in told.items() if outcome.effect is Effect.UNKNOWN}
    return found(record.figures(), problems, met=doubts, note=f"{len(doubts):,} in doubt after the first run")


def counts(record: Record) -> Finding:
    """For every key as many attempts are reported as requests arrived."""
    reported = Counter[str]()
    for told, _ in record.runs:
        for key, outcome in told.items():
            reported[key] += sum(attempt.requests for attempt in outcome.attempts)
    arrived = Counter(each.key for each in record.closed.seen)
    problems = [
        f"{key}: {reported[key]} requests reported, {arrived[key]} arrived"
        for key in reported
        if reported[key] != arrived[key]
    ]
    return found(record.figures(), problems, met=arrived, note=f"{reported.total():,} attempts reported")


DOUBT: Experiment = experiment(
    "doubt",
    TITLE,
    run,
    {
        "worst-effect": ("what may have changed is reported as unknown until it is known, over runs", worst),
        "wire-true": ("attempts reported equal the requests that arrived", counts),
    },
)
"""Changes that end in every way."""
