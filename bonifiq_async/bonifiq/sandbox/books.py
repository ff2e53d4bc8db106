"""The books of record: what really happened, exactly, whatever the answers said."""

from datetime import UTC, datetime
from decimal import Decimal

from attrs import field, frozen

from bonifiq_async.bonifiq.payloads import PointDetailItem
from bonifiq_async.bonifiq.sandbox.customers import (
    Customer,
    KnownCustomers,
    customers_of,
    points_of,
    thirty_two_bits,
)
from bonifiq_async.bonifiq.sandbox.records.challenges import Challenges
from bonifiq_async.bonifiq.sandbox.records.orders import Order
from bonifiq_async.bonifiq.sandbox.records.profiles import CustomerProfile, Profiles
from bonifiq_async.bonifiq.sandbox.records.redeems import Redeems
from bonifiq_async.sandbox.keyed import KeyedBooks


@frozen
class BookedMove:
    """One change of a balance, in the order of `number`; `key` is "" where the request had none.

    `customer_reason` is what the customer is shown: without tags, None for the system's default message.
    `origin` is that of the order by which it came, None where there is none.
    """

    customer_id: str
    value: Decimal
    key: str
    reason: str = ""
    customer_reason: str | None = None
    number: int = field(default=0, eq=False)
    moment: datetime = field(factory=lambda: datetime.now(UTC), eq=False)
    origin: int | None = field(default=None, eq=False)

    @property
    def identity(self) -> int:
        """The id that answers give it."""
        return self.number

    @property
    def points(self) -> int:
        """What it is in points."""
        raise NotImplementedError

    @property
    def cashback(self) -> Decimal | None:
        """What it is in BRL, None where it moved no cashback."""
        return None

    def line(self) -> PointDetailItem:
        """Return it as a line of the customer's point history."""
        return PointDetailItem(
            id=self.identity,
            is_canceled=False,
            date_received=self.moment,
            amount=self.points,
            cashback_amount=self.cashback,
            order_origin=self.origin,
        )


@frozen
class Effected(BookedMove):
    """A change of cashback that took effect, in BRL."""

    @property
    def points(self) -> int:
        """What it is in points, to which cashback is converted."""
        return points_of(self.value)

    @property
    def cashback(self) -> Decimal:
        """The same as the value."""
        return self.value


@frozen
class PointsEffected(BookedMove):
    """A change of points that took effect: `value` is a number of points, and no money."""

    @property
    def identity(self) -> int:
        """The id that answers give it, which no change of cashback has."""
        return _FIRST_OF_POINTS + self.number

    @property
    def points(self) -> int:
        """The same as the value."""
        return thirty_two_bits(int(self.value))


_FIRST_OF_POINTS = 10**9


@frozen
class Refunded:
    """A part of an order that was cancelled: `value` in BRL of the order, which is no cashback."""

    customer_id: str
    value: Decimal
    key: str
    order: str
    number: int = field(default=0, eq=False)


class Books(KeyedBooks[Effected]):
    """BonifiQ's books of cashback by key, with its customers and checkouts.

    `points` are the books of points, `refunds` those of the parts of orders that were cancelled: no sum is
    over two of the three. Requests are counted here alone. `profiles`, `orders`, `redeems`, `challenges` and
    `affiliates` are what else the provider has written down.
    Customers are made on first use, or only `customers` exist if they are given; a mapping gives balances,
    or each a `Customer`. A balance may fall below zero: what the provider does then is not documented.
    Raises `PayloadError` for a balance that is no exact amount, and for names that are none.
    """

    def __init__(self, customers: KnownCustomers | None = None) -> None:
        self._open = customers is None
        self._customers = customers_of(() if customers is None else customers)
        super().__init__({name: each.balance for name, each in self._customers.items()})
        self._checkouts: dict[tuple[str, str], Decimal | None] = {}
        self.points: KeyedBooks[PointsEffected] = KeyedBooks()
        self.refunds: KeyedBooks[Refunded] = KeyedBooks()
        self.profiles = Profiles()
        self.orders: dict[str, Order] = {}
        self.redeems = Redeems()
        self.challenges = Challenges()
        self.affiliates: dict[str, bool] = {}
        for name in self._customers:
            self.profiles.of(name)

    def knows(self, customer_id: str) -> bool:
        """Say whether the customer exists (or would be made now)."""
        return self._open or customer_id in self._balances

    def customer(self, customer_id: str) -> Customer:
        """Return the settings of a customer in this sandbox; empty ones, where it has none."""
        return self._customers.get(customer_id, Customer())

    def apply(
        self,
        customer_id: str,
        value: Decimal,
        key: str,
        *,
        reason: str = "",
        customer_reason: str | None = None,
        origin: int | None = None,
    ) -> Effected:
        """Move money, and write it down."""
        self.profiles.of(customer_id)
        return self.record(
            key,
            lambda number: Effected(customer_id, value, key, reason, customer_reason, number, origin=origin),
        )

    def apply_points(
        self,
        customer_id: str,
        points: int,
        key: str,
        *,
        reason: str = "",
        customer_reason: str | None = None,
        origin: int | None = None,
    ) -> PointsEffected:
        """Move points, and write it down."""
        self.profiles.of(customer_id)
        return self.points.record(
            key,
            lambda number: PointsEffected(
                customer_id, Decimal(points), key, reason, customer_reason, number, origin=origin
            ),
        )

    def took_effect(self, key: str) -> tuple[str, ...]:
        """Return in words what took effect under `key`: one, or none, over cashback, points and refunds."""
        return (
            *(f"{moved.value:+f} for {moved.customer_id}" for moved in self.effects(key)),
            *(f"{moved.value:+f} points for {moved.customer_id}" for moved in self.points.effects(key)),
            *(f"{moved.value:f} of order {moved.order} refunded" for moved in self.refunds.effects(key)),
        )

    def enrol(self, customer_id: str) -> CustomerProfile:
        """Make a customer known, and return the profile."""
        self._balances.setdefault(customer_id, Decimal(0))
        return self.profiles.of(customer_id)

    def put_checkout(self, customer_id: str, checkout_id: str, amount: Decimal) -> None:
        """Open a checkout that has `amount` of the customer's cashback applied."""
        self._checkouts[customer_id, checkout_id] = amount

    def checkout(self, customer_id: str, checkout_id: str) -> Decimal | None:
        """Return the cashback on a checkout, None when there is none on it or no such checkout."""
        return self._checkouts.get((customer_id, checkout_id))

    def clear_checkout(self, customer_id: str, checkout_id: str) -> None:
        """Take the cashback off a checkout, which stays known."""
        self._checkouts[customer_id, checkout_id] = None

    def remove_from_checkout(self, customer_id: str, checkout_id: str) -> str:
        """Take the cashback off, and return the documented code of what that came to."""
        if not self.knows(customer_id):
            return "01"
        if (customer_id, checkout_id) not in self._checkouts:
            return "03"
        if self._checkouts[customer_id, checkout_id] is None:
            return "04"
        self.clear_checkout(customer_id, checkout_id)
        return "07"
