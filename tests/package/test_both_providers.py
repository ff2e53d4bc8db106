"""What holds for every provider: each behaviour is written once and run for each."""

import asyncio
import copy
import io
import logging
import pickle
import traceback
from abc import ABC
from decimal import Decimal
from functools import partial

import aiohttp
import attrs
import pytest
from conftest import Clock, delivery_of, fast, until
from sides import Side, Start, sides
from silence import SilentScript
from tracebacks import rendered

from bonifiq_async import (
    BonifiQError,
    CashbackBatch,
    ChangeKeyConflict,
    ConfigurationError,
    Effect,
    NotAppliedError,
    PayloadError,
    PoolLimits,
    RetryAfterTooLong,
    SqliteLedger,
    StopReason,
    Timeouts,
)
from bonifiq_async.ledger.protocol import State
from bonifiq_async.ledger.reader import recorded, standing
from bonifiq_async.ledger.settling import PersonsWord
from bonifiq_async.ledger.sqlite.reader import SqliteReader
from bonifiq_async.sandbox import FaultScript

DOUBTFUL = ("close-before", "close-after", "reset-after", "half-head-after", "half-body-after", "html-after")
DOUBTFUL += ("500-before", "502-after", "503-after", "504-after", "503-seconds")


@pytest.mark.usefixtures("way")
class Behaviour(ABC):
    """A behaviour of every provider; `side` says of which."""

    side: Side

    @pytest.fixture
    def start(self, request: pytest.FixtureRequest) -> Start:
        """Start sandboxes of this side."""
        return partial(request.getfixturevalue("served"), self.side.sandbox)


class OnceBehaviour(Behaviour):
    """A change takes effect once, and its key stands for it."""

    async def test_twice_is_once(self, start: Start) -> None:
        """The second time it is answered from memory."""
        server = start()
        async with self.side.client(server) as client:
            first = await self.side.make(client, self.side.change())
            again = await self.side.make(client, self.side.change())
        assert (first.effect, again.effect) == (Effect.APPLIED, Effect.ALREADY_APPLIED)
        assert (server.books.requests, self.side.effects(server)) == (1, 1)

    async def test_at_once_is_once(self, start: Start) -> None:
        """One request with twenty listeners."""
        server = start(faults=FaultScript(["slow"]))
        async with self.side.client(server) as client:
            calls = (self.side.make(client, self.side.change()) for _ in range(20))
            outcomes = await asyncio.gather(*calls)
        assert {outcome.effect for outcome in outcomes} == {Effect.APPLIED}
        assert (server.books.requests, self.side.effects(server)) == (1, 1)

    async def test_listeners_of_a_change_in_doubt_do_not_send_it_again(self, start: Start) -> None:
        """Where a repeat could apply it twice; elsewhere it is repeated under its key."""
        server = start(faults=FaultScript(["silence-after"]))
        async with self.side.client(server) as client:
            leader = asyncio.create_task(self.side.make(client, self.side.change()))
            listeners = [asyncio.create_task(self.side.make(client, self.side.change())) for _ in range(3)]
            await until(lambda: server.books.requests == 1)
            leader.cancel()
            outcomes = await asyncio.gather(*listeners)
        assert {outcome.effect for outcome in outcomes} == {self.side.repeated}
        assert server.books.requests == (2 if self.side.repeats else 1)
        assert self.side.effects(server) == 1

    async def test_another_change_under_the_key_is_refused_unsent(self, start: Start) -> None:
        """The first of the two counts."""
        server = start()
        async with self.side.client(server) as client:
            await self.side.make(client, self.side.change())
            for other in (self.side.change(amount=Decimal(1)), self.side.change(customer=7)):
                outcome = await self.side.make(client, other)
                assert isinstance(outcome.error, ChangeKeyConflict)
                assert outcome.effect is Effect.NOT_APPLIED
        assert server.books.requests == 1

    async def test_a_batch_keeps_the_order_of_a_customer(self, start: Start) -> None:
        """And doubles nothing under faults."""
        server = start(faults=FaultScript(rate=0.3, seed=5, among=["close-before", "500-after", "429"]))
        changes = [
            self.side.change(str(number), Decimal(number + 1), 1 + number % 5) for number in range(100)
        ]
        async with self.side.client(server, retry=fast(max_attempts=30, quota=10_000)) as client:
            batch = CashbackBatch(client)
            outcomes = [outcome async for outcome in batch.run(changes)]
        assert len(outcomes) == len(changes)
        for customer in range(5):
            positions = [each.position for each in outcomes if each.position % 5 == customer]
            assert positions == sorted(positions)
        for outcome in outcomes:
            effects = self.side.effects(server, str(outcome.position))
            assert effects <= 1
            assert outcome.effect in (Effect.UNKNOWN, Effect.APPLIED, Effect.ALREADY_APPLIED)
            assert effects == 1 or outcome.effect is Effect.UNKNOWN


