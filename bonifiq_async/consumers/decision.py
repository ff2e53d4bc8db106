"""What an outcome means for its event: acknowledge it, have it delivered again, or put it aside.

Pure: a table of effects and reasons. See docs/explanation/consumers.md, which shows it.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Generic, TypeVar

from attrs import frozen

from bonifiq_async._model.errors import ChangeKeyConflict, PayloadError
from bonifiq_async._model.outcome import Effect, Outcome, StopReason
from bonifiq_async._policy.failures import BY_WORD_ALONE, concerns_all

T = TypeVar("T")

A_WHILE = 30.0
"""Seconds until an event is due again whose change failed alone: it has had several rounds of attempts."""


@frozen
class Ack(Generic[T]):
    """The change is applied, and the ledger knows it: acknowledge the event."""

    outcome: Outcome[T]


@frozen
class Retry(Generic[T]):
    """Give the event back to the broker, to be delivered again after so many seconds, under the same key.

    `outcome` is None where nothing was sent, as when the consumer stops.
    """

    after: float
    outcome: Outcome[T] | None


@frozen
class Aside(Generic[T]):
    """A repeat settles nothing: put the event among the dead letters, with `why`, then acknowledge it.

    `outcome` is None of an event without a valid change.
    """

    why: str
    outcome: Outcome[T] | None


Decision = Ack[T] | Retry[T] | Aside[T]
"""What to do with an event."""


class DecisionKind(Enum):
    """The kinds of decision, as the table has them."""

    ACK = "ack"
    RETRY = "retry"
    ASIDE = "aside"


BY_EFFECT: Mapping[Effect, DecisionKind] = {
    Effect.APPLIED: DecisionKind.ACK,
    Effect.ALREADY_APPLIED: DecisionKind.ACK,
    Effect.REFUSED: DecisionKind.ASIDE,
    Effect.NOT_APPLIED: DecisionKind.RETRY,
    Effect.UNKNOWN: DecisionKind.RETRY,
}
"""What each effect means. An unknown one is repeated under its key, or answered by the ledger."""
BY_REASON: Mapping[tuple[Effect, StopReason], DecisionKind] = {
    (Effect.REFUSED, StopReason.INTERCEPTED): DecisionKind.RETRY,
    (Effect.UNKNOWN, StopReason.ANSWERED): DecisionKind.ASIDE,
    (Effect.UNKNOWN, StopReason.NO_SAFE_REPEAT): DecisionKind.ASIDE,
    (Effect.UNKNOWN, StopReason.UNSETTLED): DecisionKind.ASIDE,
    (Effect.UNKNOWN, StopReason.REMEMBERED): DecisionKind.ASIDE,
}
"""Where the reason says more than the effect: not the provider refused it; or no repeat tells more, and a
person has to look."""
NO_CHANGE = (ChangeKeyConflict, PayloadError)
"""Errors of the event itself, whatever their effect: it is put aside."""
AT_ONCE = frozenset({StopReason.STOPPED, StopReason.CLOSED, StopReason.OUTAGE})
"""Reasons that lie with this consumer: another one may take the event now."""


def kind_of(outcome: Outcome[T]) -> DecisionKind:
    """Return the kind of decision on an outcome.

    Refused credentials are those of the consumer and say nothing of the event. A change that is applied by
    the provider's word alone (`used_elsewhere`) is put aside: a person looks whether it was this one.
    """
    if concerns_all(outcome):
        return DecisionKind.RETRY
    if isinstance(outcome.error, NO_CHANGE) or outcome.used_elsewhere:
        return DecisionKind.ASIDE
    if outcome.reason is not None and (outcome.effect, outcome.reason) in BY_REASON:
        return BY_REASON[outcome.effect, outcome.reason]
    return BY_EFFECT[outcome.effect]


def decision_of(outcome: Outcome[T]) -> Decision[T]:
    """Return what to do with the event of an outcome."""
    kind = kind_of(outcome)
    if kind is DecisionKind.ACK:
        return Ack(outcome)
    if kind is DecisionKind.ASIDE:
        return Aside(BY_WORD_ALONE if outcome.error is None else str(outcome.error), outcome)
    asked = None if outcome.error is None else outcome.error.retry_after
    if outcome.reason in AT_ONCE or concerns_all(outcome):
        return Retry(0.0, outcome)
    return Retry(A_WHILE if asked is None else asked, outcome)
