"""What all calls of a client share: the wait that the provider asks for, and the quota of repeats."""

import asyncio
import random
from collections.abc import Callable
from email.utils import formatdate

import pytest
from conftest import POINTS, Clock, change, claims_of, client_for, delivery_of, fast

from bonifiq_async import (
    Effect,
    NotAppliedError,
    OutcomeUnknownError,
    RetryAfterTooLong,
    RetryPolicy,
    Timeouts,
)
from bonifiq_async.bonifiq import operations
from bonifiq_async.bonifiq.answers import AnswerReader
from bonifiq_async.calls import Calls
from bonifiq_async.delivery import Delivery
from bonifiq_async.evidence import Evidence, Failure, HandOver
from bonifiq_async.request import PreparedRequest, prepare
from bonifiq_async.sandbox import FaultScript
from bonifiq_async.virtual_time import EPOCH

Answer = Callable[[int], Evidence]
PATIENT = RetryPolicy()
REQUEST = prepare(operations.POINTS, "https://provider", {"customer_id": "ANA"})


def answered(status: int = 200, *headers: tuple[str, str], body: bytes = POINTS) -> Evidence:
    """Return what a complete answer leaves behind."""
    return Evidence(sent=True, requests=1, status=status, headers=headers, body=body)


def asks(seconds: object, status: int = 429) -> Evidence:
    """Return the answer of a provider that asks to wait."""
    return answered(status, ("Retry-After", str(seconds)))


class Wire:
    """Stands where the session stands: the n-th request, counted from 1, gets the n-th answer."""

    closed = False

    def __init__(self, clock: Clock, answer: Answer, *, capacity: int = 100, takes: float = 0.0) -> None:
        self.capacity = capacity
        self.arrivals: list[float] = []
        self._clock, self._answer, self._takes = clock, answer, takes

    def ready(self) -> None:
        """A wire is always ready."""

    async def attempt(self, _: PreparedRequest, seconds: float, hand_over: HandOver) -> Evidence:
        """Note the arrival, and answer."""
        hand_over.done = True
        self.arrivals.append(self._clock.now)
        number = len(self.arrivals)
        await (self._clock.sleep(self._takes) if self._takes else asyncio.sleep(0))
        return self._answer(number)


def calls_over(
    wire: Wire,
    clock: Clock,
    policy: RetryPolicy = PATIENT,
    chance: Callable[[], float] | None = None,
) -> Calls:
    """Return calls that go out on `wire`."""
    limits = Timeouts(attempt=100.0, call=1_000.0)
    chance = chance or random.Random(7).random
    return Calls(
        Delivery(wire, policy=policy, timeouts=limits, runtime=clock.runtime(chance)), claims_of(), limits
    )


async def points(calls: Calls, deadline: float | None = None) -> object:
    """Read a balance; return it, or the error."""
    try:
        result, _ = await calls.value(operations.POINTS, REQUEST, AnswerReader().read, deadline=deadline)
    except NotAppliedError as error:
        return error
    return result


@pytest.mark.parametrize("capacity", [1, 4, 100], ids=lambda capacity: f"{capacity} slots")
async def test_one_retry_after_holds_every_call(capacity: int, clock: Clock) -> None:
    wire = Wire(clock, lambda number: asks(30) if number == 1 else answered(), capacity=capacity)
    calls, begun = calls_over(wire, clock), clock.now
    results = await asyncio.gather(*(points(calls) for _ in range(60)))
    assert not any(isinstance(result, Exception) for result in results)

    early = [moment for moment in wire.arrivals if moment == begun]
    after = [moment for moment in wire.arrivals if moment > begun]
    assert len(early) == min(capacity, 60)  # those that had left when the answer came
    assert len(early) + len(after) == 61
    assert min(after) >= begun + 30
    assert max(after) <= begun + 30 + 3 + 0.01
    if capacity < 60:
        assert len(set(after)) > 50  # not all in one moment
        assert max(after) - min(after) > 1.5


async def test_calls_that_come_during_the_hold_wait_too(clock: Clock) -> None:
    wire = Wire(clock, lambda number: asks(30) if number == 1 else answered())
    calls, begun = calls_over(wire, clock), clock.now

    async def later(seconds: float) -> object:
        await clock.sleep(seconds)
        return await points(calls)

    await asyncio.gather(points(calls), *(later(seconds) for seconds in range(1, 30)))
    assert sum(moment < begun + 30 for moment in wire.arrivals) == 1
    assert len(wire.arrivals) == 31


async def test_a_second_answer_lengthens_the_hold_and_never_shortens_it(clock: Clock) -> None:
    waits = {1: 10, 2: 40, 3: 5}
    wire = Wire(clock, lambda number: asks(waits[number]) if number in waits else answered(), capacity=3)
    calls, begun = calls_over(wire, clock), clock.now
    await asyncio.gather(*(points(calls) for _ in range(20)))
    assert sum(moment < begun + 40 for moment in wire.arrivals) == 3
    assert len(wire.arrivals) == 23


FORMS = {
    "seconds": [("Retry-After", "7")],
    "seconds with a fraction": [("retry-after", "7.0")],
    "date": [("Retry-After", formatdate(EPOCH + 1_007, usegmt=True))],
    "date, by the server's own clock": [
        ("Date", formatdate(EPOCH - 5_000, usegmt=True)),
        ("Retry-After", formatdate(EPOCH - 4_993, usegmt=True)),
    ],
    "milliseconds": [("Retry-After-Ms", "7000"), ("Retry-After", "1")],
    "twice: the longer counts": [("Retry-After", "2"), ("Retry-After", "7")],
}


