"""The members of each body, with their kinds, as the contract lists them; `null` marks what may be null.

A body is closed: the pages say `additionalProperties: false`.
"""

from bonifiq_async.bonifiq.sandbox.forms.kinds import (
    AMOUNT,
    DIRECTION,
    FLAG,
    MOMENT,
    ORIGIN,
    TEXT,
    WHOLE,
    Form,
    MemberKind,
    null,
    part,
)

_TEXT, _AMOUNT, _WHOLE, _MOMENT = null(TEXT), null(AMOUNT), null(WHOLE), null(MOMENT)
_PAIR: Form = {"Name": TEXT, "Value": TEXT}
_NAMED: Form = {"OriginalId": TEXT, "Name": TEXT}
_PAIRS, _REFERENCE = null(part(_PAIR, many=True)), null(part(_NAMED))
_CATEGORY: dict[str, MemberKind] = {"OriginalId": TEXT, "Name": TEXT, "Description": _TEXT}
_CATEGORY["ParentCategory"] = null(part(_CATEGORY))

CHANGE_POINTS: Form = {
    "Points": WHOLE,
    "OperationType": DIRECTION,
    "Reason": TEXT,
    "ChangeKey": TEXT,
    "CustomerReason": _TEXT,
}
CUSTOMER: Form = {
    "OriginalId": TEXT,
    "Name": TEXT,
    "Email": _TEXT,
    "Phone": _TEXT,
    "BirthdayDate": _MOMENT,
    "SignupDate": _MOMENT,
    "Document": _TEXT,
    "IsEnrolled": FLAG,
    "EnrolledDate": _MOMENT,
}
SET_BIRTHDAY: Form = {"Birthday": MOMENT}
CHANGE_STATUS: Form = {"IsEnabled": FLAG, "Reason": TEXT}
CHANGE_TIER: Form = {"GracePeriodInDays": _WHOLE, "TierId": WHOLE, "GracePeriodComments": _TEXT}

ORDER_PRODUCT: Form = {
    "OriginalId": TEXT,
    "Title": TEXT,
    "Url": _TEXT,
    "ImageUrl": _TEXT,
    "IsActive": FLAG,
    "ProductPrice": AMOUNT,
    "ProductBrand": _REFERENCE,
    "ProductCategory": null(part(_CATEGORY)),
}
CREATE_ORDER: Form = {
    "OriginalId": TEXT,
    "OrderPlacementDate": MOMENT,
    "OrderCompletedDate": _MOMENT,
    "OrderCancelledDate": _MOMENT,
    "OrderStatus": _TEXT,
    "IsCancelledOrReturned": FLAG,
    "IsCompleted": FLAG,
    "OrderTotal": AMOUNT,
    "Customer": part(CUSTOMER),
    "Products": null(part(ORDER_PRODUCT, many=True)),
    "UpdatedDate": _MOMENT,
    "Coupon": _TEXT,
    "Metadatas": _PAIRS,
    "PaymentMethod": _REFERENCE,
    "PaymentMethods": null(part({"OriginalId": TEXT, "Name": TEXT, "PaidAmount": _AMOUNT}, many=True)),
    "Branch": _REFERENCE,
    "SalesPerson": _REFERENCE,
    "ExternalCoupon": _TEXT,
}
CANCEL_ORDER: Form = {"OrderCancelledDate": MOMENT, "OrderStatus": _TEXT}
COMPLETE_ORDER: Form = {"OrderCompletedDate": MOMENT, "OrderStatus": _TEXT}
CANCEL_PARTIALLY: Form = {
    "ValueToRefund": AMOUNT,
    "CancelKey": TEXT,
    "Products": null(part({"OriginalId": TEXT, "ValueToRefund": AMOUNT}, many=True)),
    "ShouldRefundRedeem": null(FLAG),
}

