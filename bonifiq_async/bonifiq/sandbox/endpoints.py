"""BonifiQ's side: reads a request, moves money in the books, and says what came of it."""

import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Literal

from attrs import define, evolve, field

from bonifiq_async.bonifiq.client import BasicCredentials
from bonifiq_async.bonifiq.sandbox import judge
from bonifiq_async.bonifiq.sandbox.books import Books, Effected
from bonifiq_async.bonifiq.sandbox.customers import expiring, history_line, pending_points, points_of
from bonifiq_async.bonifiq.sandbox.judge import (
    CODES,
    ERROR,
    REFUSALS,
    SUCCESS,
    WARNING,
    CashbackChangeAsked,
    RemovalAsked,
    Said,
)
from bonifiq_async.sandbox.capacity import Retention
from bonifiq_async.sandbox.document import is_text
from bonifiq_async.sandbox.keyed import KeyedSide
from bonifiq_async.sandbox.protocol import Reply, Request, RequestIdentity, Route, signed_in

Duplicates = Literal["replay", "error-200", "error-400", "error-409"]
"""How a used ChangeKey is answered; the documentation promises both a success and an error."""

_DONE = Said("", severity=SUCCESS, status=200)


@define
class _Used:
    """A used key: when, by seconds and by requests; the change, and its answer, where they are asked for."""

    moment: float
    requests: int
    change: tuple[str, CashbackChangeAsked] | None
    reply: Reply | None


