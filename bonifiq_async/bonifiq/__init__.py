"""BonifiQ, as data: its operations, its payloads, how its answers are read, and its client."""

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
