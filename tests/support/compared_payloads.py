"""Holds a payload of a provider against its contract, member by member."""

import importlib
import inspect
import pkgutil
import types
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import IntEnum
from typing import Union, cast, get_args, get_origin, get_type_hints

import attrs
from contracts import CONTRACTS, Schema, resolved

from bonifiq_async._model.json_codec import NOT_NULL, Names, wire_name_of
from bonifiq_async._model.secret import Secret
from bonifiq_async.bonifiq import schemas
from bonifiq_async.bonifiq.answers import Envelope
from bonifiq_async.bonifiq.envelope import ERROR_NAMES
from bonifiq_async.bonifiq.operations.reports import TO_EXPIRE
from bonifiq_async.bonifiq.operations.table import documented as operation_of
from bonifiq_async.bonifiq.payloads import (
    LONGEST_CUSTOMER_REASON,
    CashbackChangeRequest,
    CheckoutRemovalRequest,
    CheckoutRemoved,
    CustomerPoints,
    CustomerPointsToExpire,
    PendingOrder,
    PendingPoints,
    PointDetailItem,
)
from bonifiq_async.raba7ni.payloads import (
    CardList,
    CardReward,
    CashbackBalance,
    CashbackCard,
    CashbackConfig,
    CashbackEarned,
    CashbackRedeemed,
    CashbackRefunded,
    CashbackTransaction,
    EarnRequest,
    HistoryPage,
    MaskedMember,
    MemberCheck,
    MemberRegistration,
    OneTimeCodeSent,
    Pagination,
    RedeemRequest,
    RefundRequest,
    RegistrationRequest,
    RewardList,
)

Document = Mapping[str, Schema]
SCHEMAS = [
    importlib.import_module(f"{schemas.__name__}.{module.name}")
    for module in pkgutil.iter_modules(schemas.__path__)
]


def schemas_of_bonifiq() -> Iterator[tuple[type[attrs.AttrsInstance], str]]:
    """Yield the classes that have the name of a schema."""
    named = cast(Schema, CONTRACTS["bonifiq"]["components"]["schemas"])
    for module in SCHEMAS:
        for name, kind in inspect.getmembers(module, inspect.isclass):
            if kind.__module__ == module.__name__ and attrs.has(kind) and name in named:
                yield kind, name


OF_THE_SEED: list[tuple[type[attrs.AttrsInstance], str]] = [
    (CashbackChangeRequest, "CustomerChangeCashbackRequest"),
    (CheckoutRemovalRequest, "ExternalApiCheckoutActionRequest"),
    (CheckoutRemoved, "CheckoutRemoveCashbackResponse"),
    (CustomerPoints, "CustomerPointsWithErrorResponse"),
    (CustomerPointsToExpire, "CustomerPointsToExpire"),
    (PointDetailItem, "PointDetailItem"),
    (PendingPoints, "CustomerPendingPointsResponse"),
    (PendingOrder, "CustomerPendingOrderResponse"),
]
BONIFIQ: list[tuple[type[attrs.AttrsInstance], str]] = [
    *OF_THE_SEED,
    (Envelope, "ExternalApiEnvelope"),
    *schemas_of_bonifiq(),
]
RABA7NI: list[tuple[type[attrs.AttrsInstance], str]] = [
    (EarnRequest, "EarnRequest"),
    (RedeemRequest, "RedeemRequest"),
    (RefundRequest, "RefundRequest"),
    (CashbackEarned, "EarnResponse"),
    (CashbackRedeemed, "RedeemResponse"),
    (CashbackRefunded, "RefundResponse"),
    (CashbackBalance, "BalanceResponse"),
    (HistoryPage, "HistoryResponse"),
    (CashbackTransaction, "CashbackTransaction"),
    (Pagination, "Pagination"),
    (CashbackCard, "CashbackCard"),
    (CashbackConfig, "CashbackConfig"),
    (CardList, "CardListResponse"),
    (CardReward, "CardReward"),
    (RewardList, "RewardListResponse"),
    (MaskedMember, "MaskedMember"),
    (MemberCheck, "MemberCheckResponse"),
    (RegistrationRequest, "MemberRegisterRequest"),
    (MemberRegistration, "MemberRegisterResponse"),
    (OneTimeCodeSent, "OtpRequestResponse"),
]
PAIRS = [("bonifiq", *pair) for pair in BONIFIQ] + [("raba7ni", *pair) for pair in RABA7NI]
MORE = {("MaskedMember", "id"), ("MaskedMember", "name"), ("ChangeTierResult", "Done")}
"""Members of ours that the schema of this name does not have.

A registration's member has the first two; a change of tier may be answered by a boolean, which is the last.
"""


