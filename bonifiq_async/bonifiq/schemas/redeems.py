"""Redeems at the checkout, at the point of sale and by a reward. Source: the pages of each."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from attrs import field, frozen
from attrs.validators import optional

from bonifiq_async._model.errors import PayloadError
from bonifiq_async._model.json_codec import NotNull
from bonifiq_async._model.secret import masked
from bonifiq_async.bonifiq.payloads import Severity
from bonifiq_async.bonifiq.schemas.checks import (
    above_zero,
    amount,
    count,
    customer,
    exact,
    exact_or_none,
    flag,
    label,
    many,
    one,
    quantity,
    text,
)
from bonifiq_async.bonifiq.schemas.customers import CustomerResponse
from bonifiq_async.bonifiq.schemas.parts import IdName, NameValue, RedeemOrigin


@frozen
class RedeemPoint:
    """Point record of a redeem (schema RedeemPoint).

    `quantity`: Points moved; the official example shows it negative.
    """

    point_id: int | None = None
    quantity: int | None = None
    metadatas: tuple[NameValue, ...] = ()


@frozen
class RedeemCoupon:
    """Coupon, when one is generated (schema RedeemCoupon)."""

    coupon_code: str | None = None
    coupon_type: int | None = None
    coupon_value: Decimal | None = None
    valid_date_start: datetime | None = None
    valid_date_end: datetime | None = None


@frozen
class RedeemRewardResponse:
    """A completed redeem (schema RedeemRewardResponse).

    `reward_id`: Id of this redeem; use it to cancel. `external_code`: Send it as Coupon of the order.
    `original_key`: Echo of the key. `external_product_id`: SKU of a product reward.
    """

    reward_id: int | None = None
    point: RedeemPoint | None = None
    external_code: str | None = None
    original_key: str | None = None
    coupon: RedeemCoupon | None = None
    external_product_id: str | None = None


@frozen(kw_only=True)
class CheckoutItem:
    """Cart line used for eligibility (schema CheckoutItem)."""

    external_product_id: str = field(validator=label)
    value: Decimal = field(validator=amount, converter=exact)
    quantity: int | None = field(default=None, validator=optional(count))


@frozen(kw_only=True)
class CheckoutRedeemRequest:
    """Apply cashback to a cart (schema CheckoutRedeemRequest).

    `customer_id`: E-mail or document. `checkout_id`: Cart id of the store platform. `cashback_value`: Amount
    to apply; absent means the maximum. `total`: Cart total, for validation. `token`: Platform token of the
    cart, which no repr shows; a ledger keeps it, as a part of the request. `original_key`: Caller-chosen key
    of this redeem. `items`: Lines to consider; absent means the whole total.
    """

    customer_id: str = field(validator=label)
    checkout_id: str = field(validator=label)
    cashback_value: Decimal | None = field(
        default=None, validator=optional(above_zero), converter=exact_or_none
    )
    total: Decimal | None = field(default=None, validator=optional(amount), converter=exact_or_none)
    token: str | None = field(default=None, validator=optional(text), repr=masked)
    original_key: str = field(validator=label)
    redeem_origin: RedeemOrigin | int | None = field(default=None, validator=optional(quantity))
    items: Sequence[CheckoutItem] = field(default=(), validator=many(CheckoutItem))

    def __attrs_post_init__(self) -> None:
        """Check that no more is applied than the cart comes to: the provider refuses that."""
        if self.cashback_value is not None and self.total is not None and self.cashback_value > self.total:
            raise PayloadError(
                "cashback_value is above total; cashback cannot exceed the cart (checkout page)",
                path="cashback_value",
            )


@frozen
class CheckoutRefreshCashbackResponse:
    """Result of a refresh, by the prose of its page (schema CheckoutRefreshCashbackResponse).

    `cashback_removed`: Cashback was taken off. `customer_message`: Readable outcome.
    """

    cashback_removed: NotNull[bool] = None
    customer_message: NotNull[str] = None


@frozen
class CheckoutRefresh:
    """What a refresh says of the cashback on a checkout.

    `kept` is true when it stays applied (code 05, which the provider calls a warning), `removed` when it was
    taken off since the cart changed (06). Both are false when none was applied (04); tell the shopper.
    `repeated` is true when an earlier attempt of this call may already have taken it off, so that 04 is no
    surprise.
    """

    kept: bool
    removed: bool
    code: str | None = None
    code_name: str | None = None
    severity: Severity | int | None = None
    customer_message: str | None = None
    repeated: bool = False


@frozen(kw_only=True)
class PosRedeemRequest:
    """Redeem at the point of sale (schema PosRedeemRequest).

    `customer_id`: E-mail or document. `value`: Cashback rewards only: amount chosen. `points`: Cashback
    rewards only: alternative to Value. `original_key`: Caller-chosen key, unique per redeem.
    """

    customer_id: str = field(validator=customer)
    value: Decimal | None = field(default=None, validator=optional(above_zero), converter=exact_or_none)
    points: int | None = field(default=None, validator=optional(count))
    original_key: str = field(validator=label)
    metadatas: Sequence[NameValue] = field(default=(), validator=many(NameValue))
    redeem_origin: RedeemOrigin | int | None = field(default=None, validator=optional(quantity))
    branch: IdName | None = field(default=None, validator=optional(one(IdName)))
    sales_person: IdName | None = field(default=None, validator=optional(one(IdName)))
    force_generate_coupon: bool | None = field(default=None, validator=optional(flag))

    def __attrs_post_init__(self) -> None:
        """Check that the amount is given once: `points` are an alternative to `value`."""
        if self.value is not None and self.points is not None:
            raise PayloadError("give value or points, not both (POS redeem page)", path="points")


@frozen
class RewardPoints:
    """Point record of a reward (schema RewardPoints).

    `type`: Enum without visible names.
    """

    id: int | None = None
    points: int | None = None
    type: int | None = None
    event_key: str | None = None


@frozen
class RewardResponse:
    """A redeem already made (schema RewardResponse).

    `id`: Redeem id. `cash_value`: BRL for cashback or value rewards. `is_canceled`: Cancelled, points
    returned.
    """

    id: NotNull[int] = None
    customer: CustomerResponse | None = None
    external_code: NotNull[str] = None
    cash_value: Decimal | None = None
    is_canceled: NotNull[bool] = None
    redeem_date: NotNull[datetime] = None
    points: RewardPoints | None = None


@frozen(kw_only=True)
class RewardConfigurationRedeemRequest:
    """For which customer a reward is redeemed (schema RewardConfigurationRedeemRequest)."""

    customer_id: str = field(validator=label)


@frozen(kw_only=True)
class RedeemProductInput:
    """Product to discount (schema RedeemProductInput)."""

    external_product_id: str = field(validator=label)
    quantity: int | None = field(default=None, validator=optional(count))
    product_price: Decimal | None = field(default=None, validator=optional(amount), converter=exact_or_none)
    product_discount_price: Decimal | None = field(
        default=None, validator=optional(amount), converter=exact_or_none
    )
    has_promotion: bool | None = field(default=None, validator=optional(flag))


@frozen(kw_only=True)
class ProductDiscountRedeemRequest:
    """Redeem a product reward for online checkout (schema ProductDiscountRedeemRequest)."""

    reward_configuration_id: int = field(validator=count)
    customer_id: str = field(validator=label)
    original_key: str = field(validator=label)
    redeem_origin: RedeemOrigin | int | None = field(default=None, validator=optional(quantity))
    product: RedeemProductInput = field(validator=one(RedeemProductInput))


@frozen
class ProductDiscountRedeemResponse(RedeemRewardResponse):
    """Redeem plus the discount granted (schema ProductDiscountRedeemResponse).

    `product_discount_total`: Total discount; 0 for a free gift.
    """

    product_discount_total: Decimal | None = None
