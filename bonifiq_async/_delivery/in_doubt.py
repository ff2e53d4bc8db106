"""What one client has in doubt, whichever ledger is asked.

A ledger knows what was sent under it. A client that is given several knows more: what it sent under one
of them and got no answer to is in doubt for all.
"""

from collections import OrderedDict
from collections.abc import Hashable
from enum import IntEnum

from bonifiq_async._model.values import fixed
from bonifiq_async.ledger.protocol import Granted

ScopedKey = tuple[str, str]
"""A key within its key space, which is named by the first of the operations for which the key counts."""


class Why(IntEnum):
    """Why a change is in doubt, the strongest last."""

    UNREAD = 0
    """Its claim failed: it is not known whether it was sent before."""
    HELD = 1
    """Another call or process may be sending it."""
    SENT = 2
    """It was sent, and not answered."""


@fixed
class Doubt:
    """A change in doubt; `ledgers` are the identities of the ledgers in which it is so."""

    why: Why
    digest: bytes
    ledgers: frozenset[Hashable]

    def outlives(self, granted: Granted, ledger: Hashable) -> bool:
        """Say whether it is in doubt also when `ledger` (its identity) grants it as if it were not."""
        if self.why is Why.UNREAD:
            return False
        return ledger not in self.ledgers or (self.why is Why.SENT and not granted.cleared)


class Doubts(OrderedDict[ScopedKey, Doubt]):
    """The changes in doubt, oldest first: `shown` at the most."""

    def __init__(self, shown: int) -> None:
        super().__init__()
        self._shown = shown

    def note(self, scoped: ScopedKey, why: Why, digest: bytes, ledger: Hashable) -> None:
        """Put a change in doubt; a stronger doubt that it is in already stays."""
        ledgers = frozenset[Hashable]() if why is Why.UNREAD else frozenset({ledger})
        former = self.pop(scoped, None)
        if former is not None and former.why >= why:
            why, digest = former.why, former.digest
        self[scoped] = Doubt(why, digest, ledgers | (former.ledgers if former else frozenset()))
        if len(self) > self._shown:
            self.popitem(last=False)
