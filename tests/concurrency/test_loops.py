"""Event loops: none is blocked, none ends with an open resource, and each thread and process has its own."""

import asyncio
import contextlib
import gc
import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from pathlib import Path
from unittest import mock

import pytest
from conftest import change, client_for

from bonifiq_async import CashbackBatch, ConfigurationError, Effect, LedgerError, SqliteLedger
from bonifiq_async.ledger.sqlite import store
from bonifiq_async.sandbox import FaultScript

LONGEST = 0.05
"""Seconds of work that one step of the loop may take."""


class Disk:
    """A disk whose operations last until the loop has run a turn, or for ten seconds if it is blocked."""

    def __init__(self) -> None:
        self.done: list[tuple[str, bool]] = []
        self._busy: list[threading.Event] = []

    def take_time(self, name: str) -> None:
        """Wait, in the ledger's thread, for a turn of the loop."""
        round_it = threading.Event()
        self._busy.append(round_it)
        self.done.append((name, round_it.wait(10)))

    async def turn(self) -> None:
        """Count the turns of the loop."""
        while True:
            await asyncio.sleep(0.001)
            while self._busy:
                self._busy.pop().set()


@pytest.fixture
def slow_disk(monkeypatch) -> Disk:
    """Make opening, committing and closing a ledger take time: a wait for them within the loop is noticed."""
    disk, opened = Disk(), store.opened

    class Slow:
        """A connection that takes time to commit, and to close."""

        def __init__(self, connection: object) -> None:
            self._connection = connection

        def __getattr__(self, name: str) -> object:
            return getattr(self._connection, name)

        def execute(self, statement: str, *more: object) -> object:
            if statement == "COMMIT":
                disk.take_time("commit")
            return self._connection.execute(statement, *more)

        def close(self) -> None:
            disk.take_time("close")
            self._connection.close()

    def slow_open(path: Path, **more: object) -> Slow:
        disk.take_time("open")
        return Slow(opened(path, **more))

    monkeypatch.setattr(store, "opened", slow_open)
    return disk


