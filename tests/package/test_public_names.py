"""The public names: pinned, sorted, importable, and each with words that say what it is."""

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

import bonifiq_async
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
    "PoolLimits",
    "Raba7niClient",
    "Raba7niCredentials",
    "Redeem",
    "Refund",
    "RefusedError",
    "RetryAfterTooLong",
    "RetryPolicy",
    "Runtime",
    "Severity",
    "SignInPaths",
    "SignedIn",
    "SqliteLedger",
    "StopReason",
    "Timeouts",
    "Verdict",
    "change_key_for",
]
ROOMS = ["bonifiq_async.batch", "bonifiq_async.bonifiq", "bonifiq_async.raba7ni", "bonifiq_async.sandbox"]
LONGEST = 400


def relative(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def test_names_are_pinned_and_sorted() -> None:
    assert bonifiq_async.__all__ == NAMES == sorted(NAMES)


def sources() -> dict[str, str]:
    """Return where type checkers find each name: the package imports them for their eyes alone."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text("utf-8"))
    return {
        alias.asname or alias.name: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("bonifiq_async")
        for alias in node.names
    }


def test_type_checkers_see_the_same_names() -> None:
    assert set(sources()) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_name_is_what_type_checkers_see(name: str) -> None:
    assert getattr(bonifiq_async, name) is getattr(importlib.import_module(sources()[name]), name)


def test_each_name_can_be_the_first_that_is_imported() -> None:
    """Names are imported when they are asked for; none may depend on another being there before."""
    code = """
        import importlib, sys
        for name in sys.argv[1:]:
            for module in [module for module in sys.modules if module.split(".")[0] == "bonifiq_async"]:
                del sys.modules[module]
            getattr(importlib.import_module("bonifiq_async"), name)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code), *NAMES], check=True, timeout=60)


def test_names_are_listed() -> None:
    assert set(NAMES) <= set(dir(bonifiq_async))


def test_other_names_are_not_there() -> None:
    with pytest.raises(AttributeError, match="Ledgers"):
        bonifiq_async.Ledgers  # noqa: B018 - asking is the test


def things() -> dict[str, object]:
    """Return every public name of the package and its rooms, and the classes that a client hands out."""
    named = {f"bonifiq_async.{name}": getattr(bonifiq_async, name) for name in NAMES}
    for room in ROOMS:
        module = importlib.import_module(room)
        named |= {f"{room}.{name}": getattr(module, name) for name in module.__all__}
    handed_out = (Customers, Checkout, Cashback, Cards, Members)
    return named | {f"client.{kind.__name__.lower()}": kind for kind in handed_out}


THINGS = things()


def documented_constants() -> set[str]:
    """Return the names of values that a string follows: an alias cannot carry a docstring of its own."""
    found = set()
    for path in MODULES:
        body = ast.parse(path.read_text("utf-8")).body
        for value, words in pairwise(body):
            if isinstance(words, ast.Expr) and isinstance(words.value, ast.Constant):
                targets = (
                    [value.target] if isinstance(value, ast.AnnAssign) else getattr(value, "targets", [])
                )
                found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return found


@pytest.mark.parametrize("name", THINGS)
def test_name_has_words(name: str) -> None:
    thing = THINGS[name]
    if inspect.isclass(thing) or inspect.isroutine(thing):
        assert (thing.__doc__ or "").strip()
    else:
        assert name.rpartition(".")[2] in documented_constants()


METHODS = [
    pytest.param(member, id=f"{name}.{attribute}")
    for name, thing in THINGS.items()
    if inspect.isclass(thing)
    for attribute, member in vars(thing).items()
    if not attribute.startswith("_")
    and isinstance(member, property | cached_property | classmethod | staticmethod | FunctionType)
]


@pytest.mark.parametrize("method", METHODS)
def test_public_method_has_words(method: property) -> None:
    assert (method.__doc__ or "").strip()


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_module_has_words(path: Path) -> None:
    words = ast.get_docstring(ast.parse(path.read_text("utf-8")))
    assert words is not None
    assert len(words) >= 20


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_module_is_short(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= LONGEST


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_module_has_a_noun_for_a_name(path: Path) -> None:
    assert path.stem not in {"utils", "helpers", "common", "base", "core", "misc"}


FOLDERS = sorted(path.parent for path in PACKAGE.rglob("__init__.py"))


@pytest.mark.parametrize("folder", FOLDERS, ids=relative)
def test_package_says_what_each_of_its_files_is_for(folder: Path) -> None:
    """A line for each, and none for what is not there: a stranger finds the file by reading one listing."""
    words = ast.get_docstring(ast.parse((folder / "__init__.py").read_text("utf-8"))) or ""
    listed = re.findall(r"^ *([a-z_0-9]+/?)  +\S", words, re.MULTILINE)
    files = {path.stem for path in folder.glob("*.py")} - {"__init__", "__main__"}
    folders = {f"{path.name}/" for path in folder.iterdir() if (path / "__init__.py").exists()}
    assert sorted(listed) == sorted(files | folders)


@pytest.mark.parametrize("folder", FOLDERS, ids=relative)
def test_package_is_small(folder: Path) -> None:
    assert len(list(folder.glob("*.py"))) <= 12


@pytest.mark.parametrize("path", [path for path in MODULES if not path.stem.startswith("__")], ids=relative)
def test_module_is_worth_a_file(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) >= 15


def test_version_is_that_of_the_distribution() -> None:
    assert bonifiq_async.__version__.count(".") == 2


def test_package_is_typed() -> None:
    assert (PACKAGE / "py.typed").exists()


def test_names_say_that_they_are_public(tmp_path: Path) -> None:
    """Also where a program never asked the package for them: what it sees is the name that it may import."""
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
