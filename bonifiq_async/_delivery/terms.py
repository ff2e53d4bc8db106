"""On what terms a change is made, and what a batch needs of a client for it."""

from typing import Protocol, TypeVar

from bonifiq_async._concurrency.limiter import Permit
from bonifiq_async._limits.shared import SharedLimit
from bonifiq_async._model.outcome import Change, Outcome
from bonifiq_async._model.values import fixed
from bonifiq_async.ledger.protocol import Ledger

C = TypeVar("C", bound=Change, contravariant=True)
T = TypeVar("T")


@fixed
class Terms:
    """On what terms a change is made.

    `deadline` is in seconds from now. A batch gives its own `permit`, its turn within the provider's
    limit, `ledger`, which is asked instead of the client's, and the `position` of the change in it.
    """

    deadline: float | None = None
    permit: Permit | None = None
    ledger: Ledger | None = None
    position: int | None = None


AS_USUAL = Terms()
"""The terms of a single call: the deadline of its client, and the client's own ledger."""


class ChangeClient(Protocol[C, T]):
    """What a batch needs of a client: every change ends in an outcome, never in an exception."""

    @property
    def limit(self) -> SharedLimit:
        """What is known of the provider's limit, which all calls of the client share."""

    async def outcome_on(self, change: C, terms: Terms) -> Outcome[T]:
        """Make `change` once on `terms`, and return its outcome whatever that is.

        Raises only what concerns the client and not the change: `ConfigurationError`, `LedgerError`.
        """
