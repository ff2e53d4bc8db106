"""A file applied again: what the ledger has as applied is neither sent nor claimed, and accounted for."""

import contextlib
import csv
import itertools
import json
import os
import signal
import sqlite3
import tracemalloc
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from conftest import client_for
from console import brl

from bonifiq_async import CashbackChange, SqliteLedger
from bonifiq_async._model.errors import ConfigurationError
from bonifiq_async._policy.request import digest_of_kept
from bonifiq_async.bonifiq.customers import request_digest
from bonifiq_async.bonifiq.operations import CHANGE_CASHBACK
from bonifiq_async.cli.commands import check as checking
from bonifiq_async.cli.commands import run as applying
from bonifiq_async.cli.exit_codes import Exit
from bonifiq_async.cli.files import examine as examining
from bonifiq_async.cli.files.outcome_file import OutcomeFile
from bonifiq_async.cli.files.rows import TOGETHER, Problem, Source
from bonifiq_async.ledger.protocol import Row, State
from bonifiq_async.ledger.sqlite import connection
from bonifiq_async.ledger.sqlite.reader import SqliteReader
from bonifiq_async.ledger.sqlite.row import Entry, put
from bonifiq_async.sandbox import FaultScript, Sandbox

HEADER = "customer_id,value,reason,change_key"
COMMAND = ("apply", "changes.csv", "--yes", "--json")


@pytest.fixture
def sandbox():
    """A sandbox that answers a used key with an error."""
    with Sandbox(duplicates="error-400") as running:
        yield running


def rows(count: int) -> list[str]:
    """A file of `count` changes, one in four of them a removal."""
    return [HEADER, *(f"c{n % 7},{'-' if n % 4 == 0 else ''}{n + 1}.50,r,k{n}" for n in range(count))]


def effects(ended) -> dict[str, int]:
    """Return how many changes of a run had each effect, where any had."""
    told = json.loads(ended.out, parse_float=Decimal)["effects"]
    return {name: found["changes"] for name, found in told.items() if found["changes"]}


@pytest.fixture
def claimed(monkeypatch):
    """The keys that are claimed in a ledger from now on."""
    keys, original = [], SqliteLedger.claim

    async def claim(self, intent, **more):
        keys.append(intent.key)
        return await original(self, intent, **more)

    monkeypatch.setattr(SqliteLedger, "claim", claim)
    return keys


def test_what_is_applied_is_neither_sent_nor_claimed(console, sandbox, claimed):
    """Only new rows are; count and sums are those of the whole file, to the last digit."""
    console.write("changes.csv", *rows(30))
    first = console(*COMMAND, sandbox=sandbox)
    assert "applied already" not in first.err
    console.write("changes.csv", *rows(32))
    claimed.clear()
    second = console(*COMMAND, sandbox=sandbox)
    assert (second.code, sorted(claimed), sandbox.books.requests) == (0, ["k30", "k31"], 32)
    assert "30 of them are applied already, says changes.csv.ledger" in second.err
    before = json.loads(first.out, parse_float=Decimal)["effects"]["applied"]
    after = json.loads(second.out, parse_float=Decimal)["effects"]
    assert after["already_applied"] == before
    assert after["applied"] == {"changes": 2, **brl(64)}


def test_only_what_is_applied_is_settled(console, claimed):
    """Refused and unknown rows are sent again as usual."""
    console.write("changes.csv", *rows(6))
    with Sandbox(duplicates="error-400", faults=FaultScript(["400", "html-after"])) as sandbox:
        first = console(*COMMAND, "--max-in-flight", "1", sandbox=sandbox)
        assert effects(first) == {"refused": 1, "unknown": 1, "applied": 4}
        claimed.clear()
        second = console(*COMMAND, sandbox=sandbox)
        assert sorted(claimed) == ["k0", "k1"]
        assert effects(second) == {"applied": 1, "already_applied": 5}
        assert all(len(sandbox.books.effects(f"k{n}")) == 1 for n in range(6))


