"""The key of a change: fixed for ever, different for different changes, refused for an invalid change."""

from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st
from one_test import one_test

from bonifiq_async import CashbackChange, PayloadError, change_key_for
from bonifiq_async._policy.change_key import canonical, purpose_in, reference_in
from bonifiq_async.bonifiq.customers import request_digest

VECTORS = [
    ("ABC", "10", "123", "ADD-ABC-10-123"),
    ("ABC", "-10", "123", "REMOVE-ABC-10-123"),
    ("ABC", "10.0", "123", "ADD-ABC-10-123"),
    ("ABC", "10.00", "123", "ADD-ABC-10-123"),
    ("ABC", "1E1", "123", "ADD-ABC-10-123"),
    ("ABC", "-1E1", "123", "REMOVE-ABC-10-123"),
    ("ABC", "100", "123", "ADD-ABC-100-123"),
    ("ABC", "1E+3", "123", "ADD-ABC-1000-123"),
    ("ABC", "10.50", "123", "ADD-ABC-10.5-123"),
    ("ABC", "0.01", "123", "ADD-ABC-0.01-123"),
    ("ABC", "-0.10", "123", "REMOVE-ABC-0.1-123"),
    ("ABC", "1E-7", "123", "ADD-ABC-0.0000001-123"),
    ("ABC", "1234567890123456.78", "123", "ADD-ABC-1234567890123456.78-123"),
    ("A-B", "10", "C-D", "ADD-A%2DB-10-C%2DD"),
    ("A%B", "10", "50%", "ADD-A%25B-10-50%25"),
    ("A%2DB", "10", "1", "ADD-A%252DB-10-1"),
    ("-", "10", "--", "ADD-%2D-10-%2D%2D"),
    ("123.456.789-09", "10", "1", "ADD-123.456.789%2D09-10-1"),
    ("José", "10", "pedido nº 7", "ADD-José-10-pedido nº 7"),
    ("😀", "10", "🎁-1", "ADD-😀-10-🎁%2D1"),
    ("ana@example.com.br", "25.9", "2024/07", "ADD-ana@example.com.br-25.9-2024/07"),
    ("ana+vip@example.com", "-25.9", "order#9?x=1", "REMOVE-ana+vip@example.com-25.9-order#9?x=1"),
    ("A  B", "10", "1\u00a0a", "ADD-A  B-10-1\u00a0a"),
]


@one_test
@pytest.mark.parametrize(("customer", "value", "reference", "key"), VECTORS)
def test_key_is_pinned(customer: str, value: str, reference: str, key: str) -> None:
    assert change_key_for(customer, Decimal(value), reference) == key


@one_test
@pytest.mark.parametrize(("customer", "value", "reference", "key"), VECTORS)
def test_key_does_not_depend_on_the_decimal_context(
    customer: str, value: str, reference: str, key: str
) -> None:
    number = Decimal(value)
    with localcontext(prec=1, capitals=0, Emax=3, Emin=-3):
        assert change_key_for(customer, number, reference) == key


def test_whole_number_is_an_amount() -> None:
    assert change_key_for("ABC", 10, "123") == "ADD-ABC-10-123"  # type: ignore[arg-type]


# Characters that could be mistaken for a separator, an escape, an amount or an operation.
_tricky = st.text(alphabet="-%25Dd10.ADREMOVE", min_size=1, max_size=8)
_ordinary = st.text(st.characters(exclude_categories=("Cc", "Cs", "Cf")), min_size=1, max_size=12)
_part = st.one_of(_tricky, _ordinary).map(str.strip).filter(bool)
_value = st.builds(
    lambda sign, digits, places: Decimal((sign, digits, -places)),
    st.sampled_from([0, 1]),
    st.lists(st.integers(0, 9), min_size=1, max_size=10).filter(any).map(tuple),
    st.integers(-3, 10),
)
_triple = st.tuples(_part, _value, _part)


@given(_triple, _triple)
def test_different_triples_have_different_keys(
    one: tuple[str, Decimal, str], other: tuple[str, Decimal, str]
) -> None:
    assert (change_key_for(*one) == change_key_for(*other)) == (one == other)


