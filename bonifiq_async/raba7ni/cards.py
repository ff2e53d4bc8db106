"""Raba7ni's cashback cards."""

from bonifiq_async._delivery.calls import Calls
from bonifiq_async._model import validation
from bonifiq_async._model.errors import PayloadError
from bonifiq_async._policy.request import prepare
from bonifiq_async.raba7ni.answers import AnswerReader
from bonifiq_async.raba7ni.operations import CARD, CARDS, REWARDS
from bonifiq_async.raba7ni.payloads import CardReward, CashbackCard


class Cards:
    """The cards of a client's application; all need the scope `card_read`.

    All raise `RefusedError`, `NotAppliedError` and `PayloadError`.
    """

    def __init__(self, calls: Calls, base_url: str, reader: AnswerReader) -> None:
        self._calls = calls
        self._base_url = base_url
        self._reader = reader

    async def list(self, *, deadline: float | None = None) -> tuple[CashbackCard, ...]:
        """Return every card that the application may see.

        Raises `PayloadError` when fewer came than the answer says there are (`total`): no page shows how the
        rest would be asked for. Source: endpoint page, "Cashback Cards".
        """
        request = prepare(CARDS, self._base_url, {})
        result, _ = await self._calls.value(CARDS, request, self._reader.read, deadline=deadline)
        if result.total is not None and len(result.cards) < result.total:
            raise PayloadError(
                f"the answer has {len(result.cards)} cards and says that there are {result.total}",
                path="$.data.total",
            )
        return result.cards

    async def get(self, card_id: int, *, deadline: float | None = None) -> CashbackCard:
        """Return one card."""
        path = {"card_id": str(validation.number(card_id, "card_id"))}
        request = prepare(CARD, self._base_url, path)
        result, _ = await self._calls.value(CARD, request, self._reader.read_card, deadline=deadline)
        return result

    async def rewards(self, card_id: int, *, deadline: float | None = None) -> tuple[CardReward, ...]:
        """Return the active rewards of a card."""
        path = {"card_id": str(validation.number(card_id, "card_id"))}
        request = prepare(REWARDS, self._base_url, path)
        result, _ = await self._calls.value(REWARDS, request, self._reader.read, deadline=deadline)
        return result.rewards
