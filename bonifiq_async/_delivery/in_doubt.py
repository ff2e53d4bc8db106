"""Decisions: what one client has in doubt, whichever ledger is asked.

A ledger knows what was sent under it. A client that is given several knows more: what it sent under one
of them and got no answer to is in doubt for all.
"""

from collections import OrderedDict
from collections.abc import Iterator
from enum import IntEnum

from bonifiq_async._model.values import fixed
from bonifiq_async.ledger.protocol import Granted

Place = tuple[str, str]
"""Operation and key."""


class Why(IntEnum):
    """Why a change is in doubt, the strongest last."""

    UNREAD = 0
    """Its claim failed: nobody has said whether it was sent before."""
    HELD = 1
    """Somebody else may be sending it."""
    SENT = 2
    """It was sent, and not answered."""


@fixed
class Doubt:
    """A change in doubt; `books` are the ledgers in which that stands."""

    why: Why
    digest: bytes
    books: frozenset[object]

    def outlives(self, granted: Granted, book: object) -> bool:
        """Say whether it is in doubt also when the ledger `book` grants it as if it were not."""
        if self.why is Why.UNREAD:
            return False
        return book not in self.books or (self.why is Why.SENT and not granted.cleared)


class Doubts:
    """The changes in doubt, oldest first: `shown` at the most."""

    def __init__(self, shown: int) -> None:
        self._shown = shown
        self._by_place: OrderedDict[Place, Doubt] = OrderedDict()

    def __len__(self) -> int:
        return len(self._by_place)

    def __iter__(self) -> Iterator[Place]:
        return iter(self._by_place)

    def get(self, place: Place) -> Doubt | None:
        """Return the doubt of a change, if it is in doubt."""
        return self._by_place.get(place)

    def note(self, place: Place, why: Why, digest: bytes, book: object) -> None:
        """Put a change in doubt; a stronger doubt that it is in already stays."""
        books = frozenset[object]() if why is Why.UNREAD else frozenset({book})
        former = self._by_place.pop(place, None)
        if former is not None and former.why >= why:
            why, digest = former.why, former.digest
        self._by_place[place] = Doubt(why, digest, books | (former.books if former else frozenset()))
        if len(self._by_place) > self._shown:
            self._by_place.popitem(last=False)

    def clear(self, place: Place) -> None:
        """Take note that a change is in doubt no more."""
        self._by_place.pop(place, None)
