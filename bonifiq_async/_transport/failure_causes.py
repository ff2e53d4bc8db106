"""Why a request got no whole answer, in plain words, from what aiohttp raised.

The words are this library's own: what an exception says may repeat the answer, and what it was given.
"""

import errno
import os
import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

import aiohttp
from aiohttp import http_exceptions

from bonifiq_async._model.evidence import Failure
from bonifiq_async._transport.connector import UnaskedAnswer
from bonifiq_async._transport.proxies import shown

_OLD = "it speaks no version of TLS that is safe enough: 1.2 or newer is needed"
_NO_TLS = "it does not speak TLS there: is it plain http, or another port?"
CERTIFICATE: Mapping[int, str] = {
    9: "its certificate is not valid yet: is this machine's clock right?",
    10: "its certificate has expired",
    18: "its certificate is signed by itself",
    19: "its certificate comes from an authority that this machine does not know",
    20: "its certificate comes from an authority that this machine does not know",
    21: "its certificate comes from an authority that this machine does not know",
    23: "its certificate was revoked",
    62: "its certificate is for another host name",
    64: "its certificate is for another address",
}
"""By OpenSSL's number of why a certificate was refused (openssl-verification-options(1), DIAGNOSTICS)."""
TLS: Mapping[str, str] = {
    "WRONG_VERSION_NUMBER": _NO_TLS,
    "HTTP_REQUEST": _NO_TLS,
    "UNSUPPORTED_PROTOCOL": _OLD,
    "TLSV1_ALERT_PROTOCOL_VERSION": _OLD,
    "TLSV1_UNRECOGNIZED_NAME": "it does not know this host name (TLS)",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "it asks for a certificate of the client (TLS)",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "it refuses the TLS handshake: no cipher or version is in common",
    "UNEXPECTED_EOF_WHILE_READING": "it broke the connection off within TLS",
}
"""By OpenSSL's name of an error; what is not here and is an alert (RFC 8446, section 6) is named as one."""
_HEAD: Mapping[str, str] = {
    "Too many headers": "the answer has more than 128 headers",
    "Content-Length can't be present with": "the answer has a Content-Length beside a Transfer-Encoding",
    "Invalid character in Content-Length": "the answer's Content-Length is not a number",
    "Invalid header": "a header of the answer cannot be read",
    "Invalid HTTP header": "a header of the answer cannot be read",
    "Invalid character in chunk": "the answer's body is not chunked as it says",
}
"""By how aiohttp's parser begins to say what is wrong with an answer (RFC 9112)."""


def explained(error: Exception, base_url: str, *, sent: bool) -> tuple[Failure, str]:
    """Return the kind of a failure and its cause; `sent` says whether the request had left."""
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return Failure.CONNECT, f"{shown(error.request_info.real_url)} answered with status {error.status}"
    if isinstance(error, aiohttp.ClientConnectorError):
        untrusted = isinstance(error, aiohttp.ClientConnectorCertificateError)
        failure = Failure.UNTRUSTED if untrusted else Failure.CONNECT
        if error.os_error.errno == errno.ECONNREFUSED:
            return failure, f"connection refused at {_where(error)}"
        return failure, f"{_where(error)}: {_connecting(error.os_error, base_url)}"
    if isinstance(error, TimeoutError):
        return Failure.TIMEOUT, "no answer in time" if sent else f"{_host(base_url)}: no connection in time"
    if isinstance(error, UnaskedAnswer):
        return Failure.DISCONNECTED, str(error)
    if isinstance(error, aiohttp.ClientResponseError | http_exceptions.HttpProcessingError):
        return Failure.MALFORMED, _malformed(error)
    if isinstance(error, aiohttp.ClientError | OSError):
        return Failure.DISCONNECTED, _broken(error)
    return Failure.LOCAL, type(error).__name__


def _host(base_url: str) -> str:
    return urlsplit(base_url).netloc


def _where(error: aiohttp.ClientConnectorError) -> str:
    proxy = "the proxy " if isinstance(error, aiohttp.ClientProxyConnectionError) else ""
    return f"{proxy}{error.host}:{error.port}"


def _connecting(error: OSError, base_url: str) -> str:
    """Say why there is no connection."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return CERTIFICATE.get(
            error.verify_code, f"its certificate cannot be trusted ({error.verify_message})"
        )
    if isinstance(error, ssl.SSLError):
        return _tls(error)
    if isinstance(error, socket.gaierror):
        return (
            "its name is not known"
            if error.errno == socket.EAI_NONAME
            else "its name cannot be looked up now"
        )
    broken_off = isinstance(error, ConnectionError) and not isinstance(error, ConnectionRefusedError)
    if broken_off and base_url.startswith("https:"):
        return "it broke the connection off within the TLS handshake"
    return "there is no connection" if error.errno is None else os.strerror(error.errno)


def _tls(error: OSError) -> str:
    """Say what went wrong with TLS: aiohttp's own error may have but the text of OpenSSL's."""
    named = re.search(r"\[SSL: (\w+)\]", str(error))
    reason = getattr(error, "reason", None) or (named[1] if named else "")
    alert = re.match(r"(?:SSLV3|TLSV1|TLSV13)_(?:ALERT_)?(\w+)", reason)
    if reason in TLS:
        return TLS[reason]
    if alert is not None:
        return f"it ended TLS with the alert {alert[1].replace('_', ' ').lower()!r}"
    return f"TLS failed ({reason.replace('_', ' ').lower()})" if reason else "TLS failed"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what led to it."""
    while error is not None:
        yield error
        error = error.__cause__


def _malformed(error: Exception) -> str:
    """Say what of an answer's head breaks the rules of HTTP."""
    for cause in _causes(error):
        if isinstance(cause, http_exceptions.LineTooLong):
            return f"a line in the answer's head has more than {int(cause.args[1]):,} bytes"
        text = getattr(cause, "message", "")
        if doubled := re.match(r"Duplicate '?([A-Za-z-]+)", text):
            return f"the answer has the header {doubled[1]} twice"
        if "b'\\x15\\x03" in text or "b'\\x16\\x03" in text:
            return "it speaks TLS there: is it https, or another port?"
        for beginning, words in _HEAD.items():
            if text.startswith(beginning):
                return words
    return "what came back is not HTTP/1.1"


def _broken(error: Exception) -> str:
    """Say how a connection broke, or what of an answer's body is not as its head says."""
    for cause in _causes(error):
        if isinstance(cause, http_exceptions.ContentEncodingError):
            return "the answer's body cannot be unpacked as its Content-Encoding says"
        if isinstance(cause, OSError) and (isinstance(cause, ssl.SSLError) or "[SSL: " in str(cause)):
            return _tls(cause)
    if isinstance(error, aiohttp.ClientPayloadError):
        return "the answer's body broke off"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        whole = isinstance(error.message, str)
        return "the connection was closed without an answer" if whole else "the answer's head broke off"
    if isinstance(error, OSError) and error.errno is not None:
        return os.strerror(error.errno)
    return "the connection broke"
