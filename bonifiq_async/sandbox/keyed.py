"""What sandboxes share whose provider counts a change once for a key: the books, and what they tell."""

import threading
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Generic, Protocol, TypeVar

from attrs import frozen

from bonifiq_async.sandbox.document import MONEY
from bonifiq_async.sandbox.protocol import Booked, Request, RequestIdentity
from bonifiq_async.sandbox.report import BalanceReport, Under, holds, once, report
from bonifiq_async.sandbox.server import Server


class KeyedEffect(Protocol):
    """One change that took effect."""

    @property
    def customer_id(self) -> str: ...
    @property
    def value(self) -> Decimal: ...


@frozen
class PlainEffect:
    """A change of which no more is written down than whose it is, its signed amount, and its number."""

    customer_id: str
    value: Decimal
    number: int


M = TypeVar("M", bound=KeyedEffect)
NOTHING: Mapping[str, Decimal] = {}


class KeyedBooks(Generic[M]):
    """Balances, effects by key, and a count of requests. Safe to read from any thread.

    `opened` are the balances to begin with; a balance may fall below zero. `repeats` are the requests that
    met no fault though one with their key had met none before: only a caller that lost that answer, as in a
    crash, asks again.
    """

    def __init__(self, opened: Mapping[str, Decimal] = NOTHING) -> None:
        self._lock = threading.Lock()
        self.opened = opened
        self._balances = dict(opened)
        self._effects: dict[str, list[M]] = {}
        self._of: dict[str, list[M]] = {}
        self._history: list[tuple[str, M]] = []
        self._keys_seen: Counter[str] = Counter()
        self._answered: set[str] = set()
        self.requests = 0
        self.repeats = 0

    def balance(self, customer_id: str) -> Decimal:
        """Return the balance of a customer, 0 for an unknown one."""
        return self._balances.get(customer_id, Decimal(0))

    def balances(self) -> dict[str, Decimal]:
        """Return every balance."""
        with self._lock:
            return dict(self._balances)

    def effects(self, key: str) -> tuple[M, ...]:
        """Return what took effect under `key`: one, or none; two would be money moved twice."""
        with self._lock:
            return tuple(self._effects.get(key, ()))

    def history(self) -> tuple[M, ...]:
        """Return all that took effect, oldest first."""
        return tuple(moved for _, moved in self.history_by_key())

    def history_by_key(self) -> tuple[tuple[str, M], ...]:
        """Return the same, each with its key."""
        with self._lock:
            return tuple(self._history)

    def changes_of(self, customer_id: str) -> tuple[M, ...]:
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

    def record(self, key: str, make: Callable[[int], M]) -> M:
        """Move money under `key`, and write down what `make` returns for the number of the change."""
        with self._lock:
            moved = make(len(self._history) + 1)
            self._balances[moved.customer_id] = MONEY.add(self.balance(moved.customer_id), moved.value)
            self._effects.setdefault(key, []).append(moved)
            self._of.setdefault(moved.customer_id, []).append(moved)
            self._history.append((key, moved))
            return moved


class KeyedSide(ABC, Generic[M]):
    """A provider's side that counts every request in `books`, under its key. See `Speaks`."""

    books: KeyedBooks[M]

    @abstractmethod
    def named(self, request: Request) -> RequestIdentity:
        """Return the key and the customer that a request names."""

    def arrived(self, path: str, request: Request) -> RequestIdentity:
        """See `Speaks.arrived`."""
        names = self.named(request)
        self.books.arrived(names.key)
        return names

    def answered(self, key: str | None) -> None:
        """See `Speaks.answered`."""
        self.books.answered(key)


class KeyedSandbox(Server, Generic[M]):
    """A sandbox whose `books` are by key."""

    books: KeyedBooks[M]

    def booked(self) -> Sequence[Booked]:
        """See `Server.booked`."""
        return [Booked(moved.customer_id, moved.value, key) for key, moved in self.books.history_by_key()]

    def balances(self) -> Mapping[str, Decimal]:
        """See `Server.balances`."""
        return self.books.balances()

    def assert_applied_once(self, key: str) -> None:
        """Raise `AssertionError` unless exactly one change took effect under `key`."""
        __tracebackhide__ = True
        once(self._under(key))

    def assert_balance(self, customer_id: str, amount: Decimal | int) -> None:
        """Raise `AssertionError`, saying what moved it, unless the customer has `amount`."""
        __tracebackhide__ = True
        seen = self.books.keys()
        moved_by = [
            self._under(key)
            for key in seen
            if any(moved.customer_id == customer_id for moved in self.books.effects(key))
        ]
        holds(customer_id, self.books.balance(customer_id), amount, moved_by)

    def report(self) -> str:
        """Return the last requests, the balances that changed and what came of each key, without secrets."""
        return report(self.journal.last(), self._accounts(), list(map(self._under, self.books.keys())))

    def _accounts(self) -> list[BalanceReport]:
        opened = self.books.opened
        return [
            BalanceReport(name, opened.get(name, Decimal(0)), now)
            for name, now in self.books.balances().items()
        ]

    def _under(self, key: str) -> Under:
        effects = [f"{moved.value:+f} for {moved.customer_id}" for moved in self.books.effects(key)]
        return Under(key, self.books.requests_for(key), effects)
