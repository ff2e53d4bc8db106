"""`bonifiq history`: every change of a ledger with its times, its answer, its run, file and line."""

import contextlib
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from bonifiq_async._model.errors import ConfigurationError
from bonifiq_async.cli.afterwards.question import Answers, Question
from bonifiq_async.cli.commands.export import together
from bonifiq_async.cli.files.csv_form import PLAIN, CsvForm
from bonifiq_async.cli.files.outcome_file import json_line, local_time
from bonifiq_async.cli.files.outcome_sheet import ENDING, TIMES, SheetForm, lines_of, write_records
from bonifiq_async.cli.files.private_files import private
from bonifiq_async.cli.language.library_texts import stored_said
from bonifiq_async.cli.language.phrase import joined, phrase, shown
from bonifiq_async.cli.terminal.dialogue import changes as counted
from bonifiq_async.cli.terminal.dialogue import interruptible
from bonifiq_async.cli.terminal.effects import effect_name
from bonifiq_async.cli.terminal.runs import run_lines, run_values, time_of
from bonifiq_async.cli.terminal.screen import give, say, show
from bonifiq_async.cli.terminal.tables import Table, show_table, width
from bonifiq_async.ledger.protocol import State
from bonifiq_async.ledger.reader import LedgerReader
from bonifiq_async.ledger.recorded import Recorded, short
from bonifiq_async.ledger.runs import Run

HEADS = (
    phrase("first_sent"),
    phrase("ended"),
    phrase("effect"),
    phrase("operation"),
    phrase("customer_id"),
    phrase("value"),
    phrase("unit"),
    phrase("change_key"),
    phrase("reference"),
    phrase("reason"),
    phrase("attempts"),
    phrase("status"),
    phrase("code"),
    phrase("code_name"),
    phrase("message"),
    phrase("answer"),
    phrase("run"),
    phrase("command"),
    phrase("user"),
    phrase("host"),
    phrase("file"),
    phrase("sha256"),
    phrase("line"),
    phrase("last_run"),
)
"""The columns of what is shown of a change, as a spreadsheet heads them. A later version adds some behind."""
COLUMNS = tuple(map(str, HEADS))
"""The same for a program."""

WHEN, AMOUNT = 25, 14
"""Characters of the first two columns on a screen; the third has the rest."""


def history(ledger: LedgerReader, question: Question, format: str, form: CsvForm) -> None:
    """Print the changes that are asked for, as a `table`, as `csv` in a form or as `jsonl`. Raises `Lost`."""
    with interruptible(), ledger.connected() as asked:
        found = Answers(asked, question)
        if format == "table":
            _show(found)
        elif format == "csv":
            _give_csv(found, form)
        else:
            for some in together(found.each()):
                give(
                    b"".join(
                        [json_line(dict(zip(COLUMNS, _values(found, each), strict=True))) for each in some]
                    )
                )
        for other in found.other_spellings():
            say(
                phrase("The ledger has changes of {customer}: probably that is meant.", customer=ascii(other))
            )


def history_file(ledger: LedgerReader, question: Question, out: Path, form: CsvForm) -> None:
    """Write the changes that are asked for to a new file, .xlsx or .csv. Raises `ConfigurationError`."""
    if out.suffix.lower() not in (ENDING, ".csv"):
        raise ConfigurationError(phrase("{file}: name a file that ends in .xlsx or .csv.", file=out))
    is_sheet = lines_of(out) != out
    if out.exists():
        raise ConfigurationError(phrase("{to} exists already and stays as it is: name another file.", to=out))
    with interruptible(), ledger.connected() as asked:
        found = Answers(asked, question)
        try:
            if is_sheet:
                rows = (dict(zip(COLUMNS, _values(found, each), strict=True)) for each in found.each())
                write_records(out, SheetForm(COLUMNS, ("value",), tuple(map(shown, HEADS)), "history"), rows)
            else:
                _write_csv(out, found, form)
        except OSError as error:
            raise ConfigurationError(
                phrase("{to} cannot be written: {why}.", to=out, why=error.strerror)
            ) from None
        say(
            phrase(
                "{count:,} change is in {file}.",
                "{count:,} changes are in {file}.",
                count=found.given,
                file=out,
            )
        )


def _write_csv(out: Path, found: Answers, form: CsvForm) -> None:
    """Write a whole file, or none; by its names, `apply` knows what is guarded in it. Raises `OSError`."""
    with open(out, "xb", opener=private) as file, contextlib.ExitStack() as failed:
        failed.callback(out.unlink)
        file.write(form.head(COLUMNS))
        for each in found.each():
            file.write(form.line(_as_read(form, _values(found, each))))
        file.flush()
        failed.pop_all()


def _as_read(form: CsvForm, values: Sequence[object]) -> Sequence[object]:
    """Return values with times as a spreadsheet of the reader's country reads them; a program reads ISO."""
    if form is PLAIN:
        return values
    return [
        shown(phrase("{at:%Y-%m-%d %H:%M:%S}", at=datetime.fromisoformat(str(value))))
        if name in TIMES and value is not None
        else value
        for name, value in zip(COLUMNS, values, strict=True)
    ]


def list_runs(ledger: LedgerReader, format: str, form: CsvForm) -> None:
    """Print the runs of a ledger, the latest first. Raises `Lost`."""
    found = ledger.runs()
    if format == "table":
        show(*run_lines(found) or [phrase("No run has been recorded.")])
        return
    rows = [run_values(run) for run in found]
    if format == "csv":
        names = ("run", "state", "command", "file", "sha256", "user", "host", "begun", "ended")
        give(form.head(names) + b"".join(form.line(row[name] for name in names) for row in rows))
        return
    give(b"".join(map(json_line, rows)))


def _values(found: Answers, change: Recorded) -> Sequence[object]:
    """Return what is shown of a change under `COLUMNS`."""
    grounds, said, run = found.grounds(change), change.said, found.run_of(change.run or change.last_run)
    made = None if run is None else run.origin
    return (
        local_time(change.first_sent),
        None if change.ended is None else local_time(change.ended),
        change.state.name.lower(),
        short(change.operation),
        change.customer_id,
        change.value,
        None if found.adapter is None else found.adapter.unit_of(change),
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


def _give_csv(found: Answers, form: CsvForm) -> None:
    give(form.head(COLUMNS))
    for some in together(found.each()):
        give(b"".join([form.line(_values(found, each)) for each in some]))


def _show(found: Answers) -> None:
    counts: Counter[State] = Counter()
    for some in together(found.each()):
        table = Table(show_header=not counts, show_edge=False)
        table.add_column(phrase("ended, first sent"), width=WHEN)
        table.add_column(phrase("amount"), width=AMOUNT, justify="right", overflow="fold")
        table.add_column(phrase("change"), width=max(width() - WHEN - AMOUNT - 8, 20), overflow="fold")
        for change in some:
            counts[change.state] += 1
            amount, adapter = str(change.value), found.adapter
            if adapter is not None:
                amount = adapter.amount(change.value, adapter.unit_of(change))
            ended = phrase("not ended") if change.ended is None else time_of(change.ended)
            table.add_row(
                (ended, time_of(change.first_sent)),
                (
                    amount,
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


def _lines(found: Answers, change: Recorded) -> Iterator[str]:
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
        yield stored_said(change.error)


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
