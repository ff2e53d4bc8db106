"""The sandboxes that users start: one for each provider."""

import secrets
from collections.abc import Iterable, Mapping
from decimal import Decimal

from bonifiq_async.bonifiq.client import BasicCredentials
from bonifiq_async.errors import ConfigurationError
from bonifiq_async.raba7ni.client import Raba7niCredentials
from bonifiq_async.raba7ni.member import MemberToken
from bonifiq_async.sandbox.books import Books
from bonifiq_async.sandbox.load import Retention
from bonifiq_async.sandbox.provider import Duplicates, Provider
from bonifiq_async.sandbox.raba7ni import SCOPES, Raba7ni
from bonifiq_async.sandbox.script import FaultScript
from bonifiq_async.sandbox.server import Server
from bonifiq_async.sandbox.wallets import Wallets


class Sandbox(Server):
    """BonifiQ on this machine, for `BonifiQClient(sandbox.credentials, base_url=sandbox.url)`.

    `duplicates` says how a used key is answered, `faults` what goes wrong. `customers` (none: every
    customer exists) are who is known. `port` 0 takes a free one. It listens on 127.0.0.1 alone.
    """

    def __init__(
        self,
        *,
        duplicates: Duplicates = "replay",
        faults: FaultScript | None = None,
        customers: Iterable[str] | None = None,
        old_envelope: bool = False,
        credentials: BasicCredentials | None = None,
        port: int = 0,
    ) -> None:
        self.books = Books(customers)
        self.credentials = credentials or BasicCredentials("sandbox", secrets.token_hex(8))
        faults = FaultScript() if faults is None else faults
        provider = Provider(self.books, self.credentials.header(), duplicates, old_envelope, faults.retention)
        super().__init__(provider, faults=faults, port=port)


class Raba7niSandbox(Server):
    """Raba7ni on this machine, for `Raba7niClient(sandbox.credentials, base_url=sandbox.url)`.

    `cards` are percentages by card id (default: card 10 gives 5). `members` (none: every id exists) are
    the ids that are known; e-mails and phones are known once they have earned or registered. `scopes` are
    those of the key. `faults` say what goes wrong. It listens on 127.0.0.1 alone; `port` 0 takes a free one.
    """

    def __init__(
        self,
        *,
        cards: Mapping[int, Decimal | int] | None = None,
        members: Iterable[int] | None = None,
        scopes: Iterable[str] = SCOPES,
        faults: FaultScript | None = None,
        credentials: Raba7niCredentials | None = None,
        port: int = 0,
    ) -> None:
        if faults is not None and faults.retention != Retention():
            raise ConfigurationError("Raba7ni knows no keys: no script can say when one is forgotten.")
        self.books = Wallets({10: 5} if cards is None else cards, members)
        self.credentials = credentials or Raba7niCredentials("app_sandbox", f"test_{secrets.token_hex(8)}")
        provider = Raba7ni(self.books, self.credentials.headers(), frozenset(scopes))
        super().__init__(provider, faults=faults, port=port)

    def sign_in(self, member_id: int) -> MemberToken:
        """Return a token of a member, as a right one-time code yields it."""
        return MemberToken(self.books.token_for(member_id))
