"""Each invariant of the architecture, broken on purpose: a check that passes must fail then.

The checks are the smallest that see the break. They do not replace the tests of each invariant: they
prove that a promise which is no longer kept is noticed.
"""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from attrs import evolve, frozen
from conftest import (
    CHANGED,
    POINTS,
    Clock,
    change,
    client_for,
    fast,
    http,
    raba7ni_client_for,
    read_request,
)

from bonifiq_async import (
    BasicCredentials,
    BonifiQClient,
    BonifiQError,
    CashbackBatch,
    CashbackChange,
    ChangeKeyConflict,
    Earn,
    Effect,
    FlowControl,
    Member,
    OutcomeUnknownError,
    SqliteLedger,
    Timeouts,
)
from bonifiq_async._delivery import calls, course, delivery
from bonifiq_async._delivery.attempt import Watch
from bonifiq_async._model.operation import RepeatClass
from bonifiq_async._model.outcome import Verdict
from bonifiq_async._model.secret import Secret
from bonifiq_async._policy import retry
from bonifiq_async._policy.budget import Deadline
from bonifiq_async._policy.request import PreparedRequest
from bonifiq_async._policy.retry import Action
from bonifiq_async._transport import session
from bonifiq_async.batch import per_customer
from bonifiq_async.batch import run as batch_run
from bonifiq_async.ledger.protocol import Granted
from bonifiq_async.sandbox import FaultScript, Raba7niSandbox


@frozen
class Surroundings:
    """What a check may use: a sandbox, a bare server, a folder."""

    sandbox: Callable[..., object]
    raw_server: Callable[..., Awaitable[str]]
    folder: Path


def to(url: str, **settings: object) -> BonifiQClient:
    """Return a client of a bare server."""
    limits = Timeouts(connect=2.0, attempt=5.0, call=10.0)
    return BonifiQClient(
        BasicCredentials("t", "k"), base_url=url, **{"retry": fast(), "timeouts": limits} | settings
    )


