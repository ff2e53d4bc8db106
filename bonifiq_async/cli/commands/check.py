"""`bonifiq check`: every row is validated, and what is wrong with a row is printed. Nothing is sent."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import typer
from attrs import evolve, frozen

from bonifiq_async._model.printable import printable
from bonifiq_async.cli.adapter import FileAdapter
from bonifiq_async.cli.examination.groups import Problems, begun_anew, listing
from bonifiq_async.cli.files.csv_form import CsvForm, form_like
from bonifiq_async.cli.files.examine import Plan, examine
from bonifiq_async.cli.files.misspelt import Misspelt
from bonifiq_async.cli.files.rows import Source
from bonifiq_async.cli.language.phrase import Phrase, joined, phrase
from bonifiq_async.cli.ledgers import default_ledger
from bonifiq_async.cli.reading.dialect import FormOptions
from bonifiq_async.cli.reading.opening import opened
from bonifiq_async.cli.terminal.dialogue import changes, interruptible, rows, said_before
from bonifiq_async.cli.terminal.report import plan_json, plan_table
from bonifiq_async.cli.terminal.screen import agreed, give, say, show, whatever_is_read
from bonifiq_async.cli.terminal.tables import show_table
from bonifiq_async.cli.terminal.understood import say_understood
from bonifiq_async.ledger.reader import LedgerReader


def asked(question: str) -> bool | None:
    """Ask a person what no row of a file proves; None where no person can be asked."""
    with interruptible():
        return agreed(question)


@frozen
class CheckOptions:
    """What else `bonifiq check` was given; `second_amounts` says that they are allowed.

    `ledger` is that with which the file would be applied, None for the one beside it; `list_form` is that of
    the list, None for that of the file.
    """

    listed: Path | None
    second_amounts: bool
    as_json: bool
    ledger: LedgerReader | None = None
    list_form: CsvForm | None = None


def check(
    file: str,
    format: str | None,
    adapter: FileAdapter,
    form: FormOptions,
    options: CheckOptions,
    on_valid: Callable[[], object] = lambda: None,
) -> int:
    """Print what a file asks for, and return the exit code; call `on_valid` when its rows are valid."""
    listed, ledger = options.listed, options.ledger
    if ledger is None and file != "-":
        ledger = default_ledger(file, adapter)
    refuse_one_file_twice(
        {
            "FILE": None if file == "-" else Path(file),
            "--problems": listed,
            "--ledger": None if ledger is None else ledger.file,
        }
    )
    begun_anew(listed)
    with (
        opened(file, format, adapter, form, asked) as source,
        contextlib.nullcontext() if ledger is None else ledger.connected() as ledger,
    ):
        say_understood(source)
        record = _record_of(ledger, adapter)
        found = examined(source, ledger=record, listed=listed, form=options.list_form)
        plan = found.plan
        if not plan.problems:
            on_valid()
        refused = [] if plan.problems else found.refusals(allowed=options.second_amounts)
        with whatever_is_read(to_the_end=False):
            if options.as_json:
                known = ledger is not None and ledger.exists()
                give(plan_json(plan, found.problems, known=known, understood=True))
            else:
                show_table(plan_table(plan))
                show(_verdict(plan, refused=bool(plan.problems or refused)))
        said_before(plan, ledger)
        if refused:
            say(*refused)
    return 2 if plan.problems or refused else 0


def _verdict(plan: Plan, *, refused: bool) -> Phrase:
    file = plan.source.name
    verdict = phrase("{file} can be applied", file=file)
    if refused:
        verdict = phrase("{file} is refused as it is", file=file)
    return phrase(
        "{verdict}: {changes}, {rows} not valid.",
        verdict=verdict,
        changes=changes(plan.changes),
        rows=rows(plan.problems),
    )


def _record_of(ledger: LedgerReader | None, adapter: FileAdapter) -> LedgerReader | None:
    """Return the ledger as one of the account of the environment, where there is one to compare with."""
    if ledger is None or not (ledger.exists() or ledger.others()):
        return None
    from bonifiq_async.cli.commands.run import account_from_env  # a client, which most checks do not need

    return ledger.of(account_from_env(adapter))


@frozen
class Examined:
    """What a file asks for, and what is said of its rows."""

    plan: Plan
    problems: Problems

    def refuse_invalid(self, *, skippable: bool = False) -> None:
        """End the command where there is a row that is not valid; the command may take `--skip-invalid`."""
        if not self.plan.problems:
            return
        say(
            phrase(
                "{rows} of {file} cannot be applied, so nothing was sent. Correct the file.",
                rows=rows(self.plan.problems),
                file=self.plan.source.name,
            )
        )
        if skippable:
            say(phrase("--skip-invalid leaves out what is not valid."))
        raise typer.Exit(2)

    def refuse(self, refusals: Sequence[Phrase]) -> None:
        """End the command where something refuses the file."""
        if refusals:
            say(*refusals)
            raise typer.Exit(2)

    def refusals(self, *, allowed: bool) -> Sequence[Phrase]:
        """Return what refuses a file whose rows are valid, unless it is `allowed`."""
        return [*self.in_other_ledger(allowed=allowed), *self.second_amounts(allowed=allowed)]

    def second_amounts(self, *, allowed: bool) -> Sequence[Phrase]:
        """Refuse to pay what is paid already under another amount, unless that is `allowed`."""
        return [_not_allowed(self.plan)] if self.plan.second_amounts and not allowed else []

    def in_other_ledger(self, *, allowed: bool) -> Sequence[Phrase]:
        """Refuse rows that another ledger than a new one has, unless that is `allowed`."""
        found = []
        for other in [] if allowed else self.plan.beside:
            if not other.rows:
                continue
            said = phrase(
                "{ledger} has {rows} of {file}, or probably has: a new ledger could let them be paid again.",
                rows=rows(other.rows),
                file=self.plan.source.name,
                ledger=other.ledger,
            )
            way = phrase(
                "Say --ledger {ledger}, or --allow-second-amount if all of it is to be paid.",
                ledger=other.ledger,
            )
            found.append(joined((said, way, phrase("Nothing was sent.")), " "))
        return found[:1]


def _not_allowed(plan: Plan) -> Phrase:
    said = phrase(
        "{rows} for a customer and reference with another payment: both would be paid.",
        rows=rows(plan.second_amounts),
    )
    way = phrase(
        "Take out what corrects a former amount, and pay the difference in a row of its own, with a "
        "reference such as 1001-b; or say --allow-second-amount if both are meant."
    )
    return joined((said, way, phrase("Nothing was sent.")), " ")


def examined(
    source: Source,
    *,
    ledger: LedgerReader | None = None,
    listed: Path | None = None,
    form: CsvForm | None = None,
) -> Examined:
    """Return what a file asks for, and say what is wrong with its rows; `listed` gets all of it."""

    def tell_unknown(line: int, names: Sequence[str]) -> None:
        said = phrase("columns that mean nothing here: {names}", names=joined(map(printable, names)))
        if source.format != "csv":
            said = phrase("members that mean nothing here: {names}", names=joined(map(printable, names)))
        say(phrase("{file}, line {line}: {problem}", file=source.name, line=line, problem=said))

    source = evolve(source, unknown=Misspelt(source.adapter.columns.names, tell_unknown))
    with interruptible(), listing(listed, form or form_like(source.dialect)) as problems:
        try:
            plan = examine(source, problems.put, ledger, problems.put)
        finally:
            for text in problems.shown():
                say(joined((source.name, text)))
    if listed is not None:
        said = phrase("{list} has all that is said of rows: {rows}.", list=listed, rows=rows(problems.rows))
        say(said)
    return Examined(plan, problems)


def refuse_one_file_twice(files: Mapping[str, Path | None]) -> None:
    """Refuse one file for two purposes, by whatever name."""
    given = [(name, path) for name, path in files.items() if path is not None]
    for at, (name, path) in enumerate(given):
        for other, second in given[at + 1 :]:
            beside = {f"{second}{ending}" for ending in ("", "-wal", "-shm")}
            same = path.exists() and second.exists() and path.samefile(second)
            if same or str(path.resolve()) in {str(Path(name).resolve()) for name in beside}:
                same_file = phrase("{one} and {other} are the same file", one=name, other=other)
                raise typer.BadParameter(same_file, param_hint=other)
