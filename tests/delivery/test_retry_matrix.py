"""The outcome of every fault, for every class of operation, on a real socket: a table."""

import asyncio
from collections.abc import Iterator
from decimal import Decimal

import attrs
import pytest
from conftest import Clock, change, claims_of, client_for, fast, http, read_request
from fault_tables import LETTERS
from silence import SilentScript

from bonifiq_async import BasicCredentials, BonifiQClient
from bonifiq_async._delivery.calls import Calls
from bonifiq_async._delivery.delivery import Delivery
from bonifiq_async._model.errors import BonifiQError, RetryAfterTooLong
from bonifiq_async._model.operation import Operation, RepeatClass
from bonifiq_async._model.outcome import Attempt, Effect, Verdict
from bonifiq_async._model.secret import Secret
from bonifiq_async._policy.request import prepare
from bonifiq_async._transport.connector import PoolLimits
from bonifiq_async._transport.session import SessionManager, Timeouts
from bonifiq_async.bonifiq.answers import AnswerReader
from bonifiq_async.bonifiq.operations import CHANGE_CASHBACK, POINTS, REMOVE_CHECKOUT_CASHBACK
from bonifiq_async.bonifiq.payloads import CashbackChangeRequest, CheckoutRemovalRequest
from bonifiq_async.sandbox import FAULTS, FaultScript, Sandbox

CHANGE = change()
KEY = CHANGE.change_key
NEVER = attrs.evolve(CHANGE_CASHBACK, repeat=RepeatClass.NEVER)

KEYED_ROWS = """
    # faults                                    attempts  effect           seen  effects
    ok                                          A         applied          1     1
    slow                                        A         applied          1     1
    close-unread                                LA        applied          1     1
    close-before                                LA        applied          2     1
    close-after                                 LA        applied          2     1
    reset-before                                LA        applied          2     1
    reset-after                                 LA        applied          2     1
    half-head-before                            LA        applied          2     1
    half-head-after                             LA        applied          2     1
    half-body-before                            LA        applied          2     1
    half-body-after                             LA        applied          2     1
    silence-before                              LA        applied          2     1
    silence-after                               LA        applied          2     1
    429                                         TA        applied          2     1
    429-seconds                                 TA        applied          2     1
    429-date                                    TA        applied          2     1
    429-long                                    T         not-applied      1     0
    503-seconds                                 TA        applied          2     1
    500-before                                  BA        applied          2     1
    500-after                                   BA        applied          2     1
    502-before                                  BA        applied          2     1
    502-after                                   BA        applied          2     1
    503-before                                  BA        applied          2     1
    503-after                                   BA        applied          2     1
    504-before                                  BA        applied          2     1
    504-after                                   BA        applied          2     1
    400                                         R         refused          1     0
    401                                         R         refused          1     0
    403                                         R         refused          1     0
    404                                         R         refused          1     0
    409                                         R         refused          1     0
    422                                         R         refused          1     0
    html-before                                 U         unknown          1     0
    html-after                                  U         unknown          1     1
    # the same request after the effect, in the other modes of answering a used key
    close-after            mode=error-200       LD        already-applied  2     1
    close-after            mode=error-400       LD        already-applied  2     1
    close-after            mode=error-409       LD        already-applied  2     1
    half-body-after        mode=error-200       LD        already-applied  2     1
    half-head-after        mode=error-409       LD        already-applied  2     1
    reset-after            mode=error-400       LD        already-applied  2     1
    silence-after          mode=error-409       LD        already-applied  2     1
    500-after              mode=error-200       BD        already-applied  2     1
    502-after              mode=error-400       BD        already-applied  2     1
    503-after              mode=error-409       BD        already-applied  2     1
    504-after,429          mode=error-200       BTD       already-applied  3     1
    close-before           mode=error-400       LA        applied          2     1
    html-after             mode=error-400       U         unknown          1     1
    # every other row meets a provider that refuses the key with another body: these, one that does not
    close-after            reused=none          LA        applied          2     1
    close-after            reused=replay        LA        applied          2     1
    500-after,429          reused=replay        BTA       applied          3     1
    close-after   mode=error-400 reused=none    LD        already-applied  2     1
    close-after   mode=error-409 reused=replay  LD        already-applied  2     1
    503-after     mode=error-200 reused=replay  BD        already-applied  2     1
    # several faults
    close-before,close-after                    LLA       applied          3     1
    500-before,close-unread                     BLA       applied          2     1
    close-unread,close-unread,reset-after       LLLA      applied          2     1
    429,503-seconds,502-after                   TTBA      applied          4     1
    429-date,429-seconds,429                    TTTA      applied          4     1
    half-head-before,half-body-after,504-before LLBA      applied          4     1
    silence-before,silence-after                LLA       applied          3     1
    close-after,500-after  mode=error-409       LBD       already-applied  3     1
    # a refusal proves nothing after an attempt that may have been acted on
    close-after,401                             LR        unknown          2     1
    close-before,401                            LR        unknown          2     0
    close-unread,400                            LR        unknown          1     0
    500-after,400                               BR        unknown          2     1
    503-seconds,403                             TR        unknown          2     0
    503-before,404                              BR        unknown          2     0
    half-body-after,422                         LR        unknown          2     1
    429,400                                     TR        refused          2     0
    429,429-seconds,401                         TTR       refused          3     0
    # given up
    429*6                                       TTTTTT    not-applied      6     0
    429*5,500-after                             TTTTTB    unknown          6     1
    500-before*6                                BBBBBB    unknown          6     0
    close-after*6                               LLLLLL    unknown          6     1
    reset-before,429*5                          LTTTTT    unknown          6     0
    429,429-long                                TT        not-applied      2     0
    500-after,429-long                          BT        unknown          2     1
    503-seconds,429-long                        TT        unknown          2     0
    close-unread,html-before                    LU        unknown          1     0
    # the port is closed before the first request (0) or at the n-th wait, and opened at a later one
    ok                     shut=0,open=1        NA        applied          1     1
    ok                     shut=0,open=3        NNNA      applied          1     1
    ok                     shut=0               NNNNNN    not-applied      0     0
    close-after            shut=0,open=2        NNLA      applied          2     1
    400                    shut=0,open=1        NR        refused          1     0
    close-after            shut=1,open=3        LNNA      applied          2     1
    close-after            shut=1               LNNNNN    unknown          1     1
    500-before             shut=1               BNNNNN    unknown          1     0
    429                    shut=1               TNNNNN    not-applied      1     0
    close-after   mode=error-409 shut=1,open=2  LND       already-applied  2     1
"""

