"""The webhooks that a sandbox posts of its books, and what it does when one is not accepted."""

import asyncio
from collections.abc import Callable
from decimal import Decimal

import pytest
from conftest import change, client_for
from one_test import one_test
from webhook_servers import HANDLERS, SECRET, VERIFIER, by_aiohttp

from bonifiq_async import ConfigurationError
from bonifiq_async.sandbox import Sandbox, WebhookDelivery
from bonifiq_async.webhooks import (
    EarnedPointsPayload,
    ObjectiveType,
    WebhookCustomer,
    WebhookEvent,
    WebhookReceiver,
    WebhookTopic,
)

HEADERS = {"X-Shop-Secret": SECRET}


@pytest.mark.parametrize("serve", HANDLERS.values(), ids=HANDLERS)
async def test_each_change_is_an_event(serve, sandbox: Callable[..., Sandbox]) -> None:
    """Posted once, in order; again only where that is asked for, and then it is recognised."""
    server, got = sandbox(), list[WebhookEvent]()

    async def keep(given: WebhookEvent) -> None:
        got.append(given)

    async with client_for(server) as client:
        await client.outcome_of(change("k1", "2.50", "ana@b.example"))
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