class WorstEffectBehaviour(Behaviour):
    """One lost request makes the rest of a change's life uncertain, over attempts and over runs."""

    async def test_lost_then_not_sent_is_unknown(self, start: Start) -> None:
        """A repeat that cannot be sent proves nothing about the first request."""
        for fault in DOUBTFUL:
            server = start(faults=FaultScript([fault]))
            clock = Clock(on_sleep=lambda _, server=server: server.refuse_connections())
            async with self.side.client(
                server, runtime=clock.runtime(), retry=fast(max_attempts=3)
            ) as client:
                outcome = await self.side.make(client, self.side.change())
                assert (fault, outcome.effect) == (fault, Effect.UNKNOWN)
                assert client.in_doubt() == (outcome.change.change_key,)
            assert self.side.effects(server) == int(fault.endswith("-after"))

    async def test_lost_then_refused_in_another_run_is_unknown(self, start: Start, tmp_path) -> None:
        """The doubt is in the ledger."""
        server = start(faults=FaultScript(["html-after", "400"]))
        for _ in range(2):
            ledger = SqliteLedger(tmp_path / "l")
            async with ledger, self.side.client(server, ledger=ledger) as client:
                outcome = await self.side.make(client, self.side.change())
                assert outcome.effect is Effect.UNKNOWN
        assert server.books.requests == (2 if self.side.repeats else 1)
        assert standing(SqliteReader(tmp_path / "l")).counts[State.UNKNOWN] == 1

    async def test_never_sent_is_not_applied(self, start: Start) -> None:
        """And may be made again, at once."""
        server = start()
        server.refuse_connections()
        async with self.side.client(server, retry=fast(max_attempts=3)) as client:
            outcome = await self.side.make(client, self.side.change())
            assert (outcome.effect, len(outcome.attempts)) == (Effect.NOT_APPLIED, 3)
            assert isinstance(outcome.error, NotAppliedError) and client.in_doubt() == ()
            server.accept_connections()
            assert (await self.side.make(client, self.side.change())).effect is Effect.APPLIED
        assert self.side.effects(server) == 1


class LedgerBehaviour(Behaviour):
    """A ledger has a change on disk before its first byte is sent, and its outcome before it is returned."""

    async def test_the_claim_is_on_disk_before_the_request(self, start: Start, tmp_path) -> None:
        """The test reads the file at the moment in which the request arrives."""
        server, seen = start(), []
        arrived = server.books.arrived

        def look(*key: object) -> None:
            seen.extend(recorded(SqliteReader(tmp_path / "l"), set(State)))
            arrived(*key)

        server.books.arrived = look
        async with SqliteLedger(tmp_path / "l") as ledger, self.side.client(server, ledger=ledger) as client:
            outcome = await self.side.make(client, self.side.change())
        assert [(each.key, each.state) for each in seen] == [(outcome.change.change_key, State.CLAIMED)]
        assert outcome.effect is Effect.APPLIED
        assert standing(SqliteReader(tmp_path / "l")).counts[State.APPLIED] == 1

    async def test_what_is_settled_by_hand_counts(self, start: Start, tmp_path) -> None:
        """As applied: not sent; as not applied: sent, once."""
        for word, effect, requests in (
            (State.APPLIED, Effect.ALREADY_APPLIED, 1),
            (State.NOT_APPLIED, Effect.APPLIED, 2),
        ):
            server, path = start(faults=FaultScript(["html-before"])), tmp_path / word.name
            async with SqliteLedger(path) as ledger, self.side.client(server, ledger=ledger) as client:
                doubtful = await self.side.make(client, self.side.change())
                assert doubtful.effect is Effect.UNKNOWN
                SqliteReader(path).settle(doubtful.change.change_key, PersonsWord(word, "by the books"))
                assert (await self.side.make(client, self.side.change())).effect is effect
            assert server.books.requests == requests

    async def test_a_ledger_of_another_account_is_refused(self, start: Start, tmp_path) -> None:
        """Nothing is sent."""
        first, second = start(), start(credentials=self.side.credentials())
        async with SqliteLedger(tmp_path / "l") as ledger:
            async with self.side.client(first, ledger=ledger) as client:
                await self.side.make(client, self.side.change())
            async with self.side.client(second, ledger=ledger) as client:
                with pytest.raises(ConfigurationError, match="another account"):
                    await self.side.make(client, self.side.change("other"))
        assert second.books.requests == 0


