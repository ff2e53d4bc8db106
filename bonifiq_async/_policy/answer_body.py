"""An answer's body as JSON or text, and the words of an error that has no documented shape."""

import codecs
import re
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus

from bonifiq_async._model.errors import PayloadError
from bonifiq_async._model.evidence import ErrorAnswer, Evidence, Refusal
from bonifiq_async._model.json_codec import decode
from bonifiq_async._model.values import fixed
from bonifiq_async._policy.verdict import PROXY_REFUSED

JsonObject = Mapping[str, object]

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins as that of UTF-16 does
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""What may stand before a JSON text, and may be ignored (RFC 8259, section 8.1)."""
_CHARSETS = frozenset(
    {"utf-8", "ascii", "iso8859-1", "iso8859-15", "cp1252", "utf-16", "utf-16-le", "utf-16-be", "utf-32"}
)
"""Declared charsets that are honoured, by Python's names; others (UTF-7, say) are not asked."""
_CHARSET = re.compile(r';\s*charset\s*=\s*"?([\w.:-]+)', re.IGNORECASE)

_MESSAGES = frozenset(
    {
        "detail",
        "details",
        "message",
        "messages",
        "msg",
        "error",
        "errors",
        "errordescription",
        "errordescriptions",
        "errormessage",
        "errormessages",
        "exceptionmessage",
        "modelstate",
        "reason",
        "description",
        "title",
        "mensagem",
        "erro",
        "erros",
        "detalhe",
    }
)
"""Members whose texts are messages, without case and underscores.

`detail` and `title` are those of problem details (RFC 9457, section 3.1), `error_description` is that of
OAuth (RFC 6749, section 5.2); `errors` and `ErrorMessages` come of validation.
"""
_CODES = frozenset({"code", "errorcode"})
_WITHIN = 4
"""Levels that are searched for words: `errors` may be an object of arrays of objects."""
LONGEST = 500
"""Characters of words that are kept."""

_REASONS = frozenset(status.phrase.casefold() for status in HTTPStatus)
"""What statuses are called; as a `title` it says nothing more than the status (RFC 9457, section 4.2.1)."""

