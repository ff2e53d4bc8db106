"""The problems of many rows: by kind, with the first place and what to do; and the full list in a file."""

import csv
import json
import stat

import pytest

from bonifiq_async.cli.examination.kinds import MEANINGS, ProblemKind
from bonifiq_async.cli.exit_codes import Exit
from bonifiq_async.sandbox import Sandbox

HEADER = "customer_id,value,reason,reference"
COMMAS = [f'c{n},"{n},9",r,o{n}' for n in range(15, 268)]


def listed(console, name="list.csv"):
    """Return the rows of a list of problems."""
    with (console.folder / name).open(encoding="utf-8-sig", newline="") as text:
        return list(csv.DictReader(text))


def test_a_kind_is_shown_once_with_its_first_place_and_what_to_do(console):
    """However many rows have it; a second kind has a line of its own."""
    console.write("f.csv", HEADER, "a,1.50,r,o1", "b,2.00,,o2", *COMMAS)
    ended = console("check", "f.csv", "--decimal", ".", "--problems", "list.csv")
    assert ended.code == Exit.USAGE
    assert 'f.csv, 253 rows: the amount has a decimal comma; first at line 4: "15,9". Say --decimal ,' in (
        ended.err
    )
    assert "f.csv, 1 row: a cell is empty (reason); first at line 3: reason is empty" in ended.err
    assert len([line for line in ended.err.splitlines() if line.startswith("f.csv, line ")]) == 4
    rows = listed(console)
    assert [int(row["line"]) for row in rows] == [3, *range(4, 257)]
    assert {row["kind"] for row in rows} == {"empty", "decimal-comma"}
    assert (rows[1]["column"], rows[1]["cell"]) == ("value", "15,9")


def test_the_list_has_the_form_of_the_file_or_that_which_is_asked_for(console):
    """A list of another form is written over, too."""
    console.write("f.csv", HEADER.replace(",", ";"), "a;1,50;r;o1", "b;x;r;o2")
    for args, head in (
        ((), "line;last_line;"),
        (("--out-form", "plain"), "line,last_line,"),
        ((), "line;last"),
    ):
        assert console("check", "f.csv", "--problems", "list.csv", *args).code == Exit.USAGE
        assert (console.folder / "list.csv").read_text("utf-8-sig").startswith(head), args


def test_few_rows_are_shown_one_by_one(console):
    """And a kind has a line of its own only where several rows have it."""
    console.write("f.csv", HEADER, "a,1.50,r,o1", "b,x,r,o2", "c,,r,o3", "d,y,r,o4")
    err = console("check", "f.csv").err
    for said in (
        "line 3: value is 'x'",
        "line 4: value is empty",
        "line 5: value is 'y'",
        "2 rows: a cell is no amount (value)",
    ):
        assert f"f.csv, {said}" in err
    assert "1 row:" not in err


def test_the_kinds_are_there_as_data(console):
    """In the JSON of `check` and of a dry run, which has them also when a row is not valid."""
    console.write("f.csv", HEADER, "a,1.50,r,o1", "b,0,r,o2")
    with Sandbox() as sandbox:
        for command in (("check",), ("apply", "--dry-run")):
            ended = console(*command, "f.csv", "--json", sandbox=sandbox)
            said = json.loads(ended.out)
            assert (ended.code, said["problems"], said["changes"]) == (Exit.USAGE, 1, 1)
            first = {"line": 3, "cell": "0", "message": "value is zero; a change must change something"}
            advice = MEANINGS[ProblemKind.INVALID].advice
            assert said["kinds"] == [
                {"kind": "invalid", "column": "value", "rows": 1, "first": first, "advice": advice}
            ]


def test_a_list_replaces_a_former_one_and_no_other_file(console):
    """No cell of it is a formula, and no other user can read it."""
    console.write("f.csv", HEADER, "=1+1,x,r,o1", "b,2,r,=o2")
    console.write("g.csv", HEADER, "a,=x,r,o1")
    for file in ("f.csv", "g.csv"):
        assert console("check", file, "--problems", "list.csv").code == Exit.USAGE
    assert [row["cell"] for row in listed(console)] == ["'=x"]
    assert stat.S_IMODE((console.folder / "list.csv").stat().st_mode) == 0o600
    kept = (console.folder / "g.csv").read_bytes()
    for taken in ("f.csv", "g.csv"):
        ended = console("check", "f.csv", "--problems", taken)
        assert ended.code == Exit.USAGE and ("same file" in ended.err or "stays as it is" in ended.err)
    assert (console.folder / "g.csv").read_bytes() == kept
    ended = console("check", "f.csv", "--problems", "nowhere/list.csv")
    assert ended.code == Exit.USAGE and "nowhere/list.csv cannot be written" in ended.err


@pytest.mark.parametrize(
    "row", ['{"customer_id": "c", "value": "1,5", "reason": "r", "reference": "o"}', "[]"]
)
def test_a_line_of_json_has_a_kind_too(console, row):
    """Where `--decimal` means nothing, it is not advised."""
    console.write("f.jsonl", *[row] * 20)
    err = console("check", "f.jsonl").err
    assert "20 rows: " in err and "--decimal" not in err


def test_each_kind_has_a_meaning():
    """It says what is wrong, and what to do."""
    assert set(MEANINGS) == set(ProblemKind)
