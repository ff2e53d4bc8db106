"""What a request asks for: its members by name and type, its parameters, and the page of a list."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import cast

from attrs import frozen

from bonifiq_async.bonifiq.sandbox.forms.kinds import Form, fault, is_whole, moment
from bonifiq_async.bonifiq.sandbox.judge import BLANK, REFUSALS, Said
from bonifiq_async.sandbox.document import array, decimal, is_text
from bonifiq_async.sandbox.protocol import Request

FIRST, USUAL_SIZE = 1, 10
"""The page, and the size of one, where a request says neither (the defaults of the reports' pages)."""
NOT_ABOVE_ZERO = (9, "General_BiggerThanZero")


class RequestRefused(Exception):
    """The provider does not do what is asked; `result` stands beside what it says."""

    def __init__(self, said: Said, result: object = None) -> None:
        super().__init__(said.message)
        self.said, self.result = said, result


def unless(found: Said | None) -> None:
    """Raise `RequestRefused` if something was found to be wrong."""
    if found is not None:
        raise RequestRefused(found)


@frozen
class AskedMembers:
    """The members of an object whose kinds have been checked. Each method takes the name of one.

    Those that demand a member raise `RequestRefused` where it is left out.
    """

    values: Mapping[str, object]

    def text(self, name: str) -> str:
        """Return a text that must be there, and not be blank."""
        value = self.values.get(name)
        if not is_text(value):
            raise RequestRefused(Said(f"{name} is required", *BLANK))
        return value

    def maybe_text(self, name: str) -> str | None:
        """Return a text, None where it is left out, null or blank."""
        value = self.values.get(name)
        return value if is_text(value) else None

    def key(self, name: str) -> str | None:
        """Return an idempotency key, None where there is none: then each request counts. Blank is refused."""
        return None if self.values.get(name) is None else self.text(name)

    def maybe_amount(self, name: str) -> Decimal | None:
        """Return a decimal number, None where there is none."""
        return decimal(self.values.get(name))

    def amount(self, name: str) -> Decimal:
        """Return a decimal number that must be there."""
        value = self.maybe_amount(name)
        if value is None:
            raise RequestRefused(Said(f"{name} is required", *BLANK))
        return value

    def above_zero(self, name: str) -> Decimal | None:
        """Return a decimal number above zero, None where there is none."""
        value = self.maybe_amount(name)
        if value is not None and value <= 0:
            raise RequestRefused(Said(f"{name} is not above zero", *NOT_ABOVE_ZERO))
        return value

    def maybe_whole(self, name: str) -> int | None:
        """Return a whole number, None where there is none."""
        value = self.values.get(name)
        return value if isinstance(value, int) and is_whole(value) else None

    def whole(self, name: str) -> int:
        """Return a whole number that must be there."""
        value = self.maybe_whole(name)
        if value is None:
            raise RequestRefused(Said(f"{name} is required", *BLANK))
        return value

    def maybe_flag(self, name: str) -> bool | None:
        """Return true or false, None where there is neither."""
        value = self.values.get(name)
        return value if isinstance(value, bool) else None

    def maybe_moment(self, name: str) -> datetime | None:
        """Return a moment, None where there is none."""
        return moment(self.values.get(name))

    def moment(self, name: str) -> datetime:
        """Return a moment that must be there."""
        value = self.maybe_moment(name)
        if value is None:
            raise RequestRefused(Said(f"{name} is required", *BLANK))
        return value

    def maybe_part(self, name: str) -> "AskedMembers | None":
        """Return an object, None where there is none."""
        value = self.values.get(name)
        return AskedMembers(value) if isinstance(value, dict) else None

    def parts(self, name: str) -> "Sequence[AskedMembers]":
        """Return the objects of a list, none where there is no list."""
        return [
            AskedMembers(each) for each in cast("list[Mapping[str, object]]", self.values.get(name) or ())
        ]


def body_of(request: Request, form: Form) -> AskedMembers:
    """Return what the body of a request asks for; raise `RequestRefused` unless it is like `form`."""
    if request.document is None:
        raise RequestRefused(REFUSALS["no JSON"])
    unless(fault(request.document, form))
    return AskedMembers(request.document)


def list_of(request: Request, form: Form) -> Sequence[AskedMembers]:
    """Return the objects of a body that is a list; raise `RequestRefused` unless each is like `form`."""
    values = array(request.body)
    if values is None:
        raise RequestRefused(REFUSALS["no JSON"])
    for value in values:
        unless(fault(value, form) if isinstance(value, dict) else REFUSALS["no JSON"])
    return [AskedMembers(cast("Mapping[str, object]", value)) for value in values]


def number_of(request: Request, name: str) -> int | None:
    """Return the number that a part of the path is, None if it is none of 32 bits."""
    text = request.parameters[name]
    return int(text) if re.fullmatch(r"[0-9]{1,10}", text) and is_whole(int(text)) else None


@frozen
class PageAsked:
    """The page of a list that is asked for, counted from 1."""

    number: int = FIRST
    size: int = USUAL_SIZE


def page_within(number: object, size: object, largest: int | None) -> PageAsked:
    """Return a page; raise `RequestRefused` for numbers below 1, and for a size above the largest.

    What the provider does with a size above its maximum is not documented; here it is noticed.
    """
    wanted = PageAsked(FIRST if number is None else _counted(number), _counted(size or USUAL_SIZE))
    if largest is not None and wanted.size > largest:
        raise RequestRefused(Said(f"PageSize is above {largest}"))
    return wanted


def _counted(number: object) -> int:
    if isinstance(number, str):
        number = int(number) if re.fullmatch(r"[0-9]{1,10}", number) else None
    if not isinstance(number, int) or not is_whole(number) or number < 1:
        raise RequestRefused(Said("A page and its size are whole numbers above zero", *NOT_ABOVE_ZERO))
    return number


@frozen
class Parameters:
    """The parameters of a query; one that the endpoint does not have is refused."""

    values: Mapping[str, str]

    @classmethod
    def of(cls, request: Request, *names: str) -> "Parameters":
        """Return the query of a request whose endpoint has the parameters `names`."""
        if request.query.keys() - set(names):
            raise RequestRefused(Said("The query has a parameter that the endpoint does not have"))
        return cls(request.query)

    def text(self, name: str) -> str | None:
        """Return a text, None where it is left out or blank."""
        return self.values.get(name, "").strip() or None

    def moment(self, name: str) -> datetime | None:
        """Return a moment, None where it is left out or blank."""
        text = self.text(name)
        found = moment(text)
        if text is not None and found is None:
            raise RequestRefused(Said(f"{name} is not a moment"))
        return found

    def flag(self, name: str, *, default: bool) -> bool:
        """Return true or false."""
        text = self.text(name)
        if text is not None and text.lower() not in ("true", "false"):
            raise RequestRefused(Said(f"{name} is neither true nor false"))
        return default if text is None else text.lower() == "true"

    def page(self, number: str, size: str, largest: int | None) -> PageAsked:
        """Return the page that is asked for by two parameters."""
        return page_within(self.text(number), self.text(size), largest)
