"""The other providers of the registry under faults and kills: with keys or without, nothing moves twice."""

import csv
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from functools import partial

from attrs import frozen

from bonifiq_async._model.operation import RepeatClass
from bonifiq_async._model.outcome import Effect
from bonifiq_async._provider import registry
from bonifiq_async._provider.spec import ProviderSpec
from bonifiq_async._provider.trial import TrialFiles
from bonifiq_async.ledger.protocol import DONE, State
from bonifiq_async.ledger.reader import recorded
from bonifiq_async.ledger.settling import SETTLEABLE
from bonifiq_async.ledger.sqlite.reader import SqliteReader
from bonifiq_async.sandbox.faults import TRANSIENT
from bonifiq_async.verification.bench import Closed, bench, counting, credentials_of
from bonifiq_async.verification.finding import (
    Claims,
    Experiment,
    Figures,
    Finding,
    Lab,
    Timeline,
    experiment,
    found,
)
from bonifiq_async.verification.keyed_provider import TITLE
from bonifiq_async.verification.killing import (
    APPLIED,
    IN_FLIGHT,
    Course,
    apply,
    moments,
    searched,
    to_the_end,
    told_in,
)
from bonifiq_async.verification.scale import FAULT_RATE

NAME = "changes"
LEDGER, OUT = f"{NAME}.csv.ledger", f"{NAME}.jsonl"
CUSTOMERS = 200
UNKNOWN = Effect.UNKNOWN.name.lower()
ENDS = (0, 4)
"""Exit codes of a run that has come to its end: all is applied, or some is not known."""


@frozen
class Record:
    """What was meant (customer and movement by key), how it came to its end, and what the provider saw.

    `stand` is how each stands in the ledger at last. Of the files that were `searched` for credentials,
    `leaks` have one.
    """

    meant: Mapping[str, tuple[str, Decimal]]
    course: Course
    closed: Closed
    stand: Mapping[str, State]
    searched: tuple[str, ...]
    leaks: tuple[str, ...]

    def figures(self) -> Figures:
        """Return what every claim on this run shows."""
        effects, told = self.closed.effects(), self.course.told
        return self.closed.figures(
            len(self.meant),
            kills=len(self.course.kills),
            lost=sum(effect in APPLIED and not effects[key] for key, effect in told.items()),
            unknown=sum(effect == UNKNOWN for effect in told.values()),
        )


async def run(lab: Lab, spec: ProviderSpec) -> Record:
    """Apply a file of changes of a provider in a child that is killed at random moments and run again."""
    size, path = lab.scale, lab.folder / NAME
    names = ", ".join(f'"{name}"' for name in (*TRANSIENT, "html-before", "html-after"))
    script = f"rate = {FAULT_RATE}\nseed = {lab.seed}\namong = [{names}]\n"
    meant = _made_up(lab, spec, size.others)
    with bench(spec, credentials_of(spec), script) as provider:
        when = moments(lab.chance(f"{spec.name} kills"), size.others, size.other_kills)
        command, out = apply(NAME, "--provider", spec.name), lab.folder / OUT
        with counting(provider, lab.tell):
            course = await to_the_end(provider, command, path, when, lambda: told_in(out))
        held, _ = searched(lab.folder, provider.secrets())
        closed = provider.close()
    stand = {each.key: each.state for each in recorded(SqliteReader(lab.folder / LEDGER), set(State))}
    leaks = tuple(name for name, holds in held.items() if holds)
    return Record(meant, course, closed, stand, tuple(held), leaks)