@pytest.mark.parametrize("name", ["out.jsonl", "out.csv"])
def test_a_settled_row_has_the_same_line_as_a_claimed_one(console, sandbox, monkeypatch, name):
    """With the read of the ledger and without it, the outcome file has the same lines."""
    console.write("changes.csv", *rows(450))
    console(*COMMAND, sandbox=sandbox)
    console(*COMMAND, "--out", f"looked-{name}", sandbox=sandbox)
    original = examining.examine
    monkeypatch.setattr(checking, "examine", lambda source, tell, *_: original(source, tell))
    console(*COMMAND, "--out", f"claimed-{name}", sandbox=sandbox)
    looked, claimed = (Path(f"{way}-{name}").read_text().splitlines() for way in ("looked", "claimed"))
    assert len(looked) >= 450
    assert sorted(looked) == sorted(claimed)


def test_another_change_under_an_applied_key_is_a_conflict(console, sandbox, claimed):
    """It is refused unsent and unclaimed; the same change in another spelling, or words, is the same."""
    console.write("changes.csv", HEADER, "a,10,r,one", "b,5.0,r,two", "c,1,r,three")
    console(*COMMAND, sandbox=sandbox)
    console.write("changes.csv", HEADER, "a,10.00,r,one", "b,5,another reason,two", "c,2,r,three")
    claimed.clear()
    ended = console(*COMMAND, "--skip-invalid", "--out", "out.csv", sandbox=sandbox)
    assert claimed == [] and ended.code == Exit.REFUSED
    assert effects(ended)["already_applied"] == 2 and sandbox.books.requests == 3
    assert "line 4: its key stands for another change, by line 4 of run 1 in the ledger: value" in ended.err
    written = {row["change_key"]: row for row in csv.DictReader(Path("out.csv").read_text().splitlines())}
    assert (written["one"]["effect"], written["one"]["value"]) == ("already_applied", "10.00")


def test_what_is_applied_between_the_read_and_the_claim_is_not_sent(console, sandbox, monkeypatch, claimed):
    """The claim decides, whatever was read before."""
    console.write("changes.csv", *rows(1))
    console(*COMMAND, sandbox=sandbox)
    _set_states("not applied")
    original = applying.display

    def meanwhile(*given):
        _set_states("applied")  # as another process would
        return original(*given)

    monkeypatch.setattr(applying, "display", meanwhile)
    claimed.clear()
    ended = console(*COMMAND, sandbox=sandbox)
    assert (effects(ended), claimed, sandbox.books.requests) == ({"already_applied": 1}, ["k0"], 1)


def _set_states(state: str) -> None:
    database = sqlite3.connect("changes.csv.ledger", isolation_level=None)
    database.execute("UPDATE change SET state = ?", (state,))
    database.close()


def _torn_page() -> None:
    """Overwrite the last page, one of the table's: the head of the file stays good."""
    path = Path("changes.csv.ledger")
    content = path.read_bytes()
    path.write_bytes(content[:-4096] + b"\xff" * 4096)


UNUSABLE = {
    "another account": ({"BONIFIQ_API_TOKEN": "another"}, lambda: None, "of another account"),
    "no database": ({}, lambda: Path("changes.csv.ledger").write_bytes(b"x" * 5000), "is no ledger"),
    "a damaged page": ({}, _torn_page, "cannot be used"),
}


@pytest.mark.parametrize(("env", "damage", "sentence"), UNUSABLE.values(), ids=UNUSABLE)
def test_an_unusable_ledger_stops_the_run_before_anything_is_sent(console, sandbox, env, damage, sentence):
    """Before the plan is shown, and before an outcome file is made."""
    console.write("changes.csv", *rows(200))
    console(*COMMAND, sandbox=sandbox)
    damage()
    console.write("changes.csv", *rows(201))
    ended = console(*COMMAND, "--out", "out.csv", sandbox=sandbox, **env)
    assert (ended.code, sentence in ended.err) == (Exit.USAGE, True)
    assert "asks for" not in ended.err and not Path("out.csv").exists()
    assert sandbox.books.requests == 200


def test_a_read_makes_no_ledger(console, sandbox):
    """Neither a file that is refused nor a dry run leaves one behind."""
    console.write("changes.csv", HEADER, "a,x,r,k")
    assert console(*COMMAND, sandbox=sandbox).code == Exit.USAGE
    console.write("changes.csv", *rows(3))
    assert console("apply", "changes.csv", "--dry-run", sandbox=sandbox).code == 0
    assert [path.name for path in console.folder.iterdir()] == ["changes.csv"]


