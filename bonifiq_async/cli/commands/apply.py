"""`bonifiq apply`: every change of a file once."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import typer
from attrs import evolve, frozen

from bonifiq_async._model.errors import BonifiQError
from bonifiq_async._model.outcome import Effect
from bonifiq_async._model.printable import printable
from bonifiq_async.batch import FlowControl
from bonifiq_async.cli.adapter import Client, FileAdapter
from bonifiq_async.cli.afterwards.question import Question
from bonifiq_async.cli.afterwards.report import refuse_unwritable, report, reserved
from bonifiq_async.cli.commands.check import asked, examined, refuse_one_file_twice
from bonifiq_async.cli.commands.run import Settings, account_from_env, client_from_env, destination, send
from bonifiq_async.cli.examination.groups import begun_anew
from bonifiq_async.cli.files.csv_form import CsvForm
from bonifiq_async.cli.files.examine import Plan
from bonifiq_async.cli.files.outcome_file import columns, kind_of, lines_in
from bonifiq_async.cli.files.outcome_sheet import lines_of
from bonifiq_async.cli.files.private_files import temporary_database
from bonifiq_async.cli.files.rows import Source
from bonifiq_async.cli.language.phrase import Phrase, joined, phrase
from bonifiq_async.cli.ledgers import default_ledger
from bonifiq_async.cli.reading.dialect import FormOptions
from bonifiq_async.cli.reading.opening import no_person, opened
from bonifiq_async.cli.terminal.confirmation import Consent, confirmed, ledger_said, threshold
from bonifiq_async.cli.terminal.dialogue import changes, concluded, rows, said_before
from bonifiq_async.cli.terminal.report import RunEnding, plan_json, plan_table
from bonifiq_async.cli.terminal.screen import give, say
from bonifiq_async.cli.terminal.tables import say_table
from bonifiq_async.cli.terminal.understood import say_understood
from bonifiq_async.cli.workers.processes import apply_shards
from bonifiq_async.cli.workers.shard import shard_of
from bonifiq_async.ledger.protocol import Account, Ledger
from bonifiq_async.ledger.reader import LedgerReader, standing
from bonifiq_async.ledger.settling import SETTLEABLE

SHOWN_LEDGERS = 3
"""Ledgers that are named beside a new one."""


@frozen
class ApplyOptions:
    """What `bonifiq apply` was given; `file` is `-` for standard input, `form` what was said of its form.

    `shard` is the number of the shard to apply, and how many there are; `shards` are all applied here.
    """

    file: str
    adapter: FileAdapter
    format: str | None
    form: FormOptions
    out: Path | None
    out_form: CsvForm | None
    ledger: LedgerReader | None
    no_ledger: bool
    same_account: bool
    flow: FlowControl
    yes: bool
    confirm_above: str | None
    dry_run: bool
    skip_invalid: bool
    accept_used_keys: bool
    problems: Path | None
    report: Path | None
    second_amounts: bool
    as_json: bool
    shard: tuple[int, int] | None = None
    shards: int | None = None

    @property
    def from_stdin(self) -> bool:
        """Whether the changes come from standard input."""
        return self.file == "-"


def apply(options: ApplyOptions, on_valid: Callable[[], object] = lambda: None) -> int:
    """Apply every row of a file once, and return the exit code; call `on_valid` when its rows are valid."""
    ledger = _ledger_of(options)
    lines = None if options.out is None else lines_of(options.out)
    _refuse_unwritable(options, ledger, lines)
    consent = Consent(options.yes, options.from_stdin, threshold(options.confirm_above, options.adapter))
    make_client = client_from_env(options.adapter, options.flow.max_in_flight)
    account = _account_of(options, ledger, make_client)
    ask = no_person if options.yes else asked
    with opened(options.file, options.format, options.adapter, options.form, ask) as source:
        source = _understood(source, options)
        with contextlib.nullcontext() if ledger is None else ledger.connected() as known:
            plan = _allowed(source, options, known, account, lines, on_valid)
            if options.dry_run:
                return _end_dry_run(plan, account, known)
            new = known is not None and not known.exists()
        confirmed(plan, destination(make_client(None).account, ledger, new=new), consent)
        if options.shards is not None and ledger is not None:
            name = Path(source.name).name
            return apply_shards(
                ledger, name, options.shards, options.flow, options.out, as_json=options.as_json
            )
        settings = Settings(options.flow, options.out, options.out_form, ledger, source.shard)
        ending = send(plan, settings, make_client)
    with _reported_at_last(options.report, ledger, ending):
        return concluded(
            ending,
            as_json=options.as_json,
            out=ending.out,
            ledger=ledger,
            accept_used_keys=options.accept_used_keys,
        )


def _allowed(
    source: Source,
    options: ApplyOptions,
    ledger: LedgerReader | None,
    account: Account | None,
    lines: Path | None,
    on_valid: Callable[[], object],
) -> Plan:
    """Return what a file asks for, and say it; end the command where not all of it may be sent."""
    # A dry run changes nothing: a ledger whose account is to be another one is read as of any.
    of = None if options.dry_run and options.same_account else account
    record = None if ledger is None else ledger.of(of)
    found = examined(source, ledger=record, listed=options.problems, form=options.out_form)
    plan = found.plan
    if options.dry_run and options.as_json:
        give(plan_json(plan, found.problems, known=ledger is not None and ledger.exists()))
    if not options.skip_invalid:
        found.refuse_invalid(skippable=True)
    on_valid()
    say(_asks_for(source))
    say_table(plan_table(plan))
    said_before(plan, ledger)
    found.refuse(found.in_other_ledger(allowed=options.second_amounts))
    if ledger is not None and not ledger.exists():
        _tell_of_new_ledger(ledger, plan)
        _refuse_outcomes_elsewhere(ledger, plan, lines, allowed=options.second_amounts)
    found.refuse(found.second_amounts(allowed=options.second_amounts))
    if ledger is not None and options.adapter.ledger_alone_knows and not options.dry_run:
        _tell_of_doubts(ledger)
    return plan


def _understood(source: Source, options: ApplyOptions) -> Source:
    """Say how a file is understood, and return it: of a shard, the changes of its customers alone count."""
    say_understood(source)
    return source if options.shard is None else evolve(source, shard=shard_of(source, options.shard))


def _asks_for(source: Source) -> Phrase:
    if source.shard is None:
        return phrase("{file} asks for:", file=source.name)
    return phrase("Shard {shard} of {file} asks for:", shard=source.shard, file=source.name)


def _refuse_unwritable(options: ApplyOptions, ledger: LedgerReader | None, lines: Path | None) -> None:
    """Say which file cannot be written before a long one is read."""
    refuse_one_file_twice(
        {
            "FILE": None if options.from_stdin else Path(options.file),
            "--problems": options.problems,
            "--out": options.out,
            f"{lines} of --out": lines if lines != options.out else None,
            "--report": options.report,
            "--ledger": None if ledger is None else ledger.file,
        }
    )
    begun_anew(options.problems)
    if lines is not None:
        kind_of(lines)
    if options.report is None:
        return
    if ledger is None:
        raise typer.BadParameter(
            phrase("needs a ledger, in which the changes are recorded"), param_hint="--report"
        )
    refuse_unwritable(options.report)


@contextlib.contextmanager
def _reported_at_last(path: Path | None, ledger: LedgerReader | None, ending: RunEnding) -> Iterator[None]:
    """Write the page of a run at last; the exit code says how that ended, whatever becomes of the page."""
    yield
    if path is not None and ledger is not None:
        try:
            report(ledger, Question(run=ending.run), reserved(path))
        except BonifiQError as error:
            say(str(error))


def _ledger_of(options: ApplyOptions) -> LedgerReader | None:
    """Return where it is recorded what is sent; None where it is recorded nowhere, which must be wanted."""
    if options.no_ledger and options.ledger is not None:
        raise typer.BadParameter(
            phrase("says the opposite of --ledger; give one of them"), param_hint="--no-ledger"
        )
    sharded = "--shard" if options.shard is not None else "--shards" if options.shards is not None else None
    if sharded is not None:
        _refuse_unshared(options, sharded)
    if options.ledger is not None:
        return options.ledger
    if not options.no_ledger and not options.from_stdin:
        return default_ledger(options.file, options.adapter)
    if options.adapter.ledger_alone_knows and not options.dry_run:
        raise typer.BadParameter(
            phrase(
                "{provider} de-duplicates nothing: without a ledger, a second run would apply everything "
                "again",
                provider=options.adapter.name,
            ),
            param_hint="--no-ledger" if options.no_ledger else "--ledger",
        )
    if not options.no_ledger and not options.dry_run:
        raise typer.BadParameter(
            phrase(
                "standard input has no name to keep a record beside: say where with --ledger, or --no-ledger "
                "for none"
            ),
            param_hint="--ledger",
        )
    return None


def _refuse_unshared(options: ApplyOptions, option: str) -> None:
    """Refuse shards of what other workers cannot read, or record elsewhere."""
    if options.shard is not None and options.shards is not None:
        raise typer.BadParameter(phrase("is one of them, or all: give one of both"), param_hint="--shards")
    if options.ledger is None or options.ledger.file is not None:
        raise typer.BadParameter(
            phrase("needs a ledger that all workers share: --ledger postgresql://user@host/database"),
            param_hint=option,
        )
    if options.from_stdin:
        raise typer.BadParameter(phrase("needs a file that every worker can read"), param_hint=option)


def _account_of(
    options: ApplyOptions, ledger: LedgerReader | None, make_client: Callable[[Ledger | None], Client]
) -> Account | None:
    """Return the account of the environment's credentials, which a dry run alone may do without."""
    if options.dry_run:
        return account_from_env(options.adapter)
    account = make_client(None).account  # what is missing is said before a long file is read
    if ledger is not None and options.same_account:
        ledger.rebind(account)
    return account


