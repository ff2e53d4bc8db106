"""Keys that are derived from what a change is for, each kind with a beginning of its own.

Those of cashback begin with `ADD-` and `REMOVE-` (`change_key_for`). How far the provider's keys reach is not
documented, so that no two kinds may meet. In each, `%` and `-` inside a part are written `%25` and `%2D`, and
there are as many parts as its kind has: two different changes never have the same key. The results are the
same on every machine, for ever.
"""

from decimal import Decimal

from bonifiq_async._model import validation
from bonifiq_async._model.errors import PayloadError
from bonifiq_async._policy.change_key import canonical_amount, escaped

Part = tuple[str, str | int | Decimal]
"""A part of a key: the name of its field, and what it is."""


def key_from(kind: str, *parts: Part) -> str:
    """Return the key of a kind for its parts."""
    return "-".join([kind, *(_written(name, value) for name, value in parts)])


def _written(name: str, value: str | int | Decimal) -> str:
    if isinstance(value, Decimal):
        return canonical_amount(value)
    return str(value) if isinstance(value, int) else escaped(validation.label(value, name))


def one_key(key: str | None, reference: str | None, parts: tuple[Part, ...], *, kind: str, given: str) -> str:
    """Return the key that is `given`, by that name, or the one of a kind that is derived for a `reference`.

    Exactly one of both is given.
    """
    if key is None and reference is not None:
        return key_from(kind, *parts, ("reference", validation.label(reference, "reference")))
    if key is None or reference is not None:
        raise PayloadError(f"give exactly one of {given} and reference", path=given)
    return key


def points_key_for(customer_id: str, points: int, reference: str) -> str:
    """Return the key of a change of points: `POINTS-ADD-ABC-10-123`, `POINTS-REMOVE-ABC-10-123`.

    `points` is signed and not zero; `reference` is an order or event id. Raises `PayloadError` for a part
    that is blank, begins or ends with a blank or has a character that is not seen, and for what is no number
    of points.
    """
    kind, parts = points_parts(customer_id, whole_points(points, "points"))
    return key_from(kind, *parts, ("reference", validation.label(reference, "reference")))


def points_parts(customer_id: str, points: int) -> tuple[str, tuple[Part, ...]]:
    """Return the kind of the key of a change of points, and its parts but for the reference."""
    kind = "POINTS-REMOVE" if points < 0 else "POINTS-ADD"
    return kind, (("customer_id", customer_id), ("points", abs(points)))


def points_reference_in(key: str, customer_id: str, points: int) -> str | None:
    """Return the reference of which `points_key_for` makes `key`; None where it makes it of none."""
    try:
        kind, parts = points_parts(customer_id, points)
        begin = key_from(kind, *parts) + "-"
        if not key.startswith(begin):
            return None
        reference = key.removeprefix(begin).replace("%2D", "-").replace("%25", "%")
        return reference if points_key_for(customer_id, points, reference) == key else None
    except PayloadError:
        return None


def points_purpose_in(key: str, customer_id: str, points: int) -> str | None:
    """Return what a derived key has beside customer and number: `POINTS_ADD-123`, kind and reference.

    It is the same for each number of points, and that of no cashback: an order may bring both.
    """
    reference = points_reference_in(key, customer_id, points)
    if reference is None:
        return None
    return f"{'POINTS_REMOVE' if points < 0 else 'POINTS_ADD'}-{escaped(reference)}"


def whole_points(points: object, name: str) -> int:
    """Return `points` if it is a signed whole number that 32 bits hold, and not zero."""
    if type(points) is not int:
        raise PayloadError(f"{name} must be a whole number, not {type(points).__name__}", path=name)
    if points == 0:
        raise PayloadError(f"{name} is zero; a change must change something", path=name)
    if not -(2**31) < points < 2**31:
        raise PayloadError(f"{name} is larger than the provider's 32 bits hold", path=name)
    return points


def how_much(value: Decimal | None, points: int | None = None, *, name: str = "value") -> Part:
    """Return how much is redeemed, as a part of a key: an amount, `P` and points, or `ALL` there is.

    `name` is that of the amount.
    """
    if value is not None:
        return name, validation.amount(value, name, positive=True)
    return "points", "ALL" if points is None else f"P{points}"
