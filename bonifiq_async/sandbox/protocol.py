"""What the server and a provider's side say to each other: a request, and a reply to it."""

import base64
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cached_property
from typing import NamedTuple, Protocol

from attrs import field, frozen

from bonifiq_async.sandbox import document


@frozen
class Request:
    """A request that was read. `parameters` are those of the path; names of `headers` ignore case.

    Its repr shows neither headers nor body: credentials, tokens and PINs stand there.
    """

    parameters: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @cached_property
    def document(self) -> Mapping[str, object] | None:
        """The members of its JSON body, None when that is no JSON object."""
        return document.document(self.body)

    def members(self) -> Mapping[str, object]:
        """Return the members of its JSON body, none when it is not an object."""
        return self.document or {}

    def is_json(self) -> bool:
        """Say whether its Content-Type is JSON's (RFC 8259, section 11), whatever its parameters."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower() == "application/json"


def signed_in(authorization: str) -> tuple[str, str] | None:
    """Return user and password of a Basic sign-in (RFC 7617, section 2), None for anything else."""
    scheme, _, encoded = authorization.partition(" ")
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except ValueError:
        return None
    return (user, password) if scheme.lower() == "basic" and colon else None


@frozen
class RequestIdentity:
    """The key and the customer that a request names, None where it names none; `shown` is a longer key."""

    key: str | None = None
    customer: str | None = None
    shown: str | None = None


class Booked(NamedTuple):
    """A movement of money that stands in a sandbox's books, with its signed value."""

    customer: str
    value: Decimal
    key: str


@frozen
class Reply:
    """A status and a JSON value, which may hold a token and is left out of the repr.

    `kind` is the Content-Type that the provider gives it.
    """

    status: int
    value: object = field(repr=False)
    kind: str = "application/json"


Route = Callable[[Request], Reply]


class Speaks(Protocol):
    """A provider's side: what the server has to know of it to serve and to fail as it does."""

    def routes(self) -> Mapping[tuple[str, str], Route]:
        """Return method and path of each operation, and the function that answers it."""

    def arrived(self, path: str, request: Request) -> RequestIdentity:
        """Count a request for `path`, a path of `routes`, under its key, and return what it names."""

    def answered(self, key: str | None) -> None:
        """Note that a request under `key`, as `arrived` gave it, met no fault."""

    def turned_away(self, path: str, request: Request) -> Reply | None:
        """Return the answer to a caller that may not do this, None for one that may."""

    def failure(self, status: int) -> object:
        """Return the body of an error that is not about the request; of a success that came to nothing."""
