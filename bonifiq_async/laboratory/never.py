"""Raba7ni under faults and kills: nobody de-duplicates there, and still nothing moves twice."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from attrs import frozen

from bonifiq_async.laboratory.bench import Closed, bench, counting
from bonifiq_async.laboratory.finding import Experiment, Figures, Finding, Lab, Timeline, experiment, found
from bonifiq_async.laboratory.killing import Course, moments, to_the_end
from bonifiq_async.laboratory.scale import FAULT_RATE
from bonifiq_async.outcome import Effect
from bonifiq_async.sandbox.faults import TRANSIENT

MOVED = frozenset({Effect.APPLIED.name, Effect.ALREADY_APPLIED.name})
FINAL = MOVED | {Effect.UNKNOWN.name}
"""What must not be sent again: it was applied, or nobody knows."""


@frozen
class Record:
    """How many earnings were meant, how they came to their end, and what the provider saw."""

    count: int
    course: Course
    closed: Closed
    leaks: tuple[str, ...]

    def figures(self) -> Figures:
        """Return what every claim on this run shows."""
        effects, told = self.closed.effects(), self.course.told
        return Figures(
            changes=self.count,
            requests=len(self.closed.seen),
            faults=sum(self.closed.faults.values()),
            kills=len(self.course.kills),
            doubled=sum(count > 1 for count in effects.values()),
            lost=sum(effect in MOVED and not effects[key] for key, effect in told.items()),
            unknown=sum(effect == Effect.UNKNOWN.name for effect in told.values()),
        )


async def run(lab: Lab) -> Record:
    """Earn in a child that is killed at random moments and run again."""
    size, out = lab.scale, lab.folder / "earned.txt"
    names = ", ".join(f'"{name}"' for name in (*TRANSIENT, "html-before", "html-after"))
    script = f"rate = {FAULT_RATE}\nseed = {lab.seed}\namong = [{names}]\n"
    command = ("-m", "bonifiq_async.laboratory.earnings", str(size.earnings), "earned.ledger", out.name)
    with bench("raba7ni", script) as provider:
        when = moments(lab.chance("earning kills"), size.earnings, size.earning_kills)
        with counting(provider, lab.tell):
            course = await to_the_end(provider, command, lab.folder / "earned", when, _reader(out))
        secrets = provider.secrets()
        leaks = tuple(
            path.name
            for path in sorted(lab.folder.iterdir())
            if any(secret.encode() in path.read_bytes() for secret in secrets)
        )
        return Record(size.earnings, course, provider.close(), leaks)


def _reader(out: Path) -> Callable[[], dict[str, str]]:
    def told() -> dict[str, str]:
        lines = out.read_text().split("\n")[:-1] if out.exists() else []
        return {key: effect for key, _, effect in (line.partition(" ") for line in lines)}

    return told


def never_twice(record: Record) -> Finding:
    """Each earning took effect once at the most; what is told as applied is in the books."""
    effects = record.closed.effects()
    problems = [f"{key} took effect {count} times" for key, count in effects.items() if count > 1]
    for key, effect in record.course.told.items():
        if effect in MOVED and not effects[key]:
            problems.append(f"{key} was told as applied and is not in the books")
        if effect not in FINAL and effects[key]:
            problems.append(f"{key} took effect and was told as {effect}")
    if len(record.course.told) != record.count or record.course.code != 0:
        told, code = len(record.course.told), record.course.code
        problems.append(f"{told} of {record.count} have an outcome; the last run ended with exit code {code}")
    return found(record.figures(), problems, met=effects)


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
    """No credential is in the ledger or in an output."""
    return found(record.figures(), [f"{name} holds a credential" for name in record.leaks], met=1)


def _timeline(record: Record) -> Timeline:
    return record.closed.timeline(
        "Earnings, killed and run again", [kill.moment for kill in record.course.kills]
    )


NEVER: Experiment = experiment(
    "never",
    "Raba7ni",
    run,
    {
        "never-twice": ("an earning takes effect once at the most, though nobody knows keys", never_twice),
        "no-blind-repeat": ("what may have left is not sent again, by no process", no_blind_repeat),
        "raba7ni-secrets": ("no credential is in a ledger or an output", secret),
    },
    _timeline,
)
"""Earnings under faults and kills."""
