"""Sends what a ledger kept again, as it was first sent, and reads the answer as that of its operation."""

from collections.abc import Callable
from functools import partial
from typing import cast

from bonifiq_async._delivery.terms import Terms
from bonifiq_async._model.errors import PayloadError
from bonifiq_async._model.evidence import Evidence, Reading
from bonifiq_async._model.json_codec import decode
from bonifiq_async._model.operation import Operation
from bonifiq_async._model.outcome import Outcome
from bonifiq_async._model.secret import Secret
from bonifiq_async._policy.request import PreparedRequest
from bonifiq_async.bonifiq.answers import AnswerReader
from bonifiq_async.bonifiq.calls.caller import Caller
from bonifiq_async.bonifiq.changes.kept import KeptChange
from bonifiq_async.bonifiq.operations import orders, point_of_sale, redeems
from bonifiq_async.bonifiq.operations.changes import CHANGES
from bonifiq_async.bonifiq.reading.cancels import read_cancel
from bonifiq_async.bonifiq.reading.redeems import read_redeem

_Read = Callable[[AnswerReader, Operation[object], Evidence], Reading[object]]
_READ = {
    redeems.REDEEM_CHECKOUT.name: read_redeem,
    redeems.REDEEM_PRODUCT_DISCOUNT.name: read_redeem,
    point_of_sale.REDEEM.name: read_redeem,
    orders.CANCEL_PARTIALLY.name: read_cancel,
    point_of_sale.CANCEL_ORDER_PARTIALLY.name: read_cancel,
}
"""How the answers of an operation are read; of all others by `AnswerReader.read`."""
_BY_NAME = {each.name: each for each in CHANGES}


async def send_again(caller: Caller, change: KeptChange, terms: Terms) -> Outcome[object]:
    """Return what became of a change of which a ledger kept the request, under its key."""
    operation, body = _BY_NAME[change.operation], change.body
    request = PreparedRequest(
        operation.method, caller.base_url, change.path, body, change.change_key, secrets=_secrets(body)
    )
    read = cast(_Read, _READ.get(operation.name, AnswerReader.read))
    if _READ.get(operation.name) is read_redeem:
        read = cast(_Read, partial(read_redeem, key=change.change_key))
    return await caller.calls.outcome(change, operation, request, partial(read, caller.reader), terms)


def _secrets(body: bytes) -> tuple[Secret, ...]:
    """Return what no error may repeat of a body: the token of a cart."""
    try:
        members = decode(body)
    except PayloadError:
        return ()
    token = members.get("Token") if isinstance(members, dict) else None
    return (Secret.kept(token),) if isinstance(token, str) else ()
