"""The commands and their options. What they do is imported when they do it, so that help is quick."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from attrs import evolve

from bonifiq_async._model.printable import printable
from bonifiq_async.cli.adapter import DEFAULT, adapter_for, environment_help
from bonifiq_async.cli.commands import one_call, status
from bonifiq_async.cli.terminal.dialogue import (
    AcceptUsedKeys,
    AsJson,
    FileFormat,
    Out,
    ProviderName,
    Yes,
    concluded,
    confirmed,
    counted,
    interruptible,
    said_before,
)
from bonifiq_async.cli.terminal.screen import give, say, show, whatever_is_read

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from bonifiq_async.cli.adapter import FileAdapter
    from bonifiq_async.cli.files.examine import Plan
    from bonifiq_async.cli.files.rows import Problem, Source
    from bonifiq_async.ledger.sqlite.reader import LedgerFile
    from bonifiq_async.sandbox import FaultScript

T = TypeVar("T")

app = typer.Typer(
    help="Cashback changes, each applied exactly once. Credentials come from the environment: "
    f"{environment_help()}.",
    epilog="Exit codes: 0 all applied; 2 usage, configuration, credentials or an invalid file; "
    "3 some refused or left out; 4 some unknown, or their keys were used before, not by this ledger; 5 "
    "stopped early, run the same command again; 130 interrupted, likewise; 1 a bug.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


class Size(StrEnum):
    """How much a proof tries."""

    tiny = "tiny"
    small = "small"
    medium = "medium"
    large = "large"


class DuplicateAnswer(StrEnum):
    """How the sandbox answers a used key."""

    replay = "replay"
    error_200 = "error-200"
    error_400 = "error-400"
    error_409 = "error-409"


File = Annotated[
    str, typer.Argument(metavar="FILE", help="CSV with a header, or JSON lines; - is standard input.")
]
Format = Annotated[
    FileFormat | None, typer.Option("--format", help="What FILE holds, if its ending does not tell.")
]
Script = Annotated[
    Path | None,
    typer.Option(help="A fault script, TOML or Python: what each request meets; in place of --faults."),
]
SkipInvalid = Annotated[bool, typer.Option("--skip-invalid", help="Leave out rows that are not valid.")]


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        show(f"bonifiq-async {version('bonifiq-async')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Take the options that stand before a command."""


@app.command()
def demo(
    changes: Annotated[int, typer.Option(min=1, help="How many changes.")] = 2000,
    faults: Annotated[float, typer.Option(min=0, max=0.9, help="Share of requests that fail.")] = 0.2,
    seed: Annotated[int, typer.Option(help="Repeats a run exactly.")] = 1,
    script: Script = None,
) -> None:
    """Do the main job against the built-in sandbox with faults on, and compare the books."""
    from bonifiq_async.cli.commands.demo import demo as run_demo
    from bonifiq_async.cli.terminal.report import comparison_table, ending_table
    from bonifiq_async.cli.terminal.tables import show_table

    result = run_demo(changes, seed, _faults(faults, seed, script))
    with whatever_is_read(to_the_end=False):
        show_table(ending_table(result.ending))
        show_table(comparison_table(result))
        show(f"{changes:,} changes, {result.lost} lost, {result.doubled} doubled.")
    if result.ending.interrupted:
        raise typer.Exit(130)
    raise typer.Exit(0 if result.agrees else 1)


@app.command()
def check(
    file: File, provider: ProviderName = DEFAULT, format: Format = None, as_json: AsJson = False
) -> None:
    """Validate every row; send nothing."""
    from bonifiq_async.cli.terminal.report import plan_json, plan_table
    from bonifiq_async.cli.terminal.tables import show_table

    with _source(file, format, adapter_for(provider)) as source:
        plan = _examined(source, skip_invalid=True)
        with whatever_is_read(to_the_end=False):
            if as_json:
                give(plan_json(plan))
            else:
                show_table(plan_table(plan))
                verdict = "can be applied" if not plan.problems else "is refused as it is"
                show(
                    f"{source.name} {verdict}: {counted(plan.changes, 'change')}, "
                    f"{counted(plan.problems, 'row')} not valid."
                )
        raise typer.Exit(2 if plan.problems else 0)


