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

from bonifiq_async import Effect, Outcome, OutcomeUnknownError, RetryPolicy, SqliteLedger
from bonifiq_async.bonifiq import CreateCustomerRequest, RedeemProductInput, RedeemRewardResponse
from bonifiq_async.bonifiq.files import ADAPTER, BonifiQStatements
from bonifiq_async.bonifiq.operations import CHANGE_CASHBACK
from bonifiq_async.bonifiq.operations.redeems import REDEEM_CHECKOUT
from bonifiq_async.cli.afterwards.comparison import Agreement, Asked, compare
from bonifiq_async.cli.afterwards.statement import AccountStatement, StatementLine
from bonifiq_async.cli.exit_codes import Exit
from bonifiq_async.ledger.protocol import State
from bonifiq_async.sandbox import FaultScript, Rule, Sandbox

FIVE = Decimal(5)
KEYS = ("POS-ana-1-5-1", "CHECKOUT-ana-c-ALL-all", "CANCEL-o-5-1")


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


pytestmark = pytest.mark.filterwarnings("ignore::bonifiq_async.UnverifiedOperationWarning")


@pytest.fixture
def in_doubt(console: Console) -> Iterator[Sandbox]:
    rule = Rule("close-after", key="*", times_per_key=1)
    faults = FaultScript(rules=[rule])
    with Sandbox(customers={"ana": 100, "bia": 0}, faults=faults, reused_key="error-409") as sandbox:
        assert asyncio.run(write(sandbox)) == [Effect.UNKNOWN] * 3
        yield sandbox


def test_they_are_sent_again_as_they_were(console: Console, in_doubt: Sandbox) -> None:
    """Under their keys, with the same request, and nothing moves twice."""
    before = in_doubt.balances()
    shown = console("status", "l", sandbox=in_doubt).out
    assert "--all-by-repeating" in shown
    assert console("report", "l", "--html", "r.html").code == 0
    assert "--all-by-repeating" in (console.folder / "r.html").read_text("utf-8")
    ended = console(
        "settle", "l", "--all-by-repeating", "--yes", "--out", "o.jsonl", "--json", sandbox=in_doubt
    )
    assert ended.code == Exit.DONE, ended.err
    assert "3 of them are of a program" in ended.err and "R$ 5.00" in ended.err
    assert in_doubt.balances() == before
    assert [in_doubt.books.requests_for(key) for key in KEYS] == [2, 2, 2]
    told = [json.loads(line) for line in (console.folder / "o.jsonl").read_text().splitlines()]
    found = {each["change_key"]: (each["effect"], each["external_code"]) for each in told}
    assert found == dict(
        zip(KEYS, [("applied", "EXT-1"), ("applied", "EXT-2"), ("applied", None)], strict=True)
    )
    assert [each["value"] for each in told if each["change_key"].startswith("CANCEL")] == [None]
    states = json.loads(console("status", "l", "--json", sandbox=in_doubt).out)["states"]
    assert states["applied"]["changes"] == 3


def test_the_program_goes_on_with_what_was_settled(console: Console, in_doubt: Sandbox) -> None:
    """The coupon of a redeem is remembered as if the program had made it."""
    assert console("settle", "l", "--all-by-repeating", "--yes", sandbox=in_doubt).code == Exit.DONE

    async def redeemed() -> Outcome[RedeemRewardResponse]:
        async with SqliteLedger("l") as ledger, client_for(in_doubt, ledger=ledger) as client:
            return await client.pos.redeem(1, customer_id="ana", value=FIVE, reference="1")

    outcome = asyncio.run(redeemed())
    assert outcome.effect is Effect.ALREADY_APPLIED and outcome.result is not None
    assert outcome.result.external_code == "EXT-1"


def test_what_is_not_counted_once_is_named_and_left(console: Console, in_doubt: Sandbox) -> None:
    """Each with why, and what to do."""
    add_in_doubt(in_doubt)
    assert "not known to count" in console("status", "l", sandbox=in_doubt).out
    ended = console("settle", "l", "--all-by-repeating", "--yes", sandbox=in_doubt)
    assert ended.code == Exit.UNKNOWN
    _, said = ended.err.replace("\n", " ").split("Not repeated: ")
    assert said.startswith("PRODUCT-ana-1-sku-1 (redeem_product_discount), because bonifiq is not known")
    assert "--key, --as and --note" in said


