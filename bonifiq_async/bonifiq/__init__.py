"""The provider BonifiQ.

answers      the reader: two generations of envelope, bare objects, and errors of any shape
calls/       the operations of the client by group, beside those on customers and checkouts
changes/     what a caller means to change under a key, beside cashback
checkout     the checkout operations of the client
client       the client: one account, one pool of connections, one event loop
commands/    the commands of the command line that are this provider's alone (an edge)
customers    the customer operations of the client
envelope     what the envelope says: its flags, what denies a success, what a result shows
files        the columns of its files of changes, and how the command line reads a row (an edge)
kept_files   what a ledger keeps as rows, beside what a file can have (an edge)
operations/  the endpoints as data
payloads     what is sent and answered of balances, changes and removals, as attrs classes
public_client  the client of the public API
reading/     how the answers are read that are neither a balance nor a removal
removal      what the answer to a checkout removal states
sandbox/     the sandbox of this provider (an edge)
schemas/     what is sent and answered of everything else, as attrs classes
used_key     the words of an error that say that a ChangeKey was used before
webhooks/    what BonifiQ posts to an address of yours: read, checked, handled once
"""

from typing import TYPE_CHECKING

from bonifiq_async._provider.lazy_names import lazy_names
from bonifiq_async._provider.spec import Environment, ObjectReference, ProviderSpec

if TYPE_CHECKING:
    from bonifiq_async.bonifiq.calls.caller import (
        UnverifiedOperationWarning,
    )
    from bonifiq_async.bonifiq.changes.keys import (
        points_key_for,
    )
    from bonifiq_async.bonifiq.changes.points import (
        PointsChange,
    )
    from bonifiq_async.bonifiq.changes.redeems import (
        CheckoutRedeem,
        PosRedeem,
        ProductDiscountRedeem,
    )
    from bonifiq_async.bonifiq.changes.refunds import (
        PartialCancel,
    )
    from bonifiq_async.bonifiq.client import (
        BasicCredentials,
        BonifiQClient,
    )
    from bonifiq_async.bonifiq.operations.table import (
        OperationEntry,
    )
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
    from bonifiq_async.bonifiq.public_client import (
        BonifiQPublicClient,
        PublicApiToken,
    )
    from bonifiq_async.bonifiq.schemas.cancels import (
        OrderCancelResponse,
        OrderCompleteResponse,
        PartialCancelProduct,
        PartialCancelRequest,
        RefundErrorDetails,
    )
    from bonifiq_async.bonifiq.schemas.catalogue import (
        Customization,
        Objective,
        ProductErrorDescription,
        ProductPointsInput,
        ProductPointsItem,
        Tier,
        TierBenefit,
        TierGoal,
        TiersAvailableResponse,
    )
    from bonifiq_async.bonifiq.schemas.configurations import (
        EmailConfiguration,
        EmailVariable,
        PreGeneratedCoupon,
        PreGeneratedCouponList,
        RewardConfiguration,
    )
    from bonifiq_async.bonifiq.schemas.customers import (
        ChangeTierResult,
        CreateCustomerRequest,
        CustomerCoupon,
        CustomerHistoryItem,
        CustomerResponse,
        CustomerUpsertResponse,
    )
    from bonifiq_async.bonifiq.schemas.orders import (
        AffiliateCouponHistory,
        AffiliateInfo,
        CreateOrderRequest,
        CreateProductRequest,
        EstimatedBonus,
        OrderCustomer,
        OrderMetadata,
        OrderPaymentMethodAmount,
        OrderProduct,
        OrderResponse,
    )
    from bonifiq_async.bonifiq.schemas.pages import (
        Acknowledged,
        Unshaped,
    )
    from bonifiq_async.bonifiq.schemas.parts import (
        CannotUseReason,
        CurrentTier,
        IdName,
        NameValue,
        OrderState,
        ProductCategory,
        ProductDiscountMode,
        RedeemOrigin,
        RewardType,
    )
    from bonifiq_async.bonifiq.schemas.point_of_sale import (
        ChallengeCode,
        PosAvailableProduct,
        PosAvailableRewardsResponse,
        PosChallengeResponse,
        PosChallengeValidateResponse,
        PosCustomer,
        PosReward,
    )
    from bonifiq_async.bonifiq.schemas.redeems import (
        CheckoutItem,
        CheckoutRedeemRequest,
        CheckoutRefresh,
        PosRedeemRequest,
        ProductDiscountRedeemRequest,
        ProductDiscountRedeemResponse,
        RedeemCoupon,
        RedeemPoint,
        RedeemProductInput,
        RedeemRewardResponse,
        RewardPoints,
        RewardResponse,
    )
    from bonifiq_async.bonifiq.schemas.reports import (
        CustomerReportItem,
        ExpirePointsItem,
        PointsToExpireItem,
        ReceivedPointsItem,
    )

