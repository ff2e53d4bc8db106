"""Sends what a plan asks for, each change once, and gives a true account of how it ended."""

import asyncio
import contextlib
import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

from attrs import evolve, field, frozen

from bonifiq_async._model.errors import (
    BonifiQError,
    ChangeKeyConflict,
    ConfigurationError,
    LedgerError,
    NotAppliedError,
    OutcomeUnknownError,
)
from bonifiq_async._model.money import SumsByUnit
from bonifiq_async._model.operation import RepeatClass
from bonifiq_async._model.outcome import Effect, Outcome
from bonifiq_async._model.printable import printable
from bonifiq_async._policy.retry import RetryPolicy
from bonifiq_async._provider.registry import spec_of
from bonifiq_async._transport.connector import PoolLimits
from bonifiq_async._transport.session import Timeouts
from bonifiq_async.batch import CashbackBatch, FlowControl
from bonifiq_async.cli.adapter import Client, ClientSettings, FileAdapter, FileChange
from bonifiq_async.cli.examination.against_ledger import earlier_changes
from bonifiq_async.cli.files.csv_form import CsvForm, form_like
from bonifiq_async.cli.files.examine import Plan
from bonifiq_async.cli.files.outcome_file import (
    OutcomeFile,
    OutcomeRecord,
    columns,
    json_line,
    record,
    repetition,
)
from bonifiq_async.cli.files.outcome_sheet import lines_of, write_sheet
from bonifiq_async.cli.language.library_errors import said, way_out_of
from bonifiq_async.cli.language.phrase import joined, phrase
from bonifiq_async.cli.ledgers import GOODBYE, told
from bonifiq_async.cli.origin import origin
from bonifiq_async.cli.terminal.advice import tell_why
from bonifiq_async.cli.terminal.confirmation import Destination
from bonifiq_async.cli.terminal.dialogue import interrupts
from bonifiq_async.cli.terminal.progress import Display, display
from bonifiq_async.cli.terminal.report import RunEnding
from bonifiq_async.cli.terminal.runs import run_name
from bonifiq_async.cli.terminal.screen import say
from bonifiq_async.cli.workers.shard import ShardWork, paced, taken
from bonifiq_async.ledger.protocol import Account, Ledger
from bonifiq_async.ledger.reader import LedgerReader, WritableLedger
from bonifiq_async.ledger.runs import RunState
from bonifiq_async.ledger.shards import Shard, ShardCounts

PATIENCE = RetryPolicy(max_attempts=12, cap=15.0)
TIME = Timeouts(call=180.0)
"""A row of a file waits longer than a shopper: about a minute of retries, three in all."""

AT_START = 30.0
"""Seconds after which a run stops of which nothing ever succeeds: a person can correct a setting."""
SETTLED_AT_ONCE = 200
"""Lines written at once of changes that are applied already."""


@frozen
class Settings:
    """How a file is applied; `settles` says that all of it is in doubt already.

    `out_form` is that of an outcome file in CSV, None for that of the file. Of a `shard`, this process is to
    be the worker.
    """

    flow: FlowControl = field(factory=FlowControl)
    out: Path | None = None
    out_form: CsvForm | None = None
    ledger: LedgerReader | None = None
    shard: Shard | None = None
    settles: bool = False


def client_from_env(adapter: FileAdapter, connections: int) -> Callable[[Ledger | None], Client]:
    """Return what makes a patient client of the environment's settings, with so many connections."""
    pool = PoolLimits(connections=connections)
    return lambda ledger: adapter.connect(ClientSettings(PATIENCE, TIME, pool, ledger))


def account_from_env(adapter: FileAdapter) -> Account | None:
    """Return the account of the environment's credentials; None where these are not set."""
    if not all(map(os.environ.get, spec_of(adapter.name).environment.credentials)):
        return None
    return client_from_env(adapter, 1)(None).account


def destination(account: Account, ledger: LedgerReader | None, *, new: bool = False) -> Destination:
    """Return where changes go that are sent with the settings of the environment."""
    name = spec_of(account[0]).environment.base_url
    return Destination(account, ledger, new, None if os.environ.get(name) else name)


def send(plan: Plan, settings: Settings, make_client: Callable[[Ledger | None], Client]) -> RunEnding:
    """Send what `plan` asks for, and return how it ended. Ctrl-C once drains, twice stops at once."""
    with contextlib.ExitStack() as stack:
        out = None
        if settings.out is not None:
            form = settings.out_form or form_like(plan.source.dialect)
            out = stack.enter_context(OutcomeFile(lines_of(settings.out), columns(plan.source.adapter), form))
            if out.repaired is not None:
                say(out.repaired)
        again = SumsByUnit()
        with display(plan, again) as shown, asyncio.Runner(loop_factory=_fastest_loop()) as runner:
            ending = runner.run(_send(plan, settings, make_client, out, shown, again))
        if out is not None and settings.out is not None:
            out.finish()
            ending.out = settings.out
            if lines_of(settings.out) != settings.out:
                _make_sheet(settings.out, ending)
    return ending


