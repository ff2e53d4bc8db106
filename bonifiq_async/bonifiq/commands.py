"""The commands of the command line that are BonifiQ's alone: one call each, and the table (an edge)."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from bonifiq_async.cli.language.phrase import Template, phrase
from bonifiq_async.cli.options import AsJson
from bonifiq_async.cli.terminal.dialogue import interruptible
from bonifiq_async.cli.terminal.screen import whatever_is_read

if TYPE_CHECKING:
    from attrs import AttrsInstance

    from bonifiq_async.bonifiq.client import BonifiQClient

T = TypeVar("T")
SHOWN_TOGETHER = 50
"""Lines of a list that are printed at once."""

PORTUGUESE: Mapping[str, Template] = {
    "Show a customer's balance (BonifiQ).": "Mostra o saldo de um cliente (BonifiQ).",
    "Show what a customer has not been granted yet (BonifiQ).": (
        "Mostra o que um cliente ainda não recebeu (BonifiQ)."
    ),
    "Take the cashback off a checkout (BonifiQ).": "Tira o cashback de um checkout (BonifiQ).",
    "List every operation of the API, with how sure it is and whether a repeat is safe (BonifiQ).": (
        "Lista todas as operações da API, com o grau de certeza e se repetir é seguro (BonifiQ)."
    ),
    "Show the data of a customer (BonifiQ).": "Mostra os dados de um cliente (BonifiQ).",
    "Show an order, by its id in the store (BonifiQ).": "Mostra um pedido, pelo id na loja (BonifiQ).",
    "List what a customer's points did, page by page (BonifiQ).": (
        "Lista o que aconteceu com os pontos de um cliente, página por página (BonifiQ)."
    ),
    "List the customers with their balances, page by page (BonifiQ).": (
        "Lista os clientes com seus saldos, página por página (BonifiQ)."
    ),
    "Created from this day on, such as 2026-03-01.": "Criados a partir deste dia, como 2026-03-01.",
    "Created up to this day.": "Criados até este dia.",
    "Customers of a page, at most 500.": "Clientes por página, no máximo 500.",
    "{name} is no day such as 2026-03-01": "{name} não é um dia como 2026-03-01",
    "operation": "operação",
    "repeat, key": "repetição, chave",
    "source": "fonte",
    "R$ {amount}": "R$ {amount}",
    "{amount} {unit}": "{amount} {unit}",
    "kind is {kind}; write cashback or points": "kind é {kind}; escreva cashback ou pontos",
    "value and points are both there; leave one empty": "value e points estão preenchidos; deixe um vazio",
    "kind is cashback, and its number is under points": "kind é cashback, e o número está em points",
    "{name} is {number}; points are whole numbers": "{name} é {number}; pontos são números inteiros",
    "{name} is {number}; that is too large": "{name} é {number}; é grande demais",
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


def customer(customer: str, as_json: AsJson = False) -> None:
    """Show the data of a customer (BonifiQ)."""
    _show_one(_call(lambda client: client.customers.get(customer)), as_json=as_json)


def order(order: str, as_json: AsJson = False) -> None:
    """Show an order, by its id in the store (BonifiQ)."""
    _show_one(_call(lambda client: client.orders.get(order)), as_json=as_json)


def customer_history(customer: str, as_json: AsJson = False) -> None:
    """List what a customer's points did, page by page (BonifiQ)."""
    columns = ("date", "points", "cashback_value", "title")
    _call(lambda client: _show_each(client.customers.history(customer), columns, as_json=as_json))


def customers_report(
    since: Annotated[str | None, typer.Option(help="Created from this day on, such as 2026-03-01.")] = None,
    until: Annotated[str | None, typer.Option(help="Created up to this day.")] = None,
    page_size: Annotated[int, typer.Option(help="Customers of a page, at most 500.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List the customers with their balances, page by page (BonifiQ)."""
    columns = ("original_id", "points_balance", "cashback_balance", "name")

    async def listed(client: "BonifiQClient") -> None:
        begin, end = _day(since, "since"), _day(until, "until")
        found = client.reports.customers(
            from_=begin, to=None if end is None else end + timedelta(days=1), page_size=page_size
        )
        await _show_each(found, columns, as_json=as_json)

    _call(listed)


def _day(given: str | None, name: str) -> datetime | None:
    """Return the beginning of a day in the reader's zone. Raises `PayloadError`."""
    from bonifiq_async._model.errors import PayloadError

    try:
        return None if given is None else datetime.combine(date.fromisoformat(given), time()).astimezone()
    except ValueError:
        raise PayloadError(phrase("{name} is no day such as 2026-03-01", name=name), path=name) from None


def _show_one(result: "AttrsInstance", *, as_json: bool) -> None:
    """Print the members of a result; a table has those that are one text or number."""
    from attrs import asdict, fields

    from bonifiq_async.cli.files.outcome_file import json_line
    from bonifiq_async.cli.terminal.screen import give
    from bonifiq_async.cli.terminal.tables import Table, show_table

    if as_json:
        give(json_line(asdict(result)))
        return
    table = Table(show_header=False)
    for each in fields(type(result)):
        shown = _cell(each.name, getattr(result, each.name))
        if shown is not None:
            table.add_row(_labels().get(each.name, each.name.replace("_", " ")), shown)
    show_table(table)


async def _show_each(
    found: "AsyncIterator[AttrsInstance]", columns: tuple[str, ...], *, as_json: bool
) -> None:
    """Print each result as it comes: a line of JSON, or the columns of a table that has some at a time."""
    from attrs import asdict

    from bonifiq_async.cli.files.outcome_file import json_line
    from bonifiq_async.cli.terminal.screen import give
    from bonifiq_async.cli.terminal.tables import Table, show_table

    first = True
    some: list[AttrsInstance] = []

    def flush() -> None:
        nonlocal first
        if as_json:
            give(b"".join([json_line(asdict(each)) for each in some]))
        else:
            table = Table(show_header=first, show_edge=False)
            for name in columns:
                table.add_column(_labels().get(name, name.replace("_", " ")), overflow="fold")
            for each in some:
                table.add_row(*(_cell(name, getattr(each, name)) or "-" for name in columns))
            show_table(table)
        first = False
        some.clear()

    async for result in found:
        some.append(result)
        if len(some) == SHOWN_TOGETHER:
            flush()
    if some or first:
        flush()


def _cell(name: str, value: object) -> str | None:
    """Return a value for a table; None of what is more than one text or number. Points are no money."""
    from decimal import Decimal

    from bonifiq_async.bonifiq import PROVIDER
    from bonifiq_async.cli.adapter import adapter_for

    if isinstance(value, Decimal):
        return str(value) if "points" in name else adapter_for(PROVIDER.name).money(value)
    if isinstance(value, datetime):
        return value.isoformat(" ", "minutes")
    return str(value) if isinstance(value, str | int) else None


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
