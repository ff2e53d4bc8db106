"""The public names: pinned, sorted, importable, and each with a docstring."""

import ast
import importlib
import inspect
import json
import re
import subprocess
import sys
import textwrap
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from types import FunctionType

import pytest
from import_graph import TREES, name_of
from one_test import one_test

import bonifiq_async
import bonifiq_async.webhooks
from bonifiq_async.bonifiq.calls import catalogue, orders, point_of_sale, reports, rewards
from bonifiq_async.bonifiq.calls.caller import Group
from bonifiq_async.bonifiq.checkout import Checkout
from bonifiq_async.bonifiq.customers import Customers
from bonifiq_async.raba7ni.cards import Cards
from bonifiq_async.raba7ni.cashback import Cashback
from bonifiq_async.raba7ni.members import Members

PACKAGE = Path(bonifiq_async.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
NAMES = [
    "Attempt",
    "AuthenticationError",
    "BasicCredentials",
    "BatchSummary",
    "BonifiQClient",
    "BonifiQError",
    "BonifiQPublicClient",
    "CardReward",
    "CashbackBalance",
    "CashbackBatch",
    "CashbackCard",
    "CashbackChange",
    "CashbackConfig",
    "CashbackEarned",
    "CashbackRedeemed",
    "CashbackRefunded",
    "CashbackTransaction",
    "ChangeKeyConflict",
    "CheckoutRemoval",
    "ConfigurationError",
    "CustomerNotFound",
    "CustomerPoints",
    "CustomerPointsToExpire",
    "DuplicateRule",
    "Earn",
    "Effect",
    "ErrorAnswer",
    "FlowControl",
    "FlowState",
    "HistoryPage",
    "Ledger",
    "LedgerError",
    "MaskedMember",
    "Member",
    "MemberCheck",
    "MemberRegistration",
    "MemberToken",
    "MemoryLedger",
    "NotAppliedError",
    "Notice",
    "OneTimeCode",
    "OneTimeCodeSent",
    "OrderOrigin",
    "Outcome",
    "OutcomeUnknownError",
    "Pagination",
    "PayloadError",
    "PendingOrder",
    "PendingPoints",
    "Pin",
    "PointDetailItem",
    "PointsChange",
    "PoolLimits",
    "PostgresLedger",
    "Raba7niClient",
    "Raba7niCredentials",
    "Redeem",
    "Refund",
    "RefusedError",
    "RetryAfterTooLong",
    "RetryPolicy",
    "Runtime",
    "Severity",
    "SharedPace",
    "SignInPaths",
    "SignedIn",
    "SqliteLedger",
    "StopReason",
    "Timeouts",
    "UnverifiedOperationWarning",
    "Verdict",
    "change_key_for",
]
PACKAGES = [
    *("bonifiq_async.batch", "bonifiq_async.bonifiq", "bonifiq_async.raba7ni", "bonifiq_async.sandbox"),
    "bonifiq_async.webhooks",
]
WEBHOOK_NAMES = [
    "EarnedPointsPayload",
    "ObjectiveType",
    "Verifier",
    "WebhookCustomer",
    "WebhookEvent",
    "WebhookReceiver",
    "WebhookTopic",
    "aiohttp_handler",
    "asgi_app",
    "parse",
]
LONGEST = 400


def relative(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def test_names_are_pinned_and_sorted() -> None:
    assert bonifiq_async.__all__ == NAMES == sorted(NAMES)


def test_names_of_webhooks_are_pinned() -> None:
    assert bonifiq_async.webhooks.__all__ == WEBHOOK_NAMES
    assert set(WEBHOOK_NAMES) <= set(dir(bonifiq_async.webhooks))


def sources() -> dict[str, str]:
    """Return where type checkers find each name: the package imports them for type checkers alone."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text("utf-8"))
    return {
        alias.asname or alias.name: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("bonifiq_async")
        for alias in node.names
    }


def test_type_checkers_see_the_same_names() -> None:
    assert set(sources()) == set(NAMES)


def test_names_are_what_type_checkers_see() -> None:
    seen = {
        name: getattr(importlib.import_module(source), name)
        for name, source in sources().items()
        if name in NAMES
    }
    assert [name for name in NAMES if getattr(bonifiq_async, name) is not seen[name]] == []


@pytest.mark.slow
def test_each_name_can_be_the_first_that_is_imported() -> None:
    """Names are imported on first use; none may depend on an earlier import of another.

    Names of one module import the same: one of them is tried.
    """
    first = {source: name for name, source in sorted(sources().items(), reverse=True)}
    code = """
        import importlib, sys
        for name in sys.argv[1:]:
            for module in [module for module in sys.modules if module.split(".")[0] == "bonifiq_async"]:
                del sys.modules[module]
            getattr(importlib.import_module("bonifiq_async"), name)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code), *first.values()], check=True, timeout=60)


def test_names_are_listed() -> None:
    assert set(NAMES) <= set(dir(bonifiq_async))


