"""How Raba7ni's answers are read: a success is a 2xx and `success: true`; the rest is an error.

Error codes are an open set of texts, of which one is published. What says neither success nor failure,
or both, is unreadable, never guessed.
"""

from collections.abc import Mapping
from typing import TypeVar

from attrs import evolve, frozen

from bonifiq_async.converters import decode, structure
from bonifiq_async.errors import PayloadError
from bonifiq_async.evidence import ErrorAnswer, Evidence, Reading, Refusal
from bonifiq_async.operation import Operation
from bonifiq_async.outcome import Verdict
from bonifiq_async.raba7ni.sign_in import SignedIn
from bonifiq_async.secret import Secret
from bonifiq_async.verdict import CREDENTIALS_REFUSED

T = TypeVar("T")

Members = Mapping[str, object]

_DECISIVE = (b'"success"', b'"error"', b'"data"')
"""What tells success from failure, and what came of it: said twice, it is a contradiction."""

MEMBER_NOT_FOUND = "member_not_found"
"""The one error code that is published (request for a one-time code)."""


@frozen
class AnswerReader:
    """Reads complete answers."""

    def read(self, operation: Operation[T], evidence: Evidence) -> Reading[T]:
        """Read an answer whose `data` is the operation's `result`."""
        answer: Members | Reading[T] = self._opened(evidence)
        if isinstance(answer, Reading):
            return answer
        return _structured(operation, answer.get("data"), "$.data", self._request_id(answer))

    def read_redeem(self, operation: Operation[T], evidence: Evidence) -> Reading[T]:
        """Read the answer to a call with a member token: a 401 or 403 may be about that alone."""
        reading = self.read(operation, evidence)
        return evolve(reading, refusal=Refusal.SIGN_IN) if reading.refusal is Refusal.CREDENTIALS else reading

    def read_card(self, operation: Operation[T], evidence: Evidence) -> Reading[T]:
        """Read a card, which stands in `data` or one level below: the documentation shows no sample."""
        answer: Members | Reading[T] = self._opened(evidence)
        if isinstance(answer, Reading):
            return answer
        data, path = answer.get("data"), "$.data"
        if isinstance(data, dict) and "id" not in data:
            inner = [name for name, value in data.items() if isinstance(value, dict) and "id" in value]
            if len(inner) != 1:
                return _unreadable("no card with an id is in it", path)
            data, path = data[inner[0]], f"{path}.{inner[0]}"
        return _structured(operation, data, path, self._request_id(answer))

    def read_sign_in(self, _: Operation[SignedIn], evidence: Evidence) -> Reading[SignedIn]:
        """Keep the answer of a sign-in as it is."""
        answer: Members | Reading[SignedIn] = self._opened(evidence)
        if isinstance(answer, Reading):
            return answer
        return Reading(Verdict.ACCEPTED, SignedIn(Secret.kept(evidence.body.decode())))

    def _opened(self, evidence: Evidence) -> Members | Reading[T]:
        """Return the members of a success, or a reading that is final."""
        status = evidence.status or 0
        try:
            answer = decode(evidence.body, decisive=_DECISIVE)
            if not isinstance(answer, dict):
                raise PayloadError("the answer is no JSON object", path="$")
        except PayloadError as error:
            if status >= 400:
                return _refused(ErrorAnswer(status))
            return _unreadable(str(error), error.path)
        success = answer.get("success")
        no = (
            f"the status is {status}" if status >= 400 else "an error is named" if answer.get("error") else ""
        )
        if success is True and no:
            return _unreadable(f"success is true and {no}", "$.success", self._request_id(answer))
        if success is True:
            return answer
        if success is False or status >= 400:
            return _refused(self._said(answer, status))
        return _unreadable("it says neither success nor failure", "$.success", self._request_id(answer))

    def _said(self, answer: Members, status: int) -> ErrorAnswer:
        """Read what an error body says; little is documented of it, so nothing is required."""
        error = _members(answer.get("error"))
        message = _text(error.get("message")) or _text(answer.get("message")) or _text(answer.get("error"))
        return ErrorAnswer(
            status,
            code=_text(error.get("code")),
            message=message,
            request_id=self._request_id(answer),
        )

    def _request_id(self, answer: Members) -> str | None:
        return _text(_members(answer.get("meta")).get("request_id"))


def _structured(operation: Operation[T], data: object, path: str, request_id: str | None) -> Reading[T]:
    try:
        value = structure(data, operation.result, path=path, names=operation.names)
    except PayloadError as error:
        return _unreadable(str(error), error.path, request_id)
    return Reading(Verdict.ACCEPTED, value, request_id=request_id)


def _refused(said: ErrorAnswer) -> Reading[T]:
    if said.status in CREDENTIALS_REFUSED:
        refusal = Refusal.CREDENTIALS
    else:
        refusal = Refusal.CUSTOMER if said.code == MEMBER_NOT_FOUND else Refusal.OTHER
    return Reading(Verdict.REFUSED, said=said, refusal=refusal, request_id=said.request_id)


def _members(value: object) -> Members:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    if type(value) is int:
        return str(value)
    return value if isinstance(value, str) and value.strip() else None


def _unreadable(problem: str, path: str, request_id: str | None = None) -> Reading[T]:
    return Reading(Verdict.UNREADABLE, problem=problem, path=path, request_id=request_id)
