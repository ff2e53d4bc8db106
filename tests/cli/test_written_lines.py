"""The lines that a resumed run writes: the pure rule, and files compared with ledgers after kills."""

import csv
import json
import time
from decimal import Decimal
from pathlib import Path

import pytest
from console import HEADER, Console, process, rows
from hypothesis import given
from hypothesis import strategies as st

from bonifiq_async import Effect, Outcome
from bonifiq_async.bonifiq.files import ADAPTER, CustomerRow
from bonifiq_async.cli.commands.run import SETTLED_AT_ONCE
from bonifiq_async.cli.exit_codes import Exit
from bonifiq_async.cli.files.outcome_file import OutcomeFile, OutcomeRecord, columns, record
from bonifiq_async.cli.files.written_lines import WrittenLine, WrittenLines
from bonifiq_async.ledger.protocol import State
from bonifiq_async.ledger.reader import recorded
from bonifiq_async.ledger.sqlite.reader import SqliteReader
from bonifiq_async.sandbox import FaultScript, Sandbox

APPLY = ("apply", "changes.csv", "--yes")
SAID = {  # how a ledger's state is reported
    State.APPLIED: {"applied", "already_applied"},
    State.ALREADY_APPLIED: {"already_applied"},
    State.USED_ELSEWHERE: {"already_applied"},
    State.REFUSED: {"refused"},
    State.NOT_APPLIED: {"not_applied"},
    State.UNKNOWN: {"unknown"},
    State.IN_DOUBT: {"unknown"},
}


def ends_of(path: Path) -> list[tuple[str, str]]:
    """Return key and effect of each whole line of an outcome file."""
    return [(line["change_key"], line["effect"]) for line in whole_lines(path)]


def whole_lines(path: Path) -> list[dict[str, str]]:
    """Return the lines of an outcome file that have an end."""
    lines = path.read_bytes().decode().split("\n")[:-1] if path.exists() else []
    return list(csv.DictReader(lines) if path.suffix == ".csv" else map(json.loads, lines))


# Of one change with one ledger: sent with some end that is not yet applied, as often as may be; then applied,
# or used elsewhere; then reported again by each run. A person may settle what was used elsewhere otherwise.
OPEN = st.lists(st.sampled_from([("unknown", False), ("refused", False), ("not_applied", False)]), max_size=3)
ELSEWHERE = st.lists(st.just(("already_applied", True)), max_size=2)
AGAIN = st.lists(st.just(("already_applied", False)), max_size=3)
DONE = st.sampled_from([[], [("applied", False)], [("already_applied", False)]])


@st.composite
def lives(draw) -> list[tuple[str, bool]]:
    """What runs with one ledger report of a change, in order."""
    done = draw(DONE)
    return [*draw(OPEN), *draw(ELSEWHERE), *draw(OPEN), *done, *(draw(AGAIN) if done else [])]


@given(st.dictionaries(st.text("ab-=", min_size=1), lives(), max_size=4), st.randoms(), st.integers(0, 30))
def test_each_change_has_one_line_which_says_what_its_ledger_does(of, chance, read_first) -> None:
    """Whichever lines exist when a run begins, and in any order of the lines of other changes."""
    queue = [key for key, life in of.items() for _ in life]
    chance.shuffle(queue)
    rest = {key: iter(life) for key, life in of.items()}
    lines = [WrittenLine(key, "", 0, at, at, *next(rest[key])) for at, key in enumerate(queue)]
    written = lines[:read_first]
    file = WrittenLines()
    file.read(written)
    written += [line for line in lines[read_first:] if file.put(line)]
    assert len(file.replaced) == len(set(file.replaced))
    standing = [line for line in written if line.at not in file.replaced]
    assert [line.at for line in standing] == list(file.in_order())
    done = ("applied", "already_applied")
    assert len({line.key for line in standing}) == len(standing) == sum(map(bool, of.values()))
    for line in standing:
        effect, elsewhere = of[line.key][-1]
        assert line.elsewhere == elsewhere
        assert line.effect == effect or (line.effect in done and effect in done)
        if any(said[0] == "applied" for said in of[line.key]):
            assert line.effect == "applied"  # which has the answer
    file.close()


