"""The scope of a wait, all requests or one alone: the rule, and runs against limits of both kinds."""

import asyncio
from collections.abc import Callable
from itertools import pairwise
from math import ceil, floor

import pytest
from answering_wire import Wire, answered, asks, calls_over, points
from conftest import Clock
from hypothesis import given
from hypothesis import strategies as st
from one_test import one_test
from virtual import GOOD, Answers, Client, Provider, all_of, many, now, runtime, status, virtual, wide

from bonifiq_async import CashbackBatch, Effect, Outcome, RetryAfterTooLong, RetryPolicy
from bonifiq_async._model.evidence import Evidence, HandOver
from bonifiq_async._policy.request import PreparedRequest, prepare
from bonifiq_async._policy.wait_scope import FIRSTS, MOST, Turn, WaitScope
from bonifiq_async.bonifiq import operations

# The rule: a is asked to wait, repeatedly; `b` and `c` are others.
FIRST, LATER, PASSED = "asked as the first", "asked after others", "passed"
OWN = [("a", LATER), *[("a", FIRST)] * FIRSTS, ("b", PASSED), ("a", LATER)]
"""The events that show that the wait of `a` is its own."""

HISTORIES = {
    "as the first, then after others that get through": (OWN, True, Turn.LAST),
    "it stays so": ([*OWN, ("a", LATER)], True, Turn.LAST),
    "asked once": (OWN[:1], False, Turn.FIRST),
    "as the first once": (OWN[:2], False, Turn.FIRST),
    "as the first twice: others shall go before": (OWN[: 1 + FIRSTS], False, Turn.LAST),
    "others have not got through": ([*OWN[: 1 + FIRSTS], ("a", LATER)], False, Turn.LAST),
    "others got through before alone": (
        [("a", LATER), ("b", PASSED), *[("a", FIRST)] * FIRSTS, ("a", LATER)],
        False,
        Turn.LAST,
    ),
    "never as the first": ([("a", LATER), *[("b", PASSED), ("a", LATER)] * 9], False, Turn.FIRST),
    "always as the first": ([("a", LATER), *[("b", PASSED), ("a", FIRST)] * 9], False, Turn.LAST),
    "another is asked for the first time": ([*OWN, ("c", LATER), ("a", LATER)], False, Turn.FIRST),
    "and goes first itself": ([*OWN, ("c", LATER)], False, Turn.ANY),
    "one that was asked gets through": (
        [("c", LATER), *OWN, ("c", PASSED), ("a", LATER)],
        False,
        Turn.FIRST,
    ),
    "one that was asked is asked again": ([("c", LATER), *OWN, ("c", LATER), ("a", LATER)], True, Turn.LAST),
    "it gets through itself": ([*OWN, ("a", PASSED), ("a", LATER)], False, Turn.FIRST),
}


def after(history: list[tuple[str, str]]) -> tuple[WaitScope, bool]:
    """Return the state after a history, and whether the last wait is for that request alone."""
    scope, alone = WaitScope(), False
    for moment, (name, what) in enumerate(history):
        if what is PASSED:
            scope.passed(name, float(moment))
        else:
            alone = scope.tell(name, float(moment), first=what is FIRST)
    return scope, alone


@one_test
@pytest.mark.parametrize(("history", "alone", "turn"), HISTORIES.values(), ids=HISTORIES)
def test_the_scope_of_a_wait_and_the_turn_of_its_request(
    history: list[tuple[str, str]], alone: bool, turn: Turn
) -> None:
    scope, found = after(history)
    assert (found, scope.turn("a")) == (alone, turn)


def test_a_request_without_a_wait_goes_at_random() -> None:
    assert WaitScope().turn("a") is Turn.ANY
    assert after(OWN)[0].turn("b") is Turn.ANY


def test_a_request_sent_before_the_wait_shows_nothing() -> None:
    """Its answer came later, but it may have reached the provider earlier."""
    scope, _ = after(OWN[: 1 + FIRSTS])
    scope.passed("b", 0.5)
    assert scope.tell("a", 10.0, first=False) is False


NAMES = st.sampled_from("abcdefgh")


