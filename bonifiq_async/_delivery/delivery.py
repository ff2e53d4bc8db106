"""One request delivered, by as many attempts as are safe and allowed.

The only loop that sleeps between attempts. It holds a connection slot during an attempt and never
during a wait.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TypeVar

from attrs import evolve

from bonifiq_async._concurrency.limiter import Admission, Sample, Slot
from bonifiq_async._concurrency.runtime import Runtime
from bonifiq_async._concurrency.yielding import in_slices
from bonifiq_async._delivery.attempt import Waits, Watch, name_of
from bonifiq_async._log import logger
from bonifiq_async._model.evidence import Evidence, Failure, Reading, values_of
from bonifiq_async._model.json_codec import LARGE
from bonifiq_async._model.operation import Operation, RepeatClass
from bonifiq_async._model.outcome import Attempt, Effect, StopReason, Verdict
from bonifiq_async._model.redaction import Blotter
from bonifiq_async._model.secret import Secret
from bonifiq_async._policy.answer_body import intercepted
from bonifiq_async._policy.budget import EARLIEST, FIRST_TRY_REFUND, Deadline, Hold, Quota
from bonifiq_async._policy.failures import KEPT_ANSWER
from bonifiq_async._policy.history import Delivered, History
from bonifiq_async._policy.request import PreparedRequest
from bonifiq_async._policy.retry import ACCEPTED, Again, RetryPolicy, Stop, decide
from bonifiq_async._policy.retry_after import in_words
from bonifiq_async._policy.verdict import GOOD, leaves_doubt, transport_verdict
from bonifiq_async._transport.session import SessionManager, Timeouts

T = TypeVar("T")

MANY = 1_000_000
"""Tokens of a quota that is not asked."""


Reader = Callable[[Operation[T], Evidence], Reading[T]]


class Delivery:
    """Sends requests of one provider and account: they share slots, quota and hold.

    `secrets` are the account's, which no error may repeat.
    """

    def __init__(
        self,
        session: SessionManager,
        *,
        policy: RetryPolicy,
        timeouts: Timeouts,
        runtime: Runtime,
        secrets: Iterable[Secret] = (),
    ) -> None:
        self.session = session
        self.admission = Admission(session.capacity)
        self.hold = Hold()
        self._waits = Waits(policy.max_retry_after, runtime.monotonic, runtime.wall, self.hold)
        self.quota = Quota.full(policy.quota)
        self._policy = policy
        self._timeouts = timeouts
        self._runtime = runtime
        self._blotter = Blotter(secrets)

    async def deliver(
        self,
        operation: Operation[T],
        request: PreparedRequest,
        read: Reader[T],
        history: History,
        *,
        seconds: float | None = None,
        slot: Slot | None = None,
    ) -> Delivered[T]:
        """Send `request` until there is a final answer or a limit is met, within `seconds`.

        `slot` is the request's place among those of a batch, which is told of every attempt and stands
        in for the retry quota: it bounds repeats and first tries together. The caller takes it back when this
        raises.
        Raises `ConfigurationError` when the client cannot send at all, and the cancellation, after
        which `history` says what is known.
        """
        self.session.ready()
        limit = self._timeouts.call if seconds is None else seconds
        deadline = Deadline(self._runtime.monotonic() + limit)
        blotter = self._blotter
        if request.secrets:
            blotter = blotter.and_of(request.secrets)
        paid, wait, doubted = FIRST_TRY_REFUND, 0.0, history.in_doubt
        last: tuple[Reading[T] | None, Evidence | None] = (None, None)
        while True:
            since = self._runtime.monotonic()
            sent = await self._sent(request, wait, deadline, history, slot)
            if isinstance(sent, StopReason):
                return self._given_up(history, sent, *last)
            watch, evidence = sent
            now, wall = self._runtime.monotonic(), self._runtime.wall()
            if len(evidence.body) > LARGE:  # the loop has others to serve meanwhile
                verdict, reading = await in_slices(_judge, operation, evidence, read, watch)
            else:
                verdict, reading = _judge(operation, evidence, read, watch)
            if evidence.secrets:
                blotter = blotter.and_of(evidence.secrets)
            if verdict is not Verdict.ACCEPTED:
                reading, evidence = _blotted(blotter, reading, evidence)
            elif reading is not None and reading.notice is not None:
                reading = reading.without(blotter)
            last = (reading, evidence)
            request_id = _request_id(blotter, reading, evidence)
            _record(history, verdict, evidence, request_id, wall, waited=now - since - evidence.elapsed)
            if self._waits.scope.told and verdict in GOOD and watch.asked is None:
                self._waits.scope.passed(name_of(request), now - evidence.elapsed)
            if slot is not None:
                slot.saw(_sample(verdict, evidence, watch, now))
                slot.release()  # not before: the call that takes the place next must know of this answer
            decision: Again | Stop = ACCEPTED
            if verdict is not Verdict.ACCEPTED:
                tokens = self.quota.left if slot is None else MANY
                decision = self._decided(operation, verdict, evidence, history, deadline, watch, tokens)
            if isinstance(decision, Stop):
                if slot is None and verdict in (Verdict.ACCEPTED, Verdict.DUPLICATE):
                    self.quota.refund(paid)
                attempts, asked = tuple(history.attempts), watch.asked
                note = None if asked is None else self._note(decision.reason, asked)
                ended = Delivered(decision.effect, decision.reason, attempts, reading, evidence, asked, note)
                return _explained(ended, doubted) if verdict is Verdict.DUPLICATE else ended
            if self.session.closed:
                return self._given_up(history, StopReason.CLOSED, reading, evidence)
            if slot is None:
                self.quota.spend(decision.cost)
            paid, wait = decision.cost, decision.wait + (0.0 if watch.asked is None else EARLIEST)
            _log_retry(operation, request, history, verdict, decision)

    async def _sent(
        self,
        request: PreparedRequest,
        wait: float,
        deadline: Deadline,
        history: History,
        slot: Slot | None,
    ) -> tuple[Watch, Evidence] | StopReason:
        """Wait until the request may leave, and send it once; or say why that cannot be."""
        while True:
            barred = await self._enter(wait, deadline, slot)
            if barred is not None:
                return barred
            watch = history.hand_over = Watch(self._waits, request, deadline, slot)
            now = self._runtime.monotonic()
            if self._waits.scope.told:
                watch.first = self._waits.begins(now)
            seconds = min(self._timeouts.attempt, deadline.remaining(now))
            try:
                evidence = await self.session.attempt(request, seconds, watch)
            finally:
                self.admission.release()
            if watch.done or not watch.withheld:
                return watch, evidence
            wait = 0.0  # a hold came while it connected, or its time was over: nothing was sent

    def _decided(
        self,
        operation: Operation[T],
        verdict: Verdict,
        evidence: Evidence,
        history: History,
        deadline: Deadline,
        watch: Watch,
        tokens: int,
    ) -> Again | Stop:
        now = self._runtime.monotonic()
        return decide(
            verdict,
            operation.repeat,
            attempt=len(history.attempts),
            in_doubt=history.in_doubt,
            policy=self._policy,
            deadline=deadline,
            now=now,
            quota_left=tokens,
            random=watch.chance(self._runtime.random),
            asked=watch.left(now),
            timed_out=evidence.failure is Failure.TIMEOUT,
            throttled_is_unprocessed=operation.throttled_is_unprocessed and evidence.status == 429,
        )

    async def _enter(self, wait: float, deadline: Deadline, slot: Slot | None) -> StopReason | None:
        """Wait out the back-off and the hold, then take the places; or say why that cannot be."""
        clock = self._runtime.monotonic
        has_place = slot is None or slot.held
        if wait <= 0 and has_place and self.hold.until <= clock() < deadline.at and self.admission.take():
            return None  # nothing is in the way
        if wait > 0 and (barred := await self._rest(wait, slot)) is not None:
            return barred
        while True:
            held = self.hold.remaining(clock())
            if held > 0:
                if slot is not None:
                    slot.release()
                if held > self._policy.max_retry_after or not deadline.allows(held, clock()):
                    return StopReason.RETRY_AFTER_TOO_LONG
                room = deadline.remaining(clock()) - held
                over = held + EARLIEST + min(self.hold.spread(), room / 2) * self._runtime.random()
                barred = await self._rest(over, slot)
                if barred is not None:
                    return barred
                continue
            barred = await self._acquire(deadline, slot)
            if barred is None and self.session.closed:
                barred = StopReason.CLOSED
                self._release(slot)
            if barred is not None:
                return barred
            if self.hold.remaining(clock()) <= 0 and deadline.remaining(clock()) > 0:
                return None
            self._release(slot)

    async def _rest(self, seconds: float, slot: Slot | None) -> StopReason | None:
        """Wait without a place; or say, as a batch may, that there is nothing to wait for."""
        if slot is not None:
            return await slot.rest(seconds, self._runtime.sleep)
        await self._runtime.sleep(seconds)
        return None

    async def _acquire(self, deadline: Deadline, slot: Slot | None) -> StopReason | None:
        """Take the place among a batch's requests, then one among all of the client's."""
        left = deadline.remaining(self._runtime.monotonic())
        if left <= 0:
            return StopReason.DEADLINE
        if slot is not None:
            barred = await slot.acquire(left)
            if barred is not None:
                return barred
            left = deadline.remaining(self._runtime.monotonic())
        if await self.admission.acquire(left):
            return None
        if slot is not None:
            slot.release()
        return StopReason.DEADLINE

    def _release(self, slot: Slot | None) -> None:
        self.admission.release()
        if slot is not None:
            slot.release()

    def _given_up(
        self,
        history: History,
        reason: StopReason,
        reading: Reading[T] | None,
        evidence: Evidence | None,
    ) -> Delivered[T]:
        effect = Effect.UNKNOWN if history.in_doubt else Effect.NOT_APPLIED
        if reason is not StopReason.RETRY_AFTER_TOO_LONG:
            return Delivered(effect, reason, tuple(history.attempts), reading, evidence)
        asked = max(0.0, self.hold.ends - self._runtime.monotonic())
        note = self._note(reason, asked)
        return Delivered(effect, reason, tuple(history.attempts), reading, evidence, asked, note)

    def _note(self, reason: StopReason, asked: float) -> str | None:
        """Say how long, or until when, the provider asks to wait, where that is what ends the call."""
        too_long = reason is StopReason.RETRY_AFTER_TOO_LONG
        return in_words(asked, self._runtime.wall()) if too_long else None


def _explained(ended: Delivered[T], doubted: bool) -> Delivered[T]:
    """Say of a key that was used before whether a request is known that may have used it.

    `doubted` says that an earlier call may have; within this call, each request that left may have, whatever
    its answer was.
    """
    known = doubted or any(attempt.sent for attempt in ended.attempts[:-1])
    return evolve(ended, used_elsewhere=ended.effect is Effect.ALREADY_APPLIED and not known)


def _sample(verdict: Verdict, evidence: Evidence, watch: Watch, now: float) -> Sample:
    timed_out, untrusted = (evidence.failure is each for each in (Failure.TIMEOUT, Failure.UNTRUSTED))
    asked = None if watch.asked is None or watch.alone else watch.left(now)
    said = (asked, timed_out, watch.alone, evidence.detail, untrusted)
    return Sample(verdict, evidence.status, evidence.elapsed, *said)


def _judge(
    operation: Operation[T], evidence: Evidence, read: Reader[T], watch: Watch
) -> tuple[Verdict, Reading[T] | None]:
    """Return the verdict of an attempt, and the answer where there is a whole one."""
    verdict = transport_verdict(evidence, asks=watch.asked is not None)
    if verdict is Verdict.THROTTLED and evidence.status == 413 and operation.repeat is RepeatClass.NEVER:
        verdict = None  # it was not acted on, and may not be sent again: a refusal, temporary or not
    if verdict is None:
        reading = _read(operation, evidence, read)
        by_another = intercepted(evidence) if reading.verdict is Verdict.REFUSED else None
        if by_another is not None:
            reading = evolve(reading, verdict=Verdict.INTERCEPTED, refusal=by_another)
        return reading.verdict, reading
    if verdict not in (Verdict.BROKEN, Verdict.THROTTLED):
        return verdict, None
    reading = _read(operation, evidence, read)
    if reading.verdict is Verdict.DUPLICATE and operation.repeat is RepeatClass.KEYED:
        # Some servers report a used key as a 5xx or a 429; repeating that would never end.
        return reading.verdict, reading
    if reading.verdict in (Verdict.BROKEN, Verdict.UNREADABLE) and evidence.status != 503:
        verdict = Verdict.BROKEN  # the body tells of what came of it: a limit says that nothing did
    # The status decides; of the body only what it says of the failure is kept, for the error.
    return verdict, Reading(verdict, said=reading.said, request_id=reading.request_id)


def _read(operation: Operation[T], evidence: Evidence, read: Reader[T]) -> Reading[T]:
    """Read an answer; what a reader cannot bear is unreadable: the request has left, so it must be said."""
    try:
        return read(operation, evidence)
    except Exception as error:  # noqa: BLE001 - the request has left: it must be said, not raised
        # Its text and its frames may have the answer in them.
        return Reading(Verdict.UNREADABLE, path="$", problem=f"reading it failed with {type(error).__name__}")


def _blotted(
    blotter: Blotter, reading: Reading[T] | None, evidence: Evidence
) -> tuple[Reading[T] | None, Evidence]:
    """Return what may be told of an attempt that failed: nothing of the secrets that went out with it."""
    headers = tuple([(name, blotter.text(value)) for name, value in evidence.headers])
    body, detail = blotter.body(evidence.body, KEPT_ANSWER), blotter.text(evidence.detail)
    evidence = evolve(evidence, headers=headers, body=body, detail=detail)
    return None if reading is None else reading.without(blotter), evidence


def _request_id(blotter: Blotter, reading: Reading[T] | None, evidence: Evidence) -> str | None:
    named = values_of("x-request-id", evidence.headers)
    request_id = named[0] if named else None if reading is None else reading.request_id
    return None if request_id is None else blotter.text(request_id)


def _record(
    history: History,
    verdict: Verdict,
    evidence: Evidence,
    request_id: str | None,
    wall: float,
    *,
    waited: float,
) -> None:
    history.attempts.append(
        Attempt(
            len(history.attempts) + 1,
            verdict,
            evidence.status,
            evidence.sent,
            datetime.fromtimestamp(wall - evidence.elapsed, UTC),
            evidence.elapsed,
            max(0.0, waited),
            request_id,
            evidence.requests,
            evidence.detail or None,
        )
    )
    history.in_doubt = history.in_doubt or leaves_doubt(verdict, evidence.status)
    history.hand_over = None


def _log_retry(
    operation: Operation[T], request: PreparedRequest, history: History, verdict: Verdict, again: Again
) -> None:
    logger.info(
        "retry: %s key=%s attempt=%d verdict=%s wait=%.3fs%s",
        operation.name,
        request.key,
        len(history.attempts),
        verdict.value,
        again.wait,
        f" ({history.attempts[-1].cause})" if history.attempts[-1].cause else "",
    )
