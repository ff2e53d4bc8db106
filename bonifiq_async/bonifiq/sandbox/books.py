"""The books of record: what really happened, exactly, whatever the answers said."""

import threading
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

from attrs import field, frozen

from bonifiq_async.bonifiq.payloads import PointDetailItem
from bonifiq_async.bonifiq.sandbox.customers import Customer, Customers, customers_of, points_of
from bonifiq_async.sandbox.document import MONEY


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


class Books:
    """Balances, effects by key, and a count of requests. Safe to read from any thread.

    Customers are made on first use, or only `customers` exist if they are given; a mapping gives balances,
    or each a `Customer`. A balance may fall below zero: what the provider does then is not documented.
    `repeats` are the requests that met no fault though one with their key had met none before: only who
    lost that answer, as in a crash, asks again.
    Raises `PayloadError` for a balance that is no exact amount, and for names that are none.
    """

    def __init__(self, customers: Customers | None = None) -> None:
        self._lock = threading.Lock()
        self._open = customers is None
        self._customers = customers_of(() if customers is None else customers)
        self.opened: Mapping[str, Decimal] = {name: each.balance for name, each in self._customers.items()}
        self._balances = dict(self.opened)
        self._effects: dict[str, list[Effected]] = {}
        self._of: dict[str, list[Effected]] = {}
        self._history: list[Effected] = []
        self._keys_seen: Counter[str] = Counter()
        self._checkouts: dict[tuple[str, str], Decimal | None] = {}
        self._answered: set[str] = set()
        self.requests = 0
        self.repeats = 0

    def knows(self, customer_id: str) -> bool:
        """Say whether the customer exists (or would be made now)."""
        return self._open or customer_id in self._balances

    def customer(self, customer_id: str) -> Customer:
        """Return what the sandbox was told of a customer; nothing, where it was told nothing."""
        return self._customers.get(customer_id, Customer())

    def balance(self, customer_id: str) -> Decimal:
        """Return the cashback balance of a customer, 0 for an unknown one."""
        return self._balances.get(customer_id, Decimal(0))

    def balances(self) -> dict[str, Decimal]:
        """Return every balance."""
        with self._lock:
            return dict(self._balances)

    def effects(self, key: str) -> tuple[Effected, ...]:
        """Return what took effect under `key`: one, or none; two would be money moved twice."""
        with self._lock:
            return tuple(self._effects.get(key, ()))

    def history(self) -> tuple[Effected, ...]:
        """Return all that took effect, oldest first."""
        with self._lock:
            return tuple(self._history)

    def changes_of(self, customer_id: str) -> tuple[Effected, ...]:
        """Return what took effect for a customer, oldest first."""
        with self._lock:
            return tuple(self._of.get(customer_id, ()))

    def requests_for(self, key: str) -> int:
        """Return how many requests came with `key`."""
        return self._keys_seen[key]

    def keys(self) -> tuple[str, ...]:
        """Return every key that a request came with."""
        with self._lock:
            return tuple(self._keys_seen)

    def arrived(self, key: str | None) -> None:
        """Count a request."""
        with self._lock:
            self.requests += 1
            if key is not None:
                self._keys_seen[key] += 1

    def answered(self, key: str | None) -> None:
        """Count a request that met no fault."""
        with self._lock:
            self.repeats += key in self._answered
            if key is not None:
                self._answered.add(key)

    def used(self, key: str) -> bool:
        """Say whether something took effect under `key`."""
        return key in self._effects

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
        with self._lock:
            self._balances[customer_id] = MONEY.add(self.balance(customer_id), value)
            number = len(self._history) + 1
            effected = Effected(customer_id, value, key, reason, customer_reason, number)
            for index, name in ((self._effects, key), (self._of, customer_id)):
                index.setdefault(name, []).append(effected)
            self._history.append(effected)
            return effected

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
