"""A key that the provider reports as used, without a known request of this client: reported separately."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial

import pytest
from conftest import CHANGED, change, client_for, fast, http, read_request

from bonifiq_async import (
    BasicCredentials,
    BonifiQClient,
    CashbackBatch,
    ChangeKeyConflict,
    ConfigurationError,
    Effect,
    MemoryLedger,
    Outcome,
    SqliteLedger,
    StopReason,
)
from bonifiq_async._delivery.terms import Terms
from bonifiq_async.ledger.protocol import TRANSITIONS, State
from bonifiq_async.ledger.reader import recorded, standing
from bonifiq_async.ledger.settling import WORDS, PersonsWord
from bonifiq_async.ledger.sqlite.reader import SqliteReader
from bonifiq_async.sandbox import FaultScript, Sandbox

KEY = change().change_key
USED = b'{"HasError":true,"CodeName":"ChangeKeyAlreadyUsed","ErrorMessage":"This ChangeKey was already used"}'
LOST, THROTTLED, REFUSED = "lost", "throttled", "refused"
FORBIDDEN = b'{"HasError":true,"ErrorMessage":"The amount is not allowed"}'
ANSWERS = {
    THROTTLED: http(b"{}", status="429 Too Many Requests"),
    REFUSED: http(FORBIDDEN, status="400 Bad Request"),
    "broken": http(b"{}", status="500 Internal Server Error"),
    "unavailable": http(b"{}", status="503 Service Unavailable"),
    "unreadable": http(b"<html>", status="200 OK"),
    "used": http(USED, status="409 Conflict"),
    "used, as a 503": http(USED, status="503 Service Unavailable"),
    "applied": http(CHANGED),
}
Serve = Callable[..., Awaitable[str]]


@pytest.fixture(params=["memory", "sqlite"])
def ledger_of(request, tmp_path):
    """Both kinds of ledger, in turn: each call makes one with the content of the one before."""
    shared = MemoryLedger()
    return (lambda: shared) if request.param == "memory" else partial(SqliteLedger, tmp_path / "ledger")


async def used_by_another(server: Sandbox, key: str = KEY, customer: str = "BIA") -> None:
    """Have another client, with a ledger of its own, use the key for another customer."""
    async with client_for(server) as another:
        await another.customers.change_cashback(change(key, "99", customer))


@pytest.mark.parametrize("mode", ["error-200", "error-400", "error-409"])
async def test_a_key_that_another_client_used_is_reported_separately(mode, ledger_of, sandbox) -> None:
    """The balance of this customer has not changed; every later call reports the same, without a request."""
    server = sandbox(duplicates=mode)
    await used_by_another(server)
    requests = server.books.requests
    for reason in (StopReason.ANSWERED, StopReason.REMEMBERED, StopReason.REMEMBERED):
        async with ledger_of() as ledger, client_for(server, ledger=ledger) as client:
            outcome = await client.customers.change_cashback(change())
        assert (outcome.effect, outcome.used_elsewhere) == (Effect.ALREADY_APPLIED, True)
        assert (outcome.reason, outcome.error) == (reason, None)
    assert server.books.requests == requests + 1
    assert server.books.balance("ANA") == 0


async def serving(raw_server: Serve, *answers: str) -> str:
    """Return the URL of a server that gives `answers`, one for each request; LOST is none."""
    left = list(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_request(reader)
            answer = left.pop(0)
            if answer == LOST:
                return
            writer.write(ANSWERS[answer])

    return await raw_server(serve)


async def asked(url: str, ledger=None, attempts: int = 5) -> Outcome[object]:
    """Return the outcome of the change there, for a new client."""
    settings = {"base_url": url, "retry": fast(max_attempts=attempts), "ledger": ledger}
    async with BonifiQClient(BasicCredentials("token", "secret"), **settings) as client:
        return await client.outcome_of(change())


WITHIN = {
    "at once": (("used",), True),
    "at once, as a server's fault": (("used, as a 503",), True),
    "after a lost request": ((LOST, "used"), False),
    "after a fault": (("broken", "used"), False),
    "after it was unavailable": (("unavailable", "used"), False),
    "after it was throttled": ((THROTTLED, "used"), False),
}


@pytest.mark.parametrize(("answers", "elsewhere"), WITHIN.values(), ids=WITHIN)
async def test_within_a_call_each_request_that_was_sent_explains_a_used_key(
    answers: tuple[str, ...], elsewhere: bool, raw_server
) -> None:
    outcome = await asked(await serving(raw_server, *answers))
    assert (outcome.effect, outcome.used_elsewhere) == (Effect.ALREADY_APPLIED, elsewhere)
    assert len(outcome.attempts) == len(answers)


BEFORE = {
    "in doubt": (LOST, False),
    "unknown": ("unreadable", False),
    "refused: nothing changed": (REFUSED, True),
    "throttled to the end: nothing changed": (THROTTLED, True),
}


@pytest.mark.parametrize(("answer", "elsewhere"), BEFORE.values(), ids=BEFORE)
async def test_an_earlier_call_explains_a_used_key_where_it_may_have_changed_something(
    answer: str, elsewhere: bool, ledger_of, raw_server
) -> None:
    """A change that was surely refused, or ended before the provider acted, has not used the key."""
    url = await serving(raw_server, answer, "used")
    async with ledger_of() as ledger:
        first = await asked(url, ledger, attempts=1)
        assert first.effect is not Effect.ALREADY_APPLIED
        second = await asked(url, ledger)
    assert (second.effect, second.used_elsewhere) == (Effect.ALREADY_APPLIED, elsewhere)


async def test_a_connection_that_was_never_made_explains_nothing(sandbox, ledger_of) -> None:
    """A run in an outage leaves rows for which no request was sent."""
    server = sandbox(duplicates="error-400")
    async with ledger_of() as ledger, client_for(server, ledger=ledger) as client:
        server.stop()
        assert (await client.outcome_of(change(), deadline=0.5)).effect is Effect.NOT_APPLIED
        server.start()
        await used_by_another(server)
        assert (await client.outcome_of(change())).used_elsewhere


async def test_a_joined_call_gets_the_same(sandbox) -> None:
    """Two callers share one request."""
    server = sandbox(duplicates="error-400", faults=FaultScript(["slow"] * 9))
    await used_by_another(server)
    async with client_for(server) as client:
        both = await asyncio.gather(client.outcome_of(change()), client.outcome_of(change()))
    assert [outcome.used_elsewhere for outcome in both] == [True, True]


async def test_a_ledger_that_has_a_request_does_not_take_over_used_elsewhere(sandbox, tmp_path) -> None:
    """The call that is joined has a ledger without that request."""
    server = sandbox(duplicates="error-400", faults=FaultScript(["close-after", "slow"]))
    async with SqliteLedger(tmp_path / "l") as ledger:
        async with client_for(server, retry=fast(max_attempts=1), ledger=ledger) as client:
            assert (await client.outcome_of(change())).effect is Effect.UNKNOWN
        async with client_for(server) as client:
            first = asyncio.create_task(client.outcome_of(change()))
            await asyncio.sleep(0)
            second = await client.outcome_on(change(), Terms(ledger=ledger))
            assert ((await first).used_elsewhere, second.used_elsewhere) == (True, False)
    assert standing(SqliteReader(tmp_path / "l")).counts[State.ALREADY_APPLIED] == 1


async def test_a_batch_reports_it_in_outcome_and_summary(sandbox) -> None:
    """By effect they count as applied already; the summary says how many by the provider's answer alone."""
    server = sandbox(duplicates="error-400", faults=FaultScript(["close-after"]))
    async with client_for(server, retry=fast(max_attempts=1)) as client:
        await client.outcome_of(change("own"))
        await used_by_another(server, "strange")
        batch = CashbackBatch(client)
        outcomes = [each async for each in batch.run([change("own"), change("strange"), change("new")])]
    ends = {each.change.change_key: (each.effect, each.used_elsewhere) for each in outcomes}
    assert ends == {
        "own": (Effect.ALREADY_APPLIED, False),
        "strange": (Effect.ALREADY_APPLIED, True),
        "new": (Effect.APPLIED, False),
    }
    found = batch.summary
    assert (found.seen, found.applied, found.already_applied, found.used_elsewhere) == (3, 1, 2, 1)
    assert found.value_added == change().value


