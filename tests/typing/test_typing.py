"""What users may write type-checks, and what they must not write does not: by mypy and by pyright."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args, get_type_hints

import attrs
import pytest
from compared_operations import method_of
from one_test import one_test

from bonifiq_async.bonifiq.operations.table import OPERATIONS, documented

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
Errors = dict[str, set[int]]


def by_mypy(cache: Path) -> Errors:
    line = [sys.executable, "-m", "mypy", "--strict", "--config-file", os.devnull, "--cache-dir", str(cache)]
    done = subprocess.run(
        [*line, "--python-version", "3.11", "accepted.py", "refused.py"],
        cwd=HERE,
        env={**os.environ, "MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    found = re.findall(r"^(\S+?):(\d+): error: (.*)$", done.stdout, re.MULTILINE)
    print(done.stdout)
    return in_files([(Path(file).name, int(number)) for file, number, _ in found])


def by_pyright(_: Path) -> Errors:
    """As basedpyright, which brings its own Node.js; `pyrightconfig.json` has pyright's usual rules."""
    line = [sys.executable, "-m", "basedpyright", "--outputjson", "--pythonpath", sys.executable]
    done = subprocess.run(line, cwd=HERE, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    print(done.stdout)
    return in_files(
        [
            (Path(each["file"]).name, each["range"]["start"]["line"] + 1)
            for each in json.loads(done.stdout)["generalDiagnostics"]
            if each["severity"] == "error"
        ]
    )


def in_files(found: list[tuple[str, int]]) -> Errors:
    return {name: {line for file, line in found if file == name} for name in {file for file, _ in found}}


def marked(file: str) -> set[int]:
    """Return the lines that must be errors."""
    lines = (HERE / file).read_text("utf-8").splitlines()
    return {number for number, line in enumerate(lines, 1) if line.endswith("# refused")}


@pytest.mark.slow
@pytest.mark.parametrize("checker", [by_mypy, by_pyright])
def test_what_users_write_is_accepted_or_refused(checker, tmp_path) -> None:
    assert len(marked("refused.py")) > 15
    assert checker(tmp_path / "cache") == {"refused.py": marked("refused.py")}


def test_the_program_calls_every_operation() -> None:
    """Of the table: a new one needs its line in `accepted.py`."""
    tree = ast.parse((HERE / "accepted.py").read_text("utf-8"))
    calls = [ast.unparse(each.func) for each in ast.walk(tree) if isinstance(each, ast.Call)]
    called = {".".join(call.split(".")[-2:]) for call in calls}
    assert {documented(each).called for each in OPERATIONS} - called == set()


@one_test
@pytest.mark.parametrize("name", [documented(each).called for each in OPERATIONS])
def test_every_result_is_a_class_whose_members_an_editor_knows(name: str) -> None:
    """Or some of one: never a mapping; each member has a type, and a method says what it returns."""
    given = get_type_hints(method_of(name))["return"]
    kind = next(iter(get_args(given)), given)  # of an outcome, a list or a generator
    assert attrs.has(kind), given
    assert all(hint is not Any for hint in get_type_hints(kind).values())
