"""The owner of a claim, and whether it still holds it: by its process, by its beats, and by no wall clock."""

import asyncio
import os
import shutil
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from attrs import evolve
from conftest import until
from console import settings
from ledger_files import by_hand, commits

from bonifiq_async import Runtime, SqliteLedger
from bonifiq_async.ledger.protocol import CLOCK_TOLERANCE, Ending, Granted, Held, Intent, State
from bonifiq_async.ledger.sqlite import store
from bonifiq_async.ledger.sqlite.owner import AGAIN, BEAT, MARGIN, SILENCE, Beat, Lease, Sight, World
from bonifiq_async.sandbox import FaultScript, Sandbox

MONO, WALL = 5_000.0, 1_700_000_000.0
HERE = World("b007", "4026", "4034")
START = "77"
INTENT = Intent("operation", "key", b"digest", "ana", Decimal(10), "/path", b"{}", ("p", "a"))


def named(pid: int = 12, world: World = HERE, started: str = START) -> str:
    return f"process {pid} on a-host [{world.boot}/{world.processes}/{world.clock} {started} 0123abcd]"


ELSEWHERE = evolve(HERE, processes="9999")
"""Another container: its processes have numbers of their own; the machine and its clock are the same."""
ANOTHER_BOOT = World("dead", "9999", "4034")
UNKNOWN = World("-", "-", "-")
FORMER = f"process 12 on a-host [b007/4026 {START} 0123abcd]"
FORMER_ELSEWHERE = f"process 12 on a-host [b007/9999 {START} 0123abcd]"


def sight(tmp_path: Path, stat: str | None, kill: BaseException | None = None, world: World = HERE) -> Sight:
    """What a process sees of number 12: its line in /proc, if any, and what a signal to it says."""
    if stat is not None:
        (tmp_path / "12").mkdir()
        (tmp_path / "12" / "stat").write_text(stat)

    def killed(pid: int, number: int) -> None:
        assert (pid, number) == (12, 0)
        if kill is not None:
            raise kill

    return Sight(world, Runtime(monotonic=lambda: MONO, wall=lambda: WALL), tmp_path, killed)


def line(state: str = "S", started: str = START) -> str:
    return f"12 (a (b) c) {state} " + " ".join(["0"] * 18) + f" {started} 0 0\n"


SEEN = {
    "it runs": (named(), line(), None, True),
    "it waits for the disk": (named(), line("D"), None, True),
    "it was stopped, and may go on": (named(), line("T"), None, None),
    "a debugger holds it": (named(), line("t"), None, None),
    "it has ended": (named(), line("Z"), None, False),
    "its number is another's": (named(), line(started="78"), None, False),
    "it is not there": (named(), None, ProcessLookupError(), False),
    "it is hidden, and another user's": (named(), None, PermissionError(), None),
    "it is hidden": (named(), None, None, None),
    "it is in another container": (named(world=ELSEWHERE), line(), None, None),
    "it is another boot's": (named(world=ANOTHER_BOOT), line(), None, None),
    "its start was not to be seen": (named(started="-"), line(), None, None),
    "where it is was not to be seen": (named(world=UNKNOWN), line(), None, None),
    "a former version named it": (FORMER, line(), None, True),
    "a former version named it elsewhere": (FORMER_ELSEWHERE, line(), None, None),
    "it is no process": ("another call", line(), None, None),
    "it has no number": ("process x on y [a/b/c d e]", line(), None, None),
}


@pytest.mark.parametrize(("name", "stat", "kill", "runs"), SEEN.values(), ids=SEEN)
def test_what_is_seen_of_an_owner(name, stat, kill, runs, tmp_path):
    """Only a process that has surely ended is gone: one that is hidden, stopped or elsewhere may run."""
    assert sight(tmp_path, stat, kill).runs(name) is runs


LATER, OVER = MONO + 60, MONO
FRESH, STALE = Beat(MONO - SILENCE + 1, WALL - SILENCE + 1), Beat(MONO - SILENCE, WALL - SILENCE)
AHEAD = Beat(MONO, WALL + CLOCK_TOLERANCE + 1)
RUNS, GONE = line(), line("Z")
MADE = WALL - 10