NOWHERE = (404, 405)
"""Statuses of an address that a server does not have, or not for a POST (RFC 9110, 15.5.5 and 15.5.6)."""
_NO_ADDRESS = re.compile(r"(40[45][\s:.-]*)?(not found|(method )?not allowed)\.?", re.IGNORECASE)
"""What a server says by itself of such an address."""
_TITLE = re.compile(r"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)


def json_of(evidence: Evidence, *, decisive: tuple[bytes, ...] = ()) -> object:
    """Return the JSON value of an answer, whose mark of byte order is ignored and whose charset is honoured.

    Raises `PayloadError` as `decode` does.
    """
    try:
        return decode(evidence.body, decisive=decisive)
    except PayloadError as error:
        return _in_its_charset(evidence, decisive, error)


def _in_its_charset(evidence: Evidence, decisive: tuple[bytes, ...], error: PayloadError) -> object:
    """Return the JSON value of a body that is none in UTF-8 without a mark, which raised `error`."""
    text = text_of(evidence)
    if text is None or (body := text.encode()) == evidence.body:
        raise error
    return decode(body, decisive=decisive)


def members_of(evidence: Evidence, *, decisive: tuple[bytes, ...] = ()) -> dict[str, object]:
    """Return the members of an answer that is a JSON object. Raises `PayloadError` for any other."""
    try:
        answer = decode(evidence.body, decisive=decisive)  # as nearly every answer is encoded
    except PayloadError as error:
        answer = _in_its_charset(evidence, decisive, error)
    if isinstance(answer, dict):
        return answer
    raise PayloadError("the answer is no JSON object", path="$")


def text_of(evidence: Evidence) -> str | None:
    """Return a body as text, by its mark of byte order, its declared charset or UTF-8; None if it is none."""
    body, charset = evidence.body, _declared(evidence) or "utf-8"
    for mark, name in _BOMS:
        if body.startswith(mark):
            body, charset = body[len(mark) :], name
            break
    try:
        return body.decode(charset)
    except UnicodeDecodeError:
        return None


def is_nowhere(evidence: Evidence, said: ErrorAnswer | None) -> bool:
    """Say whether a server does not have the address, and says nothing that a provider would add.

    So does one whose base URL is wrong, with a page or with what the status is called.
    """
    if evidence.status not in NOWHERE:
        return False
    return _is_page(evidence) or said is None or names_status_alone(said)


def names_status_alone(said: ErrorAnswer) -> bool:
    """Say whether the words of a `NOWHERE` say no more than its status."""
    coded = said.code_name or said.code or said.error_code is not None
    return not coded and (not said.message or _NO_ADDRESS.fullmatch(said.message.strip()) is not None)


def intercepted(evidence: Evidence) -> Refusal | None:
    """Return which kind of no it is that something on the way gave in the provider's place, None of others.

    A 407 is a proxy's (RFC 9110, 15.5.8). A 403 whose body is no JSON, and not JSON that is cut, is no
    provider's whose answers are JSON; one without a body may well be.
    """
    if evidence.status == PROXY_REFUSED:
        return Refusal.PROXY
    if evidence.status != 403:
        return None
    return Refusal.PAGE if _is_page(evidence) else None


def _is_page(evidence: Evidence) -> bool:
    """Say whether a body is no JSON, and not JSON that is cut."""
    text = text_of(evidence)
    begins = "<" if text is None else text.lstrip()[:1]
    return bool(begins) and begins not in '{["'


def _declared(evidence: Evidence) -> str | None:
    for value in evidence.header("content-type"):
        found = _CHARSET.search(value)
        if found is None:
            continue
        try:
            name = codecs.lookup(found[1]).name
        except LookupError:
            continue
        if name in _CHARSETS:
            return name
    return None


@fixed
class ErrorBody:
    """The body of an error: its members where it is a JSON object, else its words where it has some."""

    members: JsonObject | None = None
    words: str | None = None


def error_body(evidence: Evidence, *, decisive: tuple[bytes, ...] = ()) -> ErrorBody:
    """Read the body of an error, whatever it is."""
    try:
        value = json_of(evidence, decisive=decisive)
    except PayloadError:
        return ErrorBody(words=_plain_words(text_of(evidence) or ""))
    if isinstance(value, dict):
        return ErrorBody(value)
    return ErrorBody(words=words_of(value))


def _plain_words(text: str) -> str | None:
    """Return what a plain text says; of a page its title; nothing of JSON that is cut."""
    text = text.strip()
    if text.startswith("<"):
        found = _TITLE.search(text)
        text = found[1] if found else ""
    if text.startswith(("{", "[", '"')):
        return None
    return _joined([text])


def words_of(value: object) -> str | None:
    """Return the words of a JSON value of any shape: its texts, or of an object those that are messages."""
    return _joined(_texts(value, _WITHIN))


def said_of(members: JsonObject, status: int) -> ErrorAnswer:
    """Return what an object says of a failure, under whichever of the usual names.

    It is not read by cattrs: no shape is documented that it could be held against, and a member of a wrong
    type must not turn a no into a doubt.
    """
    code, words = next(_codes(members, _WITHIN), None), _joined(_words(members, _WITHIN))
    return ErrorAnswer(status, code=code, message=words)


def _words(members: JsonObject, levels: int) -> Iterator[str]:
    for name, value in members.items():
        if _plain(name) in _MESSAGES:
            yield from _texts(value, levels - 1)


def _texts(value: object, levels: int) -> Iterator[str]:
    """Yield the words of a value: of an object its messages, or else all its texts, as of errors by field."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list) and levels:
        for item in value:
            yield from _texts(item, levels - 1)
    elif isinstance(value, dict) and levels:
        by_field = any(isinstance(each, list) for each in value.values())
        named = [] if by_field else list(_words(value, levels))
        others = (each for name, each in value.items() if _plain(name) not in _CODES)
        yield from named or (text for each in others for text in _texts(each, levels - 1))


def _codes(members: JsonObject, levels: int) -> Iterator[str]:
    for name, value in members.items():
        if _plain(name) in _CODES and (code := _code(value)) is not None:
            yield code
    for name, value in members.items():
        if levels and isinstance(value, dict) and _plain(name) in ("error", "erro"):
            yield from _codes(value, levels - 1)


def _code(value: object) -> str | None:
    if type(value) is int:
        return str(value)
    return value if isinstance(value, str) and value.strip() else None


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").casefold()


def _joined(texts: Iterable[str]) -> str | None:
    """Return texts as one, each once; the name of a status only where nothing else is said."""
    found = [text for text in dict.fromkeys(" ".join(text.split()) for text in texts) if text]
    more = [text for text in found if text.casefold() not in _REASONS]
    *before, last = more or found or [""]
    return "".join([*(f"{text.rstrip('.')}. " for text in before), last])[:LONGEST] or None
