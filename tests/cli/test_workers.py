"""A file that several workers apply, a shard of its customers each: each change once."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from console import Console, process, rows, until
from one_test import one_test
from postgres import SERVER, a_schema, by_sql, workers

from bonifiq_async import PostgresLedger
from bonifiq_async._concurrency.runtime import Runtime
from bonifiq_async.batch import FlowControl
from bonifiq_async.cli.exit_codes import Exit
from bonifiq_async.cli.language.phrase import READER
from bonifiq_async.cli.language.portuguese import PORTUGUESE
from bonifiq_async.cli.workers.processes import commands_of, exit_code
from bonifiq_async.cli.workers.shard import taken
from bonifiq_async.cli.workers.shown import shards_table
from bonifiq_async.ledger.postgres.database import Database
from bonifiq_async.ledger.postgres.shards.lease import ShardLease
from bonifiq_async.ledger.shards import Shard, ShardCounts, ShardedFile, ShardProgress, ShardState, shard_of
from bonifiq_async.sandbox import FaultScript, Sandbox
from bonifiq_async.sandbox.rules import Arrival, Meeting

FILE = rows(40)
APPLY = ("apply", "changes.csv", "--yes", "--ledger")


@pytest.fixture
def database() -> Iterator[Database]:
    with a_schema() as made:
        yield made


@pytest.fixture
def url(database: Database) -> str:
    return url_of(database)


def url_of(database: Database) -> str:
    return f"{SERVER}?schema={database.schema}"


def shards_in(console: Console, url: str) -> list[dict[str, object]]:
    """Return what `status` says of the shards of the one file."""
    [file] = json.loads(console("status", url, "--json").out)["shards"]
    return list(file["shards"])


def test_workers_apply_their_own_customers_and_the_last_says_that_the_file_is_done(
    console: Console, url: str
) -> None:
    console.write("changes.csv", *FILE)
    with Sandbox(faults=FaultScript(["422"])) as sandbox:
        first = console(*APPLY, url, "--shard", "0/2", sandbox=sandbox)
        assert first.code == Exit.REFUSED
        assert "Shard 0/2 of changes.csv asks for:" in first.err and "1 shard is not" in first.err
        mine = {f"c{number}" for number in range(10) if shard_of(f"c{number}", 2) == 0}
        assert {change.customer for change in sandbox.booked()} <= mine
        states = [shard["state"] for shard in shards_in(console, url)]
        assert states == ["done", "waiting"]
        last = console(*APPLY, url, "--shard", "1/2", sandbox=sandbox)
        assert last.code == 0 and "changes.csv is done, in all its 2 shards" in last.err
        assert sandbox.books.requests == 40
        assert "2 done" in console("status", url, "--watch").out
        one, two = shards_in(console, url)
        counts = dict(one["counts"])
        assert counts.pop("refused") == 1 and counts == {"applied": 4 * len(mine) - 1}
        assert (one["changes"], one["ended"], one["left"], two["taken"]) == (
            4 * len(mine),
            4 * len(mine),
            0,
            1,
        )
        again = console(*APPLY, url, "--shard", "0/2", "--json", sandbox=sandbox)
        assert again.code == 0 and sandbox.books.requests == 41, "what was refused is tried again"
        assert "changes.csv is done, in all its 2 shards" in again.err
    runs = json.loads(console("status", url, "--json").out)["runs"]
    assert [run["command"] for run in runs] == ["apply --shard 0/2", "apply --shard 1/2", "apply --shard 0/2"]


def test_the_table_of_shards_names_workers_in_the_readers_language() -> None:
    progress = ShardProgress(0, ShardState.DONE, ShardCounts(1, 1), "process 17 on vm [5f3a]", 1, None)
    file = ShardedFile("f.csv", "0", 0.0, (progress,))
    token = READER.set(PORTUGUESE)
    try:
        cells = [str(cell) for column in shards_table(file).columns for cell in column.cells]
    finally:
        READER.reset(token)
    assert "17 em vm" in cells


def test_what_other_workers_do_is_not_left_behind_nor_under_way(console: Console, url: str) -> None:
    """Rows of other shards are no rows that the file has lost."""
    console.write("changes.csv", *FILE)
    with Sandbox() as sandbox:
        console(*APPLY, url, "--shard", "0/2", sandbox=sandbox)
        said = console(*APPLY, url, "--shard", "1/2", sandbox=sandbox).err
    assert "not in" not in said and "at work" not in said


def test_a_shard_that_was_stopped_is_left_to_the_next_worker(console: Console, url: str) -> None:
    """What was given up may be sent again: such a shard is not done."""
    console.write("changes.csv", *FILE)
    with Sandbox(faults=FaultScript(["401"] * 100)) as sandbox:
        stopped = console(*APPLY, url, "--shard", "0/2", sandbox=sandbox)
    assert stopped.code == Exit.USAGE and "does not accept the credentials" in stopped.err
    assert [shard["state"] for shard in shards_in(console, url)] == ["waiting", "waiting"]


def test_a_file_is_the_same_for_all_workers(console: Console, url: str) -> None:
    console.write("changes.csv", *FILE)
    with Sandbox() as sandbox:
        assert console(*APPLY, url, "--shard", "0/2", sandbox=sandbox).code == 0
        sent = sandbox.books.requests
        other = console(*APPLY, url, "--shard", "1/3", sandbox=sandbox)
        assert other.code == Exit.USAGE and "in 2 shards, not in 3" in other.err
        console.write("changes.csv", *FILE, "c9,7.00,r,o-more")
        other = console(*APPLY, url, "--shard", "1/2", sandbox=sandbox)
        assert other.code == Exit.USAGE and "its content was another one" in other.err
        shown = console(*APPLY, url, "--shard", "1/3", "--language", "pt", sandbox=sandbox).err
        assert "está sendo aplicado em 2 partes" in shown
        shown = console(*APPLY, url, "--shard", "1/2", "--language", "pt", sandbox=sandbox).err
        assert "e o conteúdo era outro" in shown
        assert sandbox.books.requests == sent


@one_test
@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--shard", "2/2", "--ledger", "URL"), "'2/2' is no shard"),
        (("--shard", "x", "--ledger", "URL"), "'x' is no shard"),
        (("--shard", "0/2"), "needs a ledger that all workers share"),
        (("--shard", "0/2", "--ledger", "l"), "needs a ledger that all workers share"),
        (("--shards", "2", "--no-ledger"), "needs a ledger that all workers share"),
        (("--shard", "0/2", "--shards", "2", "--ledger", "URL"), "give one of both"),
        (("--shards", "0", "--ledger", "URL"), "greater than or equal to 1"),
    ],
)
def test_what_is_no_shard_is_refused(console: Console, options: tuple[str, ...], why: str) -> None:
    console.write("changes.csv", *FILE)
    made = (option.replace("URL", SERVER) for option in options)
    ended = console("apply", "changes.csv", "--yes", *made)
    assert ended.code == Exit.USAGE and why in ended.err


def test_standard_input_has_no_shards(console: Console) -> None:
    """Each worker reads the file by itself."""
    ended = console("apply", "-", "--format", "csv", "--yes", "--ledger", SERVER, "--shard", "0/2")
    assert ended.code == Exit.USAGE and "every worker can read" in ended.err


# --- a worker ---


class Ending:
    """What a worker asks of a run."""

    planned, not_tried, by_name = 3, 2, {"applied": 1}
    stopped: str | None = None


class Stopped:
    """A batch that is asked to stop."""

    stops = 0

    def stop(self) -> None:
        self.stops += 1


async def test_a_worker_waits_for_a_shard_that_another_has(database: Database, capsys) -> None:
    """It takes the shard over when the lease of that one is over, and says once for which it waits."""
    shard, waits = Shard("march.csv", "12ab", 0, 2), []

    async def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            await asyncio.to_thread(
                by_sql, database, "UPDATE shard SET lease_until = clock_timestamp() WHERE number = 0"
            )

    async with ledger_of(database) as one, ledger_of(database) as other:
        assert await ShardLease(one, shard).take(ShardCounts(3)) == 1
        work = await taken(other, shard, ShardCounts(3), Runtime(sleep=wait))
        assert (work.fence, len(waits)) == (2, 2)
        said = capsys.readouterr().err
        assert said.count("is at work") == 1 and one.owner in said


async def test_a_worker_that_loses_its_shard_begins_nothing_more(database: Database) -> None:
    shard, ending, batch = Shard("march.csv", "12ab", 0, 2), Ending(), Stopped()

    async def over(_: float) -> None:
        await asyncio.to_thread(by_sql, database, "UPDATE shard SET owner = 'another', fence = 7")

    async with ledger_of(database) as ledger:
        work = await taken(ledger, shard, ShardCounts(3), Runtime(sleep=over))
        await work.keep(ending, batch)  # type: ignore[arg-type]
    assert batch.stops == 1 and "is lost to another worker" in str(ending.stopped)


class Noted(FaultScript):
    """Notes when requests arrive, by the sandbox's clock, and lets all go well."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []

    def meet(self, arrival: Arrival) -> Meeting:
        self.times.append(time.monotonic())
        return super().meet(arrival)

    @property
    def most(self) -> int:
        """How many arrived in one second, at the most."""
        return max(sum(first <= each < first + 1.0 for each in self.times) for first in self.times)


