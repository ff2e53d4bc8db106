"""Nothing is written twice: no two places of the package have the same statements."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parent.parent.parent / "bonifiq_async"
LINES = 6
"""The fewest lines of code that count as a repeat."""
DEFENDED = {
    "bonifiq/schemas/customers.py, bonifiq/schemas/orders.py": "a schema has the members of its page, also "
    "where another has the same ones",
    "bonifiq/client.py, raba7ni/client.py": "a client's options are written out: help and type checkers read "
    "them, and a local that holds an address is deleted in the frame that has it",
}
"""Files that have the same statements, and why."""


def blocks(tree: ast.Module) -> Iterator[list[ast.stmt]]:
    """Yield the statements of every block, without imports and docstrings."""
    for node in ast.walk(tree):
        for part in ("body", "orelse", "finalbody"):
            found = getattr(node, part, None)
            if isinstance(found, list):
                yield [each for each in found if not is_thin(each)]


def is_thin(statement: ast.stmt) -> bool:
    says = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return says or isinstance(statement, ast.Import | ast.ImportFrom)


def runs(block: list[ast.stmt]) -> Iterator[str]:
    """Yield, from each statement of a block on, the fewest statements that have so many lines."""
    for first in range(len(block)):
        lines = 0
        for last in range(first, len(block)):
            lines += block[last].end_lineno - block[last].lineno + 1
            if lines >= LINES:
                yield "\n".join(map(ast.unparse, block[first : last + 1]))
                break


def test_no_statements_are_repeated() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path in sorted(PACKAGE.rglob("*.py")):
        for block in blocks(ast.parse(path.read_text("utf-8"))):
            for run in runs(block):
                places[run].append(path.relative_to(PACKAGE).as_posix())
    twice = {", ".join(files): run for run, files in places.items() if len(files) > 1}
    assert {files: run for files, run in twice.items() if files not in DEFENDED} == {}
    assert DEFENDED.keys() <= twice.keys(), "what is written once needs no exception"
