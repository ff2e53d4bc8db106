"""Amounts as spreadsheets show them, read exactly or not at all.

A decimal mark is a point or a comma; the other one groups thousands. `1.234` has a reading under each of
them, so that other rows, or the operator, must say which it is. Nothing is rounded, and no float is made.
"""

import re
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache

from attrs import define, field, frozen

from bonifiq_async.cli.examination.kinds import ProblemKind
from bonifiq_async.cli.language.phrase import Phrase, phrase

POINT, COMMA = ".", ","
MARKS = (POINT, COMMA)
NAMES = {POINT: phrase("a point"), COMMA: phrase("a comma")}

_MINUS = "-\u2212"
_DIGITS = {
    # Grouped in threes or not at all; a number that begins with zero has no groups: 0.500 is a half.
    mark: re.compile(
        rf"([1-9][0-9]{{0,2}}(?:{re.escape(group)}[0-9]{{3}})+|[0-9]+)(?:{re.escape(mark)}([0-9]+))?"
    )
    for mark, group in ((POINT, COMMA), (COMMA, POINT))
}
_PLAIN = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?", re.ASCII)


@lru_cache
def _form(currency: tuple[str, ...]) -> re.Pattern[str]:
    """Return what an amount looks like: a sign at one of its places, or parentheses, and maybe a currency."""
    symbol = rf"(?:{'|'.join(map(re.escape, currency))})?\s*" if currency else ""
    return re.compile(
        rf"\s*(?:(?P<before>[{_MINUS}+]?)\s*{symbol}(?P<within>[{_MINUS}+]?)\s*(?P<digits>[0-9.,]+)"
        rf"\s*(?P<after>[{_MINUS}]?)|{symbol}\(\s*{symbol}(?P<below>[0-9.,]+)\s*\))\s*",
        re.IGNORECASE,
    )


def readings(text: str, currency: tuple[str, ...] = ()) -> dict[str, Decimal]:
    """Return the amount that `text` is under each decimal mark; empty where it is none under either.

    `currency` are the symbols that may stand before the digits.
    """
    found = _form(currency).fullmatch(text)
    if found is None:
        return {}
    signs = "".join(found.group("before", "within", "after")) if found["digits"] else "-"
    if len(signs) > 1:
        return {}
    sign = "-" if signs and signs in _MINUS else ""
    read = {}
    for mark in MARKS:
        if (digits := _DIGITS[mark].fullmatch(found["digits"] or found["below"])) is not None:
            whole = digits[1].replace(POINT, "").replace(COMMA, "")
            read[mark] = Decimal(f"{sign}{whole}.{digits[2]}" if digits[2] else f"{sign}{whole}")
    return read


def is_plain(text: str) -> bool:
    """Return whether an amount is digits with a point, as the plain form has it."""
    return _PLAIN.fullmatch(text) is not None


def unclear(text: str, read: dict[str, Decimal], money: Callable[[Decimal], str]) -> str:
    """Say what `text` would be under each mark; `money` shows an amount."""
    return phrase(
        "{text} is {comma} with a decimal comma, and {point} with a decimal point",
        text=f"{text!r:.40}",
        comma=money(read[COMMA]),
        point=money(read[POINT]),
    )


@frozen
class Example:
    """A cell that shows something: its line and text."""

    line: int
    text: str

    def said(self) -> Phrase:
        """Return what it is and where."""
        return phrase("{text} in line {line}", text=f"{self.text!r:.40}", line=self.line)


@define
class MarkEvidence:
    """What the amounts of one column say of its decimal mark.

    `proof` has, by mark, the first cell that no other mark can read. `unclear` is the first with two readings
    that differ. `plain` says that each cell has the plain form, or is no amount at all.
    """

    currency: tuple[str, ...] = ()
    proof: dict[str, Example] = field(factory=dict)
    unclear: Example | None = None
    plain: bool = True

    def put(self, line: int, text: str) -> None:
        """Take note of a cell."""
        read = readings(text, self.currency)
        if not read:
            return
        self.plain = self.plain and is_plain(text)
        if len(read) == 1:
            (mark,) = read
            if mark not in self.proof:
                self.proof[mark] = Example(line, text)
        elif self.unclear is None and read[POINT] != read[COMMA]:
            self.unclear = Example(line, text)


def read_amount(text: str, mark: str, currency: tuple[str, ...]) -> Decimal | tuple[str, ProblemKind]:
    """Return the amount that `text` is under `mark`; or, as a sentence and its kind, why it is none."""
    read = readings(text, currency)
    if mark in read:
        return read[mark]
    if read:
        said = phrase(
            "is {text}, but the decimal mark is {mark}, and this amount has another one",
            text=f"{text!r:.40}",
            mark=NAMES[mark],
        )
        return said, ProblemKind.DECIMAL_COMMA if mark == POINT else ProblemKind.DECIMAL_POINT
    if any(sign in text for sign in MARKS) and re.fullmatch(r"[\s0-9.,]+", text):
        grouped = phrase("is {text}, whose digits are grouped as no amount is", text=f"{text!r:.40}")
        return grouped, ProblemKind.NO_AMOUNT
    said = phrase(
        "is {text}, which is no amount such as {example}", text=f"{text!r:.40}", example=f"10{mark}50"
    )
    return said, ProblemKind.NO_AMOUNT


def text_of_number(number: float) -> str | None:
    """Return a spreadsheet's number with its shortest digits; None where it has more digits than it keeps.

    A spreadsheet keeps fifteen (Microsoft Support, "Excel specifications and limits").
    """
    if not abs(number) < 1e15:  # also NaN
        return None
    if number == int(number):
        return str(int(number))
    text = repr(number)
    return f"{Decimal(text):f}" if "e" in text else text
