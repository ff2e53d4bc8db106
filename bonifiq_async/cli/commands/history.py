"""`bonifiq history`: every change of a ledger with its times, its answer, its run, file and line."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import typer
from attrs import frozen

from bonifiq_async._model.errors import ConfigurationError
from bonifiq_async.cli.adapter import Grounds, adapter_of
from bonifiq_async.cli.commands.export import csv_lines, states_of, together
from bonifiq_async.cli.files.outcome_file import json_line, local_time
from bonifiq_async.cli.language.phrase import joined, phrase
from bonifiq_async.cli.terminal.dialogue import changes as counted
from bonifiq_async.cli.terminal.dialogue import interruptible
from bonifiq_async.cli.terminal.effects import effect_name
from bonifiq_async.cli.terminal.report import run_lines, run_values
from bonifiq_async.cli.terminal.screen import give, say, show
from bonifiq_async.cli.terminal.tables import Table, show_table, width
from bonifiq_async.ledger.protocol import State
from bonifiq_async.ledger.runs import Run
from bonifiq_async.ledger.sqlite.reader import ChangeFilter, Recorded, changes, provider_of, runs, short

COLUMNS = (
    "first_sent",
    "ended",
    "effect",
    "operation",
    "customer_id",
    "value",
    "unit",
    "change_key",
    "reference",
    "reason",
    "attempts",
    "status",
    "code",
    "code_name",
    "message",
    "answer",
    "run",
    "command",
    "user",
    "host",
    "file",
    "sha256",
    "line",
    "last_run",
)
"""What is shown of a change. A later version adds columns behind these."""

WHEN, AMOUNT = 25, 14
"""Characters of the first two columns on a screen; the third has the rest."""

_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


@frozen
class Question:
    """Which changes are asked for; times as they were typed."""

    customer: str | None = None
    key: str | None = None
    reference: str | None = None
    since: str | None = None
    until: str | None = None
    effects: Sequence[str] = ()
    run: int | None = None


def history(ledger: Path, question: Question, format: str) -> None:
    """Print the changes that are asked for, as a `table`, as `csv` or as `jsonl`. Raises `Lost`."""
    with interruptible():
        found = _Answers(ledger, question)
        if format == "table":
            _show(found)
        elif format == "csv":
            _give_csv(found)
        else:
            for some in together(found.each()):
                give(
                    b"".join(
                        [json_line(dict(zip(COLUMNS, found.values(each), strict=True))) for each in some]
                    )
                )


def list_runs(ledger: Path, format: str) -> None:
    """Print the runs of a ledger, the latest first. Raises `Lost`."""
    found = runs(ledger)
    if format == "table":
        show(*run_lines(found) or [phrase("No run has been recorded.")])
        return
    rows = [run_values(run) for run in found]
    if format == "csv":
        names = ("run", "state", "command", "file", "sha256", "user", "host", "begun", "ended")
        give(csv_lines([names, *([row[name] for name in names] for row in rows)]))
        return
    give(b"".join(map(json_line, rows)))


class _Answers:
    """What a ledger answers to a question: read some at a time, so that memory does not grow with it."""

    def __init__(self, ledger: Path, question: Question) -> None:
        self._ledger = ledger
        self._question = question
        self.provider = provider_of(ledger)
        self.adapter = None if self.provider is None else adapter_of(self.provider)
        if question.reference is not None and self.adapter is None and self.provider is not None:
            raise ConfigurationError(
                phrase(
                    "What the keys of {provider} are made of is not known here: ask with --key.",
                    provider=self.provider,
                )
            )
        self._filter = ChangeFilter(
            frozenset(states_of(question.effects)) if question.effects else frozenset(State),
            question.customer,
            question.key,
            None if question.since is None else moment_of(question.since, "--since"),
            None if question.until is None else moment_of(question.until, "--until"),
            question.run,
        )
        self._runs = {run.id: run for run in runs(ledger)}
        if question.run is not None and question.run not in self._runs:
            raise ConfigurationError(
                phrase(
                    "The ledger {ledger} has no run {run}; bonifiq history {ledger} --runs lists them.",
                    ledger=ledger,
                    run=question.run,
                )
            )

    def each(self) -> Iterator[Recorded]:
        """Yield the changes, the first sent first."""
        reference = self._question.reference
        for change in changes(self._ledger, self._filter):
            if reference is None or self.grounds(change).reference == reference:
                yield change

    def grounds(self, change: Recorded) -> Grounds:
        """Return why a change was made, as far as this program can read it."""
        return Grounds() if self.adapter is None else self.adapter.recorded_grounds(change)

    def run_of(self, number: int | None) -> Run | None:
        """Return a run; one that began since this command did is read anew."""
        if number is not None and number not in self._runs:
            self._runs = {run.id: run for run in runs(self._ledger)}
        return None if number is None else self._runs.get(number)

    def values(self, change: Recorded) -> Sequence[object]:
        """Return what is shown of a change under `COLUMNS`."""
        grounds, said, run = self.grounds(change), change.said, self.run_of(change.run or change.last_run)
        made = None if run is None else run.origin
        return (
            local_time(change.first_sent),
            None if change.ended is None else local_time(change.ended),
            change.state.value.replace(" ", "-"),
            short(change.operation),
            change.customer_id,
            change.value,
            None if self.adapter is None else self.adapter.unit_of(change),
            change.key,
            grounds.reference,
            grounds.reason,
            change.attempts,
            int(said["status"]) if said.get("status", "").isdigit() else None,
            said.get("code"),
            said.get("code_name"),
            change.error or said.get("message"),
            change.answer,
            None if run is None else run.id,
            made and made.command,
            made and made.user,
            made and made.host,
            (made and made.file) or None,
            (made and made.digest) or None,
            change.line,
            change.last_run,
        )


def moment_of(text: str, option: str) -> float:
    """Return a time that a person typed, in seconds since the epoch; without a zone it is in the local one.

    A day begins at midnight; as the end of a period it belongs to it.
    """
    try:
        at = datetime.fromisoformat(text)
        if option == "--until" and _DATE.fullmatch(text):
            at += timedelta(days=1)
        return at.timestamp()
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            phrase(
                "{text} is no time: write 2026-01-31 or 2026-01-31T14:30, with a zone (-03:00) if need be",
                text=repr(text),
            ),
            param_hint=option,
        ) from None


def _give_csv(found: _Answers) -> None:
    give(csv_lines([COLUMNS]))
    for some in together(found.each()):
        give(csv_lines(map(found.values, some)))


def _show(found: _Answers) -> None:
    counts: Counter[State] = Counter()
    for some in together(found.each()):
        table = Table(show_header=not counts, show_edge=False)
        table.add_column(phrase("ended, first sent"), width=WHEN)
        table.add_column(phrase("amount"), width=AMOUNT, justify="right", overflow="fold")
        table.add_column(phrase("change"), width=max(width() - WHEN - AMOUNT - 8, 20), overflow="fold")
        for change in some:
            counts[change.state] += 1
            money = str if found.adapter is None else found.adapter.money
            ended = phrase("not ended") if change.ended is None else local_time(change.ended, "seconds")
            table.add_row(
                (ended, local_time(change.first_sent, "seconds")),
                (
                    money(change.value),
                    phrase("{count:,} attempt", "{count:,} attempts", count=change.attempts),
                ),
                tuple(_lines(found, change)),
            )
        show_table(table)
    each = [
        phrase("{count:,} {state}", count=count, state=effect_name(state)) for state, count in counts.items()
    ]
    said = [counted(counts.total()), *([joined(each)] if each else [])]
    say(phrase("{summary}.", summary=joined(said, ": ")))


def _attempts(count: int) -> str:
    return phrase("{count:,} attempt", "{count:,} attempts", count=count)


def _lines(found: _Answers, change: Recorded) -> Iterator[str]:
    """Yield what is shown of a change in the last column of the table, line by line."""
    grounds, said = found.grounds(change), change.said
    yield phrase(
        "{state}: {operation} for {customer}",
        state=effect_name(change.state),
        operation=short(change.operation),
        customer=change.customer_id,
    )
    yield phrase("key {key}", key=change.key)
    if grounds.reason is not None:
        yield phrase("reason {reason}", reason=grounds.reason)
    yield _by(found.run_of(change.run), change.line)
    if change.last_run is not None and change.last_run != change.run:
        by = _by(found.run_of(change.last_run), None)
        yield (
            phrase("last sent by {run}", run=by) if change.ended is None else phrase("ended by {run}", run=by)
        )
    if "status" in said:
        yield phrase("answer {words}", words=" ".join(said.values()))
    if change.error is not None:
        yield change.error


def _by(run: Run | None, line: int | None) -> str:
    if run is None:
        return phrase("no run is recorded")
    made = phrase(
        "run {run}, {command} by {user} on {host}",
        run=run.id,
        command=run.origin.command,
        user=run.origin.user,
        host=run.origin.host,
    )
    where = [Path(run.origin.file).name] if run.origin.file else []
    at = [phrase("line {line}", line=line)] if line is not None else []
    return joined([made, *where, *at])
