"""BonifiQ's customers: what is sent of one, and what is answered. Source: the customer pages."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal

from attrs import field, frozen
from attrs.validators import optional

from bonifiq_async._model.json_codec import NotNull, spelled
from bonifiq_async._model.values import fixed
from bonifiq_async.bonifiq.payloads import ChangePointOperation
from bonifiq_async.bonifiq.schemas.checks import (
    born,
    count,
    document,
    flag,
    label,
    moment,
    quantity,
    text,
)
from bonifiq_async.bonifiq.schemas.pages import Page
from bonifiq_async.bonifiq.schemas.parts import CurrentTier, NameValue


@frozen(kw_only=True)
class CreateCustomerRequest:
    """Data of a customer that the caller sends, by itself or within an order (schema CreateCustomerRequest).

    `original_id`: Id in the store. `signup_date`: Registration date in the store. `document`: Any document;
    one that is written as a CPF or CNPJ must check as one. `is_enrolled`: Takes part in the program.
    `enrolled_date`: When the customer joined the program; the order's placement date is used if it is absent.
    Only in the newer pages.
    """

    original_id: str = field(validator=label)
    name: str | None = field(default=None, validator=optional(text))
    email: str | None = field(default=None, validator=optional(label))
    phone: str | None = field(default=None, validator=optional(text))
    birthday_date: date | None = field(default=None, validator=optional(born))
    signup_date: datetime | None = field(default=None, validator=optional(moment))
    document: str | None = field(default=None, validator=optional(document))
    is_enrolled: bool | None = field(default=None, validator=optional(flag))
    enrolled_date: datetime | None = field(default=None, validator=optional(moment))

    @property
    def births(self) -> Mapping[str, date | None]:
        """The birthdays in it, by name: not one of them is in the future when it is sent."""
        return {"birthday_date": self.birthday_date}


@frozen
class CustomerResponse:
    """Customer as returned (schema CustomerResponse).

    `original_id`: Id in the store. `public_id`: BonifiQ public id. `referral_url`: Null when referral is off.
    `whatsapp_referral_url`: Null when referral is off. `balance_of_points`: Only in newer pages.
    `balance_cashback`: Only in newer pages.
    """

    original_id: str | None = None
    public_id: str | None = None
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    birthday_date: datetime | None = None
    signup_date: datetime | None = None
    document: str | None = None
    is_enrolled: bool | None = None
    referral_url: str | None = field(default=None, metadata=spelled("ReferralURL"))
    whatsapp_referral_url: str | None = None
    current_tier: CurrentTier | None = None
    balance_of_points: Decimal | None = None
    balance_cashback: Decimal | None = None


@frozen
class CustomerUpsertResponse(CustomerResponse):
    """Customer plus what was done (schema CustomerUpsertResponse).

    `operation`: What happened; the page's text names the two values created and updated.
    """

    operation: str | None = None


@fixed
class CustomerChangePointsRequest:
    """Body of a change of points (schema CustomerChangePointsRequest)."""

    points: int
    operation_type: ChangePointOperation
    reason: str
    change_key: str
    customer_reason: str | None = None


@frozen(kw_only=True)
class SetBirthdayRequest:
    """The birthday of a customer (schema SetBirthdayRequest)."""

    birthday: date = field(validator=born)

    @property
    def births(self) -> Mapping[str, date | None]:
        """As in `CreateCustomerRequest`."""
        return {"birthday": self.birthday}


@frozen(kw_only=True)
class ChangeStatusRequest:
    """Activate or deactivate a customer (schema ChangeStatusRequest).

    `is_enabled`: Active or not in the program. `reason`: Internal justification.
    """

    is_enabled: bool = field(validator=flag)
    reason: str = field(validator=text)


@frozen(kw_only=True)
class ChangeTierRequest:
    """Manual tier change (schema ChangeTierRequest).

    `grace_period_in_days`: Days the customer stays at least. `tier_id`: Tier to move to.
    `grace_period_comments`: Internal note.
    """

    grace_period_in_days: int | None = field(default=None, validator=optional(quantity))
    tier_id: int = field(validator=count)
    grace_period_comments: str | None = field(default=None, validator=optional(text))


@frozen
class ChangeTierResult:
    """What became of a change of tier (schema ChangeTierResult).

    The prose of the page has the names of the tiers, its sample a boolean alone: that is `done`. Each may
    be missing. The type of `customer_id` is not shown.
    """

    done: bool | None = None
    customer_id: object = None
    tier_id: NotNull[int] = None
    current_tier_name: NotNull[str] = None
    old_tier_name: str | None = None


@frozen
class CustomerHistoryItem:
    """One line of the customer timeline (schema CustomerHistoryItem).

    `point_type`: Enum without visible names. `is_tier_history`: True for a tier change; then read TierUpdate
    and disregard PointType. `tier_update`: Enum without visible names.
    """

    date: datetime | None = None
    points: int | None = None
    title: str | None = None
    point_type: int | None = None
    is_canceled: bool | None = None
    coupon_code: str | None = None
    coupon_refunded: bool | None = None
    coupon_is_used: bool | None = None
    coupon_is_available: bool | None = None
    cashback_description: str | None = None
    cashback_value: Decimal | None = None
    is_tier_history: bool | None = None
    tier_update: int | None = None
    tier_name: str | None = None
    metadatas: tuple[NameValue, ...] = ()


@frozen
class CustomerHistoryList(Page):
    """Timeline page (schema CustomerHistoryList)."""

    items: tuple[CustomerHistoryItem, ...] = ()


@frozen
class CustomerCoupon:
    """Coupon obtained by a redeem (schema CustomerCoupon).

    `customer_id`: Internal id.
    """

    coupon_code: str | None = None
    created_date: datetime | None = None
    is_used: bool | None = None
    coupon_value: Decimal | None = None
    customer_id: int | None = None
    valid_date_start: datetime | None = None
    valid_date_end: datetime | None = None
    coupon_type: int | None = None


@frozen
class CustomerCouponList(Page):
    """Unused coupons page (schema CustomerCouponList)."""

    items: tuple[CustomerCoupon, ...] = ()
