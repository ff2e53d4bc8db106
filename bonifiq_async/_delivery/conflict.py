"""The error of a key that stands for another change: which one, and in what the two differ."""

from bonifiq_async._model.errors import ChangeKeyConflict, PayloadError
from bonifiq_async._model.json_codec import decode
from bonifiq_async._model.printable import printable
from bonifiq_async.ledger.protocol import Conflict, Intent

NOT_KEPT = "a text or another member of the request, which is not kept in memory"
"""In what two changes differ of which one is known by no more than customer, value and operation."""

UNDONE = (
    "Key {key} stands for a change that was taken back, or may have been, as the ledger has it: it is made "
    "no second time. Nothing was sent; see at the provider whether it stands, and give the next one a "
    "reference or a key of its own."
)


def conflict_of(intent: Intent, other: Conflict | None, state: str = "") -> ChangeKeyConflict:
    """Return the error of a change whose key stands for the `other`, of which None says nothing is known."""
    if other is not None and other.operation in intent.undone_by:
        return ChangeKeyConflict(UNDONE.format(key=printable(intent.key)), change_key=intent.key)
    what, same = "another change", f"({intent.operation})"
    if other is not None:
        what = f"the change of {other.value} for {printable(other.customer_id)}"
        if other.operation not in (None, intent.operation):
            what += f" ({other.operation})"
        same += f"; the two differ in {_difference(intent, other)}"
    unit = f" in {intent.unit}" if intent.unit else ""
    return ChangeKeyConflict(
        f"Key {printable(intent.key)} stands for {what}{state}, not for this change of "
        f"{intent.value}{unit} for {printable(intent.customer_id)} {same}. Nothing was "
        "sent. If it is the same change, send it exactly as before, with all its texts; only another change "
        "needs another key.",
        change_key=intent.key,
    )


def _difference(intent: Intent, other: Conflict) -> str:
    """Name in what two changes differ, the first that tells them apart."""
    if other.operation not in (None, intent.operation):
        return "the operation"
    if other.body is not None:
        names = _members(intent.body, other.body)
        if other.path != intent.path:
            names = [f"the path ({printable(other.path or '')})", *names]
        if names:
            return ", ".join(names)
    found = [
        ("the customer or order", other.customer_id != intent.customer_id),
        ("the value", other.value != intent.value),
    ]
    return ", ".join([name for name, differs in found if differs]) or NOT_KEPT


def _members(one: bytes, other: bytes) -> list[str]:
    """Return the names of the members that two JSON objects do not have alike."""
    try:
        first, second = decode(one), decode(other)
    except PayloadError:
        return []
    if not isinstance(first, dict) or not isinstance(second, dict):
        return []
    names = [*first, *(name for name in second if name not in first)]
    return [printable(name) for name in names if first.get(name) != second.get(name)]
