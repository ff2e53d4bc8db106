"""BonifiQ's side: reads a request, moves money in the books, and says what came of it."""

import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Literal

from attrs import define, field

from bonifiq_async import door
from bonifiq_async.bonifiq.operations import REMOVE_CHECKOUT_CASHBACK
from bonifiq_async.errors import PayloadError
from bonifiq_async.money import EXACT
from bonifiq_async.sandbox.books import Books
from bonifiq_async.sandbox.exchange import Names, Reply, Request, Route
from bonifiq_async.sandbox.load import Retention
from bonifiq_async.secret import masked

Duplicates = Literal["replay", "error-200", "error-400", "error-409"]
"""How a used ChangeKey is answered; the documentation promises both a success and an error."""

_MOST_POINTS = 2**31 - 1
"""The contract's `format: int32`."""
_SEVERITY = {"01": 2, "02": 2, "03": 1, "04": 1, "07": 0}


@define
class Provider:
    """BonifiQ's four operations over `books`. Points are cents of cashback here, as far as they go.

    With `old_envelope` answers have only the older documentation's four members. `authorization` is the
    header that is let in. `retention` says for how long a used ChangeKey is known.
    """

    books: Books
    authorization: str = field(repr=masked)
    duplicates: Duplicates = "replay"
    old_envelope: bool = False
    retention: Retention = field(factory=Retention)
    clock: Callable[[], float] = time.monotonic
    _first: dict[str, Reply] = field(factory=dict)
    _used: dict[str, tuple[float, int]] = field(factory=dict)

    def routes(self) -> Mapping[tuple[str, str], Route]:
        """See `Speaks.routes`."""
        return {
            ("POST", "/v1/pvt/Customer/{id}/cashback"): self.change_cashback,
            ("GET", "/v1/pvt/Customer/{id}/points"): self.points,
            ("GET", "/v1/pvt/Customer/{id}/pendingpoints"): self.pending_points,
            ("POST", "/v1/pvt/Checkout/redeem/remove"): self.remove_checkout_cashback,
        }

    def arrived(self, path: str, request: Request) -> Names:
        """See `Speaks.arrived`; the key is the ChangeKey of the body."""
        members = request.members() if request.body else {}
        key, customer = members.get("ChangeKey"), request.parameters.get("id") or members.get("CustomerId")
        names = Names(key if isinstance(key, str) else None, customer if isinstance(customer, str) else None)
        self.books.arrived(names.key)
        return names

    def answered(self, key: str | None) -> None:
        """See `Speaks.answered`."""
        self.books.answered(key)

    def turned_away(self, path: str, request: Request) -> Reply | None:
        """See `Speaks.turned_away`."""
        if request.headers.get("Authorization") == self.authorization:
            return None
        return Reply(401, {"ErrorMessage": "The credentials are not valid", "HasError": True})

    def failure(self, status: int) -> Mapping[str, object]:
        """See `Speaks.failure`."""
        if status < 400:
            return {"HasError": False}
        return {"ErrorMessage": f"Fault {status}", "HasError": True}

    def points(self, request: Request) -> Reply:
        """Answer a balance; an unknown customer has `CustomerExists` false."""
        return Reply(200, self._points(request.parameters["id"]))

    def pending_points(self, _: Request) -> Reply:
        """Answer that nothing is pending."""
        return Reply(200, {"TotalPendingPoints": 0, "TotalPendingCashback": Decimal(0), "PendingOrders": []})

    def change_cashback(self, request: Request) -> Reply:
        """Change a balance once for a ChangeKey."""
        customer_id, body = request.parameters["id"], request.members()
        value, kind, key = body.get("Value"), body.get("OperationType"), body.get("ChangeKey")
        try:
            amount = door.amount(value, "Value")
        except PayloadError:
            return self._refusal(400, "Value is not an amount", 16, "Points_PointsCannotBeZero")
        if kind != (0 if amount > 0 else 1):
            return self._refusal(400, "OperationType does not fit the sign of Value", 9, "OperationMismatch")
        if not isinstance(key, str) or not key or not body.get("Reason"):
            return self._refusal(400, "Reason and ChangeKey are required", 7, "FieldCannotBeNullOrBlank")
        if self._remembers(key):
            return self._duplicate(key)
        if not self.books.knows(customer_id):
            return self._refusal(400, "The customer was not found", None, "Customer_NotFound")
        self.books.apply(customer_id, amount, key)
        self._used[key] = (self.clock(), self.books.requests)
        reply = self._envelope(200, {**self._points(customer_id), "RedeemKey": key, "Error": None})
        if self.duplicates == "replay":
            self._first[key] = reply
        return reply

    def remove_checkout_cashback(self, request: Request) -> Reply:
        """Take cashback off a checkout; the five documented codes."""
        body = request.members()
        customer_id, checkout_id = body.get("CustomerId"), body.get("CheckoutId")
        if not isinstance(checkout_id, str) or not checkout_id:
            code = "02"
        else:
            code = self.books.remove_from_checkout(str(customer_id), checkout_id)
        name, severity = REMOVE_CHECKOUT_CASHBACK.codes[code], _SEVERITY[code]
        message = None if severity < 2 else name
        result = {"Success": code == "07", "CustomerMessage": name}
        status = 400 if severity == 2 else 200
        return self._envelope(status, result, message=message, code=code, name=name, severity=severity)

    def _remembers(self, key: str) -> bool:
        used = self._used.get(key)
        return used is not None and self.retention.remembers(
            self.clock() - used[0], self.books.requests - used[1]
        )

    def _duplicate(self, key: str) -> Reply:
        if self.duplicates == "replay":
            return self._first[key]
        status = int(self.duplicates.removeprefix("error-"))
        return self._refusal(status, "This ChangeKey was already used", 23, "ChangeKeyAlreadyUsed")

    def _points(self, customer_id: str) -> Mapping[str, object]:
        balance = self.books.balance(customer_id)
        return {
            "CustomerExists": self.books.knows(customer_id),
            "InternalId": f"sandbox-{customer_id}",
            "PointsBalance": max(-_MOST_POINTS, min(int(EXACT.multiply(balance, 100)), _MOST_POINTS)),
            "PointsToExpire": [],
            "CashbackBalance": balance,
            "RedeemKey": None,
            "PointHistory": [],
            "Name": customer_id,
        }

    def _refusal(self, status: int, message: str, number: int | None, name: str) -> Reply:
        return self._envelope(status, None, message=message, number=number, name=name, severity=2)

    def _envelope(
        self,
        status: int,
        result: Mapping[str, object] | None,
        *,
        message: str | None = None,
        number: int | None = None,
        code: str | None = None,
        name: str | None = None,
        severity: int = 0,
    ) -> Reply:
        answer: dict[str, object] = {
            "ErrorMessage": message,
            "ErrorCode": number,
            "Result": result,
            "HasError": severity == 2,
        }
        if not self.old_envelope:
            answer |= {"Code": code, "CodeName": name, "Severity": severity, "HasWarning": severity == 1}
        return Reply(status, answer)
