"""A ledger for one process: bounded, and gone with it."""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Self
from weakref import ref

from attrs import evolve

from bonifiq_async._model import validation
from bonifiq_async._model.errors import ConfigurationError, LedgerError
from bonifiq_async._model.outcome import Effect
from bonifiq_async._model.values import public
from bonifiq_async.ledger.account import another
from bonifiq_async.ledger.protocol import (
    DONE,
    DOUBTFUL,
    TRANSITIONS,
    Account,
    Ending,
    Granted,
    Intent,
    Row,
    Ruling,
    State,
    rival,
    rule,
)

_CLAIMED, _USED_ELSEWHERE = State.CLAIMED, State.USED_ELSEWHERE
CAPACITY = 100_000
"""Keys remembered of each kind: applied, in doubt, and those that the provider does not remember."""


@public
class MemoryLedger:
    """Remembers the last `capacity` applied changes, and as many in doubt; the oldest are forgotten first.

    What the provider does not de-duplicate is never forgotten: when there are `capacity` of that, a claim of
    one more raises `LedgerError`: give a `SqliteLedger`. Give one, too, where several threads have loops of
    their own: this one is for one thread. `key_retention` is for how many seconds the provider remembers a
    key, since a moment of `clock` (seconds since the epoch); `monotonic` (seconds) measures for how long a
    claim holds. Raises `ConfigurationError` for settings that are no numbers above zero.
    """

    def __init__(
        self,
        *,
        capacity: int = CAPACITY,
        key_retention: float = float("inf"),
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        validation.function(clock, "clock")
        validation.function(monotonic, "monotonic")
        self._capacity = validation.quantity(capacity, "capacity")
        self._retention = validation.seconds(key_retention, "key_retention", above_zero=True)
        self._clock = clock
        self._monotonic = monotonic
        self._identity = ref(self)  # a client must not keep a ledger alive that is not used any more
        self._account: Account | None = None
        self._fence = 0
        self._rows: dict[tuple[str, str], Row] = {}
        self._done: OrderedDict[tuple[str, str], Row] = OrderedDict()
        """What is applied, as it was claimed; under its own state where the provider's word alone says so."""
        self._doubtful: OrderedDict[tuple[str, str], Row] = OrderedDict()
        self._lasting: dict[tuple[str, str], Row | None] = {}
        """What a repeat would apply twice; None while it is being sent."""

    @property
    def identity(self) -> Hashable:
        """See `Ledger.identity`."""
        return self._identity

    async def bind(self, provider: str, account: str) -> None:
        """See `Ledger.bind`."""
        self._take_up((provider, account))

    def _take_up(self, account: Account) -> None:
        if self._account is not None and self._account != account:
            raise ConfigurationError(another("The ledger in memory", self._account, account))
        self._account = account

    async def claim(
        self, intent: Intent, *, lease: float, repeatable: bool, within: float = float("inf")
    ) -> Ruling:
        """See `Ledger.claim`."""
        if self._account != intent.account:
            self._take_up(intent.account)
        for operation in intent.rivals:
            place = (operation, intent.key)
            held = self._rows.get(place) or self._done.get(place) or self._doubtful.get(place)
            held = held or self._lasting.get(place)
            conflict = None if held is None else rival(held, operation)
            if conflict is not None:
                return conflict
        place, now = (intent.operation, intent.key), self._clock()
        row = self._row(place)
        if row is not None and row.state is _CLAIMED:
            # Its call still works on it, whatever the system's clock says.
            row = evolve(row, lease_until=now + row.lease_until - self._monotonic())
        ruling = rule(
            row, intent, now=now, owner="another call", repeatable=repeatable, retention=self._retention
        )
        if isinstance(ruling, Granted):
            if not repeatable:
                self._last(place)
            # What was refused is forgotten here, its fence included: a late end must not meet it again.
            self._fence += 1
            ruling = Granted(self._fence, ruling.in_doubt, False, ruling.seconds)
            if row is not None:
                self._doubtful.pop(place, None)
            self._rows[place] = Row(
                intent.digest,
                _CLAIMED,
                ruling.in_doubt,
                ruling.fence,
                "another call of this process",
                self._monotonic() + lease,
                row.first_sent if row is not None and ruling.in_doubt else now,
                intent.customer_id,
                intent.value,
            )
        return ruling

    def _row(self, place: tuple[str, str]) -> Row | None:
        """Return what is known of a change."""
        row, done = self._rows.get(place), self._done.get(place)
        if row is None and done is not None:
            row = evolve(done, state=State.APPLIED) if done.state is State.CLAIMED else done
        return row or self._doubtful.get(place) or self._lasting.get(place)

    def _last(self, place: tuple[str, str]) -> None:
        """Free a place for a change that is never to be forgotten."""
        if len(self._lasting) >= self._capacity and place not in self._lasting:
            raise LedgerError(
                f"The ledger in memory is full: it forgets none of the {self._capacity} changes that the "
                "provider does not remember. Nothing was sent; give a SqliteLedger, which has no such limit.",
                effect=Effect.NOT_APPLIED,
            )
        self._lasting[place] = None

    async def end(self, intent: Intent, fence: int, ending: Ending) -> bool:
        """See `Ledger.end`."""
        return self._end(intent, fence, ending)

    def leave(self, intent: Intent, fence: int, ending: Ending) -> None:
        """See `Ledger.leave`."""
        self._end(intent, fence, ending)

    def _end(self, intent: Intent, fence: int, ending: Ending) -> bool:
        place = (intent.operation, intent.key)
        row = self._rows.get(place)
        if row is None or row.fence != fence or ending.state not in TRANSITIONS[row.state]:
            return False
        del self._rows[place]
        if ending.recalled:  # of most changes, no answer is held in memory
            row = evolve(row, answer=ending.answer)
        kind = self._done if ending.state in DONE else self._doubtful if ending.state in DOUBTFUL else None
        if kind is None:
            self._lasting.pop(place, None)
            return True
        if place in self._lasting:
            self._lasting[place] = evolve(row, state=ending.state)
            return True
        as_claimed = kind is self._done and ending.state is not _USED_ELSEWHERE
        kind[place] = row if as_claimed else evolve(row, state=ending.state)
        if len(kind) > self._capacity:
            kind.popitem(last=False)
        return True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Keep what is known: the ledger may be given to another client."""