AVAILABLE_REWARDS: Form = {
    "CustomerId": TEXT,
    "PurchaseValue": AMOUNT,
    "DiscountValue": _AMOUNT,
    "Products": null(
        part(
            {
                "OriginalId": TEXT,
                "LineId": TEXT,
                "Title": TEXT,
                "IsActive": FLAG,
                "Quantity": WHOLE,
                "ProductPrice": AMOUNT,
                "ProductDiscountPrice": _AMOUNT,
                "ProductBrand": _REFERENCE,
                "ProductCategory": null(part(_CATEGORY)),
            },
            many=True,
        )
    ),
}
CHALLENGE: Form = {
    "TransactionId": _TEXT,
    "Phone": _TEXT,
    "Email": _TEXT,
    "Document": _TEXT,
    "Name": _TEXT,
}
VALIDATE_CHALLENGE: Form = {"TransactionId": _TEXT, "Code": TEXT}
POS_REDEEM: Form = {
    "CustomerId": TEXT,
    "Value": _AMOUNT,
    "Points": _WHOLE,
    "OriginalKey": TEXT,
    "Metadatas": _PAIRS,
    "RedeemOrigin": ORIGIN,
    "Branch": _REFERENCE,
    "SalesPerson": _REFERENCE,
    "ForceGenerateCoupon": FLAG,
}
CHECKOUT_REDEEM: Form = {
    "CustomerId": TEXT,
    "CheckoutId": TEXT,
    "CashbackValue": _AMOUNT,
    "Total": _AMOUNT,
    "Token": _TEXT,
    "OriginalKey": _TEXT,
    "RedeemOrigin": ORIGIN,
    "Items": null(part({"ExternalProductId": TEXT, "Value": AMOUNT, "Quantity": WHOLE}, many=True)),
}
REDEEM_CONFIGURATION: Form = {"CustomerId": TEXT}
REDEEM_PRODUCT: Form = {
    "RewardConfigurationId": WHOLE,
    "CustomerId": TEXT,
    "OriginalKey": TEXT,
    "RedeemOrigin": ORIGIN,
    "Product": part(
        {
            "ExternalProductId": TEXT,
            "Quantity": WHOLE,
            "ProductPrice": _AMOUNT,
            "ProductDiscountPrice": _AMOUNT,
            "HasPromotion": FLAG,
        }
    ),
}

AFFILIATE: Form = {
    "Name": TEXT,
    "Email": _TEXT,
    "Document": _TEXT,
    "Phone": _TEXT,
    "Coupon": _TEXT,
    "InviteToPortal": FLAG,
    "CreateCustomer": FLAG,
}
ESTIMATED_PRODUCT: Form = {"Id": TEXT, "Price": AMOUNT, "PriceCurrency": _TEXT, "Name": _TEXT}
TIERS: Form = {"CustomerId": _TEXT}
TO_EXPIRE: Form = {"PageNumber": WHOLE, "PageSize": WHOLE, "From": _MOMENT, "To": _MOMENT}

BODIES = {
    "CustomerChangePointsRequest": CHANGE_POINTS,
    "CreateCustomerRequest": CUSTOMER,
    "SetBirthdayRequest": SET_BIRTHDAY,
    "ChangeStatusRequest": CHANGE_STATUS,
    "ChangeTierRequest": CHANGE_TIER,
    "CreateOrderRequest": CREATE_ORDER,
    "CancelOrderRequest": CANCEL_ORDER,
    "CompleteOrderRequest": COMPLETE_ORDER,
    "PartialCancelRequest": CANCEL_PARTIALLY,
    "PosAvailableRewardsRequest": AVAILABLE_REWARDS,
    "PosChallengeRequest": CHALLENGE,
    "PosChallengeValidateRequest": VALIDATE_CHALLENGE,
    "PosRedeemRequest": POS_REDEEM,
    "CheckoutRedeemRequest": CHECKOUT_REDEEM,
    "RewardConfigurationRedeemRequest": REDEEM_CONFIGURATION,
    "ProductDiscountRedeemRequest": REDEEM_PRODUCT,
    "AffiliateRequest": AFFILIATE,
    "ProductPointsInput": ESTIMATED_PRODUCT,
    "TiersAvailableRequest": TIERS,
    "PointsToExpireRequest": TO_EXPIRE,
}
"""By the name of the schema; the two others, of cashback and of a checkout, are judged in `judge`."""
