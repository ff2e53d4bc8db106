"""Runs killed at a named point, stop, meet each other, or lose their disk: each change has one effect.

Runs that are killed at random moments are in `bonifiq_async/verification/experiments/killed_runs.py`, which
`tests/verification/test_prove.py` drives at the smallest size.
"""

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from conftest import change, client_for
from console import process, settings
from crash_points import dies
from full_disk import file_limit
from mounts import mounted
from postgres import a_schema

from bonifiq_async import Effect, PostgresLedger, SqliteLedger, change_key_for
from bonifiq_async._model.json_codec import decode
from bonifiq_async.cli.exit_codes import Exit
from bonifiq_async.ledger.protocol import DONE, State
from bonifiq_async.ledger.reader import recorded
from bonifiq_async.ledger.sqlite.reader import SqliteReader
from bonifiq_async.sandbox import Books, FaultScript, Sandbox
from bonifiq_async.sandbox.rules import Arrival, Meeting


class Plan:
    """A file of changes for fifty customers, added and removed, and what the books must say of it."""

    def __init__(self, folder: Path, count: int) -> None:
        self.rows = [
            (f"c{n % 50}", Decimal(n % 997 + 1) / 100 * (-1 if n % 7 == 0 else 1), f"o{n}")
            for n in range(count)
        ]
        self.keys = {change_key_for(*row): row for row in self.rows}
        lines = [f"{customer},{value},r,{reference}" for customer, value, reference in self.rows]
        (folder / "changes.csv").write_text("\n".join(["customer_id,value,reason,reference", *lines]))

    def is_done(self, books: Books) -> None:
        """Each change has one effect, its own, and each balance is exact."""
        for key, (customer, value, _) in self.keys.items():
            [effect] = books.effects(key)
            assert (effect.customer_id, effect.value) == (customer, value)
        balances: Counter[str] = Counter()
        for customer, value, _ in self.rows:
            balances[customer] += value
        assert books.balances() == balances
        assert set(books.keys()) == set(self.keys)

    def is_known(self, ledger: Path) -> None:
        """The ledger holds each change, as the books have it, and as done."""
        found = {one.key: one for one in recorded(SqliteReader(ledger), set(State))}
        assert set(found) == set(self.keys)
        for key, one in found.items():
            body = decode(one.body)
            assert one.state in DONE
            assert (one.customer_id, Decimal(body["Value"]), body["ChangeKey"]) == (*self.keys[key][:2], key)


def ended(running: "subprocess.Popen[str]", code: int = 0) -> tuple[str, str]:
    """Wait for the end of a process; return what it said."""
    told, said = running.communicate(timeout=120)
    assert running.returncode == code, said
    return told, said


@pytest.mark.slow
def test_several_processes_share_one_file(tmp_path):
    """Four at once on one ledger: each change has one effect and one request, and all end well."""
    plan = Plan(tmp_path, 400)
    with Sandbox(duplicates="error-400") as sandbox:
        for each in [process(sandbox, tmp_path, "apply", "changes.csv", "--yes") for _ in range(4)]:
            ended(each)
        plan.is_done(sandbox.books)
        assert sandbox.books.requests == len(plan.rows)
    plan.is_known(tmp_path / "changes.csv.ledger")


POINTS = {
    "after claim": (0, Effect.APPLIED),
    "after send": (1, Effect.ALREADY_APPLIED),
    "after answer": (1, Effect.ALREADY_APPLIED),
    "after commit": (1, Effect.ALREADY_APPLIED),
}