def test_other_names_are_not_there() -> None:
    with pytest.raises(AttributeError, match="Ledgers"):
        bonifiq_async.Ledgers  # noqa: B018 - asking is the test


GROUPS = [
    kind
    for module in (catalogue, orders, point_of_sale, reports, rewards)
    for kind in vars(module).values()
    if inspect.isclass(kind) and issubclass(kind, Group) and kind is not Group
]


def things() -> dict[str, object]:
    """Return every public name of the package and its packages, and the classes that a client returns."""
    named = {f"bonifiq_async.{name}": getattr(bonifiq_async, name) for name in NAMES}
    for package in PACKAGES:
        module = importlib.import_module(package)
        named |= {f"{package}.{name}": getattr(module, name) for name in module.__all__}
    handed_out = (Customers, Checkout, Cashback, Cards, Members, *GROUPS)
    return named | {f"client.{kind.__name__.lower()}": kind for kind in handed_out}


THINGS = things()


def documented_constants() -> set[str]:
    """Return the names of values that a string follows: an alias cannot carry a docstring of its own."""
    found = set()
    for path in MODULES:
        body = TREES[name_of(path)].body
        for value, words in pairwise(body):
            if isinstance(words, ast.Expr) and isinstance(words.value, ast.Constant):
                targets = (
                    [value.target] if isinstance(value, ast.AnnAssign) else getattr(value, "targets", [])
                )
                found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return found


def test_every_name_has_a_docstring() -> None:
    constants = documented_constants()
    silent = [
        name
        for name, thing in THINGS.items()
        if not (
            (thing.__doc__ or "").strip()
            if inspect.isclass(thing) or inspect.isroutine(thing)
            else name.rpartition(".")[2] in constants
        )
    ]
    assert silent == []


METHODS = {
    f"{name}.{attribute}": member
    for name, thing in THINGS.items()
    if inspect.isclass(thing)
    for attribute, member in vars(thing).items()
    if not attribute.startswith("_")
    and isinstance(member, property | cached_property | classmethod | staticmethod | FunctionType)
}


def test_every_public_method_has_a_docstring() -> None:
    assert [name for name, method in METHODS.items() if not (method.__doc__ or "").strip()] == []
    assert len(METHODS) > 140


def lines(path: Path) -> int:
    return len(path.read_text("utf-8").splitlines())


def test_every_module_has_a_docstring() -> None:
    assert [module for module, tree in TREES.items() if len(ast.get_docstring(tree) or "") < 20] == []


def test_modules_are_short_and_worth_a_file() -> None:
    assert [relative(path) for path in MODULES if lines(path) > LONGEST] == []
    assert [relative(path) for path in MODULES if not path.stem.startswith("__") and lines(path) < 15] == []


def test_every_module_has_a_noun_for_a_name() -> None:
    vague = {"utils", "helpers", "common", "base", "core", "misc"}
    assert [relative(path) for path in MODULES if path.stem in vague] == []


FOLDERS = sorted(path.parent for path in PACKAGE.rglob("__init__.py"))


@one_test
@pytest.mark.parametrize("folder", FOLDERS, ids=relative)
def test_package_says_what_each_of_its_files_is_for(folder: Path) -> None:
    """A line for each, and none for a missing file: a new reader finds the file in one listing."""
    words = ast.get_docstring(ast.parse((folder / "__init__.py").read_text("utf-8"))) or ""
    listed = re.findall(r"^ *([a-z_0-9]+/?)  +\S", words, re.MULTILINE)
    files = {path.stem for path in folder.glob("*.py")} - {"__init__", "__main__"}
    folders = {f"{path.name}/" for path in folder.iterdir() if (path / "__init__.py").exists()}
    assert sorted(listed) == sorted(files | folders)


@one_test
@pytest.mark.parametrize("folder", FOLDERS, ids=relative)
def test_package_is_small(folder: Path) -> None:
    assert len(list(folder.glob("*.py"))) <= 12


def test_version_is_that_of_the_distribution() -> None:
    assert bonifiq_async.__version__.count(".") == 2


def test_package_is_typed() -> None:
    assert (PACKAGE / "py.typed").exists()


def test_names_say_that_they_are_public(tmp_path: Path) -> None:
    """Also where a program did not import them from the package: it sees the name that it may import."""
    code = """
        import importlib, json, bonifiq_async
        places = bonifiq_async._PLACES
        found = {n: getattr(importlib.import_module(f"bonifiq_async.{m}"), n) for n, m in places.items()}
        print(json.dumps({name: value.__module__ for name, value in found.items()}))
    """
    asked = [sys.executable, "-c", textwrap.dedent(code)]
    shown = json.loads(subprocess.run(asked, check=True, timeout=60, capture_output=True).stdout)
    alias = shown.pop("DuplicateRule")  # a type of functions has no module of its own
    assert (set(shown.values()), alias) == ({"bonifiq_async"}, "collections.abc")
