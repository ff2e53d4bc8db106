"""Validation: what must not be sent is refused by name, and what may be sent is sent exactly as given."""

import time
from collections.abc import Callable
from decimal import Decimal, localcontext
from urllib.parse import unquote

import attrs
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from one_test import one_test
from yarl import URL

from bonifiq_async import CashbackChange, ConfigurationError, PayloadError, change_key_for
from bonifiq_async._model.operation import Operation
from bonifiq_async._model.validation import (
    LONGEST_ID,
    label,
    number,
    quantity,
    seconds,
    shown,
    total,
    whole,
)
from bonifiq_async._policy.request import checked_base_url, is_loopback, prepare
from bonifiq_async.bonifiq.customers import request_digest
from bonifiq_async.bonifiq.operations import CHANGE_CASHBACK, PENDING_POINTS, POINTS

GOOD: dict[str, object] = {
    "customer_id": "ABC",
    "value": Decimal("10.50"),
    "reason": "promotion",
    "change_key": "KEY-1",
    "customer_reason": "thank you",
}
NO_TEXT = [
    pytest.param("", id="empty"),
    pytest.param(" ", id="blank"),
    pytest.param("\u3000\u00a0", id="blank in Unicode"),
    pytest.param("a\nb", id="line feed"),
    pytest.param("a\rb", id="carriage return"),
    pytest.param("a\tb", id="tab"),
    pytest.param("\x00", id="NUL"),
    pytest.param("a\x7f", id="DEL"),
    pytest.param("a\x9f", id="C1 control"),
    pytest.param("a\ud83d", id="half an emoji"),
    pytest.param(b"ABC", id="bytes"),
    pytest.param(123, id="number"),
    pytest.param(True, id="boolean"),
]
NO_AMOUNT = [
    pytest.param(Decimal(0), id="zero"),
    pytest.param(Decimal("-0.00"), id="minus zero"),
    pytest.param(0, id="zero, an int"),
    pytest.param(Decimal("NaN"), id="NaN"),
    pytest.param(Decimal("sNaN"), id="signalling NaN"),
    pytest.param(Decimal("Infinity"), id="infinity"),
    pytest.param(Decimal("-Infinity"), id="minus infinity"),
    pytest.param(10.0, id="float"),
    pytest.param(float("nan"), id="float NaN"),
    pytest.param(True, id="True"),
    pytest.param(False, id="False"),
    pytest.param("10", id="string"),
    pytest.param(None, id="None"),
    pytest.param(10 + 0j, id="complex"),
    pytest.param(Decimal("79228162514264337593543950335"), id="29 digits"),
    pytest.param(10**28, id="29 digits, an int"),
    pytest.param(Decimal("1E-29"), id="29 places"),
    pytest.param(Decimal("1E+999999"), id="a million digits"),
]


@one_test
@pytest.mark.parametrize("field", ["customer_id", "reason", "change_key"])
@pytest.mark.parametrize("given", [*NO_TEXT, pytest.param(None, id="None")])
def test_text_is_refused(field: str, given: object) -> None:
    with pytest.raises(PayloadError) as caught:
        CashbackChange(**GOOD | {field: given})  # type: ignore[arg-type]
    assert caught.value.path == field
    assert field in str(caught.value)


@pytest.mark.parametrize("given", [".", ".."])
def test_customer_id_that_no_path_can_carry_is_refused(given: str) -> None:
    with pytest.raises(PayloadError) as caught:
        CashbackChange(**GOOD | {"customer_id": given})  # type: ignore[arg-type]
    assert caught.value.path == "customer_id"


@one_test
@pytest.mark.parametrize("given", [".", "..", "...", " a ", "a\u200bb", "a\u2028b", "<b>x</b>"], ids=ascii)
@pytest.mark.parametrize("field", ["reason", "customer_reason"])
def test_text_is_kept_as_given(field: str, given: str) -> None:
    assert getattr(CashbackChange(**GOOD | {field: given}), field) == given  # type: ignore[arg-type]


@one_test
@pytest.mark.parametrize("given", NO_AMOUNT)
def test_value_is_refused(given: object) -> None:
    with pytest.raises(PayloadError) as caught:
        CashbackChange(**GOOD | {"value": given})  # type: ignore[arg-type]
    assert caught.value.path == "value"


