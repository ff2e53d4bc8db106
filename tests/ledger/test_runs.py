"""The runs of a ledger: what is known of each, and which of them a change is of."""

import asyncio
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from decimal import Decimal

import pytest
from attrs import evolve
from conftest import until
from ledger_files import by_hand
from postgres import SERVER, a_schema

from bonifiq_async import ConfigurationError, Ledger, LedgerError, MemoryLedger, SqliteLedger
from bonifiq_async.ledger.postgres.reading.reader import PostgresReader
from bonifiq_async.ledger.protocol import Ending, Granted, Intent, State
from bonifiq_async.ledger.reader import LedgerReader
from bonifiq_async.ledger.recorded import ChangeFilter
from bonifiq_async.ledger.runs import RunLedger, RunOrigin, RunState
from bonifiq_async.ledger.settling import PersonsWord
from bonifiq_async.ledger.sqlite.reader import SqliteReader

INTENT = Intent("op", "key", b"digest", "ana", Decimal(10), "/path", b"{}", ("p", "a"), line=7)
MARCH = RunOrigin("apply", "ana", "shop", "/files/march.csv", "12ab")


@pytest.fixture(params=["sqlite", "postgres"])
def reader(request, tmp_path):
    """Each ledger that keeps runs, to be written by its `writer` and read afterwards."""
    if request.param == "sqlite":
        yield SqliteReader(tmp_path / "l")
        return
    with a_schema() as database:
        yield PostgresReader.at(f"{SERVER}?schema={database.schema}")


async def sent(ledger: Ledger, state: State, intent: Intent = INTENT) -> None:
    """Claim a change, and write down how it ended."""
    granted = await ledger.claim(intent, lease=60, repeatable=True)
    assert isinstance(granted, Granted)
    assert await ledger.end(intent, granted.fence, Ending(state, 1))


def seen(reader: LedgerReader) -> tuple[int | None, int | None, int | None]:
    """Return run, line and last run of the one change of a ledger."""
    [change] = reader.changes()
    return change.run, change.line, change.last_run


LIVES = {
    "of one run": (["run"], [State.APPLIED], (1, 7, 1)),
    "of no run": ([""], [State.APPLIED], (None, 7, None)),
    "in doubt, and ended by the next run": (["run", "run"], [State.IN_DOUBT, State.APPLIED], (1, 7, 2)),
    "in doubt, and in doubt again": (["run"] * 3, [State.IN_DOUBT] * 3, (1, 7, 3)),
    "in doubt, and ended without a run": (["run", ""], [State.UNKNOWN, State.APPLIED], (1, 7, None)),
    "in doubt without a run": (["", "run"], [State.IN_DOUBT, State.APPLIED], (None, 7, 1)),
    "refused, and sent anew": (["run", "run"], [State.REFUSED, State.APPLIED], (1, 7, 2)),
    "refused, and sent anew without a run": (["run", ""], [State.REFUSED, State.APPLIED], (1, 7, None)),
    "refused without a run, and sent anew": (["", "run"], [State.REFUSED, State.APPLIED], (1, 107, 1)),
}


@pytest.mark.parametrize(("by", "states", "expected"), LIVES.values(), ids=LIVES)
async def test_a_change_is_of_the_run_that_sent_it_first_and_of_the_one_that_ended_it(
    by, states, expected, reader
):
    """Also where the first sending changed nothing: the run that made it is asked about it later."""
    for number, (how, state) in enumerate(zip(by, states, strict=True)):
        async with reader.writer() as ledger:
            if how == "run":
                await ledger.begin_run(MARCH)
            await sent(ledger, state, evolve(INTENT, line=INTENT.line + 100 * number))
            if how == "run":
                await ledger.end_run({state.value: 1})
    assert seen(reader) == expected
    assert [each.id for each in reader.runs()] == list(range(by.count("run"), 0, -1))


async def test_a_run_has_its_user_its_file_and_its_result(reader):
    before = time.time()
    async with reader.writer() as ledger:
        assert isinstance(ledger, RunLedger)
        begun = await ledger.begin_run(MARCH)
        assert (begun.id, begun.before) == (1, None)
        [run] = reader.runs()
        assert (run.origin, run.ended, run.state, run.counts) == (MARCH, None, RunState.UNDER_WAY, {})
        await ledger.end_run({"applied": 2, "not tried": 1})
        await sent(ledger, State.APPLIED)
    [run] = reader.runs()
    assert run.state is RunState.ENDED and before - 1 <= run.begun <= run.ended <= time.time() + 1
    assert run.counts == {"applied": 2, "not tried": 1}
    assert seen(reader)[0] is None  # the run had ended


