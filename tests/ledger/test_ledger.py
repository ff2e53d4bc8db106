"""The ledger: its states, what it answers, and what it refuses."""

import asyncio
import os
import sqlite3
import stat
from decimal import Decimal
from pathlib import Path

import pytest
from attrs import evolve
from conftest import change, client_for
from ledger_files import by_hand, commits
from one_test import one_test

from bonifiq_async import (
    ChangeKeyConflict,
    ConfigurationError,
    Effect,
    LedgerError,
    MemoryLedger,
    SqliteLedger,
)
from bonifiq_async.bonifiq.customers import request_digest
from bonifiq_async.ledger.protocol import (
    DONE,
    TRANSITIONS,
    Conflict,
    Ending,
    Granted,
    Held,
    Intent,
    Row,
    Settled,
    State,
    Unsettled,
    rule,
)
from bonifiq_async.ledger.reader import standing
from bonifiq_async.ledger.sqlite import connection
from bonifiq_async.ledger.sqlite.reader import SqliteReader
from bonifiq_async.ledger.sqlite.writer import Writer
from bonifiq_async.sandbox import FaultScript

INTENT = Intent("operation", "key", b"digest", "ana", Decimal(10), "/path", b"{}", ("p", "a"))
OTHER = evolve(INTENT, digest=b"other", customer_id="bia", value=Decimal(5))


def row(state: State, **more: object) -> Row:
    """A row of INTENT in `state`, first sent at 0 and leased by "them" until 100."""
    return evolve(Row(b"digest", state, False, 3, "them", 100.0, 0.0, "ana", Decimal(10)), **more)


RULINGS = {
    "never seen": (None, INTENT, 50, Granted(1, False)),
    "claimed by another, which is sending it": (row(State.CLAIMED), INTENT, 50, Held("them", 50.0)),
    "claimed by another, whose lease is over": (row(State.CLAIMED), INTENT, 101, Granted(4, True)),
    "claimed by this very process": (row(State.CLAIMED, owner="me"), INTENT, 50, Granted(4, True)),
    "in doubt": (row(State.IN_DOUBT), INTENT, 50, Granted(4, True)),
    "unknown": (row(State.UNKNOWN), INTENT, 50, Granted(4, True)),
    "applied": (row(State.APPLIED), INTENT, 50, Settled()),
    "already applied": (row(State.ALREADY_APPLIED), INTENT, 50, Settled()),
    "used elsewhere": (row(State.USED_ELSEWHERE), INTENT, 50, Settled(used_elsewhere=True)),
    "refused": (row(State.REFUSED), INTENT, 50, Granted(4, False, cleared=True)),
    "not applied": (row(State.NOT_APPLIED), INTENT, 50, Granted(4, False, cleared=True)),
    "another change, applied": (row(State.APPLIED), OTHER, 50, Conflict("ana", Decimal(10))),
    "another change, used elsewhere": (row(State.USED_ELSEWHERE), OTHER, 50, Conflict("ana", Decimal(10))),
    "another change, in doubt": (row(State.IN_DOUBT), OTHER, 50, Conflict("ana", Decimal(10))),
    "another change, claimed": (row(State.CLAIMED), OTHER, 50, Conflict("ana", Decimal(10))),
    "another change, refused": (row(State.REFUSED), OTHER, 50, Granted(4, False, cleared=True)),
}


@one_test
@pytest.mark.parametrize(("stands", "intent", "now", "ruling"), RULINGS.values(), ids=RULINGS)
def test_rulings(stands, intent, now, ruling):
    """What a ledger answers, by the row that it has."""
    assert rule(stands, intent, now=now, owner="me", repeatable=True, retention=float("inf")) == ruling


@pytest.mark.parametrize("state", [State.IN_DOUBT, State.UNKNOWN, State.CLAIMED])
def test_what_is_in_doubt_is_not_sent_again_where_that_could_double_it(state):
    """Neither a write that the provider does not de-duplicate, nor one whose key it has forgotten."""
    stands = row(state, lease_until=0.0)
    never = rule(stands, INTENT, now=50, owner="me", repeatable=False, retention=1000)
    late = rule(stands, INTENT, now=1001, owner="me", repeatable=True, retention=1000)
    assert isinstance(never, Unsettled)
    assert isinstance(late, Unsettled) and "1000 s" in late.reason


