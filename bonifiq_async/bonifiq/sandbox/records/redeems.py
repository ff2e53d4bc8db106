"""Redeems that were made, and their coupons."""

from datetime import datetime
from decimal import Decimal

from attrs import define, frozen


@frozen
class Coupon:
    """A coupon of a redeem."""

    code: str
    kind: int
    value: Decimal
    begins: datetime
    ends: datetime


@define
class MadeRedeem:
    """A redeem: what it took, in BRL or in points; the cart or the order that it is bound to.

    `effect` is the number of its movement in the books.
    """

    number: int
    customer_id: str
    key: str | None
    reward: int
    cash: Decimal
    points: int
    effect: int
    moment: datetime
    worth: Decimal | None = None
    checkout: str | None = None
    order: str | None = None
    product: str | None = None
    coupon: Coupon | None = None
    pairs: tuple[tuple[str, str], ...] = ()
    is_cancelled: bool = False

    @property
    def external_code(self) -> str:
        """What an order has as its coupon."""
        return f"EXT-{self.number}"

    @property
    def is_open(self) -> bool:
        """Say whether it was neither cancelled nor used by an order."""
        return not self.is_cancelled and self.order is None


class Redeems:
    """Redeems by their number, counted from 1."""

    def __init__(self) -> None:
        self._made: dict[int, MadeRedeem] = {}
        self._of: dict[str, list[MadeRedeem]] = {}
        self._under: dict[str, MadeRedeem] = {}

    @property
    def next_number(self) -> int:
        """The number of the redeem that is written down next."""
        return len(self._made) + 1

    def add(self, redeem: MadeRedeem) -> MadeRedeem:
        """Write a redeem down."""
        self._made[redeem.number] = redeem
        self._of.setdefault(redeem.customer_id, []).append(redeem)
        if redeem.key is not None:
            self._under[redeem.key] = redeem
        return redeem

    def find(self, number: int | None) -> MadeRedeem | None:
        """Return a redeem, None where there is none of that number."""
        return None if number is None else self._made.get(number)

    def all(self) -> tuple[MadeRedeem, ...]:
        """Return all of them, oldest first."""
        return tuple(self._made.values())

    def under(self, key: str) -> MadeRedeem | None:
        """Return the last redeem under a key."""
        return self._under.get(key)

    def by_code(self, code: str) -> MadeRedeem | None:
        """Return the redeem whose external code an order gives."""
        kind, _, number = code.partition("-")
        return self.find(int(number)) if kind == "EXT" and number.isdecimal() and len(number) < 10 else None

    def of(self, customer_id: str) -> tuple[MadeRedeem, ...]:
        """Return those of a customer, oldest first."""
        return tuple(self._of.get(customer_id, ()))

    def held(self, customer_id: str) -> MadeRedeem | None:
        """Return the cashback that a cart of a customer holds, without an order."""
        made = reversed(self._of.get(customer_id, []))
        return next((each for each in made if each.checkout is not None and each.is_open), None)
