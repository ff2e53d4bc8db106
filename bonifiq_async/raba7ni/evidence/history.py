"""A member's history: what it shows of a change in doubt, and all of it, to compare a ledger with."""

from __future__ import annotations

import contextlib
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, cast

from attrs import frozen

from bonifiq_async._model.errors import AuthenticationError, RefusedError
from bonifiq_async._model.json_codec import decode
from bonifiq_async._model.money import EXACT
from bonifiq_async._policy.change_key import canonical
from bonifiq_async.cli.adapter import BalanceEvidence, Client, Movement
from bonifiq_async.cli.afterwards.comparison import is_of_its_time
from bonifiq_async.cli.afterwards.statement import AccountStatement, MovedBy, StatementLine
from bonifiq_async.cli.language.library_errors import said
from bonifiq_async.cli.language.phrase import Phrase, joined, number, phrase
from bonifiq_async.raba7ni.cashback import PAGE_SIZE
from bonifiq_async.raba7ni.client import Raba7niClient
from bonifiq_async.raba7ni.operations import EARN, REDEEM, REFUND

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bonifiq_async.cli.afterwards.statement import Pace
    from bonifiq_async.ledger.recorded import Recorded
    from bonifiq_async.raba7ni.payloads import CashbackTransaction

NEARLY = Decimal("0.01")
"""By less than this a movement may differ from the share that the card gives: rounding is not documented."""
MOST_MOVEMENTS = 2_000
"""Lines of a history that are read for one change."""


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
            meaning, expected = _expected(doubt, balance.cashback_percentage)
            movements, read = [], 0
            async for line in cashback.history(int(card), int(number)):
                read += 1
                if line.amount is not None and may_be_movement_of(doubt, line):
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


def may_be_movement_of(doubt: Recorded, line: CashbackTransaction) -> bool:
    """Say whether a movement has the direction and the time of a change in doubt."""
    if line.amount is None or (line.amount > 0) != (doubt.value > 0):
        return False
    return is_of_its_time(doubt, line.created_at)


def _expected(doubt: Recorded, percentage: Decimal | None) -> tuple[str, Decimal | None]:
    """Say by how much the balance moves if the change took effect, in words and as an amount."""
    body = decode(doubt.body)
    deducted = body.get("cashback_to_deduct") if isinstance(body, dict) else None
    if isinstance(deducted, Decimal | int):
        return _takes(Decimal(deducted)), -Decimal(deducted)
    if doubt.operation == REDEEM.name:
        return _takes(abs(doubt.value)), doubt.value
    if percentage is None:
        return phrase("by how much it moves the balance, the card does not say"), None
    try:
        share = EXACT.multiply(doubt.value, percentage).scaleb(-2, EXACT)
        moved = phrase(
            "it moves about {amount} ({percentage}%) if it took effect",
            amount=number(canonical(share)),
            percentage=percentage,
        )
    except ArithmeticError:
        return phrase("by how much it moves the balance, the card's percentage does not tell"), None
    return moved, share


def _takes(amount: Decimal) -> Phrase:
    return phrase("it takes {amount} if it took effect", amount=number(amount))


@frozen
class CardStatement(AccountStatement):
    """A statement, and the `percentage` of a purchase that the card gives now."""

    percentage: Decimal | None = None


_MOVED = {each.name: each.kept[1] for each in (EARN, REDEEM, REFUND)}
"""What a ledger calls the amount that moved, in the answer to each operation."""


class Raba7niStatements:
    """Reads the balance of a member, and the history page by page."""

    def customer_of(self, change: Recorded) -> str | None:
        """Return card and member id; where the change names another contact, the id that its answer had."""
        card, _, member = change.customer_id.partition(":")
        kind, _, number = member.partition(":")
        number = number if kind == "id" else _answered(change).get("member_id", "")
        return f"{card}:{number}" if card.isdigit() and number.isdigit() else None

    async def read(self, client: Client, customer: str, pace: Pace) -> AccountStatement:
        """Read the history to its end, or as much of it as is read for one change."""
        cashback, place = cast(Raba7niClient, client).cashback, tuple(map(int, customer.split(":")))
        await pace()
        balance = await cashback.balance(*place)
        lines: list[StatementLine] = []
        await pace()
        async for line in cashback.history(*place):
            lines.append(StatementLine(line.created_at, line.amount, str(line.event or line.type or "")))
            if len(lines) == MOST_MOVEMENTS:
                break
            if len(lines) % PAGE_SIZE == 0:
                await pace()
        whole, most = len(lines) < MOST_MOVEMENTS, len(lines)
        note = (
            "" if whole else phrase("the history is longer than the {most:,} lines that are read", most=most)
        )
        return CardStatement(balance.cashback_balance, tuple(lines), whole, note, balance.cashback_percentage)

    def moved_by(self, change: Recorded, shown: AccountStatement) -> MovedBy:
        """Return what the answer said; without one, what the request or the card's percentage says."""
        said = _answered(change).get(_MOVED.get(change.operation, ""))
        with contextlib.suppress(InvalidOperation):
            if said is not None:
                return MovedBy(Decimal(said).copy_abs().copy_sign(change.value), Decimal(0))
        return MovedBy(_expected(change, cast(CardStatement, shown).percentage)[1], NEARLY)


def _answered(change: Recorded) -> Mapping[str, str]:
    """Return what a ledger keeps of an answer, by name."""
    parts = (part.partition("=") for part in (change.answer or "").partition(" notice=")[0].split(" "))
    return {name: text for name, _, text in parts}
