"""The decision table, row by row, and whole calls decided under a virtual clock."""

from decimal import Decimal
from itertools import pairwise
from typing import cast

import pytest
from attrs import define, evolve, field, frozen
from conftest import claims_of, once
from hypothesis import given
from hypothesis import strategies as st
from one_test import one_test

from bonifiq_async import ConfigurationError, Effect, RetryPolicy, Runtime, StopReason, Timeouts, Verdict
from bonifiq_async._delivery.delivery import Delivery
from bonifiq_async._model.evidence import Evidence, HandOver, Reading
from bonifiq_async._model.operation import Operation, RepeatClass
from bonifiq_async._policy.budget import (
    BELIEVED,
    RETRY_COST,
    SOONEST,
    TIMEOUT_COST,
    Deadline,
    Hold,
    Quota,
    held_for,
)
from bonifiq_async._policy.history import Delivered, History
from bonifiq_async._policy.request import PreparedRequest
from bonifiq_async._policy.retry import ACTIONS, Again, Situation, Stop, decide
from bonifiq_async._transport.session import SessionManager
from bonifiq_async.bonifiq.operations import CHANGE_CASHBACK

SAFE, KEYED, NEVER = RepeatClass.SAFE, RepeatClass.KEYED, RepeatClass.NEVER
POLICY = RetryPolicy()


def decision(
    verdict: Verdict,
    repeat: RepeatClass = KEYED,
    *,
    attempt: int = 1,
    in_doubt: bool = False,
    policy: RetryPolicy = POLICY,
    seconds: float = 60.0,
    quota_left: int = 500,
    random: float = 0.5,
    asked: float | None = None,
    timed_out: bool = False,
) -> Again | Stop:
    return decide(
        Situation(
            verdict,
            repeat,
            attempt=attempt,
            in_doubt=in_doubt,
            policy=policy,
            deadline=Deadline(1000.0 + seconds),
            now=1000.0,
            quota_left=quota_left,
            random=lambda: random,
            asked=asked,
            timed_out=timed_out,
        )
    )


# The table of the architecture, written out a second time: what follows for SAFE, KEYED and NEVER.
ROWS = [
    (Verdict.ACCEPTED, Effect.APPLIED, Effect.APPLIED, Effect.APPLIED),
    (Verdict.NOT_SENT, "again", "again", "again"),
    (Verdict.THROTTLED, "again", "again", Effect.UNKNOWN),
    (Verdict.UNPROCESSED, "again", "again", "again"),
    (Verdict.BROKEN, "again", "again", Effect.UNKNOWN),
    (Verdict.LOST, "again", "again", Effect.UNKNOWN),
    (Verdict.UNREADABLE, Effect.UNKNOWN, Effect.UNKNOWN, Effect.UNKNOWN),
    (Verdict.DUPLICATE, Effect.REFUSED, Effect.ALREADY_APPLIED, Effect.REFUSED),
    (Verdict.REFUSED, Effect.REFUSED, Effect.REFUSED, Effect.REFUSED),
    (Verdict.INTERCEPTED, Effect.REFUSED, Effect.REFUSED, Effect.REFUSED),
]
CELLS = [
    pytest.param(row[0], repeat, cell, id=f"{row[0].value}-{repeat.value}")
    for row in ROWS
    for repeat, cell in zip((SAFE, KEYED, NEVER), row[1:], strict=True)
]


def test_table_has_a_row_for_every_verdict_and_class() -> None:
    assert {row[0] for row in ROWS} == set(Verdict) == set(ACTIONS)
    assert all(set(row) == set(RepeatClass) for row in ACTIONS.values())


@one_test
@pytest.mark.parametrize(("verdict", "repeat", "cell"), CELLS)
def test_table(verdict: Verdict, repeat: RepeatClass, cell: str | Effect) -> None:
    decided = decision(verdict, repeat)
    assert ("again" if isinstance(decided, Again) else decided.effect) == cell


@one_test
@pytest.mark.parametrize(("verdict", "repeat", "cell"), CELLS)
def test_table_after_an_attempt_in_doubt(verdict: Verdict, repeat: RepeatClass, cell: str | Effect) -> None:
    decided = decision(verdict, repeat, in_doubt=True)
    expected = Effect.UNKNOWN if cell is Effect.REFUSED else cell
    assert ("again" if isinstance(decided, Again) else decided.effect) == expected


