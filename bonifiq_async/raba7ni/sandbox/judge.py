"""What Raba7ni's sandbox refuses of a request: the kinds that the endpoint page gives, and amounts.

Statuses and codes are this sandbox's own: the page has none.
"""

from collections.abc import Mapping
from decimal import Decimal

from bonifiq_async.sandbox.document import decimal, is_text

_LONGEST = 18
"""Digits of a number that 64 bits surely hold."""
_OPTIONAL: Mapping[str, type[object]] = {
    "member_id": int,
    "email": str,
    "phone": str,
    "member_name": str,
    "reference": str,
    "pin": str,
    "metadata": dict,
}
"""Members of a write that may be left out, and what they are where they stand."""


class Refused(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, code: str, **more: object) -> None:
        super().__init__(code)
        self.status, self.code, self.more = status, code, more


def written(document: Mapping[str, object] | None) -> Mapping[str, object]:
    """Return the members of a write; each that may be left out is of the kind that the page says, or null."""
    if document is None or any(
        document.get(name) is not None and type(document[name]) is not kind
        for name, kind in _OPTIONAL.items()
    ):
        raise Refused(422, "validation_failed")
    return document


def amount_of(value: object, *, zero: bool = False) -> Decimal:
    """Return an amount above zero, or with `zero` of zero or more."""
    amount = decimal(value)
    if amount is None or amount < 0 or not (amount or zero):
        raise Refused(422, "invalid_amount")
    return amount


def whole(text: str | None) -> int | None:
    """Return the whole number that a text of digits is, None for anything else."""
    if text is None or not (text.isascii() and text.isdigit()):
        return None
    if len(text) > _LONGEST:
        raise Refused(422, "invalid_number")
    return int(text)


def said(value: object) -> str | None:
    """Return a text that is not blank, None for anything else."""
    return value if is_text(value) else None
