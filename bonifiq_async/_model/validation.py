"""Validation: what is refused before anything is sent."""

import inspect
import math
import types
import unicodedata
from collections.abc import Callable
from decimal import Decimal
from typing import TypeGuard, TypeVar, cast

from attrs import Attribute

from bonifiq_async._model.errors import ConfigurationError, PayloadError
from bonifiq_async._model.money import has_exponent

T = TypeVar("T")

LONGEST_ID = 2**63 - 1
"""The largest whole number that a provider's 64-bit integer holds."""
MAX_DIGITS = 28
"""Digits that a provider's decimal surely holds (the contract's `format: decimal` is .NET's: 28 to 29)."""


def text(value: object, field: str, *, blank: bool = False) -> str:
    """Return `value` if it is a string that says something, else raise `PayloadError` naming `field`.

    Refused: another type, empty or blank (unless `blank`), control characters, and what UTF-8 cannot carry.
    """
    if type(value) is str and value.isprintable() and (blank or value.strip()):
        return value  # as nearly every text is
    if not isinstance(value, str):
        raise PayloadError(f"{field} must be a string, not {type(value).__name__}", path=field)
    if not blank and not value.strip():
        raise PayloadError(f"{field} is empty or blank", path=field)
    if not value.isprintable() and any(unicodedata.category(char) in ("Cc", "Cs") for char in value):
        raise PayloadError(f"{field} has a control character or half a character", path=field)
    return value


def label(value: object, field: str) -> str:
    """Return `value` if it can tell one change from any other, as a key or a reference does, else raise.

    Refused beyond what `text` refuses: a blank before or after it, and format characters (general category
    Cf, Unicode Standard, section 4.5: zero width, byte order mark, direction, soft hyphen). No person sees
    them, and a provider may drop them: two changes would have one key, or one change two.
    """
    if type(value) is str and value and value.isprintable() and value.strip() == value:
        return value  # as nearly every label is: what is printable has none of the others
    given = text(value, field)
    if given.strip() != given:
        raise PayloadError(f"{field} begins or ends with a blank", path=field)
    if not given.isprintable():
        for char in given:
            if unicodedata.category(char) == "Cf":
                raise PayloadError(f"{field} has an invisible character, U+{ord(char):04X}", path=field)
    return given


def path_segment(value: object, field: str) -> str:
    """Return `value` if it can stand as one path segment (RFC 3986, section 3.3), else raise."""
    segment = text(value, field)
    if segment in (".", ".."):
        raise PayloadError(f"{field} is {segment!r}, which a URL path cannot carry as a name", path=field)
    return segment


def amount(value: object, field: str, *, positive: bool = False) -> Decimal:
    """Return `value` as an exact `Decimal` other than zero; with `positive`, above zero.

    An `int` is taken as it is. Refused with `PayloadError`: `float`, `bool`, NaN, infinity, zero, and
    more than 28 digits before or after the point together.
    """
    if type(value) is Decimal:
        number = value
    elif isinstance(value, Decimal | int) and not isinstance(value, bool):
        number = Decimal(value)
    else:
        raise PayloadError(f"{field} must be a Decimal, not {type(value).__name__}", path=field)
    if not number.is_finite():
        raise PayloadError(f"{field} is {number}, which is not an amount", path=field)
    if not number:
        raise PayloadError(f"{field} is zero; a change must change something", path=field)
    # Written out in few characters, it has few digits: most amounts are not taken apart.
    spelled = str(number)
    if (len(spelled) > MAX_DIGITS or has_exponent(spelled)) and _digits(number) > MAX_DIGITS:
        raise PayloadError(f"{field} has more than {MAX_DIGITS} digits", path=field)
    if positive and number.is_signed():
        raise PayloadError(f"{field} is below zero; give the amount without a sign", path=field)
    return number


def _digits(number: Decimal) -> int:
    """Return how many digits a finite number needs, before and after the point or as they are given."""
    _, digits, exponent = number.as_tuple()
    return max(len(digits), number.adjusted() + 1, -int(exponent))


def total(value: object, field: str) -> Decimal:
    """Return `value` as an exact `Decimal` of zero or more; the rest is as in `amount`."""
    if isinstance(value, Decimal | int) and not isinstance(value, bool) and Decimal(value).is_zero():
        return Decimal(value).copy_abs()
    return amount(value, field, positive=True)


def number(value: object, field: str) -> int:
    """Return `value` if it is a whole number above zero in 64 bits, as ids are, else raise `PayloadError`."""
    if type(value) is not int:
        raise PayloadError(f"{field} must be a whole number, not {type(value).__name__}", path=field)
    if value < 1:
        raise PayloadError(f"{field} is {shown(value)}; it must be above zero", path=field)
    if value > LONGEST_ID:
        raise PayloadError(f"{field} is larger than {LONGEST_ID}, the largest number of 64 bits", path=field)
    return value


