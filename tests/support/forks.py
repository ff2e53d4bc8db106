"""Runs the console command in many processes, forked from one that has imported it: each costs a tenth.

A fork opens its standard streams as an interpreter does at its start, and ends as one does.
"""

import contextlib
import gc
import json
import os
import pkgutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path

import typer
from console import Ended

OUT, ERR = "stdout", "stderr"
LOST = ("closed", "full", "gone")
"""What a stream may be: closed, a full disk, a pipe without a reader."""


class Forks:
    """Forks in `folder`; each ends before the next begins."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._parent = subprocess.Popen(
            [sys.executable, "-X", "warn_default_encoding", "-W", "error::EncodingWarning", __file__],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *arguments: str, env: Mapping[str, str], **streams: str) -> Ended:
        """Run `bonifiq` with `arguments`; `stdin`, `stdout` and `stderr` may be one of `LOST`."""
        assert self._parent.stdin is not None and self._parent.stdout is not None
        asked = {"arguments": arguments, "env": dict(env), "streams": streams}
        self._parent.stdin.write(json.dumps(asked) + "\n")
        self._parent.stdin.flush()
        code = int(self._parent.stdout.readline())
        out, err = ((self._folder / name).read_bytes() for name in (f".{OUT}", f".{ERR}"))
        return Ended(code, out.decode("utf-8", "surrogateescape"), err.decode("utf-8", "surrogateescape"))

    def close(self) -> None:
        """End the parent."""
        self._parent.communicate(timeout=30)


def _fork_and_wait() -> Mapping[str, object]:
    """Fork for each line that asks for it; return what is asked in the fork, and in it alone."""
    requests, replies = os.dup(0), os.dup(1)
    with os.fdopen(requests, encoding="utf-8") as lines:
        for line in lines:
            for name in (OUT, ERR):
                Path(f".{name}").write_bytes(b"")
            child = os.fork()
            if child == 0:
                os.close(replies)
                return json.loads(line)
            _, status = os.waitpid(child, 0)
            os.write(replies, f"{os.waitstatus_to_exitcode(status)}\n".encode())
    sys.exit()


def _redirect(number: int, name: str, how: str | None) -> None:
    """Redirect a descriptor as a shell does, and open its stream as an interpreter does."""
    mode, flags = ("r", os.O_RDONLY) if number == 0 else ("w", os.O_WRONLY | os.O_APPEND)
    os.close(number)
    if how == "closed":
        setattr(sys, name, None)
        return
    if how == "gone":
        reading, writing = os.pipe()
        opened, other = (reading, writing) if number == 0 else (writing, reading)
        os.close(other)
    else:
        opened = os.open({"full": "/dev/full", None: "/dev/null" if number == 0 else f".{name}"}[how], flags)
    if opened != number:
        os.dup2(opened, number)
        os.close(opened)
    errors = "backslashreplace" if number == 2 else "strict"
    setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", errors=errors, closefd=False))


def _run(arguments: Sequence[str], env: Mapping[str, str], streams: Mapping[str, str]) -> None:
    os.environ.update(env)
    sys.argv = ["bonifiq", *arguments]
    for number, name in enumerate(("stdin", OUT, ERR)):
        _redirect(number, name, streams.get(name))
    from bonifiq_async.cli import main

    main()


def warm() -> None:
    """Import the whole package and assemble the command, for what is forked later."""
    import bonifiq_async
    from bonifiq_async.cli.app import app

    for module in pkgutil.walk_packages(bonifiq_async.__path__, "bonifiq_async."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    with contextlib.suppress(ImportError):
        import_module("typer._adapters")  # with pydantic: a newer typer imports it for the first argument
    assembled = typer.main.get_command(app)
    typer.main.get_command = lambda _: assembled
    gc.freeze()  # else each fork copies the heap when its collector runs


if __name__ == "__main__":
    warm()
    _run(**_fork_and_wait())
