"""What a spreadsheet has spoilt: cells that are to name a change or a customer, and name none any more.

The same text then stands in many rows and in the file of every month, so that the first change under it pays
and each later one is taken for its repeat. A program may have such a text as a key; a file that was kept in a
spreadsheet has none. It is asked of every row, whatever kind of file it comes from.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from decimal import Decimal

from attrs import frozen

from bonifiq_async._model.validation import document_checks
from bonifiq_async.cli.examination.kinds import ProblemKind
from bonifiq_async.cli.language.phrase import Phrase, joined, phrase

Spoilt = tuple[str, str, ProblemKind]
"""The column of a cell, what is wrong with it, and of which kind that is."""

_KINDS = (
    # Excel's error values in English and in the Portuguese of Brazil, those of its other languages by their
    # form, and LibreOffice's error numbers (Microsoft Support, "ERROR.TYPE function"; LibreOffice Help,
    # "Error Codes in LibreOffice Calc").
    (
        r"#n/[ad]|#div/0!?|#getting_data|#obtendo_dados|#[^\W\d](?:[^\W\d]|[\u0300-\u036f])+[!?]|erro?:5\d\d",
        phrase("which is how a spreadsheet shows an error; correct its formula"),
    ),
    # More digits than a column of numbers shows: they are lost when such a file is saved.
    (
        r"[+-]?[0-9]{1,3}(?:[.,][0-9]+)?e[+-][0-9]{2,3}",
        phrase("a number of which a spreadsheet shows the first digits alone; make its column one of text"),
    ),
    (r"#{2,}", phrase("which is how a spreadsheet shows a column that is too narrow; widen it")),
)
_SPOILT = re.compile("|".join(f"({form})" for form, _ in _KINDS), re.IGNORECASE)


@frozen
class Naming:
    """A column that names a change or a customer, and its place among the cells.

    In one of `customers`, a character that is not seen is refused; its short numbers may be `documents`.
    """

    at: int
    name: str
    customers: bool = False
    documents: bool = False


def first_spoilt(columns: Sequence[Naming], cells: Sequence[object]) -> Spoilt | None:
    """Return the first of the columns whose cell is spoilt, and what is wrong with it; None if none is."""
    for column in columns:
        cell = cells[column.at]
        if not isinstance(cell, str):
            continue
        if column.customers and (found := _unlike_a_customer(column, cell)) is not None:
            return column.name, *found
        if cell[:1].isalpha() and cell[:1] not in "eE":
            continue  # as most are; the forms are tried on the others
        if (form := _SPOILT.fullmatch(cell.strip())) is not None:
            how = _KINDS[(form.lastindex or 1) - 1][1]
            said = phrase("{name} is {cell}, {how}", name=column.name, cell=f"{cell!r:.60}", how=how)
            return column.name, said, ProblemKind.SPOILT
    return None


def _unlike_a_customer(column: Naming, cell: str) -> tuple[str, ProblemKind] | None:
    if cell.isascii():
        short = column.documents and len(cell) in (10, 13)
        lost = lost_zeros(column.name, cell) if short else None
        return None if lost is None else (lost, ProblemKind.LOST_ZEROS)
    for each in cell:
        if unicodedata.category(each) in ("Cf", "Zs", "Zl", "Zp") and each != " ":
            what = f"U+{ord(each):04X} {unicodedata.name(each, '')}".rstrip()
            said = phrase(
                "{name} has an invisible character, {what}: {cell}; take it out",
                name=column.name,
                what=what,
                cell=ascii(cell),
            )
            return said, ProblemKind.INVISIBLE
    return None


def lost_zeros(name: str, text: str, *, number: bool = False) -> str | None:
    """Say that a number is a CPF or a CNPJ which lost its first zeros; None where it is none.

    A text is one only with a single zero lost; a cell that was a `number` may have lost more.
    """
    if not (text.isascii() and text.isdigit()):
        return None
    for kind, length, first in (("CPF", 11, 9), ("CNPJ", 14, 12)):
        least = first if number else length - 1
        if least <= len(text) < length and document_checks(text.zfill(length)):
            return phrase(
                "{name} is {text}, a {kind} without its first zeros, which a spreadsheet takes from a "
                "number; make its column one of text and write {whole}",
                name=name,
                text=text,
                kind=kind,
                whole=text.zfill(length),
            )
    return None


def numbers_of_their_own(cells: Iterable[str]) -> bool:
    """Return whether short numbers are customers' own, and no documents: most of them do not check as one."""
    short = [cell for cell in cells if len(cell) in (10, 13) and cell.isascii() and cell.isdigit()]
    checked = sum(document_checks(cell.zfill(11 if len(cell) == 10 else 14)) for cell in short)
    return checked * 2 < len(short)


def too_exact(
    names: Sequence[tuple[int, str, int]], cells: Sequence[object], plain: bool = True
) -> Spoilt | None:
    """Return the first of the columns of amounts with more decimals than it may have, and what to say.

    In the `plain` form, which has points, a point that groups thousands may be taken for a decimal mark.
    """
    for at, name, decimals in names:
        cell = cells[at]
        if isinstance(cell, str):
            if cell[-1 - decimals : -decimals] == "." or "." not in cell:
                continue
            rest = cell.partition(".")[2]
            if len(rest) > decimals and rest.isdigit():
                grouped = plain and len(rest) == 3 and _GROUPED.fullmatch(cell)
                other = (cell.replace(".", ""), ",") if grouped else None
                return name, exact_text(name, cell, decimals, other), ProblemKind.DECIMALS
        elif isinstance(cell, Decimal) and cell != round(cell, decimals):
            return name, _too_exact(name, str(cell), decimals), ProblemKind.DECIMALS
    return None


def exact_text(name: str, cell: str, decimals: int, other: tuple[str, str] | None) -> Phrase:
    """Say that a cell has too many decimals, and which amount it is by the `other` decimal mark, if any."""
    said = _too_exact(name, f"{cell!r:.40}", decimals)
    if other is None:
        return said
    amount, mark = other
    hint = phrase("If it is {amount}, say so with --decimal {mark}", amount=amount, mark=mark)
    return joined((said, hint), ". ")


def first_empty(names: Sequence[tuple[int, str]], cells: Sequence[object]) -> Spoilt | None:
    """Return the first of the columns whose cell is empty, and what to say; None where none is."""
    for at, name in names:
        if cells[at] is None or cells[at] == "":
            said = phrase("{name} is empty; fill it in", name=name)
            return name, said, ProblemKind.EMPTY
    return None


def _too_exact(name: str, cell: str, decimals: int) -> Phrase:
    if not decimals:
        return phrase("{name} is {cell}; it is a whole number, without decimals", name=name, cell=cell)
    return phrase(
        "{name} is {cell}; an amount has {decimals} decimals at the most",
        name=name,
        cell=cell,
        decimals=decimals,
    )


_GROUPED = re.compile(r"[+-]?[1-9][0-9]{0,2}\.[0-9]{3}")
