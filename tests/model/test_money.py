"""Sums of money, exact to the last digit."""

from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bonifiq_async._model.money import Sums, SumsByUnit, has_exponent
from bonifiq_async._model.validation import MAX_DIGITS

AMOUNTS = st.decimals(min_value=-(10**20), max_value=10**20, places=4)
HUGE, TINY = Decimal("9" * MAX_DIGITS), Decimal(1).scaleb(-MAX_DIGITS)


@pytest.mark.parametrize("sign", [1, -1])
def test_no_digit_is_lost_between_the_largest_and_the_smallest(sign: int) -> None:
    sums = Sums()
    sums.put(HUGE * sign)
    sums.put(TINY * sign)
    with localcontext(prec=100):
        assert (sums.added, sums.removed) == ((HUGE + TINY, 0) if sign > 0 else (0, HUGE + TINY))


@given(st.lists(AMOUNTS))
def test_added_and_removed_amounts_are_summed_separately(values: list[Decimal]) -> None:
    sums = Sums()
    for value in values:
        sums.put(value)
    assert Fraction(sums.added) == sum(Fraction(value) for value in values if value > 0)
    assert Fraction(sums.removed) == -sum(Fraction(value) for value in values if value < 0)


def test_sums_of_two_units_have_no_common_sum() -> None:
    sums = SumsByUnit()
    assert sums.single() == Sums()
    sums.put("BRL", Decimal("5.50"))
    sums.put("BRL", Decimal(-2), times=3)
    assert sums.single() == Sums(Decimal("5.50"), Decimal(6))
    sums.put("points", Decimal(100))
    assert sums.single() is None
    assert sums.by_unit == {"BRL": Sums(Decimal("5.50"), Decimal(6)), "points": Sums(Decimal(100))}


@pytest.mark.parametrize(("spelled", "has"), [("1E+3", True), ("1e3", True), ("1000", False)])
def test_an_exponent_is_noticed(spelled: str, has: bool) -> None:
    assert has_exponent(spelled) is has


def test_sums_that_are_taken_in_stay_apart_by_unit() -> None:
    """To the last digit, and without a change of those that are taken."""
    sums, others = SumsByUnit(), SumsByUnit()
    sums.put("BRL", HUGE)
    others.put("BRL", TINY)
    others.put("BRL", Decimal(-2))
    others.put("points", Decimal(-3))
    sums.take(others)
    with localcontext(prec=100):
        assert sums.by_unit == {"BRL": Sums(HUGE + TINY, Decimal(2)), "points": Sums(Decimal(0), Decimal(3))}
    assert others.by_unit == {"BRL": Sums(TINY, Decimal(2)), "points": Sums(Decimal(0), Decimal(3))}
