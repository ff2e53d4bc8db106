"""Ledgers that earlier versions wrote, of both providers and with a change in each state, open and go on.

`data/former_ledgers.zip` has one for each format and provider, left by a process that was killed. Their
changes are called `key applied`, `key in doubt` and so on, after the state that was written down.
"""

import zipfile
from pathlib import Path

import pytest
from attrs import evolve
from ledger_files import by_hand

from bonifiq_async import SqliteLedger
from bonifiq_async.ledger.protocol import Conflict, Ending, Granted, Intent, Settled, State, Unsettled
from bonifiq_async.ledger.reader import recorded, standing
from bonifiq_async.ledger.runs import RunOrigin
from bonifiq_async.ledger.sqlite.connection import opened
from bonifiq_async.ledger.sqlite.reader import SqliteReader

ARCHIVE = Path(__file__).parent.parent / "data" / "former_ledgers.zip"
ACCOUNTS = {
    "bonifiq": "API token=12ab\nbase URL=https://api.example",
    "raba7ni": "app id=34cd\nbase URL=https://api.example",
}
OPERATIONS = {"bonifiq": "bonifiq.customer.change_cashback", "raba7ni": "raba7ni.cashback.earn"}
STATES = {1: [state for state in State if state is not State.USED_ELSEWHERE], 2: list(State)}
FREE = {State.REFUSED, State.NOT_APPLIED}
DONE = {State.APPLIED, State.ALREADY_APPLIED, State.USED_ELSEWHERE}


@pytest.fixture(params=[(1, "bonifiq"), (1, "raba7ni"), (2, "bonifiq"), (2, "raba7ni")], ids=str)
def former(request, tmp_path):
    with zipfile.ZipFile(ARCHIVE) as archive:
        archive.extractall(tmp_path)
    number, provider = request.param
    return tmp_path / f"format_{number}" / provider / "ledger", STATES[number], provider


def asked(provider: str, state: State, place: int) -> Intent:
    """Return the change whose record stands at `place` among the states, as its sender made it."""
    account = (provider, ACCOUNTS[provider])
    key, digest = f"key {state.value}", bytes([place]) * 16
    return Intent(OPERATIONS[provider], key, digest, "ana", 10, "/path", b"{}", account)


def expected(provider: str, state: State) -> tuple[type[object], bool | None]:
    """Return the ruling on a change, and whether it may have been applied where it may be sent."""
    if state in DONE:
        return Settled, None
    if state in FREE:
        return Granted, False
    return (Granted, True) if provider == "bonifiq" else (Unsettled, None)


async def test_each_state_is_what_it_was(former):
    path, states, provider = former
    counts = {state: count for state, count in standing(SqliteReader(path)).counts.items() if count}
    claimed = {State.IN_DOUBT: 2}  # a claim whose sender is gone is in doubt
    assert counts == {state: 1 for state in states if state is not State.CLAIMED} | claimed
    assert {each.key for each in recorded(SqliteReader(path), set(State))} == {
        f"key {s.value}" for s in states
    }
    async with SqliteLedger(path) as ledger:
        await ledger.bind(provider, ACCOUNTS[provider])
        for place, state in enumerate(states, 1):
            intent = asked(provider, state, place)
            another = evolve(intent, digest=b"another change!!")
            if state not in FREE:
                assert isinstance(await ledger.claim(another, lease=60, repeatable=True), Conflict)
            ruling = await ledger.claim(intent, lease=60, repeatable=provider == "bonifiq")
            shown = (type(ruling), ruling.in_doubt if isinstance(ruling, Granted) else None)
            assert (state, shown) == (state, expected(provider, state))
            if isinstance(ruling, Granted):
                assert await ledger.end(intent, ruling.fence, Ending(State.APPLIED, 1))
    assert all((each.run, each.last_run) == (None, None) for each in SqliteReader(path).changes())
    done = sum(expected(provider, state)[0] is not Unsettled for state in states)
    assert sum(standing(SqliteReader(path)).counts[state] for state in DONE) == done


async def test_its_changes_go_on_in_runs(former):
    """A change in doubt still has no known first run; nothing else is rewritten."""
    path, states, provider = former
    async with SqliteLedger(path) as ledger:
        await ledger.begin_run(RunOrigin("apply", "ana", "shop"))
        for place, state in enumerate(states, 1):
            intent = evolve(asked(provider, state, place), line=place)
            ruling = await ledger.claim(intent, lease=60, repeatable=provider == "bonifiq")
            if isinstance(ruling, Granted):
                assert await ledger.end(intent, ruling.fence, Ending(State.APPLIED, 1))
        await ledger.end_run({"applied": 1})
    of = {
        each.key.removeprefix("key "): (each.run, each.line, each.last_run)
        for each in SqliteReader(path).changes()
    }
    for place, state in enumerate(states, 1):
        kind, in_doubt = expected(provider, state)
        sent = (None, None, 1) if in_doubt else (1, place, 1)
        assert (state, of[state.value]) == (state, sent if kind is Granted else (None, None, None))


def test_its_tables_are_those_of_a_new_one(former, tmp_path):
    path = former[0]
    for each in (path, tmp_path / "new"):
        opened(each).close()
    old, new = (by_hand(each, "SELECT name, sql FROM sqlite_master") for each in (path, tmp_path / "new"))
    assert sorted(old, key=str) == sorted(new, key=str)
    assert by_hand(path, "PRAGMA integrity_check") == [("ok",)]
