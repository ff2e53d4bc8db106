"""What an answer states, and what that proves under which status.

A provider's reader finds out what a body states (`Statement`); `PROVES` is the table of what follows. Both
are written out in docs/explanation/answers.md, which a test holds against them.
"""

from collections.abc import Mapping

from bonifiq_async._model.outcome import Verdict
from bonifiq_async._model.values import Kind
from bonifiq_async._policy.verdict import CREDENTIALS_REFUSED, REPEATABLE_CLIENT_ERRORS


class StatusClass(Kind):
    """Statuses that say the same of what the provider did."""

    DONE = "2xx"
    LATER = "202 to a write"
    SIGN_IN = "401, 403"
    EXCLUDES = "4xx that excludes acting"
    CLIENT = "other 4xx"
    LIMIT = "429"
    SERVER = "5xx, 408, 425"


EXCLUDES_ACTING: Mapping[int, str] = {
    401: "RFC 9110, 15.5.2: it has not been applied",
    403: "RFC 9110, 15.5.4: the server refuses to fulfill it",
    404: "RFC 9110, 15.5.5: nothing is found at the address",
    405: "RFC 9110, 15.5.6: the address does not support the method",
    407: "RFC 9110, 15.5.8: the proxy asks for authentication",
    410: "RFC 9110, 15.5.11: nothing is at the address any more",
    411: "RFC 9110, 15.5.12: refused for want of a length",
    413: "RFC 9110, 15.5.14: refused for the size of its body",
    414: "RFC 9110, 15.5.15: refused for the length of its address",
    415: "RFC 9110, 15.5.16: refused for the format of its body",
    416: "RFC 9110, 15.5.17: refused for its ranges",
    417: "RFC 9110, 15.5.18: refused for what it expects",
    421: "RFC 9110, 15.5.20: the server does not answer for the address",
    426: "RFC 9110, 15.5.22: refused over this protocol",
    428: "RFC 6585, 3: refused for want of a condition",
    431: "RFC 6585, 5: refused for the size of its header fields",
    451: "RFC 7725, 3: access is denied for legal reasons",
}
"""Statuses whose definition says that the request was not acted on, with what says so.

Not among them: 400, 409 and 422, which a server may give when it is half-way; 406, which is about the answer;
412, which is about conditions that are not sent.
"""


def status_class(status: int, *, writes: bool) -> StatusClass:
    """Return the class of a status; a 202 is one of its own for what `writes` (RFC 9110, 15.3.3)."""
    if 200 <= status <= 299:
        return StatusClass.LATER if status == 202 and writes else StatusClass.DONE
    if status in CREDENTIALS_REFUSED:
        return StatusClass.SIGN_IN
    if status in EXCLUDES_ACTING:
        return StatusClass.EXCLUDES
    if status == 429:
        return StatusClass.LIMIT
    if 400 <= status <= 499 and status not in REPEATABLE_CLIENT_ERRORS:
        return StatusClass.CLIENT
    return StatusClass.SERVER


class Statement(Kind):
    """What a body states."""

    NOTHING = "nothing that can be read"
    TEXT = "words, but no JSON object"
    WORDS = "an object with words of a failure, and no word on success"
    NEITHER = "a result, and no word on success or failure"
    UNSAID = "no failure, and not that it was done"
    CLAIMED = "success, without the result that belongs to it"
    COMPLETED = "that it was completed, without a result where that may be missing"
    SUCCESS = "success, with a result"
    WARNED = "a warning, with a result"
    FAILURE = "a failure"
    NO_CUSTOMER = "that there is no such customer"
    OUT_OF_STEP = "what contradicts itself, and no result"
    BOTH = "a result, and what contradicts it"
    USED_KEY = "that the key was used before"
    IN_PROGRESS = "that a request with the key is still worked on"
    OPEN_KEY = "that the key was used, and not what came of that"


_ACC, _DUP, _REF = Verdict.ACCEPTED, Verdict.DUPLICATE, Verdict.REFUSED
_BRO, _UNR, _THR = Verdict.BROKEN, Verdict.UNREADABLE, Verdict.THROTTLED

_ROWS: Mapping[Statement, tuple[Verdict, ...]] = {
    #                        2xx   202   401.. excl. 4xx   429   5xx..
    Statement.NOTHING: (_UNR, _UNR, _REF, _REF, _UNR, _THR, _BRO),
    Statement.TEXT: (_UNR, _UNR, _REF, _REF, _UNR, _THR, _BRO),
    Statement.WORDS: (_UNR, _UNR, _REF, _REF, _REF, _THR, _BRO),
    Statement.NEITHER: (_UNR, _UNR, _UNR, _UNR, _UNR, _BRO, _BRO),
    Statement.UNSAID: (_UNR, _UNR, _REF, _REF, _UNR, _THR, _BRO),
    Statement.CLAIMED: (_UNR, _UNR, _UNR, _UNR, _UNR, _BRO, _BRO),
    Statement.COMPLETED: (_ACC, _UNR, _REF, _REF, _UNR, _BRO, _BRO),
    Statement.SUCCESS: (_ACC, _UNR, _UNR, _UNR, _UNR, _BRO, _BRO),
    Statement.WARNED: (_ACC, _UNR, _UNR, _UNR, _UNR, _BRO, _BRO),
    Statement.FAILURE: (_REF, _UNR, _REF, _REF, _REF, _THR, _BRO),
    Statement.NO_CUSTOMER: (_REF, _UNR, _REF, _REF, _REF, _THR, _BRO),
    Statement.OUT_OF_STEP: (_UNR, _UNR, _REF, _REF, _REF, _THR, _BRO),
    Statement.BOTH: (_UNR, _UNR, _UNR, _UNR, _UNR, _BRO, _BRO),
    Statement.USED_KEY: (_DUP, _UNR, _REF, _DUP, _DUP, _DUP, _DUP),
    Statement.IN_PROGRESS: (_BRO, _UNR, _REF, _BRO, _BRO, _BRO, _BRO),
    Statement.OPEN_KEY: (_UNR, _UNR, _REF, _UNR, _UNR, _BRO, _BRO),
}

PROVES: Mapping[Statement, Mapping[StatusClass, Verdict]] = {
    statement: dict(zip(StatusClass, row, strict=True)) for statement, row in _ROWS.items()
}
"""What a statement proves under a status. A 5xx of a used key ends what would be repeated for ever.

A 429 says that the request was not acted on; where the body tells of what came of it, that is no proof.
"""

LATER = "a status of 202 says that it is taken in, and not that it was done"
"""Why such an answer proves nothing."""
PROBLEM: Mapping[Statement, str] = {
    Statement.NOTHING: "it cannot be read",
    Statement.TEXT: "it is no JSON object",
    Statement.WORDS: "it says neither success nor failure",
    Statement.NEITHER: "it says neither success nor failure",
    Statement.UNSAID: "it names no failure, and does not say that it was done",
    Statement.CLAIMED: "it says success without the result that belongs to it",
    Statement.COMPLETED: "it says success, and the status says failure",
    Statement.SUCCESS: "it says success, and the status says failure",
    Statement.WARNED: "it says success, and the status says failure",
    Statement.OUT_OF_STEP: "it contradicts itself",
    Statement.BOTH: "it says success and failure at once",
    Statement.OPEN_KEY: "it says that the key was used, not that this change was applied",
}
"""What is wrong with an answer that proves nothing."""
