"""The sandboxes that users start: one for each provider."""

import secrets
from collections.abc import Iterable
from decimal import Decimal
from typing import get_args

from bonifiq_async.bonifiq.client import BasicCredentials
from bonifiq_async.errors import ConfigurationError
from bonifiq_async.raba7ni.client import Raba7niCredentials
from bonifiq_async.raba7ni.member import MemberToken
from bonifiq_async.sandbox.books import Books
from bonifiq_async.sandbox.customers import Customers
from bonifiq_async.sandbox.load import Retention
from bonifiq_async.sandbox.provider import Duplicates, Provider
from bonifiq_async.sandbox.raba7ni import Raba7ni
from bonifiq_async.sandbox.raba7ni_places import SCOPES
from bonifiq_async.sandbox.report import Account, Under, holds, once, report, several
from bonifiq_async.sandbox.script import FaultScript
from bonifiq_async.sandbox.server import Server
from bonifiq_async.sandbox.wallets import Cards, Wallets
from bonifiq_async.secret import MASK


class Environment(dict[str, str]):
    """Variables by name. The repr, which a failing test prints, has the values of addresses alone."""

    def __repr__(self) -> str:
        return repr({name: value if name.endswith("_URL") else MASK for name, value in self.items()})


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


class Raba7niSandbox(Server):
    """Raba7ni on this machine, for `Raba7niClient(sandbox.credentials, base_url=sandbox.url)`.

    `cards` are percentages by card id (default: card 10 gives 5), or `CashbackConfig`s with the bounds that
    a card names; to what a bound applies is not documented, so that none is applied. `members` (none: every
    id exists) are the ids that are known; e-mails and phones are known once they have earned or registered.
    `scopes` are those of the key. `faults` say what goes wrong. It listens on 127.0.0.1 alone; `port` 0 takes
    a free one.
    Raises `ConfigurationError` or `PayloadError` for what cannot be meant.
    """

    def __init__(
        self,
        *,
        cards: Cards | None = None,
        members: Iterable[int] | None = None,
        scopes: Iterable[str] = SCOPES,
        faults: FaultScript | None = None,
        credentials: Raba7niCredentials | None = None,
        port: int = 0,
    ) -> None:
        allowed = several(scopes, "scopes")
        for scope in allowed:
            if scope not in SCOPES:
                raise ConfigurationError(f"No scope is called {scope}; there are: {', '.join(SCOPES)}.")
        if faults is not None and faults.retention != Retention():
            raise ConfigurationError("Raba7ni knows no keys: no script can say when one is forgotten.")
        self.books = Wallets({10: 5} if cards is None else cards, members)
        self.credentials = credentials or Raba7niCredentials("app_sandbox", f"test_{secrets.token_hex(8)}")
        provider = Raba7ni(self.books, self.credentials, frozenset(allowed))
        super().__init__(provider, faults=faults, port=port)

    def sign_in(self, member_id: int) -> MemberToken:
        """Return a token of a member, as a right one-time code yields it."""
        return MemberToken(self.books.token_for(member_id))

    def environment(self) -> Environment:
        """Return the settings with which `Raba7niClient.from_env()` comes here. The key is among them."""
        return Environment(
            RABA7NI_BASE_URL=self.url,
            RABA7NI_APP_ID=self.credentials.app_id,
            RABA7NI_API_KEY=self.credentials.api_key,
        )

    def assert_applied_once(self, operation: str, reference: str | None) -> None:
        """Raise `AssertionError` unless one `earn`, `redeem` or `refund` took effect under `reference`."""
        __tracebackhide__ = True
        once(self._under(operation, reference))

    def assert_balance(self, card_id: int, member_id: int, amount: Decimal | int) -> None:
        """Raise `AssertionError`, saying what moved it, unless the member has `amount` on the card."""
        __tracebackhide__ = True
        place = (card_id, member_id)
        keys = [
            self._under(*key)
            for key in self.books.references()
            if any((moved.card_id, moved.member_id) == place for moved in self.books.effects(*key))
        ]
        holds(_holder(*place), self.books.balance(*place), amount, keys)

    def report(self) -> str:
        """Return the last requests, the balances that changed and what came of each key, without secrets."""
        accounts = [Account(_holder(*place), Decimal(0), now) for place, now in self.books.balances().items()]
        keys = [self._under(*key) for key in self.books.references()]
        return report(self.journal.last(), accounts, keys)

    def _under(self, operation: str, reference: str | None) -> Under:
        effects = [
            f"{moved.amount:+f} for {_holder(moved.card_id, moved.member_id)}"
            for moved in self.books.effects(operation, reference)
        ]
        requests = self.books.requests_for(operation, reference)
        return Under(f"{operation} {reference}", requests, effects)


def _holder(card_id: int, member_id: int) -> str:
    return f"member {member_id} on card {card_id}"
