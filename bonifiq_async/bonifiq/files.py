"""BonifiQ's files of changes, outcomes and exports, for the command line."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, cast

from attrs import frozen

from bonifiq_async._model.errors import PayloadError
from bonifiq_async._model.json_codec import decode
from bonifiq_async._model.money import EXACT
from bonifiq_async._model.operation import BRL, POINTS, Operation
from bonifiq_async._policy.change_key import change_key_for, purpose_in, reference_in
from bonifiq_async._provider.trial import TrialRow
from bonifiq_async.bonifiq.calls.customers import points_digest
from bonifiq_async.bonifiq.changes.keys import points_key_for, points_purpose_in, points_reference_in
from bonifiq_async.bonifiq.changes.points import PointsChange
from bonifiq_async.bonifiq.client import BasicCredentials, BonifiQClient
from bonifiq_async.bonifiq.customers import request_digest
from bonifiq_async.bonifiq.operations import CHANGE_CASHBACK
from bonifiq_async.bonifiq.operations.customers import CHANGE_POINTS
from bonifiq_async.bonifiq.operations.entries import UNDONE_BY
from bonifiq_async.bonifiq.operations.orders import CANCEL_PARTIALLY
from bonifiq_async.bonifiq.operations.point_of_sale import CANCEL_ORDER_PARTIALLY
from bonifiq_async.bonifiq.payloads import CashbackChange, CustomerPoints
from bonifiq_async.cli.adapter import (
    Client,
    FileAdapter,
    FileChange,
    Grounds,
    OfCustomer,
)
from bonifiq_async.cli.afterwards.statement import AccountStatement, MovedBy, StatementLine, StatementReader
from bonifiq_async.cli.columns import Columns
from bonifiq_async.cli.files.rows import Cells, amount
from bonifiq_async.cli.language.phrase import number, phrase
from bonifiq_async.ledger.recorded import Recorded

if TYPE_CHECKING:
    from bonifiq_async.bonifiq.sandbox.used_keys import Duplicates
    from bonifiq_async.cli.afterwards.statement import Pace
    from bonifiq_async.sandbox import FaultScript, Sandbox

SANDBOX_CREDENTIALS = BasicCredentials("sandbox", "sandbox")
"""The sandbox's own sign-in. It guards nothing: the server listens on this machine alone."""

_KEYS = ("change_key", "reference")
_REQUIRED = ("customer_id", "reason")
_AMOUNTS = ("value", "points")
_NOTHING = (None, "")
_USUAL = {
    "customer_id": (
        *("cliente", "id_cliente", "id_do_cliente", "codigo_do_cliente", "customer", "email", "e_mail"),
        *("email_do_cliente", "e_mail_do_cliente", "cpf", "cnpj", "cpf_cnpj", "cpf_do_cliente", "documento"),
    ),
    "value": (
        *("valor", "valor_r", "valor_em_reais", "valor_do_cashback", "cashback", "amount"),
        *("valor_do_credito", "valor_credito", "valor_do_bonus"),
    ),
    "points": ("pontos", "quantidade_de_pontos", "qtd_pontos", "qtde_pontos", "total_de_pontos"),
    "kind": ("tipo", "tipo_de_mudanca", "tipo_de_lancamento"),
    "reason": ("motivo", "razao", "justificativa"),
    "reference": (
        *("referencia", "pedido", "numero_do_pedido", "id_do_pedido", "order", "numero_pedido", "id_pedido"),
        *("no_do_pedido", "n_do_pedido", "no_pedido", "n_pedido", "num_do_pedido", "codigo_do_pedido"),
    ),
    "change_key": ("chave", "key"),
    "customer_reason": (
        "motivo_para_o_cliente",
        "mensagem",
        "mensagem_ao_cliente",
        "mensagem_para_o_cliente",
    ),
}
"""Usual names of a column, in Portuguese above all; case, accents, blanks and hyphens do not count."""


_KINDS = {"cashback": BRL, "points": POINTS, "pontos": POINTS}
"""What may stand under `kind`, and the unit of the number beside it."""


