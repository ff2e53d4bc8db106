"""What becomes of an order: completed, cancelled, cancelled in part. Source: the order pages."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from attrs import field, frozen
from attrs.validators import optional

from bonifiq_async._model.errors import PayloadError
from bonifiq_async._model.json_codec import NotNull, spelled
from bonifiq_async.bonifiq.schemas.checks import (
    above_zero,
    exact,
    flag,
    label,
    many,
    moment,
    sum_of,
    text,
)


@frozen(kw_only=True)
class CancelOrderRequest:
    """Cancel a whole order (schema CancelOrderRequest).

    `order_cancelled_date`: When it was cancelled.
    """

    order_cancelled_date: datetime = field(validator=moment)
    order_status: str | None = field(default=None, validator=optional(text))


@frozen(kw_only=True)
class CompleteOrderRequest:
    """Mark an order as completed (schema CompleteOrderRequest).

    `order_completed_date`: When the store set it complete. `order_status`: Status text of the caller's
    system.
    """

    order_completed_date: datetime = field(validator=moment)
    order_status: str | None = field(default=None, validator=optional(text))


@frozen(kw_only=True)
class PartialCancelProduct:
    """Refunded line (schema PartialCancelProduct)."""

    original_id: str = field(validator=label)
    value_to_refund: Decimal = field(validator=above_zero, converter=exact)


@frozen(kw_only=True)
class PartialCancelRequest:
    """Cancel part of an order (schema PartialCancelRequest).

    `value_to_refund`: More than 0 and at most OrderTotal. `cancel_key`: Caller-chosen key, unique per partial
    cancellation; reuse fails. `products`: Sum must equal ValueToRefund. Only in the official example.
    `should_refund_redeem`: Overrides the store setting. Only in the official example.
    """

    value_to_refund: Decimal = field(validator=above_zero, converter=exact)
    cancel_key: str = field(validator=label)
    products: Sequence[PartialCancelProduct] = field(default=(), validator=many(PartialCancelProduct))
    should_refund_redeem: bool | None = field(default=None, validator=optional(flag))

    def __attrs_post_init__(self) -> None:
        """Check that the products come to the value, as the official example demands."""
        if self.products and sum_of(each.value_to_refund for each in self.products) != self.value_to_refund:
            raise PayloadError(
                "the products' value_to_refund do not come to that of the order (official example)",
                path="products",
            )


@frozen
class RefundErrorDetails:
    """Why a refund was refused while the HTTP call succeeded (schema RefundErrorDetails)."""

    code: NotNull[str] = None
    message: NotNull[str] = None
    field: str | None = None
    product_original_id: str | None = None
    expected_value: Decimal | None = None
    actual_value: Decimal | None = None


@frozen
class OrderCancelResponse:
    """Outcome of a cancellation (schema OrderCancelResponse).

    `is_canceled`: Order found and cancelled. Note the lower-case first letter. `updated_at`: When the order
    was cancelled.
    """

    is_canceled: bool | None = field(default=None, metadata=spelled("isCanceled"))
    updated_at: datetime | None = None
    status: int | None = None
    refund_error_details: RefundErrorDetails | None = None


@frozen
class OrderCompleteResponse:
    """Outcome of marking an order complete (schema OrderCompleteResponse).

    `status`: Sample shows 0, as the cancellation answer does; values and names are not listed on this page.
    """

    is_completed: bool | None = None
    updated_at: datetime | None = None
    status: int | None = None
