"""What the store of a sandbox offers: rewards, tiers, objectives, and its look. All of it is made up."""

from collections.abc import Mapping
from decimal import Decimal

from attrs import frozen

PERCENT, FIXED, CASHBACK, CUSTOM, PRODUCT = 0, 1, 3, 4, 5
"""Kinds of rewards (RewardType)."""
FREE_GIFT = 2
"""A mode of a product discount."""


@frozen
class Reward:
    """A reward as it is set up: what it costs in points, and its value in BRL or percent."""

    number: int
    kind: int
    title: str
    points: int
    value: Decimal
    minimum: Decimal = Decimal(0)
    product: str | None = None

    @property
    def is_cashback(self) -> bool:
        """Say whether it takes cashback, of an amount that the caller chooses."""
        return self.kind == CASHBACK


CASHBACK_REWARD, FIXED_REWARD, PERCENT_REWARD, PRODUCT_REWARD = 1, 2, 3, 4
REWARDS: Mapping[int, Reward] = {
    each.number: each
    for each in (
        Reward(CASHBACK_REWARD, CASHBACK, "Cashback", 0, Decimal(0)),
        Reward(FIXED_REWARD, FIXED, "R$ 10 off", 500, Decimal(10), minimum=Decimal(20)),
        Reward(PERCENT_REWARD, PERCENT, "10 % off", 300, Decimal(10)),
        Reward(PRODUCT_REWARD, PRODUCT, "A gift", 200, Decimal(0), product="gift"),
    )
}


@frozen
class StoreTier:
    """A tier of customers, with what it gives and the sum of orders that leads to it."""

    number: int
    name: str
    color: str
    goal: Decimal
    benefits: tuple[str, ...] = ()


TIERS: Mapping[int, StoreTier] = {
    each.number: each
    for each in (
        StoreTier(1, "Bronze", "#cd7f32", Decimal(0)),
        StoreTier(2, "Silver", "#c0c0c0", Decimal(500), ("Free shipping",)),
        StoreTier(3, "Gold", "#ffd700", Decimal(2000), ("Free shipping", "A gift on birthdays")),
    )
}
OBJECTIVES: Mapping[str, int] = {"A purchase": 1, "A birthday": 50, "A review": 20}
"""Ways to earn points, and how many; their ids count from 1."""
LOOK: Mapping[str, object] = {
    "Logo": None,
    "ProgramName": "Sandbox",
    "FontName": None,
    "FontUrl": None,
    "MainColor": "#336699",
    "Url": None,
    "CompanyName": "Sandbox",
    "WidgetIconUrl": None,
    "HaveIconUrl": False,
    "WidgetColor": None,
    "PointsNameSingular": "point",
    "PointNamePlural": "points",
}
"""The look of the program (schema Customization)."""
