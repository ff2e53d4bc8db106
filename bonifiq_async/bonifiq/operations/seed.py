"""The endpoints whose whole documents were seen: cashback, balances, and the removal from a checkout."""

from bonifiq_async._model.operation import BRL, AnswerShape, Certainty, Documented, Operation, RepeatClass
from bonifiq_async.bonifiq.operations.entries import BY_KEY, READS, UNDONE_ONCE
from bonifiq_async.bonifiq.payloads import (
    CashbackChangeRequest,
    CheckoutRemoval,
    CheckoutRemovalRequest,
    CustomerPoints,
    PendingPoints,
)

CHANGE_CASHBACK = Operation(
    name="bonifiq.customer.change_cashback",
    method="POST",
    path="/v1/pvt/Customer/{id}/cashback",
    repeat=RepeatClass.KEYED,
    writes=True,
    result=CustomerPoints,
    unit=BRL,
    kept=("cashback_balance", "points_balance"),
    documented=Documented(
        "customers.change_cashback",
        Certainty.SEED,
        "api/private/customer/add-or-remove-cashback-from-a-customer",
        f"{BY_KEY}: the same request twice changes the balance once",
        payload=CashbackChangeRequest,
        key="ChangeKey",
    ),
)

POINTS = Operation(
    name="bonifiq.customer.points",
    method="GET",
    path="/v1/pvt/Customer/{id}/points",
    repeat=RepeatClass.SAFE,
    writes=False,
    shape=AnswerShape.BARE,
    result=CustomerPoints,
    documented=Documented(
        "customers.points",
        Certainty.PAGE,
        "api/private/customer/retrieve-the-amount-of-points-of-a-given-customer",
        READS,
    ),
)

PENDING_POINTS = Operation(
    name="bonifiq.customer.pending_points",
    method="GET",
    path="/v1/pvt/Customer/{id}/pendingpoints",
    repeat=RepeatClass.SAFE,
    writes=False,
    shape=AnswerShape.BARE,
    result=PendingPoints,
    documented=Documented(
        "customers.pending_points",
        Certainty.SEED,
        "api/private/customer/retrieve-pending-purchase-points-and-cashback",
        READS,
    ),
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
    documented=Documented(
        "checkout.remove_cashback",
        Certainty.SEED,
        "api/private/checkout/removes-an-already-applied-cashback-from-a-checkout",
        UNDONE_ONCE,
        payload=CheckoutRemovalRequest,
    ),
)