def _end_dry_run(plan: Plan, account: Account | None, ledger: LedgerReader | None) -> int:
    count, new = plan.to_send, ledger is not None and not ledger.exists()
    said = phrase("{count:,} change would be sent", "{count:,} changes would be sent", count=count)
    say(phrase("This was a dry run: nothing was sent. {changes}.", changes=said))
    if account is not None:
        say(phrase("Target: {target}.", target=destination(account, ledger, new=new).said()))
        return 0
    say(
        phrase(
            "Target: {provider}, {ledger}; no credentials are set, so that the account was not compared.",
            provider=plan.source.adapter.name,
            ledger=ledger_said(ledger, new),
        )
    )
    return 0


def _tell_of_new_ledger(ledger: LedgerReader, plan: Plan) -> None:
    """Say which ledgers beside a new one have no row of the file."""
    apart = [str(each.ledger) for each in plan.beside if each.rows is None]
    others = [str(each.ledger) for each in plan.beside if each.rows == 0]
    if others:
        more = [phrase("{count:,} more", count=len(others) - SHOWN_LEDGERS)]
        say(
            phrase(
                "{ledger} is new. No row of the file is in the ledgers of this account beside it ({others}). "
                "If the file corrects one of another folder, name the ledger of that one with --ledger.",
                ledger=ledger,
                others=joined([*others[:SHOWN_LEDGERS], *more[: len(others) > SHOWN_LEDGERS]]),
            )
        )
    if apart:
        say(
            phrase(
                "Not compared, as of another account or not readable: {others}.",
                others=joined(apart[:SHOWN_LEDGERS]),
            )
        )


