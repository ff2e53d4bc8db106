"""Every write under every trouble: one class a behaviour, a row a write, taken from the table of operations.

What a caller gets, how many effects stand in the sandbox's books, how many requests were made, and what
a ledger says. Calls and processes that end before their answer are in `test_interrupted_writes`.
"""

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from all_writes import KEYED, KINDS, OF_TABLE, SAFE, WITH_A_KEY, WRITES, kind_of
from conftest import client_for
from write_cases import NOTED, Shop, done, kept, writes_for

from bonifiq_async import Outcome, SqliteLedger
from bonifiq_async.ledger.protocol import State
from bonifiq_async.sandbox import Sandbox
from bonifiq_async.sandbox.faults import FAULTS

pytestmark = pytest.mark.filterwarnings("ignore::bonifiq_async.UnverifiedOperationWarning")


def rows(behaviour: str) -> pytest.MarkDecorator:
    """Return a row for each write that has a behaviour."""
    return pytest.mark.parametrize("name", writes_for(behaviour))


def test_every_write_is_a_row() -> None:
    """A new operation that writes needs its row; each kind has writes."""
    assert WRITES.keys() == OF_TABLE.keys()
    assert {kind_of(name) for name in WRITES} == set(KINDS)


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    with Sandbox() as sandbox:
        yield Shop(sandbox)


# --- one answer that fails ---

LOST = [
    *(
        f"{how}-{when}"
        for how in ("close", "reset", "half-head", "half-body")
        for when in ("before", "after")
    ),
    *(f"{status}-{when}" for status in (500, 502, 503, 504) for when in ("before", "after")),
]
"""After these it is open whether the write took effect."""
REFUSED = ["400", "401", "403", "404", "409", "422"]
ELSEWHERE: Mapping[str, str] = {
    "close-unread": "whether the body was handed over by then is chance: tests/provider/test_every_fault",
    "silence-before": "tests/bonifiq/test_interrupted_writes",
    "silence-after": "tests/bonifiq/test_interrupted_writes",
    "slow": "it is no fault",
    "429-seconds": "it waits: tests/provider/test_every_fault",
    "429-date": "it waits: tests/provider/test_every_fault",
    "503-seconds": "it waits: tests/provider/test_every_fault",
}


def after(fault: str, name: str) -> tuple[str, int]:
    """Return what the caller of a write gets after a fault, and how many requests were made."""
    repeated = kind_of(name) in (SAFE, KEYED)
    if fault in REFUSED:
        return "refused", 1
    if fault.startswith("html"):
        return "unknown", 1
    if fault == "429-long":
        return ("not_applied" if repeated else "unknown"), 1
    return (done(name), 2) if repeated else ("unknown", 1)


TRIED = [*LOST, *REFUSED, "429", "429-long", "html-before", "html-after"]


def test_every_fault_is_tried() -> None:
    assert {*TRIED, *ELSEWHERE} == FAULTS.keys()


@rows("a lost answer")
class TestALostAnswer:
    """And every other one that fails: never two effects, and what the caller gets is what a ledger says."""

    @pytest.mark.slow
    async def test_one_fault(self, name: str, shop: Shop, tmp_path: Path) -> None:
        async with SqliteLedger(tmp_path / "l") as ledger:
            for fault in TRIED:
                case = await shop.case(name)
                case.meets(fault)
                async with client_for(shop.sandbox, ledger=ledger) as client:
                    said = await case.effect(client)
                    in_doubt = client.in_doubt()
                assert (fault, said, case.requests) == (fault, *after(fault, name))
                assert case.effects == (said == done(name) or FAULTS[fault].applies), fault
                assert case.state(tmp_path / "l") is kept(name, said), fault
                assert len(in_doubt) == (said == "unknown" and name in NOTED), fault

    async def test_no_connection(self, name: str, shop: Shop, tmp_path: Path) -> None:
        """What never left is not applied, whatever it is; the same call is made afterwards."""
        case = await shop.case(name)
        case.meets()
        async with SqliteLedger(tmp_path / "l") as ledger, client_for(shop.sandbox, ledger=ledger) as client:
            shop.sandbox.refuse_connections()
            try:
                assert await case.effect(client) == "not_applied"
            finally:
                shop.sandbox.accept_connections()
            assert (case.requests, case.effects) == (0, 0)
            assert case.state(tmp_path / "l") is kept(name, "not_applied")
            assert await case.effect(client) == done(name)
        assert (case.requests, case.effects) == (1, 1)


