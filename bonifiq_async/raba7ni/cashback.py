"""Raba7ni's cashback: earn, redeem, refund, balance and history."""

from collections.abc import AsyncGenerator, Mapping
from decimal import Decimal
from typing import TypeVar, cast

from bonifiq_async._delivery.calls import Calls
from bonifiq_async._delivery.terms import Terms
from bonifiq_async._model import validation
from bonifiq_async._model.errors import PayloadError
from bonifiq_async._model.outcome import Outcome
from bonifiq_async._policy.request import digest_of, prepare
from bonifiq_async.raba7ni.answers import AnswerReader
from bonifiq_async.raba7ni.changes import CashbackWrite, Earn, Redeem, Refund, token_of
from bonifiq_async.raba7ni.member import Member, MemberToken, Pin
from bonifiq_async.raba7ni.operations import BALANCE, EARN, HISTORY, REDEEM, REFUND
from bonifiq_async.raba7ni.payloads import (
    CashbackAnswer,
    CashbackBalance,
    CashbackEarned,
    CashbackRedeemed,
    CashbackRefunded,
    CashbackTransaction,
    EarnRequest,
    HistoryPage,
    Pagination,
    RedeemRecord,
    RedeemRequest,
    RefundRequest,
)

T = TypeVar("T")

PAGE_SIZE = 20
"""Rows of a page, as in the documented sample; the largest that the provider gives is not known."""

MEMBER_TOKEN = "X-Member-Token"


