"""The commands that read a ledger, and those that settle what it has in doubt."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from bonifiq_async.cli.terminal.dialogue import (
    AcceptUsedKeys,
    AsJson,
    FileFormat,
    Out,
    Yes,
    concluded,
    confirmed,
    counted,
    interruptible,
)
from bonifiq_async.cli.terminal.screen import say


def status(
    ledger: Path,
    look: Annotated[
        bool,
        typer.Option(
            "--look", help="Ask the provider for what helps to decide: the balance now, movements then."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say what a ledger knows: its provider, changes and sums by state, and what is in doubt."""
    from bonifiq_async.cli.commands.in_doubt import show_standing

    with interruptible():
        show_standing(ledger, look=look, as_json=as_json)


class Word(StrEnum):
    """What a person says of a change in doubt."""

    applied = "applied"
    not_applied = "not-applied"


def export(
    ledger: Path,
    effect: Annotated[list[str], typer.Option(help="Such as unknown or not-applied; may be given again.")],
    format: Annotated[FileFormat, typer.Option("--format")] = FileFormat.csv,
) -> None:
    """Print the changes of a ledger that ended so, as a file that can be applied again."""
    from bonifiq_async.cli.commands.export import adapter_in
    from bonifiq_async.cli.commands.export import export as run_export
    from bonifiq_async.ledger.protocol import State

    known = {state.value.replace(" ", "-"): state for state in State}
    wrong = [name for name in effect if name not in known]
    if wrong:
        raise typer.BadParameter(f"{wrong[0]} is none of {', '.join(known)}", param_hint="--effect")
    states = {known[name] for name in effect}
    if State.UNKNOWN in states:
        states.add(State.IN_DOUBT)  # left by a run that was killed: as unknown as the other
    run_export(ledger, states, "csv" if format is FileFormat.csv else "jsonl")
    if (adapter := adapter_in(ledger)).ledger_alone_knows:
        say(
            f"{adapter.name} de-duplicates nothing: apply this with --ledger {ledger}, which knows what was "
            "sent, and with no other."
        )


def settle(
    ledger: Path,
    key: Annotated[str | None, typer.Option(help="The key of the change in doubt.")] = None,
    word: Annotated[Word | None, typer.Option("--as", help="What you found out at the provider.")] = None,
    note: Annotated[str | None, typer.Option(help="How you know, and who you are.")] = None,
    operation: Annotated[
        str | None, typer.Option(help="Such as earn, where several changes in doubt share the key.")
    ] = None,
    all_by_repeating: Annotated[
        bool,
        typer.Option("--all-by-repeating", help="Send again, under the same keys, what is in doubt."),
    ] = False,
    without_log: Annotated[
        bool,
        typer.Option("--without-log", help="Go on though the ledger's log is missing: nothing else is."),
    ] = False,
    out: Out = None,
    yes: Yes = False,
    accept_used_keys: AcceptUsedKeys = False,
    as_json: AsJson = False,
) -> None:
    """Settle what is in doubt: one change by your word, which sends nothing; or all by repeating them.

    Your word is taken, too, on one whose key was used before, not by this ledger.
    """
    from bonifiq_async._model.errors import ConfigurationError

    if not ledger.is_file():
        raise ConfigurationError(f"There is no ledger {ledger}. Nothing was settled.")
    if without_log:
        if all_by_repeating or (key, word, note, operation) != (None,) * 4:
            raise typer.BadParameter("stands alone", param_hint="--without-log")
        from bonifiq_async.ledger.sqlite.reader import accept_without_log

        accept_without_log(ledger)
        say(f"{ledger} is taken as whole without its log.")
        return
    if all_by_repeating:
        if (key, word, note, operation) != (None,) * 4:
            raise typer.BadParameter(
                "stands alone, without --key, --as, --note and --operation", param_hint="--all-by-repeating"
            )
        raise typer.Exit(_repeat(ledger, out, yes=yes, as_json=as_json, accept_used_keys=accept_used_keys))
    if key is None or word is None or note is None:
        raise typer.BadParameter("give --key, --as and --note, or --all-by-repeating", param_hint="--key")
    from bonifiq_async.ledger.protocol import State
    from bonifiq_async.ledger.sqlite.reader import settle as run_settle

    run_settle(ledger, key, State.APPLIED if word is Word.applied else State.NOT_APPLIED, note, operation)
    say(f"Change {key} is now recorded as {word.value}.")


def _repeat(ledger: Path, out: Path | None, *, yes: bool, as_json: bool, accept_used_keys: bool) -> int:
    """Send what a ledger has in doubt again, and return the exit code."""
    from bonifiq_async.batch import FlowControl
    from bonifiq_async.cli.commands.apply import Settings, apply, client_from_env
    from bonifiq_async.cli.commands.export import adapter_in, in_doubt
    from bonifiq_async.cli.exit_codes import Exit
    from bonifiq_async.cli.terminal.report import plan_table
    from bonifiq_async.cli.terminal.tables import say_table

    flow, adapter = FlowControl(), adapter_in(ledger)
    make_client = client_from_env(adapter, flow.max_in_flight)
    with in_doubt(ledger, adapter) as found:
        plan = found.plan
        if found.unrepeatable:
            say(
                f"{counted(found.unrepeatable, 'change')} in doubt "
                f"{'is' if found.unrepeatable == 1 else 'are'} not repeated, because {adapter.name} "
                "de-duplicates none: settle each with --key, --as and --note."
            )
        for why in found.refused:
            say(f"Not repeated: {why}. Settle it with --key, --as and --note.")
        if plan is None:
            if found.unrepeatable or found.refused:
                return Exit.USAGE
            say(f"Nothing in {ledger} is in doubt.")
            return 0
        say(f"In doubt in {ledger}, to be sent again under the same keys:")
        say_table(plan_table(plan))
        confirmed(plan, yes=yes, from_stdin=False)
        ending = apply(plan, Settings(flow, out, ledger, settles=True), make_client)
    code = concluded(ending, as_json=as_json, out=out, ledger=ledger, accept_used_keys=accept_used_keys)
    return Exit.UNKNOWN if found.refused and code in (Exit.DONE, Exit.REFUSED) else code
