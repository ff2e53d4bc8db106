"""The import rule: the real import graph, compared with the table of the architecture."""

import ast
import configparser
import re

import pytest
from import_graph import (
    FACES,
    GRAPH,
    LEVEL,
    OUTSIDE,
    PACKAGE,
    PROVIDERS,
    TREES,
    imported,
    module_of,
    name_of,
    package_of,
)

from bonifiq_async._provider.registry import names, specs

PURE = {"_model", "_policy"}
CLIENT = {
    "_transport.session",
    "_transport.public_path",
    "_transport.fast_path",
    "_transport.connector",
    "_transport.write_guard",
    "_transport.aiohttp_parts",
    "_transport.failure_causes",
}
"""The modules that may use aiohttp's client."""


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
DECISIONS = [module for module in MODULES if package_of(module) in PURE]


def test_graph_is_the_real_one() -> None:
    """Checks the reading of imports by some known edges."""
    assert {"_model.validation", "_model.operation", "_model.outcome", "_policy.budget"} <= GRAPH[
        "_policy.retry"
    ]
    assert "_transport.session" in GRAPH["bonifiq.client"]
    assert "bonifiq.client" in GRAPH[""]
    assert "aiohttp" in OUTSIDE["_transport.session"]
    assert "asyncio" in OUTSIDE["_delivery.single_flight"]
    assert "_delivery.delivery" in reached("bonifiq.client")


def test_every_module_is_in_the_table() -> None:
    assert [module for module in MODULES if package_of(module) not in LEVEL] == []


def test_no_module_imports_what_is_above_it() -> None:
    above = {
        module: {
            target
            for target in GRAPH[module]
            if not target or LEVEL[package_of(target)] > LEVEL[package_of(module)]
        }
        for module in MODULES
        if module not in FACES
    }
    assert {module: targets for module, targets in above.items() if targets} == {}


@pytest.mark.parametrize("package", ["asyncio", "aiohttp"])
def test_no_decision_imports_input_or_output(package: str) -> None:
    found = {module: {reach for reach in reached(module) if uses(reach, package)} for module in DECISIONS}
    assert {module: reaches for module, reaches in found.items() if reaches} == {}
    assert len(DECISIONS) > 15


def test_every_branch_of_a_decision_is_demanded() -> None:
    """The check of `.ci/run` covers every pure decision, and what else decides over money."""
    covered = configparser.ConfigParser()
    covered.read(PACKAGE.parent / ".ci" / "decisions.ini", "utf-8")
    names = {name_of(PACKAGE.parent / line) for line in covered["run"]["include"].split()}
    others = {f"_model.{module}" for module in ("evidence", "validation", "money")}
    others |= {"ledger.protocol", "_delivery.in_doubt"}
    others |= {f"_limits.{module}" for module in ("adaptive_limit", "failure_rate")}
    others |= {"batch.outage", "batch.per_customer"}
    others |= {"consumers.decision", "consumers.event"}
    others |= {"bonifiq.envelope", "bonifiq.removal", "raba7ni.envelope", "bonifiq.changes.keys"}
    others |= {f"bonifiq.reading.{module}" for module in ("cancels", "pages", "refresh")}
    assert names == {module for module in MODULES if module.startswith("_policy.")} | others
    assert covered.getboolean("run", "branch") and covered.getint("report", "fail_under") == 100


def test_only_the_transport_uses_the_http_client() -> None:
    users = {module for module in MODULES if uses(module, "aiohttp") and "sandbox" not in package_of(module)}
    lends = {"verification.experiments.early_waits"}  # a session to a client, as a program does
    assert users == CLIENT | set(TYPED) | lends | {SERVES}


def test_only_the_ledger_in_postgresql_uses_its_driver() -> None:
    """And when it connects: no module imports it while it is imported itself."""
    users = [module for module in MODULES if uses(module, "asyncpg")]
    assert users and all(module.startswith("ledger.postgres") for module in users)
    at_once = [
        module
        for module in users
        for node in TREES[module].body
        if isinstance(node, ast.Import | ast.ImportFrom) and "asyncpg" in ast.unparse(node)
    ]
    assert at_once == []


SERVES = "bonifiq.webhooks.on_aiohttp"
"""The module of the library that is a handler of aiohttp's server."""


TYPED = ["_provider.connection", *(f"{provider}.client" for provider in sorted(PROVIDERS))]
"""The modules that take a session of the caller's."""


@pytest.mark.parametrize("module", TYPED)
def test_provider_uses_aiohttp_for_a_type_alone(module: str) -> None:
    tree = TREES[module]
    annotations = [
        annotation
        for node in ast.walk(tree)
        if (annotation := getattr(node, "annotation", None) or getattr(node, "returns", None)) is not None
    ]
    typed = {id(name) for annotation in annotations for name in ast.walk(annotation)}
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == "aiohttp"]
    assert OUTSIDE[module] & {"aiohttp", "aiohttp.ClientSession"} == {"aiohttp"}
    assert [name.lineno for name in names if id(name) not in typed] == []


SANDBOXES = [module for module in MODULES if "sandbox" in package_of(module)]


