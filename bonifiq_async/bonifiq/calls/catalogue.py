"""Affiliates, estimates of points, objectives, tiers and the look of the program."""

from collections.abc import AsyncGenerator, Sequence

from bonifiq_async._model import validation
from bonifiq_async._model.errors import PayloadError
from bonifiq_async.bonifiq.calls.caller import CallParts, Group, segment, whole
from bonifiq_async.bonifiq.calls.caller import page_size as checked_size
from bonifiq_async.bonifiq.operations import catalogue
from bonifiq_async.bonifiq.reading.pages import read_page
from bonifiq_async.bonifiq.reading.plain import read_any
from bonifiq_async.bonifiq.schemas.catalogue import (
    AffiliateRequest,
    Customization,
    Objective,
    ProductPointsInput,
    ProductPointsItem,
    TiersAvailableRequest,
    TiersAvailableResponse,
)
from bonifiq_async.bonifiq.schemas.checks import each_of
from bonifiq_async.bonifiq.schemas.pages import Acknowledged, Unshaped


class Affiliates(Group):
    """A client's affiliates. Both calls may be repeated.

    They raise `PayloadError`, `RefusedError`, `NotAppliedError` and `OutcomeUnknownError`.
    """

    async def upsert(
        self,
        *,
        name: str,
        email: str | None = None,
        document: str | None = None,
        phone: str | None = None,
        coupon: str | None = None,
        invite_to_portal: bool | None = None,
        create_customer: bool | None = None,
        deadline: float | None = None,
    ) -> Acknowledged:
        """Create or change an affiliate; `email` is its id, `coupon` its code."""
        body = AffiliateRequest(
            name=name,
            email=email,
            document=document,
            phone=phone,
            coupon=coupon,
            invite_to_portal=invite_to_portal,
            create_customer=create_customer,
        )
        return await self._caller.value(
            catalogue.UPSERT_AFFILIATE, CallParts(payload=body), deadline=deadline
        )

    async def disable(
        self, original_id: str, *, reason: str | None = None, deadline: float | None = None
    ) -> Acknowledged:
        """Disable an affiliate by e-mail address or document."""
        why = None if reason is None else validation.text(reason, "reason")
        asked = CallParts({"originalId": segment(original_id, "original_id")}, query={"reason": why})
        return await self._caller.value(catalogue.DISABLE_AFFILIATE, asked, deadline=deadline)


class Products(Group):
    """A client's products. Raises `PayloadError`, `RefusedError` and `NotAppliedError`."""

    async def points(
        self, products: Sequence[ProductPointsInput], *, deadline: float | None = None
    ) -> tuple[ProductPointsItem, ...]:
        """Return how many points, and what cashback, each of the products would give."""
        asked = CallParts(payload=listed_products(products))
        found = await self._caller.value(catalogue.PRODUCT_POINTS, asked, read=read_page, deadline=deadline)
        return found.result


class Objectives(Group):
    """A client's ways to earn points. Raises `PayloadError`, `RefusedError` and `NotAppliedError`."""

    def active(
        self, *, customer_id: str | None = None, page_size: int = 50, deadline: float | None = None
    ) -> AsyncGenerator[Objective, None]:
        """Yield what earns points now; with a customer, also what was done already.

        `page_size` is at most 50. `deadline` is that of each page.
        """
        size = checked_size(page_size, catalogue.ACTIVE_OBJECTIVES)
        customer = None if customer_id is None else validation.label(customer_id, "customer_id")

        def ask(number: int) -> CallParts:
            return CallParts(query={"CustomerId": customer, "PageNumber": str(number), "PageSize": str(size)})

        return self._caller.items(catalogue.ACTIVE_OBJECTIVES, ask, size, deadline)


class Tiers(Group):
    """A client's tiers. Raises `PayloadError`, `RefusedError` and `NotAppliedError`."""

    async def available(
        self, customer_id: str | None = None, *, deadline: float | None = None
    ) -> TiersAvailableResponse:
        """Return the tier of a customer, those that come next, and all there are."""
        body = TiersAvailableRequest(customer_id=customer_id)
        return await self._caller.value(catalogue.AVAILABLE_TIERS, CallParts(payload=body), deadline=deadline)

    async def benefits(self, tier_id: int, *, deadline: float | None = None) -> Unshaped:
        """Return what a tier gives, as it comes: the shape of the answer was not seen."""
        asked = CallParts({"tierId": whole(tier_id, "tier_id")})
        return await self._caller.value(catalogue.TIER_BENEFITS, asked, read=read_any, deadline=deadline)


class Customizations(Group):
    """The look of a client's program. Raises `RefusedError`, `NotAppliedError` and `PayloadError`."""

    async def get(self, *, deadline: float | None = None) -> Customization:
        """Return the look of the program. Its path was not seen: the first call of a client warns."""
        return await self._caller.value(catalogue.CUSTOMIZATION, CallParts(), deadline=deadline)


def listed_products(products: Sequence[ProductPointsInput]) -> tuple[ProductPointsInput, ...]:
    """Return products as they are sent. Raises `PayloadError` for none, and for what is no product."""
    if not isinstance(products, list | tuple) or not products:
        raise PayloadError("products must be a list of at least one ProductPointsInput", path="products")
    return each_of(products, ProductPointsInput, "products")
