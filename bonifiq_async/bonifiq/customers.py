"""BonifiQ's customer operations."""

from decimal import Decimal
from typing import TypeVar

from bonifiq_async._delivery.terms import AS_USUAL, Terms
from bonifiq_async._model import validation
from bonifiq_async._model.errors import PayloadError
from bonifiq_async._model.operation import Operation
from bonifiq_async._model.outcome import Outcome
from bonifiq_async._policy.request import PreparedRequest, digest_of, prepare
from bonifiq_async.bonifiq.calls.caller import Caller
from bonifiq_async.bonifiq.calls.customers import CustomerRecords
from bonifiq_async.bonifiq.operations import CHANGE_CASHBACK, PENDING_POINTS, POINTS
from bonifiq_async.bonifiq.payloads import (
    CashbackChange,
    CashbackChangeRequest,
    CustomerPoints,
    PendingPoints,
)

T = TypeVar("T")


class Customers(CustomerRecords):
    """A client's customers: balances, changes of cashback and points, and their data.

    A customer's id is that in the store: usually an e-mail address, or a CPF.
    """

    def __init__(self, caller: Caller) -> None:
        super().__init__(caller)
        self._calls, self._base_url, self._reader = caller.calls, caller.base_url, caller.reader

    async def change_cashback(
        self, change: CashbackChange, *, deadline: float | None = None
    ) -> Outcome[CustomerPoints]:
        """Apply `change` once, and return its outcome: `APPLIED` or `ALREADY_APPLIED`.

        Of the latter, look at `used_elsewhere` (see `Outcome`): then nothing here is known to have made it.

        `deadline` is in seconds from now (default: `timeouts.call`). The outcome's `result` is the
        balance after the change; it is None when the change was answered from memory, as a duplicate, or
        without a balance. Its `notice` is what the provider said beside it, such as a warning.

        Raises `RefusedError` (or `AuthenticationError`, `CustomerNotFound`), `NotAppliedError` (or
        `RetryAfterTooLong`) and `ChangeKeyConflict`: nothing changed; and `OutcomeUnknownError`: it may
        have changed, repeat with the same key. Source: endpoint page "Add or remove cashback".
        """
        if not isinstance(change, CashbackChange):
            raise PayloadError(f"change must be a CashbackChange, not {type(change).__name__}", path="change")
        terms = AS_USUAL if deadline is None else Terms(deadline)
        outcome = await self._calls.outcome(
            change, CHANGE_CASHBACK, self.prepared(change), self._reader.read, terms
        )
        if outcome.error is not None:
            raise outcome.error
        return outcome

    async def outcome_of(
        self, change: CashbackChange, *, deadline: float | None = None
    ) -> Outcome[CustomerPoints]:
        """Apply `change` once, and return its outcome whatever that is, with the error inside.

        Raises only `ConfigurationError` and `LedgerError`: the client cannot send at all.
        """
        return await self.outcome_on(change, Terms(deadline))

    async def outcome_on(self, change: CashbackChange, terms: Terms) -> Outcome[CustomerPoints]:
        """Do the same on the terms of a batch."""
        return await self._calls.outcome(
            change, CHANGE_CASHBACK, self.prepared(change), self._reader.read, terms
        )

    def prepared(self, change: CashbackChange) -> PreparedRequest:
        """Return the request of `change`, its key and bytes fixed."""
        payload = CashbackChangeRequest.of(change)
        path = {"id": change.customer_id}
        return prepare(CHANGE_CASHBACK, self._base_url, path, payload, key=change.change_key)

    async def add_cashback(
        self,
        customer_id: str,
        amount: Decimal,
        *,
        reason: str,
        change_key: str | None = None,
        reference: str | None = None,
        customer_reason: str | None = None,
        deadline: float | None = None,
    ) -> Outcome[CustomerPoints]:
        """Add `amount` (above zero, BRL); exactly one of `change_key` and `reference` is given.

        Result and errors are those of `change_cashback`; a bad argument is a `PayloadError`.
        """
        change = CashbackChange.add(
            customer_id,
            amount,
            reason=reason,
            change_key=change_key,
            reference=reference,
            customer_reason=customer_reason,
        )
        return await self.change_cashback(change, deadline=deadline)

    async def remove_cashback(
        self,
        customer_id: str,
        amount: Decimal,
        *,
        reason: str,
        change_key: str | None = None,
        reference: str | None = None,
        customer_reason: str | None = None,
        deadline: float | None = None,
    ) -> Outcome[CustomerPoints]:
        """Remove `amount` (above zero, BRL); exactly one of `change_key` and `reference` is given.

        Result and errors are those of `change_cashback`; a bad argument is a `PayloadError`.
        """
        change = CashbackChange.remove(
            customer_id,
            amount,
            reason=reason,
            change_key=change_key,
            reference=reference,
            customer_reason=customer_reason,
        )
        return await self.change_cashback(change, deadline=deadline)

    async def points(self, customer_id: str, *, deadline: float | None = None) -> CustomerPoints:
        """Return the balance of a customer. An unknown one has `customer_exists` false and no balance.

        Raises `RefusedError`, `NotAppliedError` (no answer in time) and `PayloadError`.
        """
        return await self._read(POINTS, customer_id, deadline)

    async def pending_points(self, customer_id: str, *, deadline: float | None = None) -> PendingPoints:
        """Return the points and cashback of a customer that are not granted yet. Errors: as `points`.

        They are those of orders that wait for the status in which they score, or for being processed.
        Source: endpoint page "Retrieve pending purchase points and cashback".
        """
        return await self._read(PENDING_POINTS, customer_id, deadline)

    async def _read(self, operation: Operation[T], customer_id: str, deadline: float | None) -> T:
        path = {"id": validation.path_segment(customer_id, "customer_id")}
        request = prepare(operation, self._base_url, path)
        result, _ = await self._calls.value(operation, request, self._reader.read, deadline=deadline)
        return result


def request_digest(change: CashbackChange) -> bytes:
    """Return the digest of the request of `change`: the same for every client, and what a ledger keeps."""
    path = {"id": change.customer_id}
    return digest_of(CHANGE_CASHBACK, path, CashbackChangeRequest.of(change))