LIMITS = [
    pytest.param({"attempt": 6}, StopReason.ATTEMPTS_SPENT, id="attempts"),
    pytest.param({"seconds": 0.0}, StopReason.DEADLINE, id="deadline passed"),
    pytest.param({"seconds": 0.125}, StopReason.DEADLINE, id="deadline at the end of the wait"),
    pytest.param({"quota_left": 4}, StopReason.QUOTA_SPENT, id="quota"),
    pytest.param({"quota_left": 9, "timed_out": True}, StopReason.QUOTA_SPENT, id="quota of a timeout"),
    pytest.param({"asked": 120.5, "seconds": 600.0}, StopReason.RETRY_AFTER_TOO_LONG, id="above the policy"),
    pytest.param({"asked": 60.0}, StopReason.RETRY_AFTER_TOO_LONG, id="Retry-After at the deadline"),
    pytest.param({"asked": float("inf")}, StopReason.RETRY_AFTER_TOO_LONG, id="for ever"),
]


@one_test
@pytest.mark.parametrize("in_doubt", [False, True])
@pytest.mark.parametrize("repeat", [SAFE, KEYED])
@pytest.mark.parametrize(("limit", "reason"), LIMITS)
def test_limit_stops_with_the_worst_effect(
    limit: dict[str, object], reason: StopReason, repeat: RepeatClass, in_doubt: bool
) -> None:
    decided = decision(Verdict.THROTTLED, repeat, in_doubt=in_doubt, **limit)  # type: ignore[arg-type]
    assert decided == Stop(Effect.UNKNOWN if in_doubt else Effect.NOT_APPLIED, reason)


@pytest.mark.parametrize(
    ("within", "cost"),
    [
        pytest.param({"attempt": 5}, 5, id="last attempt"),
        pytest.param({"seconds": 0.2}, 5, id="just in time"),
        pytest.param({"quota_left": 5}, 5, id="last tokens"),
        pytest.param({"quota_left": 10, "timed_out": True}, 10, id="last tokens of a timeout"),
        pytest.param({"asked": 120.0, "seconds": 600.0}, 0, id="longest Retry-After"),
        pytest.param({"asked": 1.0, "quota_left": 0}, 0, id="named time costs nothing"),
        pytest.param({"asked": 0.0}, 0, id="Retry-After of zero"),
    ],
)
def test_within_the_limit_the_call_goes_on(within: dict[str, object], cost: int) -> None:
    decided = decision(Verdict.THROTTLED, **within)  # type: ignore[arg-type]
    assert isinstance(decided, Again)
    assert decided.cost == cost


@pytest.mark.parametrize(
    ("random", "asked", "wait"),
    [
        pytest.param(0.0, None, 0.0, id="full jitter reaches zero"),
        pytest.param(0.5, None, 0.5, id="half of the second ceiling"),
        pytest.param(0.0, 10.0, 10.0, id="as asked"),
        pytest.param(0.5, 10.0, 10.5, id="as asked, and spread"),
        pytest.param(0.5, 0.0, 0.5, id="asked for nothing: the back-off"),
    ],
)
def test_wait(random: float, asked: float | None, wait: float) -> None:
    decided = decision(
        Verdict.THROTTLED, attempt=2, random=random, asked=asked, policy=RetryPolicy(base=0.5, cap=8.0)
    )
    assert isinstance(decided, Again)
    assert decided.wait == wait


# A whole call under a virtual clock.


@frozen
class Step:
    """How one attempt ends, after `took` seconds."""

    verdict: Verdict
    took: float
    in_doubt: bool = False
    asked: float | None = None
    timed_out: bool = False


@frozen
class Setting:
    """A call and its limits."""

    repeat: RepeatClass
    policy: RetryPolicy
    seconds: float
    quota: int
    in_doubt: bool
    steps: list[Step]
    chances: list[float]


@define
class Call:
    """What happened in a simulated call."""

    setting: Setting
    deadline: Deadline
    quota: Quota
    started: list[float] = field(factory=list)
    ended: list[float] = field(factory=list)
    waits: list[Again] = field(factory=list)
    stop: Stop | None = None

    @property
    def steps(self) -> list[Step]:
        return self.setting.steps[: len(self.started)]

    @property
    def doubtful(self) -> bool:
        return self.setting.in_doubt or any(step.in_doubt for step in self.steps)


