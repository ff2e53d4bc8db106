"""The error of a delivery that did not succeed, in words that say what it means for the money."""

from collections.abc import Mapping
from typing import TypeVar

from bonifiq_async._model.errors import (
    AuthenticationError,
    BonifiQError,
    CustomerNotFound,
    NotAppliedError,
    OutcomeUnknownError,
    PayloadError,
    RefusedError,
    RetryAfterTooLong,
)
from bonifiq_async._model.evidence import ErrorAnswer, Evidence, Failure, Refusal
from bonifiq_async._model.operation import Operation, RepeatClass
from bonifiq_async._model.outcome import Attempt, Effect, Notice, Outcome, StopReason, Verdict
from bonifiq_async._model.printable import printable
from bonifiq_async._policy.answer_body import NOWHERE, names_status_alone
from bonifiq_async._policy.history import Delivered
from bonifiq_async._policy.verdict import CREDENTIALS_REFUSED, PROXY_REFUSED, leaves_doubt

T = TypeVar("T")

_SUCCESSES = (Effect.APPLIED, Effect.ALREADY_APPLIED)
_REFUSALS = (StopReason.ANSWERED, StopReason.INTERCEPTED)
KEPT_ANSWER = 2048
"""Bytes of an unreadable answer that are kept for a person to look at."""


def error_of(operation: Operation[T], delivered: Delivered[T], key: str | None) -> BonifiQError | None:
    """Return the error that a delivery ends with, None when its effect is a success."""
    if delivered.effect in _SUCCESSES:
        return None
    subject = f"Change {printable(key)}" if key is not None else f"The call {operation.name}"
    if delivered.effect is Effect.REFUSED:
        error: BonifiQError = _refused(subject, delivered)
    elif delivered.effect is Effect.UNKNOWN and operation.writes:
        error = _unknown(subject, operation, delivered, key)
    elif delivered.reason is StopReason.UNREADABLE:
        error = _unreadable(subject, delivered)
    elif delivered.reason in _REFUSALS:
        error = _refused(subject, delivered)
    else:
        error = _not_applied(subject, operation, delivered)
    _fill(error, delivered, key)
    return error


def _fill(error: BonifiQError, delivered: Delivered[T], key: str | None) -> None:
    error.change_key, error.attempts, error.retry_after = key, delivered.attempts, delivered.asked
    if delivered.attempts:
        error.status, error.request_id = delivered.attempts[-1].status, delivered.attempts[-1].request_id
    said = delivered.reading.said if delivered.reading else None
    if said is not None:
        error.code, error.code_name, error.error_code = said.code, said.code_name, said.error_code
        error.request_id = error.request_id or said.request_id
        error.provider_message = _line(said.message) if said.message else None


def _refused(subject: str, delivered: Delivered[T]) -> RefusedError:
    reading = delivered.reading
    refusal = reading.refusal if reading is not None else Refusal.OTHER
    what = _said(reading.said if reading is not None else None)
    if refusal is Refusal.CREDENTIALS:
        return AuthenticationError(
            f"{subject} was refused: the provider does not accept the credentials ({what}). "
            "Nothing changed; check the credentials and what they are allowed to do."
        )
    if refusal is Refusal.SIGN_IN:
        error = AuthenticationError(
            f"{subject} was refused: the provider does not accept the sign-in of this call, or not the "
            f"credentials ({what}). Nothing changed; sign in again, else check the credentials."
        )
        error.shared = False
        return error
    if refusal is Refusal.PROXY:
        named = delivered.evidence.detail if delivered.evidence is not None else ""
        return AuthenticationError(
            f"{subject} was refused on the way: a proxy asks for credentials ({named or what}). "
            "The provider did not get it. Nothing changed; give the proxy its user and password."
        )
    if refusal is Refusal.PAGE:
        return RefusedError(
            f"{subject} was refused by a proxy or a firewall in the provider's place ({what}, with a page "
            "that is not the provider's). Nothing changed; ask its operator why."
        )
    if refusal is Refusal.CUSTOMER:
        return CustomerNotFound(
            f"{subject} was refused: the provider does not know the customer ({what}). Nothing changed."
        )
    return RefusedError(f"{subject} was refused by the provider ({what}). Nothing changed.")


