"""Every change under a key beside cashback: one class a behaviour, a row an operation."""

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import cast

import pytest
from all_calls import SAMPLES, body_of, enveloped
from conftest import client_for, http, read_request, until
from scripted_answers import LOST, Script, client_at

from bonifiq_async import (
    BonifiQClient,
    CashbackBatch,
    CashbackChange,
    ChangeKeyConflict,
    Effect,
    Outcome,
    OutcomeUnknownError,
    PointsChange,
    RefusedError,
    SqliteLedger,
)
from bonifiq_async.bonifiq.operations.changes import CHANGES
from bonifiq_async.bonifiq.operations.table import documented
from bonifiq_async.bonifiq.schemas.redeems import RedeemRewardResponse
from bonifiq_async.ledger.protocol import State
from bonifiq_async.ledger.reader import recorded
from bonifiq_async.ledger.settling import PersonsWord
from bonifiq_async.ledger.sqlite.reader import SqliteReader
from bonifiq_async.sandbox import FaultScript, Rule, Sandbox

pytestmark = pytest.mark.filterwarnings("ignore::bonifiq_async.UnverifiedOperationWarning")
ONCE = "reward_configurations.redeem_product_discount"
"""Has a key that the provider is not known to count: it is sent once."""
KEYS = {documented(each).called: str(documented(each).key) for each in CHANGES}
KEYED = sorted(KEYS.keys() - {ONCE})
Serve = Callable[[Callable[..., Awaitable[None]]], Awaitable[str]]


async def made(name: str, client: BonifiQClient) -> Outcome[object]:
    return await cast("Awaitable[Outcome[object]]", SAMPLES[name].call(client))


def yes(name: str) -> bytes:
    return http(body_of(SAMPLES[name].answer))


def used(name: str, status: int) -> bytes:
    """Return an answer that says that the key was used before."""
    words = f"This {KEYS[name]} was already used"
    return http(body_of(enveloped(None, HasError=True, Severity=2, ErrorMessage=words)), status=f"{status} X")


REFUSED = http(
    body_of(enveloped(None, HasError=True, Severity=2, ErrorMessage="Not enough")), status="400 No"
)


def test_every_operation_with_a_key_is_a_row() -> None:
    assert {name for name, sample in SAMPLES.items() if sample.outcome} == {*KEYED, ONCE} == KEYS.keys()


@pytest.mark.parametrize("name", [*KEYED, ONCE])
class TestAKey:
    """It stands for one change, however often and with whatever else it is asked for."""

    async def test_it_stands_for_no_other_operation(self, name: str, raw_server: Serve) -> None:
        """Cashback under the key of a redeem is not sent."""
        script = Script([yes(name)])
        async with client_at(await raw_server(script.talk)) as client:
            key = (await made(name, client)).change.change_key
            with pytest.raises(ChangeKeyConflict):
                await client.customers.add_cashback("zoe", Decimal(1), reason="r", change_key=key)
        assert len(script.bodies) == 1

    async def test_a_refusal_leaves_it_free(self, name: str, raw_server: Serve) -> None:
        script = Script([REFUSED, yes(name)])
        async with client_at(await raw_server(script.talk)) as client:
            with pytest.raises(RefusedError, match="Not enough"):
                await made(name, client)
            assert (await made(name, client)).effect is Effect.APPLIED


@pytest.mark.parametrize("name", KEYED)
async def test_a_cancelled_call_is_sent_again_as_it_was(name: str, raw_server: Serve, tmp_path: Path) -> None:
    """By another run: the same bytes, which its ledger has."""
    script = Script([None, yes(name)])
    url = await raw_server(script.talk)
    async with SqliteLedger(tmp_path / "l") as ledger, client_at(url, ledger=ledger) as client:
        call = asyncio.create_task(made(name, client))
        await until(lambda: len(script.bodies) == 1)
        call.cancel()
        await asyncio.wait([call])
    async with SqliteLedger(tmp_path / "l") as ledger, client_at(url, ledger=ledger) as client:
        assert (await made(name, client)).effect is Effect.APPLIED
    assert script.bodies[0] == script.bodies[1]
    (change,) = recorded(SqliteReader(tmp_path / "l"), {State.APPLIED})
    assert change.body == script.bodies[0]


