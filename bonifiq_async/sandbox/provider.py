"""The provider's side: reads a request, moves money in the books, and says what came of it."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Literal

from attrs import define, field, frozen

from bonifiq_async.bonifiq.operations import REMOVE_CHECKOUT_CASHBACK
from bonifiq_async.converters import decode
from bonifiq_async.errors import PayloadError
from bonifiq_async.sandbox.books import Books

Duplicates = Literal["replay", "error-200", "error-400", "error-409"]
"""How a used ChangeKey is answered; the documentation promises both a success and an error."""

_SEVERITY = {"01": 2, "02": 2, "03": 1, "04": 1, "07": 0}


@frozen
class Reply:
    """A status and a JSON value."""

    status: int
    value: Mapping[str, object]


@define
class Provider:
    """BonifiQ's four operations over `books`. Points are cents of cashback here, rounded down.

    With `old_envelope` answers have only the older documentation's four members.
    """

    books: Books
    duplicates: Duplicates = "replay"
    old_envelope: bool = False
    _first: dict[str, Reply] = field(factory=dict)

    def points(self, customer_id: str) -> Reply:
        """Answer a balance; an unknown customer has `CustomerExists` false."""
        return Reply(200, self._points(customer_id))

    def pending_points(self, customer_id: str) -> Reply:
        """Answer that nothing is pending."""
        return Reply(200, {"TotalPendingPoints": 0, "TotalPendingCashback": Decimal(0), "PendingOrders": []})

    def change_cashback(self, customer_id: str, body: bytes) -> Reply:
        """Change a balance once for a ChangeKey."""
        request = _members(body)
        value, kind, key = request.get("Value"), request.get("OperationType"), request.get("ChangeKey")
        if isinstance(value, bool) or not isinstance(value, Decimal | int) or value == 0:
            return self._refusal(400, "Value is not an amount", 16, "Points_PointsCannotBeZero")
        if kind != (0 if value > 0 else 1):
            return self._refusal(400, "OperationType does not fit the sign of Value", 9, "OperationMismatch")
        if not isinstance(key, str) or not key or not request.get("Reason"):
            return self._refusal(400, "Reason and ChangeKey are required", 7, "FieldCannotBeNullOrBlank")
        if self.books.used(key):
            return self._duplicate(key)
        if not self.books.knows(customer_id):
            return self._refusal(400, "The customer was not found", None, "Customer_NotFound")
        self.books.apply(customer_id, Decimal(value), key)
        reply = self._envelope(200, {**self._points(customer_id), "RedeemKey": key, "Error": None})
        if self.duplicates == "replay":
            self._first[key] = reply
        return reply

    def remove_checkout_cashback(self, body: bytes) -> Reply:
        """Take cashback off a checkout; the five documented codes."""
        request = _members(body)
        customer_id, checkout_id = request.get("CustomerId"), request.get("CheckoutId")
        if not isinstance(checkout_id, str) or not checkout_id:
            code = "02"
        else:
            code = self.books.remove_from_checkout(str(customer_id), checkout_id)
        name, severity = REMOVE_CHECKOUT_CASHBACK.codes[code], _SEVERITY[code]
        message = None if severity < 2 else name
        result = {"Success": code == "07", "CustomerMessage": name}
        status = 400 if severity == 2 else 200
        return self._envelope(status, result, message=message, code=code, name=name, severity=severity)

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
            "PointsBalance": int(balance * 100),
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


def _members(body: bytes) -> Mapping[str, object]:
    try:
        request = decode(body)
    except PayloadError:
        return {}
    return request if isinstance(request, dict) else {}


Route = Callable[[Provider, str, bytes], Reply]

ROUTES: Mapping[tuple[str, str], Route] = {
    ("POST", "/v1/pvt/Customer/{id}/cashback"): lambda provider, who, body: provider.change_cashback(
        who, body
    ),
    ("GET", "/v1/pvt/Customer/{id}/points"): lambda provider, who, _: provider.points(who),
    ("GET", "/v1/pvt/Customer/{id}/pendingpoints"): lambda provider, who, _: provider.pending_points(who),
    ("POST", "/v1/pvt/Checkout/redeem/remove"): lambda provider, _, body: provider.remove_checkout_cashback(
        body
    ),
}
"""Method and path of each operation, and who answers it."""


def key_of(body: bytes) -> str | None:
    """Return the ChangeKey of a request body, None if it has none."""
    key = _members(body).get("ChangeKey")
    return key if isinstance(key, str) else None