def simulated(setting: Setting) -> Call:
    now = 1000.0
    call = Call(setting, Deadline(now + setting.seconds), Quota.full(setting.quota))
    chances = iter(setting.chances)
    in_doubt = setting.in_doubt
    for number, step in enumerate(setting.steps, 1):
        call.started.append(now)
        now += min(step.took, call.deadline.remaining(now))
        call.ended.append(now)
        in_doubt = in_doubt or step.in_doubt
        decided = decide(
            Situation(
                step.verdict,
                setting.repeat,
                attempt=number,
                in_doubt=in_doubt,
                policy=setting.policy,
                deadline=call.deadline,
                now=now,
                quota_left=call.quota.left,
                random=lambda: next(chances),
                asked=step.asked,
                timed_out=step.timed_out,
            )
        )
        if isinstance(decided, Stop):
            call.stop = decided
            break
        call.quota.spend(decided.cost)
        assert call.quota.left >= 0
        call.waits.append(decided)
        now += decided.wait
    return call


_took = st.floats(0, 40)
_again = [
    st.builds(Step, st.just(Verdict.NOT_SENT), _took, timed_out=st.booleans()),
    st.builds(Step, st.just(Verdict.BROKEN), _took, in_doubt=st.just(True)),
    st.builds(Step, st.just(Verdict.LOST), _took, in_doubt=st.just(True), timed_out=st.booleans()),
    st.builds(Step, st.just(Verdict.THROTTLED), _took, asked=st.none() | st.floats(0, 200)),
    # A 503 with Retry-After: throttled, but it is not certain that it was not processed.
    st.builds(Step, st.just(Verdict.THROTTLED), _took, in_doubt=st.just(True), asked=st.floats(0, 200)),
]
_end = [
    st.builds(Step, st.sampled_from([Verdict.ACCEPTED, Verdict.DUPLICATE, Verdict.REFUSED]), _took),
    st.builds(Step, st.just(Verdict.UNREADABLE), _took, in_doubt=st.just(True)),
]
# Repeats are drawn more often than ends, so that many calls are long.
_step = st.one_of(*_again, *_again, *_end)
_settings = st.builds(
    Setting,
    repeat=st.sampled_from(RepeatClass),
    policy=st.builds(
        RetryPolicy,
        max_attempts=st.integers(1, 9),
        base=st.floats(0.001, 10),
        cap=st.floats(0.001, 60),
        max_retry_after=st.floats(0, 150),
    ),
    seconds=st.floats(0.001, 300),
    quota=st.integers(0, 60),
    in_doubt=st.booleans(),
    steps=st.lists(_step, min_size=10, max_size=10),
    chances=st.lists(st.floats(0, 1, exclude_max=True), min_size=20, max_size=20),
)
_calls = _settings.map(simulated)


@given(_calls)
def test_every_call_ends_within_its_attempts(call: Call) -> None:
    assert call.stop is not None
    assert len(call.started) <= call.setting.policy.max_attempts


@given(_calls)
def test_worst_effect_is_kept(call: Call) -> None:
    assert call.stop is not None
    last = call.steps[-1].verdict
    effect = call.stop.effect
    if last is Verdict.ACCEPTED:
        assert effect is Effect.APPLIED
    elif last is Verdict.DUPLICATE and call.setting.repeat is KEYED:
        assert effect is Effect.ALREADY_APPLIED
    elif call.doubtful:
        assert effect is Effect.UNKNOWN
    elif last in (Verdict.REFUSED, Verdict.DUPLICATE):
        assert effect is Effect.REFUSED
    elif last is Verdict.THROTTLED and call.stop.reason is StopReason.NO_SAFE_REPEAT:
        assert (effect, call.setting.repeat) == (Effect.UNKNOWN, NEVER)
    else:
        assert effect is Effect.NOT_APPLIED


@given(_settings.map(lambda setting: simulated(evolve(setting, repeat=NEVER))))
def test_unkeyed_write_is_never_repeated_after_its_body_was_sent(call: Call) -> None:
    assert {step.verdict for step in call.steps[:-1]} <= {Verdict.NOT_SENT}