async def test_a_ledger_object_makes_one_run_at_a_time(reader):
    """Two at once are two objects, on one ledger or on two."""
    async with reader.writer() as ledger, reader.writer() as another:
        await ledger.begin_run(MARCH)
        with pytest.raises(ConfigurationError, match=r"Run 1 of the ledger .* has not ended"):
            await ledger.begin_run(MARCH)
        assert (await another.begin_run(MARCH)).id == 2
        await ledger.end_run({})
        assert (await ledger.begin_run(MARCH)).id == 3
    assert [(run.id, run.ended is None) for run in reader.runs()] == [(3, True), (2, True), (1, False)]


async def test_a_ledger_in_memory_keeps_no_runs():
    """No other process could ask it afterwards."""
    assert not isinstance(MemoryLedger(), RunLedger)


async def test_a_clock_that_stands_still_keeps_the_order(tmp_path):
    """Runs and changes are distinguished by their numbers, and no change has ended before it was sent."""
    async with SqliteLedger(tmp_path / "l", clock=lambda: 5.0) as ledger:
        for number in (1, 2):
            assert (await ledger.begin_run(MARCH)).id == number
            await sent(ledger, State.APPLIED, evolve(INTENT, key=f"key {number}"))
            await ledger.end_run({"applied": 1})
    assert [(run.id, run.begun, run.ended) for run in SqliteReader(tmp_path / "l").runs()] == [
        (2, 5.0, 5.0),
        (1, 5.0, 5.0),
    ]
    assert [(one.first_sent, one.ended, one.run) for one in SqliteReader(tmp_path / "l").changes()] == [
        (5.0, 5.0, 1),
        (5.0, 5.0, 2),
    ]
    assert [one.run for one in SqliteReader(tmp_path / "l").changes(ChangeFilter(since=5.0))] == [1, 2]
    assert list(SqliteReader(tmp_path / "l").changes(ChangeFilter(until=5.0))) == []


KILLED = """
import asyncio, os, sys
from decimal import Decimal
from bonifiq_async.cli.ledgers import ledger_at
from bonifiq_async.ledger.protocol import Intent
from bonifiq_async.ledger.runs import RunOrigin

async def main():
    async with ledger_at(sys.argv[1]).writer() as ledger:
        await ledger.begin_run(RunOrigin("apply", "ana", "shop", "/files/march.csv", "12ab"))
        intent = Intent("op", "key", b"digest", "ana", Decimal(10), "/path", b"{}", ("p", "a"), line=7)
        await ledger.claim(intent, lease=60, repeatable=True)
        os.kill(os.getpid(), 9)

asyncio.run(main())
"""


@pytest.mark.slow
async def test_a_killed_run_is_reported_to_the_next_of_the_same_file(reader, monkeypatch):
    """And to no other run; not any more once that one has ended."""
    monkeypatch.setattr("bonifiq_async.ledger.postgres.owner.SILENCE", 0.2)  # a killed one is silent soon
    ended = subprocess.run([sys.executable, "-c", KILLED, str(reader)], check=False)
    assert ended.returncode == -signal.SIGKILL
    await until(lambda: reader.runs()[0].state is RunState.NOT_ENDED)
    assert [run.ended for run in reader.runs()] == [None]
    async with reader.writer() as ledger:
        assert (await ledger.begin_run(evolve(MARCH, digest="another"))).before is None
        await ledger.end_run({})
        begun = await ledger.begin_run(MARCH)
        assert begun.before is not None
        assert (begun.before.id, begun.before.state) == (1, RunState.NOT_ENDED)
        await sent(ledger, State.APPLIED)
        await ledger.end_run({"applied": 1})
        again = await ledger.begin_run(MARCH)
        assert again.before is not None and again.before.state is RunState.ENDED
    assert seen(reader) == (1, 7, 3)


BUSY = """
import asyncio, sys
from bonifiq_async import SqliteLedger
from bonifiq_async.ledger.runs import RunOrigin

async def main():
    async with SqliteLedger(sys.argv[1]) as ledger:
        for n in range(50):
            await ledger.begin_run(RunOrigin("apply", sys.argv[2], "shop"))
            await ledger.end_run({"applied": n})

asyncio.run(main())
"""


@pytest.mark.slow
def test_two_processes_write_runs_at_once(tmp_path):
    """Each has numbers of its own, and ends its own."""
    SqliteLedger(tmp_path / "l")
    children = [
        subprocess.Popen([sys.executable, "-c", BUSY, str(tmp_path / "l"), name]) for name in ("ana", "bia")
    ]
    assert [child.wait(60) for child in children] == [0, 0]
    found = list(reversed(SqliteReader(tmp_path / "l").runs()))
    assert [run.id for run in found] == list(range(1, 101))
    for name in ("ana", "bia"):
        assert [run.counts for run in found if run.origin.user == name] == [{"applied": n} for n in range(50)]


