"""Only the screen prints, and only the log logs: foreign text is escaped there, and printed nowhere else."""

import ast
from collections.abc import Iterator

from import_graph import TREES

SCREEN = {"cli.terminal.screen", "cli.terminal.tables"}
PRINTING = ("print", "typer.echo", "typer.secho", "typer.confirm", "typer.prompt", "sys.stdout", "sys.stderr")
ALLOWED = {
    "cli.terminal.progress": {"sys.stderr"},  # is it a terminal?
    "cli.entry_point": {"sys.stdout", "sys.stderr"},  # puts them back
    "verification.other_process_child": {"print"},  # writes to the process that started it, over a pipe
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


def test_nothing_but_the_screen_prints() -> None:
    """Other code that prints would need to handle foreign text, encodings and closed readers itself."""
    found = {module: set(_printing(TREES[module])) - ALLOWED.get(module, set()) for module in TREES}
    assert {module for module, names in found.items() if names} == SCREEN


def test_the_screen_prints() -> None:
    """Guards the reading of the code: what it must find is found."""
    assert {"print", "sys.stdout", "sys.stderr", "typer.prompt"} <= set(
        _printing(TREES["cli.terminal.screen"])
    )
    assert "rich.table" in set(_printing(TREES["cli.terminal.tables"]))


def test_nothing_but_the_log_logs() -> None:
    """Elsewhere a logger is named to be silenced, and nothing is written to it."""
    naming = {
        module
        for module, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in ("getLogger", "warn", "showwarning")
    }
    assert naming == {
        "_log",
        "cli.entry_point",
        "verification.other_process_child",
    }
