"""The imports of the package as they stand in its files, by module and by package."""

import ast
from collections.abc import Iterator
from pathlib import Path

import bonifiq_async
from bonifiq_async._provider import registry

ROOT = "bonifiq_async"
PACKAGE = Path(bonifiq_async.__file__).parent

PACKAGES_OF_PROVIDERS = [
    package.removeprefix(f"{ROOT}.")
    for package in registry.PROVIDERS.values()
    if package.startswith(f"{ROOT}.")
]

# From the bottom to the top: a package may import itself and what stands before it, never the reverse.
ORDER = [
    "_model",
    "_log",
    "_pages",
    "_policy",
    "_concurrency",
    "_limits",
    "ledger",
    "_transport",
    "_delivery",
    "_provider",
    *PACKAGES_OF_PROVIDERS,
    "webhooks",
    "batch",
    "consumers",
    "faststream",
    "dead_letters",
    "sandbox",
    *(f"{package}.sandbox" for package in PACKAGES_OF_PROVIDERS),
    "testing",
    "virtual_time",
    "verification",
    "cli",
    *(f"{package}.files" for package in PACKAGES_OF_PROVIDERS),
    "__main__",
]
LEVEL = {package: level for level, package in enumerate(ORDER)}
PROVIDERS = set(PACKAGES_OF_PROVIDERS)
EDGES = {
    "files": "files",
    "kept_files": "files",
    "evidence": "files",
    "commands": "files",
    "sandbox": "sandbox",
}
"""The parts of a provider's folder for the command line and the sandbox, and its row: above the library."""
BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
"""Where a statement has statements; no expression imports."""
FACES = {"", "sandbox"}
"""Packages that export names of packages above them: for type checkers alone, and imported on first use."""


def name_of(path: Path) -> str:
    """Return the dotted name of a module, without the package: `bonifiq.client`; `` for the package."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


TREES = {name_of(path): ast.parse(path.read_text("utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}
FOLDERS = {name_of(path) for path in PACKAGE.rglob("__init__.py")}


def _walk(node: ast.AST, *, typed: bool) -> Iterator[ast.AST]:
    """Yield all statements of a tree; unless `typed`, without what only a type checker imports."""
    left = [node]
    while left:
        here = left.pop()
        yield here
        if not typed and isinstance(here, ast.If) and _is_for_types(here.test):
            left.extend(here.orelse)
        else:
            left.extend(each for block in BLOCKS for each in getattr(here, block, ()))


def _is_for_types(test: ast.expr) -> bool:
    return ast.unparse(test).rpartition(".")[2] == "TYPE_CHECKING"


def imported(module: str, tree: ast.AST, *, typed: bool = True) -> Iterator[str]:
    """Yield every absolute dotted name that `tree` imports, wherever the import stands.

    Unless `typed`, those that only a type checker imports are left out.
    """
    for node in _walk(tree, typed=typed):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = node.module or ""
            if node.level:
                here = [ROOT, *module.split(".")] if module else [ROOT]
                up = node.level - 1 if module in FOLDERS else node.level
                source = ".".join([*here[: len(here) - up], *([source] if source else [])])
            # `from a import b` imports the module a.b where there is one, else a name of a.
            yield from (f"{source}.{alias.name}" for alias in node.names)


def module_of(name: str) -> str | None:
    """Return the module of this package that the dotted `name` reaches, None for another package's."""
    if name != ROOT and not name.startswith(f"{ROOT}."):
        return None
    parts = name.split(".")[1:]
    while parts and ".".join(parts) not in TREES:
        parts.pop()
    return ".".join(parts)


def graph(*, typed: bool) -> dict[str, set[str]]:
    """Return the modules of this package that each module imports."""
    return {
        module: {
            target for name in imported(module, tree, typed=typed) if (target := module_of(name)) is not None
        }
        - {module}
        for module, tree in TREES.items()
    }


GRAPH = graph(typed=True)
RUNTIME_GRAPH = graph(typed=False)
"""The same without the imports that stand under `TYPE_CHECKING`."""
OUTSIDE = {
    module: {name for name in imported(module, tree) if module_of(name) is None}
    for module, tree in TREES.items()
}


def package_of(module: str) -> str:
    """Return the row of `ORDER` to which a module belongs."""
    parts = module.split(".")
    edge = EDGES.get(parts[1]) if parts[0] in PROVIDERS and parts[1:2] else None
    return parts[0] if edge is None else f"{parts[0]}.{edge}"