@one_test
@pytest.mark.parametrize("make", [CashbackChange.add, CashbackChange.remove])
@pytest.mark.parametrize(
    "given",
    [*NO_AMOUNT, pytest.param(Decimal("-0.01"), id="below zero"), pytest.param(-1, id="below zero, an int")],
)
def test_amount_is_refused(make: Callable[..., CashbackChange], given: object) -> None:
    with pytest.raises(PayloadError) as caught:
        make("ABC", given, reason="promotion", change_key="KEY-1")
    assert caught.value.path == "amount"


@pytest.mark.parametrize(
    "given", ["0.01", "-0.01", "10", "10.50", "1E+27", "1E-28", "-9999999999999999999999999999"]
)
def test_value_is_kept_digit_for_digit(given: str) -> None:
    value = CashbackChange(**GOOD | {"value": Decimal(given)}).value  # type: ignore[arg-type]
    assert str(value) == given


def test_whole_number_becomes_a_decimal() -> None:
    value = CashbackChange(**GOOD | {"value": -7}).value  # type: ignore[arg-type]
    assert (type(value), value) == (Decimal, Decimal(-7))


def test_change_can_not_be_altered() -> None:
    change = CashbackChange(**GOOD)  # type: ignore[arg-type]
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        change.value = Decimal(99)  # type: ignore[misc]


def test_a_time_may_be_a_key() -> None:
    """As the page suggests for changes without de-duplication."""
    key = "2023-01-01 23:59:00:000"
    assert CashbackChange.add("ABC", Decimal(1), reason="r", change_key=key).change_key == key


@pytest.mark.parametrize("character", ["x", "ç", "😀"])
def test_customer_reason_has_a_longest_length(character: str) -> None:
    change = CashbackChange(**GOOD | {"customer_reason": character * 255})  # type: ignore[arg-type]
    assert change.customer_reason == character * 255
    with pytest.raises(PayloadError) as caught:
        CashbackChange(**GOOD | {"customer_reason": character * 256})  # type: ignore[arg-type]
    assert caught.value.path == "customer_reason"


@pytest.mark.parametrize(
    "given",
    [
        "<b>" + "x" * 255 + "</b>",
        "x" * 255 + "<br/>" * 90,
        '<a href="https://x.example">' + "x" * 255 + "</a>",
    ],
)
def test_the_tags_of_a_customer_reason_do_not_count(given: str) -> None:
    """The provider strips them; what is sent is what was given."""
    assert CashbackChange(**GOOD | {"customer_reason": given}).customer_reason == given  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "given", ["<b>" + "x" * 256, "< b>" + "x" * 253, "1 < 2 > 0" + "x" * 250, "<b" * 200]
)
def test_the_length_of_a_customer_reason_counts_without_tags(given: str) -> None:
    with pytest.raises(PayloadError, match="without its tags") as caught:
        CashbackChange(**GOOD | {"customer_reason": given})  # type: ignore[arg-type]
    assert caught.value.path == "customer_reason"


def test_many_tags_are_stripped_in_no_time() -> None:
    begun = time.perf_counter()
    with pytest.raises(PayloadError):
        CashbackChange(**GOOD | {"customer_reason": "<a" * 500_000})  # type: ignore[arg-type]
    assert time.perf_counter() - begun < 2


@pytest.mark.parametrize("given", [None, "", " ", "\t\n", "\u3000"], ids=ascii)
def test_every_form_of_no_customer_reason_is_the_same(given: str | None) -> None:
    """Null, empty and blank are the same to the provider: they are the same change and the same request."""
    bare = CashbackChange("ABC", Decimal(1), "promotion", "KEY-1")
    change = CashbackChange("ABC", Decimal(1), "promotion", "KEY-1", given)
    assert (change, change.customer_reason) == (bare, None)
    assert request_digest(change) == request_digest(bare)


DIGESTS = {
    None: "c7081c5d270567dd04f5705e95c19382",
    "Obrigado!": "276b5cb82b616b44210c43e79985ce66",
    "<b>Oi</b>": "8321215ff8b35c9c60dc192082a6ac56",
    " c ": "614a93edcdb760698b6d17fcc06ad831",
}


def test_the_digest_of_a_request_never_changes() -> None:
    """A ledger of an earlier version finds its changes by these."""
    digests = {
        reason: request_digest(
            CashbackChange("ana@b.example", Decimal("10.50"), "spring", "K-1", reason)
        ).hex()
        for reason in DIGESTS
    }
    assert digests == DIGESTS


