"""One request delivered, by as many attempts as are safe and allowed.

The only loop that sleeps between attempts. It holds a connection permit during an attempt and never
during a wait.
"""

from collections.abc import Callable, Iterable
from typing import TypeVar

from attrs import evolve

from bonifiq_async._concurrency.limiter import Limiter, Permit, Sample
from bonifiq_async._concurrency.runtime import Runtime
from bonifiq_async._concurrency.yielding import in_slices
from bonifiq_async._delivery.attempt import Waits, Watch, name_of
from bonifiq_async._delivery.course import CallCourse
from bonifiq_async._limits.shared import SharedLimit
from bonifiq_async._limits.single_calls import SingleCall, SingleCalls
from bonifiq_async._log import logger
from bonifiq_async._model.evidence import Evidence, Failure, Reading
from bonifiq_async._model.json_codec import LARGE
from bonifiq_async._model.operation import Operation, RepeatClass
from bonifiq_async._model.outcome import Effect, StopReason, Verdict
from bonifiq_async._model.redaction import Redactor
from bonifiq_async._model.secret import Secret
from bonifiq_async._policy.answer_body import intercepted, is_nowhere
from bonifiq_async._policy.budget import EARLIEST, Deadline, Quota
from bonifiq_async._policy.history import Delivered, History
from bonifiq_async._policy.rate_limit import Allowance, allowances
from bonifiq_async._policy.request import PreparedRequest
from bonifiq_async._policy.retry import ACCEPTED, Again, RetryPolicy, Situation, Stop, decide
from bonifiq_async._policy.retry_after import in_words
from bonifiq_async._policy.verdict import GOOD, transport_verdict
from bonifiq_async._transport.session import SessionManager, Timeouts

T = TypeVar("T")

# Looked up once: in Python 3.11, each look into an enum is a call of its metaclass.
_ACCEPTED, _REFUSED = Verdict.ACCEPTED, Verdict.REFUSED
_ANSWERED = (Verdict.ACCEPTED, Verdict.DUPLICATE)
"""Verdicts after which a quota gets its tokens back."""
MANY = 1_000_000
"""Tokens of a quota that is not asked."""


LAPSED = "this one could not show in time, in the ledger, that it runs"
"""Why a claim holds no more."""


Reader = Callable[[Operation[T], Evidence], Reading[T]]