@pytest.mark.parametrize(
    ("stands", "now", "repeatable", "seconds"),
    [
        (None, 0, True, 1000),
        (row(State.REFUSED), 5000, True, 1000),
        (row(State.UNKNOWN), 400, True, 600),
        (row(State.CLAIMED), 1000, True, 0),
        (row(State.UNKNOWN), -50, True, 1000),
        (None, 0, False, float("inf")),
        (row(State.NOT_APPLIED), 5000, False, float("inf")),
    ],
)
def test_a_grant_says_for_how_long_the_provider_remembers_the_key(stands, now, repeatable, seconds):
    """Counted from the first sending; what is not repeated needs no memory."""
    granted = rule(stands, INTENT, now=now, owner="me", repeatable=repeatable, retention=1000)
    assert granted.seconds == seconds


def test_transitions_name_every_state_and_an_applied_change_stays_applied():
    """No transition leaves a state in which the balance has changed.

    Where only the provider says so, a person may correct it; no claim does.
    """
    assert set(TRANSITIONS) == {None, *State}
    assert all(TRANSITIONS[state] == frozenset() for state in DONE - {State.USED_ELSEWHERE})
    assert TRANSITIONS[State.USED_ELSEWHERE] == {State.ALREADY_APPLIED, State.NOT_APPLIED}
    assert TRANSITIONS[None] == {State.CLAIMED}


async def claimed(ledger, intent=INTENT, lease=60) -> Granted:
    """Claim, and expect to be granted."""
    ruling = await ledger.claim(intent, lease=lease, repeatable=True)
    assert isinstance(ruling, Granted)
    return ruling


async def test_a_memory_forgets_the_oldest_of_what_may_be_repeated_alone():
    """Two applied and two in doubt of that kind; the other kind is kept whatever comes after it."""
    ledger = MemoryLedger(capacity=2)
    lasting = evolve(INTENT, operation="never")
    granted = await ledger.claim(lasting, lease=60, repeatable=False)
    assert await ledger.end(lasting, granted.fence, Ending(State.UNKNOWN))
    for state in (State.APPLIED, State.UNKNOWN):
        for key in "abc":
            intent = evolve(INTENT, key=f"{key} {state.value}")
            assert await ledger.end(intent, (await claimed(ledger, intent)).fence, Ending(state))
    assert await claimed(ledger, evolve(INTENT, key="a applied")) == Granted(8, False)
    assert await claimed(ledger, evolve(INTENT, key="a unknown")) == Granted(9, False)
    assert await claimed(ledger, evolve(INTENT, key="b unknown")) == Granted(10, True)
    assert isinstance(await ledger.claim(lasting, lease=60, repeatable=False), Unsettled)


async def test_a_process_paused_past_its_lease_cannot_overwrite_the_other(tmp_path):
    """Two processes on one file: one sends at a time, and the fence keeps the late outcome out."""
    now = [1000.0]
    one, two = (
        SqliteLedger(tmp_path / "l", clock=lambda: now[0], monotonic=lambda: now[0]) for _ in range(2)
    )
    async with one, two:
        mine = await claimed(one)
        held = await two.claim(INTENT, lease=60, repeatable=True)
        assert isinstance(held, Held) and held.seconds == 60 and str(os.getpid()) in held.owner
        now[0] += 61
        theirs = await two.claim(INTENT, lease=60, repeatable=True)
        assert theirs == Granted(2, True)
        assert not await one.end(INTENT, mine.fence, Ending(State.NOT_APPLIED))
        assert await two.end(INTENT, 2, Ending(State.APPLIED))
    assert standing(SqliteReader(tmp_path / "l")).counts[State.APPLIED] == 1


async def test_a_claim_given_up_before_it_was_answered_is_free_again(tmp_path):
    """Nothing was sent, so nothing is in doubt."""
    async with SqliteLedger(tmp_path / "l") as ledger:
        await ledger.bind("p", "a")
        claiming = asyncio.create_task(ledger.claim(INTENT, lease=60, repeatable=True))
        await asyncio.sleep(0)
        claiming.cancel()
        await asyncio.wait([claiming])
        async with asyncio.timeout(5):
            while standing(SqliteReader(tmp_path / "l")).counts[State.NOT_APPLIED] == 0:
                await asyncio.sleep(0)
        assert (await claimed(ledger)).in_doubt is False


