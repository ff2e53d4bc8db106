"""Credentials, sign-in, and the client."""

import hashlib
import hmac
import secrets
from collections.abc import AsyncGenerator, Mapping
from typing import ClassVar, Self, Unpack

from attrs import field, frozen

from bonifiq_async import Outcome
from bonifiq_async._delivery.terms import Terms
from bonifiq_async._model.secret import Credentials, Secret, masked
from bonifiq_async._policy.request import PreparedRequest, prepare
from bonifiq_async._provider.connection import Connection, ConnectionOptions
from bonifiq_async._provider.paging import pages
from bonifiq_async._provider.spec import ProviderSpec
from third_provider import PROVIDER
from third_provider.answers import read
from third_provider.operations import BALANCE, MOVEMENTS, Booked, Line, MilesChange, request_of


@frozen(init=False)
class MilesCredentials(Credentials):
    """A token, and the key that signs; each attempt gets headers of its own."""

    token: str = field(repr=masked)
    signing_key: str = field(repr=masked)

    def __init__(self, token: str, signing_key: str) -> None:
        self.__attrs_init__(token, signing_key)
        del token, signing_key
        self._checked("", "token", "signing_key")

    def fingerprint(self) -> str:
        return hashlib.blake2b(self.token.encode(), digest_size=8, person=b"miles").hexdigest()

    def headers(self) -> dict[str, Secret]:
        return {}

    def secrets(self) -> tuple[Secret, ...]:
        return Secret.kept(self.token), Secret.kept(self.signing_key)


class Signer:
    """Signs body and time, under a number that is used once."""

    def __init__(self, credentials: MilesCredentials) -> None:
        self._credentials = credentials

    async def headers(self, request: PreparedRequest, now: float) -> Mapping[str, str | Secret]:
        once = f"{now:.6f}.{secrets.token_hex(8)}"
        key = self._credentials.signing_key.encode()
        signature = hmac.new(key, once.encode() + b"\n" + (request.body or b""), hashlib.sha256).hexdigest()
        bearer = Secret.kept(f"Bearer {self._credentials.token}")
        return {"Authorization": bearer, "X-Once": once, "X-Signature": Secret.kept(signature)}


class MilesClient(Connection):
    """The client; its options are those of every provider's."""

    SPEC: ClassVar[ProviderSpec] = PROVIDER
    BASE_URL: ClassVar[str] = "https://miles.example"
    ACCOUNT: ClassVar[str] = "token"

    def __init__(self, credentials: MilesCredentials, **options: Unpack[ConnectionOptions]) -> None:
        self._calls, self._address = self._connect(credentials, Signer(credentials), **options)

    @classmethod
    def from_env(cls, **options: Unpack[ConnectionOptions]) -> Self:
        return cls(MilesCredentials(*cls._from_env(options)), **options)

    async def outcome_of(self, change: MilesChange, *, deadline: float | None = None) -> Outcome[Booked]:
        return await self.outcome_on(change, Terms(deadline))

    async def outcome_on(self, change: MilesChange, terms: Terms) -> Outcome[Booked]:
        operation, path, asked = request_of(change)
        request = prepare(operation, self._address, path, asked, key=change.change_key)
        return await self._calls.outcome(change, operation, request, read, terms)

    async def balance(self, account: str, *, deadline: float | None = None) -> Booked:
        request = prepare(BALANCE, self._address, {"account": account})
        return (await self._calls.value(BALANCE, request, read, deadline=deadline))[0]

    def movements(self, account: str) -> AsyncGenerator[Line, None]:
        async def page(cursor: str | None) -> tuple[tuple[Line, ...], str | None]:
            where = {"cursor": cursor, "limit": "2"}
            request = prepare(MOVEMENTS, self._address, {"account": account}, query=where)
            found, _ = await self._calls.value(MOVEMENTS, request, read)
            return found.items, found.next

        return pages(page)