def _made_up(lab: Lab, spec: ProviderSpec, count: int) -> dict[str, tuple[str, Decimal]]:
    """Write a file of changes, each under a key of its own; return customer and movement by key."""
    files: object = spec.files.load(object)
    if not isinstance(files, TrialFiles):
        raise TypeError(f"the files of {spec.name} make no rows up")
    rows = {
        f"order-{number}": files.trial_row(number % CUSTOMERS + 1, Decimal(number + 1), f"order-{number}")
        for number in range(count)
    }
    with (lab.folder / f"{NAME}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, next(iter(rows.values())).cells)
        writer.writeheader()
        writer.writerows(row.cells for row in rows.values())
    return {key: (row.customer, row.moves) for key, row in rows.items()}


def never_twice(record: Record) -> Finding:
    """Each change took effect once at the most, as it was meant; what is reported is what happened."""
    effects = record.closed.effects()
    problems = [f"{key} took effect {count} times" for key, count in effects.items() if count > 1]
    problems += [
        f"{key} moved {amount} for {customer}, which was not in the file"
        for customer, amount, key in record.closed.history
        if record.meant.get(key) != (customer, amount)
    ]
    problems += _needless(record)
    for key, effect in record.course.told.items():
        if effect in APPLIED and not effects[key]:
            problems.append(f"{key} was reported as applied and is not in the books")
        if effect not in APPLIED | {UNKNOWN} and effects[key]:
            problems.append(f"{key} took effect and was reported as {effect}")
    for key in record.meant:
        stands = record.stand.get(key)
        if stands not in SETTLEABLE and (stands in DONE) != bool(effects[key]):
            problems.append(f"{key} took effect {effects[key]} times, and stands in the ledger as {stands}")
    if len(record.course.told) != len(record.meant) or record.course.code not in ENDS:
        told, meant, code = len(record.course.told), len(record.meant), record.course.code
        problems.append(f"{told} of {meant} have an outcome; the last run ended with exit code {code}")
    return found(record.figures(), problems, met=effects)


def _needless(record: Record) -> list[str]:
    """Name the doubts of well answered changes beyond those that a kill can have met in flight."""
    answered = {each.key for each in record.closed.seen if each.key and not each.fault}
    doubts = sum(record.course.told.get(key) not in APPLIED for key in answered)
    excused = IN_FLIGHT * len(record.course.kills)
    if doubts <= excused:
        return []
    return [f"{doubts} were answered well and not reported as applied; kills explain {excused} at the most"]


def no_blind_repeat(record: Record) -> Finding:
    """A reference arrives once, unless what came of it is known to be nothing; a doubt stays one."""
    arrived = Counter(each.key for each in record.closed.seen)
    problems = [f"{key} arrived {count} times" for key, count in arrived.items() if count > 1]
    doubts = [key for kill in record.course.kills for key, effect in kill.told.items() if effect == UNKNOWN]
    problems += [
        f"{key} was unknown, and then {record.course.told.get(key)}"
        for key in doubts
        if record.course.told.get(key) != UNKNOWN
    ]
    return found(record.figures(), problems, met=doubts, note=f"{len({*doubts}):,} in doubt before a kill")


def secret(record: Record) -> Finding:
    """No credential is in the ledger or in an output, both of which there are."""
    problems = [f"{name} holds a credential" for name in record.leaks]
    problems += [f"{name} is empty or not there" for name in (LEDGER, OUT) if name not in record.searched]
    note = f"{len(record.searched):,} files searched"
    return found(record.figures(), problems, met=record.searched, note=note)


def _timeline(spec: ProviderSpec, record: Record) -> Timeline:
    name = f"A file of {spec.title}, killed and run again"
    return record.closed.timeline(name, [kill.moment for kill in record.course.kills])


CLAIMS: Claims[Record] = {
    "never-twice": ("a change takes effect once at the most, as meant and reported", never_twice),
    "no-blind-repeat": ("what may have left is not sent again, by no process", no_blind_repeat),
    "secrets": ("no credential is in a ledger or an output", secret),
}


def of_provider(spec: ProviderSpec, taken: Collection[str]) -> Experiment:
    """Return the experiment with a provider; names that are `taken` have the provider's before them."""
    keyed = any(each.repeat is RepeatClass.KEYED for each in spec.operations.load(tuple))
    named = {
        f"{spec.name}-{name}" if name in taken else name: claim
        for name, claim in CLAIMS.items()
        if not (keyed and name == "no-blind-repeat")  # a key makes a repeat safe
    }
    return experiment(spec.name, spec.title, partial(run, spec=spec), named, partial(_timeline, spec))


def with_others(tried: Sequence[Experiment]) -> tuple[Experiment, ...]:
    """Return what is `tried` with one provider, and an experiment for each other of the registry."""
    every = [*tried]
    for spec in registry.specs():
        if spec.title != TITLE:
            every.append(of_provider(spec, [claim for each in every for claim in each.claims]))
    return tuple(every)