@pytest.mark.parametrize("status", [429, 503], ids=str)
@pytest.mark.parametrize("headers", FORMS.values(), ids=FORMS.keys())
async def test_every_form_of_the_header_holds(headers, status: int, clock: Clock) -> None:
    wire = Wire(clock, lambda number: answered(status, *headers) if number == 1 else answered())
    calls, begun = calls_over(wire, clock), clock.now
    await asyncio.gather(points(calls), points(calls))
    assert wire.arrivals[:2] == [begun, begun]
    assert [begun + 7 <= moment <= begun + 7.8 for moment in wire.arrivals[2:]] == [True]


TOO_LONG = {
    "longer than the policy allows": (121, None, 121),
    "beyond the deadline of the call": (30, 20.0, 30),
    "a day": (86_400, None, 86_400),
}


@pytest.mark.parametrize(("asked", "deadline", "told"), TOO_LONG.values(), ids=TOO_LONG.keys())
@pytest.mark.parametrize("capacity", [1, 100], ids=["in the queue", "in flight"])
async def test_a_wait_that_is_too_long_ends_every_call_at_once(
    asked: int, deadline: float | None, told: float, capacity: int, clock: Clock
) -> None:
    wire = Wire(clock, lambda number: asks(asked) if number == 1 else answered(), capacity=capacity)
    calls, begun = calls_over(wire, clock), clock.now
    results = await asyncio.gather(*(points(calls, deadline) for _ in range(10)))
    late = await points(calls, deadline)
    assert clock.now == begun  # nobody waited
    assert len(wire.arrivals) == min(capacity, 10)
    refused = [result for result in [*results, late] if isinstance(result, RetryAfterTooLong)]
    assert len(refused) == (11 if capacity == 1 else 2)
    for error in refused:
        assert error.retry_after == pytest.approx(told)
        assert str(told) in str(error)
        assert error.effect is Effect.NOT_APPLIED


async def test_the_longest_wait_that_is_allowed_is_waited_out(clock: Clock) -> None:
    wire = Wire(clock, lambda number: asks(120) if number == 1 else answered())
    begun = clock.now
    assert not isinstance(await points(calls_over(wire, clock)), Exception)
    assert clock.now >= begun + 120


@pytest.mark.parametrize("chance", [0.0, 0.5, 0.99], ids=str)
async def test_a_wait_that_fits_the_deadline_is_not_lengthened_beyond_it(chance: float, clock: Clock) -> None:
    wire = Wire(clock, lambda number: asks(30) if number == 1 else answered(), capacity=5)
    calls, begun = calls_over(wire, clock, chance=lambda: chance), clock.now
    results = await asyncio.gather(*(points(calls, 31.0) for _ in range(20)))
    assert [result for result in results if isinstance(result, Exception)] == []
    assert clock.now <= begun + 31


async def test_a_change_held_too_long_after_a_doubtful_attempt_is_unknown(clock: Clock) -> None:
    wire = Wire(clock, lambda number: answered(500) if number == 1 else asks(86_400))
    calls, body = calls_over(wire, clock), change()
    request = PreparedRequest("POST", "https://provider", "/change", b"{}", body.change_key)
    outcome = await calls.outcome(body, operations.CHANGE_CASHBACK, request, AnswerReader().read)
    assert outcome.effect is Effect.UNKNOWN
    assert isinstance(outcome.error, OutcomeUnknownError)
    assert outcome.error.retry_after == 86_400


async def test_quota_keeps_a_sick_provider_from_a_multiple_of_its_load(sandbox) -> None:
    server = sandbox(faults=FaultScript(rate=1.0, among=["500-before"]))
    async with client_for(server, retry=fast(max_attempts=6)) as client:
        changes = [change(f"change-{number}") for number in range(1_000)]
        outcomes = await asyncio.gather(*(client.outcome_of(each) for each in changes))
        assert delivery_of(client).quota.left == 0
    assert {outcome.effect for outcome in outcomes} == {Effect.UNKNOWN}
    assert server.books.requests == 1_100
    assert sum("quota" in str(outcome.error) for outcome in outcomes) > 900


LOST = Evidence(sent=True, requests=1, failure=Failure.TIMEOUT)
PRICES = {
    "after a status": (lambda number: answered(500), 1_100),
    "after a timeout": (lambda number: LOST, 1_050),
    "when the provider names the time": (lambda number: asks(0), 6_000),
}


@pytest.mark.parametrize(("answer", "requests"), PRICES.values(), ids=PRICES.keys())
async def test_what_a_repeat_costs(answer: Answer, requests: int, clock: Clock) -> None:
    wire = Wire(clock, answer)
    calls = calls_over(wire, clock, fast())
    await asyncio.gather(*(points(calls) for _ in range(1_000)))
    assert len(wire.arrivals) == requests


async def test_a_success_gives_back(clock: Clock) -> None:
    sick = True
    wire = Wire(clock, lambda number: answered(500) if sick else answered(body=POINTS))
    calls = calls_over(wire, clock, fast(quota=20))
    quota = calls.delivery.quota
    await asyncio.gather(*(points(calls) for _ in range(10)))
    assert (len(wire.arrivals), quota.left) == (14, 0)

    sick = False
    for _ in range(7):
        await points(calls)
    assert quota.left == 7  # one for each first try that went well

    sick = True
    wire.arrivals.clear()
    await points(calls)
    assert (len(wire.arrivals), quota.left) == (2, 2)  # enough for one repeat

    sick = False
    for _ in range(100):
        await points(calls)
    assert quota.left == 20  # never above what it began with


async def test_a_repeat_that_helps_costs_nothing_in_the_end(clock: Clock) -> None:
    wire = Wire(clock, lambda number: answered(500) if number % 2 else answered())
    calls = calls_over(wire, clock, fast(quota=5))
    for _ in range(200):
        assert not isinstance(await points(calls), Exception)
    assert calls.delivery.quota.left == 5
