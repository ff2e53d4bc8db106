"""Redeems that were made, and rewards as they are set up in the admin panel."""

from functools import partial

from bonifiq_async._model.outcome import Outcome
from bonifiq_async.bonifiq.calls.caller import CallParts, Group, whole
from bonifiq_async.bonifiq.calls.redeeming import redeemed
from bonifiq_async.bonifiq.changes.keys import one_key
from bonifiq_async.bonifiq.changes.redeems import ProductDiscountRedeem
from bonifiq_async.bonifiq.operations import redeems
from bonifiq_async.bonifiq.reading.plain import read_any
from bonifiq_async.bonifiq.reading.redeems import read_made
from bonifiq_async.bonifiq.schemas.checks import an
from bonifiq_async.bonifiq.schemas.configurations import RewardConfiguration
from bonifiq_async.bonifiq.schemas.pages import Unshaped
from bonifiq_async.bonifiq.schemas.parts import RedeemOrigin
from bonifiq_async.bonifiq.schemas.redeems import (
    ProductDiscountRedeemRequest,
    ProductDiscountRedeemResponse,
    RedeemProductInput,
    RewardConfigurationRedeemRequest,
    RewardResponse,
)


class Rewards(Group):
    """A client's redeems that were made. Raises `RefusedError`, `NotAppliedError` and `PayloadError`."""

    async def get(self, reward_id: int, *, deadline: float | None = None) -> RewardResponse:
        """Return a redeem by the `reward_id` of its result: what was given, and whether it is cancelled."""
        asked = CallParts({"id": whole(reward_id, "reward_id")})
        read = partial(read_made, number=reward_id)
        return await self._caller.value(redeems.GET_REDEEM, asked, read=read, deadline=deadline)


class RewardConfigurations(Group):
    """A client's rewards as they are set up. Both redeems are sent once: no page says that a repeat is
    counted.

    All methods raise `PayloadError`, `RefusedError` and `NotAppliedError`; the redeems also
    `OutcomeUnknownError`, after which they must not be sent again before a person has looked.
    """

    async def get(self, configuration_id: int, *, deadline: float | None = None) -> RewardConfiguration:
        """Return a reward as it is set up."""
        asked = CallParts({"id": whole(configuration_id, "configuration_id")})
        return await self._caller.value(redeems.GET_CONFIGURATION, asked, deadline=deadline)

    async def redeem(
        self, configuration_id: int, *, customer_id: str, deadline: float | None = None
    ) -> Unshaped:
        """Redeem a reward for a customer, once. Its documented answer does not fit it and comes as it is.

        At the point of sale and at the checkout, `pos.redeem` and `checkout.redeem` have keys.
        """
        body = RewardConfigurationRedeemRequest(customer_id=customer_id)
        asked = CallParts({"id": whole(configuration_id, "configuration_id")}, body)
        return await self._caller.value(redeems.REDEEM_CONFIGURATION, asked, read=read_any, deadline=deadline)

    async def redeem_product_discount(
        self,
        configuration_id: int,
        *,
        customer_id: str,
        product: RedeemProductInput,
        original_key: str | None = None,
        reference: str | None = None,
        redeem_origin: RedeemOrigin | int | None = None,
        deadline: float | None = None,
    ) -> Outcome[ProductDiscountRedeemResponse]:
        """Redeem a product reward at an online checkout; one of `original_key` and `reference` is given.

        It is sent once under its key: that the provider counts the key is documented nowhere. It was seen in
        an earlier state of the official example alone, which has stopped using it.
        """
        number = whole(configuration_id, "configuration_id")
        product = an(product, RedeemProductInput, "product")
        parts = (
            ("customer_id", customer_id),
            ("configuration_id", number),
            ("external_product_id", product.external_product_id),
        )
        body = ProductDiscountRedeemRequest(
            reward_configuration_id=configuration_id,
            customer_id=customer_id,
            original_key=one_key(original_key, reference, parts, kind="PRODUCT", given="original_key"),
            redeem_origin=redeem_origin,
            product=product,
        )
        asked, operation = CallParts({"id": number}, body), redeems.REDEEM_PRODUCT_DISCOUNT
        return await redeemed(self._caller, ProductDiscountRedeem(body), operation, asked, deadline=deadline)
