"""BonifiQ's orders. An order's id is that of the caller's system."""

from datetime import datetime
from functools import partial
from typing import Unpack

from bonifiq_async._model import validation
from bonifiq_async._model.errors import AuthenticationError, PayloadError, RefusedError
from bonifiq_async._model.operation import Operation
from bonifiq_async._model.outcome import Outcome
from bonifiq_async.bonifiq.calls.caller import Caller, CallParts, Group, segment
from bonifiq_async.bonifiq.calls.fields import CancelFields, OrderFields, PartFields
from bonifiq_async.bonifiq.changes.keys import Part, one_key
from bonifiq_async.bonifiq.changes.refunds import PartialCancel
from bonifiq_async.bonifiq.operations import orders
from bonifiq_async.bonifiq.reading.cancels import read_cancel
from bonifiq_async.bonifiq.reading.orders import read_order
from bonifiq_async.bonifiq.schemas.cancels import (
    CancelOrderRequest,
    CompleteOrderRequest,
    OrderCancelResponse,
    OrderCompleteResponse,
    PartialCancelProduct,
    PartialCancelRequest,
)
from bonifiq_async.bonifiq.schemas.checks import each_of
from bonifiq_async.bonifiq.schemas.orders import CreateOrderRequest, OrderResponse

ORDER_NOT_FOUND = frozenset({"Order_NotFound", "OrderNotFound"})
"""Names of what is answered of an order that is not there, by analogy with those of a customer."""


class Orders(Group):
    """A client's orders.

    All methods raise `PayloadError` for what must not be sent, `RefusedError` (or `AuthenticationError`,
    `CustomerNotFound`) and `NotAppliedError`: nothing changed; and those that change something
    `OutcomeUnknownError`.
    """

    async def create(self, *, deadline: float | None = None, **order: Unpack[OrderFields]) -> OrderResponse:
        """Register an order; the arguments are those of `CreateOrderRequest`.

        Needed are `original_id`, `order_placement_date`, `order_total` and `customer`. The others are
        `order_completed_date`, `order_cancelled_date`, `order_status`, `is_cancelled_or_returned`,
        `is_completed`, `products`, `updated_date`, `coupon`, `metadatas`, `payment_method`,
        `payment_methods`, `branch`, `sales_person` and `external_coupon`.

        `order_total` is in BRL: the net amount paid, without shipping. `coupon` is the `external_code` of the
        redeem that was used. Dates have their zone; a completed order needs `order_completed_date`.

        It is sent once. What a second one under the same `original_id` does is not documented: where no
        answer came, `OutcomeUnknownError` is raised, and `find` shows whether the order is there. Source:
        endpoint page "Add an order or purchase".
        """
        return await created(self._caller, orders.CREATE, CreateOrderRequest(**order), deadline)

    async def get(self, order_id: str, *, deadline: float | None = None) -> OrderResponse:
        """Return an order. What is answered of an unknown one is not documented: see `find`."""
        return await self._got(order_id, deadline, named=False)

    async def find(self, order_id: str, *, deadline: float | None = None) -> OrderResponse | None:
        """Return an order, or None where the provider says, by the name `Order_NotFound`, that it has none.

        Any other refusal is raised as `get` raises it: a 401, a 403 or a 404 that names no order says
        nothing of the order. None says how it is now: a request without an answer may still arrive later.
        The name is not documented for orders; it is formed as `Customer_NotFound` and `CustomerNotFound` are.
        An answer that does not name the order says nothing of it, and raises `PayloadError`.
        """
        try:
            return await self._got(order_id, deadline, named=True)
        except AuthenticationError:
            raise
        except RefusedError as error:
            if error.code_name in ORDER_NOT_FOUND:
                return None
            raise

    async def _got(self, order_id: str, deadline: float | None, *, named: bool) -> OrderResponse:
        read = partial(read_order, order_id=order_id, named=named)
        return await self._caller.value(orders.GET, _of(order_id), read=read, deadline=deadline)

    async def complete(
        self,
        order_id: str,
        *,
        order_completed_date: datetime,
        order_status: str | None = None,
        deadline: float | None = None,
    ) -> OrderCompleteResponse:
        """Mark an order as completed: then its points are granted. The same again changes nothing.

        `is_completed` false is as `is_canceled` of `cancel`.
        """
        body = CompleteOrderRequest(order_completed_date=order_completed_date, order_status=order_status)
        return await self._caller.value(orders.COMPLETE, _of(order_id, body), deadline=deadline)

    async def cancel(
        self, order_id: str, *, deadline: float | None = None, **when: Unpack[CancelFields]
    ) -> OrderCancelResponse:
        """Cancel a whole order; `order_cancelled_date` says when, with its zone; `order_status` is optional.

        Look at `is_canceled`: false says that none was found to cancel, or that it was not cancelled, and
        comes as a success. As the answer to a repeat it may be about what the attempt before did: then
        `OutcomeUnknownError` is raised.
        """
        return await cancelled_whole(self._caller, orders.CANCEL, order_id, when, deadline)

    async def cancel_partially(
        self, order_id: str, *, deadline: float | None = None, **part: Unpack[PartFields]
    ) -> Outcome[OrderCancelResponse]:
        """Take back a part of an order: `value_to_refund`, in BRL, under a `cancel_key` or a `reference`.

        `products` are the lines that are taken back. `order_total` is not sent: a part above it is refused
        here. `should_refund_redeem` overrides the setting of the store.

        The provider counts a key once, and the same key on the same order makes the cancellation fail. A
        refund that it refuses within a success raises `RefusedError`.
        """
        return await cancelled(self._caller, orders.CANCEL_PARTIALLY, order_id, part, deadline)


