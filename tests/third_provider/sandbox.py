"""Its server: a key and a signature count once each."""

import hashlib
import hmac
from collections.abc import Mapping

from attrs import define, field

from bonifiq_async.sandbox.document import decimal
from bonifiq_async.sandbox.keyed import KeyedBooks, KeyedSandbox, KeyedSide, PlainEffect
from bonifiq_async.sandbox.protocol import Reply, Request, RequestIdentity, Route
from bonifiq_async.sandbox.script import FaultScript
from third_provider import PROVIDER
from third_provider.client import MilesCredentials


@define
class Miles(KeyedSide[PlainEffect]):
    """The provider's side."""

    books: KeyedBooks[PlainEffect]
    credentials: MilesCredentials
    stale: int
    seen: set[str] = field(factory=set)

    def routes(self) -> Mapping[tuple[str, str], Route]:
        path = "/v1/accounts/{id}"
        return {
            ("POST", f"{path}/grant"): lambda request: self._change(request, 1),
            ("POST", f"{path}/spend"): lambda request: self._change(request, -1),
            ("GET", path): lambda asked: Reply(200, {"balance": self.books.balance(asked.parameters["id"])}),
            ("GET", f"{path}/movements"): self._movements,
        }

    def named(self, request: Request) -> RequestIdentity:
        return RequestIdentity(request.headers.get("Idempotency-Key"), request.parameters["id"])

    def turned_away(self, path: str, request: Request) -> Reply | None:
        once = request.headers.get("X-Once", "")
        key, said = self.credentials.signing_key.encode(), f"{once}\n".encode() + request.body
        signed = hmac.new(key, said, hashlib.sha256).hexdigest()
        right = (f"Bearer {self.credentials.token}", signed)
        if (request.headers.get("Authorization"), request.headers.get("X-Signature")) != right:
            return Reply(401, {"code": "unauthorized", "message": "the token is unknown"})
        fresh = once not in self.seen and len(self.seen) >= self.stale
        self.seen.add(once)
        return None if fresh else Reply(401, {"code": "stale_signature", "message": "sign again"})

    def failure(self, status: int) -> Mapping[str, object]:
        return {"code": f"fault_{status}", "message": "a fault"}

    def _change(self, request: Request, sign: int) -> Reply:
        miles, key = decimal(request.members().get("miles")), request.headers.get("Idempotency-Key", "")
        if miles is None or miles <= 0 or not key.strip() or request.members().keys() != {"miles"}:
            return Reply(422, {"code": "invalid", "message": "miles and a key are needed"})
        if self.books.used(key):
            return Reply(409, {"code": "key_used", "message": "the key was used"})
        account = request.parameters["id"]
        made = self.books.record(key, lambda number: PlainEffect(account, sign * miles, number))
        return Reply(201, {"id": made.number, "balance": self.books.balance(account)})

    def _movements(self, request: Request) -> Reply:
        rows, start = self.books.changes_of(request.parameters["id"]), int(request.query.get("cursor", 0))
        end = start + int(request.query["limit"])
        items = [{"id": row.number, "miles": row.value} for row in rows[start:end]]
        return Reply(200, {"items": items, "next": str(end) if end < len(rows) else None})


class MilesSandbox(KeyedSandbox[PlainEffect]):
    """The sandbox of Miles; it rejects the first `stale` signatures as too old."""

    SPEC = PROVIDER

    def __init__(self, *, stale=0, faults: FaultScript | None = None, credentials=None, port=0) -> None:
        self.books = KeyedBooks()
        self.credentials = credentials or MilesCredentials("sandbox", "sandbox-key")
        super().__init__(Miles(self.books, self.credentials, stale), faults=faults, port=port)