LEFT = {
    # name, what is seen of it, until when, its beat, when made -> for how long
    "it runs": (named(), RUNS, LATER, STALE, MADE, 60.0),
    "it runs, and has never beaten": (named(), RUNS, LATER, None, MADE, 60.0),
    "it runs, its time is over": (named(), RUNS, OVER, FRESH, MADE, 0.0),
    "it is gone": (named(), GONE, LATER, FRESH, MADE, 0.0),
    "it is not seen, and beats": (named(world=ELSEWHERE), None, LATER, FRESH, MADE, 1.0),
    "it is not seen, and its time is nearly over": (
        named(world=ELSEWHERE),
        None,
        MONO + 0.5,
        FRESH,
        MADE,
        0.5,
    ),
    "it is not seen, and silent": (named(world=ELSEWHERE), None, LATER, STALE, MADE, 0.0),
    "it is not seen, and has left": (named(world=ELSEWHERE), None, LATER, None, MADE, 0.0),
    "it is not seen, the clock was set forward": (
        named(world=ELSEWHERE),
        None,
        LATER,
        evolve(FRESH, wall=WALL - 3600),
        MADE - 3600,
        1.0,
    ),
    "it is not seen, the clock was set back": (
        named(world=ELSEWHERE),
        None,
        LATER,
        evolve(FRESH, wall=WALL + 3600),
        MADE + 3600,
        1.0,
    ),
    "it is stopped": (named(), line("T"), LATER, FRESH, MADE, 1.0),
    "it is stopped for long": (named(), line("T"), LATER, STALE, MADE, 0.0),
    "another boot's, with a recent beat": (named(world=ANOTHER_BOOT), None, OVER, FRESH, MADE, 1.0),
    "another boot's, silent": (named(world=ANOTHER_BOOT), None, LATER, STALE, MADE, 0.0),
    "another boot's, which has left": (named(world=ANOTHER_BOOT), None, LATER, None, MADE, 0.0),
    "another boot's, of a future time": (named(world=ANOTHER_BOOT), None, LATER, AHEAD, MADE, 0.0),
    "a former version's": (FORMER_ELSEWHERE, None, WALL + 60, None, MADE, 60.0),
    "a former version's, over": (FORMER_ELSEWHERE, None, WALL, None, MADE, 0.0),
    "a former version's, which runs": (FORMER, RUNS, WALL + 60, None, MADE, 60.0),
    "a former version's, which runs, and the clock was set forward": (
        FORMER,
        RUNS,
        WALL - 3600,
        None,
        MADE,
        AGAIN,
    ),
    "a former version's, of a future time": (FORMER_ELSEWHERE, None, WALL + 9e9, None, WALL + 9e9, 0.0),
    "the system shows nothing, and it beats": (named(world=UNKNOWN), None, WALL + 60, FRESH, MADE, 1.0),
    "the system shows nothing, and it is silent": (named(world=UNKNOWN), None, WALL + 60, STALE, MADE, 0.0),
}


@pytest.mark.parametrize(("name", "stat", "until_when", "beat", "made", "left"), LEFT.values(), ids=LEFT)
def test_for_how_long_a_claim_holds(name, stat, until_when, beat, made, left, tmp_path):
    """A running owner outranks the wall clock; its own lease is on the monotonic clock."""
    assert sight(tmp_path, stat, ProcessLookupError()).left(Lease(name, until_when, made), beat) == left


OVER_OR_NOT = {
    "it runs": (named(), RUNS, STALE, False),
    "it is gone": (named(), GONE, FRESH, True),
    "not seen, and beats": (named(world=ELSEWHERE), None, FRESH, False),
    "not seen, and silent": (named(world=ELSEWHERE), None, STALE, True),
    "another boot's, with a beat": (named(world=ANOTHER_BOOT), None, FRESH, False),
    "another boot's, silent": (named(world=ANOTHER_BOOT), None, STALE, True),
    "of a future time": (named(world=ANOTHER_BOOT), None, AHEAD, True),
    "no process's": ("a name of no known form", None, FRESH, False),
}


@pytest.mark.parametrize(("name", "stat", "beat", "over"), OVER_OR_NOT.values(), ids=OVER_OR_NOT)
def test_an_owner_is_forgotten_only_when_nothing_of_it_can_hold(name, stat, beat, over, tmp_path):
    assert sight(tmp_path, stat, ProcessLookupError()).is_over(name, beat) is over


def test_a_process_recognises_itself_whatever_its_host_name_is(monkeypatch):
    """A host may be renamed while it runs, and containers of one boot have names of their own."""
    here = Sight.here(Runtime())
    me = here.me()
    assert here.runs(me) is True
    assert here.runs(me.replace(" on ", " on not-")) is True
    started = me.split()[-2]
    assert started.isdigit() and here.runs(me.replace(f" {started} ", " 1 ")) is False
    assert len({here.me() for _ in range(3)}) == 3


def test_a_system_without_proc_shows_nothing(tmp_path):
    """Owners still have names, and leases use the clock that there is."""
    blind = Sight.here(Runtime(monotonic=lambda: MONO, wall=lambda: WALL), tmp_path)
    assert blind.world == UNKNOWN
    assert blind.me().startswith(f"process {os.getpid()} on ") and "[-/-/- - " in blind.me()
    assert blind.runs(blind.me()) is None and blind.now() == WALL
    assert sight(tmp_path, None).now() == MONO


BEAT_OF_HOLDER = "SELECT beat FROM owner WHERE name IN (SELECT owner FROM change)"


