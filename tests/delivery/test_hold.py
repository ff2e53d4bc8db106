"""What all calls of a client share: the wait that the provider asks for, and the quota of repeats."""

import asyncio
from email.utils import formatdate

import pytest
from answering_wire import PATIENT, REQUEST, Answer, Wire, answered, asks, calls_over, points
from conftest import CHANGED, POINTS, Clock, change, client_for, delivery_of, fast

from bonifiq_async import (
    CustomerPoints,
    Effect,
    NotAppliedError,
    Outcome,
    OutcomeUnknownError,
    RetryAfterTooLong,
    Timeouts,
)
from bonifiq_async._model.evidence import Evidence, Failure, HandOver
from bonifiq_async._model.operation import Operation, RepeatClass
from bonifiq_async._policy.request import PreparedRequest
from bonifiq_async.bonifiq import operations
from bonifiq_async.bonifiq.answers import AnswerReader
from bonifiq_async.sandbox import FaultScript
from bonifiq_async.testing.virtual_time import EPOCH


@pytest.mark.parametrize("capacity", [1, 4, 100], ids=lambda capacity: f"{capacity} permits")
async def test_one_retry_after_holds_every_call(capacity: int, clock: Clock) -> None:
    wire = Wire(clock, lambda number: asks(30) if number == 1 else answered(), capacity=capacity)
    calls, begun = calls_over(wire, clock), clock.now
    results = await asyncio.gather(*(points(calls) for _ in range(60)))
    assert not any(isinstance(result, Exception) for result in results)

    early = [moment for moment in wire.arrivals if moment == begun]
    after = [moment for moment in wire.arrivals if moment > begun]
    assert len(early) == min(capacity, 60)  # those that were sent before the answer came
    assert len(early) + len(after) == 61
    assert min(after) >= begun + 30
    assert max(after) <= begun + 30 + 3 + 0.01
    if capacity < 60:
        assert len(set(after)) > 50  # not all at once
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
    "milliseconds that are shorter": [("Retry-After-Ms", "100"), ("Retry-After", "7")],
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


STATUSES = [300, 301, 302, 304, 307, 308, 400, 401, 403, 404, 408, 409, 410, 413, 422, 425, 429, 451]
STATUSES += [500, 501, 502, 503, 504, 520, 599]
AGAIN = {408, 413, 425, 429, *range(500, 600)}
"""The statuses after which a repeatable call is sent again; other calls end with them."""
EARN = Operation("earn", "POST", "/earn", RepeatClass.NEVER, True, CustomerPoints)


@pytest.mark.parametrize("status", STATUSES, ids=str)
@pytest.mark.parametrize("operation", [operations.CHANGE_CASHBACK, EARN], ids=["keyed", "never repeated"])
async def test_every_call_keeps_a_wait_whatever_the_status(operation, status: int, clock: Clock) -> None:
    wire = Wire(clock, lambda number: asks(30, status) if number == 1 else answered(body=CHANGED))
    calls, begun = calls_over(wire, clock, fast()), clock.now
    repeated = status in AGAIN and operation is operations.CHANGE_CASHBACK

    async def make(number: int) -> Outcome:
        await clock.sleep(number)
        body = change(f"{number}")
        request = PreparedRequest("POST", "https://provider", "/change", b"{}", body.change_key)
        return await calls.outcome(body, operation, request, AnswerReader().read)

    first, other = await asyncio.gather(make(0), make(1))
    assert other.effect is Effect.APPLIED
    assert len(wire.arrivals) == 2 + repeated
    assert min(wire.arrivals[1:]) >= begun + 30
    assert len(first.attempts) == 1 + repeated
    if repeated:
        assert first.effect is Effect.APPLIED
    else:
        assert first.error.retry_after == 30
        assert first.effect is not Effect.NOT_APPLIED


