"""One key is one change: joined while in flight, answered from memory after, in doubt until it is settled."""

import asyncio
from collections.abc import Callable
from decimal import Decimal

import attrs
import pytest
from conftest import change, claims_of, client_for, delivery_of, once, until

from bonifiq_async import (
    ChangeKeyConflict,
    Effect,
    MemoryLedger,
    NotAppliedError,
    OutcomeUnknownError,
    StopReason,
)
from bonifiq_async._delivery import calls
from bonifiq_async._delivery.single_flight import SingleFlight
from bonifiq_async._model.evidence import HandOver
from bonifiq_async._policy.history import Delivered, History
from bonifiq_async._policy.request import PreparedRequest
from bonifiq_async.ledger.protocol import Intent, Ruling
from bonifiq_async.sandbox import FaultScript

CHANGE = change()
KEY = CHANGE.change_key
OTHERS = {
    "another amount": change(value="11"),
    "another customer": change(customer="BEA"),
    "another reason": attrs.evolve(CHANGE, reason="Goodwill"),
    "another customer reason": attrs.evolve(CHANGE, customer_reason="Thanks"),
    "the other sign": change(value="-10"),
}
other_change = pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS.keys())


async def test_same_key_twice_at_once_is_one_request_with_two_outcomes(sandbox) -> None:
    server = sandbox(faults=FaultScript(["slow"]))
    async with client_for(server) as client:
        outcomes = await asyncio.gather(*(client.customers.change_cashback(CHANGE) for _ in range(20)))
    assert server.books.requests == 1
    assert [outcome.effect for outcome in outcomes] == [Effect.APPLIED] * 20
    assert all(outcome.result.cashback_balance == Decimal(10) for outcome in outcomes)
    assert all(len(outcome.attempts) == 1 for outcome in outcomes)
    given = [id(outcome.attempts[0]) for outcome in outcomes]
    assert len(set(given)) == 20  # no other caller sees what one does to its own
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        outcomes[0].result.cashback_balance = Decimal(0)  # which all of them share


async def test_joined_calls_get_the_failure_of_the_sending_call(sandbox) -> None:
    server = sandbox(faults=FaultScript(["422"]))
    async with client_for(server) as client:
        outcomes = await asyncio.gather(*(client.outcome_of(CHANGE) for _ in range(5)))
    assert server.books.requests == 1
    assert {outcome.effect for outcome in outcomes} == {Effect.REFUSED}


@other_change
async def test_other_change_under_a_key_in_flight_is_refused_unsent(other, sandbox) -> None:
    server = sandbox(faults=FaultScript(["silence-before"]))
    async with client_for(server) as client:
        first = asyncio.create_task(client.customers.change_cashback(CHANGE))
        await until(lambda: server.books.requests == 1)
        with pytest.raises(ChangeKeyConflict, match=KEY) as caught:
            await client.customers.change_cashback(other)
        assert (caught.value.effect, caught.value.change_key) == (Effect.NOT_APPLIED, KEY)
        first.cancel()
        await asyncio.wait([first])
    assert server.books.requests == 1


@pytest.mark.parametrize("faults", [(), ("html-before",)], ids=["applied", "in doubt"])
@other_change
async def test_other_change_under_a_known_key_is_refused_unsent(other, faults, sandbox) -> None:
    server = sandbox(faults=FaultScript(faults))
    async with client_for(server) as client:
        await client.outcome_of(CHANGE)
        outcome = await client.outcome_of(other)
        assert isinstance(outcome.error, ChangeKeyConflict)
        assert (outcome.effect, outcome.attempts) == (Effect.NOT_APPLIED, ())
        assert client.in_doubt() == ((KEY,) if faults else ())
    assert server.books.requests == 1


@pytest.mark.parametrize("mode", ["replay", "error-400"])
async def test_an_applied_change_is_answered_from_memory(mode, sandbox) -> None:
    server = sandbox(duplicates=mode, faults=FaultScript(["close-after"]))
    async with client_for(server) as client:
        first = await client.customers.change_cashback(CHANGE)
        again = await client.customers.change_cashback(CHANGE)
    assert first.effect is (Effect.APPLIED if mode == "replay" else Effect.ALREADY_APPLIED)
    assert (again.effect, again.attempts, again.result) == (Effect.ALREADY_APPLIED, (), None)
    assert server.books.requests == len(first.attempts) == 2


