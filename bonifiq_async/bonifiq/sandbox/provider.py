"""BonifiQ's side: lets a caller in, counts what comes, and has each family of endpoints answer its own."""

import hmac
import re
import secrets
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from attrs import define, field

from bonifiq_async.bonifiq.client import BasicCredentials
from bonifiq_async.bonifiq.sandbox.books import Books, Effected
from bonifiq_async.bonifiq.sandbox.endpoints.balances import BalanceEndpoints
from bonifiq_async.bonifiq.sandbox.endpoints.catalogue import CatalogueEndpoints
from bonifiq_async.bonifiq.sandbox.endpoints.checkout import CheckoutEndpoints
from bonifiq_async.bonifiq.sandbox.endpoints.customers import CustomerEndpoints
from bonifiq_async.bonifiq.sandbox.endpoints.orders import OrderEndpoints
from bonifiq_async.bonifiq.sandbox.endpoints.point_of_sale import SaleEndpoints
from bonifiq_async.bonifiq.sandbox.endpoints.reports import ReportEndpoints
from bonifiq_async.bonifiq.sandbox.endpoints.rewards import RewardEndpoints
from bonifiq_async.bonifiq.sandbox.endpoints.store import Store
from bonifiq_async.bonifiq.sandbox.envelopes import Envelopes
from bonifiq_async.bonifiq.sandbox.forms.asked import RequestRefused
from bonifiq_async.bonifiq.sandbox.judge import REFUSALS
from bonifiq_async.bonifiq.sandbox.used_keys import Duplicates, UsedKeys
from bonifiq_async.sandbox.capacity import Retention
from bonifiq_async.sandbox.keyed import KeyedSide
from bonifiq_async.sandbox.protocol import Reply, Request, RequestIdentity, Route, signed_in

_KEYS = ("ChangeKey", "OriginalKey", "CancelKey")
_FAMILIES = (
    BalanceEndpoints,
    CatalogueEndpoints,
    CheckoutEndpoints,
    CustomerEndpoints,
    OrderEndpoints,
    ReportEndpoints,
    RewardEndpoints,
    SaleEndpoints,
)


def _now() -> datetime:
    return datetime.now(UTC)


def _pin() -> str:
    return f"{secrets.randbelow(10**6):06}"


@define
class Provider(KeyedSide[Effected]):
    """BonifiQ's operations over `books`. Points are cents of cashback here, as far as they go.

    With `old_envelope` answers have only the older documentation's four members. `credentials` are those
    that are let in, `public_token` is that of the public API. `retention` says for how long a used key is
    known, `duplicates` how it is answered, `reused_key` how it is when it comes with another change (None:
    as `duplicates` says). Without `cashback_active` changes move points, and amounts of cashback are 0 or
    null. With `pin_required` a redeem at the point of sale demands a PIN that came back.
    """

    books: Books
    credentials: BasicCredentials
    duplicates: Duplicates = "replay"
    reused_key: Duplicates | None = None
    cashback_active: bool = True
    old_envelope: bool = False
    retention: Retention = field(factory=Retention)
    clock: Callable[[], float] = time.monotonic
    public_token: str = field(default="", repr=False)
    pin_required: bool = False
    now: Callable[[], datetime] = _now
    pin: Callable[[], str] = _pin
    _answers: Envelopes = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._answers = Envelopes(self.old_envelope)

    def routes(self) -> Mapping[tuple[str, str], Route]:
        """See `Speaks.routes`."""
        used = UsedKeys(
            self.books, self._answers, self.duplicates, self.reused_key, self.retention, self.clock
        )
        store = Store(
            self.books, self._answers, used, self.cashback_active, self.pin_required, self.now, self.pin
        )
        found: dict[tuple[str, str], Route] = {}
        for family in _FAMILIES:
            found |= {place: self._refusing(route) for place, route in family(store).routes().items()}
        # A path without a parameter is looked for first: Customer/upsert is no customer's.
        return dict(sorted(found.items(), key=lambda each: each[0][1].count("{")))

    def named(self, request: Request) -> RequestIdentity:
        """Return the key of the body, and the customer of the path or the body."""
        members, path = request.members(), request.parameters
        key = next((members[name] for name in _KEYS if name in members), None)
        inner = members.get("Customer")
        of_order = inner.get("OriginalId") if isinstance(inner, dict) else None
        customer = path.get("originalId") or members.get("CustomerId") or of_order or path.get("id")
        return RequestIdentity(
            key if isinstance(key, str) else None, customer if isinstance(customer, str) else None
        )

    def turned_away(self, path: str, request: Request) -> Reply | None:
        """See `Speaks.turned_away`."""
        if re.match("/v1/pub/", path):
            let_in = hmac.compare_digest(
                request.headers.get("X-BQ-ApiToken", "").encode(), self.public_token.encode()
            )
        else:
            signed = signed_in(request.headers.get("Authorization", ""))
            let_in = signed == (self.credentials.token, self.credentials.key)
        if not let_in:
            return Reply(401, {"ErrorMessage": "The credentials are not valid", "HasError": True})
        if request.body and not request.is_json():
            return self._answers.envelope(REFUSALS["content type"])
        return None

    def failure(self, status: int) -> Mapping[str, object]:
        """See `Speaks.failure`."""
        if status < 400:
            return {"HasError": False}
        return {"ErrorMessage": f"Fault {status}", "HasError": True}

    def _refusing(self, route: Route) -> Route:
        """Return an endpoint that answers what it refuses."""

        def answer(request: Request) -> Reply:
            try:
                return route(request)
            except RequestRefused as refused:
                return self._answers.envelope(refused.said, refused.result)

        return answer