async def test_the_log_has_a_line_for_it(sandbox, caplog) -> None:
    server = sandbox(duplicates="error-400")
    await used_by_another(server)
    with caplog.at_level(logging.WARNING, "bonifiq_async"):
        async with client_for(server) as client:
            await client.outcome_of(change())
    [line] = caplog.messages
    assert line.startswith("used elsewhere: ") and f"key={KEY}" in line and "a key of its own" in line


async def test_another_change_under_it_is_a_conflict(sandbox, ledger_of) -> None:
    """The provider would not make it either: it needs another key."""
    server = sandbox(duplicates="error-400")
    await used_by_another(server)
    async with ledger_of() as ledger, client_for(server, ledger=ledger) as client:
        await client.outcome_of(change())
        outcome = await client.outcome_of(change(value="11"))
        assert isinstance(outcome.error, ChangeKeyConflict)


async def left_used_elsewhere(server: Sandbox, path) -> None:
    """Leave a ledger with one change whose key another client used."""
    await used_by_another(server)
    async with SqliteLedger(path) as ledger, client_for(server, ledger=ledger) as client:
        assert (await client.outcome_of(change())).used_elsewhere


@pytest.mark.parametrize(
    ("word", "stands", "again"),
    [
        (State.APPLIED, State.ALREADY_APPLIED, (Effect.ALREADY_APPLIED, False, 0)),
        (State.NOT_APPLIED, State.NOT_APPLIED, (Effect.ALREADY_APPLIED, True, 1)),
    ],
)
async def test_a_person_confirms_or_denies_it(word, stands, again, sandbox, tmp_path) -> None:
    """Confirmed, it is applied already. Denied, it may be sent again, and the provider answers the same."""
    server = sandbox(duplicates="error-400")
    await left_used_elsewhere(server, tmp_path / "l")
    [entry] = recorded(SqliteReader(tmp_path / "l"), State)
    assert entry.state is State.USED_ELSEWHERE
    SqliteReader(tmp_path / "l").settle(KEY, PersonsWord(word, "seen at the provider"))
    [entry] = recorded(SqliteReader(tmp_path / "l"), State)
    assert (entry.state, entry.error) == (stands, "settled by hand: seen at the provider")
    before = server.books.requests
    async with SqliteLedger(tmp_path / "l") as ledger, client_for(server, ledger=ledger) as client:
        outcome = await client.outcome_of(change())
    assert (outcome.effect, outcome.used_elsewhere, server.books.requests - before) == again