class Delivery:
    """Sends requests of one provider and account: they share connections, quota and the provider's limit.

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
        self.limiter = Limiter(session.capacity)
        self.limit = SharedLimit(runtime)
        self.hold = self.limit.hold
        self._single_calls = SingleCalls(self.limit)
        self._waits = Waits(policy.max_retry_after, runtime.monotonic, runtime.wall, self.limit)
        self.quota = Quota.full(policy.quota)
        self._policy = policy
        self._timeouts = timeouts
        self._runtime = runtime
        self._redactor = Redactor(secrets)

    async def deliver(
        self,
        operation: Operation[T],
        request: PreparedRequest,
        read: Reader[T],
        history: History,
        *,
        seconds: float | None = None,
        permit: Permit | None = None,
    ) -> Delivered[T]:
        """Send `request` until there is a final answer or a limit is met, within `seconds`.

        `permit` is the request's permit of a batch, which gets every attempt and takes the part of the
        retry quota: it bounds repeats and first tries together. The caller takes it back when this
        raises. A single call has its turn where a limit is known. Raises `ConfigurationError` when the
        client cannot send at all, and the cancellation, after which `history` says what is known.
        """
        self.session.ready()
        clock, began = self._runtime.monotonic, self._runtime.monotonic()
        deadline = Deadline(began + (self._timeouts.call if seconds is None else seconds))
        redactor = self._redactor.and_of(request.secrets) if request.secrets else self._redactor
        single, doubted = permit is None, history.in_doubt
        course = CallCourse(operation, request, history, deadline, permit, redactor, doubted, began, single)
        try:
            while True:
                barred = await self._enter(course) if history.held() else StopReason.HELD
                if barred is not None:
                    return self._given_up(course, barred)
                watch = history.hand_over = Watch(self._waits, request, deadline, history.held)
                now = watch.began = watch.written = clock()
                if self._waits.scope.told:
                    watch.first = self._waits.begins(now)
                try:
                    limit, left = self._timeouts.attempt, deadline.at - now
                    evidence = await self.session.attempt(request, limit if limit < left else left, watch)
                finally:
                    self.limiter.release()
                if watch.withheld and not watch.done:
                    course.wait = 0.0  # a hold came while it connected, or its time was over
                    continue
                course.now, course.wall = clock(), self._runtime.wall()
                if len(evidence.body) > LARGE:  # the loop has others to serve meanwhile
                    verdict, reading = await in_slices(_judge, operation, evidence, read, watch)
                else:
                    verdict, reading = _judge(operation, evidence, read, watch)
                evidence = course.take(verdict, reading, evidence)
                self._tell(course, verdict, evidence, watch)
                decision = ACCEPTED if verdict is _ACCEPTED else self._decided(course, verdict, watch)
                if isinstance(decision, Stop):
                    return self._ended(course, verdict, decision, watch.asked)
                if self.session.closed:
                    return self._given_up(course, StopReason.CLOSED)
                self._again(course, verdict, decision, watch.asked)
        finally:
            if single and course.permit is not None:
                course.permit.release()

    def _again(self, course: CallCourse[T], verdict: Verdict, again: Again, asked: float | None) -> None:
        """Pay for a repeat, and begin to wait for it."""
        if course.single:
            self.quota.spend(again.cost)
        course.paid, course.began = again.cost, self._runtime.monotonic()
        course.wait = again.wait + (0.0 if asked is None else EARLIEST)
        _log_retry(course, verdict, again)

    def _tell(self, course: CallCourse[T], verdict: Verdict, evidence: Evidence, watch: Watch) -> None:
        """Tell the calls that wait how an attempt ended."""
        if self._waits.scope.told and verdict in GOOD and watch.asked is None:
            self._waits.scope.passed(name_of(course.request), watch.began)
        said = allowances(evidence.headers, now=course.wall)
        if course.permit is not None:
            course.permit.saw(_sample(verdict, evidence, watch, course, said))
            course.permit.release()  # not before: the call that gets the permit next must know of this answer
        elif said or (evidence.status == 429 and not watch.alone):
            self.limit.saw(_sample(verdict, evidence, watch, course, said))
        elif verdict in GOOD:
            self.limit.lately.append(watch.written)

    def _decided(self, course: CallCourse[T], verdict: Verdict, watch: Watch) -> Again | Stop:
        now, operation, evidence = self._runtime.monotonic(), course.operation, course.evidence
        return decide(
            Situation(
                verdict,
                operation.repeat,
                attempt=len(course.history.attempts),
                in_doubt=course.history.in_doubt,
                policy=self._policy,
                deadline=course.deadline,
                now=now,
                quota_left=self.quota.left if course.single else MANY,
                random=watch.chance(self._runtime.random),
                asked=watch.left(now),
                timed_out=evidence is not None and evidence.failure is Failure.TIMEOUT,
            )
        )

    def _ended(
        self, course: CallCourse[T], verdict: Verdict, stop: Stop, asked: float | None
    ) -> Delivered[T]:
        if course.single and verdict in _ANSWERED:
            self.quota.refund(course.paid)
        note = None if asked is None else self._note(stop.reason, asked)
        attempts, reading, evidence = tuple(course.history.attempts), course.reading, course.evidence
        ended = Delivered(stop.effect, stop.reason, attempts, reading, evidence, asked, note)
        if verdict is not _ACCEPTED and verdict is Verdict.DUPLICATE:
            return _explained(ended, course.doubted)
        return ended

    def _permit(self, course: CallCourse[T]) -> Permit | None:
        """Return the request's permit; of a single call, None where no limit is known."""
        if course.permit is None and self.limit.binds():
            course.permit = SingleCall(self._single_calls)
        return course.permit

    async def _enter(self, course: CallCourse[T]) -> StopReason | None:
        """Wait out the back-off and the hold, then take the permits; or say why that cannot be."""
        clock, wait, deadline, permit = self._runtime.monotonic, course.wait, course.deadline, course.permit
        if permit is None and self.limit.admission is not None:
            permit = self._permit(course)
        has_turn = permit is None or permit.held
        if wait <= 0 and has_turn and self.hold.until <= clock() < deadline.at and self.limiter.take():
            return None  # nothing is in the way
        if wait > 0 and (barred := await self._rest(wait, permit)) is not None:
            return barred
        while True:
            permit, held = self._permit(course), self.hold.remaining(clock())
            if held > 0:
                if permit is not None:
                    permit.release()
                if held > self._policy.max_retry_after or not deadline.allows(held, clock()):
                    return StopReason.RETRY_AFTER_TOO_LONG
                room = deadline.remaining(clock()) - held
                over = held + EARLIEST + min(self.hold.spread(), room / 2) * self._runtime.random()
                barred = await self._rest(over, permit)
                if barred is not None:
                    return barred
                continue
            barred = await self._acquire(deadline, permit)
            if barred is None and self.session.closed:
                barred = StopReason.CLOSED
                self._release(permit)
            if barred is not None:
                return barred
            own = self._permit(course)  # a limit may be known now, or all have been asked to wait
            has_turn = own is None or own.held
            if has_turn and self.hold.remaining(clock()) <= 0 and deadline.remaining(clock()) > 0:
                return None
            self._release(permit)

    async def _rest(self, seconds: float, permit: Permit | None) -> StopReason | None:
        """Wait without a turn; or say, as a batch may, that there is nothing to wait for."""
        if permit is not None:
            return await permit.rest(seconds, self._runtime.sleep)
        await self._runtime.sleep(seconds)
        return None

    async def _acquire(self, deadline: Deadline, permit: Permit | None) -> StopReason | None:
        """Take the turn within the provider's limit, then a place among the client's connections."""
        left = deadline.remaining(self._runtime.monotonic())
        if left <= 0:
            return StopReason.DEADLINE
        if permit is not None:
            barred = await permit.acquire(left)
            if barred is not None:
                return barred
            left = deadline.remaining(self._runtime.monotonic())
        if await self.limiter.acquire(left):
            return None
        if permit is not None:
            permit.release()
        return StopReason.DEADLINE

    def _release(self, permit: Permit | None) -> None:
        self.limiter.release()
        if permit is not None:
            permit.release()

    def _given_up(self, course: CallCourse[T], reason: StopReason) -> Delivered[T]:
        history, asked, note = course.history, None, None
        if reason is StopReason.RETRY_AFTER_TOO_LONG:
            asked = max(0.0, self.hold.ends - self._runtime.monotonic())
            note = self._note(reason, asked)
        if reason is StopReason.HELD:
            note = LAPSED
        effect = Effect.UNKNOWN if history.in_doubt else Effect.NOT_APPLIED
        attempts = tuple(history.attempts)
        return Delivered(effect, reason, attempts, course.reading, course.evidence, asked, note)

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