REDEEMS = ["checkout.redeem", "pos.redeem", ONCE]


@pytest.mark.parametrize("name", REDEEMS)
class TestARepeatOfARedeem:
    """It has what the order takes as its coupon, and what the redeem is cancelled with."""

    async def test_from_memory(self, name: str, raw_server: Serve) -> None:
        async with client_at(await raw_server(Script([coupon("EXT 1=%")]).talk)) as client:
            for _ in range(3):
                assert coupon_of(await made(name, client)) == (7, "EXT 1=%")

    async def test_from_a_ledger_in_another_run(self, name: str, raw_server: Serve, tmp_path: Path) -> None:
        """And what was not said stays unknown, as in a result."""
        script = Script([coupon("EXT\n1 notice=a"), coupon(None)])
        url = await raw_server(script.talk)
        for file, code in (("a", "EXT\n1 notice=a"), ("b", None)):
            for _ in range(2):
                async with SqliteLedger(tmp_path / file) as ledger, client_at(url, ledger=ledger) as client:
                    assert coupon_of(await made(name, client)) == (7, code)
        assert len(script.bodies) == 2


NO_IDS = (None, 0, -7, 2**31, 10**400)


@pytest.mark.parametrize("name", REDEEMS)
class TestARedeemWithoutANumber:
    """It is used and taken back by `RewardId`: a success that has none, or no id, is no proof."""

    @pytest.mark.parametrize("number", NO_IDS, ids=lambda each: f"{each!s:.12}")
    async def test_is_unknown(self, name: str, number: int | None, raw_server: Serve) -> None:
        answer = http(body_of(enveloped({"RewardId": number, "ExternalCode": "EXT-1"})))
        async with client_at(await raw_server(Script([answer]).talk)) as client:
            with pytest.raises(OutcomeUnknownError, match="RewardId") as caught:
                await made(name, client)
            assert client.in_doubt() == (caught.value.change_key,)
        assert caught.value.answer is not None and b"EXT-1" in caught.value.answer

    async def test_so_is_the_answer_of_another(self, name: str, raw_server: Serve) -> None:
        answer = http(body_of(enveloped({"RewardId": 7, "OriginalKey": "another"})))
        async with client_at(await raw_server(Script([answer]).talk)) as client:
            with pytest.raises(OutcomeUnknownError, match="OriginalKey is not the one that was sent"):
                await made(name, client)

    async def test_the_largest_id_is_one(self, name: str, raw_server: Serve) -> None:
        answer = http(body_of(enveloped({"RewardId": 2**31 - 1, "OriginalKey": None})))
        async with client_at(await raw_server(Script([answer]).talk)) as client:
            assert coupon_of(await made(name, client)) == (2**31 - 1, None)


async def test_a_used_key_has_no_coupon(raw_server: Serve) -> None:
    """The provider gives no result, then or later."""
    async with client_at(await raw_server(Script([used("pos.redeem", 409)]).talk)) as client:
        assert [(await made("pos.redeem", client)).result for _ in range(2)] == [None, None]


class TestARedeemThatWasTakenBack:
    """Its key stands for it still: the same call again would be a discount for which nothing is taken."""

    @pytest.mark.parametrize("by_key", [False, True])
    async def test_at_the_point_of_sale(self, by_key: bool, raw_server: Serve) -> None:
        canceled = http(body_of(enveloped({"IsCanceled": True})))
        script = Script([coupon("EXT-1"), http(body_of(enveloped({"IsCanceled": False}))), canceled])
        async with client_at(await raw_server(script.talk)) as client:
            key = (await made("pos.redeem", client)).change.change_key
            await client.pos.cancel_redeem(7)
            assert coupon_of(await made("pos.redeem", client)) == (7, "EXT-1")  # it was not canceled
            await (client.pos.cancel_redeem_by_key(key) if by_key else client.pos.cancel_redeem(7))
            with pytest.raises(ChangeKeyConflict, match="took back") as found:
                await made("pos.redeem", client)
        assert found.value.change_key == key and len(script.bodies) == 3

    async def test_at_the_checkout(self) -> None:
        """Another key takes the cashback again. The answer of the second removal is lost."""
        script = FaultScript(rules=[Rule("close-after", requests=[4])])
        with Sandbox(customers={"ana": 50}, faults=script) as sandbox:
            async with client_for(sandbox) as client:
                for reference in ("cart-1", "cart-1/2"):
                    cart = {"customer_id": "ana", "checkout_id": "cart-1", "reference": reference}
                    await client.checkout.redeem(**cart, cashback_value=Decimal(10))
                    assert sandbox.balances()["ana"] == 40
                    removal = await client.checkout.remove_cashback("ana", "cart-1")
                    assert removal.removed or removal.repeated
                    with pytest.raises(ChangeKeyConflict, match="took back"):
                        await client.checkout.redeem(**cart, cashback_value=Decimal(10))


