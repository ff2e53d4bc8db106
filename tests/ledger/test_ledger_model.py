"""Each kind of ledger against a model of which owner holds which change: crashes, leases, settlements.

Hypothesis draws the steps. More of them are one command:
`EXAMPLES=2000 python -m pytest tests/test_ledger_model.py`.
"""

import asyncio
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Coroutine
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

import pytest
from attrs import define, frozen
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    multiple,
    rule,
    run_state_machine_as_test,
)
from ledger_files import by_hand
from ledgers import KINDS
from postgres import BEGINS, a_schema, set_clock, with_a_clock

from bonifiq_async import ConfigurationError, MemoryLedger, PostgresLedger, Runtime, SqliteLedger
from bonifiq_async.ledger.postgres.reading.reader import PostgresReader
from bonifiq_async.ledger.protocol import (
    DONE,
    Conflict,
    Ending,
    Granted,
    Held,
    Intent,
    Ruling,
    Settled,
    State,
    Unsettled,
)
from bonifiq_async.ledger.reader import LedgerReader, standing
from bonifiq_async.ledger.settling import SETTLEABLE, WORDS, PersonsWord
from bonifiq_async.ledger.sqlite.owner import BEAT, SILENCE, Sight
from bonifiq_async.ledger.sqlite.reader import SqliteReader

T = TypeVar("T")

RETENTION = 500.0
OWNERS = st.sampled_from([0, 0, 1])
KEYS = st.sampled_from(["k1", "k1", "k1", "k2"])
CHANGES = st.sampled_from([1, 1, 1, 1, 2])
REPEATABLE = st.sampled_from([True, True, True, False])
LEASES = st.sampled_from([10.0, 90.0])
WAITS = st.sampled_from([1.0, 11.0, RETENTION + 1])
ENDS = st.sampled_from([state for state in State if state is not State.CLAIMED])
FREE = (State.REFUSED, State.NOT_APPLIED)


def intent(key: str, number: int) -> Intent:
    """The change with a number, under a key."""
    return Intent(
        "operation",
        key,
        bytes([number]) * 32,
        f"customer-{number}",
        Decimal(number),
        "/path",
        b"{}",
        ("provider", "account"),
    )


@frozen
class Claim:
    """What an owner was granted; `life` distinguishes the owner from the one that follows its crash."""

    owner: int
    life: int
    intent: Intent
    fence: int
    until: float


@define
class Known:
    """What is true of a key, whatever a ledger says: `number` is the change that it stands for, 0 if free.

    `written` is the change that was granted last, also when the key is free again.
    """

    number: int = 0
    applied: bool = False
    first_sent: float = 0.0
    fence: int = 0
    claim: Claim | None = None
    ended: State | None = None
    written: int = 0

    def granted(self, claim: Claim, now: float) -> None:
        """An owner may be sending it from now on."""
        self.first_sent = self.first_sent if self.number else now
        self.number = self.written = claim.intent.digest[0]
        self.claim, self.fence = claim, claim.fence

    def over(self, state: State) -> None:
        """The sending that counts has ended, or a person says so."""
        self.claim, self.ended, self.applied = None, state, state in DONE
        if state in FREE:
            self.number = 0


