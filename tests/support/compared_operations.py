"""Holds BonifiQ's table of operations against a contract: a check fails where they differ."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from typing import cast, get_args, get_type_hints

from contracts import Schema, named

from bonifiq_async import BasicCredentials, BonifiQClient, BonifiQPublicClient
from bonifiq_async._model.operation import AnswerShape, Certainty, Operation, RepeatClass
from bonifiq_async.bonifiq import payloads
from bonifiq_async.bonifiq.operations.changes import CHANGES
from bonifiq_async.bonifiq.operations.table import documented
from bonifiq_async.bonifiq.sandbox.judge import CODES, ERROR, REFRESHED, SUCCESS, WARNING
from bonifiq_async.bonifiq.schemas.catalogue import ProductPointsList
from bonifiq_async.bonifiq.schemas.customers import ChangeTierResult
from bonifiq_async.bonifiq.schemas.pages import Acknowledged, Unshaped
from bonifiq_async.bonifiq.schemas.redeems import CheckoutRefresh

Document = Mapping[str, Schema]
JSON = "application/json"
NAMED_OTHERWISE: Mapping[type[object], tuple[str, ...]] = {
    payloads.CustomerPoints: ("CustomerPointsResponse", "CustomerPointsWithErrorResponse"),
    payloads.PendingPoints: ("CustomerPendingPointsResponse",),
    payloads.CheckoutRemoval: ("CheckoutRemoveCashbackResponse",),
    payloads.CashbackChangeRequest: ("CustomerChangeCashbackRequest",),
    payloads.CheckoutRemovalRequest: ("ExternalApiCheckoutActionRequest",),
    CheckoutRefresh: ("CheckoutRefreshCashbackResponse",),
    ProductPointsList: ("array of ProductPointsItem",),
    Acknowledged: ("boolean",),
    ChangeTierResult: ("boolean or ChangeTierResult",),
}
"""Classes that do not have the name of their schema."""
READ_AS_IT_COMES = {
    "reward_configurations.redeem": "RewardConfigurationList",
    "public.product_points": "string",
}
"""What is answered with a shape that is documented and cannot be meant."""


def endpoints_of(document: Document) -> Mapping[tuple[str, str], Schema]:
    """Return the endpoints of a contract by method and path, in its order."""
    return {
        (method.upper(), path): cast(Schema, endpoint)
        for path, methods in document["paths"].items()
        for method, endpoint in cast(Schema, methods).items()
    }


def endpoint_of(document: Document, operation: Operation[object]) -> Schema:
    """Return the endpoint of an operation; raises KeyError where there is none."""
    return cast("dict[str, Schema]", document["paths"][operation.path])[operation.method.lower()]


def names_of(kind: type[object]) -> tuple[str, ...]:
    """Return the names of the schemas of a class."""
    return NAMED_OTHERWISE.get(kind, (kind.__name__,))


def body_of(held: object) -> Schema | None:
    """Return the schema of a request's or an answer's body, None where there is none."""
    content = cast("dict[str, dict[str, Schema]]", cast(Schema, held or {}).get("content", {}))
    return next((each["schema"] for each in content.values()), None)


def name_of(document: Document, schema: Schema | None) -> str:
    """Return what a schema is called; of an envelope, what its result is called."""
    if schema is None:
        return ""
    if schema.get("type") == "array":
        return f"array of {name_of(document, cast(Schema, schema['items']))}"
    name = named(schema) if "$ref" in schema else str(schema.get("type", ""))
    if not name.endswith("Envelope"):
        return name
    whole = cast("dict[str, dict[str, object]]", document["components"]["schemas"])[name]
    common, own = cast("list[dict[str, dict[str, Schema]]]", whole["allOf"])
    assert named(common) == "ExternalApiEnvelope" and own["type"] == "object"
    result = own["properties"]["Result"]
    assert result["nullable"] is True
    choices = cast("list[Schema]", result.get("allOf") or result.get("oneOf") or [result])
    return " or ".join([name_of(document, each) for each in choices])


def answer_of(document: Document, operation: Operation[object]) -> Schema | None:
    """Return the schema of what an operation answers."""
    responses = cast("dict[str, object]", endpoint_of(document, operation)["responses"])
    return body_of(responses["200"])


def parameters_of(document: Document, operation: Operation[object], place: str) -> list[Schema]:
    """Return the parameters of an operation that stand in a place: `path` or `query`."""
    found = cast("list[Schema]", endpoint_of(document, operation).get("parameters", []))
    return [each for each in found if each["in"] == place]


def check_entry(document: Document, operation: Operation[object]) -> None:
    """Payload, result, parameters, sizes of pages, codes and sign-in of an operation."""
    endpoint, known = endpoint_of(document, operation), documented(operation)
    sent = name_of(document, body_of(endpoint.get("requestBody"))).removeprefix("array of ")
    assert sent in (("",) if known.payload is None else names_of(known.payload))
    shown = name_of(document, answer_of(document, operation))
    if operation.result is Unshaped:
        assert shown == READ_AS_IT_COMES.get(known.called, "")
    else:
        assert shown in names_of(operation.result)
    assert re.findall(r"{(\w+)}", operation.path) == [
        each["name"] for each in parameters_of(document, operation, "path")
    ]
    if known.called != "reports.received_points":  # whose parameters were not seen
        assert list(operation.query) == [each["name"] for each in parameters_of(document, operation, "query")]
    sizes = [
        cast(Schema, each["schema"]).get("maximum")
        for each in parameters_of(document, operation, "query")
        if str(each["name"]).lower() == "pagesize"
    ]
    assert known.largest_page == (50 if known.called == "points.to_expire" else next(iter(sizes), None))
    sign_in = "apiToken" if known.called.startswith("public.") else "basicAuth"
    assert endpoint["security"] == [{sign_in: []}]


SAID = {**CODES, **REFRESHED}
SEVERITIES = {"Success": SUCCESS, "Warning": WARNING, "Error": ERROR}


def check_codes(document: Document, operation: Operation[object]) -> None:
    """The codes of an endpoint, with their names; severities and statuses are those of the sandbox."""
    codes = cast("list[dict[str, str]]", endpoint_of(document, operation).get("x-business-codes", []))
    assert dict(operation.codes) == {each["code"]: each["name"] for each in codes}
    for each in codes:
        known = SAID[each["code"]]
        assert (SEVERITIES[each["severity"]], each["http"]) == (known.severity, known.status)


NO_SHAPE = {"tiers.benefits": {}, "public.product_points": {"application/octet-stream"}}
"""Answers without a shape, and what they are said to be."""


def check_bodies(document: Document, operation: Operation[object]) -> None:
    """What is sent and answered is JSON; what is sent is demanded; which statuses have a shape."""
    endpoint, known = endpoint_of(document, operation), documented(operation)
    sent = cast("Schema | None", endpoint.get("requestBody"))
    if sent is not None:
        assert (sent["required"], set(cast(Schema, sent["content"]))) == (True, {JSON})
    answers = cast("dict[str, Schema]", endpoint["responses"])
    assert set(answers) == ({"200", "400"} if operation.codes else {"200"})
    kinds = set(cast(Schema, answers["200"].get("content", {})))
    assert kinds == set(NO_SHAPE.get(known.called, {JSON}))
    if operation.codes:
        assert named(body_of(answers["400"]) or {}) == "ExternalApiEnvelope"
        assert set(cast(Schema, answers["400"]["content"])) == {JSON}


TYPES: Mapping[object, tuple[str, str | None]] = {
    str: ("string", None),
    int: ("integer", "int32"),
    bool: ("boolean", None),
    datetime: ("string", "date-time"),
}
OF_A_CHANGE = {"customers.change_points", "customers.change_cashback"}
"""Calls that take a change as a whole: its customer is a text."""


def check_parameters(document: Document, operation: Operation[object]) -> None:
    """Each parameter of path and query has the type of the argument of the client's method."""
    called = documented(operation).called
    hints = {name: kind for name, kind in get_type_hints(method_of(called)).items() if name != "return"}
    arguments = [str] if called in OF_A_CHANGE else list(hints.values())
    for each, hint in zip(parameters_of(document, operation, "path"), arguments, strict=False):
        assert each["required"] is True
        assert type_of(each) == TYPES[hint]
    for each in parameters_of(document, operation, "query"):
        assert each["required"] is False
        name = re.sub("(?<=[a-z])(?=[A-Z])", "_", str(each["name"])).lower()
        hint = hints.get(f"{name}_") or hints.get(name) or (int if name == "page_number" else None)
        assert type_of(each) == TYPES[next(kind for kind in (get_args(hint) or (hint,)) if kind)]


