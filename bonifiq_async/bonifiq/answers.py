"""How BonifiQ's answers are read: two generations of envelope, bare objects, and five places for a failure.

A failure is `HasError`, `Severity` 2, an `Error` text inside `Result`, `CustomerExists` false on a
change, or a status from 400 on. A warning is not a failure. What says neither success nor failure, or
both, is unreadable, never guessed.
"""

from collections.abc import Mapping
from typing import TypeVar, cast

import attrs
from attrs import frozen

from bonifiq_async.bonifiq.payloads import CheckoutRemoval, CheckoutRemoved, CustomerPoints, Severity
from bonifiq_async.bonifiq.used_key import is_in_progress, leaves_open, reports_used_key
from bonifiq_async.converters import NotNull, decode, structure, wire_name
from bonifiq_async.errors import PayloadError
from bonifiq_async.evidence import DuplicateRule, ErrorAnswer, Evidence, Reading, Refusal
from bonifiq_async.fixed import fixed
from bonifiq_async.operation import AnswerShape, Operation
from bonifiq_async.outcome import Verdict
from bonifiq_async.verdict import CREDENTIALS_REFUSED

T = TypeVar("T")

CUSTOMER_NOT_FOUND = frozenset({"CustomerNotFound", "Customer_NotFound"})
"""Both names the documentation uses (checkout pages; change-tier page)."""

_DECISIVE = (
    b'"HasError"',
    b'"Severity"',
    b'"Result"',
    b'"Code"',
    b'"Error"',
    b'"CustomerExists"',
    b'"Success"',
)
"""What tells success from failure: said twice, it is a contradiction."""

_NO_FAILURE = (Severity.SUCCESS, Severity.WARNING)
_REMOVAL_ERRORS = ("01", "02")

_BOTH = "it says success and failure at once"
_NOT_WHOSE = "it says that the key was used, not that this change was applied"


@fixed
class Envelope:
    """Both generations: the older one has the four members without Code, CodeName, Severity, HasWarning."""

    error_message: str | None = None
    error_code: int | None = None
    code: str | None = None
    code_name: str | None = None
    severity: NotNull[Severity | int] = None
    has_warning: NotNull[bool] = None
    has_error: NotNull[bool] = None

    def said(self, status: int, inner: str | None = None) -> ErrorAnswer:
        """Return what the envelope says of a failure; `inner` is the text inside `Result`."""
        message = self.error_message or inner
        return ErrorAnswer(status, self.code, self.code_name, self.error_code, message)


_PLAIN = Envelope(severity=Severity.SUCCESS, has_warning=False, has_error=False)
"""The envelope that says success and nothing else, as nearly every one does."""
_SAID = {
    "ErrorMessage": None,
    "ErrorCode": None,
    "Code": None,
    "CodeName": None,
    "Severity": 0,
    "HasWarning": False,
    "HasError": False,
}


def _envelope(answer: Mapping[str, object]) -> Envelope:
    """Return the envelope of an answer; raises `PayloadError` for one that does not fit the contract."""
    for name, said in _SAID.items():
        if answer.get(name) is not said:  # equal is not enough: 0 is no boolean
            return structure(answer, Envelope)
    return _PLAIN


