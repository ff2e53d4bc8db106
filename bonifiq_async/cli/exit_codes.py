"""What the exit codes mean: one table for the command, its help and its tests."""

import enum
from collections.abc import Collection

from bonifiq_async._model.errors import (
    AuthenticationError,
    BonifiQError,
    NotAppliedError,
    OutcomeUnknownError,
    PayloadError,
    RefusedError,
)
from bonifiq_async._model.outcome import Effect
from bonifiq_async.cli.language.phrase import phrase


class Exit(enum.IntEnum):
    """An exit code."""

    DONE = 0
    BUG = 1
    USAGE = 2
    REFUSED = 3
    UNKNOWN = 4
    STOPPED = 5
    OTHER_WORDS = 6
    DIFFERS = 7
    INTERRUPTED = 130


MEANING = {
    Exit.DONE: phrase("every change is applied, now or before"),
    Exit.BUG: phrase("a bug"),
    Exit.USAGE: phrase("usage, configuration, credentials or an invalid file"),
    Exit.REFUSED: phrase("finished; some changes were refused, or rows that are not valid were left out"),
    Exit.UNKNOWN: phrase(
        "finished; of some changes it is not known whether they are applied, or their keys were "
        "used before, not by this ledger"
    ),
    Exit.STOPPED: phrase(
        "stopped early, gave some up or could not print its results; the same command goes on"
    ),
    Exit.OTHER_WORDS: phrase(
        "every change is applied, some of them before and with other words, such as a reason, than the file "
        "has now; these stay as they are"
    ),
    Exit.DIFFERS: phrase("reconcile: the ledger and the provider do not agree"),
    Exit.INTERRUPTED: phrase("interrupted; the same command goes on"),
}

FIRST = (Exit.INTERRUPTED, Exit.STOPPED, Exit.UNKNOWN, Exit.REFUSED, Exit.OTHER_WORDS)
"""Of several, the first of these is the exit code."""

BY_EFFECT = {
    Effect.REFUSED: Exit.REFUSED,
    Effect.UNKNOWN: Exit.UNKNOWN,
    Effect.NOT_APPLIED: Exit.STOPPED,
}

BY_ERROR: tuple[tuple[type[BonifiQError], Exit], ...] = (
    (AuthenticationError, Exit.USAGE),
    (RefusedError, Exit.REFUSED),
    (NotAppliedError, Exit.STOPPED),
    (OutcomeUnknownError, Exit.UNKNOWN),
    (BonifiQError, Exit.USAGE),
)


def of_error(error: BonifiQError) -> Exit:
    """Return the code of a command that ended with `error`."""
    if isinstance(error, PayloadError) and error.attempts:
        return Exit.STOPPED  # it is the provider's answer that does not fit, and no value that was given
    return next(code for kind, code in BY_ERROR if isinstance(error, kind))


def of_run(
    effects: Collection[Effect],
    *,
    interrupted: bool,
    stopped: bool,
    skipped: bool,
    used_elsewhere: bool = False,
    reworded: bool = False,
) -> Exit:
    """Return the code of a run that saw `effects`.

    `skipped` says that invalid rows were left out, `used_elsewhere` that of some changes the provider's word
    alone says that they are applied, which was not accepted. `reworded` says that of some the words alone
    differ from what was applied.
    """
    met = {BY_EFFECT[effect] for effect in effects if effect in BY_EFFECT}
    met |= {Exit.INTERRUPTED} if interrupted else set()
    met |= {Exit.STOPPED} if stopped else set()
    met |= {Exit.REFUSED} if skipped else set()
    met |= {Exit.UNKNOWN} if used_elsewhere else set()
    met |= {Exit.OTHER_WORDS} if reworded else set()
    return next((code for code in FIRST if code in met), Exit.DONE)
