"""Whether to send again, when, and with which effect to stop.

`ACTIONS` is the table; `decide` adds the limits: attempts, deadline, quota and Retry-After. It is a
pure function: time and chance are arguments.

The waits are those of "full jitter" (AWS Architecture Blog, "Exponential Backoff And Jitter", 2015). See
docs/explanation/retry.md.
"""

from collections.abc import Callable
from functools import cached_property
from itertools import islice

import backoff
from attrs import field, frozen

from bonifiq_async._model import validation
from bonifiq_async._model.operation import RepeatClass
from bonifiq_async._model.outcome import Effect, StopReason, Verdict
from bonifiq_async._model.values import Kind, fixed, public
from bonifiq_async._policy.budget import RETRY_COST, TIMEOUT_COST, Deadline

JITTER = 0.1
"""A wait that the provider asked for is lengthened by up to this share, so that callers spread out."""


class Action(Kind):
    """What follows from a verdict."""

    AGAIN = "again"
    APPLIED = "stop: applied"
    ALREADY_APPLIED = "stop: already applied"
    REFUSED = "stop: refused, or unknown after an attempt in doubt"
    UNKNOWN = "stop: unknown"


_SAFE, _KEYED, _NEVER = RepeatClass.SAFE, RepeatClass.KEYED, RepeatClass.NEVER

ACTIONS: dict[Verdict, dict[RepeatClass, Action]] = {
    Verdict.ACCEPTED: {_SAFE: Action.APPLIED, _KEYED: Action.APPLIED, _NEVER: Action.APPLIED},
    Verdict.NOT_SENT: {_SAFE: Action.AGAIN, _KEYED: Action.AGAIN, _NEVER: Action.AGAIN},
    Verdict.THROTTLED: {_SAFE: Action.AGAIN, _KEYED: Action.AGAIN, _NEVER: Action.UNKNOWN},
    Verdict.UNPROCESSED: {_SAFE: Action.AGAIN, _KEYED: Action.AGAIN, _NEVER: Action.AGAIN},
    Verdict.BROKEN: {_SAFE: Action.AGAIN, _KEYED: Action.AGAIN, _NEVER: Action.UNKNOWN},
    Verdict.LOST: {_SAFE: Action.AGAIN, _KEYED: Action.AGAIN, _NEVER: Action.UNKNOWN},
    Verdict.UNREADABLE: {_SAFE: Action.UNKNOWN, _KEYED: Action.UNKNOWN, _NEVER: Action.UNKNOWN},
    Verdict.DUPLICATE: {_SAFE: Action.REFUSED, _KEYED: Action.ALREADY_APPLIED, _NEVER: Action.REFUSED},
    Verdict.REFUSED: {_SAFE: Action.REFUSED, _KEYED: Action.REFUSED, _NEVER: Action.REFUSED},
    Verdict.INTERCEPTED: {_SAFE: Action.REFUSED, _KEYED: Action.REFUSED, _NEVER: Action.REFUSED},
}

_FINAL = {Action.APPLIED: Effect.APPLIED, Action.ALREADY_APPLIED: Effect.ALREADY_APPLIED}


@fixed
class Again:
    """Send again after `wait` seconds; it costs `cost` tokens of the quota."""

    wait: float
    cost: int


@fixed
class Stop:
    """Send no more: `effect` is what is known, `reason` is why."""

    effect: Effect
    reason: StopReason


ACCEPTED = Stop(Effect.APPLIED, StopReason.ANSWERED)
"""What follows from an acceptance, whatever the class and whatever was before."""


@public
@frozen
class RetryPolicy:
    """How often and how patiently a call is repeated.

    At most `max_attempts` requests. The n-th wait is drawn evenly from 0 to `base` * 2 ** (n - 1)
    seconds, at most `cap` (full jitter). A Retry-After above `max_retry_after` seconds ends the call
    instead of being cut short; one that is also above an hour holds the other calls no longer than
    `max_retry_after`. `quota` is the number of tokens that all calls of a client share: a retry costs 5,
    after a timeout 10, one at the time that the provider asked for nothing.
    """

    max_attempts: int = field(default=6, validator=validation.count)
    base: float = field(default=0.25, validator=validation.setting)
    cap: float = field(default=8.0, validator=validation.setting)
    max_retry_after: float = field(default=120.0, validator=validation.limit)
    quota: int = field(default=500, validator=validation.stock)

    @cached_property
    def ceilings(self) -> tuple[float, ...]:
        """The longest waits in seconds, by attempt."""
        # expo() yields None first: it waits for the send() of backoff's own loop.
        schedule = (
            wait for wait in backoff.expo(base=2, factor=self.base, max_value=self.cap) if wait is not None
        )
        return tuple(islice(schedule, min(self.max_attempts, 32)))

    def ceiling(self, attempt: int) -> float:
        """Return the longest wait in seconds after the `attempt`-th request, counted from 1."""
        return self.ceilings[min(attempt, len(self.ceilings)) - 1]


@fixed
class Situation:
    """An attempt has ended with `verdict`: the `attempt`-th, counted from 1, of a call of class `repeat`.

    `in_doubt` says whether any attempt so far, this one and those of earlier calls with the key
    included, may have changed the balance. `asked` are the seconds that the provider asks to wait.
    `now` and `deadline` are on one monotonic clock; `random` gives numbers from 0 up to 1.
    """

    verdict: Verdict
    repeat: RepeatClass
    attempt: int
    in_doubt: bool
    policy: RetryPolicy
    deadline: Deadline
    now: float
    quota_left: int
    random: Callable[[], float]
    asked: float | None = None
    timed_out: bool = False


def decide(at: Situation) -> Again | Stop:
    """Return whether to send again, and when, or with which effect to stop."""
    if at.verdict is Verdict.ACCEPTED:
        return ACCEPTED
    action = ACTIONS[at.verdict][at.repeat]
    if action in _FINAL:
        return Stop(_FINAL[action], StopReason.ANSWERED)
    if action is Action.REFUSED:
        by_another = at.verdict is Verdict.INTERCEPTED
        reason = StopReason.INTERCEPTED if by_another else StopReason.ANSWERED
        return Stop(Effect.UNKNOWN if at.in_doubt else Effect.REFUSED, reason)
    if action is Action.UNKNOWN:
        unreadable = at.verdict is Verdict.UNREADABLE
        return Stop(Effect.UNKNOWN, StopReason.UNREADABLE if unreadable else StopReason.NO_SAFE_REPEAT)
    return _limited(at)


def _limited(at: Situation) -> Again | Stop:
    """Return when to send again, or which limit keeps it from that."""
    policy, asked = at.policy, at.asked
    worst = Effect.UNKNOWN if at.in_doubt else Effect.NOT_APPLIED
    if at.attempt >= policy.max_attempts:
        return Stop(worst, StopReason.ATTEMPTS_SPENT)
    wait = at.random() * policy.ceiling(at.attempt)
    if asked is not None:
        if asked > policy.max_retry_after or not at.deadline.allows(asked, at.now):
            return Stop(worst, StopReason.RETRY_AFTER_TOO_LONG)
        room = at.deadline.remaining(at.now) - asked
        wait = max(wait, asked + min(at.random() * asked * JITTER, room / 2))
    if not at.deadline.allows(wait, at.now):
        return Stop(worst, StopReason.DEADLINE)
    if asked is not None:
        return Again(wait, 0)  # the provider itself named the time: no storm comes of it
    cost = TIMEOUT_COST if at.timed_out else RETRY_COST
    return Stop(worst, StopReason.QUOTA_SPENT) if cost > at.quota_left else Again(wait, cost)