class Cashback:
    """A client's cashback on Raba7ni's cards.

    `earn`, `redeem` and `refund` go out once: the provider does not de-duplicate them. They are repeated only
    when they provably never left; what did not end in an answer raises `OutcomeUnknownError`, and the same
    key is not sent again until a person has settled it in the ledger.
    """

    def __init__(self, calls: Calls, base_url: str, reader: AnswerReader) -> None:
        self._calls = calls
        self._base_url = base_url
        self._reader = reader

    async def earn(
        self,
        *,
        card_id: int,
        member: Member,
        purchase_amount: Decimal,
        reference: str | None = None,
        metadata: Mapping[str, object] | None = None,
        member_name: str | None = None,
        key: str | None = None,
        deadline: float | None = None,
    ) -> Outcome[CashbackEarned]:
        """Credit `member` with the card's share of a purchase; the arguments are those of `Earn`.

        `deadline` is in seconds from now (default: `timeouts.call`). An e-mail or phone that no member has
        makes a new member. Needs the scope `cashback_write`.

        Raises `RefusedError` (or `AuthenticationError`, `CustomerNotFound`), `NotAppliedError` and
        `ChangeKeyConflict`: nothing changed; and `OutcomeUnknownError`: it may have changed, do not repeat it
        under another key. Source: endpoint page, "Earn Cashback".
        """
        change = Earn(
            card_id=card_id,
            member=member,
            purchase_amount=purchase_amount,
            reference=reference,
            metadata=metadata,
            member_name=member_name,
            key=key,
        )
        return _applied(await self._earn(change, Terms(deadline)))

    async def redeem(
        self,
        *,
        card_id: int,
        amount: Decimal,
        member_token: MemberToken,
        pin: Pin | str | None = None,
        reference: str | None = None,
        key: str | None = None,
        member: Member | None = None,
        deadline: float | None = None,
    ) -> Outcome[CashbackRedeemed]:
        """Spend `amount` of the cashback of `member_token`'s holder; the arguments are those of `Redeem`.

        The provider checks that the balance suffices. Needs the scope `cashback_write`, and the token, which
        goes into the header X-Member-Token of this call alone. Errors are those of `earn`.
        Source: endpoint page, "Redeem Cashback".
        """
        try:
            token, number = token_of(member_token), None if pin is None else Pin.of(pin)
        finally:
            del member_token, pin  # a traceback that shows locals must not have them
        change = Redeem(
            card_id=card_id,
            amount=amount,
            member_token=token,
            pin=number,
            reference=reference,
            key=key,
            member=member,
        )
        return _applied(await self._redeem(change, Terms(deadline)))

    async def refund(
        self,
        *,
        card_id: int,
        member: Member,
        refund_amount: Decimal,
        cashback_to_deduct: Decimal | None = None,
        reference: str | None = None,
        key: str | None = None,
        deadline: float | None = None,
    ) -> Outcome[CashbackRefunded]:
        """Take back what was earned on a purchase that is refunded; the arguments are those of `Refund`.

        Needs the scope `cashback_write`, and no member token. Errors are those of `earn`.
        Source: endpoint page, "Refund Cashback".
        """
        change = Refund(
            card_id=card_id,
            member=member,
            refund_amount=refund_amount,
            cashback_to_deduct=cashback_to_deduct,
            reference=reference,
            key=key,
        )
        return _applied(await self._refund(change, Terms(deadline)))

    async def outcome_of(
        self, change: CashbackWrite, *, deadline: float | None = None
    ) -> Outcome[CashbackAnswer]:
        """Make `change` once, and return its outcome whatever that is, with the error inside.

        Raises only `ConfigurationError` and `LedgerError`: the client cannot send at all.
        """
        return await self.outcome_on(change, Terms(deadline))

    async def outcome_on(self, change: CashbackWrite, terms: Terms) -> Outcome[CashbackAnswer]:
        """Do the same on the terms of a batch."""
        if isinstance(change, Earn):
            return cast(Outcome[CashbackAnswer], await self._earn(change, terms))
        if isinstance(change, Redeem):
            return cast(Outcome[CashbackAnswer], await self._redeem(change, terms))
        return cast(Outcome[CashbackAnswer], await self._refund(change, terms))

    async def balance(
        self, card_id: int, member_id: int, *, deadline: float | None = None
    ) -> CashbackBalance:
        """Return the balance of a member on a card; the provider takes no e-mail or phone here.

        Needs the scope `cashback_read`. Source: endpoint page, "Get Cashback Balance".

        Raises `RefusedError`, `NotAppliedError` (no answer in time) and `PayloadError`.
        """
        path = _place(card_id, member_id)
        request = prepare(BALANCE, self._base_url, path)
        result, _ = await self._calls.value(BALANCE, request, self._reader.read, deadline=deadline)
        return result

    async def history(
        self,
        card_id: int,
        member_id: int,
        *,
        page_size: int = PAGE_SIZE,
        offset: int = 0,
        deadline: float | None = None,
    ) -> AsyncGenerator[CashbackTransaction, None]:
        """Yield a member's movements on a card in the provider's order, each id once, page by page.

        The first `offset` movements are left out. Ends with the page that says that there are no more, or
        where none says so with an empty one. Movements that are added meanwhile shift the pages: what comes
        again is left out. `deadline` is for each page. Needs the scope `cashback_read`.

        Raises as `balance`, and `PayloadError`, after what did come, when the pages end before the total that
        they name or in spite of a `has_more`, when they bring nothing new and promise more, or when that
        cannot be seen because their rows have no ids. Source: endpoint page, "Transaction History".
        """
        place, size = _place(card_id, member_id), validation.number(page_size, "page_size")
        seen: set[int] = set()
        nameless: set[CashbackTransaction] = set()
        offset, repeats, promised = validation.whole(offset, "offset"), 0, None
        # Not `pages`: no offset comes twice, so that a circle shows in rows; and an error comes after them.
        while True:
            page = await self._page(place, size, offset, deadline)
            rows, where = page.transactions, page.pagination or Pagination()
            known = all(row in nameless if row.id is None else row.id in seen for row in rows)
            repeats = repeats + 1 if known else 0
            if rows and known and _at_the_end(promised, repeats, bare=any(row.id is None for row in rows)):
                rows = ()
            for row in rows:
                if row.id is None or row.id not in seen:
                    yield row
                if row.id is not None:
                    seen.add(row.id)
            nameless = {row for row in rows if row.id is None}
            offset += len(rows)
            if _is_last(where, offset, empty=not rows):
                return
            promised = where.has_more

    async def history_page(
        self,
        card_id: int,
        member_id: int,
        *,
        limit: int = PAGE_SIZE,
        offset: int = 0,
        deadline: float | None = None,
    ) -> HistoryPage:
        """Return one page of a member's movements as it comes: `limit` of them after the first `offset`.

        Its `pagination` says how many there are (`total`) and whether there are more after it (`has_more`).
        Needs the scope `cashback_read`. Raises as `balance`. Source: as `history`.
        """
        size, start = validation.number(limit, "limit"), validation.whole(offset, "offset")
        return await self._page(_place(card_id, member_id), size, start, deadline)

    async def _page(
        self, place: Mapping[str, str], size: int, offset: int, deadline: float | None
    ) -> HistoryPage:
        path = {**place, "limit": str(size), "offset": str(offset)}
        request = prepare(HISTORY, self._base_url, path)
        result, _ = await self._calls.value(HISTORY, request, self._reader.read, deadline=deadline)
        return result

    async def _earn(self, change: Earn, terms: Terms) -> Outcome[CashbackEarned]:
        request = prepare(EARN, self._base_url, {}, EarnRequest.of(change), key=change.change_key)
        return await self._calls.outcome(change, EARN, request, self._reader.read, terms)

    async def _redeem(self, change: Redeem, terms: Terms) -> Outcome[CashbackRedeemed]:
        request = prepare(
            REDEEM,
            self._base_url,
            {},
            RedeemRequest.of(change),
            key=change.change_key,
            headers=((MEMBER_TOKEN, change.member_token),),
            record=RedeemRecord.of(change),
            bearer=change.bearer,
            secrets=() if change.pin is None else (change.pin,),
        )
        return await self._calls.outcome(change, REDEEM, request, self._reader.read_redeem, terms)

    async def _refund(self, change: Refund, terms: Terms) -> Outcome[CashbackRefunded]:
        request = prepare(REFUND, self._base_url, {}, RefundRequest.of(change), key=change.change_key)
        return await self._calls.outcome(change, REFUND, request, self._reader.read, terms)


