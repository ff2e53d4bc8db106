"""A question about a ledger: which changes are asked for, by whatever a person types, and their runs."""

import contextlib
import re
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta

import typer
from attrs import frozen

from bonifiq_async._model.errors import ConfigurationError
from bonifiq_async.cli.adapter import Grounds, adapter_of
from bonifiq_async.cli.commands.export import states_of
from bonifiq_async.cli.examination.look_alikes import likeness
from bonifiq_async.cli.language.phrase import READER, phrase
from bonifiq_async.ledger.protocol import State
from bonifiq_async.ledger.reader import LedgerReader
from bonifiq_async.ledger.recorded import ChangeFilter, Recorded
from bonifiq_async.ledger.runs import Run

SPELLINGS = 3
"""Ids that are shown at the most for one that no change has."""
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


class Answers:
    """What a ledger answers to a question: read some at a time, so that memory does not grow with it."""

    def __init__(self, ledger: LedgerReader, question: Question) -> None:
        self._ledger = ledger
        self._question = question
        self.given = 0
        self.provider = ledger.provider()
        self.adapter = None if self.provider is None else adapter_of(self.provider)
        if question.reference is not None and self.adapter is None and self.provider is not None:
            raise ConfigurationError(
                phrase(
                    "What the keys of {provider} are made of is not known here: ask with --key.",
                    provider=self.provider,
                )
            )
        self.wanted = ChangeFilter(
            frozenset(states_of(question.effects)) if question.effects else frozenset(State),
            question.customer,
            question.key,
            None if question.since is None else moment_of(question.since, "--since"),
            None if question.until is None else moment_of(question.until, "--until"),
            question.run,
        )
        self._runs = {run.id: run for run in ledger.runs()}
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
        for change in self._ledger.changes(self.wanted):
            if reference is None or self.grounds(change).reference == reference:
                self.given += 1
                yield change

    def other_spellings(self) -> Sequence[str]:
        """Return ids of the ledger that are probably the customer asked for, where `each` had no change."""
        asked, found = self._question.customer, set[str]()
        if asked is not None and not self.given:
            folded = likeness(asked, None, "")
            for change in self._ledger.changes():
                if len(found) < SPELLINGS and likeness(change.customer_id, None, "") == folded:
                    found.add(change.customer_id)
        return sorted(found - {asked})

    def grounds(self, change: Recorded) -> Grounds:
        """Return why a change was made, as far as this program can read it."""
        return Grounds() if self.adapter is None else self.adapter.recorded_grounds(change)

    def run_of(self, number: int | None) -> Run | None:
        """Return a run; one that began since this command did is read anew."""
        if number is not None and number not in self._runs:
            self._runs = {run.id: run for run in self._ledger.runs()}
        return None if number is None else self._runs.get(number)

    def runs_asked(self, of_changes: Collection[int]) -> Sequence[Run]:
        """Return the runs of these numbers, and those begun in the period, also such that changed nothing."""
        for number in of_changes:
            self.run_of(number)
        wanted = self.wanted
        since, until = wanted.since or 0.0, float("inf") if wanted.until is None else wanted.until
        return [
            run
            for number, run in sorted(self._runs.items())
            if number in of_changes
            or number == wanted.run
            or (wanted.run is None and since <= run.begun < until)
        ]


def moment_of(text: str, option: str) -> float:
    """Return a time that a person typed, in seconds since the epoch; without a zone it is in the local one.

    It may be written as the screen of the reader's language has it: 31/01/2026 is no time in another one.
    A day begins at midnight; as the end of a period it belongs to it.
    """
    try:
        at, is_day = _typed(text)
        if option == "--until" and is_day:
            at += timedelta(days=1)
        return at.timestamp()
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            phrase(
                "{text} is no time here: write 2026-01-31 or 2026-01-31T14:30, with a zone (-03:00) if need "
                "be",
                text=repr(text),
            ),
            param_hint=option,
        ) from None


_FORMS = ("{at:%Y-%m-%d}", "{at:%Y-%m-%d %H:%M:%S}", "{at:%Y-%m-%d %H:%M:%S %z}")
"""How times stand on a screen, where the seconds are never left out; the first is a day."""


def _typed(text: str) -> tuple[datetime, bool]:
    """Return a time, and whether it is a day. Raises `ValueError`."""
    for form in _FORMS:
        template = READER.get().templates.get(form)  # {at:%d/%m/%Y}
        for seconds in ("", ":00") if isinstance(template, str) else ():
            with contextlib.suppress(ValueError):
                at = datetime.strptime(f"{text}{seconds}", str(template)[4:-1])
                return at, form == _FORMS[0]
    return datetime.fromisoformat(text), _DATE.fullmatch(text) is not None