@given(st.lists(st.tuples(NAMES, st.lists(NAMES, max_size=5), NAMES), max_size=40))
def test_the_limit_of_an_account_never_counts_as_that_of_one_request(windows) -> None:
    """Each window lets the first through, and some after it, until one is asked to wait for the next."""
    scope, moment = WaitScope(), 0.0
    for first, others, refused in windows:
        for name in (first, *others):
            scope.passed(name, moment := moment + 1)
        moment += 1
        assert scope.tell(refused, moment, first=False) is False


@given(st.lists(st.integers(0, 5), min_size=3 * FIRSTS, max_size=40))
def test_a_request_that_is_always_throttled_is_recognised(passes: list[int]) -> None:
    """Whatever succeeds in between, when it goes first, and last, as decided."""
    scope, moment, found = WaitScope(), 0.0, []
    scope.tell("a", moment, first=False)
    for number, count in enumerate(passes):
        first = scope.turn("a") is Turn.FIRST
        for other in range(0 if first else count):
            scope.passed(f"{number} {other}", moment := moment + 1)
        found.append(scope.tell("a", moment := moment + 1, first=first or count == 0))
    shown = [number for number, count in enumerate(passes) if number >= FIRSTS and count]
    assert found == [bool(shown) and number >= shown[0] for number in range(len(passes))]


def test_what_is_remembered_is_bounded() -> None:
    scope = WaitScope()
    for number in range(10 * MOST):
        scope.tell(f"{number}", float(number), first=False)
    assert len(scope.told) == MOST


# Runs of the real client, in virtual time. No request may arrive within a wait that was asked for.


class Recording(Provider):
    """Records the waits that it has asked for, and when."""

    def __init__(self, answers: Answers) -> None:
        super().__init__(answers, takes=0.05)
        self.told: list[tuple[float, float]] = []

    async def attempt(self, request: PreparedRequest, seconds: float, hand_over: HandOver) -> Evidence:
        answer = await super().attempt(request, seconds, hand_over)
        if answer.status == 429:
            self.told.append((now(), float(answer.header("retry-after")[0])))
        return answer

    def early(self) -> list[tuple[float, str]]:
        """Return the requests that came while one was asked to wait."""
        return [
            (came, key)
            for came, key in self.arrivals
            if any(told < came < told + asked - 1e-6 for told, asked in self.told)
        ]


