"""The commands of the command line that are BonifiQ's alone: one call each, and the table (an edge)."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from bonifiq_async.cli.language.phrase import Template, phrase
from bonifiq_async.cli.options import AsJson
from bonifiq_async.cli.terminal.dialogue import interruptible
from bonifiq_async.cli.terminal.screen import whatever_is_read

if TYPE_CHECKING:
    from bonifiq_async.bonifiq.client import BonifiQClient

T = TypeVar("T")

PORTUGUESE: Mapping[str, Template] = {
    "Show a customer's balance (BonifiQ).": "Mostra o saldo de um cliente (BonifiQ).",
    "Show what a customer has not been granted yet (BonifiQ).": (
        "Mostra o que um cliente ainda não recebeu (BonifiQ)."
    ),
    "Take the cashback off a checkout (BonifiQ).": "Tira o cashback de um checkout (BonifiQ).",
    "List every operation of the API, with how sure it is and whether a repeat is safe (BonifiQ).": (
        "Lista todas as operações da API, com o grau de certeza e se repetir é seguro (BonifiQ)."
    ),
    "operation": "operação",
    "repeat, key": "repetição, chave",
    "source": "fonte",
    "R$ {amount}": "R$ {amount}",
    "{amount} {unit}": "{amount} {unit}",
    "give exactly one of change_key and reference": "informe change_key ou reference, uma das duas",
    "customer id": "identificador do cliente",
    "customer exists": "cliente existe",
    "cashback balance": "saldo de cashback",
    "points balance": "saldo de pontos",
    "name": "nome",
    "total pending points": "total de pontos pendentes",
    "total pending cashback": "total de cashback pendente",
    "pending orders": "pedidos pendentes",
    "message": "mensagem",
    "repeated": "repetido",
    "The checkout's current total, such as 99.90.": "O total atual do checkout, como 99.90.",
}


def balance(customer: str, as_json: AsJson = False) -> None:
    """Show a customer's balance (BonifiQ)."""
    points = _call(lambda client: client.customers.points(customer))
    values = {
        "customer_id": customer,
        "customer_exists": points.customer_exists,
        "cashback_balance": points.cashback_balance,
        "points_balance": points.points_balance,
        "name": points.name,
    }
    _show(values, as_json=as_json)


def pending(customer: str, as_json: AsJson = False) -> None:
    """Show what a customer has not been granted yet (BonifiQ)."""
    found = _call(lambda client: client.customers.pending_points(customer))
    values = {
        "customer_id": customer,
        "total_pending_points": found.total_pending_points,
        "total_pending_cashback": found.total_pending_cashback,
        "pending_orders": len(found.pending_orders),
    }
    _show(values, as_json=as_json)


def checkout_remove(
    customer: str,
    checkout: str,
    total: Annotated[str | None, typer.Option(help="The checkout's current total, such as 99.90.")] = None,
    as_json: AsJson = False,
) -> None:
    """Take the cashback off a checkout (BonifiQ)."""
    from bonifiq_async.cli.files.rows import amount

    value = None if total is None else amount(total, "total")
    removal = _call(lambda client: client.checkout.remove_cashback(customer, checkout, total=value))
    values = {
        "removed": removal.removed,
        "code": removal.code,
        "code_name": removal.code_name,
        "message": removal.customer_message,
        "repeated": removal.repeated,
    }
    with whatever_is_read():  # it is removed, whatever becomes of the answer
        _show(values, as_json=as_json)


def operations(as_json: AsJson = False) -> None:
    """List every operation of the API, with how sure it is and whether a repeat is safe (BonifiQ)."""
    from attrs import asdict

    from bonifiq_async.bonifiq.operations.table import OPERATIONS, entry_of
    from bonifiq_async.cli.files.outcome_file import json_line
    from bonifiq_async.cli.terminal.screen import give
    from bonifiq_async.cli.terminal.tables import Table, show_table

    entries = list(map(entry_of, OPERATIONS))
    if as_json:
        give(b"".join([json_line(asdict(each)) for each in entries]))
        return
    table = Table()
    for name in (phrase("operation"), phrase("repeat, key"), phrase("source")):
        table.add_column(name, overflow="fold")
    for each in entries:
        keyed = (each.repeat,) if each.key is None else (each.repeat, each.key)
        table.add_row((each.method_name, f"{each.method} {each.path}"), keyed, each.source)
    show_table(table)


def _show(values: Mapping[str, object], *, as_json: bool) -> None:
    from bonifiq_async.bonifiq import PROVIDER
    from bonifiq_async.cli.adapter import adapter_for
    from bonifiq_async.cli.terminal.report import show_values

    show_values(values, _labels(), adapter_for(PROVIDER.name).money, as_json=as_json)


def _labels() -> Mapping[str, str]:
    """Return how a table calls the values."""
    return {
        "customer_id": phrase("customer id"),
        "customer_exists": phrase("customer exists"),
        "cashback_balance": phrase("cashback balance"),
        "points_balance": phrase("points balance"),
        "name": phrase("name"),
        "total_pending_points": phrase("total pending points"),
        "total_pending_cashback": phrase("total pending cashback"),
        "pending_orders": phrase("pending orders"),
        "removed": phrase("removed"),
        "message": phrase("message"),
        "repeated": phrase("repeated"),
    }


def _call(call: "Callable[[BonifiQClient], Awaitable[T]]") -> T:
    import asyncio

    from bonifiq_async.bonifiq.client import BonifiQClient

    async def within() -> T:
        async with BonifiQClient.from_env() as client:
            return await call(client)

    with interruptible():
        return asyncio.run(within())
