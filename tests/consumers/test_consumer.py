"""A consumer: one effect for each event, in order, bounded; what stops it, and what is given back then."""

import asyncio
from pathlib import Path

import pytest
from conftest import client_for
from events import event, to_change
from virtual import DOWN, GOOD, Client, Provider, now, runtime, status, virtual

from bonifiq_async import (
    AuthenticationError,
    CashbackChange,
    ConfigurationError,
    Effect,
    LedgerError,
    SqliteLedger,
)
from bonifiq_async._model.evidence import Evidence
from bonifiq_async.consumers import Ack, Aside, Consumer, Retry
from bonifiq_async.consumers.consumer import HELD
from bonifiq_async.ledger.memory import MemoryLedger
from bonifiq_async.ledger.protocol import Ending, Intent
from bonifiq_async.sandbox import FaultScript


def consumer_of(provider: Provider, ledger: MemoryLedger | None = None, **settings: object) -> Consumer:
    return Consumer(Client(provider, ledger=ledger), to_change, runtime=runtime(), **settings)


def kinds(decisions: list[object]) -> list[str]:
    return [type(each).__name__ for each in decisions]


@virtual
async def test_each_event_has_one_effect_and_the_order_of_its_customer() -> None:
    provider = Provider()
    numbers = [*range(60), *range(0, 60, 5)]  # every fifth is delivered twice
    async with consumer_of(provider) as consumer:
        settled = [consumer.settle(event(number, f"c{number % 7}")) for number in numbers]
        decisions = await asyncio.gather(*settled)
        assert consumer.summary.applied == 60 and consumer.summary.already_applied == 12
    assert set(kinds(decisions)) == {"Ack"}
    assert set(provider.applied.values()) == {1} and len(provider.applied) == 60
    assert customers_in_order(provider, 7)


@virtual
async def test_changes_of_a_customer_are_in_flight_side_by_side_without_order() -> None:
    for ordered, together in ((True, 1), (False, 8)):
        provider = Provider(takes=1.0)
        widest = 0
        async with consumer_of(provider, ordered=ordered) as consumer:
            settled = [asyncio.create_task(consumer.settle(event(number))) for number in range(8)]
            while not all(each.done() for each in settled):
                await asyncio.sleep(0.1)
                widest = max(widest, provider.at_once)
        assert widest == together


@virtual
async def test_no_more_are_in_flight_than_is_said() -> None:
    provider, widest = Provider(takes=1.0), 0
    async with consumer_of(provider, max_in_flight=3) as consumer:
        settled = [asyncio.create_task(consumer.settle(event(n, f"c{n}"))) for n in range(40)]
        while not all(each.done() for each in settled):
            await asyncio.sleep(0.1)
            widest = max(widest, provider.at_once)
    assert widest == 3


def customers_in_order(provider: Provider, customers: int) -> bool:
    """Say whether each customer's changes were applied in the order of their events."""
    for customer in range(customers):
        sent = [int(key.rpartition("-")[2]) for key in provider.applied if f"-c{customer}-" in key]
        assert sent == sorted(sent)
    return True


@virtual
async def test_an_outage_is_waited_out_in_order_and_gives_nothing_back() -> None:
    provider = Provider(lambda *_: GOOD if now() > 1_000.0 + 7_200.0 else DOWN)
    async with consumer_of(provider) as consumer:
        settled = [consumer.settle(event(number, f"c{number % 10}")) for number in range(30)]
        decisions = await asyncio.gather(*settled)
    assert kinds(decisions) == ["Ack"] * 30
    assert customers_in_order(provider, 10)
    assert len(provider.tried) < 500  # two hours of probes, not of hammering


