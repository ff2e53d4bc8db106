"""What the evidence of one attempt proves."""

from collections.abc import Sequence

from bonifiq_async._model.evidence import Evidence, Failure
from bonifiq_async._model.outcome import Attempt, Effect, Verdict

CREDENTIALS_REFUSED = (401, 403)
PROXY_REFUSED = 407
"""A proxy asks for credentials, and has passed nothing on (RFC 9110, 15.5.8)."""
REPEATABLE_CLIENT_ERRORS = (408, 425)
"""4xx that tell of the transfer and not of the request (RFC 9110, 15.5.9; RFC 8470, 5.2)."""

TEMPORARY = (413, 503)
"""Statuses that tell of a condition that passes where they ask to wait (RFC 9110, 15.5.14 and 15.6.4)."""

GOOD = frozenset({Verdict.ACCEPTED, Verdict.DUPLICATE, Verdict.REFUSED, Verdict.UNPROCESSED})
"""Verdicts that show a provider at work, whatever it says."""

CONTRIBUTION: dict[Verdict, Effect] = {
    Verdict.NOT_SENT: Effect.NOT_APPLIED,
    Verdict.THROTTLED: Effect.NOT_APPLIED,
    Verdict.UNPROCESSED: Effect.NOT_APPLIED,
    Verdict.BROKEN: Effect.UNKNOWN,
    Verdict.LOST: Effect.UNKNOWN,
    Verdict.UNREADABLE: Effect.UNKNOWN,
}
"""What a verdict says of the balance when the call is given up after it. A 503 is always UNKNOWN."""
_DOUBTFUL = frozenset(verdict for verdict, effect in CONTRIBUTION.items() if effect is Effect.UNKNOWN)


def transport_verdict(evidence: Evidence, *, asks: bool) -> Verdict | None:
    """Return what the evidence proves without reading the body, or None: a complete answer to read.

    `asks` says whether the answer asks to wait.
    """
    status = evidence.status
    if status is not None and 200 <= status <= 299 and evidence.failure is None:
        return None  # as nearly every answer is
    if status is None:
        return Verdict.LOST if evidence.sent else Verdict.NOT_SENT
    if status == PROXY_REFUSED:  # also of a proxy through which no connection was made
        return None
    whole = evidence.failure in (None, Failure.TOO_LARGE)
    if status == 429 or (asks and status in TEMPORARY and (whole or status == 503)):
        return Verdict.THROTTLED
    if 500 <= status <= 599 or status in REPEATABLE_CLIENT_ERRORS:
        return Verdict.BROKEN
    if evidence.failure is Failure.TOO_LARGE:
        return Verdict.UNREADABLE if status < 400 else None
    if evidence.failure is not None:
        return Verdict.LOST
    return None if 400 <= status <= 499 else Verdict.UNREADABLE


def leaves_doubt(verdict: Verdict, status: int | None) -> bool:
    """Say whether after this attempt the balance may have changed."""
    return status == 503 or verdict in _DOUBTFUL


def answers_a_repeat(attempts: Sequence[Attempt]) -> bool:
    """Say whether the last answer is that of a repeat, which may be about what an earlier attempt did."""
    return any(leaves_doubt(attempt.verdict, attempt.status) for attempt in attempts[:-1])
