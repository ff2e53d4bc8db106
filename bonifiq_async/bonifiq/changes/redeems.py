"""Redeems under a key. What one takes in the end, the provider says: its value here is what was asked for."""

from decimal import Decimal

from attrs import field, frozen

from bonifiq_async._model.operation import BRL
from bonifiq_async._model.outcome import Change
from bonifiq_async.bonifiq.schemas.checks import count
from bonifiq_async.bonifiq.schemas.redeems import (
    CheckoutRedeemRequest,
    PosRedeemRequest,
    ProductDiscountRedeemRequest,
)

NOT_SAID = Decimal(0)
"""The value of a redeem that asks for no amount in reais: the provider decides, or it is in points."""


class OriginalKeyed(Change):
    """A redeem, whose request has its customer and its key."""

    __slots__ = ()
    request: CheckoutRedeemRequest | PosRedeemRequest | ProductDiscountRedeemRequest

    @property
    def customer_id(self) -> str:
        """Whose cashback or reward it is."""
        return self.request.customer_id

    @property
    def unit(self) -> str:
        """What the value is measured in."""
        return BRL

    @property
    def change_key(self) -> str:
        """The OriginalKey."""
        return self.request.original_key


@frozen
class CheckoutRedeem(OriginalKeyed):
    """Cashback that is to be applied to a checkout: the whole request, under its OriginalKey.

    `value` is in BRL and below zero, as cashback that is taken; zero where the maximum is asked for.
    """

    request: CheckoutRedeemRequest

    @property
    def value(self) -> Decimal:
        """What is asked for."""
        amount = self.request.cashback_value
        return NOT_SAID if amount is None else -amount


@frozen
class PosRedeem(OriginalKeyed):
    """A reward that is to be redeemed at the point of sale: its id, and the whole request under its
    OriginalKey.

    `value` is in BRL and below zero, as cashback that is taken; zero where the reward decides, or where
    points are asked for, which are no money.
    """

    reward_id: int = field(validator=count)
    request: PosRedeemRequest

    @property
    def value(self) -> Decimal:
        """What is asked for in BRL."""
        return NOT_SAID if self.request.value is None else -self.request.value


@frozen
class ProductDiscountRedeem(OriginalKeyed):
    """A product reward that is to be redeemed: the whole request under its OriginalKey. `value` is zero."""

    request: ProductDiscountRedeemRequest

    @property
    def value(self) -> Decimal:
        """Nothing that is known: the provider says the discount."""
        return NOT_SAID
