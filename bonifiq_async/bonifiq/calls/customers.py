"""BonifiQ's customers beside their balances: their data, points, history, coupons, status and tier."""

from collections.abc import AsyncGenerator, Callable
from datetime import date
from typing import Unpack

from bonifiq_async._delivery.terms import Terms
from bonifiq_async._model.operation import Operation
from bonifiq_async._model.outcome import Outcome
from bonifiq_async._policy.request import digest_of
from bonifiq_async.bonifiq.calls.caller import CallParts, Group, Item, segment
from bonifiq_async.bonifiq.calls.caller import page_size as checked_size
from bonifiq_async.bonifiq.calls.fields import CustomerFields
from bonifiq_async.bonifiq.changes.points import PointsChange, body_of
from bonifiq_async.bonifiq.operations import customers
from bonifiq_async.bonifiq.payloads import CustomerPoints
from bonifiq_async.bonifiq.reading.pages import Listing
from bonifiq_async.bonifiq.schemas.checks import an
from bonifiq_async.bonifiq.schemas.customers import (
    ChangeStatusRequest,
    ChangeTierRequest,
    ChangeTierResult,
    CreateCustomerRequest,
    CustomerCoupon,
    CustomerHistoryItem,
    CustomerResponse,
    CustomerUpsertResponse,
    SetBirthdayRequest,
)
from bonifiq_async.bonifiq.schemas.pages import Acknowledged