async def test_a_joined_call_goes_on_when_the_leader_is_cancelled(sandbox) -> None:
    server = sandbox(faults=FaultScript(["silence-after"]), duplicates="error-409")
    async with client_for(server) as client:
        leader = asyncio.create_task(client.customers.change_cashback(CHANGE))
        listeners = [asyncio.create_task(client.customers.change_cashback(CHANGE)) for _ in range(3)]
        await until(lambda: server.books.requests == 1)
        leader.cancel()
        outcomes = await asyncio.gather(*listeners)
        assert leader.cancelled()
        assert client.in_doubt() == ()
    assert [outcome.effect for outcome in outcomes] == [Effect.ALREADY_APPLIED] * 3
    assert server.books.requests == server.books.requests_for(KEY) == 2
    assert len(server.books.effects(KEY)) == 1


async def test_a_cancelled_joined_call_affects_neither_leader_nor_the_others(sandbox) -> None:
    server = sandbox(faults=FaultScript(["slow"]))
    async with client_for(server) as client:
        calls = [asyncio.create_task(client.customers.change_cashback(CHANGE)) for _ in range(4)]
        await until(lambda: server.books.requests == 1)
        calls[2].cancel()
        await asyncio.wait([calls[2]])
        assert client.in_doubt() == (KEY,)  # what the joined call leaves, until the leader is answered
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert client.in_doubt() == ()
    assert isinstance(outcomes.pop(2), asyncio.CancelledError)
    assert {outcome.effect for outcome in outcomes} == {Effect.APPLIED}
    assert server.books.requests == 1


async def test_a_joined_call_cancelled_as_the_outcome_comes_leaves_no_doubt() -> None:
    """The other call has reported its end, and does not report it a second time."""
    claims, landed = claims_of(), asyncio.Event()

    async def deliver(history: History, seconds: float) -> Delivered[None]:
        await landed.wait()
        asyncio.get_running_loop().call_soon(listener.cancel)
        return Delivered(Effect.APPLIED, StopReason.ANSWERED)

    leader = asyncio.create_task(once(claims, _request(1), deliver, seconds=5))
    await asyncio.sleep(0)
    listener = asyncio.create_task(once(claims, _request(1), deliver, seconds=5))
    await asyncio.sleep(0)
    landed.set()
    await asyncio.wait([leader, listener])
    assert listener.cancelled() and claims.in_doubt() == ()


async def test_a_joined_call_whose_time_is_over_ends_as_unknown(sandbox) -> None:
    server = sandbox(faults=FaultScript(["silence-before"]))
    async with client_for(server) as client:
        leader = asyncio.create_task(client.customers.change_cashback(CHANGE))
        await until(lambda: server.books.requests == 1)
        with pytest.raises(OutcomeUnknownError, match="in flight") as caught:
            await client.customers.change_cashback(CHANGE, deadline=0.05)
        assert (caught.value.effect, caught.value.change_key) == (Effect.UNKNOWN, KEY)
        assert not leader.done()
        assert client.in_doubt() == (KEY,)
        leader.cancel()
        await asyncio.wait([leader])
        assert delivery_of(client).limiter.active == 0


async def test_doubt_outlives_a_later_refusal(sandbox) -> None:
    server = sandbox(faults=FaultScript(["html-after", "400", "401", "429-long"]), duplicates="error-400")
    async with client_for(server) as client:
        for _ in range(4):
            outcome = await client.outcome_of(CHANGE)
            assert outcome.effect is Effect.UNKNOWN and isinstance(outcome.error, OutcomeUnknownError)
            assert client.in_doubt() == (KEY,)
        delivery_of(client).hold.until = float("-inf")  # the day that the provider asked for has passed
        settled = await client.outcome_of(CHANGE)
        assert settled.effect is Effect.ALREADY_APPLIED
        assert client.in_doubt() == ()
    assert len(server.books.effects(KEY)) == 1


async def test_in_doubt_lists_keys_oldest_first(sandbox) -> None:
    server = sandbox(faults=FaultScript(["html-before", "", "400", "html-before"]))
    async with client_for(server) as client:
        for key in ("a", "b", "c", "d"):
            await client.outcome_of(change(key))
        assert client.in_doubt() == ("a", "d")


@pytest.mark.parametrize(
    ("fault", "effect"),
    [("429-long", Effect.NOT_APPLIED), ("422", Effect.REFUSED), ("401", Effect.REFUSED)],
    ids=str,
)
async def test_a_key_under_which_nothing_happened_is_free(fault, effect, sandbox) -> None:
    server = sandbox(faults=FaultScript([fault]))
    async with client_for(server) as client:
        assert (await client.outcome_of(CHANGE)).effect is effect
        delivery_of(client).hold.until = float("-inf")
        corrected = change(value="12")
        assert (await client.customers.change_cashback(corrected)).effect is Effect.APPLIED
    assert server.books.balance("ANA") == 12


