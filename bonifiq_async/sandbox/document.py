"""What a request says: its JSON document, and the numbers and texts in it, read by the contract alone.

Nothing here is the client's, so that a fault in how the client reads, checks or writes shows against it.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from decimal import Context, Decimal, Inexact
from functools import reduce
from typing import TypeGuard

MONEY = Context(prec=100, traps=[Inexact])
"""The sandboxes' own arithmetic: exact, or it raises."""


def total(amounts: Iterable[Decimal]) -> Decimal:
    """Return the exact sum of amounts."""
    return reduce(MONEY.add, amounts, Decimal(0))


_LARGEST = 2**96 - 1
_DECIMALS = 28
"""What the contract's `format: decimal` holds: .NET's System.Decimal, 96 bits and up to 28 decimals."""


def document(body: bytes) -> Mapping[str, object] | None:
    """Return the members of the JSON object that `body` is (RFC 8259, in UTF-8), None if it is none.

    It is none either when a member stands in an object twice: which of the two counts cannot be said.
    Numbers with a point or an exponent are exact `Decimal`s.
    """
    value = _value(body)
    return value if isinstance(value, dict) else None


def array(body: bytes) -> Sequence[object] | None:
    """Return the values of the JSON array that `body` is, read as an object is, None if it is none."""
    value = _value(body)
    return value if isinstance(value, list) else None


def _value(body: bytes) -> object:
    """Return the JSON value that `body` is; None, which is neither object nor array, if it is none."""
    try:
        text = body.decode()
        value: object = json.loads(
            text, parse_float=Decimal, parse_constant=_refuse, object_pairs_hook=_members_once
        )
        if "\\u" in text:  # half a character, which no text may have, can only be written like this
            json.dumps(value, ensure_ascii=False, default=str).encode()
    except (ValueError, ArithmeticError, RecursionError):
        return None
    return value


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is not JSON")


def _members_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a member stands there twice")
    return members


def decimal(value: object) -> Decimal | None:
    """Return a JSON number that the contract's decimal holds exactly, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, Decimal | int):
        return None
    number = Decimal(value)
    if number.adjusted() > _DECIMALS:
        return None
    _, digits, exponent = number.as_tuple()
    significant = "".join(map(str, digits)).rstrip("0")
    scale = int(exponent) + len(digits) - len(significant)
    if significant and (scale < -_DECIMALS or int(significant) * 10 ** max(scale, 0) > _LARGEST):
        return None
    return number


def is_text(value: object) -> TypeGuard[str]:
    """Say whether a JSON value is a text that is not blank."""
    return isinstance(value, str) and bool(value.strip())
