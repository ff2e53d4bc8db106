"""BonifiQ's orders, as they are answered and as they are sent. Source: the order and point-of-sale pages."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal

from attrs import field, frozen
from attrs.validators import optional

from bonifiq_async._model.errors import PayloadError
from bonifiq_async.bonifiq.payloads import OrderOrigin
from bonifiq_async.bonifiq.schemas.checks import amount, flag, label, many, moment, one, text
from bonifiq_async.bonifiq.schemas.customers import CreateCustomerRequest
from bonifiq_async.bonifiq.schemas.parts import IdName, NameValue, OrderState, ProductCategory


@frozen
class OrderMetadata:
    """A free name and value of an order, with their numbers (schema OrderMetadata)."""

    id: int | None = None
    order_id: int | None = None
    name: str | None = None
    value: str | None = None


@frozen
class AffiliateCouponHistory:
    """A coupon that an affiliate had, and since when (schema AffiliateCouponHistory)."""

    id: int | None = None
    affiliate_id: int | None = None
    coupon: str | None = None
    associated_date: datetime | None = None


@frozen
class AffiliateInfo:
    """The affiliate that a customer is (schema AffiliateInfo)."""

    id: int | None = None
    customer_id: int | None = None
    is_active: bool | None = None
    affiliate_coupon: str | None = None
    last_updated: datetime | None = None
    coupon_histories: tuple[AffiliateCouponHistory, ...] = ()


@frozen
class OrderCustomer:
    """Customer inside an order answer (schema OrderCustomer).

    `origin`: Enum without visible names. `rfm_group`: Enum without visible names.
    """

    id: int | None = None
    original_id: str | None = None
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    birthday_date: datetime | None = None
    signup_date: datetime | None = None
    document: str | None = None
    is_enrolled: bool | None = None
    points_balance: int | None = None
    balance_of_points: Decimal | None = None
    cashback: Decimal | None = None
    birthday_update_date: datetime | None = None
    first_name: str | None = None
    public_id: str | None = None
    secondary_id: str | None = None
    order_count: int | None = None
    reason_enrolled: str | None = None
    admin_id: int | None = None
    email_admin: str | None = None
    enrolled_date: datetime | None = None
    tier_name: str | None = None
    origin: int | None = None
    rfm_group: int | None = None
    rfm_group_name: str | None = None
    affiliate: AffiliateInfo | None = None


@frozen
class OrderProduct:
    """A product of an order as answered (schema OrderProduct)."""

    original_id: str | None = None
    title: str | None = None
    url: str | None = None
    image_url: str | None = None
    is_active: bool | None = None
    product_price: Decimal | None = None


@frozen
class EstimatedBonus:
    """Points and cashback the order should give (schema EstimatedBonus)."""

    generate_bonus: bool | None = None
    estimated_points: int | None = None
    estimated_cashback: Decimal | None = None
    estimated_cashback_formatted: str | None = None


@frozen
class OrderResponse:
    """An order as answered (schema OrderResponse).

    The page that was seen is cut after `metadatas`; the rest is that of the official example.
    `origin`: The page lists 0..4 and words 0 as platform integration, 1 as external API, 2 as file import.
    """

    id: int | None = None
    original_id: str | None = None
    order_placement_date: datetime | None = None
    order_completed_date: datetime | None = None
    order_cancelled_date: datetime | None = None
    order_status: str | None = None
    is_cancelled_or_returned: bool | None = None
    is_completed: bool | None = None
    order_total: Decimal | None = None
    customer: OrderCustomer | None = None
    products: tuple[OrderProduct, ...] = ()
    updated_date: datetime | None = None
    coupon: str | None = None
    state: OrderState | int | None = None
    origin: OrderOrigin | int | None = None
    metadatas: tuple[OrderMetadata, ...] = ()
    branch: Mapping[str, object] | None = None
    tenant_salesman: Mapping[str, object] | None = None
    external_coupon: str | None = None
    estimated_bonus: EstimatedBonus | None = None


@frozen(kw_only=True)
class CreateProductRequest:
    """Product of an order (schema CreateProductRequest).

    `product_price`: Has no quantity next to it; the official example sends the net line total.
    """

    original_id: str = field(validator=label)
    title: str | None = field(default=None, validator=optional(text))
    url: str | None = field(default=None, validator=optional(text))
    image_url: str | None = field(default=None, validator=optional(text))
    is_active: bool | None = field(default=None, validator=optional(flag))
    product_price: Decimal = field(validator=amount)
    product_brand: IdName | None = field(default=None, validator=optional(one(IdName)))
    product_category: ProductCategory | None = field(default=None, validator=optional(one(ProductCategory)))


@frozen(kw_only=True)
class OrderPaymentMethodAmount:
    """Payment with amount (schema OrderPaymentMethodAmount)."""

    original_id: str | None = field(default=None, validator=optional(label))
    name: str | None = field(default=None, validator=optional(text))
    paid_amount: Decimal | None = field(default=None, validator=optional(amount))


@frozen(kw_only=True)
class CreateOrderRequest:
    """An order or purchase (schema CreateOrderRequest).

    `original_id`: Order id in the caller's system. `order_completed_date`: Needed when IsCompleted.
    `order_cancelled_date`: Needed when IsCancelledOrReturned. `order_status`: Informative only.
    `order_total`: Net amount paid, without shipping; base of the points. `coupon`: ExternalCode of the
    redeem, or the store's coupon. `payment_methods`: Seen only in the official example.
    """

    original_id: str = field(validator=label)
    order_placement_date: datetime = field(validator=moment)
    order_completed_date: datetime | None = field(default=None, validator=optional(moment))
    order_cancelled_date: datetime | None = field(default=None, validator=optional(moment))
    order_status: str | None = field(default=None, validator=optional(text))
    is_cancelled_or_returned: bool | None = field(default=None, validator=optional(flag))
    is_completed: bool | None = field(default=None, validator=optional(flag))
    order_total: Decimal = field(validator=amount)
    customer: CreateCustomerRequest = field(validator=one(CreateCustomerRequest))
    products: Sequence[CreateProductRequest] = field(default=(), validator=many(CreateProductRequest))
    updated_date: datetime | None = field(default=None, validator=optional(moment))
    coupon: str | None = field(default=None, validator=optional(label))
    metadatas: Sequence[NameValue] = field(default=(), validator=many(NameValue))
    payment_method: IdName | None = field(default=None, validator=optional(one(IdName)))
    payment_methods: Sequence[OrderPaymentMethodAmount] = field(
        default=(), validator=many(OrderPaymentMethodAmount)
    )
    branch: IdName | None = field(default=None, validator=optional(one(IdName)))
    sales_person: IdName | None = field(default=None, validator=optional(one(IdName)))
    external_coupon: str | None = field(default=None, validator=optional(label))

    @property
    def births(self) -> Mapping[str, date | None]:
        """As in `CreateCustomerRequest`."""
        return {f"customer.{name}": born for name, born in self.customer.births.items()}

    def __attrs_post_init__(self) -> None:
        """Check the dates of its state: ErrorCode 11 to 15 of the older table are these rules."""
        if self.is_completed and self.order_completed_date is None:
            raise PayloadError("a completed order needs order_completed_date", path="order_completed_date")
        if self.is_cancelled_or_returned and self.order_cancelled_date is None:
            raise PayloadError("a cancelled order needs order_cancelled_date", path="order_cancelled_date")
        for name in ("order_completed_date", "order_cancelled_date"):
            later: datetime | None = getattr(self, name)
            if later is not None and later < self.order_placement_date:
                raise PayloadError(f"{name} is before order_placement_date", path=name)
