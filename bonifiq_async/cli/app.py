"""The commands and their options, declared. What a command does is imported when it runs: help is quick."""

from pathlib import Path
from types import FunctionType
from typing import Annotated

import typer

from bonifiq_async._provider.registry import specs
from bonifiq_async.cli.adapter import DEFAULT, adapter_for, environment_help
from bonifiq_async.cli.afterwards.declared import history, reconcile, report
from bonifiq_async.cli.database import ledger as database_commands
from bonifiq_async.cli.dead_letters import letters as dead_letter_commands
from bonifiq_async.cli.exit_codes import MEANING
from bonifiq_async.cli.language.phrase import joined, phrase
from bonifiq_async.cli.options import (
    AcceptUsedKeys,
    AsJson,
    ConfirmAbove,
    Decimal,
    Delimiter,
    DryRun,
    DuplicateAnswer,
    Encoding,
    Faults,
    File,
    FileFormat,
    FormatOption,
    GiveUpAfter,
    GiveUpAtStart,
    HeaderRow,
    LanguageName,
    LedgerName,
    LedgerPath,
    Maps,
    MaxInFlight,
    MaxRate,
    NoLedger,
    Out,
    OutForm,
    ProblemsPath,
    Profile,
    ProviderName,
    ReportOf,
    SameAccount,
    SaveProfile,
    Script,
    SecondAmounts,
    Seed,
    ShardNumber,
    Shards,
    SheetName,
    Size,
    SkipInvalid,
    Word,
    Yes,
    form_of,
    format_of,
    keeping,
)
from bonifiq_async.cli.terminal.screen import show

ABOUT = phrase(
    "Cashback changes, each applied exactly once. Credentials come from the environment: {environment}.",
    environment=environment_help(),
)
EXIT_CODES = phrase(
    "Exit codes: {codes}.",
    codes=joined(
        [joined([str(code.value), meaning], ": ") for code, meaning in MEANING.items()],
        ". ",
    ),
)

app = typer.Typer(
    help=ABOUT,
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        show(joined(("bonifiq-async", version("bonifiq-async")), " "))
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    language: LanguageName = None,
) -> None:
    """Take the options that stand before a command; the entry point has taken the language already."""


@app.command()
def demo(
    changes: Annotated[int, typer.Option(min=1, help="How many changes.")] = 2000,
    faults: Faults = 0.2,
    seed: Seed = 1,
    script: Script = None,
) -> None:
    """Do the main job against the built-in sandbox with faults on, and compare the books."""
    from bonifiq_async.cli.commands import demo as command
    from bonifiq_async.cli.commands.sandbox import faults_of

    raise typer.Exit(command.demo(changes, seed, faults_of(faults, seed, script)))


@app.command()
def check(
    file: File,
    provider: ProviderName = DEFAULT,
    format: FormatOption = None,
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    decimal: Decimal = None,
    sheet: SheetName = None,
    map: Maps = None,
    header_row: HeaderRow = None,
    profile: Profile = None,
    save_profile: SaveProfile = None,
    ledger: LedgerPath = None,
    allow_second_amount: SecondAmounts = False,
    problems: ProblemsPath = None,
    out_form: OutForm = None,
    as_json: AsJson = False,
) -> None:
    """Validate every row, and compare it with the ledger; send nothing."""
    from bonifiq_async.cli.commands import check as command
    from bonifiq_async.cli.files.csv_form import NAMED
    from bonifiq_async.cli.ledgers import ledger_at

    form = form_of((encoding, delimiter, decimal, sheet, map, header_row), profile, save_profile)
    with keeping(form, save_profile) as keep:
        code = command.check(
            file,
            format_of(format),
            adapter_for(provider),
            form,
            command.CheckOptions(
                problems,
                allow_second_amount,
                as_json,
                None if ledger is None else ledger_at(ledger),
                None if out_form is None else NAMED[out_form.value],
            ),
            keep,
        )
    raise typer.Exit(code)