# Adding and removing.


@pytest.mark.parametrize(
    ("make", "value", "key"),
    [
        (CashbackChange.add, Decimal("10.50"), "ADD-ABC-10.5-123"),
        (CashbackChange.remove, Decimal("-10.50"), "REMOVE-ABC-10.5-123"),
    ],
)
def test_reference_derives_the_key(make: Callable[..., CashbackChange], value: Decimal, key: str) -> None:
    change = make("ABC", Decimal("10.50"), reason="promotion", reference="123", customer_reason="thanks")
    assert change == CashbackChange("ABC", value, "promotion", key, "thanks")
    assert change.change_key == change_key_for("ABC", value, "123")


@pytest.mark.parametrize("make", [CashbackChange.add, CashbackChange.remove])
def test_key_is_kept_as_given(make: Callable[..., CashbackChange]) -> None:
    assert make("ABC", Decimal(1), reason="r", change_key="A%2D- b").change_key == "A%2D- b"


@pytest.mark.parametrize("make", [CashbackChange.add, CashbackChange.remove])
@pytest.mark.parametrize(
    "keys", [{}, {"change_key": "K", "reference": "1"}, {"change_key": None, "reference": None}]
)
def test_exactly_one_of_key_and_reference(make: Callable[..., CashbackChange], keys: dict[str, str]) -> None:
    with pytest.raises(PayloadError, match="exactly one of change_key and reference") as caught:
        make("ABC", Decimal(1), reason="r", **keys)
    assert caught.value.path == "change_key"


@one_test
@pytest.mark.parametrize("make", [CashbackChange.add, CashbackChange.remove])
@pytest.mark.parametrize("field", ["reference", "change_key"])
@pytest.mark.parametrize("given", NO_TEXT)
def test_blank_key_or_reference_does_not_count_as_missing(
    make: Callable[..., CashbackChange], field: str, given: object
) -> None:
    with pytest.raises(PayloadError) as caught:
        make("ABC", Decimal(1), reason="r", **{field: given})
    assert caught.value.path == field


@pytest.mark.parametrize("make", [CashbackChange.add, CashbackChange.remove])
@pytest.mark.parametrize(("field", "given"), [("customer_id", ".."), ("customer_id", " "), ("reason", "")])
def test_other_fields_are_checked_too(make: Callable[..., CashbackChange], field: str, given: str) -> None:
    fields = {"customer_id": "ABC", "reason": "r"} | {field: given}
    with pytest.raises(PayloadError) as caught:
        make(amount=Decimal(1), reference="1", **fields)
    assert caught.value.path == field


@pytest.mark.parametrize(("make", "sign"), [(CashbackChange.add, 1), (CashbackChange.remove, -1)])
def test_decimal_context_rounds_nothing(make: Callable[..., CashbackChange], sign: int) -> None:
    amount = Decimal("1234567890123456.78")
    with localcontext(prec=3):
        value = make("ABC", amount, reason="r", reference="1").value
    assert str(value) == ("-" if sign < 0 else "") + "1234567890123456.78"


@pytest.mark.parametrize("given", ["0", "0.00", "10.50"])
def test_total_may_be_zero(given: str) -> None:
    assert str(total(Decimal(given), "total")) == given


@pytest.mark.parametrize(
    "given", [Decimal("-0.01"), Decimal("NaN"), Decimal("sNaN"), 0.0, False, "0"], ids=repr
)
def test_total_is_refused(given: object) -> None:
    with pytest.raises(PayloadError) as caught:
        total(given, "total")
    assert caught.value.path == "total"


# The path.


def url_of(operation: Operation[object], customer_id: str) -> str:
    return prepare(operation, "https://provider.test/prefix", {"id": customer_id}).url


