"""A write that is not de-duplicated: the outcome of every fault on a real socket, and of every crash."""

import asyncio
from collections.abc import Iterator
from decimal import Decimal

import attrs
import pytest
from cancelling import CancelledAt
from conftest import Clock, fast, raba7ni_client_for
from crash_points import dies
from fault_tables import LETTERS
from silence import SilentScript

from bonifiq_async import (
    Earn,
    Effect,
    LedgerError,
    Member,
    MemoryLedger,
    NotAppliedError,
    Outcome,
    OutcomeUnknownError,
    PoolLimits,
    Raba7niClient,
    Redeem,
    Refund,
    SqliteLedger,
    StopReason,
    Timeouts,
    Verdict,
)
from bonifiq_async.ledger.protocol import State
from bonifiq_async.ledger.reader import recorded
from bonifiq_async.ledger.settling import PersonsWord
from bonifiq_async.ledger.sqlite.reader import SqliteReader
from bonifiq_async.sandbox import FAULTS, FaultScript, Raba7niSandbox

pytestmark = pytest.mark.usefixtures("way")
"""Everything here holds directly and by aiohttp's session."""

ANA = Member.by_id(123)

TABLE = """
    # fault               attempts  effect       seen  effects
    ok                    A         applied      1     1
    slow                  A         applied      1     1
    # after the request was handed over: one request, and its effect is unknown
    close-unread          L         unknown      0     0
    close-before          L         unknown      1     0
    close-after           L         unknown      1     1
    reset-before          L         unknown      1     0
    reset-after           L         unknown      1     1
    half-head-before      L         unknown      1     0
    half-head-after       L         unknown      1     1
    half-body-before      L         unknown      1     0
    half-body-after       L         unknown      1     1
    silence-before        L         unknown      1     0
    silence-after         L         unknown      1     1
    429                   T         unknown      1     0
    429-seconds           T         unknown      1     0
    429-date              T         unknown      1     0
    429-long              T         unknown      1     0
    503-seconds           T         unknown      1     0
    500-before            B         unknown      1     0
    500-after             B         unknown      1     1
    502-before            B         unknown      1     0
    502-after             B         unknown      1     1
    503-before            B         unknown      1     0
    503-after             B         unknown      1     1
    504-before            B         unknown      1     0
    504-after             B         unknown      1     1
    html-before           U         unknown      1     0
    html-after            U         unknown      1     1
    # a no
    400                   R         refused      1     0
    401                   R         refused      1     0
    403                   R         refused      1     0
    404                   R         refused      1     0
    409                   R         refused      1     0
    422                   R         refused      1     0
    # before it was handed over: the port is closed, and opens at the n-th wait; then the fault, if any
    ok          open=1    NA        applied      1     1
    ok          open=5    NNNNNA    applied      1     1
    ok          open=9    NNNNNN    not-applied  0     0
    close-after open=2    NNL       unknown      1     1
    429         open=1    NT        unknown      1     0
    422         open=3    NNNR      refused      1     0
    html-after  open=1    NU        unknown      1     1
"""


@attrs.frozen
class Row:
    """One line of the table. `opens` is the wait at which the port opens, 0 where it was never closed."""

    fault: str
    opens: int
    verdicts: tuple[Verdict, ...]
    effect: Effect
    seen: int
    effects: int


def rows() -> Iterator[Row]:
    """Read the table."""
    for line in TABLE.strip().splitlines():
        if not line.strip().startswith("#"):
            fault, *option, letters, effect, seen, effects = line.split()
            opens = int(option[0].removeprefix("open=")) if option else 0
            verdicts = tuple(LETTERS[letter] for letter in letters)
            yield Row(fault, opens, verdicts, Effect(effect.replace("-", "_")), int(seen), int(effects))


ROWS = list(rows())
LIMITS = Timeouts(connect=5.0, attempt=5.0)


def changes(server: Raba7niSandbox) -> dict[str, Earn | Redeem | Refund]:
    """Return one change of each kind, by the name of its operation in the books."""
    amount, token = Decimal("20.000"), server.sign_in(123)
    return {
        "earn": Earn(card_id=10, member=ANA, purchase_amount=amount, reference="r"),
        "redeem": Redeem(card_id=10, amount=amount, member_token=token, pin="1234", reference="r"),
        "refund": Refund(card_id=10, member=ANA, refund_amount=amount, reference="r"),
    }


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.fault}{f' open={row.opens}' * bool(row.opens)}")
async def test_row(row: Row, raba7ni) -> None:
    """Attempts, effect, requests and the books are as the table says; a second call sends nothing more."""
    for kind in ("earn", "redeem", "refund"):
        await is_as_the_table_says(row, kind, raba7ni)


