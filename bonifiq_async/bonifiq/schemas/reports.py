"""Reports and points that expire, page by page. Source: the report pages."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from attrs import field, frozen
from attrs.validators import optional

from bonifiq_async._model.json_codec import spelled
from bonifiq_async.bonifiq.payloads import CustomerPointsToExpire, PointDetailItem
from bonifiq_async.bonifiq.schemas.checks import count, moment
from bonifiq_async.bonifiq.schemas.customers import CustomerResponse
from bonifiq_async.bonifiq.schemas.orders import OrderResponse
from bonifiq_async.bonifiq.schemas.pages import BarePage, Page


@frozen(kw_only=True)
class PointsToExpireRequest:
    """Window and page (schema PointsToExpireRequest).

    `page_size`: At most 50. `from_`: Inclusive. `to`: Inclusive.
    """

    page_number: int | None = field(default=None, validator=optional(count))
    page_size: int | None = field(default=None, validator=optional(count))
    from_: datetime | None = field(default=None, validator=optional(moment), metadata=spelled("From"))
    to: datetime | None = field(default=None, validator=optional(moment))


@frozen
class PointsToExpireItem:
    """Points that expire, and whose they are (schema PointsToExpireItem).

    `point_id`: Newer page only. `reason_type`: Enum without visible names. `order_origin`: A string here.
    `point_metadatas`: Newer page only; shape not documented.
    """

    id: int | None = None
    point_id: int | None = None
    expiration_date: datetime | None = None
    points: int | None = None
    reason_type: int | None = None
    generation_date: datetime | None = None
    customer_id: int | None = None
    customer_name: str | None = None
    customer_email: str | None = None
    customer_phone: str | None = None
    customer_document: str | None = None
    branch_name: str | None = None
    branch_id: int | None = None
    cashback_value: Decimal | None = None
    order_origin: str | None = None
    salesman: str | None = None
    point_metadatas: Mapping[str, object] | None = None


@frozen
class PointsToExpireList(BarePage):
    """Expiring points page (schema PointsToExpireList)."""

    items: tuple[PointsToExpireItem, ...] = ()


@frozen
class CustomerReportItem:
    """A customer with balance and history (schema CustomerReportItem)."""

    internal_id: str | None = None
    original_id: str | None = None
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    document: str | None = None
    birthday_date: datetime | None = None
    signup_date: datetime | None = None
    is_enrolled: bool | None = None
    created_date: datetime | None = None
    points_balance: int | None = None
    cashback_balance: Decimal | None = None
    points_to_expire: tuple[CustomerPointsToExpire, ...] = ()
    point_history: tuple[PointDetailItem, ...] = ()


@frozen
class CustomerReportList(Page):
    """Customers report page (schema CustomerReportList)."""

    items: tuple[CustomerReportItem, ...] = ()


@frozen
class ExpirePointsItem:
    """Points of which a customer is to be warned (schema ExpirePointsItem).

    `type`: Enum without visible names.
    """

    id: str | None = None
    event_date: datetime | None = None
    points: int | None = None
    cashback: Decimal | None = None
    expiration_date: datetime | None = None
    type: int | None = None
    customer: CustomerResponse | None = None
    notification_date: datetime | None = None
    cashback_percent: Decimal | None = None
    total_cashback_available: Decimal | None = None


@frozen
class ExpirePointsList(Page):
    """Expiring points to notify, page (schema ExpirePointsList)."""

    items: tuple[ExpirePointsItem, ...] = ()


@frozen
class ReceivedPointsItem(ExpirePointsItem):
    """Points that a customer received, and the order they are for (schema ReceivedPointsItem).

    The page that was seen is cut within `order`.
    """

    order: OrderResponse | None = None


@frozen
class ReceivedPointsList(Page):
    """Received points page (schema ReceivedPointsList)."""

    items: tuple[ReceivedPointsItem, ...] = ()
