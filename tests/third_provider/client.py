"""Credentials, sign-in, and the client."""

import hashlib
import hmac
import secrets
from collections.abc import AsyncGenerator, Mapping

from attrs import field, frozen

from bonifiq_async import Outcome
from bonifiq_async._delivery.terms import Terms
from bonifiq_async._model.secret import Credentials, Secret, masked
from bonifiq_async._policy.request import PreparedRequest, prepare
from bonifiq_async._provider.connection import Connection
from bonifiq_async._provider.paging import pages
from third_provider import PROVIDER
from third_provider.answers import read
from third_provider.operations import BALANCE, MOVEMENTS, Booked, MilesChange, request_of


@frozen(init=False)
class MilesCredentials(Credentials):
    """A token, and the key that signs body and time of each attempt, under a number that is used once."""

    token: str = field(repr=masked)
    signing_key: str = field(repr=masked)

    async def sign(self, request: PreparedRequest, now: float) -> Mapping[str, str | Secret]:
        once = f"{now:.6f}.{secrets.token_hex(8)}"
        key = self.signing_key.encode()
        signature = hmac.new(key, once.encode() + b"\n" + (request.body or b""), hashlib.sha256).hexdigest()
        bearer = Secret.kept(f"Bearer {self.token}")
        return {"Authorization": bearer, "X-Once": once, "X-Signature": Secret.kept(signature)}


class MilesClient(Connection[MilesChange, Booked]):
    """The client; its options are those of every provider's."""

    SPEC = PROVIDER
    BASE_URL = "https://miles.example"
    ACCOUNT = "token"
    CREDENTIALS = MilesCredentials

    async def outcome_on(self, change: MilesChange, terms: Terms) -> Outcome[Booked]:
        operation, path, asked = request_of(change)
        request = prepare(operation, self._address, path, asked, key=change.change_key)
        return await self._calls.outcome(change, operation, request, read, terms)

    async def balance(self, account: str, *, deadline: float | None = None) -> Booked:
        request = prepare(BALANCE, self._address, {"account": account})
        return (await self._calls.value(BALANCE, request, read, deadline=deadline))[0]

    def movements(self, account: str) -> AsyncGenerator[Booked, None]:
        async def page(cursor: str | None) -> tuple[tuple[Booked, ...], str | None]:
            where = {"cursor": cursor, "limit": "2"}
            request = prepare(MOVEMENTS, self._address, {"account": account}, query=where)
            found, _ = await self._calls.value(MOVEMENTS, request, read)
            return found.items, found.next

        return pages(page)
