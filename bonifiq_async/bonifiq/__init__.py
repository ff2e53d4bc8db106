"""The provider BonifiQ.

answers     the reader: two generations of envelope, bare objects, and errors of any shape
checkout    the checkout operations of the client
client      the client: one account, one pool of connections, one event loop
customers   the customer operations of the client
envelope    what the envelope says: its flags, what denies a success, what a result shows
files       files of changes for the command line (an edge)
operations  the endpoints as data
payloads    what is sent and what is answered, as attrs classes
removal     what the answer to a checkout removal states
sandbox/    its side of the sandbox (an edge)
used_key    what an error says of a ChangeKey that was used before
"""

from bonifiq_async.bonifiq.client import BasicCredentials, BonifiQClient
from bonifiq_async.bonifiq.payloads import (
    CashbackChange,
    CheckoutRemoval,
    CustomerPoints,
    CustomerPointsToExpire,
    OrderOrigin,
    PendingOrder,
    PendingPoints,
    PointDetailItem,
    Severity,
)

__all__ = [
    "BasicCredentials",
    "BonifiQClient",
    "CashbackChange",
    "CheckoutRemoval",
    "CustomerPoints",
    "CustomerPointsToExpire",
    "OrderOrigin",
    "PendingOrder",
    "PendingPoints",
    "PointDetailItem",
    "Severity",
]
