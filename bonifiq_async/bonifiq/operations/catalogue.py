"""Affiliates, estimates of points, objectives, tiers and the look of the program."""

from attrs import evolve

from bonifiq_async._model.operation import AnswerShape, Certainty, Operation, RepeatClass
from bonifiq_async.bonifiq.operations.entries import SAME_AGAIN, UNDONE_ONCE, read, write
from bonifiq_async.bonifiq.schemas.catalogue import (
    AffiliateRequest,
    Customization,
    ObjectiveList,
    ProductPointsInput,
    ProductPointsResponse,
    TiersAvailableRequest,
    TiersAvailableResponse,
)
from bonifiq_async.bonifiq.schemas.pages import Acknowledged, Unshaped

_SAFE = RepeatClass.SAFE

UPSERT_AFFILIATE = Operation(
    "bonifiq.affiliates.upsert",
    "POST",
    "/v1/pvt/Affiliate",
    _SAFE,
    writes=True,
    result=Acknowledged,
    done="done",
    documented=write(
        "affiliates.upsert",
        "api/private/affiliate/to-create-and-update-an-affiliate-its-possible-to-create-a-customer-for-the-same",
        f"it creates or changes by the e-mail address: {SAME_AGAIN}",
        AffiliateRequest,
    ),
)
DISABLE_AFFILIATE = Operation(
    "bonifiq.affiliates.disable",
    "DELETE",
    "/v1/pvt/Affiliate/disable/{originalId}",
    _SAFE,
    writes=True,
    result=Acknowledged,
    query=("reason",),
    done="done",
    documented=write(
        "affiliates.disable", "api/private/affiliate/disables-an-affiliate-by-email-or-document", UNDONE_ONCE
    ),
)
PRODUCT_POINTS = Operation(
    "bonifiq.products.points",
    "POST",
    "/v1/pvt/Product/points",
    _SAFE,
    writes=False,
    result=ProductPointsResponse,
    shape=AnswerShape.CHECKED,
    documented=read(
        "products.points",
        "api-reference/product/returns-a-estimated-value-of-points-give-from-a-list-of-products",
        ProductPointsInput,
    ),
)
ACTIVE_OBJECTIVES = Operation(
    "bonifiq.objectives.active",
    "GET",
    "/v1/pvt/Objectives/active",
    _SAFE,
    writes=False,
    result=ObjectiveList,
    shape=AnswerShape.PAGE,
    query=("CustomerId", "PageNumber", "PageSize"),
    documented=read(
        "objectives.active",
        "api-reference/objectives/return-all-the-active-objectives-for-the-client",
        largest=50,
    ),
)
AVAILABLE_TIERS = Operation(
    "bonifiq.tiers.available",
    "POST",
    "/v1/pvt/Tiers/available",
    _SAFE,
    writes=False,
    result=TiersAvailableResponse,
    shape=AnswerShape.BARE,
    documented=read("tiers.available", "api-reference/tiers/post-v1pvttiersavailable", TiersAvailableRequest),
)
TIER_BENEFITS = Operation(
    "bonifiq.tiers.benefits",
    "GET",
    "/v1/pvt/Tiers/{tierId}/benefits",
    _SAFE,
    writes=False,
    result=Unshaped,
    shape=AnswerShape.BARE,
    documented=evolve(
        read("tiers.benefits", "api/private/tiers/get-v1pvttiers-benefits"),
        certainty=Certainty.INCOMPLETE,
        caveat="only its method and path were seen; the answer is given as it comes",
        warns=True,
    ),
)
CUSTOMIZATION = Operation(
    "bonifiq.customization.get",
    "GET",
    "/v1/pvt/Customization",
    _SAFE,
    writes=False,
    result=Customization,
    shape=AnswerShape.BARE,
    documented=evolve(
        read(
            "customization.get",
            "api/private/customization/returns-the-customizations-as-configured-in-the-bonifiq-admin-panel",
        ),
        certainty=Certainty.UNVERIFIED,
        caveat="its page was seen without the path, which is that of the public one, by analogy",
        warns=True,
    ),
)
