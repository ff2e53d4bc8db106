"""The kinds of members that bodies have, and whether a JSON value is of one, by the contract alone."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from attrs import evolve, frozen

from bonifiq_async.bonifiq.sandbox.judge import REFUSALS, Said
from bonifiq_async.sandbox.document import decimal

_MOST = 2**31
"""The contract's `format: int32`."""


@frozen
class MemberKind:
    """A kind of member: `what` it is in words, and the test of a value. `parts` are those of an object."""

    what: str
    fits: Callable[[object], bool]
    nullable: bool = False
    parts: "Mapping[str, MemberKind] | None" = None
    many: bool = False


Form = Mapping[str, MemberKind]
"""The members of an object by name."""


def null(kind: MemberKind) -> MemberKind:
    """Return the same kind, which may be null."""
    return evolve(kind, nullable=True)


def part(form: Form, *, many: bool = False) -> MemberKind:
    """Return the kind of an object with the members of `form`, or of a list of such objects."""
    return MemberKind("a list of objects" if many else "an object", lambda _: True, parts=form, many=many)


def is_whole(value: object) -> bool:
    """Say whether a JSON value is a whole number of 32 bits."""
    return type(value) is int and -_MOST <= value < _MOST


def moment(value: object) -> datetime | None:
    """Return the moment that a text is (RFC 3339), None for any other value; without a zone it is in UTC."""
    if not isinstance(value, str) or "T" not in value.upper():
        return None
    try:
        found = datetime.fromisoformat(value)
        return (found.replace(tzinfo=UTC) if found.tzinfo is None else found).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


TEXT = MemberKind("a text", lambda value: isinstance(value, str))
FLAG = MemberKind("true or false", lambda value: isinstance(value, bool))
WHOLE = MemberKind("a whole number of 32 bits", is_whole)
AMOUNT = MemberKind("a decimal number", lambda value: decimal(value) is not None)
MOMENT = MemberKind("a moment", lambda value: moment(value) is not None)
ORIGIN = MemberKind("one of the numbers 0 to 5", lambda value: type(value) is int and 0 <= value <= 5)
DIRECTION = MemberKind("0 or 1", lambda value: type(value) is int and 0 <= value <= 1)


def fault(document: Mapping[str, object], form: Form, within: str = "") -> Said | None:
    """Return what in an object is not as `form` has it: a member too many, or one of another kind."""
    if document.keys() - form.keys():
        return REFUSALS["unknown member"]
    faults = (_fault(value, form[name], f"{within}{name}") for name, value in document.items())
    return next((each for each in faults if each is not None), None)


def _fault(value: object, kind: MemberKind, path: str) -> Said | None:
    if value is None and kind.nullable:
        return None
    if kind.parts is None:
        return None if kind.fits(value) else _another(path, kind)
    values = value if kind.many else [value]
    if not isinstance(values, list):
        return _another(path, kind)
    for each in values:
        found = fault(each, kind.parts, f"{path}.") if isinstance(each, dict) else _another(path, kind)
        if found is not None:
            return found
    return None


def _another(path: str, kind: MemberKind) -> Said:
    return Said(f"{path} is not {kind.what}")
