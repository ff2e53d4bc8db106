"""`bonifiq apply`: every change of a file once, and a true account of how it ended."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

from attrs import field, frozen

from bonifiq_async.batch import CashbackBatch, FlowControl
from bonifiq_async.bonifiq.client import BonifiQClient
from bonifiq_async.bonifiq.payloads import CustomerPoints
from bonifiq_async.cli.examine import Plan
from bonifiq_async.cli.outcome_file import OutcomeFile, json_line, record
from bonifiq_async.cli.progress import Display, display, say
from bonifiq_async.cli.report import Ending
from bonifiq_async.cli.rows import FileChange
from bonifiq_async.errors import (
    AuthenticationError,
    BonifiQError,
    ConfigurationError,
    LedgerError,
    NotAppliedError,
    OutcomeUnknownError,
)
from bonifiq_async.intent import Ledger
from bonifiq_async.ledger import SqliteLedger
from bonifiq_async.outcome import Outcome
from bonifiq_async.retry import RetryPolicy
from bonifiq_async.session import PoolLimits, Timeouts

PATIENCE = RetryPolicy(max_attempts=12, cap=15.0)
TIME = Timeouts(call=180.0)
"""A row of a file waits longer than a shopper: about a minute of retries, three in all."""


@frozen
class Settings:
    """How a file is applied."""

    flow: FlowControl = field(factory=FlowControl)
    out: Path | None = None
    ledger: Path | None = None


def client_from_env(connections: int) -> Callable[[Ledger | None], BonifiQClient]:
    """Return what makes a patient client of the environment's settings, with so many connections."""
    pool = PoolLimits(connections=connections)
    return lambda ledger: BonifiQClient.from_env(retry=PATIENCE, timeouts=TIME, pool=pool, ledger=ledger)


def apply(plan: Plan, settings: Settings, make_client: Callable[[Ledger | None], BonifiQClient]) -> Ending:
    """Send what `plan` asks for, and return how it ended. Ctrl-C once drains, twice stops at once."""
    with contextlib.ExitStack() as stack:
        out = stack.enter_context(OutcomeFile(settings.out)) if settings.out is not None else None
        shown = stack.enter_context(display(plan.changes))
        with asyncio.Runner(loop_factory=_fastest_loop()) as runner:
            return runner.run(_apply(plan, settings, make_client, out, shown))


async def _apply(
    plan: Plan,
    settings: Settings,
    make_client: Callable[[Ledger | None], BonifiQClient],
    out: OutcomeFile | None,
    shown: Display,
) -> Ending:
    ending = Ending(planned=plan.changes)
    async with contextlib.AsyncExitStack() as stack:
        ledger = None
        if settings.ledger is not None:
            ledger = await stack.enter_async_context(SqliteLedger(settings.ledger))
        client = await stack.enter_async_context(make_client(ledger))
        batch: CashbackBatch[FileChange, CustomerPoints] = CashbackBatch(client, flow=settings.flow)
        stack.callback(asyncio.create_task(_keep_shown(batch, shown)).cancel)
        with _interrupts(ending, batch):
            outcomes = batch.run(plan.read())
            async with contextlib.aclosing(outcomes):
                try:
                    async for outcome in outcomes:
                        out = _note(outcome, ending, batch, out)
                except asyncio.CancelledError:
                    if not ending.interrupted:
                        raise
                except (ConfigurationError, LedgerError) as error:
                    if isinstance(error, ConfigurationError) and not batch.summary.seen:
                        raise  # nothing has begun: a setting is wrong, as of a ledger of another account
                    ending.stopped = str(error)
        for outcome in _cut_off(batch, client):
            out = _note(outcome, ending, batch, out)
    ending.summary = batch.summary
    if batch.stopped_by is not None:
        ending.stopped = str(batch.stopped_by)
        ending.refused_credentials = isinstance(batch.stopped_by, AuthenticationError)
    return ending


async def _keep_shown(
    batch: CashbackBatch[FileChange, CustomerPoints], shown: Display, every: float = 0.2
) -> None:
    """Show how far the run is, also while nothing ends; at last, how it ended."""
    try:
        while True:
            await asyncio.sleep(every)
            shown.show(batch.summary, batch.flow_state)
    finally:
        shown.show(batch.summary, batch.flow_state)


def _cut_off(
    batch: CashbackBatch[FileChange, CustomerPoints], client: BonifiQClient
) -> Iterator[Outcome[CustomerPoints]]:
    """Yield what a run that was left early has not told yet, and what it was doing."""
    yield from batch.unheard
    doubts = set(client.in_doubt())
    for change in batch.cut_off:
        if change.change_key in doubts:
            error: BonifiQError = OutcomeUnknownError(
                f"Change {change.change_key} may or may not have been applied: the run was stopped while it "
                "was in flight. Repeat it with the same key.",
                change_key=change.change_key,
            )
        else:
            error = NotAppliedError(
                f"Change {change.change_key} was given up before it was sent: the run was stopped. "
                "Nothing changed.",
                change_key=change.change_key,
            )
        yield Outcome(change, error.effect, None, (), error)


def _note(
    outcome: Outcome[CustomerPoints],
    ending: Ending,
    batch: CashbackBatch[FileChange, CustomerPoints],
    out: OutcomeFile | None,
) -> OutcomeFile | None:
    """Count an outcome and write it down; return the file to write the next one to."""
    ending.count(outcome)
    if out is not None:
        try:
            out.write(record(outcome))
        except OSError as error:
            ending.stopped = f"The outcome file takes no more ({error.strerror})."
            say(f"{ending.stopped} What is in flight ends; its outcomes follow here.")
            batch.stop()
            out = None
    if out is None and ending.stopped is not None:
        say(json_line(record(outcome)).decode().rstrip())
    return out


@contextlib.contextmanager
def _interrupts(ending: Ending, batch: CashbackBatch[FileChange, CustomerPoints]) -> Iterator[None]:
    """The first SIGINT or SIGTERM lets what is in flight end; the second ends at once."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def interrupt() -> None:
        if ending.interrupted and task is not None:
            task.cancel()
            return
        ending.interrupted = True
        batch.stop()
        say(
            f"Stopping: what is in flight ({batch.in_flight}) ends first, in {TIME.call:.0f} s at the most. "
            "Interrupt again to stop at once."
        )

    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        loop.add_signal_handler(number, interrupt)
    try:
        yield
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


def _fastest_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
