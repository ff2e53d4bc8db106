"""The outcome file: what a crashed run leaves, and how the next run goes on with it."""

import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import pytest
from console import Console, process, rows
from mounts import mounted

from bonifiq_async import CashbackChange, ConfigurationError, Effect, Outcome, RefusedError
from bonifiq_async.bonifiq.files import ADAPTER, CustomerRow
from bonifiq_async.cli.exit_codes import Exit
from bonifiq_async.cli.files.outcome_file import OutcomeFile, OutcomeRecord, columns, record
from bonifiq_async.cli.terminal.dialogue import concluded
from bonifiq_async.cli.terminal.report import RunEnding
from bonifiq_async.sandbox import FaultScript, Latency, Sandbox


def _outcome(line: int) -> OutcomeRecord:
    """Return a row whose texts need quotes, escapes and more than one byte for a letter."""
    row = CustomerRow(f'josé, "{line}"', Decimal("1.50"), "r", f"k{line}", line=line)
    return record(ADAPTER, row, Outcome(row, Effect.REFUSED, None, (), RefusedError('não, "não"')))


def _write(path: Path, *lines: int) -> str | None:
    with OutcomeFile(path, columns(ADAPTER)) as file:
        for line in lines:
            file.write(_outcome(line))
        return file.repaired


def _read(path: Path) -> list[Mapping[str, object]]:
    """Return every row as any reader would, strictly."""
    text = path.read_text("utf-8")
    assert text.endswith("\n")
    if path.suffix == ".csv":
        found = list(csv.DictReader(text.splitlines(), strict=True))
        assert all(None not in row and None not in row.values() for row in found)
        return [row | {"line": int(row["line"])} for row in found]
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_a_file_that_was_cut_anywhere_goes_on_with_whole_lines(ending: str, tmp_path: Path) -> None:
    """At each byte, within a letter, too: whole lines are kept, and what was removed is reported."""
    whole = tmp_path / f"whole.{ending}"
    assert _write(whole, 1, 2) is None
    data = whole.read_bytes()
    for size in range(len(data) + 1):
        path = tmp_path / f"cut.{ending}"
        path.write_bytes(data[:size])
        removed = _write(path, 9)
        *ended, half = data[:size].split(b"\n")
        kept = [1, 2][: max(0, len(ended) - (ending == "csv"))]
        whole_row = data[size : size + 1] == b"\n" or (ending == "csv" and _last_cell(half))
        lacks_its_end = half != b"" and whole_row and bool(ended or ending == "jsonl")
        kept += [len(kept) + 1] * lacks_its_end
        assert [row["line"] for row in _read(path)] == [*kept, 9], size
        assert (removed is not None) == (half != b"" and not lacks_its_end), size
        if removed is not None:
            assert half.decode(errors="backslashreplace") in removed and removed.isprintable()


def _last_cell(half: bytes) -> bool:
    """Say whether a line of CSV was cut in its last cell, the error's text."""
    try:
        return len(next(csv.reader([half.decode()], strict=True))) == len(columns(ADAPTER))
    except (csv.Error, UnicodeDecodeError):
        return False


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", b'{"line":1}\n\0\0\0'),
        ("a.jsonl", b'{"line":1}\n{"line":2,"cu\0\0'),
        ("a.jsonl", b'{"line":1}\n{"line":2,"customer_id":"jos\xc3'),
        ("a.jsonl", b"{"),
    ],
)
def test_what_a_machine_failure_leaves_is_removed(name: str, content: bytes, tmp_path: Path) -> None:
    """Pages of zeros, and half a letter."""
    (tmp_path / name).write_bytes(content)
    assert _write(tmp_path / name, 9) is not None
    assert [row["line"] for row in _read(tmp_path / name)] == [1] * (len(content) > 1) + [9]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", b"my notes"),
        ("a.jsonl", b'{"line":1}\nmy notes'),
        ("a.jsonl", b'{"line":1}\n{"line":2,"' + b"x" * 2_000_000),
        ("a.csv", b"my notes"),
        ("a.csv", b"line,name"),
    ],
)
def test_a_file_that_is_no_outcome_file_is_not_changed(name: str, content: bytes, tmp_path: Path) -> None:
    """It is another file of the user; the error comes before anything is sent."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"name another\. Nothing was sent\.$"):
        _write(tmp_path / name)
    assert (tmp_path / name).read_bytes() == content


def test_a_resumed_run_reports_what_it_removes(console: Console) -> None:
    """And reports that change again."""
    console.write("changes.csv", *rows(3))
    with Sandbox() as sandbox:
        assert console("apply", "changes.csv", "--yes", "--out", "out.jsonl", sandbox=sandbox).code == 0
        out = Path("out.jsonl")
        out.write_bytes(out.read_bytes()[:-20])
        ended = console("apply", "changes.csv", "--yes", "--out", "out.jsonl", sandbox=sandbox)
    assert (ended.code, sandbox.books.requests) == (Exit.DONE, 3)
    assert 'out.jsonl ended in half a line, as after a crash; taken out: {"line":' in ended.err
    assert len(_read(out)) == len({row["change_key"] for row in _read(out)}) == 3


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_what_is_written_to_a_deleted_file_does_not_count_as_written(ending: str, tmp_path: Path) -> None:
    """It would be lost with the process; a file that was only renamed is still there."""
    path = tmp_path / f"out.{ending}"
    with OutcomeFile(path, columns(ADAPTER)) as file:
        file.write(_outcome(1))
        path.rename(tmp_path / f"rotated.{ending}")
        file.write(_outcome(2))
        (tmp_path / f"rotated.{ending}").unlink()
        for _ in range(2):
            with pytest.raises(FileNotFoundError, match="it was deleted"):
                file.write(_outcome(3))


UNTIL_FULL = """
import sys
from pathlib import Path
from bonifiq_async.bonifiq.files import ADAPTER, CustomerRow
from bonifiq_async import Effect, Outcome
from bonifiq_async.cli.files.outcome_file import OutcomeFile, columns, record
with OutcomeFile(Path(sys.argv[1]), columns(ADAPTER)) as file:
    for line in range(1, 200_000):
        row = CustomerRow("c", 1, "r", f"{line:050}", line=line)
        try:
            file.write(record(ADAPTER, row, Outcome(row, Effect.REFUSED, None, ())))
        except OSError as error:
            sys.exit(f"{line} {error.strerror}")
