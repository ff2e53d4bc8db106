"""What Raba7ni's envelope says: `success`, `error` and `data`, and the table of what they state together."""

from collections.abc import Mapping

from bonifiq_async._model.values import Kind
from bonifiq_async._policy.answer_body import JsonObject
from bonifiq_async._policy.statement import Statement


class Data(Kind):
    """What stands in `data`."""

    MISSING = "nothing"
    EMPTY = "an empty object"
    RESULT = "a result"


_NO, _BOTH, _WORDS = Statement.FAILURE, Statement.BOTH, Statement.WORDS

STATES: Mapping[tuple[bool | None, bool], tuple[Statement, Statement, Statement]] = {
    # success, whether an error is named: data is missing, empty, a result
    (True, False): (Statement.CLAIMED, Statement.SUCCESS, Statement.SUCCESS),
    (True, True): (_BOTH, _BOTH, _BOTH),
    (False, False): (_NO, _NO, _BOTH),
    (False, True): (_NO, _NO, _BOTH),
    (None, False): (Statement.UNSAID, Statement.UNSAID, Statement.NEITHER),
    (None, True): (_WORDS, _WORDS, _BOTH),
}
"""What the members state together. `success` is None where it is neither true nor false.

The page has `success` and `data` in every answer (samples of all endpoints), and no member of `data` is said
to be always there; an error is `success: false` with an `error` (authentication page).
"""


def states(answer: JsonObject, known: frozenset[str]) -> Statement:
    """Return what the members of an answer state; `known` are those that its `data` may have."""
    success, data = answer.get("success"), answer.get("data")
    told = success if success is True or success is False else None
    return STATES[told, bool(answer.get("error"))][list(Data).index(shown(data, known))]


def shown(data: object, known: frozenset[str]) -> Data:
    """Return what stands in `data`; an empty list is how some servers write an empty object."""
    if data is None:
        return Data.MISSING
    found = any(data.get(name) is not None for name in known) if isinstance(data, dict) else data != []
    return Data.RESULT if found else Data.EMPTY
