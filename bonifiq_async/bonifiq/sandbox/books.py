"""The books of record: what really happened, exactly, whatever the answers said."""

from datetime import UTC, datetime
from decimal import Decimal

from attrs import field, frozen

from bonifiq_async.bonifiq.payloads import PointDetailItem
from bonifiq_async.bonifiq.sandbox.customers import Customer, KnownCustomers, customers_of, points_of
from bonifiq_async.sandbox.keyed import KeyedBooks


@frozen
class Effected:
    """One change that took effect, in the order of `number`; `key` is "" where the request had none.

    `customer_reason` is what the customer is shown: without tags, None for the system's default message.
    """

    customer_id: str
    value: Decimal
    key: str
    reason: str = ""
    customer_reason: str | None = None
    number: int = field(default=0, eq=False)
    moment: datetime = field(factory=lambda: datetime.now(UTC), eq=False)

    def line(self) -> PointDetailItem:
        """Return it as a line of the customer's point history."""
        return PointDetailItem(
            id=self.number,
            is_canceled=False,
            date_received=self.moment,
            amount=points_of(self.value),
            cashback_amount=self.value,
        )


class Books(KeyedBooks[Effected]):
    """BonifiQ's books by ChangeKey, with its customers and checkouts.

    Customers are made on first use, or only `customers` exist if they are given; a mapping gives balances,
    or each a `Customer`. A balance may fall below zero: what the provider does then is not documented.
    Raises `PayloadError` for a balance that is no exact amount, and for names that are none.
    """

    def __init__(self, customers: KnownCustomers | None = None) -> None:
        self._open = customers is None
        self._customers = customers_of(() if customers is None else customers)
        super().__init__({name: each.balance for name, each in self._customers.items()})
        self._checkouts: dict[tuple[str, str], Decimal | None] = {}

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
    ) -> Effected:
        """Move money, and write it down."""
        return self.record(
            key, lambda number: Effected(customer_id, value, key, reason, customer_reason, number)
        )

    def put_checkout(self, customer_id: str, checkout_id: str, amount: Decimal) -> None:
        """Open a checkout that has `amount` of the customer's cashback applied."""
        self._checkouts[customer_id, checkout_id] = amount

    def checkout(self, customer_id: str, checkout_id: str) -> Decimal | None:
        """Return the cashback on a checkout, None when there is none on it or no such checkout."""
        return self._checkouts.get((customer_id, checkout_id))

    def remove_from_checkout(self, customer_id: str, checkout_id: str) -> str:
        """Take the cashback off, and return the documented code of what that came to."""
        if not self.knows(customer_id):
            return "01"
        if (customer_id, checkout_id) not in self._checkouts:
            return "03"
        if self._checkouts[customer_id, checkout_id] is None:
            return "04"
        self._checkouts[customer_id, checkout_id] = None
        return "07"