class ClosedBehaviour(Behaviour):
    """A closed client sends nothing, and reports what is known of each change in flight."""

    async def test_closed_twice_and_used(self, start: Start) -> None:
        """Closing is idempotent; using it afterwards is a mistake that is named."""
        server = start()
        client = self.side.client(server)
        await self.side.read(client)
        for _ in range(2):
            await client.aclose()
        for call in (self.side.read(client), self.side.make(client, self.side.change())):
            with pytest.raises(ConfigurationError, match="closed"):
                await call
        assert client.in_doubt() == ()
        assert server.books.requests == 1

    async def test_closed_under_a_change(self, start: Start) -> None:
        """It was sent: unknown."""
        server = start(faults=FaultScript(["silence-after"]))
        async with self.side.client(server) as client:
            call = asyncio.create_task(self.side.make(client, self.side.change()))
            await until(lambda: server.books.requests == 1)
            await client.aclose()
            outcome = await call
            assert outcome.effect is Effect.UNKNOWN
            assert client.in_doubt() == (outcome.change.change_key,)

    def test_another_event_loop(self, start: Start) -> None:
        """Refused before anything is sent."""
        server = start()
        first, second = asyncio.new_event_loop(), asyncio.new_event_loop()
        client = self.side.client(server)
        try:
            first.run_until_complete(self.side.read(client))
            for call in (self.side.read, lambda each: self.side.make(each, self.side.change())):
                with pytest.raises(ConfigurationError, match="another event loop"):
                    second.run_until_complete(call(client))
            assert server.books.requests == 1
            first.run_until_complete(client.aclose())
        finally:
            first.close()
            second.close()


class CancellationBehaviour(Behaviour):
    """A cancelled change is in doubt exactly when it may have been applied."""

    async def test_after_it_was_sent(self, start: Start) -> None:
        """In doubt, and neither permit nor task is left."""
        server = start(faults=SilentScript(["silence-after"], 2.0))
        async with self.side.client(server) as client:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(2.0):
                    await self.side.make(client, self.side.change())
            assert client.in_doubt() == (self.side.change().change_key,)
            assert delivery_of(client).limiter.active == 0
            again = await self.side.make(client, self.side.change())
        assert again.effect is self.side.repeated
        assert self.side.effects(server) == 1

    async def test_in_the_queue(self, start: Start) -> None:
        """Nothing was sent."""
        server = start(faults=FaultScript(["silence-before"]))
        async with self.side.client(server, pool=PoolLimits(connections=1)) as client:
            first = asyncio.create_task(self.side.read(client))
            await until(lambda: server.books.requests == 1)
            call = asyncio.create_task(self.side.make(client, self.side.change()))
            await until(lambda: delivery_of(client).limiter.waiting == 1)
            call.cancel()
            await asyncio.wait([call])
            assert client.in_doubt() == ()
            first.cancel()
            await asyncio.wait([first])
        assert server.books.requests == 1

    async def test_while_it_connects(self, start: Start, deaf_url: str) -> None:
        """Nothing was sent."""
        async with self.side.client(start(), base_url=deaf_url) as client:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await self.side.make(client, self.side.change())
            assert client.in_doubt() == ()

    async def test_doubt_is_on_disk(self, start: Start, tmp_path, caplog) -> None:
        """The next run knows, and the log says what to do about it."""
        server = start(faults=SilentScript(["silence-after"], 2.0))
        async with SqliteLedger(tmp_path / "l") as ledger, self.side.client(server, ledger=ledger) as client:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(2.0):
                    await self.side.make(client, self.side.change())
        assert standing(SqliteReader(tmp_path / "l")).counts[State.IN_DOUBT] == 1
        assert ("Do not repeat it" in caplog.text) is not self.side.repeats


