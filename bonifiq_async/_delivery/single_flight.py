"""Input/output: one key, one change.

Within a client, the same key in flight twice is one request with two listeners. Beyond it, the ledger
says what a key stands for; a change is written there before its first byte leaves, and its outcome
before anybody is told.
"""

import asyncio
import copy
from collections.abc import Awaitable, Callable
from math import ceil
from typing import TypeVar, cast
from weakref import WeakSet, ref

from attrs import evolve

from bonifiq_async._concurrency.limiter import Slot
from bonifiq_async._concurrency.runtime import no_loop
from bonifiq_async._concurrency.timers import TimeLimit, TimeLimits
from bonifiq_async._delivery.in_doubt import Doubts, Why
from bonifiq_async._log import logger
from bonifiq_async._model import validation
from bonifiq_async._model.errors import (
    ChangeKeyConflict,
    ConfigurationError,
    LedgerError,
    OutcomeUnknownError,
)
from bonifiq_async._model.outcome import Effect, StopReason
from bonifiq_async._model.printable import printable
from bonifiq_async._model.secret import Secret
from bonifiq_async._policy.history import Delivered, History
from bonifiq_async.ledger.protocol import (
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
    Unsettled,
)

T = TypeVar("T")

Clock = Callable[[], float]
"""The time of the running loop; asking for that loop itself is a system call in Python 3.11."""

LEASE_MARGIN = 30.0
"""Seconds that a claim outlives the deadline of its call, before another process may take it over."""
LONGEST_LEASE = 86_400.0
"""Seconds after which a claim may be taken over, however long its call may take: a day."""
POLL = 0.25
"""Seconds between two looks at a change that another process is sending."""
PATIENCE = 1.0
"""Seconds that a ledger has to answer, however little time a call has left."""
UNCHANGED = frozenset({Effect.REFUSED, Effect.NOT_APPLIED})
"""Effects that say that nothing changed."""
OF_ITS_OWN = frozenset({StopReason.DEADLINE, StopReason.OUTAGE, StopReason.STOPPED})
"""Ends of a call that say nothing of what another one may do under the same key."""
BY_WHOM = (
    "for whom is not recorded; if for somebody else, give this change a key of its own, and say whose it is "
    "(member=) from the start"
)
"""What is said of a key that is applied, where only a secret told whose change it was."""
IN_DOUBT_SHOWN = 100_000
"""Keys in doubt that a client lists; the oldest are dropped first, from the list alone."""


UNTOLD = "this client has sent it before and got no answer, and this ledger knows nothing of that"
"""Why a change is not sent again that is in doubt under another ledger."""
UNTAKEN = (
    "The ledger has not taken what came of the change in the time of the call: another program may have "
    "locked it. It may or may not be applied; what came of it is written down when the ledger takes it. Let "
    "go of it there, then make the same call again."
)
"""What is said when a ledger is waited for no longer."""


def checked_ledger(value: object) -> Ledger:
    """Return `value` if it is a ledger, else raise `ConfigurationError`."""
    if isinstance(value, type) or not isinstance(value, Ledger):
        given = f"the class {value.__name__}" if isinstance(value, type) else validation.shown(value)
        raise ConfigurationError(
            f"ledger must be a ledger, such as SqliteLedger(path), not {given}. Nothing was sent."
        )
    return value


class _Flight:
    """A change on its way, claimed in `ledger`. `landed` is made by the first listener: most have none."""

    __slots__ = ("bearer", "digest", "landed", "ledger")

    def __init__(self, digest: bytes, bearer: Secret | None, ledger: Ledger) -> None:
        self.digest = digest
        self.bearer = bearer
        self.ledger = ledger
        self.landed: asyncio.Future[Delivered[object] | None] | None = None


