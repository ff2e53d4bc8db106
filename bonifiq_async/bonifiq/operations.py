"""BonifiQ's endpoints as data. Source: the provider's endpoint pages; the paths are theirs."""

from bonifiq_async._model.operation import BRL, AnswerShape, Operation, RepeatClass
from bonifiq_async.bonifiq.payloads import (
    CheckoutRemoval,
    CustomerPoints,
    PendingPoints,
)

CHANGE_CASHBACK = Operation(
    name="bonifiq.customer.change_cashback",
    method="POST",
    path="/v1/pvt/Customer/{customer_id}/cashback",
    repeat=RepeatClass.KEYED,
    writes=True,
    result=CustomerPoints,
    unit=BRL,
    kept=("cashback_balance", "points_balance"),
)

POINTS = Operation(
    name="bonifiq.customer.points",
    method="GET",
    path="/v1/pvt/Customer/{customer_id}/points",
    repeat=RepeatClass.SAFE,
    writes=False,
    shape=AnswerShape.BARE,
    result=CustomerPoints,
)

PENDING_POINTS = Operation(
    name="bonifiq.customer.pending_points",
    method="GET",
    path="/v1/pvt/Customer/{customer_id}/pendingpoints",
    repeat=RepeatClass.SAFE,
    writes=False,
    shape=AnswerShape.BARE,
    result=PendingPoints,
)

REMOVE_CHECKOUT_CASHBACK = Operation(
    name="bonifiq.checkout.remove_cashback",
    method="POST",
    path="/v1/pvt/Checkout/redeem/remove",
    repeat=RepeatClass.SAFE,
    writes=True,
    result=CheckoutRemoval,
    codes={
        "01": "CustomerNotFound",
        "02": "CheckoutIdRequired",
        "03": "CheckoutNotFound",
        "04": "CashbackNotApplied",
        "07": "CashbackRemovedSuccessfully",
    },
)

OPERATIONS = (CHANGE_CASHBACK, POINTS, PENDING_POINTS, REMOVE_CHECKOUT_CASHBACK)
