"""One call from request to result: claim, delivery, conclusion."""

from collections.abc import Mapping
from typing import TypeVar, cast
from urllib.parse import quote, unquote

from bonifiq_async._delivery.delivery import Delivery, Reader
from bonifiq_async._delivery.single_flight import SingleFlight
from bonifiq_async._delivery.terms import AS_USUAL, Terms
from bonifiq_async._log import logger
from bonifiq_async._model import validation
from bonifiq_async._model.errors import BonifiQError, ChangeKeyConflict, OutcomeUnknownError
from bonifiq_async._model.operation import Operation, RepeatClass
from bonifiq_async._model.outcome import Attempt, Change, Effect, Outcome
from bonifiq_async._model.printable import printable
from bonifiq_async._policy.failures import BY_WORD_ALONE, WAY_OUT, error_of, said_beside
from bonifiq_async._policy.history import Delivered, History
from bonifiq_async._policy.request import PreparedRequest, digest_of_kept
from bonifiq_async._transport.session import Timeouts
from bonifiq_async.ledger.protocol import BY_EFFECT, Account, Ending, Intent, State

T = TypeVar("T")


_NEVER, _UNKNOWN = RepeatClass.NEVER, Effect.UNKNOWN
NO_RIVALS: Mapping[str, tuple[str, ...]] = {}


class Calls:
    """Makes the calls of one client. `timeouts.call` is the deadline where none is given.

    `rivals` are, for each operation, the others for which the same key counts.
    """

    def __init__(
        self,
        delivery: Delivery,
        claims: SingleFlight,
        timeouts: Timeouts,
        rivals: Mapping[str, tuple[str, ...]] = NO_RIVALS,
    ) -> None:
        self._rivals = rivals
        self.delivery = delivery
        self.claims = claims
        self.timeouts = timeouts

    async def value(
        self,
        operation: Operation[T],
        request: PreparedRequest,
        read: Reader[T],
        *,
        deadline: float | None = None,
    ) -> tuple[T, tuple[Attempt, ...]]:
        """Return what an operation without a key answers, and the attempts; raise what kept it from it."""
        seconds = self.timeouts.call if deadline is None else validation.seconds(deadline, "deadline")
        delivered = await self.delivery.deliver(operation, request, read, History(), seconds=seconds)
        error = error_of(operation, delivered, None)
        if error is not None:
            if error.effect is Effect.UNKNOWN:
                logger.warning("unknown: %s: %s", operation.name, error)
            raise error
        if delivered.result is None:
            raise AssertionError("a success carries its result")
        notice = None if delivered.reading is None else delivered.reading.notice
        if notice is not None and notice.warns:
            logger.warning("warned: %s: %s", operation.name, said_beside(notice))
        return delivered.result, delivered.attempts

    async def outcome(
        self,
        change: Change,
        operation: Operation[T],
        request: PreparedRequest,
        read: Reader[T],
        terms: Terms = AS_USUAL,
    ) -> Outcome[T]:
        """Return what became of a keyed change, whatever that is.

        Raises only what concerns the client and not the change: `ConfigurationError`, `LedgerError`.
        """
        seconds = self.timeouts.call
        if terms.deadline is not None:
            seconds = validation.seconds(terms.deadline, "deadline")
        rivals = (*self._rivals.get(operation.name, ()), *operation.undone_by)
        intent = _intent(change, operation, request, self.claims.account, rivals)
        try:
            claimed = await self.claims.claim(
                intent,
                seconds=seconds,
                repeatable=operation.repeat is not _NEVER,
                permit=terms.permit,
                ledger=terms.ledger,
            )
        except (ChangeKeyConflict, OutcomeUnknownError) as error:
            return Outcome(change, error.effect, None, error.attempts, error, terms.position)
        if isinstance(claimed, Delivered):
            told = cast("Delivered[T]", claimed)
            return _concluded(change, operation, told, error_of(operation, told, request.key), terms.position)
        try:
            delivered = cast("Delivered[T] | None", claimed.ended)
            if delivered is None:
                delivered = await self.delivery.deliver(
                    operation, request, read, claimed.history, seconds=claimed.seconds, permit=terms.permit
                )
            ended = error_of(operation, delivered, request.key)
            told = await claimed.settle(delivered, _in_short(operation, delivered, ended))
        except BaseException:
            claimed.abandon()
            if claimed.history.may_have_changed:
                logger.warning(ENDED_EARLY, operation.name, request.key, WAY_OUT[operation.repeat])
            raise
        if told is not delivered:  # another process has claimed it meanwhile
            ended = error_of(operation, told, request.key)
        return _concluded(change, operation, told, ended, terms.position)