@virtual
async def test_a_change_that_fails_alone_is_held_before_the_next_of_its_customer() -> None:
    def answers(_: Provider, key: str) -> Evidence:
        return status(500) if key.endswith("-1") and now() < 1_600.0 else GOOD

    provider = Provider(answers)
    async with consumer_of(provider) as consumer:
        settled = [consumer.settle(event(number, f"c{number % 2}")) for number in range(6)]
        decisions = await asyncio.gather(*settled)
        assert kinds(decisions) == ["Ack"] * 6
    assert customers_in_order(provider, 2) and next(iter(provider.applied)) == "ADD-c0-10-0"
    assert [key for key in provider.applied if "-c1-" not in key] == list(provider.applied)[:3]
    assert now() >= 1_600.0 and len(provider.tried) < 500


@virtual
async def test_a_change_that_fails_alone_for_too_long_is_given_back() -> None:
    provider = Provider(lambda _, key: status(500) if key.endswith("-1") else GOOD)
    async with consumer_of(provider) as consumer:
        failing = asyncio.create_task(consumer.settle(event(1)))
        others = 2
        while not failing.done():  # the provider is at work for others
            assert isinstance(await consumer.settle(event(others, "EVA")), Ack)
            others += 1
            await asyncio.sleep(5.0)
        given_back = await failing
    assert isinstance(given_back, Retry) and given_back.outcome.effect is Effect.UNKNOWN
    assert HELD <= now() - 1_000.0 < 2 * HELD


@virtual
async def test_a_change_that_fails_alone_in_a_quiet_hour_is_no_outage() -> None:
    """It is one change, however often it is delivered: it is given back, and the next one does not wait."""
    provider = Provider(lambda _, key: status(500) if key.endswith("-1") else GOOD)
    async with consumer_of(provider) as consumer:
        assert isinstance(await consumer.settle(event(0)), Ack)
        failing = asyncio.create_task(consumer.settle(event(1)))
        await asyncio.sleep(HELD / 2)
        began = now()
        assert isinstance(await consumer.settle(event(2, "EVA")), Ack)
        assert now() - began < 1.0
        async with asyncio.timeout(2 * HELD):
            assert isinstance(await failing, Retry)


@virtual
async def test_a_held_change_does_not_keep_the_consumer_from_stopping() -> None:
    provider = Provider(lambda _, key: status(500) if key.endswith("-1") else GOOD)
    consumer = consumer_of(provider)
    assert isinstance(await consumer.settle(event(0)), Ack)
    held = [asyncio.create_task(consumer.settle(event(number))) for number in (1, 2)]
    await asyncio.sleep(HELD / 2)
    began = now()
    await consumer.drain()
    assert kinds(await asyncio.gather(*held)) == ["Retry", "Retry"] and now() - began < 30.0


@virtual
async def test_what_waits_behind_a_held_change_is_given_back_when_an_error_stops_the_consumer() -> None:
    def answers(_: Provider, key: str) -> Evidence:
        return status(500) if key.endswith("-1") else status(401) if "-EVA-" in key else GOOD

    async with consumer_of(Provider(answers)) as consumer:
        assert isinstance(await consumer.settle(event(0)), Ack)
        held = [asyncio.create_task(consumer.settle(event(number))) for number in (1, 2, 3)]
        await asyncio.sleep(20.0)  # its rounds are over, and it waits to be tried again
        assert isinstance(await consumer.settle(event(4, "EVA")), Retry)
        async with asyncio.timeout(60.0):
            assert kinds(await asyncio.gather(*held)) == ["Retry"] * 3


@virtual
async def test_a_wrong_credential_stops_the_consumer_and_gives_everything_back() -> None:
    provider, stops = Provider(lambda *_: status(401), takes=1.0), []
    async with consumer_of(provider, max_in_flight=4, on_stop=stops.append) as consumer:
        settled = [consumer.settle(event(number, f"c{number}")) for number in range(200)]
        decisions = await asyncio.gather(*settled)
        assert kinds(decisions) == ["Retry"] * 200
        assert kinds([await consumer.settle(event(900))]) == ["Retry"]
    assert isinstance(consumer.stopped_by, AuthenticationError) and stops == [consumer.stopped_by]
    assert len(provider.tried) <= 8
    assert any(decision.outcome is None for decision in decisions)


