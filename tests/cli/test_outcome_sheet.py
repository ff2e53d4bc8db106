"""The outcome file as a spreadsheet: exact, whole after any kill, and never over an existing file."""

import json
import os
import re
import signal
import stat
import zipfile
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from console import HEADER, Console, process, rows
from hypothesis import given
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from bonifiq_async.bonifiq.files import ADAPTER
from bonifiq_async.cli.exit_codes import Exit
from bonifiq_async.cli.files import outcome_sheet
from bonifiq_async.cli.files.outcome_file import columns, json_line
from bonifiq_async.cli.files.outcome_sheet import write_sheet
from bonifiq_async.sandbox import FaultScript, Raba7niSandbox, Sandbox

APPLY = ("apply", "changes.csv", "--yes", "--out", "out.xlsx")


def read(path: Path | str) -> list[dict[str, object]]:
    """Return the rows of all sheets."""
    book, found = CalamineWorkbook.from_path(str(path)), []
    for name in book.sheet_names:
        head, *lines = book.get_sheet_by_name(name).to_python()
        found += [dict(zip(map(str, head), line, strict=True)) for line in lines]
    return found


def cells(path: Path, row: int) -> dict[str, tuple[str, str]]:
    """Return, by column's letter, the kind and the value of the cells of a row as they stand in the file."""
    with zipfile.ZipFile(path) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in sheet
    found = re.findall(
        rf'<c r="([A-Z]+){row}"[^>]*?(?: t="(\w+)")?>(?:<is><t[^>]*>(.*?)</t></is>|<v>(.*?)</v>)</c>', sheet
    )
    return {letters: (kind or "number", text or value) for letters, kind, text, value in found}


def test_a_sheet_has_amounts_as_numbers_and_the_rest_as_texts(console: Console) -> None:
    """In the order of the file, whatever the order of the outcomes; and nothing in it is a formula."""
    console.write("changes.csv", HEADER, "00123,-1234.50,=1+1,007", "@x,7,r,-1", "c,12345678901234567.89,r,3")
    with Sandbox(faults=FaultScript(["500-after"])) as sandbox:
        assert console(*APPLY, sandbox=sandbox).code == 0
    first, second, third = read("out.xlsx")
    assert list(first) == list(columns(ADAPTER))
    assert (first["line"], first["customer_id"], first["value"]) == (2, "00123", -1234.5)
    assert (first["reason"], first["reference"], first["change_key"]) == (
        "=1+1",
        "007",
        "REMOVE-00123-1234.5-007",
    )
    assert (second["customer_id"], second["value"], second["reference"]) == ("@x", 7, "-1")
    assert third["value"] == "12345678901234567.89"  # more digits than a spreadsheet keeps
    of = cells(Path("out.xlsx"), 2)
    assert (of["B"], of["C"], of["G"]) == (("inlineStr", "00123"), ("number", "-1234.50"), ("b", "0"))
    assert isinstance(first["ended"], datetime) and isinstance(first["first_sent"], datetime)
    assert abs(first["ended"] - datetime.now()) < timedelta(minutes=5)  # in the local zone
    with zipfile.ZipFile("out.xlsx") as archive:
        sheet, styles = (archive.read(f"xl/{name}.xml").decode() for name in ("worksheets/sheet1", "styles"))
    assert 'state="frozen"' in sheet and "<cols>" in sheet and "<autoFilter" in sheet
    assert 'formatCode="@"' in styles and 'formatCode="#,##0.00"' in styles
    assert stat.S_IMODE(Path("out.xlsx").stat().st_mode) == 0o600


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=2))
def test_an_amount_is_exact(tmp_path_factory, value: Decimal) -> None:
    folder = tmp_path_factory.mktemp("sheet")
    lines = folder / "lines"
    said = {"line": 2, "customer_id": "a", "value": value, "change_key": "k", "effect": "applied"}
    lines.write_bytes(json_line(said))
    write_sheet(lines, folder / "out.xlsx", tuple(said), ("value",))
    kind, text = cells(folder / "out.xlsx", 2)["C"]
    assert (kind, Decimal(text)) == ("number", value)


def test_each_run_makes_a_whole_sheet_of_its_own(console: Console) -> None:
    """One line for each change, with its last outcome; an existing sheet stays as it was."""
    console.write("changes.csv", *rows(3))
    with Sandbox(faults=FaultScript(["422", "html-before"])) as sandbox:
        assert console(*APPLY, "--max-in-flight", "1", sandbox=sandbox).code == Exit.UNKNOWN
        assert [row["effect"] for row in read("out.xlsx")] == ["refused", "unknown", "applied"]
        before = Path("out.xlsx").read_bytes()
        console.write("changes.csv", *rows(4))
        ended = console(*APPLY, sandbox=sandbox)
    assert (ended.code, Path("out.xlsx").read_bytes()) == (0, before)
    assert "The outcomes of all runs are in out-2.xlsx; out.xlsx is of an earlier run" in ended.err
    assert [(row["line"], row["effect"]) for row in read("out-2.xlsx")] == [
        (n, "applied") for n in (2, 3, 4, 5)
    ]
    assert not list(console.folder.glob(".out*"))


def test_a_file_of_raba7ni_has_its_ids_as_texts(console: Console) -> None:
    console.write("changes.csv", "operation,card_id,member_id,amount,reference", "earn,10,123,50.125,O-1")
    with Raba7niSandbox() as sandbox:
        assert console(*APPLY, "--provider", "raba7ni", sandbox=sandbox).code == 0
    of = dict(zip(columns_of_raba7ni(), cells(Path("out.xlsx"), 2).items(), strict=False))
    kinds = {value: kind for _, (kind, value) in of.values()}
    assert (kinds["10"], kinds["50.125"]) == ("inlineStr", "number")


