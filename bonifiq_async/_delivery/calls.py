"""Input/output: one call from request to result: claim, delivery, conclusion."""

from collections.abc import Awaitable
from typing import Generic, TypeVar

from attrs import define

from bonifiq_async._concurrency.limiter import Slot
from bonifiq_async._delivery.delivery import Delivery, Reader
from bonifiq_async._delivery.single_flight import Claims
from bonifiq_async._log import logger
from bonifiq_async._model import validation
from bonifiq_async._model.errors import ChangeKeyConflict, OutcomeUnknownError
from bonifiq_async._model.evidence import Reading
from bonifiq_async._model.operation import Operation, RepeatClass
from bonifiq_async._model.outcome import Attempt, Change, Effect, Outcome
from bonifiq_async._model.values import fixed
from bonifiq_async._policy.failures import BY_WORD_ALONE, WAY_OUT, error_of, said_beside
from bonifiq_async._policy.history import Delivered, History
from bonifiq_async._policy.request import PreparedRequest
from bonifiq_async._transport.session import Timeouts
from bonifiq_async.ledger.protocol import BY_EFFECT, Ending, Intent, Ledger, State

T = TypeVar("T")


@fixed
class Terms:
    """On what terms a change is made.

    `deadline` is in seconds from now. A batch gives its own `slot`, its place among the batch's
    requests, and `ledger`, which is asked instead of the client's.
    """

    deadline: float | None = None
    slot: Slot | None = None
    ledger: Ledger | None = None


class Calls:
    """Makes the calls of one client. `timeouts.call` is the deadline where none is given."""

    def __init__(self, delivery: Delivery, claims: Claims, timeouts: Timeouts) -> None:
        self.delivery = delivery
        self.claims = claims
        self._timeouts = timeouts

    async def value(
        self,
        operation: Operation[T],
        request: PreparedRequest,
        read: Reader[T],
        *,
        deadline: float | None = None,
    ) -> tuple[T, tuple[Attempt, ...]]:
        """Return what an operation without a key answers, and the attempts; raise what kept it from it."""
        seconds = self._seconds(deadline)
        delivered = await self.delivery.deliver(operation, request, read, History(), seconds=seconds)
        error = error_of(operation, delivered, None)
        if error is not None:
            if error.effect is Effect.UNKNOWN:
                logger.warning("unknown: %s: %s", operation.name, error)
            raise error
        if delivered.result is None:
            raise AssertionError("a success carries its result")
        return delivered.result, delivered.attempts

    async def outcome(
        self,
        change: Change,
        operation: Operation[T],
        request: PreparedRequest,
        read: Reader[T],
        *,
        terms: Terms = Terms(),
    ) -> Outcome[T]:
        """Return what became of a keyed change, whatever that is.

        Raises only what concerns the client and not the change: `ConfigurationError`, `LedgerError`.
        """
        seconds, slot = self._seconds(terms.deadline), terms.slot
        intent = Intent(
            operation.name,
            request.key or "",
            request.digest,
            change.customer_id,
            change.value,
            request.path,
            request.kept,
            self.claims.account,
            request.bearer,
        )
        sending = _Sending(self.delivery, operation, request, read, slot)
        repeatable = operation.repeat is not RepeatClass.NEVER
        try:
            delivered = await self.claims.once(
                intent,
                sending.deliver,
                sending.sum_up,
                seconds=seconds,
                repeatable=repeatable,
                slot=slot,
                ledger=terms.ledger,
            )
        except (ChangeKeyConflict, OutcomeUnknownError) as error:
            return Outcome(change, error.effect, None, error.attempts, error)
        except BaseException:
            if sending.may_have_changed:
                logger.warning(
                    "unknown: %s key=%s: the call ended before its answer. %s",
                    operation.name,
                    request.key,
                    WAY_OUT[operation.repeat],
                )
            raise
        ended = error_of(operation, delivered, request.key)
        if delivered.effect is Effect.UNKNOWN:
            logger.warning("unknown: %s key=%s: %s", operation.name, request.key, ended)
        if delivered.used_elsewhere:
            logger.warning("used elsewhere: %s key=%s: %s", operation.name, request.key, BY_WORD_ALONE)
        reading = delivered.reading
        return Outcome(
            change,
            delivered.effect,
            None if reading is None else reading.result,
            delivered.attempts,
            ended,
            reason=delivered.reason,
            used_elsewhere=delivered.used_elsewhere,
            notice=None if reading is None else reading.notice,
        )

    def _seconds(self, deadline: float | None) -> float:
        return self._timeouts.call if deadline is None else validation.seconds(deadline, "deadline")


@define(eq=False)
class _Sending(Generic[T]):
    """How one change is delivered, and what a ledger keeps of its end."""

    _delivery: Delivery
    _operation: Operation[T]
    _request: PreparedRequest
    _read: Reader[T]
    _slot: Slot | None
    _history: History | None = None

    def deliver(self, history: History, left: float) -> Awaitable[Delivered[T]]:
        """Deliver it within `left` seconds."""
        self._history = history
        return self._delivery.deliver(
            self._operation, self._request, self._read, history, seconds=left, slot=self._slot
        )

    def sum_up(self, delivered: Delivered[T]) -> Ending:
        """Return how it ended."""
        error = error_of(self._operation, delivered, self._request.key)
        return Ending(
            State.USED_ELSEWHERE if delivered.used_elsewhere else BY_EFFECT[delivered.effect],
            len(delivered.attempts),
            _in_short(self._operation, delivered.reading),
            None if error is None else str(error),
        )

    @property
    def may_have_changed(self) -> bool:
        """Whether it was begun and the balance may have changed."""
        return self._history is not None and self._history.may_have_changed


def _in_short(operation: Operation[T], reading: Reading[T] | None) -> str | None:
    """Return what a ledger keeps of an answer: the values that the operation names, and what stood beside."""
    if reading is None:
        return None
    kept = () if reading.result is None else operation.kept
    parts = [f"{name}={getattr(reading.result, name)!s}" for name in kept]
    if reading.notice is not None:
        parts.append(f"notice={said_beside(reading.notice)}")
    return " ".join(parts) or None
