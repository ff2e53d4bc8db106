"""The course of one call: what is fixed, and how far it is."""

from datetime import UTC, datetime
from typing import Generic, TypeVar

from attrs import define, evolve

from bonifiq_async._concurrency.limiter import Permit
from bonifiq_async._model.evidence import Evidence, Reading, values_of
from bonifiq_async._model.operation import Operation
from bonifiq_async._model.outcome import Attempt, Verdict
from bonifiq_async._model.redaction import Redactor
from bonifiq_async._policy.budget import FIRST_TRY_REFUND, Deadline
from bonifiq_async._policy.failures import KEPT_ANSWER
from bonifiq_async._policy.history import History
from bonifiq_async._policy.request import PreparedRequest
from bonifiq_async._policy.verdict import leaves_doubt

T = TypeVar("T")

# Looked up once: in Python 3.11, each look into an enum is a call of its metaclass.
_ACCEPTED = Verdict.ACCEPTED


@define(eq=False)
class CallCourse(Generic[T]):
    """One request on its way to an end: what is fixed, and how far it is.

    `doubted` says that an earlier call with the key may have changed the balance, `single` that it is no part
    of a batch. The next attempt begins to wait at `began`, for `wait` seconds at least, and has `paid` so
    much of the quota. `now` and `wall` say when the last one ended; `reading` and `evidence` are what the
    caller may see of it.
    """

    operation: Operation[T]
    request: PreparedRequest
    history: History
    deadline: Deadline
    permit: Permit | None
    redactor: Redactor
    doubted: bool
    began: float
    single: bool
    wait: float = 0.0
    paid: int = FIRST_TRY_REFUND
    now: float = 0.0
    wall: float = 0.0
    reading: Reading[T] | None = None
    evidence: Evidence | None = None

    def take(self, verdict: Verdict, reading: Reading[T] | None, evidence: Evidence) -> Evidence:
        """Take in how an attempt ended, and return its evidence without secrets."""
        if evidence.secrets:
            self.redactor = self.redactor.and_of(evidence.secrets)
        if verdict is not _ACCEPTED:
            reading, evidence = _redacted(self.redactor, reading, evidence)
        elif reading is not None and reading.notice is not None:
            reading = reading.without(self.redactor)
        if self.operation.sealed:
            evidence = evolve(evidence, body=b"")  # no error may keep what is a secret in it
        self.reading, self.evidence = reading, evidence
        named = values_of("x-request-id", evidence.headers)
        request_id = named[0] if named else None if reading is None else reading.request_id
        history, status = self.history, evidence.status
        waited = self.now - self.began - evidence.elapsed
        history.attempts.append(
            Attempt(
                len(history.attempts) + 1,
                verdict,
                status,
                evidence.sent,
                datetime.fromtimestamp(self.wall - evidence.elapsed, UTC),
                evidence.elapsed,
                waited if waited > 0.0 else 0.0,
                None if request_id is None else self.redactor.text(request_id),
                evidence.requests,
                evidence.detail or None,
            )
        )
        if verdict is not _ACCEPTED and leaves_doubt(verdict, status):
            history.in_doubt = True
        history.hand_over = None
        return evidence


def _redacted(
    redactor: Redactor, reading: Reading[T] | None, evidence: Evidence
) -> tuple[Reading[T] | None, Evidence]:
    """Return what an attempt that failed left behind, without the secrets that went out with it."""
    headers = tuple([(name, redactor.text(value)) for name, value in evidence.headers])
    body, detail = redactor.body(evidence.body, KEPT_ANSWER), redactor.text(evidence.detail)
    evidence = evolve(evidence, headers=headers, body=body, detail=detail)
    return None if reading is None else reading.without(redactor), evidence
