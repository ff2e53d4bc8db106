"""The change of an event, or why it has none."""

import codecs
from collections.abc import Callable
from typing import TypeVar, cast

from bonifiq_async._model.errors import PayloadError
from bonifiq_async._model.json_codec import decode, refuse_doubled_members

E = TypeVar("E")
C = TypeVar("C")

LARGEST = 1_048_576
"""Bytes of an event that are read at the most: a change has some hundred."""
POISON = (PayloadError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError)
"""What a function raises that reads an event which is not as it expects: a member is missing, or null."""


def read_json(body: bytes) -> object:
    """Return the JSON value of an event's body; numbers with a point or an exponent are exact `Decimal`s.

    Raises `PayloadError` for what is no JSON, is longer than `LARGEST` bytes, or has a member twice: which of
    two would count is not defined (RFC 8259, section 4).
    """
    if len(body) > LARGEST:
        raise PayloadError(f"the event is longer than {LARGEST} bytes", path="$")
    body = body.removeprefix(codecs.BOM_UTF8)  # it may be ignored: RFC 8259, section 8.1
    value = decode(body, what="the event")
    refuse_doubled_members(body, what="the event")
    return value


def change_of(event: E | bytes, to_change: Callable[[E], C]) -> C:
    """Return the change that `to_change` makes of an event; of `bytes`, it gets the JSON value.

    Raises `PayloadError` for an event without a valid change, whatever of `POISON` `to_change` raises.
    """
    value = cast(E, read_json(event)) if isinstance(event, bytes) else event
    try:
        return to_change(value)
    except PayloadError:
        raise
    except POISON as error:
        words = f"{type(error).__name__}: {error}"
        raise PayloadError(f"no change can be made of the event ({words})", path="$") from error
