"""Who may import whom: the real import graph, held against the table of the architecture."""

import ast
import configparser
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import bonifiq_async

ROOT = "bonifiq_async"
PACKAGE = Path(bonifiq_async.__file__).parent

# From the bottom to the top: a row may import itself and what stands before it, never the reverse.
ROWS = {
    "words": [
        "operation",
        "outcome",
        "errors",
        "converters",
        "evidence",
        "history",
        "door",
        "money",
        "intent",
        "secret",
        "kind",
        "fixed",
        "account",
        "printable",
        "blotter",
    ],
    "decisions": [
        "retry",
        "verdict",
        "budget",
        "request",
        "change_key",
        "retry_after",
        "wait_scope",
        "conclusion",
        "doubts",
        "statement",
        "answer_body",
    ],
    "input/output": [
        "runtime",
        "log",
        "alarms",
        "slices",
        "admission",
        "watch",
        "aiohttp_parts",
        "connector",
        "wire",
        "causes",
        "proxies",
        "exchange",
        "direct",
        "session",
        "delivery",
        "claims",
        "calls",
        "ledger",
    ],
    "providers": ["bonifiq", "raba7ni"],
    "many": ["batch"],
    "edges": ["virtual_time", "sandbox", "laboratory", "cli", "pytest_plugin", "__main__"],
}
LEVEL = {room: level for level, rooms in enumerate(ROWS.values()) for room in rooms}
PROVIDERS = set(ROWS["providers"])
CLIENT = {"session", "exchange", "direct", "connector", "wire", "aiohttp_parts", "causes"}
"""The modules that may use aiohttp's client."""


def name_of(path: Path) -> str:
    """Return the dotted name of a module, without the package: `bonifiq.client`; `` for the package."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


TREES = {name_of(path): ast.parse(path.read_text("utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}
FOLDERS = {name_of(path) for path in PACKAGE.rglob("__init__.py")}


def imported(module: str, tree: ast.AST) -> Iterator[str]:
    """Yield every absolute dotted name that `tree` imports, wherever the import stands."""
    for node in ast.walk(tree):
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


GRAPH = {
    module: {target for name in imported(module, tree) if (target := module_of(name)) is not None} - {module}
    for module, tree in TREES.items()
}
OUTSIDE = {
    module: {name for name in imported(module, tree) if module_of(name) is None}
    for module, tree in TREES.items()
}


def room(module: str) -> str:
    return module.split(".")[0]


def reached(module: str) -> set[str]:
    """Return `module` and all that it imports in this package, however far."""
    seen, left = set(), [module]
    while left:
        here = left.pop()
        if here not in seen:
            seen.add(here)
            left.extend(GRAPH[here])
    return seen


def uses(module: str, package: str) -> bool:
    return any(name.split(".")[0] == package for name in OUTSIDE[module])


MODULES = [module for module in TREES if module]
DECISIONS = [module for module in MODULES if LEVEL.get(room(module)) == LEVEL["retry"]]


def test_graph_is_the_real_one() -> None:
    """Guards the reading of imports: some edges that are known."""
    assert {"door", "operation", "outcome", "budget"} <= GRAPH["retry"]
    assert "session" in GRAPH["bonifiq.client"]
    assert "bonifiq" in GRAPH[""]
    assert "aiohttp" in OUTSIDE["session"]
    assert "asyncio" in OUTSIDE["claims"]
    assert "delivery" in reached("bonifiq.client")


@pytest.mark.parametrize("module", MODULES)
def test_module_is_in_the_table(module: str) -> None:
    assert room(module) in LEVEL


@pytest.mark.parametrize("module", MODULES)
def test_module_imports_nothing_above_it(module: str) -> None:
    level = LEVEL[room(module)]
    above = {target for target in GRAPH[module] if not target or LEVEL[room(target)] > level}
    assert above == set()


@pytest.mark.parametrize("package", ["asyncio", "aiohttp"])
@pytest.mark.parametrize("module", DECISIONS)
def test_decision_imports_no_input_or_output(module: str, package: str) -> None:
    assert {reach for reach in reached(module) if uses(reach, package)} == set()


def test_every_branch_of_a_decision_is_demanded() -> None:
    """The check of `.ci/run` covers the whole row, and what else decides over money."""
    covered = configparser.ConfigParser()
    covered.read(PACKAGE.parent / ".ci" / "decisions.ini", "utf-8")
    names = {name_of(PACKAGE.parent / line) for line in covered["run"]["include"].split()}
    others = {"evidence", "history", "door", "intent", "money"}
    others |= {f"batch.{module}" for module in ("limit", "share", "outage", "lanes")}
    others |= {"bonifiq.envelope", "bonifiq.removal", "raba7ni.envelope"}
    assert names == {*DECISIONS} | others
    assert covered.getboolean("run", "branch") and covered.getint("report", "fail_under") == 100


def test_only_the_session_uses_the_http_client() -> None:
    users = {module for module in MODULES if uses(module, "aiohttp") and room(module) != "sandbox"}
    lends = {"laboratory.holds"}  # a session to a client, as a program does
    assert users == CLIENT | {f"{provider}.client" for provider in PROVIDERS} | lends


@pytest.mark.parametrize("provider", sorted(PROVIDERS))
def test_provider_uses_aiohttp_for_a_type_alone(provider: str) -> None:
    tree = TREES[f"{provider}.client"]
    annotations = [
        annotation
        for node in ast.walk(tree)
        if (annotation := getattr(node, "annotation", None) or getattr(node, "returns", None)) is not None
    ]
    typed = {id(name) for annotation in annotations for name in ast.walk(annotation)}
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == "aiohttp"]
    assert OUTSIDE[f"{provider}.client"] & {"aiohttp", "aiohttp.ClientSession"} == {"aiohttp"}
    assert [name.lineno for name in names if id(name) not in typed] == []


def test_sandbox_uses_the_server_side_of_aiohttp_alone() -> None:
    names = {
        name
        for module in MODULES
        if room(module) == "sandbox"
        for name in OUTSIDE[module]
        if name.split(".")[0] == "aiohttp"
    }
    assert names == {"aiohttp.web"}


JUDGED_BY = {
    "door": {"count", "limit", "setting", "stock"},  # of a script's settings, not of requests
    "errors": {"ConfigurationError", "PayloadError"},
    "printable": set(),  # the function of that name: how foreign text is shown
    "secret": {"MASK", "masked"},
    "bonifiq.client": {"BasicCredentials"},
    "bonifiq.payloads": {"CustomerPointsToExpire", "PendingOrder", "PointDetailItem"},
    "raba7ni.client": {"Raba7niCredentials"},
    "raba7ni.member": {"MemberToken"},
    "raba7ni.payloads": {"CashbackConfig"},
}
"""What a sandbox may take of the rest of the package: values that its users give it, and no decision."""


def test_a_sandbox_judges_by_itself() -> None:
    """A fault in how the client reads, checks or writes a request is not the sandbox's, too."""
    taken: dict[str, set[str]] = {}
    for module in (module for module in MODULES if room(module) == "sandbox"):
        for name in imported(module, TREES[module]):
            source = module_of(name)
            if source is not None and room(source) != "sandbox":
                last = name.rpartition(".")[2]
                used = {last} if last != source.rpartition(".")[2] else attributes(TREES[module], last)
                taken.setdefault(source, set()).update(used)
    assert taken == JUDGED_BY


