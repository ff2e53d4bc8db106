"""A user's own tests with aioresponses, a mock for aiohttp, by the plugin's fixture."""

import asyncio
import json
import re
from decimal import Decimal

import aiohttp
import pytest
from aioresponses import CallbackResult, aioresponses
from conftest import fast
from yarl import URL

from bonifiq_async import (
    AuthenticationError,
    BasicCredentials,
    BonifiQClient,
    CashbackBatch,
    CashbackChange,
    Earn,
    Effect,
    Member,
    NotAppliedError,
    OutcomeUnknownError,
    Raba7niClient,
    Raba7niCredentials,
    RefusedError,
    Verdict,
)
from bonifiq_async.sandbox import FaultScript, Sandbox

HOST = "https://api.bonifiq.com.br"
BASE = f"{HOST}/v1/pvt/Customer/ANA"
CHANGE = CashbackChange.add("ANA", Decimal("10.50"), reason="Loyalty", reference="order-1")
CHANGED = '{"HasError":false,"Result":{"CustomerExists":true,"CashbackBalance":22.85}}'
USED = {"HasError": True, "ErrorMessage": "This ChangeKey was already used"}


@pytest.fixture
def client() -> BonifiQClient:
    """A client of the real provider's address, whose requests the mock answers."""
    return BonifiQClient(BasicCredentials("token", "key"), retry=fast())


def bodies(mock: aioresponses) -> list[str]:
    """Return the body of every request that a mock got, by public names of aiohttp."""
    return [call.kwargs["data"].decode() for calls in mock.requests.values() for call in calls]


async def test_a_read(mocked_aiohttp: aioresponses, client: BonifiQClient) -> None:
    mocked_aiohttp.get(f"{BASE}/points", body='{"CustomerExists":true,"CashbackBalance":12.35}')
    async with client:
        points = await client.customers.points("ANA")
    assert (points.customer_exists, points.cashback_balance) == (True, Decimal("12.35"))
    mocked_aiohttp.assert_called_once()


async def test_a_change_that_is_repeated(mocked_aiohttp: aioresponses, client: BonifiQClient) -> None:
    """Each mock answers once, in order; the bytes are those of the first attempt."""
    mocked_aiohttp.post(f"{BASE}/cashback", status=500)
    mocked_aiohttp.post(f"{BASE}/cashback", exception=aiohttp.ServerDisconnectedError())
    mocked_aiohttp.post(f"{BASE}/cashback", status=429, headers={"Retry-After": "0"})
    mocked_aiohttp.post(f"{BASE}/cashback", body=CHANGED)
    async with client:
        outcome = await client.customers.change_cashback(CHANGE)
    assert (outcome.effect, len(outcome.attempts)) == (Effect.APPLIED, 4)
    assert outcome.result.cashback_balance == Decimal("22.85")
    assert len(bodies(mocked_aiohttp)) == 4 and len(set(bodies(mocked_aiohttp))) == 1
    assert json.loads(bodies(mocked_aiohttp)[0])["ChangeKey"] == CHANGE.change_key


async def test_a_mock_that_repeats(mocked_aiohttp: aioresponses, client: BonifiQClient) -> None:
    """For ever, or a number of times; concurrent calls share it."""
    mocked_aiohttp.post(re.compile(f"^{HOST}/v1/pvt/Customer/.*/cashback$"), body=CHANGED, repeat=True)
    mocked_aiohttp.get(f"{BASE}/points", payload={"CustomerExists": True}, repeat=2)
    changes = [CashbackChange.add(f"c{n % 5}", Decimal(1), reason="r", reference=str(n)) for n in range(20)]
    async with client:
        outcomes = [outcome async for outcome in CashbackBatch(client).run(changes)]
        read = await asyncio.gather(*(client.customers.points("ANA") for _ in range(2)))
        with pytest.raises(NotAppliedError):
            await client.customers.points("ANA")
    assert {outcome.effect for outcome in outcomes} == {Effect.APPLIED}
    assert len({json.loads(body)["ChangeKey"] for body in bodies_of_posts(mocked_aiohttp)}) == 20
    assert [points.customer_exists for points in read] == [True, True]


def bodies_of_posts(mock: aioresponses) -> list[str]:
    return [
        call.kwargs["data"].decode()
        for (method, _), calls in mock.requests.items()
        for call in calls
        if method == "POST"
    ]


async def test_a_fault_without_an_end(mocked_aiohttp: aioresponses, client: BonifiQClient) -> None:
    """It ends as a real fault does."""
    mocked_aiohttp.post(f"{BASE}/cashback", status=500, repeat=True)
    async with client:
        with pytest.raises(OutcomeUnknownError):
            await client.customers.change_cashback(CHANGE)
        assert client.in_doubt() == (CHANGE.change_key,)


REFUSALS = {
    400: ({"HasError": True, "ErrorMessage": "no"}, RefusedError),
    401: ({}, AuthenticationError),
    403: ({}, AuthenticationError),
}


@pytest.mark.parametrize("status", REFUSALS)
async def test_a_refusal(status: int, mocked_aiohttp: aioresponses, client: BonifiQClient) -> None:
    payload, kind = REFUSALS[status]
    mocked_aiohttp.post(f"{BASE}/cashback", status=status, payload=payload)
    async with client:
        with pytest.raises(kind):
            await client.customers.change_cashback(CHANGE)


