"""The commands that make one call each."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from bonifiq_async.cli.dialogue import AsJson, interruptible

if TYPE_CHECKING:
    from bonifiq_async.bonifiq.client import BonifiQClient

T = TypeVar("T")


def balance(customer: str, as_json: AsJson = False) -> None:
    """Show a customer's balance."""
    from bonifiq_async.cli.report import balance_rows, show

    points = _call(lambda client: client.customers.points(customer))
    show(balance_rows(customer, points), as_json=as_json)


def pending(customer: str, as_json: AsJson = False) -> None:
    """Show what a customer has not been granted yet."""
    from bonifiq_async.cli.report import pending_rows, show

    found = _call(lambda client: client.customers.pending_points(customer))
    show(pending_rows(customer, found), as_json=as_json)


def checkout_remove(
    customer: str,
    checkout: str,
    total: Annotated[str | None, typer.Option(help="The checkout's current total, such as 99.90.")] = None,
    as_json: AsJson = False,
) -> None:
    """Take the cashback off a checkout."""
    from bonifiq_async.cli.report import removal_rows, show
    from bonifiq_async.cli.rows import amount

    value = None if total is None else amount(total, "total")
    removal = _call(lambda client: client.checkout.remove_cashback(customer, checkout, total=value))
    show(removal_rows(removal), as_json=as_json)


def _call(call: "Callable[[BonifiQClient], Awaitable[T]]") -> T:
    import asyncio

    from bonifiq_async.bonifiq.client import BonifiQClient

    async def within() -> T:
        async with BonifiQClient.from_env() as client:
            return await call(client)

    with interruptible():
        return asyncio.run(within())
