"""The books of record: what really happened, exactly, whatever the answers said."""

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal

from attrs import frozen

from bonifiq_async import door
from bonifiq_async.errors import PayloadError
from bonifiq_async.money import EXACT
from bonifiq_async.sandbox.report import exact, several


@frozen
class Effected:
    """One change that took effect."""

    customer_id: str
    value: Decimal
    key: str


class Books:
    """Balances, effects by key, and a count of requests. Safe to read from any thread.

    Customers are made on first use, or only `customers` exist if they are given; a mapping gives their
    balances, too. A balance may fall below zero: what the provider does then is not documented.
    `repeats` are the requests that met no fault though one with their key had met none before: only who
    lost that answer, as in a crash, asks again.
    Raises `PayloadError` for a balance that is no exact amount, and for names that are none.
    """

    def __init__(self, customers: Iterable[str] | Mapping[str, Decimal | int] | None = None) -> None:
        self._lock = threading.Lock()
        self._open = customers is None
        self.opened: Mapping[str, Decimal] = _opened(customers or ())
        self._balances = dict(self.opened)
        self._effects: dict[str, list[Effected]] = {}
        self._history: list[Effected] = []
        self._keys_seen: Counter[str] = Counter()
        self._checkouts: dict[tuple[str, str], Decimal | None] = {}
        self._answered: set[str] = set()
        self.requests = 0
        self.repeats = 0

    def knows(self, customer_id: str) -> bool:
        """Say whether the customer exists (or would be made now)."""
        return self._open or customer_id in self._balances

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

    def apply(self, customer_id: str, value: Decimal, key: str) -> None:
        """Move money, and write it down."""
        with self._lock:
            self._balances[customer_id] = EXACT.add(self.balance(customer_id), value)
            effected = Effected(customer_id, value, key)
            self._effects.setdefault(key, []).append(effected)
            self._history.append(effected)

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


def _opened(customers: Iterable[str] | Mapping[str, Decimal | int]) -> dict[str, Decimal]:
    if isinstance(customers, str):
        raise PayloadError("customers must be several names, not one string", path="customers")
    if not isinstance(customers, Mapping):
        return dict.fromkeys(several(customers, "customers"), Decimal(0))
    return {name: _balance(amount, f"customers[{name!r}]") for name, amount in customers.items()}


def _balance(amount: Decimal | int, field: str) -> Decimal:
    balance = exact(amount, field)
    door.total(balance.copy_abs(), field)
    return balance