def test_the_rate_of_a_worker_is_that_of_all_together(console: Console, database: Database) -> None:
    """What another worker has taken of it is not sent by this one; without --max-rate, none is kept."""
    console.write("changes.csv", *rows(5))
    noted = Noted()
    with Sandbox(faults=noted) as sandbox:
        apply = (*APPLY, url_of(database), "--shard")
        assert console(*apply, "0/2", sandbox=sandbox).code == 0
        assert by_sql(database, "SELECT tat FROM pace WHERE tat > '-infinity'") == []
        began, noted.times = time.monotonic(), []
        by_sql(database, "UPDATE pace SET tat = clock_timestamp() + interval '1 second'")
        assert console(*apply, "1/2", "--max-rate", "500", sandbox=sandbox).code == 0
    assert noted.times and noted.times[0] - began > 0.98


@pytest.mark.slow
def test_what_one_worker_does_not_use_of_the_rate_the_others_do(console: Console, database: Database) -> None:
    """One shard has nearly all customers: its worker gets the rate of all, and they never get more."""
    of_one = [number for number in range(200) if shard_of(f"c{number}", 2)][:60]
    other = next(number for number in range(200) if not shard_of(f"c{number}", 2))
    console.write("changes.csv", rows(0)[0], *(f"c{number},1.00,r,o{number}" for number in [other, *of_one]))
    noted = Noted()
    with Sandbox(faults=noted) as sandbox:
        options = (url_of(database), "--shards", "2", "--max-rate", "30")
        run = process(sandbox, console.folder, *APPLY, *options)
        _, err = run.communicate(timeout=60)
        assert run.returncode == 0, err
        assert len(noted.times) == len(sandbox.booked()) == 61
    assert 20 <= noted.most <= 40


