"""`bonifiq settle`: what a ledger has in doubt is settled, by a person's word or by sending it again."""

from difflib import get_close_matches
from pathlib import Path

import typer
from attrs import frozen

from bonifiq_async._model.errors import ConfigurationError
from bonifiq_async._model.printable import printable
from bonifiq_async.batch import FlowControl
from bonifiq_async.cli.adapter import FileAdapter
from bonifiq_async.cli.commands.export import InDoubt, NotRepeated, adapter_in, in_doubt
from bonifiq_async.cli.commands.run import AT_START, Settings, client_from_env, destination, send
from bonifiq_async.cli.exit_codes import Exit
from bonifiq_async.cli.language.phrase import Phrase, joined, phrase
from bonifiq_async.cli.origin import origin
from bonifiq_async.cli.terminal.confirmation import Consent, confirmed, threshold
from bonifiq_async.cli.terminal.dialogue import concluded, interruptible
from bonifiq_async.cli.terminal.effects import effect_name
from bonifiq_async.cli.terminal.report import plan_table
from bonifiq_async.cli.terminal.runs import time_of
from bonifiq_async.cli.terminal.screen import agreed, say
from bonifiq_async.cli.terminal.tables import say_table
from bonifiq_async.ledger.protocol import State
from bonifiq_async.ledger.reader import LedgerReader
from bonifiq_async.ledger.recorded import short
from bonifiq_async.ledger.settling import WORDS, PersonsWord
from bonifiq_async.ledger.sqlite.reader import SqliteReader


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
    confirm_above: str | None
    accept_used_keys: bool
    as_json: bool


def settle(
    ledger: LedgerReader,
    word: WordOptions,
    repeat: RepeatOptions,
    *,
    all_by_repeating: bool,
    without_log: bool,
) -> int:
    """Settle what the options say, and return the exit code."""
    if ledger.file is not None and not ledger.file.is_file():
        raise ConfigurationError(phrase("There is no ledger {ledger}. Nothing was settled.", ledger=ledger))
    if without_log:
        if all_by_repeating or word.given:
            raise typer.BadParameter(phrase("stands alone"), param_hint="--without-log")
        return _accept_without_log(ledger)
    if all_by_repeating:
        if word.given:
            raise typer.BadParameter(
                phrase("stands alone, without --key, --as, --note and --operation"),
                param_hint="--all-by-repeating",
            )
        return _repeat(ledger, repeat)
    if word.key is None or word.applied is None or word.note is None:
        given = {"--key": word.key, "--as": word.applied, "--note": word.note}
        missing = [name for name, value in given.items() if value is None]
        raise typer.BadParameter(
            phrase(
                "give --key, --as and --note, or --all-by-repeating; missing: {names}",
                names=joined(missing),
            ),
            param_hint=missing[0],
        )
    state = State.APPLIED if word.applied else State.NOT_APPLIED
    lasting = phrase(
        "Record change {key} as {effect}? That cannot be taken back.", key=word.key, effect=effect_name(state)
    )
    with interruptible():
        if not repeat.yes and agreed(lasting) is False:
            say(phrase("Nothing was settled."))
            return Exit.USAGE
    try:
        ledger.settle(word.key, PersonsWord(state, word.note, origin("settle")), word.operation)
    except ConfigurationError:
        _refuse_what_takes_no_word(ledger, word.key, word.operation)
        raise
    say(phrase("Change {key} is now recorded as {effect}.", key=word.key, effect=effect_name(state)))
    return Exit.DONE


def _accept_without_log(ledger: LedgerReader) -> int:
    if not isinstance(ledger, SqliteReader):
        raise typer.BadParameter(
            phrase("is for a ledger in a file: no other has a log"), param_hint="--without-log"
        )
    ledger.accept_without_log()
    say(phrase("{ledger} is taken as whole without its log.", ledger=ledger))
    return Exit.DONE