@pytest.fixture(params=["sqlite", "postgres"])
def shared(request, tmp_path, monkeypatch):
    """Each ledger that outlives a process, and how a child opens it."""
    if request.param == "sqlite":
        yield SqliteLedger(tmp_path / "l"), 'SqliteLedger("l")'
        return
    monkeypatch.setattr("bonifiq_async.ledger.postgres.owner.SILENCE", 0.5)  # a killed one is silent soon
    with a_schema() as database:
        made = PostgresLedger(database.dsn, schema=database.schema)
        yield made, f"PostgresLedger({database.dsn!r}, schema={database.schema!r})"


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS)
async def test_named_crash_points(point, shared, tmp_path):
    """The process is killed there; the next one ends with exactly one effect, and knows it."""
    arrived, effect = POINTS[point]
    with Sandbox(duplicates="error-409") as server:
        await dies(point, server, tmp_path, shared[1])
        assert server.books.requests == arrived
        async with shared[0] as ledger, client_for(server, ledger=ledger) as client:
            outcome = await client.customers.change_cashback(change("key"))
        assert outcome.effect is effect
        assert len(server.books.effects("key")) == 1
        assert (len(outcome.attempts) == 0) == (point == "after commit")


SLEEPER = """
import asyncio, os, signal, sys
from decimal import Decimal
from bonifiq_async import BonifiQClient, CashbackChange, RetryPolicy, SqliteLedger
from bonifiq_async._delivery import single_flight as claims
from bonifiq_async._delivery.claim import Claim
from bonifiq_async._delivery.delivery import Delivery

def sleeping_before(original):
    async def sleeps(self, *a, **k):
        os.kill(os.getpid(), signal.SIGSTOP)
        return await original(self, *a, **k)
    return sleeps

claims.LEASE_MARGIN = 0.1
if sys.argv[1] == "before the send":
    Delivery.deliver = sleeping_before(Delivery.deliver)
else:
    Claim.settle = sleeping_before(Claim.settle)

async def main():
    once = RetryPolicy(max_attempts=1)
    async with SqliteLedger("l") as ledger, BonifiQClient.from_env(ledger=ledger, retry=once) as client:
        change = CashbackChange("ANA", Decimal(10), "Loyalty", "key")
        outcome = await client.outcome_of(change, deadline=20)
        print(outcome.effect.name, client.in_doubt(), outcome.error)

asyncio.run(main())
"""
NAPS = {
    "after its answer": ("before the end", [], "APPLIED ()"),
    "and learns late that it was used": ("before the send", [], "ALREADY_APPLIED ()"),
    "and is refused late": ("before the send", ["", "400"], "UNKNOWN ('key',)"),
    "and is throttled late": ("before the send", ["", "429"], "UNKNOWN ('key',)"),
}


def stopped(child: "subprocess.Popen[str]") -> None:
    """Wait until a process has stopped."""
    _, status = os.waitpid(child.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status), child.communicate()


