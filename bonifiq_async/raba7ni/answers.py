"""How Raba7ni's answers are read: a success is a 2xx and `success: true`; the rest is an error.

What an envelope states is found out by `envelope`; what follows from that is the table of `statement`. Error
codes are an open set of texts, of which one is published.
"""

from typing import TypeVar

from attrs import evolve, frozen

from bonifiq_async._model.errors import PayloadError
from bonifiq_async._model.evidence import ErrorAnswer, Evidence, Reading, Refusal
from bonifiq_async._model.json_codec import structure
from bonifiq_async._model.operation import Operation
from bonifiq_async._model.outcome import Notice, Verdict
from bonifiq_async._model.secret import Secret
from bonifiq_async._policy.answer_body import JsonObject, error_body, members_of, said_of, text_of, words_of
from bonifiq_async._policy.statement import LATER, PROBLEM, PROVES, Statement, StatusClass, status_class
from bonifiq_async.raba7ni.envelope import states
from bonifiq_async.raba7ni.member import SignedIn

T = TypeVar("T")

_DECISIVE = (b'"success"', b'"error"', b'"data"')
"""What tells success from failure, and what came of it: said twice, it is a contradiction."""

MEMBER_NOT_FOUND = "member_not_found"
"""The one error code that is published (request for a one-time code)."""

_PATHS = {Statement.CLAIMED: "$.data", Statement.NOTHING: "$", Statement.TEXT: "$"}
"""Where what is wrong with an answer stands, unless it is `success`."""


@frozen
class AnswerReader:
    """Reads complete answers."""

    def read(self, operation: Operation[T], evidence: Evidence) -> Reading[T]:
        """Read an answer whose `data` is the operation's `result`."""
        answer: JsonObject | Reading[T] = _opened(operation, evidence)
        if isinstance(answer, Reading):
            return answer
        reading = _structured(operation, answer.get("data"), "$.data", _request_id(answer))
        notice = _notice(answer) if operation.kept else None
        return reading if notice is None else evolve(reading, notice=notice)

    def read_redeem(self, operation: Operation[T], evidence: Evidence) -> Reading[T]:
        """Read the answer to a call with a member token: a 401 or 403 may be about that alone."""
        reading = self.read(operation, evidence)
        return evolve(reading, refusal=Refusal.SIGN_IN) if reading.refusal is Refusal.CREDENTIALS else reading

    def read_card(self, operation: Operation[T], evidence: Evidence) -> Reading[T]:
        """Read a card, which stands in `data` or one level below: the documentation shows no sample."""
        answer: JsonObject | Reading[T] = _opened(operation, evidence)
        if isinstance(answer, Reading):
            return answer
        data, path = answer.get("data"), "$.data"
        if isinstance(data, dict) and "id" not in data:
            inner = [name for name, value in data.items() if isinstance(value, dict) and "id" in value]
            if len(inner) != 1:
                return _unreadable("no card with an id is in it", path)
            data, path = data[inner[0]], f"{path}.{inner[0]}"
        return _structured(operation, data, path, _request_id(answer))

    def read_sign_in(self, operation: Operation[SignedIn], evidence: Evidence) -> Reading[SignedIn]:
        """Keep the answer of a sign-in as it is; its token may stand anywhere in it."""
        answer: JsonObject | Reading[SignedIn] = _opened(operation, evidence, data=False)
        if isinstance(answer, Reading):
            return answer
        return Reading(Verdict.ACCEPTED, SignedIn(Secret.kept(text_of(evidence) or "")))


def _opened(operation: Operation[T], evidence: Evidence, *, data: bool = True) -> JsonObject | Reading[T]:
    """Return the members of a success, or a reading that is final; `data` says whether a success has some."""
    status = evidence.status or 0
    if status >= 400:
        return _error(operation, evidence)
    try:
        answer = members_of(evidence, decisive=_DECISIVE)
    except PayloadError as error:
        return _unreadable(str(error), error.path)
    if answer.get("success") is True and not answer.get("error") and type(answer.get("data")) is dict:
        # As nearly every answer is. By hand: cattrs takes 2.5 us for these three, as for the whole payload.
        statement = Statement.SUCCESS
    else:
        statement = states(answer, operation.members)
    if statement is Statement.CLAIMED and not data:
        statement = Statement.SUCCESS
    concluded: Reading[T] | None = _concluded(operation, statement, answer, status)
    return answer if concluded is None else concluded


def _error(operation: Operation[T], evidence: Evidence) -> Reading[T]:
    """Read an error: by its envelope, or by whatever words it has."""
    status = evidence.status or 0
    body = error_body(evidence, decisive=_DECISIVE)
    members: JsonObject = {"message": body.words} if body.members is None else body.members
    statement = states(members, operation.members)
    if body.members is None:
        statement = Statement.NOTHING if body.words is None else Statement.TEXT
    elif statement is Statement.UNSAID:
        statement = Statement.NOTHING if said_of(members, status).message is None else Statement.WORDS
    concluded: Reading[T] | None = _concluded(operation, statement, members, status)
    if concluded is None:
        raise AssertionError("no status of an error is a success")
    return concluded


def _concluded(
    operation: Operation[T], statement: Statement, answer: JsonObject, status: int
) -> Reading[T] | None:
    """Return what follows from what is stated; None for an acceptance, whose result is still to be read."""
    group = status_class(status, writes=operation.writes)
    verdict = PROVES[statement][group]
    if verdict is Verdict.ACCEPTED:
        return None
    request_id = _request_id(answer)
    said = evolve(said_of(answer, status), request_id=request_id)
    if verdict is Verdict.REFUSED:
        return Reading(verdict, said=said, refusal=_refusal(said), request_id=request_id)
    if verdict is not Verdict.UNREADABLE:
        return Reading(verdict, said=said, request_id=request_id)
    later = group is StatusClass.LATER
    path, problem = ("$", LATER) if later else (_PATHS.get(statement, "$.success"), PROBLEM[statement])
    return Reading(verdict, said=said, path=path, problem=problem, request_id=request_id)


def _refusal(said: ErrorAnswer) -> Refusal:
    if status_class(said.status, writes=True) is StatusClass.SIGN_IN:
        return Refusal.CREDENTIALS
    return Refusal.CUSTOMER if said.code == MEMBER_NOT_FOUND else Refusal.OTHER


def _structured(operation: Operation[T], data: object, path: str, request_id: str | None) -> Reading[T]:
    try:
        value = structure(data, operation.result, path=path, names=operation.names)
    except PayloadError as error:
        return _unreadable(str(error), error.path, request_id)
    return Reading(Verdict.ACCEPTED, value, request_id=request_id)


def _notice(answer: JsonObject) -> Notice | None:
    """Return what stands beside the result of a write: a `balance_warning`, or a message of the envelope.

    Of the first nothing is known but that it was null; the second is that of an older envelope.
    """
    data = answer.get("data")
    warning = data.get("balance_warning") if isinstance(data, dict) else None
    message = words_of(answer.get("message"))
    if not warning:
        return None if message is None else Notice(severity=0, message=message)
    said = [words_of(warning) or "balance_warning", message]
    return Notice(severity=1, message=". ".join(text for text in said if text is not None))


def _request_id(answer: JsonObject) -> str | None:
    meta = answer.get("meta")
    named = meta.get("request_id") if isinstance(meta, dict) else None
    if type(named) is int:
        return str(named)
    return named if isinstance(named, str) and named.strip() else None


def _unreadable(problem: str, path: str, request_id: str | None = None) -> Reading[T]:
    return Reading(Verdict.UNREADABLE, problem=problem, path=path, request_id=request_id)
