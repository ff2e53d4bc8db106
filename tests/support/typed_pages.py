"""The programs of pages type-check as they stand, by mypy --strict: users copy them."""

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from page_blocks import PAGES, ROOT, blocks_of
from recipe_runs import PAGE as TASK_QUEUES

TESTS = "docs/how-to/testing.md"
"""Its programs are tests, which are seldom annotated."""
HOW_TO = [page for page in PAGES if page.startswith("docs/how-to/") and page not in (TESTS, TASK_QUEUES)]
"""The pages whose programs import what `dev` installs; `TASK_QUEUES` needs the extra `recipes`."""


def check_types(pages: Iterable[str], folder: Path, untyped: str = "") -> None:
    """Check the programs, all in one folder: no two of them have one title.

    `untyped` is a part of mypy's settings, for what is imported and carries no types. Raises `AssertionError`
    with what mypy prints, where a program is refused.
    """
    for block in (each for page in pages for each in blocks_of(page) if each.language == "python"):
        file = folder / (block.title or f"{Path(block.page).stem.replace('-', '_')}_{block.line}.py")
        assert not file.exists(), f"{block.place}: another program has its title"
        file.write_text(block.code, "utf-8")
    (folder / "mypy.ini").write_text(f"[mypy]\nstrict = true\npython_version = 3.11\n{untyped}", "utf-8")
    options = ["--config-file", "mypy.ini", "--cache-dir", str(folder / "cache")]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, "."],
        cwd=folder,
        env={**os.environ, "MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