@app.command()
def apply(
    file: File,
    provider: ProviderName = DEFAULT,
    format: Format = None,
    out: Out = None,
    ledger: Annotated[
        Path | None,
        typer.Option(
            help="The record of what was sent. Default: FILE.ledger; for a provider that de-duplicates "
            "nothing, PROVIDER.ledger in the folder of FILE."
        ),
    ] = None,
    no_ledger: Annotated[bool, typer.Option("--no-ledger", help="Keep no record beside the file.")] = False,
    same_account: Annotated[
        bool,
        typer.Option("--same-account", help="The ledger is of this account, whose credentials are new."),
    ] = False,
    max_in_flight: Annotated[
        int,
        typer.Option(min=1, help="Changes in flight at once, at most; fewer when the provider takes fewer."),
    ] = 256,
    max_rate: Annotated[float | None, typer.Option(min=0.001, help="Requests in a second, at most.")] = None,
    give_up_after: Annotated[
        float, typer.Option(min=0.001, help="Seconds without any success after which the run stops.")
    ] = 900.0,
    yes: Yes = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be sent; send nothing.")] = False,
    skip_invalid: SkipInvalid = False,
    accept_used_keys: AcceptUsedKeys = False,
    as_json: AsJson = False,
) -> None:
    """Apply every row once."""
    from bonifiq_async.batch import FlowControl
    from bonifiq_async.cli.commands.apply import Settings, client_from_env
    from bonifiq_async.cli.commands.apply import apply as run_apply
    from bonifiq_async.cli.commands.export import default_ledger
    from bonifiq_async.cli.files.outcome_file import kind_of
    from bonifiq_async.cli.terminal.report import plan_json, plan_table
    from bonifiq_async.cli.terminal.tables import say_table
    from bonifiq_async.ledger.sqlite.reader import LedgerFile, rebind

    if no_ledger and ledger is not None:
        raise typer.BadParameter("says the opposite of --ledger; give one of them", param_hint="--no-ledger")
    adapter = adapter_for(provider)
    unkept = no_ledger or (ledger is None and file == "-")
    kept = None if unkept else ledger or default_ledger(file, adapter)
    if kept is None and adapter.ledger_alone_knows and not dry_run:
        raise typer.BadParameter(
            f"{adapter.name} de-duplicates nothing: without a ledger, a second run would apply everything "
            "again",
            param_hint="--no-ledger" if no_ledger else "--ledger",
        )
    if kept is None and not no_ledger and not dry_run:
        raise typer.BadParameter(
            "standard input has no name to keep a record beside: say where with --ledger, or --no-ledger "
            "for none",
            param_hint="--ledger",
        )
    _apart({"FILE": None if file == "-" else Path(file), "--out": out, "--ledger": kept})
    if out is not None:
        kind_of(out)  # what is wrong with it is said before a long file is read
    make_client, account = client_from_env(adapter, max_in_flight), None
    if not dry_run:
        account = make_client(None).account  # what is missing is said before a long file is read
        if kept is not None and same_account:
            rebind(kept, account)
    record = None if kept is None else LedgerFile(kept, account)
    with _source(file, format, adapter) as source:
        plan = _examined(source, skip_invalid=skip_invalid, ledger=record)
        say(f"{source.name} asks for:")
        say_table(plan_table(plan))
        said_before(plan, kept)
        if dry_run:
            if as_json:
                give(plan_json(plan, known=kept is not None and kept.exists()))
            say("This was a dry run: nothing was sent.")
            return
        if kept is not None and adapter.ledger_alone_knows:
            _tell_of_doubts(kept)
        confirmed(plan, yes=yes, from_stdin=file == "-")
        ending = run_apply(
            plan,
            Settings(FlowControl(max_in_flight, max_rate=max_rate, give_up_after=give_up_after), out, kept),
            make_client,
        )
    raise typer.Exit(
        concluded(ending, as_json=as_json, out=out, ledger=kept, accept_used_keys=accept_used_keys)
    )


app.command()(status.status)
app.command()(status.export)
app.command()(status.settle)
app.command()(one_call.balance)
app.command()(one_call.pending)
app.command("checkout-remove")(one_call.checkout_remove)


