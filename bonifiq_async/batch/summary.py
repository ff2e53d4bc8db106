"""What a batch has done so far."""

from collections.abc import Mapping
from decimal import Decimal
from typing import TypeVar

from attrs import define, field, frozen

from bonifiq_async._model.money import SumsByUnit
from bonifiq_async._model.outcome import Effect, Outcome
from bonifiq_async._model.values import public

T = TypeVar("T")


@public
@frozen
class BatchSummary:
    """Counts of changes by effect, and sums of what this run applied.

    `value_added` and `value_removed` are None where that is of several units, as of two cards with a currency
    each: `by_unit` has for each what was added and what was removed.

    `seen` counts the changes that ended. `attempts` counts the tries to send them, first ones and repeats,
    also those that never left (see `Attempt`); `repeats` those that repeat an earlier one of this run, also
    of changes that have not ended. `elapsed` is in seconds. `used_elsewhere` counts those of
    `already_applied` for which the provider's word alone says so (see `Outcome`).
    """

    seen: int = 0
    applied: int = 0
    already_applied: int = 0
    refused: int = 0
    not_applied: int = 0
    unknown: int = 0
    value_added: Decimal | None = Decimal(0)
    value_removed: Decimal | None = Decimal(0)
    attempts: int = 0
    elapsed: float = 0.0
    repeats: int = 0
    used_elsewhere: int = 0
    by_unit: Mapping[str, tuple[Decimal, Decimal]] = field(factory=dict, hash=False)


_APPLIED = Effect.APPLIED


@define
class Tally:
    """The running count behind a summary."""

    counts: dict[Effect, int]
    sums: SumsByUnit = field(factory=SumsByUnit)
    attempts: int = 0
    repeats: int = 0
    used_elsewhere: int = 0

    @classmethod
    def empty(cls) -> "Tally":
        """Return a count of nothing."""
        return cls(dict.fromkeys(Effect, 0))

    def count(self, outcome: Outcome[T]) -> None:
        """Add one outcome."""
        self.counts[outcome.effect] += 1
        self.attempts += len(outcome.attempts)
        if outcome.effect is _APPLIED:
            self.sums.put(outcome.change.unit, outcome.change.value)
        elif outcome.used_elsewhere:
            self.used_elsewhere += 1

    def summary(self, elapsed: float, repeats: int) -> BatchSummary:
        """Return what was counted, `elapsed` seconds after the start, with so many more repeats."""
        single = self.sums.single()
        return BatchSummary(
            seen=sum(self.counts.values()),
            applied=self.counts[Effect.APPLIED],
            already_applied=self.counts[Effect.ALREADY_APPLIED],
            refused=self.counts[Effect.REFUSED],
            not_applied=self.counts[Effect.NOT_APPLIED],
            unknown=self.counts[Effect.UNKNOWN],
            value_added=None if single is None else single.added,
            value_removed=None if single is None else single.removed,
            attempts=self.attempts,
            elapsed=elapsed,
            repeats=self.repeats + repeats,
            used_elsewhere=self.used_elsewhere,
            by_unit={unit: (each.added, each.removed) for unit, each in self.sums.by_unit.items()},
        )