@pytest.fixture
def unseen(monkeypatch):
    """As in two containers: neither sees the processes of the other."""
    monkeypatch.setattr(Sight, "runs", lambda *_: None)


class Clock:
    """Both clocks of a machine, to be set by hand."""

    def __init__(self) -> None:
        self.wall, self.monotonic = WALL, MONO

    def ledger(self, path: Path) -> SqliteLedger:
        return SqliteLedger(path, clock=lambda: self.wall, monotonic=lambda: self.monotonic)

    def passes(self, seconds: float) -> None:
        self.wall += seconds
        self.monotonic += seconds


@pytest.mark.parametrize("step", [3600.0, -3600.0, 10 * 365 * 86_400.0], ids="{:+.0f} s".format)
@pytest.mark.parametrize("seen", [True, False], ids=["seen", "not seen"])
async def test_a_clock_that_steps_frees_no_claim(step, seen, tmp_path, request):
    """Otherwise two senders use one key at once."""
    if not seen:
        request.getfixturevalue("unseen")
    clock = Clock()
    async with clock.ledger(tmp_path / "l") as one, clock.ledger(tmp_path / "l") as two:
        assert isinstance(await one.claim(INTENT, lease=60, repeatable=True), Granted)
        clock.wall += step
        for ledger in (one, two):
            assert isinstance(await ledger.claim(INTENT, lease=60, repeatable=True), Held)
        assert await one.end(INTENT, 1, Ending(State.APPLIED, 1))


async def test_an_owner_that_is_not_seen_is_believed_for_a_while_and_no_longer(unseen, tmp_path):
    """Killed in one container and started in another: for some seconds, not for the longest call."""
    clock = Clock()
    async with clock.ledger(tmp_path / "l") as killed, clock.ledger(tmp_path / "l") as again:
        await killed.claim(INTENT, lease=210, repeatable=True)
        clock.passes(SILENCE - 1)
        held = await again.claim(INTENT, lease=210, repeatable=True)
        assert isinstance(held, Held) and held.seconds == 1
        clock.passes(1)
        assert await again.claim(INTENT, lease=210, repeatable=True) == Granted(2, True)


async def test_a_claim_is_trusted_for_as_long_as_its_owner_shows_that_it_runs(unseen, tmp_path, monkeypatch):
    """An owner that was stopped, or whose file was locked, sends nothing of what another has taken over."""
    monkeypatch.setattr(store, "TICK", None)  # beats come with what is written
    clock = Clock()
    async with clock.ledger(tmp_path / "l") as one, clock.ledger(tmp_path / "l") as two:
        granted = await one.claim(INTENT, lease=600, repeatable=True)
        assert granted.held()
        clock.passes(SILENCE - MARGIN)
        assert not granted.held()
        await one.claim(evolve(INTENT, key="in time"), lease=600, repeatable=False)
        assert granted.held()
        clock.passes(SILENCE)
        assert await two.claim(INTENT, lease=600, repeatable=True) == Granted(2, True)
        later = await one.claim(evolve(INTENT, key="later"), lease=600, repeatable=False)
        again = await one.claim(evolve(INTENT, key="in time"), lease=600, repeatable=True)
        assert later.held() and isinstance(again, Held)
        assert not granted.held(), "another has taken it over"


async def test_a_claim_that_was_taken_over_is_trusted_like_any(unseen, tmp_path):
    clock = Clock()
    async with clock.ledger(tmp_path / "l") as one, clock.ledger(tmp_path / "l") as two:
        await one.claim(INTENT, lease=600, repeatable=True)
        clock.passes(SILENCE)
        taken = await two.claim(INTENT, lease=600, repeatable=True)
        assert taken.held()
        clock.passes(SILENCE)
        assert not taken.held()


async def test_an_owner_at_work_beats_without_a_transaction_of_its_own(unseen, tmp_path):
    """Its ordinary writes carry its beat, every few seconds."""
    clock = Clock()
    async with clock.ledger(tmp_path / "l") as busy, clock.ledger(tmp_path / "l") as other:
        await busy.claim(INTENT, lease=600, repeatable=True)
        assert isinstance(await other.claim(INTENT, lease=60, repeatable=True), Held)
        before = commits(busy.path)
        for number in range(10):
            clock.passes(BEAT)
            await busy.claim(evolve(INTENT, key=f"k{number}"), lease=600, repeatable=True)
            assert isinstance(await other.claim(INTENT, lease=60, repeatable=True), Held)
        assert commits(busy.path) == before + 20  # as many as calls of the two, which both beat


