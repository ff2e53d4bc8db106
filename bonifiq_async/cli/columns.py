"""The columns of a provider's files, and what may stand under each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence


@frozen
class Columns:
    """The columns of a file: `required` must stand in its header, and one at least of each of `either`.

    `keys` tell a change from others: their cells are taken as they stand, with the blanks around them, which
    are refused. `customers` say whose it is. The cells of `multiline` alone may have line breaks. `amounts`
    have so many `decimals` at the most (None: however many), and may have one of the symbols of `currency`;
    those of `counts` have neither: they are whole numbers of what is no money. The cells of `documents` may
    be a CPF or a CNPJ. Those of `words` move no money. In a file that has the columns of `filled`, no cell of
    them is empty. Where a cell of a column of `counting` is one of its words, the amounts of its row are
    counts, too. `usual` are other names of a column.
    """

    names: tuple[str, ...]
    required: tuple[str, ...]
    either: tuple[tuple[str, ...], ...]
    keys: tuple[str, ...]
    customers: tuple[str, ...]
    multiline: tuple[str, ...] = ()
    amounts: tuple[str, ...] = ()
    decimals: int | None = None
    currency: tuple[str, ...] = ()
    counts: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    filled: tuple[str, ...] = ()
    counting: Mapping[str, tuple[str, ...]] = field(factory=dict)
    usual: Mapping[str, tuple[str, ...]] = field(factory=dict)

    def filled_in(self, header: Collection[str]) -> tuple[str, ...]:
        """Return the columns of a header of which no cell is empty: also a count that is the one amount."""
        amounts = [name for name in self.amounts if name in header]
        only = [name for name in amounts if name in self.counts and len(amounts) == 1]
        return (*(name for name in self.filled if name in header), *only)

    def currency_of(self, name: str) -> tuple[str, ...]:
        """Return the symbols that an amount under a column may have."""
        return () if name in self.counts else self.currency

    def is_of_money(self, name: str, header: str) -> bool:
        """Say whether the header of a column says in words of its own that it has money: `Valor (R$)`."""
        return any(symbol.casefold() in header.casefold() for symbol in self.currency_of(name))

    def decimals_of(self, name: str) -> int | None:
        """Return how many decimals an amount under a column has at the most; None: however many."""
        return 0 if name in self.counts else self.decimals

    def counted_by(self, cells: Sequence[str | None]) -> str | None:
        """Return the cell of a row by which its amounts are counts; None where there is none."""
        for name, words in self.counting.items():
            cell = cells[self.names.index(name)]
            if cell is not None and cell.strip().casefold() in words:
                return cell
        return None
