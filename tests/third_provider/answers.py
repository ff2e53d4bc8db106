"""The reader: 201 and 200 are successes, `code` says which error it is."""

from typing import TypeVar

from bonifiq_async._model.errors import PayloadError
from bonifiq_async._model.evidence import Evidence, Reading, Refusal
from bonifiq_async._model.json_codec import structure
from bonifiq_async._model.operation import Operation
from bonifiq_async._model.outcome import Verdict
from bonifiq_async._policy.answer_body import error_body, members_of, said_of

T = TypeVar("T")


def read(operation: Operation[T], evidence: Evidence) -> Reading[T]:
    status = evidence.status or 0
    if status >= 400:
        body = error_body(evidence)
        said = said_of(body.members or {"message": body.words}, status)
        if (status, said.code) == (401, "stale_signature"):
            return Reading(Verdict.UNPROCESSED, said=said)
        if (status, said.code) == (409, "key_used"):
            return Reading(Verdict.DUPLICATE, said=said)
        refusal = Refusal.CREDENTIALS if status in (401, 403) else Refusal.OTHER
        return Reading(Verdict.REFUSED, said=said, refusal=refusal)
    try:
        members = members_of(evidence)
        if operation.writes and (status != 201 or members.get("id") is None):
            raise PayloadError("no change was booked", path="$.id")
        return Reading(Verdict.ACCEPTED, structure(members, operation.result, names=operation.names))
    except PayloadError as error:
        return Reading(Verdict.UNREADABLE, problem=str(error), path=error.path)
