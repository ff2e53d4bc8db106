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
BROKEN = "a break on purpose, which the test must see"

ALLOWED: dict[str, tuple[int, str]] = {
    "cli/test_used_keys.py": (1, BROKEN),
    "cli/test_written_lines.py": (1, BROKEN),
    "conftest.py": (1, INSIDE),
    "package/test_breaks.py": (2, BROKEN),
    "sandbox/test_bonifiq_judge.py": (1, BROKEN),
    "support/talking_server.py": (1, THEIRS),
    "transport/test_mocking_tools.py": (3, THEIRS),
}
"""How many private names each file may use, and why; the numbers may only fall."""


def is_private(name: str) -> bool:
    """Say whether the last part of a dotted name is private."""
    last = name.rpartition(".")[2]
    return last.startswith("_") and not last.endswith("__")


def private(tree: ast.AST) -> Iterator[str]:
    """Yield each private attribute that is not the test's own, also where it is imported or replaced."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_private(node.attr):
            own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            if not own:
                yield ast.unparse(node)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{each.name}" for each in node.names if is_private(each.name))
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("getattr", "setattr")):
            named = [each.value for each in node.args[:2] if isinstance(each, ast.Constant)]
            yield from (name for name in named if isinstance(name, str) and is_private(name))


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
    tree = ast.parse(
        "from a import _b, c\npatch.setattr(d, '_e', 1); setattr('f._g', 2); getattr(h, '__i__')"
    )
    assert Counter(private(tree)) == Counter(["a._b", "_e", "f._g"])
