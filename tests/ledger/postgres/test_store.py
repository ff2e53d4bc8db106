"""The ledger in PostgreSQL beside what every ledger does: races, lost answers, rights, texts."""

import asyncio
import errno
import re
import threading
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import AsyncExitStack
from decimal import Decimal

import pytest
from attrs import evolve
from conftest import change, client_for, until
from page_blocks import codes, run
from postgres import SERVER, a_schema, aside, asked, with_a_start, with_slow_locks
from postgres_wire import a_wire

from bonifiq_async import ConfigurationError, Effect, LedgerError, PayloadError, PostgresLedger, SharedPace
from bonifiq_async.ledger.handover import TURNS
from bonifiq_async.ledger.postgres.connection import connect
from bonifiq_async.ledger.postgres.database import Database
from bonifiq_async.ledger.postgres.migration import migrations
from bonifiq_async.ledger.postgres.owner import BEAT, MARGIN, SILENCE
from bonifiq_async.ledger.postgres.shards.lease import ShardLease
from bonifiq_async.ledger.protocol import Conflict, Ending, Granted, Held, Intent, Ruling, Settled, State
from bonifiq_async.ledger.runs import RunOrigin
from bonifiq_async.ledger.shards import Shard, ShardCounts

ACCOUNT, OTHERS = ("provider", "account"), ("provider", "another")
INTENT = Intent("operation", "key", b"digest", "ana", Decimal("10.50"), "/path", b"{}", ACCOUNT)
PAGE = "docs/explanation/many-machines.md"
APPLIED = Ending(State.APPLIED, 1, "status=200")


@pytest.fixture
def database() -> Iterator[Database]:
    """A schema with the tables."""
    with a_schema() as made:
        yield made


def ledger_of(database: Database, **settings: object) -> PostgresLedger:
    return PostgresLedger(database.dsn, schema=database.schema, **settings)


@pytest.fixture
async def ledger(database: Database) -> AsyncIterator[PostgresLedger]:
    """A ledger that is open and bound."""
    async with ledger_of(database) as made:
        await made.bind(*ACCOUNT)
        yield made


async def claimed(ledger: PostgresLedger, intent: Intent = INTENT, lease: float = 60.0) -> Ruling:
    return await ledger.claim(intent, lease=lease, repeatable=True)


async def stands(
    database: Database, what: str = "state, fence, attempts, in_doubt"
) -> list[tuple[object, ...]]:
    return list(await asked(database, f"SELECT {what} FROM change ORDER BY key, operation"))


CUTS = {
    "never arrives": ("held", 2),
    "is committed, and its answer is lost": ("sent", 2),
}


@pytest.mark.parametrize(("cut", "connections"), CUTS.values(), ids=CUTS)
async def test_a_claim_on_a_connection_that_breaks_is_granted_once(
    cut: str, connections: int, database: Database
) -> None:
    """It is asked whether it is there: neither claimed twice, nor taken for one that may have been sent."""
    async with a_wire(database) as (wire, through), ledger_of(through) as ledger:
        await ledger.bind(*ACCOUNT)
        wire.cut = cut
        assert await claimed(ledger) == Granted(1, False)
        assert (wire.cuts, wire.connections) == (1, connections)
        assert await stands(database) == [("claimed", 1, 0, False)]
        assert isinstance(await claimed(ledger), Held)
        assert await ledger.end(INTENT, 1, APPLIED)
    assert await stands(database) == [("applied", 1, 1, False)]


@pytest.mark.parametrize("cut", ["held", "sent"])
async def test_a_claim_of_what_was_refused_is_granted_once_over_a_broken_connection(
    cut: str, database: Database
) -> None:
    """It has a fence of its own, by which it is known again."""
    async with a_wire(database) as (wire, through), ledger_of(through) as ledger:
        await claimed(ledger)
        await ledger.end(INTENT, 1, Ending(State.REFUSED, 1))
        await ledger.transact(_prepared)
        wire.cut, wire.text = cut, b"COMMIT"
        granted = await claimed(ledger)
        assert granted == Granted(2, False, cleared=True) and wire.cuts == 1
    assert await stands(database) == [("claimed", 2, 1, False)]


