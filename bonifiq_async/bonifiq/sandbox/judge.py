"""Whether BonifiQ would take a request: its members, held against the endpoint pages and nothing else.

Pure functions over the document of a request. What the pages leave open and this sandbox refuses says so.
"""

import re
from collections.abc import Mapping
from decimal import Decimal

from attrs import frozen

from bonifiq_async.sandbox.document import decimal, is_text

LONGEST_CUSTOMER_REASON = 255
_ADD, _REMOVE = 0, 1
_TAG = re.compile(r"<!--.*?-->|</?[a-zA-Z][^>]*>", re.DOTALL)


SUCCESS, WARNING, ERROR = 0, 1, 2
"""The numbers of ExternalApiResponseSeverity."""


@frozen
class Said:
    """What an answer says beside its result: an error, unless `severity` says otherwise.

    `number` and `name` are `ErrorCode` and `CodeName`, where the provider has them for the case; `code` is
    the two-digit code of an endpoint that has some.
    """

    message: str
    number: int | None = None
    name: str | None = None
    code: str | None = None
    severity: int = ERROR
    status: int = 400


BLANK = (7, "General_FieldCannotBeNullOrBlank")
"""`ErrorCode` and `CodeName` of a member that is demanded."""
REFUSALS: Mapping[str, Said] = {
    "no JSON": Said("The body is not a JSON object in UTF-8 in which each member stands once"),
    "content type": Said("The Content-Type is not application/json", status=415),
    "unknown member": Said("The body has a member that the endpoint does not have"),
    "value": Said("Value is not a decimal number"),
    "zero": Said("Value is zero", 16, "Points_PointsCannotBeZero"),
    "operation": Said("OperationType is neither 0 beside a Value above zero nor 1 beside one below"),
    "reason": Said("Reason is required", *BLANK),
    "key": Said("ChangeKey is not a text, or blank", *BLANK),
    "customer reason": Said("CustomerReason is neither a text nor null"),
    "long customer reason": Said(
        "CustomerReason has more than 255 characters without its tags", 10, "Genaral_LengthLimitExceeded"
    ),
    "customer": Said("The customer was not found", name="Customer_NotFound"),
    "used key": Said("This ChangeKey was already used", 23, "ChangeKeyAlreadyUsed"),
    "used key of another": Said(
        "This ChangeKey was already used for another change", 23, "ChangeKeyAlreadyUsed"
    ),
    "total": Said("Total is neither a decimal number nor null"),
}
"""Every refusal that has no two-digit code, by what is wrong.

Numbers and names are those of the provider's table `ApiResponseErrorDescription`, its spelling included.
That 23 is the used key, and the refusals without a number, are this sandbox's own: no page shows them.
"""


@frozen
class CashbackChangeAsked:
    """A change of cashback that a request asks for. `key` is None where it has none: it counts each time.

    `customer_reason` is what the customer is shown: without tags, None for the default system message.
    """

    value: Decimal
    key: str | None
    reason: str
    customer_reason: str | None


def cashback_change(document: Mapping[str, object] | None) -> CashbackChangeAsked | Said:
    """Judge the body of `POST /v1/pvt/Customer/{id}/cashback` (schema CustomerChangeCashbackRequest).

    A sign that does not fit the operation is refused here; what the provider does then is not documented.
    """
    if document is None:
        return REFUSALS["no JSON"]
    if document.keys() - {"Value", "OperationType", "Reason", "ChangeKey", "CustomerReason"}:
        return REFUSALS["unknown member"]
    value = decimal(document.get("Value"))
    if not value:
        return REFUSALS["value" if value is None else "zero"]
    operation, reason = document.get("OperationType"), document.get("Reason")
    if type(operation) is not int or operation != (_ADD if value > 0 else _REMOVE):
        return REFUSALS["operation"]
    if not is_text(reason):
        return REFUSALS["reason"]
    key = document.get("ChangeKey")
    if "ChangeKey" in document and not is_text(key):
        return REFUSALS["key"]
    shown = document.get("CustomerReason")
    if shown is not None and not isinstance(shown, str):
        return REFUSALS["customer reason"]
    plain = without_tags(shown or "")
    if len(plain) > LONGEST_CUSTOMER_REASON:
        return REFUSALS["long customer reason"]
    return CashbackChangeAsked(value, key if is_text(key) else None, reason, plain if plain.strip() else None)


def without_tags(text: str) -> str:
    """Return `text` without its HTML tags, as the provider shows a customer reason."""
    return _TAG.sub("", text)


@frozen
class RemovalAsked:
    """A removal, or a refresh, of the cashback on a checkout that a request asks for."""

    customer_id: str
    checkout_id: str
    total: Decimal | None = None


CODES: Mapping[str, Said] = {
    code: Said(message, name=name, code=code, severity=severity, status=status)
    for code, name, severity, status, message in (
        ("01", "CustomerNotFound", ERROR, 400, "The customer was not found."),
        ("02", "CheckoutIdRequired", ERROR, 400, "The request did not include a CheckoutId."),
        ("03", "CheckoutNotFound", WARNING, 200, "The checkout was not found."),
        ("04", "CashbackNotApplied", WARNING, 200, "No cashback is applied to the checkout."),
        ("07", "CashbackRemovedSuccessfully", SUCCESS, 200, "The cashback was removed."),
    )
}
"""The five ways in which a checkout removal ends, as its page lists them."""
REFRESHED: Mapping[str, Said] = {
    "04": CODES["04"],
    "05": Said(
        "The cashback stays applied.",
        name="CashbackStillApplied",
        code="05",
        severity=WARNING,
        status=200,
    ),
    "06": Said(
        "The cashback was removed, since the cart changed.",
        name="CashbackRemovedByCartChange",
        code="06",
        severity=WARNING,
        status=200,
    ),
}
"""How a refresh ends beside the codes 01 and 02 of a removal, as its page lists them."""


def removal(document: Mapping[str, object] | None) -> RemovalAsked | Said:
    """Judge the body of `POST /v1/pvt/Checkout/redeem/remove` (schema ExternalApiCheckoutActionRequest)."""
    if document is None:
        return REFUSALS["no JSON"]
    if document.keys() - {"CustomerId", "CheckoutId", "Total"}:
        return REFUSALS["unknown member"]
    customer_id, checkout_id = document.get("CustomerId"), document.get("CheckoutId")
    if not is_text(customer_id):
        return CODES["01"]
    if not is_text(checkout_id):
        return CODES["02"]
    if document.get("Total") is not None and decimal(document["Total"]) is None:
        return REFUSALS["total"]
    return RemovalAsked(customer_id, checkout_id, decimal(document.get("Total")))