@rows("a repeat")
class TestARepeat:
    """The same call a second time, by the same client and by another."""

    async def test_by_the_same_client(self, name: str, shop: Shop) -> None:
        """A key is answered from memory, also of two calls at once; what is safe is sent, and moves nothing.

        What has no key and is not safe is a second one each time: no client may guess that it is the same.
        """
        case = await shop.case(name)
        case.meets()
        async with client_for(shop.sandbox) as client:
            said = [
                *await asyncio.gather(case.effect(client), case.effect(client)),
                await case.effect(client),
            ]
        if name in WITH_A_KEY:
            assert said == ["applied", "applied", "already_applied"]
            assert (case.requests, case.effects) == (1, 1)
            return
        assert case.requests == 3
        if kind_of(name) == SAFE:
            assert said == ["done"] * 3 and case.effects == 1

    async def test_by_another_client(self, name: str, shop: Shop, tmp_path: Path) -> None:
        """With a ledger a key is not sent again; without one the provider counts it once."""
        case = await shop.case(name)
        case.meets()
        said = []
        for _ in range(2):
            async with SqliteLedger(tmp_path / "l") as ledger, client_for(shop.sandbox, ledger=ledger) as one:
                said.append(await case.effect(one))
        if name in WITH_A_KEY:
            assert (said, case.requests) == (["applied", "already_applied"], 1)
            assert case.state(tmp_path / "l") is State.APPLIED
        if kind_of(name) == KEYED:
            async with client_for(shop.sandbox) as client:
                assert (await case.effect(client), case.requests) == (
                    "applied",
                    2,
                )  # as the first was answered
        if kind_of(name) in (SAFE, KEYED):
            assert case.effects == 1


WAYS = ["replay", "error-200", "error-400", "error-409"]


@pytest.mark.parametrize("way", WAYS)
@rows("a used key")
class TestAUsedKey:
    """However the provider says it: the write took effect, once."""

    async def test_after_a_lost_answer(self, name: str, way: str, tmp_path: Path) -> None:
        with Sandbox(duplicates=way) as sandbox:
            case = await Shop(sandbox).case(name)
            case.meets("close-after")
            async with SqliteLedger(tmp_path / "l") as ledger, client_for(sandbox, ledger=ledger) as client:
                outcome = await case.made(client)
            assert isinstance(outcome, Outcome)
            assert (outcome.effect.value, case.requests) == (used(way), 2)
            assert (case.effects, outcome.used_elsewhere) == (1, False)
            assert case.state(tmp_path / "l") is kept(name, used(way))

    async def test_at_first(self, name: str, way: str, tmp_path: Path) -> None:
        """No request is known that may have used it: that is said, and kept."""
        with Sandbox(duplicates=way) as sandbox:
            case = await Shop(sandbox).case(name)
            async with client_for(sandbox) as other:
                await case.made(other)
            async with SqliteLedger(tmp_path / "l") as ledger, client_for(sandbox, ledger=ledger) as client:
                outcome = await case.made(client)
            assert isinstance(outcome, Outcome)
            assert (outcome.effect.value, case.effects) == (used(way), 1)
            assert outcome.used_elsewhere is (way != "replay")
            state = State.APPLIED if way == "replay" else State.USED_ELSEWHERE
            assert case.state(tmp_path / "l") is state


def used(way: str) -> str:
    """Return the effect of a key that was used before."""
    return "applied" if way == "replay" else "already_applied"


@rows("a refusal after a loss")
class TestARefusalAfterALoss:
    """It may be the answer to what the lost request did: it says nothing of that one."""

    @pytest.mark.parametrize("lost", ["close-after", "close-before", "500-after", "503-before"])
    async def test_it_is_unknown_until_the_next_call(
        self, name: str, lost: str, shop: Shop, tmp_path: Path
    ) -> None:
        case = await shop.case(name)
        case.meets(lost, "409")
        async with SqliteLedger(tmp_path / "l") as ledger, client_for(shop.sandbox, ledger=ledger) as client:
            assert (await case.effect(client), case.requests) == ("unknown", 2)
            assert case.effects == FAULTS[lost].applies
            assert case.state(tmp_path / "l") is kept(name, "unknown")
            assert len(client.in_doubt()) == (name in NOTED)
            assert await case.effect(client) == done(name)
            assert (case.effects, client.in_doubt()) == (1, ())
