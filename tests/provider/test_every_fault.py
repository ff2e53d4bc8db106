"""The outcome of every fault of the sandbox, for every provider of the registry, on both paths."""

from collections import Counter
from functools import partial
from pathlib import Path

import pytest
from conftest import Clock
from fault_tables import LETTERS
from sides import Side, sides
from silence import SilentScript

from bonifiq_async import Effect, Outcome, SqliteLedger, Timeouts
from bonifiq_async.ledger.protocol import BY_EFFECT
from bonifiq_async.ledger.reader import standing
from bonifiq_async.ledger.sqlite.reader import SqliteReader
from bonifiq_async.sandbox import FAULTS

TABLE = """
    # fault             with keys  without
    slow                A          A
    close-unread        LA         L
    close-before        LA         L
    close-after         L+         L
    reset-before        LA         L
    reset-after         L+         L
    half-head-before    LA         L
    half-head-after     L+         L
    half-body-before    LA         L
    half-body-after     L+         L
    silence-before      LA         L
    silence-after       L+         L
    429                 TA         T
    429-seconds         TA         T
    429-date            TA         T
    429-long            T          T
    503-seconds         TA         T
    500-before          BA         B
    500-after           B+         B
    502-before          BA         B
    502-after           B+         B
    503-before          BA         B
    503-after           B+         B
    504-before          BA         B
    504-after           B+         B
    400                 R          R
    401                 R          R
    403                 R          R
    404                 R          R
    409                 R          R
    422                 R          R
    html-before         U          U
    html-after          U          U
"""
"""The verdict of each attempt. `+` is a repeat of an applied change: accepted again, or a used key."""

ROWS = {row[0]: row[1:] for row in map(str.split, TABLE.strip().splitlines()) if row[0] != "#"}
LIMITS = Timeouts(connect=5.0, attempt=5.0)


def effect_of(letters: str, side: Side) -> Effect:
    """Return the effect of a change whose attempts had these verdicts."""
    throttled = Effect.NOT_APPLIED if side.repeats else Effect.UNKNOWN
    ends = {"A": Effect.APPLIED, "D": Effect.ALREADY_APPLIED, "R": Effect.REFUSED, "T": throttled}
    return ends.get(letters[-1], Effect.UNKNOWN)


@pytest.mark.slow
@pytest.mark.parametrize("side", sides(), ids=lambda side: side.name)
async def test_every_fault(side: Side, way: str, served: object, tmp_path: Path) -> None:
    """Attempts, effect and books are as the table says, and so is the ledger at the end."""
    told = Counter[Effect]()
    server = partial(served, side.sandbox)()
    async with SqliteLedger(tmp_path / "l") as ledger:
        for fault, row in ROWS.items():
            letters = row[0 if side.repeats else 1].replace("+", "A" if side.replays else "D")
            server.faults = SilentScript([fault], LIMITS.attempt)
            runtime = Clock().runtime()
            async with side.client(server, ledger=ledger, runtime=runtime, timeouts=LIMITS) as client:
                outcome: Outcome = await side.make(client, side.change(fault))
                doubt = client.in_doubt() != ()
            verdicts = tuple(LETTERS[letter] for letter in letters)
            assert (fault, tuple(each.verdict for each in outcome.attempts)) == (fault, verdicts)
            assert (fault, outcome.effect) == (fault, effect_of(letters, side))
            assert doubt is (outcome.effect is Effect.UNKNOWN) is (outcome.error is not None and doubt)
            moved = FAULTS[fault].applies or letters[-1] == "A"
            assert (fault, side.effects(server, fault)) == (fault, int(moved))
            told[outcome.effect] += 1
    expected = Counter[object]()
    for effect, count in told.items():
        expected[BY_EFFECT[effect]] += count
    assert +Counter(standing(SqliteReader(tmp_path / "l")).counts) == expected


def test_the_table_has_every_fault() -> None:
    """A fault that is added to the sandbox must be added here."""
    assert ROWS.keys() == FAULTS.keys()
