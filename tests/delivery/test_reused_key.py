"""A key used again with another change, however the provider answers it: money moves once, for the first.

How a provider answers it is not documented, so that each way is tried: the first answer again, an error as
for the same change, an error that names another.
"""

from collections.abc import Callable
from decimal import Decimal

import pytest
from attrs import evolve
from conftest import change, client_for

from bonifiq_async import ChangeKeyConflict, Effect, MemoryLedger
from bonifiq_async.sandbox import FaultScript, Sandbox

FIRST = change("k", "10", "ANA")
OTHERS = {
    "another customer": evolve(FIRST, customer_id="BIA"),
    "another amount": evolve(FIRST, value=Decimal("10.01")),
    "the other way": evolve(FIRST, value=Decimal(-10)),
    "another reason": evolve(FIRST, reason="Other"),
    "another customer reason": evolve(FIRST, customer_reason="Thank you"),
}
WAYS = {
    # duplicates, reused_key, fault: what another client, without the first one's ledger, gets
    ("replay", None, ""): Effect.APPLIED,  # the answer is that of an applied change: no client can know
    ("replay", "replay", ""): Effect.APPLIED,
    ("error-400", "replay", ""): Effect.APPLIED,
    ("error-200", None, ""): Effect.ALREADY_APPLIED,  # by the provider's answer alone
    ("error-400", None, ""): Effect.ALREADY_APPLIED,
    ("error-409", None, ""): Effect.ALREADY_APPLIED,
    ("replay", "error-200", ""): Effect.REFUSED,
    ("replay", "error-400", ""): Effect.REFUSED,
    ("replay", "error-409", ""): Effect.REFUSED,
    ("error-400", "error-409", ""): Effect.REFUSED,
    ("replay", "error-409", "close-before"): Effect.UNKNOWN,  # a refusal proves nothing after a lost request
    ("replay", "error-409", "429"): Effect.REFUSED,
    ("error-409", None, "500-after"): Effect.ALREADY_APPLIED,
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS.keys())
@pytest.mark.parametrize(("way", "expected"), WAYS.items(), ids=lambda value: str(value))
async def test_another_client_under_a_used_key(
    way: tuple[str, str | None, str], expected: Effect, other: object, sandbox: Callable[..., Sandbox]
) -> None:
    duplicates, reused, fault = way
    server = sandbox(duplicates=duplicates, reused_key=reused, faults=FaultScript(["", fault]))
    async with client_for(server) as first, client_for(server) as second:
        assert (await first.outcome_of(FIRST)).effect is Effect.APPLIED
        outcome = await second.outcome_of(other)
    assert outcome.effect is expected
    assert [effected.customer_id for effected in server.books.effects("k")] == ["ANA"]
    assert server.books.balances() == {"ANA": 10}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS.keys())
@pytest.mark.parametrize("reused", [None, "replay", "error-409"])
@pytest.mark.parametrize("shared", [False, True], ids=["one client", "one ledger"])
async def test_a_ledger_refuses_another_change_unsent(
    shared: bool, reused: str | None, other: object, sandbox: Callable[..., Sandbox]
) -> None:
    """Whatever the provider would answer."""
    server = sandbox(reused_key=reused)
    async with MemoryLedger() as ledger, client_for(server, ledger=ledger) as first:
        assert (await first.outcome_of(FIRST)).effect is Effect.APPLIED
        async with client_for(server, ledger=ledger if shared else None) as second:
            with pytest.raises(ChangeKeyConflict):
                await (second if shared else first).customers.change_cashback(other)
    assert server.books.requests == 1


@pytest.mark.parametrize("duplicates", ["replay", "error-200", "error-400", "error-409"])
@pytest.mark.parametrize("reused", [None, "replay", "error-400"])
async def test_the_same_change_of_another_client(
    duplicates: str, reused: str | None, sandbox: Callable[..., Sandbox]
) -> None:
    """It is the same in any spelling of its amount, and gets the answer for a used key."""
    server = sandbox(duplicates=duplicates, reused_key=reused)
    async with client_for(server) as first, client_for(server) as second:
        await first.outcome_of(FIRST)
        outcome = await second.outcome_of(evolve(FIRST, value=Decimal("10.00"), customer_reason="  "))
    assert outcome.effect is (Effect.APPLIED if duplicates == "replay" else Effect.ALREADY_APPLIED)
    server.assert_applied_once("k")
