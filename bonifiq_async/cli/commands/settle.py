"""`bonifiq settle`: what a ledger has in doubt is settled, by a person's word or by sending it again."""

from pathlib import Path

import typer
from attrs import frozen

from bonifiq_async._model.errors import ConfigurationError
from bonifiq_async.batch import FlowControl
from bonifiq_async.cli.adapter import FileAdapter
from bonifiq_async.cli.commands.export import InDoubt, adapter_in, in_doubt
from bonifiq_async.cli.commands.run import AT_START, Settings, client_from_env, send
from bonifiq_async.cli.exit_codes import Exit
from bonifiq_async.cli.origin import origin
from bonifiq_async.cli.terminal.dialogue import concluded, confirmed, counted
from bonifiq_async.cli.terminal.report import plan_table
from bonifiq_async.cli.terminal.screen import say
from bonifiq_async.cli.terminal.tables import say_table
from bonifiq_async.ledger.protocol import State
from bonifiq_async.ledger.sqlite.reader import PersonsWord, accept_without_log
from bonifiq_async.ledger.sqlite.reader import settle as record_word


@frozen
class WordOptions:
    """A person's word on the change under a key; `operation` tells which where several share the key."""

    key: str | None
    applied: bool | None
    note: str | None
    operation: str | None

    @property
    def given(self) -> bool:
        """Whether any of them was given."""
        return (self.key, self.applied, self.note, self.operation) != (None,) * 4


@frozen
class RepeatOptions:
    """How `--all-by-repeating` goes on."""

    out: Path | None
    yes: bool
    accept_used_keys: bool
    as_json: bool


def settle(
    ledger: Path, word: WordOptions, repeat: RepeatOptions, *, all_by_repeating: bool, without_log: bool
) -> int:
    """Settle what the options say, and return the exit code."""
    if not ledger.is_file():
        raise ConfigurationError(f"There is no ledger {ledger}. Nothing was settled.")
    if without_log:
        if all_by_repeating or word.given:
            raise typer.BadParameter("stands alone", param_hint="--without-log")
        accept_without_log(ledger)
        say(f"{ledger} is taken as whole without its log.")
        return Exit.DONE
    if all_by_repeating:
        if word.given:
            raise typer.BadParameter(
                "stands alone, without --key, --as, --note and --operation", param_hint="--all-by-repeating"
            )
        return _repeat(ledger, repeat)
    if word.key is None or word.applied is None or word.note is None:
        raise typer.BadParameter("give --key, --as and --note, or --all-by-repeating", param_hint="--key")
    state = State.APPLIED if word.applied else State.NOT_APPLIED
    record_word(ledger, word.key, PersonsWord(state, word.note, origin("settle")), word.operation)
    say(f"Change {word.key} is now recorded as {'applied' if word.applied else 'not-applied'}.")
    return Exit.DONE


def _repeat(ledger: Path, options: RepeatOptions) -> int:
    """Send what a ledger has in doubt again, and return the exit code."""
    flow, adapter = FlowControl(give_up_at_start=AT_START), adapter_in(ledger)
    make_client = client_from_env(adapter, flow.max_in_flight)
    with in_doubt(ledger, adapter) as found:
        _tell_what_is_left(found, adapter)
        if found.plan is None:
            if found.unrepeatable or found.refused:
                return Exit.USAGE
            say(f"Nothing in {ledger} is in doubt.")
            return Exit.DONE
        say(f"In doubt in {ledger}, to be sent again under the same keys:")
        say_table(plan_table(found.plan))
        confirmed(found.plan, yes=options.yes, from_stdin=False)
        ending = send(found.plan, Settings(flow, options.out, ledger, settles=True), make_client)
    code = concluded(
        ending,
        as_json=options.as_json,
        out=options.out,
        ledger=ledger,
        accept_used_keys=options.accept_used_keys,
    )
    return Exit.UNKNOWN if found.refused and code in (Exit.DONE, Exit.REFUSED) else code


def _tell_what_is_left(found: InDoubt, adapter: FileAdapter) -> None:
    """Say which changes are not sent again, and why."""
    if found.unrepeatable:
        say(
            f"{counted(found.unrepeatable, 'change')} in doubt "
            f"{'is' if found.unrepeatable == 1 else 'are'} not repeated, because {adapter.name} "
            "de-duplicates none: settle each with --key, --as and --note."
        )
    for why in found.refused:
        say(f"Not repeated: {why}. Settle it with --key, --as and --note.")
