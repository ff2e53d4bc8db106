"""Standard streams that are closed, full, or left by their reader: every command ends as documented."""

import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from attrs import frozen
from console import Ended, rows, settings
from forks import LOST, Forks

from bonifiq_async.cli.exit_codes import Exit
from bonifiq_async.sandbox import Sandbox


@frozen
class Case:
    """A command, its exit code, and its exit code when its results cannot be written (work keeps its own).

    Where `money` may have moved, a reader that closes its end early is reported, too.
    """

    arguments: Sequence[str]
    code: int = Exit.DONE
    lost: int = Exit.STOPPED
    money: bool = False


APPLY = ("apply", "changes.csv", "--yes")
CASES = {
    "check": Case(["check", "changes.csv"], lost=Exit.DONE),
    "check a bad file": Case(["check", "bad.csv"], Exit.USAGE, Exit.USAGE),
    "check as json": Case(["check", "changes.csv", "--json"], lost=Exit.DONE),
    "convert what is there": Case(["convert", "changes.csv", "--to", "bad.csv"], Exit.USAGE, Exit.USAGE),
    "history": Case(["history", "ledger"]),
    "history as JSON lines": Case(["history", "ledger", "--format", "jsonl"]),
    "history of runs": Case(["history", "ledger", "--runs"]),
    "status as json": Case(["status", "ledger", "--json"]),
    "apply": Case([*APPLY, "--no-ledger"], lost=Exit.DONE, money=True),
    "apply as json": Case([*APPLY, "--no-ledger", "--json"], lost=Exit.DONE, money=True),
    "apply a bad file": Case(["apply", "bad.csv", "--yes"], Exit.USAGE, Exit.USAGE),
    "apply unasked": Case(["apply", "changes.csv"], Exit.USAGE, Exit.USAGE),
    "apply with what is refused": Case(
        ["apply", "refused.csv", "--yes"], Exit.REFUSED, Exit.REFUSED, money=True
    ),
    "apply as json with what is refused": Case(
        ["apply", "refused.csv", "--yes", "--json"], Exit.REFUSED, Exit.REFUSED, money=True
    ),
    "apply, a dry run": Case([*APPLY, "--dry-run", "--json"]),
    "status": Case(["status", "ledger"]),
    "export": Case(["export", "ledger", "--effect", "applied"]),
    "export as JSON lines": Case(["export", "ledger", "--effect", "applied", "--format", "jsonl"]),
    "settle nothing": Case(["settle", "ledger", "--all-by-repeating", "--yes"], lost=Exit.DONE),
    "settle what is not there": Case(
        ["settle", "ledger", "--key", "k", "--as", "applied", "--note", "n"], Exit.USAGE, Exit.USAGE
    ),
    "balance": Case(["balance", "c0"]),
    "pending": Case(["pending", "c0"]),
    "checkout-remove": Case(["checkout-remove", "c0", "cart"], lost=Exit.DONE, money=True),
    "operations": Case(["operations"]),
    "operations as json": Case(["operations", "--json"]),
    "demo": Case(["demo", "--changes", "3"], lost=Exit.DONE),
    "prove": Case(["prove", "--scale", "tiny", "--only", "one-key"], lost=Exit.DONE),
    "prove nothing": Case(["prove", "--only", "nothing"], Exit.USAGE, Exit.USAGE),
    "version": Case(["--version"]),
    "help": Case(["--help"]),
    "no command": Case([], Exit.USAGE, Exit.USAGE),
    "an unknown option": Case(["check", "--nothing"], Exit.USAGE, Exit.USAGE),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with files of changes."""
    made = tmp_path_factory.mktemp("streams")
    (made / "changes.csv").write_text("\n".join(rows(3)), "utf-8")
    (made / "refused.csv").write_text("\n".join([rows(0)[0], "absent,1,r,o"]), "utf-8")
    (made / "bad.csv").write_text("\n".join([rows(0)[0], "c,x,r,o"]), "utf-8")
    return made


@pytest.fixture(scope="module")
def env() -> Iterator[dict[str, str]]:
    """The settings of a provider that knows three customers."""
    with Sandbox(customers=["c0", "c1", "c2"]) as sandbox:
        yield settings(sandbox)


Run = Callable[..., Ended]


@pytest.fixture(scope="module")
def run(folder: Path, env: dict[str, str]) -> Iterator[Run]:
    """Run the command in processes of its own, beside a ledger."""
    with closing(Forks(folder)) as forks:
        ran = partial(forks, env=env)
        assert ran(*APPLY, "--ledger", "ledger").code == Exit.DONE
        yield ran


def bug(ended: Ended) -> bool:
    """Say whether an internal error was shown."""
    told = ended.out + ended.err
    return any(sign in told for sign in ("Traceback", "Exception ignored", "Errno", "lost sys."))


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_command_ends_as_documented_wherever_its_output_goes(case: Case, run: Run) -> None:
    """With one sentence more at the most; with none when the reader closes its end."""
    ever = run(*case.arguments)
    assert (ever.code, bug(ever)) == (case.code, False), ever.err
    lost_code = case.lost if ever.out else case.code
    for how in LOST:
        lost = run(*case.arguments, stdout=how)
        wanted = case.code if how == "gone" and lost_code == Exit.STOPPED else lost_code
        assert (how, lost.code, bug(lost)) == (how, wanted, False), lost.err
        assert lost.err.count("\n") <= ever.err.count("\n") + 1, lost.err
        told = bool(ever.out) and (case.money or how != "gone")
        assert ("takes no more" in lost.err) + ("could not be printed" in lost.err) == told, lost.err
    unheard = run(*case.arguments, stderr=LOST[sum(map(ord, "".join(case.arguments))) % 3])
    assert (unheard.code, bug(unheard)) == (case.code, False), unheard.out
    assert run(*case.arguments, stdin="closed", stdout="closed", stderr="closed").code == lost_code


SHELL = {
    "closed": "python -m bonifiq_async {} >&-",
    "all closed": "python -m bonifiq_async {} >&- 2>&- <&-",
    "full": "python -m bonifiq_async {} >/dev/full",
    "full, and each write at once": "python -u -m bonifiq_async {} >/dev/full",
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("closed", "sandbox --port 0"),
        ("all closed", "status ledger"),
        ("full", "sandbox --port 0"),
        ("full", "export ledger --effect applied"),
        ("full, and each write at once", "status ledger"),
    ],
)
def test_the_same_holds_in_a_shell(
    line: str, command: str, run: Run, folder: Path, env: dict[str, str]
) -> None:
    """A real process from its first instruction to its last."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    ended = subprocess.run(
        ["bash", "-c", SHELL[line].format(command)],
        cwd=folder,
        env={**os.environ, **env, "PATH": path, "PYTHONUNBUFFERED": ""},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (ended.returncode, "Traceback" in ended.stderr) == (Exit.STOPPED, False), ended.stderr
    assert ended.stderr.count("\n") == (0 if line == "all closed" else 1)


@pytest.mark.slow
def test_standard_input_that_is_closed_is_a_file_that_cannot_be_read(run: Run) -> None:
    """And no person can be asked there."""
    ended = run("apply", "-", "--format", "csv", "--no-ledger", "--yes", stdin="closed")
    assert (ended.code, ended.err.count("\n")) == (Exit.USAGE, 1), ended.err
    assert "standard input cannot be read and copied: Bad file descriptor. Nothing was sent." in ended.err
    ended = run("apply", "changes.csv", "--no-ledger", stdin="closed")
    assert ended.code == Exit.USAGE and "There is no terminal to ask at" in ended.err


@pytest.mark.slow
def test_a_long_export_ends_with_its_reader(folder: Path, run: Run, env: dict[str, str]) -> None:
    """Without a message, as other commands do, and at once."""
    (folder / "many.csv").write_text("\n".join(f"{row},{'x' * 500}" for row in rows(400)), "utf-8")
    many = ["apply", "many.csv", "--yes", "--ledger", "many"]
    assert run(*many).code == Exit.REFUSED  # three of ten customers exist
    export = [sys.executable, "-m", "bonifiq_async", "export", "many", "--effect", "refused"]
    line = f"{shlex.join(export)} | head -n 1; exit ${{PIPESTATUS[0]}}"
    given = {**os.environ, **env}
    ended = subprocess.run(["bash", "-c", line], cwd=folder, env=given, capture_output=True, timeout=60)
    assert (ended.returncode, ended.stderr, ended.stdout.count(b"\n")) == (Exit.DONE, b"", 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("check wrong.csv 2>&1", Exit.USAGE),
        ("check some.csv", Exit.DONE),
        ("history some", Exit.DONE),
        ("history some --format csv", Exit.DONE),
        ("--help", Exit.DONE),
    ],
)
def test_a_command_whose_reader_takes_a_line_or_none_ends_with_its_own_code(
    command: str, code: Exit, folder: Path, run: Run, env: dict[str, str]
) -> None:
    """In a real shell; also where the reader gets the messages on each row."""
    (folder / "wrong.csv").write_text("\n".join([rows(0)[0], *("c,x,r,o" for _ in range(20_000))]), "utf-8")
    (folder / "some.csv").write_text("\n".join(rows(500)), "utf-8")
    if not (folder / "some").exists():
        run("apply", "some.csv", "--yes", "--ledger", "some")
    for reader in ("head -n 1", "true"):
        line = f"{sys.executable} -m bonifiq_async {command} | {reader}; exit ${{PIPESTATUS[0]}}"
        given = {**os.environ, **env}
        ended = subprocess.run(["bash", "-c", line], cwd=folder, env=given, capture_output=True, timeout=60)
        assert (ended.returncode, ended.stderr) == (code, b"")
        assert ended.stdout.count(b"\n") == (reader != "true")


@pytest.mark.slow
def test_a_terminal_that_goes_away_does_not_end_a_run(folder: Path) -> None:
    """A thread draws the bar; the outcome file and the exit code report the run."""
    (folder / "long.csv").write_text("\n".join(rows(200)), "utf-8")
    ours, theirs = os.openpty()
    with Sandbox() as sandbox, open(os.devnull, "rb") as nothing:
        command = [sys.executable, "-m", "bonifiq_async", "apply", "long.csv", "--yes", "--no-ledger"]
        running = subprocess.Popen(
            [*command, "--out", "long.jsonl", "--max-in-flight", "1"],
            cwd=folder,
            env={**os.environ, **settings(sandbox), "TERM": "xterm"},
            stdin=nothing,
            stdout=subprocess.DEVNULL,
            stderr=theirs,
            start_new_session=True,  # no signal comes with the end of the terminal
        )
        os.close(theirs)
        while sandbox.books.requests < 20:
            os.read(ours, 10_000)
            assert running.poll() is None
        os.close(ours)
        assert running.wait(timeout=60) == Exit.DONE
    assert len((folder / "long.jsonl").read_text("utf-8").splitlines()) == 200
