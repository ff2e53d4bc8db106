"""One key, one change.

Within a client, one change in flight twice is one request, whose outcome both calls get, and no other change
is sent under its key. Beyond it, the ledger says what a key stands for; a change is written there before its
first byte leaves, and its outcome before any caller gets it. The pattern is that of Go's `singleflight`. See
docs/explanation/single-flight.md.
"""

import asyncio
import copy
from collections.abc import Awaitable, Callable
from math import ceil
from weakref import WeakSet

from attrs import evolve

from bonifiq_async._concurrency.limiter import Permit
from bonifiq_async._concurrency.runtime import no_loop
from bonifiq_async._concurrency.timers import TimeLimits
from bonifiq_async._delivery.claim import (
    LEASE_MARGIN,
    LONGEST_LEASE,
    PATIENCE,
    UNCHANGED,
    Claim,
    ClientClaims,
)
from bonifiq_async._delivery.conflict import conflict_of
from bonifiq_async._delivery.in_doubt import Doubt, Doubts, Why
from bonifiq_async._model import validation
from bonifiq_async._model.errors import (
    ConfigurationError,
    LedgerError,
    OutcomeUnknownError,
)
from bonifiq_async._model.outcome import Effect, StopReason
from bonifiq_async._model.printable import printable
from bonifiq_async._policy.history import Delivered
from bonifiq_async.ledger.protocol import (
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

POLL = 0.25
"""Seconds between two looks at a change that another process is sending."""
OF_ITS_OWN = frozenset({StopReason.DEADLINE, StopReason.LIMITED, StopReason.OUTAGE, StopReason.STOPPED})
"""Ends of a call that say nothing of what another one may do under the same key."""
BY_WHOM = (
    "its member is not recorded; if it was another member, give this change a key of its own, and name the "
    "member (member=) from the start"
)
"""What is said of a key that is applied, where only a secret shows whose change it was."""
IN_DOUBT_SHOWN = 100_000
"""Keys in doubt that a client remembers; the oldest are forgotten first. Its ledger keeps them."""
UNTOLD = "this client has sent it before and got no answer, and this ledger knows nothing of that"
"""Why a change is not sent again that is in doubt under another ledger."""


def checked_ledger(value: object) -> Ledger:
    """Return `value` if it is a ledger, else raise `ConfigurationError`."""
    if isinstance(value, type) or not isinstance(value, Ledger):
        given = f"the class {value.__name__}" if isinstance(value, type) else validation.shown(value)
        raise ConfigurationError(
            f"ledger must be a ledger, such as SqliteLedger(path), not {given}. Nothing was sent."
        )
    return value


class SingleFlight:
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
        self._bound: WeakSet[Ledger] = WeakSet()
        self._latest: Ledger | None = None
        self._shared = ClientClaims(Doubts(shown))

    def in_doubt(self) -> tuple[str, ...]:
        """Return the keys that this client left in doubt, oldest first."""
        return tuple(dict.fromkeys(key for _, key in self._shared.doubts))

    @property
    def under_way(self) -> int:
        """How many changes are claimed, or being claimed, now."""
        return len(self._shared.flights)

    async def claim(
        self,
        intent: Intent,
        *,
        seconds: float,
        repeatable: bool,
        permit: Permit | None = None,
        ledger: Ledger | None = None,
    ) -> Claim | Delivered[object]:
        """Claim `intent`, to be settled within `seconds`; or return how it ended where it is not to be sent.

        `permit` is given back for every wait; `ledger` is asked instead of the client's own.
        Raises `ChangeKeyConflict` when the key stands for another change, `OutcomeUnknownError` when
        another call with the key has not ended in time, and `LedgerError`.
        """
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise no_loop() from None
        record = self._ledger if ledger is None else ledger
        space = min(intent.operation, *intent.rivals) if intent.rivals else intent.operation
        shared, scoped = self._shared, (space, intent.key)
        if record is not self._latest:
            checked_ledger(record)
        if shared.loop is not loop:
            shared.loop, shared.limits = loop, TimeLimits(loop)
        now = loop.time()
        claim = Claim(intent, scoped, record, loop, now + seconds, repeatable, permit, shared, shared.limits)
        while (flight := shared.flights.get(scoped)) is not None:
            ended = await _joined(flight, claim)
            if ended is not None and flight.ledger is record:
                return ended
            claim.ended, now = ended or claim.ended, loop.time()
        shared.flights[scoped] = claim
        told: Delivered[object] | None = None
        try:
            ruling = await self._ruling(claim, now)
            if isinstance(ruling, Granted):
                claim.fence, claim.history.held = ruling.fence, ruling.held
                if ruling.in_doubt or scoped in shared.doubts:
                    told = await _doubted(claim, ruling, shared.doubts.get(scoped))
                remembered = now + ruling.seconds
                until = claim.deadline if claim.deadline < remembered else remembered
                claim.seconds = until - loop.time()
            else:
                told = _not_sent(claim, ruling)
        except BaseException:
            # A call that joined becomes the next to send, under the same key.
            claim.land(None)
            raise
        if told is None:
            return claim
        claim.land(told)
        return told

    async def _ruling(self, claim: Claim, now: float) -> Ruling:
        """Claim the change in its ledger, waiting while another process sends it."""
        ledger, clock = claim.ledger, claim.loop.time
        try:
            if ledger is not self._latest:
                if ledger not in self._bound:
                    await self._bind(ledger, max(claim.deadline, now + PATIENCE))
                    self._bound.add(ledger)
                    now = clock()
                self._latest = ledger
            while True:
                left = claim.deadline - now
                lease = (left if left > 0.0 else 0.0) + LEASE_MARGIN
                ruling = await ledger.claim(
                    claim.intent,
                    lease=lease if lease < LONGEST_LEASE else LONGEST_LEASE,
                    repeatable=claim.repeatable,
                    within=left if left > PATIENCE else PATIENCE,
                )
                if not isinstance(ruling, Held) or claim.deadline - clock() <= POLL:
                    return ruling
                if claim.permit is not None:
                    claim.permit.release()
                await self._sleep(min(POLL, ruling.seconds))
                now = clock()
        except BaseException as error:
            self._unread(claim, error)
            raise

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

    def _unread(self, claim: Claim, error: BaseException) -> None:
        """Take note of a claim that failed: an earlier run or another process may have applied the change."""
        if isinstance(error, LedgerError):
            error.change_key = claim.intent.key
            if claim.scoped in self._shared.doubts:
                error.effect = Effect.UNKNOWN
            if error.effect is Effect.NOT_APPLIED:
                return
        claim.note(Why.UNREAD)


async def _joined(flight: Claim, claim: Claim) -> Delivered[object] | None:
    """Return how the call ended that sends the change of `claim`, None where `claim` has to go on."""
    intent, loop = claim.intent, claim.loop
    other = flight.intent
    if (other.operation, other.digest, other.bearer) != (intent.operation, intent.digest, intent.bearer):
        told = Conflict(other.customer_id, other.value, other.operation, other.path, other.body)
        raise conflict_of(intent, told, ", which is in flight")
    if claim.permit is not None:
        claim.permit.release()
    if flight.landed is None:
        flight.landed = loop.create_future()
    try:
        ended = await _done(flight.landed, claim.deadline - loop.time())
    except BaseException:
        if not flight.landed.done():
            flight.note(Why.HELD)  # until that call says how it ended
        raise
    if not ended:
        flight.note(Why.HELD)
        raise OutcomeUnknownError(
            f"Change {printable(intent.key)} is in flight in another call, which has not ended in "
            "time. It may or may not be applied: await that call"
            f"{', or repeat with the same key' * claim.repeatable}.",
            change_key=intent.key,
        )
    delivered = flight.landed.result()
    if delivered is None or (delivered.reason in OF_ITS_OWN and claim.deadline > loop.time()):
        return None  # the other call ended for reasons of its own
    return _own(delivered)


async def _doubted(claim: Claim, granted: Granted, doubt: Doubt | None) -> Delivered[object] | None:
    """Weigh what is in doubt of a change that its ledger grants; return how it ended if it may not be sent.

    `doubt` is what this client knows, and the ledger may not.
    """
    intent, in_doubt = claim.intent, granted.in_doubt
    if doubt is not None and not in_doubt and doubt.outlives(granted, claim.ledger.identity):
        if doubt.digest != intent.digest:
            claim.ledger.leave(intent, claim.fence, Ending(State.NOT_APPLIED))
            raise conflict_of(intent, None, ", which is in doubt")
        if not claim.repeatable:
            told = Delivered[object](Effect.UNKNOWN, StopReason.UNSETTLED, note=UNTOLD)
            return await claim.settle(told, Ending(State.IN_DOUBT, error=UNTOLD))
        in_doubt = True
    if in_doubt:
        claim.note(Why.SENT)
        claim.history.in_doubt = True
    if in_doubt and claim.ended is not None:
        # This ledger, or this client, knows of a request that may have used the key.
        refused = claim.ended.effect in UNCHANGED
        claim.ended = None if refused else evolve(claim.ended, used_elsewhere=False)
    return None


def _not_sent(claim: Claim, ruling: Settled | Conflict | Held | Unsettled) -> Delivered[object]:
    """Return how a change ended that the ledger keeps from being sent, or raise the conflict."""
    intent = claim.intent
    if isinstance(ruling, Conflict):
        raise conflict_of(intent, ruling)
    if isinstance(ruling, Settled) and intent.bearer is not None:
        claim.note(Why.SENT)
        return Delivered(Effect.UNKNOWN, StopReason.REMEMBERED, note=BY_WHOM)
    if isinstance(ruling, Settled):
        claim.clear()
        return Delivered(
            Effect.ALREADY_APPLIED,
            StopReason.REMEMBERED,
            used_elsewhere=ruling.used_elsewhere,
            recalled=ruling.answer,
        )
    if isinstance(ruling, Held):
        claim.note(Why.HELD)
        ends = f"its claim ends in {max(ceil(ruling.seconds), 1)} s, unless it is renewed"
        note = f"{ruling.owner}; {ends}: come back then"
        return Delivered(Effect.UNKNOWN, StopReason.HELD, note=note)
    claim.note(Why.SENT)
    return Delivered(Effect.UNKNOWN, StopReason.UNSETTLED, note=ruling.reason)


def _own(delivered: Delivered[object]) -> Delivered[object]:
    """Return the same with attempts that no other caller has: only type checkers guard them."""
    return evolve(delivered, attempts=tuple(map(copy.copy, delivered.attempts)))


async def _done(future: "asyncio.Future[Delivered[object] | None]", seconds: float) -> bool:
    """Wait up to `seconds` for `future` without touching it, and say whether it is done."""
    done, _ = await asyncio.wait([future], timeout=seconds)
    return bool(done)
