"""What a refresh says of the cashback on a checkout: its codes, or `CashbackRemoved` where there is none.

The good case comes as a warning (code 05). Source: endpoint page "Revalidates a previously redeemed checkout
cashback against the current cart state".
"""

from collections.abc import Mapping

from bonifiq_async._model.evidence import Evidence, Reading
from bonifiq_async._model.json_codec import structure
from bonifiq_async._model.operation import Operation
from bonifiq_async._policy.answer_body import JsonObject
from bonifiq_async._policy.statement import Statement
from bonifiq_async.bonifiq import envelope
from bonifiq_async.bonifiq.answers import AnswerReader, Stated
from bonifiq_async.bonifiq.envelope import Declared, Denied, Envelope, Shown, declared, named, said_by
from bonifiq_async.bonifiq.schemas.redeems import CheckoutRefresh, CheckoutRefreshCashbackResponse

KEPT, REMOVED, NOT_APPLIED = "05", "06", "04"
SAYS: Mapping[str, tuple[bool, bool]] = {
    KEPT: (True, False),
    REMOVED: (False, True),
    NOT_APPLIED: (False, False),
}
"""What each warning says: whether the cashback stays applied, and whether it was taken off."""
_FITS = (Declared.WARNING, Declared.NO_ERROR, Declared.SILENT)
"""Flags beside which a warning's code stands; the older envelope has no flag for warnings."""


def read_refresh(
    reader: AnswerReader, operation: Operation[CheckoutRefresh], evidence: Evidence
) -> Reading[CheckoutRefresh]:
    """Read the answer to a refresh."""
    return reader.read_stated(operation, evidence, state)


def state(operation: Operation[CheckoutRefresh], answer: JsonObject, found: Envelope, status: int) -> Stated:
    """Return what an envelope states of a refresh; raises `PayloadError` for a result of wrong types."""
    result = answer.get("Result")
    inner = CheckoutRefreshCashbackResponse()
    if result is not None:
        inner = structure(result, CheckoutRefreshCashbackResponse, path="$.Result")
    flags, told = declared(found), SAYS.get(found.code or "")
    said = named(said_by(found, answer, status), operation.codes)
    if flags in (Declared.FAILURE, Declared.DIVIDED):
        shows = Shown.SUCCESS if told is not None or inner.cashback_removed else Shown.NOTHING
        return Stated(envelope.states(flags, Denied.NOT, shows), said, "$.Code")
    unwarned = flags is not Declared.WARNING and envelope.text(found.error_message) is not None
    contradicts = told is not None and (flags not in _FITS or inner.cashback_removed not in (None, told[1]))
    denies = found.error_code is not None or unwarned or contradicts
    if told is None and inner.cashback_removed is not None:
        told = (not inner.cashback_removed, inner.cashback_removed)
    if told is not None and flags is Declared.SILENT:
        flags = Declared.NO_ERROR
    shown = Shown.NOTHING if told is None else Shown.RESULT
    statement = envelope.states(flags, Denied.YES if denies else Denied.NOT, shown)
    whole = None
    if told is not None:
        words = inner.customer_message
        whole = CheckoutRefresh(*told, found.code, said.code_name, found.severity, words)
    return Stated(
        Statement.UNSAID if statement is Statement.COMPLETED else statement, said, "$.Code", result=whole
    )
