"""Only the screen prints, and only the log logs: what others wrote passes there, and nowhere by itself."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import bonifiq_async

PACKAGE = Path(bonifiq_async.__file__).parent
TREES = {str(path.relative_to(PACKAGE)): ast.parse(path.read_text("utf-8")) for path in PACKAGE.rglob("*.py")}
SCREEN = {"cli/terminal/screen.py", "cli/terminal/tables.py"}
PRINTING = ("print", "typer.echo", "typer.secho", "typer.confirm", "typer.prompt", "sys.stdout", "sys.stderr")
ALLOWED = {
    "cli/terminal/progress.py": {
        "sys.stderr",
        "rich.progress",
    },  # is it a terminal? and a bar of its own words
    "cli/entry_point.py": {"sys.stdout", "sys.stderr"},  # puts them back
}


def _printing(tree: ast.AST) -> Iterator[str]:
    """Yield what in a module prints, or could."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute) and (name := ast.unparse(node)) in PRINTING:
            yield name
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "rich":
            yield node.module or ""
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "rich")


@pytest.mark.parametrize("module", sorted(TREES.keys() - SCREEN))
def test_nothing_but_the_screen_prints(module: str) -> None:
    """What printed by itself would have to think of foreign text, encodings and readers who have gone."""
    assert set(_printing(TREES[module])) - ALLOWED.get(module, set()) == set()


def test_the_screen_prints() -> None:
    """Guards the reading of the code: what it must find is found."""
    assert {"print", "sys.stdout", "sys.stderr", "typer.confirm"} <= set(
        _printing(TREES["cli/terminal/screen.py"])
    )
    assert "rich.table" in set(_printing(TREES["cli/terminal/tables.py"]))


def test_nothing_but_the_log_logs() -> None:
    """Elsewhere a logger is named to be silenced, and nothing is written to it."""
    naming = {
        module
        for module, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in ("getLogger", "warn", "showwarning")
    }
    assert naming == {"_log.py", "cli/entry_point.py", "verification/earnings.py"}
