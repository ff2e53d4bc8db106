"""When a request left is when it was written, not when it began to wait for a connection that opens."""

import asyncio
import random
from statistics import mean

import pytest
from attrs import evolve
from conftest import change
from limits import Bucket
from simulated import STALLS, Simulation
from virtual import GOOD, Answers, Client, Provider, many, now, runtime, status, virtual, wide

from bonifiq_async import CashbackBatch
from bonifiq_async._concurrency.limiter import Sample
from bonifiq_async._limits.admission import Admission
from bonifiq_async._limits.inference.trace import FINE
from bonifiq_async._model.evidence import Evidence, HandOver
from bonifiq_async._model.outcome import Verdict
from bonifiq_async._policy.rate_limit.allowance import Allowance
from bonifiq_async._policy.request import PreparedRequest

ALL = 40


class Opening(Provider):
    """A provider whose connections take up to a tenth of a second to open, as with TLS over a distance."""

    def __init__(self, answers: Answers = lambda *_: GOOD) -> None:
        super().__init__(answers)
        self.opened: dict[str, float] = {}

    async def attempt(self, request: PreparedRequest, seconds: float, hand_over: HandOver) -> Evidence:
        """Open a connection, and answer."""
        began, opens = now(), 0.1 * random.Random(request.key).random()
        self.opened[request.key or ""] = opens
        await asyncio.sleep(opens)
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
async def test_the_seconds_until_a_connection_is_open_are_passed_on() -> None:
    provider = Opening()
    client, told = Client(provider), list[float]()
    saw = client.limit.saw
    client.limit.saw = lambda sample: (told.append(sample.opening), saw(sample))[1]
    async for _ in CashbackBatch(client, flow=wide(8), runtime=runtime()).run(many(ALL)):
        pass
    assert sorted(told) == pytest.approx(sorted(provider.opened.values()))


@virtual
async def test_an_outage_counts_from_when_its_first_request_began() -> None:
    provider = Opening(lambda *_: status(503))
    batch = CashbackBatch(Client(provider), flow=wide(1), runtime=runtime())
    failing = list[float | None]()
    asyncio.get_running_loop().call_later(40.0, lambda: failing.append(batch.flow_state.failing))
    asyncio.get_running_loop().call_later(41.0, batch.stop)
    async for _ in batch.run(many(1)):
        pass
    assert failing == pytest.approx([40.0])
    assert provider.opened["0"] > 0.01


@virtual
async def test_a_single_call_left_when_it_was_written() -> None:
    provider = Opening()
    client = Client(provider)
    for number in range(3):
        await client.outcome_of(change(f"{number}"))
    assert [*client.limit.lately] == pytest.approx(written(provider))


def test_what_is_left_does_not_count_those_that_still_connect() -> None:
    """Ten turns are given and ten connections open; the first answer says that nine requests are left."""
    admission = Admission.of(10, 10)
    admission.saw(saying(10.0), 0.5)
    for number in range(10):
        admission.took(1.0 + 0.001 * number)
    admission.saw(evolve(saying(9.0), elapsed=0.02, opening=0.02), 1.04)
    assert admission.said.budget == pytest.approx(0.0)


def saying(left: float) -> Sample:
    """Return a good answer that says how many requests are left for ten seconds."""
    return Sample(Verdict.ACCEPTED, 200, 0.02, allowances=(Allowance(10.0, left, 10.0, 10.0),))


@pytest.mark.parametrize(("opening", "counts"), [(0.0, True), (0.05, False)], ids=["open", "opens"])
def test_what_had_its_turn_in_a_trial_says_nothing_of_a_pace(opening: float, counts: bool) -> None:
    adaptation = Admission.of(10, 10).adaptation
    adaptation.search.trial_ended = 1.0
    refusal = Sample(Verdict.THROTTLED, 429, 0.01, 1.0, opening=opening)
    adaptation.saw(refusal, 1.03, full=True, paced=False)
    assert (adaptation.refusals is not None) is counts


def test_a_number_in_flight_rises_more_slowly_while_connections_open() -> None:
    """Of two clients that differ in that alone."""

    def risen(opening: float) -> float:
        adaptation = Admission.of(8, 1_000).adaptation
        for number in range(20):
            answer = Sample(Verdict.ACCEPTED, 200, 0.02, opening=opening)
            adaptation.saw(answer, 1.0 + 0.02 * number, full=True, paced=False)
        return adaptation.limit.value

    assert 8 < risen(1.0) < risen(0.0)


@pytest.mark.slow
def test_connections_that_open_slowly_cost_little() -> None:
    """In the mean 0.87 is used where a request leaves when it begins to wait for its connection."""
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
    assert mean(used) >= 0.89, used
    assert sum(run.broken for run in runs) == 0
