"""Twenty thousand changes at a provider that fails three requests in ten: none lost, none doubled."""

import multiprocessing
import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from multiprocessing.connection import Connection

import pytest
from attrs import frozen
from conftest import fast

from bonifiq_async import (
    BasicCredentials,
    BonifiQClient,
    CashbackBatch,
    CashbackChange,
    Effect,
    FlowControl,
    PoolLimits,
)
from bonifiq_async.sandbox import FAULTS, FaultScript, Sandbox
from bonifiq_async.sandbox.faults import TRANSIENT

CHANGES = 2_000
"""For each way of de-duplicating."""
CUSTOMERS = 160
CREDENTIALS = BasicCredentials("token", "key")
PATIENT = fast(base=0.002, cap=0.02, max_attempts=20, quota=1_000_000)
"""Twenty attempts at 30 % faults: one change in some millions of runs fails."""

ONE_EFFECT = {Effect.APPLIED, Effect.ALREADY_APPLIED}


@frozen
class Closed:
    """The contents of the books and the faults at the end."""

    effects: dict[str, list[tuple[str, Decimal]]]
    balances: dict[str, Decimal]
    requests: int
    faults: Counter[str]


def _provide(line: Connection, mode: str, seed: int) -> None:
    """Run a sandbox until `line` says so, then hand over its books."""
    script = FaultScript(rate=0.3, seed=seed)
    with Sandbox(duplicates=mode, faults=script, credentials=CREDENTIALS) as server:
        line.send(server.url)
        line.recv()
    books, keys = server.books, server.books.keys()
    effects = {key: [(each.customer_id, each.value) for each in books.effects(key)] for key in keys}
    line.send(Closed(effects, books.balances(), books.requests, script.met))


@contextmanager
def _provider(mode: str, seed: int) -> Iterator[Connection]:
    """A sandbox in a process of its own, so that client and server do not share one interpreter."""
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    process = spawn.Process(target=_provide, args=(there, mode, seed))
    process.start()
    there.close()
    try:
        yield here
    finally:
        here.close()
        process.join(10)
        process.close()


def _changes(seed: int) -> list[CashbackChange]:
    chance = random.Random(seed)
    return [
        CashbackChange(
            f"customer {chance.randrange(CUSTOMERS)}",
            Decimal(chance.choice((1, -1)) * chance.randint(1, 99_999)).scaleb(-2),
            "Loyalty",
            f"change-{number}",
        )
        for number in range(CHANGES)
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "seed"), [("replay", 1), ("error-200", 2), ("error-400", 3), ("error-409", 4)], ids=str
)
async def test_every_change_has_exactly_one_effect(mode: str, seed: int) -> None:
    changes, outcomes = _changes(seed), []
    with _provider(mode, seed) as provider:
        url = provider.recv()
        async with BonifiQClient(
            CREDENTIALS, base_url=url, retry=PATIENT, pool=PoolLimits(connections=32)
        ) as client:
            batch = CashbackBatch(client, flow=FlowControl(max_in_flight=64))
            async for outcome in batch.run(changes):
                outcomes.append(outcome)
            assert client.in_doubt() == ()
        provider.send("over")
        books: Closed = provider.recv()

    assert sorted(outcome.position for outcome in outcomes) == list(range(CHANGES))
    assert all(outcome.change is changes[outcome.position] for outcome in outcomes)

    said = {outcome.change.change_key: outcome.effect for outcome in outcomes}
    for each in changes:
        moved = [(each.customer_id, each.value)] if said[each.change_key] in ONE_EFFECT else []
        assert books.effects.get(each.change_key, []) == moved
    assert set(said.values()) == ({Effect.APPLIED} if mode == "replay" else ONE_EFFECT)
    assert len(books.effects) == CHANGES

    exact: dict[str, Decimal] = defaultdict(Decimal)
    for each in changes:
        exact[each.customer_id] += each.value
    assert books.balances == exact

    summary = batch.summary
    assert (summary.seen, summary.applied + summary.already_applied) == (CHANGES, CHANGES)
    assert summary.attempts == books.requests == CHANGES + books.faults.total()  # one good answer a change
    assert books.faults.keys() == set(TRANSIENT)


def test_the_faults_occur_before_and_after_the_effect() -> None:
    assert {FAULTS[name].applies for name in TRANSIENT} == {True, False}