def columns_of_raba7ni() -> tuple[str, ...]:
    """Return the columns of an outcome file of Raba7ni."""
    from bonifiq_async.cli.adapter import adapter_for

    return columns(adapter_for("raba7ni"))


def test_long_files_have_several_sheets_and_long_texts_are_cut(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(outcome_sheet, "MOST_ROWS", 2)
    lines = tmp_path / "lines"
    said = [{"line": n, "change_key": f"k{n}", "effect": "refused", "error": "x" * 40_000} for n in range(5)]
    lines.write_bytes(b"".join(map(json_line, said)))
    write_sheet(lines, tmp_path / "out.xlsx", tuple(said[0]), ())
    book = CalamineWorkbook.from_path(str(tmp_path / "out.xlsx"))
    assert book.sheet_names == ["outcomes", "outcomes 2", "outcomes 3"]
    found = read(tmp_path / "out.xlsx")
    assert [row["change_key"] for row in found] == [f"k{n}" for n in range(5)]
    assert str(found[0]["error"]).endswith("x...") and len(str(found[0]["error"])) == outcome_sheet.LONGEST


def test_a_full_disk_at_the_end_is_reported_with_the_place_of_the_outcomes(
    console: Console, monkeypatch
) -> None:
    console.write("changes.csv", *rows(3))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with Sandbox() as sandbox:
        with monkeypatch.context() as patched:
            patched.setattr("bonifiq_async.cli.files.outcome_sheet.os.fsync", full)
            ended = console(*APPLY, sandbox=sandbox)
        assert ended.code == Exit.STOPPED
        said = "out.xlsx was not made (No space left on device). The outcomes are in out.xlsx.jsonl"
        assert said in ended.err
        assert sorted(path.name for path in console.folder.glob("*out*")) == ["out.xlsx.jsonl"]
        assert len(Path("out.xlsx.jsonl").read_text().splitlines()) == 3
        assert console(*APPLY, sandbox=sandbox).code == 0
    assert len(read("out.xlsx")) == 3


def test_its_lines_go_to_no_other_named_file(console: Console) -> None:
    line = '{"customer_id":"a","value":1,"reason":"r","reference":"o"}\n'
    console.write("out.xlsx.jsonl", line)
    ended = console("apply", "out.xlsx.jsonl", "--yes", "--out", "out.xlsx")
    assert ended.code == Exit.USAGE and "are the same file" in ended.err


KILLED = """
import os, signal
from bonifiq_async.cli.files import {module}
original, left = {module}.{name}, {calls}
def killed(*args, **options):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*args, **options)
{module}.{name} = killed
"""
POINTS = {
    "before the first outcome": ("outcome_file", "OutcomeFile.write", 0),
    "between outcomes": ("outcome_file", "OutcomeFile.write", 4),
    "before the sheet": ("outcome_sheet", "shutil.rmtree", 0),
    "while rows are written": ("outcome_sheet", "_SheetWriter.put", 3),
    "before it has its name": ("outcome_sheet", "os.fsync", 0),
    "once it has its name": ("outcome_sheet", "shutil.rmtree", 1),
}


@pytest.mark.slow
@pytest.mark.parametrize(("module", "name", "calls"), POINTS.values(), ids=POINTS)
def test_a_kill_loses_no_outcome(console: Console, module: str, name: str, calls: int) -> None:
    """The same command makes the sheet, with all changes, and leaves no other file."""
    console.write("changes.csv", *rows(10))
    with Sandbox() as sandbox:
        prelude = KILLED.format(module=module, name=name, calls=calls)
        running = process(sandbox, console.folder, *APPLY, "--max-in-flight", "2", prelude=prelude)
        running.communicate(timeout=60)
        assert running.returncode == -signal.SIGKILL
        lines = Path("out.xlsx.jsonl").read_text().splitlines()
        assert all(json.loads(line)["effect"] == "applied" for line in lines)
        made = [path for path in ("out.xlsx",) if os.path.exists(path)]
        assert bool(made) == (calls == 1)
        assert console(*APPLY, sandbox=sandbox).code == 0
        assert len(sandbox.books.history()) == 10
        assert sandbox.books.requests <= 12  # what was in flight at the kill is asked once more
    (sheet,) = {*console.folder.glob("out*.xlsx")} - {console.folder / each for each in made}
    assert [row["line"] for row in read(sheet)] == list(range(2, 12))
    assert not list(console.folder.glob(".out*"))


def test_a_sum_of_the_column_counts_no_money_twice(console: Console) -> None:
    """A line that repeats another has its amount as a text, which a spreadsheet's sum leaves out."""
    console.write("changes.csv", HEADER, "ana,10.50,r,o1", "ana,10.50,r,o1", "bia,1,r,o2")
    with Sandbox() as sandbox:
        assert console(*APPLY, sandbox=sandbox).code == 0
    values = [row["value"] for row in read("out.xlsx")]
    assert values == [10.5, "10.50", 1.0]
    assert sum(each for each in values if isinstance(each, float)) == 11.5
    with Sandbox() as sandbox:
        args = ("--same-account", "--language", "pt")
        assert console(*APPLY, *args, sandbox=sandbox).code == 0
    assert [row["value"] for row in read("out-2.xlsx")] == [10.5, "10,50", 1.0]
    with zipfile.ZipFile("out-2.xlsx") as archive:
        assert "dd/mm/yyyy hh:mm:ss" in archive.read("xl/styles.xml").decode()
