"""JSON bytes to plain values: exact decimals, bounded memory, pauses for other tasks."""

import json
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from decimal import Decimal
from typing import TypeVar, cast

import msgspec

from bonifiq_async._model.errors import PayloadError

T = TypeVar("T")

LARGE = 262_144
"""Bytes of an answer from which on its values are counted before they are made."""
MOST_VALUES = 262_144
"""Values of an answer that are read at the most: a bracket of two bytes costs fifty in memory."""
LEVELS = 50
"""Levels of what is kept as it comes: a copy takes several frames for each."""
PIECE = 4_096
"""Bytes of a large answer that are decoded at once: the interpreter runs nothing else meanwhile."""
DEEPEST = 6
"""Levels of a large answer that are taken apart; each reads all that is below it once more."""
PAUSES = 32
"""Items of an array, and pieces of a large answer, after each of which the reading may pause."""
pausing: ContextVar[Callable[[], None] | None] = ContextVar("pausing", default=None)
"""What is called where the reading may pause; None while it has the thread for itself."""
_decoder = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder()
_by_member = msgspec.json.Decoder(dict[str, msgspec.Raw])
_by_item = msgspec.json.Decoder(list[msgspec.Raw])


def decode(body: bytes, *, decisive: tuple[bytes, ...] = (), what: str = "the answer") -> object:
    """Return the JSON value of `body`; numbers with a point or an exponent are exact `Decimal`s.

    `decisive` are quoted names that may stand in an object once at the most: which of two would count
    is not defined (RFC 8259, section 4). `what` is what an error calls the body.
    Raises `PayloadError` (path `$`) when it is not JSON, has a decisive name twice, or has more values
    than are held in memory.
    """
    large = len(body) > LARGE
    if large and sum(map(body.count, (b",", b"[", b"{"))) > MOST_VALUES:
        raise PayloadError(f"{what} has more values than are read", path="$")
    try:
        value: object = _in_pieces(body.strip()) if large else _decoder.decode(body)
        if decisive and (large or not _has_all(value, body)):
            _check_once(body, decisive)
        return value
    except (ValueError, ArithmeticError, RecursionError) as error:
        problem = f"{what} is not JSON: {_first_line(error)}" if body.strip() else f"{what} is empty"
        raise PayloadError(problem, path="$") from None


def refuse_doubled_members(body: bytes, *, what: str = "the body") -> None:
    """Raise `PayloadError` when any object of `body` has a member twice: `decode` keeps the last.

    Which of two would count is not defined (RFC 8259, section 4). `what` is what an error calls the body.
    """
    try:
        json.loads(body, object_pairs_hook=_each_once)
    except (ValueError, RecursionError) as error:
        problem = str(error) if isinstance(error, ValueError) else "it has too many levels"
        raise PayloadError(f"{what} cannot be read: {problem}", path="$") from None


def _each_once(members: list[tuple[str, object]]) -> None:
    if len({name for name, _ in members}) < len(members):
        raise ValueError("an object has a member twice")


def _has_all(value: object, body: bytes) -> bool:
    """Say whether `value` surely has every member of `body`, so that no object has a name twice.

    Each member has a colon of its own, and texts without an escape have theirs in both: where `value` is
    written with as many colons as stand in `body`, no member was left out. That is one pass in C.
    """
    if body.find(b"\\") >= 0:
        return False
    try:
        return _encoder.encode(value).count(b":") == body.count(b":")
    except (OverflowError, RecursionError):  # a whole number beyond 64 bits is read, and not written
        return False


def _check_once(body: bytes, decisive: tuple[bytes, ...]) -> None:
    """Raise `ValueError` when an object has one of the names twice."""
    spelt_out = b"\\" in body and b"\\u00" in body  # letters of a name may be
    if spelt_out or any(body.count(name) > 1 for name in decisive):
        json.loads(body, object_pairs_hook=_once(decisive))


def _in_pieces(raw: bytes | msgspec.Raw, depth: int = 0) -> object:
    view = memoryview(raw)
    opening = bytes(view[:1])
    if len(view) > PIECE and depth < DEEPEST and opening in (b"{", b"["):
        if opening == b"{":
            return {name: _in_pieces(value, depth + 1) for name, value in _by_member.decode(raw).items()}
        return [_in_pieces(item, depth + 1) for item in _with_pauses(_by_item.decode(raw))]
    return cast(object, _decoder.decode(raw))


def _with_pauses(items: list[T]) -> Iterator[T]:
    """Yield the items; between two of them other tasks may run."""
    pause = pausing.get()
    for number, item in enumerate(items):
        yield item
        if pause is not None and number % PAUSES == 0:
            pause()


def _once(decisive: tuple[bytes, ...]) -> Callable[[list[tuple[str, object]]], None]:
    names = {name.decode().strip('"') for name in decisive}

    def check(members: list[tuple[str, object]]) -> None:
        seen = [name for name, _ in members if name in names]
        if len(seen) > len(set(seen)):
            raise ValueError("it has one of its deciding members twice")

    return check


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__
