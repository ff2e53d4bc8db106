"""Tests use public names: the number of private attributes that a test file uses is limited."""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parent.parent

INSIDE = (
    "places, quota and hold, which the calls of a client share: a call that has ended may leave one taken"
)
THEIRS = "another library's: what tools that mock it replace, and what their doubles must have"

ALLOWED: dict[str, tuple[int, str]] = {
    "conftest.py": (1, INSIDE),
    "transport/test_mocking_tools.py": (2, THEIRS),
}
"""How many private attributes each file may use, and why; the numbers may only fall."""


def private(tree: ast.AST) -> Iterator[str]:
    """Yield each private attribute that is not the test's own."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.endswith("__"):
            own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            if not own:
                yield ast.unparse(node)


def test_no_test_uses_more_private_names_than_it_may() -> None:
    """Users and other packages depend on public names and ports: tests of these survive a move."""
    found = {
        path.relative_to(TESTS).as_posix(): list(private(ast.parse(path.read_text("utf-8"))))
        for path in TESTS.rglob("*.py")
    }
    assert {name: each for name, each in found.items() if len(each) > ALLOWED.get(name, (0, ""))[0]} == {}


def test_what_is_private_is_found() -> None:
    """Checks the search itself."""
    tree = ast.parse("self._own; ledger._writer.submit(x._y); thing.__class__; _name")
    assert Counter(private(tree)) == Counter(["ledger._writer", "x._y"])
