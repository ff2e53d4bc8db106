"""Raba7ni's sandbox, as users start it."""

import secrets
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from bonifiq_async._model.errors import ConfigurationError
from bonifiq_async.raba7ni import PROVIDER
from bonifiq_async.raba7ni.client import Raba7niCredentials
from bonifiq_async.raba7ni.member import MemberToken
from bonifiq_async.raba7ni.sandbox.books import KnownCards, Wallets
from bonifiq_async.raba7ni.sandbox.endpoints import Raba7ni
from bonifiq_async.raba7ni.sandbox.paths import SCOPES
from bonifiq_async.sandbox.capacity import Retention
from bonifiq_async.sandbox.document import MONEY
from bonifiq_async.sandbox.protocol import Booked
from bonifiq_async.sandbox.report import BalanceReport, Under, holds, once, report, several
from bonifiq_async.sandbox.script import FaultScript
from bonifiq_async.sandbox.server import Server


class Raba7niSandbox(Server):
    """Raba7ni on this machine, for `Raba7niClient(sandbox.credentials, base_url=sandbox.url)`.

    `cards` are percentages by card id (default: card 10 gives 5), or `CashbackConfig`s with the bounds that
    a card names; to what a bound applies is not documented, so that none is applied. `members` (none: every
    id exists) are the ids that are known; e-mails and phones are known once they have earned or registered.
    `scopes` are those of the key. `faults` say what goes wrong. It listens on 127.0.0.1 alone; `port` 0 takes
    a free one.
    Raises `ConfigurationError` or `PayloadError` for what cannot be meant.
    """

    SPEC = PROVIDER
    credentials: Raba7niCredentials

    def __init__(
        self,
        *,
        cards: KnownCards | None = None,
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

    def booked(self) -> Sequence[Booked]:
        """See `Server.booked`; the customer is the member, the key the reference."""
        return [
            Booked(str(moved.member_id), moved.amount, moved.reference or "") for moved in self.books.moved()
        ]

    def balances(self) -> Mapping[str, Decimal]:
        """See `Server.balances`: over all cards."""
        totals = defaultdict[str, Decimal](Decimal)
        for (_, member), balance in self.books.balances().items():
            totals[str(member)] = MONEY.add(totals[str(member)], balance)
        return totals

    def sign_in(self, member_id: int) -> MemberToken:
        """Return a token of a member, as a right one-time code yields it."""
        return MemberToken(self.books.token_for(member_id))

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
        accounts = [
            BalanceReport(_holder(*place), Decimal(0), now) for place, now in self.books.balances().items()
        ]
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
