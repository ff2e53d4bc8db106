"""The table of operations against the contract, in both directions: what one says, the other says."""

import inspect
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest
from compared_operations import CHECKS, endpoints_of
from contracts import CONTRACTS
from one_test import one_test

from bonifiq_async._model.operation import Operation
from bonifiq_async.bonifiq.operations import table
from bonifiq_async.bonifiq.operations.changes import CHANGES
from bonifiq_async.bonifiq.operations.table import OPERATIONS, documented, entry_of


def test_every_endpoint_has_one_entry() -> None:
    """Method and path, as the contract spells them; no name and no method of the client occurs twice."""
    assert [(each.method, each.path) for each in OPERATIONS] == list(endpoints_of(CONTRACTS["bonifiq"]))
    assert len(OPERATIONS) == len({each.name for each in OPERATIONS}) == 48
    assert len({documented(each).called for each in OPERATIONS}) == 48


@one_test
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_an_entry_says_what_the_contract_says(
    operation: Operation[object], check: Callable[..., None]
) -> None:
    check(CONTRACTS["bonifiq"], operation)


def test_a_key_counts_for_all_operations_that_have_one() -> None:
    """How far the provider's keys reach is not documented."""
    assert {each.key_space for each in CHANGES} == {"bonifiq"}
    assert {each.unit for each in CHANGES} == {"BRL", "points", "BRL of orders"}


def test_what_is_kept_of_a_result_is_there() -> None:
    for each in CHANGES:
        assert set(each.kept) <= {field.name for field in attrs.fields(each.result)}


def test_every_operation_is_a_row() -> None:
    shown = list(map(entry_of, OPERATIONS))
    assert {row.source for row in shown} == {"seed", "page", "incomplete", "unverified"}
    assert all(row.method_name and row.page and row.why for row in shown)


def test_modules_of_entries_have_no_entry_that_is_not_listed() -> None:
    modules = [each for _, each in inspect.getmembers(table, inspect.ismodule)]
    defined = [each for module in modules for each in vars(module).values() if isinstance(each, Operation)]
    assert len(defined) == 48 and all(each in OPERATIONS for each in defined)


PAGE = (Path(__file__).parent.parent.parent / "docs" / "reference" / "operations.md").read_text("utf-8")


def test_the_page_has_the_table() -> None:
    """Word for word: each operation, why those that are sent once are, and what was not seen."""
    shown = list(map(entry_of, OPERATIONS))
    rows = [
        f"| `{each.method_name}` | `{each.method} {each.path}` |"
        f" {each.repeat}{f', `{each.key}`' if each.key else ''} | {each.source} |"
        for each in shown
    ]
    rows += [f"| `{each.method_name}` | {each.why} |" for each in shown if each.repeat == "never"]
    rows += [f"| `{each.method_name}` | {each.caveat} |" for each in shown if each.caveat]
    assert [line for line in PAGE.splitlines() if line.startswith("| `")] == rows
