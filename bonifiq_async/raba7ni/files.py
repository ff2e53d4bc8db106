"""Raba7ni's files of changes, outcomes and exports, for the command line.

A row earns or refunds cashback. A redemption needs its member's sign-in, which no file has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, ClassVar, cast

from attrs import frozen

from bonifiq_async._model import validation
from bonifiq_async._model.errors import (
    ConfigurationError,
    PayloadError,
)
from bonifiq_async._model.json_codec import decode
from bonifiq_async._model.money import EXACT
from bonifiq_async._provider.trial import TrialRow
from bonifiq_async.cli.adapter import (
    EvidenceReader,
    FileAdapter,
    FileChange,
    Grounds,
    OfCustomer,
)
from bonifiq_async.cli.afterwards.statement import StatementReader
from bonifiq_async.cli.columns import Columns
from bonifiq_async.cli.files.rows import Cells, amount
from bonifiq_async.cli.language.phrase import phrase
from bonifiq_async.ledger.recorded import Recorded
from bonifiq_async.raba7ni.cashback import request_digest
from bonifiq_async.raba7ni.changes import Earn, Refund, unit_of
from bonifiq_async.raba7ni.client import Raba7niCredentials
from bonifiq_async.raba7ni.evidence.history import HistoryReader, Raba7niStatements
from bonifiq_async.raba7ni.member import Member
from bonifiq_async.raba7ni.payloads import (
    CashbackEarned,
    CashbackRefunded,
)

if TYPE_CHECKING:
    from bonifiq_async.sandbox import FaultScript, Raba7niSandbox

SANDBOX_CREDENTIALS = Raba7niCredentials("app_sandbox", "test_sandbox")
"""The sandbox's own sign-in. It guards nothing: the server listens on this machine alone."""

SANDBOX_SHARE = Decimal("0.05")
"""What the sandbox's card 10 gives for a purchase."""

_MEMBER = ("member_id", "email", "phone")
_LABELS = ("reference", "key")
_REQUIRED = ("operation", "card_id", "amount")
_COLUMNS = (*_REQUIRED, *_MEMBER, *_LABELS, "member_name", "cashback_to_deduct", "metadata")
_USUAL = {
    "operation": ("operacao",),
    "card_id": ("cartao", "id_do_cartao", "card"),
    "member_id": ("membro", "id_do_membro", "member"),
    "email": ("e_mail", "email_do_cliente", "e_mail_do_cliente"),
    "phone": ("telefone", "celular", "fone"),
    "amount": ("valor", "valor_da_compra"),
    "reference": ("referencia", "pedido", "numero_do_pedido", "no_do_pedido", "n_do_pedido"),
    "key": ("chave",),
    "member_name": ("nome", "nome_do_cliente"),
    "cashback_to_deduct": ("cashback_a_descontar",),
}
"""Usual names of a column, in Portuguese above all; case, accents, blanks and hyphens do not count."""


@frozen(kw_only=True)
class EarnRow(Earn):
    """A purchase and its line."""

    line: int = 0


@frozen(kw_only=True)
class RefundRow(Refund):
    """A refund and its line."""

    line: int = 0


def _said(cell: object) -> object:
    return None if cell == "" else cell


def _no_operation(operation: object) -> str:
    if operation == "redeem":
        return phrase("operation is 'redeem', which needs the member's sign-in: redeem from a program")
    shown = phrase("empty") if operation is None else repr(operation)[:40]
    return phrase("operation is {shown}; write earn or refund", shown=shown)


def _only_for(operation: str, **cells: object) -> None:
    for name, cell in cells.items():
        if cell is not None:
            alone = phrase(
                "{name} belongs to the operation {operation} alone", name=name, operation=operation
            )
            raise PayloadError(alone, path=name)


def _whole(cell: object, field: str) -> int:
    if isinstance(cell, str) and cell.isascii() and cell.isdigit() and len(cell) <= validation.MAX_DIGITS:
        cell = int(cell)
    if type(cell) is not int:
        shown = phrase("empty") if cell is None else repr(cell)[:40]
        raise PayloadError(
            phrase("{field} is {shown}; write a whole number", field=field, shown=shown), path=field
        )
    return validation.number(cell, field)


def _object(cell: object) -> Mapping[str, object] | None:
    """Return metadata, which stands in CSV as the text of a JSON object."""
    if isinstance(cell, str):
        try:
            cell = decode(cell.encode())
        except (PayloadError, UnicodeEncodeError):
            cell = ()
    if cell is not None and not isinstance(cell, dict):
        raise PayloadError(phrase("metadata is no JSON object"), path="metadata")
    return cell


def _purpose(value: Decimal, reference: str) -> str:
    return f"{'less' if value.is_signed() else 'more'}-{reference}"


