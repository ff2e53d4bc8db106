"""The gate of a batch: which change may send now, and when none may.

It keeps the requests of a batch within what the provider takes, waits out a Retry-After, and in an
outage lets one probe through at growing intervals until the provider is back or the run gives up.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TypeVar

from bonifiq_async._concurrency.limiter import Sample
from bonifiq_async._limits.pacer import Pacer
from bonifiq_async._limits.shared import LOOK, SharedLimit
from bonifiq_async._model.errors import NotAppliedError, RetryAfterTooLong
from bonifiq_async._model.outcome import Outcome, StopReason, Verdict
from bonifiq_async._policy.retry_after import in_words
from bonifiq_async._policy.verdict import GOOD
from bonifiq_async._policy.wait_scope import FIRSTS
from bonifiq_async.batch.flow import FlowControl, FlowState
from bonifiq_async.batch.outage import A_WHILE, OutageState, cause_of
from bonifiq_async.batch.worker_pace import WorkerPace

T = TypeVar("T")

_TOO_LONG = StopReason.RETRY_AFTER_TOO_LONG
ROUNDS = 3
"""How often a change is begun while it is not certain that the provider is out: when others overtake it
between outages, when it waits too long for its turn, or when it fails while few others are tried."""

GIVEN_UP = frozenset(
    {
        StopReason.ATTEMPTS_SPENT,
        StopReason.DEADLINE,
        StopReason.QUOTA_SPENT,
        StopReason.OUTAGE,
        StopReason.INTERCEPTED,
    }
)
"""Ends whose cause may be the provider or the way there, and not the change."""


class Gate:
    """Lets changes begin and their attempts go out: repeats before beginnings, each in turn."""

    def __init__(self, flow: FlowControl, limit: SharedLimit) -> None:
        self.most = flow.max_in_flight
        self._flow = flow
        self._limit = limit
        self._runtime = limit.runtime
        self._pacer = Pacer(flow.max_rate)
        self._pace = None if flow.shared_pace is None else WorkerPace(flow.shared_pace, limit, self._give_up)
        self._active = 0
        self._repeats: deque[_Waiting] = deque()
        self._beginnings: deque[_Waiting] = deque()
        self._outage = OutageState(self.now())
        self._prober: Passage | None = None
        self._stopped = False
        self.due: dict[Passage, float] = {}
        self.relieve: Callable[[int], None] = _nothing
        self.repeats = 0
        self.fault: NotAppliedError | None = None
        self._admission = limit.begin(self, flow.initial)

    @property
    def state(self) -> FlowState:
        """What is going on now."""
        now, outage = self._runtime.monotonic(), self._outage
        fails, kind = outage.lasts(now), self._admission.limit_kind(now)
        shared = None if self._pace is None else self._pace.rate
        rates = [rate for rate in (self._flow.max_rate, self._admission.rate, shared) if rate is not None]
        return FlowState(
            in_flight=self._active,
            limit=min(self._most, self._admission.limit),
            rate=min(rates, default=None),
            held=self._admission.held.remaining(now),
            paused=fails if self._paused else None,
            failing=fails if fails >= A_WHILE else None,
            waiting=len(self.due) + sum(not waiter.done() for waiter, _ in self._repeats),
            cause=None if outage.since is None else outage.cause.words or None,
            status=None if outage.since is None else outage.cause.status,
            alike=outage.since is not None and outage.alike,
            next_try=None
            if self._active
            else outage.next_try(now, self._admission.held.remaining(now), self.due.values()),
            kind=None if kind is None else kind.value,
            known_for=None if kind is None else now - self._admission.since,
        )

    def now(self) -> float:
        """Return the run's time."""
        return self._runtime.monotonic()

    @property
    def _paused(self) -> bool:
        return self._outage.probe_at is not None

    async def start(self, again: "Passage | None" = None) -> "Passage | None":
        """Wait until a change may begin, or begin `again`; return its place, None when none may any more."""
        if self._stopped:
            return None
        passage = Passage(self) if again is None else again
        if self._outage.since is not None and self._is_hopeless(passage):
            return None
        queue = self._repeats if passage.goes_first else self._beginnings
        if not self._enters(passage) and await self._wait_for_turn(queue, passage) is not None:
            return None
        passage.begin(self._runtime.monotonic())
        return passage

    async def repeat(self, passage: "Passage") -> StopReason | None:
        """Wait until the next attempt of a change may go out; return why it may not, if so."""
        barred = self.bars(passage)
        if barred is None and not self._enters(passage):
            barred = await self._wait_for_turn(self._repeats, passage)
        return barred

    def bars(self, passage: "Passage") -> StopReason | None:
        """Say why no further attempt of a change that has begun may go out, if so.

        When the time of the run is over, other changes are tried before it gives up. A run that was stopped
        begins nothing that was never sent, and stops trying soon after nothing succeeds.
        """
        if self.fault is not None:
            return StopReason.OUTAGE
        now = self._runtime.monotonic()
        fails = self._outage.lasts(now)
        if self._stopped:
            in_vain = min(fails, now - self._admission.held.until) >= A_WHILE
            return StopReason.STOPPED if self._paused or in_vain or not passage.sent else None
        return StopReason.OUTAGE if self._is_over(now) else None

    @property
    def _awaits_first(self) -> bool:
        """Whether nothing has succeeded yet, and the run asks for a setting where nothing does."""
        return self._outage.never and self._flow.give_up_at_start is not None

    def _is_over(self, now: float) -> bool:
        """Say whether nothing has succeeded for so long that the run gives up."""
        return self._outage.gives_up(now, self._flow.give_up_after, self._flow.give_up_at_start)

    def _is_hopeless(self, passage: "Passage | None") -> bool:
        """Give up when nothing succeeds for too long and this change need not be tried to know it."""
        now = self._runtime.monotonic()
        if self._is_over(now) and self._outage.is_known_to(None if passage is None else passage.change):
            self._give_up(self._outage.in_words(now))
        return self.fault is not None

    def _enters(self, passage: "Passage") -> bool:
        """Let it in at once where no other change waits and nothing is in the way, and say so."""
        if self._repeats or self._beginnings or self._stopped or self._limit.others_wait(self):
            return False
        now = self._runtime.monotonic()
        if self._may_leave(now) != 0:
            return False
        self._admit(passage, now)
        return True

    async def _wait_for_turn(self, queue: "deque[_Waiting]", passage: "Passage") -> StopReason | None:
        waiter: asyncio.Future[StopReason | None] = asyncio.get_running_loop().create_future()
        queue.append((waiter, passage))
        self._limit.let_in()
        try:
            return await waiter
        except asyncio.CancelledError:
            passage.release()  # the place may have come in the very moment of giving up
            raise

    def leave(self, passage: "Passage") -> None:
        """Give a place back."""
        self._active -= 1
        self._admission.left()
        if self._prober is passage:
            self._prober = None
        self._limit.let_in()

    def stop(self) -> None:
        """Let no more changes begin; those that were sent go on, unless nothing succeeds."""
        self._stopped = True
        self._turn_away()

    def idle(self) -> None:
        """Note that there is nothing to be done: the time until there is does not count."""
        self._outage.since = None

    async def close(self) -> None:
        """Take no more turns."""
        try:
            if self._pace is not None:
                await self._pace.close()
        finally:
            await self._limit.end(self)

    def saw(self, sample: Sample, passage: "Passage") -> None:
        """Take in how an attempt of `passage` ended."""
        now, alone = self._runtime.monotonic(), self._limit.good_at <= self._outage.good_at
        self._limit.saw(sample)
        self.repeats += passage.failed
        passage.told, passage.alone = sample.asked is not None, sample.alone
        if sample.verdict not in GOOD or (sample.nowhere and self._awaits_first):
            passage.failed = True
            passage.sent = passage.sent or sample.verdict is not Verdict.NOT_SENT
            probe = passage is self._prober
            cause = cause_of(sample.status, sample.cause, asks=sample.verdict is Verdict.THROTTLED)
            self._outage.failed(passage.change, now, probe=probe, elapsed=sample.since_began, cause=cause)
            if sample.untrusted and (self._outage.never or self._paused):
                self._give_up(sample.cause)  # a person has to correct it: waiting does not help
        elif self._outage.succeeded(now, self._active):
            self._prober = None
            if alone:  # else the provider has been back for others for a while
                self._admission.adaptation.restart(now)
        if self.due and sample.verdict in GOOD and next(iter(self.due)).rests <= now - sample.elapsed:
            self.relieve(self._admission.limit)  # what was sent after the first of these had failed went well
        self._limit.let_in()

    def outlived(self, passage: "Passage", outcome: Outcome[T]) -> bool:
        """Say whether a change failed only because of the provider, so that it is begun once more."""
        if self._stopped or self.fault is not None:
            return False
        if outcome.error is None and not self._paused:
            self._outage.since = None  # it may have been applied already, and nothing been sent
        if outcome.reason is _TOO_LONG and not passage.alone:
            asked = None if outcome.error is None else outcome.error.retry_after
            self._outage.held_up(passage.change, self._runtime.monotonic())
            self.hold(asked or 0.0)  # it may have been said to another call of the client
            return self.fault is None
        if outcome.reason not in GIVEN_UP:
            return False
        overtaken = self._outage.good_at > passage.began
        if (self._paused or (self._outage.never and outcome.attempts)) and not overtaken:
            return True
        alone = not overtaken and bool(outcome.attempts)
        return (self._paused or alone or passage.late) and passage.rounds < ROUNDS

    def hold(self, asked: float) -> None:
        """Let no request go for so many seconds; give up when that is more than the run waits."""
        self._admission.hold(self._runtime.monotonic(), asked)
        self.told_to_wait(asked)

    def told_to_wait(self, seconds: float, *, shared: bool = False) -> None:
        """Give up when the provider asks to wait longer than the run waits: see `TakesTurns.told_to_wait`."""
        if self._pace is not None and not shared:
            self._pace.told_to_wait(seconds)
        if seconds > self._flow.give_up_after:
            self._give_up(f"The provider asks to wait {in_words(seconds, self._runtime.wall())}", seconds)

    @property
    def waits(self) -> bool:
        """See `TakesTurns.waits`."""
        for queue in (self._repeats, self._beginnings):
            while queue and queue[0][0].done():
                queue.popleft()
        return bool(self._repeats or self._beginnings)

    def wait(self, now: float) -> float | None:
        """See `TakesTurns.wait`."""
        if self._stopped:
            self._turn_away()
        return self._may_leave(now) if self.waits else None

    def enter(self, now: float) -> None:
        """See `TakesTurns.enter`: repeats go before beginnings."""
        waiter, passage = (self._repeats or self._beginnings).popleft()
        waiter.set_result(None)
        self._admit(passage, now)

    def _admit(self, passage: "Passage", now: float) -> None:
        passage.held = True
        self._active += 1
        self._admission.took(now)
        self._pacer.took(now)
        if self._pace is not None:
            self._pace.took()
        self._outage.sent(self._active)
        self._prober = passage if self._paused else None

    def _may_leave(self, now: float) -> float | None:
        """Return the seconds until the next may go; None when an answer must come first."""
        if self._outage.since is not None and self._is_hopeless(None):
            return None
        probe_at, admission, own = self._outage.probe_at, self._admission, self._pacer.wait(now)
        if probe_at is None:
            wait = own or admission.wait(now)
        elif self._prober is not None:
            return None
        else:
            wait = max(0.0, probe_at - now, admission.held.remaining(now), admission.pacer.wait(now), own)
        if wait != 0:
            return wait
        if self._active >= self._most and probe_at is None:
            return None
        if self._pace is None:
            return 0.0
        return self._pace.wait(now, len(self._repeats) + len(self._beginnings) or 1)

    @property
    def _most(self) -> int:
        return self.most if self._pace is None else self._pace.most(self.most)

    def _give_up(self, why: str, asked: float | None = None) -> None:
        """End the run: changes that wait are turned away, and none begins or is tried again."""
        self.fault = (NotAppliedError if asked is None else RetryAfterTooLong)(
            f"{why}, so the run was stopped. What was in flight is accounted for; nothing else was sent.",
            status=self._outage.cause.status,
            retry_after=asked,
        )
        self.stop()

    def _turn_away(self) -> None:
        """Tell all changes that would begin, and those that have begun and may not go any more."""
        for queue in (self._beginnings, self._repeats):
            for _ in range(len(queue)):
                waiter, passage = queue.popleft()
                barred = StopReason.STOPPED if queue is self._beginnings else self.bars(passage)
                if barred is None:
                    queue.append((waiter, passage))
                elif not waiter.done():
                    waiter.set_result(barred)


