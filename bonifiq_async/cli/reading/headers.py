"""Which column of a file is what: by its name as it stands, as it may be spelt, or as an option says."""

import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence

from attrs import frozen

from bonifiq_async._model.errors import ConfigurationError
from bonifiq_async._model.printable import printable
from bonifiq_async.cli.columns import Columns
from bonifiq_async.cli.files.misspelt import did_you_mean
from bonifiq_async.cli.files.misspelt import meaning as meant_by
from bonifiq_async.cli.files.unfit import alternatives, every
from bonifiq_async.cli.files.unfit import twice as has_twice
from bonifiq_async.cli.language.phrase import joined, phrase

SAID = phrase("said")
AS_IT_IS = phrase("its name")
SPELT = phrase("its name, spelt otherwise")
USUAL = phrase("a usual name for it")

LOOKED_AT = 50
"""Rows among which the header is looked for, to say which it may be."""


def folded(name: str) -> str:
    """Return a name without case and accents, with `_` for whatever is neither letter nor digit."""
    plain = unicodedata.normalize("NFKD", name.casefold())
    kept = [each if each.isalnum() else " " for each in plain if not unicodedata.combining(each)]
    return "_".join("".join(kept).split())


@frozen
class Column:
    """A column of a file that is needed: where it stands, its header, what it is, and how that is known."""

    at: int
    header: str
    name: str
    proof: str


@frozen
class Header:
    """The first row of a file: its names, and those of its columns that are needed."""

    names: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def unknown(self) -> tuple[str, ...]:
        """The names that mean nothing here."""
        used = {column.at for column in self.columns}
        return tuple(name for at, name in enumerate(self.names) if name and at not in used)

    @property
    def plain(self) -> bool:
        """Whether each column has the name that the plain form gives it."""
        return all(column.proof == AS_IT_IS for column in self.columns)

    def places(self, columns: Columns) -> tuple[int | None, ...]:
        """Return where each column of `columns` stands."""
        at = {column.name: column.at for column in self.columns}
        return tuple(map(at.get, columns.names))


def header_of(cells: Sequence[str], columns: Columns, said: Mapping[str, str]) -> Header | str:
    """Return what the columns are; or, as the end of a sentence, what is wrong with them.

    `said` has what a person said of a header, which counts before all else. A name as it stands counts before
    one that is spelt otherwise, and that before a usual one; of two that count alike, none is guessed.
    """
    names = tuple(cell.strip() for cell in cells)
    found: dict[str, list[Column]] = {}
    claimed: set[int] = set()
    for header, name in said.items():
        places = [place for place, each in enumerate(names) if folded(each) == folded(header)]
        if not places:
            have = printable(", ".join(filter(None, names)))
            return phrase("no column is called {name}; there are {names}", name=printable(header), names=have)
        found[name] = [*found.get(name, []), *(Column(each, names[each], name, SAID) for each in places)]
        claimed.update(places)
    usual = {folded(each): name for name, others in columns.usual.items() for each in others}
    for proof, meaning in (
        (AS_IT_IS, {name: name for name in columns.names}),
        (SPELT, {folded(name): name for name in columns.names}),
        (USUAL, usual),
    ):
        some: dict[str, list[Column]] = {}
        for at, header in enumerate(names):
            known = meaning.get(header if proof is AS_IT_IS else folded(header))
            if known is not None and known not in found and at not in claimed:
                some.setdefault(known, []).append(Column(at, header, known, proof))
        found.update(some)
    twice = {name: each for name, each in found.items() if len(each) > 1}
    if twice:
        name, each = next(iter(twice.items()))
        if all(column.proof == AS_IT_IS for column in each):
            return has_twice(twice)
        return phrase(
            "{headers} may both be {name}: say which with --map 'HEADER={name}'",
            headers=every([printable(column.header) for column in each]),
            name=name,
        )
    return Header(names, tuple(sorted((each[0] for each in found.values()), key=lambda column: column.at)))


def missing(header: Header, columns: Columns) -> list[str]:
    """Return which columns a header lacks."""
    names = {column.name for column in header.columns}
    lacks = [name for name in columns.required if name not in names]
    return lacks + [alternatives(group) for group in columns.either if not names & set(group)]


def _hinted(columns: Columns) -> Callable[[str], str]:
    def hinted(name: str) -> str:
        meant = None if name in columns.names else meant_by(name, columns.names)
        return printable(name) if meant is None else did_you_mean(name, meant)

    return hinted


def likely_header(
    rows: Iterable[tuple[int, Sequence[str]]], columns: Columns, said: Mapping[str, str]
) -> tuple[int, int | None]:
    """Return how many columns are known of the row that is most likely the header, and its number.

    The number is None where no row has two. A name that is said of no column of a row, or that two may have,
    does not keep that row from being the header: what is wrong with it is reported of it.
    """
    names = {folded(each): name for name, others in columns.usual.items() for each in (name, *others)}
    names |= {folded(name): name for name in columns.names} | {folded(each): said[each] for each in said}
    best, found = 0, None
    for line, cells in rows:
        known = len({names.get(folded(cell)) for cell in cells} - {None})
        if known > best:
            best, found = known, line
    return best, found if best > 1 else None


def refuse_unknown(said: Mapping[str, str], columns: Columns) -> None:
    """Refuse what is said to be a column that there is not. Raises `ConfigurationError`."""
    for header, name in said.items():
        if name in columns.names:
            continue
        problem = phrase(
            "--map says {name}, which is none of {names}", name=printable(name), names=joined(columns.names)
        )
        if header in columns.names:
            problem = phrase(
                "--map is the wrong way round: write --map '{name}={header}'",
                name=printable(name),
                header=header,
            )
        raise ConfigurationError(phrase("{problem}. Nothing was sent.", problem=problem))


def read_header(
    cells: Sequence[str],
    columns: Columns,
    said: Mapping[str, str],
    place: tuple[int, str],
    likely: Callable[[], int | None],
) -> Header:
    """Return what the columns are. Raises `ConfigurationError`, which begins with the `place`.

    That is the line, and where it stands in words. Where another one is `likely` the header, that is said.
    """
    line, where = place
    header = header_of(cells, columns, said)
    lacks = missing(header, columns) if isinstance(header, Header) else []
    if (isinstance(header, str) or lacks) and (row := likely()) not in (None, line):
        raise ConfigurationError(
            phrase(
                "{where} is not the header, and line {row} looks like it: say --header-row {row}. Nothing "
                "was sent.",
                where=where,
                row=row,
            )
        )
    if isinstance(header, str):
        raise ConfigurationError(phrase("{where}: {problem}. Nothing was sent.", where=where, problem=header))
    if lacks:
        raise ConfigurationError(
            phrase(
                "{where}: the header lacks {names}; it has {others}. Say which column is what with --map "
                "'HEADER={first}', or which line is the header with --header-row. Nothing was sent.",
                where=where,
                names=joined(lacks),
                others=joined(map(_hinted(columns), filter(None, header.names))) or phrase("nothing"),
                first=lacks[0].split()[0],
            )
        )
    return header