ENDED_EARLY = "unknown: %s key=%s: the call ended before its answer. %s"


def _intent(
    change: Change,
    operation: Operation[T],
    request: PreparedRequest,
    account: Account,
    rivals: tuple[str, ...],
) -> Intent:
    """Return what a ledger is asked about a change."""
    kept, line = request.kept, getattr(change, "line", 0)  # a change of a file has one
    return Intent(
        operation.name,
        request.key or "",
        digest_of_kept(request.method, request.path, kept),
        change.customer_id,
        change.value,
        request.path,
        kept,
        account,
        request.bearer,
        rivals,
        line if isinstance(line, int) else 0,
        operation.unit or "",
        operation.undone_by,
    )


def _concluded(
    change: Change,
    operation: Operation[T],
    told: Delivered[T],
    error: BonifiQError | None,
    position: int | None,
) -> Outcome[T]:
    """Return the outcome of a change whose delivery ended as `told`, with its error; log what is in doubt."""
    if told.effect is _UNKNOWN:
        logger.warning("unknown: %s key=%s: %s", operation.name, change.change_key, error)
    if told.used_elsewhere:
        logger.warning("used elsewhere: %s key=%s: %s", operation.name, change.change_key, BY_WORD_ALONE)
    reading = told.reading
    return Outcome(
        change,
        told.effect,
        _recalled(operation, told.recalled) if reading is None else reading.result,
        told.attempts,
        error,
        position,
        told.reason,
        told.used_elsewhere,
        None if reading is None else reading.notice,
    )


def _in_short(operation: Operation[T], delivered: Delivered[T], error: BonifiQError | None) -> Ending:
    """Return what a ledger keeps of an end; of the last answer, what it said and what the operation names.

    The provider's texts are quoted as in a URL: they may have blanks.
    """
    reading, attempts = delivered.reading, delivered.attempts
    status = attempts[-1].status if attempts else None
    parts = [] if status is None else [f"status={status}"]
    if reading is not None:
        said, result, notice = reading.said, reading.result, reading.notice
        if said is not None:
            words = said.message if error is None else None  # else they are in the error
            for name, text in (("code", said.code), ("code_name", said.code_name), ("message", words)):
                if text:
                    parts.append(f"{name}={quote(printable(text), safe='')}")
        if result is not None:
            for name in operation.kept:
                parts.append(f"{name}={quote(str(getattr(result, name)), safe='', errors='replace')}")
        if notice is not None:
            parts.append(f"notice={said_beside(notice)}")
    return Ending(
        State.USED_ELSEWHERE if delivered.used_elsewhere else BY_EFFECT[delivered.effect],
        len(attempts),
        " ".join(parts) or None,
        None if error is None else str(error),
        bool(operation.recalled),
    )


def _recalled(operation: Operation[T], answer: str | None) -> T | None:
    """Return what a ledger has of the result of a change that was made before, None where it has nothing."""
    if answer is None or not operation.recalled:
        return None
    parts = (part.partition("=") for part in answer.partition(" notice=")[0].split(" "))
    said = {name: unquote(text) for name, _, text in parts if text != "None"}
    found = {name: kind(said[name]) for name, kind in operation.recalled if name in said}
    return operation.result(**found) if found else None
