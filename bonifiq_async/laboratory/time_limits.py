"""Time that others set: the wait that a provider asks for, and the deadline of a call."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from decimal import Decimal

from attrs import frozen

from bonifiq_async.batch import CashbackBatch, FlowControl
from bonifiq_async.bonifiq.client import BonifiQClient
from bonifiq_async.bonifiq.payloads import CashbackChange, CustomerPoints
from bonifiq_async.laboratory.bench import Closed, bench
from bonifiq_async.laboratory.finding import Experiment, Figures, Finding, Lab, experiment, found
from bonifiq_async.session import PoolLimits

BETWEEN = 60
"""Requests between two that are asked to wait."""
ON_THE_WAY = 0.3
"""Seconds after the asking during which requests may still arrive that had left before it was read."""
IN_FLIGHT = 16
"""Requests in flight at once: beside the one that is asked to wait, so many less one can be on their way."""
ASKED = 2
DEADLINE = 1.0
LATE = 0.5
"""Seconds past a deadline that a busy machine may take to say so."""


async def hold(lab: Lab) -> Closed:
    """Apply changes to a provider that asks everybody to wait, in three ways, now and then."""
    holds = lab.scale.holds
    asked = [BETWEEN * (at + 1) for at in range(holds)]
    script = (
        f'seed = {lab.seed}\n[[fault]]\nfault = ["429-seconds", "503-seconds", "429-date"]\n'
        f"requests = {asked}\nretry_after = {ASKED}\n[latency]\nseconds = 0.005\n"
    )
    changes = [
        CashbackChange(f"c{number}", Decimal(1), "hold", f"h-{number}")
        for number in range(BETWEEN * (holds + 1))
    ]
    with bench("bonifiq", script) as provider:
        async with BonifiQClient(
            provider.basic, base_url=provider.url, pool=PoolLimits(connections=IN_FLIGHT)
        ) as client:
            batch: CashbackBatch[CashbackChange, CustomerPoints] = CashbackBatch(
                client, flow=FlowControl(max_in_flight=IN_FLIGHT)
            )
            async for _ in batch.run(changes):
                if batch.summary.seen % BETWEEN == 0:
                    lab.tell(f"{batch.summary.seen:,} of {len(changes):,} changes")
        return provider.close()


def nobody_earlier(closed: Closed) -> Finding:
    """Between the asking and its end nothing arrives but what was on its way: no more, and no later."""
    held = [(at, each) for at, each in enumerate(closed.seen) if each.until]
    problems, earliest = list[str](), float("inf")
    for at, each in held:
        after = closed.seen[at + 1 :]
        early = [other for other in after if other.moment < each.until]
        late = [other for other in early[: IN_FLIGHT - 1] if other.moment > each.moment + ON_THE_WAY]
        for other in early[IN_FLIGHT - 1 :] + late:
            problems.append(f"{other.key} arrived {each.until - other.moment:.3f} s before the end of a wait")
        waited = (other.moment - each.until for other in after if other.moment >= each.until)
        earliest = min(earliest, next(waited, float("inf")))
    figures = Figures(
        changes=len({each.key for each in closed.seen}),
        requests=len(closed.seen),
        faults=sum(closed.faults.values()),
    )
    note = f"{len(held):,} waits, the next request {earliest * 1000:,.0f} ms after the end at the earliest"
    return found(figures, problems, met=held, note=note)


@frozen
class Hasty:
    """When each call began and ended (monotonic seconds), by key, and what the provider saw."""

    calls: Mapping[str, tuple[float, float]]
    closed: Closed


async def haste(lab: Lab) -> Hasty:
    """Make calls with a deadline to a provider that is silent, slow, broken, or asks to wait for a day."""
    script = (
        f"seed = {lab.seed}\nrate = 0.7\n"
        'among = ["silence-before", "silence-after", "503-before", "429", "close-after"]\n'
        '[[fault]]\nfault = "429-long"\nrate = 0.003\n'
        "[latency]\nseconds = 0.05\njitter = 0.1\n"
    )
    calls: dict[str, tuple[float, float]] = {}
    left, at_once = list(range(lab.scale.hasty)), 100
    with bench("bonifiq", script) as provider:
        while left:
            # A wait of a day holds the whole client: each round has a new one.
            turn, left = left[:at_once], left[at_once:]
            async with BonifiQClient(provider.basic, base_url=provider.url) as client:

                async def call(number: int) -> None:
                    began = time.monotonic()
                    change = CashbackChange(f"c{number}", Decimal(1), "haste", f"t-{number}")
                    await client.outcome_of(change, deadline=DEADLINE)
                    calls[change.change_key] = (began, time.monotonic())

                await asyncio.gather(*map(call, turn))
            lab.tell(f"{len(calls):,} of {lab.scale.hasty:,} calls")
        return Hasty(calls, provider.close())


def in_time(record: Hasty) -> Finding:
    """No call ends late, and no request arrives for one that has ended."""
    took = [ended - began for began, ended in record.calls.values()]
    problems = [
        f"{key} took {ended - began:.2f} s of {DEADLINE} s"
        for key, (began, ended) in record.calls.items()
        if ended - began > DEADLINE + LATE
    ]
    for each in record.closed.seen:
        began, _ = record.calls.get(each.key or "", (float("inf"), 0.0))
        if each.moment > began + DEADLINE + LATE:
            problems.append(f"{each.key} arrived {each.moment - began:.2f} s after its call began")
    spent = sum(seconds >= DEADLINE * 0.9 for seconds in took)
    figures = Figures(
        changes=len(took), requests=len(record.closed.seen), faults=sum(record.closed.faults.values())
    )
    note = f"{spent:,} spent it, the longest took {max(took, default=0.0):.3f} s of {DEADLINE:.0f} s"
    return found(figures, problems, met=spent, note=note)


def limits() -> Sequence[Experiment]:
    """Return both experiments."""
    return (
        experiment(
            "hold",
            "BonifiQ",
            hold,
            {"retry-after": ("nobody sends earlier than the provider asked", nobody_earlier)},
        ),
        experiment(
            "haste",
            "BonifiQ",
            haste,
            {"deadline": ("one deadline covers queue, attempts, waits and answers", in_time)},
        ),
    )
