"""What is refused of a request before anything is sent, field by field: validators of attrs, and its sums.

Each raises `PayloadError` that names the field and, where a page has the rule, the page.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import IntEnum
from typing import TypeVar, cast

import attrs
from attrs import Attribute

from bonifiq_async._model import validation
from bonifiq_async._model.errors import PayloadError
from bonifiq_async._model.money import EXACT
from bonifiq_async._policy.change_key import canonical

T = TypeVar("T")
_AHEAD = timedelta(hours=14)
"""How far ahead of UTC a day may have begun somewhere (tz database: Pacific/Kiritimati)."""
Check = Callable[[object, "Attribute[T]", object], None]
MOST_POINTS = 2**31 - 1
"""The largest number that the provider's `int32` holds."""


def exact(value: Decimal) -> Decimal:
    """Return an amount in its one spelling: the same request has the same bytes. The rest is as it was."""
    given: object = value
    if type(given) is int:
        return Decimal(given)
    return canonical(value) if type(given) is Decimal and value.is_finite() else value


def exact_or_none(value: Decimal | None) -> Decimal | None:
    """Return the same of an amount that may be left out."""
    return None if value is None else exact(value)


def text(_: object, attribute: "Attribute[str]", value: object) -> None:
    """A text that says something."""
    validation.text(value, attribute.name)


def label(_: object, attribute: "Attribute[str]", value: object) -> None:
    """A text that tells one thing from any other: an id, a key."""
    validation.label(value, attribute.name)


def above_zero(_: object, attribute: "Attribute[Decimal]", value: object) -> None:
    """An amount above zero."""
    validation.amount(value, attribute.name, positive=True)


def amount(_: object, attribute: "Attribute[Decimal]", value: object) -> None:
    """An amount of zero or more."""
    validation.total(value, attribute.name)


def count(_: object, attribute: "Attribute[int]", value: object) -> None:
    """A whole number above zero that 32 bits hold."""
    if validation.number(value, attribute.name) > MOST_POINTS:
        raise PayloadError(f"{attribute.name} is larger than {MOST_POINTS}", path=attribute.name)


def quantity(owner: object, attribute: "Attribute[int]", value: object) -> None:
    """A whole number of zero or more that 32 bits hold."""
    number = int(value) if isinstance(value, IntEnum) else value
    if type(number) is not int or number != 0:
        count(owner, attribute, number)


def flag(_: object, attribute: "Attribute[bool]", value: object) -> None:
    """A boolean."""
    if type(value) is not bool:
        name = attribute.name
        raise PayloadError(f"{name} must be true or false, not {type(value).__name__}", path=name)


def moment(_: object, attribute: "Attribute[datetime]", value: object) -> None:
    """A date and time with its zone: without one, the provider would take it for some other moment."""
    aware(value, attribute.name)


def aware(value: object, name: str) -> datetime:
    """Return `value` if it is a date and time with its zone."""
    if not isinstance(value, datetime):
        raise PayloadError(f"{name} must be a datetime, not {type(value).__name__}", path=name)
    if value.tzinfo is None or value.utcoffset() is None:
        raise PayloadError(f"{name} has no time zone; give one, such as datetime.UTC", path=name)
    return value


def born(_: object, attribute: "Attribute[date]", value: object) -> None:
    """A day, or a moment with its zone; `check_births` says whether it has been, when it is sent."""
    if not isinstance(value, date) or isinstance(value, datetime):
        aware(value, attribute.name)


def check_births(births: Mapping[str, date | None], now: datetime) -> None:
    """Raise `PayloadError` naming a birthday that is in the future: a moment after `now`, or a later day.

    In which zone a day is meant, the provider does not say: one that has begun anywhere has been.
    """
    for name, born in births.items():
        if born is not None and (born > now if isinstance(born, datetime) else born > (now + _AHEAD).date()):
            raise PayloadError(f"{name} is in the future", path=name)


def many(kind: type[T]) -> "Check[Sequence[T]]":
    """Return the check of a list or tuple of values of a class."""

    def check(_: object, attribute: "Attribute[Sequence[T]]", value: object) -> None:
        each_of(value, kind, attribute.name)

    return check


def each_of(value: object, kind: type[T], name: str) -> tuple[T, ...]:
    """Return `value` as a tuple, if it is a list or tuple of values of a class."""
    if not isinstance(value, list | tuple):
        raise PayloadError(f"{name} must be a list, not {type(value).__name__}", path=name)
    return tuple([an(each, kind, f"{name}[{number}]") for number, each in enumerate(value)])


def one(kind: type[T]) -> "Check[T]":
    """Return the check of a value of a class."""

    def check(_: object, attribute: "Attribute[T]", value: object) -> None:
        an(value, kind, attribute.name)

    return check


def an(value: object, kind: type[T], name: str) -> T:
    """Return `value` if it is of a class, and its members are texts where the class does not check them.

    Those that answers have, too, do not: a provider may answer what must not be sent.
    """
    if not isinstance(value, kind):
        raise PayloadError(f"{name} must be of {kind.__name__}, not {type(value).__name__}", path=name)
    checks_itself = hasattr(kind, "__attrs_post_init__") or not attrs.has(kind)
    for each in () if checks_itself else attrs.fields(cast("type[attrs.AttrsInstance]", kind)):
        member: object = getattr(value, each.name)
        if isinstance(member, kind):  # a category within a category
            an(member, kind, f"{name}.{each.name}")
        elif each.validator is None and member is not None:
            validation.text(member, f"{name}.{each.name}")
    return value


_WRITTEN = re.compile(r"\d{3}\.\d{3}\.\d{3}-\d{2}|\d{2}\.\d{3}\.\d{3}/\d{4}-\d{2}|\d{11}|\d{14}", re.ASCII)
"""How a CPF and a CNPJ are written, with signs and without."""


def document(owner: object, attribute: "Attribute[str]", value: object) -> None:
    """A document. One that is written as a CPF or a CNPJ must check as one; any other is taken as it is."""
    label(owner, attribute, value)
    digits = re.sub(r"\D", "", str(value))
    if _WRITTEN.fullmatch(str(value)) is not None and not validation.document_checks(digits):
        kind = "CPF" if len(digits) == 11 else "CNPJ"
        raise PayloadError(
            f"{attribute.name} is no {kind}: its last two digits do not follow from the others "
            "(rule of the Receita Federal)",
            path=attribute.name,
        )


def customer(owner: object, attribute: "Attribute[str]", value: object) -> None:
    """A customer's id at the point of sale: an e-mail address, or the digits alone of a CPF or CNPJ."""
    label(owner, attribute, value)
    if not str(value).isdigit() and _WRITTEN.fullmatch(str(value)) is not None:
        raise PayloadError(
            f"{attribute.name} is a CPF or CNPJ with signs in it; give its digits alone (POS pages)",
            path=attribute.name,
        )


def sum_of(amounts: Iterable[Decimal | None]) -> Decimal:
    """Return an exact sum; what has no amount counts nothing."""
    total = Decimal(0)
    for each in amounts:
        total = total if each is None else EXACT.add(total, each)
    return total
