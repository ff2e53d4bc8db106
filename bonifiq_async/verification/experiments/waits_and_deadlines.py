"""Time that others set: the wait that a provider asks for, and the deadline of a call."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from decimal import Decimal

from attrs import frozen

from bonifiq_async._model.outcome import Attempt
from bonifiq_async._transport.connector import PoolLimits
from bonifiq_async.batch import CashbackBatch, FlowControl
from bonifiq_async.bonifiq.client import BonifiQClient
from bonifiq_async.bonifiq.payloads import CashbackChange, CustomerPoints
from bonifiq_async.verification.bench import Closed
from bonifiq_async.verification.finding import Experiment, Figures, Finding, Lab, experiment, found
from bonifiq_async.verification.keyed_provider import TITLE, keyed_bench

BETWEEN = 60
"""Requests between two that are asked to wait."""
ON_THE_WAY = 0.3
"""Seconds after the asking during which requests may still arrive that had left before it was read."""
AT_ONCE = 0.001
"""Seconds by which the times of two attempts in one turn of the loop may be off."""
IN_FLIGHT = 16
"""Requests in flight at once: beside the one that is asked to wait, so many less one can be on their way."""
ASKED = 2
DEADLINE = 1.0
LATE = 0.5
"""Seconds past a deadline that a busy machine may take to say so."""


@frozen
class WaitsRecord:
    """The attempts that were reported, by key, and what the provider saw."""

    told: Mapping[str, Sequence[Attempt]]
    closed: Closed

    def sent(self) -> Sequence[tuple[float, float]]:
        """Return of each request that arrived when it was sent (seconds) and how long it took, as reported.

        What was not reported was sent at the end of time.
        """
        left = {key: iter(attempts) for key, attempts in self.told.items()}
        attempts = [next(left.get(each.key or "", iter(())), None) for each in self.closed.seen]
        return [
            (float("inf"), 0.0) if attempt is None else (attempt.started_at.timestamp(), attempt.elapsed)
            for attempt in attempts
        ]


async def hold(lab: Lab) -> WaitsRecord:
    """Apply changes to a provider that asks all requests to wait, in three ways, now and then."""
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
    told: dict[str, Sequence[Attempt]] = {}
    with keyed_bench(script) as provider:
        async with BonifiQClient(
            provider.credentials, base_url=provider.url, pool=PoolLimits(connections=IN_FLIGHT)
        ) as client:
            batch: CashbackBatch[CashbackChange, CustomerPoints] = CashbackBatch(
                client, flow=FlowControl(max_in_flight=IN_FLIGHT)
            )
            async for outcome in batch.run(changes):
                told[outcome.change.change_key] = [each for each in outcome.attempts if each.requests]
                if batch.summary.seen % BETWEEN == 0:
                    lab.tell(f"{batch.summary.seen:,} of {len(changes):,} changes")
        return WaitsRecord(told, provider.close())


def nobody_earlier(record: WaitsRecord) -> Finding:
    """Between the asking and its end nothing arrives but what had left before the answer was read."""
    closed, sent = record.closed, record.sent()
    held = [(at, each) for at, each in enumerate(closed.seen) if each.until]
    problems, earliest, excused = list[str](), float("inf"), 0
    for at, each in held:
        heard = sum(sent[at]) + AT_ONCE
        early = [
            (other, sent[later][0])
            for later, other in enumerate(closed.seen[at + 1 :], at + 1)
            if other.moment < each.until
        ]
        for place, (other, left) in enumerate(early):
            if place >= IN_FLIGHT - 1 or left > heard or other.moment > each.moment + ON_THE_WAY:
                ahead = each.until - other.moment
                problems.append(f"{other.key} arrived {ahead:.3f} s before the end of a wait")
            else:
                excused += 1
        waited = (other.moment - each.until for other in closed.seen[at + 1 :] if other.moment >= each.until)
        earliest = min(earliest, next(waited, float("inf")))
    figures = Figures(
        changes=len({each.key for each in closed.seen}),
        requests=len(closed.seen),
        faults=sum(closed.faults.values()),
    )
    note = (
        f"{len(held):,} waits, the next request {earliest * 1000:,.0f} ms after the end at the earliest; "
        f"{excused:,} requests had left before the answer was read"
    )
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
    with keyed_bench(script) as provider:
        while left:
            # A wait of a day holds the whole client: each round has a new one.
            turn, left = left[:at_once], left[at_once:]
            async with BonifiQClient(provider.credentials, base_url=provider.url) as client:

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
            TITLE,
            hold,
            {
                "retry-after": (
                    "a client that the provider asked to wait sends nothing before",
                    nobody_earlier,
                )
            },
        ),
        experiment(
            "haste",
            TITLE,
            haste,
            {"deadline": ("one deadline covers queue, attempts, waits and answers", in_time)},
        ),
    )
