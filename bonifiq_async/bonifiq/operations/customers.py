"""BonifiQ's customers. A customer's id is that of the store: usually an e-mail address, or a document."""

from attrs import evolve

from bonifiq_async._model import operation as units
from bonifiq_async._model.operation import AnswerShape, Certainty, Operation, RepeatClass
from bonifiq_async.bonifiq.operations.entries import BY_KEY, SAME_AGAIN, read, write
from bonifiq_async.bonifiq.payloads import CustomerPoints
from bonifiq_async.bonifiq.schemas.customers import (
    ChangeStatusRequest,
    ChangeTierRequest,
    ChangeTierResult,
    CreateCustomerRequest,
    CustomerChangePointsRequest,
    CustomerCouponList,
    CustomerHistoryList,
    CustomerResponse,
    CustomerUpsertResponse,
    SetBirthdayRequest,
)
from bonifiq_async.bonifiq.schemas.pages import Acknowledged

_SAFE, _PAGES = RepeatClass.SAFE, ("PageNumber", "PageSize")

GET = Operation(
    "bonifiq.customers.get",
    "GET",
    "/v1/pvt/Customer/{id}",
    _SAFE,
    writes=False,
    result=CustomerResponse,
    documented=read("customers.get", "api/private/customer/get-a-customer-information-from-its-id"),
)
UPDATE = Operation(
    "bonifiq.customers.update",
    "PUT",
    "/v1/pvt/Customer/{id}",
    _SAFE,
    writes=True,
    result=CustomerResponse,
    documented=write(
        "customers.update",
        "api-reference/customer/update-a-customer-based-on-the-id-from-the-client-store",
        SAME_AGAIN,
        CreateCustomerRequest,
    ),
)
UPSERT = Operation(
    "bonifiq.customers.upsert",
    "POST",
    "/v1/pvt/Customer/upsert",
    _SAFE,
    writes=True,
    result=CustomerUpsertResponse,
    documented=write(
        "customers.upsert",
        "api/private/customer/creates-or-updates-a-customer-using-the-originalid-provided-in-the-request-body",
        f"it creates or updates by OriginalId: {SAME_AGAIN}",
        CreateCustomerRequest,
    ),
)
CHANGE_POINTS = Operation(
    "bonifiq.customers.change_points",
    "POST",
    "/v1/pvt/Customer/{id}/points",
    RepeatClass.KEYED,
    writes=True,
    result=CustomerPoints,
    unit=units.POINTS,
    kept=("points_balance",),
    documented=write(
        "customers.change_points",
        "api/private/customer/add-or-remove-points-from-a-customer",
        f"{BY_KEY}: the same request twice changes the balance once",
        CustomerChangePointsRequest,
        key="ChangeKey",
    ),
)
HISTORY = Operation(
    "bonifiq.customers.history",
    "POST",
    "/v1/pvt/Customer/{id}/history",
    _SAFE,
    writes=False,
    result=CustomerHistoryList,
    shape=AnswerShape.PAGE,
    query=_PAGES,
    documented=read(
        "customers.history",
        "api-reference/customer/returns-a-timeline-history-of-points-usage-from-the-customer",
        largest=50,
    ),
)
AVAILABLE_COUPONS = Operation(
    "bonifiq.customers.available_coupons",
    "POST",
    "/v1/pvt/Customer/{id}/availablecoupons",
    _SAFE,
    writes=False,
    result=CustomerCouponList,
    shape=AnswerShape.PAGE,
    query=_PAGES,
    documented=read(
        "customers.available_coupons",
        "api-reference/customer/returns-a-list-of-unused-coupons-that-the-customer-have-redeemed-in-the-past",
        largest=50,
    ),
)
SET_BIRTHDAY = Operation(
    "bonifiq.customers.set_birthday",
    "POST",
    "/v1/pvt/Customer/{id}/setbirthday",
    _SAFE,
    writes=True,
    result=CustomerResponse,
    documented=write(
        "customers.set_birthday",
        "api-reference/customer/set-the-birthday-date-of-the-given-customer",
        SAME_AGAIN,
        SetBirthdayRequest,
    ),
)
CHANGE_STATUS = Operation(
    "bonifiq.customers.change_status",
    "POST",
    "/v1/pvt/Customer/{originalId}/changestatus",
    _SAFE,
    writes=True,
    result=Acknowledged,
    done="done",
    documented=write(
        "customers.change_status",
        "api/private/customer/change-the-status-of-the-customer-in-bonifiq",
        SAME_AGAIN,
        ChangeStatusRequest,
    ),
)
CHANGE_TIER = Operation(
    "bonifiq.customers.change_tier",
    "POST",
    "/v1/pvt/Customer/{originalId}/changetier",
    _SAFE,
    writes=True,
    result=ChangeTierResult,
    done="done",
    documented=evolve(
        write(
            "customers.change_tier",
            "api/private/customer/change-the-tier-of-a-customer-in-bonifiq",
            SAME_AGAIN,
            ChangeTierRequest,
        ),
        certainty=Certainty.INCOMPLETE,
        caveat="its result is a boolean in the sample and an object in the prose; both are read",
    ),
)
