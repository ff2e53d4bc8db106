"""BonifiQ's sandbox, as users start it."""

import secrets
from decimal import Decimal
from typing import get_args

from bonifiq_async._model.errors import ConfigurationError
from bonifiq_async.bonifiq.client import BasicCredentials
from bonifiq_async.bonifiq.sandbox.books import Books
from bonifiq_async.bonifiq.sandbox.customers import Customers
from bonifiq_async.bonifiq.sandbox.endpoints import Duplicates, Provider
from bonifiq_async.sandbox.report import Account, Under, holds, once, report
from bonifiq_async.sandbox.script import FaultScript
from bonifiq_async.sandbox.server import Environment, Server


class Sandbox(Server):
    """BonifiQ on this machine, for `BonifiQClient(sandbox.credentials, base_url=sandbox.url)`.

    `duplicates` says how a used key is answered; `reused_key`, with the same words, how one is that comes
    with another change: another customer, amount or text (None: as `duplicates` says). `faults` say what
    goes wrong. `customers` (none: every customer exists) are those that are known: ids, or a mapping of ids
    to balances, or to `Customer`s with pending orders, a history and the like. Without `cashback_active` a
    change moves points alone: balances of cashback are 0, and pending cashback is null. `old_envelope`
    leaves out of answers what the older documentation does not have. `port` 0 takes a free one. It listens
    on 127.0.0.1 alone. Raises `ConfigurationError` or `PayloadError` for what cannot be meant.
    """

    def __init__(
        self,
        *,
        duplicates: Duplicates = "replay",
        reused_key: Duplicates | None = None,
        faults: FaultScript | None = None,
        customers: Customers | None = None,
        cashback_active: bool = True,
        old_envelope: bool = False,
        credentials: BasicCredentials | None = None,
        port: int = 0,
    ) -> None:
        for name, value in (("duplicates", duplicates), ("reused_key", reused_key or duplicates)):
            if value not in get_args(Duplicates):
                raise ConfigurationError(
                    f"{name} cannot be {value!r}; there are: {', '.join(get_args(Duplicates))}."
                )
        self.books = Books(customers)
        self.credentials = credentials or BasicCredentials("sandbox", secrets.token_hex(8))
        faults = FaultScript() if faults is None else faults
        provider = Provider(
            self.books,
            self.credentials,
            duplicates,
            reused_key,
            cashback_active,
            old_envelope,
            faults.retention,
        )
        super().__init__(provider, faults=faults, port=port)

    def environment(self) -> Environment:
        """Return the settings with which `BonifiQClient.from_env()` comes here. The key is among them."""
        return Environment(
            BONIFIQ_BASE_URL=self.url,
            BONIFIQ_API_TOKEN=self.credentials.token,
            BONIFIQ_API_KEY=self.credentials.key,
        )

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
            if any(effect.customer_id == customer_id for effect in self.books.effects(key))
        ]
        holds(customer_id, self.books.balance(customer_id), amount, moved_by)

    def report(self) -> str:
        """Return the last requests, the balances that changed and what came of each key, without secrets."""
        opened = self.books.opened
        accounts = [
            Account(name, opened.get(name, Decimal(0)), now) for name, now in self.books.balances().items()
        ]
        return report(self.journal.last(), accounts, list(map(self._under, self.books.keys())))

    def _under(self, key: str) -> Under:
        effects = [f"{effect.value:+f} for {effect.customer_id}" for effect in self.books.effects(key)]
        return Under(key, self.books.requests_for(key), effects)