@pytest.mark.parametrize("state", State)
def test_a_settlement_is_accepted_where_the_ledger_does_not_know(state: State) -> None:
    """The result of each settlement is a transition of the table."""
    taken = state in (State.IN_DOUBT, State.UNKNOWN, State.USED_ELSEWHERE)
    assert (state in WORDS) is taken
    assert set(WORDS.get(state, {}).values()) <= TRANSITIONS[state]
    if taken:
        assert set(WORDS[state]) == {State.APPLIED, State.NOT_APPLIED}


async def test_a_confirmed_change_cannot_be_settled_again(sandbox, tmp_path) -> None:
    await left_used_elsewhere(sandbox(duplicates="error-400"), tmp_path / "l")
    SqliteReader(tmp_path / "l").settle(KEY, PersonsWord(State.APPLIED, "seen"))
    with pytest.raises(ConfigurationError, match="Nothing was settled"):
        SqliteReader(tmp_path / "l").settle(KEY, PersonsWord(State.NOT_APPLIED, "guessed"))


async def test_a_memory_forgets_it_like_other_applied_changes(sandbox) -> None:
    """It counts among the applied, which are bounded; a forgotten change is sent again."""
    server = sandbox(duplicates="error-400")
    await used_by_another(server)
    ledger = MemoryLedger(capacity=1)
    async with client_for(server, ledger=ledger) as client:
        assert (await client.outcome_of(change())).used_elsewhere
        await client.outcome_of(change("new"))
        before = server.books.requests
        assert (await client.outcome_of(change())).used_elsewhere
        assert server.books.requests == before + 1