class Machine(RuleBasedStateMachine):
    """What all ledgers have in common."""

    claims = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000_000.0
        self.runner = asyncio.Runner()
        self.known = {key: Known() for key in ("k1", "k2")}
        self.life = [0, 0]
        self.last: dict[tuple[int, int], float] = {}
        self.open: dict[tuple[int, str], Claim] = {}

    def ledger(self, owner: int) -> MemoryLedger | SqliteLedger | PostgresLedger:
        """Return the ledger as an owner has it."""
        raise NotImplementedError

    def run(self, work: Coroutine[object, object, T]) -> T:
        """Wait for one thing that a ledger does."""
        return self.runner.run(work)

    def teardown(self) -> None:
        self.runner.close()

    def held(self, known: Known, asks: int | None = None) -> bool:
        """Say whether it is being sent in this moment, as far as the owner that `asks` can know."""
        return known.claim is not None and known.claim.until > self.now

    def seconds(self, claim: Claim, asks: int) -> float:
        """Return for how long a claim that is held is trusted to hold, by the owner that `asks`."""
        return claim.until - self.now

    def acts(self, owner: int) -> None:
        """Take note that an owner writes to its ledger now."""

    @rule(target=claims, owner=OWNERS, key=KEYS, number=CHANGES, lease=LEASES, repeatable=REPEATABLE)
    def ask(self, owner: int, key: str, number: int, lease: float, repeatable: bool) -> object:
        """Ask for a change, and hold the ruling against what is true."""
        return self.claimed(owner, intent(key, number), lease, repeatable)

    @rule(target=claims, owner=OWNERS, claim=claims, late=st.none() | ENDS)
    def overtake(self, owner: int, claim: Claim, late: State | None) -> object:
        """Ask for the same in the moment in which a lease ends; its owner may say `late` how that went."""
        self.now = max(self.now, claim.until)
        made = self.claimed(owner, claim.intent, 90.0, True)
        if late is not None:
            self.ends(claim, late, soon=False)
        return made

    def claimed(self, owner: int, asked: Intent, lease: float, repeatable: bool) -> object:
        """Claim, and return the claim if it was granted."""
        self.acts(owner)
        ruling = self.run(self.ledger(owner).claim(asked, lease=lease, repeatable=repeatable))
        known = self.known[asked.key]
        self.judge(known, owner, asked.digest[0], ruling, repeatable)
        if not isinstance(ruling, Granted):
            return multiple()
        claim = Claim(owner, self.life[owner], asked, ruling.fence, self.now + lease)
        known.granted(claim, self.now)
        self.open[owner, asked.key] = claim
        return claim

    def judge(self, known: Known, asks: int, number: int, ruling: Ruling, repeatable: bool) -> None:
        """Each ruling has its conditions, and no two have the same."""
        late = self.now - known.first_sent > RETENTION
        if isinstance(ruling, Granted):
            assert not known.applied, "granted what is applied"
            assert not self.held(known, asks), "granted what another holds"
            assert known.number in (0, number), "granted another change under a key in doubt"
            assert ruling.in_doubt == (known.number != 0), "forgot a doubt, or made one up"
            assert ruling.fence > known.fence, "gave out a fence twice"
            assert known.number == 0 or (repeatable and not late), "repeated what is not de-duplicated"
        elif isinstance(ruling, Settled):
            assert known.applied and known.number == number
            assert ruling.used_elsewhere == (known.ended is State.USED_ELSEWHERE)
        elif isinstance(ruling, Conflict):
            assert known.number not in (0, number)
            assert (ruling.value, ruling.customer_id) == (known.number, f"customer-{known.number}")
        elif isinstance(ruling, Held):
            assert self.held(known, asks) and known.number == number
            assert ruling.seconds == pytest.approx(self.seconds(known.claim, asks), abs=1e-3)
        else:
            assert isinstance(ruling, Unsettled) and known.number == number and not known.applied
            assert not self.held(known, asks) and (late or not repeatable)

    @rule(claim=claims, state=ENDS, soon=st.booleans())
    def end(self, claim: Claim, state: State, soon: bool) -> None:
        """Say how a sending ended, perhaps late or for the second time."""
        self.ends(claim, state, soon)

    def ends(self, claim: Claim, state: State, soon: bool) -> None:
        """Report an end to the ledger: only that of the latest sending counts, and only once.

        But that a change is applied counts against a person's statement that it is not.
        """
        if claim.life != self.life[claim.owner]:
            return  # its owner has crashed, and says nothing more
        self.acts(claim.owner)
        ledger, known = self.ledger(claim.owner), self.known[claim.intent.key]
        counts = known.claim == claim
        overrules = state in DONE and self.overrules(claim, known)
        if self.open.get((claim.owner, claim.intent.key)) == claim:
            del self.open[claim.owner, claim.intent.key]
        if soon:
            self.run(self._leaves(ledger, claim, state))
        else:
            assert self.run(ledger.end(claim.intent, claim.fence, Ending(state, 1))) == (counts or overrules)
        if overrules:
            known.number, known.fence = claim.intent.digest[0], known.fence + 1
        if counts or overrules:
            known.over(state)

    def overrules(self, claim: Claim, known: Known) -> bool:
        """Say whether what a sender was answered counts against what the ledger has as not applied."""
        return False

    async def _leaves(
        self, ledger: MemoryLedger | SqliteLedger | PostgresLedger, claim: Claim, state: State
    ) -> None:
        ledger.leave(claim.intent, claim.fence, Ending(state, 1))
        await ledger.bind("provider", "account")  # what is asked for after it is done after it

    @rule(seconds=WAITS)
    def wait(self, seconds: float) -> None:
        """Let leases end, or a provider forget."""
        self.now += seconds