async def fixed_once(around: Surroundings) -> None:
    """The repeat has the bytes of the first attempt."""
    bodies = []

    async def first_lost(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        bodies.append((await read_request(reader))[1])
        if len(bodies) > 1:
            writer.write(http(CHANGED))

    async with to(await around.raw_server(first_lost)) as client:
        await client.outcome_of(change())
    assert len(bodies) == 2 and bodies[0] == bodies[1]


def changing_body(patch: pytest.MonkeyPatch) -> None:
    """Every attempt writes its number into the body."""
    attempt = session.SessionManager.attempt

    async def other(self: object, request: PreparedRequest, *args: object) -> object:
        object.__setattr__(request, "body", (request.body or b"") + b" ")
        return await attempt(self, request, *args)

    patch.setattr(session.SessionManager, "attempt", other)


async def no_blind_repeat(around: Surroundings) -> None:
    """A write that the provider does not de-duplicate is sent once, whatever the answer is."""
    earn = Earn(card_id=10, member=Member.by_id(1), purchase_amount=Decimal(50), reference="r")
    with Raba7niSandbox(faults=FaultScript(["500-after"])) as server:
        async with raba7ni_client_for(server) as client:
            await client.outcome_of(earn)
    assert server.books.requests_for("earn", "r") == 1


def repeating_blindly(patch: pytest.MonkeyPatch) -> None:
    """The decision table repeats everything."""
    patch.setitem(retry.ACTIONS[Verdict.BROKEN], RepeatClass.NEVER, Action.AGAIN)


async def worst_effect(around: Surroundings) -> None:
    """A change that may have been applied, and was refused in the repeat, is unknown."""
    answers = [b"", http(b'{"HasError":true,"ErrorMessage":"no"}', status="400 Bad Request")]

    async def lost_then_no(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(answers.pop(0))

    async with to(await around.raw_server(lost_then_no)) as client:
        assert (await client.outcome_of(change())).effect is Effect.UNKNOWN


def forgetting_doubt(patch: pytest.MonkeyPatch) -> None:
    """Only the last attempt counts."""
    patch.setattr(course, "leaves_doubt", lambda verdict, status: False)


async def nothing_guessed(around: Surroundings) -> None:
    """A page of a proxy with status 200 is no success."""

    async def works(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(http(b"<html>It works!</html>"))

    async with to(await around.raw_server(works)) as client:
        result = await client.outcome_of(change())
    assert (result.effect, result.result) == (Effect.UNKNOWN, None)


def guessing(patch: pytest.MonkeyPatch) -> None:
    """A 2xx is a success."""
    patch.setitem(retry.ACTIONS[Verdict.UNREADABLE], RepeatClass.KEYED, Action.APPLIED)


def states(path: Path) -> list[str]:
    """Return the states in a ledger file, as another process sees them."""
    with sqlite3.connect(path) as other:
        found = [state for (state,) in other.execute("SELECT state FROM change")]
    other.close()
    return found


async def claim_first(around: Surroundings) -> None:
    """The claim is on disk when the request arrives."""
    path, seen = around.folder / "ledger", []

    async def looks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        seen.extend(states(path))
        writer.write(http(CHANGED))

    url = await around.raw_server(looks)
    async with SqliteLedger(path) as ledger, to(url, ledger=ledger) as client:
        await client.outcome_of(change())
    assert seen == ["claimed"]


def claiming_in_memory(patch: pytest.MonkeyPatch) -> None:
    """A claim is granted and not written."""

    async def claim(*_: object, **__: object) -> Granted:
        return Granted(1, False)

    patch.setattr(SqliteLedger, "claim", claim)


async def durable_before_returned(around: Surroundings) -> None:
    """The outcome is on disk when the caller has it."""
    path = around.folder / "ledger"
    async with SqliteLedger(path) as ledger, client_for(around.sandbox(), ledger=ledger) as client:
        await client.outcome_of(change())
        assert states(path) == ["applied"]


def returning_first(patch: pytest.MonkeyPatch) -> None:
    """The end is returned, and written later."""

    async def end(*_: object) -> bool:
        return True

    patch.setattr(SqliteLedger, "end", end)


async def one_key_one_change(around: Surroundings) -> None:
    """The same key with another amount is refused before it is sent."""
    server = around.sandbox()
    async with client_for(server) as client:
        await client.outcome_of(change(value="10"))
        second = await client.outcome_of(change(value="20"))
    assert isinstance(second.error, ChangeKeyConflict)
    assert server.books.requests == 1


def one_digest(patch: pytest.MonkeyPatch) -> None:
    """All requests have the same digest."""
    patch.setattr(calls, "digest_of_kept", lambda *_: b"same")


async def wire_true_counts(around: Surroundings) -> None:
    """A request that was never sent is not counted."""
    server = around.sandbox()
    server.refuse_connections()
    async with client_for(server, retry=fast(max_attempts=2)) as client:
        result = await client.outcome_of(change())
    assert sum(attempt.requests for attempt in result.attempts) == server.books.requests == 0


def counting_intentions(patch: pytest.MonkeyPatch) -> None:
    """Each attempt counts as a request."""
    evidence = session.Evidence
    patch.setattr(session, "Evidence", lambda *said: evolve(evidence(*said), requests=1))


async def one_deadline(around: Surroundings) -> None:
    """No wait ends after the deadline."""
    clock = Clock()
    server = around.sandbox(faults=FaultScript(rate=1.0, among=["500-before"]))
    policy = fast(base=1.0, cap=1.0, max_attempts=10)
    async with client_for(server, retry=policy, runtime=clock.runtime()) as client:
        begun = clock.now
        with pytest.raises(OutcomeUnknownError):
            await client.customers.change_cashback(change(), deadline=2.2)
    assert clock.now - begun <= 2.2


def always_time(patch: pytest.MonkeyPatch) -> None:
    """A deadline always has time left."""
    patch.setattr(delivery, "Deadline", lambda at: Deadline(at + 60.0))


async def bounded(around: Surroundings) -> None:
    """A batch reads its changes when it has places for them."""
    read = 0

    def changes() -> Iterator[CashbackChange]:
        nonlocal read
        for read in range(1, 3_001):
            yield change(str(read), customer=str(read))

    async with client_for(around.sandbox()) as client:
        async for _ in CashbackBatch(client, flow=FlowControl(max_in_flight=4)).run(changes()):
            break
        assert read < 1_500


async def none_earlier_than_asked(around: Surroundings) -> None:
    """A hold begins with the head of its answer."""
    head_sent, came, over = asyncio.Event(), [], asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        came.append(asyncio.get_running_loop().time())
        if len(came) > 1:
            writer.write(http(POINTS))
            return
        writer.write(http(b"{}", "Retry-After: 0.2", status="429 Too Many Requests")[:-1])
        head_sent.set()
        await over.wait()
        writer.write(b"}")

    async with to(await around.raw_server(answer)) as client:
        first = asyncio.create_task(client.customers.points("ANA"))
        await head_sent.wait()
        await asyncio.sleep(0.02)
        await client.customers.points("BOB")
        over.set()
        await first
    assert min(came[1:]) >= came[0] + 0.2


def ignoring_heads(patch: pytest.MonkeyPatch) -> None:
    """A wait in the head of an answer counts only when its body is there."""
    patch.setattr(Watch, "head", lambda *_: None)


def reading_ahead(patch: pytest.MonkeyPatch) -> None:
    """A batch reads everything first."""

    async def eagerly(changes: list[CashbackChange], limit: object) -> object:
        for each in list(changes):
            yield each

    patch.setattr(batch_run, "_lazily", eagerly)


async def secrets_stay_in(around: Surroundings) -> None:
    """What signs a request is not in its repr."""
    request = PreparedRequest("POST", "https://a", "/", b"", headers=(("X-Member-Token", Secret("s3cr3t")),))
    assert "s3cr3t" not in repr(request)


def showing(patch: pytest.MonkeyPatch) -> None:
    """The repr of a secret has its value."""
    patch.setattr(Secret, "__repr__", Secret.reveal)


async def money_exact(around: Surroundings) -> None:
    """A balance has the digits that were sent."""
    digits = "0.1000000000000000055"

    async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(http(POINTS.replace(b"10", digits.encode())))

    async with to(await around.raw_server(answers)) as client:
        assert (await client.customers.points("ANA")).cashback_balance == Decimal(digits)


def reading_floats(patch: pytest.MonkeyPatch) -> None:
    """A number with a point goes through a binary float."""
    decoder = msgspec.json.Decoder(float_hook=lambda text: Decimal(repr(float(text))))
    patch.setattr("bonifiq_async._model.json_codec.decoding._decoder", decoder)


async def order_per_customer(around: Surroundings) -> None:
    """The first change of a customer arrives first, though its answer is slow."""
    arrived = []

    async def slow_first(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            _, body = await read_request(reader)
            arrived.append(msgspec.json.decode(body)["ChangeKey"])
            if len(arrived) <= 2:
                await asyncio.sleep(0.02)
            writer.write(http(CHANGED))

    async with to(await around.raw_server(slow_first)) as client:
        given = [change(f"{customer}{number}", customer=customer) for number in range(5) for customer in "ab"]
        answered = [outcome.change.change_key async for outcome in CashbackBatch(client).run(given)]
    for customer in "ab":
        keys = [each.change_key for each in given if each.customer_id == customer]
        assert [key for key in answered if key[0] == customer] == keys
        assert [key for key in arrived if key[0] == customer] == keys


def one_lane_each(patch: pytest.MonkeyPatch) -> None:
    """Every change may start at once."""
    patch.setattr(per_customer.Lanes, "enter", lambda self, customer, item: True)
    patch.setattr(per_customer.Lanes, "leave", lambda self, customer: None)


BREAKS = {
    "1. fixed once": (fixed_once, changing_body),
    "2. no blind repeat": (no_blind_repeat, repeating_blindly),
    "3. worst effect wins": (worst_effect, forgetting_doubt),
    "4. nothing is guessed": (nothing_guessed, guessing),
    "5. claim first": (claim_first, claiming_in_memory),
    "6. durable before returned": (durable_before_returned, returning_first),
    "7. one key, one change": (one_key_one_change, one_digest),
    "8. wire-true counts": (wire_true_counts, counting_intentions),
    "9. one deadline": (one_deadline, always_time),
    "10. bounded": (bounded, reading_ahead),
    "11. secrets stay in": (secrets_stay_in, showing),
    "12. money is exact": (money_exact, reading_floats),
    "13. order per customer": (order_per_customer, one_lane_each),
    "14. none is sent earlier than asked": (none_earlier_than_asked, ignoring_heads),
}
"""Invariant: the check, and the break that it must see."""


@pytest.mark.slow
@pytest.mark.parametrize(("check", "break_it"), BREAKS.values(), ids=BREAKS.keys())
async def test_a_broken_invariant_is_seen(
    check: Callable[[Surroundings], Awaitable[None]],
    break_it: Callable[[pytest.MonkeyPatch], None],
    sandbox,
    raw_server,
    tmp_path,
) -> None:
    """The check passes; with the break it fails."""
    for folder in ("whole", "broken"):
        (tmp_path / folder).mkdir()
    await check(Surroundings(sandbox, raw_server, tmp_path / "whole"))
    with pytest.MonkeyPatch.context() as patch:
        break_it(patch)
        with pytest.raises((AssertionError, BonifiQError)):
            await check(Surroundings(sandbox, raw_server, tmp_path / "broken"))