async def is_as_the_table_says(row: Row, kind: str, raba7ni) -> None:
    """Check a row for one kind of change."""
    server = raba7ni(faults=SilentScript([] if row.fault == "ok" else [row.fault], LIMITS.attempt))
    server.books.person(123).pin = "1234"
    server.books.move("gift", None, 10, 123, Decimal(100))
    made, before = changes(server)[kind], server.books.balance(10, 123)
    if row.opens:
        server.refuse_connections()
    clock = Clock(on_sleep=lambda wait: server.accept_connections() if wait == row.opens else None)
    async with raba7ni_client_for(server, runtime=clock.runtime(), timeouts=LIMITS) as client:
        outcome = await client.outcome_of(made)
        assert tuple(attempt.verdict for attempt in outcome.attempts) == row.verdicts
        assert outcome.effect is row.effect
        assert sum(attempt.requests for attempt in outcome.attempts) == row.seen + (
            row.fault == "close-unread"
        )
        assert client.in_doubt() == ((made.change_key,) if row.effect is Effect.UNKNOWN else ())
        if row.effect is Effect.UNKNOWN:
            assert isinstance(outcome.error, OutcomeUnknownError)
            assert outcome.error.change_key == made.change_key
            again = await client.outcome_of(made)
            assert (again.effect, again.attempts) == (Effect.UNKNOWN, ())
            assert StopReason.UNSETTLED.value in str(again.error)
    assert (server.books.requests_for(kind, "r"), server.books.requests) == (row.seen, row.seen)
    assert len(server.books.effects(kind, "r")) == row.effects
    assert (server.books.balance(10, 123) != before) == bool(row.effects)
    assert server.faults.left == ()


def test_the_table_has_every_fault() -> None:
    """A new fault needs a row."""
    assert {row.fault for row in ROWS} == {*FAULTS, "ok"}


async def test_what_cannot_connect_is_tried_again_and_not_applied(raba7ni, deaf_url) -> None:
    """A connection that takes too long, and one that is no TLS: the request never left."""
    server = raba7ni()
    limits = Timeouts(connect=0.05, attempt=5.0, call=5.0)
    for url in (deaf_url, server.url.replace("http:", "https:")):
        options = {"base_url": url, "timeouts": limits, "retry": fast(max_attempts=3)}
        async with raba7ni_client_for(server, **options) as client:
            outcome = await client.outcome_of(changes(server)["earn"])
            assert outcome.effect is Effect.NOT_APPLIED
            assert [attempt.verdict for attempt in outcome.attempts] == [Verdict.NOT_SENT] * 3
    assert server.books.requests == 0


async def test_what_waited_in_the_queue_to_the_end_was_not_sent(raba7ni) -> None:
    """No free connection in time."""
    server = raba7ni(faults=FaultScript(["silence-after"]))
    async with raba7ni_client_for(server, pool=PoolLimits(connections=1)) as client:
        first = asyncio.create_task(client.outcome_of(changes(server)["earn"]))
        while server.books.requests == 0:
            await asyncio.sleep(0.001)
        with pytest.raises(NotAppliedError):
            await client.cashback.earn(
                card_id=10, member=ANA, purchase_amount=Decimal(1), reference="2", deadline=0.05
            )
        assert not first.done(), "its connection was free"
        first.cancel()
        await asyncio.wait([first])
    assert server.books.requests_for("earn", "2") == 0


@pytest.mark.parametrize("late", [False, True], ids=["at once", "in the next turn"])
@pytest.mark.parametrize("fault", ["", "close-after", "half-body-after", "500-before"], ids=str)
async def test_cancelled_at_every_await_point(fault: str, late: bool, raba7ni) -> None:
    """What took effect is in doubt and is not sent again; what is not in doubt was not applied."""
    doubts = []
    for at in range(100):
        server = raba7ni(faults=FaultScript([fault]))
        async with raba7ni_client_for(server, runtime=Clock().runtime()) as client:
            call = CancelledAt(earned(client), at, late=late)

            async def made(call: CancelledAt = call) -> Outcome | None:
                try:
                    return await call
                except asyncio.CancelledError:
                    return None

            outcome = await asyncio.create_task(made())
            doubt, arrived = client.in_doubt(), server.books.requests
            repeat = await earned(client)
            assert asyncio.all_tasks() == {asyncio.current_task()}
        server.stop()  # no more requests arrive
        effects = len(server.books.effects("earn", "r"))
        assert effects <= 1
        if outcome is None and arrived:
            assert doubt == ("EARN-10-r",)
        if doubt:
            assert (repeat.effect, repeat.attempts) == (Effect.UNKNOWN, ())
        elif outcome is None:
            # It was never sent; the repeat gets the fault of the script instead.
            assert len(repeat.attempts) == 1
        doubts.append(doubt)
        if not call.reached:
            assert outcome.effect is (Effect.UNKNOWN if fault else Effect.APPLIED)
            break
    else:
        pytest.fail("the call never ended")
    assert doubts[0] == () and ("EARN-10-r",) in doubts  # both cases of the rule occurred


