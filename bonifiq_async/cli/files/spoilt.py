"""What a spreadsheet has spoilt: cells that are to name a change or a customer, and name none any more.

The same text then stands in many rows and in the file of every month, so that the first change under it pays
and each later one is taken for its repeat. A program may have such a text as a key; a file that was kept in a
spreadsheet has none. It is asked of every row, whatever kind of file it comes from.
"""

import re
from collections.abc import Sequence

_KINDS = (
    # Excel's error values in English and in the Portuguese of Brazil, those of its other languages by their
    # form, and LibreOffice's error numbers (Microsoft Support, "ERROR.TYPE function"; LibreOffice Help,
    # "Error Codes in LibreOffice Calc").
    (
        r"#n/[ad]|#div/0!?|#getting_data|#obtendo_dados|#[^\W\d](?:[^\W\d]|[\u0300-\u036f])+[!?]|erro?:5\d\d",
        "which is how a spreadsheet shows an error; correct its formula",
    ),
    # More digits than a column of numbers shows: they are lost when such a file is saved.
    (
        r"[+-]?[0-9]{1,3}(?:[.,][0-9]+)?e[+-][0-9]{2,3}",
        "a number of which a spreadsheet shows the first digits alone; make its column one of text",
    ),
    (r"#{2,}", "which is how a spreadsheet shows a column that is too narrow; widen it"),
)
_SPOILT = re.compile("|".join(f"({form})" for form, _ in _KINDS), re.IGNORECASE)


def first_spoilt(names: Sequence[tuple[int, str]], cells: Sequence[object]) -> tuple[str, str] | None:
    """Return the first of the columns whose cell is spoilt, and what is wrong with it; None if none is.

    `names` are the columns that are to name something, by their index in `cells`.
    """
    for at, name in names:
        cell = cells[at]
        if isinstance(cell, str) and (found := _SPOILT.fullmatch(cell.strip())) is not None:
            return name, f"{name} is {cell!r:.60}, {_KINDS[(found.lastindex or 1) - 1][1]}"
    return None