class MemoryMachine(Machine):
    """Two clients that share a ledger in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.shared = MemoryLedger(
            key_retention=RETENTION, clock=lambda: self.now, monotonic=lambda: self.now
        )

    def ledger(self, owner: int) -> MemoryLedger:
        return self.shared


class LastingMachine(Machine):
    """Two processes that share a ledger on disk; each shows by its beats that it runs."""

    def __init__(self) -> None:
        super().__init__()
        self.clock_begins = 0.0
        self.beats = [0.0, 0.0]
        self.left: list[SqliteLedger | PostgresLedger] = []
        self.ledgers: list[SqliteLedger | PostgresLedger] = []

    def opened(self, owner: int) -> SqliteLedger | PostgresLedger:
        """Open the ledger as a process does that has just started."""
        raise NotImplementedError

    def acts(self, owner: int) -> None:
        if self.now - self.beats[owner] >= BEAT:
            self.beats[owner] = self.now

    def ledger(self, owner: int) -> SqliteLedger | PostgresLedger:
        return self.ledgers[owner]

    def teardown(self) -> None:
        for each in (*self.ledgers, *self.left):
            self.run(each.aclose())
        super().teardown()

    def overrules(self, claim: Claim, known: Known) -> bool:
        mine = self.open.get((claim.owner, claim.intent.key)) == claim
        free = known.claim is None and known.ended in FREE
        return mine and free and known.written == claim.intent.digest[0]

    def lives(self, claim: Claim) -> bool:
        """Say whether the owner of a claim still runs."""
        return claim.life == self.life[claim.owner]

    def held(self, known: Known, asks: int | None = None) -> bool:
        return super().held(known, asks) and self.seconds(known.claim, asks) > 0

    def seconds(self, claim: Claim, asks: int | None) -> float:
        left = super().seconds(claim, asks)
        if self.lives(claim) and claim.owner == asks:
            return left
        return min(left, self.beat_of(claim) + SILENCE - self.now)

    def beat_of(self, claim: Claim) -> float:
        """Return the last time at which the owner of a claim showed that it runs."""
        return self.beats[claim.owner] if self.lives(claim) else self.last[claim.owner, claim.life]

    @rule(owner=OWNERS, closes=st.booleans())
    def crash(self, owner: int, closes: bool) -> None:
        """A process ends, killed or by closing its ledger, and another one starts in its place."""
        self.crashes(owner, closes)

    def crashes(self, owner: int, closes: bool) -> None:
        """A killed one leaves all as it is and its jobs undone: its ledger is not touched again."""
        old = self.ledgers[owner]
        self.bury(owner)
        if closes:
            self.run(old.aclose())
        else:
            self.left.append(old)
        self.ledgers[owner] = self.opened(owner)

    def bury(self, owner: int) -> None:
        """An owner ends without a report."""
        self.last[owner, self.life[owner]] = self.beats[owner]
        self.life[owner] += 1
        self.open = {place: claim for place, claim in self.open.items() if place[0] != owner}

    @rule(owner=OWNERS, key=KEYS, number=CHANGES)
    def ask_and_leave(self, owner: int, key: str, number: int) -> None:
        """The caller is cancelled before it has the answer: a claim granted to it is given back unsent."""
        self.acts(owner)
        known = self.known[key]
        late = self.now - known.first_sent > RETENTION
        free = not self.held(known, owner) and not known.applied
        self.run(self._goes(self.ledgers[owner], intent(key, number)))
        if known.number == 0 or (free and known.number == number and not late):
            known.fence, known.written = known.fence + 1, number
            known.over(State.IN_DOUBT if known.number else State.NOT_APPLIED)
            self.open.pop((owner, key), None)

    async def _goes(self, ledger: SqliteLedger | PostgresLedger, asked: Intent) -> None:
        claiming = asyncio.create_task(ledger.claim(asked, lease=90, repeatable=True))
        await asyncio.sleep(0)
        claiming.cancel()
        await asyncio.wait([claiming])
        for _ in range(2):  # the claim is on disk, then what gives it back
            await ledger.bind("provider", "account")

    def stands(self, key: str) -> State | None:
        """Return what a look into the ledger should say of a key."""
        known = self.known[key]
        if known.claim is None:
            return known.ended
        return State.CLAIMED if self.held(known) else State.IN_DOUBT

    def reader(self) -> LedgerReader:
        """Return the ledger as it is asked afterwards."""
        raise NotImplementedError

    def settles(self, key: str, state: State, *, runs: bool) -> None:
        """Give a person's word; `runs` if its sender is seen to be at work."""
        stands = self.stands(key)
        if stands in WORDS and not runs:
            self.reader().settle(key, PersonsWord(state, "seen"))
            self.known[key].over(WORDS[stands][state])
            self.known[key].fence += 1
        else:
            with pytest.raises(ConfigurationError, match="Nothing was settled"):
                self.reader().settle(key, PersonsWord(state, "guessed"))

    @rule()
    def look(self) -> None:
        """What a look into the ledger shows is what is true."""
        states = {key: self.stands(key) for key in self.known}
        found = standing(self.reader())
        assert +Counter(found.counts) == Counter(state for state in states.values() if state is not None)
        doubtful = [(self.known[key].first_sent, key) for key, state in states.items() if state in SETTLEABLE]
        oldest = None if found.oldest is None else (found.oldest[1] - self.clock_begins, found.oldest[0])
        assert oldest == (min(doubtful) if doubtful else None)


