"""What an answer says of limits comes to the batch's limiter: of each answer, on both ways."""

import asyncio
import time

from conftest import CHANGED, change, fast, http, read_request

from bonifiq_async import BasicCredentials, BonifiQClient, CashbackBatch, FlowControl
from bonifiq_async._concurrency.limiter import Sample
from bonifiq_async._limits.adaptive_limit import AdaptiveLimit
from bonifiq_async._policy.rate_limit import Allowance

SAID = (
    http(b"", 'RateLimit: "default";r=0;t=1', status="429 Too Many Requests"),
    http(CHANGED, "X-RateLimit-Limit: 100", "X-RateLimit-Remaining: 99", "X-RateLimit-Reset: 60"),
    http(
        CHANGED,
        "X-RateLimit-Limit: 100",
        "X-RateLimit-Remaining: 98",
        f"X-RateLimit-Reset: {time.time() + 600:.0f}",
    ),
    http(CHANGED),
)
"""What the provider answers, one after the other."""


async def test_the_limiter_gets_what_each_answer_says(way, raw_server, monkeypatch) -> None:
    samples: list[Sample] = []
    saw, answers = AdaptiveLimit.saw, iter(SAID)

    def note(limiter: AdaptiveLimit, sample: Sample, *more: object, **named: object) -> None:
        samples.append(sample)
        saw(limiter, sample, *more, **named)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_request(reader)
            writer.write(next(answers))

    monkeypatch.setattr(AdaptiveLimit, "saw", note)
    async with BonifiQClient(
        BasicCredentials("u", "p"), base_url=await raw_server(answer), retry=fast()
    ) as client:
        batch = CashbackBatch(client, flow=FlowControl(initial=1, max_in_flight=1))
        outcomes = [each async for each in batch.run([change(name, customer=name) for name in "ABC"])]
    assert [len(each.attempts) for each in outcomes] == [2, 1, 1]
    [by_moment] = samples.pop(2).allowances
    assert 0 < (by_moment.reset or 0) <= 601
    assert [(each.status, each.allowances) for each in samples] == [
        (429, (Allowance(None, 0, 1),)),
        (200, (Allowance(100, 99, 60),)),
        (200, ()),
    ]
