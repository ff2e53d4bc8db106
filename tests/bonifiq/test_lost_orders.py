"""What is never repeated and got no answer: how its caller learns what became of it."""

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import cast

import pytest
from all_calls import ORDER, SAMPLES, body_of, enveloped
from conftest import client_for, fast, http, read_request

from bonifiq_async import BasicCredentials, BonifiQClient, OutcomeUnknownError, PayloadError, RefusedError
from bonifiq_async._model.operation import RepeatClass
from bonifiq_async.bonifiq.operations.table import OPERATIONS, documented
from bonifiq_async.sandbox import Sandbox

Serve = Callable[[Callable[..., Awaitable[None]]], Awaitable[str]]
NO_KEY = [each for each in OPERATIONS if each.repeat is RepeatClass.NEVER and documented(each).key is None]


async def server_of(raw_server: Serve, answer: bytes) -> str:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(answer)

    return await raw_server(talk)


def client_at(url: str) -> BonifiQClient:
    return BonifiQClient(BasicCredentials("t", "k"), base_url=url, retry=fast())


async def test_an_order_is_found_where_it_is() -> None:
    with Sandbox(customers={"ana": 0}) as sandbox:
        async with client_for(sandbox) as client:
            assert await client.orders.find("order-1") is None
            await client.orders.create(**ORDER)
            found = await client.orders.find(str(ORDER["original_id"]))
    assert found is not None and found.original_id == ORDER["original_id"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422])
async def test_only_the_name_of_a_missing_order_says_that_there_is_none(
    status: int, raw_server: Serve
) -> None:
    """A refusal for another reason says nothing of the order; nor does a name beside refused credentials."""
    failed = {"HasError": True, "Severity": 2, "ErrorMessage": "no"}
    for name in (None, "Customer_NotFound", "Order_NotFound"):
        words = body_of(enveloped(None, **failed, **({} if name is None else {"CodeName": name})))
        async with client_at(await server_of(raw_server, http(words, status=f"{status} X"))) as client:
            if name == "Order_NotFound" and status not in (401, 403):
                assert await client.orders.find("order-1") is None
                continue
            with pytest.raises(RefusedError):
                await client.orders.find("order-1")
    page = http(b"<html>Not here</html>", status=f"{status} X")
    async with client_at(await server_of(raw_server, page)) as client:
        with pytest.raises((RefusedError, PayloadError)):
            await client.orders.find("order-1")


@pytest.mark.parametrize("named", [None, "order-2"])
async def test_an_answer_that_does_not_name_the_order_says_nothing_of_it(
    named: str | None, raw_server: Serve
) -> None:
    """Neither that it is there, so that it is not sent again; nor, of another one, that it was made."""
    order = {"OriginalId": named, "OrderTotal": 5}
    async with client_at(await server_of(raw_server, http(body_of(order)))) as client:
        with pytest.raises(PayloadError, match=r"OriginalId|names no order"):
            await client.orders.find("order-1")
    async with client_at(await server_of(raw_server, http(body_of(enveloped(order))))) as client:
        for create in (client.orders.create, client.pos.create_order):
            if named is None:
                assert (await create(**ORDER)).order_total == 5
                continue
            with pytest.raises(OutcomeUnknownError, match="is not the one that was sent"):
                await create(**ORDER)


@pytest.mark.filterwarnings("ignore::bonifiq_async.UnverifiedOperationWarning")
async def test_the_error_says_what_to_look_at(raw_server: Serve) -> None:
    """A word for each operation: what helps after a lost order does not after a lost PIN."""
    assert len(NO_KEY) == 5
    async with client_at(await server_of(raw_server, b"")) as client:
        for operation in NO_KEY:
            known = documented(operation)
            with pytest.raises(OutcomeUnknownError) as found:
                await cast("Awaitable[object]", SAMPLES[known.called].call(client))
            assert known.unanswered and str(found.value).endswith(f"{known.unanswered}."), known.called
            assert found.value.change_key is None


async def test_a_part_of_no_order_is_never_cancelled_by_a_repeat() -> None:
    """The answer says neither yes nor why not, each time: the error says where to look for the order."""
    with Sandbox() as sandbox:
        async with client_for(sandbox) as client:
            for cancel in (client.orders.cancel_partially, client.pos.cancel_order_partially):
                with pytest.raises(OutcomeUnknownError, match=r"there is such an order\.$"):
                    await cancel("nope", value_to_refund=Decimal(5), reference=cancel.__name__)
