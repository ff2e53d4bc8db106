"""A redeem that was taken back, as a ledger has it: no client of it makes one under its key, in no run."""

from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path

import pytest
from all_calls import body_of, enveloped
from conftest import client_for, fast, http
from ledgers import KINDS, LASTING
from scripted_answers import LOST, Script, client_at

from bonifiq_async import (
    BonifiQClient,
    ChangeKeyConflict,
    MemoryLedger,
    OutcomeUnknownError,
    PayloadError,
    SqliteLedger,
)
from bonifiq_async.bonifiq.operations.entries import UNDONE_BY
from bonifiq_async.bonifiq.operations.table import OPERATIONS
from bonifiq_async.ledger.protocol import State
from bonifiq_async.ledger.sqlite.reader import SqliteReader
from bonifiq_async.sandbox import Sandbox

pytestmark = pytest.mark.filterwarnings("ignore::bonifiq_async.UnverifiedOperationWarning")
Serve = Callable[[Callable[..., Awaitable[None]]], Awaitable[str]]
FIVE = Decimal(5)


async def redeem(client: BonifiQClient) -> int | None:
    outcome = await client.pos.redeem(1, customer_id="ana", value=FIVE, reference="1")
    assert outcome.result is not None
    return outcome.result.reward_id


async def redeem_cart(client: BonifiQClient) -> None:
    await client.checkout.redeem(customer_id="ana", checkout_id="c", cashback_value=FIVE, reference="1")


async def by_number(client: BonifiQClient) -> None:
    number = await redeem(client)
    assert number is not None and (await client.pos.cancel_redeem(number)).is_canceled


async def by_key(client: BonifiQClient) -> None:
    assert (await client.pos.cancel_redeem_by_key("POS-ana-1-5-1")).is_canceled


async def by_number_and_key(client: BonifiQClient) -> None:
    """As a client does that did not make it."""
    assert (await client.pos.cancel_redeem(1, original_key="POS-ana-1-5-1")).is_canceled


async def off_the_cart(client: BonifiQClient) -> None:
    await redeem_cart(client)
    assert (await client.checkout.remove_cashback("ana", "c")).removed


TAKEN = {
    "by its number": (redeem, by_number),
    "by its key": (redeem, by_key),
    "by both": (redeem, by_number_and_key),
    "off the cart": (redeem_cart, off_the_cart),
}


@pytest.mark.parametrize("kind", LASTING)
@pytest.mark.parametrize(("make", "take_back"), TAKEN.values(), ids=TAKEN.keys())
async def test_another_run_does_not_make_it_again(
    make: Callable[[BonifiQClient], Awaitable[object]],
    take_back: Callable[[BonifiQClient], Awaitable[None]],
    kind: str,
    tmp_path: Path,
) -> None:
    """Each step by a client of its own: the ledger is all that they share."""
    with Sandbox(customers={"ana": 50}) as sandbox, ExitStack() as at_the_end:
        opened = KINDS[kind](tmp_path, at_the_end)
        for step in (make, take_back):
            async with opened() as ledger, client_for(sandbox, ledger=ledger) as client:
                await step(client)
        assert sandbox.balances()["ana"] == 50
        requests = sandbox.books.requests
        async with opened() as ledger, client_for(sandbox, ledger=ledger) as client:
            with pytest.raises(ChangeKeyConflict, match="was taken back, or may have been"):
                await make(client)
        assert sandbox.books.requests == requests


async def test_a_refresh_that_took_it_off_is_written_down(raw_server: Serve, tmp_path: Path) -> None:
    made = http(body_of(enveloped({"RewardId": 7, "ExternalCode": "EXT"})))
    removed = enveloped({"CashbackRemoved": True}, Code="06", Severity=1, HasWarning=True)
    kept = enveloped({"CashbackRemoved": False}, Code="05", Severity=1, HasWarning=True)
    script = Script([made, http(body_of(kept)), http(body_of(removed))])
    url = await raw_server(script.talk)
    async with SqliteLedger(tmp_path / "l") as ledger, client_at(url, ledger=ledger) as client:
        await redeem_cart(client)
        assert (await client.checkout.refresh("ana", "c")).kept
        assert len(list(SqliteReader(tmp_path / "l").changes())) == 1  # nothing was taken back
        assert (await client.checkout.refresh("ana", "c")).removed
    async with SqliteLedger(tmp_path / "l") as ledger, client_at(url, ledger=ledger) as client:
        with pytest.raises(ChangeKeyConflict, match="taken back"):
            await redeem_cart(client)


