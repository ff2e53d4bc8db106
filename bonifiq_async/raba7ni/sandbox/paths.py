"""Raba7ni's endpoints as its pages print them: method, path, and the scope that a key needs for each."""

from collections.abc import Mapping

from attrs import frozen

READ, WRITE, CARDS = "cashback_read", "cashback_write", "card_read"
SCOPES = (READ, WRITE, CARDS)
"""What a key can be allowed to do; the sign-in of a member needs no scope."""

_CASHBACK, _CARDS = "/api/v1/cashback/cashback", "/api/v1/cashback/cards"
REGISTER = "/api/v1/auth/member/register"


@frozen
class Place:
    """Where an operation is; `scope` is None where it needs none."""

    method: str
    path: str
    scope: str | None = None


PLACES: Mapping[str, Place] = {
    "earn": Place("POST", f"{_CASHBACK}/earn", WRITE),
    "redeem": Place("POST", f"{_CASHBACK}/redeem", WRITE),
    "balance": Place("GET", f"{_CASHBACK}/balance", READ),
    "history": Place("GET", f"{_CASHBACK}/history", READ),
    "refund": Place("POST", f"{_CASHBACK}/refund", WRITE),
    "cards": Place("GET", _CARDS, CARDS),
    "card": Place("GET", f"{_CARDS}/{{card_id}}", CARDS),
    "rewards": Place("GET", f"{_CARDS}/{{card_id}}/rewards", CARDS),
    "check": Place("POST", "/api/v1/auth/member/check"),
    "register": Place("POST", REGISTER),
    "request_otp": Place("POST", "/api/v1/auth/member/request-otp"),
    "verify_otp": Place("POST", "/api/v1/auth/member/verify-otp"),
    "request_otp, elsewhere": Place("POST", "/api/v1/members/auth/request-otp"),
    "verify_otp, elsewhere": Place("POST", "/api/v1/members/auth/verify-otp"),
}
"""By operation; the pages have two places for a one-time code."""

WRITES: Mapping[str, str] = {PLACES[name].path: name for name in ("earn", "redeem", "refund")}
SCOPE_OF: Mapping[str, str | None] = {place.path: place.scope for place in PLACES.values()}
