"""What every kind of ledger does."""

import asyncio
import threading
import time
from contextlib import ExitStack
from decimal import Decimal

import pytest
from attrs import evolve
from conftest import change, client_for, fast
from ledgers import KINDS, LASTING

from bonifiq_async import (
    BasicCredentials,
    BonifiQClient,
    BonifiQError,
    ConfigurationError,
    Effect,
    LedgerError,
    MemoryLedger,
    StopReason,
)
from bonifiq_async.ledger.protocol import Conflict, Ending, Granted, Held, Intent, Settled, State
from bonifiq_async.sandbox import FaultScript

ACCOUNT, OTHERS = ("provider", "account"), ("provider", "another")
INTENT = Intent("operation", "key", b"digest", "ana", Decimal(10), "/path", b"{}", ACCOUNT)


@pytest.fixture(params=KINDS)
def ledger_of(request, tmp_path):
    """Each kind of ledger, in turn, to be made with settings."""
    with ExitStack() as at_the_end:
        yield KINDS[request.param](tmp_path, at_the_end)


@pytest.fixture
async def ledger(ledger_of):
    """Each kind of ledger, in turn."""
    async with ledger_of() as made:
        yield made


@pytest.fixture(params=LASTING)
def lasting(request, tmp_path):
    """Each kind of ledger that can be opened again, in turn."""
    with ExitStack() as at_the_end:
        yield KINDS[request.param](tmp_path, at_the_end)


async def claimed(ledger, intent=INTENT, lease=60) -> Granted:
    """Claim, and expect to be granted."""
    ruling = await ledger.claim(intent, lease=lease, repeatable=True)
    assert isinstance(ruling, Granted)
    return ruling


@pytest.mark.parametrize("state", [State.IN_DOUBT, State.UNKNOWN])
async def test_doubt_is_kept_until_it_is_answered(ledger, state):
    """Over any number of runs."""
    for fence in (1, 2, 3):
        granted = await claimed(ledger)
        assert granted == Granted(fence, fence > 1)
        assert await ledger.end(INTENT, granted.fence, Ending(state, 1))
    granted = await claimed(ledger)
    assert await ledger.end(INTENT, granted.fence, Ending(State.APPLIED, 1))
    assert await ledger.claim(INTENT, lease=60, repeatable=True) == Settled()
    other = evolve(INTENT, digest=b"other", customer_id="bia", value=Decimal(5))
    assert isinstance(await ledger.claim(other, lease=60, repeatable=True), Conflict)


async def test_an_outcome_is_written_once_and_only_with_its_fence(ledger):
    """A late caller learns that its outcome was not written."""
    first = await claimed(ledger)
    assert isinstance(await ledger.claim(INTENT, lease=60, repeatable=True), Held)  # it is being sent
    ledger.leave(INTENT, first.fence, Ending(State.IN_DOUBT))
    again = await claimed(ledger)
    assert not await ledger.end(INTENT, first.fence, Ending(State.REFUSED))
    assert await ledger.end(INTENT, again.fence, Ending(State.APPLIED))
    assert not await ledger.end(INTENT, again.fence, Ending(State.UNKNOWN))
    assert await ledger.claim(INTENT, lease=60, repeatable=True) == Settled()


async def test_a_late_end_does_not_free_the_claim_of_the_next(ledger):
    """Not even within one process, nor after the key was free in between."""
    first = await claimed(ledger, lease=0)
    second = await claimed(ledger)
    assert not await ledger.end(INTENT, first.fence, Ending(State.APPLIED))
    assert isinstance(await ledger.claim(INTENT, lease=60, repeatable=True), Held)
    assert await ledger.end(INTENT, second.fence, Ending(State.REFUSED))
    third = await claimed(ledger)
    for late in (first, second):
        assert not await ledger.end(INTENT, late.fence, Ending(State.APPLIED))
    assert await ledger.end(INTENT, third.fence, Ending(State.APPLIED))


async def test_a_ledger_has_one_account(ledger):
    """Another one is refused before anything is claimed."""
    await ledger.bind(*ACCOUNT)
    await ledger.bind(*ACCOUNT)
    with pytest.raises(ConfigurationError, match="another account"):
        await ledger.bind(*OTHERS)


async def test_a_claim_says_for_which_account_it_is(ledger):
    """Whichever account the ledger has: a claim for another account is refused, and claims nothing."""
    await ledger.bind(*ACCOUNT)
    with pytest.raises(ConfigurationError, match="another account"):
        await ledger.claim(evolve(INTENT, account=OTHERS), lease=60, repeatable=True)
    assert await claimed(ledger) == Granted(1, False)


async def test_the_first_claim_binds_a_ledger(ledger):
    """A claim that names no account belongs to the account of the ledger."""
    await claimed(ledger)
    with pytest.raises(ConfigurationError, match="another account"):
        await ledger.bind(*OTHERS)
    await ledger.bind(*ACCOUNT)