async def test_a_settlement_by_a_person_is_a_run_of_its_own(tmp_path):
    path = tmp_path / "l"
    async with SqliteLedger(path, clock=lambda: 5.0) as ledger:
        await ledger.begin_run(MARCH)
        await sent(ledger, State.UNKNOWN)
        await ledger.end_run({"unknown": 1})
    SqliteReader(path).settle("key", PersonsWord(State.APPLIED, "seen", RunOrigin("settle", "bia", "office")))
    [word, run] = SqliteReader(path).runs()
    assert (word.id, word.origin.user, word.state, word.counts) == (2, "bia", RunState.ENDED, {"applied": 1})
    assert (run.id, seen(SqliteReader(path))) == (1, (1, 7, 2))
    [change] = SqliteReader(path).changes()
    assert change.first_sent == 5.0 and change.ended == word.ended  # when the person settled it


BY_HAND = {
    "the run of a change": "UPDATE change SET run = 2",
    "no run for a change": "UPDATE change SET run = 0, line = 0",
    "a line": "UPDATE change SET line = 8",
    "the last run": "UPDATE change SET last_run = 2",
    "a run's user": "UPDATE run SET user = 'eve'",
    "a run's counts": "UPDATE run SET counts = '{\"applied\":2}'",
}


@pytest.mark.parametrize("statement", BY_HAND.values(), ids=BY_HAND)
async def test_what_was_changed_by_hand_is_not_shown(statement, tmp_path):
    path = tmp_path / "l"
    async with SqliteLedger(path) as ledger:
        await ledger.begin_run(MARCH)
        await sent(ledger, State.APPLIED)
        await ledger.end_run({"applied": 1})
    by_hand(path, statement)
    with pytest.raises(LedgerError, match="is not what was written"):
        SqliteReader(path).runs(), list(SqliteReader(path).changes(ChangeFilter(key="another")))


WANTED = {
    "all": (ChangeFilter(), "abc"),
    "a customer": (ChangeFilter(customer_id="bia"), "b"),
    "a key": (ChangeFilter(key="c"), "c"),
    "since a moment, with it": (ChangeFilter(since=20.0), "bc"),
    "until a moment, without it": (ChangeFilter(until=20.0), "a"),
    "a period": (ChangeFilter(since=20.0, until=30.0), "b"),
    "states": (ChangeFilter({State.REFUSED}), "b"),
    "a run that claimed it first": (ChangeFilter(run=1), "c"),
    "a run that claimed it last": (ChangeFilter(run=2), "bc"),
    "two things": (ChangeFilter(run=2, customer_id="bia"), "b"),
    "nothing": (ChangeFilter(customer_id="eve"), ""),
}


@pytest.mark.parametrize(("wanted", "keys"), WANTED.values(), ids=WANTED)
async def test_the_changes_that_are_wanted(wanted, keys, tmp_path):
    now = [5.0]
    async with SqliteLedger(tmp_path / "l", clock=lambda: now[0]) as ledger:
        for at, key, customer, state in [
            (5.0, "c", "ana", State.IN_DOUBT),
            (10.0, "a", "ana", State.APPLIED),
            (20.0, "b", "bia", State.REFUSED),
            (30.0, "c", "ana", State.APPLIED),
        ]:
            now[0] = at
            if at in (5.0, 20.0):
                await ledger.begin_run(MARCH)
            await sent(ledger, state, evolve(INTENT, key=key, customer_id=customer))
            if at in (5.0, 30.0):
                await ledger.end_run({})
    assert sorted(one.key for one in SqliteReader(tmp_path / "l").changes(wanted)) == list(keys)


def test_what_is_no_file_has_no_runs(tmp_path):
    with pytest.raises(ConfigurationError, match="There is no ledger"):
        SqliteReader(tmp_path / "l").runs()


async def test_a_run_that_idles_shows_that_it_runs(tmp_path, monkeypatch):
    """In an outage nothing is claimed; without a beat, another container would see the run as ended."""
    monkeypatch.setattr("bonifiq_async.ledger.sqlite.store.TICK", 0.01)
    monkeypatch.setattr("bonifiq_async.ledger.sqlite.owner.BEAT", 0.0)
    async with SqliteLedger(tmp_path / "l") as ledger:
        await ledger.begin_run(MARCH)
        with closing(sqlite3.connect(tmp_path / "l")) as database:
            beats = set()
            async with asyncio.timeout(20):
                while len(beats) < 3:
                    beats.add(database.execute("SELECT beat FROM owner").fetchone())
                    await asyncio.sleep(0.005)