class SqliteMachine(LastingMachine):
    """Two processes on one file: what can be seen of them, and the clocks, are the machine's.

    Neither sees the other, as in two containers, unless the system shows that one has gone.
    """

    def __init__(self) -> None:
        super().__init__()
        self.names = ["", ""]
        self.met: set[str] = set()
        self.gone: set[str] = set()
        self.seen: set[tuple[int, int]] = set()
        self.shown = False
        self.runtime = Runtime(monotonic=lambda: self.now, wall=lambda: self.now)
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(Sight, "runs", lambda _, name: self.runs(name))
        self.patch.setattr("bonifiq_async.ledger.sqlite.store.TICK", None)  # beats come with what is written
        self.folder = Path(tempfile.mkdtemp(prefix="ledger-"))
        self.path = self.folder / "0" / "ledger"
        self.path.parent.mkdir()
        self.ledgers = [self.opened(0), self.opened(1)]

    def opened(self, owner: int) -> SqliteLedger:
        """Open the file as a process does that has just started."""
        made = SqliteLedger(
            self.path,
            key_retention=RETENTION,
            clock=lambda: self.now,
            monotonic=lambda: self.now,
        )
        self.run(made.bind("provider", "account"))
        [self.names[owner]] = {name for (name,) in by_hand(self.path, "SELECT name FROM owner")} - self.met
        self.met.add(self.names[owner])
        self.beats[owner] = self.now
        return made

    def runs(self, name: str) -> bool | None:
        """Say what the system shows of an owner."""
        if name in self.gone:
            return False
        return True if self.shown and name in self.names else None

    def teardown(self) -> None:
        super().teardown()
        self.patch.undo()
        shutil.rmtree(self.folder)

    def held(self, known: Known, asks: int | None = None) -> bool:
        seen = known.claim is not None and (known.claim.owner, known.claim.life) in self.seen
        return not seen and super().held(known, asks)

    def seconds(self, claim: Claim, asks: int | None) -> float:
        if self.lives(claim) and self.shown:
            return claim.until - self.now
        return super().seconds(claim, asks)

    @rule(owner=OWNERS, closes=st.booleans())
    def crash_in_sight(self, owner: int, closes: bool) -> None:
        """A process ends, and the system shows that to the others."""
        self.show(owner)
        self.crashes(owner, closes)

    @rule(seen=st.booleans())
    def power_cut(self, seen: bool) -> None:
        """All end at once: what comes after has what lay on the disk, the log included."""
        place = self.folder / str(int(self.path.parent.name) + 1)
        place.mkdir()
        for file in (self.path, self.path.with_name("ledger-wal")):
            if file.exists():
                shutil.copy(file, place)
        for owner in (0, 1):
            if seen:
                self.show(owner)
            self.bury(owner)
        self.left += self.ledgers
        self.path = place / "ledger"
        self.ledgers = [self.opened(0), self.opened(1)]

    def show(self, owner: int) -> None:
        """Let the system show that an owner has ended."""
        self.gone.add(self.names[owner])
        self.seen.add((owner, self.life[owner]))

    def reader(self) -> SqliteReader:
        return SqliteReader(self.path, runtime=self.runtime)

    @rule(key=KEYS, state=st.sampled_from([State.APPLIED, State.NOT_APPLIED]), shown=st.booleans())
    def say(self, key: str, state: State, shown: bool) -> None:
        """A person settles what is in doubt or was used elsewhere, and nothing else.

        `shown` if the system shows which processes run.
        """
        claim, self.shown = self.known[key].claim, shown
        self.settles(key, state, runs=shown and claim is not None and self.lives(claim))
        self.shown = False


