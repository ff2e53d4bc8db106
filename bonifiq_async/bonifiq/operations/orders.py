"""BonifiQ's orders. An order's id is that of the caller's system."""

from attrs import evolve

from bonifiq_async._model.operation import (
    BRL_OF_ORDERS,
    AnswerShape,
    Certainty,
    Operation,
    RepeatClass,
)
from bonifiq_async.bonifiq.operations.entries import BY_KEY, SAME_AGAIN, UNDONE_ONCE, read, write
from bonifiq_async.bonifiq.schemas.cancels import (
    CancelOrderRequest,
    CompleteOrderRequest,
    OrderCancelResponse,
    OrderCompleteResponse,
    PartialCancelRequest,
)
from bonifiq_async.bonifiq.schemas.orders import CreateOrderRequest, OrderResponse

NOT_SAID = (
    "what a second order under one OriginalId does is not documented (an update, an error, or points twice)"
)
"""Why an order is never sent a second time by itself."""
LOOK_FOR_IT = "orders.find(original_id) shows whether the order is there; the request may still arrive later"
LOOK_AT_IT = "orders.find(order_id) shows whether there is such an order"
CANCELLED_ONCE = f"{BY_KEY}: the key used again on the same order makes the cancellation fail"
_CUT = "the end of its result was not seen"

CREATE = Operation(
    "bonifiq.orders.create",
    "POST",
    "/v1/pvt/Order",
    RepeatClass.NEVER,
    writes=True,
    result=OrderResponse,
    documented=evolve(
        write(
            "orders.create",
            "api/private/order/add-an-order-or-purchase",
            NOT_SAID,
            CreateOrderRequest,
            unanswered=LOOK_FOR_IT,
        ),
        certainty=Certainty.INCOMPLETE,
        caveat=_CUT,
    ),
)
GET = Operation(
    "bonifiq.orders.get",
    "GET",
    "/v1/pvt/Order/{orderId}",
    RepeatClass.SAFE,
    writes=False,
    result=OrderResponse,
    shape=AnswerShape.BARE,
    documented=evolve(
        read("orders.get", "api/private/order/get-v1pvtorder"),
        certainty=Certainty.INCOMPLETE,
        caveat=f"{_CUT}, nor how an unknown order is answered: Order_NotFound is a name by analogy",
    ),
)
COMPLETE = Operation(
    "bonifiq.orders.complete",
    "POST",
    "/v1/pvt/Order/{orderId}/complete",
    RepeatClass.SAFE,
    writes=True,
    result=OrderCompleteResponse,
    shape=AnswerShape.OLD_ENVELOPE,
    done="is_completed",
    documented=write(
        "orders.complete",
        "api-reference/order/request-for-setting-a-purchase-order-completed",
        SAME_AGAIN,
        CompleteOrderRequest,
    ),
)
CANCEL = Operation(
    "bonifiq.orders.cancel",
    "POST",
    "/v1/pvt/Order/{orderId}/cancel",
    RepeatClass.SAFE,
    writes=True,
    result=OrderCancelResponse,
    done="is_canceled",
    documented=write(
        "orders.cancel",
        "api-reference/order/request-for-cancelling-a-purchase-order",
        UNDONE_ONCE,
        CancelOrderRequest,
    ),
)
CANCEL_PARTIALLY = Operation(
    "bonifiq.orders.cancel_partially",
    "POST",
    "/v1/pvt/Order/{orderId}/partialcancel",
    RepeatClass.KEYED,
    writes=True,
    result=OrderCancelResponse,
    unit=BRL_OF_ORDERS,
    kept=("is_canceled", "status"),
    documented=write(
        "orders.cancel_partially",
        "api/private/order/partially-cancel-an-order",
        CANCELLED_ONCE,
        PartialCancelRequest,
        key="CancelKey",
        unanswered=LOOK_AT_IT,
    ),
)
