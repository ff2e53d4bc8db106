"""Numbers that have names, and small values that several schemas share.

A number without a name stays a number wherever it comes. Source: the schemas of the endpoint pages, and the
official point-of-sale example where it says so.
"""

from enum import IntEnum

from attrs import frozen

from bonifiq_async._model.json_codec import NotNull


class RedeemOrigin(IntEnum):
    """The channel of a redeem. The page lists 0 to 5; the official example names 5 alone."""

    PDV = 5


class RewardType(IntEnum):
    """The kind of a reward, as the official example names it; 2 was not seen named."""

    PERCENT_DISCOUNT = 0
    FIXED_VALUE_DISCOUNT = 1
    CASHBACK = 3
    CUSTOM = 4
    PRODUCT_DISCOUNT = 5


class ProductDiscountMode(IntEnum):
    """How a product reward changes the price of one unit (official example)."""

    PERCENT_DISCOUNT = 0
    FIXED_FINAL_PRICE = 1
    FREE_GIFT = 2
    FIXED_DISCOUNT_AMOUNT = 3


class CannotUseReason(IntEnum):
    """Why a reward that is listed cannot be used now (official example)."""

    CAN_USE = 0
    NOT_ENOUGH_POINTS = 1
    MINIMUM_VALUE_NOT_REACHED = 2
    CASHBACK_NOT_AVAILABLE = 3
    NO_CUSTOMER = 4
    REWARD_VALUE_EXCEEDS_PURCHASE = 5
    MINIMUM_PURCHASE_PERCENT_NOT_REACHED = 6
    CUSTOMER_NOT_ENROLLED = 7
    CANNOT_USE_CUMULATIVE_DISCOUNT = 8
    PRODUCT_REWARD_NO_APPLICABLE_PRODUCT = 9
    PRODUCT_REWARD_USAGE_LIMIT_REACHED = 10
    PRODUCT_REWARD_REQUIRES_CHECKOUT = 11
    PRODUCT_REWARD_INVALID_CONFIGURATION = 12


class OrderState(IntEnum):
    """The state of an order inside BonifiQ; the page has Portuguese labels for the five numbers."""

    INITIAL = 0
    PENDING = 1
    COMPLETED = 2
    CANCELLED = 3
    IGNORED = 4


@frozen
class NameValue:
    """Free name/value pair (schema NameValue)."""

    name: str | None = None
    value: str | None = None


@frozen
class IdName:
    """Reference to a branch, salesperson, brand or payment method (schema IdName).

    `original_id`: Id in the caller's system.
    """

    original_id: str | None = None
    name: str | None = None


@frozen
class CurrentTier:
    """Loyalty level the customer is in (schema CurrentTier).

    `color`: Hex colour.
    """

    name: NotNull[str] = None
    color: str | None = None
    icon_url: str | None = None


@frozen
class ProductCategory:
    """Category, recursive (schema ProductCategory).

    `description`: Orders only. `parent_category`: Nested category.
    """

    original_id: str | None = None
    name: str | None = None
    description: str | None = None
    parent_category: "ProductCategory | None" = None