@app.command()
def convert(
    file: File,
    to: Annotated[Path, typer.Option(help="The file to write, .csv; it must not exist yet.")],
    provider: ProviderName = DEFAULT,
    format: FormatOption = None,
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    decimal: Decimal = None,
    sheet: SheetName = None,
    map: Maps = None,
    header_row: HeaderRow = None,
    profile: Profile = None,
    save_profile: SaveProfile = None,
) -> None:
    """Write a file of whatever form in the plain one: UTF-8, commas, points; send nothing."""
    from bonifiq_async.cli.commands import convert as command

    form = form_of((encoding, delimiter, decimal, sheet, map, header_row), profile, save_profile)
    with keeping(form, save_profile) as keep:
        code = command.convert(file, format_of(format), adapter_for(provider), form, to)
        keep()
    raise typer.Exit(code)


@app.command()
def apply(
    file: File,
    provider: ProviderName = DEFAULT,
    format: FormatOption = None,
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    decimal: Decimal = None,
    sheet: SheetName = None,
    map: Maps = None,
    header_row: HeaderRow = None,
    profile: Profile = None,
    save_profile: SaveProfile = None,
    out: Out = None,
    out_form: OutForm = None,
    ledger: LedgerPath = None,
    no_ledger: NoLedger = False,
    same_account: SameAccount = False,
    max_in_flight: MaxInFlight = 256,
    max_rate: MaxRate = None,
    give_up_after: GiveUpAfter = 900.0,
    give_up_at_start: GiveUpAtStart = 30.0,
    yes: Yes = False,
    confirm_above: ConfirmAbove = None,
    dry_run: DryRun = False,
    skip_invalid: SkipInvalid = False,
    accept_used_keys: AcceptUsedKeys = False,
    allow_second_amount: SecondAmounts = False,
    problems: ProblemsPath = None,
    report: ReportOf = None,
    shard: ShardNumber = None,
    shards: Shards = None,
    as_json: AsJson = False,
) -> None:
    """Apply every row once."""
    from bonifiq_async.batch import FlowControl
    from bonifiq_async.cli.commands import apply as command
    from bonifiq_async.cli.files.csv_form import NAMED
    from bonifiq_async.cli.ledgers import ledger_at
    from bonifiq_async.cli.workers.shard import numbers_of

    form = form_of((encoding, delimiter, decimal, sheet, map, header_row), profile, save_profile)
    with keeping(form, save_profile) as keep:
        code = command.apply(
            command.ApplyOptions(
                file=file,
                adapter=adapter_for(provider),
                format=format_of(format),
                form=form,
                out=out,
                out_form=None if out_form is None else NAMED[out_form.value],
                ledger=None if ledger is None else ledger_at(ledger),
                no_ledger=no_ledger,
                same_account=same_account,
                flow=FlowControl(
                    max_in_flight,
                    max_rate=max_rate,
                    give_up_after=give_up_after,
                    give_up_at_start=give_up_at_start,
                ),
                yes=yes,
                confirm_above=confirm_above,
                dry_run=dry_run,
                skip_invalid=skip_invalid,
                accept_used_keys=accept_used_keys,
                problems=problems,
                report=report,
                second_amounts=allow_second_amount,
                as_json=as_json,
                shard=numbers_of(shard),
                shards=shards,
            ),
            keep,
        )
    raise typer.Exit(code)