async def _prepared(connection: object) -> None:
    """Nothing: what was asked before it is done."""


@pytest.mark.parametrize("cut", ["held", "sent"])
async def test_an_end_on_a_connection_that_breaks_is_written_once(cut: str, database: Database) -> None:
    """Attempts are counted once, and the caller learns that it is written."""
    async with a_wire(database) as (wire, through), ledger_of(through) as ledger:
        granted = await claimed(ledger)
        assert isinstance(granted, Granted)
        wire.cut = cut
        assert await ledger.end(INTENT, granted.fence, APPLIED)
        assert wire.cuts == 1
        assert not await ledger.end(INTENT, granted.fence, Ending(State.UNKNOWN, 1))
    assert await stands(database) == [("applied", 1, 1, False)]


async def test_a_claim_whose_answer_was_lost_is_given_back_for_a_caller_that_has_gone(
    database: Database,
) -> None:
    """It is there, and nothing was sent: the change is free at once, and not in doubt."""
    async with a_wire(database) as (wire, through), ledger_of(through) as ledger:
        await ledger.bind(*ACCOUNT)
        wire.cut = "sent"
        claiming = asyncio.create_task(claimed(ledger))
        await until(lambda: wire.cuts == 1)
        claiming.cancel()
        await asyncio.wait([claiming])
        await until(lambda: wire.connections == 2)
        await ledger.bind(*ACCOUNT)
        await ledger.bind(*ACCOUNT)
        assert await claimed(ledger) == Granted(2, False, cleared=True)


async def test_an_outcome_that_cannot_be_written_is_unknown_in_time_and_written_later(
    database: Database, sandbox: object
) -> None:
    """The server goes away while a change is sent; its outcome is kept until it is there again."""
    server = sandbox()
    async with (
        a_wire(database) as (wire, through),
        ledger_of(through) as ledger,
        client_for(server, ledger=ledger) as client,
    ):
        await ledger.bind(*client.account)
        original = ledger.end

        async def end(*given: object) -> bool:
            wire.sever()
            return await original(*given)

        ledger.end = end
        with pytest.raises(LedgerError, match="may or may not be applied") as caught:
            await client.customers.change_cashback(change("key"), deadline=1.0)
        assert caught.value.effect is Effect.UNKNOWN and caught.value.change_key == "key"
        with pytest.raises(LedgerError, match=r"which sent nothing: .*See to the server"):
            await ledger.claim(evolve(INTENT, key="another"), lease=1, repeatable=True, within=0.1)
        wire.down = False
        ledger.end = original
        outcome = await client.customers.change_cashback(change("key"))
        assert outcome.effect is Effect.ALREADY_APPLIED and outcome.attempts == ()
    assert server.books.requests == 1
    assert await stands(database) == [("applied", 1, 1, False)]


