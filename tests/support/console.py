"""Runs the console command, inside this process or as a real one."""

import functools
import io
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer
from attrs import frozen

from bonifiq_async.cli import main
from bonifiq_async.cli.language.choice import chosen, option_first
from bonifiq_async.cli.language.phrase import ENGLISH
from bonifiq_async.sandbox import Raba7niSandbox, Sandbox

HEADER = "customer_id,value,reason,reference"


def rows(count: int) -> list[str]:
    """A file of `count` changes of 1.00 each for ten customers."""
    return [HEADER, *(f"c{n % 10},1.00,r,o{n}" for n in range(count))]


def until(condition: object, seconds: float = 60) -> None:
    """Wait until something holds that other processes do."""
    latest = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < latest
        time.sleep(0.02)


def brl(added: object, removed: object = 0) -> dict[str, object]:
    """Return how --json has sums that are all in reais."""
    sums = {"added": added, "removed": removed}
    return {**sums, "by_unit": {"BRL": sums}}


@frozen
class Ended:
    """Exit code and both outputs of a command."""

    code: int
    out: str
    err: str


ASSEMBLED = typer.main.get_command
ASSEMBLED_ONCE = functools.cache(ASSEMBLED)
"""To assemble the command takes half of a short run; a translation changes what was assembled."""


class Console:
    """Runs `bonifiq` with the settings of a sandbox, in an empty folder."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: Path
    ) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        self.folder = folder
        monkeypatch.chdir(folder)

    def __call__(
        self, *args: str, sandbox: Sandbox | Raba7niSandbox | None = None, stdin: bytes = b"", **env: str
    ) -> Ended:
        for name, value in {**settings(sandbox), **env}.items():
            self._monkeypatch.setenv(name, value)
        english = chosen(option_first(list(args)), os.environ) is ENGLISH
        self._monkeypatch.setattr(typer.main, "get_command", ASSEMBLED_ONCE if english else ASSEMBLED)
        self._monkeypatch.setattr(sys, "argv", ["bonifiq", *args])
        self._monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as ended:
            main()
        captured = self._capsys.readouterr()
        return Ended(ended.value.code or 0, captured.out, captured.err)

    def write(self, name: str, *lines: str) -> Path:
        """Write a file of lines into the folder."""
        path = self.folder / name
        path.write_text("".join(f"{line}\n" for line in lines))
        return path


def settings(sandbox: Sandbox | Raba7niSandbox | None) -> dict[str, str]:
    """Return the environment that points to a sandbox."""
    return {} if sandbox is None else sandbox.environment()


def process(
    sandbox: Sandbox | Raba7niSandbox, folder: Path, *args: str, prelude: str = ""
) -> "subprocess.Popen[str]":
    """Start the command as a real process; `prelude` is Python run in it first."""
    script = f"import sys; sys.argv[0] = 'bonifiq'; {prelude}\nfrom bonifiq_async.cli import main; main()"
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", script, *args],
        cwd=folder,
        env={**os.environ, **settings(sandbox)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
