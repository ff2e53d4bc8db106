"""Secrets are removed from the texts of a provider, in every form that they can have on the wire."""

import base64
import re
from itertools import product

import pytest
from escapes import ESCAPES, PLAIN, Write
from hypothesis import given, settings
from hypothesis import strategies as st
from one_test import one_test

from bonifiq_async._model.redaction import SHORTEST_CUT, Redactor
from bonifiq_async._model.secret import MASK, Secret

SECRETS = {
    "plain": "canary-key-7319",
    "what URLs escape": "c@nary?key/73 19+%&=",
    "what JSON escapes": 'c"anary\\key/7319',
    "what HTML escapes": "<canary>&'key\"7319",
    "accents": "canário-chave-çã-7319",
    "beyond the first plane": "canary-🐤-7319",
    "looks escaped": "can%41ry&amp;key\\u0041%2541",
    "a header": base64.b64encode(b"canary???token:canary-key~~~?").decode(),
}
every_secret = pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS.keys())


def redacted(secret: str, text: str) -> str:
    """Return `text` without the secret, and check that a body gives the same."""
    redactor = Redactor([Secret("another-one"), Secret(secret)])
    said = redactor.text(text)
    assert redactor.body(text.encode("utf-8", "surrogatepass")) == said.encode("utf-8", "surrogatepass")
    return said


@one_test
@every_secret
@pytest.mark.parametrize("escape", [*PLAIN.values(), *ESCAPES.values()], ids=[*PLAIN, *ESCAPES])
def test_it_is_found_in_each_form(secret: str, escape: Write) -> None:
    """And the text around it is kept."""
    told = redacted(secret, f"[{escape(secret)}]")
    # In Base64, characters at the ends are shared with the text around.
    assert told == f"[{MASK}]" or re.fullmatch(r"\[[\w+/]{0,20}\*\*\*[\w=]{0,7}\]", told)


_TWICE = ["percent", "percent, all, small", "JSON", "JSON, all", "HTML", "HTML, hexadecimal"]


@every_secret
def test_it_is_found_three_times_over(secret: str) -> None:
    """A URL in a text in JSON in a page, for example; and Base64 of a header."""
    encoded = base64.b64encode(f"ab{secret}".encode()).decode()
    for outer, middle, inner in product(_TWICE, _TWICE, ("percent", "JSON", "HTML")):
        written = ESCAPES[outer](ESCAPES[middle](ESCAPES[inner](secret)))
        assert redacted(secret, f"[{written}]") == f"[{MASK}]", (outer, middle, inner)
        assert redacted(secret, ESCAPES[outer](ESCAPES[middle](encoded))).count(MASK) == 1, (outer, middle)


@one_test
@every_secret
@pytest.mark.parametrize("charset", ["utf-16-le", "utf-16-be", "utf-32-le"])
def test_it_is_found_in_wide_letters(secret: str, charset: str) -> None:
    """As a page of a proxy may have them."""
    if not secret.isascii():  # in that encoding it is another sequence of bytes
        secret = "canary-key-7319"
    found = Redactor([Secret(secret)]).body(f"<p>{secret}</p>".encode(charset))
    assert secret.encode(charset) not in found and MASK.encode() in found


def test_several_are_found_and_the_longer_one_first() -> None:
    """One may be a part of another; a short one is no secret."""
    redactor = Redactor([Secret("abc"), Secret("abcdef"), Secret("xy")])
    assert redactor.text("abcdef abc ABCabc xy ab") == "*** *** *** xy ab"
    assert redactor.and_of([Secret("1234")]).text("1234 abc") == "*** ***"
    assert "abc" not in repr(redactor)


@every_secret
@pytest.mark.parametrize("escape", ["as it is", *_TWICE])
def test_its_beginning_is_found_where_a_text_ends_in_it(secret: str, escape: str) -> None:
    """The text may have been cut anywhere."""
    written = {**PLAIN, **ESCAPES}[escape](secret)
    for length in range(len(written)):
        told = redacted(secret, f"[{written[:length]}")
        left = told.removeprefix("[").removesuffix(MASK)
        assert len(left) <= len({**PLAIN, **ESCAPES}[escape](secret[:SHORTEST_CUT])) + 12, (length, told)


def test_only_the_beginning_of_a_body_is_kept_and_searched() -> None:
    """A large one must not block the loop; a secret at the cut is not left in part."""
    secret, redactor = "canary-key-7319", Redactor([Secret("canary-key-7319")])
    for before in range(85, 105):
        kept = redactor.body(b"." * before + secret.encode() + b"," * 1_000_000, 100)
        assert b"can" not in kept and len(kept) <= 103
        assert kept.startswith(b"." * min(before, 100))
    assert redactor.body(b"", 100) == b""
    assert len(redactor.text("x" * 100_000)) == 65_536


@settings(deadline=None)
@given(st.binary(max_size=200), st.integers(0, 250))
def test_any_bytes_are_searched(body: bytes, most: int) -> None:
    """And returned unchanged where they have no secret."""
    assert Redactor([Secret("canary-key-7319")]).body(body, most) in (body[:most], body[:most])


@settings(deadline=None)
@given(
    st.text(
        st.characters(
            min_codepoint=33, max_codepoint=0x2FFF, exclude_categories=("Cs", "Cc"), exclude_characters="\\"
        ),
        min_size=6,
    ),
    st.data(),
)
def test_any_secret_is_found_in_any_mixture_of_escapes(secret: str, data: st.DataObject) -> None:
    """Each character escaped in its own way; a bare backslash before an escape reads as another escape."""
    ways = st.sampled_from([str, *(ESCAPES[name] for name in _TWICE)])
    written = "".join(data.draw(ways)(char) for char in secret)
    assert MASK in redacted(secret, f"[{written}]")
