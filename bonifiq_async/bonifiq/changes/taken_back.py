"""The redeems that a client took back, or may have: a key counts once, and takes nothing a second time."""

from collections import OrderedDict
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import TypeVar

from attrs import frozen

from bonifiq_async._model.errors import BonifiQError, ChangeKeyConflict
from bonifiq_async._model.outcome import Effect
from bonifiq_async._model.printable import printable

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
REMEMBERED = 10_000
"""Redeems that a client remembers, made or taken back; the oldest are forgotten first."""
TAKEN_BACK = (
    "this client took back, and takes nothing a second time. Nothing was sent; give the next redeem a "
    "reference or a key of its own."
)
IN_DOUBT = (
    "this client may have taken back: that call got no answer. Nothing was sent; take it back once more, or "
    "see at the provider whether it stands; the next redeem needs a reference or a key of its own."
)


@frozen
class Redeemed:
    """A redeem as a client knows it: its key, whose it is, and how much, below zero, it was to take."""

    key: str
    customer_id: str
    value: Decimal = Decimal(0)


class TakenBack:
    """The keys of redeems, by what takes them back: the number of a redeem, or a customer's checkout."""

    def __init__(self) -> None:
        self._made: OrderedDict[Hashable, Redeemed] = OrderedDict()
        self._keys: OrderedDict[str, str] = OrderedDict()

    def check(self, key: str) -> None:
        """Raise `ChangeKeyConflict` for the key of a redeem that was taken back, or may have been."""
        if key in self._keys:
            raise ChangeKeyConflict(
                f"Key {printable(key)} stands for a redeem that {self._keys[key]}", change_key=key
            )

    def made(self, what: Hashable, redeem: Redeemed) -> None:
        """Take note of a redeem that was made, now or before."""
        _put(self._made, what, redeem)

    def undone(self, what: Hashable) -> None:
        """Take note that a redeem was taken back."""
        redeem = self._made.pop(what, None)
        if redeem is not None:
            self.undone_by_key(redeem.key)

    def undone_by_key(self, key: str) -> None:
        """Take note that the redeem of a key was taken back."""
        _put(self._keys, key, TAKEN_BACK)

    def redeem_of(self, what: Hashable) -> Redeemed | None:
        """Return a redeem that was made, None where this client does not know it."""
        return self._made.get(what)

    @contextmanager
    def taking(self, key: str) -> Iterator[None]:
        """Take note that the redeem of a key may be taken back where a call ends without an answer."""
        try:
            yield
        except BaseException as error:
            in_doubt = not isinstance(error, BonifiQError) or error.effect is Effect.UNKNOWN
            if in_doubt and key not in self._keys:
                _put(self._keys, key, IN_DOUBT)
            raise


def _put(into: OrderedDict[K, V], what: K, value: V) -> None:
    into[what] = value
    into.move_to_end(what)
    if len(into) > REMEMBERED:
        into.popitem(last=False)