@one_test
@pytest.mark.parametrize(
    ("customer_id", "segment"),
    [
        ("ABC", "ABC"),
        ("a/b", "a%2Fb"),
        ("../../admin", "..%2F..%2Fadmin"),
        ("a?b=c", "a%3Fb%3Dc"),
        ("a#b", "a%23b"),
        ("50%", "50%25"),
        ("%2e%2e", "%252e%252e"),
        ("...", "..."),
        ("a b", "a%20b"),
        ("a+b", "a%2Bb"),
        ("a;b,c", "a%3Bb%2Cc"),
        ("a\\b", "a%5Cb"),
        ("{id}", "%7Bid%7D"),
        ("ana@example.com", "ana%40example.com"),
        ("123.456.789-09", "123.456.789-09"),
        ("José", "Jos%C3%A9"),
        ("😀", "%F0%9F%98%80"),
        ("例え", "%E4%BE%8B%E3%81%88"),
    ],
)
@pytest.mark.parametrize(
    ("operation", "end"),
    [(CHANGE_CASHBACK, "cashback"), (POINTS, "points"), (PENDING_POINTS, "pendingpoints")],
)
def test_customer_id_is_one_segment(
    operation: Operation[object], end: str, customer_id: str, segment: str
) -> None:
    url = url_of(operation, customer_id)
    assert url == f"https://provider.test/prefix/v1/pvt/Customer/{segment}/{end}"


@given(st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1).filter(str.strip))
def test_any_customer_id_survives_the_path(customer_id: str) -> None:
    assume(customer_id not in (".", ".."))
    assert CashbackChange(customer_id, Decimal(1), "r", "k").customer_id == customer_id
    sent = URL(url_of(POINTS, customer_id), encoded=True)
    assert (sent.raw_query_string, sent.raw_fragment) == ("", "")
    *before, segment, last = sent.raw_path.split("/")
    assert (before, last) == (["", "prefix", "v1", "pvt", "Customer"], "points")
    assert unquote(segment, errors="strict") == customer_id


# The base URL.


@one_test
@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://api.bonifiq.com.br", None),
        ("https://api.bonifiq.com.br/", "https://api.bonifiq.com.br"),
        ("https://host.test/prefix", None),
        ("https://host.test/prefix/v2/", "https://host.test/prefix/v2"),
        ("https://host.test:8443", None),
        ("HTTPS://HOST.test", None),
        ("https://10.0.0.1", None),
        ("https://[2001:db8::1]:8443/p", None),
        ("http://localhost", None),
        ("http://LOCALHOST:8080/p/", "http://LOCALHOST:8080/p"),
        ("http://127.0.0.1:8080", None),
        ("http://127.9.9.9", None),
        ("http://[::1]:8080", None),
        ("http://[::1]/", "http://[::1]"),
    ],
)
def test_base_url_is_kept(given: str, kept: str | None) -> None:
    assert checked_base_url(given) == (kept or given)


@one_test
@pytest.mark.parametrize(
    "given",
    [
        pytest.param("", id="empty"),
        pytest.param("api.bonifiq.com.br", id="no scheme"),
        pytest.param("//api.bonifiq.com.br", id="no scheme but slashes"),
        pytest.param("localhost:8080", id="host and port alone"),
        pytest.param("https://", id="no host"),
        pytest.param("https:///path", id="no host but a path"),
        pytest.param("https://:8443", id="port alone"),
        pytest.param("ftp://host.test", id="another scheme"),
        pytest.param("file:///etc/passwd", id="a file"),
        pytest.param("ws://localhost", id="a socket"),
        pytest.param("http://api.bonifiq.com.br", id="plain http"),
        pytest.param("http://10.0.0.1", id="plain http in a local network"),
        pytest.param("http://0.0.0.0:8080", id="plain http to every address"),
        pytest.param("http://localhost.evil.test", id="a name that begins with localhost"),
        pytest.param("http://127.0.0.1.evil.test", id="a name that begins with loopback"),
        pytest.param("http://[::2]", id="plain http to another IPv6 address"),
        pytest.param("https://token:S3cret@host.test", id="user and password"),
        pytest.param("https://S3cret@host.test", id="user"),
        pytest.param("https://:S3cret@host.test", id="password"),
        pytest.param("https://@host.test", id="empty user"),
        pytest.param("http://localhost@evil.test", id="loopback as the user"),
        pytest.param("https://host.test?key=S3cret", id="query"),
        pytest.param("https://host.test?", id="empty query"),
        pytest.param("https://host.test/#S3cret", id="fragment"),
        pytest.param("https://host.test#", id="empty fragment"),
        pytest.param("https://host.test:port", id="port that is no number"),
        pytest.param("https://host.test:99999", id="port too high"),
        pytest.param("https://[::1", id="half an address"),
        pytest.param("https://host.test/a b", id="blank inside"),
        pytest.param(" https://host.test", id="blank before"),
        pytest.param("https://host.test\n", id="line feed after"),
        pytest.param("https://ho\tst.test", id="tab in the host"),
        pytest.param("https://host.test\\@evil.test", id="backslash before a user"),
        pytest.param("https://host.test\\path", id="backslash for a slash"),
    ],
)
def test_base_url_is_refused(given: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        checked_base_url(given)
    assert "S3cret" not in str(caught.value)


@one_test
@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("localhost", True),
        ("LocalHost", True),
        ("127.0.0.1", True),
        ("127.255.255.254", True),
        ("::1", True),
        ("128.0.0.1", False),
        ("0.0.0.0", False),
        ("::", False),
        ("localhost.test", False),
        ("127.1", False),
        ("", False),
    ],
)
def test_loopback(host: str, here: bool) -> None:
    assert is_loopback(host) is here