@given(_triple)
def test_the_triple_can_be_read_from_the_key(triple: tuple[str, Decimal, str]) -> None:
    """A key that can be read belongs to one triple alone."""
    customer, value, reference = triple
    operation, *parts = change_key_for(*triple).split("-")
    read = [part.replace("%2D", "-").replace("%25", "%") for part in parts]
    assert operation == ("ADD" if value > 0 else "REMOVE")
    assert read == [customer, parts[1], reference]
    assert Decimal(parts[1]) == abs(value)


@given(_part, _value, _part, st.integers(0, 5))
def test_spelling_of_an_amount_does_not_matter(
    customer: str, value: Decimal, reference: str, zeros: int
) -> None:
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    longer = Decimal((sign, digits + (0,) * zeros, exponent - zeros))
    assert change_key_for(customer, longer, reference) == change_key_for(customer, value, reference)


@one_test
@pytest.mark.parametrize("field", ["customer_id", "reference"])
@pytest.mark.parametrize(
    "part",
    [
        "",
        " ",
        "\t",
        "\u00a0",
        " ABC ",
        "a\u200b",
        "a\nb",
        "a\x00",
        "\x7fa",
        "a\x85b",
        "\ud800",
        "a\udfff",
        None,
        123,
        b"ABC",
    ],
    ids=ascii,
)
def test_part_is_refused(field: str, part: object) -> None:
    parts = {"customer_id": "ABC", "reference": "123"} | {field: part}
    with pytest.raises(PayloadError) as caught:
        change_key_for(value=Decimal(10), **parts)  # type: ignore[arg-type]
    assert caught.value.path == field


@one_test
@pytest.mark.parametrize(
    "value",
    [
        Decimal("NaN"),
        Decimal("sNaN"),
        Decimal("Infinity"),
        Decimal("-Infinity"),
        Decimal(0),
        Decimal("-0.00"),
        Decimal("0E+5"),
        0,
        10.0,
        float("nan"),
        True,
        "10",
        None,
        Decimal("12345678901234567890123456789"),
        Decimal("1E+28"),
        Decimal("1E-29"),
        Decimal("1E+999999"),
    ],
    ids=repr,
)
def test_value_is_refused(value: object) -> None:
    with pytest.raises(PayloadError) as caught:
        change_key_for("ABC", value, "123")  # type: ignore[arg-type]
    assert caught.value.path == "value"


@pytest.mark.parametrize(
    "spellings",
    [
        ("0.00000001", "0.000000010", "1E-8", "1.0E-8", "10E-9"),
        ("10", "10.0", "1E1", "1.0E+1", "010"),
        ("-12.5", "-12.50", "-125E-1", "-1.250E+1"),
    ],
)
def test_one_amount_has_one_digest_however_it_is_spelt(spellings):
    """Another digest under the same key would look like a conflict."""
    changes = [CashbackChange("ana", Decimal(spelling), "r", "k") for spelling in spellings]
    assert len({request_digest(each) for each in changes}) == 1
    assert len({str(canonical(each.value)) for each in changes}) == 1
    assert {canonical(each.value) for each in changes} == {changes[0].value}
    other = CashbackChange("ana", Decimal(spellings[0]) * 10, "r", "k")
    assert request_digest(other) != request_digest(changes[0])


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector[3])
def test_the_reference_comes_back_from_the_key(vector):
    """The reference of its triple; none for another customer or amount, or a key of another form."""
    customer, value, reference, key = vector
    amount = Decimal(value)
    assert reference_in(key, customer, amount) == reference
    assert reference_in(key, customer + "x", amount) is None
    assert reference_in(key, customer, amount * 10) is None
    assert reference_in(key + "-1", customer, amount) is None
    assert reference_in(key, customer, Decimal(0)) is None


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector[3])
def test_one_purpose_has_one_name_whatever_the_amount(vector):
    """By it a second amount for one reference is found; a sale and its return are two purposes."""
    customer, value, reference, key = vector
    amount = Decimal(value)
    purpose = purpose_in(key, customer, amount)
    assert purpose is not None
    assert purpose_in(change_key_for(customer, amount * 10, reference), customer, amount * 10) == purpose
    assert purpose_in(change_key_for(customer, -amount, reference), customer, -amount) != purpose
    assert purpose_in(key, customer + "x", amount) is None
    assert purpose_in(key, customer, amount * 10) is None
    assert purpose_in(key + "-1", customer, amount) is None
