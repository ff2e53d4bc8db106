"""`bonifiq apply` under faults and kills: what must be true of money that moves through crashes."""

import asyncio
import csv
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import msgspec
from attrs import frozen

from bonifiq_async._model.money import EXACT
from bonifiq_async._model.outcome import Effect
from bonifiq_async.bonifiq.payloads import CashbackChange
from bonifiq_async.ledger.protocol import DONE
from bonifiq_async.ledger.sqlite.reader import recorded
from bonifiq_async.verification.bench import Closed, bench, counting
from bonifiq_async.verification.finding import (
    Experiment,
    Figures,
    Finding,
    Lab,
    Timeline,
    experiment,
    found,
)
from bonifiq_async.verification.killing import Course, moments, to_the_end
from bonifiq_async.verification.scale import FAULT_RATE

APPLIED = frozenset({Effect.APPLIED.name.lower(), Effect.ALREADY_APPLIED.name.lower()})
CUSTOMERS = 5
"""Changes of one customer, on average."""


@frozen
class Record:
    """What was meant (changes by key, in order), how each file came to its end, and what the provider saw.

    `early` are keys that were reported as applied at a kill and did not stand so in the ledger; `leaks` are
    files with a credential in them, `searched` how many files were looked through.
    """

    meant: Mapping[str, CashbackChange]
    courses: Sequence[Course]
    closed: Closed
    early: Sequence[str]
    leaks: Sequence[str]
    searched: int

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
        return Figures(
            changes=len(self.meant),
            requests=len(self.closed.seen),
            faults=sum(self.closed.faults.values()),
            kills=self.kills,
            doubled=sum(count > 1 for count in effects.values()),
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
    with bench("bonifiq", script, ledgers=lab.folder) as provider:

        async def applied(at: int, group: str) -> Course:
            async with places:
                when = moments(lab.chance(group), len(files[group]), kills[at])
                command = ("-m", "bonifiq_async", "apply", f"{group}.csv", "--yes", "--out", f"{group}.jsonl")
                return await to_the_end(
                    provider,
                    command,
                    lab.folder / group,
                    when,
                    lambda: _told(lab.folder, group, early),
                    group=group,
                )

        with counting(provider, lab.tell):
            async with asyncio.TaskGroup() as together:
                tasks = [together.create_task(applied(at, name)) for at, name in enumerate(files)]
        leaks, searched = _leaks(lab.folder, provider.secrets())
        closed = provider.close()
    meant = {change.change_key: change for changes in files.values() for change in changes}
    return Record(meant, [task.result() for task in tasks], closed, early, leaks, searched)


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
    told = dict[str, str]()
    for line in _lines(folder / f"{group}.jsonl"):
        # No other program is there: a run that reports so has forgotten a request of this very file.
        told[str(line["change_key"])] = "used elsewhere" if line["used_elsewhere"] else str(line["effect"])
    ledger = folder / f"{group}.csv.ledger"
    stand = {each.key for each in recorded(ledger, DONE)} if ledger.exists() else set()
    early.extend(key for key, effect in told.items() if effect in APPLIED and key not in stand)
    return told


def _lines(path: Path) -> Iterator[Mapping[str, object]]:
    """Yield the whole lines: a kill can tear the last one."""
    for line in path.read_bytes().split(b"\n") if path.exists() else ():
        try:
            yield msgspec.json.decode(line, type=dict[str, object])
        except msgspec.DecodeError:
            continue


def _leaks(folder: Path, secrets: Sequence[str]) -> tuple[list[str], int]:
    files = [path for path in sorted(folder.iterdir()) if path.is_file()]
    held = [(path.name, path.read_bytes()) for path in files]
    return [name for name, text in held if any(secret.encode() in text for secret in secrets)], len(files)


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
    """After the last kill every change ends applied; what was reported as applied was not sent again."""
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
    return found(record.figures(), problems, met=settled, note=f"{len(settled):,} reported before a kill")


def claim_first(record: Record) -> Finding:
    """No request arrived whose key was not in the ledger at that moment."""
    problems = [f"{each.key} arrived unclaimed" for each in record.closed.seen if not each.claimed]
    return found(record.figures(), problems, met=record.closed.seen)


def durable(record: Record) -> Finding:
    """Whatever had been reported as applied when a run was killed stands so in the ledger.

    What a killed process wrote is the system's, on the disk or not: the loss of power is not tried here.
    """
    problems = [f"{key} was reported as applied and is not so in the ledger" for key in record.early]
    kills = [kill for course in record.courses for kill in course.kills]
    met = sum(effect in APPLIED for kill in kills for effect in kill.told.values())
    return found(record.figures(), problems, met=met)


def fixed(record: Record) -> Finding:
    """All requests with a key have the same body, in every process; no request has another key."""
    bodies = defaultdict[str | None, set[bytes]](set)
    for each in record.closed.seen:
        bodies[each.key].add(each.digest)
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
    """No credential is in a ledger, an outcome file or the output of a run."""
    problems = [f"{name} holds a credential" for name in record.leaks]
    return found(record.figures(), problems, met=record.searched, note=f"{record.searched:,} files searched")


def _timeline(record: Record) -> Timeline:
    kills = [kill.moment for course in record.courses for kill in course.kills]
    return record.closed.timeline("bonifiq apply, killed and run again", kills)


KILLED: Experiment = experiment(
    "killed",
    "BonifiQ",
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