@given(_calls)
def test_nothing_starts_that_cannot_end_before_the_deadline(call: Call) -> None:
    assert all(start < call.deadline.at for start in call.started)
    assert all(end + wait.wait < call.deadline.at for end, wait in zip(call.ended, call.waits, strict=False))


@given(_calls)
def test_never_earlier_than_asked_and_never_later_than_the_schedule(call: Call) -> None:
    policy = call.setting.policy
    for number, (step, again) in enumerate(zip(call.steps, call.waits, strict=False), 1):
        assert again.wait >= (step.asked or 0.0)
        assert again.wait <= max(min(policy.cap, policy.base * 2 ** (number - 1)), 1.1 * (step.asked or 0.0))
        assert step.asked is None or step.asked <= policy.max_retry_after
    for (_, step), (earlier, later) in zip(
        zip(call.started, call.steps, strict=True), pairwise(call.started), strict=False
    ):
        assert later >= earlier + (step.asked or 0.0)


@given(_calls)
def test_reason_of_giving_up_is_true(call: Call) -> None:
    assert call.stop is not None
    policy, step, now = call.setting.policy, call.steps[-1], call.ended[-1]
    left = call.deadline.at - now
    longest = max(policy.ceiling(len(call.started)), 1.1 * (step.asked or 0.0))
    holds = {
        StopReason.ANSWERED: step.verdict in (Verdict.ACCEPTED, Verdict.DUPLICATE, Verdict.REFUSED),
        StopReason.UNREADABLE: step.verdict is Verdict.UNREADABLE,
        StopReason.NO_SAFE_REPEAT: call.setting.repeat is NEVER and step.verdict is not Verdict.NOT_SENT,
        StopReason.ATTEMPTS_SPENT: len(call.started) == policy.max_attempts,
        StopReason.DEADLINE: longest * 1.000001 >= left,
        StopReason.QUOTA_SPENT: call.quota.left < (TIMEOUT_COST if step.timed_out else RETRY_COST),
        StopReason.RETRY_AFTER_TOO_LONG: step.asked is not None
        and (step.asked > policy.max_retry_after or step.asked * 1.000001 >= left),
    }
    assert holds[call.stop.reason]


@given(st.lists(_settings, max_size=6), st.integers(0, 60))
def test_quota_that_calls_share_stays_within_its_bounds(settings: list[Setting], capacity: int) -> None:
    quota = Quota.full(capacity)
    for setting in settings:
        call = simulated(evolve(setting, quota=quota.left))
        quota.left = call.quota.left
        if call.steps[-1].verdict is Verdict.ACCEPTED:
            quota.refund(call.waits[-1].cost if call.waits else 1)
        assert 0 <= quota.left <= capacity


REACHED = {
    StopReason.ANSWERED: lambda: decision(Verdict.ACCEPTED),
    StopReason.NO_SAFE_REPEAT: lambda: decision(Verdict.LOST, NEVER),
    StopReason.UNREADABLE: lambda: decision(Verdict.UNREADABLE),
    StopReason.ATTEMPTS_SPENT: lambda: decision(Verdict.LOST, attempt=6),
    StopReason.DEADLINE: lambda: decision(Verdict.LOST, seconds=0.01),
    StopReason.QUOTA_SPENT: lambda: decision(Verdict.LOST, quota_left=0),
    StopReason.RETRY_AFTER_TOO_LONG: lambda: decision(Verdict.THROTTLED, asked=3600.0),
    StopReason.INTERCEPTED: lambda: decision(Verdict.INTERCEPTED),
}
ELSEWHERE = {
    StopReason.CLOSED,
    StopReason.REMEMBERED,
    StopReason.HELD,
    StopReason.UNSETTLED,
    StopReason.LIMITED,
    StopReason.OUTAGE,
    StopReason.STOPPED,
}
"""Reasons that `decide` does not know: a closed client, no turn, a batch that gave up, what is remembered."""


def test_every_reason_is_reached() -> None:
    assert set(REACHED) | ELSEWHERE == set(StopReason)
    for reason, reach in REACHED.items():
        decided = reach()
        assert isinstance(decided, Stop)
        assert decided.reason is reason


REQUEST = PreparedRequest("POST", "https://provider.test", "/", b"{}", "KEY")