async def test_a_change_given_up_before_it_was_sent_may_be_made_again(sandbox) -> None:
    server = sandbox()
    server.refuse_connections()
    async with client_for(server) as client:
        with pytest.raises(NotAppliedError):
            await client.customers.change_cashback(CHANGE)
        assert client.in_doubt() == ()
        server.accept_connections()
        assert (await client.customers.change_cashback(CHANGE)).effect is Effect.APPLIED
    assert server.books.requests == 1


def _request(number: int, body: bytes = b"{}") -> PreparedRequest:
    return PreparedRequest("POST", "https://provider", "/change", body, f"key-{number}")


def _ends_with(effect: Effect, calls: list[bool]) -> Callable[[History], object]:
    async def deliver(history: History, seconds: float) -> Delivered[None]:
        calls.append(history.in_doubt)
        await asyncio.sleep(0)
        return Delivered(effect, StopReason.ANSWERED)

    return deliver


@pytest.mark.parametrize(
    ("effect", "sent_again"), [(Effect.APPLIED, False), (Effect.UNKNOWN, True)], ids=["applied", "in doubt"]
)
async def test_memory_is_bounded_and_the_oldest_goes_first(effect: Effect, sent_again: bool) -> None:
    claims, calls = claims_of(10), []
    for number in range(500):
        await once(claims, _request(number), _ends_with(effect, calls), seconds=1)
    kept = tuple(f"key-{number}" for number in range(490, 500))
    assert claims.in_doubt() == (kept if effect is Effect.UNKNOWN else ())

    calls.clear()
    for number in (490, 499):  # remembered
        await once(claims, _request(number), _ends_with(effect, calls), seconds=1)
    assert calls == [True, True] if sent_again else calls == []
    calls.clear()
    for number in (0, 489):  # forgotten
        await once(claims, _request(number), _ends_with(effect, calls), seconds=1)
    assert calls == [False, False]


async def test_nothing_is_kept_of_a_flight_that_has_ended() -> None:
    claims, calls = claims_of(10), []
    for number in range(50):
        deliver = _ends_with(Effect.REFUSED, calls)
        await asyncio.gather(*(once(claims, _request(number), deliver, seconds=1) for _ in range(3)))
    assert len(calls) == 50
    assert claims.under_way == 0 and claims.in_doubt() == ()


async def test_each_joined_call_in_turn_becomes_the_leader() -> None:
    claims, sending = claims_of(), []
    gate = asyncio.Event()

    async def deliver(history: History, seconds: float) -> Delivered[None]:
        sending.append(history.in_doubt)
        history.hand_over = HandOver()
        history.hand_over.done = True
        await gate.wait()
        return Delivered(Effect.APPLIED, StopReason.ANSWERED)

    calls = [asyncio.create_task(once(claims, _request(1), deliver, seconds=30)) for _ in range(4)]
    for leader in calls[:3]:
        await until(lambda: len(sending) == calls.index(leader) + 1)  # noqa: B023 - awaited in this turn
        leader.cancel()
        await asyncio.wait([leader])
        assert claims.in_doubt() == ("key-1",)
    await until(lambda: len(sending) == 4)
    gate.set()
    assert (await calls[3]).effect is Effect.APPLIED
    assert sending == [False, True, True, True]
    assert claims.in_doubt() == ()


async def test_the_same_amount_in_another_spelling_is_the_same_change(sandbox) -> None:
    server = sandbox()
    async with client_for(server) as client:
        effects = [
            (await client.customers.change_cashback(change(value=value))).effect
            for value in ("10.50", "10.5")
        ]
    assert effects == [Effect.APPLIED, Effect.ALREADY_APPLIED]
    assert server.books.requests == 1


async def test_a_joined_call_goes_on_when_the_time_of_the_leader_ends(sandbox) -> None:
    server = sandbox(faults=FaultScript(["silence-after"]), duplicates="error-400")
    async with client_for(server) as client:
        hasty = asyncio.create_task(client.outcome_of(change(), deadline=0.2))
        await until(lambda: server.books.requests == 1)
        patient = await client.outcome_of(change(), deadline=10)
        assert (await hasty).effect is Effect.UNKNOWN
    assert patient.effect is Effect.ALREADY_APPLIED
    assert len(server.books.effects(change().change_key)) == 1


