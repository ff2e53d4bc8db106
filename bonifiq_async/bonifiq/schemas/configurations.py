"""Rewards as they are set up in the admin panel. Source: the reward configuration pages."""

from datetime import datetime
from decimal import Decimal

from attrs import frozen

from bonifiq_async.bonifiq.schemas.pages import Page
from bonifiq_async.bonifiq.schemas.parts import RewardType


@frozen
class EmailVariable:
    """A variable of an e-mail template (schema EmailVariable)."""

    name: str | None = None
    value: str | None = None
    description: str | None = None


@frozen
class EmailConfiguration:
    """The e-mail that goes with a reward (schema EmailConfiguration)."""

    id: int | None = None
    email_body: str | None = None
    subject: str | None = None
    is_active: bool | None = None
    type: int | None = None
    variables: tuple[EmailVariable, ...] = ()
    title: str | None = None
    description: str | None = None
    group: int | None = None
    sub_type: int | None = None
    hide_logo_is_active: bool | None = None
    change_background_color_is_active: bool | None = None
    products_recommendation_is_active: bool | None = None
    email_background_color: str | None = None
    objective_linked_type: int | None = None
    pre_header: str | None = None


@frozen
class PreGeneratedCoupon:
    """A coupon that was made beforehand (schema PreGeneratedCoupon)."""

    id: int | None = None
    original_id: str | None = None
    coupon_code: str | None = None
    created_date: datetime | None = None
    is_assigned: bool | None = None
    coupon_type: int | None = None
    coupon_value: Decimal | None = None
    valid_date_start: datetime | None = None
    valid_date_end: datetime | None = None
    coupon_id: int | None = None
    pre_generated_coupon_list_id: int | None = None


@frozen
class PreGeneratedCouponList:
    """Cut in the stored page (schema PreGeneratedCouponList)."""

    id: int | None = None
    list_name: str | None = None
    pre_generated_coupons: tuple[PreGeneratedCoupon, ...] = ()
    is_internal_list: bool | None = None
    coupons_type: int | None = None


@frozen
class RewardConfiguration:
    """A reward as it is set up (schema RewardConfiguration).

    The page that was seen is cut after `pre_generated_coupon_lists`.
    `coupon_code_length`: Newer pages only.
    """

    id: int | None = None
    points: int | None = None
    reward_type: RewardType | int | None = None
    is_active: bool | None = None
    value: Decimal | None = None
    pre_title: str | None = None
    title: str | None = None
    description: str | None = None
    long_description: str | None = None
    has_valid_date: bool | None = None
    valid_date_start: datetime | None = None
    valid_date_end: datetime | None = None
    has_same_customer_usage_limit: bool | None = None
    same_customer_usage_limit: int | None = None
    has_global_usage_limit: bool | None = None
    global_usage_limit: int | None = None
    custom_title: str | None = None
    usage_instructions: str | None = None
    custom_icon_url: str | None = None
    send_client_redeem_notification: bool | None = None
    client_emails_notification: tuple[str, ...] = ()
    send_customer_redeem_notification: bool | None = None
    customer_email_configuration_id: int | None = None
    customer_email_configuration: EmailConfiguration | None = None
    code_prefix: str | None = None
    coupon_code_length: int | None = None
    cumulative_discount: bool | None = None
    minimal_value: Decimal | None = None
    valid_days: int | None = None
    cashback_max_purchase_value: Decimal | None = None
    minimum_percent_purchase: Decimal | None = None
    manual_coupon_generation: bool | None = None
    pre_generated_coupon_lists: tuple[PreGeneratedCouponList, ...] = ()


@frozen
class RewardConfigurationList(Page):
    """A page of rewards: what is documented as the answer of a redeem (schema RewardConfigurationList)."""

    items: tuple[RewardConfiguration, ...] = ()