def test_what_serves_uses_the_server_side_of_aiohttp_alone() -> None:
    used = [name for module in (*SANDBOXES, SERVES) for name in OUTSIDE[module]]
    names = {name for name in used if name.split(".")[0] == "aiohttp"}
    assert names == {"aiohttp.web"}


JUDGED_BY = {
    "_model.validation": {"count", "limit", "setting", "stock"},  # of a script's settings, not of requests
    "_model.errors": {"ConfigurationError", "PayloadError"},
    "_model.printable": {"printable"},  # how foreign text is shown
    "_model.secret": {"MASK", "masked"},
    "_provider.spec": {"ProviderSpec"},  # the names of the variables of `environment()`
    "bonifiq": {"PROVIDER"},
    "raba7ni": {"PROVIDER"},
    "bonifiq.client": {"BasicCredentials"},
    "bonifiq.payloads": {"CustomerPointsToExpire", "PendingOrder", "PointDetailItem"},
    "raba7ni.client": {"Raba7niCredentials"},
    "raba7ni.member": {"MemberToken"},
    "raba7ni.payloads": {"CashbackConfig"},
}
"""What a sandbox may use of the rest of the package: values that its users give it, and no decision."""


def test_a_sandbox_validates_by_itself() -> None:
    """A fault in the client's reading, checking or writing must not be in the sandbox, too."""
    taken: dict[str, set[str]] = {}
    for module in (module for module in SANDBOXES if module not in FACES):
        for name in imported(module, TREES[module]):
            source = module_of(name)
            if source is not None and "sandbox" not in package_of(source):
                last = name.rpartition(".")[2]
                used = attributes(TREES[module], last) if source == name.partition(".")[2] else {last}
                taken.setdefault(source, set()).update(used)
    assert taken == JUDGED_BY


def attributes(tree: ast.AST, module: str) -> set[str]:
    """Return the attributes that a tree uses of a module."""
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == module
    }


BELOW = [
    module
    for module in MODULES
    if LEVEL[package_of(module)] <= LEVEL["_provider"]
    or (package_of(module) in {"batch", "sandbox"} and module not in FACES)
]


def test_no_provider_is_known_in_shared_code() -> None:
    known = {module: {target.split(".")[0] for target in GRAPH[module]} & PROVIDERS for module in BELOW}
    assert {module: providers for module, providers in known.items() if providers} == {}
    assert len(BELOW) > 40


BONIFIQS = {"cli.commands.demo": {"bonifiq"}}
"""The modules for one provider alone; its other commands are in its folder."""


def test_the_command_line_knows_a_provider_by_its_adapter_alone() -> None:
    """Code for every file must work for the next provider, too."""
    known = {
        module: {target.split(".")[0] for target in GRAPH[module]} & PROVIDERS
        for module in MODULES
        if package_of(module) == "cli"
    }
    assert {module: providers for module, providers in known.items() if providers} == BONIFIQS


def test_the_command_line_names_no_provider() -> None:
    """Neither as a value nor in words: choices, help and variables come from the registry."""
    titles = {spec.title for spec in specs()}
    variables = {
        name for spec in specs() for name in (spec.environment.base_url, *spec.environment.credentials)
    }
    named = {}
    for module in (each for each in MODULES if package_of(each) == "cli" and each not in BONIFIQS):
        path = PACKAGE.joinpath(*module.split("."))
        text = (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text("utf-8")
        words = {word.strip("`'\".,:;()") for word in OWN_NAMES.sub("", text).split()}
        others = {word for word in words for name in names() if name != COMMAND and name in word.lower()}
        literals = {literal(node) for node in ast.walk(TREES[module])} & set(names())
        named[module] = others | literals | words & (titles | variables)
    assert {module: found for module, found in named.items() if found} == {}


COMMAND = "bonifiq"
"""The console command has the name of the first provider."""


def literal(node: ast.AST) -> object:
    return node.value if isinstance(node, ast.Constant) else None


# Names that may stand anywhere: the package's own, its command's, that of its errors, that of its schema.
OWN_NAMES = re.compile(
    r"bonifiq[_-]async|BonifiQError|`bonifiq ledger migrate|SCHEMA = \"bonifiq\"", re.IGNORECASE
)


REGISTRY = "_provider.registry"
"""The one list of providers."""
SHARED = [
    module for module in MODULES if LEVEL[package_of(module)] <= LEVEL["_provider"] and module != REGISTRY
]


def test_no_provider_is_named_below_the_providers() -> None:
    """Neither in code nor in prose: the layers below must work for the next provider, too."""
    named = {}
    for module in SHARED:
        path = PACKAGE.joinpath(*module.split("."))
        text = (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text("utf-8")
        words = OWN_NAMES.sub("", text).lower()
        named[module] = [provider for provider in PROVIDERS if provider in words]
    assert {module: providers for module, providers in named.items() if providers} == {}
    assert len(SHARED) > 40


def test_every_provider_has_a_package() -> None:
    """A row of the table without a package would test nothing."""
    assert set() < PROVIDERS <= {package_of(module) for module in MODULES}


def test_providers_do_not_know_each_other() -> None:
    others = {
        module: {target.split(".")[0] for target in GRAPH[module]} & PROVIDERS - {module.split(".")[0]}
        for module in MODULES
        if module.split(".")[0] in PROVIDERS
    }
    assert {module: providers for module, providers in others.items() if providers} == {}
