"""A user's own tests: the client works under the mock that users of aiohttp know."""

from collections.abc import Iterator
from decimal import Decimal
from unittest.mock import Mock

import aiohttp
import pytest
from aioresponses import aioresponses, core
from conftest import fast

from bonifiq_async import BasicCredentials, BonifiQClient, CashbackChange, Effect, OutcomeUnknownError

BASE = "https://api.bonifiq.com.br/v1/pvt/Customer/ANA"


class MockedResponse(aiohttp.ClientResponse):
    """aiohttp 3.14 asks for a `stream_writer`, of which aioresponses 0.7.9 does not know."""

    def __init__(self, *args: object, **named: object) -> None:
        named.setdefault("stream_writer", Mock(output_size=0))
        super().__init__(*args, **named)


@pytest.fixture
def mocked(monkeypatch: pytest.MonkeyPatch) -> Iterator[aioresponses]:
    """The mock, with the shim as its response class."""
    monkeypatch.setattr(core, "ClientResponse", MockedResponse)
    with aioresponses() as mock:
        yield mock


@pytest.fixture
def client() -> BonifiQClient:
    """A client of the real provider, which the mock keeps from being reached."""
    return BonifiQClient(BasicCredentials("token", "key"), retry=fast())


CHANGE = CashbackChange.add("ANA", Decimal("10.50"), reason="Loyalty", reference="order-1")
CHANGED = '{"HasError":false,"Result":{"CustomerExists":true,"CashbackBalance":22.85}}'


async def test_points(mocked: aioresponses, client: BonifiQClient) -> None:
    mocked.get(f"{BASE}/points", body='{"CustomerExists":true,"CashbackBalance":12.35}')
    async with client:
        points = await client.customers.points("ANA")
    assert (points.customer_exists, points.cashback_balance) == (True, Decimal("12.35"))


async def test_change_cashback(mocked: aioresponses, client: BonifiQClient) -> None:
    mocked.post(f"{BASE}/cashback", status=500)
    mocked.post(f"{BASE}/cashback", exception=aiohttp.ServerDisconnectedError())
    mocked.post(f"{BASE}/cashback", body=CHANGED)
    async with client:
        outcome = await client.customers.change_cashback(CHANGE)
    assert (outcome.effect, len(outcome.attempts)) == (Effect.APPLIED, 3)
    assert outcome.result.cashback_balance == Decimal("22.85")
    (calls,) = mocked.requests.values()
    assert len({call.kwargs["data"]._value for call in calls}) == 1


async def test_a_mocked_fault_ends_as_a_real_one(mocked: aioresponses, client: BonifiQClient) -> None:
    mocked.post(f"{BASE}/cashback", status=500, repeat=True)
    async with client:
        with pytest.raises(OutcomeUnknownError):
            await client.customers.change_cashback(CHANGE)
        assert client.in_doubt() == (CHANGE.change_key,)