class DeadlineBehaviour(Behaviour):
    """One deadline covers everything."""

    async def test_a_silent_provider(self, start: Start) -> None:
        """The change was sent: unknown, in time."""
        server = start(faults=FaultScript(["silence-after"] * 9))
        loop = asyncio.get_running_loop()
        async with self.side.client(server) as client:
            begun = loop.time()
            outcome = await client.outcome_of(self.side.change(), deadline=0.2)
            assert outcome.effect is Effect.UNKNOWN
            assert 0.15 < loop.time() - begun < 2

    async def test_no_time_at_all(self, start: Start) -> None:
        """Nothing is sent, and it says why."""
        server = start()
        async with self.side.client(server) as client:
            outcome = await client.outcome_of(self.side.change(), deadline=0)
            assert outcome.effect is Effect.NOT_APPLIED
            assert StopReason.DEADLINE.value in str(outcome.error)
            with pytest.raises(ConfigurationError):
                await client.outcome_of(self.side.change(), deadline=float("nan"))
        assert server.books.requests == 0


class RetryAfterBehaviour(Behaviour):
    """No request is sent earlier than the provider asked."""

    @pytest.mark.parametrize("fault", ["429-seconds", "429-date", "503-seconds"])
    async def test_one_answer_holds_the_next_call(self, fault: str, start: Start) -> None:
        """A read that was throttled makes the change wait, too."""
        server, clock = start(faults=FaultScript([fault], seconds=30)), Clock()
        limits = Timeouts(call=200.0, attempt=5.0)
        async with self.side.client(server, runtime=clock.runtime(), timeouts=limits) as client:
            begun = clock.now
            with pytest.raises(RetryAfterTooLong):
                await self.side.read(client, deadline=5.0)
            assert clock.now == begun  # the read itself did not wait
            outcome = await self.side.make(client, self.side.change())
            assert outcome.effect is Effect.APPLIED
            # An HTTP date counts from the answer's own Date, whose seconds are whole.
            assert clock.now - begun >= (30 if fault != "429-date" else 29)
        assert server.books.requests == 2

    async def test_too_long_a_wait_is_an_error_at_once(self, start: Start) -> None:
        """Also for a change that comes later: nothing is sent."""
        server = start(faults=FaultScript(["429-long"]))
        async with self.side.client(server) as client:
            with pytest.raises(RetryAfterTooLong) as caught:
                await self.side.read(client)
            assert caught.value.retry_after == 86_400
            outcome = await self.side.make(client, self.side.change())
            assert isinstance(outcome.error, RetryAfterTooLong)
            assert outcome.effect is Effect.NOT_APPLIED
        assert server.books.requests == 1


FAILING = {
    "refused": ["401"],
    "lost": ["close-after"] * 2,
    "half a body": ["half-body-after"] * 2,
    "broken": ["500-after"] * 2,
    "throttled": ["429-long"],
    "unreadable": ["html-after"],
    "silent": ["silence-after"] * 2,
    "accepted": [],
}


