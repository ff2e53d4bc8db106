"""Cancellations: a refund may be refused within an answer whose status and envelope say success.

Source: the official point-of-sale example, `RefundErrorDetails`; the pages have `isCanceled`, "found and
cancelled".
"""

from bonifiq_async._model.evidence import ErrorAnswer, Evidence, Reading
from bonifiq_async._model.operation import Operation
from bonifiq_async._model.outcome import Verdict
from bonifiq_async._policy.statement import PROBLEM, Statement
from bonifiq_async.bonifiq.answers import AnswerReader
from bonifiq_async.bonifiq.schemas.cancels import OrderCancelResponse

_WHERE = "$.Result.isCanceled"
NOT_SAID = "it says neither that the part was cancelled nor why it was not"


def read_cancel(
    reader: AnswerReader, operation: Operation[OrderCancelResponse], evidence: Evidence
) -> Reading[OrderCancelResponse]:
    """Read the answer to a cancellation, of a whole order or of a part.

    A refund that is refused is a refusal; where the order is said to be cancelled beside it, the answer
    contradicts itself. A whole order that is not cancelled is a result, which may have found nothing to
    cancel; of a part, the same is no proof that it was not taken back.
    """
    reading = reader.read(operation, evidence)
    result = reading.result
    if reading.verdict is not Verdict.ACCEPTED or result is None:
        return reading
    refused = result.refund_error_details
    if refused is not None:
        if result.is_canceled:
            problem = PROBLEM[Statement.BOTH]
            return Reading(Verdict.UNREADABLE, path="$.Result.RefundErrorDetails", problem=problem)
        said = ErrorAnswer(evidence.status or 0, code_name=refused.code, message=refused.message)
        return reader.failed(operation, said)
    if result.is_canceled is False and operation.unit is not None:
        return reading.of_no_use(_WHERE, NOT_SAID)
    return reading
