"""Reports, and points that expire, page by page: customers in the order in which they were made."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal

from attrs import frozen

from bonifiq_async.bonifiq.sandbox.books import BookedMove
from bonifiq_async.bonifiq.sandbox.customers import expiring, history_line
from bonifiq_async.bonifiq.sandbox.endpoints.customers import shown_customer
from bonifiq_async.bonifiq.sandbox.endpoints.order_answer import order_answer
from bonifiq_async.bonifiq.sandbox.endpoints.store import Store
from bonifiq_async.bonifiq.sandbox.envelopes import ListItem, as_it_is, page, whole_page, without_nothing
from bonifiq_async.bonifiq.sandbox.forms.asked import Parameters, body_of, page_within
from bonifiq_async.bonifiq.sandbox.forms.bodies import TO_EXPIRE
from bonifiq_async.bonifiq.sandbox.records.profiles import CustomerProfile
from bonifiq_async.sandbox.protocol import Reply, Request, Route

_LARGEST_LIST, _LARGEST_REPORT = 50, 500
_PAGE = ("pageNumber", "pageSize")
_PURCHASE, _OTHER = 0, 1
"""Why points were received; the page shows no numbers, and these are made up."""


@frozen
class _Window:
    """A window of time, whose ends belong to it; None is open."""

    begins: datetime | None
    ends: datetime | None

    def has(self, moment: datetime) -> bool:
        """Say whether a moment is in it."""
        at = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
        return (self.begins is None or at >= self.begins) and (self.ends is None or at <= self.ends)


@frozen
class ReportEndpoints:
    """The endpoints of reports."""

    store: Store

    def routes(self) -> Mapping[tuple[str, str], Route]:
        """Return method and path of each, and what answers it."""
        return {
            ("POST", "/v1/pvt/Points/toexpire"): self.to_expire,
            ("GET", "/v1/pvt/Reports/ListCustomersReport"): self.customers,
            ("GET", "/v1/pvt/Reports/ListReceivedPoints"): self.received,
            ("GET", "/v1/pvt/Reports/ListExpirePointsNotification"): self.notified,
        }

    def to_expire(self, request: Request) -> Reply:
        """Answer the points that expire within a window; its page has no members of a failure."""
        asked = body_of(request, TO_EXPIRE)
        window = _Window(asked.maybe_moment("From"), asked.maybe_moment("To"))
        wanted = page_within(asked.maybe_whole("PageNumber"), asked.maybe_whole("PageSize"), _LARGEST_LIST)
        items = [
            {
                "Id": number,
                "PointId": number,
                "ExpirationDate": when,
                "Points": points,
                "CustomerId": profile.number,
                "CustomerName": self.store.name(profile.original_id),
                **without_nothing(
                    {
                        "CustomerEmail": profile.email,
                        "CustomerPhone": profile.phone,
                        "CustomerDocument": profile.document,
                    }
                ),
                "CashbackValue": self.store.worth(points),
            }
            for number, (profile, points, when) in enumerate(self._expiring(window), 1)
        ]
        return Reply(200, page(items, wanted, as_it_is))

    def customers(self, request: Request) -> Reply:
        """Answer the customers with their balances and histories."""
        query = Parameters.of(
            request,
            *("from", "to", "document", "email", "originalId", "isEnrolled", "pointDateFrom", "pointDateTo"),
            *_PAGE,
        )
        created = _Window(query.moment("from"), query.moment("to"))
        moved = _Window(query.moment("pointDateFrom"), query.moment("pointDateTo"))
        enrolled, document = query.flag("isEnrolled", default=True), query.text("document")
        email, original_id = query.text("email"), query.text("originalId")
        found = [
            profile
            for profile in self.store.books.profiles
            if profile.takes_part is enrolled
            and created.has(profile.created)
            and document in (None, profile.document)
            and email in (None, profile.email)
            and original_id in (None, profile.original_id)
        ]
        wanted = query.page(*_PAGE, _LARGEST_REPORT)
        return whole_page(found, wanted, lambda profile: self._reported(profile, moved))

    def received(self, request: Request) -> Reply:
        """Answer what customers received, and for which order."""
        wanted = Parameters.of(request, *_PAGE).page(*_PAGE, None)
        orders = {number: order for order in self.store.books.orders.values() for number in order.moves}
        found = [
            (profile, moved)
            for profile in self.store.books.profiles
            for moved in self.store.moved(profile.original_id)
            if moved.value > 0
        ]

        def show(each: tuple[CustomerProfile, BookedMove]) -> ListItem:
            profile, moved = each
            order = orders.get(moved.identity)
            return {
                "Id": str(moved.identity),
                "EventDate": moved.moment,
                "Points": moved.points,
                "Cashback": moved.cashback or Decimal(0),
                "Type": _OTHER if order is None else _PURCHASE,
                "Customer": shown_customer(self.store, profile),
                "TotalCashbackAvailable": self.store.shown_cashback(profile.original_id),
                "Order": None if order is None else order_answer(self.store, order),
            }

        return whole_page(found, wanted, show)

    def notified(self, request: Request) -> Reply:
        """Answer the points that customers are to be warned of."""
        query = Parameters.of(request, "from", "to", *_PAGE)
        window = _Window(query.moment("from"), query.moment("to"))
        items = [
            {
                "Id": str(number),
                "Points": points,
                "Cashback": self.store.worth(points),
                "ExpirationDate": when,
                "Customer": shown_customer(self.store, profile),
                "TotalCashbackAvailable": self.store.shown_cashback(profile.original_id),
            }
            for number, (profile, points, when) in enumerate(self._expiring(window), 1)
        ]
        return whole_page(items, query.page(*_PAGE, None), as_it_is)

    def _expiring(self, window: _Window) -> Iterator[tuple[CustomerProfile, int, datetime]]:
        for profile in self.store.books.profiles:
            for each in self.store.books.customer(profile.original_id).points_to_expire:
                if each.points is not None and each.when is not None and window.has(each.when):
                    yield profile, each.points, each.when

    def _reported(self, profile: CustomerProfile, moved: _Window) -> dict[str, object]:
        """Return a customer as the report has one (schema CustomerReportItem)."""
        customer_id, known = profile.original_id, self.store.books.customer(profile.original_id)
        lines = [
            *known.point_history,
            *(each.line() for each in self.store.moved(customer_id)),
        ]
        return {
            "InternalId": f"sandbox-{customer_id}",
            "OriginalId": customer_id,
            "Name": self.store.name(customer_id),
            **without_nothing(
                {
                    "Email": profile.email,
                    "Phone": profile.phone,
                    "Document": profile.document,
                    "BirthdayDate": profile.birthday,
                    "SignupDate": profile.signed_up,
                }
            ),
            "IsEnrolled": profile.takes_part,
            "CreatedDate": profile.created,
            "PointsBalance": self.store.shown_points(customer_id),
            "CashbackBalance": self.store.shown_cashback(customer_id),
            "PointsToExpire": [expiring(points) for points in known.points_to_expire],
            "PointHistory": [
                history_line(line, cashback_active=self.store.cashback_active)
                for line in lines
                if line.date_received is None or moved.has(line.date_received)
            ],
        }