def test_what_a_ledger_did_not_keep_whole_is_left_to_its_call() -> None:
    """A ledger that does not give the path of a request: cashback needs none."""
    assert not ADAPTER.kept().ledger_alone_knows  # whatever it names is sent again
    redeem = recorded(State.UNKNOWN, operation=REDEEM_CHECKOUT.name, path="")
    assert not ADAPTER.sends_again(redeem)
    assert ADAPTER.sends_again(recorded(State.UNKNOWN, operation=REDEEM_CHECKOUT.name, path="/v1/x"))
    assert ADAPTER.sends_again(recorded(State.UNKNOWN, operation=CHANGE_CASHBACK.name, path=""))


def add_in_doubt(sandbox: Sandbox) -> None:
    async def add() -> None:
        once = RetryPolicy(max_attempts=1)
        async with SqliteLedger("l") as ledger, client_for(sandbox, ledger=ledger, retry=once) as client:
            with pytest.raises(OutcomeUnknownError):
                await client.reward_configurations.redeem_product_discount(
                    1,
                    customer_id="ana",
                    product=RedeemProductInput(external_product_id="sku", quantity=1, product_price=FIVE),
                    reference="1",
                )

    asyncio.run(add())


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


def test_what_an_order_gave_and_lost_may_be_ours(console: Console) -> None:
    """The ledger has no orders, and of a part that was cancelled no customer."""

    async def sell(sandbox: Sandbox) -> None:
        async with SqliteLedger("l") as ledger, client_for(sandbox, ledger=ledger) as client:
            await client.customers.add_cashback("ana", FIVE, reason="r", reference="1")
            await client.orders.create(
                original_id="o",
                order_placement_date=datetime(2026, 1, 1, tzinfo=UTC),
                order_completed_date=datetime(2026, 1, 2, tzinfo=UTC),
                is_completed=True,
                order_total=Decimal(200),
                customer=CreateCustomerRequest(original_id="ana"),
            )

    async def take_back(sandbox: Sandbox) -> None:
        async with SqliteLedger("l") as ledger, client_for(sandbox, ledger=ledger) as client:
            await client.orders.cancel_partially("o", value_to_refund=Decimal(100), reference="1")

    with Sandbox(customers={"ana": 100}) as sandbox:
        asyncio.run(sell(sandbox))
        found = json.loads(console("reconcile", "l", "--json", sandbox=sandbox).out)
        assert (found["agrees"], found["may_be_ours"], found["not_ours"]) == (1, 1, 0)
        asyncio.run(take_back(sandbox))
        ended = console("reconcile", "l", "--json", sandbox=sandbox)
        found = json.loads(ended.out)
        assert (found["agrees"], found["may_be_ours"], found["not_ours"]) == (1, 2, 0), ended.out
        assert ended.code == Exit.UNKNOWN
        asyncio.run(credit(sandbox))
        ended = console("reconcile", "l", "--json", sandbox=sandbox)
        assert json.loads(ended.out)["may_be_ours"] == 3  # at the time of the part that was cancelled


def test_what_was_taken_back_stands_beside_its_redeem(console: Console) -> None:
    """Each command that reads a ledger shows both; one of a redeem that another made names no customer."""

    async def both(sandbox: Sandbox) -> None:
        async with SqliteLedger("l") as ledger, client_for(sandbox, ledger=ledger) as client:
            for reference in ("1", "2"):
                await client.pos.redeem(1, customer_id="ana", value=FIVE, reference=reference)
            await client.pos.cancel_redeem(1)
        async with SqliteLedger("l") as ledger, client_for(sandbox, ledger=ledger) as client:
            await client.pos.cancel_redeem(2, original_key="POS-ana-1-5-2")

    with Sandbox(customers={"ana": 100}) as sandbox:
        asyncio.run(both(sandbox))
        told = console("history", "l", "--json", sandbox=sandbox).out
        found = json.loads(console("reconcile", "l", "--json", sandbox=sandbox).out)
        assert console("report", "l", "--html", "r.html").code == Exit.DONE
        assert "R$ 5.00" in console("status", "l", sandbox=sandbox).out
    lines = [json.loads(line) for line in told.splitlines()]
    assert [(each["operation"], each["customer_id"], each["value"]) for each in lines] == [
        ("redeem", "ana", -5),
        ("redeem", "ana", -5),
        ("cancel_redeem", "ana", 5),
        ("cancel_redeem", "redeem 2", 0),
    ]
    assert (found["agrees"], found["missing_there"], found["not_ours"]) == (3, 0, 0)
    assert found["may_be_ours"] == 1  # of the other, which names no customer


async def credit(sandbox: Sandbox) -> None:
    """Add cashback that no ledger has."""
    async with client_for(sandbox) as client:
        await client.customers.add_cashback("ana", Decimal(3), reason="r", reference="elsewhere")


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
