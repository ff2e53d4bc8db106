"""The redeems that a client took back itself: a key counts once, and takes nothing a second time."""

from collections import OrderedDict
from collections.abc import Hashable

from bonifiq_async._model.errors import ChangeKeyConflict
from bonifiq_async._model.printable import printable

REMEMBERED = 10_000
"""Redeems that a client remembers, made or taken back; the oldest are forgotten first."""


class TakenBack:
    """The keys of redeems, by what takes them back: the number of a redeem, or a customer's checkout."""

    def __init__(self) -> None:
        self._made: OrderedDict[Hashable, str] = OrderedDict()
        self._keys: OrderedDict[Hashable, str] = OrderedDict()

    def check(self, key: str) -> None:
        """Raise `ChangeKeyConflict` for the key of a redeem that was taken back."""
        if key in self._keys:
            raise ChangeKeyConflict(
                f"Key {printable(key)} stands for a redeem that this client took back, and takes nothing a "
                "second time. Nothing was sent; give the next redeem a reference or a key of its own.",
                change_key=key,
            )

    def made(self, what: Hashable, key: str) -> None:
        """Take note of a redeem that was made, now or before."""
        _put(self._made, what, key)

    def undone(self, what: Hashable) -> None:
        """Take note that a redeem was taken back."""
        key = self._made.pop(what, None)
        if key is not None:
            self.undone_by_key(key)

    def undone_by_key(self, key: str) -> None:
        """Take note that the redeem of a key was taken back."""
        _put(self._keys, key, key)


def _put(into: OrderedDict[Hashable, str], what: Hashable, key: str) -> None:
    into[what] = key
    into.move_to_end(what)
    if len(into) > REMEMBERED:
        into.popitem(last=False)
