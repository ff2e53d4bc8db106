"""BonifiQ's files of changes, outcomes and exports, for the command line."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, cast

from attrs import frozen

from bonifiq_async._model.errors import PayloadError
from bonifiq_async._model.json_codec import decode
from bonifiq_async._model.money import EXACT
from bonifiq_async._model.operation import BRL, Operation
from bonifiq_async._policy.change_key import change_key_for, purpose_in, reference_in
from bonifiq_async._provider.trial import TrialRow
from bonifiq_async.bonifiq.calls.customers import points_digest
from bonifiq_async.bonifiq.changes.keys import points_key_for, points_purpose_in
from bonifiq_async.bonifiq.changes.points import PointsChange
from bonifiq_async.bonifiq.client import BasicCredentials, BonifiQClient
from bonifiq_async.bonifiq.customers import request_digest
from bonifiq_async.bonifiq.operations import CHANGE_CASHBACK
from bonifiq_async.bonifiq.operations.customers import CHANGE_POINTS
from bonifiq_async.bonifiq.payloads import CashbackChange, CustomerPoints
from bonifiq_async.cli.adapter import (
    Client,
    Columns,
    FileAdapter,
    FileChange,
    Grounds,
    OfCustomer,
)
from bonifiq_async.cli.afterwards.statement import AccountStatement, MovedBy, StatementLine, StatementReader
from bonifiq_async.cli.files.rows import Cells, amount
from bonifiq_async.cli.language.phrase import number, phrase
from bonifiq_async.ledger.sqlite.reader import Recorded

if TYPE_CHECKING:
    from bonifiq_async.bonifiq.sandbox.used_keys import Duplicates
    from bonifiq_async.cli.afterwards.statement import Pace
    from bonifiq_async.sandbox import FaultScript, Sandbox

SANDBOX_CREDENTIALS = BasicCredentials("sandbox", "sandbox")
"""The sandbox's own sign-in. It guards nothing: the server listens on this machine alone."""

_KEYS = ("change_key", "reference")
_REQUIRED = ("customer_id", "value", "reason")
_NOTHING = (None, "")
_USUAL = {
    "customer_id": (
        *("cliente", "id_cliente", "id_do_cliente", "codigo_do_cliente", "customer", "email", "e_mail"),
        *("email_do_cliente", "e_mail_do_cliente", "cpf", "cnpj", "cpf_cnpj", "cpf_do_cliente", "documento"),
    ),
    "value": ("valor", "valor_r", "valor_em_reais", "valor_do_cashback", "cashback", "amount"),
    "reason": ("motivo", "razao", "justificativa"),
    "reference": ("referencia", "pedido", "numero_do_pedido", "id_do_pedido", "order"),
    "change_key": ("chave", "key"),
    "customer_reason": (
        "motivo_para_o_cliente",
        "mensagem",
        "mensagem_ao_cliente",
        "mensagem_para_o_cliente",
    ),
}
"""Usual names of a column, in Portuguese above all; case, accents, blanks and hyphens do not count."""


@frozen
class CustomerRow(CashbackChange):
    """A change and its line, and the reference from which its key was derived."""

    line: int = 0
    reference: str | None = None


@frozen
class PointsRow(PointsChange):
    """A change of points and its line, and the reference from which its key was derived."""

    line: int = 0
    reference: str | None = None


_ZERO = Decimal(0)


class BonifiQStatements:
    """Reads the balance, which has the point history beside it, in one answer.

    Whether that history is whole is not documented (schema CustomerPointsResponse). It is where its lines
    come to the balance; where they do not, what is missing in it may be there all the same.
    """

    def customer_of(self, change: Recorded) -> str | None:
        return change.customer_id

    async def read(self, client: Client, customer: str, pace: Pace) -> AccountStatement:
        await pace()
        return statement_of(await cast(BonifiQClient, client).customers.points(customer))

    def moved_by(self, change: Recorded, shown: AccountStatement) -> MovedBy:
        return MovedBy(change.value, _ZERO)


