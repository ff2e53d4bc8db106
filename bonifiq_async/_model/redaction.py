"""Secrets taken out of what a provider says, in whatever form it gives them back."""

import base64
import html
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

from bonifiq_async._model.secret import MASK, Secret

SHORTEST = 3
"""Bytes of the shortest secret that is redacted: a shorter one hides nothing, and would redact every word."""
SHORTEST_IN_BASE64 = 6
"""The same where it is looked for within something that is in Base64 as a whole."""
SHORTEST_CUT = 4
"""Bytes of the beginning of a secret that are redacted where a text was cut within it."""
LONGEST_TEXT = 65_536
"""Characters of a text that are kept when something in it may be a secret."""
DEPTH = 3
"""How many times over a secret may be escaped, as a URL in a text in JSON is."""
_PASSES = 2 * DEPTH
"""How often a text is unescaped: a secret may look escaped from the beginning, as `a%41` does."""

_ESCAPE = re.compile(
    rb"%[0-9A-Fa-f]{2}"  # RFC 3986, section 2.1
    rb"|[\\%]u[dD][89abAB][0-9A-Fa-f]{2}[\\%]u[dD][c-fC-F][0-9A-Fa-f]{2}|[\\%]u(?![dD][89abAB])[0-9A-Fa-f]{4}"
    rb"|\\[/\"\\]|\\x[0-9A-Fa-f]{2}"  # RFC 8259, section 7, and what scripts have beside: \x41, %u0041
    rb"|&(?:#[0-9]{1,8}+|#[xX][0-9A-Fa-f]{1,8}+|[A-Za-z][A-Za-z0-9]{1,31}+)(?:;|(?!\Z))"  # HTML, 13.1.4
    rb"|\x00"  # half of a letter in UTF-16
)
_TORN = re.compile(
    rb"(?:[\\%]u[dD][89abAB][0-9A-Fa-f]{2})?(?:[\\%](?:u?[0-9A-Fa-f]{0,3}|x)|&[#0-9A-Za-z]*)?\Z"
)
"""The beginning of an escape, where a cut has left no more of it: of at most `_LONGEST_ESCAPE` bytes."""
_LONGEST_ESCAPE = 20
"""Bytes that one byte of a secret may take, three times over; most take fewer."""
_FOLDED = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ- _", b"abcdefghijklmnopqrstuvwxyz++/")
"""A proxy may write a header in small letters, a form a blank as a plus, and Base64 has two alphabets."""


class Redactor:
    """Redacts some secrets in texts and bodies.

    Found is a secret as it is; escaped as URLs, forms, JSON, scripts and HTML do it, wholly or in part, up to
    three times over; in Base64 of either alphabet, by itself or within something longer; in UTF-16; all of
    these in small or capital letters; and its beginning where a text ends within it. What is broken over
    lines, compressed, encrypted, hashed or in another encoding is not; nor is a secret of which a backslash
    stands as it is right before an escape, where both together read as another escape.
    """

    def __init__(self, secrets: Iterable[Secret]) -> None:
        self._secrets = tuple(secrets)

    def and_of(self, secrets: Iterable[Secret]) -> "Redactor":
        """Return one that redacts `secrets`, too."""
        return Redactor((*self._secrets, *secrets))

    def text(self, text: str) -> str:
        """Return `text`, or the first `LONGEST_TEXT` characters of it, without the secrets."""
        body = _bytes(text)
        if len(text) <= LONGEST_TEXT and self._hint.search(body.translate(_FOLDED)) is None:
            return text  # as nearly every one is
        return self.body(body, len(_bytes(text[:LONGEST_TEXT]))).decode("utf-8", "surrogatepass")

    def body(self, body: bytes, most: int | None = None) -> bytes:
        """Return `body`, or the first `most` bytes of it, without the secrets."""
        end = len(body) if most is None else min(most, len(body))
        parts, at = [], 0
        for first, last in _merged(self._places(body[: end + self._reach])):
            if first < end:
                parts += [body[at:first], MASK.encode()]
                at = last
        return b"".join([*parts, body[at:end]])

    def __repr__(self) -> str:
        return f"Redactor({MASK!r})"

    @cached_property
    def _forms(self) -> Sequence[bytes]:
        """What is looked for, made when something has failed for the first time."""
        given = [secret.reveal().encode() for secret in self._secrets if secret.is_here]
        return sorted({form for secret in given for form in _forms(secret)}, key=len, reverse=True)

    @cached_property
    def _hint(self) -> re.Pattern[bytes]:
        """What a text has in it that may have a secret in it: how one begins, or an escape."""
        begun = {re.escape(form[:SHORTEST_CUT]) for form in self._forms}
        return re.compile(b"|".join([*begun, rb"[%\\&\x00]"]))

    @cached_property
    def _reach(self) -> int:
        """How many bytes the longest form may take."""
        return _LONGEST_ESCAPE * max(map(len, self._forms), default=0)

    def _places(self, body: bytes) -> Iterator[tuple[int, int]]:
        """Yield where secrets begin and end."""
        starts: Sequence[int] = range(len(body) + 1)
        for done in range(_PASSES + 1):
            folded = body.translate(_FOLDED)
            torn = _TORN.search(body, max(0, len(body) - _LONGEST_ESCAPE))
            ends = {folded, folded if torn is None else folded[: torn.start()]}
            for form in self._forms:
                at = folded.find(form)
                while at >= 0:
                    yield starts[at], starts[at + len(form)]
                    at = folded.find(form, at + 1)
                yield from [(starts[at], starts[-1]) for end in ends if (at := _cut(end, form)) >= 0]
            if done == _PASSES or _ESCAPE.search(body) is None:
                return
            body, starts = _unescaped(body, starts)


