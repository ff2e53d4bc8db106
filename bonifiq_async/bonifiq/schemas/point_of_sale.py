"""BonifiQ at the point of sale: available rewards and the PIN challenge. Source: the POS pages."""

import re
from collections.abc import Sequence
from decimal import Decimal

from attrs import field, frozen
from attrs.validators import optional

from bonifiq_async._model.json_codec import NotNull, spelled
from bonifiq_async._model.redaction import Redactor
from bonifiq_async._model.secret import MASK, Secret
from bonifiq_async.bonifiq.schemas.checks import (
    amount,
    count,
    customer,
    document,
    flag,
    label,
    many,
    one,
    text,
)
from bonifiq_async.bonifiq.schemas.parts import (
    CannotUseReason,
    CurrentTier,
    IdName,
    ProductCategory,
    ProductDiscountMode,
    RewardType,
)


class ChallengeCode(Secret):
    """The PIN of a challenge. Nothing but `reveal` shows it."""

    __slots__ = ()


_DIGITS = re.compile(r"\d(?:[ .-]?\d){3,}")
"""What may be a PIN where no member says which it is: four digits or more, also apart."""


def without_pin(words: str | None, *codes: ChallengeCode | None) -> str | None:
    """Return what is said of a challenge without its PIN: these words are printed, logged and pickled.

    Gone are the `codes` that are known, in every form, and whatever digits may be another one.
    """
    if words is None:
        return None
    return _DIGITS.sub(MASK, Redactor([code for code in codes if code is not None]).text(words))


@frozen(kw_only=True)
class PosAvailableProduct:
    """Cart line of the availability query (schema PosAvailableProduct).

    `original_id`: SKU (the sample prints a number). `line_id`: Cart line id. `product_discount_price`:
    Promotional price.
    """

    original_id: str = field(validator=label)
    line_id: str | None = field(default=None, validator=optional(label))
    title: str | None = field(default=None, validator=optional(text))
    is_active: bool | None = field(default=None, validator=optional(flag))
    quantity: int | None = field(default=None, validator=optional(count))
    product_price: Decimal = field(validator=amount)
    product_discount_price: Decimal | None = field(default=None, validator=optional(amount))
    product_brand: IdName | None = field(default=None, validator=optional(one(IdName)))
    product_category: ProductCategory | None = field(default=None, validator=optional(one(ProductCategory)))


@frozen(kw_only=True)
class PosAvailableRewardsRequest:
    """Purchase to evaluate (schema PosAvailableRewardsRequest).

    `customer_id`: E-mail, or CPF/CNPJ digits only. `purchase_value`: Gross value of the purchase.
    `discount_value`: Other, non-BonifiQ discount; null or 0 when none.
    """

    customer_id: str = field(validator=customer)
    purchase_value: Decimal = field(validator=amount)
    discount_value: Decimal | None = field(default=None, validator=optional(amount))
    products: Sequence[PosAvailableProduct] = field(default=(), validator=many(PosAvailableProduct))


@frozen
class PosCustomer:
    """Customer summary (schema PosCustomer)."""

    id: int | None = None
    original_id: str | None = None
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    document: str | None = None
    is_enrolled: bool | None = None
    current_tier: CurrentTier | None = None


@frozen
class PosReward:
    """One reward; the product fields come from the official example (schema PosReward).

    `id`: Reward configuration id; path id of the redeem. `requirements`: Readable usage rules.
    """

    id: int | None = None
    title: str | None = None
    reward_type: RewardType | int | None = None
    value: Decimal | None = None
    can_select_value: bool | None = None
    is_cashback: bool | None = None
    requirements: str | None = None
    available_cashback: Decimal | None = None
    max_cashback_for_current_purchase: Decimal | None = None
    can_use: bool | None = None
    points: int | None = None
    reward_can_be_cumulative: bool | None = None
    cannot_use_reason: CannotUseReason | int | None = None
    external_product_id: str | None = None
    product_display_name: str | None = None
    product_discount_mode: ProductDiscountMode | int | None = None
    product_discount_value: Decimal | None = None
    product_max_units_per_redeem: int | None = None
    product_available_quantity: int | None = None


@frozen
class PosAvailableRewardsResponse:
    """The rewards of a customer for a purchase (schema PosAvailableRewardsResponse).

    `rewards`: All rewards, usable or not. `has_rewards`: False: skip the reward flow.
    `should_validate_customer`: True: run the PIN challenge first. `should_validate_customer_signup`: True:
    challenge also needed, for enrolment.
    """

    customer: PosCustomer | None = None
    rewards: tuple[PosReward, ...] = ()
    has_restricted_items: bool | None = None
    restricted_value: Decimal | None = None
    eligible_value: Decimal | None = None
    has_rewards: bool | None = None
    should_validate_customer: bool | None = None
    should_validate_customer_signup: bool | None = None
    available_points: int | None = None
    cashback_enabled: bool | None = None
    available_cashback: Decimal | None = None
    max_cashback_for_current_purchase: Decimal | None = None


@frozen(kw_only=True)
class PosChallengeRequest:
    """Ask for a PIN (schema PosChallengeRequest).

    `transaction_id`: Any id tied to the purchase; reuse it on retries. `phone`: If BonifiQ has none. `email`:
    If BonifiQ has none. `document`: Signup validation. `name`: Signup validation.
    """

    transaction_id: str | None = field(default=None, validator=optional(label))
    phone: str | None = field(default=None, validator=optional(text))
    email: str | None = field(default=None, validator=optional(label))
    document: str | None = field(default=None, validator=optional(document))
    name: str | None = field(default=None, validator=optional(text))


@frozen
class PosChallengeResponse:
    """What became of a PIN that was asked for; its Code is the PIN itself (schema PosChallengeResponse).

    `success`: PIN was sent. `should_inform_phone`: Repeat with Phone. `should_inform_email`: Repeat with
    Email. `code`: The PIN itself; the official example says production normally leaves it out. In the two
    messages, `***` stands for whatever may be the PIN.
    """

    success: bool | None = None
    friendly_error_message: str | None = None
    should_inform_phone: bool | None = None
    should_inform_email: bool | None = None
    sent_by_sms: bool | None = field(default=None, metadata=spelled("SentBySMS"))
    sent_by_email: bool | None = None
    transaction_id: str | None = None
    error_message: str | None = None
    code: ChallengeCode | None = None

    def __attrs_post_init__(self) -> None:
        for name in ("friendly_error_message", "error_message"):
            object.__setattr__(self, name, without_pin(getattr(self, name), self.code))


@frozen(kw_only=True)
class PosChallengeValidateRequest:
    """Check a PIN (schema PosChallengeValidateRequest).

    `transaction_id`: Same as in the challenge. `code`: PIN typed by the customer.
    """

    transaction_id: str | None = field(default=None, validator=optional(label))
    code: ChallengeCode = field(validator=one(ChallengeCode))


@frozen
class PosChallengeValidateResponse:
    """Whether a PIN was right (schema PosChallengeValidateResponse). The message is without it."""

    transaction_id: str | None = None
    success: NotNull[bool] = None
    friendly_error_message: str | None = None

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "friendly_error_message", without_pin(self.friendly_error_message))
