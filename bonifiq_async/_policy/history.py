"""What one call has done so far, and how it ended."""

from collections.abc import Callable
from typing import Generic, TypeVar

from attrs import define, field

from bonifiq_async._model.evidence import Evidence, HandOver, Reading
from bonifiq_async._model.outcome import Attempt, Effect, StopReason
from bonifiq_async._model.values import fixed

T = TypeVar("T")


@define
class History:
    """What has happened on behalf of one call so far; also after it was cancelled.

    `in_doubt` starts true when an earlier call with the same key ended unknown. `hand_over` is that of the
    attempt that runs. `held` says whether the claim under which it is sent holds now.
    """

    in_doubt: bool = False
    attempts: list[Attempt] = field(factory=list)
    hand_over: HandOver | None = None
    held: Callable[[], bool] = lambda: True

    @property
    def may_have_changed(self) -> bool:
        """Whether the balance may have changed, the running attempt included."""
        return self.in_doubt or (self.hand_over is not None and self.hand_over.done)


@fixed
class Delivered(Generic[T]):
    """How a delivery ended.

    `asked` is the wait in seconds that the provider asked for at the end; `note` says more of `reason`.
    `used_elsewhere` is that of `Outcome`. `recalled` is what a ledger has of the answer of a change that is
    not sent again.
    """

    effect: Effect
    reason: StopReason
    attempts: tuple[Attempt, ...] = ()
    reading: Reading[T] | None = None
    evidence: Evidence | None = None
    asked: float | None = None
    note: str | None = None
    used_elsewhere: bool = False
    recalled: str | None = None

    @property
    def result(self) -> T | None:
        """What the provider answered, where it accepted."""
        return None if self.reading is None else self.reading.result