KINDS: dict[object, str] = {
    str: "string",
    datetime: "date-time",
    date: "date-time",
    int: "integer",
    Decimal: "number",
    bool: "boolean",
    object: "anything",
}


IN_ENGLISH = {
    "Inicial": "initial",
    "Pendente": "pending",
    "Completo": "completed",
    "Cancelado": "cancelled",
    "Ignorado": "ignored",
}
"""Numbers whose names a page has in Portuguese."""


def numbers_with_names(schema: Schema) -> list[str]:
    """Return the numbers of an enum that have a name, with it; some pages show none."""
    names = cast("list[str | None]", schema.get("x-enumNames", []))
    numbers = cast("list[int]", schema["enum"])
    assert len(names) in (0, len(numbers)), "each number has a name, or None"
    return [
        f"{number} {IN_ENGLISH.get(name, name).lower()}"
        for number, name in zip(numbers, names, strict=False)
        if name
    ]


def documented(document: Mapping[str, Schema], schema: Schema) -> str:
    """Return the type of a member by the contract, in short."""
    schema = resolved(document, schema)
    if "enum" in schema and schema.get("type") == "integer":
        named = numbers_with_names(schema)
        return f"one of {named}" if named else "integer"
    kind = schema.get("format") if schema.get("format") == "date-time" else schema.get("type", "anything")
    if kind == "array":
        return f"array of {documented(document, cast(Schema, schema['items']))}"
    if kind == "object" and schema.get("properties"):
        return f"object of {sorted(cast(Schema, schema['properties']))}"
    return str(kind)


def plain(name: str) -> str:
    """Return the name of a number without its separators."""
    return name.replace("_", "").lower()


def ours(hint: object, names: Names) -> str:
    """Return the same of an attribute."""
    if get_origin(hint) in (Union, types.UnionType):
        members = [member for member in get_args(hint) if member is not types.NoneType]
        enums = [member for member in members if isinstance(member, type) and issubclass(member, IntEnum)]
        return ours((enums or members)[0], names)
    if get_origin(hint) in (tuple, Sequence):
        return f"array of {ours(get_args(hint)[0], names)}"
    if get_origin(hint) is Mapping:
        return "object"
    if isinstance(hint, type) and issubclass(hint, IntEnum):
        return f"one of {[f'{member:d} {plain(member.name)}' for member in hint]}"
    if isinstance(hint, type) and issubclass(hint, Secret):
        return "string"
    if isinstance(hint, type) and attrs.has(hint):
        return f"object of {sorted(wire_name_of(each, names) for each in attrs.fields(hint))}"
    return KINDS[hint]


def check_payload(document: Document, kind: type[attrs.AttrsInstance], schema: str) -> None:
    """Each member: its name, type, numbers if it is an enum, and whether it may be null or left out.

    The other provider's page has samples and no schemas: it does not say which of its members may be null.
    """
    provider = "raba7ni" if document is CONTRACTS["raba7ni"] else "bonifiq"
    names = Names.PASCAL if provider == "bonifiq" else Names.SNAKE
    whole = resolved(document, {"$ref": f"#/components/schemas/{schema}"})
    assert whole["type"] == "object"
    members = cast("dict[str, Schema]", whole["properties"])
    required = cast("list[str]", whole.get("required", []))
    if "data" in members:
        members = cast("dict[str, Schema]", resolved(document, members["data"])["properties"])
    hints, marked = get_type_hints(kind), get_type_hints(kind, include_extras=True)
    fields = {wire_name_of(each, names): each for each in attrs.fields(kind)}
    extra = {name for name in fields if (kind.__name__, name) in MORE}
    assert set(fields) - extra == set(members)
    for name, member in members.items():
        hint = hints[fields[name].name]
        if provider == "bonifiq":
            check_format(document, member)
            assert limits_of(member) == LIMITS.get((schema, name), {})
        told, have = documented(document, member), ours(hint, names)
        if told != have:
            assert (schema, name) in READ_OTHERWISE, f"{name}: {told} in the contract, {have} here"
        empty = have.startswith("array") or types.NoneType in get_args(hint) or hint is object
        if schema.endswith(("Request", "Input")) or schema in SENT:
            asked = name in required or name in REQUIRED.get(schema, ()) or in_prose(whole, name)
            assert empty is not asked, f"{name}: {'required' if asked else 'optional'} in the contract"
        else:
            assert empty, f"{name}: it may be missing in an answer"
            never_null = NOT_NULL in getattr(marked[fields[name].name], "__metadata__", ())
            unseen = whole.get("x-nullability") == "unknown" or hint is object
            may_be = provider == "raba7ni" or unseen or member.get("nullable") is True
            assert never_null is not may_be, f"{name}: {'null' if may_be else 'not null'} in the contract"


