"""Runs `bonifiq prove` with a broken library in many processes, forked from one that has imported it.

An interpreter of its own costs half a second for each run, and another for its provider. What a run kills and
starts again are commands of their own, as a user starts them.
"""

import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from forks import warm

OUT, ERR, ENDED = "stdout", "stderr", "ended"


class BrokenRuns:
    """Starts runs, several at once. `first` is Python that is run before the package is imported."""

    def __init__(self, first: str, env: Mapping[str, str]) -> None:
        self._parent = subprocess.Popen(
            [sys.executable, __file__, first], env=dict(env), stdin=subprocess.PIPE, text=True
        )
        self._asking = threading.Lock()

    def start(self, folder: Path, arguments: Sequence[str], env: Mapping[str, str], broken: str) -> None:
        """Run `bonifiq prove` in `folder`; `broken` is Python that its process runs first."""
        assert self._parent.stdin is not None
        asked = {"folder": str(folder), "arguments": arguments, "env": dict(env), "broken": broken}
        with self._asking:
            self._parent.stdin.write(json.dumps(asked) + "\n")
            self._parent.stdin.flush()

    def close(self) -> None:
        """End the parent."""
        self._parent.communicate(timeout=30)


def ended(folder: Path) -> "subprocess.CompletedProcess[str] | None":
    """Return how the run in `folder` ended, None if it has not."""
    if not (folder / ENDED).exists():
        return None
    out, err = ((folder / name).read_text("utf-8") for name in (OUT, ERR))
    return subprocess.CompletedProcess([], int((folder / ENDED).read_text("utf-8")), out, err)


def _asked() -> Mapping[str, object]:
    """Fork for each line that asks for it; return what is asked in the fork, and in it alone.

    Between the two is a process that waits for the fork and notes how it ended.
    """
    begun = 0
    for line in sys.stdin:
        if os.fork():
            begun += 1
            continue
        asked = json.loads(line)
        run = os.fork()
        if not run:
            return asked
        _, status = os.waitpid(run, 0)
        part = Path(asked["folder"], "part")
        part.write_text(str(os.waitstatus_to_exitcode(status)), "utf-8")
        part.rename(part.with_name(ENDED))
        sys.exit()
    for _ in range(begun):
        os.wait()
    sys.exit()


class _Forking:
    """Forks the provider of a run in the place of a new interpreter, without the run's end of the line."""

    def __init__(self) -> None:
        self._context = multiprocessing.get_context("fork")

    def Pipe(self) -> tuple[object, object]:
        self._here, there = self._context.Pipe()
        return self._here, there

    def Process(self, target: Callable[..., None], args: Sequence[object], daemon: bool) -> object:
        def run(*given: object) -> None:
            self._here.close()
            target(*given)

        return self._context.Process(target=run, args=args, daemon=daemon)


def _run(folder: str, arguments: Sequence[str], env: Mapping[str, str], broken: str) -> None:
    os.chdir(folder)
    os.environ.update(env)
    tempfile.tempdir = None
    for number, name in enumerate((os.devnull, OUT, ERR)):
        opened = os.open(name, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        os.dup2(opened, number)
        os.close(opened)
    forking = _Forking()
    multiprocessing.get_context = lambda _: forking
    exec(compile(broken, "sitecustomize", "exec"), {"__name__": "sitecustomize"})
    sys.argv = ["bonifiq", "prove", *arguments]
    from bonifiq_async.cli import main

    main()


if __name__ == "__main__":
    exec(sys.argv[1])
    warm()
    _run(**_asked())