class Failing(MemoryLedger):
    """Takes no outcome."""

    async def end(self, intent: Intent, fence: int, ending: Ending) -> bool:
        raise LedgerError("the disk is full")


@virtual
async def test_a_ledger_that_fails_stops_the_consumer() -> None:
    consumer = consumer_of(Provider(), Failing())
    assert await consumer.settle(event(1)) == Retry(0.0, None)
    assert isinstance(consumer.stopped_by, LedgerError) and consumer.stopping
    await consumer.drain()


class Slow(MemoryLedger):
    """Writes each outcome in ten seconds; `written` are the keys whose outcome is kept."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[str] = []

    async def end(self, intent: Intent, fence: int, ending: Ending) -> bool:
        await asyncio.sleep(10.0)
        self.written.append(intent.key)
        return await super().end(intent, fence, ending)


@virtual
async def test_nothing_is_decided_before_the_ledger_has_it() -> None:
    ledger = Slow()
    async with consumer_of(Provider(), ledger) as consumer:
        decision = await consumer.settle(event(1))
        assert isinstance(decision, Ack) and ledger.written == [decision.outcome.change.change_key]


@virtual
async def test_poison_is_put_aside_without_a_request() -> None:
    provider = Provider()
    async with consumer_of(provider) as consumer:
        assert (
            kinds([await consumer.settle(each) for each in (b"no", b"{}", event(1, amount=-1))])
            == ["Aside"] * 3
        )
    assert provider.tried == []


@virtual
async def test_a_function_that_fails_for_another_reason_than_its_event_is_asked_again() -> None:
    """A database that it looks into is away for a minute: nothing is put aside, given back or raised."""
    provider, asked = Provider(), 0

    def looks_up(value: dict[str, object]) -> CashbackChange:
        nonlocal asked
        asked += 1
        if now() < 1_060.0:
            raise ConnectionError("the database is away")
        return to_change(value)

    async with Consumer(Client(provider), looks_up, runtime=runtime()) as consumer:
        assert isinstance(await consumer.settle(event(1)), Ack)
    assert 5 <= asked <= 8 and len(provider.applied) == 1


@virtual
async def test_an_event_whose_function_fails_for_too_long_is_given_back() -> None:
    def fails(_: object) -> CashbackChange:
        raise ConnectionError("the database is away")

    consumer = Consumer(Client(Provider()), fails, runtime=runtime())
    decision = await consumer.settle(event(1))
    assert isinstance(decision, Retry) and HELD <= now() - 1_000.0 <= HELD + 60.0
    waits = asyncio.create_task(consumer.settle(event(2)))
    await asyncio.sleep(5.0)
    await consumer.drain()
    assert isinstance(await waits, Retry)


@virtual
async def test_a_cancelled_call_loses_nothing_and_doubles_nothing() -> None:
    for customers in (1, 60):  # in one lane, and each at the batch
        provider, ledger = Provider(takes=5.0), Slow()
        async with consumer_of(provider, ledger, max_in_flight=1) as consumer:
            events = [event(number, f"c{number % customers}") for number in range(60)]
            calls = [asyncio.create_task(consumer.settle(each)) for each in events]
            await asyncio.sleep(1.0)
            assert len(provider.arrivals) == 1
            for each in calls:
                each.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
            decision = await consumer.settle(events[0])
            assert isinstance(decision, Ack) and decision.outcome.effect is Effect.ALREADY_APPLIED
            await consumer.drain(1_000.0)
        assert max(provider.applied.values()) == 1
        assert len(provider.applied) < 10  # of those, the batch had read some


@virtual
async def test_drain_lets_what_is_in_flight_end_and_gives_back_the_rest() -> None:
    provider = Provider(takes=2.0)
    consumer = consumer_of(provider, max_in_flight=2)
    settled = [asyncio.create_task(consumer.settle(event(n, f"c{n}"))) for n in range(50)]
    await asyncio.sleep(0.5)
    await consumer.drain(60.0)
    decisions = await asyncio.gather(*settled)
    assert kinds(decisions) == ["Ack"] * 2 + ["Retry"] * 48
    assert len(provider.applied) == 2 and consumer.stopped_by is None
    await consumer.drain()


@virtual
async def test_drain_ends_within_its_limit_and_leaves_in_doubt_what_had_left() -> None:
    provider = Provider(takes=1_000.0)
    consumer = consumer_of(provider)
    settled = asyncio.create_task(consumer.settle(event(1)))
    await asyncio.sleep(0.5)
    began = now()
    await consumer.drain(3.0)
    assert now() - began < 4.0
    assert await settled == Retry(0.0, None)
    assert len(provider.arrivals) == 1


@virtual
async def test_a_drain_before_the_first_event_gives_it_back() -> None:
    async with consumer_of(Provider()) as consumer:
        pass
    assert await consumer.settle(event(1)) == Retry(0.0, None)


@virtual
async def test_a_fault_of_the_program_is_raised_by_drain_and_acknowledges_nothing() -> None:
    class Broken(Client):
        async def outcome_on(self, *_: object) -> None:
            raise ZeroDivisionError("a fault of a client")

    stops = []
    consumer = Consumer(Broken(Provider()), to_change, runtime=runtime(), on_stop=stops.append)
    assert await consumer.settle(event(1)) == Retry(0.0, None)
    assert kinds(stops) == ["ZeroDivisionError"]
    with pytest.raises(ZeroDivisionError):
        await consumer.drain()


@virtual
async def test_settings_are_checked() -> None:
    for settings in ({"max_in_flight": 0}, {"max_in_flight": 2.5}):
        with pytest.raises(ConfigurationError):
            consumer_of(Provider(), **settings)
    with pytest.raises(ConfigurationError, match="to_change"):
        Consumer(Client(Provider()), lambda: None)


async def test_a_ledger_in_memory_is_warned_of_once(
    sandbox: object, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server = sandbox()
    async with (
        SqliteLedger(tmp_path / "events.ledger") as ledger,
        client_for(server, ledger=ledger) as lasting,
    ):
        async with Consumer(lasting, to_change) as consumer:
            assert isinstance(await consumer.settle(event(1)), Ack)
        assert lasting.ledger is ledger and caplog.text == ""
    async with client_for(server) as forgetful, Consumer(forgetful, to_change) as consumer:
        assert kinds([await consumer.settle(event(number)) for number in (2, 3)]) == ["Ack"] * 2
    assert caplog.text.count("ledger in memory") == 1


async def test_what_a_ledger_in_memory_forgot_is_made_once_by_a_provider_that_counts_keys(
    sandbox: object,
) -> None:
    server, decisions = sandbox(), []
    for _ in range(2):  # the second has no ledger of the first
        async with client_for(server) as client, Consumer(client, to_change) as consumer:
            decisions.append(await consumer.settle(event(1)))
    assert kinds(decisions) == ["Ack"] * 2 and server.books.balance("ANA") == 10


async def test_two_consumers_of_one_ledger_apply_a_change_once(sandbox: object, tmp_path: Path) -> None:
    server = sandbox(faults=FaultScript(rate=0.2, seed=3))
    bodies = [event(number, f"c{number % 9}") for number in range(80)]
    async with (
        SqliteLedger(tmp_path / "events.ledger") as ledger,
        client_for(server, ledger=ledger) as one,
        client_for(server, ledger=ledger) as other,
        Consumer(one, to_change) as first,
        Consumer(other, to_change) as second,
    ):
        decisions = await asyncio.gather(*(each.settle(body) for body in bodies for each in (first, second)))
        again = [each for each in decisions if not isinstance(each, Ack)]
        assert not any(isinstance(each, Aside) for each in again)
        assert kinds([await first.settle(body) for body in bodies]) == ["Ack"] * 80
    assert sum(server.books.balance(f"c{n}") for n in range(9)) == 800
