"""What is said of the rows of a file, grouped by kind; and the whole list, as a file."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from attrs import define, evolve, field

from bonifiq_async._model.errors import ConfigurationError
from bonifiq_async.cli.examination.kinds import MEANINGS, ProblemKind
from bonifiq_async.cli.files.csv_form import PLAIN, CsvForm
from bonifiq_async.cli.files.private_files import own
from bonifiq_async.cli.files.rows import Problem
from bonifiq_async.cli.language.phrase import Phrase, phrase
from bonifiq_async.cli.reading.dialect import DELIMITERS

FIRST = 3
"""Rows of a kind that are kept to be shown."""
FEW = 12
"""Rows of all kinds that are kept to be shown, where there are no more."""

COLUMNS = ("line", "last_line", "kind", "column", "cell", "message")
"""The columns of the file of `--problems`."""


@define
class ProblemGroup:
    """The rows of which the same is said: how many, and the first of them."""

    kind: ProblemKind
    column: str
    rows: int = 0
    first: list[Problem] = field(factory=list)

    def said(self) -> Phrase:
        """Say it of all of them, with the first place and its cell, and what to do."""
        first, meaning = self.first[0], MEANINGS[self.kind]
        what, shown = meaning.what, first.message
        if meaning.named:
            what = phrase("{what} ({column})", what=what, column=self.column)
        if first.text:
            shown = phrase('"{cell}"', cell=f"{first.text:.40}")
        return phrase(
            "{count:,} row: {what}; first at {where}: {shown}. {advice}",
            "{count:,} rows: {what}; first at {where}: {shown}. {advice}",
            count=self.rows,
            what=what,
            where=first.place,
            shown=shown,
            advice=meaning.advice,
        )

    def values(self) -> Mapping[str, object]:
        """Return it for machines."""
        first = self.first[0]
        return {
            "kind": self.kind.value,
            "column": self.column,
            "rows": self.rows,
            "first": {"line": first.line, "cell": first.text, "message": first.message},
            "advice": MEANINGS[self.kind].advice,
        }


@define
class _List:
    """The file of `--problems`, a row for each problem."""

    _path: Path
    _file: IO[bytes]
    _form: CsvForm

    def put(self, problem: Problem) -> None:
        last = problem.line if problem.last is None else problem.last
        cells = (problem.line, last, problem.kind.value, problem.field, problem.text, problem.message)
        with _taken(self._path):
            self._file.write(self._form.line(cells))


@define
class Problems:
    """Takes what is said of each row, and keeps so much of it as is shown, however long the file is."""

    _list: _List | None = None
    groups: dict[tuple[ProblemKind, str], ProblemGroup] = field(factory=dict)
    rows: int = 0
    first: list[Problem] = field(factory=list)

    def put(self, problem: Problem) -> None:
        """Take what is said of one row."""
        if self._list is not None:
            self._list.put(problem)
        self.rows += 1
        place = problem.kind, problem.field
        group = self.groups.setdefault(place, ProblemGroup(*place))
        group.rows += 1
        for kept, most in ((group.first, FIRST), (self.first, FEW)):
            if len(kept) < most:
                kept.append(problem)

    def shown(self) -> Iterator[Phrase]:
        """Yield what to show: rows where they are few, the first of each kind where these are, then kinds.

        A kind of which each row is shown says no more.
        """
        few, groups = self.rows <= FEW, list(self.groups.values())
        if few:
            yield from (problem.said() for problem in self.first)
        elif len(groups) <= FIRST:
            yield from (problem.said() for group in groups for problem in group.first)
        yield from (group.said() for group in groups if group.rows > 1 or not few)

    def values(self) -> Sequence[Mapping[str, object]]:
        """Return the groups for machines."""
        return [group.values() for group in self.groups.values()]


_HEADS = tuple(CsvForm(delimiter).head(COLUMNS) for delimiter in DELIMITERS)
"""How a list of any form begins, behind the mark of UTF-8."""


def begun_anew(path: Path | None) -> None:
    """Empty the list of an earlier run, so that it is not taken for that of a file which cannot be read.

    Another file stays as it is. Raises `ConfigurationError`.
    """
    if path is not None:
        with _taken(path), own(path, *_HEADS) as file:
            file.truncate()


@contextlib.contextmanager
def listing(path: Path | None, form: CsvForm = PLAIN) -> Iterator[Problems]:
    """Give what takes the problems of a file, and lists all in the CSV file at `path`, if given, in a form.

    A list of before is written over, and no other file. Raises `ConfigurationError`.
    """
    if path is None:
        yield Problems()
        return
    with contextlib.ExitStack() as stack:
        with _taken(path):
            file = stack.enter_context(own(path, *_HEADS))
            file.truncate()
            file.write(evolve(form, bom=True).head(COLUMNS))
        yield Problems(_List(path, file, form))
        with _taken(path):
            file.flush()


@contextlib.contextmanager
def _taken(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigurationError(
            phrase(
                "{list} cannot be written: {why}. Nothing was sent; name another file with --problems, or "
                "leave it out.",
                list=path,
                why=error.strerror,
            )
        ) from None
