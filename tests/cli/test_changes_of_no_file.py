"""What the commands that read a ledger say of redeems and partial cancels, which no file can have."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from conftest import client_for
from console import Console
from one_test import one_test
from recorded import NOON, recorded

from bonifiq_async import Effect, OutcomeUnknownError, RetryPolicy, SqliteLedger
from bonifiq_async.bonifiq import CreateCustomerRequest
from bonifiq_async.bonifiq.files import BonifiQStatements
from bonifiq_async.bonifiq.operations.redeems import REDEEM_CHECKOUT
from bonifiq_async.cli.afterwards.comparison import Agreement, Asked, compare
from bonifiq_async.cli.afterwards.statement import AccountStatement, StatementLine
from bonifiq_async.cli.exit_codes import Exit
from bonifiq_async.ledger.protocol import State
from bonifiq_async.sandbox import FaultScript, Rule, Sandbox

FIVE = Decimal(5)


async def write(sandbox: Sandbox) -> list[Effect]:
    """Redeem twice and cancel a part of an order, under a ledger; return what came of each."""
    effects = []
    once = RetryPolicy(max_attempts=1)
    async with SqliteLedger("l") as ledger, client_for(sandbox, ledger=ledger, retry=once) as client:
        await client.orders.create(
            original_id="o",
            order_placement_date=datetime(2026, 1, 1, tzinfo=UTC),
            order_total=Decimal(50),
            customer=CreateCustomerRequest(original_id="ana"),
        )
        for call in (
            client.pos.redeem(1, customer_id="ana", value=FIVE, reference="1"),
            client.checkout.redeem(customer_id="ana", checkout_id="c", reference="all"),
            client.orders.cancel_partially("o", value_to_refund=FIVE, reference="1"),
        ):
            try:
                effects.append((await call).effect)
            except OutcomeUnknownError:
                effects.append(Effect.UNKNOWN)
    return effects


@pytest.fixture
def in_doubt(console: Console) -> Iterator[Sandbox]:
    rule = Rule("close-after", key="*", times_per_key=1)
    with Sandbox(customers={"ana": 100}, faults=FaultScript(rules=[rule])) as sandbox:
        assert asyncio.run(write(sandbox)) == [Effect.UNKNOWN] * 3
        yield sandbox


def test_they_are_settled_by_their_call_or_by_a_word(console: Console, in_doubt: Sandbox) -> None:
    """The provider does de-duplicate them; this command has not what it takes to send them again."""
    requests = in_doubt.books.requests
    ended = console("settle", "l", "--all-by-repeating", "--yes", sandbox=in_doubt)
    assert (ended.code, in_doubt.books.requests) == (Exit.USAGE, requests)
    assert "3 changes in doubt are not repeated" in ended.err and "de-duplicates none" not in ended.err
    assert "the same call of the program" in ended.err and "--key" in ended.err
    shown = console("status", "l", sandbox=in_doubt).out
    assert "the same call of the program" in shown and "--all-by-repeating" not in shown
    assert console("report", "l", "--html", "r.html").code == 0
    assert "the same call of the program" in (console.folder / "r.html").read_text("utf-8")


def test_a_file_and_a_program_may_both_have_left_some(console: Console, in_doubt: Sandbox) -> None:

    async def add() -> None:
        once = RetryPolicy(max_attempts=1)
        async with SqliteLedger("l") as ledger, client_for(in_doubt, ledger=ledger, retry=once) as client:
            with pytest.raises(OutcomeUnknownError):
                await client.customers.add_cashback("bia", FIVE, reason="r", reference="1")

    asyncio.run(add())
    shown = console("status", "l", sandbox=in_doubt).out
    assert "the same call of the program" in shown and "--all-by-repeating" in shown


def test_a_redeem_of_all_there_is_has_no_known_amount(console: Console, in_doubt: Sandbox) -> None:
    assert "1 of these has no known amount" in console("status", "l", sandbox=in_doubt).out
    told = json.loads(console("status", "l", "--json", sandbox=in_doubt).out)
    assert told["without_amount"] == 1


def test_applied_redeems_explain_their_movements(console: Console) -> None:
    """That of the maximum may be the other one; a partial cancel names no customer."""
    with Sandbox(customers={"ana": 100}) as sandbox:
        assert set(asyncio.run(write(sandbox))) == {Effect.APPLIED}
        ended = console("reconcile", "l", "--json", sandbox=sandbox)
        found = json.loads(ended.out)
        assert (found["agrees"], found["not_ours"]) == (1, 0), ended.out
        assert {row["operation"] for row in found["differing"]} == {"redeem", None}
        assert {row["agreement"] for row in found["differing"]} == {"cannot tell"}


@one_test
@pytest.mark.parametrize(
    ("state", "value", "shown", "agreement"),
    [
        (State.APPLIED, -5, -5, Agreement.AGREES),
        (State.UNKNOWN, -5, -5, Agreement.IN_DOUBT),
        (State.APPLIED, -5, None, Agreement.CANNOT_TELL),
        (State.APPLIED, -5, -4, Agreement.CANNOT_TELL),
        (State.APPLIED, 0, -4, Agreement.CANNOT_TELL),
    ],
)
def test_what_a_redeem_took_the_provider_decides(
    state: State, value: int, shown: int | None, agreement: Agreement
) -> None:
    """So that a movement which is not there says nothing: it may have been of less, or taken back."""
    redeem = recorded(state, operation=REDEEM_CHECKOUT.name, value=Decimal(value))
    at = datetime.fromtimestamp(NOON, UTC)
    lines = () if shown is None else (StatementLine(at, Decimal(shown), ""),)
    statement = AccountStatement(Decimal(0), lines, complete=True)
    asked = Asked(redeem, BonifiQStatements().moved_by(redeem, statement))
    assert compare([asked], statement, (0, float("inf")))[0].agreement is agreement
