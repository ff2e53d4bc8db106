"""How BonifiQ's answers are read: two generations of envelope, bare objects, and five places for a failure.

A failure is `HasError`, `Severity` 2, an `Error` text inside `Result`, `CustomerExists` false on a
change, or a status from 400 on. A warning is not a failure. What says neither success nor failure is
unreadable, never guessed.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import TypeVar, cast

import attrs
from attrs import frozen

from bonifiq_async.bonifiq.payloads import CheckoutRemoval, CheckoutRemoved, CustomerPoints, Severity
from bonifiq_async.converters import decode, structure, wire_name
from bonifiq_async.errors import PayloadError
from bonifiq_async.evidence import DuplicateRule, ErrorAnswer, Evidence, Reading, Refusal
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

_REMOVAL_ERRORS = ("01", "02")

_KEY = r"\b(change ?key|chave|(this|the|same) key)\b"
_WITHIN = r"(?:[^.;]|\.(?!\s|$)){0,160}?"  # to the end of the sentence; amounts have points, too
_DONE = (
    r"\b(already (been )?(used|processed|applied|exists?)|already in use|more than once|mais de uma vez"
    r"|is (a )?duplicated?|ja (existe\w*|(foi )?(utilizad|usad|processad|aplicad)[ao]))\b"
)
_USED_KEY = re.compile(
    r"(duplicated?|already|used|repeated)_?change_?key"
    r"|change_?key_?(is_?|was_?)?(already|duplicated?|in_?use|used|repeated)"
    rf"|{_KEY}{_WITHIN}{_DONE}"
    rf"|\b(already exists?|ja existe){_WITHIN}\b(this|same|esta|mesma) (change ?key|chave)\b"
    rf"|{_KEY}( informada)?( esta| foi| was)? duplica(ted|d[ao])\b"
    r"|\b(already (been )?used|duplicated?|duplicad[ao]|ja (utilizad|usad)[ao]) (change ?key|chave)\b"
)
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_ANOTHER = re.compile(
    r"different|differs|other(?!wise)|mismatch|conflict|\boutr[ao]|diferente|divergente|unused|invalid"
    r"|\b(failed|falhou)\b|(key|chave) (de|da|do) (api|acesso|pix)|api ?key|budget"
)
"""What makes a used key not this change's: success must not be read from it."""
_NOT = re.compile(r"\b(not|never|nao|nunca)\b")


def reports_used_key(answer: ErrorAnswer) -> bool:
    """Say whether an error answer means that the ChangeKey was used before: the default rule.

    The provider does not document the answer to a reused key, so this reads code name and message,
    in English and Portuguese, and takes nothing for a duplicate that does not speak of the key, or that
    speaks of another change under it.
    """
    texts = (answer.code_name, answer.message)
    plain = [_plain(text) for text in texts if text]
    if any(_ANOTHER.search(text) for text in plain):
        return False
    found = (_USED_KEY.search(text) for text in plain)
    return any(match is not None and not _NOT.search(match[0]) for match in found)


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text[:500].casefold())
    bare = "".join(char for char in decomposed if not unicodedata.combining(char))
    return " ".join(_QUOTED.sub("", bare).split())  # what is quoted is a key, not a statement


@frozen
class Envelope:
    """Both generations: the older one has the four members without Code, CodeName, Severity, HasWarning."""

    error_message: str | None = None
    error_code: int | None = None
    code: str | None = None
    code_name: str | None = None
    severity: Severity | int | None = None
    has_warning: bool | None = None
    has_error: bool | None = None

    def said(self, status: int, inner: str | None = None) -> ErrorAnswer:
        """Return what the envelope says of a failure; `inner` is the text inside `Result`."""
        message = self.error_message or inner
        return ErrorAnswer(status, self.code, self.code_name, self.error_code, message)


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
            return self._failure(operation, _lenient(evidence.body, status)), None
        try:
            answer = decode(evidence.body, decisive=_DECISIVE)
            if not isinstance(answer, dict):
                raise PayloadError("the answer is no JSON object", path="$")
            enveloped = operation.shape is AnswerShape.ENVELOPE or "HasError" in answer
            if not enveloped:
                if not _known(operation.result) & answer.keys():
                    raise PayloadError("the answer has none of the documented members", path="$")
                return None, answer
            envelope = structure(answer, Envelope)
            result = answer.get("Result")
        except PayloadError as error:
            return _unreadable(str(error), error.path), None
        inner = _inner(result)
        if envelope.has_error or envelope.severity == Severity.ERROR or inner:
            return self._failure(operation, envelope.said(status, inner)), None
        if envelope.has_error is None and envelope.severity not in (Severity.SUCCESS, Severity.WARNING):
            return _unreadable("it says neither success nor failure", "$.HasError"), None
        return envelope, result

    def _failure(self, operation: Operation[T], said: ErrorAnswer) -> Reading[T]:
        if said.status in CREDENTIALS_REFUSED:
            return Reading(Verdict.REFUSED, said=said, refusal=Refusal.CREDENTIALS)
        if operation.writes and self.duplicate_rule(said):
            return Reading(Verdict.DUPLICATE, said=said)
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


def _lenient(body: bytes, status: int) -> ErrorAnswer:
    """Read what an error body says; no shape is documented for errors, so nothing is required of it."""
    answer = _object(body)
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