async def test_what_may_have_been_taken_back_is_in_doubt_until_it_is_known(
    raw_server: Serve, tmp_path: Path
) -> None:
    """A no after a lost answer settles nothing; a yes does."""
    made = http(body_of(enveloped({"RewardId": 7, "ExternalCode": "EXT"})))
    canceled, not_canceled = (
        http(body_of(enveloped({"Id": 7, "IsCanceled": each}))) for each in (True, False)
    )
    script = Script([made, *[LOST] * 3, not_canceled, canceled])
    url, states = await raw_server(script.talk), []
    thrice = fast(max_attempts=3)
    async with SqliteLedger(tmp_path / "l") as ledger, client_at(url, ledger=ledger, retry=thrice) as client:
        await redeem(client)
        with pytest.raises(OutcomeUnknownError):
            await client.pos.cancel_redeem(7)
    for _ in range(2):
        states.append({each.operation: each.state for each in SqliteReader(tmp_path / "l").changes()})
        async with SqliteLedger(tmp_path / "l") as ledger, client_at(url, ledger=ledger) as client:
            with pytest.raises(ChangeKeyConflict, match="may have been"):
                await redeem(client)
            await client.pos.cancel_redeem(7, original_key="POS-ana-1-5-1")
    states.append({each.operation: each.state for each in SqliteReader(tmp_path / "l").changes()})
    cancel = "bonifiq.pos.cancel_redeem"
    assert [each[cancel] for each in states] == [State.UNKNOWN, State.UNKNOWN, State.APPLIED]
    assert {each["bonifiq.pos.redeem"] for each in states} == {State.APPLIED}


async def test_the_answer_of_another_redeem_takes_nothing_back(raw_server: Serve, tmp_path: Path) -> None:
    made = http(body_of(enveloped({"RewardId": 7, "ExternalCode": "EXT"})))
    script = Script([made, http(body_of(enveloped({"Id": 8, "IsCanceled": True})))])
    async with client_at(await raw_server(script.talk), ledger=MemoryLedger()) as client:
        await redeem(client)
        with pytest.raises(OutcomeUnknownError, match="is not the one that was asked for"):
            await client.pos.cancel_redeem(7)


async def test_what_is_said_of_another_redeem_says_nothing_of_this(raw_server: Serve) -> None:
    """Whether one is cancelled decides whether its discount is given."""
    script = Script([http(body_of({"Id": 8, "IsCanceled": False}))])
    async with client_at(await raw_server(script.talk)) as client:
        with pytest.raises(PayloadError, match="is not the one that was asked for"):
            await client.rewards.get(7)


async def test_what_was_not_taken_back_stands(raw_server: Serve, tmp_path: Path) -> None:
    """A repeat of it has its coupon, as before; so has one after a cancellation that never left."""
    made = http(body_of(enveloped({"RewardId": 7, "ExternalCode": "EXT"})))
    script = Script([made, http(body_of(enveloped({"Id": 7, "IsCanceled": False})))])
    url = await raw_server(script.talk)
    async with SqliteLedger(tmp_path / "l") as ledger, client_at(url, ledger=ledger) as client:
        await redeem(client)
        assert not (await client.pos.cancel_redeem(7)).is_canceled
    async with SqliteLedger(tmp_path / "l") as ledger, client_at(url, ledger=ledger) as client:
        assert await redeem(client) == 7


async def test_a_ledger_shows_what_was_given_back(tmp_path: Path) -> None:
    """Its sums come to what the customer has: what was taken, and what went back."""
    with Sandbox(customers={"ana": 50}) as sandbox:
        async with SqliteLedger(tmp_path / "l") as ledger, client_for(sandbox, ledger=ledger) as client:
            await by_number(client)
    found = {
        each.operation: (each.customer_id, each.value) for each in SqliteReader(tmp_path / "l").changes()
    }
    assert found == {
        "bonifiq.pos.redeem": ("ana", Decimal(-5)),
        "bonifiq.pos.cancel_redeem": ("ana", Decimal(5)),
    }


def test_what_takes_a_redeem_back_are_operations() -> None:
    assert set(UNDONE_BY) <= {each.name for each in OPERATIONS}
