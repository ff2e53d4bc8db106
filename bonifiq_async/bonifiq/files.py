"""BonifiQ at the command line."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, cast

from attrs import frozen

from bonifiq_async._model.errors import PayloadError
from bonifiq_async._model.json_codec import decode
from bonifiq_async._model.money import EXACT, spelled
from bonifiq_async._policy.change_key import change_key_for
from bonifiq_async.bonifiq.client import BasicCredentials, BonifiQClient
from bonifiq_async.bonifiq.customers import request_digest
from bonifiq_async.bonifiq.operations import CHANGE_CASHBACK
from bonifiq_async.bonifiq.payloads import CashbackChange, CustomerPoints
from bonifiq_async.cli.adapter import Client, ClientSettings, Columns, FileChange, Side
from bonifiq_async.cli.files.rows import Cells, Problem, amount
from bonifiq_async.ledger.sqlite.reader import Recorded

if TYPE_CHECKING:
    from bonifiq_async.bonifiq.sandbox.endpoints import Duplicates
    from bonifiq_async.sandbox import FaultScript, Sandbox

TOKEN, KEY = "sandbox", "sandbox"
"""The sandbox's own sign-in. It guards nothing: the server listens on this machine alone."""

_KEYS = ("change_key", "reference")
_REQUIRED = ("customer_id", "value", "reason")
_NOTHING = (None, "")


@frozen
class CustomerRow(CashbackChange):
    """A change and its line."""

    line: int = 0


def _row(line: int, cells: Cells) -> FileChange | Problem:
    # What has another type than text is refused below, by name.
    customer_id, given, reason, change_key, reference, customer_reason = cast(tuple[str, ...], cells)
    try:
        value = amount(None if given == "" else given, "value")
        if (change_key in _NOTHING) == (reference in _NOTHING):
            raise PayloadError("give exactly one of change_key and reference", path="change_key")
        customer_id = "" if customer_id is None else customer_id
        key = change_key if reference in _NOTHING else change_key_for(customer_id, value, reference)
        return CustomerRow(customer_id, value, "" if reason is None else reason, key, customer_reason, line)
    except PayloadError as error:
        return Problem(line, error.path, str(error))


def _connect(settings: ClientSettings) -> Client:
    client = BonifiQClient.from_env(
        retry=settings.retry, timeouts=settings.timeouts, pool=settings.pool, ledger=settings.ledger
    )
    return cast(Client, client)  # what it is given are rows of this side


def _told(change: FileChange, result: object) -> Sequence[object]:
    points = result if isinstance(result, CustomerPoints) else CustomerPoints()
    return change.customer_id, change.value, points.cashback_balance, points.points_balance


def _cells(change: Recorded) -> Iterable[object]:
    body = decode(change.body)
    said = body if isinstance(body, dict) else {}
    return change.customer_id, said.get("Value"), said.get("Reason"), change.key, said.get("CustomerReason")


def brl(amount: Decimal) -> str:
    """Return an amount as people read it, with every digit that it has: `R$ 1,234.50`."""
    with contextlib.suppress(ArithmeticError):  # no money is as exact or as large
        amount = EXACT.add(amount, Decimal("0.00"))
    return f"R$ {spelled(amount)}"


def _sandbox(faults: FaultScript, port: int, duplicates: str | None) -> Sandbox:
    from bonifiq_async.sandbox import Sandbox

    return Sandbox(
        duplicates=cast("Duplicates", duplicates or "error-400"),
        faults=faults,
        credentials=BasicCredentials(TOKEN, KEY),
        port=port,
    )


def _environment(url: str) -> Mapping[str, str]:
    return {"BONIFIQ_BASE_URL": url, "BONIFIQ_API_TOKEN": TOKEN, "BONIFIQ_API_KEY": KEY}


SIDE = Side(
    name="bonifiq",
    columns=Columns((*_REQUIRED, *_KEYS, "customer_reason"), _REQUIRED, (_KEYS,), _KEYS, ("customer_id",)),
    row=_row,
    digest=cast(Callable[[FileChange], bytes], request_digest),
    repeat={CHANGE_CASHBACK.name: CHANGE_CASHBACK.repeat},
    connect=_connect,
    about=("customer_id", "value"),
    answered=("cashback_balance", "points_balance"),
    told=_told,
    exported=(*_REQUIRED, "change_key", "customer_reason"),
    cells=_cells,
    money=brl,
    sums=("added", "removed"),
    sandbox=_sandbox,
    environment=_environment,
)
