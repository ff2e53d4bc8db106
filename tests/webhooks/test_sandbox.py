"""The webhooks that a sandbox posts of its books, and what it does when one is not accepted."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from conftest import change, client_for
from one_test import one_test
from webhook_servers import HANDLERS, SECRET, VERIFIER, by_aiohttp

from bonifiq_async import ConfigurationError, OrderOrigin
from bonifiq_async.bonifiq import CreateCustomerRequest
from bonifiq_async.sandbox import Sandbox, WebhookDelivery
from bonifiq_async.webhooks import (
    EarnedPointsPayload,
    ObjectiveType,
    WebhookCustomer,
    WebhookEvent,
    WebhookReceiver,
    WebhookTopic,
)

MOMENT = datetime(2026, 3, 1, tzinfo=UTC)
HEADERS = {"X-Shop-Secret": SECRET}


@pytest.mark.parametrize("serve", HANDLERS.values(), ids=HANDLERS)
async def test_each_change_is_an_event(serve, sandbox: Callable[..., Sandbox]) -> None:
    """Posted once, in order; again only where that is asked for, and then it is recognised."""
    server, got = sandbox(), list[WebhookEvent]()

    async def keep(given: WebhookEvent) -> None:
        got.append(given)

    server.books.apply("ana@b.example", Decimal("2.50"), "k1", origin=OrderOrigin.API)
    async with client_for(server) as client:
        await client.outcome_of(change("k2", "-1", "ANA"))
    async with serve(WebhookReceiver(keep, VERIFIER)) as url:
        came = [
            await asyncio.to_thread(server.webhooks.deliver, url, headers=HEADERS, again=again)
            for again in (False, False, True)
        ]
    assert [[each.statuses for each in some] for some in came] == [[(200,)] * 2, [], [(200,)] * 2]
    assert came[0] == came[2] and all(each.is_accepted for each in came[0])
    earned, removed = got
    customer = WebhookCustomer("ana@b.example", "ana@b.example", "ana@b.example", "", None)
    assert earned.payload == EarnedPointsPayload(250, ObjectiveType.PURCHASE, customer)
    assert (earned.topic, earned.timestamp) == (
        WebhookTopic.EARN_PURCHASE_POINTS,
        server.books.effects("k1")[0].moment,
    )
    assert removed.topic not in list(WebhookTopic) and removed.payload["Points"] == -100
    assert (earned.uuid, removed.uuid) == tuple(each.uuid for each in came[0])


async def test_what_each_operation_moves_is_posted(sandbox: Callable[..., Sandbox]) -> None:
    """Under the topic that the pages show where it is one of theirs; all else is open."""
    server, got = sandbox(), list[tuple[int, object]]()

    async def keep(given: WebhookEvent) -> None:
        payload = given.payload
        earned = isinstance(payload, EarnedPointsPayload)
        got.append((int(given.topic), payload.earned_points if earned else payload["Points"]))

    async with client_for(server) as client:
        await client.orders.create(
            original_id="o",
            order_placement_date=MOMENT,
            order_completed_date=MOMENT,
            is_completed=True,
            order_total=Decimal(200),
            customer=CreateCustomerRequest(original_id="ana"),
        )
        await client.customers.add_points("ana", 5, reason="r", reference="1")
        redeemed = await client.pos.redeem(1, customer_id="ana", value=Decimal(1), reference="1")
        await client.pos.cancel_redeem(redeemed.result.reward_id)
        await client.orders.cancel("o", order_cancelled_date=MOMENT)
    async with by_aiohttp(WebhookReceiver(keep, VERIFIER)) as url:
        await asyncio.to_thread(server.webhooks.deliver, url, headers=HEADERS)
    (earned, gave), *others = got
    assert (earned, gave > 0) == (WebhookTopic.EARN_PURCHASE_POINTS, True)
    assert others == [(9000, 5), (9001, -100), (9000, 100), (9001, -gave)]


async def test_what_is_not_accepted_is_posted_again(sandbox: Callable[..., Sandbox]) -> None:
    """Some times in a row; then it stops, and the next call goes on with that event."""
    server, left = sandbox(), [RuntimeError("no")] * 3
    for number in range(3):
        server.books.apply("ANA", Decimal(1), f"k{number}")

    async def fail(_: WebhookEvent) -> None:
        if left:
            raise left.pop()

    async def deliver(**settings: object) -> list[tuple[int | None, ...]]:
        came = await asyncio.to_thread(server.webhooks.deliver, url, headers=HEADERS, **settings)
        return [each.statuses for each in came]

    async with by_aiohttp(WebhookReceiver(fail, VERIFIER)) as url:
        assert await deliver(attempts=2) == [(500, 500)]
        assert await deliver(attempts=2) == [(500, 200), (200,), (200,)]
        assert await deliver() == []
        server.books.apply("ANA", Decimal(1), "k3")
        HEADERS_OF_ANOTHER = {"X-Shop-Secret": "another"}
        refused = await asyncio.to_thread(server.webhooks.deliver, url, headers=HEADERS_OF_ANOTHER)
        assert [each.statuses for each in refused] == [(401,) * 3]
    assert await deliver(attempts=1) == [(None,)]
    assert not WebhookDelivery("u", 3, (None,)).is_accepted


async def test_an_answer_that_does_not_come_is_a_failure(raw_server, sandbox: Callable[..., Sandbox]) -> None:
    server = sandbox()
    server.books.apply("ANA", Decimal(1), "k")

    async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    came = await asyncio.to_thread(
        server.webhooks.deliver, await raw_server(silence), attempts=1, timeout=0.05
    )
    assert [each.statuses for each in came] == [(None,)]


@one_test
@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "http://shop.example/",
        "http://10.0.0.1/",
        "ftp://localhost",
        "http://[",
        "",
        "x",
    ],
)
def test_nothing_is_posted_beyond_this_machine(url: str) -> None:
    sandbox = Sandbox()
    sandbox.books.apply("ANA", Decimal(1), "k")
    with pytest.raises(ConfigurationError, match=r"url must be http on loopback.*Nothing was posted"):
        sandbox.webhooks.deliver(url)
    with pytest.raises(ConfigurationError, match="attempts"):
        sandbox.webhooks.deliver("http://127.0.0.1:1", attempts=0)