async def test_a_413_that_asks_to_wait_was_not_processed(clock: Clock) -> None:
    """RFC 9110, 15.5.14: with a Retry-After it is temporary. A call that is never repeated is refused."""
    wire = Wire(clock, lambda number: asks(30, 413))
    calls = calls_over(wire, clock, fast(max_attempts=3))
    effects = []
    for operation in (operations.CHANGE_CASHBACK, EARN):
        body = change(operation.name)
        request = PreparedRequest("POST", "https://provider", "/change", b"{}", body.change_key)
        outcome = await calls.outcome(body, operation, request, AnswerReader().read)
        effects.append((outcome.effect, len(outcome.attempts)))
    assert effects == [(Effect.NOT_APPLIED, 3), (Effect.REFUSED, 1)]


@pytest.mark.parametrize("status", [200, 202], ids=str)
async def test_a_success_holds_no_call(status: int, clock: Clock) -> None:
    wire = Wire(clock, lambda number: asks(30, status))
    calls, begun = calls_over(wire, clock), clock.now
    await asyncio.gather(points(calls), points(calls))
    await points(calls)
    assert wire.arrivals == [begun] * 3


TOO_LONG = {
    "longer than the policy allows": (121, None, "121 s"),
    "beyond the deadline of the call": (30, 20.0, "30 s"),
}


@pytest.mark.parametrize(("asked", "deadline", "words"), TOO_LONG.values(), ids=TOO_LONG.keys())
@pytest.mark.parametrize("capacity", [1, 100], ids=["in the queue", "in flight"])
async def test_a_wait_that_is_too_long_ends_every_call_at_once(
    asked: int, deadline: float | None, words: str, capacity: int, clock: Clock
) -> None:
    wire = Wire(clock, lambda number: asks(asked) if number == 1 else answered(), capacity=capacity)
    calls, begun = calls_over(wire, clock), clock.now
    results = await asyncio.gather(*(points(calls, deadline) for _ in range(10)))
    late = await points(calls, deadline)
    assert clock.now == begun  # no call waited
    assert len(wire.arrivals) == min(capacity, 10)
    refused = [result for result in [*results, late] if isinstance(result, RetryAfterTooLong)]
    assert len(refused) == (11 if capacity == 1 else 2)
    for error in refused:
        assert error.retry_after == pytest.approx(asked)
        assert words in str(error)
        assert error.effect is Effect.NOT_APPLIED


NEVER_MEANT = {
    "a day": (86_400, 86_400.0, "until 2030-03-18 18:03 UTC"),
    "thirty years and more": (9_999_999_999, 1e9, "until 2061-11-23 19:50 UTC"),
    "years, as no moment": (100_000_000, 1e8, "until 2033-05-18 03:50 UTC"),
}


@pytest.mark.parametrize(("asked", "expected", "words"), NEVER_MEANT.values(), ids=NEVER_MEANT.keys())
async def test_a_wait_that_must_be_a_mistake_stops_no_client(
    asked: int, expected: float, words: str, clock: Clock
) -> None:
    """The call that got it ends; the others try again after the longest wait of a call."""
    wire = Wire(clock, lambda number: asks(asked) if number == 1 else answered())
    calls, begun = calls_over(wire, clock), clock.now
    first = await points(calls)
    hasty = await points(calls, 60.0)
    assert clock.now == begun
    for error in (first, hasty):
        assert isinstance(error, RetryAfterTooLong)
        assert error.retry_after == expected
        assert words in str(error)
    assert not isinstance(await points(calls), Exception)
    assert begun + 120 <= wire.arrivals[1] <= begun + 126
    assert not isinstance(await points(calls), Exception)
    assert len(wire.arrivals) == 3


