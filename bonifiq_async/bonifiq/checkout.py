"""BonifiQ's checkout operations."""

from decimal import Decimal

import attrs

from bonifiq_async._delivery.calls import Calls
from bonifiq_async._model import validation
from bonifiq_async._policy.request import prepare
from bonifiq_async._policy.verdict import leaves_doubt
from bonifiq_async.bonifiq.answers import AnswerReader
from bonifiq_async.bonifiq.operations import REMOVE_CHECKOUT_CASHBACK
from bonifiq_async.bonifiq.payloads import CheckoutRemoval, CheckoutRemovalRequest


class Checkout:
    """A client's checkouts."""

    def __init__(self, calls: Calls, base_url: str, reader: AnswerReader) -> None:
        self._calls = calls
        self._base_url = base_url
        self._reader = reader

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
        payload = CheckoutRemovalRequest(
            validation.text(customer_id, "customer_id"),
            validation.text(checkout_id, "checkout_id"),
            None if total is None else validation.total(total, "total"),
        )
        request = prepare(REMOVE_CHECKOUT_CASHBACK, self._base_url, {}, payload)
        removal, attempts = await self._calls.value(
            REMOVE_CHECKOUT_CASHBACK, request, self._reader.read_removal, deadline=deadline
        )
        repeated = any(leaves_doubt(attempt.verdict, attempt.status) for attempt in attempts[:-1])
        return attrs.evolve(removal, repeated=repeated)