def test_rows_left_out_are_not_settled(console, sandbox):
    """A repeated key counts once, a conflicting one not at all, also when the ledger knows them."""
    console.write("changes.csv", HEADER, "a,1,r,once", "b,2,r,torn")
    console(*COMMAND, sandbox=sandbox)
    console.write("changes.csv", HEADER, "a,1,r,once", "b,2,r,torn", "a,1.0,r,once", "b,3,r,torn", "c,4,r,k")
    ended = console(*COMMAND, "--skip-invalid", sandbox=sandbox)
    assert effects(ended) == {"already_applied": 1, "applied": 1}
    assert sandbox.books.balances() == {"a": 1, "b": 2, "c": 4}


@pytest.mark.slow
def test_an_interrupt_while_settled_rows_are_written_takes_effect(console, sandbox, monkeypatch):
    """Only what was written is counted; the rest was not tried."""
    console.write("changes.csv", *rows(1000))
    console(*COMMAND, sandbox=sandbox)
    original, signals = OutcomeFile.write, [signal.SIGINT]

    def write(self, *records):
        original(self, *records)
        if signals:
            os.kill(os.getpid(), signals.pop())

    monkeypatch.setattr(OutcomeFile, "write", write)
    ended = console(*COMMAND, "--out", "out.jsonl", sandbox=sandbox)
    written = len(Path("out.jsonl").read_text().splitlines())
    told = json.loads(ended.out)
    assert ended.code == Exit.INTERRUPTED
    assert told["effects"]["already_applied"]["changes"] == written == 1000 - told["not_tried"]
    assert 0 < written < 1000


def test_a_full_disk_while_settled_rows_are_written_stops_the_run(console, sandbox, monkeypatch):
    """As a full disk does later; nothing is sent whose outcome could not be written."""
    console.write("changes.csv", *rows(300))
    console(*COMMAND, sandbox=sandbox)
    console.write("changes.csv", *rows(301))

    def write(self, *records):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(OutcomeFile, "write", write)
    ended = console(*COMMAND, "--out", "out.jsonl", sandbox=sandbox)
    assert (ended.code, sandbox.books.requests) == (Exit.STOPPED, 300)
    assert "No space left on device" in ended.err


async def test_the_digest_needs_no_client(sandbox):
    """It is the digest of the request that a client sends, for any address."""
    change = CashbackChange("José/1-ç", Decimal("1E+2"), "r", "k", "thank you")
    for base_url in (sandbox.url, f"{sandbox.url}/prefix"):
        async with client_for(sandbox, base_url=base_url) as client:
            request = client.customers.prepared(change)
            sent = digest_of_kept(request.method, request.path, request.kept)
            assert sent == request_digest(change)


READINGS = {
    "csv": (HEADER, 'a,1,"over', 'two lines",k1', "b,2,r,k2", "", "c,3,r,k3"),
    "jsonl": (
        "",
        *(f'{{"customer_id":"{c}","value":1,"reason":"r","change_key":"k"}}' for c in "-abc"),
        "",
        "",
    ),
}


@pytest.mark.parametrize(("kind", "lines"), READINGS.items(), ids=READINGS)
def test_only_the_lines_wanted_are_read(tmp_path, kind, lines):
    """Lines are those of the file, and a cell may have several; none of the wanted may be missing."""
    (tmp_path / "f").write_text("\n".join(lines))
    source = Source(tmp_path / "f", "f", kind)
    assert [row.line for row in source.rows(lambda line: line > 2)] == [4, 6] if kind == "csv" else [3, 4, 5]
    assert list(source.rows(lambda line: False)) == []


