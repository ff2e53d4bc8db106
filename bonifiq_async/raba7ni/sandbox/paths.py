"""Raba7ni's endpoints as its pages print them: method, path, and the scope that a key needs for each."""

from collections.abc import Mapping

from attrs import frozen

READ, WRITE, CARDS = "cashback_read", "cashback_write", "card_read"
SCOPES = (READ, WRITE, CARDS)
"""What a key can be allowed to do; the sign-in of a member needs no scope."""

_CASHBACK, _CARDS = "/api/v1/cashback/cashback", "/api/v1/cashback/cards"
REGISTER = "/api/v1/auth/member/register"


@frozen
class Endpoint:
    """Where an operation is; `scope` is None where it needs none."""

    method: str
    path: str
    scope: str | None = None


ENDPOINTS: Mapping[str, Endpoint] = {
    "earn": Endpoint("POST", f"{_CASHBACK}/earn", WRITE),
    "redeem": Endpoint("POST", f"{_CASHBACK}/redeem", WRITE),
    "balance": Endpoint("GET", f"{_CASHBACK}/balance", READ),
    "history": Endpoint("GET", f"{_CASHBACK}/history", READ),
    "refund": Endpoint("POST", f"{_CASHBACK}/refund", WRITE),
    "cards": Endpoint("GET", _CARDS, CARDS),
    "card": Endpoint("GET", f"{_CARDS}/{{card_id}}", CARDS),
    "rewards": Endpoint("GET", f"{_CARDS}/{{card_id}}/rewards", CARDS),
    "check": Endpoint("POST", "/api/v1/auth/member/check"),
    "register": Endpoint("POST", REGISTER),
    "request_otp": Endpoint("POST", "/api/v1/auth/member/request-otp"),
    "verify_otp": Endpoint("POST", "/api/v1/auth/member/verify-otp"),
    "request_otp, elsewhere": Endpoint("POST", "/api/v1/members/auth/request-otp"),
    "verify_otp, elsewhere": Endpoint("POST", "/api/v1/members/auth/verify-otp"),
}
"""By operation; the pages have two paths for a one-time code."""

WRITES: Mapping[str, str] = {ENDPOINTS[name].path: name for name in ("earn", "redeem", "refund")}
SCOPE_OF: Mapping[str, str | None] = {endpoint.path: endpoint.scope for endpoint in ENDPOINTS.values()}