def _refuse_outcomes_elsewhere(
    ledger: LedgerReader, plan: Plan, lines: Path | None, *, allowed: bool
) -> None:
    """Refuse rows that the outcome file has, and a new ledger lacks, unless they are `allowed`."""
    applied, again = (0, 0) if lines is None else _with_outcomes(plan, lines)
    if again:
        say(
            phrase(
                "{out} has {rows} of {file} as applied, or perhaps, and {ledger}, which is new, has none: it "
                "could let them be paid again. Name the ledger of these outcomes with --ledger, or say "
                "--allow-second-amount if all of it is to be paid.",
                out=lines,
                rows=rows(again),
                file=plan.source.name,
                ledger=ledger,
            )
        )
        if not allowed:
            say(phrase("Nothing was sent."))
            raise typer.Exit(2)
    elif applied:
        say(
            phrase(
                "{out} has {changes} as applied, and {ledger}, which is new, has none of them: name the "
                "ledger of these outcomes with --ledger.",
                out=lines,
                changes=changes(applied),
                ledger=ledger,
            )
        )


def _with_outcomes(plan: Plan, lines: Path) -> tuple[int, int]:
    """Return how many changes an outcome file has as applied, and how many to be sent it may have.

    The last line of a change counts.
    """
    adapter, applied = plan.source.adapter, 0
    table = "outcome (key TEXT, operation TEXT, effect TEXT, PRIMARY KEY (key, operation))"
    with contextlib.closing(temporary_database(table)) as database:
        for line in lines_in(lines, columns(adapter)):
            applied += line.effect == Effect.APPLIED.value and not line.repeats
            put = "INSERT OR REPLACE INTO outcome VALUES (?, ?, ?)"
            database.execute(put, (line.key, line.operation, line.effect))
        free = f"'{Effect.REFUSED.value}', '{Effect.NOT_APPLIED.value}'"
        found = f"SELECT 1 FROM outcome WHERE key = ? AND operation = ? AND effect NOT IN ({free})"
        again = 0
        for row in plan.read():
            cells = dict(zip(adapter.change_columns, adapter.change_cells(row), strict=True))
            change = printable(row.change_key, None), str(cells.get("operation") or "")
            again += database.execute(found, change).fetchone() is not None
    return applied, again


def _tell_of_doubts(ledger: LedgerReader) -> None:
    """Say beforehand what of a ledger will not go out, whatever the file asks for."""
    counts = standing(ledger).counts if ledger.exists() else {}
    if doubts := sum(counts.get(state, 0) for state in SETTLEABLE):
        say(
            phrase(
                "In doubt in {ledger}: {changes}, of which none is sent again; bonifiq settle {ledger} takes "
                "your word for each.",
                ledger=ledger,
                changes=changes(doubts),
            )
        )
