"""`bonifiq prove`: what is promised, tried against the sandbox, claim by claim with figures."""

import asyncio
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import attrs
from attrs import frozen

from bonifiq_async._model.errors import ConfigurationError
from bonifiq_async._pages.markup import HEAD
from bonifiq_async.cli.files.outcome_file import json_line
from bonifiq_async.cli.files.private_files import own
from bonifiq_async.cli.language.phrase import Phrase, joined, phrase
from bonifiq_async.cli.terminal.dialogue import interruptible
from bonifiq_async.cli.terminal.screen import give, say, show, whatever_is_read
from bonifiq_async.cli.terminal.tables import Table, show_table
from bonifiq_async.verification import SCALES, Proof, Timeline
from bonifiq_async.verification import prove as try_claims
from bonifiq_async.verification.claims import CONDUCTING
from bonifiq_async.verification.page import COLUMNS, Head, page


@frozen
class Proven:
    """What came of a run."""

    head: Head
    proofs: Sequence[Proof]
    timelines: Sequence[Timeline]

    @property
    def holds(self) -> bool:
        """Whether every claim holds."""
        return all(proof.holds for proof in self.proofs)


def prove(scale: str, seed: int, only: Sequence[str], html: Path | None, *, as_json: bool) -> int:
    """Try the claims, print what came of it, and return the exit code."""
    with interruptible():
        proven = run(scale, seed, only, html)
    with whatever_is_read(to_the_end=False):
        if as_json:
            give(proven_json(proven))
        else:
            report(proven)
    return 0 if proven.holds else 1


def run(scale: str, seed: int, only: Sequence[str], html: Path | None) -> Proven:
    """Try the claims, saying on standard error how far it is, and write the page if one is asked for."""
    if html is not None:
        _write(html, "")  # a file that cannot be written is said before the work
    began, proofs, timelines = time.monotonic(), list[Proof](), list[Timeline]()
    with _tidied():
        for conducted in try_claims(SCALES[scale], seed, say, only):
            proofs.extend(conducted.proofs)
            timelines.extend([] if conducted.timeline is None else [conducted.timeline])
            for proof in conducted.proofs:
                say(joined((proof.name, _result(proof)), ": "))
            say(phrase("{seconds:.0f} s", seconds=conducted.seconds))
    chosen = "".join(f" --only {name}" for name in only)
    command = f"bonifiq prove --scale {scale} --seed {seed}{chosen}"
    proven = Proven(Head(scale, seed, time.monotonic() - began, command), proofs, timelines)
    if html is not None:
        _write(html, page(proven.head, proofs, timelines))
    return proven


def report(proven: Proven) -> None:
    """Print the table, what is wrong, and how to repeat it. Raises `Lost`."""
    title = phrase("What is promised, tried against the sandbox")
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(phrase("claim"), no_wrap=True)
    table.add_column("")
    for name in COLUMNS:
        table.add_column(name, justify="right")
    for proof in proven.proofs:
        values = (getattr(proof.finding.figures, name) for name in COLUMNS)
        cells = ("" if value is None else phrase("{value:,}", value=value) for value in values)
        table.add_row(proof.name, _result(proof), *cells)
    show_table(table)
    for timeline in proven.timelines:
        kinds = joined(
            [
                joined((name, phrase("{count:,}", count=count)), " ")
                for name, count in sorted(timeline.kinds.items())
            ]
        )
        show(phrase("{name}, faults by kind: {kinds}.", name=timeline.name, kinds=kinds))
    for proof in proven.proofs:
        notes = joined(filter(None, (proof.provider, proof.finding.note)), "; ")
        show(phrase("{name}: {says} ({notes})", name=proof.name, says=proof.says, notes=notes))
        for problem in proof.finding.problems:
            show(phrase("  {problem}", problem=problem))
    failed = [proof.name for proof in proven.proofs if not proof.holds]
    head = proven.head
    show(
        phrase(
            "{holding} of {count} claims hold, in {seconds:,.0f} s.",
            holding=len(proven.proofs) - len(failed),
            count=len(proven.proofs),
            seconds=head.seconds,
        )
    )
    if failed:
        show(phrase("Seed {seed} repeats it: {command}", seed=head.seed, command=head.command))


def _result(proof: Proof) -> Phrase:
    return phrase("holds") if proof.holds else phrase("FAILS")


def proven_json(proven: Proven) -> bytes:
    """Return the same as one line of JSON."""
    claims = [
        {
            "claim": proof.name,
            "says": proof.says,
            "provider": proof.provider,
            "holds": proof.holds,
            **attrs.asdict(proof.finding.figures),
            "note": proof.finding.note,
            "problems": proof.finding.problems,
        }
        for proof in proven.proofs
    ]
    faults = {timeline.name: timeline.kinds for timeline in proven.timelines}
    head = attrs.asdict(proven.head)
    return json_line({**head, "holds": proven.holds, "claims": claims, "faults": faults})


@contextmanager
def _tidied() -> Iterator[None]:
    """Let what would end this process at once end it as Ctrl-C does: after what it has begun and made."""
    numbers = [signal.SIGTERM]
    if sys.platform != "win32":
        numbers.append(signal.SIGHUP)
    numbers = [each for each in numbers if signal.getsignal(each) is signal.SIG_DFL]
    for number in numbers:
        signal.signal(number, _end)
    try:
        yield
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)


def _end(_: int, __: FrameType | None) -> None:
    """Cancel what is being tried; asyncio does the same for Ctrl-C, but not where a shell has it ignored."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        raise KeyboardInterrupt from None
    for task in asyncio.all_tasks(loop):
        if task.get_name() == CONDUCTING and not task.cancelling():
            loop.call_soon_threadsafe(task.cancel)


def _write(path: Path, text: str) -> None:
    try:
        with own(path, HEAD.encode()) as file:
            if text:
                file.truncate()
                file.write(text.encode())
    except OSError as error:
        raise ConfigurationError(
            phrase("The page {path} cannot be written: {why}.", path=path, why=error.strerror)
        ) from None
