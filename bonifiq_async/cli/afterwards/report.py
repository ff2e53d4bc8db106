"""`bonifiq report`: one page of a run or of a period."""

import contextlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import IO

from bonifiq_async._model.errors import ConfigurationError
from bonifiq_async._pages.markup import HEAD
from bonifiq_async.cli.afterwards.digest import Digest
from bonifiq_async.cli.afterwards.question import Answers, Question
from bonifiq_async.cli.afterwards.report_page import ReportHead, report_page
from bonifiq_async.cli.files.private_files import numbered, own
from bonifiq_async.cli.language.phrase import Phrase, phrase
from bonifiq_async.cli.terminal.dialogue import interruptible
from bonifiq_async.cli.terminal.screen import say
from bonifiq_async.ledger.reader import LedgerReader
from bonifiq_async.ledger.recorded import Recorded, short
from bonifiq_async.ledger.runs import Run


def report(ledger: LedgerReader, question: Question, html: Path) -> None:
    """Write the page of the changes that are asked for. Raises `ConfigurationError` where it cannot be."""
    with interruptible(), ledger.connected() as asked:
        found = Answers(asked, question)
        _open(html).close()  # what cannot be written is said before the ledger is read
        digest = Digest(_operation if found.adapter is None else found.adapter.unit_of)
        for change in found.each():
            digest.put(change)
        listed = found.runs_asked(digest.runs)
        whole = found.run_of(question.run)
        head = ReportHead(
            ledger,
            _title(question, ledger),
            datetime.now().astimezone(),
            found.adapter,
            whole,
            time_of(question, [whole] if whole is not None else listed),
        )
        _put(html, report_page(head, digest, listed))
    say(phrase("The report is in {file}.", file=html))


def reserved(path: Path) -> Path:
    """Make the file for the page of a run that ended: `path`, or `path-2` beside the page of an earlier one.

    Raises `ConfigurationError` where that cannot be.
    """
    for name in numbered(path):
        with _open(name) as file:
            if not file.read(1):
                return name
    raise AssertionError("there are no more names")


def refuse_unwritable(path: Path) -> None:
    """Raise `ConfigurationError` where no page can be made at `path`, and leave nothing there."""
    reserved(path).unlink()


def _open(path: Path) -> IO[bytes]:
    with _told(path):
        return own(path, HEAD.encode())


def _put(path: Path, page: str) -> None:
    with _told(path), _open(path) as file:
        file.truncate()
        file.write(page.encode())


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigurationError(
            phrase("The page {path} cannot be written: {why}.", path=path, why=error.strerror)
        ) from None


def time_of(question: Question, runs: Sequence[Run]) -> float | None:
    """Return how long runs took, without the time between them; of a part of them, it says nothing."""
    if question.since is not None or question.until is not None or not runs:
        return None
    times = [None if run.ended is None else run.ended - run.begun for run in runs]
    return None if None in times else sum(each for each in times if each is not None)


def _title(question: Question, ledger: LedgerReader) -> Phrase:
    if question.run is not None:
        return phrase("Run {run}", run=str(question.run))
    if question.since is not None and question.until is not None:
        return phrase("Changes from {since} to {until}", since=question.since, until=question.until)
    if question.since is not None:
        return phrase("Changes since {since}", since=question.since)
    if question.until is not None:
        return phrase("Changes until {until}", until=question.until)
    return phrase("All changes of {ledger}", ledger=ledger.name)


def _operation(change: Recorded) -> str:
    """Keep the sums of operations apart where the units of a provider are not known."""
    return short(change.operation)