SAFE_READ_ROWS = """
    ok                                          A         applied          1     0
    slow                                        A         applied          1     0
    half-body-after                             LA        applied          2     0
    silence-before                              LA        applied          2     0
    429                                         TA        applied          2     0
    429-date                                    TA        applied          2     0
    429-long                                    T         not-applied      1     0
    503-seconds                                 TA        applied          2     0
    500-after,502-before,503-before,504-after   BBBBA     applied          5     0
    400                                         R         refused          1     0
    401                                         R         refused          1     0
    500-before,404                              BR        refused          2     0
    html-before                                 U         not-applied      1     0
    500-before*6                                BBBBBB    not-applied      6     0
    ok                     shut=0,open=2        NNA       applied          1     0
    ok                     shut=0               NNNNNN    not-applied      0     0
"""

DIRECT_READ_ROWS = """
    close-before                                LA        applied          2     0
    close-after                                 LA        applied          2     0
    reset-after                                 LA        applied          2     0
    close-unread                                LA        applied          1     0
    close-before,close-before                   LLA       applied          3     0
    reset-before,close-after,reset-before       LLLA      applied          4     0
"""

SESSION_READ_ROWS = """
    # aiohttp's session itself repeats a read that lost its connection before the answer's head
    close-before                                A         applied          2     0
    close-after                                 A         applied          2     0
    reset-after                                 A         applied          2     0
    close-unread                                A         applied          1     0
    close-before,close-before                   LA        applied          3     0
    reset-before,close-after,reset-before       LA        applied          4     0
"""

SAFE_WRITE_ROWS = """
    ok                                          A         applied          1     1
    close-unread                                LA        applied          1     1
    close-before                                LA        applied          2     1
    close-after                                 LA        applied          2     1
    half-head-after                             LA        applied          2     1
    silence-after                               LA        applied          2     1
    500-after,502-before                        BBA       applied          3     1
    429-seconds                                 TA        applied          2     1
    503-seconds                                 TA        applied          2     1
    429-long                                    T         not-applied      1     0
    409                                         R         refused          1     0
    close-after,401                             LR        unknown          2     1
    html-after                                  U         unknown          1     1
    500-after*6                                 BBBBBB    unknown          6     1
    429*6                                       TTTTTT    not-applied      6     0
    ok                     shut=0,open=1        NA        applied          1     1
    reset-before           shut=1               LNNNNN    unknown          1     0
"""