def _make_sheet(out: Path, ending: RunEnding) -> None:
    """Make the spreadsheet of the outcomes of all runs; where that fails, say where they are."""
    lines = ending.out = lines_of(out)
    why: object = None
    try:
        amounts = ending.adapter.columns.amounts
        ending.out = write_sheet(lines, out, columns(ending.adapter), amounts)
    except KeyboardInterrupt:
        ending.interrupted, why = True, phrase("it was interrupted")
    except OSError as error:
        why = error.strerror
    if why is not None:
        problem = phrase(
            "{file} was not made ({why}). The outcomes are in {lines}, and the same command makes it.",
            file=out,
            why=why,
            lines=lines,
        )
        ending.stopped = problem if ending.stopped is None else joined((ending.stopped, problem), " ")
    elif ending.out != out:
        say(
            phrase(
                "The outcomes of all runs are in {file}; {before} is of an earlier run and stays as it was.",
                file=ending.out,
                before=out,
            )
        )


async def _send(
    plan: Plan,
    settings: Settings,
    make_client: Callable[[Ledger | None], Client],
    out: OutcomeFile | None,
    shown: Display,
    again: SumsByUnit,
) -> RunEnding:
    ending = RunEnding(
        plan.source.adapter, planned=plan.changes, left_out=plan.problems, repeated=plan.repeated
    )
    ending.reworded, ending.again = plan.reworded, again
    async with contextlib.AsyncExitStack() as stack:
        ledger, work = None, None
        if settings.ledger is not None:
            ledger = await stack.enter_async_context(settings.ledger.writer())
            work = await _worked_on(ledger, plan, settings)
            await _begin_run(ledger, plan, settings, ending)
            if out is not None:
                ending.earlier = stack.enter_context(earlier_changes(settings.ledger, ending.adapter))
            stack.push_async_callback(_end_run, ledger, ending)
            if not settings.settles:
                say(told(settings.ledger, plan.source.adapter))
        client = await stack.enter_async_context(make_client(ledger))
        batch: CashbackBatch[FileChange, object] = CashbackBatch(client, flow=paced(settings.flow, work))
        if work is not None:
            work.attach(stack, ending, batch)
        stack.callback(asyncio.create_task(keep_shown(batch, shown, ending=ending)).cancel)
        with interrupts(ending, batch, TIME.call):
            outcomes = batch.run(plan.read())
            async with contextlib.aclosing(outcomes):
                try:
                    out = await _account_for_settled(plan, ending, batch, out)
                    async for outcome in outcomes:
                        if settings.settles:
                            outcome = _still_in_doubt(outcome)
                        out = _note(outcome, ending, batch, out)
                except asyncio.CancelledError:
                    if not ending.interrupted:
                        raise
                except (ConfigurationError, LedgerError) as error:
                    if isinstance(error, ConfigurationError) and not batch.summary.seen:
                        raise  # nothing has begun: a setting is wrong, as of a ledger of another account
                    ending.stopped = said(error)
        for outcome in _cut_off(batch, client, plan.source.adapter):
            out = _note(outcome, ending, batch, out)
    ending.summary = batch.summary
    if batch.stopped_by is not None:
        tell_why(batch.stopped_by, ending, client, bound=ledger is not None)
    return ending


async def _worked_on(ledger: WritableLedger, plan: Plan, settings: Settings) -> ShardWork | None:
    """Take the shard that this process is to be the worker of, if it is to be one."""
    if settings.shard is None:
        return None
    known = plan.settled.changes + plan.used_elsewhere.changes
    return await taken(ledger, settings.shard, ShardCounts(plan.changes, known))


async def _begin_run(ledger: WritableLedger, plan: Plan, settings: Settings, ending: RunEnding) -> None:
    """Write down that a run begins, and say so where the last one of the same file has not ended."""
    command = "apply" if settings.shard is None else f"apply --shard {settings.shard}"
    made = origin("settle") if settings.settles else origin(command, plan.source.name, plan.source.path)
    begun = await ledger.begin_run(made)
    ending.run, before = begun.id, begun.before
    if before is None or before.state is RunState.ENDED or settings.shard is not None:
        return  # of a file in shards, several runs are under way
    how = phrase("may still be at work")
    if before.state is RunState.NOT_ENDED:
        how = phrase("was not ended: its process is gone")
    say(
        phrase(
            "{before}, {how}. This is run {run}: it goes on from what is recorded.",
            before=run_name(before),
            how=how,
            run=begun.id,
        )
    )


async def _end_run(ledger: WritableLedger, ending: RunEnding) -> None:
    with contextlib.suppress(LedgerError, TimeoutError):  # it is reported already that it takes no more
        async with asyncio.timeout(GOODBYE):
            await ledger.end_run(ending.by_name)


async def keep_shown(
    batch: CashbackBatch[FileChange, object],
    shown: Display,
    every: float = 0.2,
    ending: RunEnding | None = None,
) -> None:
    """Show how far the run is, also while nothing ends; at last, how it ended. `ending` keeps the limits."""
    try:
        while True:
            await asyncio.sleep(every)
            if ending is not None:
                ending.flow = batch.flow_state or ending.flow
            shown.show(batch.summary, batch.flow_state)
    finally:
        shown.show(batch.summary, batch.flow_state)