def test_a_line_stays_until_its_replacement_is_written(tmp_path: Path, monkeypatch) -> None:
    """A full disk leaves the file as it was, at the end of the run as well."""
    path, row = tmp_path / "out.csv", CustomerRow("a", Decimal(1), "r", "k", line=2)
    said = [
        record(ADAPTER, row, Outcome(row, effect, None, ())) for effect in (Effect.UNKNOWN, Effect.APPLIED)
    ]
    with OutcomeFile(path, columns(ADAPTER)) as file:
        file.write(said[0])
    content = path.read_bytes()

    def full(self: OutcomeFile, line: bytes) -> None:
        raise OSError(28, "No space left on device")

    for takes, expected in ((False, content), (True, content.replace(b"unknown", b"applied"))):
        with OutcomeFile(path, columns(ADAPTER)) as file, monkeypatch.context() as patched:
            if not takes:
                patched.setattr(OutcomeFile, "_append", full)
                with pytest.raises(OSError, match="No space"):
                    file.write(said[1])
            else:
                file.write(said[1])
            file.finish()
        assert path.read_bytes() == expected


def test_what_was_applied_twice_has_two_lines() -> None:
    """As with two ledgers and a provider that does not de-duplicate: both lines moved money."""
    file = WrittenLines()
    file.read(
        [
            WrittenLine("k", "earn", 0, 0, 2, "applied", False),
            WrittenLine("k", "earn", 0, 9, 2, "unknown", False),
        ]
    )
    assert file.put(WrittenLine("k", "earn", 0, 20, 2, "applied", False))
    assert file.put(WrittenLine("k", "refund", 0, 30, 2, "applied", False))
    assert (list(file.in_order()), list(file.replaced)) == ([0, 20, 30], [9])
    file.close()


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl"])
def test_a_resumed_run_adds_what_is_new(console: Console, name: str) -> None:
    """An outcome that was unknown and is settled has one line in CSV; in JSON lines, its last line counts."""
    console.write("changes.csv", *rows(4))
    with Sandbox(faults=FaultScript(["422", "html-before"])) as sandbox:
        options = (*APPLY, "--max-in-flight", "1", "--out", name)
        assert console(*options, sandbox=sandbox).code == Exit.UNKNOWN
        keys = [key for key, _ in ends_of(Path(name))]
        assert [effect for _, effect in ends_of(Path(name))] == ["refused", "unknown", "applied", "applied"]
        console.write("changes.csv", *rows(5))
        assert console(*options, sandbox=sandbox).code == 0
        content = Path(name).read_bytes()
        found = ends_of(Path(name))
        assert [(key, effect) for key, effect in found if key == keys[1]][-1][1] == "applied"
        assert len(found) == (5 if name == "out.csv" else 7) and len(dict(found)) == 5
        assert console(*options, sandbox=sandbox).code == 0
    assert Path(name).read_bytes() == content
    assert [path.name for path in console.folder.glob(".out*")] == []


REPEATED = ("a,1,r,o1", "b,2,r,o2", "a,1.00,r,o1", "c,3,r,o3", "b,2,r,o2", "a,1,r,o1")


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl"])
def test_a_row_that_repeats_another_is_named_and_has_a_line_of_its_own(console: Console, name: str) -> None:
    """With the outcome of the first, and marked as a repeat: the sums of what is applied stay exact."""
    console.write("changes.csv", HEADER, *REPEATED)
    said = "changes.csv, line {}: repeats line {}, and is left out"
    assert all(said.format(*each) in console("check", "changes.csv").err for each in ((4, 2), (6, 3), (7, 2)))
    with Sandbox(faults=FaultScript(["", "422"])) as sandbox:
        options = (*APPLY, "--max-in-flight", "1", "--out", name)
        assert console(*options, sandbox=sandbox).code == Exit.REFUSED
        first = lines_of(Path(name))
        assert console(*options, sandbox=sandbox).code == 0
        assert (sandbox.books.requests, sandbox.books.balances()) == (4, {"a": 1, "b": 2, "c": 3})
    assert first == {
        2: ("applied", None),
        3: ("refused", None),
        4: ("already_applied", 2),
        5: ("applied", None),
        6: ("refused", 3),
        7: ("already_applied", 2),
    }
    assert lines_of(Path(name)) == first | {3: ("applied", None), 6: ("already_applied", 3)}
    assert len(ends_of(Path(name))) == (6 if name == "out.csv" else 8)


