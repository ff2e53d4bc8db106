"""Its server: a change counts once for a key, and a signature once."""

import hashlib
import hmac
from collections.abc import Mapping
from decimal import Decimal

from attrs import define, field, frozen

from bonifiq_async.sandbox.document import decimal
from bonifiq_async.sandbox.keyed import KeyedBooks, KeyedSandbox
from bonifiq_async.sandbox.protocol import Reply, Request, RequestIdentity, Route
from bonifiq_async.sandbox.script import FaultScript
from bonifiq_async.sandbox.server import MaskedEnvironment
from third_provider.client import MilesCredentials


@frozen
class Granted:
    """A change that took effect."""

    customer_id: str
    value: Decimal
    number: int = field(eq=False)


@define
class Miles:
    """The provider's side."""

    books: KeyedBooks[Granted]
    credentials: MilesCredentials
    stale: int
    seen: set[str] = field(factory=set)

    def routes(self) -> Mapping[tuple[str, str], Route]:
        path = "/v1/accounts/{id}"
        return {
            ("POST", f"{path}/grant"): lambda request: self._change(request, 1),
            ("POST", f"{path}/spend"): lambda request: self._change(request, -1),
            ("GET", path): lambda request: Reply(
                200, {"balance": self.books.balance(request.parameters["id"])}
            ),
            ("GET", f"{path}/movements"): self._movements,
        }

    def arrived(self, path: str, request: Request) -> RequestIdentity:
        names = RequestIdentity(request.headers.get("Idempotency-Key"), request.parameters["id"])
        self.books.arrived(names.key)
        return names

    def answered(self, key: str | None) -> None:
        self.books.answered(key)

    def turned_away(self, path: str, request: Request) -> Reply | None:
        once = request.headers.get("X-Once", "")
        key, said = self.credentials.signing_key.encode(), f"{once}\n".encode() + request.body
        signed = hmac.new(key, said, hashlib.sha256).hexdigest()
        right = (f"Bearer {self.credentials.token}", signed)
        if (request.headers.get("Authorization"), request.headers.get("X-Signature")) != right:
            return Reply(401, {"code": "unauthorized", "message": "who is this?"})
        if len(self.seen) < self.stale or once in self.seen:
            self.seen.add(once)
            return Reply(401, {"code": "stale_signature", "message": "sign again"})
        self.seen.add(once)
        return None

    def failure(self, status: int) -> Mapping[str, object]:
        return {"code": f"fault_{status}", "message": "a fault"}

    def _change(self, request: Request, sign: int) -> Reply:
        miles, key = decimal(request.members().get("miles")), request.headers.get("Idempotency-Key", "")
        if miles is None or miles <= 0 or not key.strip() or request.members().keys() != {"miles"}:
            return Reply(422, {"code": "invalid", "message": "miles and a key are needed"})
        if self.books.used(key):
            return Reply(409, {"code": "key_used", "message": "the key was used"})
        account = request.parameters["id"]
        made = self.books.record(key, lambda number: Granted(account, sign * miles, number))
        return Reply(201, {"id": made.number, "balance": self.books.balance(account)})

    def _movements(self, request: Request) -> Reply:
        rows, start = self.books.changes_of(request.parameters["id"]), int(request.query.get("cursor", 0))
        end = start + int(request.query["limit"])
        items = [{"id": row.number, "miles": row.value} for row in rows[start:end]]
        return Reply(200, {"items": items, "next": str(end) if end < len(rows) else None})


class MilesSandbox(KeyedSandbox[Granted]):
    """Miles on this machine; the first `stale` signatures are too old for it."""

    def __init__(
        self,
        *,
        faults: FaultScript | None = None,
        credentials: MilesCredentials | None = None,
        stale=0,
        port=0,
    ) -> None:
        self.books = KeyedBooks()
        self.credentials = credentials or MilesCredentials("sandbox", "sandbox-key")
        super().__init__(Miles(self.books, self.credentials, stale), faults=faults, port=port)

    def environment(self) -> MaskedEnvironment:
        token, key = self.credentials.token, self.credentials.signing_key
        return MaskedEnvironment(MILES_BASE_URL=self.url, MILES_TOKEN=token, MILES_SIGNING_KEY=key)