def statement_of(points: CustomerPoints) -> AccountStatement:
    """Return what an answer shows."""
    if points.customer_exists is False:
        return AccountStatement(complete=True, note=phrase("the provider does not know this customer"))
    lines = tuple(
        StatementLine(
            line.date_received,
            line.cashback_amount,
            line.point_type_description or "",
            cancelled=bool(line.is_canceled),
        )
        for line in points.point_history
    )
    balance, live = points.cashback_balance, [line for line in lines if not line.cancelled]
    complete = balance is not None and balance in (_sum(lines), _sum(live))
    if complete:
        return AccountStatement(balance, lines, complete=True)
    if not lines:
        return AccountStatement(balance, note=phrase("the provider shows a balance, and no movements"))
    note = phrase("the movements that the provider shows do not come to the balance: some are not shown")
    return AccountStatement(balance, lines, note=note)


def _sum(lines: Iterable[StatementLine]) -> Decimal | None:
    """Return what lines come to; None where one has no amount, or no sum is exact."""
    total = _ZERO
    try:
        for line in lines:
            if line.amount is None:
                return None
            total = EXACT.add(total, line.amount)
    except ArithmeticError:
        return None
    return total


class BonifiQFiles(FileAdapter):
    """A row adds cashback to a customer or removes it, under a key that the provider counts once."""

    name = "bonifiq"
    columns = Columns(
        names=(*_REQUIRED, *_KEYS, "customer_reason"),
        required=_REQUIRED,
        either=(_KEYS,),
        keys=_KEYS,
        customers=("customer_id",),
        amounts=("value",),
        decimals=2,  # of a real; the provider itself takes more
        currency=("R$", "BRL"),
        documents=("customer_id",),
        words=("reason", "customer_reason"),
        usual=_USUAL,
    )
    answer_columns: ClassVar[tuple[str, ...]] = ("cashback_balance", "points_balance")
    export_columns = (*_REQUIRED, "change_key", "customer_reason")
    statements: ClassVar[StatementReader | None] = BonifiQStatements()

    def others(self) -> tuple[FileAdapter, ...]:
        """Return what reads a file of points."""
        return (BonifiQPoints(),)

    @cached_property
    def changes(self) -> Mapping[str, Operation[object]]:
        """The one that a file may have. A ledger may hold others, which no file says or repeats."""
        return {CHANGE_CASHBACK.name: CHANGE_CASHBACK}

    def unit_of(self, change: OfCustomer) -> str:
        """Return the unit of a change's value; that of a recorded one is its operation's."""
        from bonifiq_async.bonifiq.operations.changes import CHANGES

        units = {each.name: str(each.unit) for each in CHANGES}
        return units.get(getattr(change, "operation", ""), self.unit)

    def read_row(self, line: int, cells: Cells) -> FileChange:
        """Return the change of a row, whose key may be derived from a reference."""
        # What has another type than text is refused below, by name.
        customer_id, given, reason, change_key, reference, customer_reason = cast(tuple[str, ...], cells)
        value = amount(None if given == "" else given, "value")
        by_key, by_reference = change_key not in _NOTHING, reference not in _NOTHING
        customer_id = "" if customer_id is None else customer_id
        key = change_key_for(customer_id, value, reference) if by_reference else change_key
        # An export has both, and they agree.
        if not (by_key or by_reference) or (by_key and key != change_key):
            raise PayloadError(phrase("give exactly one of change_key and reference"), path="change_key")
        reason = "" if reason is None else reason
        known = reference if by_reference else None
        return CustomerRow(customer_id, value, reason, key, customer_reason, line, known)

    def trial_row(self, customer: int, amount: Decimal, key: str) -> TrialRow:
        """Return a row that adds cashback."""
        name = f"customer-{customer}"
        cells = {"customer_id": name, "value": amount, "reason": "trial", "change_key": key}
        return TrialRow(cells, name, amount)

    def digest(self, change: FileChange) -> bytes:
        """Return the digest of the change's request."""
        return request_digest(cast(CustomerRow, change))

    def grounds(self, change: FileChange) -> Grounds:
        """Return the reason, and the reference where the row has one."""
        row = cast(CustomerRow, change)
        return Grounds(row.reason, row.reference)

    def recorded_grounds(self, change: Recorded) -> Grounds:
        """Return the reason, and the reference where the key is one that is derived."""
        body = decode(change.body)
        reason = body.get("Reason") if isinstance(body, dict) else None
        reference = reference_in(change.key, change.customer_id, change.value)
        return Grounds(reason if isinstance(reason, str) else None, reference)

    def purpose(self, key: str, customer_id: str, value: Decimal, body: bytes) -> str | None:
        """Return the reference of a derived key, and whether it adds: another amount has another key."""
        return purpose_in(key, customer_id, value)

    def row_purpose(self, change: FileChange) -> str | None:
        """Return the same of a row, whose key need not be proven where it was derived here."""
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

    def amount(self, value: Decimal, unit: str) -> str:
        """Return an amount in its unit: points are no money."""
        if unit == BRL:
            return self.money(value)
        return phrase("{amount} {unit}", amount=number(value), unit=unit)

    def sandbox(self, faults: FaultScript, port: int, duplicates: str | None) -> Sandbox:
        """Return a sandbox with the same sign-in each time."""
        from bonifiq_async.sandbox import Sandbox

        return Sandbox(
            duplicates=cast("Duplicates", duplicates or "error-400"),
            faults=faults,
            credentials=SANDBOX_CREDENTIALS,
            port=port,
        )