@frozen
class CustomerRow(CashbackChange):
    """A change of cashback and its line, and the reference from which its key was derived."""

    line: int = 0
    reference: str | None = None


@frozen
class PointsRow(PointsChange):
    """The same of a change of points."""

    line: int = 0
    reference: str | None = None


def _how_much(value: object, points: object, kind: object) -> Decimal | int:
    """Return how much a row moves: an amount in reais, or a whole number of points."""
    if points is None and kind is None:  # as in most files
        return amount(None if value == "" else value, "value")
    unit = None if kind is None else _KINDS.get(str(kind).strip().casefold())
    if kind is not None and unit is None:
        raise PayloadError(
            phrase("kind is {kind}; write cashback or points", kind=repr(kind)[:40]), path="kind"
        )
    if points in _NOTHING:
        value = None if value == "" else value
        return _whole(value, "value") if unit == POINTS else amount(value, "value")
    if value not in _NOTHING:
        raise PayloadError(phrase("value and points are both there; leave one empty"), path="points")
    if unit == BRL:
        raise PayloadError(phrase("kind is cashback, and its number is under points"), path="kind")
    return _whole(points, "points")


def _derived(customer_id: str, value: Decimal | int, reference: str) -> str:
    if isinstance(value, int):
        return points_key_for(customer_id, value, reference)
    return change_key_for(customer_id, value, reference)


def _whole(cell: object, name: str) -> int:
    """Return a number of points; raises `PayloadError` for a part of one: points are whole.

    So they are for a text with decimals, were they zeros: `1.000` may be a thousand.
    """
    given = amount(cell, name)
    if given != given.to_integral_value() or (isinstance(cell, str) and "." in cell):
        raise PayloadError(
            phrase(
                "{name} is {number}; points are whole numbers, without decimals",
                name=name,
                number=str(given)[:40],
            ),
            path=name,
        )
    if given.adjusted() > _LONGEST_POINTS:
        raise PayloadError(
            phrase("{name} is {number}; that is too large", name=name, number=str(given)[:40]), path=name
        )
    return int(given)


_LONGEST_POINTS = 20
"""Digits of a number of points that is read at all; what the provider holds is far less."""
_ZERO = Decimal(0)
_OF_ORDERS = (CANCEL_PARTIALLY.name, CANCEL_ORDER_PARTIALLY.name)
"""Operations whose request names an order and no customer.

So does what takes a redeem back that another client made: it names that redeem alone.
"""


class BonifiQStatements:
    """Reads the balance, which has the point history beside it, in one answer.

    Whether that history is whole is not documented (schema CustomerPointsResponse). It is where its lines
    come to the balance; where they do not, what is missing in it may be there all the same.
    """

    def customer_of(self, change: Recorded) -> str | None:
        names_none = change.operation in _OF_ORDERS or (change.operation in UNDONE_BY and not change.value)
        return None if names_none else change.customer_id

    async def read(self, client: Client, customer: str, pace: Pace) -> AccountStatement:
        await pace()
        return statement_of(await cast(BonifiQClient, client).customers.points(customer))

    def moved_by(self, change: Recorded, shown: AccountStatement) -> MovedBy:
        unit = POINTS if change.operation == CHANGE_POINTS.name else ""
        if change.operation in (CHANGE_CASHBACK.name, CHANGE_POINTS.name):
            return MovedBy(change.value, _ZERO, unit)
        return MovedBy(change.value or None, _ZERO, unit, certain=False)


def statement_of(points: CustomerPoints) -> AccountStatement:
    """Return what an answer shows."""
    if points.customer_exists is False:
        note = phrase("the provider does not know this customer")
        return AccountStatement(complete=True, note=note, complete_in=(POINTS,))
    lines = tuple(
        StatementLine(
            line.date_received,
            line.cashback_amount,
            line.point_type_description or "",
            bool(line.is_canceled),
            {} if line.amount is None else {POINTS: Decimal(line.amount)},
            of_order=line.order_origin is not None,
        )
        for line in points.point_history
    )
    balance, number_of = points.cashback_balance, points.points_balance
    complete = balance is not None and _come_to(balance, lines, "")
    counted = (POINTS,) * (number_of is not None and _come_to(Decimal(number_of), lines, POINTS))
    if complete and counted:
        return AccountStatement(balance, lines, complete=True, complete_in=counted)
    note = phrase("the movements that the provider shows do not come to the balance: some are not shown")
    if not lines:
        note = phrase("the provider shows a balance, and no movements")
    return AccountStatement(balance, lines, complete, note, complete_in=counted)


