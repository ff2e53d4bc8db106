"""Whether a request has the header that the subscription was configured with.

A custom header is the only proof of the sender that the pages name; no signature is mentioned. It proves as
much as its secret is kept: the address must be https.
"""

import hmac
import re
from collections.abc import Iterable, Mapping

from bonifiq_async._model.errors import ConfigurationError
from bonifiq_async._model.secret import Secret
from bonifiq_async._model.validation import shown

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""The name of a header field (RFC 9110, section 5.1)."""
_VALUE = re.compile(r"[!-~](?:[ -~]*[!-~])?")
"""A value that every server reads as the same bytes (RFC 9110, section 5.5): ASCII, no blank at its ends."""

RequestHeaders = Mapping[str, str] | Iterable[tuple[str | bytes, str | bytes]]
"""The headers of a request: a mapping, as of aiohttp or Starlette, or pairs, as of an ASGI scope."""


class Verifier:
    """Compares the header `header` of a request with `secret`, in a time that does not depend on its letters.

    Give the name and value that the subscription has in BonifiQ's admin panel. The repr shows no secret, and
    a pickle leaves it behind. Raises `ConfigurationError` for a name that no header has, and a secret that
    is no text of ASCII, or begins or ends with a blank.
    """

    __slots__ = ("_header", "_secret")

    def __init__(self, header: str, secret: str | Secret) -> None:
        sealed = secret if isinstance(secret, Secret) else Secret.kept(secret)
        del secret  # a traceback that shows locals must not have it
        if not isinstance(header, str) or not _NAME.fullmatch(header):
            raise ConfigurationError(f"header must be the name of an HTTP header, not {shown(header)}.")
        if not _can_be_sent(sealed):
            raise ConfigurationError(
                f"The secret of the header {header} must be a text of ASCII without blanks at its ends."
            )
        self._header = header.lower().encode()
        self._secret = sealed

    def check(self, headers: RequestHeaders) -> bool:
        """Say whether `headers` have the header once, with the secret as its value. Names ignore case."""
        pairs = headers.items() if isinstance(headers, Mapping) else headers
        found = [_bytes(value) for name, value in pairs if _bytes(name).lower() == self._header]
        return len(found) == 1 and hmac.compare_digest(found[0].strip(b" \t"), _bytes(self._secret.reveal()))

    def __repr__(self) -> str:
        return f"Verifier({self._header.decode()!r}, {self._secret!r})"


def _can_be_sent(secret: Secret) -> bool:
    text = secret.reveal() if secret.is_here else None
    return isinstance(text, str) and _VALUE.fullmatch(text) is not None


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
