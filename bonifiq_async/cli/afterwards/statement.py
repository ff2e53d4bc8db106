"""What a provider shows of a customer, and the reader that asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime
    from decimal import Decimal

    from bonifiq_async.cli.adapter import Client
    from bonifiq_async.ledger.sqlite.reader import Recorded

    Pace = Callable[[], Awaitable[None]]
    """Waits until the next request may leave."""


@frozen
class StatementLine:
    """One movement of a balance as a provider shows it. A `cancelled` one has no effect any more."""

    at: datetime | None
    amount: Decimal | None
    kind: str
    cancelled: bool = False


@frozen
class AccountStatement:
    """What a provider shows of one customer: the balance, and its movements.

    `complete` says that these are surely all that moved it; `note` says what is not shown, if anything.
    """

    balance: Decimal | None = None
    lines: tuple[StatementLine, ...] = ()
    complete: bool = False
    note: str = ""


@frozen
class MovedBy:
    """By how much a change moves a balance, exact but for `tolerance`; None where that is not known."""

    amount: Decimal | None
    tolerance: Decimal


class StatementReader(Protocol):
    """Asks a provider for the statements of customers, to compare a ledger with."""

    def customer_of(self, change: Recorded) -> str | None:
        """Return the name under which a provider shows a change's customer; None where none is known."""
        ...

    async def read(self, client: Client, customer: str, pace: Pace) -> AccountStatement:
        """Return what the provider shows of a customer of `customer_of`, at the pace that is given.

        Raises what the client raises when there is no answer, or the credentials are refused.
        """
        ...

    def moved_by(self, change: Recorded, shown: AccountStatement) -> MovedBy:
        """Return by how much a change moves the balance of its customer."""
        ...