def ledger_of(database: Database) -> PostgresLedger:
    return PostgresLedger(database.dsn, schema=database.schema)


# --- a process for each ---


def test_each_worker_gets_its_part_of_what_was_asked_for() -> None:
    """Together they send no faster than one would; what only their parent does is not handed on.

    The rate is one that they keep together, so that each gets all of it.
    """
    typed = ["--language", "pt", "apply", "-y", "f.csv", "--shards", "2", "--ledger=URL", "--report=r.html"]
    typed += ["--max-rate", "9", "--json", "--out", "o.csv", "--skip-invalid"]
    flow = FlowControl(7)
    assert list(map(" ".join, commands_of(typed, 2, flow, Path("o.csv")))) == [
        f"--language pt apply --shard {number}/2 --yes --max-in-flight 3"
        f" --out o-{number}-of-2.csv f.csv --ledger=URL --max-rate 9 --skip-invalid"
        for number in (0, 1)
    ]


@one_test
@pytest.mark.parametrize(
    ("codes", "code"),
    [
        ([0, 0], 0),
        ([0, 3, 4], 4),
        ([3, 5, 130], 130),
        ([3, 5], 5),
        ([0, 6], 6),
        ([130, 2], 2),
        ([2, 1], 1),
    ],
)
def test_the_worst_ending_is_the_exit_code(codes: list[int], code: int) -> None:
    assert exit_code(codes) == code


@pytest.mark.slow
def test_a_worker_that_is_killed_is_replaced_and_no_change_is_made_twice(
    console: Console, database: Database
) -> None:
    """Two of them, in the middle of their work; their leases end as those of dead processes do."""
    console.write("changes.csv", *rows(400))
    with Sandbox(faults=FaultScript(rate=0.1, seed=1)) as sandbox:
        options = ("--shards", "2", "--max-rate", "60", "--json")
        run = process(sandbox, console.folder, *APPLY, url_of(database), *options)
        for shard in (0, 1):
            until(lambda: sandbox.books.requests > 40 * (shard + 1) and shard in workers(database))  # noqa: B023
            os.kill(workers(database)[shard], signal.SIGKILL)
            name = by_sql(database, "SELECT owner FROM shard WHERE number = $1", shard)[0][0]
            by_sql(database, "UPDATE shard SET lease_until = clock_timestamp() WHERE number = $1", shard)
            by_sql(database, "DELETE FROM owner WHERE name = $1", name)
        out, err = run.communicate(timeout=120)
        assert err.count("was killed (signal 9)") == 2, err
        found = json.loads(out)
        assert run.returncode == found["exit_code"] == 0, err
        assert [shard["state"] for shard in found["files"][0]["shards"]] == ["done", "done"]
        assert [shard["taken"] for shard in found["files"][0]["shards"]] == [2, 2]
        moved = [change.key for change in sandbox.booked()]
        assert len(moved) == len(set(moved)) == 400


@pytest.mark.slow
def test_an_interrupt_ends_what_is_in_flight_and_loses_nothing(console: Console, database: Database) -> None:
    console.write("changes.csv", *rows(200))
    with Sandbox() as sandbox:
        options = (url_of(database), "--shards", "2")
        run = process(sandbox, console.folder, *APPLY, *options, "--max-rate", "20")
        until(lambda: sandbox.books.requests > 5 and len(workers(database)) == 2)
        run.send_signal(signal.SIGINT)
        _, err = run.communicate(timeout=60)
        assert run.returncode == Exit.INTERRUPTED, err
        assert "To go on, run the same command again" in err
        assert workers(database) == {}
        done = sandbox.books.requests
        assert by_sql(database, "SELECT count(*) FROM change WHERE state = 'applied'") == [(done,)]
        again = process(sandbox, console.folder, *APPLY, *options)
        assert again.communicate(timeout=60) and again.returncode == 0
        assert sandbox.books.requests == 200