def lines_of(path: Path) -> dict[int, tuple[str, int | None]]:
    """Return effect and repeated line by line; the last counts."""
    text = path.read_text().splitlines()
    found = csv.DictReader(text) if path.suffix == ".csv" else map(json.loads, text)
    return {
        int(each["line"]): (each["effect"], int(each["repeats"]) if each["repeats"] else None)
        for each in found
    }


def test_a_file_of_many_repeats_takes_no_memory_for_each(console: Console, monkeypatch) -> None:
    """They are written in parts, also those of one change."""
    console.write("changes.csv", HEADER, *["a,1,r,o"] * 1000)
    written, original = [], OutcomeFile.write

    def write(self: OutcomeFile, *records: OutcomeRecord) -> None:
        written.append(len(records))
        original(self, *records)

    monkeypatch.setattr(OutcomeFile, "write", write)
    with Sandbox() as sandbox:
        ended = console(*APPLY, "--out", "out.jsonl", sandbox=sandbox)
    assert (ended.code, sum(written), max(written)) == (0, 1000, SETTLED_AT_ONCE)
    assert "999 rows: the row repeats another one; first at line 3: repeats line 2" in ended.err
    assert ended.err.count("repeats line 2, and is left out") == 4


@pytest.mark.slow
@pytest.mark.parametrize("name", ["out.csv", "out.jsonl"])
def test_no_line_contradicts_the_ledger_wherever_a_run_is_killed(console: Console, name: str) -> None:
    """After each kill, and one line a change at the end.

    A line is compared with the ledger where its run is the last that claimed the change: a run that is killed
    has not reported yet what became of what it sent again, and the line of the run before stands.
    """
    console.write("changes.csv", *rows(300))
    out, options = console.folder / name, (*APPLY, "--max-in-flight", "4", "--out", name)
    faults = ["422", "html-before", "html-after", "500-after", "", "", "", "slow"] * 60
    with Sandbox(faults=FaultScript(faults)) as sandbox:
        for lines in (0, 1, 40, 120, 200):
            running = process(sandbox, console.folder, *options)
            while running.poll() is None and len(ends_of(out)) < lines:
                time.sleep(0.002)
            running.kill()
            running.communicate()
            if (console.folder / "changes.csv.ledger").exists():
                _agrees(console.folder / "changes.csv.ledger", out)
        code = Exit.UNKNOWN
        while code is not Exit.DONE:
            code = Exit(console(*options, sandbox=sandbox).code)
            _agrees(console.folder / "changes.csv.ledger", out)
        found = ends_of(out)
        assert set(dict(found)) == set(sandbox.books.keys()) and len(dict(found)) == 300
        assert set(dict(found).values()) <= {"applied", "already_applied"}
        assert name.endswith("jsonl") or len(found) == 300


def _agrees(ledger: Path, out: Path) -> None:
    known = {change.key: change for change in recorded(SqliteReader(ledger), frozenset(State))}
    for key, line in {line["change_key"]: line for line in whole_lines(out)}.items():
        of_an_earlier_run = line["last_run"] and int(line["last_run"]) < (known[key].last_run or 0)
        assert of_an_earlier_run or line["effect"] in SAID[known[key].state], (line, known[key])
