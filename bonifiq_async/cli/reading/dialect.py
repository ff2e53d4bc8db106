"""How a file is understood, and what was said of it: values, which a person and a program are shown."""

from collections.abc import Mapping, Sequence

from attrs import field, frozen

from bonifiq_async._model.errors import ConfigurationError
from bonifiq_async.cli.language.phrase import joined, phrase
from bonifiq_async.cli.reading.amounts import COMMA, NAMES, POINT, Example, MarkEvidence
from bonifiq_async.cli.reading.headers import SAID, Column, folded

PLAIN_FORM = phrase("as the plain form has it")


@frozen
class FormOptions:
    """What was said of a file, None for what is to be guessed; `columns` has a column's name by header.

    `header_row` is the line of the header, or its row in a sheet; None for the first.
    """

    encoding: str | None = None
    delimiter: str | None = None
    decimal: str | None = None
    sheet: str | None = None
    columns: Mapping[str, str] = field(factory=dict)
    header_row: int | None = None

    def options(self) -> str:
        """Return the options that said it."""
        given = {
            "--encoding": self.encoding,
            "--delimiter": self.delimiter,
            "--decimal": self.decimal,
            "--sheet": self.sheet,
            "--map": self.columns,
            "--header-row": self.header_row,
        }
        return ", ".join(name for name, value in given.items() if value)


@frozen
class Fact:
    """One thing that is known of a file, and what proves it; `said` where a person did."""

    value: str
    proof: str

    @property
    def said(self) -> bool:
        """Whether a person said it."""
        return self.proof == SAID


def said_row(form: FormOptions) -> Fact | None:
    """Return the row of the header, where it was said."""
    return None if form.header_row is None else Fact(str(form.header_row), SAID)


@frozen
class Dialect:
    """How a file is understood.

    `kind` is csv, xlsx, xls or ods. `decimal` has the mark of each column of amounts. `columns` are those
    that are needed. `notes` say what else a person should know, such as hidden sheets. `plain` says that
    nothing had to be guessed: the file has the plain form. `bom` says that it begins with the mark of UTF-8.
    """

    kind: str
    columns: tuple[Column, ...]
    decimal: Mapping[str, Fact]
    encoding: Fact | None = None
    delimiter: Fact | None = None
    sheet: Fact | None = None
    header: Fact | None = None
    notes: tuple[str, ...] = ()
    plain: bool = False
    bom: bool = False

    def facts(self) -> Mapping[str, Fact]:
        """Return what is known, by the name under which it is shown, in the order in which it is shown."""
        known: dict[str, Fact | None] = {
            phrase("encoding"): self.encoding,
            phrase("delimiter"): self.delimiter,
            phrase("sheet"): self.sheet,
            phrase("row of the header"): self.header,
        }
        marks: dict[str, Fact] = {
            phrase("decimal mark of {name}", name=name): found for name, found in self.decimal.items()
        }
        return {name: found for name, found in known.items() if found is not None} | marks

    def values(self) -> Mapping[str, object]:
        """Return the same as plain values."""

        def one(found: Fact | None) -> Mapping[str, object] | None:
            return None if found is None else {"value": found.value, "said": found.said, "proof": found.proof}

        return {
            "kind": self.kind,
            "encoding": one(self.encoding),
            "delimiter": one(self.delimiter),
            "sheet": one(self.sheet),
            "header_row": one(self.header),
            "decimal": {name: one(found) for name, found in self.decimal.items()},
            "columns": {
                column.name: {"header": column.header, "said": column.proof == SAID, "proof": column.proof}
                for column in self.columns
            },
            "notes": list(self.notes),
        }


@frozen
class Unclear:
    """The decimal mark of a column is not known; `example` has two readings."""

    column: str
    example: Example


def mark_of(column: str, evidence: MarkEvidence, said: str | None, *, plain: bool) -> Fact | Unclear:
    """Return the decimal mark of a column, and what proves it. In the plain form, a point needs no proof.

    Raises `ConfigurationError` where the rows contradict each other.
    """
    if said is not None:
        return Fact(said, SAID)
    proof = evidence.proof
    if len(proof) == 2 and not plain:
        raise ConfigurationError(
            phrase(
                "The amounts under {name} have two decimal marks: {comma} has a comma, and {point} has a "
                "point. Nothing was sent; say with --decimal which of them counts.",
                name=column,
                comma=proof[COMMA].said(),
                point=proof[POINT].said(),
            )
        )
    if len(proof) == 1 and (COMMA in proof or not plain):
        ((mark, example),) = proof.items()
        return Fact(mark, phrase("{example} can have {mark} alone", example=example.said(), mark=NAMES[mark]))
    if plain:
        return Fact(POINT, PLAIN_FORM)
    if evidence.unclear is not None:
        return Unclear(column, evidence.unclear)
    return Fact(POINT, phrase("no amount needs one"))


def form_options(
    encoding: str | None,
    delimiter: str | None,
    decimal: str | None,
    sheet: str | None,
    maps: Sequence[str],
    header_row: int | None = None,
) -> FormOptions:
    """Return what options say. Raises `ConfigurationError` for what they cannot say."""
    columns: dict[str, str] = {}
    for each in maps:
        header, equals, name = each.rpartition("=")
        if not equals or not header.strip() or not name.strip():
            raise ConfigurationError(
                phrase("--map is {given}; write it as 'HEADER=COLUMN'.", given=f"{each!r:.60}")
            )
        header, name = header.strip(), name.strip()
        if any(folded(header) == folded(other) and name != columns[other] for other in columns):
            raise ConfigurationError(
                phrase("--map says twice what {header} is; leave out one of them.", header=f"{header!r:.60}")
            )
        columns[header] = name
    marks = {"comma": ",", "point": ".", ",": ",", ".": "."}
    if decimal is not None and decimal not in marks:
        raise ConfigurationError(
            phrase("--decimal is {given}; write , or . (or comma, or point).", given=f"{decimal!r:.20}")
        )
    delimiters = {"tab": "\t", "\\t": "\t", **{each: each for each in DELIMITERS}}
    if delimiter is not None and delimiter not in delimiters:
        raise ConfigurationError(
            phrase("--delimiter is {given}; write one of , ; | tab.", given=f"{delimiter!r:.20}")
        )
    if encoding is not None and encoding.lower() not in ENCODINGS:
        raise ConfigurationError(
            phrase(
                "--encoding is {given}; write one of {names}.",
                given=f"{encoding!r:.20}",
                names=joined(ENCODINGS),
            )
        )
    return FormOptions(
        None if encoding is None else encoding.lower(),
        None if delimiter is None else delimiters[delimiter],
        None if decimal is None else marks[decimal],
        sheet,
        columns,
        header_row,
    )


DELIMITERS = (",", ";", "\t", "|")
ENCODINGS = ("utf-8", "utf-16", "windows-1252", "iso-8859-1", "cp850")
