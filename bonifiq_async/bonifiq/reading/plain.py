"""Arrays, answers of a shape that was never seen, and those with a secret in them."""

from collections.abc import Collection
from typing import TypeVar

from attrs import evolve

from bonifiq_async._model.errors import PayloadError
from bonifiq_async._model.evidence import ErrorAnswer, Evidence, Reading
from bonifiq_async._model.json_codec import structure
from bonifiq_async._model.operation import Operation
from bonifiq_async._model.outcome import Notice
from bonifiq_async._policy.answer_body import json_of, said_of
from bonifiq_async.bonifiq.answers import AnswerReader, members
from bonifiq_async.bonifiq.payloads import Severity
from bonifiq_async.bonifiq.schemas.catalogue import ProductPointsList
from bonifiq_async.bonifiq.schemas.pages import Unshaped
from bonifiq_async.bonifiq.schemas.point_of_sale import without_pin

T = TypeVar("T")


def read_array(
    reader: AnswerReader, operation: Operation[ProductPointsList], evidence: Evidence
) -> Reading[ProductPointsList]:
    """Read an answer that is an array."""
    try:
        value = json_of(evidence) if (evidence.status or 0) < 400 else None
        if isinstance(value, list):
            return reader.accepted(operation, structure({"Items": value}, ProductPointsList), evidence)
    except PayloadError:
        pass
    return reader.read(operation, evidence)  # which says what is wrong with it


def read_any(reader: AnswerReader, operation: Operation[Unshaped], evidence: Evidence) -> Reading[Unshaped]:
    """Read an answer whose shape was never seen: it is kept as it comes, unless it says that it failed."""
    status = evidence.status or 0
    if status >= 400:
        return reader.read(operation, evidence)
    try:
        value = json_of(evidence)
        result = structure({"Value": value}, Unshaped)
    except PayloadError:
        return reader.read(operation, evidence)
    if isinstance(value, dict) and (
        value.get("HasError") is True
        or value.get("Severity") == Severity.ERROR
        or value.get("Success") is False
    ):
        return reader.failed(operation, said_of(value, status))
    return reader.accepted(operation, result, evidence)


def read_sealed(reader: AnswerReader, operation: Operation[T], evidence: Evidence) -> Reading[T]:
    """Read an answer whose `Code` is a secret and no code of a failure.

    Its words may have the secret in them, also where no member shows which of them it is: of a failure and of
    a notice none is kept, but the name of a code, which is one word of letters, and not the secret.
    """
    reading = reader.read(operation, evidence)
    said, notice, secrets = reading.said, reading.notice, _secrets(evidence)
    if said is not None:
        said = ErrorAnswer(said.status, code_name=_harmless(said.code_name, secrets))
    if notice is not None:
        notice = Notice(code_name=_harmless(notice.code_name, secrets), severity=notice.severity)
    return evolve(reading, said=said, notice=notice)


def read_checked(reader: AnswerReader, operation: Operation[T], evidence: Evidence) -> Reading[T]:
    """Read what is said of a PIN that was typed: its words without digits that may be the right one."""
    reading = reader.read(operation, evidence)
    said, notice = reading.said, reading.notice
    if said is not None:
        said = evolve(said, message=without_pin(said.message))
    if notice is not None:
        notice = evolve(notice, message=without_pin(notice.message))
    return evolve(reading, said=said, notice=notice)


def _harmless(name: str | None, secrets: Collection[object]) -> str | None:
    return name if name is not None and name.isalpha() and name not in secrets else None


def _secrets(evidence: Evidence) -> Collection[object]:
    """Return what stands under `Code` in an answer and in its result."""
    try:
        answer = members(evidence)
    except PayloadError:
        return ()
    result = answer.get("Result")
    return [each.get("Code") for each in (answer, result) if isinstance(each, dict)]