# Several processes.

POINTS = {
    "before claim": (0, Effect.APPLIED),
    "after claim": (0, Effect.UNKNOWN),
    "after send": (1, Effect.UNKNOWN),
    "after answer": (1, Effect.UNKNOWN),
    "after commit": (1, Effect.ALREADY_APPLIED),
}


async def earned(client: Raba7niClient, reference: str = "r") -> Outcome:
    """Make the earn that the child process made."""
    return await client.outcome_of(
        Earn(card_id=10, member=ANA, purchase_amount=Decimal(20), reference=reference)
    )


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS)
async def test_named_crash_points(point: str, raba7ni, tmp_path) -> None:
    """The process is killed there; the next one sends it again only if it was provably never sent."""
    (arrived, effect), server = POINTS[point], raba7ni()
    await dies(point, server, tmp_path)
    assert server.books.requests == arrived
    async with SqliteLedger(tmp_path / "l") as ledger, raba7ni_client_for(server, ledger=ledger) as client:
        outcome = await earned(client)
        assert outcome.effect is effect
        assert server.books.requests == max(arrived, int(effect is Effect.APPLIED))
        if effect is not Effect.UNKNOWN:
            return
        assert client.in_doubt() == ("EARN-10-r",)
        assert "settle it by hand" in str(outcome.error)
        (doubtful,) = recorded(SqliteReader(tmp_path / "l"), {State.IN_DOUBT, State.UNKNOWN})
        assert (doubtful.key, doubtful.customer_id) == ("EARN-10-r", "10:id:123")
        happened = bool(server.books.effects("earn", "r"))
        word = State.APPLIED if happened else State.NOT_APPLIED
        SqliteReader(tmp_path / "l").settle(doubtful.key, PersonsWord(word, "compared with the history"))
        settled = await earned(client)
        assert settled.effect is (Effect.ALREADY_APPLIED if happened else Effect.APPLIED)
    assert len(server.books.effects("earn", "r")) == 1


# The contents of a ledger.


async def test_a_pin_cannot_be_found_by_trying_all(raba7ni, tmp_path) -> None:
    """The same redemption under another PIN or a newer token is the same change, also in the file."""
    server = raba7ni(faults=FaultScript(["close-after", "close-before"]))
    server.books.move("gift", None, 10, 123, Decimal(100))
    kept = []
    for number, pin in enumerate(("1234", "9876")):
        ledger, server.books.person(123).pin = SqliteLedger(tmp_path / str(number)), pin
        async with ledger, raba7ni_client_for(server, ledger=ledger) as client:
            made = Redeem(
                card_id=10, amount=Decimal(5), member_token=server.sign_in(123), pin=pin, reference="r"
            )
            await client.outcome_of(made)
            renewed = Redeem(card_id=10, amount=Decimal(5), member_token=server.sign_in(123), reference="r")
            assert renewed == made
            assert (await client.outcome_of(renewed)).attempts == ()
        (row,) = recorded(SqliteReader(tmp_path / str(number)), set(State))
        kept.append((row.key, row.customer_id, row.body))
    assert kept == [("REDEEM-10-r", "10:by token", b'{"card_id":10,"amount":5,"reference":"r"}')] * 2


@pytest.mark.parametrize(("fault", "again"), [("", Effect.ALREADY_APPLIED), ("close-after", Effect.UNKNOWN)])
async def test_a_full_memory_refuses_and_forgets_nothing(fault: str, again: Effect, raba7ni) -> None:
    """A forgotten change would be sent twice; a refused one frees its place."""
    server = raba7ni(faults=FaultScript(["422", fault, fault]))
    earns = [
        Earn(card_id=10, member=ANA, purchase_amount=Decimal(100), reference=name)
        for name in ("refused", "1", "2", "3")
    ]
    async with raba7ni_client_for(server, ledger=MemoryLedger(capacity=2)) as client:
        for earn in earns[:3]:
            await client.outcome_of(earn)
        with pytest.raises(LedgerError, match=r"full.*Nothing was sent.*SqliteLedger") as caught:
            await client.outcome_of(earns[3])
        assert caught.value.effect is Effect.NOT_APPLIED
        assert [(await client.outcome_of(earn)).effect for earn in earns[1:3]] == [again, again]
    assert [len(server.books.effects("earn", name)) for name in "123"] == [1, 1, 0]
