"""Terminals that lack a character, and file names that are not UTF-8: every file keeps its bytes."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from console import HEADER, settings
from forks import Forks

from bonifiq_async.cli.exit_codes import Exit
from bonifiq_async.ledger.protocol import State
from bonifiq_async.ledger.reader import recorded
from bonifiq_async.ledger.sqlite.reader import SqliteReader
from bonifiq_async.sandbox import FaultScript, Sandbox

ROWS = (HEADER, "josé,1,verão,o1", "中文,2,r,o2", "👍,3,r,o3")
ENCODINGS = {
    "ascii": {"PYTHONIOENCODING": "ascii:strict"},
    "the C locale of former systems": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "Windows in Europe": {"PYTHONIOENCODING": "cp1252"},
    "UTF-16": {"PYTHONIOENCODING": "utf-16"},
}
Run = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture
def sandbox():
    """A sandbox that loses the answer of one change in three."""
    with Sandbox(faults=FaultScript(["html-after"]), customers=["josé", "中文", "👍", "ana"]) as running:
        yield running


@pytest.fixture
def run(tmp_path: Path, sandbox: Sandbox) -> Run:
    """Run the command as a real process in an empty folder."""

    def ran(*arguments: str | bytes, **env: str) -> "subprocess.CompletedProcess[bytes]":
        return subprocess.run(
            [sys.executable, "-m", "bonifiq_async", *arguments],
            cwd=tmp_path,
            env={**os.environ, **settings(sandbox), **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
        )

    return ran


@pytest.mark.slow
@pytest.mark.parametrize("env", ENCODINGS.values(), ids=ENCODINGS.keys())
def test_a_screen_shows_what_it_can_and_a_file_is_utf_8(
    env: dict[str, str], run: Run, tmp_path: Path
) -> None:
    """Whatever encoding the terminal has."""
    (tmp_path / "changes.csv").write_text("\n".join(ROWS), "utf-8")
    applied = run("apply", "changes.csv", "--yes", "--out", "out.csv", "--max-in-flight", "1", **env)
    assert applied.returncode == Exit.UNKNOWN, applied.stderr
    assert "josé" in (tmp_path / "out.csv").read_text("utf-8")
    export = run("export", "changes.csv.ledger", "--effect", "applied", "--effect", "unknown", **env)
    assert (export.returncode, export.stderr) == (Exit.DONE, b"")
    lines = export.stdout.decode().splitlines()
    assert lines[0].startswith("customer_id,value,reason,change_key,customer_reason,points,reference,")
    assert [line[: line.index(",,") + 2] for line in lines[1:]] == [
        "josé,1,verão,ADD-josé-1-o1,,",
        "中文,2,r,ADD-中文-2-o2,,",
        "👍,3,r,ADD-👍-3-o3,,",
    ]
    status = run("status", "changes.csv.ledger", **env)
    encoding = {"UTF-16": "utf-16"}.get(env.get("PYTHONIOENCODING", "").upper(), "cp1252")
    assert (status.returncode, status.stderr) == (Exit.DONE, b"")
    shown = status.stdout.decode("utf-8" if b"jos\xc3\xa9" in status.stdout else encoding)
    assert "In doubt: ADD-jos" in shown and ("ADD-josé-1-o1" in shown or "ADD-jos\\xe9-1-o1" in shown)
    customer = "ana" if "PYTHONUTF8" in env else "中文"  # there, no argument is a text that is not ASCII
    told = run("balance", customer, "--json", **env)
    assert (told.returncode, told.stderr) == (Exit.DONE, b"")
    assert json.loads(told.stdout.decode())


NAME = b"caf\xe9"
"""A name in Latin-1, which is not valid UTF-8."""


@pytest.mark.slow
def test_a_file_may_have_a_name_that_is_not_utf_8(run: Run, tmp_path: Path, sandbox: Sandbox) -> None:
    """As any argument, and in every message that names it."""
    folder = os.fsencode(tmp_path)
    with open(os.path.join(folder, NAME + b".csv"), "w", encoding="utf-8") as file:
        file.write("\n".join(ROWS))
    assert run("check", NAME + b".csv").returncode == Exit.DONE
    command = ("apply", NAME + b".csv", "--yes", "--out", NAME + b".jsonl", "--max-in-flight", "1")
    ended = run(*command)
    assert ended.returncode == Exit.UNKNOWN, ended.stderr
    assert rb"caf\udce9.csv asks for" in ended.stderr and rb"recorded in caf\udce9.csv.ledger" in ended.stderr
    assert rb"bonifiq_async apply $'caf\351.csv' --yes" in ended.stderr
    again = run(*command)
    assert (again.returncode, sandbox.books.requests) == (Exit.DONE, 4), again.stderr
    with open(os.path.join(folder, NAME + b".jsonl"), encoding="utf-8") as file:
        assert len([json.loads(line) for line in file]) == 4
    ledger = NAME + b".csv.ledger"
    status, export = run("status", ledger), run("export", ledger, "--effect", "applied")
    assert (status.returncode, export.returncode, export.stdout.count(b"\n")) == (0, 0, 4)
    named = ("--key", "k", "--as", "applied", "--note", "n")
    refused = (
        (("settle", ledger, *named), rb"caf\udce9.csv.ledger. Nothing was settled."),
        (("settle", ledger, *named[2:], "--key", NAME), rb"key has a control character or half a character"),
        (("status", NAME), rb"There is no ledger caf\udce9."),
        (("check", NAME + b"2.csv"), rb"caf\udce92.csv is not a file that can be read."),
        (("apply", NAME + b".csv", "--out", NAME + b".txt"), rb"The outcome file caf\udce9.txt must end"),
        (("prove", "--html", NAME + b"/x", "--only", "one-key"), rb"The page caf\udce9/x cannot be written"),
        (("demo", "--script", NAME), rb"caf\udce9"),
    )
    with closing(Forks(tmp_path)) as forks:
        for arguments, said in refused:
            told = forks(*map(os.fsdecode, arguments), env=settings(sandbox))
            assert (told.code, told.err.count("\n")) == (2, 1) and said.decode() in told.err, told.err
    others = {name for name in os.listdir(folder) if not name.startswith(NAME + b".")}
    assert others == {b".stdout", b".stderr"}  # of the forks


@pytest.mark.slow
def test_a_note_may_be_what_is_not_utf_8(run: Run, tmp_path: Path) -> None:
    """It is written down as it is shown."""
    (tmp_path / "changes.csv").write_text("\n".join(ROWS), "utf-8")
    assert run("apply", "changes.csv", "--yes", "--max-in-flight", "1").returncode == Exit.UNKNOWN
    key = ("--key", "ADD-josé-1-o1")
    ended = run("settle", "changes.csv.ledger", *key, "--as", "applied", "--note", b"Jos\xe9\x1b[31m")
    assert (ended.returncode, ended.stderr.count(b"\n")) == (Exit.DONE, 1), ended.stderr
    (settled,) = [
        each for each in recorded(SqliteReader(tmp_path / "changes.csv.ledger"), set(State)) if each.error
    ]
    assert settled.error == r"settled by hand: Jos\udce9\x1b[31m"
