"""BonifiQ's sandbox, as users start it."""

import secrets
from decimal import Decimal
from typing import get_args

from bonifiq_async._model.errors import ConfigurationError
from bonifiq_async.bonifiq import PROVIDER
from bonifiq_async.bonifiq.client import BasicCredentials
from bonifiq_async.bonifiq.sandbox.books import Books, Effected
from bonifiq_async.bonifiq.sandbox.customers import KnownCustomers
from bonifiq_async.bonifiq.sandbox.provider import Provider
from bonifiq_async.bonifiq.sandbox.used_keys import Duplicates
from bonifiq_async.bonifiq.sandbox.webhooks import Webhooks
from bonifiq_async.sandbox.keyed import KeyedSandbox
from bonifiq_async.sandbox.report import BalanceReport, Under
from bonifiq_async.sandbox.script import FaultScript


class Sandbox(KeyedSandbox[Effected]):
    """BonifiQ on this machine, for `BonifiQClient(sandbox.credentials, base_url=sandbox.url)`.

    `duplicates` says how a used key is answered; `reused_key`, with the same words, how one is that comes
    with another change: another customer, amount or text (None: as `duplicates` says). `faults` say what
    goes wrong. `customers` (none: every customer exists) are those that are known: ids, or a mapping of ids
    to balances, or to `Customer`s with pending orders, a history and the like. Without `cashback_active` a
    change moves points alone: balances of cashback are 0, and pending cashback is null. `old_envelope`
    leaves out of answers what the older documentation does not have. With `pin_required` a redeem at the
    point of sale demands a PIN that came back. `public_token` is the token of the public API.
    `port` 0 takes a free one. It listens on 127.0.0.1 alone. `webhooks.deliver(url)` posts what stands in
    the books. Raises `ConfigurationError` or `PayloadError` for what cannot be meant.
    """

    SPEC = PROVIDER
    credentials: BasicCredentials

    def __init__(
        self,
        *,
        duplicates: Duplicates = "replay",
        reused_key: Duplicates | None = None,
        faults: FaultScript | None = None,
        customers: KnownCustomers | None = None,
        cashback_active: bool = True,
        old_envelope: bool = False,
        pin_required: bool = False,
        credentials: BasicCredentials | None = None,
        public_token: str | None = None,
        port: int = 0,
    ) -> None:
        for name, value in (("duplicates", duplicates), ("reused_key", reused_key or duplicates)):
            if value not in get_args(Duplicates):
                raise ConfigurationError(
                    f"{name} cannot be {value!r}; there are: {', '.join(get_args(Duplicates))}."
                )
        self.books: Books = Books(customers)
        self.webhooks = Webhooks(self.books)
        self.credentials = credentials or BasicCredentials("sandbox", secrets.token_hex(8))
        self.public_token = public_token or secrets.token_hex(8)
        faults = FaultScript() if faults is None else faults
        provider = Provider(
            self.books,
            self.credentials,
            duplicates,
            reused_key,
            cashback_active,
            old_envelope,
            faults.retention,
            public_token=self.public_token,
            pin_required=pin_required,
        )
        super().__init__(provider, faults=faults, port=port)

    def _accounts(self) -> list[BalanceReport]:
        points = self.books.points.balances()
        in_points = [BalanceReport(f"{name}, points", Decimal(0), now) for name, now in points.items()]
        return [*super()._accounts(), *in_points]

    def _under(self, key: str) -> Under:
        return Under(key, self.books.requests_for(key), self.books.took_effect(key))
