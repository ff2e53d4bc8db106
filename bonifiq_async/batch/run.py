"""A batch: a feeder reads the source, workers deliver, the caller gets outcomes as they end."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable
from typing import Generic, TypeVar

import attrs
from attrs import define

from bonifiq_async._concurrency.limiter import Limiter
from bonifiq_async._concurrency.runtime import Runtime, running_loop
from bonifiq_async._delivery.single_flight import checked_ledger
from bonifiq_async._delivery.terms import ChangeClient, Terms
from bonifiq_async._model.errors import BonifiQError, ConfigurationError
from bonifiq_async._model.outcome import Change, Outcome
from bonifiq_async._model.values import public
from bonifiq_async._policy.failures import concerns_all
from bonifiq_async.batch.flow import FlowControl, FlowState
from bonifiq_async.batch.gate import Gate, Passage
from bonifiq_async.batch.per_customer import Lanes
from bonifiq_async.batch.queue import FifoQueue
from bonifiq_async.batch.summary import BatchSummary, Tally
from bonifiq_async.ledger.protocol import Ledger

C = TypeVar("C", bound=Change)
T = TypeVar("T")

READ_AHEAD = 4
"""Changes read from the source for each that may be in flight: enough for lanes of busy customers, and to
begin others while some wait for their next attempt."""


@public
class CashbackBatch(Generic[C, T]):
    """Applies many changes through `client`: as fast as the provider takes them, in order per customer.

    Unless `ordered`, changes of one customer are in flight side by side, too. `flow` bounds what is in
    flight. `ledger` records the changes instead of the client's own; it is shared, never closed here. An
    outage pauses the run: what fails in it is begun again, under the same key and behind the others, when
    the provider is back; after `flow.give_up_after` the run stops. A few changes that fail alone are no
    outage: they end as they do, after some rounds.

    Leaving `run` early (use `contextlib.aclosing`) cancels what is in flight, which is then in doubt;
    `stop` lets it end first, but waits for no provider that is out, and sends nothing that never left. A
    refused credential stops the run at once, also that of a proxy, as an outage does in the end
    (`stopped_by` is the error); not so where a change has a sign-in of its own, or a firewall's page
    refused it. After a run that was left early, `unheard` are the outcomes that the caller did not take, and
    `cut_off` the changes that were in flight: the client's `in_doubt` says which of them may have been
    applied. The same after a fault.
    """

    def __init__(
        self,
        client: ChangeClient[C, T],
        *,
        flow: FlowControl = FlowControl(),
        ledger: Ledger | None = None,
        ordered: bool = True,
        runtime: Runtime = Runtime(),
    ) -> None:
        self._client = client
        self._flow = flow
        self._ordered = ordered
        self._ledger = None if ledger is None else checked_ledger(ledger)
        self._runtime = runtime
        self._tally = Tally.empty()
        self._began: float | None = None
        self._ended: float | None = None
        self._stopping = False
        self._running: _Run[C, T] | None = None
        self.stopped_by: BonifiQError | None = None
        self.unheard: tuple[Outcome[T], ...] = ()
        self.cut_off: tuple[C, ...] = ()

    @property
    def summary(self) -> BatchSummary:
        """What has ended so far; may be read while the batch runs."""
        end = self._runtime.monotonic() if self._ended is None else self._ended
        repeats = self._running.gate.repeats if self._running is not None else 0
        return self._tally.summary(0.0 if self._began is None else end - self._began, repeats)

    @property
    def in_flight(self) -> int:
        """How many changes are being delivered now."""
        return self._running.in_flight if self._running is not None else 0

    @property
    def flow_state(self) -> FlowState | None:
        """How much is let through now, and why no more; None when nothing runs."""
        return self._running.gate.state if self._running is not None else None

    def stop(self) -> None:
        """Take in no more changes; those in flight end, and `run` with them. Idempotent."""
        self._stopping = True
        if self._running is not None:
            self._running.stop()

    async def run(self, changes: Iterable[C] | AsyncIterable[C]) -> AsyncGenerator[Outcome[T], None]:
        """Yield an outcome for each of `changes`, in the order in which they end.

        `changes` is read lazily. A change that fails yields its outcome and disturbs no other. Raises
        `ConfigurationError` when the client cannot send, and whatever `changes` raises, after the
        outcomes of what was in flight. `position` counts the changes from 0.
        """
        running_loop()
        if self._running is not None:
            raise ConfigurationError("This batch is running already. Make one batch for each run.")
        self._began, self._ended = self._runtime.monotonic(), None
        gate = Gate(self._flow, self._client.limit)
        run = self._running = _Run(self._client, changes, self._flow.max_in_flight, gate, self._ledger)
        run.ordered = self._ordered
        try:
            if self._stopping:
                return
            run.start()
            while (outcome := run.ended.first() if run.ended else await run.ended.take()) is not None:
                self._tally.count(outcome)
                if outcome.error is not None and concerns_all(outcome):
                    self.stopped_by = self.stopped_by or outcome.error
                    self.stop()
                yield outcome
                run.room.release()
            self.stopped_by = self.stopped_by or gate.fault
            if run.fault is not None:
                raise run.fault
        finally:
            try:
                await run.close()
            finally:
                self.unheard, self.cut_off = run.left(), tuple(run.cut_off)
                self._tally.repeats += gate.repeats
                self._running, self._ended = None, self._runtime.monotonic()


@define(eq=False)
class _Lap(Generic[C, T]):
    """A change on its way: its place at the gate, and what its rounds so far came to."""

    position: int
    change: C
    passage: Passage | None = None
    outcome: Outcome[T] | None = None

    def take(self, later: Outcome[T]) -> Outcome[T]:
        """Take in the outcome of one more round, and return that of all."""
        if self.outcome is not None:
            later = _joined(self.outcome, later)
        if later.position != self.position:  # of a client that does not say it
            later = attrs.evolve(later, position=self.position)
        self.outcome = later
        return later


class _Run(Generic[C, T]):
    """The tasks and queues of one run."""

    def __init__(
        self,
        client: ChangeClient[C, T],
        changes: Iterable[C] | AsyncIterable[C],
        width: int,
        gate: Gate,
        ledger: Ledger | None,
    ) -> None:
        self.gate = gate
        self._ledger = ledger
        self._client = client
        self._changes = changes
        self._width = width
        self.ordered = True
        self._lanes: Lanes[_Lap[C, T]] = Lanes()
        self._ready: FifoQueue[_Lap[C, T]] = FifoQueue()
        self._unended = 0
        self._exhausted = False
        self._stopping = False
        self._closing = False
        self._feeder: asyncio.Task[None] | None = None
        self._workers: list[asyncio.Task[None]] = []
        # A place is taken by each change from its reading until the caller has its outcome: what
        # bounds this, bounds the lanes and both queues.
        self.room = Limiter(width * READ_AHEAD)
        self.ended: FifoQueue[Outcome[T] | None] = FifoQueue()
        self.in_flight = 0
        self.cut_off: list[C] = []
        self.fault: BaseException | None = None

    def start(self) -> None:
        self._feeder = asyncio.create_task(self._feed())
        self._feeder.add_done_callback(self._fed)
        self._workers = [asyncio.create_task(self._work()) for _ in range(self._width)]
        self.gate.relieve = self._relieve

    def _relieve(self, limit: int) -> None:
        """Have another worker where one waits for the next attempt of its change, and more may be sent."""
        at_work, most = len(self._workers) - len(self.gate.due), self._width * READ_AHEAD
        if at_work < min(limit, self._width) and len(self._workers) < most and not self._closing:
            self._workers.append(asyncio.create_task(self._work()))

    def stop(self) -> None:
        self._stopping = True
        self.gate.stop()
        if self._feeder is not None:
            self._feeder.cancel()

    def left(self) -> tuple[Outcome[T], ...]:
        """Return the outcomes that the caller has not taken."""
        waiting = (self.ended.first() for _ in range(len(self.ended)))
        return tuple(outcome for outcome in waiting if outcome is not None)

    async def close(self) -> None:
        """End all tasks, whatever they do; a cancellation meanwhile is raised when they have ended."""
        self._closing = True
        tasks = [task for task in (self._feeder, *self._workers) if task is not None]
        for task in tasks:
            task.cancel()
        cancelled = await _all_ended(tasks)
        cancelled = await _all_ended([asyncio.create_task(self.gate.close())]) or cancelled
        while self._ready:
            self._tell(self._ready.first())
        if cancelled is not None:
            raise cancelled

    async def _feed(self) -> None:
        position = 0
        async for change in _lazily(self._changes, self.room):
            lap: _Lap[C, T] = _Lap(position, change)
            first = self._lanes.enter(self._lane(lap), lap)
            self._unended += 1
            if first:
                self._ready.put(lap)
            position += 1

    def _lane(self, lap: _Lap[C, T]) -> str:
        """Return the lane of a change: its customer's, or one of its own."""
        return lap.change.customer_id if self.ordered else str(lap.position)

    def _fed(self, feeder: "asyncio.Task[None]") -> None:
        """Note how the source ended; its fault is raised after what is in flight."""
        if not feeder.cancelled():
            self.fault = self.fault or feeder.exception()
        elif not self._stopping:
            self.fault = self.fault or RuntimeError("the source of changes was cancelled")
        self._exhausted = True
        self._end_if_done()

    def _end_if_done(self) -> None:
        if self._unended == 0 and self._exhausted:
            self.ended.put(None)

    async def _work(self) -> None:
        while not self._closing:  # a client may make something else of its cancellation
            lap = self._ready.first() if self._ready else await self._ready.take()
            again = False
            try:
                if not self._stopping:
                    again = await self._deliver(lap)
            except asyncio.CancelledError as error:
                if self._closing:
                    raise
                self.fault = self.fault or error  # a client that cancels itself must not hang the others
                self.stop()
            finally:
                if again:
                    # Behind the others: one of them may get through.
                    self._ready.put(lap, first=lap.passage is not None and lap.passage.goes_first)
                else:
                    self._end(lap)

    def _end(self, lap: _Lap[C, T]) -> None:
        self._tell(lap)
        following = self._lanes.leave(self._lane(lap))
        if following is not None:
            self._ready.put(following)
        self._unended -= 1
        if self._unended == 0:
            self.gate.idle()
            self._end_if_done()

    def _tell(self, lap: _Lap[C, T]) -> None:
        if lap.outcome is not None:
            self.ended.put(lap.outcome)
            lap.outcome = None

    async def _deliver(self, lap: _Lap[C, T]) -> bool:
        """Deliver a change; say whether it failed for the provider's condition alone: it is due once more."""
        passage = lap.passage = await self.gate.start(lap.passage)
        again = False
        if passage is not None:
            try:
                outcome = await self._attempt(lap, passage)
            finally:
                passage.release()
            if outcome is not None:
                ended = lap.take(outcome)
                again = self.gate.outlived(passage, ended) and not concerns_all(ended)
        if self.gate.fault is not None:
            self.stop()
        return again

    async def _attempt(self, lap: _Lap[C, T], passage: Passage) -> Outcome[T] | None:
        self.in_flight += 1
        try:
            passage.change = lap.change.change_key
            return await self._client.outcome_on(lap.change, Terms(None, passage, self._ledger, lap.position))
        except asyncio.CancelledError:
            self._cut_off(lap)
            raise
        except Exception as error:  # noqa: BLE001 - not about one change: raised when the others have ended
            self.fault = self.fault or error
            self._cut_off(lap)
            self.stop()
            return None
        finally:
            self.in_flight -= 1

    def _cut_off(self, lap: _Lap[C, T]) -> None:
        """Note that the end of the change was not seen; what earlier rounds came to is no longer true."""
        self.cut_off.append(lap.change)
        lap.outcome = None


async def _all_ended(tasks: Iterable["asyncio.Task[None]"]) -> asyncio.CancelledError | None:
    """Wait until all have ended, and return the last cancellation that came meanwhile."""
    cancelled = None
    while under_way := [task for task in tasks if not task.done()]:
        try:
            await asyncio.wait(under_way)
        except asyncio.CancelledError as error:
            cancelled = error
    return cancelled


def _joined(earlier: Outcome[T], later: Outcome[T]) -> Outcome[T]:
    """Return the later outcome with the attempts of both."""
    count = len(earlier.attempts)
    again = tuple(attrs.evolve(attempt, number=count + attempt.number) for attempt in later.attempts)
    attempts = earlier.attempts + again
    if later.error is not None:
        later.error.attempts = attempts
    return attrs.evolve(later, attempts=attempts)


async def _lazily(changes: Iterable[C] | AsyncIterable[C], room: Limiter) -> AsyncIterator[C]:
    """Read the next change only when a place for it is free."""
    await room.acquire(None)
    if isinstance(changes, AsyncIterable):
        async for change in changes:
            yield change
            await room.acquire(None)
    else:
        for change in changes:
            yield change
            if not room.take():
                await room.acquire(None)
