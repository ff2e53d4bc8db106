"""Raba7ni under faults and kills: the provider does not de-duplicate, and still nothing moves twice."""

from collections import Counter
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path

from attrs import frozen

from bonifiq_async._model.money import EXACT
from bonifiq_async._model.outcome import Effect
from bonifiq_async.sandbox.faults import TRANSIENT
from bonifiq_async.verification.bench import Closed, bench, counting
from bonifiq_async.verification.earnings import IN_FLIGHT, earnings
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

MOVED = frozenset({Effect.APPLIED.name, Effect.ALREADY_APPLIED.name})
LEDGER, OUT = "earned.ledger", "earned.txt"
SHARE = Decimal("0.05")
"""What the sandbox's card gives for a purchase."""
FINAL = MOVED | {Effect.UNKNOWN.name}
"""What must not be sent again: it was applied, or may be."""


@frozen
class Record:
    """What was meant (member and share by key), how it came to its end, and what the provider saw.

    Of the files that were `searched` for credentials, `leaks` have one.
    """

    meant: Mapping[str, tuple[str, Decimal]]
    course: Course
    closed: Closed
    searched: tuple[str, ...]
    leaks: tuple[str, ...]

    def figures(self) -> Figures:
        """Return what every claim on this run shows."""
        effects, told = self.closed.effects(), self.course.told
        return Figures(
            changes=len(self.meant),
            requests=len(self.closed.seen),
            faults=sum(self.closed.faults.values()),
            kills=len(self.course.kills),
            doubled=sum(count > 1 for count in effects.values()),
            lost=sum(effect in MOVED and not effects[key] for key, effect in told.items()),
            unknown=sum(effect == Effect.UNKNOWN.name for effect in told.values()),
        )


async def run(lab: Lab) -> Record:
    """Earn in a child that is killed at random moments and run again."""
    size, out = lab.scale, lab.folder / OUT
    names = ", ".join(f'"{name}"' for name in (*TRANSIENT, "html-before", "html-after"))
    script = f"rate = {FAULT_RATE}\nseed = {lab.seed}\namong = [{names}]\n"
    command = ("-m", "bonifiq_async.verification.earnings", str(size.earnings), LEDGER, OUT)
    with bench("raba7ni", script) as provider:
        when = moments(lab.chance("earning kills"), size.earnings, size.earning_kills)
        with counting(provider, lab.tell):
            course = await to_the_end(provider, command, lab.folder / "earned", when, _reader(out))
        secrets = provider.secrets()
        files = {path.name: path.read_bytes() for path in sorted(lab.folder.iterdir())}
        searched = tuple(name for name, text in files.items() if text)
        leaks = tuple(name for name in searched if any(each.encode() in files[name] for each in secrets))
        return Record(_meant(size.earnings), course, provider.close(), searched, leaks)


def _meant(count: int) -> dict[str, tuple[str, Decimal]]:
    return {
        each.change_key: (str(each.member.id), EXACT.multiply(each.purchase_amount, SHARE))
        for each in earnings(count)
    }


def _reader(out: Path) -> Callable[[], dict[str, str]]:
    def told() -> dict[str, str]:
        lines = out.read_text("utf-8").split("\n")[:-1] if out.exists() else []
        return {key: effect for key, _, effect in (line.partition(" ") for line in lines)}

    return told


def never_twice(record: Record) -> Finding:
    """Each earning took effect once at the most, as it was meant; what is reported is what happened."""
    effects = record.closed.effects()
    problems = [f"{key} took effect {count} times" for key, count in effects.items() if count > 1]
    problems += [
        f"{key} moved {amount} for member {member}, which was not in the file"
        for member, amount, key in record.closed.history
        if record.meant.get(key) != (member, amount)
    ]
    problems += _needless(record)
    for key, effect in record.course.told.items():
        if effect in MOVED and not effects[key]:
            problems.append(f"{key} was reported as applied and is not in the books")
        if effect not in FINAL and effects[key]:
            problems.append(f"{key} took effect and was reported as {effect}")
    if len(record.course.told) != len(record.meant) or record.course.code != 0:
        told, meant, code = len(record.course.told), len(record.meant), record.course.code
        problems.append(f"{told} of {meant} have an outcome; the last run ended with exit code {code}")
    return found(record.figures(), problems, met=effects)


def _needless(record: Record) -> list[str]:
    """Name the doubts of well answered earnings beyond those that a kill can have met in flight."""
    answered = {each.key for each in record.closed.seen if each.key and not each.fault}
    doubts = sum(record.course.told.get(key) not in MOVED for key in answered)
    excused = IN_FLIGHT * len(record.course.kills)
    if doubts <= excused:
        return []
    return [f"{doubts} were answered well and not reported as applied; kills explain {excused} at the most"]


def no_blind_repeat(record: Record) -> Finding:
    """A reference arrives once, unless what came of it is known to be nothing; a doubt stays one."""
    arrived = Counter(each.key for each in record.closed.seen)
    problems = [f"{key} arrived {count} times" for key, count in arrived.items() if count > 1]
    doubts = [key for kill in record.course.kills for key, effect in kill.told.items() if effect == "UNKNOWN"]
    problems += [
        f"{key} was unknown, and then {record.course.told.get(key)}"
        for key in doubts
        if record.course.told.get(key) != "UNKNOWN"
    ]
    return found(record.figures(), problems, met=doubts, note=f"{len({*doubts}):,} in doubt before a kill")


def secret(record: Record) -> Finding:
    """No credential is in the ledger or in an output, both of which there are."""
    problems = [f"{name} holds a credential" for name in record.leaks]
    problems += [f"{name} is empty or not there" for name in (LEDGER, OUT) if name not in record.searched]
    note = f"{len(record.searched):,} files searched"
    return found(record.figures(), problems, met=record.searched, note=note)


def _timeline(record: Record) -> Timeline:
    return record.closed.timeline(
        "Earnings, killed and run again", [kill.moment for kill in record.course.kills]
    )


NEVER: Experiment = experiment(
    "never",
    "Raba7ni",
    run,
    {
        "never-twice": (
            "an earning takes effect once at the most, as meant and reported; the provider knows no keys",
            never_twice,
        ),
        "no-blind-repeat": ("what may have left is not sent again, by no process", no_blind_repeat),
        "raba7ni-secrets": ("no credential is in a ledger or an output", secret),
    },
    _timeline,
)
"""Earnings under faults and kills."""
