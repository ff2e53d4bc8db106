"""One change as a ledger has it, and which changes are asked for."""

from collections.abc import Collection, Mapping
from decimal import Decimal
from urllib.parse import unquote

from attrs import frozen

from bonifiq_async.ledger.protocol import State

SAID = ("status", "code", "code_name", "message")
BY_HAND = "settled by hand: "
"""Begins what is kept of a person's word."""


@frozen
class Recorded:
    """One change as it stands: path and body of its request, and what is known of its end.

    `first_sent` and `last_sent` are seconds since the epoch: from when to when it may have been acted on, or
    when a person's word on it was taken. `attempts` counts the requests, `answer` is what the ledger keeps of
    the provider's answer. `run` is the run that first claimed it, `line` the line of that run's file, and
    `last_run` the run that claimed or settled it last, by which it ended where it has; None where there is
    none, as of changes that a web service makes.
    """

    key: str
    state: State
    customer_id: str
    body: bytes
    error: str | None
    operation: str
    value: Decimal
    first_sent: float
    last_sent: float
    attempts: int
    answer: str | None
    run: int | None
    line: int | None
    last_run: int | None
    path: str = ""

    @property
    def said(self) -> Mapping[str, str]:
        """What `answer` says of the provider's answer: `status`, `code`, `code_name`, `message`, if known."""
        parts = (part.partition("=") for part in (self.answer or "").partition(" notice=")[0].split(" "))
        return {name: unquote(text) for name, _, text in parts if name in SAID}

    @property
    def settled_by_hand(self) -> bool:
        """Whether it stands as it does by a person's word."""
        return self.error is not None and self.error.startswith(BY_HAND)

    @property
    def ended(self) -> float | None:
        """When it ended; None where that is still to come."""
        return None if self.state in (State.CLAIMED, State.IN_DOUBT) else self.last_sent


@frozen
class ChangeFilter:
    """Which changes are asked for: those in one of `states` to which all else applies that is not None.

    Times are seconds since the epoch. A change counts at the time of its latest event (`last_sent`), so that
    it is in one period of several: `since` is the first moment of a period, `until` the first after it.
    `run` is one that first claimed the change, or claimed it last.
    """

    states: Collection[State] = frozenset(State)
    customer_id: str | None = None
    key: str | None = None
    since: float | None = None
    until: float | None = None
    run: int | None = None

    def asks_for(self, change: Recorded) -> bool:
        """Say whether it asks for a change."""
        runs = (change.run, change.last_run)
        return change.state in self.states and self.takes(
            change.key, change.customer_id, change.last_sent, runs
        )

    def takes(
        self, key: str, customer_id: str, last_sent: float, runs: tuple[int | None, int | None]
    ) -> bool:
        """Say whether it asks for a change, whatever state that is in; `runs` are its first and its last."""
        return (
            self.customer_id in (None, customer_id)
            and self.key in (None, key)
            and (self.since is None or last_sent >= self.since)
            and (self.until is None or last_sent < self.until)
            and (self.run is None or self.run in runs)
        )


EVERY_CHANGE = ChangeFilter()


def short(operation: str) -> str:
    """Return the short name of an operation: `earn`."""
    return operation.rpartition(".")[2]
