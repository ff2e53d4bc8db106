"""What the answer to a checkout removal states: its five codes, or `Success` where there is none of them.

Source: endpoint page "Removes an already applied cashback from a checkout", sections "Response codes" and
"Response envelope".
"""

from collections.abc import Mapping

from bonifiq_async._model.values import Kind
from bonifiq_async._policy.statement import Statement
from bonifiq_async.bonifiq import envelope
from bonifiq_async.bonifiq.envelope import Declared, Denied, Envelope, Shown
from bonifiq_async.bonifiq.payloads import Severity

SEVERITIES: Mapping[str, Severity] = {
    "01": Severity.ERROR,
    "02": Severity.ERROR,
    "03": Severity.WARNING,
    "04": Severity.WARNING,
    "07": Severity.SUCCESS,
}
"""The page's codes, each with its severity."""


class Removed(Kind):
    """What a code and `Success` say together of a removal."""

    YES = "removed"
    NO = "not removed"
    UNSAID = "not said"
    CONTRADICTED = "a contradiction"


_YES, _NO, _UNSAID, _CLASH = Removed

SUCCESS = (None, False, True)
"""The columns of `REMOVED`; None is left out."""
REMOVED: Mapping[Severity | None, tuple[Removed, Removed, Removed]] = {
    # The code's severity: Success left out, false, true
    Severity.SUCCESS: (_YES, _CLASH, _YES),
    Severity.WARNING: (_NO, _NO, _CLASH),
    Severity.ERROR: (_CLASH, _CLASH, _CLASH),
    None: (_UNSAID, _NO, _YES),
}
"""What a code of a severity says beside `Success`; None is a code that the page does not have, or none."""

_FITS: Mapping[Declared, tuple[Severity | None, ...]] = {
    Declared.COMPLETED: (Severity.SUCCESS, None),
    Declared.WARNING: (Severity.WARNING, None),
    Declared.NO_ERROR: (Severity.SUCCESS, Severity.WARNING, None),
}
"""The severities of a code that do not contradict the flags beside it."""


def removed(code: str | None, success: bool | None) -> Removed:
    """Return what a code and `Success` say together."""
    return REMOVED[SEVERITIES.get(code or "")][SUCCESS.index(success)]


def states(found: Envelope, flags: Declared, success: bool | None, *, failed: bool) -> Statement:
    """Return what the flags, the code and `Success` of a removal state together.

    `failed` says that the status is that of a failure, which "not removed" does not contradict.
    """
    severity, words = SEVERITIES.get(found.code or ""), envelope.text(found.error_message)
    told = removed(found.code, success)
    if flags in (Declared.FAILURE, Declared.DIVIDED):
        says_done = success is True or severity is Severity.SUCCESS
        return envelope.states(flags, Denied.NOT, Shown.SUCCESS if says_done else Shown.NOTHING)
    denies = (
        told is Removed.CONTRADICTED
        or severity not in _FITS.get(flags, (severity,))
        or found.error_code is not None
        or (words is not None and flags is not Declared.WARNING)
        or (
            told is Removed.YES and (envelope.names_failure(found.code_name) or envelope.says_not_done(words))
        )
    )
    if failed and told is Removed.NO:
        return Statement.OUT_OF_STEP
    shows = Shown.NOTHING if told is Removed.UNSAID else Shown.RESULT
    statement = envelope.states(flags, Denied.YES if denies else Denied.NOT, shows)
    return Statement.UNSAID if statement is Statement.COMPLETED else statement