class ClosingSession:
    """A session that is closed while its first attempt runs."""

    capacity = 1
    closed = False

    def ready(self) -> None: ...

    async def attempt(self, request: PreparedRequest, seconds: float, hand_over: HandOver) -> Evidence:
        self.closed = True
        return Evidence(sent=False, requests=0)


def unread(operation: Operation[object], evidence: Evidence) -> Reading[object]:
    raise AssertionError("there is no answer to read")


async def test_closing_the_client_stops_a_call() -> None:
    session = cast(SessionManager, ClosingSession())
    delivery = Delivery(session, policy=RetryPolicy(), timeouts=Timeouts(), runtime=Runtime())
    history = History()
    delivered = await delivery.deliver(
        cast("Operation[object]", CHANGE_CASHBACK), REQUEST, unread, history, seconds=5.0
    )
    assert (delivered.reason, delivered.effect) == (StopReason.CLOSED, Effect.NOT_APPLIED)
    assert [attempt.verdict for attempt in history.attempts] == [Verdict.NOT_SENT]


async def test_applied_key_is_answered_from_memory() -> None:
    claims, sent = claims_of(), 0

    async def deliver(history: History, seconds: float) -> Delivered[object]:
        nonlocal sent
        sent += 1
        return Delivered(Effect.APPLIED, StopReason.ANSWERED)

    await once(claims, REQUEST, deliver, seconds=1.0)
    again = await once(claims, REQUEST, deliver, seconds=1.0)
    assert (again.effect, again.reason, sent) == (Effect.ALREADY_APPLIED, StopReason.REMEMBERED, 1)


# The quota and the hold that all calls share, and the deadline of one.


@pytest.mark.parametrize(("left", "cost", "after"), [(10, 5, 5), (5, 5, 0), (4, 5, 0), (0, 0, 0)])
def test_quota_is_spent_down_to_nothing(left: int, cost: int, after: int) -> None:
    quota = Quota(10, left)
    quota.spend(cost)
    assert quota.left == after


@pytest.mark.parametrize(("left", "tokens", "after"), [(0, 5, 5), (8, 5, 10), (10, 1, 10)])
def test_quota_is_refunded_up_to_its_capacity(left: int, tokens: int, after: int) -> None:
    quota = Quota(10, left)
    quota.refund(tokens)
    assert quota.left == after


@given(st.integers(0, 50), st.lists(st.tuples(st.booleans(), st.integers(0, 20))))
def test_quota_stays_between_zero_and_its_capacity(capacity: int, moves: list[tuple[bool, int]]) -> None:
    quota = Quota.full(capacity)
    assert quota.left == capacity
    for spend, tokens in moves:
        if spend:
            quota.spend(tokens)
        else:
            quota.refund(tokens)
        assert 0 <= quota.left <= capacity


def test_hold_lasts_until_its_moment() -> None:
    hold = Hold()
    assert hold.remaining(-1e9) == 0.0
    hold.extend(100.0, 10.0, 10.0)
    assert [hold.remaining(now) for now in (100.0, 109.0, 110.0, 111.0)] == [10.0, 1.0, 0.0, 0.0]


MOMENTS = st.floats(0, 1e6)


@given(st.lists(st.tuples(MOMENTS, MOMENTS, MOMENTS), min_size=1))
def test_hold_is_never_shortened(extensions: list[tuple[float, float, float]]) -> None:
    hold = Hold()
    for now, asked, seconds in extensions:
        hold.extend(now, asked, seconds)
    assert hold.until == max(now + seconds for now, _, seconds in extensions)
    states = [(now + seconds, asked, now + asked) for now, asked, seconds in extensions]
    assert (hold.until, hold.asked, hold.ends) in states


@pytest.mark.parametrize(
    ("asked", "patience", "seconds"),
    [
        pytest.param(0.0, 120.0, 0.0, id="nothing"),
        pytest.param(121.0, 120.0, 121.0, id="longer than a call waits"),
        pytest.param(BELIEVED, 120.0, BELIEVED, id="the longest that is accepted"),
        pytest.param(BELIEVED + 1, 120.0, 120.0, id="longer than is accepted"),
        pytest.param(86_400.0, 120.0, 120.0, id="a day"),
        pytest.param(1e9, 120.0, 120.0, id="thirty years"),
        pytest.param(1e9, 0.0, SOONEST, id="of calls that do not wait"),
        pytest.param(86_400.0, 86_400.0, 86_400.0, id="what a patient call waits"),
        pytest.param(86_401.0, 86_400.0, 86_400.0, id="more than that"),
    ],
)
def test_how_long_one_answer_holds_all(asked: float, patience: float, seconds: float) -> None:
    assert held_for(asked, patience) == seconds


