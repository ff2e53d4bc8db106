"""What a provider shows of a customer, and the reader that asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime
    from decimal import Decimal

    from bonifiq_async.cli.adapter import Client
    from bonifiq_async.ledger.recorded import Recorded

    Pace = Callable[[], Awaitable[None]]
    """Waits until the next request may leave."""


@frozen
class StatementLine:
    """One movement of a balance as a provider shows it. A `cancelled` one has no effect any more.

    `amount` is in the statement's own unit; `elsewhere` is what the same movement is in another one.
    `of_order` says that it comes from an order, as the provider shows it.
    """

    at: datetime | None
    amount: Decimal | None
    kind: str
    cancelled: bool = False
    elsewhere: Mapping[str, Decimal] = field(factory=dict, hash=False)
    of_order: bool = False

    def in_unit(self, unit: str) -> Decimal | None:
        """Return how much it moved in a unit; None where it moved nothing in it."""
        return self.elsewhere.get(unit, None) if unit else self.amount


@frozen
class AccountStatement:
    """What a provider shows of one customer: the balance, and its movements.

    `complete` says that these are surely all that moved it, and `complete_in` has the other units of which
    that is so; `note` says what is not shown, if anything.
    """

    balance: Decimal | None = None
    lines: tuple[StatementLine, ...] = ()
    complete: bool = False
    note: str = ""
    complete_in: tuple[str, ...] = field(default=(), kw_only=True)

    @property
    def is_empty(self) -> bool:
        """Whether the provider shows nothing at all, so that what is not there says nothing."""
        return self.balance is None and not (self.lines or self.complete or self.complete_in)

    def is_complete(self, unit: str) -> bool:
        """Say whether the movements are surely all in a unit."""
        return unit in self.complete_in if unit else self.complete


@frozen
class MovedBy:
    """By how much a change moves a balance, exact but for `tolerance`; None where that is not known.

    `unit` is "" for the statement's own, else one that a line has `elsewhere`. A redeem is not `certain`:
    the provider may have taken less, or given it back, so that no movement of its amount need be there.
    """

    amount: Decimal | None
    tolerance: Decimal
    unit: str = ""
    certain: bool = True


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
