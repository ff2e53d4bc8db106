"""The life of a claim: granted by a ledger, then settled with an outcome, or abandoned.

See docs/explanation/single-flight.md.
"""

import asyncio
from typing import TypeVar, cast

from attrs import define, evolve, field

from bonifiq_async._concurrency.limiter import Permit
from bonifiq_async._concurrency.timers import TimeLimit, TimeLimits
from bonifiq_async._delivery.in_doubt import Doubts, ScopedKey, Why
from bonifiq_async._log import logger
from bonifiq_async._model.errors import LedgerError
from bonifiq_async._model.outcome import Effect, StopReason, Verdict
from bonifiq_async._policy.history import Delivered, History
from bonifiq_async.ledger.protocol import DONE, DOUBTFUL, FREE, Ending, Intent, Ledger, State

T = TypeVar("T")

LEASE_MARGIN = 30.0
"""Seconds that a claim outlives the deadline of its call, before another process may take it over."""
LONGEST_LEASE = 86_400.0
"""Seconds after which a claim may be taken over, however long its call may take: a day."""
PATIENCE = 1.0
"""Seconds that a ledger has to answer, however little time a call has left."""
UNCHANGED = frozenset({Effect.REFUSED, Effect.NOT_APPLIED})
"""Effects that say that nothing changed."""
UNTAKEN = (
    "The ledger has not taken what came of the change in the time of the call: another program may have "
    "locked it, or its server is away. It may or may not be applied; what came of it is written down when "
    "the ledger takes it. See to that, then make the same call again."
)
"""What is said when a ledger is waited for no longer."""


@define
class ClientClaims:
    """What the claims of one client share: those under way, by key and key space, and what is in doubt."""

    doubts: Doubts
    flights: "dict[ScopedKey, Claim]" = field(factory=dict)
    loop: asyncio.AbstractEventLoop | None = None
    limits: TimeLimits = field(factory=TimeLimits)


@define(eq=False)
class Claim:
    """One change on its way, which other calls under its key join, to be sent when its ledger has granted it.

    It ends with `settle` or `abandon`, and with `land` where it is not sent. `deadline` is a time of `loop`.
    `history` is what its delivery writes in, for at most `seconds`. `ended` is how the change ended in a call
    that recorded it in another ledger: then it is not sent, and that is what is settled. `landed` is made by
    the first call that joins: most have none.
    """

    intent: Intent
    scoped: ScopedKey
    ledger: Ledger
    loop: asyncio.AbstractEventLoop
    deadline: float
    repeatable: bool
    permit: Permit | None
    _shared: ClientClaims
    _limits: TimeLimits
    fence: int = 0
    seconds: float = 0.0
    history: History = field(factory=History)
    ended: Delivered[object] | None = None
    landed: "asyncio.Future[Delivered[object] | None] | None" = None

    async def settle(self, delivered: Delivered[T], ending: Ending) -> Delivered[T]:
        """Write down how it ended, by the deadline or soon after, and return what the caller may get of that.

        Raises `LedgerError` when that cannot be written, and the cancellation.
        """
        told: Delivered[T] | None = None
        state, soon = ending.state, self.loop.time() + PATIENCE
        try:
            with TimeLimit(self._limits, self.deadline if self.deadline > soon else soon):
                written = await self.ledger.end(self.intent, self.fence, ending)
            if state in DOUBTFUL:
                self.note(Why.SENT)
            elif self.scoped in self._shared.doubts and (written or state in DONE):
                self.clear()
            told = delivered if written else self._overtaken(delivered)
            return told
        except BaseException as error:
            if state not in FREE:
                self.note(Why.SENT)  # until the outcome is on disk
            if isinstance(error, TimeoutError):
                raise LedgerError(UNTAKEN, change_key=self.intent.key) from None
            if isinstance(error, LedgerError):
                error.effect, error.change_key = Effect.UNKNOWN, self.intent.key
            raise
        finally:
            self.land(cast("Delivered[object] | None", told))

    def _overtaken(self, delivered: Delivered[T]) -> Delivered[T]:
        """Return what the caller may get where another process has claimed the change meanwhile."""
        logger.warning("fenced: key=%s: another process claimed the change meanwhile", self.intent.key)
        if delivered.effect not in UNCHANGED:
            return delivered
        self.note(Why.HELD)
        # What happened here moved no money; what the other process does may.
        note = "since the claim of this call ran out"
        return evolve(delivered, effect=Effect.UNKNOWN, reason=StopReason.HELD, note=note)

    def abandon(self) -> None:
        """Give it up after a cancellation or a fault, in the ledger too; nothing where it is settled."""
        if self._shared.flights.get(self.scoped) is not self:
            return
        history = self.history
        changed = any(each.verdict in (Verdict.ACCEPTED, Verdict.DUPLICATE) for each in history.attempts)
        state = State.IN_DOUBT if changed or history.may_have_changed else State.NOT_APPLIED
        try:
            self.ledger.leave(self.intent, self.fence, Ending(state, len(history.attempts)))
            if state is State.IN_DOUBT:
                self.note(Why.SENT)
            else:
                self.clear()
        finally:
            self.land(None)

    def land(self, told: Delivered[object] | None) -> None:
        """Give the calls that joined how it ended; None lets the next of them send it. Idempotent."""
        if self._shared.flights.get(self.scoped) is self:
            del self._shared.flights[self.scoped]
            if self.landed is not None:
                self.landed.set_result(told)

    def note(self, why: Why) -> None:
        """Put the change in doubt, for this client."""
        self._shared.doubts.note(self.scoped, why, self.intent.digest, self.ledger.identity)

    def clear(self) -> None:
        """Note that the change is in doubt no more."""
        self._shared.doubts.pop(self.scoped, None)
