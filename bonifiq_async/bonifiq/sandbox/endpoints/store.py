"""What all endpoints work on: the books, the store's settings, the used keys; balances as they are shown."""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal

from attrs import frozen

from bonifiq_async.bonifiq.sandbox.books import BookedMove, Books
from bonifiq_async.bonifiq.sandbox.customers import CENTS, expiring, history_line, points_of, thirty_two_bits
from bonifiq_async.bonifiq.sandbox.envelopes import Envelopes
from bonifiq_async.bonifiq.sandbox.forms.asked import RequestRefused
from bonifiq_async.bonifiq.sandbox.judge import REFUSALS
from bonifiq_async.bonifiq.sandbox.records.orders import Order
from bonifiq_async.bonifiq.sandbox.used_keys import UsedKeys
from bonifiq_async.sandbox.document import MONEY, is_text


@frozen
class Store:
    """A store with its customers. `now` is the time, `pin` makes the PIN of a challenge.

    With `pin_required` a redeem at the point of sale demands a PIN that came back.
    """

    books: Books
    answers: Envelopes
    used: UsedKeys
    cashback_active: bool
    pin_required: bool
    now: Callable[[], datetime]
    pin: Callable[[], str]

    def customer(self, named: object) -> str:
        """Return the id of a customer that exists; raise `RequestRefused` for any other."""
        if not is_text(named):
            raise RequestRefused(REFUSALS["customer"])
        customer_id = self.books.profiles.named(named)
        if not self.books.knows(customer_id):
            raise RequestRefused(REFUSALS["customer"])
        return customer_id

    def shown_points(self, customer_id: str) -> int:
        """Return a balance in points: cashback is converted to points, and points stand beside it."""
        points = int(self.books.points.balance(customer_id))
        return thirty_two_bits(points_of(self.books.balance(customer_id)) + points)

    def shown_cashback(self, customer_id: str) -> Decimal:
        """Return a balance in BRL, 0 where cashback is off."""
        return self.books.balance(customer_id) if self.cashback_active else Decimal(0)

    def points(self, customer_id: str, *, history: bool = False) -> Mapping[str, object]:
        """Return a balance (schema CustomerPointsResponse), and with `history` what the books hold.

        The answer to a change has none of that: it would be longer with every change.
        """
        known = self.books.customer(customer_id)
        made = [each.line() for each in self.moved(customer_id)] if history else []
        return {
            "CustomerExists": self.books.knows(customer_id),
            "InternalId": f"sandbox-{customer_id}",
            "PointsBalance": self.shown_points(customer_id),
            "PointsToExpire": [expiring(points) for points in known.points_to_expire],
            "CashbackBalance": self.shown_cashback(customer_id),
            "RedeemKey": known.redeem_key,
            "PointHistory": [
                history_line(line, cashback_active=self.cashback_active)
                for line in (*known.point_history, *made)
            ],
            "Name": self.name(customer_id),
        }

    def name(self, customer_id: str) -> str:
        """Return the name of a customer, which is the id where there is no other."""
        profile = self.books.profiles.find(customer_id)
        given = None if profile is None else profile.name
        return self.books.customer(customer_id).name or given or customer_id

    def moved(self, customer_id: str) -> list[BookedMove]:
        """Return what moved a customer's cashback and points, oldest first."""
        moved = [*self.books.changes_of(customer_id), *self.books.points.changes_of(customer_id)]
        return sorted(moved, key=lambda each: each.moment)

    def grant(self, order: Order, points: int) -> None:
        """Give what so many points of an order are, or take it back where it is below zero.

        A store with cashback gives cashback for its orders, any other one points.
        """
        if not points:
            return
        customer_id, reason = order.customer_id, f"order {order.original_id}"
        moved: BookedMove
        if self.cashback_active:
            moved = self.books.apply(customer_id, self.worth(points), "", reason=reason, origin=order.origin)
        else:
            moved = self.books.apply_points(customer_id, points, "", reason=reason, origin=order.origin)
        order.moves.append(moved.identity)

    def worth(self, points: int) -> Decimal:
        """Return what points are as cashback, 0 where cashback is off."""
        return MONEY.divide(Decimal(points), CENTS) if self.cashback_active else Decimal(0)