class Raba7niFiles(FileAdapter):
    """A row is a purchase that earns cashback, or its refund; nothing is de-duplicated."""

    name = "raba7ni"
    columns = Columns(
        names=_COLUMNS,
        required=_REQUIRED,
        either=(_MEMBER, _LABELS),
        keys=_LABELS,
        customers=("email", "phone"),
        multiline=("metadata",),
        amounts=("amount", "cashback_to_deduct"),  # a card has its own currency, some with three decimals
        words=("member_name", "metadata"),
        usual=_USUAL,
    )
    change_columns = ("operation", "card_id", "member", "amount")
    answer_columns = ("transaction_id", "cashback", "new_balance", "member_id")
    sum_labels = (phrase("purchases"), phrase("refunds, redemptions"))
    evidence: ClassVar[EvidenceReader | None] = HistoryReader()
    statements: ClassVar[StatementReader | None] = Raba7niStatements()

    def read_row(self, line: int, cells: Cells) -> FileChange:
        operation, card, given, number, email, phone, reference, key, name, deducted, metadata = map(
            _said, cells
        )
        if operation not in ("earn", "refund"):
            raise PayloadError(_no_operation(operation), path="operation")
        card_id, value = (
            _whole(card, "card_id"),
            validation.amount(amount(given, "amount"), "amount", positive=True),
        )
        member = Member(
            id=None if number is None else _whole(number, "member_id"),
            email=cast("str | None", email),  # what is no text is refused there, by name
            phone=cast("str | None", phone),
        )
        labels = cast("tuple[str | None, str | None]", (reference, key))
        if operation == "refund":
            _only_for("earn", member_name=name, metadata=metadata)
            taken = None if deducted is None else amount(deducted, "cashback_to_deduct")
            return RefundRow(
                card_id=card_id,
                member=member,
                refund_amount=value,
                cashback_to_deduct=taken,
                reference=labels[0],
                key=labels[1],
                line=line,
            )
        _only_for("refund", cashback_to_deduct=deducted)
        return EarnRow(
            card_id=card_id,
            member=member,
            purchase_amount=value,
            reference=labels[0],
            key=labels[1],
            member_name=cast("str | None", name),
            metadata=_object(metadata),
            line=line,
        )

    def trial_row(self, customer: int, amount: Decimal, key: str) -> TrialRow:
        """Return a purchase, of which the sandbox's card gives a share."""
        cells = {"operation": "earn", "card_id": 10, "member_id": customer, "amount": amount}
        labels = {"reference": key, "key": key}
        return TrialRow({**cells, **labels}, str(customer), EXACT.multiply(amount, SANDBOX_SHARE))

    def digest(self, change: FileChange) -> bytes:
        """Return the digest of the change's request."""
        return request_digest(cast("EarnRow | RefundRow", change))

    def change_cells(self, change: FileChange) -> Sequence[object]:
        """Return the operation, card, member and amount."""
        made = cast("EarnRow | RefundRow", change)
        operation = "earn" if isinstance(made, Earn) else "refund"
        return operation, made.card_id, str(made.member), made.value.copy_abs()

    def answer_cells(self, result: object) -> Sequence[object]:
        """Return the transaction, what it moved, the balance after it and the member."""
        if isinstance(result, CashbackEarned):
            return result.transaction_id, result.cashback_earned, result.new_balance, result.member_id
        if isinstance(result, CashbackRefunded):
            return result.transaction_id, result.cashback_deducted, result.new_balance, result.member_id
        return None, None, None, None

    def export_cells(self, change: Recorded) -> Iterable[object]:
        """Return the cells of a change; a redemption has some, too, though no file can make one."""
        body = decode(change.body)
        said = body if isinstance(body, dict) else {}
        operation = change.operation.rpartition(".")[2]
        value = next(
            (said[name] for name in ("purchase_amount", "refund_amount", "amount") if name in said), None
        )
        kind, _, name = str(said.get("member", "")).partition(":")
        named = said if "member" not in said else {{"id": "member_id"}.get(kind, kind): name}
        return (
            operation,
            said.get("card_id"),
            value,
            *map(named.get, _MEMBER),
            said.get("reference"),
            change.key,
            said.get("member_name"),
            said.get("cashback_to_deduct"),
            said.get("metadata"),
        )

    def grounds(self, change: FileChange) -> Grounds:
        """Return the reference, where the row has one: a purchase has no other reason."""
        return Grounds(reference=cast("EarnRow | RefundRow", change).reference)

    def recorded_grounds(self, change: Recorded) -> Grounds:
        """Return the reference, where the request has one."""
        body = decode(change.body)
        reference = body.get("reference") if isinstance(body, dict) else None
        return Grounds(reference=reference if isinstance(reference, str) else None)

    def purpose(self, key: str, customer_id: str, value: Decimal, body: bytes) -> str | None:
        """Return the reference of a request, and its direction: a key of its own does not tell it."""
        said = decode(body)
        reference = said.get("reference") if isinstance(said, dict) else None
        return _purpose(value, reference) if isinstance(reference, str) else None

    def row_purpose(self, change: FileChange) -> str | None:
        """Return the same of a row."""
        reference = cast("EarnRow | RefundRow", change).reference
        return None if reference is None else _purpose(change.value, reference)

    def unit_of(self, change: OfCustomer) -> str:
        """Return the card: its currency is the provider's to know, and two cards may differ."""
        return unit_of(change.customer_id)

    def sandbox(self, faults: FaultScript, port: int, duplicates: str | None) -> Raba7niSandbox:
        from bonifiq_async.sandbox import Raba7niSandbox

        if duplicates is not None:
            raise ConfigurationError(
                phrase("raba7ni knows no keys, so that none is used twice: leave out --duplicates.")
            )
        return Raba7niSandbox(faults=faults, credentials=SANDBOX_CREDENTIALS, port=port)


ADAPTER = Raba7niFiles()