def _nothing(_: int) -> None:
    """Have others do nothing for the changes that wait."""


class Passage:
    """One change's place at the gate: held while an attempt is made, given back for every wait.

    `change` is what it is known by, once it is tried its key: what is delivered once more is the same change.
    The change has begun so many `rounds`, first at `began`. `late` says that in this round its time was over
    before it was let in again; `failed` that it was tried, and `sent` that it left then; `told` that all were
    asked to wait when it was tried last, `alone` that it was, and no other. It `rests` since then.
    """

    began = float("inf")
    rests = float("-inf")
    rounds = 0
    held = late = failed = sent = told = alone = False

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self.change: object = self

    @property
    def goes_first(self) -> bool:
        """Whether it goes before the others in its next round: see `wait_scope`."""
        return self.told and self.rounds <= FIRSTS

    def begin(self, now: float) -> None:
        """Begin a round."""
        if self.rounds == 0:
            self.began = now
        self.rounds, self.late = self.rounds + 1, False

    async def acquire(self, timeout: float) -> StopReason | None:
        """See `Permit.acquire`."""
        if self.held:
            return None
        try:
            async with asyncio.timeout(timeout):
                return await self._gate.repeat(self)
        except TimeoutError:
            self.late = True
            return StopReason.DEADLINE

    async def rest(self, seconds: float, sleep: Callable[[float], Awaitable[None]]) -> StopReason | None:
        """See `Permit.rest`."""
        self.rests = self._gate.now()
        self._gate.due[self] = self.rests + seconds
        try:
            while (barred := self._gate.bars(self)) is None and seconds > 0:
                await sleep(min(seconds, LOOK))
                seconds -= LOOK
        finally:
            del self._gate.due[self]
        return barred

    def release(self) -> None:
        """See `Permit.release`."""
        if self.held:
            self.held = False
            self._gate.leave(self)

    def saw(self, sample: Sample) -> None:
        """See `Permit.saw`."""
        self._gate.saw(sample, self)


_Waiting = tuple["asyncio.Future[StopReason | None]", Passage]
