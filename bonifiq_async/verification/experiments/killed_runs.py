"""`bonifiq apply` under faults and kills: what must be true of money that moves through crashes."""

import asyncio
import csv
from collections import Counter, defaultdict
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from attrs import frozen

from bonifiq_async._model.money import EXACT
from bonifiq_async.bonifiq.payloads import CashbackChange
from bonifiq_async.ledger.protocol import DONE, State
from bonifiq_async.ledger.reader import recorded
from bonifiq_async.ledger.recorded import Recorded
from bonifiq_async.ledger.sqlite.reader import SqliteReader
from bonifiq_async.verification.bench import Closed, counting, digest_of
from bonifiq_async.verification.finding import (
    Experiment,
    Figures,
    Finding,
    Lab,
    Timeline,
    experiment,
    found,
)
from bonifiq_async.verification.keyed_provider import TITLE, keyed_bench
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

CUSTOMERS = 5
"""Changes of one customer, on average."""


@frozen
class Record:
    """What was meant (changes by key, in order), how each file came to its end, and what the provider saw.

    `early` are keys that were reported as applied at a kill and did not stand so in the ledger, and `stand`
    how each stands there at last. `again` requests came of one more run of each file. `leaks` are files with
    a credential in them, `searched` how many were looked through; `copies` are those that a run deletes.
    """

    meant: Mapping[str, CashbackChange]
    courses: Sequence[Course]
    closed: Closed
    early: Sequence[str]
    stand: Mapping[str, Recorded]
    again: int
    leaks: Sequence[str]
    searched: int
    copies: Sequence[str]

    @property
    def kills(self) -> int:
        """How many times a run was killed."""
        return sum(len(course.kills) for course in self.courses)

    def told(self) -> dict[str, str]:
        """Return the last word on each change."""
        return {key: effect for course in self.courses for key, effect in course.told.items()}

    def figures(self) -> Figures:
        """Return what every claim on this run shows."""
        effects, told = self.closed.effects(), self.told()
        return self.closed.figures(
            len(self.meant),
            kills=self.kills,
            lost=sum(told.get(key) in APPLIED and not effects[key] for key in self.meant),
            unknown=sum(effect == "unknown" for effect in told.values()),
        )


