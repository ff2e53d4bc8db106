"""Programs of a page as processes against a sandbox: workers that are killed, and what sends them orders."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path

from on_this_machine import skip_without
from page_blocks import blocks_of

from bonifiq_async.sandbox import Arrival, FaultScript, Meeting

PAGE = "docs/how-to/task-queues.md"
LIMIT = 60.0
"""Seconds that each step may take before a test fails; none is meant to take them."""


def answers(port: int) -> bool:
    """Say whether a server on this machine takes connections."""
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


def needs(package: str, *servers: tuple[str, int]) -> None:
    """Skip the test where a package or a server is missing."""
    skip_without(find_spec(package), f"{package} comes with the extra `recipes`, which is not installed")
    for name, port in servers:
        skip_without(answers(port), f"no {name} answers on port {port} of this machine")


class ReportedScript(FaultScript):
    """A script that lets a thread wait until a request has arrived."""

    def __init__(self, sequence: Iterable[str]) -> None:
        super().__init__(sequence)
        self._arrived = threading.Semaphore(0)

    def meet(self, arrival: Arrival) -> Meeting:
        """See `FaultScript.meet`."""
        met = super().meet(arrival)
        self._arrived.release()
        return met

    def wait(self) -> bool:
        """Wait for the next request, and say whether one came."""
        return self._arrived.acquire(timeout=LIMIT)


class RecipeRuns:
    """The programs of the page whose names end in `_NAME.py`, in a folder of their own."""

    def __init__(self, name: str, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._environment = {**os.environ, **environment}
        self._running: list[subprocess.Popen[str]] = []
        (folder / "log").touch()
        self._codes = {
            each.title: each.code for each in blocks_of(PAGE) if each.title.endswith(f"_{name}.py")
        }

    def write(self, instead: Mapping[str, str]) -> None:
        """Write the programs, with names and limits that differ from the page: each stands there."""
        for before, after in instead.items():
            assert any(before in code for code in self._codes.values()), before
            self._codes = {title: code.replace(before, after) for title, code in self._codes.items()}
        for title, code in self._codes.items():
            (self._folder / title).write_text(code, "utf-8")

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a process in a group of its own; its output goes to a file."""
        with (self._folder / "log").open("a") as log:
            return self._started(arguments, log, log)

    def send(self, program: str, order: str) -> subprocess.Popen[str]:
        """Start a program that sends an order and prints its effect."""
        return self._started([program, order], subprocess.PIPE, subprocess.PIPE)

    def _started(self, arguments: Iterable[str], out: object, err: object) -> subprocess.Popen[str]:
        started = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            text=True,
            start_new_session=True,
        )
        self._running.append(started)
        return started

    def log(self) -> str:
        """Return what the workers have printed."""
        return (self._folder / "log").read_text("utf-8", "replace")

    def left(self) -> set[str]:
        """Return the names of the files of the ledger."""
        return {path.name for path in self._folder.glob("cashback.ledger*")}

    def end(self) -> None:
        """Kill what still runs."""
        for each in self._running:
            if each.poll() is None:
                kill(each)
            for stream in (each.stdout, each.stderr):
                if stream is not None:
                    stream.close()


def kill(process: subprocess.Popen[str]) -> None:
    """Kill a process and those that it started, without a warning."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(LIMIT)


def kill_child(process: subprocess.Popen[str]) -> None:
    """Kill the last process that another one started, and not that one."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(int(children[-1]), signal.SIGKILL)
