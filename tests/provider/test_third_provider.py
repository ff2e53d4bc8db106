"""A provider that is made up: one folder, one line in the registry, and all that is shared serves it."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
import third_provider
from conftest import fast, until
from third_provider.client import MilesClient
from third_provider.operations import MilesChange
from third_provider.sandbox import MilesSandbox
from third_provider.side import Miles

from bonifiq_async import CashbackBatch, ChangeKeyConflict, Effect, MemoryLedger, SqliteLedger, Verdict
from bonifiq_async._delivery.terms import Terms
from bonifiq_async._model.operation import Operation
from bonifiq_async._provider import registry
from bonifiq_async.sandbox import FaultScript
from bonifiq_async.sandbox.server import Server

SIDE = Miles()
Start = Callable[..., MilesSandbox]
pytestmark = pytest.mark.usefixtures("way")


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.PROVIDERS, "miles", "third_provider")


def test_it_is_one_small_folder() -> None:
    files = set(Path(third_provider.__file__).parent.glob("*.py"))
    files -= {path for path in files if path.name == "side.py"}  # what the shared behaviours need to know
    assert sum(len(path.read_text("utf-8").splitlines()) for path in files) <= 351


def test_the_registry_finds_all_of_it() -> None:
    spec = registry.spec_of("miles")
    assert spec.client.load(type) is MilesClient
    assert spec.sandbox.load_class(Server) is MilesSandbox
    assert all(isinstance(each, Operation) for each in spec.operations.load(tuple))


async def test_a_stale_signature_is_signed_again(miles: Start) -> None:
    """It was not acted on, and each attempt has a signature of its own."""
    server = miles(stale=2)
    async with SIDE.client(server) as client:
        outcome = await SIDE.make(client, SIDE.change())
    verdicts = [Verdict.UNPROCESSED, Verdict.UNPROCESSED, Verdict.ACCEPTED]
    assert (outcome.effect, [each.verdict for each in outcome.attempts]) == (Effect.APPLIED, verdicts)
    assert len(server._provider.seen) == 1 and SIDE.effects(server) == 1


async def test_stale_signatures_neither_stop_a_batch_nor_count_as_a_limit(miles: Start) -> None:
    server = miles(stale=30)
    async with SIDE.client(server) as client:
        batch = CashbackBatch(client)
        changes = [SIDE.change(str(number), customer=number) for number in range(60)]
        outcomes = [each async for each in batch.run(changes)]
    assert {each.effect for each in outcomes} == {Effect.APPLIED}


async def test_a_change_that_is_given_up_with_a_stale_signature_does_not_stop_a_batch(miles: Start) -> None:
    """The credentials are right, and the next change has a signature of its own."""
    server = miles(stale=2)
    async with SIDE.client(server, retry=fast(max_attempts=2)) as client:
        outcomes = [each async for each in CashbackBatch(client).run([SIDE.change("1"), SIDE.change("2")])]
    assert [each.effect for each in outcomes] == [Effect.NOT_APPLIED, Effect.APPLIED]


async def test_other_401s_stop_it(miles: Start) -> None:
    server = miles(credentials=SIDE.credentials())
    async with MilesClient(type(server.credentials)("wrong", "wrong"), base_url=server.url) as client:
        outcome = await SIDE.make(client, SIDE.change())
    assert outcome.effect is Effect.REFUSED


@pytest.mark.parametrize("kind", ["memory", "file"])
async def test_a_key_of_another_operation_is_a_conflict(miles: Start, kind: str, tmp_path: Path) -> None:
    """A grant's key does not say that a spending is applied already."""
    server = miles()
    ledger = MemoryLedger() if kind == "memory" else SqliteLedger(tmp_path / "l")
    async with ledger, SIDE.client(server, ledger=ledger) as client:
        granted = await client.outcome_of(GRANT)
        spent = await client.outcome_of(SPEND)
    assert (granted.effect, spent.effect) == (Effect.APPLIED, Effect.NOT_APPLIED)
    assert isinstance(spent.error, ChangeKeyConflict)
    assert server.books.requests == 1


GRANT, SPEND = MilesChange("ANA", Decimal(5), "k"), MilesChange("ANA", Decimal(-5), "k")


async def test_a_key_in_flight_is_sent_for_no_other_operation(miles: Start) -> None:
    """Nor where the other is asked for under another ledger, which knows nothing of the first."""
    server = miles(faults=FaultScript(["silence-before"]))
    async with SIDE.client(server) as client:
        granting = asyncio.create_task(client.outcome_of(GRANT))
        await until(lambda: server.books.requests == 1)
        spent = await client.outcome_on(SPEND, Terms(ledger=MemoryLedger()))
        assert isinstance(spent.error, ChangeKeyConflict) and "in flight" in str(spent.error)
        granting.cancel()
        await asyncio.wait([granting])
    assert (spent.effect, spent.attempts, server.books.requests) == (Effect.NOT_APPLIED, (), 1)


async def test_a_key_in_doubt_is_sent_for_no_other_operation(miles: Start) -> None:
    """Under whichever ledger."""
    server = miles(faults=FaultScript(["html-after"]))
    async with SIDE.client(server) as client:
        granted = await client.outcome_of(GRANT)
        spent = await client.outcome_on(SPEND, Terms(ledger=MemoryLedger()))
        assert (granted.effect, client.in_doubt()) == (Effect.UNKNOWN, ("k",))
    assert isinstance(spent.error, ChangeKeyConflict) and "in doubt" in str(spent.error)
    assert (spent.effect, server.books.requests) == (Effect.NOT_APPLIED, 1)


async def test_pages_by_cursor(miles: Start) -> None:
    server = miles()
    async with SIDE.client(server) as client:
        for number in range(5):
            await client.outcome_of(MilesChange("ANA", Decimal(number + 1), str(number)))
        assert [line.miles async for line in client.movements("ANA")] == [1, 2, 3, 4, 5]


async def test_a_used_key_is_no_second_effect(miles: Start) -> None:
    server = miles(faults=FaultScript(["close-after"]))
    async with SIDE.client(server) as client:
        outcome = await SIDE.make(client, SIDE.change())
    assert (outcome.effect, outcome.used_elsewhere) == (Effect.ALREADY_APPLIED, False)
    server.assert_applied_once("ADD-order-1")


async def test_a_refusal_is_told_without_a_secret(miles: Start) -> None:
    server = miles(credentials=SIDE.credentials(), faults=FaultScript(["400"]))
    async with SIDE.client(server) as client:
        outcome = await SIDE.make(client, SIDE.change())
    assert outcome.effect is Effect.REFUSED
    assert [each for each in SIDE.secrets if each in repr(outcome)] == []