async def run(lab: Lab) -> Record:
    """Apply files of changes, several at once, killing at random moments."""
    size, chance = lab.scale, lab.chance("kills")
    kills = Counter(chance.randrange(size.files) for _ in range(size.kills))
    files = {f"f{at}": _made_up(lab, f"f{at}", size.changes // size.files) for at in range(size.files)}
    script = f"rate = {FAULT_RATE}\nseed = {lab.seed}\n"
    places, early = asyncio.Semaphore(size.at_once), list[str]()
    with keyed_bench(script, ledgers=lab.folder) as provider:

        async def applied(group: str, kills: int) -> Course:
            async with places:
                when = moments(lab.chance(group), len(files[group]), kills)
                log, told = lab.folder / group, lambda: _told(lab.folder, group, early)
                return await to_the_end(provider, apply(group), log, when, told, group=group)

        with counting(provider, lab.tell):
            courses = await together(applied(name, kills[at]) for at, name in enumerate(files))
            before = provider.arrived()
            await together(applied(name, 0) for name in files)
        again = provider.arrived() - before
        held, copies = searched(lab.folder, provider.secrets())
        closed = provider.close()
    meant = {change.change_key: change for changes in files.values() for change in changes}
    ledgers = [lab.folder / f"{name}.csv.ledger" for name in files]
    stand = {each.key: each for ledger in ledgers for each in recorded(SqliteReader(ledger), set(State))}
    leaks = [name for name, holds in held.items() if holds]
    return Record(meant, courses, closed, early, stand, again, leaks, len(held), copies)


async def together(runs: Iterable[Coroutine[None, None, Course]]) -> list[Course]:
    """Return how several runs came to their end; the failure of one ends all."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(run) for run in runs]
    return [task.result() for task in tasks]


def _made_up(lab: Lab, group: str, count: int) -> list[CashbackChange]:
    chance = lab.chance(f"changes {group}")
    changes = [
        CashbackChange(
            f"{group}-{chance.randrange(max(1, count // CUSTOMERS))}@example.com",
            Decimal(chance.choice((1, 1, -1)) * chance.randint(1, 99_999)).scaleb(-2),
            "campaign",
            f"{group}-{number}",
        )
        for number in range(count)
    ]
    with (lab.folder / f"{group}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("customer_id", "value", "reason", "change_key"))
        writer.writerows((each.customer_id, each.value, each.reason, each.change_key) for each in changes)
    return changes


def _told(folder: Path, group: str, early: list[str]) -> dict[str, str]:
    """Return what the outcome file says by key; note what it says that the ledger does not."""
    told = told_in(folder / f"{group}.jsonl")
    ledger = folder / f"{group}.csv.ledger"
    stand = {each.key for each in recorded(SqliteReader(ledger), DONE)} if ledger.exists() else set()
    early.extend(key for key, effect in told.items() if effect in APPLIED and key not in stand)
    return told


def once(record: Record) -> Finding:
    """Each change took effect once, or not at all and was not reported; the balances are exact."""
    effects, told = record.closed.effects(), record.told()
    problems = [f"{key} took effect {count} times" for key, count in effects.items() if count > 1]
    problems += [f"{key} took effect and was not in the file" for key in effects if key not in record.meant]
    problems += [
        f"{key} was reported as applied and is not in the books"
        for key in record.meant
        if told.get(key) in APPLIED and not effects[key]
    ]
    exact = defaultdict[str, Decimal](Decimal)
    for key, change in record.meant.items():
        if effects[key]:
            exact[change.customer_id] = EXACT.add(exact[change.customer_id], change.value)
    for customer in exact.keys() | record.closed.balances.keys():
        if exact[customer] != record.closed.balances.get(customer, Decimal(0)):
            problems.append(
                f"the balance of {customer} is {record.closed.balances.get(customer)}, not {exact[customer]}"
            )
    return found(record.figures(), problems, met=effects)


def resume(record: Record) -> Finding:
    """After the last kill every change ends applied; what was reported as applied was not sent again.

    What was answered well is asked again for the answers alone that a kill has lost on their way.
    """
    told, problems = record.told(), list[str]()
    for key in record.meant:
        if told.get(key) not in APPLIED:
            problems.append(f"{key} ended as {told.get(key, 'nothing')}")
    settled = dict[str, float]()
    for course in record.courses:
        for kill in course.kills:
            for key, effect in kill.told.items():
                if effect in APPLIED:
                    settled.setdefault(key, kill.moment)
    for each in record.closed.seen:
        if each.key in settled and each.moment > settled[each.key]:
            problems.append(f"{each.key} was sent again after it had been reported as applied")
    if record.again:
        problems.append(f"one more run of all that was applied sent {record.again} requests")
    repeats, excused = _repeats(record.closed), IN_FLIGHT * record.kills
    if repeats > excused:
        problems.append(f"{repeats} were answered well and sent again; kills explain {excused} at the most")
    return found(record.figures(), problems, met=settled, note=f"{len(settled):,} reported before a kill")


def _repeats(closed: Closed) -> int:
    """Return how many requests came with a key after one that had met no fault."""
    well, repeats = set[str | None](), 0
    for each in closed.seen:
        repeats += each.key in well
        if not each.fault:
            well.add(each.key)
    return repeats


def claim_first(record: Record) -> Finding:
    """No request arrived whose key was not in the ledger at that moment."""
    problems = [f"{each.key} arrived unclaimed" for each in record.closed.seen if not each.claimed]
    return found(record.figures(), problems, met=record.closed.seen)


def durable(record: Record) -> Finding:
    """Whatever had been reported as applied at a kill stands so in the ledger, as every change does at last.

    What a killed process wrote is the system's, on the disk or not: the loss of power is not tried here.
    """
    problems = [f"{key} was reported as applied and is not so in the ledger" for key in record.early]
    for key, change in record.meant.items():
        stands, asked = record.stand.get(key), (change.customer_id, change.value)
        if stands is None or stands.state not in DONE or (stands.customer_id, stands.value) != asked:
            problems.append(f"{key} does not stand in the ledger as it was meant, and as applied")
    kills = [kill for course in record.courses for kill in course.kills]
    met = sum(effect in APPLIED for kill in kills for effect in kill.told.values())
    return found(record.figures(), problems, met=met)


def fixed(record: Record) -> Finding:
    """All requests with a key have one body, in every process and in the ledger; none has another key."""
    bodies = defaultdict[str | None, set[bytes]](set)
    for each in record.closed.seen:
        bodies[each.key].add(each.digest)
    for key, kept in record.stand.items():
        if key in bodies:
            bodies[key].add(digest_of(kept.body))
    problems = [f"{key} arrived with {len(seen)} bodies" for key, seen in bodies.items() if len(seen) > 1]
    problems += [f"{key} arrived, a key that is not in the file" for key in bodies if key not in record.meant]
    again = len(record.closed.seen) - len(bodies)
    return found(record.figures(), problems, met=again, note=f"{again:,} repeats")


def order(record: Record) -> Finding:
    """The changes of a customer took effect in the order of the file."""
    place = {key: at for at, key in enumerate(record.meant)}
    last, problems, followed = dict[str, int](), list[str](), 0
    for customer, _, key in record.closed.history:
        here = place.get(key)
        if here is None:
            continue  # it is not in the file, which other claims are about
        if here < last.get(customer, -1):
            problems.append(f"{key} of {customer} came after a later change")
        followed += customer in last
        last[customer] = max(here, last.get(customer, -1))
    return found(record.figures(), problems, met=followed)


def secret(record: Record) -> Finding:
    """No credential is in a ledger, an outcome file or the output of a run; no copy of the file is left."""
    problems = [f"{name} holds a credential" for name in record.leaks]
    problems += [f"{name} stays behind, with what was in the file" for name in record.copies]
    return found(record.figures(), problems, met=record.searched, note=f"{record.searched:,} files searched")


def _timeline(record: Record) -> Timeline:
    kills = [kill.moment for course in record.courses for kill in course.kills]
    return record.closed.timeline("bonifiq apply, killed and run again", kills)


KILLED: Experiment = experiment(
    "killed",
    TITLE,
    run,
    {
        "once": ("a change takes effect once, whatever fails and whatever is killed", once),
        "resume": ("the same command goes on and brings every change to its end", resume),
        "claim-first": ("a change is in the ledger before its first byte leaves", claim_first),
        "durable": (
            "an outcome is in the ledger before it is reported, and a kill leaves it there",
            durable,
        ),
        "fixed-once": ("key and body are the same in every attempt of every process", fixed),
        "order": ("the changes of one customer are applied in input order", order),
        "secrets": ("no credential is in a ledger, an outcome file or an output", secret),
    },
    _timeline,
)
"""Files applied under faults and kills."""
