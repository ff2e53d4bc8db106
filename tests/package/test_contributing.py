"""CONTRIBUTING.md: its commands run, and what it names exists."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from one_test import one_test

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
COMMANDS = [
    line for block in re.findall(r"^```sh\n(.*?)^```", PAGE, re.M | re.S) for line in block.splitlines()
]
PYTEST = [command for command in COMMANDS if "-m pytest" in command]
PATHS = sorted(set(re.findall(r"`([\w.]+(?:/[\w.]+)*(?:/|\.py|\.md|\.toml))`", PAGE)))


def test_the_set_up_is_that_of_the_readme() -> None:
    """Without the tests, which the README runs after it."""
    set_up = COMMANDS[0]
    assert f"{set_up} && .venv/bin/python -m pytest -n 4" in (ROOT / "README.md").read_text("utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("command", PYTEST)
def test_pytest_takes_the_command(command: str) -> None:
    """Over one file, and without running it."""
    _, *arguments = shlex.split(command)
    arguments = [each for each in arguments if not each.startswith("--cov")]
    one = [*arguments, "--collect-only", "-q", "-n0", "tests/package/test_contributing.py"]
    done = subprocess.run([sys.executable, *one], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("command", [command for command in COMMANDS[1:] if command not in PYTEST])
def test_the_command_exists(command: str) -> None:
    """A command that runs for minutes is not run."""
    first, *arguments = shlex.split(command)
    if first.startswith(".ci/"):
        assert os.access(ROOT / first, os.X_OK)
    elif arguments[0] == "-m":
        wanted = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"][
            "optional-dependencies"
        ]
        assert any(each.startswith(arguments[1]) for each in wanted["dev"])
    else:
        assert (ROOT / arguments[0]).is_file()


@one_test
@pytest.mark.parametrize("path", PATHS)
def test_what_is_named_exists(path: str) -> None:
    assert (ROOT / path).exists() or [*(ROOT / "bonifiq_async").rglob(path)], path


def test_it_is_in_the_source_archive() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    included = settings["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    assert {"CONTRIBUTING.md", "README.md", "docs", "tests", ".ci"} <= set(included)