def _refuse_what_takes_no_word(ledger: LedgerReader, key: str, operation: str | None) -> None:
    """Raise with what stands under a key that is settled, or with a key in doubt that is probably meant."""
    doubtful: list[str] = []
    for change in ledger.changes():
        if change.state in WORDS:
            doubtful.append(change.key)
        elif change.key == key and change.ended is not None and operation in (None, short(change.operation)):
            raise ConfigurationError(
                phrase(
                    "Change {key} is {effect} since {time}, and not in doubt. Nothing was settled.",
                    key=key,
                    effect=effect_name(change.state),
                    time=time_of(change.ended),
                )
            )
    if key not in doubtful and (near := get_close_matches(key, doubtful, 1)):
        raise ConfigurationError(
            phrase(
                "No change is in doubt under the key {key}. In doubt is {near}, of a similar key. Nothing "
                "was settled.",
                key=key,
                near=near[0],
            )
        )


def _repeat(ledger: LedgerReader, options: RepeatOptions) -> int:
    """Send what a ledger has in doubt again, and return the exit code."""
    flow, adapter = FlowControl(give_up_at_start=AT_START), adapter_in(ledger)
    make_client = client_from_env(adapter, flow.max_in_flight)
    consent = Consent(options.yes, above=threshold(options.confirm_above, adapter))
    with in_doubt(ledger, adapter) as found:
        _tell_what_is_left(found, adapter)
        if found.plan is None:
            if found.left or found.refused:
                return Exit.USAGE
            say(phrase("Nothing in {ledger} is in doubt.", ledger=ledger))
            return Exit.DONE
        say(phrase("In doubt in {ledger}, to be sent again under the same keys:", ledger=ledger))
        say_table(plan_table(found.plan))
        if found.of_programs:
            say(_of_programs(found.of_programs))
        confirmed(found.plan, destination(make_client(None).account, ledger), consent)
        ending = send(found.plan, Settings(flow, options.out, ledger=ledger, settles=True), make_client)
    code = concluded(
        ending,
        as_json=options.as_json,
        out=ending.out,
        ledger=ledger,
        accept_used_keys=options.accept_used_keys,
    )
    return Exit.UNKNOWN if (found.refused or found.left) and code in (Exit.DONE, Exit.REFUSED) else code


def _of_programs(count: int) -> Phrase:
    """Say what it means to send a redeem again whose sale may be over."""
    return phrase(
        "{count:,} of them is of a program, such as a redeem: if it was not applied, it is now. Take it back "
        "where its sale is over.",
        "{count:,} of them are of a program, such as redeems: what was not applied is applied now. Take back "
        "those whose sale is over.",
        count=count,
    )


def _tell_what_is_left(found: InDoubt, adapter: FileAdapter) -> None:
    """Say which changes are not sent again, and why."""
    if found.left and not adapter.has_keys:
        say(
            phrase(
                "{doubtful}, because {provider} de-duplicates none: settle each with --key, --as and --note.",
                doubtful=_not_repeated(len(found.left)),
                provider=adapter.name,
            )
        )
    elif found.left:
        for each in found.left[:NAMED]:
            say(_why_not(each, adapter))
        if len(found.left) > NAMED:
            say(phrase("and {count:,} more are not repeated", count=len(found.left) - NAMED))
    for why in found.refused:
        say(phrase("Not repeated: {why}. Settle it with --key, --as and --note.", why=why))


NAMED = 20
"""Changes that are not sent again are named one by one, as far as they are so many."""


def _why_not(left: NotRepeated, adapter: FileAdapter) -> Phrase:
    """Say why one change is not sent again, and what to do."""
    key = printable(left.key)
    if left.counted:
        return phrase(
            "Not repeated: {key} ({operation}), whose request is not all in the ledger. Make the same call "
            "of the program again, with this ledger; or settle it with --key, --as and --note.",
            key=key,
            operation=left.operation,
        )
    return phrase(
        "Not repeated: {key} ({operation}), because {provider} is not known to count its key once. See there "
        "what became of it, and settle it with --key, --as and --note.",
        key=key,
        operation=left.operation,
        provider=adapter.name,
    )


def _not_repeated(count: int) -> str:
    return phrase(
        "{count:,} change in doubt is not repeated",
        "{count:,} changes in doubt are not repeated",
        count=count,
    )