@app.command()
def sandbox(
    provider: ProviderName = DEFAULT,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8080,
    faults: Annotated[float, typer.Option(min=0, max=0.9, help="Share of requests that fail.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Repeats the faults exactly.")] = 1,
    duplicates: Annotated[
        DuplicateAnswer | None,
        typer.Option(help="How a used key is answered, where there are keys. Default: error-400."),
    ] = None,
    script: Script = None,
) -> None:
    """Run the sandbox in the foreground until Ctrl-C."""
    from bonifiq_async.cli.commands.sandbox import serve

    answer = None if duplicates is None else duplicates.value
    serve(adapter_for(provider), port, _faults(faults, seed, script), answer)


@app.command()
def prove(
    scale: Annotated[Size, typer.Option(help="How much is tried: large has 100,000 changes.")] = Size.small,
    seed: Annotated[int, typer.Option(help="Repeats changes, faults and kills.")] = 1,
    only: Annotated[list[str] | None, typer.Option(metavar="CLAIM", help="Try this claim alone.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write a page with pictures.")] = None,
    as_json: AsJson = False,
) -> None:
    """Try every promise against the built-in sandbox, with faults and kills; 1 if one does not hold."""
    from bonifiq_async.cli.commands import prove as room

    with interruptible():
        proven = room.run(scale.value, seed, only or (), html)
    with whatever_is_read(to_the_end=False):
        if as_json:
            give(room.as_json(proven))
        else:
            room.report(proven)
    raise typer.Exit(0 if proven.holds else 1)


def _faults(rate: float, seed: int, script: Path | None) -> "FaultScript":
    """Return what requests meet: a script, or chance."""
    from bonifiq_async.sandbox import FaultScript

    return FaultScript(rate=rate, seed=seed) if script is None else FaultScript.from_file(script)


def _source(file: str, format: FileFormat | None, adapter: "FileAdapter") -> "AbstractContextManager[Source]":
    from bonifiq_async.cli.files.rows import opened

    return opened(file, "csv" if format is FileFormat.csv else "jsonl" if format else None, adapter)


def _apart(files: "dict[str, Path | None]") -> None:
    """Refuse one file for two purposes, by whatever name."""
    given = [(name, path) for name, path in files.items() if path is not None]
    for at, (name, path) in enumerate(given):
        for other, second in given[at + 1 :]:
            beside = {f"{second}{ending}" for ending in ("", "-wal", "-shm")}
            same = path.exists() and second.exists() and path.samefile(second)
            if same or str(path.resolve()) in {str(Path(name).resolve()) for name in beside}:
                raise typer.BadParameter(f"{name} and {other} are the same file", param_hint=other)


def _tell_of_doubts(ledger: Path) -> None:
    """Say beforehand what of a ledger will not go out, whatever the file asks for."""
    from bonifiq_async.ledger.sqlite.reader import SETTLEABLE, standing

    counts = standing(ledger).counts if ledger.exists() else {}
    if doubts := sum(counts.get(state, 0) for state in SETTLEABLE):
        say(
            f"In doubt in {ledger}: {counted(doubts, 'change')}, of which none is sent again; "
            f"bonifiq settle {ledger} takes your word for each."
        )


def _examined(source: "Source", *, skip_invalid: bool, ledger: "LedgerFile | None" = None) -> "Plan":
    from bonifiq_async.cli.files.examine import examine
    from bonifiq_async.cli.files.misspelt import Misspelt

    def tell_unknown(line: int, names: "Sequence[str]") -> None:
        kind = "columns" if source.format == "csv" else "members"
        said = ", ".join(map(printable, names))
        say(f"{source.name}, line {line}: {kind} that mean nothing here: {said}")

    source = evolve(source, unknown=Misspelt(source.adapter.columns.names, tell_unknown))

    def tell(problem: "Problem") -> None:
        say(f"{source.name}, {problem}")

    with interruptible():
        plan = examine(source, tell, ledger)
    if plan.problems and not skip_invalid:
        say(
            f"{counted(plan.problems, 'row')} of {source.name} cannot be applied, so nothing was sent. "
            "Mend the file, or leave out what is not valid with --skip-invalid."
        )
        raise typer.Exit(2)
    return plan