async def test_a_claim_given_up_just_as_it_is_answered_is_free_again(tmp_path, monkeypatch):
    """The answer was there, and the caller did not act on it."""
    original = Writer.submit

    def submit(self, *work, **more):
        future = original(self, *work, **more)
        future.add_done_callback(lambda _: claiming.cancel())
        return future

    async with SqliteLedger(tmp_path / "l") as ledger:
        await ledger.bind("p", "a")
        with monkeypatch.context() as patch:
            patch.setattr(Writer, "submit", submit)
            claiming = asyncio.create_task(ledger.claim(INTENT, lease=60, repeatable=True))
            await asyncio.wait([claiming])
        assert claiming.cancelled()
        async with asyncio.timeout(5):
            while standing(SqliteReader(tmp_path / "l")).counts[State.NOT_APPLIED] == 0:
                await asyncio.sleep(0)
        assert (await claimed(ledger)).in_doubt is False


async def test_a_change_that_was_refused_begins_anew(tmp_path):
    """With the terms and the time of the new claim: what the provider remembers counts from there."""
    now = [0.0]
    async with SqliteLedger(tmp_path / "l", key_retention=1000, clock=lambda: now[0]) as ledger:
        first = await claimed(ledger)
        await ledger.end(INTENT, first.fence, Ending(State.REFUSED, 1))
        now[0] = 2000
        assert await claimed(ledger, OTHER) == Granted(2, False, cleared=True, seconds=1000)
        told = await ledger.claim(INTENT, lease=60, repeatable=True)
        assert told == Conflict("bia", Decimal(5), path=OTHER.path, body=OTHER.body)
        await ledger.end(OTHER, 2, Ending(State.UNKNOWN, 1))
        now[0] = 2900
        assert await claimed(ledger, OTHER) == Granted(3, True, seconds=100)
        await ledger.end(OTHER, 3, Ending(State.UNKNOWN, 1))
        now[0] = 3001
        assert isinstance(await ledger.claim(OTHER, lease=60, repeatable=True), Unsettled)


async def test_commits_are_shared(tmp_path):
    """300 changes at once take far fewer commits than 300 claims and 300 outcomes."""
    async with SqliteLedger(tmp_path / "l") as ledger:
        intents = [evolve(INTENT, key=f"key-{number}") for number in range(300)]
        granted = await asyncio.gather(*(claimed(ledger, each) for each in intents))
        ends = (ledger.end(each, 1, Ending(State.APPLIED)) for each in intents)
        assert all(await asyncio.gather(*ends)) and {each.fence for each in granted} == {1}
        assert commits(ledger.path) < 60


async def test_the_file_is_private_and_holds_no_credential(tmp_path, sandbox):
    """Customer ids and reasons are in it; token and key are not."""
    server = sandbox()
    async with SqliteLedger(tmp_path / "l") as ledger, client_for(server, ledger=ledger) as client:
        await client.customers.change_cashback(change())
    assert stat.S_IMODE((tmp_path / "l").stat().st_mode) == 0o600
    held = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"ANA" in held
    for secret in (server.credentials.token, server.credentials.key, server.credentials.header()):
        assert secret.encode() not in held


