"""When a request left is when it was written, not when it began to wait for a connection that opens."""

import asyncio
import random

import pytest
from attrs import evolve
from conftest import change
from limits import Bucket
from simulated import STALLS, Simulation
from virtual import Client, Provider, many, now, runtime, virtual, wide

from bonifiq_async import CashbackBatch
from bonifiq_async._limits.inference.trace import FINE
from bonifiq_async._model.evidence import Evidence, HandOver
from bonifiq_async._policy.request import PreparedRequest

ALL = 40


class Opening(Provider):
    """A provider whose connections take up to a tenth of a second to open, as with TLS over a distance."""

    async def attempt(self, request: PreparedRequest, seconds: float, hand_over: HandOver) -> Evidence:
        """Open a connection, and answer."""
        began = now()
        await asyncio.sleep(0.1 * random.Random(request.key).random())
        assert hand_over.may_send()
        answer = await super().attempt(request, seconds, hand_over)
        return evolve(answer, elapsed=now() - began)


def written(provider: Provider) -> list[float]:
    return sorted(at for at, _ in provider.arrivals)


@virtual
async def test_a_request_of_a_batch_left_when_it_was_written() -> None:
    provider = Opening()
    client = Client(provider)
    batch = CashbackBatch(client, flow=wide(8), runtime=runtime())
    left: list[float] = []
    async for _ in batch.run(many(ALL)):
        left = [at for at, _ in client.limit.known().adaptation.search.trace.counts(0.0, 0.0)]
    apart = [at for at in written(provider) if min(abs(at - each) for each in left) > FINE]
    assert (left[0], apart) == (pytest.approx(written(provider)[0]), [])


@virtual
async def test_a_single_call_left_when_it_was_written() -> None:
    provider = Opening()
    client = Client(provider)
    for number in range(3):
        await client.outcome_of(change(f"{number}"))
    assert [*client.limit.lately] == pytest.approx(written(provider))


@pytest.mark.slow
def test_connections_that_open_slowly_cost_little() -> None:
    """Two thirds of these runs used 0.76 where a request left when it began to wait for its connection."""
    runs = [
        Simulation(
            Bucket(250, 0.1, 2.0),
            most=64,
            transit=0.0002,
            connecting=0.1,
            late=0.001,
            stalls=STALLS,
            seed=seed,
        ).run(61)
        for seed in range(1, 9)
    ]
    used = [run.used(1, 61) for run in runs]
    assert min(used) >= 0.87, used
    assert sum(run.broken for run in runs) == 0