WAY_OUT: Mapping[RepeatClass, str] = {
    RepeatClass.KEYED: "Repeat it with the same key, or compare the customer's balance.",
    RepeatClass.SAFE: "Repeat it: a second time does no harm.",
    RepeatClass.NEVER: "Do not repeat it; compare the customer's balance and settle it by hand.",
}
"""What to do about a change of which it is not known whether it took effect."""
BY_WORD_ALONE = (
    "the provider says that the key was used before, and no request is known here that may have used it. See "
    "at the provider whether this change was made; if another one was, give this one a key of its own."
)
"""What is said of a change that is applied already by the provider's word alone."""
WITHOUT_KEY = "Do not repeat it before you have seen at the provider that it did not take effect."


def _unknown(
    subject: str, operation: Operation[T], delivered: Delivered[T], key: str | None
) -> OutcomeUnknownError:
    bare = key is None and operation.repeat is RepeatClass.NEVER
    way_out = WITHOUT_KEY if bare else WAY_OUT[operation.repeat]
    if operation.documented is not None and operation.documented.unanswered:
        way_out = f"{way_out} To see it: {operation.documented.unanswered}."
    error = OutcomeUnknownError(f"{subject} may or may not have been applied: {_doubt(delivered)}. {way_out}")
    if delivered.reason is StopReason.UNREADABLE and delivered.evidence is not None:
        error.answer = delivered.evidence.body[:KEPT_ANSWER]
    return error


def denied_by_a_repeat(operation: Operation[T], attempts: tuple[Attempt, ...]) -> OutcomeUnknownError:
    """Return the error of a write whose repeat was answered that nothing was done, after an attempt in doubt.

    That is also what is answered where the attempt in doubt did it.
    """
    doubtful = [attempt for attempt in attempts[:-1] if leaves_doubt(attempt.verdict, attempt.status)]
    error = OutcomeUnknownError(
        f"The call {operation.name} may or may not have been applied: attempt {_attempt(doubtful[-1])}, and "
        "its repeat says that nothing was done, as it does where that attempt did it. See at the provider "
        "how it stands; a further repeat does no harm, and says no more."
    )
    error.attempts = attempts
    error.status, error.request_id = attempts[-1].status, attempts[-1].request_id
    return error


def _doubt(delivered: Delivered[T]) -> str:
    """Name what raised the doubt, and what ended the call."""
    reading, reason = delivered.reading, delivered.reason
    if reason is StopReason.UNREADABLE:
        return f"the answer does not fit the contract ({_problem(delivered)})"
    last_counts = reason is StopReason.NO_SAFE_REPEAT  # the provider does not say that a 429 was not acted on
    doubtful = [attempt for attempt in delivered.attempts if leaves_doubt(attempt.verdict, attempt.status)]
    doubtful += delivered.attempts[-1:] if last_counts else ()
    cause = "an earlier call with this key ended unknown"
    if doubtful:
        said = reading.said if reading is not None and doubtful[-1] is delivered.attempts[-1] else None
        cause = f"attempt {_attempt(doubtful[-1])}{_in_brackets(said)}"
    if reason in _REFUSALS:
        return f"{cause}, and its repeat was refused ({_said(reading.said if reading else None)})"
    if reason is StopReason.NO_SAFE_REPEAT:
        return cause
    if reason in (StopReason.HELD, StopReason.REMEMBERED):
        return _ending(delivered)
    if reason is StopReason.UNSETTLED:
        return f"an earlier run left it in doubt, and {_ending(delivered)}"
    return f"{cause}, and {_ending(delivered)}"


def _not_applied(subject: str, operation: Operation[T], delivered: Delivered[T]) -> NotAppliedError:
    kind = RetryAfterTooLong if delivered.reason is StopReason.RETRY_AFTER_TOO_LONG else NotAppliedError
    last = ""
    if delivered.attempts:
        said = _in_brackets(delivered.reading.said if delivered.reading is not None else None)
        last = f" (last: attempt {_attempt(delivered.attempts[-1])}{said})"
    meaning = "Nothing changed" if operation.writes else "It only reads"
    return kind(f"{subject} was given up: {_ending(delivered)}{last}. {meaning}; it may be made again.")


def _unreadable(subject: str, delivered: Delivered[T]) -> PayloadError:
    reading = delivered.reading
    path = reading.path if reading is not None and reading.path else "$"
    problem = f"{subject} got an answer that does not fit the contract: {_problem(delivered)}."
    return PayloadError(problem, path=path, effect=Effect.NOT_APPLIED)