async def test_an_empty_ledger_goes_over_to_another_provider(lasting):
    """One with a row does not, not even with one that was refused: it would not be understood."""
    other = ("another provider", ACCOUNT[1])
    async with lasting() as one, lasting() as two, lasting() as three:
        await one.bind(*ACCOUNT)
        await two.bind(*other)
        refused = await claimed(two, evolve(INTENT, account=other))
        await two.end(INTENT, refused.fence, Ending(State.REFUSED, 1))
        with pytest.raises(ConfigurationError, match="for another provider, not for"):
            await three.bind(*ACCOUNT)


async def test_an_account_that_was_replaced_claims_nothing(lasting):
    """Where every change was refused, another account may take over the ledger; then it alone claims."""
    async with lasting() as one, lasting() as two:
        await one.bind(*ACCOUNT)
        refused = await claimed(one)
        await one.end(INTENT, refused.fence, Ending(State.REFUSED, 1))
        await two.bind(*OTHERS)
        applied = await claimed(two, evolve(INTENT, account=OTHERS))
        assert await two.end(INTENT, applied.fence, Ending(State.APPLIED, 1))
        for asked in (INTENT, evolve(INTENT, key="never seen")):
            with pytest.raises(ConfigurationError, match="another account"):
                await one.claim(asked, lease=60, repeatable=True)


async def test_two_clients_of_different_accounts_never_share_an_outcome(lasting, sandbox):
    """The first was refused for its token; it must not get the outcome of the second as its own."""
    server = sandbox()
    wrong = BasicCredentials("wrong", "wrong")
    async with (
        lasting() as one,
        lasting() as two,
        BonifiQClient(wrong, base_url=server.url, ledger=one) as mistaken,
        client_for(server, ledger=two) as client,
    ):
        assert (await mistaken.outcome_of(change())).effect is Effect.REFUSED
        assert (await client.outcome_of(change())).effect is Effect.APPLIED
        with pytest.raises(ConfigurationError, match="another API token"):
            await mistaken.outcome_of(change())
        assert (await client.outcome_of(change())).effect is Effect.ALREADY_APPLIED
    assert len(server.books.effects(change().change_key)) == 1


@pytest.mark.parametrize("step", [3600.0, -3600.0], ids="{:+.0f} s".format)
async def test_a_change_of_the_wall_clock_frees_no_claim(ledger_of, step, sandbox):
    """Two clients of a process share a ledger, and the clock is set while one sends a change."""
    wall, server = [1_700_000_000.0], sandbox(faults=FaultScript(["slow"]))
    async with (
        ledger_of(clock=lambda: wall[0]) as ledger,
        client_for(server, ledger=ledger) as one,
        client_for(server, ledger=ledger) as two,
    ):
        first = asyncio.create_task(one.outcome_of(change()))
        while server.books.requests == 0:
            await asyncio.sleep(0.001)
        wall[0] += step
        assert (await two.outcome_of(change())).effect is Effect.ALREADY_APPLIED
        assert (await first).effect is Effect.APPLIED
    assert server.books.requests == 1


async def test_a_claim_ends_with_its_lease(ledger_of):
    """A call that never ends holds its change no longer than it said, in its own process too."""
    now = [100.0]
    async with ledger_of(monotonic=lambda: now[0]) as ledger:
        first = await claimed(ledger)
        now[0] += 59
        held = await ledger.claim(INTENT, lease=60, repeatable=True)
        assert isinstance(held, Held) and held.seconds == pytest.approx(1)
        now[0] += 1
        assert (await claimed(ledger)).in_doubt
        assert not await ledger.end(INTENT, first.fence, Ending(State.REFUSED))


WRONG = [float("nan"), -float("inf"), 0, -1.0, True, "3600", None, Decimal(5), 10**400, [60]]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: repr(wrong)[:12])
def test_a_retention_that_is_no_number_of_seconds_is_refused(ledger_of, wrong):
    """NaN compares with nothing: what the provider has forgotten long ago would be sent again."""
    with pytest.raises(ConfigurationError, match="key_retention must be a number of seconds above zero"):
        ledger_of(key_retention=wrong)


@pytest.mark.parametrize("right", [1, 0.5, 86_400.0, float("inf")])
def test_a_retention_may_be_for_ever(ledger_of, right):
    ledger_of(key_retention=right)


async def test_nothing_is_claimed_for_a_cancelled_caller(ledger):
    """And its change is free again at once."""
    claiming = asyncio.create_task(ledger.claim(INTENT, lease=60, repeatable=True))
    await asyncio.sleep(0)
    claiming.cancel()
    await asyncio.wait([claiming])
    if not claiming.cancelled():  # it was answered before
        ledger.leave(INTENT, claiming.result().fence, Ending(State.NOT_APPLIED))
    await ledger.bind(*ACCOUNT)  # what is asked for after it is done after it
    assert (await claimed(ledger)).in_doubt is False


