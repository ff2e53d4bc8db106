"""A claim that its ledger cannot vouch for any more: another process may send, and this one does not."""

from collections.abc import Callable
from itertools import count

import pytest
from attrs import evolve
from conftest import change, client_for

from bonifiq_async import Effect, MemoryLedger, StopReason
from bonifiq_async.ledger.protocol import Granted, Intent, Ruling
from bonifiq_async.sandbox import FaultScript, Sandbox


class Vouching(MemoryLedger):
    """A ledger that says whether its claims hold, by how often it was asked and how many requests arrived."""

    def __init__(self, holds: Callable[[int, int], bool], arrived: Callable[[], int]) -> None:
        super().__init__()
        self.holds, self._arrived, self._asked = holds, arrived, count()

    async def claim(self, intent: Intent, **terms: object) -> Ruling:
        ruling = await super().claim(intent, **terms)
        return evolve(ruling, held=self._held) if isinstance(ruling, Granted) else ruling

    def _held(self) -> bool:
        return self.holds(next(self._asked), self._arrived())


LAPSES: dict[str, tuple[Callable[[int, int], bool], Effect, int]] = {
    "before the first attempt": (lambda asked, arrived: False, Effect.NOT_APPLIED, 0),
    "while it connects": (lambda asked, arrived: asked == 0, Effect.NOT_APPLIED, 0),
    "before what may be applied is repeated": (lambda asked, arrived: arrived == 0, Effect.UNKNOWN, 1),
}


@pytest.mark.parametrize(("holds", "effect", "arrived"), LAPSES.values(), ids=LAPSES)
async def test_no_request_leaves_once_a_claim_holds_no_more(
    holds: Callable[[int, int], bool],
    effect: Effect,
    arrived: int,
    way: str,
    sandbox: Callable[..., Sandbox],
) -> None:
    """And the same call goes on later, under the same key."""
    server = sandbox(faults=FaultScript(["500-after"] * arrived))
    ledger = Vouching(holds, lambda: server.books.requests)
    async with client_for(server, ledger=ledger) as client:
        outcome = await client.outcome_of(change())
        assert (outcome.effect, server.books.requests) == (effect, arrived)
        assert outcome.reason is StopReason.HELD
        assert "this one could not show in time, in the ledger, that it runs" in str(outcome.error)
        ledger.holds = lambda asked, arrived: True
        assert (await client.outcome_of(change())).effect in (Effect.APPLIED, Effect.ALREADY_APPLIED)
    assert len(server.books.effects(change().change_key)) == 1