NOT_ASKED = "it is not what was asked"
_POINTS_ELSEWHERE = (300, 301, 302, 303, 305, 307, 308)
_LONGEST_TARGET = 200
"""Characters of where a redirect points to that are shown."""


def _problem(delivered: Delivered[T]) -> str:
    """Return what is wrong with an answer, its status if that is an error's, and the words that it has."""
    reading = delivered.reading
    if reading is None:
        return NOT_ASKED if delivered.evidence is None else _unread(delivered.evidence)
    problem, said = printable(reading.problem or NOT_ASKED), reading.said
    if said is None:
        return problem
    status = f"status {said.status}, " if said.status >= 400 else ""
    return ": ".join([status + problem, *_words(said)])


def _unread(evidence: Evidence) -> str:
    """Say what it is in an answer's head, or of its size, that kept its body from being read."""
    if evidence.failure is Failure.TOO_LARGE:
        return "it is larger than is read"
    if evidence.status not in _POINTS_ELSEWHERE:
        return f"status {evidence.status}, which proves nothing"
    target = evidence.header("location")
    where = f"to {printable(target[0][:_LONGEST_TARGET])}" if target else "elsewhere"
    return (
        f"status {evidence.status}, it points {where}, and a redirect is not followed: is the base URL right?"
    )


def _ending(delivered: Delivered[T]) -> str:
    if delivered.reason is StopReason.RETRY_AFTER_TOO_LONG and delivered.note is not None:
        return f"the provider asks to wait {delivered.note}, which is longer than allowed"
    return f"{delivered.reason.value} ({delivered.note})" if delivered.note else delivered.reason.value


_ENDED = {
    Verdict.NOT_SENT: "was never sent",
    Verdict.THROTTLED: "was throttled",
    Verdict.UNPROCESSED: "was not processed",
    Verdict.BROKEN: "failed at the provider",
    Verdict.LOST: "was sent and got no whole answer",
    Verdict.UNREADABLE: "got an unreadable answer",
    Verdict.INTERCEPTED: "was refused by a proxy or a firewall",
}


def _attempt(attempt: Attempt) -> str:
    status = f" with status {attempt.status}" if attempt.status is not None else ""
    cause = f" ({attempt.cause})" if attempt.cause else ""
    return f"{attempt.number} {_ENDED.get(attempt.verdict, attempt.verdict.value)}{status}{cause}"


def _said(said: ErrorAnswer | None) -> str:
    """Return the provider's own words, short and on one line."""
    if said is None:
        return "no reason given"
    parts = [f"status {said.status}", *_words(said)]
    if said.status in NOWHERE and names_status_alone(said):
        parts.append("is the base URL right?")
    return ", ".join(parts)


def _in_brackets(said: ErrorAnswer | None) -> str:
    """Return the provider's words beside a status that is named already."""
    words = _words(said) if said is not None else []
    return f" ({', '.join(words)})" if words else ""


def _words(said: ErrorAnswer) -> list[str]:
    code = said.code_name or said.code or (str(said.error_code) if said.error_code is not None else None)
    words = [_line(text) for text in (code, said.message) if text]
    return words[1:] if len(words) == 2 and words[0].casefold() == words[1].casefold() else words


_SEVERITIES = {0: "success", 1: "warning"}


def said_beside(notice: Notice) -> str:
    """Return a notice as one line: `warning 05 PartiallyAdded: 4.00 of 10.00 was added`."""
    severity = notice.severity
    kind = None if severity is None else _SEVERITIES.get(severity, f"severity {severity:d}")
    named = " ".join(_line(text) for text in (kind, notice.code, notice.code_name) if text)
    return ": ".join(text for text in (named, _line(notice.message or "")) if text)


def _line(text: str) -> str:
    """Return a provider's text as part of one line."""
    return printable(" ".join(text.split()))


def concerns_all(outcome: Outcome[T]) -> bool:
    """Say whether the credentials were refused that every change is sent with, or passes a proxy with.

    A firewall may turn away one change for what is in it.
    """
    error = outcome.error
    if error is None or (outcome.reason is StopReason.INTERCEPTED and error.status != PROXY_REFUSED):
        return False
    if outcome.attempts and outcome.attempts[-1].verdict is Verdict.UNPROCESSED:
        return False  # a signature that was too old, say: the next change has one of its own
    own = isinstance(error, AuthenticationError) and not error.shared
    return error.status in (*CREDENTIALS_REFUSED, PROXY_REFUSED) and not own
