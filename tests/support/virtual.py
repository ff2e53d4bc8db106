"""Virtual time: a loop whose clock advances only while every task waits, and a provider in it."""

import asyncio
import contextlib
import functools
import random
import selectors
import signal
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import ParamSpec

from attrs import evolve
from conftest import CHANGED, change

from bonifiq_async import (
    CashbackBatch,
    CashbackChange,
    FlowControl,
    Outcome,
    RetryPolicy,
    Runtime,
    Timeouts,
)
from bonifiq_async._delivery.calls import Calls
from bonifiq_async._delivery.delivery import Delivery
from bonifiq_async._delivery.single_flight import SingleFlight
from bonifiq_async._delivery.terms import Terms
from bonifiq_async._model.evidence import Evidence, Failure, HandOver
from bonifiq_async._policy.request import PreparedRequest
from bonifiq_async.bonifiq import operations
from bonifiq_async.bonifiq.answers import AnswerReader
from bonifiq_async.ledger.memory import MemoryLedger
from bonifiq_async.testing.virtual_time import EPOCH

P = ParamSpec("P")
POLICY = RetryPolicy()


LONGEST = 60
"""Real seconds that a test in virtual time may take: one that spins must not block the others."""


class Stuck(BaseException):
    """Every task waits, and no timer or event can wake one; or a task never waits at all."""


class _Instant(selectors.SelectSelector):
    """Does not wait; the timeout is added to the time instead."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000.0

    def select(self, timeout: float | None = None) -> list:
        if timeout is None:
            raise Stuck
        self.now += max(0.0, timeout)
        return []


class _Loop(asyncio.SelectorEventLoop):
    """Its clock is that of its selector, so that timeouts and sleeps end at once, in order."""

    def __init__(self) -> None:
        self._instant = _Instant()
        super().__init__(self._instant)

    def time(self) -> float:
        return self._instant.now

    def skip(self, seconds: float) -> None:
        self._instant.now += seconds


@contextlib.contextmanager
def _alarm(rings: Callable[..., None]) -> Iterator[None]:
    """Raise when a test takes too long; Windows has no such timer."""
    if sys.platform == "win32":
        yield
        return
    former = signal.signal(signal.SIGALRM, rings)
    signal.alarm(LONGEST)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, former)


def virtual(test: Callable[P, Awaitable[None]]) -> Callable[P, None]:
    """Run an async test in virtual time; a wake-up that is lost raises `Stuck`, a task left over fails."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        async def whole() -> None:
            await test(*args, **kwargs)
            left = asyncio.all_tasks() - {asyncio.current_task()}
            assert not left, f"tasks left over: {left}"

        def spins(*_: object) -> None:
            raise Stuck

        with _alarm(spins), asyncio.Runner(loop_factory=_Loop) as runner:
            runner.run(whole())

    return run


def now() -> float:
    """Return the time of the running loop."""
    return asyncio.get_running_loop().time()


def stands_still(seconds: float) -> None:
    """Block the running loop for this time."""
    asyncio.get_running_loop().skip(seconds)


def runtime(seed: int = 7) -> Runtime:
    """Return the runtime of a client: the time of the running loop, and seeded random numbers."""
    loop = asyncio.get_running_loop()
    return Runtime(loop.time, lambda: EPOCH + loop.time(), asyncio.sleep, random.Random(seed).random)


def many(count: int, customers: int = 1_000_000) -> Iterator[CashbackChange]:
    """Yield changes with keys 0, 1, 2..."""
    return (change(str(number), customer=f"c{number % customers}") for number in range(count))


def wide(width: int, **more: object) -> FlowControl:
    """Return the control of a run that has `width` changes in flight from the start."""
    return FlowControl(max_in_flight=width, initial=width, **more)


async def all_of(batch: CashbackBatch, changes: Iterable[CashbackChange]) -> list[Outcome]:
    """Run to the end."""
    return [outcome async for outcome in batch.run(changes)]


USED = b'{"HasError":true,"Severity":2,"CodeName":"ChangeKeyAlreadyUsed","ErrorMessage":"used","Result":null}'
GOOD = Evidence(sent=True, requests=1, status=200, body=CHANGED)
"""It is applied."""
DOWN = Evidence(sent=False, requests=0, failure=Failure.CONNECT)
"""The connection is refused."""
SILENT = Evidence(sent=True, requests=1, failure=Failure.TIMEOUT)
"""The request was read, and gets no answer however long the client waits."""


def status(code: int, asked: float | None = None) -> Evidence:
    """Return a refusal; `asked` is its Retry-After."""
    headers = () if asked is None else (("Retry-After", str(asked)),)
    return Evidence(sent=True, requests=1, status=code, headers=headers, body=b"{}")


Answers = Callable[["Provider", str], Evidence]


class Provider:
    """A stand-in for the session, with books: `answers` is called for each request.

    `arrivals` are the times and keys of the requests on the wire, `tried` those of all attempts;
    `applied` counts effects by key. Answers take `takes` seconds, plus or minus a half.
    """

    closed = False

    def __init__(
        self, answers: Answers = lambda *_: GOOD, *, takes: float = 0.02, capacity: int = 10_000
    ) -> None:
        self.capacity = capacity
        self.takes = takes
        self.tried: list[tuple[float, str]] = []
        self.arrivals: list[tuple[float, str]] = []
        self.applied: Counter[str] = Counter()
        self.at_once = 0
        self._answers = answers
        self._chance = random.Random(11)

    def ready(self) -> None:
        """It is always ready."""

    async def attempt(self, request: PreparedRequest, seconds: float, hand_over: HandOver) -> Evidence:
        """Answer a request."""
        key, began = request.key or "", now()
        self.tried.append((began, key))
        self.at_once += 1
        try:
            answer = self._answers(self, key)
            if not answer.sent:
                return answer
            hand_over.done = True
            self.arrivals.append((began, key))
            if answer is GOOD:
                if self.applied[key]:
                    answer = evolve(status(409), body=USED)
                else:
                    self.applied[key] += 1
            await asyncio.sleep(seconds if answer is SILENT else self.takes * (0.5 + self._chance.random()))
            if answer.status is not None and answer.status >= 300:
                hand_over.head(answer.status, answer.headers)
            return evolve(answer, elapsed=now() - began)
        finally:
            self.at_once -= 1


class Client:
    """The real delivery, claims and ledger, over a provider in virtual time; `call` is the deadline."""

    def __init__(
        self,
        provider: Provider,
        *,
        policy: RetryPolicy = POLICY,
        call: float = 60.0,
        ledger: MemoryLedger | None = None,
    ) -> None:
        times, limits = runtime(), Timeouts(attempt=20.0, call=call)
        self.delivery = Delivery(provider, policy=policy, timeouts=limits, runtime=times)
        self.ledger = ledger or MemoryLedger(clock=times.wall)
        self.claims = SingleFlight(self.ledger, "provider", "account", times.sleep)
        self.calls = Calls(self.delivery, self.claims, limits)
        self.limit = self.delivery.limit

    async def outcome_of(self, body: CashbackChange, *, deadline: float | None = None) -> Outcome:
        """See `BonifiQClient`."""
        return await self.outcome_on(body, Terms(deadline))

    async def outcome_on(self, body: CashbackChange, terms: Terms) -> Outcome:
        """See `CashbackBatch`."""
        key = body.change_key
        request = PreparedRequest("POST", "https://provider", "/change", key.encode(), key)
        return await self.calls.outcome(
            body,
            operations.CHANGE_CASHBACK,
            request,
            AnswerReader().read,
            terms,
        )
