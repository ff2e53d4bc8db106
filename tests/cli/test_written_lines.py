"""What a run that goes on writes down: the pure rule, and files against ledgers over kills."""

import csv
import json
import time
from pathlib import Path

import pytest
from console import Console, process, rows
from hypothesis import given
from hypothesis import strategies as st

from bonifiq_async.cli.exit_codes import Exit
from bonifiq_async.cli.files.written_lines import WrittenLine, WrittenLines
from bonifiq_async.ledger.protocol import State
from bonifiq_async.ledger.sqlite.reader import recorded
from bonifiq_async.sandbox import FaultScript, Sandbox

APPLY = ("apply", "changes.csv", "--yes")
SAID = {  # how a ledger's state is told
    State.APPLIED: {"applied", "already_applied"},
    State.ALREADY_APPLIED: {"already_applied"},
    State.USED_ELSEWHERE: {"already_applied"},
    State.REFUSED: {"refused"},
    State.NOT_APPLIED: {"not_applied"},
    State.UNKNOWN: {"unknown"},
    State.IN_DOUBT: {"unknown"},
}


def told(path: Path) -> list[tuple[str, str]]:
    """Return key and effect of each whole line of an outcome file."""
    lines = path.read_bytes().decode().split("\n")[:-1] if path.exists() else []
    found = csv.DictReader(lines) if path.suffix == ".csv" else map(json.loads, lines)
    return [(each["change_key"], each["effect"]) for each in found]


# Of one change with one ledger: sent with some end that is not yet applied, as often as may be; then applied,
# or used elsewhere; then told again by each run. A person may take back what was used elsewhere.
OPEN = st.lists(st.sampled_from([("unknown", False), ("refused", False), ("not_applied", False)]), max_size=3)
ELSEWHERE = st.lists(st.just(("already_applied", True)), max_size=2)
AGAIN = st.lists(st.just(("already_applied", False)), max_size=3)
DONE = st.sampled_from([[], [("applied", False)], [("already_applied", False)]])


@st.composite
def lives(draw) -> list[tuple[str, bool]]:
    """What runs with one ledger tell of a change, in order."""
    done = draw(DONE)
    return [*draw(OPEN), *draw(ELSEWHERE), *draw(OPEN), *done, *(draw(AGAIN) if done else [])]


@given(st.dictionaries(st.text("ab-=", min_size=1), lives(), max_size=4), st.randoms(), st.integers(0, 30))
def test_each_change_has_one_line_which_says_what_its_ledger_does(of, chance, read_first) -> None:
    """Whichever lines stand there when a run begins, and in whatever order those of other changes come."""
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


def test_what_was_applied_twice_is_told_twice() -> None:
    """As by two ledgers, at a provider that does not de-duplicate: money moved by both lines."""
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
def test_a_run_that_goes_on_adds_what_is_new(console: Console, name: str) -> None:
    """An outcome that was unknown and is settled has one line in CSV; in JSON lines, its last line counts."""
    console.write("changes.csv", *rows(4))
    with Sandbox(faults=FaultScript(["422", "html-before"])) as sandbox:
        options = (*APPLY, "--max-in-flight", "1", "--out", name)
        assert console(*options, sandbox=sandbox).code == Exit.UNKNOWN
        keys = [key for key, _ in told(Path(name))]
        assert [effect for _, effect in told(Path(name))] == ["refused", "unknown", "applied", "applied"]
        console.write("changes.csv", *rows(5))
        assert console(*options, sandbox=sandbox).code == 0
        content = Path(name).read_bytes()
        found = told(Path(name))
        assert [(key, effect) for key, effect in found if key == keys[1]][-1][1] == "applied"
        assert len(found) == (5 if name == "out.csv" else 7) and len(dict(found)) == 5
        assert console(*options, sandbox=sandbox).code == 0
    assert Path(name).read_bytes() == content
    assert [path.name for path in console.folder.glob(".out*")] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["out.csv", "out.jsonl"])
def test_no_line_contradicts_the_ledger_wherever_a_run_is_killed(console: Console, name: str) -> None:
    """After each kill, and one line a change at the end."""
    console.write("changes.csv", *rows(300))
    out, options = console.folder / name, (*APPLY, "--max-in-flight", "4", "--out", name)
    faults = ["422", "html-before", "html-after", "500-after", "", "", "", "slow"] * 60
    with Sandbox(faults=FaultScript(faults)) as sandbox:
        for lines in (0, 1, 40, 120, 200):
            running = process(sandbox, console.folder, *options)
            while running.poll() is None and len(told(out)) < lines:
                time.sleep(0.002)
            running.kill()
            running.communicate()
            if (console.folder / "changes.csv.ledger").exists():
                _agrees(console.folder / "changes.csv.ledger", dict(told(out)))
        code = Exit.UNKNOWN
        while code is not Exit.DONE:
            code = Exit(console(*options, sandbox=sandbox).code)
            _agrees(console.folder / "changes.csv.ledger", dict(told(out)))
        found = told(out)
        assert set(dict(found)) == set(sandbox.books.keys()) and len(dict(found)) == 300
        assert set(dict(found).values()) <= {"applied", "already_applied"}
        assert name.endswith("jsonl") or len(found) == 300


def _agrees(ledger: Path, lines: dict[str, str]) -> None:
    states = {change.key: change.state for change in recorded(ledger, frozenset(State))}
    for key, effect in lines.items():
        assert effect in SAID[states[key]], (key, effect, states[key])
