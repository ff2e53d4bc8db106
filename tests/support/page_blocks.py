"""The code blocks of a page, and what runs them: each page in a folder of its own, its blocks in order.

    ```csv title="changes.csv"     is written to that file, and so is any block with a file name as its title
    ```python                      runs as a module; a block of text right behind it is what it prints
    ```sh                          is commands that succeed
    ```console                     is commands behind `$ `, each with what it prints; `...` is any text
    ```sh title="Not run: ..."     is left out, for the reason that is given

`bonifiq` runs inside this process. `bonifiq sandbox` starts a sandbox to which the commands after it come.
"""

import contextlib
import doctest
import io
import logging
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from attrs import frozen

from bonifiq_async.cli import main
from bonifiq_async.cli.adapter import adapter_for
from bonifiq_async.sandbox import FaultScript

ROOT = Path(__file__).parent.parent.parent
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text("utf-8")
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))
}
NOT_RUN = "Not run: "
FENCE = re.compile(r'^```(\w+)(?: title="([^"]*)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
PORT = re.compile(r"127\.0\.0\.1:\d+")


SET_UP = re.compile(r"python3 -m venv .*|\. \.venv/bin/activate( && )?")
"""Commands that the continuous check and `test_contributing.py` run."""


@frozen
class Block:
    """A block of code: its page and line there, its language, its title, and what it says."""

    page: str
    line: int
    language: str
    title: str
    code: str
    follows: bool
    """Whether it follows the block before it without text between."""

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"


def blocks_of(page: str) -> list[Block]:
    """Return the blocks of a page, in order."""
    text, end, found = PAGES[page], -1, []
    for match in FENCE.finditer(text):
        follows = end >= 0 and not text[end : match.start()].strip()
        line = text.count("\n", 0, match.start()) + 1
        found.append(Block(page, line, match[1], match[2] or "", match[3], follows))
        end = match.end()
    return found


def codes(page: str, language: str) -> list[str]:
    """Return the code of the blocks of a language on a page, in order."""
    return [block.code for block in blocks_of(page) if block.language == language]


def run(code: str, name: str = "page") -> dict[str, object]:
    """Run a block as a module of its own, and return its names."""
    names: dict[str, object] = {"__name__": name}
    exec(compile(code, name, "exec"), names)
    return names


class Reader:
    """Does what a page says, in an empty folder."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, folder: Path, open_until: contextlib.ExitStack
    ) -> None:
        self._patch = monkeypatch
        self._folder = folder
        self._open_until = open_until
        self._code = 0
        monkeypatch.chdir(folder)
        monkeypatch.syspath_prepend(folder)
        (folder / "docs").mkdir(exist_ok=True)
        for example in (ROOT / "docs").glob("*.xlsx"):
            shutil.copy(example, folder / "docs")
        monkeypatch.setenv("COLUMNS", "100")
        monkeypatch.setenv("XDG_CONFIG_HOME", str(folder))
        for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
            monkeypatch.delenv(name, raising=False)
        self._sandbox([])
        log = logging.getLogger("bonifiq_async")
        monkeypatch.setattr(log, "handlers", [*log.handlers])
        monkeypatch.setattr(log, "level", log.level)

    def follow(self, page: str) -> None:
        """Run the blocks of a page. Raises `AssertionError` where one does not do what it says."""
        printed = None
        for block in blocks_of(page):
            if block.title.startswith(NOT_RUN):
                continue
            if block.title:
                Path(block.title).write_text(block.code, "utf-8")
            if block.language == "text" and block.follows and printed is not None:
                same(block.place, block.code, printed)
            printed = None
            if block.language == "python":
                printed = self._printed(lambda code=block.code: run(code))
            elif block.language in ("sh", "console"):
                self._commands(block)

    def _commands(self, block: Block) -> None:
        for command, shown in commands(block):
            self._code, printed = self._done(command)
            where = f"{block.place}: $ {command}"
            if shown is not None:
                same(where, shown, printed)
            asked = "$ echo $?\n" in block.code
            assert self._code == 0 or asked, f"{where}\nends with {self._code}:\n{printed}"

    def _done(self, command: str) -> tuple[int, str]:
        """Return the exit code of a command, and what it prints."""
        if command == "echo $?":
            return 0, f"{self._code}\n"
        words = shlex.split(command, comments=True)
        if words[0] == "export":
            self._patch.setenv(*words[1].split("=", 1))
            return 0, ""
        if words[:2] == ["bonifiq", "sandbox"]:
            return 0, self._sandbox(words[2:])
        if words[0] != "bonifiq" or "|" in words:
            done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
            return done.returncode, done.stdout + done.stderr
        into = words[words.index(">") + 1] if ">" in words else None
        self._patch.setattr(sys, "argv", words if into is None else words[: words.index(">")])
        ended: list[int] = []

        def call() -> None:
            try:
                main()
            except SystemExit as error:
                ended.append(int(error.code or 0))

        printed = self._printed(call, into)
        return ended[0], printed

    def _printed(self, call: Callable[[], object], into: str | None = None) -> str:
        """Return what a call prints; what goes to standard output may go into a file instead."""
        printed, kept = io.BytesIO(), io.BytesIO()
        errors = io.TextIOWrapper(printed, "utf-8", write_through=True)
        output = errors if into is None else io.TextIOWrapper(kept, "utf-8", write_through=True)
        with self._patch.context() as streams:
            streams.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
            streams.setattr(sys, "stdout", output)
            streams.setattr(sys, "stderr", errors)
            call()
        if into is not None:
            Path(into).write_bytes(kept.getvalue())
        return printed.getvalue().decode("utf-8")

    def _sandbox(self, options: list[str]) -> str:
        """Start a sandbox, have the environment point to it, and return what the command would print."""
        given = dict(zip(options[::2], options[1::2], strict=True))
        script = given.get("--script")
        faults = FaultScript() if script is None else FaultScript.from_file(Path(script))
        adapter = adapter_for(given.get("--provider", "bonifiq"))
        running = self._open_until.enter_context(adapter.sandbox(faults, 0, None))
        settings = running.environment()
        for name, value in settings.items():
            self._patch.setenv(name, value)
        return "".join(f"export {name}={value}\n" for name, value in settings.items())


def commands(block: Block) -> Iterator[tuple[str, str | None]]:
    """Yield the commands of a block, each with what it is shown to print, if that is shown."""
    if block.language == "sh":
        for line in block.code.replace("\\\n", "").splitlines():
            if (command := SET_UP.sub("", line)) and not command.startswith("#"):
                yield command, None
        return
    for part in re.split(r"^\$ ", block.code, flags=re.MULTILINE)[1:]:
        command, _, shown = part.replace("\\\n", "").partition("\n")
        yield command, shown


def same(where: str, shown: str, printed: str) -> None:
    """Compare what a page shows with what is printed; the number of blanks does not count."""
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    wanted, got = (PORT.sub("127.0.0.1:8080", text) for text in (shown, printed))
    assert doctest.OutputChecker().check_output(wanted, got, flags), f"{where}\nprints:\n{printed}"