_POINTS_REQUIRED = ("customer_id", "points", "reason")


class BonifiQPoints(BonifiQFiles):
    """A row of a file with a column `points` adds points or removes them: whole ones, which are no money."""

    columns = Columns(
        names=(*_POINTS_REQUIRED, *_KEYS, "customer_reason"),
        required=_POINTS_REQUIRED,
        either=(_KEYS,),
        keys=_KEYS,
        customers=("customer_id",),
        amounts=("points",),
        decimals=0,
        documents=("customer_id",),
        words=("reason", "customer_reason"),
        usual={
            "points": ("pontos", "quantidade_de_pontos", "qtd_pontos"),
            **{name: others for name, others in _USUAL.items() if name != "value"},
        },
    )
    change_columns = ("customer_id", "points")
    answer_columns = ("points_balance",)
    export_columns = (*_POINTS_REQUIRED, "change_key", "customer_reason")
    statements: ClassVar[StatementReader | None] = None

    def others(self) -> tuple[FileAdapter, ...]:
        """Return nothing: it is the other one."""
        return ()

    @cached_property
    def changes(self) -> Mapping[str, Operation[object]]:
        """The one that such a file may have."""
        return {CHANGE_POINTS.name: CHANGE_POINTS}

    def read_row(self, line: int, cells: Cells) -> FileChange:
        """Return the change of a row, whose key may be derived from a reference."""
        customer_id, given, reason, change_key, reference, customer_reason = cast(tuple[str, ...], cells)
        number_of = amount(None if given == "" else given, "points")
        if number_of != int(number_of):
            shown = repr(given)[:40]
            said = phrase("{field} is {shown}; write a whole number", field="points", shown=shown)
            raise PayloadError(said, path="points")
        customer_id, points = "" if customer_id is None else customer_id, int(number_of)
        by_key, by_reference = change_key not in _NOTHING, reference not in _NOTHING
        key = points_key_for(customer_id, points, reference) if by_reference else change_key
        if not (by_key or by_reference) or (by_key and key != change_key):
            raise PayloadError(phrase("give exactly one of change_key and reference"), path="change_key")
        known = reference if by_reference else None
        return PointsRow(customer_id, points, reason or "", key, customer_reason, line, known)

    def digest(self, change: FileChange) -> bytes:
        """Return the digest of the change's request."""
        return points_digest(cast(PointsRow, change))

    def recorded_grounds(self, change: Recorded) -> Grounds:
        """Return the reason; a reference stands in the key."""
        return Grounds(super().recorded_grounds(change).reason)

    def purpose(self, key: str, customer_id: str, value: Decimal, body: bytes) -> str | None:
        """Return the reference of a derived key, and whether it adds."""
        return points_purpose_in(key, customer_id, int(value))

    def row_purpose(self, change: FileChange) -> str | None:
        """Return the same of a row."""
        return self.purpose(change.change_key, change.customer_id, change.value, b"")

    def money(self, amount: Decimal) -> str:
        """Return a number of points: `1,250 points`."""
        return phrase("{amount} {unit}", amount=number(amount), unit=self.unit)


ADAPTER = BonifiQFiles()