def coupon(code: str | None) -> bytes:
    return http(body_of(enveloped({"RewardId": 7, "ExternalCode": code})))


def coupon_of(outcome: Outcome[object]) -> tuple[int | None, str | None]:
    assert isinstance(outcome.result, RedeemRewardResponse)
    return outcome.result.reward_id, outcome.result.external_code


class TestWhatIsSentOnce:
    """A key that the provider is not known to count: what is in doubt is not sent again, by no run."""

    async def test_in_doubt_until_a_person_has_looked(self, raw_server: Serve, tmp_path: Path) -> None:
        script = Script([LOST, yes(ONCE)])
        url = await raw_server(script.talk)
        for _ in range(2):
            async with SqliteLedger(tmp_path / "l") as ledger, client_at(url, ledger=ledger) as client:
                with pytest.raises(OutcomeUnknownError) as caught:
                    await made(ONCE, client)
        assert len(script.bodies) == 1
        SqliteReader(tmp_path / "l").settle(
            str(caught.value.change_key), PersonsWord(State.NOT_APPLIED, "looked")
        )
        async with SqliteLedger(tmp_path / "l") as ledger, client_at(url, ledger=ledger) as client:
            assert (await made(ONCE, client)).effect is Effect.APPLIED


async def test_a_batch_takes_cashback_and_points(raw_server: Serve) -> None:
    """In the order of each customer, each sum in its unit."""
    paths = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head, _ = await read_request(reader)
        paths.append(head.split(b" ")[1].decode().removeprefix("/v1/pvt/Customer/"))
        writer.write(http(body_of(enveloped({"PointsBalance": 1}))))

    changes: list[CashbackChange | PointsChange] = []
    for number in range(10):
        changes.append(CashbackChange.add("ana", Decimal("0.50"), reason="r", reference=f"{number}"))
        changes.append(PointsChange.remove("ana", 5, reason="r", reference=f"{number}"))
        changes.append(PointsChange.add("bia", 7, reason="r", reference=f"{number}"))
    async with client_at(await raw_server(talk)) as client:
        batch = CashbackBatch(client)
        outcomes = [outcome async for outcome in batch.run(changes)]
    assert {each.effect for each in outcomes} == {Effect.APPLIED}
    assert batch.summary.by_unit == {"BRL": (Decimal(5), 0), "points": (70, 50)}
    assert (batch.summary.value_added, batch.summary.value_removed) == (None, None)
    of_ana = [path for path in paths if path.startswith("ana")]
    assert of_ana == ["ana/cashback", "ana/points"] * 10


async def test_the_token_of_a_cart_is_in_no_error(raw_server: Serve, tmp_path: Path) -> None:
    """Nor in a repr, nor in what a ledger keeps of the answer; of the request it is a part."""
    token = "canary-cart-token"
    words = enveloped(None, HasError=True, Severity=2, ErrorMessage=f"no cart {token}")
    script = Script([http(body_of(words), status="400 No")])
    url = await raw_server(script.talk)
    async with SqliteLedger(tmp_path / "l") as ledger, client_at(url, ledger=ledger) as client:
        with pytest.raises(RefusedError, match=r"no cart \*\*\*") as caught:
            await client.checkout.redeem(customer_id="ana", checkout_id="c", token=token, reference="1")
    (change,) = recorded(SqliteReader(tmp_path / "l"), {State.REFUSED})
    assert token not in repr(caught.value.__dict__) + str(change.error) + str(change.answer)
    assert token.encode() in script.bodies[0] == change.body
