"""Takes events, delivers their changes in order per customer, and answers for each what to do with it.

It is a batch whose source are the events: order per customer, the limit in flight, outages and refused
credentials are the batch's.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from types import TracebackType
from typing import Generic, Self, TypeVar

from attrs import define

from bonifiq_async._concurrency.runtime import Runtime, running_loop
from bonifiq_async._delivery.terms import ChangeClient
from bonifiq_async._log import logger
from bonifiq_async._model import validation
from bonifiq_async._model.errors import BonifiQError, PayloadError
from bonifiq_async._model.outcome import Change, Outcome
from bonifiq_async.batch.flow import FlowControl, FlowState
from bonifiq_async.batch.per_customer import Lanes
from bonifiq_async.batch.queue import FifoQueue
from bonifiq_async.batch.run import CashbackBatch
from bonifiq_async.batch.summary import BatchSummary
from bonifiq_async.consumers.decision import Aside, Decision, Retry, decision_of
from bonifiq_async.consumers.event import change_of
from bonifiq_async.ledger.memory import MemoryLedger

E = TypeVar("E")
C = TypeVar("C", bound=Change)
T = TypeVar("T")

FOR_EVER = 10 * 365 * 86_400.0
"""Seconds of an outage that a consumer waits out: the broker keeps the events meanwhile."""
DRAIN = 30.0
"""Seconds that changes in flight have to end in when the consumer stops."""
HELD = 900.0
"""Seconds for which an event is held whose change fails alone, before it is given back: half of the time
after which RabbitMQ takes back what is not acknowledged (its `consumer_timeout`)."""
SOONEST, LATEST = 1.0, 60.0
"""Seconds until a `to_change` that failed is asked again: each wait is twice the one before."""

FORGETFUL = (
    "the client of this consumer has its ledger in memory, which is gone when its process ends: what is not "
    "acknowledged by then is sent again. A provider that counts keys still makes it once, or says that the "
    "key was used, and the event is put aside; one that counts none makes it twice. Give the client a "
    "SqliteLedger or a PostgresLedger."
)
"""What is warned of."""


@define(eq=False)
class _Waiting(Generic[C, T]):
    """A change, and the call that waits for the decision on it; `began` is when it was first its turn."""

    change: C
    decided: "asyncio.Future[Decision[T]]"
    began: float = 0.0

    @property
    def wanted(self) -> bool:
        """Whether its event still has a call; that of another is not begun."""
        return not self.decided.cancelled()


class Consumer(Generic[E, C, T]):
    """Settles events of a broker through `client`, each change once.

    `to_change` makes the change of an event; where `settle` is given `bytes`, it gets their JSON value, with
    exact decimals. It raises `PayloadError` for a poison event, as the changes themselves do; a missing
    member counts as one, too. Derive the key from the event (`reference=`): delivered again, it has the same
    one. At most `max_in_flight` changes are in flight; `ordered` keeps the order per customer among the
    events that this consumer has. Give the client a durable ledger: an event is acknowledged when its outcome
    is there. Of one in memory it warns, once, in the log.

    An outage of the provider is waited out, however long it takes: `settle` returns when it is over. A change
    that fails alone is tried again for a quarter of an hour, before its customer's next one. So is a
    `to_change` that fails for another reason than its event; there the customer's next one may come first.
    Refused credentials, a certificate that is not trusted and a ledger that fails stop the consumer:
    `stopped_by` is the error, `on_stop` is called with it, and every event is given back (`Retry`). Use it as
    an async context manager, or call `drain` in the end. A consumer is used once.
    """

    def __init__(
        self,
        client: ChangeClient[C, T],
        to_change: Callable[[E], C],
        *,
        max_in_flight: int = 64,
        ordered: bool = True,
        on_stop: Callable[[BaseException], object] | None = None,
        runtime: Runtime = Runtime(),
    ) -> None:
        if isinstance(getattr(client, "ledger", None), MemoryLedger):
            logger.warning(FORGETFUL)
        width = validation.quantity(max_in_flight, "max_in_flight")
        self.max_in_flight = width
        flow = FlowControl(max_in_flight=width, initial=min(8, width), give_up_after=FOR_EVER)
        self._batch: CashbackBatch[C, T] = CashbackBatch(client, flow=flow, ordered=False, runtime=runtime)
        validation.function(to_change, "to_change", None)
        self._to_change = to_change
        self._on_stop = on_stop
        self._runtime = runtime
        self._lanes: Lanes[_Waiting[C, T]] | None = Lanes() if ordered else None
        self._pauses: set[asyncio.Task[None]] = set()
        self._followed: set[asyncio.Task[object]] = set()
        self._stop = asyncio.Event()
        self._events: FifoQueue[_Waiting[C, T]] = FifoQueue()
        self._delivered: dict[int, _Waiting[C, T]] = {}
        self._running: asyncio.Task[None] | None = None
        self.stopped_by: BaseException | None = None

    @property
    def stopping(self) -> bool:
        """Whether it takes no more events: each is given back."""
        return self._stop.is_set()

    @property
    def summary(self) -> BatchSummary:
        """What has ended so far."""
        return self._batch.summary

    @property
    def flow_state(self) -> FlowState | None:
        """How much is let through now, and why no more, as in an outage; None before the first event."""
        return self._batch.flow_state

    async def settle(self, event: E | bytes) -> Decision[T]:
        """Apply the change of `event` once; return what to do with the event when the ledger has its outcome.

        It waits while there are no permits, while changes of the customer are before it, and in an outage. A
        call that is cancelled takes nothing back: a change on its way goes on, and the ledger answers the
        event when it is delivered again; one that has not been read by the batch is not begun.
        """
        try:
            change = await self._made(event)
        except PayloadError as error:
            return Aside(str(error), None)
        if change is None or self.stopping:
            return Retry(0.0, None)
        if self._running is None:
            self._running = asyncio.create_task(self._run())
            self._running.add_done_callback(self._ended)
        waiting: _Waiting[C, T] = _Waiting(change, running_loop().create_future())
        if self._lanes is None or self._lanes.enter(change.customer_id, waiting):
            self._begin(waiting)
        return await waiting.decided

    async def _made(self, event: E | bytes) -> C | None:
        """Return the change of `event`; None where `to_change` failed for too long for another reason.

        Raises `PayloadError` for a poison event.
        """
        began, pause = self._runtime.monotonic(), SOONEST
        while True:
            try:
                return change_of(event, self._to_change)
            except PayloadError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever it asks may fail: a database, a service
                if self.stopping or self._runtime.monotonic() - began >= HELD:
                    return None
                logger.warning("to_change failed, and is asked again: %s: %s", type(error).__name__, error)
            await self._pause(pause)
            pause = min(2 * pause, LATEST)

    def _begin(self, waiting: _Waiting[C, T]) -> None:
        """Hand a change over to the batch: it is the turn of its customer."""
        waiting.began = self._runtime.monotonic()
        self._events.put(waiting)

    def _end(self, waiting: _Waiting[C, T], decision: Decision[T]) -> None:
        """Give the call its decision, and its turn to the customer's next; none begins after a stop."""
        while True:
            if not waiting.decided.done():
                waiting.decided.set_result(decision)
            following = None if self._lanes is None else self._lanes.leave(waiting.change.customer_id)
            if following is None:
                return
            if not self.stopping:
                return self._begin(following)
            waiting, decision = following, Retry(0.0, None)

    async def _again(self, waiting: _Waiting[C, T], after: float) -> None:
        """Deliver a change again that failed alone, in `after` seconds."""
        await self._pause(after)
        if waiting.wanted and not self.stopping:
            self._events.put(waiting)
        else:
            self._end(waiting, Retry(0.0, None))

    async def _pause(self, seconds: float) -> None:
        """Wait so long, or until the consumer stops."""
        sleeping = asyncio.ensure_future(self._runtime.sleep(seconds))
        stopping = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait([sleeping, stopping], return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            stopping.cancel()
            await asyncio.gather(sleeping, stopping, return_exceptions=True)

    def follow(self, task: "asyncio.Task[object]") -> None:
        """Have `drain` wait for a task that settles an event and then tells the broker."""
        self._followed.add(task)
        task.add_done_callback(self._followed.discard)

    async def drain(self, timeout: float = DRAIN) -> None:
        """Take no more events, and let what is in flight end, for at most `timeout` seconds. Idempotent.

        What has not begun is given back at once; what has not ended then is cancelled, and given back: the
        ledger has it in doubt, under its key. Then it waits as long for what is followed. Raises what stopped
        the consumer where that was a fault of the program.
        """
        self._stop.set()
        self._batch.stop()
        self._give_back_unread()
        running = self._running
        if running is not None and not (await asyncio.wait([running], timeout=timeout))[0]:
            running.cancel()
            await asyncio.wait([running])
        if self._pauses:
            await asyncio.wait(self._pauses)
        if self._followed:
            await asyncio.wait(self._followed, timeout=timeout)
        if self.stopped_by is not None and not isinstance(self.stopped_by, BonifiQError):
            raise self.stopped_by

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.drain()

    async def _changes(self) -> AsyncGenerator[C, None]:
        """Yield the changes as the batch asks for them; their positions count from 0."""
        position = 0
        while True:
            waiting = await self._events.take()
            if waiting.wanted:
                self._delivered[position] = waiting
                position += 1
                yield waiting.change
            else:
                self._end(waiting, Retry(0.0, None))

    async def _run(self) -> None:
        async with aclosing(self._batch.run(self._changes())) as outcomes:
            async for outcome in outcomes:
                self._tell(outcome)

    def _tell(self, outcome: Outcome[T]) -> None:
        if outcome.position is None:
            raise AssertionError("an outcome of a batch has its position")
        waiting, decision = self._delivered.pop(outcome.position), decision_of(outcome)
        held = self._runtime.monotonic() - waiting.began
        if not isinstance(decision, Retry) or held >= HELD or decision.after == 0.0:
            return self._end(waiting, decision)
        pause = asyncio.create_task(self._again(waiting, decision.after))
        self._pauses.add(pause)
        pause.add_done_callback(self._pauses.discard)

    def _ended(self, run: "asyncio.Task[None]") -> None:
        """Give back what is left, and say why where an error stopped the consumer."""
        self._stop.set()
        for outcome in self._batch.unheard:
            self._tell(outcome)
        for waiting in self._delivered.values():
            self._end(waiting, Retry(0.0, None))
        self._delivered.clear()
        self._give_back_unread()
        fault = None if run.cancelled() else run.exception()
        self.stopped_by = fault or self._batch.stopped_by
        if self.stopped_by is not None:
            logger.warning("the consumer stopped, and gives its events back: %s", self.stopped_by)
            if self._on_stop is not None:
                self._on_stop(self.stopped_by)

    def _give_back_unread(self) -> None:
        while self._events:
            self._end(self._events.first(), Retry(0.0, None))
