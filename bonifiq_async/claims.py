"""Input/output: one key, one change.

Within a client, the same key in flight twice is one request with two listeners. Beyond it, the ledger
says what a key stands for; a change is written there before its first byte leaves, and its outcome
before anybody is told.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import TypeVar, cast

from attrs import define, evolve, field

from bonifiq_async.errors import ChangeKeyConflict, LedgerError, OutcomeUnknownError
from bonifiq_async.history import Delivered, History
from bonifiq_async.intent import (
    DONE,
    DOUBTFUL,
    Conflict,
    Ending,
    Granted,
    Held,
    Intent,
    Ledger,
    Ruling,
    Settled,
    State,
)
from bonifiq_async.outcome import Effect, StopReason

T = TypeVar("T")

logger = logging.getLogger("bonifiq_async")

LEASE_MARGIN = 30.0
"""Seconds that a claim outlives the deadline of its call, before another process may take it over."""
POLL = 0.25
"""Seconds between two looks at a change that another process is sending."""
UNCHANGED = frozenset({Effect.REFUSED, Effect.NOT_APPLIED})
"""Effects that say that nothing changed."""
IN_DOUBT_SHOWN = 100_000
"""Keys in doubt that a client lists; the oldest are dropped first, from the list alone."""


@define
class _Flight:
    digest: bytes
    landed: "asyncio.Future[Delivered[object] | None]" = field(
        factory=lambda: asyncio.get_running_loop().create_future()
    )


class Claims:
    """The keys of one client: joined in flight, and claimed in its ledger for `provider` and `account`."""

    def __init__(
        self,
        ledger: Ledger,
        provider: str,
        account: str,
        sleep: Callable[[float], Awaitable[None]],
        *,
        shown: int = IN_DOUBT_SHOWN,
    ) -> None:
        self._ledger = ledger
        self._provider, self._account = provider, account
        self._sleep = sleep
        self._shown = shown
        self._bound = False
        self._flights: dict[tuple[str, str], _Flight] = {}
        self._in_doubt: OrderedDict[str, None] = OrderedDict()

    def in_doubt(self) -> tuple[str, ...]:
        """Return the keys that this client left in doubt, oldest first."""
        return tuple(self._in_doubt)

    async def once(
        self,
        intent: Intent,
        deliver: Callable[[History, float], Awaitable[Delivered[T]]],
        sum_up: Callable[[Delivered[T]], Ending],
        *,
        seconds: float,
        repeatable: bool,
    ) -> Delivered[T]:
        """Deliver `intent` unless that is being done or was done, within `seconds`.

        `deliver` is given the seconds that are left; `sum_up` says what the ledger keeps of the end.
        Raises `ChangeKeyConflict` when the key stands for another change, `OutcomeUnknownError` when
        another call with the key has not ended in time, `LedgerError`, and what `deliver` raises.
        """
        loop, place = asyncio.get_running_loop(), (intent.operation, intent.key)
        deadline = loop.time() + seconds
        while (flight := self._flights.get(place)) is not None:
            if flight.digest != intent.digest:
                raise _conflict(intent, "another change, which is in flight")
            if not await _done(flight.landed, deadline - loop.time()):
                raise OutcomeUnknownError(
                    f"Change {intent.key} is in flight in another call, which has not ended in time. It may "
                    "or may not be applied: await that call, or repeat with the same key.",
                    change_key=intent.key,
                )
            delivered = flight.landed.result()
            if delivered is None or (delivered.reason is StopReason.DEADLINE and deadline > loop.time()):
                continue  # the other call ended for reasons of its own: go on under the same key
            return cast(Delivered[T], delivered)
        flight = self._flights[place] = _Flight(intent.digest)
        landed: Delivered[T] | None = None
        try:
            landed = await self._lead(intent, deliver, sum_up, deadline, repeatable)
            return landed
        finally:
            # A listener that still waits after a failure becomes the next to send, under the same key.
            del self._flights[place]
            flight.landed.set_result(cast("Delivered[object] | None", landed))

    async def _lead(
        self,
        intent: Intent,
        deliver: Callable[[History, float], Awaitable[Delivered[T]]],
        sum_up: Callable[[Delivered[T]], Ending],
        deadline: float,
        repeatable: bool,
    ) -> Delivered[T]:
        # Until the ledger has answered, an earlier run or another process may have applied it.
        doubted = intent.key in self._in_doubt
        self._note(intent.key, State.IN_DOUBT)
        ruling = await self._claimed(intent, deadline, repeatable)
        certain = isinstance(ruling, Settled) or (isinstance(ruling, Granted) and not ruling.in_doubt)
        if certain or (isinstance(ruling, Conflict) and not doubted):
            self._note(intent.key, State.NOT_APPLIED)
        if isinstance(ruling, Conflict):
            raise _conflict(intent, f"the change of {ruling.value} for {ruling.customer_id}")
        if isinstance(ruling, Settled):
            return Delivered(Effect.ALREADY_APPLIED, StopReason.REMEMBERED)
        if isinstance(ruling, Held):
            note = f"{ruling.owner}, for {ruling.seconds:.0f} s at the most"
            return Delivered(Effect.UNKNOWN, StopReason.HELD, note=note)
        if not isinstance(ruling, Granted):
            return Delivered(Effect.UNKNOWN, StopReason.UNSETTLED, note=ruling.reason)
        history = History(in_doubt=ruling.in_doubt)
        try:
            delivered = await deliver(history, deadline - asyncio.get_running_loop().time())
        except BaseException:
            state = State.IN_DOUBT if history.may_have_changed else State.NOT_APPLIED
            self._ledger.leave(intent, ruling.fence, Ending(state, len(history.attempts)))
            self._note(intent.key, state)
            raise
        if await self._end(intent, ruling.fence, sum_up(delivered)) or delivered.effect not in UNCHANGED:
            return delivered
        # What happened here moved no money; what the other does may.
        note = "since the claim of this call ran out"
        return evolve(delivered, effect=Effect.UNKNOWN, reason=StopReason.HELD, note=note)

    async def _claimed(self, intent: Intent, deadline: float, repeatable: bool) -> Ruling:
        """Claim the change, waiting while another process sends it."""
        if not self._bound:
            await self._ledger.bind(self._provider, self._account)
            self._bound = True
        clock = asyncio.get_running_loop().time
        while True:
            left = deadline - clock()
            ruling = await self._ledger.claim(intent, lease=left + LEASE_MARGIN, repeatable=repeatable)
            if not isinstance(ruling, Held) or deadline - clock() <= POLL:
                return ruling
            await self._sleep(min(POLL, ruling.seconds))

    async def _end(self, intent: Intent, fence: int, ending: Ending) -> bool:
        """Write down how it ended; False when somebody else has claimed it since."""
        if ending.state not in (State.REFUSED, State.NOT_APPLIED):
            self._note(intent.key, State.IN_DOUBT)  # until the outcome is on disk
        try:
            landed = await self._ledger.end(intent, fence, ending)
        except LedgerError as error:
            error.effect, error.change_key = Effect.UNKNOWN, intent.key
            raise
        self._note(intent.key, ending.state if landed or ending.state in DONE else State.IN_DOUBT)
        if not landed:
            logger.warning("fenced: key=%s: another process claimed the change meanwhile", intent.key)
        return landed

    def _note(self, key: str, state: State) -> None:
        self._in_doubt.pop(key, None)
        if state in DOUBTFUL:
            self._in_doubt[key] = None
            if len(self._in_doubt) > self._shown:
                self._in_doubt.popitem(last=False)


async def _done(future: "asyncio.Future[T]", seconds: float) -> bool:
    """Wait up to `seconds` for `future` without touching it, and say whether it is done."""
    done, _ = await asyncio.wait([future], timeout=seconds)
    return bool(done)


def _conflict(intent: Intent, other: str) -> ChangeKeyConflict:
    return ChangeKeyConflict(
        f"Key {intent.key} stands for {other}, not for this change of {intent.value} for "
        f"{intent.customer_id}. Nothing was sent. If it is the same change, send it exactly as before, its "
        "reason included; only another change needs another key.",
        change_key=intent.key,
    )
