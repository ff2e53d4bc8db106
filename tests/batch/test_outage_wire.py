"""An outage, over real sockets and on the command line: a run pauses, gives up, goes on."""

import asyncio
import json
import re
import signal
import time
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
from conftest import client_for, fast, until
from console import process
from virtual import all_of, many, wide

from bonifiq_async import AuthenticationError, CashbackBatch, Effect, SqliteLedger
from bonifiq_async.cli.exit_codes import Exit
from bonifiq_async.ledger.protocol import Intent
from bonifiq_async.ledger.reader import standing
from bonifiq_async.ledger.sqlite.reader import SqliteReader
from bonifiq_async.sandbox import FaultScript, Sandbox

DONE = {Effect.APPLIED, Effect.ALREADY_APPLIED}
HEADER = "customer_id,value,reason,reference"


def rows(count: int) -> list[str]:
    """A file of `count` changes of 1.00 each for ten customers."""
    return [HEADER, *(f"c{n % 10},1.00,r,o{n}" for n in range(count))]


def effects(server: Sandbox, count: int) -> Counter[int]:
    """Return how many of the rows have how many effects."""
    return Counter(len(server.books.effects(f"ADD-c{n % 10}-1-o{n}")) for n in range(count))


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["replay", "error-409"])
async def test_an_outage_in_the_middle_of_a_run(mode: str, sandbox) -> None:
    """Every connection breaks and none is accepted until the run has noticed: each change has one effect."""
    server = sandbox(duplicates=mode)
    async with client_for(server) as client:
        batch = CashbackBatch(client, flow=wide(32))
        running = asyncio.create_task(all_of(batch, many(400)))
        await until(lambda: server.books.requests >= 100)
        await asyncio.to_thread(server.refuse_connections)
        await until(lambda: batch.flow_state is not None and batch.flow_state.paused is not None)
        assert not running.done()
        await asyncio.to_thread(server.accept_connections)
        outcomes = await running
    assert sorted(outcome.position for outcome in outcomes) == list(range(400))
    assert {outcome.effect for outcome in outcomes} <= DONE
    assert server.books.balances() == {f"c{number}": Decimal(10) for number in range(400)}
    assert all(len(server.books.effects(str(number))) == 1 for number in range(400))
    assert batch.stopped_by is None
    for outcome in outcomes:
        on_the_wire = sum(attempt.requests for attempt in outcome.attempts if attempt.sent)
        assert on_the_wire >= server.books.requests_for(outcome.change.change_key) >= 1
        assert [attempt.number for attempt in outcome.attempts] == [*range(1, len(outcome.attempts) + 1)]


async def test_a_credential_that_is_withdrawn_in_the_middle_of_a_run(sandbox) -> None:
    """The run sends no more than what is in flight, and what was applied is reported as applied."""
    server = sandbox(faults=FaultScript([""] * 50, rate=1.0, among=["401"]))
    async with client_for(server) as client:
        batch = CashbackBatch(client, flow=wide(8))
        async with asyncio.timeout(10):
            outcomes = await all_of(batch, many(2_000))
    assert isinstance(batch.stopped_by, AuthenticationError)
    reported = Counter(outcome.effect for outcome in outcomes)
    assert reported[Effect.APPLIED] == len(server.books.balances()) == 50
    assert set(reported) == {Effect.APPLIED, Effect.REFUSED}
    assert reported[Effect.REFUSED] <= 24


async def test_a_batch_records_in_the_ledger_given_to_it(sandbox, tmp_path: Path) -> None:
    """And not in the client's own, which it does not read either."""
    server = sandbox(duplicates="error-409")
    path = tmp_path / "batch.ledger"
    async with client_for(server) as client:
        async with SqliteLedger(path) as ledger:
            outcomes = await all_of(CashbackBatch(client, ledger=ledger), many(30))
            assert {outcome.effect for outcome in outcomes} == {Effect.APPLIED}
            again = await all_of(CashbackBatch(client, ledger=ledger), many(30))
        assert {outcome.effect for outcome in again} == {Effect.ALREADY_APPLIED}
        assert server.books.requests == 30
        counts = {state.value: count for state, count in standing(SqliteReader(path)).counts.items() if count}
        assert counts == {"applied": 30}
        own = await all_of(CashbackBatch(client), many(30))
        assert {outcome.effect for outcome in own} == {Effect.ALREADY_APPLIED}
        assert server.books.requests == 60