REPEATED = "c1,0.50,r,k1"
FIFTHS = {
    "settled": lambda number: f"c{number},{number % 3}.25,r,k{number}",
    "left": lambda number: REPEATED if number == 1 else f"c{number},-{number % 3}.50,r,k{number}",
    "not valid": lambda number: f"c{number},nothing,r,k{number}",
    "repeated": lambda number: REPEATED,
    "conflicting": lambda number: f"c{number},{number}.00,r,torn{number % 2}",
}


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
@pytest.mark.parametrize("count", [TOGETHER - 1, TOGETHER, TOGETHER + 1, 3 * TOGETHER + 50])
def test_a_file_is_read_in_parts_and_examined_as_a_whole(tmp_path, kind, count):
    """Wherever a part ends; the file has rows of one kind after the other."""
    fifths = {name: range(start, count, 5) for start, name in enumerate(FIFTHS)}
    lines = [line(number) for number, line in zip(range(count), itertools.cycle(FIFTHS.values()))]
    path, ledger, first = tmp_path / "changes", tmp_path / "ledger", 2 if kind == "csv" else 1
    path.write_text("\n".join([HEADER, *(lines[number] for number in fifths["settled"])]))
    _record(ledger, Source(path, "changes", "csv"))
    keys = HEADER.split(",")
    told = [json.dumps(dict(zip(keys, line.split(","), strict=True))) for line in lines]
    path.write_text("\n".join([HEADER, *lines] if kind == "csv" else told))
    problems: list[Problem] = []
    account = SqliteReader(ledger, ("provider", "account"))
    plan = examining.examine(Source(path, "changes", kind), problems.append, account)
    wrong = sorted((*fifths["not valid"], *fifths["conflicting"]))
    assert sorted(problem.line - first for problem in problems) == wrong
    odd = [problem.line - first for problem in problems if problem.field == "change_key"]
    assert odd == list(fifths["conflicting"])
    assert (plan.problems, plan.repeats) == (len(wrong), len(fifths["repeated"]))
    assert [row.line - first for row in plan.read_settled()] == list(fifths["settled"])
    assert [row.line - first for row in plan.read()] == list(fifths["left"])
    assert plan.settled.changes == len(fifths["settled"])
    settled, sums = plan.settled.sums.single(), plan.sums.single()
    assert settled.added == sum(number % 3 + Decimal("0.25") for number in fifths["settled"])
    assert sums.added == settled.added + Decimal("0.50")
    assert sums.removed == sum(number % 3 + Decimal("0.50") for number in fifths["left"] if number > 1)
    assert plan.changes == plan.customers == len(fifths["settled"]) + len(fifths["left"])


def test_a_part_of_the_file_may_have_nothing_that_is_valid(tmp_path):
    """The part after it is read as well."""
    path, told = tmp_path / "changes.csv", []
    path.write_text("\n".join([HEADER, *(f"c,nothing,r,k{n}" for n in range(TOGETHER)), "c,1,r,k"]))
    plan = examining.examine(Source(path, "changes.csv", "csv"), told.append)
    assert (len(told), plan.problems, plan.changes) == (TOGETHER, TOGETHER, 1)


def test_problems_before_a_broken_line_are_reported(tmp_path):
    """They are reported before the file as a whole is refused."""
    path, told = tmp_path / "changes.csv", []
    path.write_text("\n".join([HEADER, "c,nothing,r,k", '"a"b,5,r,k']))
    with pytest.raises(ConfigurationError, match="line 3: not CSV"):
        examining.examine(Source(path, "changes.csv", "csv"), told.append)
    assert [problem.line for problem in told] == [2]


def test_the_sums_of_a_plan_are_exact(tmp_path):
    """To the last of 28 digits, where no float distinguishes two amounts."""
    path, large = tmp_path / "changes.csv", Decimal(10**27)
    path.write_text(
        "\n".join([HEADER, f"c,{large},r,a", f"c,{large},r,b", f"c,{large + 1},r,c", "c,-0.1,r,d"])
    )
    plan = examining.examine(Source(path, "changes.csv", "csv"), print)
    assert (plan.sums.single().added, plan.sums.single().removed) == (3 * 10**27 + 1, Decimal("0.1"))


def test_a_part_of_a_file_fits_into_one_statement_of_any_sqlite(tmp_path, monkeypatch):
    """Before version 3.32, SQLite accepts 999 values."""
    path = tmp_path / "changes.csv"
    path.write_text("\n".join(rows(TOGETHER)))
    limit = sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER
    _prepare_database(monkeypatch, lambda database: database.setlimit(limit, 999))
    plan = examining.examine(Source(path, "changes.csv", "csv"), print)
    assert (plan.problems, plan.repeats, plan.changes) == (0, 0, TOGETHER)