@pytest.mark.parametrize("scale", [1, 1_000], ids=["seconds", "milliseconds"])
async def test_a_moment_in_place_of_seconds_is_waited_for_and_reported(
    scale: int, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """Three seconds ahead, as seconds since the epoch: no wait of decades."""
    moment = int(EPOCH + clock.now + 3) * scale
    wire = Wire(clock, lambda number: asks(moment) if number == 1 else answered())
    calls, begun = calls_over(wire, clock), clock.now
    assert not isinstance(await points(calls), Exception)
    assert begun + 3 <= wire.arrivals[1] <= begun + 4
    [line] = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert line == f"a Retry-After of {moment} is read as a moment: the wait is 3 s"


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


class Connecting(Wire):
    """Each request takes `connects` seconds to connect, and then asks whether it may be sent."""

    connects = 3.0

    async def attempt(self, request: PreparedRequest, seconds: float, hand_over: HandOver) -> Evidence:
        await self._clock.sleep(self.connects)
        if not hand_over.may_send():
            return Evidence(sent=False, requests=0, failure=Failure.DISCONNECTED)
        return await super().attempt(request, seconds, hand_over)


async def test_what_is_connected_when_its_time_is_over_is_not_sent(clock: Clock) -> None:
    """It is no attempt, and takes nothing from the quota."""
    wire = Connecting(clock, lambda number: answered())
    calls = calls_over(wire, clock)
    error = await points(calls, wire.connects)
    assert isinstance(error, NotAppliedError)
    assert "the deadline leaves no time" in str(error)
    assert (error.attempts, wire.arrivals) == ((), [])
    assert calls.delivery.quota.left == PATIENT.quota
    assert calls.delivery.limiter.active == 0


async def test_what_is_held_while_it_connects_waits_the_hold_out(clock: Clock) -> None:
    """Its one attempt waited for the hold after it gave its connection back."""
    wire = Connecting(clock, lambda number: answered())
    calls, begun = calls_over(wire, clock, fast(max_attempts=1)), clock.now
    made = asyncio.create_task(calls.value(operations.POINTS, REQUEST, AnswerReader().read))
    await clock.sleep(1.0)
    calls.delivery.hold.extend(clock.now, 30.0, 30.0)
    _, [attempt] = await made
    assert begun + 31 <= wire.arrivals[0]
    assert attempt.waited == pytest.approx(wire.arrivals[0] - begun)
    assert calls.delivery.limiter.active == 0


async def test_a_change_held_too_long_after_a_doubtful_attempt_is_unknown(clock: Clock) -> None:
    wire = Wire(clock, lambda number: answered(500) if number == 1 else asks(86_400))
    calls, body = calls_over(wire, clock), change()
    request = PreparedRequest("POST", "https://provider", "/change", b"{}", body.change_key)
    outcome = await calls.outcome(body, operations.CHANGE_CASHBACK, request, AnswerReader().read)
    assert outcome.effect is Effect.UNKNOWN
    assert isinstance(outcome.error, OutcomeUnknownError)
    assert outcome.error.retry_after == 86_400


async def test_the_quota_of_repeats_limits_the_load_of_a_failing_provider(sandbox) -> None:
    server = sandbox(faults=FaultScript(rate=1.0, among=["500-before"]))
    patient = Timeouts(connect=60.0, attempt=60.0, call=60.0)
    async with client_for(server, retry=fast(max_attempts=6), timeouts=patient) as client:
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


@pytest.mark.slow
@pytest.mark.parametrize(("answer", "requests"), PRICES.values(), ids=PRICES.keys())
async def test_what_a_repeat_costs(answer: Answer, requests: int, clock: Clock) -> None:
    wire = Wire(clock, answer)
    calls = calls_over(wire, clock, fast())
    await asyncio.gather(*(points(calls) for _ in range(1_000)))
    assert len(wire.arrivals) == requests


async def test_a_success_gives_quota_back(clock: Clock) -> None:
    sick = True
    wire = Wire(clock, lambda number: answered(500) if sick else answered(body=POINTS))
    calls = calls_over(wire, clock, fast(quota=20))
    quota = calls.delivery.quota
    await asyncio.gather(*(points(calls) for _ in range(10)))
    assert (len(wire.arrivals), quota.left) == (14, 0)

    sick = False
    for _ in range(7):
        await points(calls)
    assert quota.left == 7  # one for each first try that succeeded

    sick = True
    wire.arrivals.clear()
    await points(calls)
    assert (len(wire.arrivals), quota.left) == (2, 2)  # enough for one repeat

    sick = False
    for _ in range(100):
        await points(calls)
    assert quota.left == 20  # never above the initial quota


async def test_a_repeat_that_succeeds_costs_nothing_in_the_end(clock: Clock) -> None:
    wire = Wire(clock, lambda number: answered(500) if number % 2 else answered())
    calls = calls_over(wire, clock, fast(quota=5))
    for _ in range(200):
        assert not isinstance(await points(calls), Exception)
    assert calls.delivery.quota.left == 5