def _come_to(balance: Decimal, lines: Sequence[StatementLine], unit: str) -> bool:
    """Say whether lines come to a balance, with what was cancelled or without."""
    return balance in (_sum(lines, unit), _sum([line for line in lines if not line.cancelled], unit))


def _sum(lines: Iterable[StatementLine], unit: str) -> Decimal | None:
    """Return what lines come to in a unit; None where one has no amount, or no sum is exact."""
    total = _ZERO
    try:
        for line in lines:
            amount = line.in_unit(unit)
            if amount is None:
                return None
            total = EXACT.add(total, amount)
    except ArithmeticError:
        return None
    return total


class BonifiQFiles(FileAdapter):
    """A row adds cashback or points to a customer or removes them, under a key that counts once.

    Cashback stands under `value`, points under `points`; where there is a `kind`, both may stand under
    `value`. What is written has them in columns of their own: no sum of a column has both.
    """

    name = "bonifiq"
    columns = Columns(
        names=("customer_id", "value", "reason", *_KEYS, "customer_reason", "points", "kind"),
        required=_REQUIRED,
        either=(_AMOUNTS, ("reference", "change_key")),
        keys=_KEYS,
        customers=("customer_id",),
        amounts=_AMOUNTS,
        decimals=2,  # of a real; the provider itself takes more
        currency=("R$", "BRL"),
        counts=("points",),
        documents=("customer_id",),
        words=("reason", "customer_reason"),
        filled=("kind",),
        counting={"kind": tuple(word for word, unit in _KINDS.items() if unit == POINTS)},
        usual=_USUAL,
    )
    change_columns = ("customer_id", *_AMOUNTS)
    amounts_name_units = True
    answer_columns: ClassVar[tuple[str, ...]] = ("cashback_balance", "points_balance")
    export_columns: ClassVar[tuple[str, ...]] = (
        "customer_id",
        "value",
        "reason",
        "change_key",
        "customer_reason",
        "points",
    )
    statements: ClassVar[StatementReader | None] = BonifiQStatements()

    @cached_property
    def changes(self) -> Mapping[str, Operation[object]]:
        """Those that a file may have. A ledger may hold others, which no file says or repeats."""
        return {each.name: each for each in (CHANGE_CASHBACK, CHANGE_POINTS)}

    def unit_of(self, change: OfCustomer) -> str:
        """Return the unit of a change's value; that of a recorded one is its operation's."""
        if not isinstance(change, Recorded):
            return cast(FileChange, change).unit
        operation = self.recorded.get(change.operation)
        return BRL if operation is None else str(operation.unit)

    def read_row(self, line: int, cells: Cells) -> FileChange:
        """Return the change of a row, whose key may be derived from a reference."""
        # What has another type than text is refused below, by name.
        customer_id, given, *words, points, kind = cast(tuple[str, ...], cells)
        reason, change_key, reference, customer_reason = words
        value = _how_much(given, points, kind)
        by_key, by_reference = change_key not in _NOTHING, reference not in _NOTHING
        customer_id = "" if customer_id is None else customer_id
        key = _derived(customer_id, value, reference) if by_reference else change_key
        # An export has both, and they agree.
        if not (by_key or by_reference) or (by_key and key != change_key):
            raise PayloadError(phrase("give exactly one of change_key and reference"), path="change_key")
        reason = "" if reason is None else reason
        known = reference if by_reference else None
        if isinstance(value, int):
            return PointsRow(customer_id, value, reason, key, customer_reason, line, known)
        return CustomerRow(customer_id, value, reason, key, customer_reason, line, known)

    def trial_row(self, customer: int, amount: Decimal, key: str) -> TrialRow:
        """Return a row that adds cashback."""
        name = f"customer-{customer}"
        cells = {"customer_id": name, "value": amount, "reason": "trial", "change_key": key}
        return TrialRow(cells, name, amount)

    def digest(self, change: FileChange) -> bytes:
        """Return the digest of the change's request."""
        if isinstance(change, PointsChange):
            return points_digest(change)
        return request_digest(cast(CustomerRow, change))

    def change_cells(self, change: FileChange) -> Sequence[object]:
        """Return the customer, and the amount in the column of its unit."""
        if isinstance(change, PointsChange):
            return change.customer_id, None, change.points
        return change.customer_id, change.value, None

    def export_cells(self, change: Recorded) -> Iterable[object]:
        """Return the cells of a recorded change, its amount in the column of its unit."""
        cells = dict(zip(self.export_columns, super().export_cells(change), strict=True))
        if change.operation == CHANGE_POINTS.name:
            cells["value"] = None
        return cells.values()

    def grounds(self, change: FileChange) -> Grounds:
        """Return the reason, and the reference where the row has one."""
        row = cast("CustomerRow | PointsRow", change)
        return Grounds(row.reason, row.reference)

    def recorded_grounds(self, change: Recorded) -> Grounds:
        """Return the reason, and the reference where the key is one that is derived."""
        body = decode(change.body)
        reason = body.get("Reason") if isinstance(body, dict) else None
        if change.operation == CHANGE_POINTS.name:
            reference = points_reference_in(change.key, change.customer_id, int(change.value))
        else:
            reference = reference_in(change.key, change.customer_id, change.value)
        return Grounds(reason if isinstance(reason, str) else None, reference)

    def purpose(self, key: str, customer_id: str, value: Decimal, body: bytes) -> str | None:
        """Return the reference of a derived key, and whether it adds: another amount has another key."""
        if key.startswith("POINTS-"):
            return points_purpose_in(key, customer_id, int(value))
        return purpose_in(key, customer_id, value)

    def row_purpose(self, change: FileChange) -> str | None:
        """Return the same of a row, whose key need not be proven where it was derived here."""
        if isinstance(change, PointsChange):
            return points_purpose_in(change.change_key, change.customer_id, change.points)
        row = cast(CustomerRow, change)
        if row.reference is None:
            return purpose_in(row.change_key, row.customer_id, row.value)
        kind, _, _, reference = row.change_key.split("-")
        return f"{kind}-{reference}"

    def money(self, amount: Decimal) -> str:
        """Return an amount in reais, with its cents and all digits beyond them: `R$ 1,234.50`."""
        with contextlib.suppress(ArithmeticError):  # no money is as exact or as large
            amount = EXACT.add(amount.normalize(EXACT), Decimal("0.00"))
        return phrase("R$ {amount}", amount=number(amount))

    def is_money(self, unit: str) -> bool:
        """Say whether a unit is money; points are none."""
        return unit != POINTS

    def column_of(self, unit: str) -> str:
        """Return the column of a unit."""
        return "points" if unit == POINTS else "value"

    def amount(self, value: Decimal, unit: str) -> str:
        """Return an amount in its unit: points are no money."""
        if unit in (BRL, ""):
            return self.money(value)
        if unit == POINTS:
            return phrase("{amount} points", amount=number(value))
        return phrase("{amount} {unit}", amount=number(value), unit=unit)

    def unit_name(self, unit: str) -> str:
        """Return what a table calls a unit."""
        return phrase("points") if unit == POINTS else unit

    def sandbox(self, faults: FaultScript, port: int, duplicates: str | None) -> Sandbox:
        """Return a sandbox with the same sign-in each time."""
        from bonifiq_async.sandbox import Sandbox

        return Sandbox(
            duplicates=cast("Duplicates", duplicates or "error-400"),
            faults=faults,
            credentials=SANDBOX_CREDENTIALS,
            public_token=SANDBOX_CREDENTIALS.token,
            port=port,
        )


ADAPTER = BonifiQFiles()
