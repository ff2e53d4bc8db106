"""The operations that a ledger keeps: those with a key, which move a balance or an order's value.

How far the provider's keys reach is not documented: a key counts for one change of all of these. A client
needs them from the start, and the rest of the table only for what it calls.
"""

from bonifiq_async._model.operation import Operation
from bonifiq_async.bonifiq.operations import customers, orders, point_of_sale, redeems, seed

CHANGES: tuple[Operation[object], ...] = (
    seed.CHANGE_CASHBACK,
    customers.CHANGE_POINTS,
    redeems.REDEEM_CHECKOUT,
    point_of_sale.REDEEM,
    redeems.REDEEM_PRODUCT_DISCOUNT,
    orders.CANCEL_PARTIALLY,
    point_of_sale.CANCEL_ORDER_PARTIALLY,
)
"""In no order that matters."""
