"""The programs of docs/how-to type-check as they stand, by mypy --strict: users copy them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from page_blocks import PAGES, ROOT, blocks_of

TESTS = "docs/how-to/testing.md"
"""Its programs are tests, which are seldom annotated."""


@pytest.mark.slow
def test_every_program_is_accepted(tmp_path: Path) -> None:
    """All in one folder: no two of them have one title."""
    for page in PAGES:
        programs = [each for each in blocks_of(page) if each.language == "python" and page != TESTS]
        for block in programs if page.startswith("docs/how-to/") else ():
            file = tmp_path / (block.title or f"{Path(page).stem.replace('-', '_')}_{block.line}.py")
            assert not file.exists(), f"{block.place}: another program has its title"
            file.write_text(block.code, "utf-8")
    options = ["--strict", "--config-file", os.devnull, "--python-version", "3.11"]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, "--cache-dir", str(tmp_path / "cache"), "."],
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