@frozen
class AnswerReader:
    """Reads complete answers. `duplicate_rule` says which errors mean that the key was used before."""

    duplicate_rule: DuplicateRule = reports_used_key

    def read(self, operation: Operation[T], evidence: Evidence) -> Reading[T]:
        """Read an answer whose payload is the operation's `result`, enveloped or bare."""
        envelope, result = self._open(operation, evidence)
        if isinstance(envelope, Reading):
            return envelope
        if result is None:
            return _unreadable("Result is null and no error is named", "$.Result")
        try:
            value = structure(result, operation.result, path="$" if envelope is None else "$.Result")
        except PayloadError as error:
            return _unreadable(str(error), error.path)
        if operation.writes and isinstance(value, CustomerPoints) and value.customer_exists is False:
            said = ErrorAnswer(_status(evidence), code_name="CustomerExists is false")
            return Reading(Verdict.REFUSED, said=said, refusal=Refusal.CUSTOMER)
        return Reading(Verdict.ACCEPTED, value)

    def read_removal(
        self, operation: Operation[CheckoutRemoval], evidence: Evidence
    ) -> Reading[CheckoutRemoval]:
        """Read the answer of a checkout removal: its five codes, or the older envelope's `Success`."""
        envelope, result = self._open(operation, evidence)
        if isinstance(envelope, Reading):
            return envelope
        try:
            inner = (
                CheckoutRemoved() if result is None else structure(result, CheckoutRemoved, path="$.Result")
            )
        except PayloadError as error:
            return _unreadable(str(error), error.path)
        seen = envelope or Envelope()
        if seen.code in _REMOVAL_ERRORS:
            return _unreadable("Code says error and the envelope says none", "$.Code")
        by_code = seen.code == "07" if seen.code in operation.codes else None
        removed = inner.success if by_code is None else by_code
        if removed is None:
            return _unreadable("neither Code nor Result.Success says what happened", "$.Code")
        if inner.success not in (None, removed):
            return _unreadable("Code and Result.Success contradict each other", "$.Result.Success")
        code_name = seen.code_name or operation.codes.get(seen.code or "")
        removal = CheckoutRemoval(removed, seen.code, code_name, seen.severity, inner.customer_message)
        return Reading(Verdict.ACCEPTED, removal)

    def _open(
        self, operation: Operation[T], evidence: Evidence
    ) -> tuple[Envelope | Reading[T] | None, object]:
        """Return the envelope (None for a bare answer) and the payload; or a reading that is final."""
        status = _status(evidence)
        if status >= 400:
            members = _object(evidence.body)
            failed = self._failure(operation, _lenient(members, status), succeeds=_succeeds(members, status))
            return failed, None
        try:
            answer = decode(evidence.body, decisive=_DECISIVE)
            if not isinstance(answer, dict):
                raise PayloadError("the answer is no JSON object", path="$")
            enveloped = operation.shape is AnswerShape.ENVELOPE or "HasError" in answer
            if not enveloped:
                if not _known(operation.result) & answer.keys():
                    raise PayloadError("the answer has none of the documented members", path="$")
                return None, answer
            envelope = _envelope(answer)
            result = answer.get("Result")
        except PayloadError as error:
            return _unreadable(str(error), error.path), None
        inner = _inner(result)
        if envelope.has_error or envelope.severity == Severity.ERROR or inner:
            said = envelope.said(status, inner)
            return self._failure(operation, said, succeeds=_succeeds(answer, status)), None
        if envelope.has_error is None and envelope.severity not in _NO_FAILURE:
            return _unreadable("it says neither success nor failure", "$.HasError"), None
        return envelope, result

    def _failure(self, operation: Operation[T], said: ErrorAnswer, *, succeeds: bool) -> Reading[T]:
        """Read what failed; `succeeds` says that the same answer speaks of a success, too."""
        no_entry = said.status in CREDENTIALS_REFUSED
        if no_entry and not succeeds:
            return Reading(Verdict.REFUSED, said=said, refusal=Refusal.CREDENTIALS)
        keyed = operation.writes and not no_entry
        if keyed and self.duplicate_rule(said):
            return Reading(Verdict.DUPLICATE, said=said)
        if keyed and is_in_progress(said):
            return Reading(Verdict.BROKEN, said=said)
        if keyed and leaves_open(said):
            return Reading(Verdict.UNREADABLE, said=said, path="$.ErrorMessage", problem=_NOT_WHOSE)
        if succeeds:
            return Reading(Verdict.UNREADABLE, said=said, path="$.HasError", problem=_BOTH)
        name = said.code_name or operation.codes.get(said.code or "")
        unknown_customer = name in CUSTOMER_NOT_FOUND
        refusal = Refusal.CUSTOMER if unknown_customer else Refusal.OTHER
        return Reading(Verdict.REFUSED, said=attrs.evolve(said, code_name=name), refusal=refusal)


def _status(evidence: Evidence) -> int:
    return evidence.status or 0


def _known(kind: type[object]) -> frozenset[str]:
    return frozenset(wire_name(field.name) for field in attrs.fields(cast(type[attrs.AttrsInstance], kind)))


def _unreadable(problem: str, path: str) -> Reading[T]:
    return Reading(Verdict.UNREADABLE, problem=problem, path=path)


def _object(body: bytes) -> Mapping[str, object]:
    """Return the members of an error body, empty when it is not a JSON object."""
    try:
        answer = decode(body)
    except PayloadError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _succeeds(answer: Mapping[str, object], status: int) -> bool:
    """Say whether an answer that reports a failure names a success as well, with what came of it."""
    result, no_error = answer.get("Result"), answer.get("HasError")
    says_so = no_error is False or answer.get("Severity") in _NO_FAILURE
    if not says_so or (status >= 400 and no_error is True) or not isinstance(result, dict):
        return False
    failed = result.get("CustomerExists") is False or result.get("Success") is False
    return not failed and any(value is not None for name, value in result.items() if name != "Error")


def _lenient(answer: Mapping[str, object], status: int) -> ErrorAnswer:
    """Read what an error body says; no shape is documented for errors, so nothing is required of it."""
    number = answer.get("ErrorCode")
    return ErrorAnswer(
        status,
        code=_text(answer.get("Code")),
        code_name=_text(answer.get("CodeName")),
        error_code=number if type(number) is int else None,
        message=_text(answer.get("ErrorMessage")) or _inner(answer.get("Result")),
    )


def _inner(result: object) -> str | None:
    """Return the error text inside a result, None if it has none."""
    return _text(result.get("Error")) if isinstance(result, dict) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value.strip() else None
