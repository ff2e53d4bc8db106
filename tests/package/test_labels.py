"""Keys and references that look like others but differ: refused by name, wherever they are given."""

import unicodedata
from collections.abc import Callable, Mapping
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from one_test import one_test

from bonifiq_async import (
    CashbackChange,
    Earn,
    Member,
    MemberToken,
    PayloadError,
    Redeem,
    Refund,
    change_key_for,
)

TEN = Decimal(10)
MEMBER = Member.by_id(1)

MAKERS: Mapping[str, tuple[str, Callable[[str], object]]] = {
    "a key": ("change_key", lambda text: CashbackChange("ana", TEN, "r", text)),
    "a key to add": ("change_key", lambda text: CashbackChange.add("ana", TEN, reason="r", change_key=text)),
    "a reference to add": (
        "reference",
        lambda text: CashbackChange.add("a", TEN, reason="r", reference=text),
    ),
    "a reference to remove": (
        "reference",
        lambda text: CashbackChange.remove("ana", TEN, reason="r", reference=text),
    ),
    "a derived key's reference": ("reference", lambda text: change_key_for("ana", TEN, text)),
    "a derived key's customer": ("customer_id", lambda text: change_key_for(text, TEN, "1")),
    "an earning's reference": (
        "reference",
        lambda text: Earn(card_id=1, member=MEMBER, purchase_amount=TEN, reference=text),
    ),
    "an earning's key": ("key", lambda text: Earn(card_id=1, member=MEMBER, purchase_amount=TEN, key=text)),
    "a refund's reference": (
        "reference",
        lambda text: Refund(card_id=1, member=MEMBER, refund_amount=TEN, reference=text),
    ),
    "a redemption's key": (
        "key",
        lambda text: Redeem(card_id=1, amount=TEN, member_token=MemberToken("t"), key=text),
    ),
    "a member's e-mail": ("email", lambda text: Member(email=text)),
    "a member's e-mail, by name": ("email", Member.by_email),
    "a member's phone": ("phone", lambda text: Member(phone=text)),
    "a member's phone, by name": ("phone", Member.by_phone),
}
"""The texts that must not be confused: the name of the field, and the function that accepts it.

An address is one of them, since an unknown address makes a new member, which gets what is earned.
"""

REFUSED = {
    "blank before": " K-1",
    "blank after": "K-1 ",
    "no-break space after": "K-1\u00a0",
    "ideographic space before": "\u3000K-1",
    "line separator after": "K-1\u2028",
    "zero width space": "K\u200b-1",
    "zero width joiner": "K\u200d-1",
    "byte order mark before": "\ufeffK-1",
    "word joiner after": "K-1\u2060",
    "soft hyphen": "K\u00ad1",
    "right to left mark": "K-1\u200f",
    "right to left override": "K\u202e-1",
    "isolate": "\u2066K-1\u2069",
    "interlinear annotation": "K\ufff9-1",
    "a tag character": "K-1\U000e0031",
    "tab inside": "K\t1",
    "line feed after": "K-1\n",
}

KEPT = ["K-1", "#1001", "pedido nº 7", "a b", "a\u00a0b", "e\u0301", "🎁-1", "a\u2028b", "-", "1E5", "#N/A"]
"""What a program may have as a key; the validation of files refuses more."""


@one_test
@pytest.mark.parametrize(("field", "make"), MAKERS.values(), ids=MAKERS)
@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_a_text_that_looks_like_another_is_refused(
    field: str, make: Callable[[str], object], text: str
) -> None:
    with pytest.raises(PayloadError) as caught:
        make(text)
    assert caught.value.path == field
    assert str(caught.value).startswith(field)


@one_test
@pytest.mark.parametrize(("field", "make"), MAKERS.values(), ids=MAKERS)
@pytest.mark.parametrize("text", KEPT, ids=ascii)
def test_a_visible_text_is_accepted(field: str, make: Callable[[str], object], text: str) -> None:
    make(text)


def test_what_is_refused_is_shown() -> None:
    """An invisible character is named by its code point, so that a user can search for it."""
    with pytest.raises(PayloadError, match=r"change_key has an invisible character, U\+200B"):
        CashbackChange("ana", TEN, "r", "K\u200b")
    with pytest.raises(PayloadError, match="change_key begins or ends with a blank"):
        CashbackChange("ana", TEN, "r", "K ")


@given(st.characters(categories=["Cf"]))
def test_every_format_character_is_refused(char: str) -> None:
    assert unicodedata.category(char) == "Cf"
    with pytest.raises(PayloadError):
        CashbackChange("ana", TEN, "r", f"K{char}1")


@pytest.mark.parametrize("customer_id", [" ana ", "ana\u200b", "👨\u200d👩\u200d👧"], ids=ascii)
def test_a_customer_id_is_sent_as_given_where_it_is_in_no_key(customer_id: str) -> None:
    """The provider refuses an unknown one: no balance changes."""
    assert CashbackChange(customer_id, TEN, "r", "K-1").customer_id == customer_id
