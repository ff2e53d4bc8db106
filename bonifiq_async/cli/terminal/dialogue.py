"""What every command asks, how it is interrupted, and how a run ends in words and a code."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from bonifiq_async._model.printable import printable
from bonifiq_async.cli.language.phrase import Phrase, phrase
from bonifiq_async.cli.terminal.screen import give, say, whatever_is_read

if TYPE_CHECKING:
    from bonifiq_async.batch import CashbackBatch
    from bonifiq_async.cli.adapter import FileChange
    from bonifiq_async.cli.files.examine import Plan
    from bonifiq_async.cli.terminal.report import RunEnding
    from bonifiq_async.ledger.reader import LedgerReader


def changes(count: int) -> Phrase:
    """Return how many changes there are, in words: `1 change`, `2,000 changes`."""
    return phrase("{count:,} change", "{count:,} changes", count=count)


def rows(count: int) -> Phrase:
    """Return the same of rows."""
    return phrase("{count:,} row", "{count:,} rows", count=count)


def said_before(plan: "Plan", ledger: "LedgerReader | None") -> None:
    """Say beforehand what a ledger has as applied of a plan."""
    if plan.settled.changes:
        count = plan.settled.changes
        say(phrase("{count:,} of them are applied already, says {ledger}.", count=count, ledger=ledger))
    if plan.reworded:
        say(
            phrase(
                "{count:,} of these has other words in the file than were applied; it stays as it is.",
                "{count:,} of these have other words in the file than were applied; they stay as they are.",
                count=plan.reworded,
            )
        )
    if plan.left_behind.changes:
        say(
            phrase(
                "{count:,} change of earlier runs of this file is applied, or may be, and is not in it now: "
                "{key}.",
                "{count:,} changes of earlier runs of this file are applied, or may be, and are not in it "
                "now, such as {key}.",
                count=plan.left_behind.changes,
                key=printable(plan.left_behind.first),
            )
        )
    if plan.used_elsewhere.changes:
        from bonifiq_async.cli.terminal.report import USED_ELSEWHERE

        say(
            phrase(
                "{count:,} of them are not sent again: {why}; bonifiq export {ledger} --effect "
                "used_elsewhere has them.",
                count=plan.used_elsewhere.changes,
                why=USED_ELSEWHERE,
                ledger=ledger,
            )
        )


def concluded(
    ending: "RunEnding",
    *,
    as_json: bool,
    out: Path | None,
    ledger: "LedgerReader | None",
    accept_used_keys: bool,
) -> int:
    """Print how a run ended and how to go on, and return its exit code."""
    from bonifiq_async.cli.exit_codes import Exit, of_run
    from bonifiq_async.cli.terminal.report import ending_json, ending_table, used_table
    from bonifiq_async.cli.terminal.tables import show_table

    used = ending.used_elsewhere.count > 0
    code = of_run(
        [effect for effect, count in ending.counts.items() if count],
        interrupted=ending.interrupted,
        stopped=ending.stopped is not None,
        skipped=ending.left_out > 0,
        used_elsewhere=used and not accept_used_keys,
        reworded=ending.reworded > 0,
    )
    if ending.refused_credentials and not ending.interrupted:
        code = Exit.USAGE
    with whatever_is_read():
        if as_json:
            give(ending_json(ending, code))
        else:
            show_table(ending_table(ending))
            if used:
                show_table(used_table(ending))
    if used and not accept_used_keys:
        _say_whose_keys(ending.used_elsewhere.count, ledger)
    _say_how_to_go_on(ending, code, out, ledger)
    return int(code)


def _say_whose_keys(count: int, ledger: "LedgerReader | None") -> None:
    keys = phrase("{count:,} key was used before", "{count:,} keys were used before", count=count)
    say(
        phrase(
            "{keys}, the provider says, and not by what is recorded here. First look whether another file or "
            "ledger applied it: then --accept-used-keys counts it as applied.",
            keys=keys,
        )
    )
    if ledger is not None:
        say(
            phrase(
                "bonifiq reconcile {ledger} compares with the balances, and bonifiq settle {ledger} --key "
                "KEY takes your word for one.",
                ledger=ledger,
            )
        )
    say(phrase("Only what was never applied needs a key of its own, under which it is paid."))


def _say_how_to_go_on(
    ending: "RunEnding", code: int, out: Path | None, ledger: "LedgerReader | None"
) -> None:
    where = phrase("--out FILE writes them all")
    if out is not None:
        where = phrase("all are in {out}", out=out)
        if ending.told_here:
            where = phrase("they are in {out}, or stand above", out=out)
    if ending.warnings:
        say(*ending.warnings)
    if ending.warned > len(ending.warnings):
        more = ending.warned - len(ending.warnings)
        say(phrase("and {count:,} more with a warning; {where}", count=more, where=where))
    shown = ending.shown()
    if shown:
        say(*shown)
    if shown and ending.failed > len(shown):
        more = ending.failed - len(shown)
        say(phrase("and {count:,} more that failed; {where}", count=more, where=where))
    if ending.stopped is not None:
        say(ending.stopped, *([ending.advice] if ending.advice is not None else []))
    if ending.told_here and out is not None and out.exists():  # it may have been deleted
        say(
            phrase(
                "{count:,} outcome stands above, and not in {out}; those before it are there.",
                "{count:,} outcomes stand above, and not in {out}; those before them are there.",
                count=ending.told_here,
                out=out,
            )
        )
    _say_what_is_next(ending, code, ledger)


def _say_what_is_next(ending: "RunEnding", code: int, ledger: "LedgerReader | None") -> None:
    from bonifiq_async._model.outcome import Effect
    from bonifiq_async.cli.exit_codes import Exit
    from bonifiq_async.cli.files.rows import command_line

    over = (
        Exit.DONE,
        Exit.REFUSED,
        Exit.OTHER_WORDS,
        *([Exit.UNKNOWN] if ending.adapter.ledger_alone_knows else []),
    )
    undecided = code is Exit.UNKNOWN and not ending.counts[Effect.UNKNOWN]  # it was answered, and stays so
    if code not in over and not undecided:  # else each was tried, and none of them may be sent again
        say(
            phrase("To go on, run the same command again; no change is applied twice:"),
            f"  {command_line()}",
        )
    if ledger is not None and ending.counts[Effect.UNKNOWN]:
        way = phrase(
            "What stays unknown: bonifiq reconcile {ledger} compares it with the balances, and bonifiq "
            "settle {ledger} --key KEY takes your word for one.",
            ledger=ledger,
        )
        if ending.adapter.ledger_alone_knows:
            way = phrase(
                "What is in doubt is not sent again: bonifiq status {ledger} --look helps to decide, and "
                "bonifiq settle {ledger} takes your word for each.",
                ledger=ledger,
            )
        say(way)


@contextlib.contextmanager
def interruptible() -> "Iterator[None]":
    """Make Ctrl-C end the command with its documented code."""
    try:
        yield
    except (KeyboardInterrupt, typer.Abort):
        say(phrase("Interrupted."))
        raise typer.Exit(130) from None


@contextlib.contextmanager
def interrupts(
    ending: "RunEnding", batch: "CashbackBatch[FileChange, object]", seconds: float
) -> "Iterator[None]":
    """The first SIGINT or SIGTERM lets what is in flight end, for `seconds` at most; the second ends at once.

    No other counts.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    cancelled = False

    def interrupt() -> None:
        nonlocal cancelled
        if ending.interrupted:
            if task is not None and not cancelled:
                task.cancel()
            cancelled = True
            return
        ending.interrupted = True
        batch.stop()
        say(
            phrase(
                "Stopping: what is in flight ({count}) ends first, in {seconds:.0f} s at the most. Interrupt "
                "again to stop at once.",
                count=batch.in_flight,
                seconds=seconds,
            )
        )

    signals = () if sys.platform == "win32" else (signal.SIGINT, signal.SIGTERM)  # its loops take no handlers
    for number in signals:
        loop.add_signal_handler(number, interrupt)
    try:
        yield
    finally:
        for number in () if cancelled else signals:  # what was in flight is still to be reported
            loop.remove_signal_handler(number)
