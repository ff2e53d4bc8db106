"""Reports, and points that expire: read page by page, and no page is kept when the next is asked for."""

from collections.abc import AsyncGenerator, Callable, Mapping
from datetime import datetime

from bonifiq_async._model import validation
from bonifiq_async._model.errors import PayloadError
from bonifiq_async.bonifiq.calls.caller import CallParts, Group
from bonifiq_async.bonifiq.calls.caller import page_size as checked_size
from bonifiq_async.bonifiq.operations import reports
from bonifiq_async.bonifiq.schemas.checks import aware
from bonifiq_async.bonifiq.schemas.reports import (
    CustomerReportItem,
    ExpirePointsItem,
    PointsToExpireItem,
    PointsToExpireRequest,
    ReceivedPointsItem,
)

Query = Mapping[str, str | None]


class Points(Group):
    """A client's points. Raises `PayloadError`, `RefusedError` and `NotAppliedError`."""

    def to_expire(
        self,
        *,
        from_: datetime | None = None,
        to: datetime | None = None,
        page_size: int = 50,
        deadline: float | None = None,
    ) -> AsyncGenerator[PointsToExpireItem, None]:
        """Yield the points that expire within a window, both ends inclusive; dates have their zone.

        `page_size` is at most 50. `deadline` is that of each page.
        """
        size = checked_size(page_size, reports.TO_EXPIRE)
        _window(from_, to, "from_", "to")

        def ask(number: int) -> CallParts:
            return CallParts(
                payload=PointsToExpireRequest(page_number=number, page_size=size, from_=from_, to=to)
            )

        return self._caller.items(reports.TO_EXPIRE, ask, size, deadline)


class Reports(Group):
    """A client's reports, page by page. They raise `PayloadError`, `RefusedError` and `NotAppliedError`."""

    def customers(
        self,
        *,
        from_: datetime | None = None,
        to: datetime | None = None,
        document: str | None = None,
        email: str | None = None,
        original_id: str | None = None,
        is_enrolled: bool | None = None,
        point_date_from: datetime | None = None,
        point_date_to: datetime | None = None,
        page_size: int = 100,
        deadline: float | None = None,
    ) -> AsyncGenerator[CustomerReportItem, None]:
        """Yield customers with balance and history; `from_` and `to` are when they were created.

        The provider takes `is_enrolled` for true where it is left out. `page_size` is at most 500. `deadline`
        is that of each page.
        """
        size = checked_size(page_size, reports.CUSTOMERS)
        _window(from_, to, "from_", "to")
        _window(point_date_from, point_date_to, "point_date_from", "point_date_to")
        query: Query = {
            "from": _moment(from_),
            "to": _moment(to),
            "document": _text(document, "document"),
            "email": _text(email, "email"),
            "originalId": _text(original_id, "original_id"),
            "isEnrolled": _truth(is_enrolled, "is_enrolled"),
            "pointDateFrom": _moment(point_date_from),
            "pointDateTo": _moment(point_date_to),
        }
        return self._caller.items(reports.CUSTOMERS, _pages_of(query, size), size, deadline)

    def received_points(
        self, *, page_size: int = 50, deadline: float | None = None
    ) -> AsyncGenerator[ReceivedPointsItem, None]:
        """Yield the points that customers received.

        Its parameters were not seen: the first call of a client comes with an `UnverifiedOperationWarning`,
        and pages that the provider does not turn raise `PayloadError`.
        """
        size = checked_size(page_size, reports.RECEIVED_POINTS)
        return self._caller.items(reports.RECEIVED_POINTS, _pages_of({}, size), size, deadline)

    def expiring_points(
        self,
        *,
        from_: datetime | None = None,
        to: datetime | None = None,
        page_size: int = 50,
        deadline: float | None = None,
    ) -> AsyncGenerator[ExpirePointsItem, None]:
        """Yield the points of which customers are to be warned; dates have their zone."""
        size = checked_size(page_size, reports.EXPIRING_POINTS)
        _window(from_, to, "from_", "to")
        query: Query = {"from": _moment(from_), "to": _moment(to)}
        return self._caller.items(reports.EXPIRING_POINTS, _pages_of(query, size), size, deadline)


def _pages_of(query: Query, size: int) -> Callable[[int], CallParts]:
    """Return what says what is sent for a page of a report."""
    return lambda number: CallParts(query={**query, "pageNumber": str(number), "pageSize": str(size)})


def _window(begin: datetime | None, end: datetime | None, first: str, last: str) -> None:
    """Raise `PayloadError` for a date without a zone, and for an end before its begin."""
    for value, name in ((begin, first), (end, last)):
        if value is not None:
            aware(value, name)
    if begin is not None and end is not None and end < begin:
        raise PayloadError(f"{last} is before {first}", path=last)


def _moment(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()


def _text(value: str | None, name: str) -> str | None:
    return None if value is None else validation.label(value, name)


def _truth(value: bool | None, name: str) -> str | None:
    if value is None:
        return None
    if type(value) is not bool:
        raise PayloadError(f"{name} must be true or false, not {type(value).__name__}", path=name)
    return "true" if value else "false"
