"""Sums of money, exact to the last digit.

The default decimal context rounds a sum to 28 digits; this one takes any sum of amounts that
pass validation, and raises rather than round.
"""

from decimal import Context, Decimal, Inexact

from attrs import define, field

EXACT = Context(prec=100, traps=[Inexact])
_LONGEST = 100
"""Characters of an amount that a person is shown at the most; an answer may have any."""


def has_exponent(spelled: str) -> bool:
    """Say whether an amount, as `str` spells it, has an exponent, as 1E+3 has; few have."""
    return "E" in spelled or "e" in spelled  # a small letter in a decimal context of capitals=0


def plain(value: Decimal) -> Decimal:
    """Return the same amount, spelled without an exponent."""
    digits = str(value)
    return Decimal(format(value, "f")) if "E" in digits or "e" in digits else value


def spelled(amount: Decimal) -> str:
    """Return an amount with every digit that it has, in groups; one beyond all money as it came."""
    if len(str(amount)) <= _LONGEST and abs(amount.adjusted()) <= _LONGEST:
        return f"{amount:,f}"
    return str(amount) if len(str(amount)) <= _LONGEST else f"about {amount:.12E}"


@define
class Sums:
    """What was added and what was removed, both as amounts above zero."""

    added: Decimal = Decimal(0)
    removed: Decimal = Decimal(0)

    def put(self, value: Decimal, times: int = 1) -> None:
        """Count so many signed changes of `value`."""
        if value.is_signed():
            self.removed = EXACT.fma(value, -times, self.removed)
        else:
            self.added = EXACT.fma(value, times, self.added)


@define
class SumsByUnit:
    """Sums of changes, apart for each unit: reais and points, or two currencies, have no common sum."""

    by_unit: dict[str, Sums] = field(factory=dict)

    def put(self, unit: str, value: Decimal, times: int = 1) -> None:
        """Count so many signed changes of `value` in a unit."""
        sums = self.by_unit.get(unit)
        if sums is None:
            sums = self.by_unit[unit] = Sums()
        sums.put(value, times)

    def take(self, others: "SumsByUnit") -> None:
        """Count what others come to, too."""
        for unit, each in others.by_unit.items():
            sums = self.by_unit.setdefault(unit, Sums())
            sums.added = EXACT.add(sums.added, each.added)
            sums.removed = EXACT.add(sums.removed, each.removed)

    def single(self) -> Sums | None:
        """Return the sums where all changes are of one unit, zeros where there are none, else None."""
        if len(self.by_unit) > 1:
            return None
        return next(iter(self.by_unit.values()), Sums())
