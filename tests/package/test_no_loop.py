"""Without asyncio's event loop nothing is sent, and an error says so: under another framework, or none."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from decimal import Decimal
from pathlib import Path

import anyio
import pytest

from bonifiq_async import (
    BasicCredentials,
    BonifiQClient,
    CashbackBatch,
    CashbackChange,
    ConfigurationError,
    Earn,
    Effect,
    Member,
    MemoryLedger,
    Raba7niClient,
    Raba7niCredentials,
    SqliteLedger,
)
from bonifiq_async.sandbox import Sandbox
from bonifiq_async.testing.virtual_time import VirtualClock

CHANGE = CashbackChange("a", Decimal(1), "r", "k")
EARN = Earn(card_id=1, member=Member.by_id(1), purchase_amount=Decimal(1), key="k")


def bonifiq(**settings: object) -> BonifiQClient:
    return BonifiQClient(BasicCredentials("a", "b"), base_url="https://127.0.0.1:1", **settings)


def raba7ni() -> Raba7niClient:
    return Raba7niClient(Raba7niCredentials("a", "b"), base_url="https://127.0.0.1:1")


Call = Callable[[Path], Awaitable[object]]
CALLS: dict[str, Call] = {
    "a change": lambda _: bonifiq().customers.change_cashback(CHANGE),
    "an outcome": lambda _: bonifiq().outcome_of(CHANGE),
    "a change in a file": lambda path: bonifiq(ledger=SqliteLedger(path)).outcome_of(CHANGE),
    "a read": lambda _: bonifiq().customers.points("a"),
    "a checkout": lambda _: bonifiq().checkout.remove_cashback("a", "b"),
    "an earn": lambda _: raba7ni().cashback.earn(
        card_id=1, member=Member.by_id(1), purchase_amount=Decimal(1), key="k"
    ),
    "an outcome of an earn": lambda _: raba7ni().outcome_of(EARN),
    "a history": lambda _: anext(raba7ni().cashback.history(1, 1)),
    "a sign-in": lambda _: raba7ni().members.verify_otp({"otp": "1"}),
    "a batch": lambda _: anext(CashbackBatch(bonifiq()).run([CHANGE])),
    "a ledger": lambda path: SqliteLedger(path).__aenter__(),
    "a ledger's account": lambda path: SqliteLedger(path).bind("bonifiq", "a"),
    "a virtual wait": lambda _: VirtualClock().sleep(1),
}


def driven(awaitable: Awaitable[object]) -> object:
    """Run an awaitable that needs no loop; one that waits fails, as under a framework with another loop."""
    coroutine = awaitable.__await__() if not isinstance(awaitable, Coroutine) else awaitable
    try:
        next(coroutine) if not isinstance(coroutine, Coroutine) else coroutine.send(None)
    except StopIteration as ended:
        return ended.value
    raise AssertionError("it waits for something")


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_a_call_without_a_loop_says_what_it_needs(call: Call, tmp_path: Path) -> None:
    """In one sentence; and it leaves neither a thread nor a file."""
    before = threading.active_count()
    with pytest.raises(ConfigurationError, match=r"needs asyncio.* not trio") as caught:
        driven(call(tmp_path / "l"))
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    assert caught.value.effect is Effect.NOT_APPLIED and "Nothing was sent" in str(caught.value)
    assert threading.active_count() == before and not list(tmp_path.iterdir())


def test_what_needs_no_loop_works_without_one(tmp_path) -> None:
    """Opening a client and closing what was never used."""

    async def opened() -> None:
        async with bonifiq() as client, MemoryLedger():
            assert client.in_doubt() == ()
        await SqliteLedger(tmp_path / "l").aclose()

    assert driven(opened()) is None


def test_what_was_used_is_not_closed_without_a_loop(tmp_path) -> None:
    """Its connections and its thread belong to the loop."""
    ledger = SqliteLedger(tmp_path / "l")
    client = bonifiq(ledger=ledger)
    asyncio.run(client.outcome_of(CHANGE, deadline=0.1))
    for close in (client.aclose, ledger.aclose):
        with pytest.raises(ConfigurationError, match="needs asyncio"):
            driven(close())
    asyncio.run(client.aclose())
    asyncio.run(ledger.aclose())


def test_anyio_on_asyncio_works() -> None:
    """With its task groups and its cancel scopes."""

    async def apply(url: str, credentials: BasicCredentials) -> list[Effect]:
        effects = []
        async with BonifiQClient(credentials, base_url=url) as client:

            async def one(key: str) -> None:
                with anyio.fail_after(20):
                    effects.append(
                        (await client.outcome_of(CashbackChange("a", Decimal(1), "r", key))).effect
                    )

            async with anyio.create_task_group() as group:
                for number in range(3):
                    group.start_soon(one, f"k{number}")
        return effects

    with Sandbox() as sandbox:
        assert anyio.run(apply, sandbox.url, sandbox.credentials, backend="asyncio") == [Effect.APPLIED] * 3
