"""Tests of this provider alone; the shared behaviours, faults and files find it in the registry."""

from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest
from conftest import fast
from sides import Start, side_of

from bonifiq_async import CashbackBatch, Effect, Verdict
from third_provider.operations import MilesChange

SIDE = side_of("miles")


@pytest.fixture
def miles(served: Start) -> Start:
    return partial(served, SIDE.sandbox)


def test_it_is_one_small_folder() -> None:
    files = Path(__file__).parent.glob("*.py")
    assert sum(len(path.read_text("utf-8").splitlines()) for path in files) <= 350


async def test_a_stale_signature_is_signed_again(miles: Start, way: str) -> None:
    """It was not processed; the sandbox accepts no signature twice."""
    server = miles(stale=2)
    async with SIDE.client(server) as client:
        outcome = await SIDE.make(client, SIDE.change())
    verdicts = [Verdict.UNPROCESSED, Verdict.UNPROCESSED, Verdict.ACCEPTED]
    assert (outcome.effect, [each.verdict for each in outcome.attempts]) == (Effect.APPLIED, verdicts)


async def test_stale_signatures_do_not_stop_a_batch(miles: Start) -> None:
    """The credentials are valid, and the next change has a new signature."""
    for stale, customers, attempts, given_up in ((30, 60, 6, 0), (2, 1, 2, 1)):
        async with SIDE.client(miles(stale=stale), retry=fast(max_attempts=attempts)) as client:
            changes = [SIDE.change(str(number), customer=number % customers) for number in range(60)]
            effects = [each.effect async for each in CashbackBatch(client).run(changes)]
        assert (
            sorted(effects, key=str) == [Effect.APPLIED] * (60 - given_up) + [Effect.NOT_APPLIED] * given_up
        )


async def test_pages_by_cursor(miles: Start) -> None:
    async with SIDE.client(miles()) as client:
        for number in range(1, 6):
            await client.outcome_of(MilesChange("ANA", Decimal(number), str(number)))
        assert [line.miles async for line in client.movements("ANA")] == [1, 2, 3, 4, 5]