def request_digest(change: Earn | Refund) -> bytes:
    """Return the digest of the request of `change`: the same for every client, and what a ledger keeps."""
    if isinstance(change, Earn):
        return digest_of(EARN, {}, EarnRequest.of(change))
    return digest_of(REFUND, {}, RefundRequest.of(change))


def _applied(outcome: Outcome[T]) -> Outcome[T]:
    """Return a success, and raise the error of anything else."""
    if outcome.error is not None:
        raise outcome.error
    return outcome


def _at_the_end(promised: bool | None, repeats: int, *, bare: bool) -> bool:
    """Say whether a page of what is known ends a history; `promised` is what the page before it said.

    One is what movements make that come in meanwhile, a second in a row is a provider that does not turn
    the page; rows that are `bare` of ids cannot be distinguished. Raises `PayloadError`.
    """
    if bare:
        raise PayloadError(
            "the history gives the same rows again without ids: whether they are new is not known",
            path="$.data",
        )
    if promised and repeats > 1:
        raise PayloadError("the history gives nothing new and says there is more", path="$.data")
    return not promised


def _is_last(page: Pagination, reached: int, *, empty: bool) -> bool:
    """Say whether a page ends a history of which `reached` rows are known now.

    Raises `PayloadError` where it ends and more was promised.
    """
    complete = page.total is None or reached >= page.total
    if page.has_more is None and not empty:
        return page.total is not None and complete
    if page.has_more and not empty:
        return False
    if not complete:
        raise PayloadError(
            f"the history ends after movement {reached} of {page.total}",
            path="$.data.pagination.total",
        )
    if page.has_more:
        raise PayloadError(
            f"the history ends after movement {reached} and says that there are more",
            path="$.data.pagination.has_more",
        )
    return True


def _place(card_id: int, member_id: int) -> Mapping[str, str]:
    return {
        "card_id": str(validation.number(card_id, "card_id")),
        "member_id": str(validation.number(member_id, "member_id")),
    }
