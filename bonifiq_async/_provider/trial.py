"""Rows that move money in a provider's sandbox: the promises are tried with files of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal


class TrialRow(NamedTuple):
    """A row of a file, as `cells` by column. In the sandbox it moves the balance of `customer` by `moves`."""

    cells: Mapping[str, object]
    customer: str
    moves: Decimal


@runtime_checkable
class TrialFiles(Protocol):
    """The part of a file adapter that makes rows up."""

    def trial_row(self, customer: int, amount: Decimal, key: str) -> TrialRow:
        """Return a row about `amount` under `key`, for the customer with this number, from 1 on."""
        ...
