"""Runs of a ledger, as a person and a program are shown them."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from bonifiq_async.cli.files.outcome_file import local_time
from bonifiq_async.cli.language.phrase import Phrase, joined, phrase
from bonifiq_async.cli.terminal.effects import effect_name
from bonifiq_async.ledger.runs import Run, RunState


def time_of(seconds: float) -> Phrase:
    """Return a time of the epoch as the reader writes it, in the local zone, which is said."""
    at = datetime.fromtimestamp(seconds).astimezone()
    return phrase("{at:%Y-%m-%d %H:%M:%S %z}", at=at)


def run_name(run: Run) -> Phrase:
    """Return which run it is, in words: `Run 3 (apply march.csv, begun ... by ana on shop)`."""
    made = run.origin
    return phrase(
        "Run {run} ({what}, begun {begun} by {user} on {host})",
        run=run.id,
        what=f"{made.command} {made.file}".strip(),
        begun=time_of(run.begun),
        user=made.user,
        host=made.host,
    )


def run_lines(runs: Sequence[Run]) -> Sequence[str]:
    """Return a line for each run: which one it is, and how it ended."""
    return [phrase("{run}: {end}", run=run_name(run), end=_end_of(run)) for run in runs]


def _end_of(run: Run) -> Phrase:
    if run.ended is None:
        over = run.state is RunState.NOT_ENDED
        return (
            phrase("not ended, and its process is gone: it was killed, or could not write down its end")
            if over
            else phrase("under way")
        )
    counts = [
        phrase("{count:,} {state}", count=count, state=effect_name(name))
        for name, count in run.counts.items()
    ]
    ended = time_of(run.ended)
    return phrase(
        "ended {time}: {counts}", time=ended, counts=joined(counts) if counts else phrase("no change")
    )


def run_values(run: Run) -> Mapping[str, object]:
    """Return a run for machines."""
    return {
        "run": run.id,
        "state": run.state.value,
        "command": run.origin.command,
        "file": run.origin.file or None,
        "sha256": run.origin.digest or None,
        "user": run.origin.user,
        "host": run.origin.host,
        "begun": local_time(run.begun),
        "ended": None if run.ended is None else local_time(run.ended),
        "counts": {name.replace(" ", "_"): count for name, count in run.counts.items()},
    }