async def test_an_idle_owner_beats_as_long_as_it_holds_a_claim(unseen, tmp_path, monkeypatch):
    """The provider takes its time; the thread writes alone, and rests when there is nothing to hold."""
    monkeypatch.setattr(store, "TICK", 0.01)
    clock = Clock()
    async with clock.ledger(tmp_path / "l") as idle, clock.ledger(tmp_path / "l") as other:
        await idle.claim(INTENT, lease=600, repeatable=True)
        for _ in range(3):
            clock.passes(BEAT)
            await until(lambda: by_hand(idle.path, BEAT_OF_HOLDER) == [(clock.monotonic,)])
            assert isinstance(await other.claim(INTENT, lease=60, repeatable=True), Held)
        await idle.end(INTENT, 1, Ending(State.APPLIED, 1))
        before = commits(idle.path)
        clock.passes(10 * BEAT)
        await asyncio.sleep(0.1)
        assert commits(idle.path) == before


async def test_an_owner_that_closes_holds_nothing_and_is_forgotten(unseen, tmp_path):
    """Closed with an open claim, it may still send; otherwise no call waits for it."""
    clock = Clock()
    async with clock.ledger(tmp_path / "l") as ledger:
        await ledger.claim(INTENT, lease=60, repeatable=True)
    async with clock.ledger(tmp_path / "l") as other:
        assert isinstance(await other.claim(INTENT, lease=60, repeatable=True), Held)
        clock.passes(SILENCE)
        assert isinstance(await other.claim(INTENT, lease=60, repeatable=True), Granted)
        await other.end(INTENT, 2, Ending(State.APPLIED, 1))
    before = by_hand(tmp_path / "l", "SELECT name FROM owner")
    async with clock.ledger(tmp_path / "l") as last:
        await last.bind("p", "a")
        [after] = by_hand(tmp_path / "l", "SELECT name FROM owner")
        assert before and after not in before


async def test_a_beat_that_was_not_written_is_reported_as_damage(unseen, tmp_path):
    """It would free what a running owner holds."""
    clock = Clock()
    async with clock.ledger(tmp_path / "l") as one, clock.ledger(tmp_path / "l") as two:
        await one.claim(INTENT, lease=60, repeatable=True)
        await two.bind("p", "a")
        by_hand(one.path, "UPDATE owner SET beat = 0 WHERE name IN (SELECT owner FROM change)")
        with pytest.raises(Exception, match=r"what stands of 'process .* is not what was written"):
            await two.claim(INTENT, lease=60, repeatable=True)


HIDDEN = """
import os, sys, time
sys.path[:0] = {path!r}
from bonifiq_async.ledger.sqlite.owner import Sight
from bonifiq_async._concurrency.runtime import Runtime
Sight.here(Runtime())  # loads what the other user cannot
os.setgid(65534); os.setuid(65534)
print(Sight.here(Runtime()).runs(sys.argv[1]))
"""


def test_a_process_that_proc_hides_is_not_gone(tmp_path):
    """`hidepid=2` hides what other users run: a process that is not visible may still run."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("only root may mount")
    me = Sight.here(Runtime()).me()
    script = HIDDEN.format(path=sys.path)
    for options, told in {"hidepid=2": "None", "hidepid=0": "True"}.items():
        mount = f'mount -t proc -o {options} proc /proc && exec {sys.executable} -c "$0" "$1"'
        run = subprocess.run(
            ["unshare", "-m", "sh", "-c", mount, script, me], check=False, capture_output=True, text=True
        )
        if "unshare" in run.stderr or "mount" in run.stderr:
            pytest.skip(f"mounting is not allowed here: {run.stderr}")
        assert run.stdout.strip() == told, run.stderr


CONTAINER = """
import asyncio, os, sys
from decimal import Decimal
from bonifiq_async import BonifiQClient, CashbackChange, SqliteLedger

async def main():
    async with SqliteLedger("l") as ledger, BonifiQClient.from_env(ledger=ledger) as client:
        change = CashbackChange("ANA", Decimal(10), "Loyalty", "key")
        await client.customers.change_cashback(change, deadline=180)

asyncio.run(main())
"""


@pytest.mark.slow
async def test_two_containers_on_one_ledger_send_each_change_once(tmp_path):
    """Neither sees the other; both wait, as they would for a process of their own."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("only root may make a namespace of processes")
    with Sandbox(duplicates="error-409", faults=FaultScript(["slow"] * 4)) as server:
        children = [
            subprocess.Popen(
                ["unshare", "-p", "-f", "--kill-child", "--mount-proc", sys.executable, "-c", CONTAINER],
                cwd=tmp_path,
                env={**os.environ, **settings(server)},
                stderr=subprocess.PIPE,
                text=True,
            )
            for _ in range(3)
        ]
        ended = [await asyncio.to_thread(child.communicate) for child in children]
        if any("unshare" in said for _, said in ended):
            pytest.skip(f"no namespace of processes is to be had: {ended}")
        assert [child.returncode for child in children] == [0, 0, 0], ended
        assert server.books.requests == 1