FORMATS: Mapping[object, tuple[str | None, ...]] = {
    "string": (None, "date-time"),
    "integer": ("int32", "int64"),
    "number": ("decimal",),
}
"""The formats of a type; of any other type, there is none."""


def check_format(document: Document, member: Schema) -> None:
    """A number has its size, and no other type has a format that is not known."""
    schema = resolved(document, member)
    assert schema.get("format") in FORMATS.get(schema.get("type"), (None,))
    if "items" in schema:
        check_format(document, cast(Schema, schema["items"]))


LIMITS: Mapping[tuple[str, str], Schema] = {
    ("CustomerChangeCashbackRequest", "CustomerReason"): {"maxLength": LONGEST_CUSTOMER_REASON},
    ("CustomerChangePointsRequest", "CustomerReason"): {"maxLength": LONGEST_CUSTOMER_REASON},
    ("PointsToExpireRequest", "PageSize"): {"maximum": operation_of(TO_EXPIRE).largest_page},
    ("ProductPointsInput", "Id"): {"minLength": 1},  # no id here is blank
}
"""The limits that a page names; no other member has one."""


def limits_of(member: Schema) -> Schema:
    """Return the limits of a member."""
    return {key: member[key] for key in member if key.startswith(("max", "min"))}


READ_OTHERWISE = {
    ("MemberCheckResponse", "member"): "one class for every masked member, see MORE",
    ("OtpRequestResponse", "member"): "the same",
}
SENT = {"CheckoutItem", "PosAvailableProduct", "OrderPaymentMethodAmount", "PartialCancelProduct"}
"""What is sent as a part of something."""
REQUIRED: Mapping[str, set[str]] = {
    "CustomerChangeCashbackRequest": {"Value", "OperationType", "ChangeKey"},
    "CustomerChangePointsRequest": {"Points", "OperationType", "ChangeKey"},
    "SetBirthdayRequest": {"Birthday"},
    "ChangeStatusRequest": {"IsEnabled"},
    "CreateOrderRequest": {"OriginalId", "OrderPlacementDate", "OrderTotal", "Customer"},
    "CreateProductRequest": {"OriginalId", "ProductPrice"},
    "CancelOrderRequest": {"OrderCancelledDate"},
    "CompleteOrderRequest": {"OrderCompletedDate"},
    "PartialCancelRequest": {"ValueToRefund", "CancelKey"},
    "PartialCancelProduct": {"OriginalId", "ValueToRefund"},
    "PosAvailableRewardsRequest": {"CustomerId", "PurchaseValue"},
    "PosAvailableProduct": {"OriginalId", "ProductPrice"},
    "PosChallengeValidateRequest": {"Code"},
    "PosRedeemRequest": {"CustomerId", "OriginalKey"},
    "CheckoutRedeemRequest": {"OriginalKey"},
    "CheckoutItem": {"ExternalProductId", "Value"},
    "RewardConfigurationRedeemRequest": {"CustomerId"},
    "RedeemProductInput": {"ExternalProductId"},
    "ProductDiscountRedeemRequest": {"RewardConfigurationId", "CustomerId", "OriginalKey", "Product"},
    "AffiliateRequest": {"Name"},
}
"""What this library demands of a request beyond the contract, where nearly nothing is marked as required."""


def in_prose(whole: Schema, name: str) -> bool:
    """Say whether the words of a page demand a member."""
    demanded = cast("list[str]", whole.get("x-required-in-prose", []))
    return name in {each.split()[0] for each in demanded}


def check_error_names(document: Document) -> None:
    """The older table of errors, in its order, as far as the page was seen."""
    schemas = cast("dict[str, Schema]", document["components"]["schemas"])
    assert list(ERROR_NAMES) == schemas["ApiResponseErrorDescription"]["x-enumNames"]