def _forms(secret: bytes) -> Iterator[bytes]:
    """Yield what stands for a secret in a text that is unescaped, and folded."""
    plain = secret
    for _ in range(DEPTH + 1):  # one that looks escaped is unescaped with the text around it
        if len(plain) >= SHORTEST:
            yield plain.translate(_FOLDED)
        plain, _ = _unescaped(plain, range(len(plain) + 1))
    if len(secret) >= SHORTEST_IN_BASE64:
        for offset, first in enumerate((0, 2, 3)):  # what stands before and after shares letters with it
            encoded = base64.b64encode(bytes(offset) + secret)
            yield encoded[first : (offset + len(secret)) * 8 // 6].translate(_FOLDED)


def _cut(text: bytes, form: bytes) -> int:
    """Return where a secret begins that a text ends within, -1 where none does."""
    at = text.find(form[:SHORTEST_CUT], max(0, len(text) - len(form) + 1))
    while at >= 0 and not form.startswith(text[at:]):
        at = text.find(form[:SHORTEST_CUT], at + 1)
    return at


def _unescaped(body: bytes, starts: Sequence[int]) -> tuple[bytes, Sequence[int]]:
    """Return `body` unescaped once, and of each of its bytes, and of its end, where it started before."""
    parts, places, at = [], list[int](), 0
    for escape in _ESCAPE.finditer(body):
        meant = _meant(escape[0])
        parts += [body[at : escape.start()], meant]
        places += starts[at : escape.start()]
        places += [starts[escape.start()]] * len(meant)
        at = escape.end()
    return b"".join([*parts, body[at:]]), [*places, *starts[at:]]


def _meant(escape: bytes) -> bytes:
    """Return what an escape stands for, in UTF-8."""
    if escape == b"\0":
        return b""
    if escape[:1] == b"&":
        return _bytes(html.unescape(escape.decode()))
    if escape[1:2] == b"u":
        units = bytes.fromhex(escape.translate(None, b"\\\\%u").decode())
        return _bytes(units.decode("utf-16-be", "surrogatepass"))
    if escape[1:2] == b"x" or escape[:1] == b"%":
        return bytes.fromhex(escape.translate(None, b"\\\\%x").decode())
    return escape[1:]


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _merged(places: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield the spans in order, those that touch as one."""
    first = last = -1
    for begin, end in sorted(places):
        if begin > last:
            if last >= 0:
                yield first, last
            first, last = begin, end
        last = max(last, end)
    if last >= 0:
        yield first, last