__all__ = [
    "Acknowledged",
    "AffiliateCouponHistory",
    "AffiliateInfo",
    "BasicCredentials",
    "BonifiQClient",
    "BonifiQPublicClient",
    "CannotUseReason",
    "CashbackChange",
    "ChallengeCode",
    "ChangeTierResult",
    "CheckoutItem",
    "CheckoutRedeem",
    "CheckoutRedeemRequest",
    "CheckoutRefresh",
    "CheckoutRemoval",
    "CreateCustomerRequest",
    "CreateOrderRequest",
    "CreateProductRequest",
    "CurrentTier",
    "CustomerCoupon",
    "CustomerHistoryItem",
    "CustomerPoints",
    "CustomerPointsToExpire",
    "CustomerReportItem",
    "CustomerResponse",
    "CustomerUpsertResponse",
    "Customization",
    "EmailConfiguration",
    "EmailVariable",
    "EstimatedBonus",
    "ExpirePointsItem",
    "IdName",
    "NameValue",
    "Objective",
    "OperationEntry",
    "OrderCancelResponse",
    "OrderCompleteResponse",
    "OrderCustomer",
    "OrderMetadata",
    "OrderOrigin",
    "OrderPaymentMethodAmount",
    "OrderProduct",
    "OrderResponse",
    "OrderState",
    "PartialCancel",
    "PartialCancelProduct",
    "PartialCancelRequest",
    "PendingOrder",
    "PendingPoints",
    "PointDetailItem",
    "PointsChange",
    "PointsToExpireItem",
    "PosAvailableProduct",
    "PosAvailableRewardsResponse",
    "PosChallengeResponse",
    "PosChallengeValidateResponse",
    "PosCustomer",
    "PosRedeem",
    "PosRedeemRequest",
    "PosReward",
    "PreGeneratedCoupon",
    "PreGeneratedCouponList",
    "ProductCategory",
    "ProductDiscountMode",
    "ProductDiscountRedeem",
    "ProductDiscountRedeemRequest",
    "ProductDiscountRedeemResponse",
    "ProductErrorDescription",
    "ProductPointsInput",
    "ProductPointsItem",
    "PublicApiToken",
    "ReceivedPointsItem",
    "RedeemCoupon",
    "RedeemOrigin",
    "RedeemPoint",
    "RedeemProductInput",
    "RedeemRewardResponse",
    "RefundErrorDetails",
    "RewardConfiguration",
    "RewardPoints",
    "RewardResponse",
    "RewardType",
    "Severity",
    "Tier",
    "TierBenefit",
    "TierGoal",
    "TiersAvailableResponse",
    "Unshaped",
    "UnverifiedOperationWarning",
    "points_key_for",
]

