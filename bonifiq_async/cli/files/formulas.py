"""Texts that a spreadsheet would take for formulas: made harmless in CSV, and read back.

What a customer or a provider says may begin like a formula, which a spreadsheet runs when it opens the file
(OWASP, "CSV Injection"). An apostrophe before it makes it a text. None is lost: where apostrophes stand there
already, it is one more.
"""

import re
from collections.abc import Collection

from bonifiq_async.cli.adapter import TOLD

_FORMULA = re.compile("'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
"""The last four are the wide forms of the signs, which spreadsheets in East Asia take for them."""


_FIRST = frozenset("'=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")


def guarded(text: str) -> str:
    """Return a text as a cell of CSV that starts no formula."""
    # Most texts begin otherwise, which is seen in a third of the time that the pattern takes.
    return f"'{text}" if text[:1] in _FIRST and _FORMULA.match(text) is not None else text


def unguarded(cell: str) -> str:
    """Return the text of which `guarded` made a cell."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) is not None else cell


def has_guards(header: Collection[str]) -> bool:
    """Say whether the texts of a CSV file with this header are guarded, as this command writes them.

    It is known by `first_sent`. In other files an apostrophe is part of a key: without it, that would be
    another key, and its change would go out again.
    """
    return TOLD[1] in header
