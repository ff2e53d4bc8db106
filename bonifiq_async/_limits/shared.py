"""What all calls of one client know of the provider's limit, and whose turn it is.

Each batch is one caller, and all single calls together are one. Where several wait, the turns go round, as in
fair queueing (Nagle, RFC 970). See docs/explanation/adaptive-limit.md.
"""

import asyncio
from collections import deque
from typing import Protocol

from bonifiq_async._concurrency.limiter import Sample
from bonifiq_async._concurrency.runtime import Runtime
from bonifiq_async._limits.admission import Admission
from bonifiq_async._policy.budget import EARLIEST, Hold, held_for
from bonifiq_async._policy.verdict import GOOD

REMEMBERED = 300.0
"""Seconds for which what was learned counts: after the last answer that shows it, or to a batch."""
LATELY, MOST_LATELY = 2.0, 2_000
"""Seconds before the first sign of a limit whose single calls count, and how many of these at the most."""
USUAL = 8
"""Requests in flight of batches until one begins, whose settings say it."""
LOOK = 1.0
"""Seconds after which a sleeper looks again whether anything has changed."""


class TakesTurns(Protocol):
    """One that takes turns: a batch, or all single calls."""

    @property
    def most(self) -> int:
        """How many requests a batch may have in flight; 0 for single calls."""

    @property
    def waits(self) -> bool:
        """Whether something waits for its turn."""

    def wait(self, now: float) -> float | None:
        """Return the seconds until the first may leave; None if an answer must come first, or none waits."""

    def enter(self, now: float) -> None:
        """Let the first that waits leave."""

    def told_to_wait(self, seconds: float, *, shared: bool = False) -> None:
        """Take in that the provider asks all calls to wait so long from now.

        With `shared`, it is the pace of several processes that says so: they know of it.
        """


class SharedLimit:
    """The limit of one client's provider, as the answers to all of its calls show it. For one event loop.

    `hold` is the wait that the provider asks for. Until a batch begins, or an answer says something of a
    limit, nothing is known: `admission` is None, and a single call needs no turn. What is known is forgotten
    `REMEMBERED` seconds after the last answer to a batch, and the last one to a single call that shows a
    limit. `good_at` is when the last good answer to a call that had a turn came; `lately` are the times at
    which those left that had none, and were answered well.
    """

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.hold = Hold()
        self.good_at = float("-inf")
        self._callers: deque[TakesTurns] = deque()
        self.admission: Admission | None = None
        self._latest = float("-inf")
        self.lately: deque[float] = deque(maxlen=MOST_LATELY)
        self._waker: asyncio.Task[None] | None = None
        self._looks_at = float("inf")

    @property
    def _in_batches(self) -> int:
        return sum(caller.most for caller in self._callers)

    def _kept(self, now: float) -> Admission | None:
        """Return what is known and not too old."""
        if self.admission is not None and now - self._latest > REMEMBERED and not self._in_batches:
            self.admission = None
        return self.admission

    def known(self) -> Admission:
        """Return what is known, which is kept from now on: with what was taken of single calls lately."""
        now = self.runtime.monotonic()
        admission = self._kept(now)
        if admission is None:
            admission = self.admission = Admission.of(USUAL, USUAL)
            self._latest = now
        while self.lately:
            left = self.lately.popleft()
            if left > now - LATELY:
                admission.adaptation.search.opened(left)
                admission.adaptation.search.took(left)
        return admission

    def binds(self) -> bool:
        """Say whether a single call has to wait for its turn."""
        if self.admission is None:
            return False
        now = self.runtime.monotonic()
        admission = self._kept(now)
        return admission is not None and admission.binds_single_calls(now)

    def add(self, caller: TakesTurns) -> None:
        """Let a caller take turns."""
        self._callers.append(caller)

    def begin(self, batch: TakesTurns, initial: int) -> Admission:
        """Let a batch take turns, which has `initial` requests in flight at first where nothing is known."""
        admission = self.known()
        self.add(batch)
        admission.widen(initial, self._in_batches)
        now = self.runtime.monotonic()
        if self.hold.remaining(now) > 0:
            admission.hold(now, self.hold.ends - now)
            batch.told_to_wait(self.hold.ends - now)
        return admission

    async def end(self, batch: TakesTurns) -> None:
        """Give a batch no more turns: what it has learned is kept for the next one."""
        self._callers.remove(batch)
        if self.admission is not None:
            if self._in_batches:
                self.admission.widen(0, self._in_batches)
            else:
                self.admission.rest_from_batches()
        if not self._any_waits() and self._waker is not None:
            self._waker.cancel()
            await asyncio.gather(self._waker, return_exceptions=True)
        self.let_in()

    def told_to_wait(self, now: float, asked: float, patience: float, *, shared: bool = False) -> None:
        """Take in that all calls are asked to wait so long; each waits up to `patience` seconds.

        An answer asks for it, or what is `shared` by several processes: see `TakesTurns.told_to_wait`.
        """
        self.hold.extend(now, asked, held_for(asked, patience))
        if self.admission is not None and self._in_batches:
            self.admission.hold(now, asked)
        for caller in tuple(self._callers):
            caller.told_to_wait(asked, shared=shared)

    def saw(self, sample: Sample) -> None:
        """Take in the answer to a request that had a turn, or one that says something of a limit."""
        now = self.runtime.monotonic()
        if self.known().saw(sample, now) or not sample.single:
            self._latest = now
        if sample.verdict in GOOD:
            self.good_at = now

    def others_wait(self, caller: TakesTurns) -> bool:
        """Say whether anything waits but what `caller` has."""
        return any(other.waits for other in self._callers if other is not caller)

    def let_in(self) -> None:
        """Let in, in turn, all that may leave now; and look again later where only time is missing."""
        wait = self._go_round()
        if wait is not None:
            self._look_again(min(wait, LOOK))
        elif self._waker is not None and not self._any_waits():
            self._waker.cancel()
            self._looks_at = float("inf")  # it has not ended yet, and wakes none that comes

    def _any_waits(self) -> bool:
        return any(caller.waits for caller in self._callers)

    def _go_round(self) -> float | None:
        """Let in all that may leave; return the seconds until the next may, where only time is missing."""
        while True:
            now, soonest = self.runtime.monotonic(), None
            for caller in tuple(self._callers):
                wait = caller.wait(now)
                if wait is not None and wait <= 0:
                    self._callers.remove(caller)
                    self._callers.append(caller)
                    caller.enter(now)
                    break
                if wait is not None and (soonest is None or wait < soonest):
                    soonest = wait
            else:
                return soonest

    def _look_again(self, seconds: float) -> None:
        """Look again in so many seconds, if not sooner."""
        looks_at = self.runtime.monotonic() + seconds
        if self._waker is not None and not self._waker.done():
            if self._looks_at <= looks_at + EARLIEST:
                return
            self._waker.cancel()
        self._looks_at = looks_at
        self._waker = asyncio.create_task(self._wake_in_time(seconds))

    async def _wake_in_time(self, seconds: float) -> None:
        """Sleep until the next may leave, for as long as only time is missing."""
        wait: float | None = seconds
        while wait is not None:
            wait = min(wait, LOOK)
            self._looks_at = self.runtime.monotonic() + wait
            await self.runtime.sleep(wait)
            wait = self._go_round()