@pytest.mark.parametrize("given", [True, "1", 1.0, None, 0, -1])
def test_an_id_is_a_whole_number_above_zero(given: object) -> None:
    with pytest.raises(PayloadError) as caught:
        number(given, "card_id")
    assert caught.value.path == "card_id"
    assert number(1, "card_id") == 1


@pytest.mark.parametrize("given", [True, "1", 1.0, None, -1])
def test_an_offset_is_a_whole_number_of_zero_or_more(given: object) -> None:
    with pytest.raises(PayloadError) as caught:
        whole(given, "offset")
    assert caught.value.path == "offset"
    assert [whole(number, "offset") for number in (0, 7)] == [0, 7]


NAN, ENDLESS = float("nan"), float("inf")
HUGE = 10**5000
"""A whole number that no float holds, and that Python does not convert to text."""


@pytest.mark.parametrize("given", [LONGEST_ID + 1, HUGE], ids=["2**63", "huge"])
def test_an_id_fits_into_64_bits(given: int) -> None:
    with pytest.raises(PayloadError, match="the largest number of 64 bits") as caught:
        number(given, "card_id")
    assert caught.value.path == "card_id"
    assert number(LONGEST_ID, "card_id") == LONGEST_ID


@pytest.mark.parametrize("given", [0, -1, 1, 1.5, ENDLESS, -ENDLESS])
def test_seconds_are_any_number(given: float) -> None:
    """A deadline that has passed is valid; so is no deadline."""
    assert seconds(given, "deadline") == given


@pytest.mark.parametrize("given", [NAN, "1", None, True, Decimal(1), HUGE], ids=shown)
def test_seconds_are_refused(given: object) -> None:
    with pytest.raises(ConfigurationError, match="deadline must be a number of seconds, not"):
        seconds(given, "deadline")


@pytest.mark.parametrize("given", [0, -1, -0.5, NAN, -ENDLESS])
def test_a_length_is_above_zero(given: float) -> None:
    with pytest.raises(ConfigurationError, match="patience must be a number of seconds above zero, not"):
        seconds(given, "patience", above_zero=True)
    assert [seconds(each, "patience", above_zero=True) for each in (0.5, ENDLESS)] == [0.5, ENDLESS]


@pytest.mark.parametrize("given", [0, -1, 1.0, True, "1", None, NAN, -HUGE], ids=shown)
def test_a_quantity_is_a_whole_number_above_zero(given: object) -> None:
    with pytest.raises(ConfigurationError, match="capacity must be a whole number above zero, not"):
        quantity(given, "capacity")
    assert quantity(1, "capacity") == 1


@pytest.mark.parametrize(
    ("given", "short"),
    [
        ("x" * 58, repr("x" * 58)),
        ("x" * 59, "'" + "x" * 59 + "..."),
        (HUGE, "a number of thousands of digits"),
        (None, "None"),
    ],
    ids=["60 characters", "61 characters", "huge", "None"],
)
def test_a_wrong_value_is_shown_in_short(given: object, short: str) -> None:
    assert shown(given) == short


def test_a_visible_sign_is_accepted_in_a_key() -> None:
    """A sign of private use is not printable, but a person can see it."""
    assert label("a\ue000b", "change_key") == "a\ue000b"


def test_a_text_of_another_class_is_accepted_in_a_key() -> None:
    """Such as a member of a StrEnum: it is a text."""

    class Key(str):
        __slots__ = ()

    assert label(Key("k-1"), "change_key") == "k-1"
