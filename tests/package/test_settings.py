"""Every setting that is a number: an impossible value is refused with a message, where it is given."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from conftest import change, client_for, raba7ni_client_for
from one_test import one_test

from bonifiq_async import (
    CashbackBatch,
    ConfigurationError,
    Earn,
    FlowControl,
    Member,
    MemoryLedger,
    PayloadError,
    PoolLimits,
    Redeem,
    Refund,
    RetryPolicy,
    SharedPace,
    SqliteLedger,
    Timeouts,
)
from bonifiq_async._delivery.terms import Terms
from bonifiq_async._model.validation import LONGEST_ID
from bonifiq_async.raba7ni.member import MemberToken
from bonifiq_async.sandbox import (
    FaultScript,
    Latency,
    Limit,
    Outage,
    Raba7niSandbox,
    Retention,
    Rule,
    Sandbox,
)
from bonifiq_async.testing.virtual_time import VirtualClock

NAN, ENDLESS = float("nan"), float("inf")
NO_NUMBER = ["5", b"5", True, Decimal(5), [5], 1j]
HUGE = 10**5000
"""A whole number that Python does not convert to text."""

Make = Callable[[object], object]

SECONDS: dict[str, Make] = {
    "Timeouts.connect": lambda value: Timeouts(connect=value),
    "Timeouts.attempt": lambda value: Timeouts(attempt=value),
    "Timeouts.call": lambda value: Timeouts(call=value),
    "PoolLimits.keepalive": lambda value: PoolLimits(keepalive=value),
    "RetryPolicy.base": lambda value: RetryPolicy(base=value),
    "RetryPolicy.cap": lambda value: RetryPolicy(cap=value),
    "FlowControl.max_rate": lambda value: FlowControl(max_rate=value),
    "SharedPace.per_second": lambda value: SharedPace(None, value),
    "FlowControl.give_up_after": lambda value: FlowControl(give_up_after=value),
    "FlowControl.give_up_at_start": lambda value: FlowControl(give_up_at_start=value),
    "Limit.per_second": lambda value: Limit(per_second=value),
    "Limit.burst": lambda value: Limit(burst=value),
    "Outage.lasts": lambda value: Outage(1, value, "502-before"),
    "Retention.seconds": lambda value: Retention(seconds=value),
}
"""Above zero, and finite."""
FROM_ZERO: dict[str, Make] = {
    "RetryPolicy.max_retry_after": lambda value: RetryPolicy(max_retry_after=value),
    "Latency.seconds": lambda value: Latency(seconds=value),
    "Latency.jitter": lambda value: Latency(jitter=value),
    "Outage.begins": lambda value: Outage(value, 1, "502-before"),
}
SHARES: dict[str, Make] = {
    "Rule.rate": lambda value: Rule("400", rate=value),
    "FaultScript.rate": lambda value: FaultScript(rate=value),
}
MAY_BE_ENDLESS: dict[str, Make] = {
    "SqliteLedger.key_retention": lambda value: SqliteLedger("l", key_retention=value),
    "MemoryLedger.key_retention": lambda value: MemoryLedger(key_retention=value),
}
COUNTS: dict[str, Make] = {
    "SharedPace.in_flight": lambda value: SharedPace(None, 1.0, value),
    "PoolLimits.connections": lambda value: PoolLimits(connections=value),
    "RetryPolicy.max_attempts": lambda value: RetryPolicy(max_attempts=value),
    "FlowControl.max_in_flight": lambda value: FlowControl(max_in_flight=value),
    "FlowControl.initial": lambda value: FlowControl(initial=value),
    "MemoryLedger.capacity": lambda value: MemoryLedger(capacity=value),
    "Latency.at_once": lambda value: Latency(at_once=value),
    "Limit.at_once": lambda value: Limit(at_once=value),
    "Limit.retry_after": lambda value: Limit(retry_after=value),
    "Retention.requests": lambda value: Retention(requests=value),
    "Rule.requests": lambda value: Rule("400", requests=(value,)),
    "Rule.times": lambda value: Rule("400", times=value),
    "Rule.times_per_key": lambda value: Rule("400", times_per_key=value),
    "Rule.retry_after": lambda value: Rule("400", retry_after=value),
    "FaultScript.seconds": lambda value: FaultScript(seconds=value),
}
STOCKS: dict[str, Make] = {
    "RetryPolicy.quota": lambda value: RetryPolicy(quota=value),
    "FaultScript.seed": lambda value: FaultScript(seed=value),
}
OTHERS: dict[str, tuple[Make, list[object]]] = {
    "VirtualClock.patience": (lambda value: VirtualClock(patience=value), [NAN, *NO_NUMBER]),
    "Sandbox.port": (lambda value: Sandbox(port=value), [NAN, -1, 65536, 1.5, *NO_NUMBER]),
    "Raba7niSandbox.port": (lambda value: Raba7niSandbox(port=value), [NAN, -1, 65536, 1.5, *NO_NUMBER]),
}
WRONG = [
    *((each, value) for each in SECONDS.items() for value in (NAN, ENDLESS, 0, -1, HUGE, *NO_NUMBER)),
    *((each, value) for each in FROM_ZERO.items() for value in (NAN, ENDLESS, -1, HUGE, *NO_NUMBER)),
    *((each, value) for each in SHARES.items() for value in (NAN, ENDLESS, -0.1, 1.1, *NO_NUMBER)),
    *((each, value) for each in MAY_BE_ENDLESS.items() for value in (NAN, -ENDLESS, 0, -1, HUGE, *NO_NUMBER)),
    *((each, value) for each in COUNTS.items() for value in (NAN, 0, -1, 1.0, *NO_NUMBER)),
    *((each, value) for each in STOCKS.items() for value in (NAN, -1, 1.0, *NO_NUMBER)),
    *(((name, make), value) for name, (make, values) in OTHERS.items() for value in values),
]


def called(case: object) -> str:
    """Return a case's name, the same in every process: pytest-xdist compares what its workers collect."""
    if type(case) is object:
        return "an object"
    return case[0] if isinstance(case, tuple) else "huge" if case is HUGE else repr(case)


