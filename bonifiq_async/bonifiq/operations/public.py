"""What the public API answers: it is signed in to by a token that a browser may have, and changes nothing."""

from attrs import evolve

from bonifiq_async._model.operation import AnswerShape, Certainty, Operation, RepeatClass
from bonifiq_async.bonifiq.operations.entries import read
from bonifiq_async.bonifiq.payloads import CustomerPoints
from bonifiq_async.bonifiq.schemas.catalogue import Customization, ProductPointsInput, ProductPointsList
from bonifiq_async.bonifiq.schemas.pages import Unshaped

_SAFE, _BARE = RepeatClass.SAFE, AnswerShape.BARE

POINTS = Operation(
    "bonifiq.public.points",
    "GET",
    "/v1/pub/Customer/{id}/points",
    _SAFE,
    writes=False,
    result=CustomerPoints,
    shape=_BARE,
    documented=read("public.points", "api/public/customer/retrieve-the-amount-of-points-of-a-given-customer"),
)
CUSTOMIZATION = Operation(
    "bonifiq.public.customization",
    "GET",
    "/v1/pub/Customization",
    _SAFE,
    writes=False,
    result=Customization,
    shape=_BARE,
    documented=read(
        "public.customization",
        "api/public/customization/returns-the-customizations-as-configured-in-the-bonifiq-admin-panel",
    ),
)
PRODUCT_POINTS = Operation(
    "bonifiq.public.product_points",
    "POST",
    "/v1/pub/Product/points",
    _SAFE,
    writes=False,
    result=Unshaped,
    shape=_BARE,
    documented=evolve(
        read(
            "public.product_points",
            "api/public/product/calculate-how-many-points-...",
            ProductPointsInput,
        ),
        certainty=Certainty.INCOMPLETE,
        caveat="a file of bytes is documented as its answer; JSON is given as it comes",
        warns=True,
    ),
)
PRODUCT_POINTS_LIST = Operation(
    "bonifiq.public.product_points_list",
    "POST",
    "/v1/pub/Product/pointslist",
    _SAFE,
    writes=False,
    result=ProductPointsList,
    shape=_BARE,
    documented=read(
        "public.product_points_list",
        "api-reference/product/"
        "returns-a-estimated-value-of-points-and-cashback-from-a-given-list-of-products",
        ProductPointsInput,
    ),
)