@app.command()
def status(
    ledger: LedgerName,
    look: Annotated[
        bool,
        typer.Option(
            "--look",
            help="Ask the provider what helps to decide: the balance now, and the movements of that time.",
        ),
    ] = False,
    watch: Annotated[
        bool,
        typer.Option("--watch", help="Show how far the shards of its files are, until all are done."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say what a ledger knows: its provider, changes and sums by state, and what is in doubt."""
    from bonifiq_async.cli.commands import status as command
    from bonifiq_async.cli.ledgers import ledger_at

    command.status(ledger_at(ledger), look=look, as_json=as_json, watch=watch)


for _command in (history, report, reconcile):
    app.command()(_command)
app.add_typer(database_commands, name="ledger")
app.add_typer(dead_letter_commands, name="dead-letters")


@app.command()
def export(
    ledger: LedgerName,
    effect: Annotated[list[str], typer.Option(help="Such as unknown or not_applied; may be given again.")],
    format: Annotated[FileFormat, typer.Option("--format")] = FileFormat.csv,
) -> None:
    """Print the changes of a ledger that have these effects, as a file that can be applied again."""
    from bonifiq_async.cli.commands import export as command
    from bonifiq_async.cli.ledgers import ledger_at

    command.export(ledger_at(ledger), effect, format_of(format) or "csv")


@app.command()
def settle(
    ledger: LedgerName,
    key: Annotated[str | None, typer.Option(help="The key of the change in doubt.")] = None,
    word: Annotated[
        Word | None, typer.Option("--as", help="What you found out at the provider. It cannot be taken back.")
    ] = None,
    note: Annotated[str | None, typer.Option(help="How you know, and your name.")] = None,
    operation: Annotated[
        str | None, typer.Option(help="Such as earn, where several changes in doubt share the key.")
    ] = None,
    all_by_repeating: Annotated[
        bool,
        typer.Option("--all-by-repeating", help="Send again, under the same keys, what is in doubt."),
    ] = False,
    without_log: Annotated[
        bool,
        typer.Option(
            "--without-log", help="Go on without the ledger's log, if you know that it held nothing more."
        ),
    ] = False,
    out: Out = None,
    yes: Yes = False,
    confirm_above: ConfirmAbove = None,
    accept_used_keys: AcceptUsedKeys = False,
    as_json: AsJson = False,
) -> None:
    """Settle what is in doubt: one change by your word, which sends nothing; or all by repeating them.

    This settles also a change whose key was used before, but not by this ledger.
    """
    from bonifiq_async.cli.commands import settle as command
    from bonifiq_async.cli.ledgers import ledger_at

    raise typer.Exit(
        command.settle(
            ledger_at(ledger),
            command.WordOptions(key, None if word is None else word is Word.applied, note, operation),
            command.RepeatOptions(out, yes, confirm_above, accept_used_keys, as_json),
            all_by_repeating=all_by_repeating,
            without_log=without_log,
        )
    )


def _add_commands_of_providers() -> None:
    for spec in specs():
        for name, where in spec.commands.items():
            app.command(name)(where.load(FunctionType))


_add_commands_of_providers()


@app.command()
def sandbox(
    provider: ProviderName = DEFAULT,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8080,
    faults: Faults = 0.0,
    seed: Seed = 1,
    duplicates: Annotated[
        DuplicateAnswer | None,
        typer.Option(help="How a used key is answered, where there are keys. Default: error-400."),
    ] = None,
    script: Script = None,
) -> None:
    """Run the sandbox in the foreground until Ctrl-C."""
    from bonifiq_async.cli.commands import sandbox as command

    answer = None if duplicates is None else duplicates.value
    command.serve(adapter_for(provider), port, command.faults_of(faults, seed, script), answer)


@app.command()
def prove(
    scale: Annotated[Size, typer.Option(help="How much is tried: large has 100,000 changes.")] = Size.small,
    seed: Annotated[int, typer.Option(help="Repeats changes, faults and kills.")] = 1,
    only: Annotated[list[str] | None, typer.Option(metavar="CLAIM", help="Try this claim alone.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write a page with pictures.")] = None,
    as_json: AsJson = False,
) -> None:
    """Try every promise against the built-in sandbox, with faults and kills; 1 if one does not hold."""
    from bonifiq_async.cli.commands import prove as command

    raise typer.Exit(command.prove(scale.value, seed, only or (), html, as_json=as_json))