@define
class Provider(KeyedSide[Effected]):
    """BonifiQ's four operations over `books`. Points are cents of cashback here, as far as they go.

    With `old_envelope` answers have only the older documentation's four members. `credentials` are those
    that are let in. `retention` says for how long a used ChangeKey is known, `duplicates` how it is
    answered, `reused_key` how it is when it comes with another change (None: as `duplicates` says).
    Without `cashback_active` changes move points, and amounts of cashback are 0 or null.
    """

    books: Books
    credentials: BasicCredentials
    duplicates: Duplicates = "replay"
    reused_key: Duplicates | None = None
    cashback_active: bool = True
    old_envelope: bool = False
    retention: Retention = field(factory=Retention)
    clock: Callable[[], float] = time.monotonic
    _used: dict[str, _Used] = field(factory=dict)

    def routes(self) -> Mapping[tuple[str, str], Route]:
        """See `Speaks.routes`."""
        return {
            ("POST", "/v1/pvt/Customer/{id}/cashback"): self.change_cashback,
            ("GET", "/v1/pvt/Customer/{id}/points"): self.points,
            ("GET", "/v1/pvt/Customer/{id}/pendingpoints"): self.pending_points,
            ("POST", "/v1/pvt/Checkout/redeem/remove"): self.remove_checkout_cashback,
        }

    def named(self, request: Request) -> RequestIdentity:
        """Return the ChangeKey of the body, and the customer of the path or the body."""
        members = request.members()
        key, customer = members.get("ChangeKey"), request.parameters.get("id") or members.get("CustomerId")
        return RequestIdentity(
            key if isinstance(key, str) else None, customer if isinstance(customer, str) else None
        )

    def turned_away(self, path: str, request: Request) -> Reply | None:
        """See `Speaks.turned_away`."""
        signed = signed_in(request.headers.get("Authorization", ""))
        if signed != (self.credentials.token, self.credentials.key):
            return Reply(401, {"ErrorMessage": "The credentials are not valid", "HasError": True})
        if request.body and not request.is_json():
            return self._envelope(REFUSALS["content type"])
        return None

    def failure(self, status: int) -> Mapping[str, object]:
        """See `Speaks.failure`."""
        if status < 400:
            return {"HasError": False}
        return {"ErrorMessage": f"Fault {status}", "HasError": True}

    def points(self, request: Request) -> Reply:
        """Answer a balance; an unknown customer has `CustomerExists` false."""
        return Reply(200, self._points(request.parameters["id"], history=True))

    def pending_points(self, request: Request) -> Reply:
        """Answer the pending orders of the sandbox's settings."""
        orders = self.books.customer(request.parameters["id"]).pending_orders
        return Reply(200, pending_points(orders, cashback_active=self.cashback_active))

    def change_cashback(self, request: Request) -> Reply:
        """Change a balance once for a ChangeKey."""
        customer_id, asked = request.parameters["id"], judge.cashback_change(request.document)
        if isinstance(asked, Said):
            return self._envelope(asked)
        used = self._remembered(asked.key)
        if used is not None:
            return self._again(used, (customer_id, asked))
        if not is_text(customer_id) or not self.books.knows(customer_id):
            return self._envelope(REFUSALS["customer"])
        effected = self.books.apply(
            customer_id,
            asked.value,
            asked.key or "",
            reason=asked.reason,
            customer_reason=asked.customer_reason,
        )
        result = {**self._points(customer_id), "RedeemKey": f"redeem-{effected.number}", "Error": None}
        reply = self._envelope(_DONE, result)
        if asked.key is not None:
            self._used[asked.key] = _Used(
                self.clock(),
                self.books.requests,
                None if self.reused_key is None else (customer_id, asked),
                reply if "replay" in (self.duplicates, self.reused_key) else None,
            )
        return reply

    def remove_checkout_cashback(self, request: Request) -> Reply:
        """Take cashback off a checkout; the five documented codes."""
        asked = judge.removal(request.document)
        if isinstance(asked, RemovalAsked):
            asked = CODES[self.books.remove_from_checkout(asked.customer_id, asked.checkout_id)]
        if asked.severity == ERROR:
            return self._envelope(asked)
        return self._envelope(asked, {"Success": asked.severity == SUCCESS, "CustomerMessage": asked.message})

    def _remembered(self, key: str | None) -> _Used | None:
        used = None if key is None else self._used.get(key)
        if used is None or not self.retention.remembers(
            self.clock() - used.moment, self.books.requests - used.requests
        ):
            return None
        return used

    def _again(self, used: _Used, change: tuple[str, CashbackChangeAsked]) -> Reply:
        """Answer a key that was used before, for `change` now."""
        another = self.reused_key if change != used.change else None
        how = another or self.duplicates
        if used.reply is not None and how == "replay":
            return used.reply
        refusal = REFUSALS["used key" if another is None else "used key of another"]
        return self._envelope(evolve(refusal, status=int(how.removeprefix("error-"))))

    def _points(self, customer_id: str, *, history: bool = False) -> Mapping[str, object]:
        """Return a balance, and with `history` what the books hold.

        The answer to a change has none of that: it would be longer with every change.
        """
        balance, known = self.books.balance(customer_id), self.books.customer(customer_id)
        made = [each.line() for each in self.books.changes_of(customer_id)] if history else []
        return {
            "CustomerExists": self.books.knows(customer_id),
            "InternalId": f"sandbox-{customer_id}",
            "PointsBalance": points_of(balance),
            "PointsToExpire": [expiring(points) for points in known.points_to_expire],
            "CashbackBalance": balance if self.cashback_active else Decimal(0),
            "RedeemKey": known.redeem_key,
            "PointHistory": [
                history_line(line, cashback_active=self.cashback_active)
                for line in (*known.point_history, *made)
            ],
            "Name": customer_id if known.name is None else known.name,
        }

    def _envelope(self, said: Said, result: Mapping[str, object] | None = None) -> Reply:
        failed = said.severity == ERROR
        answer: dict[str, object] = {
            "ErrorMessage": said.message if failed else None,
            "ErrorCode": said.number,
            "Result": result,
            "HasError": failed,
        }
        if not self.old_envelope:
            answer |= {
                "Code": said.code,
                "CodeName": said.name,
                "Severity": said.severity,
                "HasWarning": said.severity == WARNING,
            }
        return Reply(said.status, answer)
