"""Keys that another program has used before, apart from what this one has sent and lost."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from attrs import frozen

from bonifiq_async._model.outcome import Effect, Outcome
from bonifiq_async._policy.retry import RetryPolicy
from bonifiq_async.batch import CashbackBatch, FlowControl
from bonifiq_async.bonifiq.client import BonifiQClient
from bonifiq_async.bonifiq.payloads import CashbackChange, CustomerPoints
from bonifiq_async.ledger.memory import MemoryLedger
from bonifiq_async.ledger.protocol import Ledger
from bonifiq_async.ledger.sqlite.store import SqliteLedger
from bonifiq_async.sandbox.faults import TRANSIENT
from bonifiq_async.verification.bench import Closed, Seen
from bonifiq_async.verification.finding import Experiment, Finding, Lab, experiment, found
from bonifiq_async.verification.keyed_provider import TITLE, keyed_bench
from bonifiq_async.verification.scale import FAULT_RATE

PATIENT = RetryPolicy(max_attempts=12, base=0.005, cap=0.05, quota=1_000_000)
OURS, THEIRS = "ours", "theirs"
"""Customers' names begin so: of the program that is judged, and of the other one."""


@frozen
class Shared:
    """What was reported in each run of changes of which another program has used every second key."""

    used: frozenset[str]
    runs: tuple[Mapping[str, Outcome[CustomerPoints]], ...]
    closed: Closed


async def share(lab: Lab) -> Shared:
    """Another program uses every second key for customers of its own; then the changes are made, twice.

    The second time it is another client, on the same ledger.
    """
    keys = [f"k-{number}" for number in range(lab.scale.keys)]
    names = ", ".join(f'"{name}"' for name in TRANSIENT if name.endswith("-after"))
    script = f"rate = {FAULT_RATE}\nseed = {lab.seed}\namong = [{names}]\n"
    runs = list[Mapping[str, Outcome[CustomerPoints]]]()
    with keyed_bench(script) as provider:

        async def made(
            owner: str, names: Sequence[str], ledger: Ledger
        ) -> Mapping[str, Outcome[CustomerPoints]]:
            changes = [CashbackChange(f"{owner}-{name}", Decimal(1), "key", name) for name in names]
            async with BonifiQClient(
                provider.credentials, base_url=provider.url, retry=PATIENT, ledger=ledger
            ) as client:
                batch = CashbackBatch(client, flow=FlowControl(max_in_flight=20))
                return {each.change.change_key: each async for each in batch.run(changes)}

        await made(THEIRS, keys[::2], MemoryLedger())
        for _ in range(2):
            async with SqliteLedger(lab.folder / "shared.ledger") as ledger:
                runs.append(await made(OURS, keys, ledger))
            lab.tell(f"{provider.arrived():,} requests")
        return Shared(frozenset(keys[::2]), tuple(runs), provider.close())


def told_apart(record: Shared) -> Finding:
    """A used key that is answered at once is reported as used elsewhere, in both runs; no other key is."""
    first = dict[str, Seen]()
    for each in record.closed.seen:
        if each.key is not None and (each.customer or "").startswith(OURS):
            first.setdefault(each.key, each)
    # Where its first request met a fault, the client cannot know that it has not used the key itself.
    plain = {key for key in record.used if key in first and not first[key].fault}
    problems = list[str]()
    for told in record.runs:
        for key, outcome in told.items():
            if key in plain and not outcome.used_elsewhere:
                problems.append(f"{key} was used by others, and reported as {outcome.effect.value}")
            if key not in record.used and outcome.used_elsewhere:
                problems.append(f"{key} was used by no other program, and reported as used elsewhere")
    unknown = sum(outcome.effect is Effect.UNKNOWN for outcome in record.runs[-1].values())
    figures = record.closed.figures(len(record.runs[-1]), unknown=unknown)
    note = f"{len(record.used):,} keys used by another program, {len(plain):,} of them answered at once"
    return found(figures, problems, met=plain, note=note)


SHARED: Experiment = experiment(
    "shared",
    TITLE,
    share,
    {"used-keys": ("a key that another program has used is reported as such, and no other is", told_apart)},
)
"""Keys that another program has used."""
