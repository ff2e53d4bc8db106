"""The key of a change, derived from what the change is about."""

from decimal import Decimal

from bonifiq_async._model import validation
from bonifiq_async._model.errors import PayloadError
from bonifiq_async._model.values import public


@public
def change_key_for(customer_id: str, value: Decimal, reference: str) -> str:
    """Return the key of the change of `value` (signed, not zero) for `reference`, an order or event id.

    The form is the provider's documented one, `ADD-ABC-10-123` and `REMOVE-ABC-10-123`. Different
    triples never give the same key: `%` and `-` inside a part are written `%25` and `%2D`. `10`,
    `10.0` and `1E1` are the same amount. The result is the same on every machine, for ever.

    Raises `PayloadError` for a part that is blank, begins or ends with a blank or has a character that is
    not seen, and for a value that is no amount.
    Source: cashback endpoint page, section "The ChangeKey field".
    """
    return key_of(customer_id, validation.amount(value, "value"), reference)


def key_of(customer_id: str, number: Decimal, reference: str) -> str:
    """Return the same of a `number` that is known to be an amount."""
    kind = "REMOVE" if number.is_signed() else "ADD"
    customer = escaped(validation.label(customer_id, "customer_id"))
    return f"{kind}-{customer}-{canonical_amount(number)}-{escaped(validation.label(reference, 'reference'))}"


def reference_in(key: str, customer_id: str, value: Decimal) -> str | None:
    """Return the reference of which `change_key_for` makes `key`; None where it makes it of none."""
    try:
        begin = change_key_for(customer_id, value, "-").removesuffix("%2D")
        if not key.startswith(begin):
            return None
        reference = key.removeprefix(begin).replace("%2D", "-").replace("%25", "%")
        return reference if change_key_for(customer_id, value, reference) == key else None
    except PayloadError:
        return None


def purpose_in(key: str, customer_id: str, value: Decimal) -> str | None:
    """Return what a derived key has beside customer and amount: `ADD-123`, its kind and its reference.

    It is the same for each amount. None where the key is not that of the customer and the amount.
    """
    parts = key.split("-")
    if len(parts) != 4:
        return None
    kind, customer, number, reference = parts
    if kind != ("REMOVE" if value.is_signed() else "ADD") or customer != escaped(customer_id):
        return None
    return f"{kind}-{reference}" if number == canonical_amount(value) else None


def canonical_amount(value: Decimal) -> str:
    """Return the one spelling of an amount without its sign: plain digits, no trailing zeros."""
    return _digits(value).lstrip("-")


def canonical(value: Decimal) -> Decimal:
    """Return an amount, with its sign, as it is written in that spelling."""
    return Decimal(_digits(value))


def _digits(value: Decimal) -> str:
    digits = str(value)
    if "E" in digits or "e" in digits:  # a small letter in a decimal context of capitals=0
        digits = format(value, "f")
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


def escaped(part: str) -> str:
    """Return a part of a key in which no hyphen stands for the end of the part."""
    return part.replace("%", "%25").replace("-", "%2D")
