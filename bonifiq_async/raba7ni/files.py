"""Raba7ni's files of changes, outcomes and exports, for the command line.

A row earns or refunds cashback. A redemption needs its member's sign-in, which no file has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, ClassVar, cast

from attrs import frozen

from bonifiq_async._model import validation
from bonifiq_async._model.errors import (
    AuthenticationError,
    ConfigurationError,
    PayloadError,
    RefusedError,
)
from bonifiq_async._model.json_codec import decode
from bonifiq_async._model.money import EXACT
from bonifiq_async._policy.change_key import canonical
from bonifiq_async.cli.adapter import (
    BalanceEvidence,
    Client,
    Columns,
    EvidenceReader,
    FileAdapter,
    FileChange,
    Grounds,
    Movement,
    OfCustomer,
)
from bonifiq_async.cli.files.rows import Cells, amount
from bonifiq_async.cli.language.library_errors import said
from bonifiq_async.cli.language.phrase import Phrase, joined, number, phrase
from bonifiq_async.ledger.sqlite.reader import Recorded
from bonifiq_async.raba7ni.cashback import request_digest
from bonifiq_async.raba7ni.changes import Earn, Refund, unit_of
from bonifiq_async.raba7ni.client import Raba7niClient, Raba7niCredentials
from bonifiq_async.raba7ni.member import Member
from bonifiq_async.raba7ni.operations import REDEEM
from bonifiq_async.raba7ni.payloads import (
    CashbackBalance,
    CashbackEarned,
    CashbackRefunded,
    CashbackTransaction,
)

if TYPE_CHECKING:
    from bonifiq_async.sandbox import FaultScript, Raba7niSandbox

SANDBOX_CREDENTIALS = Raba7niCredentials("app_sandbox", "test_sandbox")
"""The sandbox's own sign-in. It guards nothing: the server listens on this machine alone."""

NEAR = timedelta(minutes=15)
"""How far the provider's clock may be from this one's for a movement to be of the time of a change."""
ANYWHERE = timedelta(hours=26)
"""The same for a time without a zone: two places are never further apart."""
NEARLY = Decimal("0.01")
"""By less than this a movement may differ from the share that the card gives: rounding is not documented."""
MOST_MOVEMENTS = 2_000
"""Lines of a history that are read for one change."""

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
    "reference": ("referencia", "pedido", "numero_do_pedido"),
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


class HistoryReader:
    """Finds what a change may have done in the history of its member's balance."""

    async def read(self, client: Client, doubt: Recorded) -> BalanceEvidence:
        """Read the balance now, and what moved it at the time in the direction of the change."""
        cashback = cast(Raba7niClient, client).cashback
        card, _, member = doubt.customer_id.partition(":")
        kind, _, number = member.partition(":")
        if kind != "id":
            return BalanceEvidence(
                phrase(
                    "the provider shows balance and history by member id, and this is {member}", member=member
                )
            )
        try:
            balance = await cashback.balance(int(card), int(number))
            meaning, expected = _expected(doubt, balance)
            movements, read = [], 0
            async for line in cashback.history(int(card), int(number)):
                read += 1
                if line.amount is not None and _may_be(doubt, line):
                    fits = None if expected is None else abs(line.amount - expected) < NEARLY
                    what = str(line.event or line.type)
                    movements.append(Movement(str(line.created_at or "-"), what, line.amount, fits))
                if read == MOST_MOVEMENTS:
                    break
        except AuthenticationError:
            raise
        except RefusedError as error:
            return BalanceEvidence(said(error))
        counted = phrase("{count} movements were read", count=read)
        if read == MOST_MOVEMENTS:
            counted = phrase("{count} movements were read, and there may be more", count=read)
        note = joined((meaning, counted), "; ")
        return BalanceEvidence(note, balance.cashback_balance, tuple(movements))


def _may_be(doubt: Recorded, line: CashbackTransaction) -> bool:
    if line.amount is None or (line.amount > 0) != (doubt.value > 0):
        return False
    if line.created_at is None:
        return True
    zoned = line.created_at.tzinfo is not None
    moment = line.created_at if zoned else line.created_at.replace(tzinfo=UTC)
    first, last = (datetime.fromtimestamp(sent, UTC) for sent in (doubt.first_sent, doubt.last_sent))
    margin = NEAR if zoned else ANYWHERE
    return first - margin <= moment <= last + margin


def _expected(doubt: Recorded, balance: CashbackBalance) -> tuple[str, Decimal | None]:
    """Say by how much the balance moves if the change took effect, in words and as an amount."""
    body = decode(doubt.body)
    deducted = body.get("cashback_to_deduct") if isinstance(body, dict) else None
    if isinstance(deducted, Decimal | int):
        return _takes(Decimal(deducted)), -Decimal(deducted)
    if doubt.operation == REDEEM.name:
        return _takes(abs(doubt.value)), doubt.value
    if balance.cashback_percentage is None:
        return phrase("by how much it moves the balance, the card does not say"), None
    try:
        share = EXACT.multiply(doubt.value, balance.cashback_percentage).scaleb(-2, EXACT)
        moved = phrase(
            "it moves about {amount} ({percentage}%) if it took effect",
            amount=number(canonical(share)),
            percentage=balance.cashback_percentage,
        )
    except ArithmeticError:
        return phrase("by how much it moves the balance, the card's percentage does not tell"), None
    return moved, share


def _takes(amount: Decimal) -> Phrase:
    return phrase("it takes {amount} if it took effect", amount=number(amount))


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
