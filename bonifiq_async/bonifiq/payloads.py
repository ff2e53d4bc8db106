"""BonifiQ's payloads. Attribute names are the snake_case of the wire names; amounts are in BRL.

Source: the schemas of the endpoint pages. No field of an answer is marked as required there, so that each may
be left out; null is read only where the schema has `nullable: true`, and is a wrong type elsewhere.
"""

import re
from datetime import datetime
from decimal import Decimal
from enum import IntEnum

from attrs import field, frozen

from bonifiq_async._model import validation
from bonifiq_async._model.errors import PayloadError
from bonifiq_async._model.json_codec import NotNull, NotNullArray
from bonifiq_async._model.operation import BRL
from bonifiq_async._model.outcome import Change
from bonifiq_async._model.values import fixed, maker, public
from bonifiq_async._policy.change_key import canonical, key_of

LONGEST_CUSTOMER_REASON = 255
"""Characters of a customer reason that are shown, its tags not counted: the provider strips them."""
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
"""An HTML tag; what the provider might strip beyond these is counted here."""


@public
class Severity(IntEnum):
    """How an answer is meant (schema ExternalApiResponseSeverity)."""

    SUCCESS = 0
    WARNING = 1
    ERROR = 2


class ChangePointOperation(IntEnum):
    """Whether cashback is given or taken (schema ChangePointOperation)."""

    ADD_POINTS = 0
    REMOVE_POINTS = 1


@public
class OrderOrigin(IntEnum):
    """Where an order came from (schema OrderOrigin)."""

    INTEGRATION = 0
    API = 1
    IMPORT = 2
    PDV = 3
    OFFLINE_INTEGRATION = 4


def _amount(value: Decimal | int) -> Decimal:
    return validation.amount(value, "value")


def shown_reason(value: str | None) -> str | None:
    """Return a customer reason; null, empty and blank are one, and the default message is shown."""
    return None if isinstance(value, str) and not value.strip() else value


def check_customer_reason(value: str) -> None:
    """Raise `PayloadError` for a text that a customer cannot be shown: one that is too long without its
    tags.
    """
    validation.text(value, "customer_reason")
    length = len(value)
    if length > LONGEST_CUSTOMER_REASON:
        length = len(_TAG.sub("", value))
    if length > LONGEST_CUSTOMER_REASON:
        raise PayloadError(
            f"customer_reason has {length} characters without its tags; at most "
            f"{LONGEST_CUSTOMER_REASON} are allowed",
            path="customer_reason",
        )


@public
@frozen
class CashbackChange(Change):
    """One intended change of a customer's cashback.

    `customer_id` is the customer's id in the store, usually an e-mail address or a CPF. `value`, in BRL, is
    signed: above zero adds, below zero removes. `reason` is internal, and never shown to the customer;
    `customer_reason` is, in the points history: at most 255 characters without its HTML tags, which the
    provider strips. An empty or blank one is None, as it is to the provider, which shows its default message.

    An amount may have more than two decimals: the schema (`decimal`) sets no limit, and no amount is rounded.
    Files are stricter, since a third decimal in a column is most likely a mistake.

    `change_key` makes a repeat harmless: the provider applies it once. Derive it from what the change is for
    (`reference`). A caller that wants no de-duplication may give a time, such as `2023-01-01 23:59:00:000`,
    as the page suggests: then a second call is a second change, also after a crash, whatever it was meant
    to be.
    A key has no blank at an end, and no character that is not seen.

    Raises `PayloadError` naming the field for anything that must not be sent. Source: endpoint page "Add or
    remove cashback", sections "The ChangeKey field" and "The Reason field"; schema
    CustomerChangeCashbackRequest.
    """

    customer_id: str
    value: Decimal = field(converter=_amount)
    reason: str
    change_key: str
    customer_reason: str | None = field(default=None, converter=shown_reason)

    def __attrs_post_init__(self) -> None:
        validation.path_segment(self.customer_id, "customer_id")
        validation.text(self.reason, "reason")
        validation.label(self.change_key, "change_key")
        if self.customer_reason is not None:
            check_customer_reason(self.customer_reason)

    @property
    def unit(self) -> str:
        """The currency of Brazil, which all amounts of the provider are in."""
        return BRL

    @classmethod
    def _of(
        cls, customer_id: str, value: Decimal, reason: str, key: str, customer_reason: str | None
    ) -> "CashbackChange":
        """Return the same as the class does, of a `value` that is checked already."""
        if cls is not CashbackChange:
            return cls(customer_id, value, reason, key, customer_reason)
        made = _make(customer_id, value, reason, key, shown_reason(customer_reason))
        made.__attrs_post_init__()
        return made

    @classmethod
    def add(
        cls,
        customer_id: str,
        amount: Decimal,
        *,
        reason: str,
        change_key: str | None = None,
        reference: str | None = None,
        customer_reason: str | None = None,
    ) -> "CashbackChange":
        """Return the change that adds `amount` (above zero).

        Exactly one of `change_key` and `reference` is given; a `reference` (an order or event id)
        derives the key.
        """
        value = validation.amount(amount, "amount", positive=True)
        key = _key(customer_id, value, change_key, reference)
        return cls._of(customer_id, value, reason, key, customer_reason)

    @classmethod
    def remove(
        cls,
        customer_id: str,
        amount: Decimal,
        *,
        reason: str,
        change_key: str | None = None,
        reference: str | None = None,
        customer_reason: str | None = None,
    ) -> "CashbackChange":
        """Return the change that removes `amount` (above zero); the rest is as in `add`."""
        value = validation.amount(amount, "amount", positive=True).copy_negate()
        key = _key(customer_id, value, change_key, reference)
        return cls._of(customer_id, value, reason, key, customer_reason)


