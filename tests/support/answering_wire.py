"""A stand-in for the session: the n-th request gets the n-th answer."""

import asyncio
import random
from collections.abc import Callable

from conftest import POINTS, Clock, claims_of

from bonifiq_async import NotAppliedError, PayloadError, RetryPolicy, Timeouts
from bonifiq_async._delivery.calls import Calls
from bonifiq_async._delivery.delivery import Delivery
from bonifiq_async._model.evidence import Evidence, HandOver
from bonifiq_async._policy.request import PreparedRequest, prepare
from bonifiq_async.bonifiq import operations
from bonifiq_async.bonifiq.answers import AnswerReader

Answer = Callable[[int], Evidence]

PATIENT = RetryPolicy()

REQUEST = prepare(operations.POINTS, "https://provider", {"id": "ANA"})


def answered(status: int = 200, *headers: tuple[str, str], body: bytes = POINTS) -> Evidence:
    """Return the evidence of a complete answer."""
    return Evidence(sent=True, requests=1, status=status, headers=headers, body=body)


def asks(seconds: object, status: int = 429) -> Evidence:
    """Return the answer of a provider that asks to wait."""
    return answered(status, ("Retry-After", str(seconds)))


class Wire:
    """A stand-in for the session: the n-th request, counted from 1, gets the n-th answer."""

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
        answer = self._answer(number)
        if answer.status is not None and answer.status >= 300:
            hand_over.head(answer.status, answer.headers)
        return answer


def calls_over(
    wire: Wire,
    clock: Clock,
    policy: RetryPolicy = PATIENT,
    chance: Callable[[], float] | None = None,
) -> Calls:
    """Return calls that are sent on `wire`."""
    limits = Timeouts(attempt=100.0, call=1_000.0)
    chance = chance or random.Random(7).random
    return Calls(
        Delivery(wire, policy=policy, timeouts=limits, runtime=clock.runtime(chance)), claims_of(), limits
    )


async def points(calls: Calls, deadline: float | None = None, request: PreparedRequest = REQUEST) -> object:
    """Read a balance; return it, or the error."""
    try:
        result, _ = await calls.value(operations.POINTS, request, AnswerReader().read, deadline=deadline)
    except (NotAppliedError, PayloadError) as error:
        return error
    return result
