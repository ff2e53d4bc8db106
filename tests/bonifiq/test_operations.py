"""The table of operations against the contract, in both directions: what one says, the other says."""

import inspect
import re
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import attrs
import pytest
from contracts import CONTRACTS, Schema
from one_test import one_test

from bonifiq_async._model.operation import AnswerShape, Certainty, Operation, RepeatClass
from bonifiq_async.bonifiq import payloads
from bonifiq_async.bonifiq.operations import table
from bonifiq_async.bonifiq.operations.changes import CHANGES
from bonifiq_async.bonifiq.operations.table import OPERATIONS, documented, entry_of
from bonifiq_async.bonifiq.schemas.catalogue import ProductPointsList
from bonifiq_async.bonifiq.schemas.pages import Acknowledged, Unshaped

CONTRACT = CONTRACTS["bonifiq"]
ENDPOINTS: Mapping[tuple[str, str], Schema] = {
    (method.upper(), path): cast(Schema, endpoint)
    for path, methods in CONTRACT["paths"].items()
    for method, endpoint in cast(Schema, methods).items()
}
NAMED_OTHERWISE: Mapping[type[object], str] = {
    payloads.CustomerPoints: "CustomerPointsResponse CustomerPointsWithErrorResponse",
    payloads.PendingPoints: "CustomerPendingPointsResponse",
    payloads.CheckoutRemoval: "CheckoutRemoveCashbackResponse",
    payloads.CashbackChangeRequest: "CustomerChangeCashbackRequest",
    payloads.CheckoutRemovalRequest: "ExternalApiCheckoutActionRequest",
    ProductPointsList: "array of ProductPointsItem",
    Acknowledged: "boolean",
}
"""Classes that do not have the name of their schema."""
READ_AS_IT_COMES = {
    "reward_configurations.redeem": "RewardConfigurationList",
    "public.product_points": "string",
}
"""What is answered with a shape that is documented and cannot be meant."""


def endpoint_of(operation: Operation[object]) -> Schema:
    return ENDPOINTS[operation.method, operation.path]


def body_of(held: object) -> Schema | None:
    """Return the schema of a request's or an answer's body, None where there is none."""
    content = cast("dict[str, dict[str, Schema]]", cast(Schema, held or {}).get("content", {}))
    return next((each["schema"] for each in content.values()), None)


def name_of(schema: Schema | None) -> str:
    """Return what a schema is called; of an envelope, what its result is called."""
    if schema is None:
        return ""
    if schema.get("type") == "array":
        return f"array of {name_of(cast(Schema, schema['items']))}"
    name = str(schema.get("$ref", schema.get("type", ""))).rpartition("/")[2]
    if not name.endswith("Envelope"):
        return name
    whole = cast("dict[str, dict[str, object]]", CONTRACT["components"]["schemas"])[name]
    parts = cast("list[dict[str, dict[str, Schema]]]", whole["allOf"])
    result = parts[1]["properties"]["Result"]
    choices = cast("list[Schema]", result.get("allOf") or result.get("oneOf") or [result])
    return name_of(choices[-1])


def answer_of(operation: Operation[object]) -> Schema | None:
    responses = cast("dict[str, object]", endpoint_of(operation)["responses"])
    return body_of(responses["200"])


def parameters_of(operation: Operation[object], place: str) -> list[Schema]:
    found = cast("list[Schema]", endpoint_of(operation).get("parameters", []))
    return [each for each in found if each["in"] == place]


def test_every_endpoint_has_one_entry() -> None:
    """Method and path, as the contract spells them; no name and no method of the client occurs twice."""
    assert [(each.method, each.path) for each in OPERATIONS] == list(ENDPOINTS)
    assert len(OPERATIONS) == len({each.name for each in OPERATIONS}) == 48
    assert len({documented(each).called for each in OPERATIONS}) == 48