class Claims:
    """The keys of one client: joined in flight, and claimed in its ledger for its `account`."""

    def __init__(
        self,
        ledger: Ledger,
        provider: str,
        account: str,
        sleep: Callable[[float], Awaitable[None]],
        *,
        shown: int = IN_DOUBT_SHOWN,
    ) -> None:
        self._ledger = checked_ledger(ledger)
        self.account = (provider, account)
        self._sleep = sleep
        self._loop: asyncio.AbstractEventLoop | None = None
        self._limits = TimeLimits()
        self._bound: WeakSet[Ledger] = WeakSet()
        self._latest: Ledger | None = None
        self._flights: dict[tuple[str, str], _Flight] = {}
        self._in_doubt = Doubts(shown)

    def in_doubt(self) -> tuple[str, ...]:
        """Return the keys that this client left in doubt, oldest first."""
        return tuple(dict.fromkeys(key for _, key in self._in_doubt))

    async def once(
        self,
        intent: Intent,
        deliver: Callable[[History, float], Awaitable[Delivered[T]]],
        sum_up: Callable[[Delivered[T]], Ending],
        *,
        seconds: float,
        repeatable: bool,
        slot: Slot | None = None,
        ledger: Ledger | None = None,
    ) -> Delivered[T]:
        """Deliver `intent` unless that is being done or was done, within `seconds`.

        `deliver` is given the seconds that are left; `sum_up` says what the ledger keeps of the end.
        `slot` is given back for every wait; `ledger` is asked instead of the client's own.
        Raises `ChangeKeyConflict` when the key stands for another change, `OutcomeUnknownError` when
        another call with the key has not ended in time, `LedgerError`, and what `deliver` raises.
        """
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise no_loop() from None
        place = (intent.operation, intent.key)
        deadline = loop.time() + seconds
        record = self._ledger if ledger is None else ledger
        if record is not self._latest:
            checked_ledger(record)
        elsewhere: Delivered[T] | None = None
        while (flight := self._flights.get(place)) is not None:
            if flight.digest != intent.digest or flight.bearer != intent.bearer:
                raise _conflict(intent, "another change, which is in flight")
            if slot is not None:
                slot.release()
            if flight.landed is None:
                flight.landed = loop.create_future()
            try:
                ended = await _done(flight.landed, deadline - loop.time())
            except BaseException:
                if not flight.landed.done():
                    self._note(intent, Why.HELD, flight.ledger)  # until that call says how it ended
                raise
            if not ended:
                self._note(intent, Why.HELD, flight.ledger)
                raise OutcomeUnknownError(
                    f"Change {printable(intent.key)} is in flight in another call, which has not ended in "
                    "time. It may or may not be applied: await that call"
                    f"{', or repeat with the same key' * repeatable}.",
                    change_key=intent.key,
                )
            delivered = flight.landed.result()
            if delivered is None or (delivered.reason in OF_ITS_OWN and deadline > loop.time()):
                continue  # the other call ended for reasons of its own: go on under the same key
            delivered = _own(delivered)
            if flight.ledger is record:
                return cast(Delivered[T], delivered)
            elsewhere = cast(Delivered[T], delivered)
        if elsewhere is not None:  # it is written down in this ledger too, before anybody is told
            deliver = _adopting(elsewhere, deliver)
        flight = self._flights[place] = _Flight(intent.digest, intent.bearer, record)
        landed: Delivered[T] | None = None
        try:
            landed = await self._lead(record, intent, deliver, sum_up, loop.time, deadline, repeatable, slot)
            return landed
        finally:
            # A listener that still waits after a failure becomes the next to send, under the same key.
            del self._flights[place]
            if flight.landed is not None:
                flight.landed.set_result(cast("Delivered[object] | None", landed))

    async def _lead(
        self,
        ledger: Ledger,
        intent: Intent,
        deliver: Callable[[History, float], Awaitable[Delivered[T]]],
        sum_up: Callable[[Delivered[T]], Ending],
        clock: Clock,
        deadline: float,
        repeatable: bool,
        slot: Slot | None,
    ) -> Delivered[T]:
        begun = clock()
        try:
            ruling = await self._claimed(ledger, intent, clock, deadline, repeatable, slot)
        except BaseException as error:
            self._unread(ledger, intent, error)
            raise
        if isinstance(ruling, Granted) and self._in_doubt:
            ruling = await self._doubted(ledger, intent, ruling, deadline, repeatable)
        if not isinstance(ruling, Granted):
            return self._not_sent(ledger, intent, ruling)
        if ruling.in_doubt:
            self._note(intent, Why.SENT, ledger)
        history = History(in_doubt=ruling.in_doubt)
        try:
            delivered = await deliver(history, min(deadline, begun + ruling.seconds) - clock())
        except BaseException:
            state = State.IN_DOUBT if history.may_have_changed else State.NOT_APPLIED
            ledger.leave(intent, ruling.fence, Ending(state, len(history.attempts)))
            self._took(ledger, intent, state)
            raise
        landed = await self._end(ledger, intent, ruling.fence, sum_up(delivered), deadline)
        if landed or delivered.effect not in UNCHANGED:
            return delivered
        # What happened here moved no money; what the other does may.
        note = "since the claim of this call ran out"
        return evolve(delivered, effect=Effect.UNKNOWN, reason=StopReason.HELD, note=note)

    async def _doubted(
        self, ledger: Ledger, intent: Intent, granted: Granted, deadline: float, repeatable: bool
    ) -> Granted | Unsettled:
        """Return what becomes of a grant when this client knows of a doubt that the ledger does not."""
        doubt = self._in_doubt.get((intent.operation, intent.key))
        if doubt is None or granted.in_doubt or not doubt.outlives(granted, _book(ledger)):
            return granted
        if doubt.digest != intent.digest:
            ledger.leave(intent, granted.fence, Ending(State.NOT_APPLIED))
            raise _conflict(intent, "another change, which is in doubt")
        if repeatable:
            return evolve(granted, in_doubt=True)
        await self._end(ledger, intent, granted.fence, Ending(State.IN_DOUBT, error=UNTOLD), deadline)
        return Unsettled(UNTOLD)

    def _not_sent(
        self, ledger: Ledger, intent: Intent, ruling: Settled | Conflict | Held | Unsettled
    ) -> Delivered[T]:
        """Return how a change ended that the ledger keeps from being sent, or raise the conflict."""
        if isinstance(ruling, Conflict):
            raise _conflict(intent, f"the change of {ruling.value} for {printable(ruling.customer_id)}")
        if isinstance(ruling, Settled) and intent.bearer is not None:
            self._note(intent, Why.SENT, ledger)
            return Delivered(Effect.UNKNOWN, StopReason.REMEMBERED, note=BY_WHOM)
        if isinstance(ruling, Settled):
            self._took(ledger, intent, State.APPLIED)
            return Delivered(
                Effect.ALREADY_APPLIED, StopReason.REMEMBERED, used_elsewhere=ruling.used_elsewhere
            )
        if isinstance(ruling, Held):
            self._note(intent, Why.HELD, ledger)
            ends = f"its claim ends in {max(ceil(ruling.seconds), 1)} s, unless it is heard of again"
            note = f"{ruling.owner}; {ends}: come back then"
            return Delivered(Effect.UNKNOWN, StopReason.HELD, note=note)
        self._note(intent, Why.SENT, ledger)
        return Delivered(Effect.UNKNOWN, StopReason.UNSETTLED, note=ruling.reason)

    async def _claimed(
        self,
        ledger: Ledger,
        intent: Intent,
        clock: Clock,
        deadline: float,
        repeatable: bool,
        slot: Slot | None,
    ) -> Ruling:
        """Claim the change, waiting while another process sends it."""
        if ledger is not self._latest:
            if ledger not in self._bound:
                await self._bind(ledger, max(deadline, clock() + PATIENCE))
                self._bound.add(ledger)
            self._latest = ledger
        while True:
            left = deadline - clock()
            ruling = await ledger.claim(
                intent,
                lease=min(max(left, 0.0) + LEASE_MARGIN, LONGEST_LEASE),
                repeatable=repeatable,
                within=max(left, PATIENCE),
            )
            if not isinstance(ruling, Held) or deadline - clock() <= POLL:
                return ruling
            if slot is not None:
                slot.release()
            await self._sleep(min(POLL, ruling.seconds))

    async def _bind(self, ledger: Ledger, deadline: float) -> None:
        """Say whose changes they are, by the deadline; that is no part of every call."""
        try:
            async with asyncio.timeout_at(deadline):
                await ledger.bind(*self.account)
        except TimeoutError:
            raise LedgerError(
                "The ledger has not been opened in the time of the call, which sent nothing: another program "
                "may have locked it. Let go of it there, then run again."
            ) from None

    async def _end(self, ledger: Ledger, intent: Intent, fence: int, ending: Ending, deadline: float) -> bool:
        """Write down how it ended, by the deadline or soon after; False when another has claimed it since."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop, self._limits = loop, TimeLimits()
        try:
            with TimeLimit(self._limits, max(deadline, loop.time() + PATIENCE)):
                landed = await ledger.end(intent, fence, ending)
        except BaseException as error:
            if ending.state not in (State.REFUSED, State.NOT_APPLIED):
                self._note(intent, Why.SENT, ledger)  # until the outcome is on disk
            if isinstance(error, TimeoutError):
                raise LedgerError(UNTAKEN, change_key=intent.key) from None
            if isinstance(error, LedgerError):
                error.effect, error.change_key = Effect.UNKNOWN, intent.key
            raise
        if landed or ending.state in DONE or ending.state in DOUBTFUL:
            self._took(ledger, intent, ending.state)
        else:
            self._note(intent, Why.HELD, ledger)
        if not landed:
            logger.warning("fenced: key=%s: another process claimed the change meanwhile", intent.key)
        return landed

    def _unread(self, ledger: Ledger, intent: Intent, error: BaseException) -> None:
        """Take note of a claim that failed: an earlier run or another process may have applied the change."""
        if isinstance(error, LedgerError):
            error.change_key = intent.key
            if self._in_doubt.get((intent.operation, intent.key)) is not None:
                error.effect = Effect.UNKNOWN
            if error.effect is Effect.NOT_APPLIED:
                return
        self._note(intent, Why.UNREAD, ledger)

    def _took(self, ledger: Ledger, intent: Intent, state: State) -> None:
        """Take note of how a sending ended."""
        if state in DOUBTFUL:
            self._note(intent, Why.SENT, ledger)
        elif self._in_doubt:
            self._in_doubt.clear((intent.operation, intent.key))

    def _note(self, intent: Intent, why: Why, ledger: Ledger) -> None:
        self._in_doubt.note((intent.operation, intent.key), why, intent.digest, _book(ledger))


def _book(ledger: Ledger) -> object:
    """Return what tells a ledger from another one: its file, where it has one."""
    path: object = getattr(ledger, "path", None)
    return ref(ledger) if path is None else path


def _own(delivered: Delivered[object]) -> Delivered[object]:
    """Return the same with attempts that no other caller has: only type checkers guard them."""
    return evolve(delivered, attempts=tuple(map(copy.copy, delivered.attempts)))


def _adopting(
    landed: Delivered[T], deliver: Callable[[History, float], Awaitable[Delivered[T]]]
) -> Callable[[History, float], Awaitable[Delivered[T]]]:
    """Return a delivery that ended as `landed` did, unless a doubt asks for a repeat."""

    async def adopted(history: History, left: float) -> Delivered[T]:
        if not history.in_doubt:
            return landed
        if landed.effect in UNCHANGED:
            return await deliver(history, left)
        # This ledger knows of a request that may have used the key.
        return evolve(landed, used_elsewhere=False)

    return adopted


async def _done(future: "asyncio.Future[T]", seconds: float) -> bool:
    """Wait up to `seconds` for `future` without touching it, and say whether it is done."""
    done, _ = await asyncio.wait([future], timeout=seconds)
    return bool(done)


def _conflict(intent: Intent, other: str) -> ChangeKeyConflict:
    return ChangeKeyConflict(
        f"Key {printable(intent.key)} stands for {other}, not for this change of {intent.value} for "
        f"{printable(intent.customer_id)}. Nothing was sent. If it is the same change, send it exactly as "
        "before, with all its texts; only another change needs another key.",
        change_key=intent.key,
    )