async def test_a_ledger_that_is_closed_without_its_server_says_what_is_lost(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It waits for the server for a while, not for ever; the change is in doubt in the next run."""
    monkeypatch.setattr("bonifiq_async.ledger.postgres.store.PATIENCE", 0.1)
    async with a_wire(database) as (wire, through), ledger_of(through) as ledger:
        granted = await claimed(ledger)
        wire.sever()
        ledger.leave(INTENT, granted.fence, APPLIED)
        await ledger.aclose()
    assert "lost: what came of a change was not written down" in caplog.text
    assert await stands(database) == [("claimed", 1, 0, False)]


async def test_an_end_does_not_land_on_the_claim_of_another_machine(
    ledger: PostgresLedger, database: Database
) -> None:
    """Each claim has a fence of its own; a sender that was overtaken learns that its end is not written."""
    async with ledger_of(database) as another:
        await claimed(ledger, lease=0.0)
        assert await claimed(another) == Granted(2, True)
        assert not await ledger.end(INTENT, 1, Ending(State.REFUSED, 1))
        assert await stands(database) == [("claimed", 2, 0, True)]
        assert await another.end(INTENT, 2, APPLIED)


async def test_one_that_cannot_be_written_fails_alone(ledger: PostgresLedger, database: Database) -> None:
    """An end that the database refuses takes no other with it that waits at the same time."""
    intents = [evolve(INTENT, key=f"k{number}") for number in range(5)]
    await asyncio.gather(*(claimed(ledger, intent) for intent in intents))
    endings = [APPLIED] * 4 + [Ending(State.APPLIED, 2**40)]
    found = await asyncio.gather(
        *(ledger.end(intent, 1, ending) for intent, ending in zip(intents, endings, strict=True)),
        return_exceptions=True,
    )
    assert found[:4] == [True] * 4
    assert isinstance(found[4], LedgerError) and "cannot be written" in str(found[4])
    assert await stands(database, "state") == [("applied",)] * 4 + [("claimed",)]


@pytest.mark.parametrize(
    ("seconds", "holds"), [(SILENCE, False), (SILENCE - MARGIN, True)], ids=["long", "short"]
)
async def test_a_heartbeat_whose_answer_was_lost_hides_no_silence(
    seconds: float, holds: bool, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next one comes soon after it; what was claimed before the silence may be another's all the same."""
    monkeypatch.setattr("bonifiq_async.ledger.postgres.writer.TICK", None)
    now = [1000.0]
    async with a_wire(database) as (wire, through), ledger_of(through, monotonic=lambda: now[0]) as ledger:
        await ledger.bind(*ACCOUNT)
        granted = await claimed(ledger)
        assert isinstance(granted, Granted) and granted.held()
        now[0] += seconds
        await asked(database, f"UPDATE owner SET beat = beat - interval '{seconds} seconds'")
        wire.cut, wire.text = "sent", b"another"
        await claimed(ledger, evolve(INTENT, key="another"))
        assert (wire.cuts, granted.held()) == (1, holds)


async def test_a_restart_of_the_server_hides_no_silence_before_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process is stopped, another takes its change over, the server restarts, and the process goes on."""
    monkeypatch.setattr("bonifiq_async.ledger.postgres.writer.TICK", None)
    restarts, now = with_a_start(database), [1000.0]
    async with (
        ledger_of(restarts, monotonic=lambda: now[0]) as stopped,
        ledger_of(restarts) as other,
    ):
        await stopped.bind(*ACCOUNT)
        granted = await claimed(stopped)
        assert isinstance(granted, Granted) and granted.held()
        await asked(database, f"UPDATE owner SET beat = beat - interval '{SILENCE} seconds'")
        now[0] += SILENCE
        assert await claimed(other) == Granted(2, True)
        await asked(database, "UPDATE started SET at = clock_timestamp()")
        await claimed(stopped, evolve(INTENT, key="another"))
        assert not granted.held(), "another has taken it over"


async def test_a_rival_is_not_granted_at_the_same_time(database: Database) -> None:
    """One key that counts for two operations, asked for by two machines at once: one of them gets it."""
    earn = [evolve(INTENT, operation="earn", key=f"k{n}", rivals=("redeem",)) for n in range(100)]
    redeem = [evolve(each, operation="redeem", digest=b"other", rivals=("earn",)) for each in earn]
    async with ledger_of(database) as one, ledger_of(database) as two:
        await one.bind(*ACCOUNT)
        await two.bind(*ACCOUNT)
        tasks = [
            asyncio.create_task(claimed(ledger, intent))
            for pair in zip(earn, reversed(redeem), strict=True)
            for ledger, intent in zip((one, two), pair, strict=True)
        ]
        rulings = await asyncio.gather(*tasks)
    granted = sum(isinstance(each, Granted) for each in rulings)
    assert granted == 100 and sum(isinstance(each, Conflict) for each in rulings) == 100
    assert len({key for (key,) in await stands(database, "key")}) == len(await stands(database)) == 100


async def test_a_database_whose_statements_do_not_see_what_rivals_committed_is_refused(
    database: Database,
) -> None:
    """A role or a database may have another default than PostgreSQL's for the isolation of transactions."""
    isolated = f"{database.dsn}?default_transaction_isolation=repeatable%20read"
    async with ledger_of(evolve(database, dsn=isolated)) as ledger:
        with pytest.raises(LedgerError, match="is repeatable read, and the ledger needs read committed"):
            await ledger.bind(*ACCOUNT)
        with pytest.raises(LedgerError, match="is repeatable read, and the ledger needs read committed"):
            await claimed(ledger)
    assert await stands(database) == []


@pytest.mark.slow
@pytest.mark.parametrize("rivals", [(), ("another",)], ids=["", "keys that count for two operations"])
async def test_machines_that_ask_for_the_same_changes_do_not_block_each_other(
    rivals: tuple[str, ...], database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """Several get the same messages in different orders: no deadlock, and each change has one sender.

    Their transactions overlap: in another order of keys, two of them would wait for each other each time.
    """
    database = with_slow_locks(database)
    intents = [evolve(INTENT, key=f"k{number}", rivals=rivals) for number in range(60)]
    orders = [intents, intents[::-1], intents[30:] + intents[:30], intents[::2] + intents[1::2]]
    granted = Counter[str]()

    async def consume(ledger: PostgresLedger, order: list[Intent]) -> None:
        async def one(intent: Intent) -> None:
            while isinstance(ruling := await claimed(ledger, intent), Held):
                await asyncio.sleep(0.01)
            if isinstance(ruling, Granted):
                granted[intent.key] += 1
                await ledger.end(intent, ruling.fence, APPLIED)

        await asyncio.gather(*(one(intent) for intent in order))

    async with AsyncExitStack() as opened:
        ledgers = [await opened.enter_async_context(ledger_of(database)) for _ in orders]
        for ledger in ledgers:
            await ledger.bind(*ACCOUNT)
        await asyncio.gather(*map(consume, ledgers, orders))
    assert granted == Counter(intent.key for intent in intents)
    assert "deadlock" not in caplog.text


async def test_an_account_that_was_replaced_meanwhile_claims_nothing(
    ledger: PostgresLedger, database: Database
) -> None:
    """Another process rebinds the ledger while a claim waits for it: the claim sees what that has left."""
    connection = await connect(database)
    transaction = connection.transaction()
    await transaction.start()
    lock = f"hashtextextended('account of \"{database.schema}\"', 0)"
    await connection.execute(f"SELECT pg_advisory_xact_lock({lock})")
    claiming = asyncio.create_task(claimed(ledger))
    async with asyncio.timeout(10):
        while not await asked(database, "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"):
            await asyncio.sleep(0.01)
    await connection.execute(f"UPDATE \"{database.schema}\".book SET fingerprint = 'another'")
    await transaction.commit()
    with pytest.raises(ConfigurationError, match="another account"):
        await claiming
    await connection.close()
    assert await stands(database) == []


async def test_a_change_that_is_not_deduplicated_needs_a_word_on_failovers(database: Database) -> None:
    """A standby that takes over without the last commits would have it sent twice."""
    async with ledger_of(database) as ledger:
        with pytest.raises(ConfigurationError, match=r"Nothing was sent; .*lossless_failover=True"):
            await ledger.claim(INTENT, lease=60, repeatable=False)
    assert await stands(database) == []
    async with ledger_of(database, lossless_failover=True) as ledger:
        assert isinstance(await ledger.claim(INTENT, lease=60, repeatable=False), Granted)


UNKEPT = {"NUL": "a\0b", "half a character": "a\ud800b"}


@pytest.mark.parametrize("text", UNKEPT.values(), ids=UNKEPT)
@pytest.mark.parametrize("name", ["key", "customer_id", "operation", "path"])
async def test_a_text_that_is_not_kept_is_refused(name: str, text: str, ledger: PostgresLedger) -> None:
    with pytest.raises(PayloadError, match=f"{name} has NUL or half a character.*Nothing was sent"):
        await claimed(ledger, evolve(INTENT, **{name: text}))
    assert isinstance(await claimed(ledger, evolve(INTENT, key="ação 🎁 \u200b")), Granted)


async def test_an_answer_that_is_not_kept_is_written_without_it(
    ledger: PostgresLedger, database: Database
) -> None:
    """That a change is applied is never lost for a character of its answer."""
    await claimed(ledger)
    assert await ledger.end(INTENT, 1, Ending(State.APPLIED, 1, "a\0b\ud800", "c\0"))
    assert await stands(database, "state, answer, error") == [("applied", "a\ufffdb\ufffd", "c\ufffd")]


AMOUNTS = ["10.50", "-0.01", "1E+3", "1234567890123456789012345678", "0.0000000000000000000000000001"]


async def test_amounts_are_kept_to_the_last_digit(ledger: PostgresLedger, database: Database) -> None:
    for number, amount in enumerate(AMOUNTS):
        await claimed(ledger, evolve(INTENT, key=f"k{number}", value=Decimal(amount)))
    assert await stands(database, "value") == [(Decimal(amount),) for amount in AMOUNTS]


async def test_64_in_flight_cost_two_statements_for_32_changes_at_most(ledger: PostgresLedger) -> None:
    left = iter(range(2000))

    async def work() -> None:
        for number in left:
            intent = evolve(INTENT, key=f"k{number}", rivals=("another",))
            granted = await claimed(ledger, intent)
            await asyncio.sleep(0)
            assert await ledger.end(intent, granted.fence, APPLIED)

    before = ledger.statements
    await asyncio.gather(*(work() for _ in range(64)))
    assert (ledger.statements - before) / 2000 <= 2 / 32


async def test_several_loops_share_a_ledger(ledger: PostgresLedger, database: Database) -> None:
    """Each with callers of its own; a loop that has ended leaves the others alone."""

    async def apply(name: str) -> None:
        for number in range(20):
            intent = evolve(INTENT, key=f"{name}-{number}")
            assert await ledger.end(intent, (await claimed(ledger, intent)).fence, APPLIED)

    threads = [threading.Thread(target=asyncio.run, args=(apply(name),)) for name in ("a", "b", "c")]
    for each in threads:
        each.start()
    await apply("d")
    for each in threads:
        await asyncio.to_thread(each.join)
    assert await stands(database, "state") == [("applied",)] * 80


async def test_a_role_without_rights_to_make_tables_is_enough(database: Database) -> None:
    """The rights that the page of many machines lists, and no others."""
    role = f"app_{database.schema}"
    [rights] = codes(PAGE, "sql")
    for statement in rights.replace("bonifiq_app", role).strip().split(";\n"):
        await asked(database, re.sub(r"\bbonifiq\b", database.schema, statement.removesuffix(";")))
    try:
        limited = evolve(database, dsn=database.dsn.replace("postgres@", f"{role}@", 1))
        async with ledger_of(limited) as ledger:
            await ledger.bind(*ACCOUNT)
            await ledger.begin_run(RunOrigin("apply", "ana", "shop"))
            assert await ledger.end(INTENT, (await claimed(ledger)).fence, APPLIED)
            assert await claimed(ledger) == Settled(answer="status=200")
            await ledger.end_run({"applied": 1})
            assert (await SharedPace(ledger, 10.0).take("worker", 1, 0.0)).workers == 1
            await SharedPace(ledger, 10.0).leave("worker")
            for digest in ("12ab", "34cd"):  # and then another file of that name
                lease = ShardLease(ledger, Shard("march.csv", digest, 0, 1))
                fence = await lease.take(ShardCounts(1))
                assert isinstance(fence, int) and await lease.finish(fence, ShardCounts(1)) == 0
    finally:
        await asked(database, f'DROP OWNED BY "{role}"')
        await asked(database, f'DROP ROLE "{role}"')


def test_the_page_does_what_it_says(
    database: Database, sandbox: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the server of the tests in place of its own."""
    for name, value in sandbox().environment().items():
        monkeypatch.setenv(name, value)
    [program] = codes(PAGE, "python")
    run(program.replace("postgresql://bonifiq_app@db.example/shop", f"{SERVER}?schema={database.schema}"))
    assert capsys.readouterr().out == "Effect.APPLIED 1\nEffect.ALREADY_APPLIED 0\n"


async def test_a_ledger_of_another_version_is_not_used(database: Database) -> None:
    await asked(database, "UPDATE migration SET number = 999 WHERE number = $1", migrations()[-1].number)
    ledger = ledger_of(database)
    with pytest.raises(ConfigurationError, match="has version 999"):
        await ledger.__aenter__()
    with pytest.raises(ConfigurationError, match="has version 999"):
        await claimed(ledger)
    await ledger.aclose()


async def test_a_run_is_begun_once_over_a_broken_connection(database: Database) -> None:
    async with a_wire(database) as (wire, through), ledger_of(through) as ledger:
        wire.cut, wire.text = "sent", b"COMMIT"
        begun = await ledger.begin_run(RunOrigin("apply", "ana", "shop", "/f.csv", "12ab"))
        assert (begun.id, begun.before, wire.cuts) == (1, None, 1)
        await ledger.end_run({"applied": 2})
        again = await ledger.begin_run(RunOrigin("apply", "bia", "shop", "/g.csv", "12ab"))
        assert again.before is not None and again.before.counts == {"applied": 2}
    assert await asked(database, "SELECT id FROM run ORDER BY id") == [(1,), (2,)]


async def test_a_claim_is_trusted_for_as_long_as_its_owner_shows_that_it_runs(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that does not reach the database stops to send before another takes its changes over.

    When it has been silent for longer, what it claimed before that holds no more, though it beats again.
    """
    monkeypatch.setattr("bonifiq_async.ledger.postgres.writer.TICK", None)  # beats come with what is written
    now = [1000.0]
    async with ledger_of(database, monotonic=lambda: now[0]) as ledger:
        await ledger.bind(*ACCOUNT)
        granted = await claimed(ledger)
        assert isinstance(granted, Granted) and granted.held()
        now[0] += SILENCE - MARGIN - 0.1
        assert granted.held()
        now[0] += 0.1
        assert not granted.held()
        await claimed(ledger, evolve(INTENT, key="another"))
        assert granted.held()
        now[0] += BEAT  # a machine that was paused counts no more
        await asked(database, f"UPDATE owner SET beat = beat - interval '{SILENCE} seconds'")
        later = await claimed(ledger, evolve(INTENT, key="later"))
        assert isinstance(later, Granted) and later.held()
        assert not granted.held(), "another may have taken it over meanwhile"


async def test_a_ledger_that_is_used_while_it_is_closed_keeps_what_it_claims_then(database: Database) -> None:
    """The thread that ends says that its owner holds nothing: the next one claims under another name."""
    async with ledger_of(database) as ledger:
        await ledger.bind(*ACCOUNT)
        former = ledger.owner
        closing = asyncio.create_task(ledger.aclose())
        await asyncio.sleep(0)
        assert isinstance(await claimed(ledger), Granted)
        assert ledger.owner != former
        await closing
        assert await asked(database, "SELECT name FROM owner") == [(ledger.owner,)]
        async with ledger_of(database) as other:
            assert isinstance(await claimed(other), Held)


async def test_a_machine_without_descriptors_is_said_and_blocks_no_loop(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread cannot make a loop of its own; later it can."""

    def refused(work: Coroutine[object, object, None]) -> None:
        work.close()
        raise OSError(errno.EMFILE, "Too many open files")

    ledger = ledger_of(database)
    with monkeypatch.context() as without:
        without.setattr(asyncio, "run", refused)
        with pytest.raises(ConfigurationError, match="Too many open files"):
            await ledger.bind(*ACCOUNT)
    async with ledger:
        await ledger.bind(*ACCOUNT)


async def test_a_run_that_claims_nothing_shows_that_it_is_under_way(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bonifiq_async.ledger.postgres.writer.TICK", 0.01)
    monkeypatch.setattr("bonifiq_async.ledger.postgres.owner.BEAT", 0.0)
    async with ledger_of(database) as ledger:
        beginning = asyncio.create_task(ledger.begin_run(RunOrigin("apply", "me", "here", "f.csv", "d")))
        for _ in range(TURNS + 2):
            await asyncio.sleep(0)
        while not aside(asked(database, "SELECT FROM run")):
            pass  # the loop stands still until the thread has begun the run
        aside(asked(database, "SELECT FROM run"))  # and rests
        await beginning
        [first] = await asked(database, "SELECT beat FROM owner")
        async with asyncio.timeout(20.0):
            while await asked(database, "SELECT beat FROM owner") == [first]:
                await asyncio.sleep(0.01)