PROVIDER = ProviderSpec(
    name="bonifiq",
    title="BonifiQ",
    environment=Environment("BONIFIQ_BASE_URL", ("BONIFIQ_API_TOKEN", "BONIFIQ_API_KEY")),
    client=ObjectReference(f"{__name__}.client", "BonifiQClient"),
    operations=ObjectReference(f"{__name__}.operations.table", "OPERATIONS"),
    changes=ObjectReference(f"{__name__}.operations.changes", "CHANGES"),
    files=ObjectReference(f"{__name__}.files", "ADAPTER"),
    kept_files=ObjectReference(f"{__name__}.kept_files", "KEPT_ADAPTER"),
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
        "balance": ObjectReference(f"{__name__}.commands.single", "balance"),
        "pending": ObjectReference(f"{__name__}.commands.single", "pending"),
        "checkout-remove": ObjectReference(f"{__name__}.commands.single", "checkout_remove"),
        "customer": ObjectReference(f"{__name__}.commands.single", "customer"),
        "customer-history": ObjectReference(f"{__name__}.commands.lists", "customer_history"),
        "customers-report": ObjectReference(f"{__name__}.commands.lists", "customers_report"),
        "points-report": ObjectReference(f"{__name__}.commands.lists", "points_report"),
        "order": ObjectReference(f"{__name__}.commands.single", "order"),
        "operations": ObjectReference(f"{__name__}.commands.table", "operations"),
    },
    portuguese=ObjectReference(f"{__name__}.commands.portuguese", "PORTUGUESE"),
)
"""What the registry loads."""

_OF_MODULES = {
    "calls.caller": "UnverifiedOperationWarning",
    "changes.keys": "points_key_for",
    "changes.points": "PointsChange",
    "changes.redeems": "CheckoutRedeem PosRedeem ProductDiscountRedeem",
    "changes.refunds": "PartialCancel",
    "client": "BasicCredentials BonifiQClient",
    "operations.table": "OperationEntry",
    "payloads": (
        "CashbackChange CheckoutRemoval CustomerPoints CustomerPointsToExpire OrderOrigin PendingOrder "
        "PendingPoints PointDetailItem Severity"
    ),
    "public_client": "BonifiQPublicClient PublicApiToken",
    "schemas.cancels": (
        "OrderCancelResponse OrderCompleteResponse PartialCancelProduct PartialCancelRequest "
        "RefundErrorDetails"
    ),
    "schemas.catalogue": (
        "Customization Objective ProductErrorDescription ProductPointsInput ProductPointsItem Tier "
        "TierBenefit TierGoal TiersAvailableResponse"
    ),
    "schemas.configurations": (
        "EmailConfiguration EmailVariable PreGeneratedCoupon PreGeneratedCouponList RewardConfiguration"
    ),
    "schemas.customers": (
        "ChangeTierResult CreateCustomerRequest CustomerCoupon CustomerHistoryItem CustomerResponse "
        "CustomerUpsertResponse"
    ),
    "schemas.orders": (
        "AffiliateCouponHistory AffiliateInfo CreateOrderRequest CreateProductRequest EstimatedBonus "
        "OrderCustomer OrderMetadata OrderPaymentMethodAmount OrderProduct OrderResponse"
    ),
    "schemas.pages": "Acknowledged Unshaped",
    "schemas.parts": (
        "CannotUseReason CurrentTier IdName NameValue OrderState ProductCategory ProductDiscountMode "
        "RedeemOrigin RewardType"
    ),
    "schemas.point_of_sale": (
        "ChallengeCode PosAvailableProduct PosAvailableRewardsResponse PosChallengeResponse "
        "PosChallengeValidateResponse PosCustomer PosReward"
    ),
    "schemas.redeems": (
        "CheckoutItem CheckoutRedeemRequest CheckoutRefresh PosRedeemRequest "
        "ProductDiscountRedeemRequest ProductDiscountRedeemResponse RedeemCoupon RedeemPoint "
        "RedeemProductInput RedeemRewardResponse RewardPoints RewardResponse"
    ),
    "schemas.reports": "CustomerReportItem ExpirePointsItem PointsToExpireItem ReceivedPointsItem",
}
_PLACES = {name: f"{__name__}.{module}" for module, found in _OF_MODULES.items() for name in found.split()}
"""Where each name is defined; it is imported from there when it is first asked for."""
__getattr__ = lazy_names(__name__, _PLACES)


def __dir__() -> list[str]:
    return list(__all__)
