"""Timers that seldom ring, as those of time limits do.

A timer of the loop for each would cost its heap an entry, which stays there for a while when the alarm is
put off: one timer serves them all.
"""

import asyncio
from collections.abc import Callable, Hashable
from types import TracebackType
from typing import Generic, TypeVar

from attrs import define

K = TypeVar("K", bound=Hashable)


class Timers(Generic[K]):
    """Calls `ring` with what is set, at its time, unless it is put off before. For one event loop."""

    def __init__(self, ring: Callable[[K], object]) -> None:
        self._ring = ring
        self._due: dict[K, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = float("inf")

    def set(self, key: K, at: float) -> None:
        """Have it ring with `key` at `at`, a time of the loop's clock."""
        self._due[key] = at
        if at < self._rings_at:
            self._arm(at)

    def put_off(self, key: K) -> None:
        """Have it not ring with `key`. Idempotent."""
        self._due.pop(key, None)
        if not self._due and self._timer is not None:
            self._timer.cancel()
            self._timer, self._rings_at = None, float("inf")

    def ring_all(self) -> None:
        """Ring for all that is set, now."""
        for key in tuple(self._due):
            self.put_off(key)
            self._ring(key)

    def _arm(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._rings_at = asyncio.get_running_loop().call_at(at, self._look), at

    def _look(self) -> None:
        """Ring for all that is due; the timer may be that of an alarm which was put off."""
        now = max(self._rings_at, asyncio.get_running_loop().time())
        due = [key for key, at in self._due.items() if at <= now]
        self._timer, self._rings_at = None, float("inf")
        try:
            for key in due:
                if self._due.pop(key, None) is not None:  # a ring may put others off
                    self._ring(key)
        finally:
            soonest = min(self._due.values(), default=float("inf"))
            if soonest < self._rings_at:
                self._arm(soonest)


class TimeLimits(Timers["TimeLimit"]):
    """Bounds waits, most of which end at once: the timer stays where the last of them is over.

    `loop` is the one that runs; None where it is not known yet.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        super().__init__(lambda limit: limit.ring())
        self.loop = loop


@define(eq=False)
class TimeLimit:
    """Cancels what is awaited within when its time is over, and makes a `TimeoutError` of that.

    It bounds the current task to `at`, a time of the loop's clock, in a `with` block. As `asyncio.timeout_at`
    does, for a fifth of what that costs: it sets and puts off its alarm by itself.
    """

    _limits: TimeLimits
    _at: float
    _rang: bool = False
    _before: int = 0
    _task: asyncio.Task[object] | None = None

    def ring(self) -> None:
        """End the wait."""
        self._rang = True
        if self._task is not None:
            self._task.cancel()

    def __enter__(self) -> None:
        limits, at = self._limits, self._at
        task = self._task = asyncio.current_task(limits.loop)
        if task is not None:
            self._before = task.cancelling()
        limits._due[self] = at
        if at < limits._rings_at:
            limits._arm(at)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._limits._due.pop(self, None)
        if self._rang and self._task is not None:
            alone = self._task.uncancel() <= self._before
            if alone and isinstance(error, asyncio.CancelledError):
                raise TimeoutError from error
