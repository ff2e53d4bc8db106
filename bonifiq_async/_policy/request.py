"""What is sent, fixed once as URL and bytes before the first attempt."""

import hashlib
import ipaddress
from collections.abc import Mapping
from typing import TypeVar
from urllib.parse import quote, urlsplit

from attrs import field

from bonifiq_async._model.errors import ConfigurationError
from bonifiq_async._model.json_codec import encode
from bonifiq_async._model.operation import Operation
from bonifiq_async._model.secret import HeaderValue, Secret
from bonifiq_async._model.values import fixed

T = TypeVar("T")


@fixed
class PreparedRequest:
    """One request with everything decided: every attempt, after every crash, carries the same.

    `path` is percent-encoded and follows `base_url`. `body` is None for a read. `key` is the
    provider's idempotency key, or one of our own. `headers` are those of this request alone: plain texts, and
    secrets. `record`
    is what a ledger keeps of a body that has a secret in it, and what the digest is made of: nothing
    that is written down lets a short secret be guessed. `bearer` is the one of `headers` that tells whose
    change it is, where neither record nor key does. `secrets` are those of the body and of the headers.
    """

    method: str
    base_url: str
    path: str
    body: bytes | None = field(default=None, repr=False)
    key: str | None = None
    headers: tuple[tuple[str, HeaderValue], ...] = ()
    record: bytes | None = field(default=None, repr=False)
    bearer: Secret | None = None
    secrets: tuple[Secret, ...] = ()

    @property
    def kept(self) -> bytes:
        """What of the body may be written down."""
        return (self.body or b"") if self.record is None else self.record

    @property
    def url(self) -> str:
        """Where it goes."""
        return self.base_url + self.path


NO_QUERY: Mapping[str, str | None] = {}


def prepare(
    operation: Operation[T],
    base_url: str,
    path: Mapping[str, str],
    payload: object = None,
    *,
    key: str | None = None,
    headers: tuple[tuple[str, HeaderValue], ...] = (),
    query: Mapping[str, str | None] = NO_QUERY,
    record: object = None,
    bearer: Secret | None = None,
    secrets: tuple[Secret, ...] = (),
) -> PreparedRequest:
    """Return the request of `operation`; each value of `path` becomes exactly one encoded segment.

    `query` gives optional parameters that the operation names; None leaves one out.
    `record` is the payload without its `secrets`, where it has any; `bearer` is as in the result.
    Raises `ConfigurationError` for a secret that a pickle has left behind: it cannot be sent.
    """
    sealed: tuple[Secret, ...] = ()
    if headers:
        sealed = tuple([value for _, value in headers if isinstance(value, Secret)])
    for secret in sealed:
        secret.reveal()
    if operation.key_header is not None and key is not None:
        headers = (*headers, (operation.key_header, key))
    body = None if payload is None else encode(payload, operation.names)
    kept = None if record is None else encode(record, operation.names)
    where = _where(operation, path)
    if query:
        where += _queried(operation, query)
    return PreparedRequest(
        operation.method, base_url, where, body, key, headers, kept, bearer, (*secrets, *sealed)
    )


def digest_of(operation: Operation[T], path: Mapping[str, str], payload: object) -> bytes:
    """Return the digest of the request that `prepare` would make of the same, without making it."""
    return digest_of_kept(operation.method, _where(operation, path), encode(payload, operation.names))


def digest_of_kept(method: str, path: str, kept: bytes) -> bytes:
    """Return the digest of a request of whose body `kept` may be written down.

    Its 16 bytes tell the request from any other with the same key, wherever it is sent.
    """
    return hashlib.blake2b(f"{method} {path}\n".encode() + kept, digest_size=16).digest()


def _where(operation: Operation[T], path: Mapping[str, str]) -> str:
    where = operation.path
    for name, value in path.items():
        where = where.replace(f"{{{name}}}", _segment(value))  # whose own braces are encoded
    if "{" in where:
        raise KeyError(where)
    return where


def _queried(operation: Operation[T], query: Mapping[str, str | None]) -> str:
    """Return what follows the path; raises `ValueError` for a parameter that the operation does not have."""
    if unknown := query.keys() - set(operation.query):
        raise ValueError(f"{operation.name} has no parameter {', '.join(sorted(unknown))}")
    given = [f"{name}={_segment(value)}" for name, value in query.items() if value is not None]
    return f"{'&' if '?' in operation.path else '?'}{'&'.join(given)}" if given else ""


_ENCODED = {number: quote(chr(number), safe="") for number in range(128)}


def _segment(value: str) -> str:
    """Return `value` percent-encoded (RFC 3986, section 2.1); most ids need no more than a table."""
    if not value.isascii():
        return quote(value, safe="")
    return value if value.isalnum() else value.translate(_ENCODED)


_GIVE = "give one such as https://host. Nothing was sent."


def checked_base_url(url: str) -> str:
    """Return `url` without its trailing slash; a path prefix is kept.

    Raises `ConfigurationError` for another scheme than https (http is allowed to loopback only), a
    missing host, user information, a query or a fragment.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ConfigurationError(f"The base URL cannot be read; {_GIVE}") from None
    if parts.scheme not in ("http", "https") or not host:
        raise ConfigurationError(f"The base URL has no scheme or no host; {_GIVE}")
    if parts.username is not None or parts.password is not None:
        raise ConfigurationError(
            "The base URL holds user information; give credentials apart from it. Nothing was sent."
        )
    if "?" in url or "#" in url:
        raise ConfigurationError(
            "The base URL has a query or a fragment; give scheme, host and path only. Nothing was sent."
        )
    if any(char.isspace() or not char.isprintable() for char in url) or "\\" in url:
        raise ConfigurationError(
            "The base URL has a space, a backslash or a control character in it. Nothing was sent."
        )
    if parts.scheme == "http" and not is_loopback(host):
        raise ConfigurationError(
            f"The base URL sends credentials to {host} without encryption; use https. Nothing was sent."
        )
    return url.rstrip("/")


def base_url_of(setting: str, value: str | None, default: str) -> str:
    """Return the base URL that the environment has under `setting`; `default` where it is not set.

    Raises `ConfigurationError` naming the setting, also where it is set and empty: a script whose variable
    got lost must not reach the provider's real address.
    """
    if value is None:
        return default
    if not value.strip():
        raise ConfigurationError(f"{setting} is set but empty; unset it, or {_GIVE}")
    try:
        return checked_base_url(value)
    except ConfigurationError as error:
        del value  # it may hold what a traceback must not show
        raise ConfigurationError(f"{setting}: {error.with_traceback(None)}") from None


def is_loopback(host: str) -> bool:
    """Say whether `host` is this machine: `localhost`, 127.0.0.0/8 or ::1 (RFC 6890)."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
