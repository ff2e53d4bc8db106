"""What is left of a run: given out as a file, or sent again."""

import contextlib
import csv
import io
import itertools
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

import typer
from attrs import frozen

from bonifiq_async._model.errors import ConfigurationError, PayloadError
from bonifiq_async._model.operation import RepeatClass
from bonifiq_async._model.printable import printable
from bonifiq_async.cli.adapter import TOLD, FileAdapter, adapter_for, adapter_of
from bonifiq_async.cli.files.examine import Plan, examine
from bonifiq_async.cli.files.formulas import guarded
from bonifiq_async.cli.files.outcome_file import json_line, told_of
from bonifiq_async.cli.files.private_files import scratch
from bonifiq_async.cli.files.rows import TOGETHER, Format, Problem, Source
from bonifiq_async.cli.language.library_errors import said
from bonifiq_async.cli.language.phrase import joined, phrase
from bonifiq_async.cli.terminal.screen import give, say
from bonifiq_async.ledger.protocol import State
from bonifiq_async.ledger.reader import LedgerReader, recorded
from bonifiq_async.ledger.recorded import Recorded, short
from bonifiq_async.ledger.settling import SETTLEABLE

T = TypeVar("T")


def adapter_in(ledger: LedgerReader) -> FileAdapter:
    """Return the adapter of a ledger's provider. Raises `ConfigurationError` for an unknown provider."""
    provider = ledger.provider()
    adapter = (
        adapter_for() if provider is None else adapter_of(provider)
    )  # without a provider, there is no change
    if adapter is None:
        raise ConfigurationError(
            phrase(
                "The ledger {ledger} holds changes of {provider}, which is not known here.",
                ledger=ledger,
                provider=provider,
            )
        )
    return adapter


def export(ledger: LedgerReader, effects: Sequence[str], format: Format) -> None:
    """Print the changes that ended so, and say where they may be applied again. Raises `Lost`."""
    with ledger.connected() as asked:
        adapter = adapter_in(asked)
        _print(asked, adapter, states_of(effects), format)
    if adapter.ledger_alone_knows:
        say(
            phrase(
                "{provider} de-duplicates nothing: apply this with --ledger {ledger}, which knows what was "
                "sent, and with no other.",
                provider=adapter.name,
                ledger=ledger,
            )
        )


def states_of(effects: Sequence[str]) -> Collection[State]:
    """Return the states that a person means by these names."""
    known = {state.name.lower(): state for state in State}
    wrong = [name for name in effects if name not in known]
    if wrong:
        raise typer.BadParameter(
            phrase("{name} is none of {names}", name=wrong[0], names=", ".join(known)), param_hint="--effect"
        )
    states = {known[name] for name in effects}
    if State.UNKNOWN in states:
        states.add(State.IN_DOUBT)  # left by a run that was killed: as unknown as the other
    return states


def _print(ledger: LedgerReader, adapter: FileAdapter, states: Collection[State], format: Format) -> None:
    # Of a provider whose files have both, a derived key stands beside its reference.
    more = ("reference",) * ("reference" in {*adapter.columns.names} - {*adapter.export_columns})
    columns = (*adapter.export_columns, *more, *TOLD)

    def row(change: Recorded) -> ExportRow:
        references = [adapter.recorded_grounds(change).reference for _ in more]
        return (*adapter.export_cells(change), *references, *told_of(change))

    others: Counter[str] = Counter()

    def in_files() -> Iterator[Recorded]:
        for change in recorded(ledger, states):
            if change.operation in adapter.changes:
                yield change
            else:
                others[change.operation] += 1

    rows = map(row, in_files())
    if format == "jsonl":
        for some in together(rows):
            give(b"".join([json_line(dict(zip(columns, row, strict=True))) for row in some]))
        say_left_out(others)
        return
    give(csv_lines([columns]))
    unlike = 0
    for some in together(rows):
        give(csv_lines(some))
        unlike += sum(map(_unlike, some))
    if unlike:
        say(
            phrase(
                "{count:,} of them have an empty text or outer blanks, which CSV does not keep: applied from "
                "it, they are refused as other changes. Use --format jsonl.",
                count=unlike,
            )
        )
    say_left_out(others)


def say_left_out(others: Mapping[str, int]) -> None:
    """Say what stands in the ledger and in no file: applied from one, it would be another change."""
    if others:
        say(
            phrase(
                "{count:,} change is left out, which no file can have: see bonifiq history.",
                "{count:,} changes are left out, which no file can have: see bonifiq history.",
                count=sum(others.values()),
            )
        )


ExportRow = tuple[object, ...]


def together(rows: Iterator[T]) -> Iterator[list[T]]:
    """Yield some at a time, of which each takes one write."""
    while some := list(itertools.islice(rows, TOGETHER)):
        yield some


def csv_lines(rows: Iterable[Iterable[object]]) -> bytes:
    """Return rows as lines of CSV, in which no text starts a formula."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(map(_cell, row) for row in rows)
    return text.getvalue().encode()


def _unlike(row: ExportRow) -> bool:
    """Say whether a row read from CSV is another one."""
    return any(isinstance(cell, str) and (cell == "" or cell != cell.strip()) for cell in row)


def _cell(value: object) -> object:
    if isinstance(value, dict):
        return json_line(value).decode().rstrip()
    return guarded(value) if isinstance(value, str) else "" if value is None else value


@frozen
class NotRepeated:
    """A change in doubt that is not sent again: `counted` says whether the provider counts its key once."""

    key: str
    operation: str
    counted: bool


@frozen
class InDoubt:
    """What a ledger has in doubt: what may be repeated, if anything, and what may not (`left`).

    `refused` says of each change that an earlier version sent and this one does not, why that is.
    `of_programs` is how many of the plan were made by a program, and by no file.
    """

    plan: Plan | None
    left: Sequence[NotRepeated] = ()
    refused: Sequence[str] = ()
    of_programs: int = 0


@contextlib.contextmanager
def in_doubt(ledger: LedgerReader, adapter: FileAdapter) -> Iterator[InDoubt]:
    """Give what is in doubt in a ledger of `adapter`: as a plan to apply again what it de-duplicates."""
    kept = adapter.kept()
    with scratch() as (copy, path):
        repeatable, of_programs, left, refused = 0, 0, list[NotRepeated](), list[str]()
        for change in recorded(ledger, SETTLEABLE):
            if not adapter.sends_again(change):
                operation = adapter.recorded.get(change.operation)
                keyed = operation is None or operation.repeat is RepeatClass.KEYED
                left.append(NotRepeated(change.key, short(change.operation), keyed))
                continue
            cells = dict(zip(kept.export_columns, kept.export_cells(change), strict=True))
            try:
                kept.read_row(0, tuple(map(cells.get, kept.columns.names)))
            except PayloadError as error:
                refused.append(joined((printable(change.key), said(error)), ": "))
                continue
            copy.write(json_line(cells))
            repeatable += 1
            of_programs += change.operation not in adapter.changes
        copy.flush()
        source = Source(path, str(ledger), "jsonl", kept, kept=True)
        yield InDoubt(examine(source, _refuse) if repeatable else None, left, refused, of_programs)


def _refuse(problem: Problem) -> None:
    raise ConfigurationError(
        phrase(
            "The ledger holds a change that cannot be read: {problem}. Nothing was sent.",
            problem=problem.said(),
        )
    )