NEVER_ROWS = """
    ok                                          A         applied          1     1
    slow                                        A         applied          1     1
    close-unread                                L         unknown          0     0
    close-before                                L         unknown          1     0
    close-after                                 L         unknown          1     1
    reset-after                                 L         unknown          1     1
    half-head-before                            L         unknown          1     0
    half-body-after                             L         unknown          1     1
    silence-after                               L         unknown          1     1
    429                                         T         unknown          1     0
    429-seconds                                 T         unknown          1     0
    429-long                                    T         unknown          1     0
    503-seconds                                 T         unknown          1     0
    500-before                                  B         unknown          1     0
    502-after                                   B         unknown          1     1
    503-before                                  B         unknown          1     0
    504-after                                   B         unknown          1     1
    400                                         R         refused          1     0
    401                                         R         refused          1     0
    html-after                                  U         unknown          1     1
    ok                     shut=0,open=2        NNA       applied          1     1
    close-after            shut=0,open=2        NNL       unknown          1     1
    422                    shut=0,open=1        NR        refused          1     0
    ok                     shut=0               NNNNNN    not-applied      0     0
"""

TABLES = {
    "keyed": (CHANGE_CASHBACK, KEYED_ROWS),
    "read": (POINTS, SAFE_READ_ROWS),
    "read directly": (POINTS, DIRECT_READ_ROWS),
    "read by session": (POINTS, SESSION_READ_ROWS),
    "safe-write": (REMOVE_CHECKOUT_CASHBACK, SAFE_WRITE_ROWS),
    "never": (NEVER, NEVER_ROWS),
}


@attrs.frozen
class Row:
    """One line of a table. `seen` is how many requests the server read, `port` what happens at which wait."""

    id: str
    operation: Operation[object]
    faults: tuple[str, ...]
    mode: str
    reused: str
    port: dict[int, str]
    verdicts: tuple[Verdict, ...]
    effect: Effect
    seen: int
    effects: int

    @classmethod
    def parse(cls, kind: str, operation: Operation[object], line: str) -> "Row":
        script, *options, attempts, effect, seen, effects = line.split()
        named = dict(part.split("=") for option in options for part in option.split(","))
        mode, reused = named.pop("mode", "replay"), named.pop("reused", "error-409")
        faults: list[str] = []
        for part in script.split(","):
            name, _, times = part.partition("*")
            faults += [name] * int(times or 1)
        return cls(
            f"{kind}: {' '.join([script, *options])}",
            operation,
            () if script == "ok" else tuple(faults),
            mode,
            reused,
            {int(wait): action for action, wait in named.items()},
            tuple(LETTERS[letter] for letter in attempts),
            Effect(effect.replace("-", "_")),
            int(seen),
            int(effects),
        )


def _rows() -> Iterator[Row]:
    for kind, (operation, table) in TABLES.items():
        for line in table.strip().splitlines():
            if not line.strip().startswith("#"):
                yield Row.parse(kind, operation, line)


ROWS = list(_rows())
LIMITS = Timeouts(connect=5.0, attempt=10.0)


class Rig:
    """The layers between a request and its outcome, without a provider's client around them."""

    def __init__(self, sandbox: Sandbox, row: Row) -> None:
        doors = {"shut": sandbox.refuse_connections, "open": sandbox.accept_connections}
        clock = Clock(on_sleep=lambda wait: doors[row.port[wait]]() if wait in row.port else None)
        self.session = SessionManager(
            {"Authorization": Secret(sandbox.credentials.header())}, timeouts=LIMITS, pool=PoolLimits()
        )
        delivery = Delivery(self.session, policy=fast(), timeouts=LIMITS, runtime=clock.runtime())
        self.calls = Calls(delivery, claims_of(), LIMITS)
        self.url = sandbox.url

    async def call(self, operation: Operation[object]) -> tuple[Effect, tuple[Attempt, ...], object]:
        """Return effect, attempts and error."""
        reader = AnswerReader()
        if operation.repeat is not RepeatClass.SAFE:
            body = CashbackChangeRequest.of(CHANGE)
            request = prepare(operation, self.url, {"id": "ANA"}, body, key=KEY)
            outcome = await self.calls.outcome(CHANGE, operation, request, reader.read)
            return outcome.effect, outcome.attempts, outcome.error
        if operation is POINTS:
            request, read = prepare(operation, self.url, {"id": "ANA"}), reader.read
        else:
            body = CheckoutRemovalRequest("ANA", "CART")
            request, read = prepare(operation, self.url, {}, body), reader.read_removal
        try:
            _, attempts = await self.calls.value(operation, request, read)
        except BonifiQError as error:
            return error.effect, error.attempts, error
        return Effect.APPLIED, attempts, None


