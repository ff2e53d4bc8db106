"""The scripts of `.ci/` and the workflow that calls them: the same versions everywhere, pinned actions."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from on_this_machine import skip_without

ROOT = Path(__file__).parent.parent.parent
SCRIPTS = ["docs", "fast", "interpreter", "programs", "run", "services"]
WORKFLOW = (ROOT / ".github" / "workflows" / "tests.yml").read_text("utf-8")
JOBS = yaml.safe_load(WORKFLOW)["jobs"]
VERSIONS = JOBS["fast"]["strategy"]["matrix"]["python"]


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_can_be_run(name: str) -> None:
    path = ROOT / ".ci" / name
    assert os.access(path, os.X_OK)
    assert subprocess.run(["bash", "-n", str(path)], check=False).returncode == 0


def test_an_action_is_pinned_by_its_commit() -> None:
    """A tag can be moved; the comment names the tag."""
    used = re.findall(r"uses: (.*)", WORKFLOW)
    assert used
    assert [each for each in used if not re.fullmatch(r"\S+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each)] == []


def test_the_workflow_calls_the_scripts_alone() -> None:
    steps = [step for job in JOBS.values() for step in job["steps"]]
    assert [step["run"] for step in steps if "run" in step] == [".ci/fast python", ".ci/run"]


def test_versions_are_the_same_everywhere() -> None:
    """What is promised is tested; a version may be tested before it is promised."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    promised = re.findall(r"Python :: (3\.\d+)", "\n".join(project["classifiers"]))
    assert promised == VERSIONS[: len(promised)]
    assert project["requires-python"] == f">={VERSIONS[0]}"
    assert f"for version in {' '.join(VERSIONS)}; do" in (ROOT / ".ci" / "run").read_text("utf-8")


def test_only_what_is_not_promised_may_fail() -> None:
    """Windows, and the versions of Python without a classifier."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    unpromised = [
        each for each in VERSIONS if f"Programming Language :: Python :: {each}" not in project["classifiers"]
    ]
    conditions = ["matrix.os == 'windows-latest'", *(f"matrix.python == '{each}'" for each in unpromised)]
    assert JOBS["fast"]["continue-on-error"] == f"${{{{ {' || '.join(conditions)} }}}}"


POSIX_ONLY = {"fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty"}
"""Modules that Windows does not have."""


def test_a_module_that_windows_lacks_is_imported_behind_a_check() -> None:
    """`mypy --platform win32` sees names that Windows lacks, but not modules."""
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in (ROOT / "bonifiq_async").rglob("*.py")
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.Import | ast.ImportFrom) and POSIX_ONLY & names_of(node)
    ]
    assert found == []


def names_of(node: ast.Import | ast.ImportFrom) -> set[str]:
    return {each.name for each in node.names} if isinstance(node, ast.Import) else {str(node.module)}


def test_a_version_that_is_not_installed_has_no_interpreter() -> None:
    asked = [str(ROOT / ".ci" / "interpreter"), "3.99"]
    assert subprocess.run(asked, capture_output=True, text=True, check=True).stdout == ""


@pytest.mark.parametrize(("said", "ends"), [("", pytest.skip.Exception), ("1", pytest.fail.Exception)])
def test_a_test_that_misses_a_program_fails_in_the_whole_check(
    monkeypatch: pytest.MonkeyPatch, said: str, ends: type[BaseException]
) -> None:
    monkeypatch.setenv("WHOLE_CHECK", said)
    skip_without("/usr/bin/chromium", "no Chromium is installed here")
    with pytest.raises(ends, match="no Chromium is installed here"):
        skip_without(None, "no Chromium is installed here")


def test_the_whole_check_leaves_nothing_out_silently() -> None:
    """It installs what is missing first, a skip is reported with its reason, what is ignored runs later."""
    script = (ROOT / ".ci" / "run").read_text("utf-8")
    order = [
        script.index(each)
        for each in ("export WHOLE_CHECK=", 'ADDOPTS="-rs', "\n.ci/programs\n", 'tests "$main"', "[recipes]")
    ]
    assert order == sorted(order)
    later = script[order[-1] :]
    ignored = re.findall(r"--ignore=([\w/]+)", script)
    assert ignored == re.findall(r'^PYTEST_ADDOPTS=-rs tests .* ([\w/]+)"$', later, re.MULTILINE) != []


@pytest.mark.parametrize(
    ("user", "there", "installs"), [("0", False, True), ("1000", False, False), ("0", True, False)]
)
def test_a_missing_browser_is_installed_where_that_may_be(
    tmp_path: Path, user: str, there: bool, installs: bool
) -> None:
    programs = {"id": f"echo {user}", "apt-get": f'echo "$@" >> {tmp_path}/asked'}
    programs |= {"chromium": "true"} if there else {}
    for name, does in programs.items():
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{does}\n")
        path.chmod(0o755)
    bash = str(shutil.which("bash"))
    subprocess.run([bash, str(ROOT / ".ci" / "programs")], env={"PATH": str(tmp_path)}, check=True)
    asked = tmp_path / "asked"
    expected = ["update -qq", "install -qq --no-install-recommends chromium"] if installs else []
    assert (asked.read_text().splitlines() if asked.exists() else []) == expected


@pytest.mark.parametrize(
    ("begins", "said"), [('<html lang="en" class="a">', '<html lang="pt-BR" class="a">'), ("<html>", None)]
)
def test_a_page_in_portuguese_says_so(tmp_path: Path, begins: str, said: str | None) -> None:
    """The builder knows one language for all pages; where it begins them otherwise, the build ends."""
    page = tmp_path / "build" / "docs" / "pt" / "page.html"
    page.parent.mkdir(parents=True)
    page.write_text(begins, "utf-8")
    script = (ROOT / ".ci" / "docs").read_text("utf-8").split("<<'PYTHON'\n")[1].split("\nPYTHON\n")[0]
    ended = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, check=False)
    assert (ended.returncode, page.read_text("utf-8")) == ((0, said) if said else (1, begins))