"""


@pytest.mark.slow
@pytest.mark.parametrize("before", [1, 60_000])
def test_a_full_temporary_folder_is_reported_as_a_full_disk(before: int, tmp_path: Path) -> None:
    """It holds the index of a file's lines: before anything is sent, and during a run."""
    small, path = tmp_path / "small", tmp_path / "out.jsonl"
    small.mkdir()
    made = [f'{{"line":{line},"change_key":"old {line:050}","effect":"applied"}}\n' for line in range(before)]
    path.write_text("".join(made))
    with mounted("-t", "tmpfs", "-o", "size=64k", "none", at=small):
        ended = subprocess.run(
            [sys.executable, "-c", UNTIL_FULL, path],
            env={**os.environ, "SQLITE_TMPDIR": str(small)},
            capture_output=True,
            text=True,
        )
    said = ended.stderr.splitlines()[-1]
    assert "the temporary folder does not take what it has: database or disk is full" in said
    if before > 1:
        assert said.startswith("bonifiq_async.ConfigurationError: ") and said.endswith("Nothing was sent.")
    else:
        assert len(path.read_bytes().splitlines()) == int(said.split()[0])


@pytest.mark.slow
def test_a_run_whose_outcome_file_is_deleted_stops_and_reports_every_change_when_resumed(
    tmp_path: Path,
) -> None:
    """What it could not write is on standard error; the next run writes what was applied before."""
    (tmp_path / "changes.csv").write_text("\n".join(rows(100)))
    out = tmp_path / "out.jsonl"
    command = ("apply", "changes.csv", "--yes", "--max-in-flight", "1", "--out", "out.jsonl")
    with Sandbox(faults=FaultScript(latency=Latency(seconds=0.01))) as sandbox:
        running = process(sandbox, tmp_path, *command)
        while not (out.exists() and out.read_bytes().count(b"\n") >= 5):
            assert running.poll() is None
            time.sleep(0.002)
        out.unlink()
        _, said = running.communicate(timeout=60)
        assert running.returncode == Exit.STOPPED, said
        assert "The outcome file takes no more (it was deleted)" in said
        again = process(sandbox, tmp_path, *command)
        _, said = again.communicate(timeout=60)
        assert again.returncode == Exit.DONE, said
        assert sandbox.books.requests == 100
        assert {row["change_key"] for row in _read(out)} == set(sandbox.books.keys())


def test_no_outcome_is_said_to_stand_where_it_does_not(tmp_path: Path, capsys) -> None:
    """A disk that took no more: those that came after it stand on the screen alone."""
    out = tmp_path / "o.csv"
    out.touch()
    ending = RunEnding(ADAPTER, planned=20, stopped="full", told_here=20)
    for number in range(20):
        change = CashbackChange.add("ana", Decimal(1), reason="r", reference=f"o{number}")
        ending.count(Outcome(change, Effect.REFUSED, None, (), RefusedError("no")))
    concluded(ending, as_json=True, out=out, ledger=None, accept_used_keys=False)
    said = capsys.readouterr().err
    assert "20 outcomes stand above, and not in" in said
    assert "all are in" not in said and f"they are in {out}, or stand above" in said