def attributes(tree: ast.AST, module: str) -> set[str]:
    """Return what a tree takes of a module that it names."""
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == module
    }


@pytest.mark.parametrize(
    "module",
    [
        module
        for module in MODULES
        if LEVEL.get(room(module), 0) < LEVEL["bonifiq"] or room(module) in ROWS["many"]
    ],
)
def test_no_provider_is_known_where_all_are_served(module: str) -> None:
    assert {room(target) for target in GRAPH[module]} & PROVIDERS == set()


SIDES = {"cli.bonifiq_side": {"bonifiq"}, "cli.raba7ni_side": {"raba7ni"}}
BONIFIQS = {"cli.one_call": {"bonifiq"}, "cli.demo": {"bonifiq"}}
"""Commands of one provider alone."""


def test_the_command_line_knows_a_provider_by_its_side_alone() -> None:
    """What serves every file serves those of the next provider, too."""
    known = {
        module: {room(target) for target in GRAPH[module]} & PROVIDERS
        for module in MODULES
        if room(module) == "cli"
    }
    assert {module: providers for module, providers in known.items() if providers} == SIDES | BONIFIQS
    importing = {module for module in known if GRAPH[module] & SIDES.keys()}
    assert importing == {"cli.one_call"}


# Both names as they may stand anywhere: the package's own, its command's, and that of its errors.
OWN_NAMES = re.compile(r"bonifiq[_-]async|BonifiQError", re.IGNORECASE)


@pytest.mark.parametrize(
    "module", [module for module in MODULES if LEVEL.get(room(module), 0) < LEVEL["bonifiq"]]
)
def test_no_provider_is_named_below_the_providers(module: str) -> None:
    """Neither in code nor in words: what is below serves whoever comes next, too."""
    path = PACKAGE.joinpath(*module.split("."))
    text = (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text("utf-8")
    named = OWN_NAMES.sub("", text).lower()
    assert [provider for provider in PROVIDERS if provider in named] == []


def test_every_provider_has_a_room() -> None:
    """A row of the table that names nobody would hold nobody to it."""
    assert PROVIDERS == {"bonifiq", "raba7ni"} <= {room(module) for module in MODULES}


@pytest.mark.parametrize("module", [module for module in MODULES if room(module) in PROVIDERS])
def test_providers_do_not_know_each_other(module: str) -> None:
    assert {room(target) for target in GRAPH[module]} & PROVIDERS <= {room(module)}
