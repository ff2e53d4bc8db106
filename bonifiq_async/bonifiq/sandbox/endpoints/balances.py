"""Balances, and the changes of cashback and points."""

from collections.abc import Mapping

from attrs import frozen

from bonifiq_async.bonifiq.sandbox import judge
from bonifiq_async.bonifiq.sandbox.customers import pending_points
from bonifiq_async.bonifiq.sandbox.endpoints.orders import pending_of
from bonifiq_async.bonifiq.sandbox.endpoints.store import Store
from bonifiq_async.bonifiq.sandbox.forms.asked import AskedMembers, RequestRefused, body_of
from bonifiq_async.bonifiq.sandbox.forms.bodies import CHANGE_POINTS
from bonifiq_async.bonifiq.sandbox.judge import REFUSALS, CashbackChangeAsked, Said
from bonifiq_async.bonifiq.sandbox.used_keys import CHANGE_KEY, Key
from bonifiq_async.sandbox.protocol import Reply, Request, Route

_ADD, _REMOVE = 0, 1


@frozen
class BalanceEndpoints:
    """The endpoints of balances."""

    store: Store

    def routes(self) -> Mapping[tuple[str, str], Route]:
        """Return method and path of each, and what answers it."""
        return {
            ("POST", "/v1/pvt/Customer/{id}/cashback"): self.change_cashback,
            ("POST", "/v1/pvt/Customer/{id}/points"): self.change_points,
            ("GET", "/v1/pvt/Customer/{id}/points"): self.points,
            ("GET", "/v1/pub/Customer/{id}/points"): self.points,
            ("GET", "/v1/pvt/Customer/{id}/pendingpoints"): self.pending_points,
        }

    def points(self, request: Request) -> Reply:
        """Answer a balance; an unknown customer has `CustomerExists` false."""
        return Reply(200, self.store.points(self._named(request), history=True))

    def pending_points(self, request: Request) -> Reply:
        """Answer the pending orders: those of the sandbox's settings, and those that came in."""
        customer_id, books = self._named(request), self.store.books
        orders = (*books.customer(customer_id).pending_orders, *pending_of(books, customer_id))
        return Reply(200, pending_points(orders, cashback_active=self.store.cashback_active))

    def change_cashback(self, request: Request) -> Reply:
        """Change a balance of cashback once for a ChangeKey."""
        asked = judge.cashback_change(request.document)
        if isinstance(asked, Said):
            raise RequestRefused(asked)

        def act(asked: CashbackChangeAsked = asked) -> Reply:
            customer_id = self.store.customer(named)
            moved = self.store.books.apply(
                customer_id,
                asked.value,
                asked.key or "",
                reason=asked.reason,
                customer_reason=asked.customer_reason,
            )
            return self._changed(customer_id, f"redeem-{moved.number}")

        named = self._named(request)
        return self.store.used.once(_key(asked.key), (named, asked), act)

    def change_points(self, request: Request) -> Reply:
        """Change a balance of points once for a ChangeKey."""
        asked = body_of(request, CHANGE_POINTS)
        points, key, reason = asked.whole("Points"), asked.key("ChangeKey"), asked.text("Reason")
        if points == 0:
            raise RequestRefused(REFUSALS["zero"])
        if asked.whole("OperationType") != (_ADD if points > 0 else _REMOVE):
            raise RequestRefused(REFUSALS["operation"])
        shown = _shown(asked)

        def act() -> Reply:
            customer_id = self.store.customer(named)
            moved = self.store.books.apply_points(
                customer_id, points, key or "", reason=reason, customer_reason=shown
            )
            return self._changed(customer_id, f"redeem-points-{moved.number}")

        named = self._named(request)
        return self.store.used.once(_key(key), (named, points, reason, shown), act)

    def _named(self, request: Request) -> str:
        return self.store.books.profiles.named(request.parameters["id"])

    def _changed(self, customer_id: str, redeem_key: str) -> Reply:
        return self.store.answers.done(
            {**self.store.points(customer_id), "RedeemKey": redeem_key, "Error": None}
        )


def _key(key: str | None) -> Key | None:
    return None if key is None else Key(CHANGE_KEY, key)


def _shown(asked: AskedMembers) -> str | None:
    """Return the reason that the customer is shown: without tags, None for the default system message."""
    plain = judge.without_tags(asked.maybe_text("CustomerReason") or "")
    if len(plain) > judge.LONGEST_CUSTOMER_REASON:
        raise RequestRefused(REFUSALS["long customer reason"])
    return plain if plain.strip() else None
