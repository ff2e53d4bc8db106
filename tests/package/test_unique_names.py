"""One name, one meaning: no two classes or type aliases of the package have the same name."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parent.parent.parent / "bonifiq_async"

SHARED_NAMES = {
    "AnswerReader": "a provider's reader of answers: each provider's folder has one, and a call takes either",
    "Record": "what one experiment saw: each has its own, and no claim reads two of them",
}
"""Names that occur more than once, and the one meaning that all of them have."""


def defined(tree: ast.Module) -> Iterator[str]:
    """Yield the classes of a module and its aliases of types, but not type variables of one letter."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign) and isinstance(name := node.targets[0], ast.Name):
            yield from [name.id] if name.id[0].isupper() and not name.id.isupper() else []


def test_a_class_has_a_name_of_its_own() -> None:
    places = defaultdict(list)
    for path in sorted(PACKAGE.rglob("*.py")):
        for name in defined(ast.parse(path.read_text("utf-8"))):
            places[name].append(path.relative_to(PACKAGE).as_posix())
    twice = {name: where for name, where in places.items() if len(where) > 1}
    assert {name: where for name, where in twice.items() if name not in SHARED_NAMES} == {}
    assert SHARED_NAMES.keys() <= twice.keys(), "a name that occurs once needs no exception"
