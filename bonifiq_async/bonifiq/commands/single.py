"""One answer: a balance, a customer, an order."""

from typing import Annotated

import typer

from bonifiq_async.bonifiq.commands.call import called
from bonifiq_async.bonifiq.commands.shown import show_named, show_one
from bonifiq_async.cli.options import AsJson
from bonifiq_async.cli.terminal.screen import whatever_is_read


def balance(customer: str, as_json: AsJson = False) -> None:
    """Show a customer's balance (BonifiQ)."""
    points = called(lambda client: client.customers.points(customer))
    values = {
        "customer_id": customer,
        "customer_exists": points.customer_exists,
        "cashback_balance": points.cashback_balance,
        "points_balance": points.points_balance,
        "name": points.name,
    }
    show_named(values, as_json=as_json)


def pending(customer: str, as_json: AsJson = False) -> None:
    """Show what a customer has not been granted yet (BonifiQ)."""
    found = called(lambda client: client.customers.pending_points(customer))
    values = {
        "customer_id": customer,
        "total_pending_points": found.total_pending_points,
        "total_pending_cashback": found.total_pending_cashback,
        "pending_orders": len(found.pending_orders),
    }
    show_named(values, as_json=as_json)


def checkout_remove(
    customer: str,
    checkout: str,
    total: Annotated[str | None, typer.Option(help="The checkout's current total, such as 99.90.")] = None,
    as_json: AsJson = False,
) -> None:
    """Take the cashback off a checkout (BonifiQ)."""
    from bonifiq_async.cli.files.rows import amount

    value = None if total is None else amount(total, "total")
    removal = called(lambda client: client.checkout.remove_cashback(customer, checkout, total=value))
    values = {
        "removed": removal.removed,
        "code": removal.code,
        "code_name": removal.code_name,
        "message": removal.customer_message,
        "repeated": removal.repeated,
    }
    with whatever_is_read():  # it is removed, whatever becomes of the answer
        show_named(values, as_json=as_json)


def customer(customer: str, as_json: AsJson = False) -> None:
    """Show the data of a customer (BonifiQ)."""
    show_one(called(lambda client: client.customers.get(customer)), as_json=as_json)


def order(order: str, as_json: AsJson = False) -> None:
    """Show an order, by its id in the store (BonifiQ)."""
    show_one(called(lambda client: client.orders.get(order)), as_json=as_json)