class SecretsBehaviour(Behaviour):
    """The secrets that sign a request appear only on the wire."""

    def leaks(self, text: str | bytes) -> list[str]:
        """Return which of the secrets `text` holds."""
        text = text.decode("latin-1") if isinstance(text, bytes) else text
        return [canary for canary in self.side.secrets if canary in text]

    @pytest.mark.parametrize("faults", FAILING.values(), ids=FAILING.keys())
    async def test_nothing_stored_or_shown_has_a_secret(
        self, faults: list[str], start: Start, tmp_path, caplog
    ) -> None:
        """Repr, error, traceback with locals, pickle, log (asyncio's, too), and the ledger's files."""
        caplog.set_level(logging.DEBUG)
        asyncio.get_running_loop().set_debug(True)
        limits = Timeouts(connect=5.0, attempt=5.0, call=20.0)
        server = start(credentials=self.side.credentials(), faults=SilentScript(faults, limits.attempt))
        self.side.signs_in(server)
        files = []
        async with SqliteLedger(tmp_path / "l") as ledger:
            options = {"ledger": ledger, "retry": fast(max_attempts=2), "timeouts": limits}
            async with self.side.client(server, **options) as client:
                outcome = await self.side.make(client, self.side.change_with_secrets())
                parts = [part for part in vars(client).values() if hasattr(part, "__dict__")]
                shown = [repr(each) for each in (outcome, client, vars(client), *map(vars, parts))]
                files += [path.read_bytes() for path in tmp_path.iterdir()]  # with what is in the -wal
        files += [path.read_bytes() for path in tmp_path.iterdir()]
        assert (outcome.effect is Effect.APPLIED) is (faults == [])
        if outcome.error is not None:
            with pytest.raises(BonifiQError) as caught:
                raise outcome.error
            error = caught.value
            shown += [str(error), repr(error), repr(error.__dict__), rendered(error)]
            shown += traceback.format_exception(error)
        shown += [record.getMessage() + repr(record.__dict__) for record in caplog.records]
        assert [self.leaks(text) for text in shown] == [[]] * len(shown)
        assert len(files) >= 4 and [self.leaks(data) for data in files] == [[]] * len(files)
        assert any(b"order-1" in data for data in files)
        held = pickle.dumps(outcome)
        assert self.leaks(held) == []
        kept = pickle.loads(held)
        assert attrs.evolve(kept, error=None) == attrs.evolve(outcome, error=None)
        assert repr(copy.copy(outcome)) == repr(outcome)

    async def test_a_cancelled_call_shows_no_secret(self, start: Start) -> None:
        """The frames of the transport hold headers and body; they are not in the traceback."""
        server = start(credentials=self.side.credentials(), faults=SilentScript(["silence-before"], 2.0))
        async with self.side.client(server) as client:
            with pytest.raises(TimeoutError) as caught:
                async with asyncio.timeout(2.0):
                    await self.side.make(client, self.side.change_with_secrets())
            text = rendered(caught.value)
            assert "session.py" in text
            assert self.leaks(text) == []

    async def test_a_trace_of_a_borrowed_session_sees_no_secret(self, start: Start) -> None:
        """The headers that aiohttp passes to the trace are masked, too."""
        server, shown = start(credentials=self.side.credentials()), []
        tracing = aiohttp.TraceConfig()

        async def note(_: object, __: object, sent: aiohttp.TraceRequestStartParams) -> None:
            shown.append(repr(sent.headers))

        tracing.on_request_start.append(note)
        async with aiohttp.ClientSession(trace_configs=[tracing]) as session:
            client = self.side.client(server, session=session)
            await self.side.make(client, self.side.change_with_secrets())
        assert "***" in shown[0]
        assert self.leaks(shown[0]) == []

    def test_the_canaries_are_on_the_wire(self, start: Start) -> None:
        """Otherwise the tests above would search for what does not exist."""
        received = io.BytesIO()

        async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            received.write(await reader.read(65_536))
            writer.close()

        async def talk() -> None:
            listening = await asyncio.start_server(listen, "127.0.0.1", 0)
            port = listening.sockets[0].getsockname()[1]
            server = start(credentials=self.side.credentials())
            url = f"http://127.0.0.1:{port}"
            async with self.side.client(server, base_url=url, retry=fast(max_attempts=1)) as client:
                await self.side.make(client, self.side.change_with_secrets())
            listening.close()
            await listening.wait_closed()

        asyncio.run(talk())
        sent = received.getvalue().decode()
        assert self.leaks(sent) == list(self.side.shown_on_the_wire) != []


class ValidationBehaviour(Behaviour):
    """An invalid amount is refused before anything is sent."""

    @pytest.mark.parametrize("wrong", [0, 1.5, True, Decimal("NaN"), Decimal("Infinity"), "1"], ids=repr)
    def test_amounts(self, wrong: object) -> None:
        """A float, too."""
        with pytest.raises(PayloadError):
            self.side.change(amount=wrong)

    async def test_amounts_are_exact(self, start: Start) -> None:
        """Three decimals and more digits than a float has."""
        server, amount = start(), Decimal("12345678901234567.891")
        async with self.side.client(server) as client:
            await self.side.make(client, self.side.change(amount=amount))
        moved = sum(server.books.balances().values())
        assert moved == self.side.moves(amount)
        assert server.books.requests == 1


for _behaviour in Behaviour.__subclasses__():
    for _side in sides():
        _name = f"Test{_behaviour.__name__.removesuffix('Behaviour')}With{_side.spec.title}"
        globals()[_name] = type(_name, (_behaviour,), {"side": _side, "__module__": __name__})