async def test_a_used_key(mocked_aiohttp: aioresponses, client: BonifiQClient) -> None:
    """After an answer that was lost."""
    mocked_aiohttp.post(f"{BASE}/cashback", status=502)
    mocked_aiohttp.post(f"{BASE}/cashback", status=409, payload=USED)
    async with client:
        assert (await client.customers.change_cashback(CHANGE)).effect is Effect.ALREADY_APPLIED


EXCEPTIONS = [
    aiohttp.ServerDisconnectedError(),
    aiohttp.ClientOSError(104, "Connection reset by peer"),
    aiohttp.ClientPayloadError("half a body"),
    TimeoutError(),
    RuntimeError("of the test itself"),
]


@pytest.mark.parametrize("error", EXCEPTIONS, ids=lambda error: type(error).__name__)
async def test_an_exception_of_a_mock_is_a_request_that_was_never_sent(
    error: Exception, mocked_aiohttp: aioresponses, client: BonifiQClient
) -> None:
    """Nothing was handed to a transport: the call repeats it, and ends without a doubt."""
    mocked_aiohttp.post(f"{BASE}/cashback", exception=error)
    mocked_aiohttp.post(f"{BASE}/cashback", body=CHANGED)
    async with client:
        outcome = await client.customers.change_cashback(CHANGE)
        assert [attempt.verdict for attempt in outcome.attempts] == [Verdict.NOT_SENT, Verdict.ACCEPTED]
        mocked_aiohttp.get(f"{BASE}/points", timeout=True, repeat=True)
        with pytest.raises(NotAppliedError):
            await client.customers.points("ANA")


async def test_an_address_that_is_not_mocked(mocked_aiohttp: aioresponses, client: BonifiQClient) -> None:
    """It counts as a refused connection."""
    async with client:
        with pytest.raises(NotAppliedError):
            await client.customers.change_cashback(CHANGE)
        assert client.in_doubt() == ()


@pytest.mark.parametrize("waits", [False, True], ids=["callback", "async callback"])
async def test_a_callback_answers(waits: bool, mocked_aiohttp: aioresponses, client: BonifiQClient) -> None:
    """With an answer made from the request."""
    asked = []

    def answer(url: URL, **given: object) -> CallbackResult:
        asked.append((url.path, json.loads(given["data"].decode(), parse_float=Decimal)["Value"]))
        return CallbackResult(status=500 if len(asked) == 1 else 200, body=CHANGED)

    async def later(url: URL, **given: object) -> CallbackResult:
        await asyncio.sleep(0)
        return answer(url, **given)

    mocked_aiohttp.post(f"{BASE}/cashback", callback=later if waits else answer, repeat=True)
    async with client:
        assert (await client.customers.change_cashback(CHANGE)).effect is Effect.APPLIED
    assert asked == [("/v1/pvt/Customer/ANA/cashback", Decimal("10.5"))] * 2


async def test_a_wait_for_an_answer_ends_at_the_deadline(
    mocked_aiohttp: aioresponses, client: BonifiQClient
) -> None:
    async def never(url: URL, **given: object) -> CallbackResult:
        await asyncio.Event().wait()
        raise AssertionError("an event that is never set")

    mocked_aiohttp.get(f"{BASE}/points", callback=never, repeat=True)
    async with client:
        with pytest.raises(NotAppliedError, match="deadline"):
            await client.customers.points("ANA", deadline=0.05)


@pytest.mark.mocked_aiohttp(passthrough=["http://127.0.0.1"])
async def test_what_is_passed_through_reaches_a_sandbox(
    mocked_aiohttp: aioresponses, client: BonifiQClient, bonifiq_sandbox: Sandbox, bonifiq_client_kwargs
) -> None:
    """Beside a mocked client; a lost answer counts as lost."""
    bonifiq_sandbox.faults = FaultScript(["close-after"])
    mocked_aiohttp.post(f"{BASE}/cashback", body=CHANGED)
    async with client, BonifiQClient(**bonifiq_client_kwargs) as real:
        assert (await client.customers.change_cashback(CHANGE)).result.cashback_balance == Decimal("22.85")
        outcome = await real.customers.change_cashback(CHANGE)
    assert [attempt.verdict for attempt in outcome.attempts] == [Verdict.LOST, Verdict.ACCEPTED]
    bonifiq_sandbox.assert_applied_once(CHANGE.change_key)


async def test_a_session_of_the_users_own(mocked_aiohttp: aioresponses) -> None:
    mocked_aiohttp.get(f"{BASE}/points", payload={"CustomerExists": True})
    async with aiohttp.ClientSession() as session:
        client = BonifiQClient(BasicCredentials("token", "key"), session=session)
        assert (await client.customers.points("ANA")).customer_exists is True


async def test_the_other_provider(mocked_aiohttp: aioresponses) -> None:
    """A write without de-duplication is not sent again after a mocked 500."""
    earn = Earn(card_id=10, member=Member.by_id(1), purchase_amount=Decimal(50), reference="r")
    address = "https://app.raba7ni.com/api/v1/cashback/cashback"
    mocked_aiohttp.post(f"{address}/earn", status=500)
    mocked_aiohttp.get(
        f"{address}/balance?card_id=10&member_id=1",
        payload={"success": True, "data": {"cashback_balance": 2}},
    )
    async with Raba7niClient(Raba7niCredentials("app", "key"), retry=fast()) as client:
        assert (await client.outcome_of(earn)).effect is Effect.UNKNOWN
        assert (await client.cashback.balance(10, 1)).cashback_balance == 2