async def fallen_asleep(server: Sandbox, folder: Path, program: str, point: str) -> "subprocess.Popen[str]":
    """Run a program with the ledger in `folder` until it has stopped at `point`."""
    child = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", program, point],
        cwd=folder,
        env={**os.environ, **settings(server)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    await asyncio.to_thread(stopped, child)
    return child


@pytest.mark.slow
@pytest.mark.parametrize(("point", "faults", "says"), NAPS.values(), ids=NAPS)
async def test_a_process_stopped_past_its_lease_cannot_overwrite_the_next(point, faults, says, tmp_path):
    """A real process, stopped midway: another takes over, and the first reports only what it knows."""
    with Sandbox(duplicates="error-409", faults=FaultScript(faults)) as server:
        child = await fallen_asleep(server, tmp_path, SLEEPER, point)
        async with SqliteLedger(tmp_path / "l") as ledger, client_for(server, ledger=ledger) as client:
            outcome = await client.outcome_of(change("key"), deadline=0.1)
            assert "another call or process is sending it" in str(outcome.error)
        late = SqliteLedger(tmp_path / "l", monotonic=lambda: time.monotonic() + 21)
        async with late as ledger, client_for(server, ledger=ledger) as client:
            assert (await client.outcome_of(change("key"))).effect in (Effect.APPLIED, Effect.ALREADY_APPLIED)
        [before] = recorded(SqliteReader(tmp_path / "l"), set(State))
        child.send_signal(signal.SIGCONT)
        told, _ = await asyncio.to_thread(ended, child)
        assert told.startswith(says), told
        assert list(recorded(SqliteReader(tmp_path / "l"), set(State))) == [before] and before.state in DONE
        assert len(server.books.effects("key")) == 1
        assert server.books.repeats == (not faults)


SHORT = """
from bonifiq_async.ledger.sqlite import owner
owner.SILENCE, owner.BEAT, owner.MARGIN = 2.0, 0.25, 0.25
"""
"""Claims that are free after two seconds."""


@pytest.mark.slow
async def test_a_process_stopped_for_longer_than_its_claims_last_sends_nothing_of_them(tmp_path, monkeypatch):
    """Another has taken its change over by its silence; the time of its call is not over."""
    for name, seconds in {"SILENCE": 2.0, "BEAT": 0.25, "MARGIN": 0.25}.items():
        monkeypatch.setattr(f"bonifiq_async.ledger.sqlite.owner.{name}", seconds)
    with Sandbox(duplicates="error-409") as server:
        child = await fallen_asleep(server, tmp_path, SHORT + SLEEPER, "before the send")
        async with SqliteLedger(tmp_path / "l") as ledger, client_for(server, ledger=ledger) as client:
            assert (await client.outcome_of(change("key"), deadline=15)).effect is Effect.APPLIED
        child.send_signal(signal.SIGCONT)
        told, _ = await asyncio.to_thread(ended, child)
        assert told.startswith("UNKNOWN ('key',)"), told
        assert server.books.requests == 1
    [found] = recorded(SqliteReader(tmp_path / "l"), set(State))
    assert found.state is State.APPLIED


class At(FaultScript):
    """Goes without faults, and does something when so many requests have arrived."""

    def __init__(self, number: int, act: Callable[[], object]) -> None:
        super().__init__()
        self._until, self._act = number, act

    def meet(self, arrival: Arrival) -> Meeting:
        self._until -= 1
        if self._until == 0:
            self._act()
        return super().meet(arrival)


FULL = file_limit(120_000)
WITHOUT_ROOTS_RIGHTS = """
import ctypes
head, sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
libc = ctypes.CDLL(None)
assert libc.capget(head, sets) == 0
sets[0] &= ~(1 << 1 | 1 << 2)  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH (capabilities(7))
assert libc.capset(head, sets) == 0
"""
BOUND = WITHOUT_ROOTS_RIGHTS if os.geteuid() == 0 else ""
"""Run first in a child, it makes the rights of files bind root, too."""


def nothing(disk: Path) -> None:
    """Nothing needs to be done to the disk."""


def moved(disk: Path) -> None:
    """Move the folder away, as when a disk is unmounted."""
    disk.rename(disk.with_name("away"))


def moved_back(disk: Path) -> None:
    disk.with_name("away").rename(disk)


def forbidden(disk: Path) -> None:
    disk.chmod(0)


def allowed(disk: Path) -> None:
    disk.chmod(0o700)


def unwritable(disk: Path) -> None:
    """Let open files accept no more, as on a file system that becomes read-only after a fault."""
    subprocess.run(["chattr", "+i", disk / "ledger-wal"], check=True)


def writable(disk: Path) -> None:
    subprocess.run(["chattr", "-i", disk / "ledger-wal"], check=True)


LOSSES = {
    "it is full": (FULL, nothing, nothing, "disk I/O error|full"),
    "its folder is gone": ("", moved, moved_back, "No such file"),
    "its folder is forbidden": (BOUND, forbidden, allowed, "Permission denied"),
    "it accepts no more writes": ("", unwritable, writable, "disk I/O error|readonly"),
}


@pytest.fixture
def disk(tmp_path) -> Iterator[Path]:
    """A folder for the ledger alone."""
    place = tmp_path / "disk"
    place.mkdir()
    yield place
    if place.exists():  # as a failing test may leave it
        place.chmod(0o700)
        if shutil.which("chattr") is not None:
            subprocess.run(["chattr", "-R", "-i", place], check=False, capture_output=True)


@pytest.mark.slow
@pytest.mark.parametrize(("prelude", "act", "undo", "why"), LOSSES.values(), ids=LOSSES)
def test_a_run_that_loses_its_disk_stops_and_goes_on_later(prelude, act, undo, why, tmp_path, disk):
    """Exit code 5 in the middle; the next run knows what was done, and each change ends with one effect."""
    if act is unwritable and not immutable(disk):
        pytest.skip("the file system has no immutable files, or they are not for this user to make")
    plan, command = Plan(tmp_path, 300), ("apply", "changes.csv", "--yes", "--ledger", "disk/ledger")
    with Sandbox(duplicates="error-400", faults=At(100, lambda: act(disk))) as sandbox:
        first = process(sandbox, tmp_path, *command, "--max-in-flight", "16", prelude=prelude)
        _, said = ended(first, Exit.STOPPED)
        assert re.search(rf"The ledger \S+/disk/ledger cannot be written: .*({why})", said)
        assert "run the same command again; no change is applied twice" in said
        undo(disk)
        sent = sandbox.books.requests
        assert 0 < sent < 300
        ended(process(sandbox, tmp_path, *command))
        assert sandbox.books.requests <= 300 + 16
        plan.is_done(sandbox.books)
    plan.is_known(disk / "ledger")


def immutable(folder: Path) -> bool:
    """Say whether a file can be made that takes no more writes though it is open (chattr(1))."""
    if shutil.which("chattr") is None:
        return False
    with (folder / "probe").open("wb", buffering=0) as probe:
        made = subprocess.run(["chattr", "+i", probe.name], check=False, capture_output=True).returncode == 0
        try:
            return made and not probe.write(b"x")
        except OSError:
            return True
        finally:
            subprocess.run(["chattr", "-i", probe.name], check=False, capture_output=True)


@pytest.mark.slow
def test_a_real_disk_that_is_full_stops_the_run_until_there_is_space(tmp_path, disk):
    """A file system of 200 KB."""
    with mounted("-t", "tmpfs", "-o", "size=200k", "none", at=disk):
        plan, command = Plan(tmp_path, 600), ("apply", "changes.csv", "--yes", "--ledger", "disk/ledger")
        with Sandbox(duplicates="error-400") as sandbox:
            _, said = ended(process(sandbox, tmp_path, *command), Exit.STOPPED)
            assert "database or disk is full" in said
            assert 0 < sandbox.books.requests < 600
            subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
            ended(process(sandbox, tmp_path, *command))
            plan.is_done(sandbox.books)
        plan.is_known(disk / "ledger")


@pytest.mark.slow
def test_a_folder_that_becomes_read_only_does_not_stop_a_run(tmp_path, disk):
    """Its files are open; the next run finds everything in them, the log included."""
    plan, command = Plan(tmp_path, 600), ("apply", "changes.csv", "--yes", "--ledger", "disk/ledger")
    with Sandbox(duplicates="error-400", faults=At(100, lambda: disk.chmod(0o500))) as sandbox:
        for _ in range(2):
            ended(process(sandbox, tmp_path, *command, prelude=BOUND))
            assert sandbox.books.requests == 600
        plan.is_done(sandbox.books)
    plan.is_known(disk / "ledger")


@pytest.mark.slow
def test_a_ledger_deleted_under_a_run_costs_requests_and_no_money(tmp_path, disk):
    """Without the file its log is not trusted; with neither, all is sent again under the same keys.

    Then only the provider's word says that some were applied, and a person's that this is meant.
    """
    plan, command = Plan(tmp_path, 600), ("apply", "changes.csv", "--yes", "--ledger", "disk/ledger")
    with Sandbox(duplicates="error-400", faults=At(100, (disk / "ledger").unlink)) as sandbox:
        ended(process(sandbox, tmp_path, *command), Exit.STOPPED)
        sent = sandbox.books.requests
        _, said = ended(process(sandbox, tmp_path, *command), Exit.USAGE)
        assert "empty, but its log ledger-wal is not" in said and sandbox.books.requests == sent
        for file in disk.iterdir():
            file.unlink()
        ended(process(sandbox, tmp_path, *command), Exit.UNKNOWN)  # nothing distinguishes its own keys
        ended(process(sandbox, tmp_path, *command, "--accept-used-keys"))
        plan.is_done(sandbox.books)
    plan.is_known(disk / "ledger")