@one_test
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_an_entry_says_what_the_contract_says(operation: Operation[object]) -> None:
    endpoint, known = endpoint_of(operation), documented(operation)
    assert name_of(body_of(endpoint.get("requestBody"))).removeprefix("array of ") == (
        "" if known.payload is None else NAMED_OTHERWISE.get(known.payload, known.payload.__name__)
    )
    result = operation.result
    if result is Unshaped:
        assert name_of(answer_of(operation)) == READ_AS_IT_COMES.get(known.called, "")
    elif result.__name__ == "CheckoutRefresh":
        assert name_of(answer_of(operation)) == "CheckoutRefreshCashbackResponse"
    else:
        assert name_of(answer_of(operation)) in NAMED_OTHERWISE.get(result, result.__name__)
    assert re.findall(r"{(\w+)}", operation.path) == [
        each["name"] for each in parameters_of(operation, "path")
    ]
    if known.called != "reports.received_points":  # whose parameters were not seen
        assert list(operation.query) == [each["name"] for each in parameters_of(operation, "query")]
    sizes = [
        cast(Schema, each["schema"]).get("maximum")
        for each in parameters_of(operation, "query")
        if str(each["name"]).lower() == "pagesize"
    ]
    assert known.largest_page == (50 if known.called == "points.to_expire" else next(iter(sizes), None))
    codes = cast("list[dict[str, str]]", endpoint.get("x-business-codes", []))
    assert dict(operation.codes) == {each["code"]: each["name"] for each in codes}
    assert (endpoint["security"] == [{"apiToken": []}]) is known.called.startswith("public.")


def certainty_of(endpoint: Schema) -> Certainty:
    unverified = [each.get("x-unverified") for each in cast("list[Schema]", endpoint.get("parameters", []))]
    if endpoint.get("x-path-unverified") or any(unverified):
        return Certainty.UNVERIFIED
    if endpoint.get("x-incomplete"):
        return Certainty.INCOMPLETE
    return Certainty.SEED if endpoint["x-source"] == "seed" else Certainty.PAGE


@one_test
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_an_entry_is_as_sure_as_the_contract(operation: Operation[object]) -> None:
    """And says where it is documented, and what was not seen."""
    endpoint, known = endpoint_of(operation), documented(operation)
    assert known.certainty is certainty_of(endpoint)
    page = endpoint.get("x-doc-page")
    assert known.source == page or page is None or "seed" in str(page)
    unsure = known.certainty in (Certainty.INCOMPLETE, Certainty.UNVERIFIED)
    assert bool(known.caveat) is unsure
    assert known.warns is unsure or known.certainty is Certainty.INCOMPLETE
    assert known.why


SHAPES = {
    "CustomerHistoryList": AnswerShape.PAGE,
    "ProductPointsResponse": AnswerShape.CHECKED,
}


@one_test
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_an_answer_has_the_shape_of_the_contract(operation: Operation[object]) -> None:
    name = str((answer_of(operation) or {}).get("$ref", "")).rpartition("/")[2]
    if name.endswith("Envelope"):
        old = operation.name == "bonifiq.orders.complete"  # whose older page alone was seen
        shape = AnswerShape.OLD_ENVELOPE if old else AnswerShape.ENVELOPE
    else:
        shape = SHAPES.get(name, AnswerShape.PAGE if name.endswith("List") else AnswerShape.BARE)
    assert operation.shape is shape


NEVER = {
    "orders.create",
    "pos.create_order",
    "pos.challenge",
    "pos.validate_challenge",
    "reward_configurations.redeem",
    "reward_configurations.redeem_product_discount",
}
"""What is sent once: no page says that a repeat does no harm."""


@one_test
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_a_repeat_is_as_safe_as_the_contract_lets_it_be(operation: Operation[object]) -> None:
    """A key is counted once where a page says so, and nowhere else."""
    known, keyed = documented(operation), endpoint_of(operation).get("x-idempotency-key")
    if keyed is not None:
        assert (operation.repeat, known.key) == (RepeatClass.KEYED, cast(Schema, keyed)["field"])
    else:
        assert (operation.repeat is RepeatClass.NEVER) is (known.called in NEVER)
        assert operation.repeat in (RepeatClass.SAFE, RepeatClass.NEVER)
    assert operation.writes or operation.repeat is RepeatClass.SAFE
    assert (operation.unit is not None) is (known.key is not None) is (operation in CHANGES)


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
