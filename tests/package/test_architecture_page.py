"""docs/explanation/architecture.md: its drawing and its list of packages, held against the imports."""

import re
from collections.abc import Mapping
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from import_graph import GRAPH, LEVEL, ORDER, PACKAGE, RUNTIME_GRAPH, package_of

import bonifiq_async

PAGE = (Path(__file__).parent.parent.parent / "docs" / "explanation" / "architecture.md").read_text("utf-8")
DRAWING = re.findall(r"^```mermaid\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)[0]
MOST_FLOORS = 10


def between_packages(modules: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Return which package imports which; what runs against the order is held by the import rule."""
    found: dict[str, set[str]] = {package: set() for package in ORDER}
    for module, targets in modules.items():
        for target in targets:
            if module and target and LEVEL[package_of(target)] < LEVEL[package_of(module)]:
                found[package_of(module)].add(package_of(target))
    return found


IMPORTS = between_packages(RUNTIME_GRAPH)


def reached(package: str) -> set[str]:
    """Return every package that `package` reaches by one import or more."""
    return IMPORTS[package].union(*(reached(each) for each in IMPORTS[package]))


def drawn() -> str:
    """Return the drawing; an arrow that follows from two others is left out."""
    lines = ["flowchart BT"]
    lines += [f'    {name_in_drawing(package)}["{label(package)}"]' for package in ORDER]
    for package in ORDER:
        by_others = set().union(*(reached(each) for each in IMPORTS[package]))
        for target in sorted(IMPORTS[package] - by_others, key=LEVEL.__getitem__):
            lines.append(f"    {name_in_drawing(package)} --> {name_in_drawing(target)}")
    return "".join(f"{line}\n" for line in lines)


def name_in_drawing(package: str) -> str:
    return package.strip("_").replace(".", "_")


def label(package: str) -> str:
    path = PACKAGE.joinpath(*package.split("."))
    return package.replace(".", "/") + ("/" if path.is_dir() else "")


def floors(imports: Mapping[str, set[str]]) -> dict[str, int]:
    """Return the layer of each: one above the highest that it imports. Raises `CycleError`."""
    height: dict[str, int] = {}
    for each in TopologicalSorter(imports).static_order():
        height[each] = 1 + max((height[target] for target in imports[each]), default=0)
    return height


def test_the_drawing_is_that_of_the_imports() -> None:
    assert drawn() == DRAWING


def test_the_page_says_how_many_floors_there_are() -> None:
    height = max(floors(IMPORTS).values())
    assert height <= MOST_FLOORS
    assert f"{height} floors" in PAGE


def test_no_modules_import_each_other_in_a_circle() -> None:
    """A circle for type checkers alone is none."""
    floors({module: targets - {""} for module, targets in RUNTIME_GRAPH.items() if module})
    assert RUNTIME_GRAPH != GRAPH


def listed(text: str) -> list[str]:
    """Return the packages of a list, in its order."""
    return re.findall(r"^(?:    |\| `)([a-z0-9_/]+?)/?(?:` \||  )", text, re.MULTILINE)


@pytest.mark.parametrize("text", [PAGE, bonifiq_async.__doc__], ids=["page", "docstring"])
def test_every_package_is_listed(text: str) -> None:
    top = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    top |= {path.stem for path in PACKAGE.glob("*.py")} - {"__init__", "__main__"}
    assert sorted(listed(text)) == sorted(top)


def test_the_page_lists_the_packages_from_the_bottom_to_the_top() -> None:
    assert listed(PAGE) == sorted(listed(PAGE), key=LEVEL.__getitem__)
