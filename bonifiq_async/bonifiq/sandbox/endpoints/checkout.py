"""Cashback on a checkout: applied once for a key, held against the cart, taken off."""

from collections.abc import Mapping
from decimal import Decimal

from attrs import frozen

from bonifiq_async.bonifiq.sandbox import judge
from bonifiq_async.bonifiq.sandbox.endpoints.redeeming import (
    NO_CASHBACK,
    Taking,
    give_back,
    participant,
    redeem,
    shown_redeem,
)
from bonifiq_async.bonifiq.sandbox.endpoints.store import Store
from bonifiq_async.bonifiq.sandbox.forms.asked import AskedMembers, RequestRefused, body_of
from bonifiq_async.bonifiq.sandbox.forms.bodies import CHECKOUT_REDEEM
from bonifiq_async.bonifiq.sandbox.judge import CODES, ERROR, SUCCESS, RemovalAsked, Said
from bonifiq_async.bonifiq.sandbox.records.program import CASHBACK_REWARD
from bonifiq_async.bonifiq.sandbox.records.redeems import MadeRedeem
from bonifiq_async.bonifiq.sandbox.used_keys import Key
from bonifiq_async.sandbox.document import MONEY
from bonifiq_async.sandbox.protocol import Reply, Request, Route

ORIGINAL_KEY = "OriginalKey"
_ABOVE_TOTAL = Said("CashbackValue is above Total", name="RewardValueExceedsPurchase")


@frozen
class CheckoutEndpoints:
    """The endpoints of checkouts."""

    store: Store

    def routes(self) -> Mapping[tuple[str, str], Route]:
        """Return method and path of each, and what answers it."""
        return {
            ("POST", "/v1/pvt/Checkout/redeem"): self.redeem,
            ("POST", "/v1/pvt/Checkout/redeem/remove"): self.remove,
            ("POST", "/v1/pvt/Checkout/redeem/refresh"): self.refresh,
        }

    def redeem(self, request: Request) -> Reply:
        """Apply cashback to a cart once for an OriginalKey; what another cart holds goes back first."""
        asked = body_of(request, CHECKOUT_REDEEM)
        named, checkout = asked.text("CustomerId"), asked.text("CheckoutId")
        key, value, total = (
            asked.key("OriginalKey"),
            asked.above_zero("CashbackValue"),
            asked.maybe_amount("Total"),
        )

        def act() -> Reply:
            customer_id = participant(self.store, named)
            made = self._applied(customer_id, checkout, key, value, total)
            return self.store.answers.done(shown_redeem(made))

        change = (named, checkout, value, total, _items(asked))
        return self.store.used.once(None if key is None else Key(ORIGINAL_KEY, key), change, act)

    def _applied(
        self, customer_id: str, checkout: str, key: str | None, value: Decimal | None, total: Decimal | None
    ) -> MadeRedeem:
        books = self.store.books
        held = books.redeems.held(customer_id)
        most = books.balance(customer_id)
        if held is not None:
            most = MONEY.add(most, held.cash)
        cash = min(most, most if total is None else total) if value is None else value
        if total is not None and cash > total:
            raise RequestRefused(_ABOVE_TOTAL)
        if not 0 < cash <= most:
            raise RequestRefused(NO_CASHBACK)
        if held is not None:
            give_back(self.store, held)
        made = redeem(self.store, Taking(customer_id, key, CASHBACK_REWARD, cash, checkout=checkout))
        books.put_checkout(customer_id, checkout, cash)
        return made

    def remove(self, request: Request) -> Reply:
        """Take cashback off a checkout; the five documented codes."""
        asked = judge.removal(request.document)
        if isinstance(asked, RemovalAsked):
            customer_id = self.store.books.profiles.named(asked.customer_id)
            held = self._held(customer_id, asked.checkout_id)
            asked = CODES[self.store.books.remove_from_checkout(customer_id, asked.checkout_id)]
            if held is not None:
                give_back(self.store, held)
        if asked.severity == ERROR:
            raise RequestRefused(asked)
        done = asked.severity == SUCCESS
        return self.store.answers.envelope(asked, {"Success": done, "CustomerMessage": asked.message})

    def refresh(self, request: Request) -> Reply:
        """Hold cashback against the cart as it is; the good case is a warning, as documented."""
        asked = judge.removal(request.document)
        if isinstance(asked, Said):
            raise RequestRefused(asked)
        books, customer_id = self.store.books, self.store.books.profiles.named(asked.customer_id)
        applied = books.checkout(customer_id, asked.checkout_id)
        if not books.knows(customer_id):
            raise RequestRefused(CODES["01"])
        if applied is None:
            return self._refreshed("04")
        if asked.total is None or applied <= asked.total:
            return self._refreshed("05")
        held = self._held(customer_id, asked.checkout_id)
        if held is not None:
            give_back(self.store, held)
        books.clear_checkout(customer_id, asked.checkout_id)
        return self._refreshed("06")

    def _held(self, customer_id: str, checkout: str) -> MadeRedeem | None:
        held = self.store.books.redeems.held(customer_id)
        return held if held is not None and held.checkout == checkout else None

    def _refreshed(self, code: str) -> Reply:
        said = judge.REFRESHED[code]
        result = {"CashbackRemoved": code == "06", "CustomerMessage": said.message}
        return self.store.answers.envelope(said, result)


def _items(asked: AskedMembers) -> tuple[object, ...]:
    return tuple(tuple(each.values.items()) for each in asked.parts("Items"))