async def test_a_claim_is_given_back_whose_caller_goes_as_the_ledger_is_closed(lasting) -> None:
    """Nothing was sent: the next process sends it, also where the provider does not de-duplicate."""
    async with lasting() as ledger:
        await ledger.bind(*ACCOUNT)
        claiming = asyncio.create_task(ledger.claim(INTENT, lease=60, repeatable=False))
        await asyncio.sleep(0)
        claiming.cancel()
    await asyncio.wait([claiming])
    async with lasting() as ledger:
        assert (await claimed(ledger)).in_doubt is False


def test_a_claim_is_given_back_whose_loop_has_ended(lasting) -> None:
    """As where each request of a service has a loop of its own; the ledger goes on."""
    ledger = lasting()

    async def request() -> None:
        await ledger.bind(*ACCOUNT)
        claiming = asyncio.create_task(ledger.claim(INTENT, lease=60, repeatable=False))
        await asyncio.sleep(0)
        assert not claiming.done()  # it is cancelled, as whatever is left when the loop ends

    async def again() -> None:
        async with ledger:
            assert (await claimed(ledger)).in_doubt is False

    asyncio.run(request())
    asyncio.run(ledger.aclose())
    asyncio.run(again())


async def test_a_machine_without_threads_is_said_and_the_ledger_is_usable_later(
    lasting, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    ledger = lasting()
    with monkeypatch.context() as without:
        without.setattr(threading.Thread, "start", refused)
        with pytest.raises(BonifiQError, match="can't start new thread"):
            await ledger.bind(*ACCOUNT)
    async with ledger:
        await claimed(ledger)


async def test_an_outcome_that_comes_after_the_ledger_was_closed_is_written(lasting) -> None:
    """Another loop that shares it may have closed it."""
    async with lasting() as ledger:
        granted = await claimed(ledger)
    async with ledger:
        assert await ledger.end(INTENT, granted.fence, Ending(State.APPLIED, 1))
        assert await ledger.claim(INTENT, lease=60, repeatable=True) == Settled()


@pytest.mark.parametrize("deadline", [0, -1.0, -float("inf"), 1e-300], ids=repr)
async def test_a_call_without_time_gets_what_is_known_and_sends_nothing(deadline, ledger_of, sandbox):
    """As where its deadline has passed: the error does not name the ledger, and a doubt stays a doubt."""
    server = sandbox(faults=FaultScript(["", "html-before", "422"]))
    async with ledger_of() as ledger, client_for(server, ledger=ledger) as client:
        for key in ("applied", "doubtful", "refused"):
            await client.outcome_of(change(key))
        ends = {
            key: await client.outcome_of(change(key), deadline=deadline)
            for key in ("applied", "doubtful", "refused", "new")
        }
        assert {key: (end.effect, end.attempts) for key, end in ends.items()} == {
            "applied": (Effect.ALREADY_APPLIED, ()),
            "doubtful": (Effect.UNKNOWN, ()),
            "refused": (Effect.NOT_APPLIED, ()),
            "new": (Effect.NOT_APPLIED, ()),
        }
        assert ends["new"].reason is StopReason.DEADLINE
        assert client.in_doubt() == ("doubtful",)
    assert server.books.requests == 3


async def test_an_end_that_is_no_end_is_refused(ledger):
    """A change goes from claimed to what may follow it, and to nothing else."""
    granted = await claimed(ledger)
    try:
        landed = await ledger.end(INTENT, granted.fence + 1, Ending(State.APPLIED))
    except LedgerError:
        landed = False
    assert not landed
    assert isinstance(await ledger.claim(INTENT, lease=60, repeatable=True), Held)


async def test_no_repeat_is_sent_once_the_provider_has_forgotten_the_key(ledger_of, sandbox):
    """The call has time left, but a repeat could be applied a second time: it ends as unknown."""
    server, now = sandbox(faults=FaultScript(["500-after"] * 1000)), [0.0]
    async with (
        ledger_of(key_retention=0.3, clock=lambda: now[0]) as ledger,
        client_for(server, ledger=ledger, retry=fast(max_attempts=1000, quota=1000)) as client,
    ):
        began = time.monotonic()
        outcome = await client.outcome_of(change(), deadline=60)
        assert (outcome.effect, outcome.reason) == (Effect.UNKNOWN, StopReason.DEADLINE)
        assert time.monotonic() - began < 30
        now[0] = 0.4
        assert (await client.outcome_of(change())).reason is StopReason.UNSETTLED


async def test_ledgers_of_one_file_have_one_identity(ledger, lasting):
    """Two objects on one file have the same identity; two ledgers in memory never have."""
    assert ledger.identity == ledger.identity and hash(ledger.identity) == hash(ledger.identity)
    assert ledger.identity != MemoryLedger().identity
    assert lasting().identity == lasting().identity