def window(quota: int, seconds: float) -> Answers:
    """Accept `quota` requests in each window of `seconds`, of all customers together."""
    taken: dict[int, int] = {}

    def answer(_: Provider, __: str) -> Evidence:
        this = int(now() // seconds)
        taken[this] = taken.get(this, 0) + 1
        return GOOD if taken[this] <= quota else status(429, max(0.01, (this + 1) * seconds - now()))

    return answer


def bucket(rate: float, burst: float, spelt: Callable[[float], float]) -> Answers:
    """Accept `rate` requests a second, and `burst` at once."""
    tokens, last = burst, now()

    def answer(_: Provider, __: str) -> Evidence:
        nonlocal tokens, last
        tokens, last = min(burst, tokens + (now() - last) * rate), now()
        if tokens < 1:
            return status(429, spelt((1 - tokens) / rate))
        tokens -= 1
        return GOOD

    return answer


LIMITS: dict[str, Callable[[], Answers]] = {
    **{f"{n} in {s:.0f} s": lambda n=n, s=s: window(n, s) for n, s in ((1, 5.0), (2, 20.0), (10, 20.0))},
    **{f"{r} a second, {b} at once": lambda r=r, b=b: bucket(r, b, ceil) for r, b in ((0.2, 5), (5, 20))},
}


async def run(provider: Provider, width: int, rows: int) -> list[Outcome]:
    """Apply `rows` rows as the command line does."""
    client = Client(provider, policy=RetryPolicy(max_attempts=12), call=180.0)
    return await all_of(CashbackBatch(client, flow=wide(width), runtime=runtime()), many(rows))


@pytest.mark.parametrize("width", [1, 2, 8, 64])
@pytest.mark.parametrize("limit", LIMITS.values(), ids=LIMITS)
@virtual
async def test_no_request_is_sent_within_a_hold_of_an_account(
    limit: Callable[[], Answers], width: int
) -> None:
    """Whichever row reaches the limit, and however often: all rows wait, and all are applied."""
    provider = Recording(limit())
    outcomes = await run(provider, width, 60)
    assert {outcome.effect for outcome in outcomes} == {Effect.APPLIED}
    assert provider.told
    assert provider.early() == []


@virtual
async def test_a_wait_that_is_too_short_is_seldom_misread() -> None:
    """It rounds down, so that the first after the wait is refused, too."""
    provider = Recording(bucket(0.2, 5, floor))
    outcomes = await run(provider, 8, 60)
    assert {outcome.effect for outcome in outcomes} == {Effect.APPLIED}
    assert len(provider.early()) <= 0.02 * len(provider.arrivals)


@pytest.mark.parametrize(
    ("poison", "width", "rows"),
    [
        (("7",), 2, 400),
        (("7",), 8, 400),
        (("7",), 64, 400),
        (("0",), 8, 400),
        (("7", "30"), 8, 400),
        (("7", "30"), 64, 1_600),  # with fewer, the others are through before they can show anything
    ],
    ids=str,
)
@virtual
async def test_a_row_that_is_always_asked_to_wait_holds_the_others_a_few_times(
    poison: tuple[str, ...], width: int, rows: int
) -> None:
    """After that it waits alone, ends, and is not begun again: others were in flight with it."""
    provider = Recording(lambda _, key: status(429, 20) if key in poison else GOOD)
    began = now()
    outcomes = await run(provider, width, rows)
    by_key = {outcome.change.change_key: outcome for outcome in outcomes}
    for key, outcome in by_key.items():
        assert outcome.effect is (Effect.NOT_APPLIED if key in poison else Effect.APPLIED)
    held = [began + 20 * number for number in range(30)]
    ended = max(came for came, key in provider.arrivals if key not in poison)
    assert ended < held[6 if len(poison) == 1 else 15]
    assert now() - began < 400


@virtual
async def test_a_row_whose_own_wait_is_too_long_ends_and_stops_no_run() -> None:
    """Each of its rounds is one attempt; others succeed in between."""
    provider = Recording(lambda _, key: status(429, 150) if key == "3" else GOOD)
    outcomes = await run(provider, 8, 3_000)
    bad = [outcome for outcome in outcomes if outcome.effect is not Effect.APPLIED]
    assert [outcome.change.change_key for outcome in bad] == ["3"]
    assert isinstance(bad[0].error, RetryAfterTooLong)
    assert 3 <= len(bad[0].attempts) <= 6


async def test_single_calls_are_not_held_for_ever_by_one_of_them(clock: Clock) -> None:
    """A service repeatedly reads a customer that the provider locks, and others meanwhile."""
    requests: list[tuple[float, str]] = []

    class Locked(Wire):
        async def attempt(self, request: PreparedRequest, seconds: float, hand_over: HandOver) -> Evidence:
            requests.append((clock.now, request.path))
            await clock.sleep(0.01)
            hand_over.done = True
            if "BAD" not in request.path:
                return answered()
            hand_over.head(429, (("Retry-After", "5"),))
            return asks(5)

    calls = calls_over(Locked(clock, lambda _: answered()), clock)
    bad = prepare(operations.POINTS, "https://provider", {"id": "BAD"})

    async def reads_one() -> None:
        for _ in range(20):
            assert isinstance(await points(calls, request=bad), Exception)

    async def reads_others() -> None:
        for number in range(400):
            request = prepare(operations.POINTS, "https://provider", {"id": f"{number}"})
            assert not isinstance(await points(calls, request=request), Exception)
            await clock.sleep(1.0)

    await asyncio.gather(reads_one(), reads_others())
    others = [moment for moment, path in requests if "BAD" not in path]
    waits = [after - before for before, after in pairwise(others)]
    assert sum(wait > 3 for wait in waits) <= 2 * (FIRSTS + 1)
    assert max(waits[20:]) < 2