def test_each_conflicting_row_names_the_first_line_of_another(tmp_path):
    """Also where three changes share a key, one of them twice."""
    path, told = tmp_path / "changes.csv", []
    path.write_text("\n".join([HEADER, "a,1,r,k", "a,1,r,k", "b,1,r,k", "c,1,r,k", "d,1,r,other"]))
    examining.examine(Source(path, "changes.csv", "csv"), told.append)
    said = [(problem.line, problem.message.rpartition(" ")[2]) for problem in told]
    assert said == [(2, "4"), (3, "4"), (4, "2"), (5, "2")]


@pytest.mark.slow
@pytest.mark.parametrize("line", ["c{},1,r,promo", "c,1,r,promo"], ids=["conflicting", "repeated"])
def test_one_key_for_all_rows_takes_linear_time(tmp_path, monkeypatch, line):
    """As with a column that is constant by mistake; counted in hundreds of SQLite's instructions."""

    def steps(count: int) -> int:
        path, taken = tmp_path / "changes.csv", itertools.count()
        path.write_text("\n".join([HEADER, *(line.format(number) for number in range(count))]))

        def watch(database: sqlite3.Connection) -> None:
            database.set_progress_handler(lambda: next(taken) < 0, 100)

        _prepare_database(monkeypatch, watch)
        plan = examining.examine(Source(path, "changes.csv", "csv"), lambda _: None)
        assert plan.repeats + plan.problems >= count - 1
        return next(taken)

    assert steps(2000) < 8 * steps(500)


def test_a_row_to_send_is_read_when_it_is_asked_for(tmp_path):
    """The loop has other tasks: many settled rows may be between one row and the next."""
    asked, path = [], tmp_path / "changes.csv"
    path.write_text("\n".join(rows(5)))
    found = Source(path, "changes.csv", "csv").rows(lambda line: asked.append(line) or line != 3)
    assert (next(found).line, next(found).line, asked) == (2, 4, [2, 3, 4])


@pytest.mark.slow
def test_examining_takes_no_memory_for_a_row(tmp_path):
    """Ten times the rows, half of them repeated and the rest settled: the peak stays the same."""

    def peak(count: int) -> int:
        path, ledger = tmp_path / "changes.csv", tmp_path / f"{count}.ledger"
        lines = (f"c{n // 2},1.00,r,k{n // 2}" for n in range(count))
        path.write_text("\n".join([HEADER, *lines]))
        source = Source(path, "changes.csv", "csv")
        _record(ledger, source)
        tracemalloc.start()
        try:
            plan = examining.examine(source, print, SqliteReader(ledger, ("provider", "account")))
            assert (plan.settled.changes, plan.repeats, list(plan.read())) == (count // 2, count // 2, [])
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    small, large = peak(2000), peak(20_000)
    # Bytes for each row: less than a pointer; and for each repeated row, the two lines.
    assert large - small < 18_000 * 4 + 9_000 * 9


def _prepare_database(
    monkeypatch: pytest.MonkeyPatch, prepare: Callable[[sqlite3.Connection], object]
) -> None:
    """Have the temporary database of an examination prepared before it is used."""

    class Prepared(sqlite3.Connection):
        def __init__(self, *args: object, **options: object) -> None:
            super().__init__(*args, **options)
            prepare(self)

    monkeypatch.setattr(sqlite3, "connect", Prepared)


def _record(path: Path, source: Source) -> None:
    """Make a ledger that has every change of a file as applied."""
    with contextlib.closing(connection.opened(path)) as database:
        database.execute("BEGIN")
        for row in source.rows():
            assert not isinstance(row, Problem)
            stands = Row(
                request_digest(row), State.APPLIED, False, 1, "", 0.0, 0.0, row.customer_id, row.value
            )
            put(database, Entry(CHANGE_CASHBACK.name, row.change_key, stands, "", b"", 0.0))
        database.execute("COMMIT")
