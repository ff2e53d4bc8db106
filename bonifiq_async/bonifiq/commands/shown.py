"""How an answer is printed: as a table, or as JSON."""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from bonifiq_async.bonifiq import PROVIDER
from bonifiq_async.bonifiq.commands.labels import label

if TYPE_CHECKING:
    from attrs import AttrsInstance

SHOWN_TOGETHER = 50
"""Lines of a list that are printed at once."""


def show_named(values: Mapping[str, object], *, as_json: bool) -> None:
    """Print values by name."""
    from bonifiq_async.cli.adapter import adapter_for
    from bonifiq_async.cli.terminal.report import show_values

    labels = {name: label(name) for name in values}
    show_values(values, labels, adapter_for(PROVIDER.name).money, as_json=as_json)


def show_one(result: "AttrsInstance", *, as_json: bool) -> None:
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
            table.add_row(label(each.name), shown)
    show_table(table)


async def show_each(
    found: "AsyncIterator[AttrsInstance]", columns: tuple[str, ...], *, as_json: bool
) -> None:
    """Print each result as it comes: a line of JSON, or the columns of a table that has some at a time.

    A column is the name of a member, or with a point that of a member's own.
    """
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
                table.add_column(label(name), overflow="fold")
            for each in some:
                table.add_row(*(_cell(name, _member(each, name)) or "-" for name in columns))
            show_table(table)
        first = False
        some.clear()

    async for result in found:
        some.append(result)
        if len(some) == SHOWN_TOGETHER:
            flush()
    if some or first:
        flush()


def _member(result: object, name: str) -> object:
    for each in name.split("."):
        result = getattr(result, each, None)
    return result


def _cell(name: str, value: object) -> str | None:
    """Return a value for a table; None of what is more than one text or number. Points are no money."""
    from contextlib import suppress
    from decimal import Decimal

    from bonifiq_async._model.money import EXACT
    from bonifiq_async.cli.adapter import adapter_for
    from bonifiq_async.cli.language.phrase import number

    if "points" in name and isinstance(value, int | Decimal):
        with suppress(ArithmeticError):  # no number of points is as exact or as large
            value = Decimal(value).normalize(EXACT)
        return number(value)
    if isinstance(value, Decimal):
        return adapter_for(PROVIDER.name).money(value)
    if isinstance(value, datetime):
        return value.isoformat(" ", "minutes")
    return str(value) if isinstance(value, str | int) else None
