"""The provider BonifiQ.

answers      the reader: two generations of envelope, bare objects, and errors of any shape
checkout     the checkout operations of the client
client       the client: one account, one pool of connections, one event loop
commands     the commands of the command line that make one call each (an edge)
customers    the customer operations of the client
envelope     what the envelope says: its flags, what denies a success, what a result shows
files        the columns of its files of changes, and how the command line reads a row (an edge)
operations/  the endpoints as data
payloads     what is sent and answered of balances, changes and removals, as attrs classes
removal      what the answer to a checkout removal states
sandbox/     the sandbox of this provider (an edge)
schemas/     what is sent and answered of everything else, as attrs classes
used_key     the words of an error that say that a ChangeKey was used before
"""

from typing import TYPE_CHECKING

from bonifiq_async._provider.lazy_names import lazy_names
from bonifiq_async._provider.spec import Environment, ObjectReference, ProviderSpec

if TYPE_CHECKING:
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

PROVIDER = ProviderSpec(
    name="bonifiq",
    title="BonifiQ",
    environment=Environment("BONIFIQ_BASE_URL", ("BONIFIQ_API_TOKEN", "BONIFIQ_API_KEY")),
    client=ObjectReference(f"{__name__}.client", "BonifiQClient"),
    operations=ObjectReference(f"{__name__}.operations.table", "OPERATIONS"),
    changes=ObjectReference(f"{__name__}.operations.changes", "CHANGES"),
    files=ObjectReference(f"{__name__}.files", "ADAPTER"),
    sandbox=ObjectReference(f"{__name__}.sandbox.sandbox", "Sandbox"),
    sandbox_options={
        "faults": "names of what the requests meet, in order, or a FaultScript",
        "duplicates": "how a used key is answered: replay, error-200, error-400 or error-409",
        "reused_key": "the same, of one that comes with another change",
        "customers": "which customers exist: a mapping with their balances, or with a sandbox.Customer each",
        "cashback_active": "whether cashback is; else changes move points alone",
        "old_envelope": "whether answers have only the older documentation's members",
    },
    commands={
        "balance": ObjectReference(f"{__name__}.commands", "balance"),
        "pending": ObjectReference(f"{__name__}.commands", "pending"),
        "checkout-remove": ObjectReference(f"{__name__}.commands", "checkout_remove"),
    },
    portuguese=ObjectReference(f"{__name__}.commands", "PORTUGUESE"),
)
"""What the registry loads."""

_PLACES = {
    "BasicCredentials": f"{__name__}.client",
    "BonifiQClient": f"{__name__}.client",
    "CashbackChange": f"{__name__}.payloads",
    "CheckoutRemoval": f"{__name__}.payloads",
    "CustomerPoints": f"{__name__}.payloads",
    "CustomerPointsToExpire": f"{__name__}.payloads",
    "OrderOrigin": f"{__name__}.payloads",
    "PendingOrder": f"{__name__}.payloads",
    "PendingPoints": f"{__name__}.payloads",
    "PointDetailItem": f"{__name__}.payloads",
    "Severity": f"{__name__}.payloads",
}
"""Where each name is defined; it is imported from there when it is first asked for."""
__getattr__ = lazy_names(__name__, _PLACES)


def __dir__() -> list[str]:
    return list(__all__)
