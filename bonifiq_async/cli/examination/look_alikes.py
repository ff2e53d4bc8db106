"""Ids that are probably one customer: they differ in case, in Unicode form or in what is not seen."""

import re
import sqlite3
import unicodedata
from collections.abc import Iterator

from bonifiq_async.cli.examination.kinds import ProblemKind
from bonifiq_async.cli.files.rows import Problem
from bonifiq_async.cli.language.phrase import Phrase, phrase

# What is not seen beside format characters (Unicode, Default_Ignorable_Code_Point), and the blank of Braille.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


def folded(customer: str) -> str:
    """Return an id without its case, its Unicode form and what is not seen in it."""
    if customer.isascii():
        return customer.lower()
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", _seen(customer)).casefold())
    return _seen(text)


def _seen(text: str) -> str:
    return (
        text
        if text.isascii()
        else "".join(each for each in text if unicodedata.category(each) != "Cf" and not _UNSEEN.match(each))
    )


def likeness(customer: str, purpose: str | None, key: str) -> str:
    """Return what two changes have in common that are probably for one customer and reference.

    Of a change without a reference, its key counts. A number is the same with zeros before it.
    """
    kind, _, reference = ("", "", key) if purpose is None else purpose.partition("-")
    return "\n".join((kind, *map(plain, (customer, reference))))


def plain(text: str) -> str:
    """Return an id as it is compared with others: folded, and a number without zeros before it."""
    return _number(folded(text))


def _number(text: str) -> str:
    return text.lstrip("0") if text.isdigit() else text


def difference(one: str, other: str) -> Phrase:
    """Say in what two ids differ that are folded to one."""
    if one != other and one.lstrip("0") == other.lstrip("0"):
        return phrase("zeros at the beginning")
    if one.casefold() == other.casefold():
        return phrase("case")
    if folded(one) != folded(other) or _seen(one) != one or _seen(other) != other:
        return phrase("characters that are not seen")
    return phrase("Unicode form")


def look_alikes(database: sqlite3.Connection, field: str) -> Iterator[Problem]:
    """Yield each id in the column `customer` of the table `seen` that is probably an earlier one.

    Of an id that is its own folded form, only those which are not can be look-alikes: few are folded.
    """
    database.create_function("folded", 1, folded, deterministic=True)
    database.execute(
        "CREATE TEMP TABLE spelling AS SELECT customer, folded(customer) AS folded"
        " FROM (SELECT customer FROM seen GROUP BY customer)"
        " WHERE customer <> lower(customer) OR customer GLOB '*[^ -~]*'"
    )
    database.execute("CREATE INDEX by_folded ON spelling (folded, customer)")
    database.execute(
        "INSERT INTO spelling SELECT DISTINCT customer, customer FROM seen WHERE customer IN"
        " (SELECT folded FROM spelling) AND customer NOT IN (SELECT customer FROM spelling)"
    )
    found = database.execute(
        "SELECT folded, customer,"
        " (SELECT min(line) FROM seen WHERE seen.customer = spelling.customer) AS line"
        " FROM spelling WHERE folded IN (SELECT folded FROM spelling GROUP BY folded HAVING count(*) > 1)"
        " ORDER BY folded, line"
    )
    former = first = ""
    first_line = 0
    for form, customer, line in found:
        if form != former:
            former, first, first_line = form, customer, line
        else:
            message = phrase(
                "{customer} is probably {other} of line {line}: they differ in {what}; both would be paid",
                customer=ascii(customer),
                other=ascii(first),
                line=first_line,
                what=difference(customer, first),
            )
            yield Problem(line, field, message, ProblemKind.LOOK_ALIKE, cell=customer)
