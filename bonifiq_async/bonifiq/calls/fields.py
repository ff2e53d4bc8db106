"""What is given of a customer, an order or a part of one, by name: arguments of the methods that send it."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Required, TypedDict

from bonifiq_async.bonifiq.schemas.cancels import PartialCancelProduct
from bonifiq_async.bonifiq.schemas.customers import CreateCustomerRequest
from bonifiq_async.bonifiq.schemas.orders import CreateProductRequest, OrderPaymentMethodAmount
from bonifiq_async.bonifiq.schemas.parts import IdName, NameValue


class CustomerFields(TypedDict, total=False):
    """Data of a customer: see `CreateCustomerRequest`."""

    original_id: Required[str]
    name: str | None
    email: str | None
    phone: str | None
    birthday_date: date | None
    signup_date: datetime | None
    document: str | None
    is_enrolled: bool | None
    enrolled_date: datetime | None


class OrderFields(TypedDict, total=False):
    """Data of an order: see `CreateOrderRequest`."""

    original_id: Required[str]
    order_placement_date: Required[datetime]
    order_completed_date: datetime | None
    order_cancelled_date: datetime | None
    order_status: str | None
    is_cancelled_or_returned: bool | None
    is_completed: bool | None
    order_total: Required[Decimal]
    customer: Required[CreateCustomerRequest]
    products: Sequence[CreateProductRequest]
    updated_date: datetime | None
    coupon: str | None
    metadatas: Sequence[NameValue]
    payment_method: IdName | None
    payment_methods: Sequence[OrderPaymentMethodAmount]
    branch: IdName | None
    sales_person: IdName | None
    external_coupon: str | None


class PartFields(TypedDict, total=False):
    """What of an order is taken back: exactly one of `cancel_key` and `reference` is given.

    `value_to_refund` is in BRL. `products` are the lines that are taken back; they come to the value.
    `order_total` is not sent: a part above it is refused here. `should_refund_redeem` overrides the setting
    of the store.
    """

    value_to_refund: Required[Decimal]
    cancel_key: str | None
    reference: str | None
    products: Sequence[PartialCancelProduct] | None
    should_refund_redeem: bool | None
    order_total: Decimal | None


class CancelFields(TypedDict, total=False):
    """When a whole order was cancelled, and the status that it has in the caller's system."""

    order_cancelled_date: Required[datetime]
    order_status: str | None
