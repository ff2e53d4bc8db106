"""Affiliates, estimates of points, objectives, tiers and the look of the program. Source: their pages."""

from decimal import Decimal

from attrs import field, frozen
from attrs.validators import optional

from bonifiq_async._model.json_codec import NotNull
from bonifiq_async.bonifiq.schemas.checks import amount, document, flag, label, text
from bonifiq_async.bonifiq.schemas.pages import Page


@frozen(kw_only=True)
class AffiliateRequest:
    """Create or change an affiliate (schema AffiliateRequest).

    `email`: Used as OriginalId. `coupon`: Affiliate code. `invite_to_portal`: Invite to the affiliate portal
    when it is on. `create_customer`: Create the customer if missing.
    """

    name: str = field(validator=text)
    email: str | None = field(default=None, validator=optional(label))
    document: str | None = field(default=None, validator=optional(document))
    phone: str | None = field(default=None, validator=optional(text))
    coupon: str | None = field(default=None, validator=optional(label))
    invite_to_portal: bool | None = field(default=None, validator=optional(flag))
    create_customer: bool | None = field(default=None, validator=optional(flag))


@frozen(kw_only=True)
class ProductPointsInput:
    """Product to estimate (schema ProductPointsInput).

    `id`: Id in the store. `price`: Selling price. `price_currency`: Defaults to BRL. `name`: Without it the
    product is identified by Id.
    """

    id: str = field(validator=label)
    price: Decimal = field(validator=amount)
    price_currency: str | None = field(default=None, validator=optional(text))
    name: str | None = field(default=None, validator=optional(text))


@frozen
class ProductPointsItem:
    """Estimate for one product (schema ProductPointsItem).

    `points`: Points the product gives. `cashback`: Null when cashback is off.
    """

    id: NotNull[str] = None
    points: NotNull[int] = None
    cashback: Decimal | None = None


@frozen
class ProductErrorDescription:
    """One validation failure (schema ProductErrorDescription)."""

    description: int | None = None
    field: str | None = None
    field_text: str | None = None


@frozen
class ProductPointsResponse:
    """A third kind of envelope, used only here (schema ProductPointsResponse)."""

    has_error: bool | None = None
    error_messages: tuple[str, ...] = ()
    error_message: str | None = None
    error_descriptions: tuple[ProductErrorDescription, ...] = ()
    result: tuple[ProductPointsItem, ...] = ()


@frozen
class ProductPointsList:
    """Estimates by product: an answer that is an array."""

    items: tuple[ProductPointsItem, ...] = ()


@frozen
class Objective:
    """Way to earn points (schema Objective).

    `details`: Shape not documented. `type`: Enum without visible names.
    """

    title: str | None = None
    description: str | None = None
    amount_of_points: int | None = None
    active: bool | None = None
    details: object = None
    id: int | None = None
    type: int | None = None


@frozen
class ObjectiveList(Page):
    """Objectives page (schema ObjectiveList)."""

    items: tuple[Objective, ...] = ()


@frozen
class TierBenefit:
    """What a tier gives (schema TierBenefit).

    `type`: Enum without visible names. `objective`: Shape not documented.
    """

    is_used: bool | None = None
    description: str | None = None
    type: int | None = None
    sub_type: int | None = None
    objective: object = None


@frozen
class TierGoal:
    """How far a customer is on the way to a tier (schema TierGoal)."""

    name: str | None = None
    goal_value: Decimal | None = None
    current_value: Decimal | None = None
    percent_to_goal: Decimal | None = None


@frozen
class Tier:
    """A tier with what it gives and what it asks for (schema Tier)."""

    id: int | None = None
    image: str | None = None
    color: str | None = None
    name: str | None = None
    order: int | None = None
    benefits: tuple[TierBenefit, ...] = ()
    goals: tuple[TierGoal, ...] = ()


@frozen(kw_only=True)
class TiersAvailableRequest:
    """For which customer tiers are asked (schema TiersAvailableRequest)."""

    customer_id: str | None = field(default=None, validator=optional(label))


@frozen
class TiersAvailableResponse:
    """The tier of a customer, those after it, and all (schema TiersAvailableResponse)."""

    current_tier: Tier | None = None
    next_tiers: tuple[Tier, ...] = ()
    all_tiers: tuple[Tier, ...] = ()


@frozen
class Customization:
    """Look of the program (schema Customization).

    `font_name`: Null: default font. `font_url`: Null for web fonts. `main_color`: Hex colour. `url`: Store or
    landing page. `widget_icon_url`: Null: default icon. `widget_color`: Used when there is no icon.
    `point_name_plural`: Spelled without the s.
    """

    logo: str | None = None
    program_name: str | None = None
    font_name: str | None = None
    font_url: str | None = None
    main_color: NotNull[str] = None
    url: str | None = None
    company_name: NotNull[str] = None
    widget_icon_url: str | None = None
    have_icon_url: NotNull[bool] = None
    widget_color: str | None = None
    points_name_singular: NotNull[str] = None
    point_name_plural: NotNull[str] = None