def _still_in_doubt(outcome: Outcome[object]) -> Outcome[object]:
    """Return what a conflict means for a change that was in doubt before: it still is."""
    if not isinstance(outcome.error, ChangeKeyConflict):
        return outcome
    key = outcome.change.change_key
    error = OutcomeUnknownError(
        phrase(
            "Change {key} stays in doubt: it cannot be repeated as it was first sent. Nothing was sent now; "
            "settle it with --key, --as and --note.",
            key=printable(key),
        ),
        change_key=key,
    )
    return evolve(outcome, effect=error.effect, error=error)


def _cut_off(
    batch: CashbackBatch[FileChange, object], client: Client, adapter: FileAdapter
) -> Iterator[Outcome[object]]:
    """Yield the outcomes that a run which was left early has not given out, and the changes in flight."""
    yield from batch.unheard
    doubts = set(client.in_doubt())
    way_out = way_out_of(RepeatClass.NEVER if adapter.ledger_alone_knows else RepeatClass.KEYED)
    for change in batch.cut_off:
        key = printable(change.change_key)
        if change.change_key in doubts:
            error: BonifiQError = OutcomeUnknownError(
                phrase(
                    "Change {key} may or may not have been applied: the run was stopped while it was in "
                    "flight. {way_out}",
                    key=key,
                    way_out=way_out,
                ),
                change_key=change.change_key,
            )
        else:
            error = NotAppliedError(
                phrase(
                    "Change {key} was given up: the run was stopped before it was sent, or before its "
                    "refusal was written down. Nothing changed.",
                    key=key,
                ),
                change_key=change.change_key,
            )
        yield Outcome(change, error.effect, None, (), error)


async def _account_for_settled(
    plan: Plan, ending: RunEnding, batch: CashbackBatch[FileChange, object], out: OutcomeFile | None
) -> OutcomeFile | None:
    """Count what is applied already and write it down; return the file to write what follows to."""
    kinds = [(plan.read_used_elsewhere(), True)]
    if out is None:
        ending.counts[Effect.ALREADY_APPLIED] += plan.settled.changes
        ending.sums[Effect.ALREADY_APPLIED].take(plan.settled.sums)
    else:
        kinds.insert(0, (plan.read_settled(), False))
    for rows, elsewhere in kinds:
        while some := list(itertools.islice(rows, SETTLED_AT_ONCE)):
            if ending.earlier is not None:
                ending.earlier.look_up([row.change_key for row in some])
            outcomes = [
                Outcome[object](row, Effect.ALREADY_APPLIED, None, (), used_elsewhere=elsewhere)
                for row in some
            ]
            for outcome in outcomes:
                ending.count(outcome)
            out = _write(
                (each for outcome in outcomes for each in _recorded(outcome, ending)), ending, batch, out
            )
            await asyncio.sleep(0)  # an interrupt is handled
            if ending.interrupted or ending.stopped is not None:
                return out
    return out


def _note(
    outcome: Outcome[object],
    ending: RunEnding,
    batch: CashbackBatch[FileChange, object],
    out: OutcomeFile | None,
) -> OutcomeFile | None:
    """Count an outcome and write it down; return the file to write the next one to."""
    ending.count(outcome)
    if outcome.effect is Effect.ALREADY_APPLIED and not outcome.used_elsewhere:
        ending.again.put(ending.adapter.unit_of(outcome.change), outcome.change.value)
    return _write(_recorded(outcome, ending), ending, batch, out)


def _recorded(outcome: Outcome[object], ending: RunEnding) -> Iterator[OutcomeRecord]:
    """Yield the outcome of a change, and behind it those of the lines that repeat it."""
    change, before = cast(FileChange, outcome.change), None
    if outcome.effect is Effect.ALREADY_APPLIED and not outcome.attempts and ending.earlier is not None:
        before = ending.earlier.under(change.change_key)
    first = record(ending.adapter, change, outcome, ending.run, before)
    yield first
    if ending.repeated:
        yield from (repetition(first, line) for line in ending.repeated.of(change.line))


def _write(
    records: Iterator[OutcomeRecord],
    ending: RunEnding,
    batch: CashbackBatch[FileChange, object],
    out: OutcomeFile | None,
) -> OutcomeFile | None:
    if out is None and ending.stopped is None:
        return None
    while some := list(itertools.islice(records, SETTLED_AT_ONCE)):  # a million lines may repeat one
        if out is not None:
            try:
                out.write(*some)
            except OSError as error:
                ending.stopped = phrase("The outcome file takes no more ({why}).", why=error.strerror)
                say(
                    phrase(
                        "{stopped} What is in flight ends; its outcomes follow here.", stopped=ending.stopped
                    )
                )
                batch.stop()
                out = None
        if out is None and ending.stopped is not None:
            ending.told_here += len(some)
            for values in some:
                say(json_line(values).decode().rstrip())
    return out


def _fastest_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