def part_of(order_id: str, part: PartFields) -> PartialCancelRequest:
    """Return what is sent to take back a part of an order, under its key.

    Raises `TypeError` for names that do not fit, as a function with these parameters does.
    """
    missing, unknown = PartFields.__required_keys__ - part.keys(), part.keys() - PartFields.__annotations__
    if missing or unknown:
        what = "missing" if missing else "unexpected"
        raise TypeError(f"a part of an order: {what} argument {', '.join(sorted(missing or unknown))}")
    amount = validation.amount(part["value_to_refund"], "value_to_refund", positive=True)
    total, products = part.get("order_total"), part.get("products")
    if total is not None and amount > validation.total(total, "order_total"):
        raise PayloadError(
            "value_to_refund is above the order's total (order pages, field ValueToRefund)",
            path="value_to_refund",
        )
    lines = () if products is None else each_of(products, PartialCancelProduct, "products")
    if products is not None and not lines:
        raise PayloadError("products is empty; leave it out, or name what is taken back", path="products")
    parts: tuple[Part, ...] = (("order_id", order_id), ("value_to_refund", amount))
    given, reference = part.get("cancel_key"), part.get("reference")
    return PartialCancelRequest(
        value_to_refund=amount,
        cancel_key=one_key(given, reference, parts, kind="CANCEL", given="cancel_key"),
        products=lines,
        should_refund_redeem=part.get("should_refund_redeem"),
    )


async def created(
    caller: Caller, operation: Operation[OrderResponse], order: CreateOrderRequest, deadline: float | None
) -> OrderResponse:
    """Register an order, by either of the operations that do it."""
    read = partial(read_order, order_id=order.original_id)
    return await caller.value(operation, CallParts(payload=order), read=read, deadline=deadline)


async def cancelled_whole(
    caller: Caller,
    operation: Operation[OrderCancelResponse],
    order_id: str,
    when: CancelFields,
    deadline: float | None,
) -> OrderCancelResponse:
    """Cancel a whole order, by either of the operations that do it."""
    sent = _of(order_id, CancelOrderRequest(**when))
    return await caller.value(operation, sent, read=read_cancel, deadline=deadline)


async def cancelled(
    caller: Caller,
    operation: Operation[OrderCancelResponse],
    order_id: str,
    part: PartFields,
    deadline: float | None,
) -> Outcome[OrderCancelResponse]:
    """Take back a part of an order, by either of the operations that do it."""
    body = part_of(order_id, part)
    change = PartialCancel(order_id, body)
    return await caller.applied(change, operation, _of(order_id, body), read=read_cancel, deadline=deadline)


def _of(order_id: str, payload: object = None) -> CallParts:
    return CallParts({"orderId": segment(order_id, "order_id")}, payload)
