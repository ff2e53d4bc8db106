"""Amounts of spreadsheets: read exactly or refused, never differently."""

from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bonifiq_async.cli.examination.kinds import ProblemKind
from bonifiq_async.cli.reading.amounts import (
    COMMA,
    POINT,
    MarkEvidence,
    read_amount,
    readings,
    text_of_number,
)
from bonifiq_async.cli.reading.dialect import Fact, Unclear, mark_of

SYMBOLS = ("R$", "BRL")
amounts = st.decimals(min_value=-(10**12), max_value=10**12, places=2)


def grouped(digits: str, group: str) -> str:
    """Return digits in groups of three."""
    head = len(digits) % 3
    return group.join(
        [*([digits[:head]] if head else []), *(digits[at : at + 3] for at in range(head, len(digits), 3))]
    )


@st.composite
def shown(draw: st.DrawFn) -> tuple[str, str, Decimal]:
    """An amount as Excel shows it: its text, the decimal mark of the locale, and the amount that is shown."""
    amount, mark = draw(amounts), draw(st.sampled_from([POINT, COMMA]))
    places = draw(st.integers(0, 2))
    amount = round(amount, places) if places else Decimal(int(amount))
    whole, _, cents = f"{abs(amount):f}".partition(".")
    if draw(st.booleans()):
        whole = grouped(whole, COMMA if mark == POINT else POINT)
    digits = f"{whole}{mark}{cents}" if cents else whole
    space = draw(st.sampled_from(["", " ", "\u00a0", "\u202f"]))
    money = draw(st.sampled_from(["", f"R${space}", f"{space}R$   ", "BRL "]))
    styles = [
        "-{m}{d}",
        "{m}-{d}",
        "{m}{d}-",
        "({m}{d})",
        "{m}({d})",
        "\u2212{m}{d}",
        "-{m}{d} ",
        " {m}({d}) ",
    ]
    text = draw(st.sampled_from(styles if amount < 0 else ["{m}{d}", "{m}{d} ", " {m}{d} "]))
    return text.format(m=money, d=digits), mark, amount


@given(shown())
@example(("1.234,50", COMMA, Decimal("1234.50")))
@example(("1,234", POINT, Decimal(1234)))
def test_an_amount_is_what_is_shown_or_nothing(case: tuple[str, str, Decimal]) -> None:
    """With the mark of its locale it is exact; where the other mark has a reading too, nothing is proved."""
    text, mark, amount = case
    read = readings(text, SYMBOLS)
    assert read[mark] == amount
    assert read_amount(text, mark, SYMBOLS) == amount
    if len(read) == 1:
        assert set(read) == {mark}


@given(st.lists(shown(), min_size=1, max_size=8), st.booleans())
def test_a_column_is_read_as_it_was_shown_or_refused(
    cases: list[tuple[str, str, Decimal]], plain: bool
) -> None:
    """Every cell of one locale: the mark that is found is that of the locale, or makes no difference."""
    mark = cases[0][1]
    evidence = MarkEvidence(SYMBOLS)
    column = [(text, amount) for text, each, amount in cases if each == mark]
    for line, (text, _) in enumerate(column):
        evidence.put(line, text)
    found = mark_of("value", evidence, None, plain=plain)
    if isinstance(found, Unclear):
        assert len({*readings(found.example.text, SYMBOLS).values()}) == 2
        return
    for text, amount in column:
        read = read_amount(text, found.value, SYMBOLS)
        # In the plain form a point groups nothing: 1.234 has three decimals there, which BRL has not.
        assert (
            read == amount
            or (plain and isinstance(read, Decimal) and read != round(read, 2))
            or (plain and isinstance(read, Decimal) and read.as_tuple().exponent == -3)
        )


@given(st.text("0123456789.,-+()R$ \u00a0", max_size=12))
def test_no_text_has_a_reading_of_other_digits(text: str) -> None:
    """Whatever the text is, a reading has its digits and no others, in their order."""
    for mark, amount in readings(text, SYMBOLS).items():
        whole = "".join(each for each in text if each.isdigit())
        assert f"{abs(amount):f}".replace(".", "").lstrip("0") == whole.lstrip("0"), mark


@given(amounts)
def test_a_number_of_a_spreadsheet_has_its_shortest_digits(amount: Decimal) -> None:
    """Excel stores 7.1 as 7.0999999999999996, which is the same float."""
    if abs(amount) < 10**12:
        assert Decimal(text_of_number(float(amount)) or "x") == amount
    assert text_of_number(1e15) is None and text_of_number(float("nan")) is None


@pytest.mark.parametrize(
    "text",
    ["", "R$", "-", "R$ -", "1.23.456", "1,23,456", "12.34.567,00", "0.123.456", "7.", ",5", "1 234", "٣"],
)
def test_what_is_no_amount_has_no_reading(text: str) -> None:
    assert readings(text, SYMBOLS) == {}
    assert read_amount(text, POINT, SYMBOLS)[1] is ProblemKind.NO_AMOUNT


def test_a_mark_given_as_an_option_needs_no_proof() -> None:
    assert mark_of("value", MarkEvidence(), ",", plain=False) == Fact(",", "said")
