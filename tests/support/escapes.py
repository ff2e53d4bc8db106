"""The forms in which a provider may repeat a text: escaped, in Base64, in other characters."""

import base64
import html
import json
from collections.abc import Callable
from html.entities import html5
from urllib.parse import quote, quote_plus

Write = Callable[[str], str]


def each(write: Callable[[int], str], *, every: int = 1) -> Write:
    """Return a function that writes each byte of a text with `write`, or every n-th one."""

    def written(text: str) -> str:
        parts = (
            write(byte) if number % every == 0 or byte > 126 else chr(byte)
            for number, byte in enumerate(text.encode())
        )
        return "".join(parts)

    return written


def units(write: str) -> Write:
    """Return a function that writes each UTF-16 unit with `write`."""

    def written(text: str) -> str:
        pairs = text.encode("utf-16-be")
        return "".join(write % (256 * pairs[at] + pairs[at + 1]) for at in range(0, len(pairs), 2))

    return written


def letters(write: Callable[[str], str]) -> Write:
    """Return a function that writes each character with `write`."""
    return lambda text: "".join(map(write, text))


_NAMES = {char: f"&{name}" for name, char in html5.items() if name.endswith(";")}

ESCAPES: dict[str, Write] = {
    "percent": lambda text: quote(text, ""),
    "percent, but for slashes": quote,
    "percent, a form": quote_plus,
    "percent, all": each("%{:02X}".format),
    "percent, all, small": each("%{:02x}".format),
    "percent, in part": each("%{:02X}".format, every=3),
    "JSON": lambda text: json.dumps(text)[1:-1],
    "JSON, in UTF-8": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "JSON, slashes": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "JSON, all": units("\\u%04x"),
    "JSON, all, capitals": units("\\u%04X"),
    "script": each("\\x{:02x}".format),
    "script, of old": units("%%u%04X"),
    "HTML": html.escape,
    "HTML, numbers": letters(lambda char: f"&#{ord(char)};"),
    "HTML, numbers without an end": letters(lambda char: f"&#{ord(char):05d}"),
    "HTML, hexadecimal": letters(lambda char: f"&#x{ord(char):x};"),
    "HTML, hexadecimal, capitals": letters(lambda char: f"&#X{ord(char):04X};"),
    "HTML, names": letters(lambda char: _NAMES.get(char, char)),
}
PLAIN: dict[str, Write] = {
    "as it is": str,
    "small": lambda text: text.encode().lower().decode(),
    "capitals": lambda text: text.encode().upper().decode(),
    **{
        f"Base64 after {before}": lambda text, before=before: base64.b64encode(
            b"Authorization: "[:before] + text.encode() + b"\r\n"
        ).decode()
        for before in range(4)
    },
    "Base64": lambda text: base64.b64encode(text.encode()).decode(),
    "Base64, bare": lambda text: base64.b64encode(text.encode()).decode().rstrip("="),
    "Base64 of URLs": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
}