_make = maker(CashbackChange)


def _key(customer_id: str, value: Decimal, change_key: str | None, reference: str | None) -> str:
    if change_key is None and reference is not None:
        return key_of(customer_id, value, reference)
    if change_key is None or reference is not None:
        raise PayloadError("give exactly one of change_key and reference", path="change_key")
    return change_key


_ADD_POINTS, _REMOVE_POINTS = ChangePointOperation


@fixed
class CashbackChangeRequest:
    """Body of a cashback change (schema CustomerChangeCashbackRequest)."""

    value: Decimal
    operation_type: ChangePointOperation
    reason: str
    change_key: str
    customer_reason: str | None = None

    @classmethod
    def of(cls, change: CashbackChange) -> "CashbackChangeRequest":
        """Return the body of `change`; the operation type follows from the sign.

        The value is written in its one spelling: the same change has the same bytes.
        """
        value = change.value
        kind = _REMOVE_POINTS if value.is_signed() else _ADD_POINTS
        return cls(canonical(value), kind, change.reason, change.change_key, change.customer_reason)


@fixed
class CheckoutRemovalRequest:
    """Body of a checkout cashback removal (schema ExternalApiCheckoutActionRequest)."""

    customer_id: str
    checkout_id: str
    total: Decimal | None = None


@public
@frozen
class CustomerPointsToExpire:
    """Points that expire, and when."""

    points: NotNull[int] = None
    when: NotNull[datetime] = None


@public
@frozen
class PointDetailItem:
    """One line of a customer's point history (schema PointDetailItem).

    `amount`, in points, is above zero for what was received and below zero for what was redeemed.
    `cashback_amount`, in BRL, is the cashback that goes with it, None where there is none. Branch and
    `order_origin` are None where the line does not come from an order.
    """

    id: NotNull[int] = None
    is_canceled: NotNull[bool] = None
    date_received: NotNull[datetime] = None
    expiration_date: datetime | None = None
    amount: NotNull[int] = None
    cashback_amount: Decimal | None = None
    branch_id: str | None = None
    branch_name: str | None = None
    order_origin: OrderOrigin | int | None = None
    order_origin_description: str | None = None
    point_type: int | None = None
    point_type_description: str | None = None


@public
@frozen
class CustomerPoints:
    """A customer's balance (schemas CustomerPointsResponse and CustomerPointsWithErrorResponse).

    `customer_exists` false means that the provider does not know the customer: no balance. `cashback_balance`
    is in BRL, and 0 while cashback is inactive in the program, whatever the points are. `redeem_key` is the
    provider's key for this change of points, after a change; `internal_id` its own id of the customer.
    """

    customer_exists: NotNull[bool] = None
    internal_id: NotNull[str] = None
    points_balance: NotNull[int] = None
    points_to_expire: NotNullArray[CustomerPointsToExpire] = ()
    cashback_balance: NotNull[Decimal] = None
    redeem_key: str | None = None
    point_history: NotNullArray[PointDetailItem] = ()
    name: NotNull[str] = None
    error: str | None = None


@public
@frozen
class PendingOrder:
    """What one order will bring, estimated (schema CustomerPendingOrderResponse).

    `order_value` is the part of the order that counts for points. `pending_cashback` is None while cashback
    is inactive in the program.
    """

    order_date: NotNull[datetime] = None
    order_value: NotNull[Decimal] = None
    pending_points: NotNull[int] = None
    pending_cashback: Decimal | None = None


@public
@frozen
class PendingPoints:
    """Points and cashback that are not granted yet (schema CustomerPendingPointsResponse).

    The orders are those without granted purchase points that wait for the status in which they score, or have
    reached it and are not processed yet. `total_pending_cashback` is None while cashback is inactive in the
    program. Source: endpoint page "Retrieve pending purchase points and cashback".
    """

    total_pending_points: NotNull[int] = None
    total_pending_cashback: Decimal | None = None
    pending_orders: NotNullArray[PendingOrder] = ()


@frozen
class CheckoutRemoved:
    """Result of a checkout removal (schema CheckoutRemoveCashbackResponse)."""

    success: NotNull[bool] = None
    customer_message: NotNull[str] = None


@public
@frozen
class CheckoutRemoval:
    """What became of the cashback on a checkout.

    `removed` is true when this answer reports the removal (code 07). A warning (03 checkout not found,
    04 no cashback applied) leaves it false. `repeated` is true when an earlier attempt of this call
    may already have removed it, so that a warning is no surprise.
    """

    removed: bool
    code: str | None
    code_name: str | None
    severity: Severity | int | None
    customer_message: str | None
    repeated: bool = False