@one_test
@pytest.mark.parametrize(("setting", "wrong"), WRONG, ids=called)
def test_an_impossible_setting_is_refused_where_it_is_given(setting, wrong):
    """With its name; it is not accepted to fail later, and raises no other exception."""
    name, make = setting
    with pytest.raises(ConfigurationError, match=name.partition(".")[2]) as caught:
        make(wrong)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("wrong", [NAN, HUGE, *NO_NUMBER], ids=called)
async def test_a_deadline_that_is_no_number_of_seconds_is_refused_by_every_call(wrong, sandbox):
    """A write, a read, a batch, a removal: nothing is sent."""
    server = sandbox()
    async with client_for(server) as client:
        for call in (
            lambda: client.customers.change_cashback(change(), deadline=wrong),
            lambda: client.outcome_of(change(), deadline=wrong),
            lambda: client.customers.points("ana", deadline=wrong),
            lambda: client.checkout.remove_cashback("ana", "c1", deadline=wrong),
        ):
            with pytest.raises(ConfigurationError, match="deadline must be a number of seconds"):
                await call()
        assert client.in_doubt() == ()
    assert server.books.requests == 0


@pytest.mark.parametrize("deadline", [0, -1.0, -ENDLESS], ids=repr)
async def test_a_deadline_that_has_passed_ends_the_call_at_once(deadline, sandbox):
    server = sandbox()
    async with client_for(server) as client:
        outcome = await client.outcome_of(change(), deadline=deadline)
    assert (outcome.effect.value, server.books.requests) == ("not_applied", 0)


NO_LEDGER = ["cashback.ledger", Path("cashback.ledger"), SqliteLedger, MemoryLedger, 5, True, object()]


@pytest.mark.parametrize("wrong", NO_LEDGER, ids=called)
async def test_what_is_no_ledger_is_refused_where_it_is_given(wrong, sandbox):
    """A path or a class may be given by mistake; nothing is sent, and nothing is in doubt."""
    server = sandbox()
    async with client_for(server) as client:
        for give in (lambda: client_for(server, ledger=wrong), lambda: CashbackBatch(client, ledger=wrong)):
            with pytest.raises(ConfigurationError, match=r"ledger must be a ledger, such as SqliteLedger"):
                give()
        with pytest.raises(ConfigurationError, match=r"ledger must be a ledger, such as SqliteLedger"):
            await client.outcome_on(change(), Terms(ledger=wrong))
        assert client.in_doubt() == ()
        assert (await client.outcome_on(change(), Terms(ledger=MemoryLedger()))).effect.value == "applied"
    assert server.books.requests == 1


@pytest.mark.parametrize("wrong", [None, 5, True, b"ledger", ["ledger"], HUGE], ids=called)
def test_what_is_no_path_is_refused(wrong):
    with pytest.raises(ConfigurationError, match="path must be that of a ledger's file"):
        SqliteLedger(wrong)


