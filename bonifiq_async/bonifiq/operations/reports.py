"""Reports, and points that expire, page by page."""

from attrs import evolve

from bonifiq_async._model.operation import AnswerShape, Certainty, Operation, RepeatClass
from bonifiq_async.bonifiq.operations.entries import read
from bonifiq_async.bonifiq.schemas.reports import (
    CustomerReportList,
    ExpirePointsList,
    PointsToExpireList,
    PointsToExpireRequest,
    ReceivedPointsList,
)

_SAFE, _PAGES = RepeatClass.SAFE, ("pageNumber", "pageSize")

TO_EXPIRE = Operation(
    "bonifiq.points.to_expire",
    "POST",
    "/v1/pvt/Points/toexpire",
    _SAFE,
    writes=False,
    result=PointsToExpireList,
    shape=AnswerShape.PAGE,
    documented=read(
        "points.to_expire",
        "api/private/points/lists-points-set-to-expire-within-the-specified-date-range-paginated",
        PointsToExpireRequest,
        largest=50,
    ),
)
CUSTOMERS = Operation(
    "bonifiq.reports.customers",
    "GET",
    "/v1/pvt/Reports/ListCustomersReport",
    _SAFE,
    writes=False,
    result=CustomerReportList,
    shape=AnswerShape.PAGE,
    query=(
        *("from", "to", "document", "email", "originalId", "isEnrolled", "pointDateFrom", "pointDateTo"),
        *_PAGES,
    ),
    documented=read(
        "reports.customers",
        "api/private/reports/"
        "returns-a-list-of-customers-with-their-points-balance-points-to-expire-and-point-history",
        largest=500,
    ),
)
RECEIVED_POINTS = Operation(
    "bonifiq.reports.received_points",
    "GET",
    "/v1/pvt/Reports/ListReceivedPoints",
    _SAFE,
    writes=False,
    result=ReceivedPointsList,
    shape=AnswerShape.PAGE,
    query=_PAGES,
    documented=evolve(
        read("reports.received_points", "api/private/reports/get-v1pvtreportslistreceivedpoints"),
        certainty=Certainty.INCOMPLETE,
        caveat="its parameters were not seen; page and size are those of the other reports, by analogy",
        warns=True,
    ),
)
EXPIRING_POINTS = Operation(
    "bonifiq.reports.expiring_points",
    "GET",
    "/v1/pvt/Reports/ListExpirePointsNotification",
    _SAFE,
    writes=False,
    result=ExpirePointsList,
    shape=AnswerShape.PAGE,
    query=("from", "to", *_PAGES),
    documented=read(
        "reports.expiring_points",
        "api/private/reports/returns-a-list-of-points-that-will-expire-soon-...",
    ),
)
