"""The commands that ask a ledger afterwards, declared. What a command does is imported when it runs."""

from pathlib import Path
from typing import Annotated

import typer

from bonifiq_async.cli.language.phrase import phrase
from bonifiq_async.cli.options import (
    AsJson,
    CsvFormName,
    CustomerOption,
    FileFormat,
    LedgerName,
    RunNumber,
    Since,
    Until,
    format_of,
)

CsvFormOfList = Annotated[
    CsvFormName | None, typer.Option(help="Of CSV, as apply has it for --out. Default: plain.")
]


def history(
    ledger: LedgerName,
    customer: CustomerOption = None,
    key: Annotated[str | None, typer.Option(help="The change key.")] = None,
    reference: Annotated[str | None, typer.Option(help="The order or event id of the row.")] = None,
    since: Since = None,
    until: Until = None,
    effect: Annotated[list[str] | None, typer.Option(help="Such as applied; may be given again.")] = None,
    run: RunNumber = None,
    list_runs: Annotated[bool, typer.Option("--runs", help="List the runs instead.")] = False,
    format: Annotated[
        FileFormat | None, typer.Option("--format", help="For programs. Default: a table.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="A new file for a spreadsheet: .xlsx, or .csv with --out-form.")
    ] = None,
    out_form: CsvFormOfList = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format jsonl.")] = False,
) -> None:
    """Say of each change when and by which run it was sent, from which file and line, and what came of it."""
    from bonifiq_async.cli.afterwards.question import Question
    from bonifiq_async.cli.commands import history as command
    from bonifiq_async.cli.files.csv_form import NAMED
    from bonifiq_async.cli.ledgers import ledger_at

    shown = "jsonl" if as_json else format_of(format)
    form = NAMED[out_form or CsvFormName.plain]
    question = Question(customer, key, reference, since, until, effect or (), run)
    if list_runs:
        if question != Question() or out is not None:
            raise typer.BadParameter(phrase("stands alone, with --format or --json"), param_hint="--runs")
        command.list_runs(ledger_at(ledger), shown or "table", form)
        return
    if out is None:
        command.history(ledger_at(ledger), question, shown or "table", form)
        return
    if shown is not None:
        raise typer.BadParameter(phrase("stands without --format and --json"), param_hint="--out")
    command.history_file(ledger_at(ledger), question, out, form)


def report(
    ledger: LedgerName,
    html: Annotated[Path, typer.Option(help="The page to write; an earlier page there is replaced.")],
    run: RunNumber = None,
    since: Since = None,
    until: Until = None,
) -> None:
    """Write one page of a run or a period: sums, pictures, errors, what is unknown and how to settle it."""
    from bonifiq_async.cli.afterwards import report as command
    from bonifiq_async.cli.afterwards.question import Question
    from bonifiq_async.cli.ledgers import ledger_at

    command.report(ledger_at(ledger), Question(since=since, until=until, run=run), html)


def reconcile(
    ledger: LedgerName,
    run: RunNumber = None,
    since: Since = None,
    until: Until = None,
    customer: CustomerOption = None,
    max_rate: Annotated[float, typer.Option(min=0.001, help="Requests in a second, at most.")] = 20.0,
    out: Annotated[Path | None, typer.Option(help="A new CSV file with all that was found.")] = None,
    out_form: CsvFormOfList = None,
    as_json: AsJson = False,
) -> None:
    """Compare a ledger with what the provider shows of its customers; change nothing.

    Interrupted, the same command goes on where it stopped.
    """
    from bonifiq_async.cli.afterwards import reconcile as command
    from bonifiq_async.cli.afterwards.question import Question
    from bonifiq_async.cli.files.csv_form import NAMED
    from bonifiq_async.cli.ledgers import ledger_at

    question = Question(customer, since=since, until=until, run=run)
    options = command.ReconcileOptions(
        ledger_at(ledger), question, max_rate, out, as_json, NAMED[out_form or CsvFormName.plain]
    )
    raise typer.Exit(command.reconcile(options))
