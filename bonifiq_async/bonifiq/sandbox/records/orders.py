"""Orders: their states, what was granted for them, and what was refunded."""

from datetime import datetime
from decimal import Decimal

from attrs import define, field, frozen

from bonifiq_async.sandbox.document import MONEY

INITIAL, PENDING, COMPLETED, CANCELLED, IGNORED = range(5)
"""The states of an order, as the order page lists them."""
OF_API, OF_POINT_OF_SALE = 1, 3
"""Where an order came from (OrderOrigin)."""


@frozen
class Line:
    """A product of an order, with the price of the whole line."""

    original_id: str
    title: str | None
    url: str | None
    image_url: str | None
    is_active: bool | None
    price: Decimal


@define
class Order:
    """An order. `granted` are the points that it stands for now; `redeem` is the redeem that it used.

    `moves` are the ids of what its points moved in the books.
    """

    number: int
    original_id: str
    customer_id: str
    placed: datetime
    total: Decimal
    updated: datetime
    lines: tuple[Line, ...] = ()
    completed: datetime | None = None
    cancelled: datetime | None = None
    status: str | None = None
    coupon: str | None = None
    external_coupon: str | None = None
    pairs: tuple[tuple[str, str], ...] = ()
    state: int = PENDING
    origin: int = OF_API
    granted: int = 0
    refunded: Decimal = Decimal(0)
    refunded_lines: dict[str, Decimal] = field(factory=dict)
    redeem: int | None = None
    moves: list[int] = field(factory=list)

    @property
    def left(self) -> Decimal:
        """What has not been refunded of it, in BRL."""
        return MONEY.subtract(self.total, self.refunded)