class PostgresMachine(LastingMachine):
    """Two processes on one schema; times are those of its clock, and of nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(
            "bonifiq_async.ledger.postgres.writer.TICK", None
        )  # beats come with what is written
        self.clock_begins = BEGINS
        self.at_the_end = ExitStack()
        self.database = with_a_clock(self.at_the_end.enter_context(a_schema()))
        self.ledgers = [self.opened(0), self.opened(1)]

    def opened(self, owner: int) -> PostgresLedger:
        made = PostgresLedger(
            self.database.dsn,
            schema=self.database.schema,
            key_retention=RETENTION,
            lossless_failover=True,
            monotonic=lambda: self.now,
        )
        self.beats[owner] = self.now
        self.run(set_clock(self.database, self.now))
        self.run(made.bind("provider", "account"))
        return made

    def acts(self, owner: int) -> None:
        self.run(set_clock(self.database, self.now))
        super().acts(owner)

    def teardown(self) -> None:
        super().teardown()
        self.patch.undo()
        self.at_the_end.close()

    def reader(self) -> PostgresReader:
        self.run(set_clock(self.database, self.now))
        return PostgresReader("", self.database)

    @rule(key=KEYS, state=st.sampled_from([State.APPLIED, State.NOT_APPLIED]))
    def say(self, key: str, state: State) -> None:
        """A person settles what is in doubt or was used elsewhere, and nothing else.

        An owner that beats may send late, also when the time of its claim is over.
        """
        claim = self.known[key].claim
        runs = claim is not None and self.beat_of(claim) + SILENCE > self.now
        self.settles(key, state, runs=runs)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("machine", "share"), [(MemoryMachine, 1), (SqliteMachine, 1), (PostgresMachine, 3)], ids=KINDS
)
def test_a_ledger_keeps_to_the_model(machine, share):
    """Nothing applied is granted again, no two hold the same, no doubt is lost, no late end lands."""
    examples = int(os.environ.get("EXAMPLES", "60")) // share  # a schema takes longer to make than a file
    run_state_machine_as_test(
        machine, settings=settings(max_examples=examples, stateful_step_count=40, deadline=None)
    )