@pytest.mark.parametrize("reason", [StopReason.DEADLINE, StopReason.OUTAGE, StopReason.STOPPED], ids=str)
async def test_a_joined_call_goes_on_where_the_leader_could_not_send(reason: StopReason) -> None:
    """Its own deadline or the end of its batch stopped the leader, not the joined call."""
    claims, request, go = claims_of(), _request(1), asyncio.Event()

    async def leads(history: History, seconds: float) -> Delivered[None]:
        await go.wait()
        return Delivered(Effect.NOT_APPLIED, reason)

    async def follows(history: History, seconds: float) -> Delivered[None]:
        return Delivered(Effect.APPLIED, StopReason.ANSWERED)

    leader = asyncio.create_task(once(claims, request, leads, seconds=5))
    await asyncio.sleep(0)
    listener = asyncio.create_task(once(claims, request, follows, seconds=5))
    await asyncio.sleep(0)
    go.set()
    assert (await leader).effect is Effect.NOT_APPLIED
    assert (await listener).effect is Effect.APPLIED


async def test_the_time_spent_listening_is_part_of_the_deadline() -> None:
    claims, left = claims_of(), []
    request, loop = _request(1), asyncio.get_running_loop()

    async def leads(history: History, seconds: float) -> Delivered[None]:
        await asyncio.sleep(0.2)
        raise asyncio.CancelledError

    async def follows(history: History, seconds: float) -> Delivered[None]:
        left.append((seconds, loop.time()))
        return Delivered(Effect.APPLIED, StopReason.ANSWERED)

    leader = asyncio.create_task(once(claims, request, leads, seconds=5))
    await asyncio.sleep(0)
    begun = loop.time()
    await once(claims, request, follows, seconds=5)
    await asyncio.wait([leader])
    [(seconds, at)] = left
    assert seconds == pytest.approx(begun + 5 - at, abs=0.05)


async def test_a_ledger_has_time_to_open_however_short_the_call() -> None:
    """The time to open it does not count in the call."""

    class Slow(MemoryLedger):
        async def bind(self, provider: str, account: str) -> None:
            await asyncio.sleep(0.1)
            await super().bind(provider, account)

    async def deliver(history: History, seconds: float) -> Delivered[None]:
        return Delivered(Effect.APPLIED, StopReason.ANSWERED)

    claims = SingleFlight(Slow(), "provider", "account", asyncio.sleep)
    delivered = await once(
        claims, PreparedRequest("POST", "http://a", "/b", b"{}", "key"), deliver, seconds=0.01
    )
    assert delivered.effect is Effect.APPLIED


@pytest.mark.parametrize(
    ("seconds", "lease", "within"),
    [
        (100, 130, 100),
        (0.5, 30.5, 1),
        (-float("inf"), 30, 1),
        (100_000, 86_400, 100_000),
        (float("inf"), 86_400, float("inf")),
    ],
)
async def test_a_claim_outlives_its_call_by_half_a_minute_and_holds_for_a_day_at_the_most(
    seconds: float, lease: float, within: float
) -> None:
    """A call without a deadline must not hold its change for ever; one without time gets a lease, too."""
    asked = []

    class Recording(MemoryLedger):
        async def claim(self, intent: Intent, *, lease: float, repeatable: bool, within: float) -> Ruling:
            asked.append((lease, within))
            return await super().claim(intent, lease=lease, repeatable=repeatable, within=within)

    async def deliver(history: History, seconds: float) -> Delivered[None]:
        return Delivered(Effect.APPLIED, StopReason.ANSWERED)

    claims = SingleFlight(Recording(), "provider", "account", asyncio.sleep)
    await once(claims, _request(1), deliver, seconds=seconds)
    assert asked == [pytest.approx((lease, within), abs=0.4)]


async def test_a_fault_after_the_answer_leaves_a_doubt_and_no_flight(sandbox, monkeypatch) -> None:
    """An accepted change is not reported as not applied because of a later fault of the library."""
    server, ledger = sandbox(faults=FaultScript(["slow", "422"])), MemoryLedger()
    async with client_for(server, ledger=ledger) as client, client_for(server, ledger=ledger) as another:
        with monkeypatch.context() as patch:
            patch.setattr(calls, "error_of", lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                await client.outcome_of(CHANGE)
        assert client.in_doubt() == (KEY,)
        assert (await another.outcome_of(CHANGE)).effect is Effect.UNKNOWN  # refused, but in doubt there, too
        assert (await client.outcome_of(CHANGE)).effect is Effect.APPLIED
        assert client.in_doubt() == ()
    assert len(server.books.effects(KEY)) == 1
