"""`bonifiq check`: every row is validated, and what is wrong with a row is printed. Nothing is sent."""

from collections.abc import Sequence

import typer
from attrs import evolve

from bonifiq_async._model.printable import printable
from bonifiq_async.cli.adapter import FileAdapter
from bonifiq_async.cli.files.examine import Plan, examine
from bonifiq_async.cli.files.misspelt import Misspelt
from bonifiq_async.cli.files.rows import Problem, Source
from bonifiq_async.cli.language.phrase import joined, phrase
from bonifiq_async.cli.reading.dialect import FormOptions
from bonifiq_async.cli.reading.opening import opened
from bonifiq_async.cli.terminal.dialogue import changes, interruptible, rows
from bonifiq_async.cli.terminal.report import plan_json, plan_table
from bonifiq_async.cli.terminal.screen import agreed, give, say, show, whatever_is_read
from bonifiq_async.cli.terminal.tables import show_table
from bonifiq_async.cli.terminal.understood import say_understood
from bonifiq_async.ledger.sqlite.reader import LedgerFile


def asked(question: str) -> bool | None:
    """Ask a person what no row of a file proves; None where no person can be asked."""
    with interruptible():
        return agreed(question)


def check(file: str, format: str | None, adapter: FileAdapter, form: FormOptions, *, as_json: bool) -> int:
    """Print what a file asks for, and return the exit code."""
    with opened(file, format, adapter, form, asked) as source:
        say_understood(source)
        plan = examined(source, skip_invalid=True)
        with whatever_is_read(to_the_end=False):
            if as_json:
                give(plan_json(plan, understood=True))
            else:
                show_table(plan_table(plan))
                refused = phrase("{file} is refused as it is", file=source.name)
                verdict = refused if plan.problems else phrase("{file} can be applied", file=source.name)
                show(
                    phrase(
                        "{verdict}: {changes}, {rows} not valid.",
                        verdict=verdict,
                        changes=changes(plan.changes),
                        rows=rows(plan.problems),
                    )
                )
    return 2 if plan.problems else 0


def examined(source: Source, *, skip_invalid: bool, ledger: LedgerFile | None = None) -> Plan:
    """Return what a file asks for, telling of each row that is not valid.

    Ends the command where there is such a row, unless `skip_invalid`.
    """

    def tell_unknown(line: int, names: Sequence[str]) -> None:
        said = phrase("columns that mean nothing here: {names}", names=joined(map(printable, names)))
        if source.format != "csv":
            said = phrase("members that mean nothing here: {names}", names=joined(map(printable, names)))
        say(phrase("{file}, line {line}: {problem}", file=source.name, line=line, problem=said))

    def tell(problem: Problem) -> None:
        say(joined((source.name, problem.said())))

    source = evolve(source, unknown=Misspelt(source.adapter.columns.names, tell_unknown))
    with interruptible():
        plan = examine(source, tell, ledger)
    if plan.problems and not skip_invalid:
        say(
            phrase(
                "{rows} of {file} cannot be applied, so nothing was sent. Correct the file, or leave out "
                "what is not valid with --skip-invalid.",
                rows=rows(plan.problems),
                file=source.name,
            )
        )
        raise typer.Exit(2)
    return plan