def _effects(sandbox: Sandbox, operation: Operation[object]) -> int:
    if operation is REMOVE_CHECKOUT_CASHBACK:
        return int(sandbox.books.checkout("ANA", "CART") is None)
    effects = sandbox.books.effects(KEY)
    assert sandbox.books.balance("ANA") == 10 * len(effects)
    return len(effects)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
async def test_row(row: Row, way: str, sandbox) -> None:
    if row.id.startswith("read ") and way not in row.id:
        return  # a table of the other way
    reused = None if row.reused == "none" else row.reused
    server = sandbox(duplicates=row.mode, reused_key=reused, faults=SilentScript(row.faults, LIMITS.attempt))
    server.books.put_checkout("ANA", "CART", Decimal(5))
    rig = Rig(server, row)
    if row.port.get(0) == "shut":
        server.refuse_connections()
    try:
        effect, attempts, error = await rig.call(row.operation)
    finally:
        await rig.session.aclose()

    assert tuple(attempt.verdict for attempt in attempts) == row.verdicts
    assert effect is row.effect
    assert server.books.requests == row.seen
    assert _effects(server, row.operation) == row.effects
    assert server.faults.left == ()

    keyed = row.operation.repeat is not RepeatClass.SAFE
    assert server.books.keys() == ((KEY,) if keyed and row.seen else ())
    assert server.books.requests_for(KEY) == (row.seen if keyed else 0)

    unread = row.faults.count("close-unread")
    assert sum(attempt.requests for attempt in attempts) == row.seen + unread
    assert [attempt.sent for attempt in attempts] == [v is not Verdict.NOT_SENT for v in row.verdicts]
    assert all((attempt.requests == 0) is not attempt.sent for attempt in attempts)
    assert [attempt.number for attempt in attempts] == list(range(1, len(attempts) + 1))
    assert (error is None) is (effect in (Effect.APPLIED, Effect.ALREADY_APPLIED))
    if row.faults[-1:] == ("429-long",) and effect is Effect.NOT_APPLIED:
        assert isinstance(error, RetryAfterTooLong) and error.retry_after == 86_400


@pytest.mark.parametrize("first", ["500 Internal Server Error", "429 Too Many Requests"])
async def test_a_used_key_that_is_reported_as_a_server_error(first: str, raw_server) -> None:
    bodies = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            bodies.append((await read_request(reader))[1])
            used = b'{"HasError":true,"CodeName":"ChangeKeyAlreadyUsed"}'
            status = first if len(bodies) == 1 else "500 Internal Server Error"
            writer.write(http(b"{}" if len(bodies) == 1 else used, status=status))

    async with BonifiQClient(
        BasicCredentials("t", "k"), base_url=await raw_server(answer), retry=fast()
    ) as client:
        outcome = await client.customers.change_cashback(CHANGE)
    assert (outcome.effect, outcome.attempts[-1].verdict) == (Effect.ALREADY_APPLIED, Verdict.DUPLICATE)
    assert bodies == [bodies[0]] * 2


async def test_the_text_of_the_last_failure_is_in_the_error(sandbox) -> None:
    """Both where it is certain that nothing changed, and where it is not."""
    for fault, effect in (("429", Effect.NOT_APPLIED), ("500-before", Effect.UNKNOWN)):
        server = sandbox(faults=FaultScript([fault]))
        async with client_for(server, retry=fast(max_attempts=1)) as client:
            outcome = await client.outcome_of(CHANGE)
        assert (outcome.effect, outcome.result) == (effect, None)
        assert f"status {fault[:3]} (Fault {fault[:3]})" in str(outcome.error)


def test_the_table_has_every_fault_and_mode() -> None:
    keyed = [row for row in ROWS if row.operation is CHANGE_CASHBACK]
    assert {fault for row in keyed for fault in row.faults[:1]} == set(FAULTS)
    assert {row.mode for row in keyed} == {"replay", "error-200", "error-400", "error-409"}
    assert {row.reused for row in keyed} == {"none", "replay", "error-409"}
    assert len({row.id for row in ROWS}) == len(ROWS) >= 60