class CustomerRecords(Group):
    """What a client does with customers beside their cashback.

    All methods raise `PayloadError` for what must not be sent, `RefusedError` (or `AuthenticationError`,
    `CustomerNotFound`) and `NotAppliedError`: nothing changed; and those that change something
    `OutcomeUnknownError`. All but a change of points may be repeated without harm; that has its key.
    """

    async def get(self, customer_id: str, *, deadline: float | None = None) -> CustomerResponse:
        """Return a customer. Source: endpoint page "Get a customer information from its id"."""
        return await self._caller.value(customers.GET, _of(customer_id), deadline=deadline)

    async def update(
        self, customer_id: str, *, deadline: float | None = None, **customer: Unpack[CustomerFields]
    ) -> CustomerResponse:
        """Change the data of a customer; the arguments are those of `CreateCustomerRequest`.

        Needed is `original_id`. The others are `name`, `email`, `phone`, `birthday_date`, `signup_date`,
        `document`, `is_enrolled` and `enrolled_date`.
        """
        asked = _of(customer_id, CreateCustomerRequest(**customer))
        return await self._caller.value(customers.UPDATE, asked, deadline=deadline)

    async def upsert(
        self, *, deadline: float | None = None, **customer: Unpack[CustomerFields]
    ) -> CustomerUpsertResponse:
        """Create or change a customer by `original_id`; `operation` of the result says which it was.

        After an attempt whose answer was lost, the repeat says `updated` also of a customer that this call
        created.

        Needed is `original_id`. The others are `name`, `email`, `phone`, `birthday_date`, `signup_date`,
        `document`, `is_enrolled` and `enrolled_date`.
        """
        asked = CallParts(payload=CreateCustomerRequest(**customer))
        return await self._caller.value(customers.UPSERT, asked, deadline=deadline)

    async def change_points(
        self, change: PointsChange, *, deadline: float | None = None
    ) -> Outcome[CustomerPoints]:
        """Apply a change of points once; result and errors are those of `change_cashback`.

        Source: endpoint page "Add or remove points".
        """
        change = an(change, PointsChange, "change")
        return await self._caller.applied(
            change, customers.CHANGE_POINTS, _changed(change), deadline=deadline
        )

    async def points_outcome_on(self, change: PointsChange, terms: Terms) -> Outcome[CustomerPoints]:
        """Return what became of a change of points on the terms of a batch, whatever that is."""
        return await self._caller.outcome(change, customers.CHANGE_POINTS, _changed(change), terms=terms)

    async def add_points(
        self,
        customer_id: str,
        points: int,
        *,
        reason: str,
        change_key: str | None = None,
        reference: str | None = None,
        customer_reason: str | None = None,
        deadline: float | None = None,
    ) -> Outcome[CustomerPoints]:
        """Add `points` (a whole number above zero); exactly one of `change_key` and `reference` is given."""
        change = PointsChange.add(
            customer_id,
            points,
            reason=reason,
            change_key=change_key,
            reference=reference,
            customer_reason=customer_reason,
        )
        return await self.change_points(change, deadline=deadline)

    async def remove_points(
        self,
        customer_id: str,
        points: int,
        *,
        reason: str,
        change_key: str | None = None,
        reference: str | None = None,
        customer_reason: str | None = None,
        deadline: float | None = None,
    ) -> Outcome[CustomerPoints]:
        """Remove `points` (a whole number above zero); the rest is as in `add_points`."""
        change = PointsChange.remove(
            customer_id,
            points,
            reason=reason,
            change_key=change_key,
            reference=reference,
            customer_reason=customer_reason,
        )
        return await self.change_points(change, deadline=deadline)

    def history(
        self, customer_id: str, *, page_size: int = 50, deadline: float | None = None
    ) -> AsyncGenerator[CustomerHistoryItem, None]:
        """Yield the lines of a customer's history. `page_size` is at most 50, `deadline` that of each page.

        Of a line whose `is_tier_history` is true, read `tier_update` and disregard `point_type`.
        """
        return self._listed(customers.HISTORY, customer_id, page_size, deadline)

    def available_coupons(
        self, customer_id: str, *, page_size: int = 50, deadline: float | None = None
    ) -> AsyncGenerator[CustomerCoupon, None]:
        """Yield the coupons that a customer has not used. `page_size` is at most 50; see `history`."""
        return self._listed(customers.AVAILABLE_COUPONS, customer_id, page_size, deadline)

    async def set_birthday(
        self, customer_id: str, birthday: date, *, deadline: float | None = None
    ) -> CustomerResponse:
        """Set the birthday of a customer: a day, or a moment with its zone. It is not in the future.

        The provider takes a moment; a day is sent as its noon in UTC, which is the same day in Brazil.
        """
        asked = _of(customer_id, SetBirthdayRequest(birthday=birthday))
        return await self._caller.value(customers.SET_BIRTHDAY, asked, deadline=deadline)

    async def change_status(
        self, customer_id: str, *, is_enabled: bool, reason: str, deadline: float | None = None
    ) -> Acknowledged:
        """Activate or deactivate a customer; `reason` is internal."""
        body = ChangeStatusRequest(is_enabled=is_enabled, reason=reason)
        asked = CallParts({"originalId": segment(customer_id, "customer_id")}, body)
        return await self._caller.value(customers.CHANGE_STATUS, asked, deadline=deadline)

    async def change_tier(
        self,
        customer_id: str,
        *,
        tier_id: int,
        grace_period_in_days: int | None = None,
        grace_period_comments: str | None = None,
        deadline: float | None = None,
    ) -> ChangeTierResult:
        """Move a customer to a tier by hand, for at least `grace_period_in_days`.

        An unknown customer raises `CustomerNotFound`, an unknown tier `RefusedError` (Tier_NotFound). After
        an attempt whose answer was lost, `old_tier_name` of the repeat may be the new tier's.
        """
        body = ChangeTierRequest(
            tier_id=tier_id,
            grace_period_in_days=grace_period_in_days,
            grace_period_comments=grace_period_comments,
        )
        asked = CallParts({"originalId": segment(customer_id, "customer_id")}, body)
        return await self._caller.value(customers.CHANGE_TIER, asked, deadline=deadline)

    def _listed(
        self, operation: Operation[Listing[Item]], customer_id: str, size: int, deadline: float | None
    ) -> AsyncGenerator[Item, None]:
        path, number = {"id": segment(customer_id, "customer_id")}, checked_size(size, operation)
        ask: Callable[[int], CallParts] = lambda page: CallParts(  # noqa: E731
            path, query={"PageNumber": str(page), "PageSize": str(number)}
        )
        return self._caller.items(operation, ask, number, deadline)


def points_digest(change: PointsChange) -> bytes:
    """Return the digest of the request of a change of points: what a ledger keeps of it."""
    return digest_of(customers.CHANGE_POINTS, {"id": change.customer_id}, body_of(change))


def _of(customer_id: str, payload: object = None) -> CallParts:
    return CallParts({"id": segment(customer_id, "customer_id")}, payload)


def _changed(change: PointsChange) -> CallParts:
    return _of(change.customer_id, body_of(change))
