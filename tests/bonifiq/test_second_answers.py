"""What the answer to a repeat says of a safe write whose first answer was lost: it may be about the first."""

from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from typing import cast

import attrs
import pytest
from all_calls import SAMPLES, body_of, enveloped
from all_writes import OF_TABLE, SAFE, of_kinds
from conftest import client_for, http
from scripted_answers import LOST, Script, client_at

from bonifiq_async import BonifiQClient, ChangeKeyConflict, Outcome, OutcomeUnknownError, RefusedError
from bonifiq_async.bonifiq import RedeemRewardResponse
from bonifiq_async.sandbox import FaultScript, Sandbox

pytestmark = pytest.mark.filterwarnings("ignore::bonifiq_async.UnverifiedOperationWarning")
Serve = Callable[[Callable[..., Awaitable[None]]], Awaitable[str]]
NOT_CANCELED = enveloped({"isCanceled": False, "Status": 0})
NOT_DONE: Mapping[str, object] = {
    "customers.change_status": enveloped(False),
    "customers.change_tier": enveloped(False),
    "orders.cancel": NOT_CANCELED,
    "orders.complete": {"Result": {"IsCompleted": False}, "HasError": False, "ErrorMessage": None},
    "pos.cancel_order": NOT_CANCELED,
    "pos.cancel_redeem": enveloped({"Id": 7, "IsCanceled": False}),
    "pos.cancel_redeem_by_key": enveloped({"Id": 7, "IsCanceled": False}),
    "affiliates.upsert": enveloped(False),
    "affiliates.disable": enveloped(False),
}
"""Answers that say within a success that nothing was done."""
SAYS_NO_NO = {"customers.update", "customers.upsert", "customers.set_birthday"}
"""Answered with the customer as it is now: they have no member that says no."""
SAYS_IT_WAS_REPEATED = ("checkout.remove_cashback", "checkout.refresh")


async def made(name: str, answers: list[bytes | None], raw_server: Serve) -> object:
    async with client_at(await raw_server(Script(answers).talk)) as client:
        return await cast("Awaitable[object]", SAMPLES[name].call(client))


def test_every_safe_write_is_a_row() -> None:
    """And the table of operations names the member that says no."""
    assert NOT_DONE.keys() | SAYS_NO_NO | {*SAYS_IT_WAS_REPEATED} == {*of_kinds(SAFE)}
    assert {name for name, each in OF_TABLE.items() if each.done} == NOT_DONE.keys()


@pytest.mark.parametrize("name", NOT_DONE)
async def test_a_no_after_a_lost_answer_is_unknown(name: str, raw_server: Serve) -> None:
    """The lost request may have done it, and left nothing to do; by itself, the same answer is a result."""
    no = http(body_of(NOT_DONE[name]))
    with pytest.raises(OutcomeUnknownError, match=r"no whole answer.*its repeat says") as found:
        await made(name, [LOST, no], raw_server)
    assert (len(found.value.attempts), found.value.status, found.value.change_key) == (2, 200, None)
    result = await made(name, [no], raw_server)
    assert getattr(result, OF_TABLE[name].done) is False


@pytest.mark.parametrize("name", SAYS_IT_WAS_REPEATED)
async def test_a_warning_after_a_lost_answer_says_that_it_is_of_a_repeat(
    name: str, raw_server: Serve
) -> None:
    more = {"Severity": 1, "HasWarning": True, "Code": "04"}
    nothing = http(body_of(enveloped(None, **more)))
    found = [await made(name, answers, raw_server) for answers in ([LOST, nothing], [nothing])]
    assert [(each.removed, each.repeated) for each in found] == [(False, True), (False, False)]


# --- redeems that may have been taken back ---

CART = {"customer_id": "ana", "checkout_id": "cart", "reference": "cart-1", "cashback_value": Decimal(10)}
SALE = {"customer_id": "ana", "reference": "sale-1", "value": Decimal(10)}


@attrs.frozen
class Redeem:
    """A redeem, and a call that takes it back."""

    make: Callable[[BonifiQClient], Awaitable[Outcome[RedeemRewardResponse]]]
    take_back: Callable[[BonifiQClient, Outcome[RedeemRewardResponse]], Awaitable[object]]


TAKEN_BACK: Mapping[str, Redeem] = {
    "checkout.remove_cashback": Redeem(
        lambda c: c.checkout.redeem(**CART), lambda c, _: c.checkout.remove_cashback("ana", "cart")
    ),
    "checkout.refresh": Redeem(
        lambda c: c.checkout.redeem(**CART),
        lambda c, _: c.checkout.refresh("ana", "cart", total=Decimal(1)),
    ),
    "pos.cancel_redeem": Redeem(
        lambda c: c.pos.redeem(1, **SALE), lambda c, made: c.pos.cancel_redeem(made.result.reward_id)
    ),
    "pos.cancel_redeem_by_key": Redeem(
        lambda c: c.pos.redeem(1, **SALE),
        lambda c, made: c.pos.cancel_redeem_by_key(made.change.change_key),
    ),
}
"""Calls that take a redeem back."""


@pytest.mark.parametrize("name", TAKEN_BACK)
class TestARedeemThatMayHaveBeenTakenBack:
    """Its key stands for it still: the same redeem again would be answered with the old coupon."""

    async def test_by_a_call_whose_first_answer_was_lost(self, name: str) -> None:
        row = TAKEN_BACK[name]
        with Sandbox(customers={"ana": 50}) as sandbox:
            async with client_for(sandbox) as client:
                first = await row.make(client)
                sandbox.faults = FaultScript(["close-after"])
                await row.take_back(client, first)
                assert sandbox.balances()["ana"] == 50
                with pytest.raises(ChangeKeyConflict, match="this client took back"):
                    await row.make(client)

    @pytest.mark.parametrize("fault", ["close-after", "close-before"])
    async def test_by_a_call_that_never_got_an_answer(self, name: str, fault: str) -> None:
        """It is not said to stand, and not said to be gone, until the same call has an answer."""
        row = TAKEN_BACK[name]
        with Sandbox(customers={"ana": 50}) as sandbox:
            async with client_for(sandbox) as client:
                first = await row.make(client)
                sandbox.faults = FaultScript([fault] * 6)
                with pytest.raises(OutcomeUnknownError):
                    await row.take_back(client, first)
                requests = sandbox.books.requests
                with pytest.raises(ChangeKeyConflict, match="may have taken back"):
                    await row.make(client)
                assert sandbox.books.requests == requests
                await row.take_back(client, first)
                assert sandbox.balances()["ana"] == 50
                gone = fault == "close-before" or name.startswith("pos")  # a cart has nothing on it by then
                with pytest.raises(ChangeKeyConflict, match=f"this client {'took' if gone else 'may have'}"):
                    await row.make(client)

    async def test_by_a_call_that_was_refused(self, name: str) -> None:
        """Then it stands as before."""
        row = TAKEN_BACK[name]
        with Sandbox(customers={"ana": 50}) as sandbox:
            async with client_for(sandbox) as client:
                first = await row.make(client)
                sandbox.faults = FaultScript(["409"])
                with pytest.raises(RefusedError):
                    await row.take_back(client, first)
                again = await row.make(client)
                assert again.result.external_code == first.result.external_code