def document_checks(digits: str) -> bool:
    """Say whether the last two digits of a CPF (11 digits) or CNPJ (14) follow from the others.

    The rule is that of the Receita Federal: weights from 2 on, from the right (those of a CNPJ begin again
    behind 9), modulo 11.
    """
    found = [int(each) for each in digits]
    most = 9 if len(found) == 14 else 11
    for end in (len(found) - 2, len(found) - 1):
        total = sum(digit * (2 + at % (most - 1)) for at, digit in enumerate(reversed(found[:end])))
        if found[end] != (0 if total % 11 < 2 else 11 - total % 11):
            return False
    return True


def seconds(value: object, name: str, *, above_zero: bool = False) -> float:
    """Return `value` if it is a number of seconds, which may be infinite, else raise `ConfigurationError`."""
    endless = isinstance(value, float) and math.isinf(value)
    if isinstance(value, int | float) and (endless or _number(value)) and not (above_zero and value <= 0):
        return value
    wanted = "a number of seconds above zero" if above_zero else "a number of seconds"
    raise ConfigurationError(f"{name} must be {wanted}, not {shown(value)}. Nothing was sent.")


def quantity(value: object, name: str) -> int:
    """Return `value` if it is a whole number above zero, else raise `ConfigurationError`."""
    if type(value) is not int or value < 1:
        raise ConfigurationError(f"{name} must be a whole number above zero, not {shown(value)}.")
    return value


def whole(value: object, field: str) -> int:
    """Return `value` if it is a whole number of zero or more, as counts are, else raise `PayloadError`."""
    return value if type(value) is int and value == 0 else number(value, field)


def setting(_: object, attribute: "Attribute[float]", value: object) -> None:
    """Check, as an attrs validator, that a setting is a finite number above zero.

    Raises `ConfigurationError` naming it.
    """
    _check(attribute.name, _number(value) and value > 0, "a number above zero", value)


def limit(_: object, attribute: "Attribute[float]", value: object) -> None:
    """Check, as an attrs validator, that a setting is a finite number, zero or more; raises as `setting`."""
    _check(attribute.name, _number(value) and value >= 0, "a number of zero or more", value)


def count(_: object, attribute: "Attribute[int]", value: object) -> None:
    """Check, as an attrs validator, that a setting is a whole number above zero; raises as `setting`."""
    _check(attribute.name, type(value) is int and value >= 1, "a whole number above zero", value)


def stock(_: object, attribute: "Attribute[int]", value: object) -> None:
    """Check, as an attrs validator, that a setting is a whole number, zero or more; raises as `setting`."""
    _check(attribute.name, type(value) is int and value >= 0, "a whole number of zero or more", value)


def function(value: object, name: str, *given: object, awaited: bool = False) -> None:
    """Check that `value` is a function that takes what is `given` and answers at once.

    With `awaited`, that it is one whose answer is awaited: an `async def`, or what returns an awaitable.
    Raises `ConfigurationError` naming it: the answer of an `async def` that is not awaited is true, whatever
    it would have been.
    """
    kind = _wrong_kind(value, awaited=awaited)
    if kind is None and not _takes(value, given):
        kind = "one that takes others"
    if kind is not None:
        wanted = "an async function" if awaited else "a plain function"
        count = f"{len(given)} argument{'' if len(given) == 1 else 's'}"
        raise ConfigurationError(f"{name} must be {wanted} of {count}, not {kind}. Nothing was sent.")


def callback(*given: object, awaited: bool = False) -> "Callable[[object, Attribute[T], T], None]":
    """Return an attrs validator that does the same for a setting."""

    def check(_: object, attribute: "Attribute[T]", value: T) -> None:
        function(value, attribute.name, *given, awaited=awaited)

    return check


def _wrong_kind(value: object, *, awaited: bool) -> str | None:
    """Return what is wrong with a callback, None where nothing is seen."""
    if isinstance(value, type):
        return f"the class {value.__name__}"
    called: tuple[object, ...] = (value, inspect.getattr_static(type(value), "__call__", None))
    if any(map(inspect.isgeneratorfunction, called)) or any(map(inspect.isasyncgenfunction, called)):
        return "a generator"
    if any(map(inspect.iscoroutinefunction, called)) and not awaited:
        return "an `async def`, whose answer is never awaited"
    if awaited and isinstance(value, types.BuiltinFunctionType):
        return f"{value!r}, which holds up the event loop"
    return None if callable(value) else f"{value!r}, which cannot be called"


def _takes(value: object, given: tuple[object, ...]) -> bool:
    try:
        inspect.signature(cast(Callable[..., object], value)).bind(*given)
    except ValueError:  # a built-in function without a signature
        return True
    except TypeError:
        return False
    return True


def _number(value: object) -> TypeGuard[float]:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond any float
        return False


def _check(name: str, fits: bool, wanted: str, value: object) -> None:
    if not fits:
        raise ConfigurationError(f"{name} must be {wanted}, not {shown(value)}.")


def shown(value: object) -> str:
    """Return what a wrong value is, in short; of a whole number beyond 4,300 digits, Python makes no text."""
    try:
        text = repr(value)
    except ValueError:
        return "a number of thousands of digits"
    return text if len(text) <= 60 else f"{text[:60]}..."
