"""Orders that are made or asked for by their id: an answer that is of another one says nothing of it.

Source: schema OrderResponse, OriginalId.
"""

from bonifiq_async._model.evidence import Evidence, Reading
from bonifiq_async._model.operation import Operation
from bonifiq_async.bonifiq.answers import AnswerReader
from bonifiq_async.bonifiq.schemas.orders import OrderResponse

_OTHER = "it is of another order: its OriginalId is not the one that was sent"
_NONE = "it names no order: whether it is there is not known"


def read_order(
    reader: AnswerReader,
    operation: Operation[OrderResponse],
    evidence: Evidence,
    *,
    order_id: str,
    named: bool = False,
) -> Reading[OrderResponse]:
    """Read an order; with `named`, one that does not say which it is proves nothing, either."""
    reading = reader.read(operation, evidence)
    if reading.result is None or reading.result.original_id == order_id:
        return reading
    if reading.result.original_id is None and not named:
        return reading
    problem = _NONE if reading.result.original_id is None else _OTHER
    path = "$.Result.OriginalId" if operation.writes else "$.OriginalId"
    return reading.of_no_use(path, problem)
