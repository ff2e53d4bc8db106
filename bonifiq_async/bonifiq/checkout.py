"""BonifiQ's checkout operations."""

from collections.abc import Sequence
from contextlib import nullcontext
from decimal import Decimal
from functools import partial

import attrs

from bonifiq_async._model import validation
from bonifiq_async._model.operation import Operation
from bonifiq_async._model.outcome import Outcome
from bonifiq_async._model.secret import Secret
from bonifiq_async._policy.verdict import answers_a_repeat
from bonifiq_async.bonifiq.answers import AnswerReader
from bonifiq_async.bonifiq.calls.caller import CallParts, Group, Read, T
from bonifiq_async.bonifiq.calls.redeeming import redeemed, taking_back
from bonifiq_async.bonifiq.changes.keys import how_much, one_key
from bonifiq_async.bonifiq.changes.redeems import CheckoutRedeem
from bonifiq_async.bonifiq.changes.taken_back import Redeemed
from bonifiq_async.bonifiq.operations import REMOVE_CHECKOUT_CASHBACK, redeems
from bonifiq_async.bonifiq.payloads import CheckoutRemoval, CheckoutRemovalRequest
from bonifiq_async.bonifiq.reading.refresh import read_refresh
from bonifiq_async.bonifiq.schemas.checks import each_of
from bonifiq_async.bonifiq.schemas.parts import RedeemOrigin
from bonifiq_async.bonifiq.schemas.redeems import (
    CheckoutItem,
    CheckoutRedeemRequest,
    CheckoutRefresh,
    RedeemRewardResponse,
)


class Checkout(Group):
    """A client's checkouts: cashback applied, held against the cart, and taken off."""

    async def redeem(
        self,
        *,
        customer_id: str,
        checkout_id: str,
        original_key: str | None = None,
        reference: str | None = None,
        cashback_value: Decimal | None = None,
        total: Decimal | None = None,
        token: str | None = None,
        redeem_origin: RedeemOrigin | int | None = None,
        items: Sequence[CheckoutItem] = (),
        deadline: float | None = None,
    ) -> Outcome[RedeemRewardResponse]:
        """Apply cashback to a checkout, once; exactly one of `original_key` and `reference` is given.

        `cashback_value` is in BRL; left out, it is the most that the balance and the cart allow. Cashback
        that another checkout of the customer holds without an order is refunded first. The result has the
        `external_code` that the order takes as its `coupon`; what a repeat has of it, see `pos.redeem`. A new
        redeem on the same checkout, after a removal, needs a new reference or key, as do another total or
        other items: `ChangeKeyConflict` is raised where this client knows of the removal, may have removed
        it, or knows of the other.

        The page calls the key optional; without one a lost answer could not be repeated, so that it is
        demanded here. Raises what `change_cashback` does. Source: endpoint page "Redeems cashback for a
        checkout".
        """
        parts = (
            ("customer_id", customer_id),
            ("checkout_id", checkout_id),
            how_much(cashback_value, name="cashback_value"),
        )
        body = CheckoutRedeemRequest(
            customer_id=customer_id,
            checkout_id=checkout_id,
            cashback_value=cashback_value,
            total=total,
            token=token,
            original_key=one_key(original_key, reference, parts, kind="CHECKOUT", given="original_key"),
            redeem_origin=redeem_origin,
            items=each_of(items, CheckoutItem, "items"),
        )
        secrets = () if token is None else (Secret.kept(token),)  # of the cart: no error may repeat it
        change, asked = CheckoutRedeem(body), CallParts(payload=body, secrets=secrets)
        cart = customer_id, checkout_id
        return await redeemed(
            self._caller, change, redeems.REDEEM_CHECKOUT, asked, deadline=deadline, cart=cart
        )

    async def refresh(
        self,
        customer_id: str,
        checkout_id: str,
        *,
        total: Decimal | None = None,
        deadline: float | None = None,
    ) -> CheckoutRefresh:
        """Hold the applied cashback of a checkout against its cart, after the cart changed.

        The good case is `kept` (code 05, which comes as a warning); `removed` (06) is to be shown to the
        shopper. Errors are those of `remove_cashback`. The path was not seen: the first call of a client
        comes with an `UnverifiedOperationWarning`. Source: endpoint page "Revalidates a previously redeemed
        checkout cashback".
        """
        body = _body(customer_id, checkout_id, total)
        redeem, operation = self._redeem_of(body), redeems.REFRESH_CHECKOUT
        with nullcontext() if redeem is None else self._caller.taken_back.taking(redeem.key):
            held, repeated = await self._asked(operation, body, read_refresh, deadline)
        if held.removed or (repeated and not held.kept):  # an earlier attempt may have taken it off
            self._caller.taken_back.undone(_cart(body))
            await taking_back(self._caller, operation, redeem, _nothing_more, lambda _: True)
        return attrs.evolve(held, repeated=repeated)

    async def remove_cashback(
        self,
        customer_id: str,
        checkout_id: str,
        *,
        total: Decimal | None = None,
        deadline: float | None = None,
    ) -> CheckoutRemoval:
        """Take the applied cashback off a checkout. Doing it twice does no harm, so it is repeated freely.

        It is for a shopper that takes the cashback away or leaves the checkout, before the order is made. On
        some platforms the provider also cancels the redeem behind it. `customer_id` is the store's, such as
        an e-mail address or a CPF; `total` is the checkout's current total in BRL, where the integration
        wants it.

        Warnings (03, 04) are returned with `removed` false; errors (01, 02) are raised as `CustomerNotFound`
        and `RefusedError`. Raises `OutcomeUnknownError` when it may have been removed, `NotAppliedError`
        when it was not. Source: endpoint page "Removes an already applied cashback from a checkout".
        """
        body, operation = _body(customer_id, checkout_id, total), REMOVE_CHECKOUT_CASHBACK
        call = partial(self._asked, operation, body, AnswerReader.read_removal, deadline)
        redeem = self._redeem_of(body)
        removal, repeated = await taking_back(self._caller, operation, redeem, call, _is_removed)
        if _is_removed((removal, repeated)):
            self._caller.taken_back.undone(_cart(body))
        return attrs.evolve(removal, repeated=repeated)

    def _redeem_of(self, body: CheckoutRemovalRequest) -> Redeemed | None:
        return self._caller.taken_back.redeem_of(_cart(body))

    async def _asked(
        self, operation: Operation[T], body: CheckoutRemovalRequest, read: Read[T], deadline: float | None
    ) -> tuple[T, bool]:
        """Return what is answered of the cashback on a checkout, and whether that answers a repeat."""
        found, attempts = await self._caller.answered(
            operation, CallParts(payload=body), read=read, deadline=deadline
        )
        return found, answers_a_repeat(attempts)


async def _nothing_more() -> None:
    """Send nothing: it is only to be written down."""


def _is_removed(answered: tuple[CheckoutRemoval, bool]) -> bool:
    """Say whether a removal, or an earlier attempt at it, may have taken the cashback off."""
    removal, repeated = answered
    return removal.removed or repeated


def _body(customer_id: str, checkout_id: str, total: Decimal | None) -> CheckoutRemovalRequest:
    return CheckoutRemovalRequest(
        validation.text(customer_id, "customer_id"),
        validation.text(checkout_id, "checkout_id"),
        None if total is None else validation.total(total, "total"),
    )


def _cart(body: CheckoutRemovalRequest) -> tuple[str, str]:
    return body.customer_id, body.checkout_id