@pytest.mark.parametrize(
    ("asked", "spread"), [(0.0, 0.05), (0.5, 0.05), (1.0, 0.1), (20.0, 2.0), (3600.0, 5.0)]
)
def test_hold_is_released_over_a_tenth_of_it(asked: float, spread: float) -> None:
    assert Hold(until=100.0, asked=asked).spread() == pytest.approx(spread)


@pytest.mark.parametrize(
    ("now", "wait", "remaining", "allowed"),
    [
        pytest.param(90.0, 9.9, 10.0, True, id="in time"),
        pytest.param(90.0, 10.0, 10.0, False, id="at the very moment"),
        pytest.param(90.0, 10.1, 10.0, False, id="too late"),
        pytest.param(100.0, 0.0, 0.0, False, id="now it is over"),
        pytest.param(101.0, 0.0, 0.0, False, id="long over"),
        pytest.param(90.0, float("inf"), 10.0, False, id="for ever"),
        pytest.param(90.0, float("nan"), 10.0, False, id="no number"),
    ],
)
def test_deadline(now: float, wait: float, remaining: float, allowed: bool) -> None:
    deadline = Deadline(100.0)
    assert (deadline.remaining(now), deadline.allows(wait, now)) == (remaining, allowed)


# The policy.


def test_documented_defaults() -> None:
    policy = RetryPolicy()
    assert (policy.max_attempts, policy.base, policy.cap) == (6, 0.25, 8.0)
    assert (policy.max_retry_after, policy.quota) == (120.0, 500)
    assert [policy.ceiling(attempt) for attempt in range(1, 7)] == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0]


@given(st.integers(1, 60), st.floats(0.001, 100), st.floats(0.001, 3600))
def test_schedule_doubles_up_to_its_cap(max_attempts: int, base: float, cap: float) -> None:
    policy = RetryPolicy(max_attempts=max_attempts, base=base, cap=cap)
    ceilings = [policy.ceiling(attempt) for attempt in range(1, max_attempts + 1)]
    assert ceilings == [min(cap, base * 2**attempt) for attempt in range(max_attempts)]


@one_test
@pytest.mark.parametrize(
    "setting",
    [
        {"max_attempts": 0},
        {"max_attempts": -1},
        {"max_attempts": 2.5},
        {"max_attempts": True},
        {"max_attempts": "6"},
        {"max_attempts": None},
        {"base": 0},
        {"base": -0.1},
        {"base": float("nan")},
        {"base": float("inf")},
        {"base": True},
        {"base": "fast"},
        {"base": None},
        {"cap": 0.0},
        {"cap": -1},
        {"cap": float("nan")},
        {"cap": float("inf")},
        {"cap": None},
        {"cap": Decimal(8)},
        {"max_retry_after": -1.0},
        {"max_retry_after": float("nan")},
        {"max_retry_after": "120"},
        {"max_retry_after": None},
        {"quota": -1},
        {"quota": "500"},
        {"quota": 2.5},
        {"quota": None},
    ],
    ids=str,
)
def test_invalid_setting_is_refused(setting: dict[str, object]) -> None:
    with pytest.raises((ConfigurationError, ValueError)):
        RetryPolicy(**setting)  # type: ignore[arg-type]


@pytest.mark.parametrize("in_doubt", [True, False])
@pytest.mark.parametrize("done", [True, False])
def test_what_was_handed_over_may_have_changed(in_doubt: bool, done: bool) -> None:
    """Also when the attempt never ended: the effect of a cancelled call depends on it."""
    history = History(in_doubt)
    history.hand_over = HandOver()
    history.hand_over.done = done
    assert history.may_have_changed is (in_doubt or done)


def test_only_what_was_read_has_a_result() -> None:
    accepted = Delivered(Effect.APPLIED, StopReason.ANSWERED, reading=Reading(Verdict.ACCEPTED, result=7))
    assert accepted.result == 7
    assert Delivered(Effect.UNKNOWN, StopReason.DEADLINE).result is None