@cache
def method_of(called: str) -> Callable[..., object]:
    """Return the method of a client of that name."""
    group, name = called.split(".")
    if group == "public":
        return cast("Callable[..., object]", getattr(BonifiQPublicClient, name))
    client = BonifiQClient(BasicCredentials("token", "key"))
    return cast("Callable[..., object]", getattr(type(getattr(client, group)), name))


def type_of(parameter: Schema) -> tuple[str, str | None]:
    """Return type and format of a parameter."""
    schema = cast("dict[str, str]", parameter["schema"])
    return schema["type"], schema.get("format")


def certainty_of(endpoint: Schema) -> Certainty:
    """Return how sure a contract is of an endpoint."""
    unverified = [each.get("x-unverified") for each in cast("list[Schema]", endpoint.get("parameters", []))]
    if endpoint.get("x-path-unverified") or any(unverified):
        return Certainty.UNVERIFIED
    if endpoint.get("x-incomplete"):
        return Certainty.INCOMPLETE
    return {"seed": Certainty.SEED, "page": Certainty.PAGE}[str(endpoint["x-source"])]


def check_certainty(document: Document, operation: Operation[object]) -> None:
    """And says where it is documented, and what was not seen."""
    endpoint, known = endpoint_of(document, operation), documented(operation)
    assert known.certainty is certainty_of(endpoint)
    page = endpoint.get("x-doc-page")
    part = str(page).removesuffix(" (seed 004)")  # of this one, the page was seen without its last part
    assert (known.source == page) or (part != page and known.source.startswith(part)) or page is None
    assert (page is None) is (endpoint["x-source"] == "repo")
    assert endpoint["x-source"] in ("seed", "page", "repo")
    unsure = known.certainty in (Certainty.INCOMPLETE, Certainty.UNVERIFIED)
    assert bool(known.caveat) is unsure
    assert known.warns is unsure or known.certainty is Certainty.INCOMPLETE
    assert known.why


SHAPES = {
    "CustomerHistoryList": AnswerShape.PAGE,
    "ProductPointsResponse": AnswerShape.CHECKED,
}


def check_shape(document: Document, operation: Operation[object]) -> None:
    """How an answer is wrapped."""
    answer = answer_of(document, operation) or {}
    name = named(answer) if "$ref" in answer else ""
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


def check_repeat(document: Document, operation: Operation[object]) -> None:
    """A key is counted once where a page says so, and nowhere else."""
    known, keyed = documented(operation), endpoint_of(document, operation).get("x-idempotency-key")
    if keyed is not None:
        assert (operation.repeat, known.key) == (RepeatClass.KEYED, cast(Schema, keyed)["field"])
    else:
        assert (operation.repeat is RepeatClass.NEVER) is (known.called in NEVER)
        assert operation.repeat in (RepeatClass.SAFE, RepeatClass.NEVER)
    assert operation.writes or operation.repeat is RepeatClass.SAFE
    assert (operation.unit is not None) is (known.key is not None) is (operation in CHANGES)


CHECKS = (
    *(check_entry, check_codes, check_bodies, check_parameters),
    *(check_certainty, check_shape, check_repeat),
)