def _not_a_ledger(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE other (x)")
    database.close()


def _newer(path: Path) -> None:
    connection.opened(path).close()
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()


UNUSABLE = {
    "not a ledger": (_not_a_ledger, "is a database, but not a ledger"),
    "a newer format": (_newer, "has format 99"),
    "not a database": (lambda path: path.write_bytes(b"customer_id,value\n" * 100), "is no ledger"),
    "a folder": (lambda path: path.mkdir(), "cannot be opened"),
}


@pytest.mark.parametrize(("make", "sentence"), UNUSABLE.values(), ids=UNUSABLE)
async def test_a_file_that_is_no_ledger_is_refused_in_one_sentence(make, sentence, tmp_path):
    """And stays as it is."""
    make(tmp_path / "l")
    with pytest.raises(ConfigurationError, match=sentence):
        await SqliteLedger(tmp_path / "l").bind("p", "a")


async def test_a_ledger_that_cannot_be_written_stops_before_the_send_and_says_so_after_it(tmp_path, sandbox):
    """Before: nothing was sent. After: the outcome is in doubt, with its key."""
    server = sandbox()
    async with SqliteLedger(tmp_path / "l") as ledger, client_for(server, ledger=ledger) as client:
        await client.customers.change_cashback(change("first"))
        full = "CREATE TRIGGER full BEFORE {} ON change BEGIN SELECT RAISE(FAIL, 'disk is full'); END"
        by_hand(tmp_path / "l", full.format("UPDATE"))
        with pytest.raises(LedgerError, match="disk is full") as after:
            await client.customers.change_cashback(change("second"))
        assert (after.value.effect, after.value.change_key) == (Effect.UNKNOWN, "second")
        by_hand(tmp_path / "l", full.format("INSERT").replace("full", "f2", 1))
        with pytest.raises(LedgerError) as before:
            await client.customers.change_cashback(change("third"))
        assert before.value.effect is Effect.NOT_APPLIED
    assert set(server.books.keys()) == {"first", "second"}


async def test_what_one_client_applied_the_next_does_not_send(tmp_path, sandbox):
    """A restart: the same change is answered from the ledger, another one under its key is refused."""
    server = sandbox()
    for effect in (Effect.APPLIED, Effect.ALREADY_APPLIED):
        async with SqliteLedger(tmp_path / "l") as ledger, client_for(server, ledger=ledger) as client:
            assert (await client.customers.change_cashback(change())).effect is effect
    async with SqliteLedger(tmp_path / "l") as ledger, client_for(server, ledger=ledger) as client:
        with pytest.raises(ChangeKeyConflict, match="the change of 10 for ANA, not for this change of 7"):
            await client.customers.change_cashback(change(value="7"))
    assert server.books.requests == 1


async def test_doubt_outlives_the_process(tmp_path, sandbox):
    """A lost request in one run, a refusal in the next: unknown, never refused."""
    server = sandbox(faults=FaultScript(["html-after", "400"]))
    effects = []
    for _ in range(3):
        async with SqliteLedger(tmp_path / "l") as ledger, client_for(server, ledger=ledger) as client:
            effects.append((await client.outcome_of(change())).effect)
    assert effects == [Effect.UNKNOWN, Effect.UNKNOWN, Effect.APPLIED]
    assert len(server.books.effects(change().change_key)) == 1


async def test_a_cancel_while_the_outcome_is_written_leaves_doubt_not_denial(tmp_path, sandbox):
    """The provider has applied it: until that is on disk, the client says that it is in doubt."""
    server, writing = sandbox(), asyncio.Event()

    class Slow(SqliteLedger):
        async def end(self, intent, fence, ending):
            writing.set()
            await asyncio.Event().wait()

    async with Slow(tmp_path / "l") as ledger, client_for(server, ledger=ledger) as client:
        call = asyncio.create_task(client.outcome_of(change("key")))
        await asyncio.wait_for(writing.wait(), 5)
        call.cancel()
        await asyncio.wait([call])
        assert client.in_doubt() == ("key",)


async def test_what_another_holds_is_unknown_never_denied(tmp_path, sandbox):
    """It may be applied in this very moment; and two clients of one process send once."""
    server = sandbox()
    async with SqliteLedger(tmp_path / "l") as ledger, client_for(server, ledger=ledger) as client:
        request = client.customers.prepared(change("key"))
        mine = Intent(
            "bonifiq.customer.change_cashback",
            "key",
            request_digest(change("key")),
            "ANA",
            Decimal(10),
            request.path,
            b"",
            client.account,
        )
        await ledger.claim(mine, lease=60, repeatable=True)
        outcome = await client.outcome_of(change("key"), deadline=0.3)
        assert (outcome.effect, outcome.attempts) == (Effect.UNKNOWN, ())
        assert "another call or process is sending it" in str(outcome.error)
    assert server.books.requests == 0


async def test_a_file_that_was_replaced_is_noticed(tmp_path):
    """Its outcomes would go into a file that no later run opens."""
    async with SqliteLedger(tmp_path / "l") as ledger:
        await ledger.bind("p", "a")
        (tmp_path / "l").rename(tmp_path / "moved")
        with pytest.raises(LedgerError, match="No such file"):
            await claimed(ledger)
        connection.opened(tmp_path / "other").close()
        (tmp_path / "other").rename(tmp_path / "l")
        with pytest.raises(LedgerError, match="replaced"):
            await claimed(ledger)


def test_a_clock_set_back_does_not_lengthen_the_providers_memory():
    """When it is unknown how long ago it was sent, it is not sent again."""
    later = row(State.UNKNOWN, first_sent=2000.0)
    assert isinstance(rule(later, INTENT, now=50, owner="me", repeatable=True, retention=1000), Unsettled)
    assert isinstance(
        rule(later, INTENT, now=50, owner="me", repeatable=True, retention=float("inf")), Granted
    )