@contextlib.asynccontextmanager
async def beside(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Run `work` beside the turns of the loop."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_a_slow_disk_does_not_block_the_loop(slow_disk, sandbox, tmp_path) -> None:
    """Not when a ledger is opened, not when it commits, and not when it is closed."""
    server = sandbox()
    async with beside(slow_disk.turn()):
        async with SqliteLedger(tmp_path / "a") as ledger, client_for(server, ledger=ledger) as client:
            assert (await client.customers.change_cashback(change())).effect is Effect.APPLIED
        lazy = SqliteLedger(tmp_path / "b")
        async with client_for(server, ledger=lazy) as client:
            changes = [change(str(number), customer=str(number % 7)) for number in range(30)]
            assert len([each async for each in CashbackBatch(client).run(changes)]) == 30
        await lazy.aclose()
    assert {name for name, _ in slow_disk.done} == {"open", "commit", "close"}
    assert all(came_round for _, came_round in slow_disk.done), slow_disk.done


@pytest.fixture
def frozen_heap() -> Iterator[None]:
    """Exclude the objects of other tests from garbage collection: one collection took 300 ms."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.slow
@pytest.mark.usefixtures("frozen_heap")
async def test_no_step_of_a_batch_takes_long(sandbox, tmp_path) -> None:
    """Five hundred changes with a ledger and faults: the loop works for less than 50 ms at a time."""
    steps: list[float] = []

    async def watch() -> None:
        while True:
            begun = time.thread_time()  # the time of this thread alone, which a busy machine does not change
            await asyncio.sleep(0.001)
            steps.append(time.thread_time() - begun)

    server = sandbox(faults=FaultScript(rate=0.2, seed=1, among=["500-after", "reset-before"]))
    async with SqliteLedger(tmp_path / "ledger") as ledger, client_for(server) as client:
        batch = CashbackBatch(client, ledger=ledger)
        changes = [change(str(number), customer=f"c{number % 50}") for number in range(500)]
        async with beside(watch()):
            outcomes = [outcome async for outcome in batch.run(changes)]
    assert len(outcomes) == 500
    assert {outcome.effect for outcome in outcomes} <= {Effect.APPLIED, Effect.ALREADY_APPLIED}
    assert len(steps) > 10
    assert max(steps) < LONGEST


async def test_a_ledger_that_cannot_be_opened_says_so_and_can_be_opened_later(sandbox, tmp_path) -> None:
    """At the first use as at the opening; the cause may be corrected meanwhile."""
    before = set(threading.enumerate())
    path = tmp_path / "missing" / "ledger"
    ledger = SqliteLedger(path)
    server = sandbox()
    async with client_for(server, ledger=ledger) as client:
        for _ in range(2):
            with pytest.raises((LedgerError, ConfigurationError)):
                await client.customers.change_cashback(change())
        with pytest.raises((LedgerError, ConfigurationError)):
            async with SqliteLedger(path):
                raise AssertionError("it must not open")
        assert server.books.requests == 0
        path.parent.mkdir()
        assert (await client.customers.change_cashback(change())).effect is Effect.APPLIED
    await ledger.aclose()
    assert {each for each in threading.enumerate() if each.name == "ledger"} <= before


# --- one process, and what is left of it ---

APPLIES = """
import asyncio  # in debug mode, by -X dev
import logging
from decimal import Decimal
from bonifiq_async import BasicCredentials, BonifiQClient, CashbackBatch, CashbackChange, SqliteLedger
from bonifiq_async.sandbox import Sandbox

logging.disable()  # what the library says of changes in doubt is no fault here

def changes(run, count=20):
    return [CashbackChange(f"c{n % 5}", Decimal(1), "r", f"{run}-{n}") for n in range(count)]

async def applied(sandbox, run, path=None):
    ledger = None if path is None else SqliteLedger(path)
    client = BonifiQClient(sandbox.credentials, base_url=sandbox.url, ledger=ledger)
    async with client:
        outcomes = [each async for each in CashbackBatch(client).run(changes(run))]
        await client.customers.points("c1")
    if ledger is not None:
        await ledger.aclose()
    return len([each for each in outcomes if each.error is None])
"""


def run(script: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run a script as a user would, with all warnings of Python on."""
    return subprocess.run(
        [
            sys.executable,
            "-X",
            "dev",
            "-W",
            "error",
            "-c",
            APPLIES + textwrap.dedent(script),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )


SCRIPTS = {
    "four loops in a row: a batch, one that is left, calls that are cancelled, a batch": """
        from bonifiq_async.sandbox import FaultScript
        async def left():
            async with BonifiQClient(sandbox.credentials, base_url=sandbox.url) as client:
                async for _ in CashbackBatch(client).run(changes("left", 200)):
                    break
        async def cancelled():
            async with BonifiQClient(silent.credentials, base_url=silent.url) as client:
                calls = [asyncio.create_task(client.outcome_of(each)) for each in changes("c")]
                while silent.books.requests < 20:
                    await asyncio.sleep(0.01)
                for call in calls:
                    call.cancel()
                await asyncio.wait(calls)
        silence = FaultScript(rate=1.0, among=["silence-after"])
        with Sandbox() as sandbox, Sandbox(faults=silence) as silent:
            print(asyncio.run(applied(sandbox, 1, "ledger")))
            asyncio.run(left())
            asyncio.run(cancelled())
            print(asyncio.run(applied(sandbox, 2, "ledger")))
        """,
    "a thread for each loop": """
        import threading
        done = []
        with Sandbox() as sandbox:
            def work(run):
                done.append(asyncio.run(applied(sandbox, run, f"ledger-{run}")))
            threads = [threading.Thread(target=work, args=(run,)) for run in range(4)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            assert sum(sandbox.books.balances().values()) == 80
        assert done == [20] * 4
        print(20)
        print(20)
        """,
    "a fork after the import": """
        import multiprocessing, os, sys
        async def warmed_up():  # the parent has used loop, client and ledger before
            return await applied(sandbox, "parent", "ledger")
        def child(run, say):
            say.put(asyncio.run(applied(sandbox, run, "ledger")))
        sandbox = Sandbox().start()
        print(asyncio.run(warmed_up()))
        context = multiprocessing.get_context("fork")
        say = context.SimpleQueue()
        children = [context.Process(target=child, args=(run, say)) for run in range(3)]
        for each in children: each.start()
        for each in children: each.join(20)
        assert [each.exitcode for each in children] == [0] * 3
        counts = [say.get() for _ in children]
        assert counts == [20] * 3
        assert sum(sandbox.books.balances().values()) == 80
        sandbox.stop()
        say.close()
        print(20)
        """,
}


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS.keys())
def test_nothing_is_left_open(script: str, tmp_path: Path) -> None:
    """No socket, file, task or thread; nothing on standard error, where Python would say so."""
    done = run(script, tmp_path)
    said = [line for line in done.stderr.splitlines() if not line.startswith("Executing <")]
    assert said == []  # the test above checks slow steps, with another clock
    assert (done.returncode, done.stdout.split()) == (0, ["20", "20"])


@pytest.mark.slow
def test_an_open_client_at_the_end_is_noticed(tmp_path: Path) -> None:
    """The check above can fail: a client that is never closed is named."""
    script = """
        async def forgets():
            client = BonifiQClient(sandbox.credentials, base_url=sandbox.url)
            await client.customers.points("c1")
        with Sandbox() as sandbox:
            asyncio.run(forgets())
        """
    assert "ResourceWarning" in run(script, tmp_path).stderr


async def test_a_client_from_before_the_fork_cannot_use_its_ledger(sandbox, tmp_path) -> None:
    """Nothing is sent in a child by a ledger that its parent opened."""
    async with SqliteLedger(tmp_path / "ledger") as ledger:
        child = os.getpid() + 1
        async with client_for(sandbox(), ledger=ledger) as client:
            with (
                mock.patch("os.getpid", return_value=child),
                pytest.raises(ConfigurationError, match="forked"),
            ):
                await client.customers.change_cashback(change())