async def test_two_batches_of_one_client_keep_their_ledgers_apart(sandbox, tmp_path: Path) -> None:
    """Also when one of them is of another account: its run ends, the other goes on."""
    server = sandbox()
    path = tmp_path / "other.ledger"
    async with SqliteLedger(path) as other:
        await other.bind("bonifiq", "another account")
        begun = Intent(
            "operation", "key", b"digest", "ana", Decimal(1), "/path", b"{}", ("bonifiq", "another account")
        )
        await other.claim(begun, lease=60, repeatable=True)
    async with client_for(server) as client, SqliteLedger(path) as other:
        with pytest.raises(Exception, match="another account"):
            await all_of(CashbackBatch(client, ledger=other), many(5))
        assert server.books.requests == 0
        outcomes = await all_of(CashbackBatch(client), many(5))
    assert {outcome.effect for outcome in outcomes} == {Effect.APPLIED}


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 2, 60])
def test_a_provider_that_is_down_stops_the_command_which_goes_on_later(count, console, sandbox):
    """Exit code 5, what happened and the command to go on; run again when it is back, all is applied."""
    console.write("changes.csv", *rows(count))
    server = sandbox(duplicates="error-409")
    server.refuse_connections()
    command = ("apply", "changes.csv", "--yes", "--give-up-after", "1", "--json")
    ended = console(*command, sandbox=server)
    assert ended.code == Exit.STOPPED
    why = r"\(connection refused at 127\.0\.0\.1:\d+\)"
    assert re.search(rf"Nothing has succeeded for \d s {why}, so the run was stopped\.", ended.err)
    assert "bonifiq apply changes.csv --yes --give-up-after 1 --json" in ended.err
    reported = json.loads(ended.out)
    assert reported["not_tried"] + reported["effects"]["not_applied"]["changes"] == count
    assert reported["elapsed"] < 10.0
    assert reported["effects"]["unknown"]["changes"] == 0
    server.accept_connections()
    assert console(*command, sandbox=server).code == 0
    assert effects(server, count) == {1: count}


@pytest.mark.slow
def test_an_interrupt_does_not_wait_for_a_provider_that_is_down(sandbox, tmp_path):
    """Of one row alone: it was never sent, and is not."""
    (tmp_path / "changes.csv").write_text("\n".join(rows(1)))
    server = sandbox()
    server.refuse_connections()
    running = process(server, tmp_path, "apply", "changes.csv", "--yes", "--json")
    assert running.stderr is not None
    while "1 to be sent again" not in (line := running.stderr.readline()):
        assert line
    running.send_signal(signal.SIGINT)
    reported, said = running.communicate(timeout=10)
    assert running.returncode == Exit.INTERRUPTED, said
    assert json.loads(reported)["effects"]["not_applied"]["changes"] == 1


@pytest.mark.slow
def test_an_outage_in_the_middle_stops_the_command_and_it_goes_on_later(sandbox, tmp_path):
    """In a real process: nothing is lost or doubled over both runs, whatever the first was doing."""
    (tmp_path / "changes.csv").write_text("\n".join(rows(1_500)))
    command = ("apply", "changes.csv", "--yes", "--give-up-after", "0.5", "--max-in-flight", "16")
    server = sandbox(duplicates="error-409")
    running = process(server, tmp_path, *command)
    while server.books.requests < 100:
        assert running.poll() is None, running.communicate()
        time.sleep(0.002)
    server.refuse_connections()
    _, said = running.communicate(timeout=60)
    assert running.returncode == Exit.STOPPED, said
    assert "Nothing has succeeded" in said
    server.accept_connections()
    again = process(server, tmp_path, *command)
    _, said = again.communicate(timeout=60)
    assert again.returncode == 0, said
    assert effects(server, 1_500) == {1: 1_500}


def test_a_wait_longer_than_give_up_after_stops_the_command(console, sandbox):
    """At once, with the provider's own figure."""
    console.write("changes.csv", *rows(30))
    server = sandbox(faults=FaultScript([""] * 5 + ["429-long"]))
    ended = console("apply", "changes.csv", "--yes", sandbox=server)
    assert ended.code == Exit.STOPPED
    assert re.search(r"The provider asks to wait until [-\d]{10} [:\d]{5} UTC, so the run was", ended.err)
    assert console("apply", "changes.csv", "--yes", sandbox=server).code == 0
    assert effects(server, 30) == {1: 30}


def test_a_withdrawn_credential_stops_the_command(console, sandbox):
    """Exit code 2 and the reason; with a good one the same command goes on."""
    console.write("changes.csv", *rows(300))
    server = sandbox(faults=FaultScript([""] * 40, rate=1.0, among=["401"]))
    ended = console("apply", "changes.csv", "--yes", "--max-in-flight", "4", sandbox=server)
    assert ended.code == Exit.USAGE
    assert "does not accept the credentials" in ended.err
    server.faults = FaultScript()
    assert console("apply", "changes.csv", "--yes", sandbox=server).code == 0
    assert effects(server, 300) == {1: 300}


@pytest.mark.slow
async def test_single_calls_and_a_batch_share_a_client(sandbox) -> None:
    """The gate is the batch's own: other calls of the client neither wait at it nor count there."""
    server = sandbox(faults=FaultScript(rate=0.2, seed=4))
    async with client_for(server, retry=fast(max_attempts=20, quota=100_000)) as client:
        batch = CashbackBatch(client, flow=wide(4))
        running = asyncio.create_task(all_of(batch, many(100)))
        points = await asyncio.gather(*(client.customers.points(f"c{number}") for number in range(50)))
        assert all(each.customer_exists is not None for each in points)
        assert {outcome.effect for outcome in await running} <= DONE