@pytest.mark.parametrize(
    "path", ["/", "a\0b", "a\ud800b", "", "x" * 300], ids=["root", "NUL", "half", "empty", "long"]
)
async def test_a_path_that_no_file_can_have_is_refused_in_a_sentence(path, tmp_path, monkeypatch):
    """When it is opened, which every call does first."""
    monkeypatch.chdir(tmp_path)
    ledger = SqliteLedger(path)
    for use in (ledger.__aenter__, lambda: ledger.bind("p", "a")):
        with pytest.raises(ConfigurationError, match=r"cannot be opened: .*Nothing was sent"):
            await use()
    assert list(tmp_path.iterdir()) == []


BEYOND = [LONGEST_ID + 1, 2**64, 10**30, HUGE]
IDS: dict[str, Make] = {
    "member id": Member.by_id,
    "member id given": lambda value: Member(id=value),
    "card_id of an earn": lambda value: Earn(
        card_id=value, member=Member.by_id(1), purchase_amount=Decimal(1), reference="o"
    ),
    "card_id of a refund": lambda value: Refund(
        card_id=value, member=Member.by_id(1), refund_amount=Decimal(1), reference="o"
    ),
    "card_id of a redeem": lambda value: Redeem(
        card_id=value, member_token=MemberToken("t"), amount=Decimal(1), key="k"
    ),
}


@one_test
@pytest.mark.parametrize("beyond", BEYOND, ids=["2**63", "2**64", "10**30", "huge"])
@pytest.mark.parametrize("make", IDS.values(), ids=IDS)
def test_an_id_beyond_64_bits_is_refused_by_name(make, beyond):
    """No provider's number is larger; and a number of thousands of digits cannot be converted to text."""
    with pytest.raises(PayloadError, match="id is larger than 9223372036854775807"):
        make(beyond)
    with pytest.raises(PayloadError, match="must be above zero"):
        make(-beyond)


async def test_a_read_of_an_id_beyond_64_bits_is_not_sent(raba7ni):
    server = raba7ni()
    async with raba7ni_client_for(server) as client:
        for card, member in ((2**63, 1), (1, 2**63)):
            with pytest.raises(PayloadError, match="is larger than"):
                await client.cashback.balance(card, member)
        with pytest.raises(PayloadError, match="is larger than"):
            await client.cards.get(2**63)
    assert server.books.requests == 0


def test_the_largest_id_is_accepted():
    assert Member.by_id(LONGEST_ID).id == LONGEST_ID


LINE = "operation,card_id,member_id,email,phone,amount,reference"


@pytest.mark.parametrize("column", [1, 2], ids=["card_id", "member_id"])
def test_a_row_with_an_id_beyond_64_bits_is_named(column, console):
    """With its line; nothing is sent."""
    for digits in (str(2**63), "9" * 25, "9" * 60):
        cells = ["earn", "10", "123", "", "", "1", "o"]
        cells[column] = digits
        console.write("earns.csv", LINE, ",".join(cells))
        ended = console("check", "earns.csv", "--provider", "raba7ni")
        assert ended.code == 2 and "earns.csv, line 2: " in ended.err
        assert "larger than" in ended.err or "write a whole number" in ended.err


OPTIONS = [
    ("apply", "f.csv", "--max-rate", "nan"),
    ("apply", "f.csv", "--max-rate", "inf"),
    ("apply", "f.csv", "--give-up-after", "nan"),
    ("apply", "f.csv", "--give-up-after", "inf"),
    ("apply", "f.csv", "--max-in-flight", "1e3"),
    ("demo", "--faults", "nan"),
    ("sandbox", "--faults", "nan"),
    ("sandbox", "--port", "99999"),
    ("demo", "--seed", "-1"),
]


@pytest.mark.parametrize("command", OPTIONS, ids=" ".join)
def test_an_impossible_option_is_a_usage_error(command, console, sandbox):
    """In one sentence, with exit code 2; nothing is sent."""
    server = sandbox()
    console.write("f.csv", "customer_id,value,reason,reference", "ana,1,r,o1")
    more = ("--yes",) if command[0] == "apply" else ()
    ended = console(*command, *more, sandbox=server)
    assert (ended.code, server.books.requests) == (2, 0)
    assert "Traceback" not in ended.err and len(ended.err.splitlines()) <= 20