def _sample(
    verdict: Verdict, evidence: Evidence, watch: Watch, course: CallCourse[T], said: tuple[Allowance, ...]
) -> Sample:
    failure, reading = evidence.failure, course.reading
    return Sample(
        verdict,
        evidence.status,
        course.now - watch.written,
        None if watch.asked is None or watch.alone else watch.left(course.now),
        failure is not None and failure is Failure.TIMEOUT,
        watch.alone,
        evidence.detail,
        failure is not None and failure is Failure.UNTRUSTED,
        verdict is _REFUSED and is_nowhere(evidence, None if reading is None else reading.said),
        said,
        course.single,
        watch.written - watch.began,
    )


def _judge(
    operation: Operation[T], evidence: Evidence, read: Reader[T], watch: Watch
) -> tuple[Verdict, Reading[T] | None]:
    """Return the verdict of an attempt, and the answer where there is a whole one."""
    verdict = transport_verdict(evidence, asks=watch.asked is not None)
    if verdict is not None:
        if verdict not in (Verdict.BROKEN, Verdict.THROTTLED):
            return verdict, None
        if verdict is Verdict.THROTTLED and evidence.status == 413 and operation.repeat is RepeatClass.NEVER:
            verdict = None  # it was not acted on, and may not be sent again: a refusal, temporary or not
    try:
        reading = read(operation, evidence)
    except Exception as error:  # noqa: BLE001 - the request has left: it must be said, not raised
        # Its text and its frames may have the answer in them.
        problem = f"reading it failed with {type(error).__name__}"
        reading = Reading(Verdict.UNREADABLE, path="$", problem=problem)
    if verdict is None:
        by_another = intercepted(evidence) if reading.verdict is _REFUSED else None
        if by_another is not None:
            reading = evolve(reading, verdict=Verdict.INTERCEPTED, refusal=by_another)
        return reading.verdict, reading
    if reading.verdict is Verdict.DUPLICATE and operation.repeat is RepeatClass.KEYED:
        # Some servers report a used key as a 5xx or a 429; repeating that would never end.
        return reading.verdict, reading
    if reading.verdict in (Verdict.BROKEN, Verdict.UNREADABLE) and evidence.status != 503:
        verdict = Verdict.BROKEN  # the body tells of what came of it: a limit says that nothing did
    # The status decides; of the body only what it says of the failure is kept, for the error.
    return verdict, Reading(verdict, said=reading.said, request_id=reading.request_id)


def _log_retry(course: CallCourse[T], verdict: Verdict, again: Again) -> None:
    attempt = course.history.attempts[-1]
    logger.info(
        "retry: %s key=%s attempt=%d verdict=%s wait=%.3fs%s",
        course.operation.name,
        course.request.key,
        attempt.number,
        verdict.value,
        again.wait,
        f" ({attempt.cause})" if attempt.cause else "",
    )
