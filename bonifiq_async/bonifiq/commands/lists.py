"""What is listed page by page: a customer's history, and the provider's reports."""

import warnings
from collections.abc import AsyncIterator
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bonifiq_async.bonifiq.commands.call import called
from bonifiq_async.bonifiq.commands.shown import show_each
from bonifiq_async.cli.language.phrase import phrase
from bonifiq_async.cli.options import AsJson

if TYPE_CHECKING:
    from attrs import AttrsInstance

    from bonifiq_async.bonifiq.client import BonifiQClient


def customer_history(customer: str, as_json: AsJson = False) -> None:
    """List what a customer's points did, page by page (BonifiQ)."""
    columns = ("date", "points", "cashback_value", "title")
    called(lambda client: show_each(client.customers.history(customer), columns, as_json=as_json))


Report = Literal["to-expire", "expiring", "received"]
"""The reports on points: what expires in a time, of what is to be warned, and what customers received."""

_COLUMNS = {
    "to-expire": ("customer_email", "points", "cashback_value", "expiration_date"),
    "expiring": ("customer.original_id", "points", "cashback", "expiration_date"),
    "received": ("customer.original_id", "points", "cashback", "event_date"),
}


def points_report(
    report: Annotated[Report, typer.Argument(help="What expires, is to be warned of, or was received.")],
    since: Annotated[str | None, typer.Option(help="From this day on; not of what was received.")] = None,
    until: Annotated[str | None, typer.Option(help="Up to this day.")] = None,
    as_json: AsJson = False,
) -> None:
    """List points that expire, or that customers received, page by page (BonifiQ)."""
    from bonifiq_async.cli.terminal.screen import say

    if report == "received":
        if (since, until) != (None, None):
            raise typer.BadParameter(phrase("what was received has no period"), param_hint="--since")
        say(phrase("Not all of this report was seen documented: see bonifiq operations."))

    async def listed(client: "BonifiQClient") -> None:
        begin, end = _period(since, until)
        found: AsyncIterator[AttrsInstance]
        if report == "to-expire":
            found = client.points.to_expire(from_=begin, to=end)
        elif report == "expiring":
            found = client.reports.expiring_points(from_=begin, to=end)
        else:
            found = client.reports.received_points()
        await show_each(found, _COLUMNS[report], as_json=as_json)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it is said above, in the reader's language
        called(listed)


def customers_report(
    since: Annotated[str | None, typer.Option(help="Created from this day on, such as 2026-03-01.")] = None,
    until: Annotated[str | None, typer.Option(help="Created up to this day.")] = None,
    page_size: Annotated[int, typer.Option(help="Customers of a page, at most 500.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List the customers with their balances, page by page (BonifiQ)."""
    columns = ("original_id", "points_balance", "cashback_balance", "name")

    async def listed(client: "BonifiQClient") -> None:
        begin, end = _period(since, until)
        found = client.reports.customers(from_=begin, to=end, page_size=page_size)
        await show_each(found, columns, as_json=as_json)

    called(listed)


def _period(since: str | None, until: str | None) -> tuple[datetime | None, datetime | None]:
    """Return the beginning of the first day and the end of the last one, in the reader's zone."""
    begin, end = _day(since, "since"), _day(until, "until")
    return begin, None if end is None else end + timedelta(days=1)


def _day(given: str | None, name: str) -> datetime | None:
    """Return the beginning of a day in the reader's zone. Raises `PayloadError`."""
    from bonifiq_async._model.errors import PayloadError

    try:
        return None if given is None else datetime.combine(date.fromisoformat(given), time()).astimezone()
    except ValueError:
        raise PayloadError(phrase("{name} is no day such as 2026-03-01", name=name), path=name) from None
