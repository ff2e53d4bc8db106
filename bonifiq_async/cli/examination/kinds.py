"""The kinds of what is said of a row: what it is, what to do, and what it means for the run, as a table."""

from collections.abc import Mapping
from enum import StrEnum

from attrs import frozen

from bonifiq_async.cli.language.phrase import Phrase, phrase


class ProblemKind(StrEnum):
    """A kind of what is said of a row, by its name in JSON and in the file of `--problems`."""

    BROKEN_ROW = "broken-row"
    LINE_BREAK = "line-break"
    TWICE = "twice"
    EMPTY = "empty"
    INVALID = "invalid"
    NO_AMOUNT = "no-amount"
    DECIMAL_COMMA = "decimal-comma"
    DECIMAL_POINT = "decimal-point"
    DECIMALS = "decimals"
    SPOILT = "spoilt"
    INVISIBLE = "invisible"
    LOST_ZEROS = "lost-zeros"
    NO_TEXT = "no-text"
    CONFLICT = "conflict"
    REPEAT = "repeat"
    SECOND_AMOUNT = "second-amount"
    PAID_ALIKE = "paid-alike"
    OTHER_WORDS = "other-words"
    LOOK_ALIKE = "look-alike"


@frozen
class Meaning:
    """What is wrong with rows of a kind, and what to do; `named` says that its column is to be named."""

    what: Phrase
    advice: Phrase
    named: bool = True


MEANINGS: Mapping[ProblemKind, Meaning] = {
    ProblemKind.BROKEN_ROW: Meaning(
        phrase("the row does not have the form of the others"), phrase("Correct the rows."), named=False
    ),
    ProblemKind.LINE_BREAK: Meaning(phrase("a cell has a line break"), phrase("Take it out.")),
    ProblemKind.TWICE: Meaning(phrase("a member stands there twice"), phrase("Take one of the two out.")),
    ProblemKind.EMPTY: Meaning(phrase("a cell is empty"), phrase("Fill it in.")),
    ProblemKind.INVALID: Meaning(phrase("a cell is not valid"), phrase("Correct it.")),
    ProblemKind.NO_AMOUNT: Meaning(
        phrase("a cell is no amount"), phrase("Write digits with a decimal mark, and no more.")
    ),
    ProblemKind.DECIMAL_COMMA: Meaning(
        phrase("the amount has a decimal comma"),
        phrase("Say --decimal , if all amounts have one; if some have a point, write all in one way."),
        named=False,
    ),
    ProblemKind.DECIMAL_POINT: Meaning(
        phrase("the amount has a decimal point"),
        phrase("Say --decimal . if all amounts have one; if some have a comma, write all in one way."),
        named=False,
    ),
    ProblemKind.DECIMALS: Meaning(
        phrase("an amount has more decimals than its currency"),
        phrase("Round it; if its point groups thousands, say --decimal ,"),
    ),
    ProblemKind.SPOILT: Meaning(
        phrase("a spreadsheet has spoilt the cell"),
        phrase("Make its column one of text, and take the cell from its source again."),
    ),
    ProblemKind.INVISIBLE: Meaning(phrase("a cell has an invisible character"), phrase("Take it out.")),
    ProblemKind.LOST_ZEROS: Meaning(
        phrase("a CPF or CNPJ lost its first zeros"),
        phrase("Make its column one of text, and write the zeros."),
    ),
    ProblemKind.NO_TEXT: Meaning(
        phrase("a cell is neither text nor a number"), phrase("Write it as text, or as a number.")
    ),
    ProblemKind.CONFLICT: Meaning(
        phrase("the key stands for two changes"),
        phrase("Take out the row that is wrong, or give it a key of its own."),
        named=False,
    ),
    ProblemKind.REPEAT: Meaning(
        phrase("the row repeats another one"), phrase("Nothing is to be done: it is sent once."), named=False
    ),
    ProblemKind.SECOND_AMOUNT: Meaning(
        phrase("a customer and reference has a second amount"),
        phrase("Take out the rows that correct a former amount: both would be paid."),
        named=False,
    ),
    ProblemKind.PAID_ALIKE: Meaning(
        phrase("it is probably paid already, written in another way"),
        phrase("Write customer and reference as they were: else both would be paid."),
        named=False,
    ),
    ProblemKind.OTHER_WORDS: Meaning(
        phrase("it is applied, with other words"),
        phrase("Nothing is to be done: the words of what is applied stay as they are."),
        named=False,
    ),
    ProblemKind.LOOK_ALIKE: Meaning(
        phrase("two ids are probably one customer"),
        phrase("Both would be paid: write both in one way, if they are."),
        named=False,
    ),
}


def kind_of(cell: object, *, amount: bool) -> ProblemKind:
    """Return the kind of a cell that was refused; `amount` says that it is one of a column of amounts."""
    if cell is None or cell == "":
        return ProblemKind.EMPTY
    # What is written as an amount, such as zero, is one that is not valid.
    wrong = amount and isinstance(cell, str) and not cell.lstrip("+-").replace(".", "", 1).isdigit()
    return ProblemKind.NO_AMOUNT if wrong else ProblemKind.INVALID
