"""What users may write type-checks, and what they must not write does not: by mypy and by pyright."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

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
